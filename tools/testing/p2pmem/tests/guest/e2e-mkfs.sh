#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-mkfs.sh: a file system with discard over a namespace in peer memory: ranges of
# Dataset Management stay in system memory, files keep their contents, Write Zeroes are no data.
# Topology: one-switch.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:mkfs

e2e_start || bail "the guest cannot be set up"
load_modules ext4 || bail "no ext4"
card=$(pci_cards 1)
pci_bind "$card" p2pmem-bar || bail "the card is no provider"
e2e_export $NQN 1 "$(nvme_disk plain0)" 1 p2pmem_verify=off || bail "namespace"
e2e_port 0 || bail "port"
disk=$(e2e_connect $NQN) || bail "connect"
log_mark

is "$(sed 's/^[1-9].*/yes/' "/sys/block/${disk#/dev/}/queue/discard_max_bytes")" yes "the disk takes discards"
check "mkfs.ext4 with discard" mkfs.ext4 -q -E discard,lazy_itable_init=0 "$disk"
mkdir -p /mnt
check "mount" mount -t ext4 -o discard "$disk" /mnt
dd if=/dev/urandom of=/run/data bs=1M count=8 2>/dev/null
check "copy" cp /run/data /mnt/a
check "again" cp /run/data /mnt/b
sync
rm /mnt/b
check "fstrim" fstrim /mnt
drop_caches
is "$(checksum /mnt/a)" "$(checksum /run/data)" "the file is what was written"
check "unmount" umount /mnt
check "the file system is clean" e2fsck -f -n "$disk"
check "no error anywhere" no_host_errors
compare "$(stat_of $NQN 1 peer_bytes)" -ge 16777216 "the files went through peer memory"
is "$(stat_of $NQN 1 fallbacks)" 0 "no fallback"
# the disk's own count of what it wrote includes Write Zeroes, but not discards
compare "$(stat_all $NQN 1)" -le "$(host_bytes "$disk")" "discards are not counted as data"

# --- Write Zeroes, which carry no data ----------------------------------------------------
compare "$(cat "/sys/block/${disk#/dev/}/queue/write_zeroes_max_bytes")" -gt 0 "the disk takes Write Zeroes"
dd if=/dev/urandom of="$disk" bs=1M count=8 oflag=direct 2>/dev/null || bail "write"
# By its path: the applet of busybox only discards. Others may read the disk meanwhile, which both count.
was=$(stat_all $NQN 1) moved=$(host_bytes "$disk")
check "4 MiB are zeroed" /usr/bin/blkdiscard -f -z -o 1M -l 4M "$disk"
was=$(($(stat_all $NQN 1) - was)) moved=$(($(host_bytes "$disk") - moved))
is "$((moved - was))" "$((4 << 20))" "the host counts them, the target does not: they carry no data"
is "$(dd if="$disk" bs=1M skip=1 count=4 iflag=direct 2>/dev/null | tr -d '\000' | wc -c)" 0 "they read as zeros"
is "$(dd if="$disk" bs=1M count=1 iflag=direct 2>/dev/null | tr -d '\000' | wc -c | sed 's/^[1-9].*/some/')" some "and no others"
e2e_stop
done_testing
