#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Mapping below one switch: addresses, wrong lists, wrong clients, lost providers, DMA
# masks, ranges of regions, and the balance of mappings. Topology: topologies/core.

set -u
. /lib/p2pmem.sh
. /lib/tool.sh

load_modules p2pmem-bar p2pmem_tool || bail "modules"
card=$(pci_cards 1) other=$(pci_cards 2) client=$(pci_adapters 1) second=$(pci_adapters 2)
stranger=$(pci_drives 1)
bar_params size=4M
lend "$card" || bail "no card"
bar_params
must add "$card" 2 4M 4M pool
must add "$card" 0 256 0 registers
start=$(pci_bar_start "$card" 2)
must client "$client"
registered=$id
must client "$second"

# --- addresses -----------------------------------------------------------------------
bus=$(($(setpci -s "$card" 18.l | sed 's/^/0x/') & ~0xf))
is $bus "$start" "this machine's bus addresses are physical ones"
must alloc "$card" 4M
first=$id
base=$(r seg | sed 's/.*phys //')
must sgl "$card" 100000
list=$id
addr=$(r seg | cut -d' ' -f1)
# which range is used first is the allocator's business
low=$first high=$list
[ $((base)) = "$start" ] || { low=$list high=$first; }
is "$(r seg)" "$(printf '0x%x 100000 phys 0x%x' $((2 * bus + 0x400000 - base)) $((2 * start + 0x400000 - base)))" \
	"memory of the other range has the right address"
maps=0
for dir in to from both; do
	errno_is ok "map it $dir" map "$list" "$client" $dir
	is "$(r nents)" "1 of 1" "$dir: one entry"
	is "$(r dma)" "$addr 100000 bus 1" "$dir: the bus address of the BAR plus the offset"
	put_back "$id"
	maps=$((maps + 1))
done
errno_is ok "map for a first client" map "$list" "$client" from
one=$id
errno_is ok "map for a second client at the same time" map "$list" "$second" from
put_back "$one" "$id"
maps=$((maps + 1))
errno_is ok "map a custom list" maplist "$client" to "$list:8192:4096" "$list:0:100" "$first:12345:60000"
is "$(r nents)" "3 of 3" "three entries, not merged"
is "$(r | sed -n 's/^dma //p' | tail -n 1)" "$(printf '0x%x 60000 bus 1' $((base + 12345)))" "odd offsets are kept"
put_back "$id"
maps=$((maps + 1))
must kind "$list:0:4096" "$first:0:4096"
is "$(r)" 1 "a list over two ranges of one provider is of one kind"
errno_is ok "a list over two ranges of one provider is mapped" maplist "$client" to "$list:0:4096" "$first:0:4096"
put_back "$id"
maps=$((maps + 1))

# --- wrong lists ---------------------------------------------------------------------
lend "$other" || bail "no second card"
must alloc "$other" 64K
alien=$id
for specs in "ram" "ram ram" "$list:0:4096 ram" "ram $list:0:4096" "$list:0:4096 ram $list:4096:4096" \
	"$list:0:4096 $alien:0:4096" "$alien:0:4096 $list:0:4096" "$list:0:4096 $alien:0:4096 $list:4096:4096" \
	"$list:0:4096 $list:4096:4096 $list:8192:4096 ram" ""; do
	# shellcheck disable=SC2086	# one word an entry
	errno_is EINVAL "list '$specs' is refused" maplist "$client" to $specs
done
for specs in "$list:0:4096 ram" "ram $list:0:4096" "$list:0:4096 $alien:0:4096" "$alien:0:4096 $list:0:4096"; do
	# shellcheck disable=SC2086
	errno_is EINVAL "list '$specs' is mixed" kind $specs
done
must kind ram ram
is "$(r)" 0 "RAM is not peer memory"
must kind
is "$(r)" 0 "an empty list is not peer memory"
errno_is EINVAL "an entry beyond the last range" maplist "$client" to "$high:4190208:8192"
errno_is EINVAL "an entry from a range to beyond the last one" maplist "$client" to "$list:0:4096" "$high:0:4194305"
# the ranges are adjacent, and a block layer may have joined their pages
errno_is ok "an entry that goes on in the next range" maplist "$client" to "$low:4190208:8192"
is "$(r | sed -n 's/^dma //p')" "$(printf '0x%x 8192 bus 1' $((start + 4190208)))" "its bus address is that of its begin"
put_back "$id"
maps=$((maps + 1))
put_back "$alien"
pci_unbind "$other"
must foreign "$other" 2 16M
alien=$id
errno_is EINVAL "ZONE_DEVICE pages of another driver are refused" maplist "$client" to "$alien:0:4096"
errno_is EINVAL "a list with pages of p2pmem and of another driver is refused" maplist "$client" to "$list:0:4096" "$alien:0:4096"
errno_is EINVAL "a list with pages of p2pmem and of another driver is mixed" kind "$list:0:4096" "$alien:0:4096"
put_back "$alien"

# --- wrong clients -------------------------------------------------------------------
errno_is EOPNOTSUPP "map for a function that is not registered" map "$list" "$stranger" to
errno_is EOPNOTSUPP "map without a DMA device" map "$list" none to
errno_is EOPNOTSUPP "map for an unregistered device that is not PCI" map "$list" soft to
errno_is EOPNOTSUPP "registering a client without a DMA device fails" client none
must client soft
soft=$id
errno_is EXDEV "map for a registered device that is not PCI" map "$list" soft to
must verdict "$card" soft
is "$(r reason)" not-pci "and why"
put_back "$soft"
must client "$stranger"
errno_is ok "map for the function after its registration" map "$list" "$stranger" to
put_back "$id"
must objects
put_back "$(r | sed -n "s/ client for $stranger\$//p")"
errno_is EOPNOTSUPP "map fails after it is unregistered" map "$list" "$stranger" to
must verdict "$card" "$stranger"
is "$(r reason)" not-a-client "and why"
must verdict "$card" none
is "$(r reason)" no-dma-device "without a DMA device the reason is no-dma-device"
errno_is EINVAL "distance without clients fails" distance "$card"
errno_is EOPNOTSUPP "distance with an unregistered client fails" distance "$card" "$client" "$stranger"
errno_is ENODEV "distance to a function that is no provider fails" distance "$other" "$client"
must distance "$card" "$client" "$second"
is "$(r)" 9 "distances are added"
must client-of "$client"
is "$(r)" "$client" "client-of returns the registered client"
errno_is ENODEV "client-of an unregistered function fails" client-of "$stranger"

# --- DMA masks, at run time ------------------------------------------------------------
errno_is ok "mapped with 32 bits" map "$list" "$client" from
mapped=$id
if [ "$(uname -m)" = aarch64 ]; then
	# nor does the kernel take one with which a device reaches none of it
	skip "a DMA mask of 28 bits" "the memory of this machine begins at 1 GiB"
else
	must mask "$client" 28
	must verdict "$card" "$client"
	is "$(r reason) $(r mapping)" "dma-mask none" "a DMA mask of 28 bits takes effect at once"
	is "$(r limit) $(r needed)" "$(printf '0xfffffff 0x%x' $((start + 0x7fffff)))" "the verdict has both addresses"
	like "$(r text)" "$client and $card: dma-mask: .*-$(printf '0x%x' $((start + 0x7fffff)))] exceeds the client's 28-bit DMA mask; " \
		"and are in the text, with both ends"
	errno_is EXDEV "mapping with 28 bits is refused" map "$list" "$client" from
	errno_is EXDEV "distance with 28 bits is refused" distance "$card" "$client"
fi
put_back "$mapped"
for bits in 32 44 64; do
	must mask "$client" $bits
	must verdict "$card" "$client"
	is "$(r reason) $(r mapping)" "ok bus" "a DMA mask of $bits bits takes effect at once"
	errno_is ok "$bits bits: mapped" map "$list" "$client" from
	put_back "$id"
	maps=$((maps + 1))
done
must mask "$client" 32
maps=$((maps + 1))

# --- ranges of regions -----------------------------------------------------------------
regs=$(pci_bar_start "$card" 0)
errno_is ok "map a doorbell" region "$client" "$card" 0 64 4 to
is "$(r dma)" "$(printf '0x%x 4 bus 1' $((regs + 64)))" "is where it must be"
put_back "$id"
errno_is ok "map a range of memory" region "$client" "$card" 2 6M 1M both
is "$(r dma)" "$(printf '0x%x 1048576 bus 1' $((start + 6 * 1048576)))" "is where it must be"
put_back "$id"
maps=$((maps + 2))
while read -r err bar offset size why; do
	errno_is "$err" "region BAR $bar, $size at $offset: $why" region "$client" "$card" "$bar" "$offset" "$size" to
done <<-E2
	EINVAL 0 256 1 beyond the end
	EINVAL 0 0 257 over the end
	EINVAL 0 255 2 over the end
	EINVAL 0 0 0 empty
	EINVAL 2 3M 2M over two ranges
	EINVAL 2 8M 4096 not lent
	EINVAL 1 0 4 no such BAR
	EINVAL -1 0 4 negative BAR
	EINVAL 9 0 4 no such BAR
	EINVAL 0 4 18446744073709551615 wraps
	EINVAL 0 18446744073709551615 4 wraps
E2
errno_is ENODEV "region of a function that is no provider fails" region "$client" "$other" 2 0 4 to
errno_is EOPNOTSUPP "region for an unregistered client fails" region "$stranger" "$card" 0 0 4 to
errno_is EOPNOTSUPP "region without a DMA device fails" region none "$card" 0 0 4 to

# --- lost and back ---------------------------------------------------------------------
errno_is ok "memory is mapped before it is lost" map "$list" "$client" from
mapped=$id
maps=$((maps + 1))
log_mark
must lost "$card"
is "$(lines "$card" "peer-to-peer memory lost")" 1 "a loss is logged"
errno_is ENODEV "lost memory is not mapped" map "$list" "$client" from
errno_is ENODEV "a lost region is not mapped" region "$client" "$card" 0 64 4 to
errno_is ENOMEM "lost memory is not allocated" alloc "$card" 4096
errno_is ENOMEM "lost memory is not allocated as a list" sgl "$card" 4096
is "$(lent_published "$card")" 0 "a lost provider is not published"
must verdict "$card" "$client"
is "$(r reason)" provider-revoked "the reason is provider-revoked"
errno_is ENODEV "distance to a lost provider fails" distance "$card" "$client"
must lost-list "$list"
is "$(r)" 1 "the list is marked as lost"
must resume "$card"
errno_is ENOMEM "no allocation while old memory is allocated" alloc "$card" 4096
errno_is ENODEV "old memory is not mapped" map "$list" "$client" from
put_back "$mapped" "$list"
errno_is ENOMEM "no allocation while some old memory is allocated" alloc "$card" 4096
must events
before=$(r providers)
put_back "$first"
errno_is ok "allocation works when all old memory is freed" alloc "$card" 4096
put_back "$id"
is "$(lent_published "$card")" 1 "the provider is published again"
announced() { t events && [ "$(r providers)" = $((before + 1)) ]; }
check "the provider is announced by a uevent" wait_for 5 announced
must sgl "$card" 4096
list=$id
must lost-list "$list"
is "$(r)" 0 "new memory is not lost"
errno_is ok "new memory can be mapped" map "$list" "$client" from
put_back "$id"
maps=$((maps + 1))

# --- balance -------------------------------------------------------------------------
log_mark
put_back "$registered"
is "$(lines "$card" "$maps mappings of its peer-to-peer memory for $client were made and undone\$")" 1 \
	"all $maps mappings were undone, and the log says so"
is "$(lines "$card" "forgot")" 0 "none was forgotten"
must client "$client"
registered=$id
must map "$list" "$client" from
put_back "$id"
must map "$list" "$client" from
must forget "$id"
log_mark
put_back "$registered"
is "$(lines "$card" "2 mappings of its peer-to-peer memory for $client were made, 1 undone: a driver forgot some")" 1 \
	"negative control: a mapping that was never undone is logged"
must client "$client"
must map "$list" "$client" from
must forget "$id"
put_back "$list"
log_mark
pci_unbind "$card"
is "$(lines "$card" "1 mappings .* 0 undone: a driver forgot some")" 1 "also when the provider goes first"
rmmod p2pmem_tool
done_testing
