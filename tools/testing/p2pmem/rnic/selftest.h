/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: p2pmem_rnic_test, declarations shared by its files
 *
 * A pair of connected queue pairs with a registered buffer on each side, and
 * helpers that post one request and wait for one completion.
 */
#ifndef P2PMEM_RNIC_SELFTEST_H
#define P2PMEM_RNIC_SELFTEST_H

#include <linux/completion.h>
#include <linux/scatterlist.h>
#include <rdma/ib_verbs.h>
#include <rdma/rdma_cm.h>

#define TEST_BYTES	SZ_16K
#define TEST_DEPTH	8
#define TEST_NO_EVENT	(-1)

struct test_side {
	struct rdma_cm_id *id;
	struct ib_pd *pd;
	struct ib_cq *send_cq;
	struct ib_cq *recv_cq;
	struct ib_qp *qp;
	struct ib_mr *mr;
	u8 *buf;
	u64 dma;
	int event;		/* last event of the connection manager */
	int status;
	struct completion changed;
};

struct test_pair {
	struct rdma_cm_id *listener;
	struct test_side active;
	struct test_side passive;
	bool ignore;		/* do not reply to connection requests */
};

/* selftest_pair.c */
int test_pair_open(struct test_pair *pair, bool ignore);
void test_pair_close(struct test_pair *pair);
void test_pair_unlisten(struct test_pair *pair);
int test_wait_event(struct test_side *side, int event);
int test_wait_wc(struct ib_cq *cq, struct ib_wc *wc);
int test_register(struct test_side *side, struct ib_mr *mr, int access);
int test_rdma(struct test_side *side, enum ib_wr_opcode opcode, u64 local, u32 lkey, u32 len,
	      u64 remote, u32 rkey);
int test_send(struct test_side *side, u64 wr_id, u64 addr, u32 len, u32 inv_key, bool signaled);
int test_recv(struct test_side *side, u64 wr_id, u64 addr, u32 len);

#endif
