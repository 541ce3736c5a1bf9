#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A module that was built from other headers than the loaded p2pdma is refused, also on a kernel whose symbols
# have no versions. Such a module is a copy that refers to another set. Topology: topologies/core.

set -u
. /lib/p2pmem.sh

other=p2pmem_set_0123456789abcdef
updates=/lib/modules/$(uname -r)/updates

# of_other_set FILE COPY: the names have the same length
of_other_set()
{
	cp "$1" "$2" || return 1
	offsets=$(strings -t d "$1" | sed -n 's/^ *\([0-9]*\) p2pmem_set_[0-9a-f]\{16\}$/\1/p')
	[ -n "$offsets" ] || return 1
	for at in $offsets; do
		printf %s $other | dd of="$2" bs=1 seek="$at" conv=notrunc status=none || return 1
	done
}

allow "Unknown symbol $other"
for m in p2pmem-bar ib_core nvme nvmet nvmet-rdma; do
	file=$(find "$updates" -name "$m.ko")
	modprobe "$m" || bail "$m"
	# what it depends on stays loaded; a drive is in use while its partitions are looked for
	check "$m can be unloaded" wait_for 20 rmmod "$m"
	check "a copy of $m that refers to another set" of_other_set "$file" /run/other.ko
	log_mark
	refuses "it cannot be loaded" "unknown symbol" insmod /run/other.ko
	check "and the kernel's log names what it refers to" log_has "Unknown symbol $other"
	check "$m of this set can be loaded" insmod "$file"
	check "and unloaded" wait_for 20 rmmod "$m"
done
done_testing
