#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Executed instructions of what a storage target does with peer memory, for bench/bench.py: run
# with ICOUNT=1. Each line "bench STATE LENGTH STEP VALUE" is one figure. Topology: topologies/core.

set -u
. /lib/p2pmem.sh
. /lib/tool.sh

load_modules p2pmem-bar p2pmem_tool || bail "modules"
card=$(pci_cards 1)
one=$(pci_adapters 1) two=$(pci_drives 1)
lend "$card" || bail "no card"
must client "$one"
must client "$two"

# figures STATE ROUNDS LENGTH...: skips a length that the pool cannot have in this state
figures()
{
	state=$1 rounds=$2
	shift 2
	for len; do
		if t speed "$card" "$one" "$two" "$rounds" "$len" "$state"; then
			r | sed "s/^/bench $state $len /"
		elif [ "$tool_err" != ENOMEM ]; then
			bail "speed $len $state: $tool_err"
		fi
	done
}

must speed "$card" "$one" "$two" 10 4096 0
figures 0 500 4096 65536 131072 1048576
figures 50 100 4096 65536 131072 1048576
figures 90 100 4096 65536 131072 1048576
figures 99 100 4096 65536 131072
figures odd 100 4096 65536 131072 1048576
check "all of the pool is free" test "$(cat "/sys/bus/pci/devices/$card/p2pmem/available")" = \
	"$(cat "/sys/bus/pci/devices/$card/p2pmem/size")"
done_testing
