// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: Queue pairs
 *
 * Floor 5.
 *
 * Creation, posting, states and destruction. Work requests are copied into rings with
 * the queue pair's lock held, from any context, and a worker (exec.c) executes them in
 * order. A queue pair connects once; it never leaves the error state, in which the
 * same worker flushes all requests in order.
 */
#include <linux/slab.h>

#include "rnic.h"

#define QPN_MAX		0xffffff

static int rnic_queue_init(struct rnic_queue *q, unsigned int size, unsigned int max_sge)
{
	q->size = size;
	q->max_sge = max_sge;
	q->sge = kvcalloc(size * max_sge ?: 1, sizeof(*q->sge), GFP_KERNEL);
	return q->sge ? 0 : -ENOMEM;
}

static void rnic_qp_free(struct rnic_qp *qp)
{
	kvfree(qp->rwqe);
	kvfree(qp->swqe);
	kvfree(qp->rq.sge);
	kvfree(qp->sq.sge);
}

static int rnic_check_init(const struct ib_qp_init_attr *init)
{
	const struct ib_qp_cap *cap = &init->cap;

	if (init->qp_type != IB_QPT_RC || init->srq || init->create_flags)
		return -EOPNOTSUPP;
	if (!init->send_cq || !init->recv_cq)
		return -EINVAL;
	if (cap->max_send_wr > RNIC_MAX_WR || cap->max_recv_wr > RNIC_MAX_WR ||
	    cap->max_send_sge > RNIC_MAX_SGE || cap->max_recv_sge > RNIC_MAX_SGE ||
	    cap->max_inline_data)
		return -EINVAL;
	return 0;
}

int rnic_create_qp(struct ib_qp *ibqp, struct ib_qp_init_attr *init, struct ib_udata *udata)
{
	struct rnic_dev *dev = to_rnic_dev(ibqp->device);
	struct rnic_qp *qp = to_rnic_qp(ibqp);
	unsigned int sends = max(init->cap.max_send_wr, 1u);
	unsigned int recvs = max(init->cap.max_recv_wr, 1u);
	int ret;

	if (udata)
		return -EOPNOTSUPP;
	ret = rnic_check_init(init);
	if (ret)
		return ret;

	qp->dev = dev;
	qp->state = IB_QPS_RESET;
	qp->signal_all = init->sq_sig_type == IB_SIGNAL_ALL_WR;
	qp->init = *init;
	spin_lock_init(&qp->lock);
	refcount_set(&qp->ref, 1);
	init_completion(&qp->unused);
	INIT_WORK(&qp->work, rnic_qp_work);

	ret = -ENOMEM;
	qp->swqe = kvcalloc(sends, sizeof(*qp->swqe), GFP_KERNEL);
	qp->rwqe = kvcalloc(recvs, sizeof(*qp->rwqe), GFP_KERNEL);
	if (!qp->swqe || !qp->rwqe ||
	    rnic_queue_init(&qp->sq, sends, init->cap.max_send_sge) ||
	    rnic_queue_init(&qp->rq, recvs, init->cap.max_recv_sge))
		goto free;
	ret = rnic_cq_reserve(to_rnic_cq(init->send_cq), sends);
	if (ret)
		goto free;
	ret = rnic_cq_reserve(to_rnic_cq(init->recv_cq), recvs);
	if (ret)
		goto unreserve_send;
	ret = xa_alloc_cyclic(&dev->qps, &ibqp->qp_num, qp, XA_LIMIT(2, QPN_MAX),
			      &dev->next_qpn, GFP_KERNEL);
	if (ret < 0)
		goto unreserve_recv;
	atomic_inc(&rnic_live[RNIC_LIVE_QP]);
	return 0;

unreserve_recv:
	rnic_cq_unreserve(to_rnic_cq(init->recv_cq), recvs);
unreserve_send:
	rnic_cq_unreserve(to_rnic_cq(init->send_cq), sends);
free:
	rnic_qp_free(qp);
	return ret;
}

int rnic_modify_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr, int mask, struct ib_udata *udata)
{
	struct rnic_qp *qp = to_rnic_qp(ibqp);
	int ret = 0;

	spin_lock_irq(&qp->lock);
	if (mask & IB_QP_ACCESS_FLAGS)
		qp->access = attr->qp_access_flags;
	if (!(mask & IB_QP_STATE)) {
		spin_unlock_irq(&qp->lock);
		return 0;
	}

	switch (attr->qp_state) {
	case IB_QPS_INIT:
	case IB_QPS_RTR:
	case IB_QPS_RTS:
		/* Requests run after the connection is established. */
		if (qp->error)
			ret = -EINVAL;
		else
			qp->state = attr->qp_state;
		spin_unlock_irq(&qp->lock);
		return ret;
	case IB_QPS_SQD:	/* an orderly disconnect */
	case IB_QPS_ERR:
		spin_unlock_irq(&qp->lock);
		rnic_conn_fail(qp);
		return 0;
	default:
		spin_unlock_irq(&qp->lock);
		return -EINVAL;
	}
}

int rnic_query_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr, int mask,
		  struct ib_qp_init_attr *init)
{
	struct rnic_qp *qp = to_rnic_qp(ibqp);

	spin_lock_irq(&qp->lock);
	attr->qp_state = qp->state;
	attr->cur_qp_state = qp->state;
	attr->qp_access_flags = qp->access;
	spin_unlock_irq(&qp->lock);
	attr->path_mtu = IB_MTU_4096;
	attr->port_num = RNIC_PORT;
	attr->cap = qp->init.cap;
	*init = qp->init;
	return 0;
}

int rnic_destroy_qp(struct ib_qp *ibqp, struct ib_udata *udata)
{
	struct rnic_qp *qp = to_rnic_qp(ibqp);
	struct rnic_dev *dev = qp->dev;

	xa_erase(&dev->qps, ibqp->qp_num);
	rnic_conn_fail(qp);
	flush_work(&qp->work);
	if (qp->conn)
		rnic_conn_detach(qp->conn, qp->side);
	cancel_work_sync(&qp->work);

	/* The connection manager drops its reference with its last event. */
	rnic_qp_put(qp);
	while (!wait_for_completion_timeout(&qp->unused, 10 * HZ))
		dev_warn(&dev->pdev->dev, "%s: queue pair %u is waiting for its connection to end\n",
			 dev_name(&dev->ibdev.dev), ibqp->qp_num);

	rnic_cq_unreserve(to_rnic_cq(qp->init.recv_cq), qp->rq.size);
	rnic_cq_unreserve(to_rnic_cq(qp->init.send_cq), qp->sq.size);
	rnic_qp_free(qp);
	atomic_dec(&rnic_live[RNIC_LIVE_QP]);
	return 0;
}

/* Copy one request into a free slot; qp->lock is held. */
static int rnic_queue_send(struct rnic_qp *qp, const struct ib_send_wr *wr)
{
	struct rnic_queue *sq = &qp->sq;
	unsigned int slot = (sq->head + sq->used) % sq->size;
	struct rnic_swqe *wqe = &qp->swqe[slot];

	lockdep_assert_held(&qp->lock);
	if (sq->used == sq->size)
		return -ENOMEM;
	if (wr->num_sge < 0 || wr->num_sge > sq->max_sge || wr->send_flags & IB_SEND_INLINE)
		return -EINVAL;

	wqe->wr_id = wr->wr_id;
	wqe->opcode = wr->opcode;
	wqe->send_flags = wr->send_flags;
	wqe->num_sge = wr->num_sge;
	switch (wr->opcode) {
	case IB_WR_SEND:
		break;
	case IB_WR_SEND_WITH_INV:
		wqe->rkey = wr->ex.invalidate_rkey;
		break;
	case IB_WR_RDMA_WRITE:
	case IB_WR_RDMA_READ:
	case IB_WR_RDMA_READ_WITH_INV:
		wqe->rkey = rdma_wr(wr)->rkey;
		wqe->remote_addr = rdma_wr(wr)->remote_addr;
		break;
	case IB_WR_LOCAL_INV:
		wqe->rkey = wr->ex.invalidate_rkey;
		wqe->num_sge = 0;
		break;
	case IB_WR_REG_MR:
		wqe->rkey = reg_wr(wr)->key;
		wqe->access = reg_wr(wr)->access;
		wqe->mr_index = to_rnic_mr(reg_wr(wr)->mr)->index;
		wqe->num_sge = 0;
		break;
	default:
		return -EOPNOTSUPP;
	}
	memcpy(&sq->sge[slot * sq->max_sge], wr->sg_list, wqe->num_sge * sizeof(*wr->sg_list));
	sq->used++;
	return 0;
}

int rnic_post_send(struct ib_qp *ibqp, const struct ib_send_wr *wr,
		   const struct ib_send_wr **bad_wr)
{
	struct rnic_qp *qp = to_rnic_qp(ibqp);
	unsigned long flags;
	int ret = 0;

	spin_lock_irqsave(&qp->lock, flags);
	for (; wr; wr = wr->next) {
		ret = rnic_queue_send(qp, wr);
		if (ret) {
			*bad_wr = wr;
			break;
		}
	}
	spin_unlock_irqrestore(&qp->lock, flags);
	rnic_qp_kick(qp);
	return ret;
}

int rnic_post_recv(struct ib_qp *ibqp, const struct ib_recv_wr *wr,
		   const struct ib_recv_wr **bad_wr)
{
	struct rnic_qp *qp = to_rnic_qp(ibqp);
	struct rnic_queue *rq = &qp->rq;
	struct rnic_conn *conn = NULL;
	unsigned int side, slot;
	unsigned long flags;
	int ret = 0;
	bool error;

	spin_lock_irqsave(&qp->lock, flags);
	for (; wr; wr = wr->next) {
		if (rq->used == rq->size)
			ret = -ENOMEM;
		else if (wr->num_sge < 0 || wr->num_sge > rq->max_sge)
			ret = -EINVAL;
		if (ret) {
			*bad_wr = wr;
			break;
		}
		slot = (rq->head + rq->used) % rq->size;
		qp->rwqe[slot].wr_id = wr->wr_id;
		qp->rwqe[slot].num_sge = wr->num_sge;
		memcpy(&rq->sge[slot * rq->max_sge], wr->sg_list,
		       wr->num_sge * sizeof(*wr->sg_list));
		rq->used++;
	}
	error = qp->error;
	if (qp->starved && rq->used) {
		qp->starved = false;
		conn = qp->conn;
	}
	side = qp->side;
	spin_unlock_irqrestore(&qp->lock, flags);

	if (error)
		rnic_qp_kick(qp);
	if (conn)
		rnic_conn_kick_peer(conn, side);
	return ret;
}
