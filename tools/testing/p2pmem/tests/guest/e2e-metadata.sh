#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-metadata.sh: a drive that is formatted with metadata and without protection information. Nothing is
# computed of its data, so the data goes through peer memory. Topology: metadata.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:metadata

e2e_start || bail "the guest cannot be set up"
card=$(pci_cards 1)
pci_bind "$card" p2pmem-bar || bail "the card is no provider"
drive=$(nvme_disk plain0)
nvme id-ns "$drive" -o binary >/run/id
# FLBAS names the format, which LBAF describes (NVM Command Set Specification, Identify Namespace)
format=$(($(od -An -tu1 -j26 -N1 /run/id) & 15))
is "$(od -An -tu2 -j$((128 + 4 * format)) -N2 /run/id | tr -d ' ')" 8 "each block has 8 bytes of metadata"
e2e_export $NQN 1 "$drive" "$card" || bail "namespace"
e2e_port 0 || bail "port"
disk=$(e2e_connect $NQN) || bail "connect"
log_mark
check "peer memory is used" e2e_peer_grows $NQN "$disk" 1
check "data is right" fio_verify "$disk" --rw=randwrite --bs=64k --iodepth=8 --size=4m
is "$(stat_of $NQN 1 fallbacks)" 0 "no fallback"
check "the host saw no error" no_host_errors
e2e_stop
done_testing
