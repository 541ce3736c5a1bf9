#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# All (provider, client) pairs of a topology: reason, mapping, distance, device at fault, and
# the provider that is found. The kernel parameter core.topology=NAME has the name of the
# topology.
#
# Providers: card (ivshmem, by p2pmem-bar) and cmb (the drive with a CMB, by p2pmem_tool).
# Clients: the adapters a0, a1 in order of their positions, cmb, and the drive without
# a CMB. Adapters and functions without a driver reach 32 bits, unless noted.

set -u
. /lib/p2pmem.sh
. /lib/tool.sh

topology=$(tr ' ' '\n' </proc/cmdline | sed -n 's/^core\.topology=//p')
load_modules p2pmem-bar p2pmem_tool || bail "modules"
card=$(pci_cards 1)
a0=$(pci_adapters 1) a1=$(pci_adapters 2) cmb=$(pci_drives 1) plain=$(pci_drives 2)

# Expected results of each topology: provider, client, reason, mapping, distance, at
case $topology in
one-switch)
	table="
	card a0    ok bus 4
	card a1    ok bus 4
	card cmb   ok bus 4
	card plain ok bus 4
	cmb  a0    ok bus 4
	cmb  cmb   ok bus 0
	cmb  plain ok bus 4"
	;;
two-switches)
	table="
	card a0    ok bus 8
	card a1    ok bus 4
	card cmb   ok bus 8
	card plain ok bus 4
	cmb  a0    ok bus 4
	cmb  a1    ok bus 8
	cmb  cmb   ok bus 0
	cmb  plain ok bus 8"
	;;
two-root-ports)
	table="
	card a0    host-bridge none 8 pci0000:00
	card a1    ok bus 4
	card cmb   host-bridge none 8 pci0000:00
	card plain ok bus 4
	cmb  a0    ok bus 4
	cmb  a1    host-bridge none 8 pci0000:00
	cmb  cmb   ok bus 0
	cmb  plain host-bridge none 8 pci0000:00"
	;;
epyc-two-root-ports)
	table="
	card a0    ok host 8
	card a1    ok bus 4
	card cmb   ok host 8
	card plain ok bus 4
	cmb  a0    ok bus 4
	cmb  a1    ok host 8
	cmb  cmb   ok bus 0
	cmb  plain ok host 8"
	;;
two-host-bridges)
	table="
	card a0    host-bridge none 8 pci0000:80
	card a1    ok bus 4
	card cmb   host-bridge none 8 pci0000:80
	cmb  a0    ok bus 4
	cmb  a1    host-bridge none 8 pci0000:00
	cmb  cmb   ok bus 0
	cmb  plain ok bus 4"
	;;
epyc-two-host-bridges)
	table="
	card a0    ok host 8
	card a1    ok bus 4
	card cmb   ok host 8
	cmb  a0    ok bus 4
	cmb  a1    ok host 8
	cmb  cmb   ok bus 0"
	;;
bar-above-4g)
	table="
	card a0    dma-mask none 4
	card cmb   dma-mask none 4
	card plain dma-mask none 4
	cmb  a0    dma-mask none 4
	cmb  cmb   dma-mask none 0
	cmb  plain dma-mask none 4"
	;;
*)
	bail "no table for topology '$topology'"
	;;
esac

# pair PROVIDER CLIENT REASON MAPPING DISTANCE [AT]
pair()
{
	eval "p=\$$1 c=\$$2"
	# shellcheck disable=SC2154	# by eval
	if [ -z "$p" ] || [ -z "$c" ]; then
		not_ok "$1 for $2" "the topology has no such device"
		return
	fi
	must verdict "$p" "$c"
	is "$(r reason) $(r mapping) $(r distance) $(r at)" "$3 $4 $5 ${6:-}" "$1 for $2: $3, $4, $5 hops"
	case $3 in
	ok)	want=ok ;;
	not-a-client)	want=EOPNOTSUPP ;;
	*)	want=EXDEV
		like "$(r text)" "^$c and $p: $3: .+; .+" "$1 for $2: the text has both ends and a remedy"
		;;
	esac
	errno_is $want "$1 for $2: distance returns $want" distance "$p" "$c"
	[ $want != ok ] || is "$(r)" "$5" "$1 for $2: distance $5"
	t alloc "$p" 8192 || bail "no memory of $1"
	pair_m=$id
	errno_is $want "$1 for $2: mapping returns $want" map "$pair_m" "$c" both
	if [ $want = ok ] && [ "$tool_err" = ok ]; then
		is "$(r dma | sed 's/.* //')" "$([ "$4" = bus ] && echo 1 || echo 0)" "$1 for $2: mapped by $4"
		put_back "$id"
	fi
	put_back "$pair_m"
}

# found WANTED CLIENT...: that provider must be found
found()
{
	want_p=$1
	shift
	found_names=$*
	found_c=
	for c; do
		eval "found_c=\"\$found_c \$$c\""
	done
	if [ "$want_p" = none ]; then
		# shellcheck disable=SC2086
		errno_is ENODEV "no provider is found for $found_names" find $found_c
		return
	fi
	eval "want_p=\$$want_p"
	# shellcheck disable=SC2086
	t find $found_c || :
	is "$(r)" "$want_p" "the right provider is found for $found_names"
}

unpublished_first()
{
	found none a0
	must publish "$card" 1
	must publish "$cmb" 1
}

bind_to "$card" p2pmem-bar
bind_to "$cmb" p2pmem_tool
must add "$cmb" 2 0 0 pool
must publish "$card" 0
for c in "$a0" "$cmb" "$plain"; do
	[ -n "$c" ] || continue
	must verdict "$card" "$c"
	is "$(r reason)" not-a-client "$c: the reason is not-a-client before registration"
done
for c in "$a0" "$a1" "$cmb" "$plain"; do
	[ -z "$c" ] || must client "$c"
done
unpublished_first

while read -r row; do
	[ -n "$row" ] || continue
	# shellcheck disable=SC2086	# a row of words
	pair $row
done <<-E2
	$table
E2

# --- the choice ----------------------------------------------------------------------
case $topology in
one-switch)
	found cmb cmb			# its own memory is nearest
	found cmb a0 cmb		# the same function goes first
	must alloc "$card" 1M
	found cmb a0			# equally near: the one with more free
	must alloc "$cmb" 2M
	found card a0
	must publish "$card" 0
	found cmb a0
	must publish "$cmb" 0
	found none a0
	;;
two-switches)
	found cmb a0
	found card a1
	found cmb a0 cmb
	found card a1 plain
	;;
two-root-ports | two-host-bridges)
	found cmb a0
	found card a1
	found none a0 a1
	errno_is ENODEV "no grant for both" grant any test "$a0" "$a1"
	is "$(r reason)" host-bridge "and why"
	;;
epyc-two-root-ports | epyc-two-host-bridges)
	found cmb a0
	found card a1
	must alloc "$card" 1M
	found cmb a0 a1			# equal: the one with more free
	must alloc "$cmb" 2M
	found card a0 a1
	found cmb cmb a0		# by bus addresses, before the host bridge
	errno_is ok "a grant for both" grant any test "$a0" "$a1"
	;;
bar-above-4g)
	size=$(lent_size "$card")
	compare "$(pci_bar_start "$card" 2)" -ge 4294967296 "the card's BAR is above 4 GiB"
	must verdict "$card" "$a0"
	end=$(printf '0x%x' $(($(pci_bar_start "$card" 2) + size - 1)))
	is "$(r limit) $(r needed)" "0xffffffff $end" "limit of the client and end of the memory"
	like "$(r text)" "-$end] exceeds the client's 32-bit DMA mask; place the provider's BAR below" "both are in the text"
	found none a0			# the firmware puts the CMB above 4 GiB as well
	errno_is ENODEV "no grant" grant any test "$a0"
	is "$(r reason)" dma-mask "and why"
	must mask "$plain" 64
	pair card plain ok bus 4
	pair cmb plain ok bus 4
	found card plain		# equally near: the one with more free
	must mask "$plain" 32
	pair card plain dma-mask none 4
	must mask "$plain" 44
	pair card plain ok bus 4
	;;
esac
must objects
# shellcheck disable=SC2046	# one word a number
put_back $(r | cut -d' ' -f1)
pci_release "$card"
pci_release "$cmb"
rmmod p2pmem_tool
done_testing
