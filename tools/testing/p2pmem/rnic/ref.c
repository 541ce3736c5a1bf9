// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: References on queue pairs, and their error state
 *
 * Floor 2.
 *
 * Functions that connections and the worker (exec.c) need; the functions that call
 * those are in qp.c.
 */
#include "rnic.h"

/* Get a reference on the queue pair with this number, or NULL. */
struct rnic_qp *rnic_qp_get(struct rnic_dev *dev, u32 qpn)
{
	struct rnic_qp *qp;

	rcu_read_lock();
	qp = xa_load(&dev->qps, qpn);
	if (qp && !refcount_inc_not_zero(&qp->ref))
		qp = NULL;
	rcu_read_unlock();
	return qp;
}

void rnic_qp_put(struct rnic_qp *qp)
{
	if (refcount_dec_and_test(&qp->ref))
		complete(&qp->unused);
}

/*
 * Called by the connection manager with its own spinlock held, right before
 * rnic_iw_add_ref(); its consumer has a reference on the queue pair.
 */
struct ib_qp *rnic_iw_get_qp(struct ib_device *ibdev, int qpn)
{
	struct rnic_qp *qp = xa_load(&to_rnic_dev(ibdev)->qps, qpn);

	return qp ? &qp->ibqp : NULL;
}

void rnic_iw_add_ref(struct ib_qp *ibqp)
{
	refcount_inc(&to_rnic_qp(ibqp)->ref);
}

void rnic_iw_rem_ref(struct ib_qp *ibqp)
{
	rnic_qp_put(to_rnic_qp(ibqp));
}

void rnic_qp_kick(struct rnic_qp *qp)
{
	queue_work(rnic_wq, &qp->work);
}

/* Enter the final error state; the worker flushes. Context: any. */
void rnic_qp_set_error(struct rnic_qp *qp)
{
	unsigned long flags;

	spin_lock_irqsave(&qp->lock, flags);
	qp->error = true;
	qp->state = IB_QPS_ERR;
	spin_unlock_irqrestore(&qp->lock, flags);
	rnic_qp_kick(qp);
}
