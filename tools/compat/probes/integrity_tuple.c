// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: struct blk_integrity with tuple_size
 * Since: 4.3, until 6.17
 * Instead: rewrite/integrity_tuple.sed gives both sizes of a suite.
 * Tree: drivers/nvme/target/io-cmd-bdev.c bi->tuple_size
 * Remedy: None is needed.
 */

#include <linux/blk-integrity.h>

static unsigned int __maybe_unused p2pmem_probe(struct blk_integrity *bi)
{
	return bi->tuple_size;
}
