#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-verify-nocompare.sh: a drive without Compare can verify one direction only. This is logged and
# is not a proof: "warn" uses the path, "require" does not, and "off" runs no self-test.
# Topology: one-switch.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:nocompare

# the host's disk, which goes and comes with the namespace, and I/O on it
io()
{
	disk=$(nvme_host_disk $NQN) && fio_verify "$disk" --rw=randwrite --bs=64k --iodepth=8 --size=2m
}

# a parameter of the rig's build only
modprobe nvme rig_no_compare=1 || bail "nvme does not load"
e2e_start || bail "the guest cannot be set up"
is "$(cat /sys/module/nvme/parameters/rig_no_compare)" Y "the drives have no Compare"
card=$(pci_cards 1) drive=$(nvme_bdf plain0)
pci_bind "$card" p2pmem-bar || bail "the card does not lend"
note="no Compare: only transfers to peer memory were verified"
log_mark
e2e_watch_tests || bail "no trace events"
e2e_export $NQN 1 "$(nvme_disk plain0)" "$card" p2pmem_verify=warn || bail "namespace"
e2e_port 0 || bail "port"
disk=$(e2e_connect $NQN) || bail "connect"
is "$(e2e_provider $NQN 1)" "$card ok unproved" "warn: used, and reported as unproved"
check "the log says whose fault it is and what was not shown" \
	log_has "using peer-to-peer memory of $card for nsid 1 of controller [0-9]+, not proved because of $drive: $note\$"
check "so does the drive's driver" \
	log_has "nvme nvme[0-9]+: .*self-test verified transfers to memory of $card, but none from it"
# a block into peer memory, and nothing from there
check "the event has what was shown" \
	grep -q "p2pmem_verify: provider=$card client=$drive bytes=512 proof=unproved reason=ok" "$e2e_trace"
check "the adapter has proved its part" \
	grep -q "p2pmem_verify: provider=$card client=$(pci_adapters 1) bytes=12288 proof=proved reason=ok" "$e2e_trace"
check "its data goes there" e2e_peer_grows $NQN "$disk" 1
check "warn: data is right" io

log_mark
e2e_reconfigure $NQN 1 p2pmem_verify=require
is "$(e2e_provider $NQN 1)" "system not-verified unproved" "require: not used"
said=$(log_since | sed -n 's/.*using system memory for nsid 1 of controller [0-9]* //p')
is "$said" "($(nvme_disk plain0), adapter $(pci_adapters 1)): $drive and $card: not-verified: the path has not passed the self-test that is required before its use ($note); write warn to the namespace's p2pmem_verify" \
	"the log has both ends, the reason, what was not shown and what can be done"
was=$(stat_of $NQN 1 not-verified) peer=$(stat_of $NQN 1 peer_bytes)
check "require: data is right" io
compare "$(stat_of $NQN 1 not-verified)" -gt "$was" "counted as not-verified"
is "$(stat_of $NQN 1 peer_bytes)" "$peer" "require: no byte in peer memory"

e2e_reconfigure $NQN 1 p2pmem_verify=off
is "$(e2e_provider $NQN 1)" "$card ok untested" "off: used without a self-test"
check "off: data is right" io
compare "$(stat_of $NQN 1 peer_bytes)" -gt "$peer" "in peer memory again"
check "no error at the host" no_host_errors
e2e_stop
done_testing
