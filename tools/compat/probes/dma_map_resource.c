// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: dma_map_resource() and dma_unmap_resource()
 * Since: 4.9
 * Remedy: Use a later kernel: paths through a host bridge are mapped by it.
 */

#include <linux/dma-mapping.h>

static dma_addr_t __maybe_unused p2pmem_probe(struct device *dev, phys_addr_t addr)
{
	dma_addr_t dma = dma_map_resource(dev, addr, PAGE_SIZE, DMA_BIDIRECTIONAL, 0);

	dma_unmap_resource(dev, dma, PAGE_SIZE, DMA_BIDIRECTIONAL, 0);
	return dma;
}
