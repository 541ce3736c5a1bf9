/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: a loop-back connection of an RDMA device, for the self-test of a path
 *
 *   p2pmem-rdma.c       the self-test: transfers and their comparison
 *   p2pmem-rdma-loop.c  the loopback connection and both of its ends
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
#define NVMET_P2PMEM_ATTEMPTS	3	/* to connect, and to transfer */
#define NVMET_P2PMEM_LOOP_WRS	16		/* work requests; a transfer needs three at most */

/* Events of the two ends; bits of struct nvmet_p2pmem_loop.seen */
enum nvmet_p2pmem_loop_event {
	NVMET_P2PMEM_LOOP_ADDR,
	NVMET_P2PMEM_LOOP_ROUTE,
	NVMET_P2PMEM_LOOP_REQUESTED,	/* a request with the right cookie was accepted */
	NVMET_P2PMEM_LOOP_NEAR_UP,
	NVMET_P2PMEM_LOOP_FAR_UP,
	NVMET_P2PMEM_LOOP_DOWN,
};

/**
 * struct nvmet_p2pmem_loop - a connection of a device with itself
 * @dev: the device
 * @pd: protection domain of both ends
 * @cq: completions of both ends
 * @listener: listening identifier, from which the far end is created
 * @near: the end that reads and writes
 * @far: the end that owns @page; NULL until it has accepted a connection request
 * @seen: events so far, by enum nvmet_p2pmem_loop_event
 * @wait: wakes up on changes of @seen
 * @cookie: private data of the near end's request; any host could connect to the port
 * @page: system memory, coherent
 * @dma: DMA address of @page
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
 * struct nvmet_p2pmem_done - the completion of a work request
 * @cqe: the entry that the completion queue calls
 * @done: completed by @cqe
 * @status: status of the work request
 */
struct nvmet_p2pmem_done {
	struct ib_cqe cqe;
	struct completion done;
	enum ib_wc_status status;
};

bool nvmet_p2pmem_loop_disturbed(enum ib_wc_status status);
void nvmet_p2pmem_done_init(struct nvmet_p2pmem_done *d);
int nvmet_p2pmem_loop_open(struct nvmet_p2pmem_loop *l, struct ib_device *dev, unsigned int nth);
void nvmet_p2pmem_loop_close(struct nvmet_p2pmem_loop *l);
void nvmet_p2pmem_loop_cut(struct nvmet_p2pmem_loop *l);

#endif /* _NVMET_P2PMEM_RDMA_H */
