#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-full-pool.sh: a provider of 2 MiB at depth 32. When it is full, requests go through system
# memory and are counted, the data is right and the host sees no error.
# Topology: one-switch.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:full

rnic_parameters=hold_us=200
e2e_start || bail "the guest cannot be set up"
card=$(pci_cards 1)
echo 2M >/sys/module/p2pmem_bar/parameters/size
pci_bind "$card" p2pmem-bar || bail "the card is no provider"
is "$(cat "/sys/bus/pci/devices/$card/p2pmem/size")" 2097152 "it lends 2 MiB"
e2e_export $NQN 1 "$(nvme_disk plain0)" "$card" p2pmem_verify=off || bail "namespace"
e2e_port 0 || bail "port"
disk=$(e2e_connect $NQN) || bail "connect"
log_mark
check "256 KiB at depth 32" fio_verify "$disk" --rw=randwrite --bs=256k --iodepth=32 --size=16m
check "odd sizes at depth 32" \
	fio_verify "$disk" --rw=randwrite --bsrange=4k-512k --blockalign=4k --iodepth=32 --size=16m
compare "$(stat_of $NQN 1 pool-full)" -gt 0 "requests found the pool full"
compare "$(stat_of $NQN 1 peer_bytes)" -gt 0 "other requests used peer memory"
compare "$(stat_of $NQN 1 system_bytes)" -gt 0 "the rest used system memory"
is "$(stat_of $NQN 1 fallbacks)" "$(stat_of $NQN 1 pool-full)" "a full pool is the only reason"
is "$(stat_all $NQN 1)" "$(host_bytes "$disk")" "peer + inline + system is all that the host moved"
check "no error at the host" no_host_errors
check "the log says once that system memory is used" log_has 'using system memory instead of peer-to-peer memory \(pool-full\)'
peak=$(awk -v c="$card" 'NR == 1 { for (i = 1; i <= NF; i++) n[$i] = i; next }
	$1 == c && $n["peak"] > p { p = $n["peak"] }
	END { print p + 0 }' /sys/kernel/debug/p2pmem/counters)
compare "$peak" -gt 0 "the peak of a pair is counted"
compare "$peak" -le 2097152 "and is never more than the provider has ($peak)"
e2e_stop
is "$(cat "/sys/bus/pci/devices/$card/p2pmem/available")" 2097152 "all peer memory is freed"
done_testing
