#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# nvme-cmb.sh: use of a CMB by the nvme driver. The CMB is lent while the controller is live, but not
# during a reset; an unusable CMB is refused once and not at every reset; submission queues are in
# the CMB only with use_cmb_sqes, and never fill it. Topology: nvme-cmb.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh

drives_there()
{
	for d in cmb0 small0 legacy0; do
		[ -b "$(nvme_disk $d)" ] || return 1
	done
}

p2pmem()
{
	cat "/sys/bus/pci/devices/$1/p2pmem/$2"
}

reset()
{
	bounded 60 write_attr "/sys/class/nvme/$1/reset_controller" 1 &&
		wait_for 10 grep -q live "/sys/class/nvme/$1/state"
}

# watch CONTROLLER FUNCTION: says when memory is offered while the controller connects; without
# other processes, because that is short
watch()
{
	seen=never
	while [ ! -e /run/watched ]; do
		read -r before <"/sys/class/nvme/$1/state"
		[ "$before" = connecting ] || continue
		read -r lent <"/sys/bus/pci/devices/$2/p2pmem/published"
		read -r after <"/sys/class/nvme/$1/state"
		[ "$after" = connecting ] || continue
		seen=yes
		[ -e /run/seen ] || : >/run/seen
		[ "$lent" = 0 ] || echo lent
	done
	echo "seen $seen"
}

# resets CONTROLLER: at least four, and on until the watcher has seen one, because the time that a controller
# connects may be shorter than the watcher's turn on the processor
resets()
{
	n=0
	while [ $n -lt 4 ] || { [ ! -e /run/seen ] && [ $n -lt 60 ]; }; do
		n=$((n + 1))
		reset "$1" || return 1
	done
	echo $n >/run/resets
}

reads()
{
	dd if="$(nvme_disk "$1")" of=/dev/null bs=64k count=16 iflag=direct status=none
}

load_modules p2pdma nvme || bail "modules"
wait_for 20 drives_there || bail "drives"
cmb=$(nvme_bdf cmb0) small=$(nvme_bdf small0) legacy=$(nvme_bdf legacy0)
is "$(cat /sys/module/nvme/parameters/use_cmb_sqes)" N "no submission queues in a CMB by default"
for bdf in $cmb $legacy; do
	check "$bdf is lent" wait_for 10 grep -q 1 "/sys/bus/pci/devices/$bdf/p2pmem/published"
	is "$(p2pmem "$bdf" available)" "$(p2pmem "$bdf" size)" "$bdf: the whole CMB can be allocated"
done
check "a CMB below 2 MiB is not lent" test ! -e "/sys/bus/pci/devices/$small/p2pmem"
check "the log says so" log_has "CMB not used"

log_mark
for n in 1 2 3; do
	check "reset $n of the drive with the small CMB" reset "$(nvme_ctrl small0)"
done
is "$(log_since | grep -c -e 'CMB not used' -e 'cannot register BAR')" 0 "the message is not repeated"
check "the drive can be read" reads small0

for name in cmb0 legacy0; do
	rm -f /run/watched /run/seen
	watch "$(nvme_ctrl $name)" "$(nvme_bdf $name)" >/run/watch 2>&1 &
	check "$name: resets while it is watched" resets "$(nvme_ctrl $name)"
	diag "$name: $(cat /run/resets) resets"
	: >/run/watched
	wait $!
	check "$name: the watcher saw a reset" grep -q 'seen yes' /run/watch
	is "$(grep -c lent /run/watch)" 0 "$name: not lent while its controller connects"
	check "$name: lent again" wait_for 10 grep -q 1 \
		"/sys/bus/pci/devices/$(nvme_bdf $name)/p2pmem/published"
	check "$name: reads" reads $name
done

# Requested, with queues of the maximum depth
check "the driver unloads" modprobe -r nvme
check "nvme loads with queues in the CMB" load_modules nvme:use_cmb_sqes=1:io_queue_depth=4095
wait_for 20 drives_there || bail "drives, again"
for name in cmb0 legacy0; do
	bdf=$(nvme_bdf $name)
	size=$(p2pmem "$bdf" size) left=$(p2pmem "$bdf" available)
	compare "$left" -lt "$size" "$name: queues are in the CMB"
	compare "$left" -ge $((size / 2)) "$name: half of it is left"
	check "$name: reads" reads $name
	check "$name: reset with queues in the CMB" reset "$(nvme_ctrl $name)"
	is "$(p2pmem "$bdf" available)" "$left" "$name: the same queues"
	check "$name: reads after it" reads $name
	check "$name: lent again" wait_for 10 grep -q 1 "/sys/bus/pci/devices/$bdf/p2pmem/published"
done
done_testing
