#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-verify.sh: the self-test of a correct path. The drive proves by Read and Compare that it reaches
# the card and its own CMB, with any block size, and its contents do not change. A reset of the
# counters under load loses no byte. For paths that cannot be proved see e2e-verify-nocompare.
# Topology: topologies/verify.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:verify
ns=$e2e_stats/$NQN/namespaces

# the host's disk, which goes and comes with the namespace, and I/O on it
io()
{
	disk=$(nvme_host_disk $NQN) && fio_verify "$disk" --rw=randwrite --bs=64k --iodepth=8 --size=2m
}

e2e_start || bail "the guest cannot be set up"
card=$(pci_cards 1) plain=$(nvme_disk plain0) cmb=$(nvme_bdf cmb0) large=$(nvme_disk large0)
pci_bind "$card" p2pmem-bar || bail "the card does not lend"
# a first block that is not all zeros
dd if=/dev/urandom of="$plain" bs=4k count=4 oflag=direct 2>/dev/null
before=$(dd if="$plain" bs=4k count=4 iflag=direct 2>/dev/null | md5sum)
log_mark
e2e_watch_tests || bail "no trace events"
e2e_export $NQN 1 "$plain" "$card" || bail "namespace 1"
e2e_export $NQN 2 "$(nvme_disk cmb0)" "$cmb" || bail "namespace 2"
is "$(cat "/sys/block/${large#/dev/}/queue/logical_block_size")" 4096 "a drive has blocks of 4096 bytes"
e2e_export $NQN 3 "$large" "$card" || bail "namespace 3"
is "$(cat "$ns/1/p2pmem_verify")" auto "auto is the default"
is "$(cat "$ns/1/p2pmem_stats/provider")" "" "no host is connected"
e2e_port 0 || bail "port"
disk=$(e2e_connect $NQN) || bail "connect"
is "$(e2e_provider $NQN 1)" "$card ok proved" "drive and adapter have proved the card"
is "$(e2e_provider $NQN 2)" "$cmb ok proved" "the other drive's own CMB"
is "$(e2e_provider $NQN 3)" "$card ok proved" "the drive with large blocks has proved it, too"
# a block each: Read, Compare, Compare with a change; a page each for the adapter
check "the event has what the drive moved" \
	grep -q "p2pmem_verify: provider=$card client=$(nvme_bdf plain0) bytes=1536 proof=proved reason=ok" "$e2e_trace"
check "the event has what the adapter moved" \
	grep -q "p2pmem_verify: provider=$card client=$(pci_adapters 1) bytes=12288 proof=proved reason=ok" "$e2e_trace"
check "the event has what the one with large blocks moved" \
	grep -q "p2pmem_verify: provider=$card client=$(nvme_bdf large0) bytes=12288 proof=proved reason=ok" "$e2e_trace"
is "$(e2e_tests)" 5 "each pair was tested once"
check "nothing was disproved" test -z "$(log_since | grep 'cannot reach peer-to-peer memory')"
is "$(dd if="$plain" bs=4k count=4 iflag=direct 2>/dev/null | md5sum)" "$before" "nothing on the drive has changed"
is "$(cat "/sys/bus/pci/devices/$card/p2pmem/available")" \
	"$(cat "/sys/bus/pci/devices/$card/p2pmem/size")" "the memory of the test is back"
check "its data goes there" e2e_peer_grows $NQN "$disk" 1
check "data is right" fio_verify "$disk" --rw=randwrite --bs=64k --iodepth=8 --size=4m
disk3=$(nvme_host_disk $NQN 3) || bail "no disk of namespace 3"
check "so does that of large blocks" e2e_peer_grows $NQN "$disk3" 3
check "which is right" fio_verify "$disk3" --rw=randwrite --bs=4k --iodepth=8 --size=1m

# a second host finds it proved: not a byte of its data in system memory
echo 1 >"$ns/1/p2pmem_stats/reset"
is "$(stat_all $NQN 1)" 0 "reset: all bytes are zero"
is "$(stat_of $NQN 1 fallbacks)" 0 "reset: fallbacks are zero"
write_attr /dev/nvme-fabrics "transport=rdma,traddr=10.0.0.1,trsvcid=4420,nqn=$NQN,hostnqn=nqn.2026-01.test:host2,hostid=22222222-3333-4444-5555-666666666666" ||
	bail "second host"
disk2=$(nvme_host_disk $NQN 1 2) || bail "no disk of the second host"
check "the second host reads" dd if="$disk2" of=/dev/null bs=64k count=4 iflag=direct
is "$(stat_of $NQN 1 system_bytes)" 0 "the second host uses peer memory at once"
is "$(wc -l <"$ns/1/p2pmem_stats/provider")" 2 "a line for each controller"

# counters under load
fio_load "$disk" 5 --offset=0 --size=8m
for n in 1 2 3 4 5 6 7 8 9 10; do
	echo 1 >"$ns/1/p2pmem_stats/reset"
	for f in peer_bytes inline_bytes system_bytes; do
		[ "$(stat_of $NQN 1 $f)" -lt 1099511627776 ] || not_ok "reset under load, round $n: $f is less than zero"
	done
done
fio_done "data is right while counters are reset"
echo 1 >"$ns/1/p2pmem_stats/reset"
moved=$(($(host_bytes "$disk") + $(host_bytes "$disk2")))
check "a known load" fio_verify "$disk" --rw=write --bs=64k --iodepth=8 --size=4m
is "$(stat_all $NQN 1)" "$(($(host_bytes "$disk") + $(host_bytes "$disk2") - moved))" "peer + inline + system is all since the reset"

# modes
nvme_disconnect_all >/dev/null
disk=$(e2e_connect $NQN) || bail "connect again"
e2e_reconfigure $NQN 1 p2pmem_verify=require
is "$(e2e_provider $NQN 1)" "$card ok proved" "require: what was proved is used"
check "require: data is right" io
e2e_reconfigure $NQN 1 p2pmem_verify=off
is "$(e2e_provider $NQN 1)" "$card ok untested" "off: used without a self-test"
check "off: data is right" io
refuses "not while it is enabled" 'usy' sh -c "echo warn >$ns/1/p2pmem_verify"
e2e_reconfigure $NQN 1 p2pmem_verify=warn p2pmem=1
like "$(e2e_provider $NQN 1)" ' ok proved$' "warn, any provider"
check "warn: data is right" io
check "no error at the host" no_host_errors
e2e_stop
done_testing
