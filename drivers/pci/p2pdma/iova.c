// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: addresses through a host bridge
 *
 * Floor 4.
 *
 * Maps with dma_map_resource(), once for each contiguous run of a list. The caller checks
 * whether the client may use such an address.
 */
#include <kunit/static_stub.h>
#include <linux/dma-mapping.h>
#include <linux/scatterlist.h>
#include "entry.h"
#include "p2pdma.h"

/**
 * p2pmem_host_map() - map a range for a client through its host bridge
 * @client: DMA device
 * @phys: CPU physical address
 * @size: bytes
 * @dir: direction
 *
 * KUnit suites can replace this with an IOMMU.
 *
 * Context: Any but NMI.
 * Return: the DMA address; check it with dma_mapping_error().
 */
dma_addr_t p2pmem_host_map(struct device *client, phys_addr_t phys, size_t size,
			   enum dma_data_direction dir)
{
	KUNIT_STATIC_STUB_REDIRECT(p2pmem_host_map, client, phys, size, dir);
	return dma_map_resource(client, phys, size, dir, 0);
}

/**
 * p2pmem_host_unmap() - undo p2pmem_host_map()
 * @client: as mapped
 * @addr: as returned
 * @size: as mapped
 * @dir: as mapped
 *
 * Context: Any but NMI.
 */
void p2pmem_host_unmap(struct device *client, dma_addr_t addr, size_t size,
		       enum dma_data_direction dir)
{
	KUNIT_STATIC_STUB_REDIRECT(p2pmem_host_unmap, client, addr, size, dir);
	dma_unmap_resource(client, addr, size, dir, 0);
}

/**
 * p2pmem_unmap_host() - undo p2pmem_map_host()
 * @client: as mapped
 * @sgl: as mapped
 * @nents: as mapped
 * @dir: as mapped
 *
 * Restores the list to its state before mapping.
 *
 * Context: Any but NMI.
 */
void p2pmem_unmap_host(struct device *client, struct scatterlist *sgl, int nents,
		       enum dma_data_direction dir)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i) {
		if (!sg_dma_len(sg))
			break;
		p2pmem_host_unmap(client, sg_dma_address(sg), sg_dma_len(sg), dir);
		p2pmem_clear_entry(sg);
	}
}

/* Maps [phys, phys + size) into the entry @to. */
static int p2pmem_map_host_run(struct device *client, struct scatterlist *to,
			       phys_addr_t phys, size_t size,
			       enum dma_data_direction dir)
{
	dma_addr_t addr;

	addr = p2pmem_host_map(client, phys, size, dir);
	if (dma_mapping_error(client, addr))
		return -EIO;
	sg_dma_address(to) = addr;
	sg_dma_len(to) = size;
	to->dma_flags = 0;
	return 0;
}

/**
 * p2pmem_map_host() - map a scatterlist through a host bridge
 * @client: DMA device
 * @sgl: the list, which the client can address: dma_map_resource() would warn
 * @nents: its number of entries
 * @dir: direction
 *
 * One mapping for each run of adjacent entries; the list's tail stays empty.
 *
 * Context: Any but NMI.
 * Return: number of entries with an address, or -EIO if the IOMMU could not map a run;
 * the list is then unchanged.
 */
int p2pmem_map_host(struct device *client, struct scatterlist *sgl, int nents,
		    enum dma_data_direction dir)
{
	unsigned long across = ~dma_get_seg_boundary(client);
	unsigned int max = dma_get_max_seg_size(client);
	struct scatterlist *sg, *to = sgl;
	phys_addr_t phys = 0;
	size_t size = 0;
	int i, ret, mapped = 0;

	for_each_sg(sgl, sg, nents, i) {
		if (size && sg_phys(sg) == phys + size && size + sg->length <= max &&
		    !((phys ^ (phys + size + sg->length - 1)) & across)) {
			size += sg->length;
			continue;
		}
		if (size) {
			ret = p2pmem_map_host_run(client, to, phys, size, dir);
			if (ret)
				goto undo;
			mapped++;
			to = sg_next(to);
		}
		phys = sg_phys(sg);
		size = sg->length;
	}
	ret = p2pmem_map_host_run(client, to, phys, size, dir);
	if (ret)
		goto undo;
	mapped++;
	if (mapped < nents)
		sg_dma_len(sg_next(to)) = 0;
	return mapped;

undo:
	p2pmem_unmap_host(client, sgl, mapped, dir);
	return ret;
}
