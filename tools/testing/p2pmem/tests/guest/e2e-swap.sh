#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-swap.sh: tests that the data verification of the end-to-end tests detects corruption. On a plain
# drive, after a good write: two blocks of one command swapped, two pages of one command swapped, one
# byte changed, stale data of another place. Each must be reported, and the restored drive must pass.
# Topology: one-switch.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

load_modules nvme || bail "nvme does not load"
check "the drives are there" wait_for 20 e2e_drives_there
disk=$(nvme_disk plain0) || bail "no drive"

# piece SIZE FROM TO: SIZE bytes of the good data at block FROM go to the drive's block TO
piece()
{
	dd if=/run/good of="$disk" bs="$1" skip="$2" seek="$3" count=1 oflag=direct conv=notrunc 2>/dev/null
}

restore()
{
	dd if=/run/good of="$disk" bs=64k oflag=direct conv=notrunc 2>/dev/null
}

# the same commands and seeds as the write, without writing
again()
{
	fio_verify "$disk" --rw=write --bs=64k --iodepth=1 --size=1m --verify_only=1
}

check "good data is accepted" fio_verify "$disk" --rw=write --bs=64k --iodepth=1 --size=1m
dd if="$disk" of=/run/good bs=64k count=16 iflag=direct 2>/dev/null
check "verification by reading only passes as well" again
piece 512 3 4 && piece 512 4 3
refuses "two blocks of one command exchanged" "verify|crc|offset" again
restore
piece 4k 17 18 && piece 4k 18 17
refuses "two pages of one command exchanged" "verify|crc|offset" again
restore
piece 64k 2 3
refuses "data of another command" "verify|crc|offset" again
restore
dd if=/run/good bs=512 skip=9 count=1 of=/run/block 2>/dev/null
printf '\125\252\125\252' | dd of=/run/block bs=1 seek=300 conv=notrunc 2>/dev/null
dd if=/run/block of="$disk" bs=512 seek=9 oflag=direct conv=notrunc 2>/dev/null
refuses "four bytes changed" "verify|crc" again
restore
check "restored data is accepted" again
rm -f /run/good /run/block
done_testing
