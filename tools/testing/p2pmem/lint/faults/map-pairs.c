// SPDX-License-Identifier: GPL-2.0-only
/* Wrong on purpose: mapped, and never unmapped by anything in the file. */
#include <kunit/test.h>
#include <linux/dma-mapping.h>
#include <linux/pci-p2pmem.h>

int fault_map(struct device *dev, struct scatterlist *sg, int nents)
{
	return pci_p2pmem_map_sg(dev, sg, nents, DMA_TO_DEVICE);	/* lint: map-pairs */
}

int fault_region(struct device *dev, struct pci_dev *pdev, struct pci_p2pmem_mapping_region *map)
{
	return pci_p2pmem_map_region(dev, pdev, 0, 0, 8, DMA_TO_DEVICE, map);	/* lint: map-pairs */
}

dma_addr_t fault_resource(struct device *dev, phys_addr_t phys)
{
	return dma_map_resource(dev, phys, SZ_4K, DMA_TO_DEVICE, 0);	/* lint: map-pairs */
}

int fault_table(struct device *dev, struct sg_table *sgt)
{
	return dma_map_sgtable(dev, sgt, DMA_TO_DEVICE, 0);	/* lint: map-pairs */
}

void *fault_coherent(struct device *dev, dma_addr_t *dma)
{
	return dma_alloc_coherent(dev, SZ_4K, dma, GFP_KERNEL);	/* lint: map-pairs */
}

int fault_pin(struct pci_dev *pdev, void *addr)
{
	return pci_p2pmem_pin(pdev, addr, SZ_4K);	/* lint: map-pairs */
}

/* this is as it must be: nothing of a refusal is undone, and what is mapped is unmapped */
void fault_refused(struct kunit *test, struct device *dev, struct scatterlist *sg)
{
	KUNIT_EXPECT_EQ(test, -EINVAL, pci_p2pmem_map_sg(dev, sg, 0, DMA_TO_DEVICE));
	KUNIT_EXPECT_EQ_MSG(test, pci_p2pmem_map_sg(NULL, sg, 1, DMA_TO_DEVICE), -EOPNOTSUPP, "!");
}

dma_addr_t fault_single(struct device *dev, void *buf)
{
	return dma_map_single(dev, buf, SZ_4K, DMA_TO_DEVICE);
}

void fault_single_undo(struct device *dev, dma_addr_t dma)
{
	dma_unmap_single(dev, dma, SZ_4K, DMA_TO_DEVICE);
}
