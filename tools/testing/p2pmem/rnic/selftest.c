// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: p2pmem_rnic_test, requests that the adapter must refuse, and order of events
 *
 * Floor 1.
 *
 * The traffic of nvme-rdma tests valid requests. This module tests that the adapter
 * refuses invalid ones (keys, bounds, access, protection domains, addresses), and the
 * order of completions, flushes and connection events. Each case opens a pair of its
 * own, because an error ends a connection.
 *
 * The test runs while the module is loaded, prints TAP to the log, and makes loading
 * fail if a case fails. Parameter addr= is the address of the adapter's network device,
 * peer= the bus address of device memory that one case copies through.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "selftest.h"

static ulong peer;
module_param(peer, ulong, 0444);
MODULE_PARM_DESC(peer, "bus address of 16 KiB of a device's memory that may be overwritten");

#define ACCESS_ALL	(IB_ACCESS_LOCAL_WRITE | IB_ACCESS_REMOTE_READ | IB_ACCESS_REMOTE_WRITE)

#define EXPECT(what, is, want) ({					\
	int is_ = (is), want_ = (want);					\
									\
	if (is_ != want_)						\
		pr_info("# %s: is %d, expected %d\n", what, is_, want_);	\
	is_ == want_;							\
})

static int write_with(struct test_pair *p, u32 len, u64 remote, u32 rkey)
{
	return test_rdma(&p->active, IB_WR_RDMA_WRITE, p->active.dma, 0, len, remote, rkey);
}

static bool write_with_right_key(struct test_pair *p)
{
	struct test_side *to = &p->passive;

	memset(p->active.buf, 0x5a, TEST_BYTES);
	memset(to->buf, 0, TEST_BYTES);
	return EXPECT("register", test_register(to, to->mr, ACCESS_ALL), 0) &&
	       EXPECT("write", write_with(p, 1001, to->mr->iova + 3, to->mr->rkey), 0) &&
	       EXPECT("byte before", to->buf[2], 0) && EXPECT("first byte", to->buf[3], 0x5a) &&
	       EXPECT("last byte", to->buf[1003], 0x5a) && EXPECT("after", to->buf[1004], 0);
}

static bool write_with_old_key(struct test_pair *p)
{
	struct test_side *to = &p->passive;

	return EXPECT("register", test_register(to, to->mr, ACCESS_ALL), 0) &&
	       EXPECT("write", write_with(p, 64, to->mr->iova, to->mr->rkey ^ 1),
		      IB_WC_REM_ACCESS_ERR) &&
	       EXPECT("closed", test_wait_event(to, RDMA_CM_EVENT_DISCONNECTED), 0);
}

static bool write_with_local_dma_key(struct test_pair *p)
{
	return EXPECT("write", write_with(p, 64, p->passive.dma, 0), IB_WC_REM_ACCESS_ERR);
}

static bool write_beyond_end(struct test_pair *p)
{
	struct test_side *to = &p->passive;

	return EXPECT("register", test_register(to, to->mr, ACCESS_ALL), 0) &&
	       EXPECT("to the end", write_with(p, 64, to->mr->iova + TEST_BYTES - 64,
					       to->mr->rkey), 0) &&
	       EXPECT("beyond", write_with(p, 64, to->mr->iova + TEST_BYTES - 63, to->mr->rkey),
		      IB_WC_REM_ACCESS_ERR);
}

static bool write_before_start(struct test_pair *p)
{
	struct test_side *to = &p->passive;

	return EXPECT("register", test_register(to, to->mr, ACCESS_ALL), 0) &&
	       EXPECT("before", write_with(p, 64, to->mr->iova - 1, to->mr->rkey),
		      IB_WC_REM_ACCESS_ERR);
}

static bool write_without_access(struct test_pair *p)
{
	struct test_side *to = &p->passive;
	int access = IB_ACCESS_LOCAL_WRITE | IB_ACCESS_REMOTE_READ;

	return EXPECT("register", test_register(to, to->mr, access), 0) &&
	       EXPECT("write", write_with(p, 64, to->mr->iova, to->mr->rkey),
		      IB_WC_REM_ACCESS_ERR);
}

static bool read_without_access(struct test_pair *p)
{
	struct test_side *to = &p->passive;
	int access = IB_ACCESS_LOCAL_WRITE | IB_ACCESS_REMOTE_WRITE;

	return EXPECT("register", test_register(to, to->mr, access), 0) &&
	       EXPECT("read", test_rdma(&p->active, IB_WR_RDMA_READ, p->active.dma, 0, 64,
					to->mr->iova, to->mr->rkey), IB_WC_REM_ACCESS_ERR);
}

static bool write_to_other_domain(struct test_pair *p)
{
	/* The active side's region on the same adapter, through the passive end. */
	struct ib_mr *mr = p->active.mr;

	return EXPECT("register", test_register(&p->active, mr, ACCESS_ALL), 0) &&
	       EXPECT("write", write_with(p, 64, mr->iova, mr->rkey), IB_WC_REM_ACCESS_ERR);
}

static bool local_key_unknown(struct test_pair *p)
{
	struct test_side *to = &p->passive;

	return EXPECT("register", test_register(to, to->mr, ACCESS_ALL), 0) &&
	       EXPECT("write", test_rdma(&p->active, IB_WR_RDMA_WRITE, p->active.dma, 0xabcd00,
					 64, to->mr->iova, to->mr->rkey), IB_WC_LOC_PROT_ERR);
}

static bool address_beyond_engine(struct test_pair *p)
{
	struct test_side *to = &p->passive;
	u64 bad = p->active.id->device->dma_device ? BIT_ULL(32) - 32 : 4096;

	return EXPECT("register", test_register(to, to->mr, ACCESS_ALL), 0) &&
	       EXPECT("write", test_rdma(&p->active, IB_WR_RDMA_WRITE, bad, 0, 64,
					 to->mr->iova, to->mr->rkey), IB_WC_LOC_PROT_ERR);
}

static bool copy_through_peer(struct test_pair *p)
{
	struct test_side *to = &p->passive;
	unsigned int i;

	for (i = 0; i < TEST_BYTES; i++)
		to->buf[i] = i * 7 + (i >> 8);
	if (!EXPECT("register", test_register(to, to->mr, ACCESS_ALL), 0) ||
	    !EXPECT("in", test_rdma(&p->active, IB_WR_RDMA_READ, peer, 0, TEST_BYTES,
				    to->mr->iova, to->mr->rkey), 0))
		return false;
	memset(to->buf, 0, TEST_BYTES);
	if (!EXPECT("out", test_rdma(&p->active, IB_WR_RDMA_WRITE, peer, 0, TEST_BYTES,
				     to->mr->iova, to->mr->rkey), 0))
		return false;
	for (i = 0; i < TEST_BYTES; i++)
		if (!EXPECT("byte", to->buf[i], (u8)(i * 7 + (i >> 8))))
			return false;
	return true;
}

static bool register_twice(struct test_pair *p)
{
	return EXPECT("once", test_register(&p->active, p->active.mr, ACCESS_ALL), 0) &&
	       EXPECT("twice", test_register(&p->active, p->active.mr, ACCESS_ALL),
		      IB_WC_MW_BIND_ERR);
}

static bool read_with_inv(struct test_pair *p)
{
	struct test_side *me = &p->active, *to = &p->passive;
	struct ib_mr *mr = me->mr;

	memset(me->buf, 0, TEST_BYTES);
	memset(to->buf, 0xc3, TEST_BYTES);
	return EXPECT("far", test_register(to, to->mr, ACCESS_ALL), 0) &&
	       EXPECT("near", test_register(me, mr, ACCESS_ALL), 0) &&
	       EXPECT("read", test_rdma(me, IB_WR_RDMA_READ_WITH_INV, mr->iova, mr->lkey,
					TEST_BYTES, to->mr->iova, to->mr->rkey), 0) &&
	       EXPECT("last byte", me->buf[TEST_BYTES - 1], 0xc3) &&
	       EXPECT("key is gone", test_rdma(me, IB_WR_RDMA_READ, mr->iova, mr->lkey, 64,
					       to->mr->iova, to->mr->rkey), IB_WC_LOC_PROT_ERR);
}

static bool send_with_inv(struct test_pair *p)
{
	struct test_side *to = &p->passive;
	struct ib_wc wc = {};

	return EXPECT("register", test_register(to, to->mr, ACCESS_ALL), 0) &&
	       EXPECT("post recv", test_recv(to, 7, to->dma, 128), 0) &&
	       EXPECT("post send", test_send(&p->active, 1, p->active.dma, 100, to->mr->rkey,
					     true), 0) &&
	       EXPECT("wait", test_wait_wc(to->recv_cq, &wc), 0) &&
	       EXPECT("status", wc.status, IB_WC_SUCCESS) && EXPECT("bytes", wc.byte_len, 100) &&
	       EXPECT("flags", wc.wc_flags, IB_WC_WITH_INVALIDATE) &&
	       EXPECT("key", wc.ex.invalidate_rkey == to->mr->rkey, true) &&
	       EXPECT("sent", test_wait_wc(p->active.send_cq, &wc), 0) &&
	       EXPECT("key is gone", write_with(p, 64, to->mr->iova, to->mr->rkey),
		      IB_WC_REM_ACCESS_ERR);
}

static bool send_waits_for_recv(struct test_pair *p)
{
	struct test_side *to = &p->passive;
	struct ib_wc wc = {};

	return EXPECT("post send", test_send(&p->active, 1, p->active.dma, 100, 0, true), 0) &&
	       EXPECT("parked", test_wait_wc(p->active.send_cq, &wc), -ETIMEDOUT) &&
	       EXPECT("post recv", test_recv(to, 2, to->dma, 100), 0) &&
	       EXPECT("sent", test_wait_wc(p->active.send_cq, &wc), 0) &&
	       EXPECT("status", wc.status, IB_WC_SUCCESS) &&
	       EXPECT("received", test_wait_wc(to->recv_cq, &wc), 0) &&
	       EXPECT("status", wc.status, IB_WC_SUCCESS);
}

static bool send_too_long(struct test_pair *p)
{
	struct test_side *to = &p->passive;
	struct ib_wc wc = {};

	return EXPECT("post recv", test_recv(to, 2, to->dma, 99), 0) &&
	       EXPECT("post send", test_send(&p->active, 1, p->active.dma, 100, 0, true), 0) &&
	       EXPECT("sent", test_wait_wc(p->active.send_cq, &wc), 0) &&
	       EXPECT("status", wc.status, IB_WC_REM_INV_REQ_ERR) &&
	       EXPECT("received", test_wait_wc(to->recv_cq, &wc), 0) &&
	       EXPECT("status", wc.status, IB_WC_LOC_LEN_ERR);
}

static bool flush_in_order(struct test_pair *p)
{
	struct test_side *me = &p->active;
	struct ib_qp_attr attr = { .qp_state = IB_QPS_ERR };
	struct ib_wc wc = {};
	bool ok = true;
	int i;

	/* No receive at the other end: every send waits, then all are flushed. */
	for (i = 0; i < TEST_DEPTH; i++)
		ok = ok && EXPECT("send", test_send(me, i, me->dma, 64, 0, i & 1), 0) &&
		     EXPECT("recv", test_recv(me, 100 + i, me->dma, 64), 0);
	ok = ok && EXPECT("one too many", test_send(me, 9, me->dma, 64, 0, true), -ENOMEM) &&
	     EXPECT("error state", ib_modify_qp(me->qp, &attr, IB_QP_STATE), 0);
	for (i = 0; ok && i < TEST_DEPTH; i++)
		ok = EXPECT("wait", test_wait_wc(me->send_cq, &wc), 0) &&
		     EXPECT("id", wc.wr_id, i) &&
		     EXPECT("status", wc.status, IB_WC_WR_FLUSH_ERR) &&
		     EXPECT("wait", test_wait_wc(me->recv_cq, &wc), 0) &&
		     EXPECT("id", wc.wr_id, 100 + i) &&
		     EXPECT("status", wc.status, IB_WC_WR_FLUSH_ERR);
	/* Later requests are flushed as well, and the state does not change any more. */
	attr.qp_state = IB_QPS_INIT;
	return ok && EXPECT("post", test_send(me, 50, me->dma, 64, 0, false), 0) &&
	       EXPECT("wait", test_wait_wc(me->send_cq, &wc), 0) && EXPECT("id", wc.wr_id, 50) &&
	       EXPECT("post", test_recv(me, 51, me->dma, 64), 0) &&
	       EXPECT("wait", test_wait_wc(me->recv_cq, &wc), 0) && EXPECT("id", wc.wr_id, 51) &&
	       EXPECT("leave error", ib_modify_qp(me->qp, &attr, IB_QP_STATE), -EINVAL) &&
	       EXPECT("peer", test_wait_event(&p->passive, RDMA_CM_EVENT_DISCONNECTED), 0) &&
	       EXPECT("self", test_wait_event(me, RDMA_CM_EVENT_DISCONNECTED), 0);
}

static bool listener_closed_during_request(struct test_pair *p)
{
	test_pair_unlisten(p);
	return EXPECT("rejected", test_wait_event(&p->active, RDMA_CM_EVENT_REJECTED), 0) &&
	       EXPECT("why", p->active.status, -ECONNREFUSED);
}

static bool request_left_alone(struct test_pair *p)
{
	return EXPECT("no answer", test_wait_event(&p->active, RDMA_CM_EVENT_UNREACHABLE), 0);
}

static const struct {
	const char *name;
	bool (*run)(struct test_pair *pair);
	bool ignore;	/* connection requests are not answered */
	bool needs_peer;
} test_cases[] = {
	{ "write_with_right_key", write_with_right_key },
	{ "write_with_old_key", write_with_old_key },
	{ "write_with_local_dma_key", write_with_local_dma_key },
	{ "write_beyond_end", write_beyond_end },
	{ "write_before_start", write_before_start },
	{ "write_without_access", write_without_access },
	{ "read_without_access", read_without_access },
	{ "write_to_other_domain", write_to_other_domain },
	{ "local_key_unknown", local_key_unknown },
	{ "address_beyond_engine", address_beyond_engine },
	{ "register_twice", register_twice },
	{ "read_with_inv", read_with_inv },
	{ "send_with_inv", send_with_inv },
	{ "send_waits_for_recv", send_waits_for_recv },
	{ "send_too_long", send_too_long },
	{ "flush_in_order", flush_in_order },
	{ "listener_closed_during_request", listener_closed_during_request, true },
	{ "request_left_alone", request_left_alone, true },
	{ "copy_through_peer", copy_through_peer, false, true },
};

static bool test_run(unsigned int i)
{
	struct test_pair *pair;
	bool ok;

	if (test_cases[i].needs_peer && !peer) {
		pr_info("ok %u %s # SKIP no peer=\n", i + 1, test_cases[i].name);
		return true;
	}
	pair = kzalloc(sizeof(*pair), GFP_KERNEL);
	if (!pair)
		return false;
	ok = EXPECT("open", test_pair_open(pair, test_cases[i].ignore), 0) &&
	     test_cases[i].run(pair);
	test_pair_close(pair);
	kfree(pair);
	pr_info("%s %u %s\n", ok ? "ok" : "not ok", i + 1, test_cases[i].name);
	return ok;
}

static int __init test_init(void)
{
	unsigned int i, failed = 0;

	pr_info("TAP version 13\n1..%zu\n", ARRAY_SIZE(test_cases));
	for (i = 0; i < ARRAY_SIZE(test_cases); i++)
		failed += !test_run(i);
	pr_info("# %zu passed, %u failed\n", ARRAY_SIZE(test_cases) - failed, failed);
	return failed ? -EINVAL : 0;
}

static void __exit test_exit(void)
{
}

module_init(test_init);
module_exit(test_exit);

MODULE_DESCRIPTION("Test of the p2pmem RDMA adapter");
MODULE_LICENSE("GPL");
