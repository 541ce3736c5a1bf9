// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: Executing work requests
 *
 * Floor 4.
 *
 * One worker per queue pair executes its send queue in order, under the mutex
 * of the connection. The side that posts a request moves the bytes with its
 * own engine in both directions: a target's reads and writes access peer
 * memory through the target's adapter. A flush takes the same mutex, so no
 * buffer is returned to its consumer while a transfer uses it.
 *
 * The addresses of both sides are used on one bus. This is correct without an
 * IOMMU, or with both queue pairs on one adapter; two adapters behind an IOMMU
 * would need a common domain, which this driver does not set up.
 */
#include <linux/sched.h>

#include "rnic.h"

/* Number of requests that a worker executes before it yields to others */
#define BUDGET	64

/* Not a completion status: the request waits for the peer's next receive. */
#define PARKED	(-1)

static const struct {
	enum rnic_op op;
	enum ib_wc_opcode wc;
} rnic_opcodes[] = {
	[IB_WR_SEND]			= { RNIC_OP_SEND, IB_WC_SEND },
	[IB_WR_SEND_WITH_INV]		= { RNIC_OP_SEND_WITH_INV, IB_WC_SEND },
	[IB_WR_RDMA_WRITE]		= { RNIC_OP_RDMA_WRITE, IB_WC_RDMA_WRITE },
	[IB_WR_RDMA_READ]		= { RNIC_OP_RDMA_READ, IB_WC_RDMA_READ },
	[IB_WR_RDMA_READ_WITH_INV]	= { RNIC_OP_RDMA_READ_WITH_INV, IB_WC_RDMA_READ },
	[IB_WR_LOCAL_INV]		= { RNIC_OP_LOCAL_INV, IB_WC_LOCAL_INV },
	[IB_WR_REG_MR]			= { RNIC_OP_REG_MR, IB_WC_REG_MR },
};

static void rnic_complete_send(struct rnic_qp *qp, const struct rnic_swqe *wqe,
			       enum ib_wc_status status)
{
	struct ib_wc wc = {
		.wr_id = wqe->wr_id,
		.status = status,
		.opcode = rnic_opcodes[wqe->opcode].wc,
		.byte_len = wqe->length,
		.qp = &qp->ibqp,
		.port_num = RNIC_PORT,
	};

	rnic_cq_push(to_rnic_cq(qp->init.send_cq), &wc, false);
}

static void rnic_complete_recv(struct rnic_qp *qp, u64 wr_id, enum ib_wc_status status,
			       const struct rnic_swqe *from)
{
	struct ib_wc wc = {
		.wr_id = wr_id,
		.status = status,
		.opcode = IB_WC_RECV,
		.qp = &qp->ibqp,
		.port_num = RNIC_PORT,
	};

	if (from && status == IB_WC_SUCCESS) {
		wc.byte_len = from->length;
		if (from->opcode == IB_WR_SEND_WITH_INV) {
			wc.wc_flags = IB_WC_WITH_INVALIDATE;
			wc.ex.invalidate_rkey = from->rkey;
		}
	}
	rnic_cq_push(to_rnic_cq(qp->init.recv_cq), &wc,
		     from && from->send_flags & IB_SEND_SOLICITED);
}

static struct rnic_swqe *rnic_sq_head(struct rnic_qp *qp, const struct ib_sge **sge)
{
	struct rnic_swqe *wqe = NULL;

	spin_lock_irq(&qp->lock);
	if (qp->sq.used) {
		wqe = &qp->swqe[qp->sq.head];
		*sge = &qp->sq.sge[qp->sq.head * qp->sq.max_sge];
	}
	spin_unlock_irq(&qp->lock);
	return wqe;
}

static void rnic_queue_pop(struct rnic_qp *qp, struct rnic_queue *q)
{
	spin_lock_irq(&qp->lock);
	q->head = (q->head + 1) % q->size;
	q->used--;
	spin_unlock_irq(&qp->lock);
}

/* Count a failed check of a key that belongs to @qp's device. */
static int rnic_refused(struct rnic_qp *qp, enum ib_wc_status status)
{
	rnic_count_inc(qp->dev, RNIC_COUNT_KEY_ERRORS);
	return status;
}

static int rnic_transfer(struct rnic_qp *qp, enum rnic_op op, u64 len)
{
	int ret;

	if (len) {
		rnic_gate_pass(qp->dev, op, &qp->dst, &qp->src);
		if (rnic_gate_drops(qp->dev, op, &qp->dst, &qp->src))
			return IB_WC_SUCCESS;
		if (rnic_gate_fails(qp->dev, op, &qp->dst, &qp->src))
			return IB_WC_GENERAL_ERR;
	}
	ret = rnic_engine_copy(qp->dev, &qp->dst, &qp->src, len);
	if (ret == -ERANGE)
		return IB_WC_LOC_PROT_ERR;
	return ret ? IB_WC_GENERAL_ERR : IB_WC_SUCCESS;
}

static int rnic_exec_send(struct rnic_qp *qp, struct rnic_qp *peer, struct rnic_swqe *wqe,
			  const struct ib_sge *sge)
{
	struct rnic_queue *rq = &peer->rq;
	const struct ib_sge *rsge;
	enum ib_wc_status recv_status = IB_WC_SUCCESS;
	struct rnic_rwqe rwqe;
	int status;

	if (rnic_cursor_add_sges(&qp->src, qp, sge, wqe->num_sge, 0))
		return rnic_refused(qp, IB_WC_LOC_PROT_ERR);
	wqe->length = qp->src.total;

	spin_lock_irq(&peer->lock);
	if (!rq->used) {
		peer->starved = true;
		spin_unlock_irq(&peer->lock);
		rnic_count_inc(qp->dev, RNIC_COUNT_RNR_PARKS);
		return PARKED;
	}
	rwqe = peer->rwqe[rq->head];
	rsge = &rq->sge[rq->head * rq->max_sge];
	spin_unlock_irq(&peer->lock);

	if (rnic_cursor_add_sges(&qp->dst, peer, rsge, rwqe.num_sge, IB_ACCESS_LOCAL_WRITE)) {
		recv_status = IB_WC_LOC_PROT_ERR;
		status = rnic_refused(peer, IB_WC_REM_OP_ERR);
	} else if (wqe->length > qp->dst.total) {
		recv_status = IB_WC_LOC_LEN_ERR;
		status = IB_WC_REM_INV_REQ_ERR;
	} else if (wqe->opcode == IB_WR_SEND_WITH_INV &&
		   rnic_mr_invalidate(peer->dev, peer->ibqp.pd, wqe->rkey)) {
		recv_status = IB_WC_LOC_ACCESS_ERR;
		status = rnic_refused(peer, IB_WC_REM_ACCESS_ERR);
	} else {
		status = rnic_transfer(qp, rnic_opcodes[wqe->opcode].op, wqe->length);
		if (status != IB_WC_SUCCESS)
			recv_status = IB_WC_GENERAL_ERR;
	}

	if (status == IB_WC_SUCCESS)
		rnic_op_done(peer->dev, RNIC_OP_RECV, wqe->length);
	rnic_queue_pop(peer, rq);
	rnic_complete_recv(peer, rwqe.wr_id, recv_status, wqe);
	return status;
}

static int rnic_exec_rdma(struct rnic_qp *qp, struct rnic_qp *peer, struct rnic_swqe *wqe,
			  const struct ib_sge *sge)
{
	bool write = wqe->opcode == IB_WR_RDMA_WRITE;
	int remote = write ? IB_ACCESS_REMOTE_WRITE : IB_ACCESS_REMOTE_READ;
	struct rnic_cursor *local = write ? &qp->src : &qp->dst;
	struct rnic_cursor *far = write ? &qp->dst : &qp->src;
	int status;

	if (rnic_cursor_add_sges(local, qp, sge, wqe->num_sge, write ? 0 : IB_ACCESS_LOCAL_WRITE))
		return rnic_refused(qp, IB_WC_LOC_PROT_ERR);
	wqe->length = local->total;
	if (local->total > U32_MAX)
		return IB_WC_LOC_LEN_ERR;
	if (!wqe->length)
		return IB_WC_SUCCESS;
	if ((peer->access & remote) != remote ||
	    rnic_cursor_add(far, peer, wqe->rkey, wqe->remote_addr, wqe->length, remote, true))
		return rnic_refused(peer, IB_WC_REM_ACCESS_ERR);

	status = rnic_transfer(qp, rnic_opcodes[wqe->opcode].op, wqe->length);
	if (status != IB_WC_SUCCESS || wqe->opcode != IB_WR_RDMA_READ_WITH_INV)
		return status;

	/* ex.invalidate_rkey is the key before its last change: use the sink's. */
	if (wqe->num_sge != 1 || rnic_mr_invalidate(qp->dev, qp->ibqp.pd, sge[0].lkey))
		return rnic_refused(qp, IB_WC_LOC_ACCESS_ERR);
	return IB_WC_SUCCESS;
}

/* Execute one request; return a completion status or PARKED. */
static int rnic_exec(struct rnic_qp *qp, struct rnic_qp *peer, struct rnic_swqe *wqe,
		     const struct ib_sge *sge)
{
	int status;

	rnic_cursor_init(&qp->src);
	rnic_cursor_init(&qp->dst);
	wqe->length = 0;
	switch (wqe->opcode) {
	case IB_WR_SEND:
	case IB_WR_SEND_WITH_INV:
		status = rnic_exec_send(qp, peer, wqe, sge);
		break;
	case IB_WR_RDMA_WRITE:
	case IB_WR_RDMA_READ:
	case IB_WR_RDMA_READ_WITH_INV:
		status = rnic_exec_rdma(qp, peer, wqe, sge);
		break;
	case IB_WR_REG_MR:
		if (READ_ONCE(qp->dev->flush_reg)) {
			WRITE_ONCE(qp->dev->flush_reg, qp->dev->flush_reg - 1);
			status = rnic_refused(qp, IB_WC_WR_FLUSH_ERR);
			break;
		}
		status = rnic_mr_register(qp, wqe->mr_index, wqe->rkey, wqe->access) ?
			 rnic_refused(qp, IB_WC_MW_BIND_ERR) : IB_WC_SUCCESS;
		break;
	case IB_WR_LOCAL_INV:
		status = rnic_mr_invalidate(qp->dev, qp->ibqp.pd, wqe->rkey) ?
			 rnic_refused(qp, IB_WC_MW_BIND_ERR) : IB_WC_SUCCESS;
		break;
	default:
		status = IB_WC_LOC_QP_OP_ERR;
		break;
	}
	rnic_cursor_release(&qp->src);
	rnic_cursor_release(&qp->dst);
	return status;
}

/* Complete all posted requests with a flush error, sends first, in order. */
static void rnic_flush(struct rnic_qp *qp)
{
	const struct ib_sge *sge;
	struct rnic_swqe *wqe;
	u64 wr_id;

	while ((wqe = rnic_sq_head(qp, &sge))) {
		struct rnic_swqe done = *wqe;

		done.length = 0;
		rnic_queue_pop(qp, &qp->sq);
		rnic_count_inc(qp->dev, RNIC_COUNT_FLUSHED);
		rnic_complete_send(qp, &done, IB_WC_WR_FLUSH_ERR);
	}
	for (;;) {
		spin_lock_irq(&qp->lock);
		if (!qp->rq.used) {
			spin_unlock_irq(&qp->lock);
			return;
		}
		wr_id = qp->rwqe[qp->rq.head].wr_id;
		spin_unlock_irq(&qp->lock);
		rnic_queue_pop(qp, &qp->rq);
		rnic_count_inc(qp->dev, RNIC_COUNT_FLUSHED);
		rnic_complete_recv(qp, wr_id, IB_WC_WR_FLUSH_ERR, NULL);
	}
}

/* Process one request; return false if there is no more work now. */
static bool rnic_step(struct rnic_qp *qp, struct rnic_qp *peer)
{
	const struct ib_sge *sge;
	struct rnic_swqe *wqe, done;
	int status;

	wqe = rnic_sq_head(qp, &sge);
	if (!wqe)
		return false;
	status = rnic_exec(qp, peer, wqe, sge);
	if (status == PARKED)
		return false;

	done = *wqe;
	if (status == IB_WC_SUCCESS) {
		rnic_op_done(qp->dev, rnic_opcodes[done.opcode].op, done.length);
	} else {
		rnic_count_inc(qp->dev, RNIC_COUNT_WR_ERRORS);
		dev_err_ratelimited(&qp->dev->pdev->dev,
				    "%s: queue pair %u, opcode %d: %s; connection closed\n",
				    dev_name(&qp->dev->ibdev.dev), qp->ibqp.qp_num, done.opcode,
				    ib_wc_status_msg(status));
		rnic_conn_fail(qp);
	}
	rnic_queue_pop(qp, &qp->sq);
	if (status != IB_WC_SUCCESS || qp->signal_all || done.send_flags & IB_SEND_SIGNALED)
		rnic_complete_send(qp, &done, status);
	return true;
}

void rnic_qp_work(struct work_struct *work)
{
	struct rnic_qp *qp = container_of(work, struct rnic_qp, work);
	struct rnic_conn *conn;
	struct rnic_qp *peer;
	int budget = BUDGET;
	bool error, more;

	spin_lock_irq(&qp->lock);
	conn = qp->conn;
	error = qp->error;
	spin_unlock_irq(&qp->lock);
	if (!conn) {
		/* In the error state it cannot connect, so no other code runs here. */
		if (error)
			rnic_flush(qp);
		return;
	}

	rnic_conn_lock(conn);
	do {
		spin_lock_irq(&qp->lock);
		error = qp->error;
		more = qp->connected;
		spin_unlock_irq(&qp->lock);
		peer = rnic_conn_peer(conn, qp->side);
		if (error)
			rnic_flush(qp);
		else if (more && peer)
			more = rnic_step(qp, peer);
		else
			more = false;
		cond_resched();
	} while (!error && more && --budget);
	rnic_conn_unlock(conn);
	if (!error && more)
		rnic_qp_kick(qp);
}
