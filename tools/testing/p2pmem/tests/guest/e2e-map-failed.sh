#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-map-failed.sh: the IOMMU temporarily cannot map peer memory. Some mappings of the drive, then of
# the adapter, then of both fail, and finally all mappings. Pairs count them. After a failed mapping for the
# adapter the request uses system memory. After one for the drive the host repeats the request, and requests
# of the next second use system memory. The host sees no error, the data is right, no path is disproved,
# and peer memory is used again afterwards. Topology: iommu-host.topo, with intel_iommu=on.
#
# Without an I/O scheduler the drive's driver tries a plugged request again at once, so two mappings in a row
# have to fail. Kernels differ in the scheduler that they choose: none here.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:map-failed
fail=/sys/module/p2pmem_fail/parameters

# map_failures: prints the number of failed mappings of all pairs of the card
map_failures()
{
	sed -n "s/^$card .*[ ,]map-failed=\([0-9]*\).*/\1/p" /sys/kernel/debug/p2pmem/counters | awk '{ n += $1 } END { print n + 0 }'
}

# Whether a request has used system memory. On a slow machine none may arrive in the second after a failure.
fell_back()
{
	[ "$(stat_of $NQN 1 map-failed)" -le "$counted" ] || return 0
	dd if="$disk" of=/dev/null bs=128k count=16 iflag=direct 2>/dev/null
	[ "$(stat_of $NQN 1 map-failed)" -gt "$counted" ]
}

# failing EVERY CLIENT NAME: the load of NAME while each EVERY-th mapping for CLIENT fails
failing()
{
	log_mark
	before=$(cat $fail/failed) counted=$(stat_of $NQN 1 map-failed) of_pairs=$(map_failures)
	echo "$2" >$fail/client
	echo 2 >$fail/burst
	echo "$1" >$fail/every
	check "$3: data is right" fio_verify "$disk" --rw=randwrite --bsrange=4k-128k --blockalign=4k --iodepth=16 --size=2m
	check "$3: requests have used system memory" wait_for 30 fell_back
	echo 0 >$fail/every
	compare "$(cat $fail/failed)" -gt "$before" "$3: mappings failed"
	is "$(($(map_failures) - of_pairs))" "$(($(cat $fail/failed) - before))" "$3: each is counted by a pair"
	check "$3: no error at the host" no_host_errors
	check "$3: none in its block layer" test -z "$(log_since | grep -E 'critical|LBA out of range|EREMOTEIO')"
	check "$3: peer memory is used again" wait_for 20 e2e_peer_grows $NQN "$disk" 1
	is "$(cut -d' ' -f3- "$e2e_stats/$NQN/namespaces/1/p2pmem_stats/provider")" "ok proved by-admin" \
		"$3: the path is still proved"
}

e2e_start || bail "the guest cannot be set up"
modprobe p2pmem_fail || bail "mappings cannot be made to fail"
card=$(pci_cards 1) drive=$(nvme_bdf plain0) adapter=$(pci_adapters 1)
pci_bind "$card" p2pmem-bar || bail "the card is no provider"
write_attr /sys/module/p2pdma/parameters/host_bridges +1b36:000c || bail "no entry of the host bridge"
write_attr "/sys/block/$(basename "$(nvme_disk plain0)")/queue/scheduler" none || bail "no scheduler \"none\""
e2e_export $NQN 1 "$(nvme_disk plain0)" "$card" || bail "namespace"
e2e_port 0 || bail "port"
disk=$(e2e_connect $NQN) || bail "connect"
check "peer memory is used" e2e_peer_grows $NQN "$disk" 1
failing 5 "$drive" "some mappings of the drive"
failing 5 "$adapter" "some mappings of the adapter"
failing 3 "" "some mappings of both"
failing 1 "" "all"

# a self-test whose mappings fail has shown nothing about the path
before=$(cat $fail/failed)
echo 1 >$fail/every
write_attr "/sys/bus/pci/devices/$card/p2pmem/rescan" 1 || bail "rescan of $card"
e2e_reconfigure $NQN 1 p2pmem_verify=warn || :
echo 0 >$fail/every
compare "$(cat $fail/failed)" -gt "$before" "mappings of a self-test failed"
is "$(grep -c disproved /sys/kernel/debug/p2pmem/paths)" 0 "no path was disproved"
e2e_stop
rmmod p2pmem_fail
done_testing
