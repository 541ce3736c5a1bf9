// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: p2pmem_rnic_test, a connected pair
 *
 * Floor 0.
 *
 * Opens a listener and a connection to it through rdma_cm, as a consumer in
 * the kernel does, with one buffer and one region on each side. Completion
 * queues are polled. All waits have a time limit of five seconds.
 */
#include <linux/delay.h>
#include <linux/in.h>
#include <linux/inet.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "selftest.h"

#define PORT		4444
#define TIMEOUT		(5 * HZ)

static char *addr = "10.0.0.1";
module_param(addr, charp, 0444);
MODULE_PARM_DESC(addr, "IPv4 address of the adapter's network device (default 10.0.0.1)");

static int test_side_create(struct test_side *side, struct rdma_cm_id *id)
{
	struct ib_qp_init_attr init = {
		.qp_type = IB_QPT_RC,
		.sq_sig_type = IB_SIGNAL_REQ_WR,
		.cap = {
			.max_send_wr = TEST_DEPTH,
			.max_recv_wr = TEST_DEPTH,
			.max_send_sge = 2,
			.max_recv_sge = 2,
		},
	};
	struct ib_device *dev = id->device;

	side->id = id;
	side->buf = kmalloc(TEST_BYTES, GFP_KERNEL);
	if (!side->buf)
		return -ENOMEM;
	side->dma = ib_dma_map_single(dev, side->buf, TEST_BYTES, DMA_BIDIRECTIONAL);
	if (ib_dma_mapping_error(dev, side->dma)) {
		side->dma = 0;
		return -ENOMEM;
	}
	side->pd = ib_alloc_pd(dev, 0);
	side->send_cq = ib_alloc_cq(dev, NULL, 2 * TEST_DEPTH, 0, IB_POLL_DIRECT);
	side->recv_cq = ib_alloc_cq(dev, NULL, 2 * TEST_DEPTH, 0, IB_POLL_DIRECT);
	init.send_cq = side->send_cq;
	init.recv_cq = side->recv_cq;
	if (IS_ERR(side->pd) || IS_ERR(init.send_cq) || IS_ERR(init.recv_cq))
		return -ENOMEM;
	if (rdma_create_qp(id, side->pd, &init))
		return -EIO;
	side->qp = id->qp;
	side->mr = ib_alloc_mr(side->pd, IB_MR_TYPE_MEM_REG, 16);
	return PTR_ERR_OR_ZERO(side->mr);
}

static void test_side_destroy(struct test_side *side)
{
	if (!side->id)
		return;
	if (side->qp)
		rdma_destroy_qp(side->id);
	if (!IS_ERR_OR_NULL(side->mr))
		ib_dereg_mr(side->mr);
	if (!IS_ERR_OR_NULL(side->send_cq))
		ib_free_cq(side->send_cq);
	if (!IS_ERR_OR_NULL(side->recv_cq))
		ib_free_cq(side->recv_cq);
	if (!IS_ERR_OR_NULL(side->pd))
		ib_dealloc_pd(side->pd);
	if (side->dma)
		ib_dma_unmap_single(side->id->device, side->dma, TEST_BYTES, DMA_BIDIRECTIONAL);
	kfree(side->buf);
	rdma_destroy_id(side->id);
}

static void test_note(struct test_side *side, const struct rdma_cm_event *event)
{
	side->event = event->event;
	side->status = event->status;
	complete(&side->changed);
}

static int test_active_event(struct rdma_cm_id *id, struct rdma_cm_event *event)
{
	test_note(id->context, event);
	return 0;
}

static int test_passive_event(struct rdma_cm_id *id, struct rdma_cm_event *event)
{
	struct test_pair *pair = id->context;
	struct rdma_conn_param param = { .responder_resources = 4, .initiator_depth = 4 };

	if (event->event == RDMA_CM_EVENT_CONNECT_REQUEST) {
		if (test_side_create(&pair->passive, id))
			pr_err("p2pmem_rnic_test: cannot create the passive side\n");
		else if (!pair->ignore)
			rdma_accept(id, &param);
		return 0;
	}
	test_note(&pair->passive, event);
	return 0;
}

/* Wait until @event is the last event; return 0, or an error on a timeout. */
int test_wait_event(struct test_side *side, int event)
{
	unsigned long end = jiffies + TIMEOUT;

	while (READ_ONCE(side->event) != event) {
		if (time_after(jiffies, end))
			return -ETIMEDOUT;
		wait_for_completion_timeout(&side->changed, HZ / 10);
	}
	return 0;
}

int test_wait_wc(struct ib_cq *cq, struct ib_wc *wc)
{
	unsigned long end = jiffies + TIMEOUT;

	while (ib_poll_cq(cq, 1, wc) != 1) {
		if (time_after(jiffies, end))
			return -ETIMEDOUT;
		usleep_range(100, 1000);
	}
	return 0;
}

void test_pair_unlisten(struct test_pair *pair)
{
	if (!IS_ERR_OR_NULL(pair->listener))
		rdma_destroy_id(pair->listener);
	pair->listener = NULL;
}

void test_pair_close(struct test_pair *pair)
{
	if (pair->active.qp)
		rdma_disconnect(pair->active.id);
	test_pair_unlisten(pair);
	test_side_destroy(&pair->active);
	test_side_destroy(&pair->passive);
}

/* Connect a pair; with @ignore, the connection request gets no reply. */
int test_pair_open(struct test_pair *pair, bool ignore)
{
	struct rdma_conn_param param = { .responder_resources = 4, .initiator_depth = 4 };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct test_side *active = &pair->active;
	int ret;

	memset(pair, 0, sizeof(*pair));
	pair->ignore = ignore;
	init_completion(&active->changed);
	init_completion(&pair->passive.changed);
	active->event = TEST_NO_EVENT;
	pair->passive.event = TEST_NO_EVENT;
	to.sin_addr.s_addr = in_aton(addr);

	pair->listener = rdma_create_id(&init_net, test_passive_event, pair, RDMA_PS_TCP,
					IB_QPT_RC);
	if (IS_ERR(pair->listener))
		return PTR_ERR(pair->listener);
	ret = rdma_bind_addr(pair->listener, (struct sockaddr *)&to);
	if (!ret)
		ret = rdma_listen(pair->listener, 4);
	if (ret)
		return ret;

	active->id = rdma_create_id(&init_net, test_active_event, active, RDMA_PS_TCP, IB_QPT_RC);
	if (IS_ERR(active->id)) {
		ret = PTR_ERR(active->id);
		active->id = NULL;
		return ret;
	}
	ret = rdma_resolve_addr(active->id, NULL, (struct sockaddr *)&to, 5000);
	if (!ret)
		ret = test_wait_event(active, RDMA_CM_EVENT_ADDR_RESOLVED);
	if (!ret)
		ret = rdma_resolve_route(active->id, 5000);
	if (!ret)
		ret = test_wait_event(active, RDMA_CM_EVENT_ROUTE_RESOLVED);
	if (!ret)
		ret = test_side_create(active, active->id);
	if (!ret)
		ret = rdma_connect(active->id, &param);
	if (ret || ignore)
		return ret;
	ret = test_wait_event(active, RDMA_CM_EVENT_ESTABLISHED);
	return ret ?: test_wait_event(&pair->passive, RDMA_CM_EVENT_ESTABLISHED);
}

/* Register the whole buffer of @side as @mr and wait until that is done. */
int test_register(struct test_side *side, struct ib_mr *mr, int access)
{
	struct ib_reg_wr wr = {
		.wr = { .opcode = IB_WR_REG_MR, .send_flags = IB_SEND_SIGNALED },
		.mr = mr,
		.access = access,
	};
	struct scatterlist sg;
	struct ib_wc wc;
	int ret;

	sg_init_table(&sg, 1);
	sg_dma_address(&sg) = side->dma;
	sg_dma_len(&sg) = TEST_BYTES;
	ret = ib_map_mr_sg(mr, &sg, 1, NULL, PAGE_SIZE);
	if (ret != 1)
		return -EINVAL;
	ib_update_fast_reg_key(mr, ib_inc_rkey(mr->rkey));
	wr.key = mr->rkey;
	ret = ib_post_send(side->qp, &wr.wr, NULL) ?: test_wait_wc(side->send_cq, &wc);
	return ret ?: wc.status;
}

/* Post one read or write and return the status of its completion. */
int test_rdma(struct test_side *side, enum ib_wr_opcode opcode, u64 local, u32 lkey, u32 len,
	      u64 remote, u32 rkey)
{
	struct ib_sge sge = { .addr = local, .length = len, .lkey = lkey };
	struct ib_rdma_wr wr = {
		.wr = {
			.opcode = opcode,
			.send_flags = IB_SEND_SIGNALED,
			.sg_list = &sge,
			.num_sge = 1,
		},
		.remote_addr = remote,
		.rkey = rkey,
	};
	struct ib_wc wc;
	int ret;

	ret = ib_post_send(side->qp, &wr.wr, NULL) ?: test_wait_wc(side->send_cq, &wc);
	return ret ?: wc.status;
}

int test_send(struct test_side *side, u64 wr_id, u64 address, u32 len, u32 inv_key, bool signaled)
{
	struct ib_sge sge = {
		.addr = address,
		.length = len,
		.lkey = side->pd->local_dma_lkey,
	};
	struct ib_send_wr wr = {
		.wr_id = wr_id,
		.opcode = inv_key ? IB_WR_SEND_WITH_INV : IB_WR_SEND,
		.send_flags = signaled ? IB_SEND_SIGNALED : 0,
		.sg_list = &sge,
		.num_sge = 1,
		.ex.invalidate_rkey = inv_key,
	};

	return ib_post_send(side->qp, &wr, NULL);
}

int test_recv(struct test_side *side, u64 wr_id, u64 address, u32 len)
{
	struct ib_sge sge = {
		.addr = address,
		.length = len,
		.lkey = side->pd->local_dma_lkey,
	};
	struct ib_recv_wr wr = { .wr_id = wr_id, .sg_list = &sge, .num_sge = 1 };

	return ib_post_recv(side->qp, &wr, NULL);
}
