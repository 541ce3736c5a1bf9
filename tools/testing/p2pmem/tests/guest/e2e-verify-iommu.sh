#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-verify-iommu.sh: a path that looks right but does not work. Drive and card are below one switch,
# but this machine sends all DMA through an IOMMU, which does not map bus addresses. The self-test
# detects that, the target uses system memory, logs and counts the reason, and the data is right.
# Topology: iommu.topo, with intel_iommu=on.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:iommu
ns=$e2e_stats/$NQN/namespaces/1

# faults of the IOMMU are what this is about; a command that is lost in it makes nvme act
allow 'DMAR: '
allow 'nvme nvme[0-9]+: .*(timeout|abort|Abort|reset|queues)'
e2e_start || bail "the guest cannot be set up"
isnt "$(ls /sys/class/iommu)" "" "there is an IOMMU"
card=$(pci_cards 1) plain=$(nvme_disk plain0)
pci_bind "$card" p2pmem-bar || bail "the card does not lend"
dd if=/dev/urandom of="$plain" bs=4k count=4 oflag=direct 2>/dev/null
log_mark
e2e_watch_tests || bail "no trace events"
e2e_export $NQN 1 "$plain" "$card" || bail "the pair does not look right: there is nothing to be found out"
ok "on paper the drive reaches the card"
e2e_port 0 || bail "port"
disk=$(e2e_connect $NQN) || bail "connect"
check "the self-test ends" wait_for 60 e2e_settled $NQN
is "$(e2e_provider $NQN 1)" "system verify-failed disproved" "it refuses the path"
check "the log names both ends and what was wrong" \
	log_has "using system memory for nsid 1 .*$(nvme_bdf plain0) and $card: verify-failed: .*\(.*\)"
report said "$(log_since | grep -m1 'cannot reach peer-to-peer memory' | sed 's/.*: cannot reach/cannot reach/')"
is "$(stat_of $NQN 1 peer_bytes)" 0 "no data went there"
check "data is right" fio_verify "$disk" --rw=randwrite --bsrange=4k-256k --blockalign=4k --iodepth=16 --size=8m
is "$(stat_of $NQN 1 peer_bytes)" 0 "no data goes through peer memory"
compare "$(stat_of $NQN 1 verify-failed)" -gt 0 "counted as verify-failed"
is "$(stat_all $NQN 1)" "$(host_bytes "$disk")" "every byte is counted"
is "$(stat_of $NQN 1 fallbacks)" \
	$(($(stat_of $NQN 1 verify-failed) + $(stat_of $NQN 1 not-verified))) "no other reason is counted"

# what is known needs no second test
tests=$(e2e_tests)
compare "$tests" -gt 0 "the self-test was an event"
nvme_disconnect_all >/dev/null
echo 0 >"$ns/enable"
echo require >"$ns/p2pmem_verify"
check "it can be enabled, and stays refused" write_attr "$ns/enable" 1
disk=$(e2e_connect $NQN) || bail "connect again"
is "$(e2e_provider $NQN 1)" "system verify-failed disproved" "what was found out is remembered"
is "$(e2e_tests)" "$tests" "without a second test"
check "data is right" fio_verify "$disk" --rw=randwrite --bs=64k --iodepth=8 --size=2m
check "no error at the host" no_host_errors
e2e_stop
done_testing
