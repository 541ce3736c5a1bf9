// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: Completion queues
 *
 * Floor 1.
 *
 * A ring of completions. Flushed requests complete even if they were not
 * signaled, which consumers do not take into account for the size of their
 * queues. So every queue pair adds entries for all its requests when it is
 * created, and removes them when it is destroyed.
 */
#include <linux/bottom_half.h>
#include <linux/slab.h>

#include "rnic.h"

int rnic_create_cq(struct ib_cq *ibcq, const struct ib_cq_init_attr *attr,
		   struct uverbs_attr_bundle *attrs)
{
	struct rnic_cq *cq = to_rnic_cq(ibcq);

	if (attrs || attr->flags)
		return -EOPNOTSUPP;
	if (!attr->cqe || attr->cqe > RNIC_MAX_CQE)
		return -EINVAL;

	cq->ring = kvcalloc(attr->cqe, sizeof(*cq->ring), GFP_KERNEL);
	if (!cq->ring)
		return -ENOMEM;
	spin_lock_init(&cq->lock);
	cq->base = attr->cqe;
	cq->size = attr->cqe;
	ibcq->cqe = attr->cqe;
	atomic_inc(&rnic_live[RNIC_LIVE_CQ]);
	return 0;
}

int rnic_destroy_cq(struct ib_cq *ibcq, struct ib_udata *udata)
{
	kvfree(to_rnic_cq(ibcq)->ring);
	atomic_dec(&rnic_live[RNIC_LIVE_CQ]);
	return 0;
}

/* Reserve entries for @entries more completions; return 0 or -ENOMEM. */
int rnic_cq_reserve(struct rnic_cq *cq, unsigned int entries)
{
	struct ib_wc *ring = NULL;
	unsigned int need, i;

	spin_lock_irq(&cq->lock);
	for (;;) {
		need = cq->base + cq->reserved + entries;
		if (need <= cq->size)
			break;
		spin_unlock_irq(&cq->lock);

		kvfree(ring);
		ring = kvcalloc(need, sizeof(*ring), GFP_KERNEL);
		if (!ring)
			return -ENOMEM;

		spin_lock_irq(&cq->lock);
		/* Another queue pair may have attached in the meantime. */
		if (need < cq->base + cq->reserved + entries || need <= cq->size)
			continue;
		for (i = 0; i < cq->used; i++)
			ring[i] = cq->ring[(cq->head + i) % cq->size];
		swap(cq->ring, ring);
		cq->size = need;
		cq->head = 0;
	}
	cq->reserved += entries;
	spin_unlock_irq(&cq->lock);
	kvfree(ring);
	return 0;
}

void rnic_cq_unreserve(struct rnic_cq *cq, unsigned int entries)
{
	spin_lock_irq(&cq->lock);
	cq->reserved -= entries;
	spin_unlock_irq(&cq->lock);
}

int rnic_poll_cq(struct ib_cq *ibcq, int num_entries, struct ib_wc *wc)
{
	struct rnic_cq *cq = to_rnic_cq(ibcq);
	unsigned long flags;
	int n;

	spin_lock_irqsave(&cq->lock, flags);
	for (n = 0; n < num_entries && cq->used; n++) {
		wc[n] = cq->ring[cq->head];
		cq->head = (cq->head + 1) % cq->size;
		cq->used--;
	}
	spin_unlock_irqrestore(&cq->lock, flags);
	return n;
}

int rnic_req_notify_cq(struct ib_cq *ibcq, enum ib_cq_notify_flags flags)
{
	struct rnic_cq *cq = to_rnic_cq(ibcq);
	unsigned long irqflags;
	int missed = 0;

	spin_lock_irqsave(&cq->lock, irqflags);
	/* A request for solicited completions does not replace one for all. */
	if (cq->notify != IB_CQ_NEXT_COMP)
		cq->notify = flags & IB_CQ_SOLICITED_MASK;
	if (flags & IB_CQ_REPORT_MISSED_EVENTS)
		missed = cq->used > 0;
	spin_unlock_irqrestore(&cq->lock, irqflags);
	return missed;
}

/* Add a completion and notify the consumer if requested. Context: may sleep. */
void rnic_cq_push(struct rnic_cq *cq, const struct ib_wc *wc, bool solicited)
{
	bool notify = false, lost = false;
	unsigned long flags;

	/* A softirq that the consumer raises runs when bottom halves are enabled again. */
	local_bh_disable();
	spin_lock_irqsave(&cq->lock, flags);
	if (cq->used < cq->size) {
		cq->ring[(cq->head + cq->used) % cq->size] = *wc;
		cq->used++;
		notify = cq->notify == IB_CQ_NEXT_COMP ||
			 (cq->notify == IB_CQ_SOLICITED &&
			  (solicited || wc->status != IB_WC_SUCCESS));
		if (notify)
			cq->notify = 0;
	} else {
		lost = true;
	}
	spin_unlock_irqrestore(&cq->lock, flags);
	if (notify && cq->ibcq.comp_handler)
		cq->ibcq.comp_handler(&cq->ibcq, cq->ibcq.cq_context);
	local_bh_enable();

	if (lost) {
		struct rnic_dev *dev = to_rnic_dev(cq->ibcq.device);

		rnic_count_inc(dev, RNIC_COUNT_CQ_OVERFLOWS);
		dev_err_ratelimited(&dev->pdev->dev, "completion queue overflow (%d entries)\n",
				    cq->ibcq.cqe);
	}
}
