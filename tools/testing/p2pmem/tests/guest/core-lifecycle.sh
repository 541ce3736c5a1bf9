#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# 50 rounds, after 20 to warm up: load all modules, bind, allocate, map, hold, unmap, free, unload.
# Memory in use must not grow from round 10 to round 50, our slabs must be empty, and /proc/iomem
# and sysfs must be as before. Topology: topologies/core.

set -u
. /lib/p2pmem.sh
. /lib/tool.sh

rounds=50
allowed=16		# pages
# A kernel that keeps for good each stack it has seen grows by some pages whatever runs. What
# is lost there kmemleak finds, to the byte.
[ ! -e /sys/kernel/debug/kmemleak ] || allowed=128
card=$(pci_cards 1) other=$(pci_cards 2) client=$(pci_adapters 1) drive=$(pci_drives 1)

# Free pages, those on per-CPU lists included: the median of eleven looks, because processes
# that come and go show. Files of this guest lie in memory: their pages count as free, what
# grows in them is no leak.
free_pages()
{
	for _ in 1 2 3 4 5 6 7 8 9 10 11; do
		sync
		echo 3 >/proc/sys/vm/drop_caches
		sleep 0.2
		awk '$1 == "nr_free_pages" || $1 == "count:" || $1 == "nr_shmem" { n += $2 }
			END { print n }' /proc/zoneinfo
	done | sort -n | sed -n 6p
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
	# in even rounds, unloading the tool frees all objects
	rmmod p2pmem_tool && rmmod p2pmem_bar && rmmod p2pdma
}

# The RCU grace periods of 50 unloads would take most of the time.
echo 1 >/sys/kernel/rcu_expedited
# First a few more: what the kernel keeps of first uses is no growth, and it takes some 20
# rounds until its caches (slabs, stacks, module space) are as they stay.
n=0
while [ $n -lt 20 ]; do
	one_round $n || bail "warming up"
	n=$((n + 1))
done
cat /proc/iomem >/run/iomem
sysfs_list /run/sysfs
: >/run/errors
n=1
while [ $n -le $rounds ]; do
	one_round $n >>/run/errors 2>&1 || { echo "round $n" >>/run/errors; break; }
	if [ $((n % 10)) = 0 ] && [ $n != $rounds ]; then
		free=$(free_pages)
		report free_pages_round_$n "$free"
		[ $n != 10 ] || at10=$free
	fi
	n=$((n + 1))
done
is "$((n - 1))" $rounds "$rounds rounds"
is "$(cat /run/errors)" "" "no error in any round"
at50=$(free_pages)
report free_pages_round_50 "$at50"
# What the kernel has taken for a moment comes back, what is lost does not: ten more rounds lose more of it
more=0
while [ $((${at10:-0} - at50)) -gt $allowed ] && [ $more -lt 3 ]; do
	more=$((more + 1))
	while [ $n -le $((rounds + more * 10)) ]; do
		one_round $n || bail "round $n"
		n=$((n + 1))
	done
	at50=$(free_pages)
	report free_pages_round_$((n - 1)) "$at50"
done
compare $((${at10:-0} - at50)) -le $allowed "memory in use grew by $((${at10:-0} - at50)) pages from round 10 to round $((n - 1))"
cat /proc/iomem >/run/iomem.now
check "/proc/iomem is unchanged" cmp /run/iomem /run/iomem.now
sysfs_list /run/sysfs.now
check "sysfs and debugfs are unchanged" cmp /run/sysfs /run/sysfs.now
is "$(awk '/p2pmem|p2pdma/ && $2 != 0' /proc/slabinfo)" "" "our slabs are empty"
is "$(dmesg | grep -c 'forgot some')" 0 "no mapping is leaked"
compare "$(dmesg | grep -c 'were made and undone')" -ge $rounds "mappings were made in every round"
done_testing
