/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * File: drivers/nvme/host/p2pmem-iter.h
 *
 * The data of commands where the block layer maps requests step by step: hooks of pci.c, see
 * p2pmem-iter.c.
 */
#ifndef _NVME_P2PMEM_ITER_H
#define _NVME_P2PMEM_ITER_H

#include <linux/blk-mq-dma.h>

#ifdef CONFIG_PCI_P2PMEM_NVME

bool nvme_p2pmem_map_iter_start(struct request *req, struct device *dev,
				struct dma_iova_state *state, struct blk_dma_iter *iter,
				unsigned int *mapped);
bool nvme_p2pmem_map_iter_next(struct request *req, struct device *dev,
			       struct blk_dma_iter *iter, unsigned int *mapped);
void nvme_p2pmem_unmap_data(struct request *req, struct device *dev,
			    enum pci_p2pdma_map_type map, unsigned int *mapped);

#else /* CONFIG_PCI_P2PMEM_NVME */

static inline bool nvme_p2pmem_map_iter_start(struct request *req, struct device *dev,
					      struct dma_iova_state *state,
					      struct blk_dma_iter *iter, unsigned int *mapped)
{
	return blk_rq_dma_map_iter_start(req, dev, state, iter);
}

static inline bool nvme_p2pmem_map_iter_next(struct request *req, struct device *dev,
					     struct blk_dma_iter *iter, unsigned int *mapped)
{
	return blk_rq_dma_map_iter_next(req, dev, iter);
}

static inline void nvme_p2pmem_unmap_data(struct request *req, struct device *dev,
					  enum pci_p2pdma_map_type map, unsigned int *mapped) { }

#endif /* CONFIG_PCI_P2PMEM_NVME */

#endif
