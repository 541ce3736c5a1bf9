// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: sg_dma_mark_bus_address() and a dma_flags member that holds it
 * Since: 6.0
 * Remedy: Use a kernel with CONFIG_NEED_SG_DMA_FLAGS (an IOMMU driver selects it).
 */

#include <linux/scatterlist.h>

static bool __maybe_unused p2pmem_probe(struct scatterlist *sg)
{
	sg->dma_flags = 0;
	sg_dma_mark_bus_address(sg);
	return sg_dma_is_bus_address(sg);
}
