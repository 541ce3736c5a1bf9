#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-remove-target.sh: the target is removed while a host does I/O: namespace disabled and
# enabled again, port unlinked, subsystem and modules removed. Nothing hangs, all memory is
# freed, and the modules can be loaded again. Topology: one-switch.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:target

all_back()
{
	[ "$(cat "/sys/bus/pci/devices/$card/p2pmem/available")" = "$(cat "/sys/bus/pci/devices/$card/p2pmem/size")" ]
}

e2e_start || bail "the guest cannot be set up"
allow 'nvme nvme[0-9]+: '
allow 'nvme[0-9]+n[0-9]+: '
allow 'I/O error, dev nvme'
allow 'Buffer I/O error'
card=$(pci_cards 1)
pci_bind "$card" p2pmem-bar || bail "the card does not lend"

for round in 1 2; do
	e2e_export $NQN 1 "$(nvme_disk plain0)" "$card" || bail "namespace, round $round"
	e2e_port 0 || bail "port, round $round"
	disk=$(e2e_connect $NQN --ctrl-loss-tmo=5 --reconnect-delay=1) || bail "connect, round $round"
	check "round $round: I/O works" fio_verify "$disk" --rw=write --bs=64k --iodepth=8 --size=2m

	fio_load "$disk" 4
	sleep 1
	check "round $round: the namespace is disabled during I/O" \
		bounded 30 write_attr "$e2e_stats/$NQN/namespaces/1/enable" 0
	check "round $round: all memory is back" wait_for 5 all_back
	kill -9 "$fio_pid" 2>/dev/null
	wait "$fio_pid" 2>/dev/null
	check "round $round: enabled again" \
		bounded 30 write_attr "$e2e_stats/$NQN/namespaces/1/enable" 1

	disk=$(nvme_host_disk $NQN) || bail "the disk does not come back"
	fio_load "$disk" 6
	sleep 1
	check "round $round: the target is removed during I/O" bounded 60 nvmet_remove_all
	check "round $round: all memory is back" wait_for 10 all_back
	kill -9 "$fio_pid" 2>/dev/null
	nvme_disconnect_all >/dev/null
	wait "$fio_pid" 2>/dev/null
	wait_for 10 rmmod nvmet_rdma nvmet
	check "round $round: the modules are loaded again" modprobe nvmet-rdma
done
done_testing
