# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# pci.sh: find PCI functions, their BARs and drivers. BDF stands for 0000:bb:dd.f everywhere.

# pci_find VVVV:DDDD [N]: prints the BDFs of all functions with that ID, or the N-th one (from 1)
pci_find()
{
	for f in /sys/bus/pci/devices/*; do
		read -r v <"$f/vendor"
		read -r d <"$f/device"
		[ "${v#0x}:${d#0x}" != "$1" ] || echo "${f##*/}"
	done | if [ -n "${2:-}" ]; then sed -n "$2p"; else cat; fi
}

# pci_at [BUS:]DD.F/DD.F/...: prints the function at that position, which lists the devices and
# functions on the path from a root bus (default 00). Unlike the bus numbers below, positions
# do not depend on the firmware.
pci_at()
{
	case $1 in
	*:*)	p=0000:${1%%:*} rest=${1#*:} ;;
	*)	p=0000:00 rest=$1 ;;
	esac
	# host bridges of a device tree are below another device
	p=$(readlink -f "/sys/class/pci_bus/$p")
	p=${p%/pci_bus/*}
	for step in $(echo "$rest" | tr / ' '); do
		p=$(ls -d "$p"/0000:??:"$step" 2>/dev/null)
		[ -n "$p" ] || return 1
	done
	echo "${p##*/}"
}

# pci_path BDF: prints the position of a function for pci_at
pci_path()
{
	readlink -f "/sys/bus/pci/devices/$1" |
	sed -E 's,.*/pci[0-9a-f]{4}:([0-9a-f]+)/,\1:,; s,[0-9a-f]{4}:[0-9a-f]{2}:,,g'
}

# pci_bar BDF N: prints "START SIZE FLAGS" (decimal, decimal, hexadecimal), nothing without a BAR
pci_bar()
{
	sed -n "$(($2 + 1))p" "/sys/bus/pci/devices/$1/resource" | while read -r start end flags; do
		[ $((end)) = 0 ] || echo "$((start)) $((end - start + 1)) $flags"
	done
}

pci_bar_start()
{
	pci_bar "$1" "$2" | cut -d' ' -f1
}

pci_bar_size()
{
	pci_bar "$1" "$2" | cut -d' ' -f2
}

# pci_driver BDF: prints the name of the bound driver, or nothing
pci_driver()
{
	basename "$(readlink "/sys/bus/pci/devices/$1/driver")" 2>/dev/null
}

pci_unbind()
{
	[ ! -e "/sys/bus/pci/devices/$1/driver" ] ||
		echo "$1" >"/sys/bus/pci/devices/$1/driver/unbind"
}

# pci_bind BDF DRIVER: binds by driver_override, so that no other driver binds to it
pci_bind()
{
	echo "$2" >"/sys/bus/pci/devices/$1/driver_override" || return 1
	pci_unbind "$1" || return 1
	echo "$1" >/sys/bus/pci/drivers_probe
	[ "$(pci_driver "$1")" = "$2" ] || {
		echo "$1 is not bound to $2: $(dmesg | tail -n 2)" >&2
		return 1
	}
}

# pci_release BDF: unbinds, and lets any driver bind again
pci_release()
{
	pci_unbind "$1"
	echo >"/sys/bus/pci/devices/$1/driver_override"
}

# pci_remove BDF; pci_rescan: removal through sysfs, and rediscovery
pci_remove()
{
	echo 1 >"/sys/bus/pci/devices/$1/remove"
}

pci_rescan()
{
	echo 1 >/sys/bus/pci/rescan
}

# the devices of the topologies
pci_cards()
{
	pci_find 1af4:1110 "$@"		# ivshmem-plain, BAR 2
}

pci_adapters()
{
	pci_find 1000:0012 "$@"		# lsi53c895a
}

pci_drives()
{
	pci_find 1b36:0010 "$@"		# QEMU's NVMe, CMB in BAR 2
}
