#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Mapping through a host bridge: addresses of dma_map_resource(), adjacent entries merged.
# Topology: epyc-two-root-ports.

set -u
. /lib/p2pmem.sh
. /lib/tool.sh

load_modules p2pmem-bar p2pmem_tool || bail "modules"
card=$(pci_cards 1)
client=$(pci_at 04.0/00.0/01.0/00.0) near=$(pci_at 05.0/00.0/02.0/00.0)
lend "$card" || bail "no card"
start=$(pci_bar_start "$card" 2)
must client "$client"
registered=$id
must client "$near"
must verdict "$card" "$client"
is "$(r reason) $(r mapping) $(r distance)" "ok host 8" "the path leads through the host bridge"
must alloc "$card" 1M
m=$id

# mapped ENTRIES WANTED...: the mapped list is WANTED
mapped()
{
	entries=$1
	shift
	want=$(for w; do echo "dma $(printf '0x%x' $((start + ${w%:*}))) ${w#*:} bus 0"; done)
	# shellcheck disable=SC2086	# one word an entry
	if ! t maplist "$client" from $entries; then
		not_ok "map '$entries'" "$tool_err"
		return
	fi
	is "$(r | grep '^dma')" "$want" "'$entries' becomes '$*'"
	put_back "$id"
}

mapped "$m:0:4096" 0:4096
mapped "$m:0:4096 $m:4096:4096" 0:8192
mapped "$m:0:4096 $m:8192:4096" 0:4096 8192:4096
mapped "$m:4096:4096 $m:0:4096" 4096:4096 0:4096
mapped "$m:0:4096 $m:4096:4096 $m:16384:4096 $m:20480:100" 0:8192 16384:4196
mapped "$m:0:100 $m:100:28 $m:200:4" 0:128 200:4
long='' i=0
while [ $i -lt 32 ]; do
	long="$long $m:$((i * 4096)):4096"
	i=$((i + 1))
done
mapped "$long" 0:65536 65536:65536		# the largest segment of a device that says nothing
mapped "$m:0:1048576" 0:1048576
errno_is ok "map for the neighbour below the same switch" map "$m" "$near" from
is "$(r dma)" "$(printf '0x%x 1048576 bus 1' "$start")" "the neighbour gets the bus address"
near_map=$id
errno_is ok "map for the client across the host bridge at the same time" map "$m" "$client" from
put_back "$near_map" "$id"
errno_is EINVAL "a mixed list is refused" maplist "$client" to "$m:0:4096" ram
errno_is EINVAL "an empty list is refused" maplist "$client" to
errno_is ok "map a range of a region" region "$client" "$card" 2 1M 4096 to
is "$(r dma)" "$(printf '0x%x 4096 bus 0' $((start + 1048576)))" "the range has the right address"
put_back "$id"

must mask "$client" 28
must verdict "$card" "$client"
is "$(r reason)" dma-mask "a DMA mask of 28 bits is too small"
errno_is EXDEV "mapping fails with that mask" map "$m" "$client" from
is "$(dmesg | grep -c 'WARNING:')" 0 "no warning in the log"
must mask "$client" 32

log_mark
put_back "$registered"
is "$(lines "$card" "10 mappings .* for $client were made and undone")" 1 "the balance is right"
put_back "$m"
pci_release "$card"
rmmod p2pmem_tool
done_testing
