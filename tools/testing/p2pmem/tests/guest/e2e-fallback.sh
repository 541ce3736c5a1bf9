#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-fallback.sh: peer memory is requested, but not possible: the data goes through system
# memory and is counted under the right reason only. The kernel parameter selects the case:
# p2pmem.case=REASON:ADAPTER, with "rxe", "virt" or "real" as adapter (tests/list).

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:fallback
special=$(tr " " "\n" </proc/cmdline | sed -n "s/^p2pmem\.case=//p")
EXPECT=${special%%:*}
ADAPTER=${special#*:}

case $ADAPTER in
rxe)
	load_modules p2pdma p2pmem-bar nvme nvmet-rdma nvme-rdma rdma_rxe || bail "modules"
	net_setup || bail "network"
	rdma link add rxe0 type rxe netdev p2pnet0 || bail "no rxe"
	wait_for 20 e2e_drives_there ;;
virt)
	rnic_parameters=virt_dma=1
	e2e_start || bail "the guest cannot be set up" ;;
*)
	e2e_start || bail "the guest cannot be set up" ;;
esac
[ "$ADAPTER" != virt ] ||
	isnt "$(cat /sys/class/infiniband/rnic0/device/vendor)" "" "the adapter has a PCI parent, and no DMA device"
card=$(pci_cards 1)
pci_bind "$card" p2pmem-bar || bail "the card does not lend"
log_mark
e2e_export $NQN 1 "$(nvme_disk plain0)" 1 || bail "with 1, enabling succeeds whatever there is"
ok "with 1, enabling succeeds"
e2e_port 0 || bail "port"
disk=$(e2e_connect $NQN) || bail "connect"
check "data is right" fio_verify "$disk" --rw=randwrite --bsrange=4k-256k --blockalign=4k --iodepth=16 --size=8m
is "$(stat_of $NQN 1 peer_bytes)" 0 "no byte in peer memory"
compare "$(stat_of $NQN 1 "$EXPECT")" -gt 0 "counted as $EXPECT"
is "$(stat_of $NQN 1 fallbacks)" "$(stat_of $NQN 1 "$EXPECT")" "counted under no other reason"
is "$(stat_all $NQN 1)" "$(host_bytes "$disk")" "every byte is counted"
check "the log names the reason" log_has "$EXPECT"
check "no error at the host" no_host_errors
report reason "$(log_since | grep -m1 'using system memory' | sed 's/.*nvmet: //')"
e2e_stop
done_testing
