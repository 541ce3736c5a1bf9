#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# 50 times: load all modules, bind, take, map, hold, unmap, give back, unload. Memory in use
# does not grow from round 10 to round 50, slabs of ours are empty, and /proc/iomem and sysfs
# are as before. Topology: topologies/core.

set -u
. /lib/p2pmem.sh
. /lib/tool.sh

rounds=50
allowed=16		# pages
card=$(pci_cards 1) other=$(pci_cards 2) client=$(pci_adapters 1) drive=$(pci_drives 1)

# Free pages, those on per-CPU lists included: the most that five looks see. Files of this
# guest lie in memory: their pages count as free, what grows in them is no leak.
free_pages()
{
	sync
	echo 3 >/proc/sys/vm/drop_caches
	echo 1 >/proc/sys/vm/compact_memory
	most=0
	for _ in 1 2 3 4 5; do
		sleep 0.2
		now=$(awk '$1 == "nr_free_pages" { n += $2 } $1 == "count:" { n += $2 }
			$1 == "nr_shmem" { n += $2 } END { print n }' /proc/zoneinfo)
		[ "$now" -le "$most" ] || most=$now
	done
	echo "$most"
}

sysfs_list()
{
	# not deeper: tracing has 20,000 files
	find /sys/bus/pci/devices/*/ /sys/bus/pci/drivers /sys/module /sys/kernel/debug -maxdepth 2 \
		-path /sys/kernel/debug/tracing -prune -o -print 2>/dev/null | sort >"$1"
}

one_round()
{
	load_modules p2pmem-bar p2pmem_tool || return 1
	lend "$card" || return 1
	bar_params bar=0 kind=registers
	lend "$other" || return 1
	bind_to "$drive" p2pmem_tool
	must add "$drive" 2 8M 0 pool
	must add "$drive" 4 0 0 driver
	must publish "$drive" 1
	must client "$client"
	must sgl "$card" 1M
	list=$id
	must map "$list" "$client" from
	map=$id
	must hold "$list" 3
	held=$id
	must region "$client" "$other" 0 0 64 to
	region=$id
	must pin "$drive" 4 0 64K
	pin=$id
	must grant any me "$client"
	grant=$id
	must gsgl "$grant" 256K
	gsgl=$id
	must cycle "$card" "$client" 200 128K
	[ $(($1 % 2)) = 0 ] || put_back "$region" "$map" "$list" "$gsgl" "$grant" "$pin" "$held"
	# in even rounds the tool's unloading lets go of everything
	rmmod p2pmem_tool && rmmod p2pmem_bar && rmmod p2pdma
}

# The grace periods of 50 unloadings would be most of the time.
echo 1 >/sys/kernel/rcu_expedited
# First once: what the kernel keeps after a first use is no growth
one_round 0 || bail "round 0"
cat /proc/iomem >/run/iomem
sysfs_list /run/sysfs
: >/run/errors
n=1
while [ $n -le $rounds ]; do
	one_round $n >>/run/errors 2>&1 || { echo "round $n" >>/run/errors; break; }
	[ $n != 10 ] || at10=$(free_pages)
	n=$((n + 1))
done
is "$((n - 1))" $rounds "$rounds rounds"
is "$(cat /run/errors)" "" "without an error"
at50=$(free_pages)
report free_pages_round_10 "${at10:-0}"
report free_pages_round_50 "$at50"
compare $((${at10:-0} - at50)) -le $allowed "memory in use grew by $((${at10:-0} - at50)) pages from round 10 to round $rounds"
cat /proc/iomem >/run/iomem.now
check "/proc/iomem is as before" cmp /run/iomem /run/iomem.now
sysfs_list /run/sysfs.now
check "sysfs and debugfs are as before" cmp /run/sysfs /run/sysfs.now
is "$(awk '/p2pmem|p2pdma/ && $2 != 0' /proc/slabinfo)" "" "no object of ours in a slab"
is "$(dmesg | grep -c 'forgot some')" 0 "no mapping was forgotten"
compare "$(dmesg | grep -c 'were made and undone')" -ge $rounds "mappings were made in every round"
done_testing
