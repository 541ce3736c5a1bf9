#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# nvmet-zoned.sh: the payload of Zone Append is counted, once: data in a command capsule as inline
# bytes, other data as system bytes. It is never in peer memory, so it is no fallback either.
# Topology: zoned.topo.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh

NQN=nqn.2026-01.test:zoned
ns=/sys/kernel/config/nvmet/subsystems/$NQN/namespaces/1

counters()
{
	echo "$(cat "$ns/p2pmem_stats/peer_bytes") $(cat "$ns/p2pmem_stats/inline_bytes")" \
		"$(cat "$ns/p2pmem_stats/system_bytes") $(cat "$ns/p2pmem_stats/fallbacks")"
}

# append BYTES: appends data to the zone at 1 MiB, and prints the increments of the counters
append()
{
	counters >/run/before
	nvme io-passthru "$disk" --opcode=0x7d --namespace-id=1 --cdw10=$((1048576 / block)) \
		--cdw12=$(($1 / block - 1)) --data-len="$1" --write --input-file=/run/data >/dev/null 2>/run/error ||
		{ cat /run/error && return 1; }
	counters | cat /run/before - |
		awk 'NR == 1 { split($0, was) } NR == 2 { print $1 - was[1], $2 - was[2], $3 - was[3], $4 - was[4] }'
}

load_modules nvme nvmet nvmet-tcp nvme-tcp || bail "modules"
wait_for 20 nvme_disk zoned0 >/dev/null || bail "no drive"
drive=$(nvme_disk zoned0)
is "$(cat "/sys/block/${drive##*/}/queue/zoned")" host-managed "the drive has zones"
block=$(cat "/sys/block/${drive##*/}/queue/logical_block_size")
net_setup
nvmet_subsystem $NQN || bail "subsystem"
nvmet_namespace $NQN 1 "$drive" p2pmem=1 || bail "namespace"
nvmet_port 1 tcp || bail "port"
nvmet_link 1 $NQN || bail "link"
check "a host connects" nvme_connect tcp $NQN
disk=$(nvme_host_disk $NQN) || bail "no disk"
is "$(cat "/sys/block/${disk##*/}/queue/zoned")" host-managed "its disk has zones, too"

dd if=/dev/urandom of=/run/data bs=64k count=1 2>/dev/null
is "$(append 4096)" "0 4096 0 0" "data in the capsule is counted as inline"
is "$(append 65536)" "0 0 65536 0" "other data is counted as system memory"
dd if="$disk" of=/run/read bs=4k skip=257 count=16 iflag=direct 2>/dev/null
check "the zone has the data" cmp /run/data /run/read
check "the host disconnects" nvme_disconnect $NQN
done_testing
