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
attributes=/sys/bus/pci/devices/$card/p2pmem

# quota BYTES: what each client may have
quota()
{
	echo "$1" >"$attributes/quota" || bail "a quota of $1"
}

# figures STATE ROUNDS LENGTH...: skips a length that the pool cannot have in this state; "scarce" is an
# empty pool
figures()
{
	state=$1 rounds=$2
	shift 2
	for len; do
		[ "$state" != scarce ] || quota "$len"
		if t speed "$card" "$one" "$two" "$rounds" "$len" "$(echo "$state" | sed 's/scarce/0/')"; then
			r | sed "s/^/bench $state $len /"
		elif [ "$tool_err" != ENOMEM ]; then
			bail "speed $len $state: $tool_err"
		fi
	done
}

# never reached
quota $(($(cat "$attributes/size") / 2))
must speed "$card" "$one" "$two" 10 4096 0
figures 0 500 4096 65536 131072 1048576
figures 50 100 4096 65536 131072 1048576
figures 90 100 4096 65536 131072 1048576
figures 99 100 4096 65536 131072
figures odd 100 4096 65536 131072 1048576
# one request is all that a client may have: no CPU has credit in advance
figures scarce 100 4096 131072
check "all of the pool is free" test "$(cat "$attributes/available")" = "$(cat "$attributes/size")"
done_testing
