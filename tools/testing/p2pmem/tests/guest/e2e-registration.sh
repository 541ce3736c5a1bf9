#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-registration.sh: the target's adapter registers 64 KiB at a time, the host's 1 MiB. Peer
# memory of a Write is one entry, and iWARP reads it from the host by a registration: Writes of more
# than 64 KiB use system memory, whose entries have a page, and are counted as registration-size.
# Shorter ones and all Reads use peer memory. Topology: one-switch.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:registration

# moves NAME SYSTEM_BYTES FALLBACKS DD_OPTION...: transfers of dd, of which so many bytes use system
# memory after so many fallbacks, and the rest peer memory
moves()
{
	moves_name=$1 moves_system=$2 moves_fallbacks=$3
	shift 3
	system=$(stat_of $NQN 1 system_bytes) reason=$(stat_of $NQN 1 registration-size)
	peer=$(stat_of $NQN 1 peer_bytes) all=$(host_bytes "$disk")
	check "$moves_name" dd "$@"
	system=$(($(stat_of $NQN 1 system_bytes) - system))
	is $system "$moves_system" "$moves_name: bytes by system memory"
	is $(($(stat_of $NQN 1 peer_bytes) - peer)) $(($(host_bytes "$disk") - all - system)) \
		"$moves_name: the rest by peer memory"
	is $(($(stat_of $NQN 1 registration-size) - reason)) "$moves_fallbacks" \
		"$moves_name: fallbacks"
}

# the host's adapter is the first one, with an address of its own
modprobe dummy numdummies=0
ip link add p2pnet1 type dummy || bail "no p2pnet1"
ip addr add 10.0.1.1/24 dev p2pnet1 || bail "p2pnet1 gets no address"
ip link set p2pnet1 up || bail "p2pnet1 cannot be up"
rnic_parameters="netdev=p2pnet1,p2pnet0 reg_pages=256,16"
e2e_start || bail "the guest cannot be set up"
card=$(pci_cards 1)
pci_bind "$card" p2pmem-bar || bail "the card is no provider"
e2e_export $NQN 1 "$(nvme_disk plain0)" "$card" p2pmem_verify=off || bail "namespace"
e2e_port 0 || bail "port"
disk=$(e2e_connect $NQN --host-traddr=10.0.1.1) || bail "connect"
log_mark
dd if=/dev/urandom of=/run/data bs=128k count=8 2>/dev/null
moves "Writes of 128 KiB" 1048576 8 if=/run/data of="$disk" bs=128k oflag=direct
moves "Reads of 128 KiB" 0 0 if="$disk" of=/run/back bs=128k count=8 iflag=direct
check "data is right" cmp /run/data /run/back
moves "Writes of 64 KiB" 0 0 if=/run/data of="$disk" bs=64k seek=32 oflag=direct
moves "Reads of 64 KiB" 0 0 if="$disk" of=/run/back bs=64k skip=32 count=16 iflag=direct
check "data is right" cmp /run/data /run/back
check "data of all lengths is right" fio_verify "$disk" --rw=randwrite --bsrange=4k-256k \
	--blockalign=4k --iodepth=16 --size=8m
is "$(stat_of $NQN 1 fallbacks)" "$(stat_of $NQN 1 registration-size)" \
	"counted under no other reason"
is "$(stat_all $NQN 1)" "$(host_bytes "$disk")" "every byte is counted"
check "the log names the reason" log_has registration-size
check "no error at the host" no_host_errors
e2e_stop
done_testing
