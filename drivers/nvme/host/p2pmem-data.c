// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: data of NVMe commands in peer memory
 *
 * Such data is mapped through the peer-to-peer core. Metadata, PRP and SGL lists and completion
 * queues are always in system memory.
 *
 * Data of one segment that two PRP entries or one SGL descriptor describe is mapped by an entry of
 * the command (nvme_p2pmem_map_bvec()): most I/Os of a target, unless the drive has no SGLs. All
 * other data has a scatterlist from the driver's pool (nvme_p2pmem_map_sgtable()).
 */
#include <linux/bvec.h>
#include <linux/pci-p2pmem.h>

#include "p2pmem.h"

/**
 * nvme_p2pmem_merged() - whether peer memory was merged behind system memory
 * @req: the request
 *
 * A bio is built by one submitter from one allocation, so its first page shows its kind. But
 * without CONFIG_PCI_P2PDMA the block layer merges bios of both kinds, unless the submitter
 * forbids it with REQ_NOMERGE.
 *
 * Context: Any.
 * Return: true if the first page does not show what the request has.
 */
bool nvme_p2pmem_merged(struct request *req)
{
	struct bio *bio = req->bio;

	if (likely(bio == req->biotail || !static_branch_unlikely(&pci_p2pmem_lending)) ||
	    req->rq_flags & RQF_SPECIAL_PAYLOAD)
		return false;
	while ((bio = bio->bi_next))
		if (bio_has_data(bio) && is_pci_p2pmem_page(bio_page(bio)))
			return true;
	return false;
}

/* The error of nvme_p2pmem_map_sgtable() for one of pci_p2pmem_map_sg() */
static int nvme_p2pmem_map_error(int error)
{
	switch (error) {
	case -ENOMEM:
		return error;
	case -EIO:
	case -ENODEV:
	case -EXDEV:
		return -ECOMM;
	default:
		return -EREMOTEIO;
	}
}

/**
 * nvme_p2pmem_map_sgtable() - map the data of a command
 * @dev: the drive's DMA device
 * @req: the request
 * @sgt: its data in @sgl and @orig_nents; @nents is set on success
 * @attrs: for the DMA API if the list is system memory
 *
 * Context: Any.
 * Return: 0 on success. For peer memory: -ENOMEM if resources are temporarily short;
 * -EREMOTEIO if the drive is not a client or the list mixes kinds of memory; -ECOMM if
 * the memory cannot be mapped for this drive now (IOMMU failure, memory lost, path
 * refused). For system memory: the error of the DMA API.
 */
int nvme_p2pmem_map_sgtable(struct device *dev, struct request *req, struct sg_table *sgt,
			    unsigned long attrs)
{
	int ret = pci_p2pmem_sg_kind(sgt->sgl, sgt->orig_nents);
	enum dma_data_direction dir = rq_dma_dir(req);

	if (likely(!ret && !nvme_p2pmem_merged(req)))
		return dma_map_sgtable(dev, sgt, dir, attrs);
	/* Mixed lists as well: the core refuses, counts and reports them. */
	ret = pci_p2pmem_map_sg(dev, sgt->sgl, sgt->orig_nents, dir);
	if (ret < 0)
		return nvme_p2pmem_map_error(ret);
	sgt->nents = ret;
	return 0;
}

/**
 * nvme_p2pmem_map_status() - status of a command whose data cannot be mapped
 * @error: error returned by nvme_p2pmem_map_sgtable()
 *
 * -ECOMM may be temporary, but the command is not requeued: no event would end the wait,
 * and the submitter can retry with other memory. BLK_STS_TRANSPORT is the status that a
 * target passes on to its host, and that makes multipath fail over.
 *
 * Context: Any.
 * Return: the status to complete the command with, or BLK_STS_RESOURCE to requeue it.
 */
blk_status_t nvme_p2pmem_map_status(int error)
{
	switch (error) {
	case -EREMOTEIO:
		return BLK_STS_TARGET;
	case -ECOMM:
		return BLK_STS_TRANSPORT;
	default:
		return BLK_STS_RESOURCE;
	}
}

/**
 * nvme_p2pmem_map_segment() - map data of one segment of peer memory
 * @dev: the drive's DMA device
 * @bv: the segment, in pages of peer memory
 * @dir: direction
 * @sg: an entry of the command, to be kept until nvme_p2pmem_unmap_segment(); empty on error
 * @addr: returns the address for the drive
 *
 * Context: Any.
 * Return: BLK_STS_OK, or the status of nvme_p2pmem_map_status().
 */
blk_status_t nvme_p2pmem_map_segment(struct device *dev, const struct bio_vec *bv,
				     enum dma_data_direction dir, struct scatterlist *sg,
				     dma_addr_t *addr)
{
	int ret;

	sg_init_table(sg, 1);
	/* A segment may begin behind the first page of the run that its bio has. */
	sg_set_page(sg, bv->bv_page + bv->bv_offset / PAGE_SIZE, bv->bv_len,
		    bv->bv_offset % PAGE_SIZE);
	ret = pci_p2pmem_map_sg(dev, sg, 1, dir);
	if (unlikely(ret < 0)) {
		sg->length = 0;
		return nvme_p2pmem_map_status(nvme_p2pmem_map_error(ret));
	}
	*addr = sg_dma_address(sg);
	return BLK_STS_OK;
}

/**
 * nvme_p2pmem_unmap_segment() - undo nvme_p2pmem_map_segment()
 * @dev: as mapped
 * @sg: as mapped
 * @dir: as mapped
 *
 * Context: Any.
 */
void nvme_p2pmem_unmap_segment(struct device *dev, struct scatterlist *sg,
			       enum dma_data_direction dir)
{
	pci_p2pmem_unmap_sg(dev, sg, 1, dir);
}

/**
 * nvme_p2pmem_unmap_sgtable() - undo nvme_p2pmem_map_sgtable()
 * @dev: as given when mapping
 * @sgt: as mapped
 * @dir: as given when mapping
 * @attrs: for the DMA API if the list is system memory
 *
 * A mapped list never mixes kinds of memory, so checking its first entry is enough.
 *
 * Context: Any.
 */
void nvme_p2pmem_unmap_sgtable(struct device *dev, struct sg_table *sgt,
			       enum dma_data_direction dir, unsigned long attrs)
{
	if (is_pci_p2pmem_page(sg_page(sgt->sgl)))
		pci_p2pmem_unmap_sg(dev, sgt->sgl, sgt->orig_nents, dir);
	else
		dma_unmap_sgtable(dev, sgt, dir, attrs);
}
