// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: block devices opened as files
 * Since: 6.9
 * Instead: rewrite/bdev_file.cocci opens the device.
 * Remedy: None is needed.
 */

#include <linux/blkdev.h>

static __maybe_unused struct block_device *p2pmem_probe(const char *path)
{
	return file_bdev(bdev_file_open_by_path(path, BLK_OPEN_READ, NULL, NULL));
}
