#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Number of executed instructions to use peer memory for a request, with tracing off. Run it with
# ICOUNT=1, where a tick of the time stamp counter is one instruction. Topology: topologies/core.

set -u
. /lib/p2pmem.sh
. /lib/tool.sh

# What 4 KiB and 128 KiB took before counters per pair, quota and trace events were there, all
# steps together, and the 5 % that these may add
before_4k=1622 before_128k=1839

load_modules p2pmem-bar p2pmem_tool || bail "modules"
card=$(pci_cards 1)
one=$(pci_adapters 1) two=$(pci_drives 1)
lend "$card" || bail "no card"
must client "$one"
must client "$two"

# measure LEN BEFORE
measure()
{
	must speed "$card" "$one" "$two" 2000 "$1"
	diag "$1: $(r | tr '\n' ' ')"
	compare "$(r lookup)" -gt 5 "$1: a look-up takes instructions"
	compare "$(r lookup)" -le 60 "$1: a look-up of a cached verdict takes at most 60 instructions"
	compare "$(r all)" -le $(($2 * 105 / 100)) "$1: all steps together take at most $2 instructions plus 5 %"
}

measure 4096 $before_4k
measure 131072 $before_128k
done_testing
