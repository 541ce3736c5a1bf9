#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-iommu.sh: peer memory through the host bridge and a translating IOMMU. Both pairs are mapped
# through the host bridge and proved, Reads and Writes of adjacent and separate pages go through the
# card, the card is unbound, removed and reset under load, and the data is right. For separate pages
# every second page of the provider is held, so that each page needs a mapping of its own. Events of
# the IOMMU's page tables count entries of the card, and show that each was removed; a kernel that
# shows the tables themselves has no page of the card in them. First p2pmem_tool maps a list, to
# prove that both detect a mapping that is left. Marks in QEMU's trace and among the events:
# 1 adjacent pages, 2 separate pages, 3 all else.
# Topology: iommu-host.topo, with intel_iommu=on.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/tool.sh
. /lib/tool.sh

NQN=nqn.2026-01.test:iommu-host
tracing=/sys/kernel/tracing
counters=/sys/kernel/debug/p2pmem/counters
tables=/sys/kernel/debug/iommu/intel
ADJACENT=1 SEPARATE=2 OTHER=3

# phase N: marks the begin of a phase, for the host and among the events
phase()
{
	trace_mark "$1"
	echo "phase $1" >$tracing/trace_marker
}

# iommu_entries: prints how many entries of the card the IOMMU's tables were given: at all, for
# adjacent pages and for separate pages; then how many pages at their addresses were not removed as
# often as made. An event ends in "iova=START - END paddr=START size=BYTES" for an entry that is
# made, in "iova=START - END size=BYTES unmapped_size=BYTES" for one that is removed. It names no
# domain, and in another one the address may be one of other memory: all drivers must be down.
iommu_entries()
{
	awk -v start="$start" -v size="$size" '
	NF < 6				{ next }
	$(NF - 1) == "phase"		{ phase = $NF; next }
	$(NF - 4) !~ /^iova=0x/		{ next }
	{
		made = $(NF - 1) ~ /^paddr=/
		page = substr($(NF - 4), 6) / 4096
		end = page + substr(made ? $NF : $(NF - 1), 6) / 4096
		at = made ? substr($(NF - 1), 7) - start : -1
		card = at >= 0 && at < size
		if (card)
			n[phase + 0]++
		for (; page < end; page++) {
			balance[page] += made ? 1 : -1
			if (card)
				ours[page]
		}
	}
	END {
		for (page in ours)
			left += balance[page] != 0
		print n[0] + n[1] + n[2] + n[3], n[1] + 0, n[2] + 0, left + 0
	}' $tracing/trace
}

# table_pages: prints the number of pages of the card in the tables of all devices, once if devices
# share a domain. In a line "IOVA_PFN | ENTRY..." the last entry has the page's number above 12 bits
# of flags.
table_pages()
{
	cat $tables/*/domain_translation_struct | awk -v start="$start" -v size="$size" '
	$2 == "|" && !seen[$1, $NF]++ {
		at = ("0x" substr($NF, 6, 10)) * 4096 - start
		n += at >= 0 && at < size
	}
	END	{ print n + 0 }'
}

# tables_are PAGES NAME: a test where the kernel has tables to read
tables_are()
{
	if [ -d $tables ]; then
		is "$(table_pages)" "$1" "the IOMMU's tables: $2"
	elif uname -r | grep -q p2pmem-debug; then
		not_ok "the IOMMU's tables: $2" "no $tables"
	fi
}

# sum_of COUNTER: prints the sum of that column over all pairs of the card
sum_of()
{
	awk -v c="$card" -v name="$1" '
	NR == 1		{ for (i = 1; i <= NF; i++) n[$i] = i; next }
	$1 == c		{ sum += $n[name] }
	END		{ print sum + 0 }' $counters
}

# moved NAME FIO_OPTION...: transfers of a phase. Reports the bytes as NAME_bytes, the requests of
# the host as NAME_requests, and the lists that were mapped for them as NAME_lists.
moved()
{
	moved_name=$1
	shift
	moved_bytes=$(host_bytes "$disk") moved_lists=$(sum_of maps) moved_requests=$(host_requests)
	check "$moved_name pages" fio_verify "$disk" "$@"
	moved_bytes=$(($(host_bytes "$disk") - moved_bytes))
	moved_lists=$(($(sum_of maps) - moved_lists))
	report "${moved_name}_bytes" $moved_bytes
	report "${moved_name}_requests" $(($(host_requests) - moved_requests))
	report "${moved_name}_lists" $moved_lists
}

host_requests()
{
	awk '{ print $1 + $5 }' "/sys/block/${disk#/dev/}/stat"
}

# before any driver of ours maps anything, so that every mapping must be undone
[ -e $tracing/trace ] || mount -t tracefs none $tracing
echo 32768 >$tracing/buffer_size_kb
for event in map unmap; do
	echo 1 >$tracing/events/iommu/$event/enable || bail "the kernel has no event of the IOMMU named $event"
done

load_modules p2pmem-bar p2pmem_tool p2pmem_fail || bail "modules"
isnt "$(ls /sys/class/iommu)" "" "there is an IOMMU"
card=$(pci_cards 1) drive=$(pci_drives | head -n 1) adapter=$(pci_adapters 1)
for f in "$card" "$drive" "$adapter"; do
	like "$(cat "/sys/bus/pci/devices/$f/iommu_group/type")" '^DMA' "the IOMMU translates for $f"
done
# little memory, so that every second page is soon held
echo 4M >/sys/module/p2pmem_bar/parameters/size
pci_bind "$card" p2pmem-bar || bail "the card is no provider"
start=$(pci_bar_start "$card" 2) size=$(pci_bar_size "$card" 2)
write_attr /sys/module/p2pdma/parameters/host_bridges +1b36:000c || bail "no entry of the host bridge"

# A list whose first two entries are adjacent. While it is mapped, what shows an entry that is
# left must show it.
must client "$adapter"
must alloc "$card" 64K
list="$id:0:4096 $id:4096:4096 $id:12288:8192"
# shellcheck disable=SC2086	# one word per entry
must maplist "$adapter" both $list
is "$(r nents)" "2 of 3" "adjacent entries of a list are mapped as one"
is "$(iommu_entries)" "2 0 0 4" "while it is mapped: two entries of four pages are left"
tables_are 4 "four pages of the card"
put_back "$id"
is "$(iommu_entries)" "2 0 0 0" "none is left when it is unmapped"
tables_are 0 "no page of the card"
echo 2 >/sys/module/p2pmem_fail/parameters/every
# shellcheck disable=SC2086	# one word per entry
errno_is "Input/output error" "the second mapping of a list fails" maplist "$adapter" both $list
is "$(iommu_entries)" "3 0 0 0" "the first one is undone"
tables_are 0 "no page of the card"
rmmod p2pmem_fail p2pmem_tool

e2e_start || bail "the guest cannot be set up"
log_mark
e2e_export $NQN 1 "$(nvme_disk plain0)" "$card" || bail "namespace"
e2e_port 0 || bail "port"
disk=$(e2e_connect $NQN) || bail "connect"
is "$(e2e_provider $NQN 1)" "$card ok proved by-admin" "the path is proved"
for f in "$drive" "$adapter"; do
	is "$(grep "^$card $f " /sys/kernel/debug/p2pmem/paths | cut -d' ' -f3,4,7,8)" "ok host proved 1" \
		"$f reaches the card through the host bridge, proved"
done

wait_for 10 test "$(host_bytes "$disk")" = "$(stat_all $NQN 1)"
fallbacks=$(stat_of $NQN 1 fallbacks)
phase $ADJACENT
moved adjacent --rw=write --bs=256k --iodepth=8 --size=8m
adjacent_lists=$moved_lists
phase $OTHER

# every second page is held, so that no two free pages are adjacent
modprobe p2pmem_tool || bail "no p2pmem_tool"
available=$(lent_available "$card")
must alloc "$card" "$available"
run=$id page=0
while [ $page -lt $((available / 4096)) ]; do
	echo "hold $run $page" >$tool_dir/command || bail "page $page cannot be held"
	page=$((page + 2))
done
put_back "$run"
is "$(lent_available "$card")" $((available / 2)) "every second page is free"
phase $SEPARATE
moved separate --rw=randwrite --bsrange=4k-64k --blockalign=4k --iodepth=16 --offset=16m --size=4m
separate_pages=$((moved_bytes / 4096)) separate_lists=$moved_lists
phase $OTHER
modprobe -r p2pmem_tool
is "$(lent_available "$card")" "$available" "all pages are free again"
is "$(stat_of $NQN 1 fallbacks)" "$fallbacks" "no fallback once the path is proved"
compare "$(stat_of $NQN 1 peer_bytes)" -ge $((2 * 12 * 1048576)) "all transfers used peer memory"
is "$(stat_all $NQN 1)" "$(host_bytes "$disk")" "every byte is counted"

# the provider goes and comes back
fio_load "$disk" 4
check "unbind under load ends" bounded 40 pci_unbind "$card"
sleep 1
echo "$card" >/sys/bus/pci/drivers_probe
check "bound again: used again" wait_for 20 e2e_peer_grows $NQN "$disk" 1
fio_done "data is right over the unbind"
fio_load "$disk" 4
check "removal under load ends" bounded 40 pci_remove "$card"
sleep 1
pci_rescan
wait_for 5 test -e "/sys/bus/pci/devices/$card" || bail "the card does not come back"
is "$(pci_bar_start "$card" 2)" "$start" "the card is back where it was"
pci_bind "$card" p2pmem-bar || bail "the card is no provider after its removal"
check "after the removal: used again" wait_for 20 e2e_peer_grows $NQN "$disk" 1
fio_done "data is right over the removal"
fio_load "$disk" 4
check "reset under load ends" bounded 40 write_attr "/sys/bus/pci/devices/$card/reset" 1
check "after the reset: used again" wait_for 20 e2e_peer_grows $NQN "$disk" 1
fio_done "data is right over the reset"
check "no error at the host" no_host_errors
check "no fault of the IOMMU" test -z "$(log_since | grep 'DMAR:.*fault')"
is "$(sum_of in_use)" 0 "no byte of it is in use"

# all down, then the IOMMU's tables hold nothing of the card
e2e_stop
pci_unbind "$card"
pci_unbind "$drive"
modprobe -r nvmet-rdma nvme-rdma p2pmem_rnic
echo 0 >$tracing/tracing_on
is "$(cat $tracing/per_cpu/cpu*/stats | awk '/^overrun/ { n += $2 } END { print n + 0 }')" 0 "none of them was lost"
iommu_entries >/run/entries
read -r entries adjacent separate left </run/entries
compare "$entries" -gt $((adjacent + separate)) "the IOMMU's tables had entries of the card"
is "$left" 0 "none is left"
tables_are 0 "no page of the card is left"
is "$adjacent" "$adjacent_lists" "adjacent pages: one entry for each list"
# drive and adapter map each page
is "$separate" $((2 * separate_pages)) "separate pages: an entry for each page"
compare "$separate" -gt "$separate_lists" "separate pages: lists had several entries"
report adjacent_entries "$adjacent"
report separate_entries "$separate"
report bar_start "$start"
report bar_size "$size"
report drive "$drive"
report adapter "$adapter"
done_testing
