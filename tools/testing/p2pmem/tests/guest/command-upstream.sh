#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The command p2pmem on a kernel with its own P2PDMA, of whose modules none is ours: providers, the verdict of
# every pair against that of this kernel's target, before and after changes of ACS, memory in use,
# namespaces. /extra/p2pmem is the command, /extra/hold a program that holds peer memory; the drive with
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

# kernel_pairs: "PROVIDER CLIENT yes|no" of each provider and drive: whether the kernel's target lets the drive use it
kernel_pairs()
{
	for size in /sys/bus/pci/devices/*/p2pmem/size; do
		provider=${size#/sys/bus/pci/devices/} provider=${provider%/p2pmem/size}
		for disk in /dev/nvme*n1; do
			answer=yes
			printf '%s' "$disk" >$ns/device_path
			echo "$provider" >$ns/p2pmem || return 1
			{ echo 1 >$ns/enable; } 2>/dev/null || answer=no
			echo 0 >$ns/enable
			echo "$provider $(cat "/sys/block/${disk#/dev/}/device/address") $answer"
		done
	done | sort
}

# of the pairs that the kernel has, only
path_pairs()
{
	while read -r provider client _; do
		$p2pmem path -q "$provider" "$client"
		case $? in 0) echo "$provider $client yes" ;; 3) echo "$provider $client no" ;; *) echo "$provider $client failed" ;; esac
	done </run/kernel
}

topo_pairs()
{
	$p2pmem --json topo | sed -n 's/^      "\(provider\|client\|allowed\)": "\{0,1\}\([^",]*\)"\{0,1\},*$/\1 \2/p' |
		awk '{ v[$1] = $2 } $1 == "allowed" { print v["provider"], v["client"], $2 == "true" ? "yes" : $2 == "false" ? "no" : $2 }' |
		grep -F -f /run/wanted | sort
}

# compare_all WHEN
compare_all()
{
	kernel_pairs >/run/kernel || return 1
	sed 's/ [a-z]*$/ /' /run/kernel >/run/wanted
	nr=$(wc -l </run/kernel)
	compare "$nr" -ge 2 "$1: the kernel has $nr pairs"
	diag "$(cat /run/kernel)"
	is "$(path_pairs)" "$(cat /run/kernel)" "$1: path says what the kernel's target does"
	is "$(topo_pairs)" "$(cat /run/kernel)" "$1: topo says what the kernel's target does"
}

# every port with ACS: request redirect on, then off
change_acs()
{
	ports=0
	for port in $(cd /sys/bus/pci/devices && echo *); do
		setpci -s "$port" ECAP_ACS+6.w >/dev/null 2>&1 || continue
		[ "$(cat "/sys/bus/pci/devices/$port/class")" = 0x060400 ] || continue
		ports=$((ports + 1))
		for value in 001d 0000; do
			setpci -s "$port" "ECAP_ACS+6.w=$value" || return 1
			compare_all "ACS of $port is $value"
		done
	done
	diag "$ports ports with ACS"
}

nvmet_subsystem $NQN
mkdir -p $ns
allow 'nvmet: .*|.*cannot be used for peer-to-peer DMA.*|.*ACS redirect is set between.*|.*to disable ACS redirect.*'
compare_all "at first"
change_acs
diag "$($p2pmem path "$cmb" "$plain")"
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

# in_use: what stat, list and sysfs say
in_use()
{
	set -- "$($p2pmem --json stat | sed -n 's/^      "available": \([0-9]*\),/\1/p')" \
		"$($p2pmem --json list | sed -n 's/^      "available": \([0-9]*\),/\1/p')" \
		"$(cat "/sys/bus/pci/devices/$cmb/p2pmem/available")"
	size=$(cat "/sys/bus/pci/devices/$cmb/p2pmem/size")
	echo "$((size - $1)) $((size - $2)) $((size - $3))"
}

# the drive's own queues may be in its memory
own=$(in_use)
own=${own##* }
is "$(in_use)" "$own $own $own" "stat, list and sysfs: $own bytes are in use"
/extra/hold "/sys/bus/pci/devices/$cmb/p2pmem/allocate" 3145728 >/run/held &
holder=$!
wait_for 10 grep -q held /run/held || bail "no memory could be held"
more=$((own + 3145728))
is "$(in_use)" "$more $more $more" "what a program holds is in use"
like "$($p2pmem stat)" "^$cmb +nvme[0-9]+ +3[.0-9]* MiB +3[.0-9]* MiB " "and the table of stat has it"
kill $holder
wait $holder 2>/dev/null
is "$(in_use)" "$own $own $own" "it is free again"
check "snapshot" $p2pmem snapshot /run/snapshot
for c in topo "--json list" "--json check" "--json nvmet"; do
	# shellcheck disable=SC2086
	is "$($p2pmem --from /run/snapshot $c)" "$($p2pmem $c)" "a snapshot says the same: $c"
done
snapshot_hides /run/snapshot
put_file /run/snapshot
nvmet_remove_all
done_testing
