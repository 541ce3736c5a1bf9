#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-policy.sh: the list of host bridges is changed while a target is in use. The root ports are
# unknown, so system memory is used. The log names the entry to add: with the entry peer memory
# is used, without it system memory again. The host sees no error, the data is right, and each
# byte is counted. Topology: two-root-ports.
#
# ACS is not changed here. Of QEMU's ports only pcie-root-port has it, and ACS of a root port does not
# matter if both ends are below it, nor if they are below different ones, where requests go to the host
# bridge anyway. The suite p2pmem-policy-event changes ACS of a switch, and re-evaluates the verdicts by
# p2pmem/rescan.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:policy
param=/sys/module/p2pdma/parameters/host_bridges

log_mark
check "an invalid list does not prevent loading the module" \
	modprobe p2pdma host_bridges=+1b36:000d,sesame
is "$(cat $param)" "+1b36:000d" "only the invalid word is dropped"
check "the log names the word" log_has "host_bridges: ignored invalid entry 'sesame'"
check "the module is unloaded" rmmod p2pdma
check "a removal that is not understood, at load" \
	modprobe p2pdma host_bridges=+1b36:000d,-8086:203
is "$(cat $param)" "-built-in" "distrusts the built-in list, and what is added beside it"
check "the log says so" log_has "host_bridges: invalid removal '-8086:203'"
check "what is read then can be written" write_attr $param "$(cat $param)"
check "the module is unloaded, too" rmmod p2pdma
check "a list at load" modprobe p2pdma host_bridges=1b36:000d/across,-8086:2030,cpu:GenuineIntel:6:85
is "$(cat $param)" "+1b36:000d/across,-8086:2030,+cpu:GenuineIntel:0x6:0x55" "it can be read"
check "the log has it" log_has "host_bridges: 1b36:000d/across,-8086:2030,cpu:GenuineIntel:6:85 at load"
check "what is read can be written" write_attr $param "$(cat $param)"
check "the module is unloaded again" rmmod p2pdma

e2e_start || bail "the guest cannot be set up"
card=$(pci_cards 1)
pci_bind "$card" p2pmem-bar || bail "the card is no provider"
published=/sys/bus/pci/devices/$card/p2pmem

is "$(cat $param)" "" "nothing was changed at first"
log_mark
refuses "a word that is no entry" "Invalid argument" write_attr $param "+1b36:000c,sesame"
check "the log names it" log_has "host_bridges: ignored invalid entry 'sesame'"
is "$(cat $param)" "" "nothing is changed by it"
check "a host bridge without an entry can be denied" write_attr $param "-1b36:000c"
is "$(cat $param)" "-1b36:000c" "the denial is listed"
check "the denial can be removed" write_attr $param "+1b36:000c/across,-1b36:000c"
is "$(cat $param)" "" "the list has no change left"
refuses "rescan takes 1 only" "Invalid argument" write_attr "$published/rescan" 0
refuses "and cannot be read" "" cat "$published/rescan"

log_mark
# auto: a path that needs an entry must have been proved
e2e_export $NQN 1 "$(nvme_disk plain0)" 1 || bail "export"
e2e_port 0 || bail "port"
disk=$(e2e_connect $NQN) || bail "connect"
check "data is right by system memory" fio_verify "$disk" --rw=randwrite --bs=64k --iodepth=8 --size=4m
is "$(stat_of $NQN 1 peer_bytes)" 0 "nothing in peer memory"
compare "$(stat_of $NQN 1 host-bridge)" -gt 0 "counted as host-bridge"
remedy=$(log_since | sed -n 's/.*host-bridge: .*: \(echo +[^ ]* > [^ ]*\)$/\1/p' | head -n 1)
is "$remedy" "echo +1b36:000c > $param" "the log says what to write"

# system_only: Reads and Writes go through system memory again, none through peer memory
system_only()
{
	dd if="$disk" of=/dev/null bs=64k count=1 iflag=direct 2>/dev/null
	was=$(stat_of $NQN 1 peer_bytes)
	dd if="$disk" of=/dev/null bs=64k count=4 iflag=direct 2>/dev/null &&
		[ "$(stat_of $NQN 1 peer_bytes)" = "$was" ]
}

fio_load "$disk" 25
log_mark
check "as it is in the log it can be pasted" sh -c "$remedy"
check "added under load: peer memory is used" wait_for 20 e2e_peer_grows $NQN "$disk" 1
check "the log says by whose leave" \
	log_has "using peer-to-peer memory of .* through a host bridge that the administrator allowed"
check "and who wrote it" log_has "host_bridges: .1b36:000c by .* \(pid [0-9]+, uid 0\); re-evaluated [0-9]+ peer-to-peer pairs, [0-9]+ changed"
is "$(cat $param)" "+1b36:000c" "it can be read"
is "$(log_since | grep -c 'using peer-to-peer memory')" 1 "one line for the path"

check "the host saw no error when the entry was added" no_host_errors
log_mark
check "removed under load" write_attr $param -1b36:000c
check "the path is refused again" wait_for 20 log_has "using system memory for nsid 1 .*: host-bridge: "
check "nothing goes through peer memory" wait_for 20 system_only
is "$(log_since | grep -c 'using system memory')" 1 "one line for the path"

for n in 1 2 3; do
	check "change $n: added" write_attr $param 1b36:000c
	check "change $n: peer memory is used" wait_for 20 e2e_peer_grows $NQN "$disk" 1
	check "change $n: rescan changes nothing" write_attr "$published/rescan" 1
	check "change $n: removed" write_attr $param -1b36:000c
done
fio_done "data that was written meanwhile is right"
check "in the end nothing goes through peer memory" wait_for 20 system_only

check "the host saw no error of all that" no_host_errors

# one that is there when the path is made
check "added without load" write_attr $param +1b36:000c
log_mark
nvme_disconnect_all >/dev/null
disk=$(e2e_connect $NQN) || bail "connect again"
check "data is right by peer memory" fio_verify "$disk" --rw=randwrite --bs=64k --iodepth=8 --size=4m
check "the log says by whose leave" \
	log_has "using peer-to-peer memory of .* through a host bridge that the administrator allowed"
check "peer memory is used" e2e_peer_grows $NQN "$disk" 1
check "the host saw no error" no_host_errors
report peer_bytes "$(stat_of $NQN 1 peer_bytes)"
report host_bridge "$(stat_of $NQN 1 host-bridge)"
e2e_stop
done_testing
