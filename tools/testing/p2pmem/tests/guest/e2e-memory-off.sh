#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-memory-off.sh: setpci disables Memory Space of the provider without notice to its driver. QEMU then
# drops writes to the memory and reads it as zeros, on arm64 as ones, without an error: a Read returns them
# and a Write stores them, as ordering.rst describes. Nevertheless other data on the drive does not change, transfers
# are right again when Memory Space is enabled, and no data is lost if the driver is unbound first, even
# under load.
# Topology: one-switch.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:memory-off

# prints what the contents of a file are: right, zeros, ones, other
kind()
{
	if cmp -s "$1" "$2"; then
		echo right
	elif [ "$(tr -d '\000' <"$1" | wc -c)" = 0 ]; then
		echo zeros
	elif [ "$(tr -d '\377' <"$1" | wc -c)" = 0 ]; then
		echo ones
	else
		echo other
	fi
}

what=zeros
[ "$(uname -m)" != aarch64 ] || what=ones

memory()
{
	setpci -s "$card" "COMMAND=$1:2"
}

e2e_start || bail "the guest cannot be set up"
allow 'nvme nvme[0-9]+: .*(timeout|abort|Abort|reset|queues)'
card=$(pci_cards 1) plain=$(nvme_disk plain0)
pci_bind "$card" p2pmem-bar || bail "the card is no provider"
dd if=/dev/urandom of=/run/old bs=64k count=4 2>/dev/null
dd if=/dev/urandom of=/run/new bs=64k count=4 2>/dev/null
dd if=/run/old of="$plain" bs=64k oflag=direct 2>/dev/null
e2e_export $NQN 1 "$plain" "$card" || bail "namespace"
e2e_port 0 || bail "port"
disk=$(e2e_connect $NQN) || bail "connect"
check "peer memory is used" e2e_peer_grows $NQN "$disk" 1

memory 0
dd if="$disk" of=/run/read bs=64k count=4 iflag=direct 2>/run/read.err
report read_status $?
is "$(kind /run/read /run/old)" $what "a Read returns $what, as ordering.rst describes for QEMU"
dd if="$plain" of=/run/drive bs=64k count=4 iflag=direct 2>/dev/null
is "$(kind /run/drive /run/old)" right "a Read changes nothing on the drive"
dd if=/run/new of="$disk" bs=64k seek=16 oflag=direct conv=notrunc 2>/run/write.err
report write_status $?
dd if="$plain" of=/run/drive bs=64k count=4 skip=16 iflag=direct 2>/dev/null
is "$(kind /run/drive /run/new)" $what "a Write stores $what, as ordering.rst describes for QEMU"
report peer_bytes "$(stat_of $NQN 1 peer_bytes)"
dd if="$plain" of=/run/drive bs=64k count=4 iflag=direct 2>/dev/null
is "$(kind /run/drive /run/old)" right "a Write changes nothing elsewhere"

# A self-test meanwhile finds wrong data, which says nothing about the path.
e2e_watch_tests || bail "no trace events"
log_mark
write_attr "/sys/bus/pci/devices/$card/p2pmem/rescan" 1
check "a self-test meanwhile has no result" wait_for 60 grep -q 'p2pmem_verify: .* proof=untried' "$e2e_trace"
check "and disproves nothing" test -z "$(log_since | grep 'cannot reach peer-to-peer memory')"

memory 2
write_attr "/sys/bus/pci/devices/$card/p2pmem/rescan" 1
check "the next one proves the path" wait_for 60 sh -c "grep -q 'ok proved' $e2e_stats/$NQN/namespaces/1/p2pmem_stats/provider"
check "and it is used again" e2e_peer_grows $NQN "$disk" 1
check "data is right once Memory Space is on" \
	fio_verify "$disk" --rw=randwrite --bs=64k --iodepth=8 --size=2m --offset=32m

# the safe way: unbind the driver first, then disable Memory Space
fio_load "$disk" 5 --offset=64m
check "unbinding first ends" bounded 40 pci_unbind "$card"
memory 0
fio_done "all data is right if the driver is unbound first"
check "no error at the host" test -z "$(dmesg | grep 'error, dev nvme' | grep -v 'recoverable transport')"
memory 2
e2e_stop
done_testing
