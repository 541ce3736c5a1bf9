#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A card of 64 GiB in a machine with 1 GiB: lending all of it is refused before any page is
# allocated, with the cost and the size that fits. Lending that size succeeds.
# Topology: topologies/big-card.

set -u
. /lib/p2pmem.sh

load_modules p2pmem-bar || bail "modules"
card=$(pci_cards 1)
size=/sys/module/p2pmem_bar/parameters/size

log_mark
refuses "the whole card is refused" "is not bound" pci_bind "$card" p2pmem-bar
check "with the cost and what is available" log_has \
	"$card: cannot register 65536 MiB of BAR 2: its struct pages need 1024 MiB, more than half of the available [0-9]+ MiB of memory; [0-9]+ MiB would fit\$"
check "and how to lend less" log_has "$card: not enough memory to lend BAR 2: load p2pmem-bar with a smaller size="
is "$(log_since | grep -E -c "page allocation failure|Out of memory|another cache mode")" 0 "no page was allocated"
fits=$(dmesg | sed -n 's/.* \([0-9]*\) MiB would fit.*/\1/p' | tail -n 1)
compare "${fits:-0}" -gt 64 "some memory fits"
compare "${fits:-0}" -lt 65536 "less than all memory fits"
# less memory may be free now
echo "$((fits * 3 / 4))M" >$size
check "three quarters of what fits is lent" pci_bind "$card" p2pmem-bar
# shellcheck disable=SC2017	# whole blocks of 2 MiB
is "$(cat "/sys/bus/pci/devices/$card/p2pmem/size")" "$((fits * 3 / 4 / 2 * 2097152))" "all of it is lent"
check "the log says what they cost" log_has "struct pages for [0-9]+ MiB of BAR 2 use [0-9]+ of the available [0-9]+ MiB of memory"
pci_release "$card"
done_testing
