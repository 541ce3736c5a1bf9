// SPDX-License-Identifier: GPL-2.0-only
/*
 * File: drivers/nvme/host/p2pmem-iter.c
 *
 * The data of commands where the block layer maps requests step by step. A request whose first
 * page is peer memory is mapped here, a segment at a time, and all others are the block layer's.
 * One of its own that has a page of ours behind others is refused, and so is a page that is not
 * ours in one of ours.
 *
 * Addresses through a host bridge are undone by pci.c, which keeps them as it does for
 * upstream's. What is left for us is the core's account of mappings. pci.c keeps the number of
 * segments that were mapped, because it also unmaps requests of which only some were.
 */
#include <linux/bvec.h>
#include <linux/blkdev.h>
#include <linux/pci-p2pmem.h>

#include "p2pmem.h"
#include "p2pmem-iter.h"

static void nvme_p2pmem_iter_init(struct request *req, struct blk_map_iter *it)
{
	*it = (struct blk_map_iter) {
		.bio = req->bio,
		.bvecs = req->bio->bi_io_vec,
		.iter = req->bio->bi_iter,
	};
}

static bool nvme_p2pmem_iter_more(struct blk_map_iter *it)
{
	while (!it->iter.bi_size) {
		if (!it->bio->bi_next)
			return false;
		it->bio = it->bio->bi_next;
		it->iter = it->bio->bi_iter;
		it->bvecs = it->bio->bi_io_vec;
	}
	return true;
}

/*
 * The next segment. What the block layer has counted as one must be one here, for the drive's
 * list has as many entries; it counts adjacent memory of one provider as one within these limits.
 */
static bool nvme_p2pmem_segment(struct request *req, struct blk_map_iter *it, struct bio_vec *bv)
{
	const unsigned int max = queue_max_segment_size(req->q);
	const phys_addr_t across = ~(phys_addr_t)queue_segment_boundary(req->q);
	struct bio_vec next;

	if (!nvme_p2pmem_iter_more(it))
		return false;
	*bv = mp_bvec_iter_bvec(it->bvecs, it->iter);
	bv->bv_len = min(bv->bv_len, max);
	bvec_iter_advance_single(it->bvecs, &it->iter, bv->bv_len);
	while (nvme_p2pmem_iter_more(it)) {
		next = mp_bvec_iter_bvec(it->bvecs, it->iter);
		if (bvec_phys(bv) + bv->bv_len != bvec_phys(&next) ||
		    bv->bv_len + next.bv_len > max ||
		    (bvec_phys(bv) ^ (bvec_phys(&next) + next.bv_len - 1)) & across ||
		    !is_pci_p2pmem_page(next.bv_page) ||
		    !zone_device_pages_have_same_pgmap(bv->bv_page, next.bv_page))
			break;
		bv->bv_len += next.bv_len;
		bvec_iter_advance_single(it->bvecs, &it->iter, next.bv_len);
	}
	return true;
}

static bool nvme_p2pmem_map_one(struct request *req, struct device *dev, struct blk_dma_iter *iter,
				unsigned int *mapped)
{
	enum pci_p2pdma_map_type map;
	struct scatterlist sg;
	struct bio_vec bv;

	iter->status = BLK_STS_OK;
	if (!nvme_p2pmem_segment(req, &iter->iter, &bv))
		return false;
	iter->status = nvme_p2pmem_map_segment(dev, &bv, rq_dma_dir(req), &sg, &iter->addr);
	if (iter->status)
		return false;
	map = sg_dma_is_bus_address(&sg) ? PCI_P2PDMA_MAP_BUS_ADDR :
					   PCI_P2PDMA_MAP_THRU_HOST_BRIDGE;
	/* pci.c unmaps all of a request in one way. */
	if (*mapped && map != iter->p2pdma.map) {
		nvme_p2pmem_unmap_segment(dev, &sg, rq_dma_dir(req));
		iter->status = nvme_p2pmem_map_status(-ECOMM);
		return false;
	}
	iter->p2pdma.map = map;
	iter->len = sg_dma_len(&sg);
	++*mapped;
	return true;
}

/**
 * nvme_p2pmem_map_iter_start() - map the first segment of a request
 * @req: the request
 * @dev: the drive's DMA device
 * @state: as blk_rq_dma_map_iter_start() has it
 * @iter: as blk_rq_dma_map_iter_start() has it
 * @mapped: returns how many segments of peer memory are mapped
 *
 * Context: Any.
 * Return: true with a segment in @iter, false with a status there.
 */
bool nvme_p2pmem_map_iter_start(struct request *req, struct device *dev,
				struct dma_iova_state *state, struct blk_dma_iter *iter,
				unsigned int *mapped)
{
	*mapped = 0;
	if ((req->rq_flags & RQF_SPECIAL_PAYLOAD) || !req->bio || !bio_has_data(req->bio) ||
	    !is_pci_p2pmem_page(bio_page(req->bio))) {
		if (!req->bio || !nvme_p2pmem_merged(req))
			return blk_rq_dma_map_iter_start(req, dev, state, iter);
		iter->status = nvme_p2pmem_map_status(-EREMOTEIO);
		return false;
	}
	memset(state, 0, sizeof(*state));
	memset(&iter->p2pdma, 0, sizeof(iter->p2pdma));
	nvme_p2pmem_iter_init(req, &iter->iter);
	return nvme_p2pmem_map_one(req, dev, iter, mapped);
}

/**
 * nvme_p2pmem_map_iter_next() - map the next segment of a request
 * @req: as before
 * @dev: as before
 * @iter: as before
 * @mapped: as before
 *
 * Context: Any.
 * Return: true with a segment in @iter, false with a status there; BLK_STS_OK at the end.
 */
bool nvme_p2pmem_map_iter_next(struct request *req, struct device *dev,
			       struct blk_dma_iter *iter, unsigned int *mapped)
{
	if (!*mapped)
		return blk_rq_dma_map_iter_next(req, dev, iter);
	return nvme_p2pmem_map_one(req, dev, iter, mapped);
}

/**
 * nvme_p2pmem_unmap_data() - unmap the segments of a request in the core
 * @req: as mapped
 * @dev: as mapped
 * @map: how it was mapped
 * @mapped: as mapped; 0 afterwards
 *
 * Context: Any. pci.c undoes the addresses.
 */
void nvme_p2pmem_unmap_data(struct request *req, struct device *dev,
			    enum pci_p2pdma_map_type map, unsigned int *mapped)
{
	struct blk_map_iter it;
	struct scatterlist sg;
	struct bio_vec bv;

	if (!*mapped)
		return;
	nvme_p2pmem_iter_init(req, &it);
	for (; *mapped && nvme_p2pmem_segment(req, &it, &bv); --*mapped) {
		/* without an address to undo; the page as nvme_p2pmem_map_segment() has it */
		sg_init_table(&sg, 1);
		sg_set_page(&sg, bv.bv_page + bv.bv_offset / PAGE_SIZE, bv.bv_len,
			    bv.bv_offset % PAGE_SIZE);
		sg_dma_len(&sg) = 0;
		if (map == PCI_P2PDMA_MAP_BUS_ADDR)
			sg_dma_mark_bus_address(&sg);
		pci_p2pmem_unmap_sg(dev, &sg, 1, rq_dma_dir(req));
	}
	WARN_ON_ONCE(*mapped);
	*mapped = 0;
}
