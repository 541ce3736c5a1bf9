#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# verify.sh: the demo's second boot. It has no target and no fabric: the drive is mounted directly,
# and the SHA-256 of every file is sent to the host as drive.sha256.

# shellcheck disable=SC1091	# in the guest
. /lib/p2pmem.sh

check "modules load" load_modules nvme ext4
check "the drive is there" wait_for 20 nvme_disk demo
disk=$(nvme_disk demo) || bail "no drive"
check "its file system is consistent" e2fsck -fn "$disk"
check "mounted" mount -t ext4 -o ro "$disk" /mnt
# all existing files, not only the expected ones
(cd /mnt && find . -type f | sed 's,^\./,,' | LC_ALL=C sort | xargs sha256sum) >/run/drive.sha256 2>/run/errors
is "$(head -n 3 /run/errors)" "" "all files can be read"
check "unmounted" umount /mnt
put_file /run/drive.sha256
done_testing
