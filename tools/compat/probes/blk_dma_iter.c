// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: requests that are mapped step by step
 * Since: 6.17
 * Instead: the tables of a driver are mapped whole.
 * Tree: drivers/nvme/host/pci.c blk_rq_dma_map_iter_start
 * Remedy: None is needed.
 */

#include <linux/blk-mq-dma.h>

static bool __maybe_unused p2pmem_probe(struct request *req, struct device *dev,
					struct blk_dma_iter *iter)
{
	return blk_rq_dma_map_iter_next(req, dev, iter);
}
