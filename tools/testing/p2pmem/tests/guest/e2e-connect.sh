#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-connect.sh: connect, read and disconnect 100 times. Peer memory, objects of the adapter and
# slab memory must not leak. Topology: one-switch.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:connect

# A cache that is shrunk gives up its empty slabs, and with KASAN what was freed and is kept from use.
slab()
{
	echo 3 >/proc/sys/vm/drop_caches
	for c in /sys/kernel/slab/*; do
		[ -L "$c" ] || echo 1 >"$c/shrink"
	done
	awk '/^SUnreclaim/ { print $2 }' /proc/meminfo
}

no_qp()
{
	[ "$(awk '$1 == "qps" { print $2 }' /sys/kernel/debug/p2pmem_rnic/live)" = 0 ]
}

e2e_start || bail "the guest cannot be set up"
card=$(pci_cards 1)
pci_bind "$card" p2pmem-bar || bail "the card does not lend"
e2e_export $NQN 1 "$(nvme_disk plain0)" 1 || bail "namespace"
e2e_port 0 || bail "port"
log_mark

good=0
for n in $(seq 100); do
	disk=$(e2e_connect $NQN --nr-io-queues=1) || break
	dd if="$disk" of=/dev/null bs=64k count=1 iflag=direct 2>/dev/null || break
	nvme_disconnect $NQN >/dev/null || break
	good=$n
	[ "$n" != 20 ] || { wait_for 20 no_qp; middle=$(slab); }
done
is "$good" 100 "100 connections, each with a read"
check "the adapter has no queue pair left" wait_for 20 no_qp
end=$(slab)
diag "unreclaimable slab: $middle KiB after 20, $end KiB after 100"
compare $((end - middle)) -lt 512 "slab memory does not grow from round 20 to 100"
is "$(cat "/sys/bus/pci/devices/$card/p2pmem/available")" \
	"$(cat "/sys/bus/pci/devices/$card/p2pmem/size")" "the provider has all of its memory back"
check "no error at the host" no_host_errors
e2e_stop
done_testing
