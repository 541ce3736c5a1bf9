/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: peer-to-peer memory for RDMA READ and WRITE
 *
 * The hooks that rw.c and device.c call. Both must include this header last. It must
 * not define a structure that is incomplete in these files: that would change the
 * symbol version of every export whose type refers to the structure.
 *
 * With CONFIG_PCI_P2PMEM_RDMA off each hook is the code that it replaced.
 */
#ifndef _RW_P2PMEM_H
#define _RW_P2PMEM_H

#include <rdma/ib_verbs.h>

#ifdef CONFIG_PCI_P2PMEM_RDMA

void rdma_p2pmem_register_device(struct ib_device *dev);
void rdma_p2pmem_unregister_device(struct ib_device *dev);

int rdma_rw_map_sgtable(struct ib_device *dev, struct sg_table *sgt,
			enum dma_data_direction dir);
void rdma_rw_unmap_sg(struct ib_device *dev, struct scatterlist *sg, int nents,
		      enum dma_data_direction dir);

#else /* CONFIG_PCI_P2PMEM_RDMA */

static inline void rdma_p2pmem_register_device(struct ib_device *dev) { }
static inline void rdma_p2pmem_unregister_device(struct ib_device *dev) { }

static inline int rdma_rw_map_sgtable(struct ib_device *dev, struct sg_table *sgt,
				      enum dma_data_direction dir)
{
	return ib_dma_map_sgtable_attrs(dev, sgt, dir, 0);
}

static inline void rdma_rw_unmap_sg(struct ib_device *dev, struct scatterlist *sg,
				    int nents, enum dma_data_direction dir)
{
	ib_dma_unmap_sg(dev, sg, nents, dir);
}

#endif /* CONFIG_PCI_P2PMEM_RDMA */
#endif /* _RW_P2PMEM_H */
