#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-fio.sh: position-sensitive verification through the target. Two namespaces on two
# providers (the memory card; the drive's own CMB), inline data off and on, 4 KiB to
# 1 MiB, sequential and random, depth 32, and finally two hosts at the same time. The counters
# must have every byte of the hosts exactly once. Topology: one-switch.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:fio

round()
{
	for bs in 4k 64k 1m; do
		check "$1: card, $bs sequential" fio_verify "$2" --rw=write --bs=$bs --iodepth=32 --size=8m
		check "$1: CMB, $bs random" fio_verify "$3" --rw=randwrite --bs=$bs --iodepth=32 --size=8m
	done
	check "$1: 4 KiB to 1 MiB random" \
		fio_verify "$2" --rw=randwrite --bsrange=4k-1m --blockalign=4k --iodepth=32 --size=16m
	check "$1: read back in another order" \
		fio_verify "$2" --rw=randread --bs=128k --iodepth=32 --size=8m
}

# the counters of namespace $1 must match those of the host's disk
agree()
{
	is "$(stat_all $NQN "$1")" "$(($(host_bytes "$2") - $3 + $4))" "$5: peer + inline + system is all that the host moved"
}

e2e_start || bail "the guest cannot be set up"
card=$(pci_cards 1)
pci_bind "$card" p2pmem-bar || bail "the card does not lend"
d0=$(nvme_disk cmb0) d1=$(nvme_disk plain0) cmb=$(nvme_bdf cmb0)

e2e_export $NQN 1 "$d1" "$card" p2pmem_verify=off || bail "namespace 1"
e2e_export $NQN 2 "$d0" "$cmb" p2pmem_verify=off || bail "namespace 2"
e2e_port 0 || bail "port"
one=$(e2e_connect $NQN) || bail "connect"
two=$(nvme_host_disk $NQN 2) || bail "second disk"
round "inline off" "$one" "$two"
is "$(stat_of $NQN 1 fallbacks)" 0 "no fallback on the card"
is "$(stat_of $NQN 2 fallbacks)" 0 "no fallback on the CMB"
is "$(stat_of $NQN 1 system_bytes)" 0 "nothing in system memory on the card"
agree 1 "$one" 0 0 "card"
agree 2 "$two" 0 0 "CMB"
before1=$(stat_all $NQN 1) before2=$(stat_all $NQN 2)
nvme_disconnect_all >/dev/null
nvmet_unlink 1 $NQN
nvmet_remove_port 1

e2e_port 16384 || bail "port with inline data"
one=$(e2e_connect $NQN) || bail "connect with inline data"
two=$(nvme_host_disk $NQN 2) || bail "second disk"
round "inline on" "$one" "$two"
compare "$(stat_of $NQN 1 inline_bytes)" -gt 0 "small writes used inline data"
agree 1 "$one" 0 "$before1" "card, inline"
agree 2 "$two" 0 "$before2" "CMB, inline"

# a second host, at the same time
# (nvme-cli 2.3 takes any second connection to a subsystem for a duplicate: not by it)
write_attr /dev/nvme-fabrics "transport=rdma,traddr=10.0.0.1,trsvcid=4420,nqn=$NQN,hostnqn=nqn.2026-01.test:host2,hostid=22222222-3333-4444-5555-666666666666" ||
	bail "second host"
one2=$(nvme_host_disk $NQN 1 2) || bail "no disk of the second host"
isnt "$one2" "$one" "the second host has a disk of its own"
fio_load "$one" 4 --offset=0 --size=8m
check "the second host, while the first one works" \
	fio_verify "$one2" --rw=randwrite --bs=64k --iodepth=32 --offset=16m --size=8m
fio_done "the first host"
is "$(stat_of $NQN 1 fallbacks)" 0 "no fallback with two hosts"
e2e_stop
is "$(cat "/sys/bus/pci/devices/$card/p2pmem/available")" \
	"$(cat "/sys/bus/pci/devices/$card/p2pmem/size")" "the card has all of its memory back"
done_testing
