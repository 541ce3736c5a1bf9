#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-iommu.sh: peer memory through the host bridge and a translating IOMMU. Both pairs are mapped
# through the host bridge and proved, Reads and Writes of adjacent and separate pages go through the
# card, the card is unbound and reset under load, and the data is right. Events of the IOMMU's
# page tables go to the host as iommu.maps: "m IOVA PHYSICAL BYTES" and "u IOVA BYTES". Marks in
# QEMU's trace: 1 peer transfers begin, 2 they have ended.
# Topology: iommu-host.topo, with intel_iommu=on.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:iommu-host
tracing=/sys/kernel/tracing
counters=/sys/kernel/debug/p2pmem/counters

# before any driver of ours maps anything, so that every mapping must be undone
[ -e $tracing/trace ] || mount -t tracefs none $tracing
echo 32768 >$tracing/buffer_size_kb
for event in map unmap; do
	echo 1 >$tracing/events/iommu/$event/enable || bail "the kernel has no event of the IOMMU named $event"
done

e2e_start || bail "the guest cannot be set up"
isnt "$(ls /sys/class/iommu)" "" "there is an IOMMU"
card=$(pci_cards 1) drive=$(nvme_bdf plain0) adapter=$(pci_adapters 1)
for f in "$card" "$drive" "$adapter"; do
	like "$(cat "/sys/bus/pci/devices/$f/iommu_group/type")" '^DMA' "the IOMMU translates for $f"
done
pci_bind "$card" p2pmem-bar || bail "the card does not lend"
write_attr /sys/module/p2pdma/parameters/host_bridges +1b36:000c || bail "no entry of the host bridge"
log_mark
e2e_export $NQN 1 "$(nvme_disk plain0)" "$card" || bail "namespace"
e2e_port 0 || bail "port"
disk=$(e2e_connect $NQN) || bail "connect"
is "$(e2e_provider $NQN 1)" "$card ok proved by-admin" "the path is proved"
for f in "$drive" "$adapter"; do
	is "$(grep "^$card $f " /sys/kernel/debug/p2pmem/paths | cut -d' ' -f3,4,7,8)" "ok host proved 1" \
		"$f reaches the card through the host bridge, proved"
done

# adjacent pages, then 4 KiB blocks whose pages lie apart, both directions
wait_for 10 test "$(host_bytes "$disk")" = "$(stat_all $NQN 1)"
before=$(host_bytes "$disk") fallbacks=$(stat_of $NQN 1 fallbacks)
trace_mark 1
check "adjacent pages" fio_verify "$disk" --rw=write --bs=256k --iodepth=8 --size=8m
check "separate pages" \
	fio_verify "$disk" --rw=randwrite --bsrange=4k-64k --blockalign=4k --iodepth=32 --offset=16m --size=4m
trace_mark 2
report moved $(($(host_bytes "$disk") - before))
is "$(stat_of $NQN 1 fallbacks)" "$fallbacks" "no fallback once the path is proved"
compare "$(stat_of $NQN 1 peer_bytes)" -ge $((2 * 12 * 1048576)) "all transfers used peer memory"
is "$(stat_all $NQN 1)" "$(host_bytes "$disk")" "every byte is counted"

# the provider goes and comes back
fio_load "$disk" 6
check "unbind under load ends" bounded 40 pci_unbind "$card"
sleep 1
echo "$card" >/sys/bus/pci/drivers_probe
check "bound again: used again" wait_for 20 e2e_peer_grows $NQN "$disk" 1
fio_done "data is right over the unbind"
fio_load "$disk" 4
check "reset under load ends" bounded 40 write_attr "/sys/bus/pci/devices/$card/reset" 1
check "after the reset: used again" wait_for 20 e2e_peer_grows $NQN "$disk" 1
fio_done "data is right over the reset"
check "no error at the host" no_host_errors
check "no fault of the IOMMU" test -z "$(log_since | grep 'DMAR:.*fault')"
is "$(awk -v c="$card" '
NR == 1		{ for (i = 1; i <= NF; i++) n[$i] = i; next }
$1 == c		{ held += $n["in_use"] }
END		{ print held + 0 }' $counters)" 0 "no byte of it is in use"

# all down, then the IOMMU's tables hold nothing of the card
start=$(pci_bar_start "$card" 2) size=$(pci_bar_size "$card" 2)
e2e_stop
pci_unbind "$card"
pci_unbind "$drive"
modprobe -r nvmet-rdma nvme-rdma p2pmem_rnic
echo 0 >$tracing/tracing_on
sed -nE 's/.* map: IOMMU: iova=([0-9a-fx]+) - [0-9a-fx]+ paddr=([0-9a-fx]+) size=([0-9]+).*/m \1 \2 \3/p
	s/.* unmap: IOMMU: iova=([0-9a-fx]+) - [0-9a-fx]+ size=([0-9]+) .*/u \1 \2/p' $tracing/trace >/run/iommu.maps
compare "$(wc -l </run/iommu.maps)" -gt 100 "the IOMMU's events were seen"
is "$(cat $tracing/per_cpu/cpu*/stats | awk '/^overrun/ { n += $2 } END { print n + 0 }')" 0 "none of them was lost"
report bar_start "$start"
report bar_size "$size"
report drive "$drive"
report adapter "$adapter"
put_file /run/iommu.maps
done_testing
