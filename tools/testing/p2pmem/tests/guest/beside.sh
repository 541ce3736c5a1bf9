#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# p2pmem beside the kernel's own P2PDMA, on a kernel that has it: two cards in one guest, one lends by
# each. A driver that does not know us is refused our pages, upstream's provider works as ever, before
# ours is there, with it and after it. Topology: topologies/core.

set -u
. /lib/p2pmem.sh
. /lib/tool.sh

load_modules p2pmem-bar p2pmem_tool || bail "modules"
card=$(pci_cards 1) other=$(pci_cards 2) client=$(pci_adapters 1) stranger=$(pci_drives 1)
other_start=$(pci_bar_start "$other" 2)

# upstream_works WHEN: the other card's BAR, lent by upstream and mapped for the adapter
upstream_works()
{
	pci_bind "$other" p2pmem_tool || bail "$other is not bound"
	errno_is ok "$1: upstream lends the other card's BAR" upstream "$other" 2 "$client"
	is "$(r ours)" 0 "$1: its pages are not taken for ours"
	is "$(r dma_map_sgtable)" 0 "$1: the DMA API maps them"
	is "$(r dma | cut -d' ' -f1)" "$(printf '0x%x' "$other_start")" "$1: at the bus address of that BAR"
}

upstream_works "before ours"
pci_unbind "$other"

lend "$card" || bail "no card"
is "$(lent_size "$card")" "$(pci_bar_size "$card" 2)" "ours is lent: the refusal of its pages was tried"
must client "$client"
registered=$id
must sgl "$card" 64K
list=$id
errno_is ok "our own map works" map "$list" "$client" from
is "$(r dma | cut -d' ' -f3,4)" "bus 1" "with a bus address"
put_back "$id"
errno_is ok "the DMA API refuses a client without p2pmem" dmamap "$list" "$stranger"
is "$(r dma_map_sgtable)" -121 "it refuses our page (EREMOTEIO)"
errno_is ok "and for a client" dmamap "$list" "$client"
is "$(r dma_map_sgtable)" -121 "whose driver it does not ask"

upstream_works "with ours"
log_mark
errno_is EBUSY "one function cannot register with both" add "$other" 2 4M 0 pool
lines_are "$other" "by the kernel's own P2PDMA" "one line that says why"
is "$(lent_available "$card")" "$((67108864 - 65536))" "ours is as it was"

put_back "$list" "$registered"
pci_unbind "$card"
pci_unbind "$other"
upstream_works "after ours"
pci_unbind "$other"

# a DMA API that gives our pages to everyone
modprobe p2pmem_fail accepts=1 || bail "p2pmem_fail"
log_mark
lend "$card"
is "$(cat /sys/module/p2pmem_fail/parameters/accepted)" 1 "the refusal is tried"
check "memory that is not refused is not lent" test ! -e "/sys/bus/pci/devices/$card/p2pmem/size"
lines_are "$card" "does not refuse it to drivers that do not know it" "one line that says why"
pci_unbind "$card"
echo 0 >/sys/module/p2pmem_fail/parameters/accepts
lend "$card" || bail "no card once more"
is "$(lent_size "$card")" "$(pci_bar_size "$card" 2)" "and is lent where it is refused"
pci_unbind "$card"
done_testing
