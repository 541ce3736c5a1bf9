#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The command p2pmem on a kernel with its own P2PDMA, of whose modules none is ours: providers, verdicts
# against those of that kernel's target, namespaces. /extra/p2pmem is the command; the drive with
# serial cmb0 lends.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh

p2pmem=/extra/p2pmem
NQN=nqn.2026-01.test:upstream
ns=/sys/kernel/config/nvmet/subsystems/$NQN/namespaces/1

load_modules nvme nvmet || bail "modules"
wait_for 20 nvme_disk plain0 || bail "no drive"
cmb=$(nvme_bdf cmb0) plain=$(nvme_bdf plain0)
wait_for 10 test -e "/sys/bus/pci/devices/$cmb/p2pmem/size" || bail "this kernel's nvme driver does not lend: $(dmesg | grep -i cmb)"

is "$($p2pmem --json list | sed -n 's/^  "kernel": "\(.*\)",/\1/p')" p2pdma "the kernel has P2PDMA"
is "$($p2pmem --json list | sed -n 's/^      "size": \([0-9]*\),/\1/p')" "$(cat "/sys/bus/pci/devices/$cmb/p2pmem/size")" \
	"list has the size of sysfs"
is "$($p2pmem --json list | sed -n 's/^      "by": "\(.*\)",/\1/p')" p2pdma "and says who lends"
like "$($p2pmem list)" "^$cmb +nvme[0-9]+ +nvme +cmb " "list has the drive"

# enabled PROVIDER: whether the kernel's target lets the plain drive use it
enabled()
{
	echo "$1" >$ns/p2pmem || return 1
	{ echo 1 >$ns/enable; } 2>/dev/null || return 1
	echo 0 >$ns/enable
}

nvmet_subsystem $NQN
mkdir -p $ns
printf '%s' "$(nvme_disk plain0)" >$ns/device_path
allow 'nvmet: .*|.*cannot be used for peer-to-peer DMA.*'
enabled "$cmb"
theirs=$?
$p2pmem path -q "$cmb" "$plain"
ours=$?
diag "$($p2pmem path "$cmb" "$plain")"
is "$((ours == 0))" "$((theirs == 0))" "path says what the kernel's target does"
is "$($p2pmem path -q "$cmb" "$cmb"; echo $?)" 0 "a drive reaches its own memory"

check "nvmet set auto" $p2pmem nvmet set $NQN 1 auto
is "$(cat $ns/p2pmem)" 1 "it is set"
check "nvmet set to the drive" $p2pmem nvmet set $NQN 1 nvme"$(nvme_ctrl cmb0 | tr -dc 0-9)"
is "$(cat $ns/p2pmem)" "$cmb" "it is set to the drive"
check "nvmet save" $p2pmem nvmet save /run/saved.json
check "nvmet set off" $p2pmem nvmet set $NQN 1 off
check "nvmet restore" $p2pmem nvmet restore /run/saved.json
is "$(cat $ns/p2pmem)" "$cmb" "it is as it was saved"
like "$($p2pmem nvmet)" "^$NQN +1 " "nvmet shows it"
$p2pmem check >/run/check
diag "$(cat /run/check)"
is "$(grep -c -E 'module-absent|option-off|no-provider' /run/check)" 0 "check misses no module"
like "$($p2pmem stat)" "^$cmb " "stat has the drive"
check "snapshot" $p2pmem snapshot /run/snapshot
for c in topo "--json list" "--json check" "--json nvmet"; do
	# shellcheck disable=SC2086
	is "$($p2pmem --from /run/snapshot $c)" "$($p2pmem $c)" "a snapshot says the same: $c"
done
put_file /run/snapshot
nvmet_remove_all
done_testing
