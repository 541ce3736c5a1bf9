#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# smoke.sh: a guest script that tests that a topology boots, all our modules can be loaded and
# the devices of the topology are found. It works with any topology.

# shellcheck source=/dev/null
. /lib/p2pmem.sh

lspci -nn -t
for bdf in $(pci_cards) $(pci_adapters) $(pci_drives); do
	echo "$bdf at $(pci_path "$bdf")"
	for bar in 0 1 2 3 4 5; do
		# shellcheck disable=SC2046	# its words are meant
		set -- $(pci_bar "$bdf" $bar)
		[ $# = 0 ] || printf '    BAR%d 0x%x size 0x%x flags %s\n' $bar "$1" "$2" "$3"
	done
done

while read -r module; do
	# these need a setup by their own test
	case $module in *_test) continue ;; esac
	check "module $module loads" modprobe "$module"
done </lib/modules/p2pmem.list
check "stock nvme modules load" load_modules nvme nvmet nvme-fabrics
for bdf in $(pci_drives); do
	check "drive $bdf has a controller" wait_for 20 test -d "/sys/bus/pci/devices/$bdf/nvme"
done
report drives "$(pci_drives | wc -l)"
report cards "$(pci_cards | wc -l)"
report adapters "$(pci_adapters | wc -l)"
done_testing
