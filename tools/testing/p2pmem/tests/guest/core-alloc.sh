#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The allocator: byte counts, a full and a fragmented pool, pages with references of other
# holders, and random use without a page allocated twice. Topology: topologies/core.

set -u
. /lib/p2pmem.sh
. /lib/tool.sh

M=1048576
load_modules p2pmem-bar p2pmem_tool || bail "modules"
card=$(pci_cards 2)		# 16 MiB
drive=$(pci_drives 1)
lend "$card" || bail "no card"
all=$((16 * M))

free_is()
{
	is "$(lent_available "$card")" "$1" "$2"
}

# prints the sum of the lengths of all segments, and if any two overlap
segments()
{
	r | awk '$1 == "seg" { print $2, $3 }' | while read -r a l; do echo "$((a)) $l"; done | sort -n |
	awk '{ if (NR > 1 && $1 < end) bad = 1; end = $1 + $2; sum += $2 } END { print sum, bad ? "overlap" : "disjoint" }'
}

# --- byte counts ---------------------------------------------------------------------
free_is $all "an unused pool is free"
while read -r size takes; do
	must alloc "$card" "$size"
	free_is $((all - takes)) "alloc $size takes $takes bytes"
	put_back "$id"
	must sgl "$card" "$size"
	free_is $((all - takes)) "a list of $size takes $takes bytes"
	is "$(segments)" "$size disjoint" "and has $size bytes in $(r nents) entry"
	put_back "$id"
	free_is $all "$size bytes are freed"
done <<-E2
	1 4096
	4096 4096
	4097 8192
	65537 69632
	5242880 5242880
	16777215 16777216
	16777216 16777216
E2
errno_is ENOMEM "alloc of size 0 fails" alloc "$card" 0
errno_is ENOMEM "sgl of length 0 fails" sgl "$card" 0
errno_is ENOMEM "alloc of more than the pool has fails"  alloc "$card" 16777217
errno_is ENOMEM "sgl of more than the pool has fails" sgl "$card" 16777217
errno_is ENOMEM "sgl of 4 GiB - 1 fails" sgl "$card" 4294967295
errno_is ENOMEM "alloc from a function that is no provider fails" alloc "$drive" 4096
errno_is ENOMEM "sgl from a function that is no provider fails" sgl "$drive" 4096
free_is $all "failures allocate nothing"
must alloc "$card" 64K zero
put_back "$id"

# --- full and fragmented -------------------------------------------------------------
keep='' gone=''
for _ in 1 2 3 4 5 6 7 8; do
	must alloc "$card" 1M
	keep="$keep $id"
	must alloc "$card" 1M
	gone="$gone $id"
done
free_is 0 "the pool is full"
errno_is ENOMEM "alloc from a full pool fails" alloc "$card" 1
errno_is ENOMEM "sgl from a full pool fails" sgl "$card" 1
# shellcheck disable=SC2086	# one word a number
put_back $gone
free_is $((8 * M)) "every other MiB is free"
errno_is ENOMEM "alloc of a run larger than 1 MiB fails" alloc "$card" 1048577
free_is $((8 * M)) "the failure allocates nothing"
errno_is ok "sgl of 3 MiB" sgl "$card" 3M
is "$(r nents)" 3 "the list has three entries"
is "$(segments)" "$((3 * M)) disjoint" "its entries do not overlap"
three=$id
errno_is ENOMEM "sgl of more than is free fails" sgl "$card" 5242881
free_is $((5 * M)) "the failure of sgl allocates nothing"
errno_is ok "sgl of all that is free" sgl "$card" 5242879
is "$(segments)" "$((5 * M - 1)) disjoint" "the list has exactly that size"
free_is 0 "the pool is full again"
put_back "$id" "$three"
# shellcheck disable=SC2086
put_back $keep
free_is $all "all memory is free"
errno_is ok "all memory is one run again" alloc "$card" 16M
put_back "$id"

# --- pages that somebody else holds ----------------------------------------------------
for page in 0 3 7; do
	must alloc "$card" 32K
	run=$id
	must hold "$run" $page
	held=$id phys=$(r phys)
	put_back "$run"
	free_is $((all - 4096)) "page $page is held: only this page is not available"
	must sgl "$card" $((all - 4096))
	is "$(segments)" "$((all - 4096)) disjoint" "all other pages can be allocated"
	r | awk '$1 == "seg" { print $2, $3 }' >/run/segs
	in=no
	while read -r a l; do
		if [ $((phys)) -ge $((a)) ] && [ $((phys)) -lt $((a + l)) ]; then in=yes; fi
	done </run/segs
	is $in no "the held page is not among them"
	rest=$id
	errno_is ENOMEM "the held page is not allocated" alloc "$card" 1
	put_back "$held"
	check "the page is available when it is released" wait_for 5 t alloc "$card" 1
	must objects
	put_back "$(r | sed -n '1s/ .*//p')" "$rest"
	free_is $all "all memory is free"
done
must sgl "$card" 1M
list=$id
must hold "$list" 5
first=$id
must hold "$list" 5
second=$id
put_back "$list"
free_is $((all - 4096)) "a page with two references is not available"
put_back "$first"
sleep 0.3
free_is $((all - 4096)) "nor with one reference"
must alloc "$card" 1M
run=$id
put_back "$second"
sleep 0.3
free_is $((all - M)) "it is available without references"
must hold "$run" 0
put_back "$id"
sleep 0.3
free_is $((all - M)) "dropping a reference before the memory is freed makes nothing available"
put_back "$run"
free_is $all "all memory is free"

# --- no page twice -------------------------------------------------------------------
full=0 split=0 allocated=0
for seed in 1 2 3 4; do
	errno_is ok "random use, seed $seed: no page twice" stress "$card" 20000 $seed
	full=$((full + $(r full))) split=$((split + $(r split))) allocated=$((allocated + $(r allocated)))
	free_is $all "all memory is free"
done
compare $allocated -ge 5000 "thousands of allocations ($allocated)"
compare $full -ge 1 "the pool ran full ($full times)"
compare $split -ge 1 "lists had several entries ($split)"

bind_to "$drive" p2pmem_tool
must add "$drive" 2 0 0 pool
must add "$drive" 4 0 0 pool
errno_is ok "random use over two BARs" stress "$drive" 20000 5
is "$(lent_available "$drive")" $((32 * M)) "all memory is free"
pci_unbind "$drive"
pci_unbind "$card"
rmmod p2pmem_tool
done_testing
