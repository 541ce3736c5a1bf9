// SPDX-License-Identifier: GPL-2.0-only
/* Wrong on purpose: an error return leaves behind what was mapped. */
#include <linux/dma-mapping.h>
#include <linux/pci-p2pmem.h>

int fault_submit(struct device *dev);
int fault_fits(struct scatterlist *sg, int nents);

int fault_constant(struct device *dev, struct scatterlist *sg, int nents)
{
	int ret = pci_p2pmem_map_sg(dev, sg, nents, DMA_TO_DEVICE);

	if (ret < 0)
		return ret;
	if (!fault_fits(sg, ret))
		return -EINVAL;			/* lint: map-errors */
	ret = fault_submit(dev);
	pci_p2pmem_unmap_sg(dev, sg, nents, DMA_TO_DEVICE);
	return ret;
}

int fault_variable(struct device *dev, struct scatterlist *sg, int nents)
{
	int ret;

	ret = pci_p2pmem_map_sg(dev, sg, nents, DMA_TO_DEVICE);
	if (ret < 0)
		return ret;
	ret = fault_submit(dev);
	if (ret)
		return ret;			/* lint: map-errors */
	pci_p2pmem_unmap_sg(dev, sg, nents, DMA_TO_DEVICE);
	return 0;
}

int fault_label(struct device *dev, phys_addr_t phys, dma_addr_t *dma)
{
	int ret;

	*dma = dma_map_resource(dev, phys, SZ_4K, DMA_TO_DEVICE, 0);
	if (dma_mapping_error(dev, *dma))
		return -EIO;
	ret = fault_submit(dev);
	if (ret)
		goto out;
	dma_unmap_resource(dev, *dma, SZ_4K, DMA_TO_DEVICE, 0);
out:
	return ret;				/* lint: map-errors */
}

/* this is as it must be: the mapping stays on success only */
int fault_right(struct device *dev, struct scatterlist *sg, int nents)
{
	int ret, mapped;

	mapped = pci_p2pmem_map_sg(dev, sg, nents, DMA_TO_DEVICE);
	if (mapped < 0)
		return mapped;
	ret = fault_submit(dev);
	if (ret)
		goto undo;
	if (!fault_fits(sg, mapped)) {
		ret = -EINVAL;
		goto undo;
	}
	return 0;

undo:
	pci_p2pmem_unmap_sg(dev, sg, nents, DMA_TO_DEVICE);
	return ret;
}

int fault_own_failure(struct device *dev, struct pci_dev *pdev, struct pci_p2pmem_mapping_region *map)
{
	int ret = fault_submit(dev);

	if (ret)
		return ret;
	if (pci_p2pmem_map_region(dev, pdev, 0, 0, 8, DMA_TO_DEVICE, map))
		return -EIO;
	return 0;
}

void fault_region_undo(struct device *dev, struct pci_p2pmem_mapping_region *map)
{
	pci_p2pmem_unmap_region(dev, map);
}
