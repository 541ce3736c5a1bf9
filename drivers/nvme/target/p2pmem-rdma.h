/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: a loop-back connection of an RDMA device, for the self-test of a path
 *
 *   p2pmem-rdma.c       the self-test: what is transferred, what has to come of it
 *   p2pmem-rdma-loop.c  the connection: both of its ends are here
 */
#ifndef _NVMET_P2PMEM_RDMA_H
#define _NVMET_P2PMEM_RDMA_H

#include <linux/completion.h>
#include <linux/scatterlist.h>
#include <linux/wait.h>
#include <rdma/ib_verbs.h>
#include <rdma/rdma_cm.h>

#define NVMET_P2PMEM_LOOP_BYTES	PAGE_SIZE	/* of system memory at the far end */
#define NVMET_P2PMEM_LOOP_WAIT	(5 * HZ)	/* for each step of a connection, each transfer */
#define NVMET_P2PMEM_LOOP_WRS	16		/* work requests; a transfer needs three at most */

/* Events that the two ends have seen; bits of struct nvmet_p2pmem_loop.seen */
enum nvmet_p2pmem_loop_event {
	NVMET_P2PMEM_LOOP_ADDR,
	NVMET_P2PMEM_LOOP_ROUTE,
	NVMET_P2PMEM_LOOP_ASKED,	/* a stranger may ask too: the first one counts */
	NVMET_P2PMEM_LOOP_NEAR_UP,
	NVMET_P2PMEM_LOOP_FAR_UP,
	NVMET_P2PMEM_LOOP_DOWN,
};

/**
 * struct nvmet_p2pmem_loop - a connection of a device with itself
 * @dev: the device
 * @pd: protection domain of both ends
 * @cq: completions of both ends
 * @listener: where the far end comes from
 * @near: the end that reads and writes
 * @far: the end that has @page; NULL until it was asked
 * @seen: events, enum nvmet_p2pmem_loop_event
 * @wait: for changes of @seen
 * @cookie: by which the far end knows the near one: the port is open to all
 * @page: system memory, coherent
 * @dma: its address for the device
 * @mr: registration of @page at the far end
 */
struct nvmet_p2pmem_loop {
	struct ib_device *dev;
	struct ib_pd *pd;
	struct ib_cq *cq;
	struct rdma_cm_id *listener;
	struct rdma_cm_id *near;
	struct rdma_cm_id *far;
	unsigned long seen;
	wait_queue_head_t wait;
	u8 cookie[16];
	void *page;
	dma_addr_t dma;
	struct ib_mr *mr;
};

/**
 * struct nvmet_p2pmem_done - the end of a work request
 * @cqe: what the device's queue calls
 * @done: for who waits
 * @status: how it ended
 */
struct nvmet_p2pmem_done {
	struct ib_cqe cqe;
	struct completion done;
	enum ib_wc_status status;
};

void nvmet_p2pmem_done_init(struct nvmet_p2pmem_done *d);
int nvmet_p2pmem_loop_open(struct nvmet_p2pmem_loop *l, struct ib_device *dev);
void nvmet_p2pmem_loop_close(struct nvmet_p2pmem_loop *l);
void nvmet_p2pmem_loop_cut(struct nvmet_p2pmem_loop *l);

#endif /* _NVMET_P2PMEM_RDMA_H */
