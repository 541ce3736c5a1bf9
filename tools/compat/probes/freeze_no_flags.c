// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: blk_mq_freeze_queue() without flags of memory
 * Since: 4.2, until 6.14
 * Instead: rewrite/freeze_no_flags.sed keeps them in a suite.
 * Tree: drivers/nvme/host/core.c ^[[:space:]]+blk_mq_freeze_queue[(]
 * Remedy: None is needed.
 */

#include <linux/blk-mq.h>

static __maybe_unused void p2pmem_probe(struct request_queue *queue)
{
	blk_mq_unfreeze_queue(queue);
}
