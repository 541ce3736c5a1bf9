// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: Memory regions, keys and checked lists of memory
 *
 * Floor 1.
 *
 * Checks every address of a work request before the engine uses it. Key 0 is the
 * local DMA key: the address is a DMA address. Any other key must be the current key
 * of a valid memory region of the same protection domain that allows the access, and
 * the range must be within the region. Local and remote keys are the same number:
 * index << 8, and eight bits that the consumer changes with each registration.
 */
#include <linux/log2.h>
#include <linux/slab.h>

#include "rnic.h"

#define KEY_INDEX_MAX	0xffffff

static struct rnic_mr *rnic_mr_get(struct rnic_dev *dev, u32 index)
{
	struct rnic_mr *mr;

	xa_lock(&dev->mrs);
	mr = xa_load(&dev->mrs, index);
	if (mr && !refcount_inc_not_zero(&mr->ref))
		mr = NULL;
	xa_unlock(&dev->mrs);
	return mr;
}

static void rnic_mr_put(struct rnic_mr *mr)
{
	if (refcount_dec_and_test(&mr->ref))
		complete(&mr->unused);
}

static struct ib_mr *rnic_mr_create(struct ib_pd *ibpd, u32 max_pages)
{
	struct rnic_dev *dev = to_rnic_dev(ibpd->device);
	struct rnic_mr *mr;
	int ret = -ENOMEM;

	mr = kzalloc(sizeof(*mr), GFP_KERNEL);
	if (!mr)
		return ERR_PTR(-ENOMEM);
	if (max_pages) {
		mr->pages = kvcalloc(max_pages, sizeof(*mr->pages), GFP_KERNEL);
		if (!mr->pages)
			goto free;
	}
	mr->max_pages = max_pages;
	spin_lock_init(&mr->lock);
	refcount_set(&mr->ref, 1);
	init_completion(&mr->unused);

	ret = xa_alloc_cyclic(&dev->mrs, &mr->index, mr, XA_LIMIT(1, KEY_INDEX_MAX),
			      &dev->next_mr, GFP_KERNEL);
	if (ret < 0)
		goto free;
	mr->ibmr.lkey = mr->index << 8;
	mr->ibmr.rkey = mr->ibmr.lkey;
	atomic_inc(&rnic_live[RNIC_LIVE_MR]);
	return &mr->ibmr;

free:
	kvfree(mr->pages);
	kfree(mr);
	return ERR_PTR(ret);
}

struct ib_mr *rnic_get_dma_mr(struct ib_pd *ibpd, int access)
{
	struct ib_mr *ibmr = rnic_mr_create(ibpd, 0);
	struct rnic_mr *mr = to_rnic_mr(ibmr);

	if (IS_ERR(ibmr))
		return ibmr;
	spin_lock(&mr->lock);
	mr->dma = true;
	mr->key = ibmr->lkey;
	mr->access = access;
	mr->length = U64_MAX;
	mr->valid = true;
	spin_unlock(&mr->lock);
	return ibmr;
}

struct ib_mr *rnic_reg_user_mr(struct ib_pd *ibpd, u64 start, u64 length, u64 virt,
			       int access, struct ib_udata *udata)
{
	return ERR_PTR(-EOPNOTSUPP);
}

struct ib_mr *rnic_alloc_mr(struct ib_pd *ibpd, enum ib_mr_type type, u32 max_num_sg)
{
	if (type != IB_MR_TYPE_MEM_REG)
		return ERR_PTR(-EOPNOTSUPP);
	if (!max_num_sg || max_num_sg > to_rnic_dev(ibpd->device)->reg_pages)
		return ERR_PTR(-EINVAL);
	return rnic_mr_create(ibpd, max_num_sg);
}

static int rnic_set_page(struct ib_mr *ibmr, u64 addr)
{
	struct rnic_mr *mr = to_rnic_mr(ibmr);

	if (mr->nr_pages == mr->max_pages)
		return -ENOMEM;
	mr->pages[mr->nr_pages++] = addr;
	return 0;
}

int rnic_map_mr_sg(struct ib_mr *ibmr, struct scatterlist *sg, int nents, unsigned int *offset)
{
	struct rnic_mr *mr = to_rnic_mr(ibmr);

	if (!is_power_of_2(ibmr->page_size) || ibmr->page_size < SZ_4K)
		return -EINVAL;
	mr->nr_pages = 0;
	return ib_sg_to_pages(ibmr, sg, nents, offset, rnic_set_page);
}

int rnic_dereg_mr(struct ib_mr *ibmr, struct ib_udata *udata)
{
	struct rnic_dev *dev = to_rnic_dev(ibmr->device);
	struct rnic_mr *mr = to_rnic_mr(ibmr);

	xa_erase(&dev->mrs, mr->index);
	rnic_mr_put(mr);
	/* Wait for transfers that use the region, as real hardware does. */
	while (!wait_for_completion_timeout(&mr->unused, 10 * HZ))
		dev_warn(&dev->pdev->dev, "%s: region %#x is waiting for a transfer to end\n",
			 dev_name(&dev->ibdev.dev), mr->index);
	kvfree(mr->pages);
	kfree(mr);
	atomic_dec(&rnic_live[RNIC_LIVE_MR]);
	return 0;
}

/* REG_MR: make the mapped pages accessible by @key; return 0 or -EINVAL. */
int rnic_mr_register(struct rnic_qp *qp, u32 index, u32 key, int access)
{
	struct rnic_mr *mr = rnic_mr_get(qp->dev, index);
	int ret = -EINVAL;

	if (!mr)
		return -EINVAL;
	spin_lock(&mr->lock);
	if (mr->ibmr.pd == qp->ibqp.pd && !mr->dma && !mr->valid && mr->nr_pages &&
	    key >> 8 == mr->index) {
		mr->key = key;
		mr->access = access;
		mr->iova = mr->ibmr.iova;
		mr->length = mr->ibmr.length;
		mr->page_shift = ilog2(mr->ibmr.page_size);
		mr->valid = true;
		ret = 0;
	}
	spin_unlock(&mr->lock);
	rnic_mr_put(mr);
	return ret;
}

/*
 * Invalidate the region whose current key is @key; return 0 or -EINVAL. A second
 * invalidation is not an error.
 */
int rnic_mr_invalidate(struct rnic_dev *dev, struct ib_pd *pd, u32 key)
{
	struct rnic_mr *mr = rnic_mr_get(dev, key >> 8);
	int ret = -EINVAL;

	if (!mr)
		return -EINVAL;
	spin_lock(&mr->lock);
	if (mr->ibmr.pd == pd && !mr->dma && mr->key == key) {
		mr->valid = false;
		ret = 0;
	}
	spin_unlock(&mr->lock);
	rnic_mr_put(mr);
	return ret;
}

void rnic_cursor_init(struct rnic_cursor *cur)
{
	cur->nr = 0;
	cur->cur = 0;
	cur->off = 0;
	cur->run = 0;
	cur->total = 0;
}

static bool rnic_mr_allows(const struct rnic_mr *mr, const struct rnic_qp *qp, u32 key,
			   u64 addr, u32 len, int access)
{
	return mr->valid && mr->key == key && mr->ibmr.pd == qp->ibqp.pd &&
	       (mr->access & access) == access &&
	       addr >= mr->iova && addr - mr->iova <= mr->length &&
	       len <= mr->length - (addr - mr->iova);
}

/*
 * Append @len bytes at @addr with @key, a key of @qp's protection domain.
 * Return 0, -EACCES if a check fails or -EINVAL for too many pieces. The
 * cursor holds a reference on the region until rnic_cursor_release().
 */
int rnic_cursor_add(struct rnic_cursor *cur, struct rnic_qp *qp, u32 key, u64 addr, u32 len,
		    int access, bool remote)
{
	struct rnic_ref *ref;
	struct rnic_mr *mr;

	if (!len)
		return 0;
	if (cur->nr == RNIC_MAX_SGE)
		return -EINVAL;
	ref = &cur->ref[cur->nr];
	ref->mr = NULL;
	ref->addr = addr;
	ref->len = len;

	if (!key) {
		if (remote)
			return -EACCES;
		goto added;
	}

	mr = rnic_mr_get(qp->dev, key >> 8);
	if (!mr)
		return -EACCES;
	spin_lock(&mr->lock);
	if (!rnic_mr_allows(mr, qp, key, addr, len, access)) {
		spin_unlock(&mr->lock);
		rnic_mr_put(mr);
		return -EACCES;
	}
	if (!mr->dma) {
		ref->page_shift = mr->page_shift;
		ref->addr = addr - mr->iova + (mr->iova & (BIT_ULL(mr->page_shift) - 1));
	}
	spin_unlock(&mr->lock);
	ref->mr = mr;
added:
	cur->nr++;
	cur->total += len;
	return 0;
}

int rnic_cursor_add_sges(struct rnic_cursor *cur, struct rnic_qp *qp, const struct ib_sge *sge,
			 int num_sge, int access)
{
	int i, ret;

	for (i = 0; i < num_sge; i++) {
		ret = rnic_cursor_add(cur, qp, sge[i].lkey, sge[i].addr, sge[i].length,
				      access, false);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * Return the address at the cursor and the number of contiguous bytes from there. The number is
 * kept while the cursor moves through these bytes, so that each page of a region is compared with
 * the next one once. The connection's mutex is held: the region is not registered again meanwhile.
 */
bool rnic_cursor_peek(struct rnic_cursor *cur, u64 *addr, u32 *len)
{
	const struct rnic_ref *ref = &cur->ref[cur->cur];
	const struct rnic_mr *mr = ref->mr;
	u64 pos, page_size, run;
	unsigned int page;
	u32 left;

	if (cur->cur == cur->nr)
		return false;
	left = ref->len - cur->off;
	pos = ref->addr + cur->off;
	if (!mr || mr->dma) {
		*addr = pos;
		*len = left;
		return true;
	}

	page_size = BIT_ULL(ref->page_shift);
	page = pos >> ref->page_shift;
	if (page >= mr->nr_pages)
		return false;
	*addr = mr->pages[page] + (pos & (page_size - 1));
	if (cur->run) {
		*len = cur->run;
		return true;
	}
	run = page_size - (pos & (page_size - 1));
	while (run < left && page + 1 < mr->nr_pages &&
	       mr->pages[page + 1] == mr->pages[page] + page_size) {
		run += page_size;
		page++;
	}
	*len = min_t(u64, run, left);
	cur->run = *len;
	return true;
}

void rnic_cursor_advance(struct rnic_cursor *cur, u32 len)
{
	cur->off += len;
	cur->run -= min(cur->run, len);
	if (cur->off == cur->ref[cur->cur].len) {
		cur->off = 0;
		cur->run = 0;
		cur->cur++;
	}
}

void rnic_cursor_release(struct rnic_cursor *cur)
{
	unsigned int i;

	for (i = 0; i < cur->nr; i++)
		if (cur->ref[i].mr)
			rnic_mr_put(cur->ref[i].mr);
	rnic_cursor_init(cur);
}
