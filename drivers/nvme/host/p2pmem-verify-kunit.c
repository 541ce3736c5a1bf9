// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: KUnit: self-test of a path between an NVMe drive and peer memory
 *
 * The drive of these tests is a queue of the block layer that executes Read and Compare on
 * one block. It maps the data of a command as pci.c does, and the CPU then copies the data.
 * This covers everything from the core to the mapping, with faults of the drive on demand.
 */
#include <kunit/test.h>
#include <linux/blk-mq.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/pci-p2pmem.h>
#include <linux/workqueue.h>

#include "../../pci/p2pdma/tests/fault.h"
#include "../../pci/p2pdma/tests/kit.h"
#include "p2pmem.h"

MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

#define VD_BLOCK	512

/**
 * struct vd_fault - fault of a drive
 * @why: name of the case
 * @oncs: supported optional commands
 * @ms: bytes of metadata per block
 * @wrong_at: offset, plus one, of the byte that a Read to peer memory gets wrong
 * @lost: data of a Read to peer memory never arrives
 * @late: data of a Read to peer memory arrives after its completion
 * @blind: Compare finds everything equal
 * @squint: Compare from peer memory finds everything different
 * @moments: number of Reads to peer memory that find another, short-lived block
 * @unmapped: number of commands with peer memory whose data cannot be mapped
 * @writes: number of commands after each of which somebody changes the block
 * @writes_at: number of the command after which somebody changes the block, from 1
 * @writes_again: somebody changes it after every fifth later command as well, which is
 *	once in each round of a correct path
 * @fail: number of the command that fails, from 1
 * @sick: all commands after @fail fail as well
 * @there: those with peer memory do
 * @dies: number of the command from which on all fail, from 1
 * @expires: the time limit of each command expires at once
 * @cancelled: the driver cancels the commands that fail
 * @resets: each failure resets the drive, which executes no command meanwhile
 * @unready: number of commands after the first failure for which the namespace is not ready
 * @takes: the provider is lost with each command that fails, as a CMB of this drive is
 * @stuck: Compare does not end if it finds a difference, wherever the data is
 * @blk: the error of the block layer that they fail with
 * @status: the NVMe status that they fail with
 * @opcode: if set, count only these commands for @fail
 */
struct vd_fault {
	const char *why;
	u16 oncs;
	u16 ms;
	unsigned int wrong_at;
	bool lost;
	bool late;
	bool blind;
	bool squint;
	int moments;
	int unmapped;
	int writes;
	int writes_at;
	bool writes_again;
	int fail;
	bool sick;
	bool there;
	int dies;
	bool expires;
	bool cancelled;
	bool resets;
	int unready;
	bool takes;
	bool stuck;
	blk_status_t blk;
	u16 status;
	u8 opcode;
};

/**
 * struct vd - a drive with one namespace
 * @ctrl: its controller
 * @ns: the namespace
 * @head: its head
 * @set: its tag set
 * @disk: the disk
 * @f: the hierarchy
 * @card: the provider
 * @client: the drive's registration
 * @grant: grant of the card for the drive
 * @fault: the fault of the drive
 * @commands: number of commands
 * @counted: number of commands counted for @fault.fail
 * @peer: number of commands with data in peer memory
 * @at: data of the last such command
 * @block: contents of the drive
 * @late: writes the delayed data of @fault.late
 * @late_to: destination of the delayed data
 * @reset: ends a reset of the drive
 * @frost: freezes the queue for a while
 * @frozen: completed when the queue is frozen
 */
struct vd {
	struct nvme_ctrl ctrl;
	struct nvme_ns ns;
	struct nvme_ns_head *head;
	struct blk_mq_tag_set set;
	struct gendisk *disk;
	struct fabric *f;
	struct pci_dev *card;
	struct pci_p2pmem_client *client;
	struct pci_p2pmem_grant *grant;
	struct vd_fault fault;
	int commands;
	int counted;
	int peer;
	void __iomem *at;
	u8 block[VD_BLOCK];
	struct delayed_work late;
	void __iomem *late_to;
	struct delayed_work reset;
	struct work_struct frost;
	struct completion frozen;
};

struct vd_request {
	struct nvme_request req;
	struct nvme_command cmd;
};

static void vd_late(struct work_struct *work)
{
	struct vd *d = container_of(work, struct vd, late.work);

	memcpy_toio(d->late_to, d->block, VD_BLOCK);
}

static void vd_reset(struct work_struct *work)
{
	struct vd *d = container_of(work, struct vd, reset.work);

	WRITE_ONCE(d->ctrl.state, NVME_CTRL_LIVE);
}

/* As a reset does, in another task than the one that submits commands */
static void vd_frost(struct work_struct *work)
{
	struct vd *d = container_of(work, struct vd, frost);

	blk_mq_freeze_queue(d->disk->queue);
	complete(&d->frozen);
	fsleep(100 * USEC_PER_MSEC);
	blk_mq_unfreeze_queue(d->disk->queue);
}

static void vd_read(struct vd *d, void *data, bool peer)
{
	void __iomem *to = (void __iomem __force *)data;

	if (!peer) {
		memcpy(data, d->block, VD_BLOCK);
	} else if (d->fault.late) {
		d->late_to = to;
		schedule_delayed_work(&d->late, 2);
	} else if (!d->fault.lost) {
		memcpy_toio(to, d->block, VD_BLOCK);
		if (d->fault.moments && d->fault.moments--)
			memset_io(to, 0x77, VD_BLOCK);
		if (d->fault.wrong_at)
			writeb(d->block[d->fault.wrong_at - 1] ^ 1, to + d->fault.wrong_at - 1);
	}
}

static u16 vd_compare(struct vd *d, void *data, bool peer)
{
	u8 seen[VD_BLOCK];

	if (d->fault.blind)
		return 0;
	if (d->fault.squint && peer)
		return NVME_SC_COMPARE_FAILED | NVME_STATUS_DNR;
	memcpy_fromio(seen, (void __iomem __force *)data, VD_BLOCK);
	if (!memcmp(seen, d->block, VD_BLOCK))
		return 0;
	return d->fault.stuck ? NVME_SC_ABORT_REQ : NVME_SC_COMPARE_FAILED | NVME_STATUS_DNR;
}

static u16 vd_execute(struct vd *d, struct nvme_command *cmd, void *data, bool peer)
{
	u16 status = 0;

	if (cmd->rw.opcode == nvme_cmd_read)
		vd_read(d, data, peer);
	else if (cmd->rw.opcode == nvme_cmd_compare)
		status = vd_compare(d, data, peer);
	else
		status = NVME_SC_INVALID_OPCODE;	/* Write above all */
	if (d->fault.writes || d->commands == d->fault.writes_at ||
	    (d->fault.writes_again && d->commands % 5 == d->fault.writes_at)) {
		d->fault.writes = max(d->fault.writes - 1, 0);
		d->block[d->commands % VD_BLOCK] ^= 0xff;
	}
	return status;
}

static bool vd_fails(struct vd *d, u8 opcode, bool peer)
{
	bool fails;

	if (READ_ONCE(d->ctrl.state) != NVME_CTRL_LIVE)
		return true;
	if (d->fault.opcode && d->fault.opcode != opcode)
		return false;
	d->counted++;
	fails = d->counted == d->fault.fail ||
		((d->fault.sick || (d->fault.there && peer)) && d->counted > d->fault.fail) ||
		(d->fault.dies && d->counted >= d->fault.dies);
	if (fails && d->fault.takes)
		pci_p2pmem_lost(d->card);
	if (fails && d->fault.resets) {
		WRITE_ONCE(d->ctrl.state, NVME_CTRL_RESETTING);
		schedule_delayed_work(&d->reset, HZ / 10);
	}
	return fails;
}

static blk_status_t vd_queue_rq(struct blk_mq_hw_ctx *hctx,
				const struct blk_mq_queue_data *bd)
{
	struct vd *d = hctx->queue->tag_set->driver_data;
	struct request *req = bd->rq;
	struct nvme_request *nr = nvme_req(req);
	struct bio_vec bv = req_bvec(req);
	struct scatterlist sg;
	blk_status_t blk = BLK_STS_OK;
	dma_addr_t addr;

	d->commands++;
	blk_mq_start_request(req);
	if (vd_fails(d, nr->cmd->rw.opcode, nvme_p2pmem_page(bv.bv_page))) {
		blk = d->fault.blk;
		nr->status = d->fault.status;
		if (d->fault.cancelled)
			nr->flags |= NVME_REQ_CANCELLED;
		goto end;
	}
	if (d->counted > d->fault.fail && d->fault.unready) {
		d->fault.unready--;
		nr->status = NVME_SC_NS_NOT_READY;
		goto end;
	}
	if (nvme_p2pmem_page(bv.bv_page) && d->fault.unmapped && d->fault.unmapped--)
		blk = nvme_p2pmem_map_status(-ECOMM);
	else if (blk_rq_nr_phys_segments(req) != 1)
		blk = nvme_p2pmem_map_status(-EREMOTEIO);
	else
		blk = nvme_p2pmem_map_bvec(d->ctrl.dev, &bv, rq_dma_dir(req), &sg, &addr);
	if (blk)
		goto end;
	if (nvme_p2pmem_page(bv.bv_page)) {
		d->peer++;
		d->at = (void __iomem __force *)page_address(bv.bv_page) + bv.bv_offset;
	}
	nr->status = vd_execute(d, nr->cmd, page_address(bv.bv_page) + bv.bv_offset,
				nvme_p2pmem_page(bv.bv_page));
	nvme_p2pmem_unmap_bvec(d->ctrl.dev, &sg, addr, bv.bv_len, rq_dma_dir(req));
end:
	blk_mq_end_request(req, blk);
	return BLK_STS_OK;
}

static int vd_init_request(struct blk_mq_tag_set *set, struct request *req,
			   unsigned int hctx_idx, unsigned int node)
{
	struct vd *d = set->driver_data;
	struct vd_request *r = blk_mq_rq_to_pdu(req);

	r->req.ctrl = &d->ctrl;
	r->req.cmd = &r->cmd;
	return 0;
}

static const struct blk_mq_ops vd_mq_ops = {
	.queue_rq = vd_queue_rq,
	.init_request = vd_init_request,
};

static const struct block_device_operations vd_fops = {
	.owner = THIS_MODULE,
};

static void vd_del(void *data)
{
	struct vd *d = data;

	cancel_delayed_work_sync(&d->late);
	flush_delayed_work(&d->reset);
	flush_work(&d->frost);
	if (!IS_ERR_OR_NULL(d->grant))
		pci_p2pmem_grant_end(d->grant);
	nvme_p2pmem_unregister_client(d->client);
	put_disk(d->disk);
	blk_mq_free_tag_set(&d->set);
	cleanup_srcu_struct(&d->ctrl.srcu);
}

static void vd_add_disk(struct kunit *test, struct vd *d)
{
	struct queue_limits lim = { .dma_alignment = 3, .logical_block_size = VD_BLOCK };

	d->set.ops = &vd_mq_ops;
	d->set.nr_hw_queues = 1;
	d->set.queue_depth = 4;
	d->set.numa_node = NUMA_NO_NODE;
	d->set.cmd_size = sizeof(struct vd_request);
	d->set.driver_data = d;
	KUNIT_ASSERT_EQ(test, blk_mq_alloc_tag_set(&d->set), 0);
	d->disk = blk_mq_alloc_disk(&d->set, &lim, &d->ns);
	if (IS_ERR(d->disk)) {
		blk_mq_free_tag_set(&d->set);
		KUNIT_FAIL_AND_ABORT(test, "no disk");
	}
	d->disk->fops = &vd_fops;
	d->disk->private_data = &d->ns;
	INIT_DELAYED_WORK(&d->late, vd_late);
	INIT_DELAYED_WORK(&d->reset, vd_reset);
	INIT_WORK(&d->frost, vd_frost);
	init_completion(&d->frozen);
	KUNIT_ASSERT_EQ(test, init_srcu_struct(&d->ctrl.srcu), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vd_del, d), 0);
}

static void vd_add_ns(struct kunit *test, struct vd *d)
{
	d->head = kunit_kzalloc(test, sizeof(*d->head), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, d->head);
	d->head->lba_shift = ilog2(VD_BLOCK);
	d->head->ns_id = 1;
	INIT_LIST_HEAD(&d->ctrl.namespaces);
	d->ns.ctrl = &d->ctrl;
	d->ns.head = d->head;
	d->ns.disk = d->disk;
	d->ns.queue = d->disk->queue;
	kref_init(&d->ns.kref);
	list_add(&d->ns.list, &d->ctrl.namespaces);
}

static void vd_grant(struct kunit *test, struct vd *d)
{
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_grant *grant;

	grant = pci_p2pmem_grant_create(d->card, &d->ctrl.dev, 1, KTIME_MAX, NULL,
					NULL, "kunit", &why);
	KUNIT_ASSERT_FALSE(test, IS_ERR(grant));
	d->grant = grant;
}

/*
 * Topology of all cases:
 *
 *	host -- rp -- up -+- dn0 -- card	lends 4 MiB
 *			  `- dn2 -- drive	the client
 */
static struct vd *vd_make(struct kunit *test)
{
	struct vd *d = kunit_kzalloc(test, sizeof(*d), GFP_KERNEL);
	void __iomem *peer;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, d);
	d->f = fabric_build(test, kit_one_switch);
	d->card = kit_lend(test, d->f, "card");
	peer = (void __iomem __force *)pci_p2pmem_region_addr(d->card, 2, 0);
	writeb(0x5a, peer);
	if (readb(peer) != 0x5a)
		kunit_skip(test, "no memory behind the BARs: boot with more memory than mem=");

	d->ctrl.dev = &fabric_pdev(d->f, "drive")->dev;
	d->ctrl.device = d->ctrl.dev;
	d->ctrl.state = NVME_CTRL_LIVE;
	d->fault.oncs = NVME_CTRL_ONCS_COMPARE;
	for (i = 0; i < VD_BLOCK; i++)
		d->block[i] = i * 7 + (i >> 8);
	vd_add_disk(test, d);
	vd_add_ns(test, d);
	d->client = nvme_p2pmem_register_client(&d->ctrl);
	KUNIT_ASSERT_NOT_NULL(test, d->client);
	vd_grant(test, d);
	return d;
}

/* Runs the self-test with another fault, without remembered results */
static int vd_verify(struct kunit *test, struct vd *d, const struct vd_fault *fault,
		     struct pci_p2pmem_verdict *why)
{
	size_t available = kit_available(d->card);
	unsigned int timeout;
	int ret;

	if (fault)
		d->fault = *fault;
	flush_delayed_work(&d->reset);
	timeout = d->fault.expires ? 0 : nvme_io_timeout;
	d->commands = 0;
	d->counted = 0;
	d->peer = 0;
	d->at = NULL;
	d->ctrl.oncs = d->fault.oncs;
	d->head->ms = d->fault.ms;
	kit_forget(NULL);
	/* A grant has no memory after its pair was disproved. */
	pci_p2pmem_grant_end(d->grant);
	d->grant = NULL;
	vd_grant(test, d);
	swap(timeout, nvme_io_timeout);
	ret = pci_p2pmem_grant_verify(d->grant, d->ctrl.dev, d->disk->part0, why);
	swap(timeout, nvme_io_timeout);
	KUNIT_EXPECT_EQ_MSG(test, kit_available(d->card), available, "%s: memory leaked",
			    d->fault.why);
	KUNIT_EXPECT_EQ_MSG(test, kit_balance(d->card, d->ctrl.dev), 0, "%s: mapping leaked",
			    d->fault.why);
	KUNIT_EXPECT_EQ_MSG(test, kref_read(&d->ns.kref), 1, "%s: namespace leaked",
			    d->fault.why);
	return ret;
}

/* True if the result for the current fault is remembered */
static bool vd_remembered(struct kunit *test, struct vd *d)
{
	struct pci_p2pmem_verdict why;

	d->counted = 0;
	KUNIT_EXPECT_EQ(test, 0, pci_p2pmem_grant_verify(d->grant, d->ctrl.dev, d->disk->part0,
							 &why));
	pci_p2pmem_verdict(d->card, d->ctrl.dev, 0, &why);
	return why.proof == PCI_P2PMEM_UNPROVED;
}

#define COMPARE	.oncs = NVME_CTRL_ONCS_COMPARE

/* A correct path is proved; at least three commands have their data in peer memory. */
static void proved(struct kunit *test)
{
	static const struct vd_fault t[] = {
		{ "no fault", COMPARE },
		{ "data arrives after its completion", COMPARE, .late = true },
		{ "block written after 3 commands", COMPARE, .writes = 3 },
		{ "block written until the Compare", COMPARE, .writes = 5 },
		{ "block written after the last Compare", COMPARE, .writes_at = 4 },
		{ "short-lived other block", COMPARE, .moments = 1 },
		{ "short-lived other block, twice", COMPARE, .moments = 2 },
		{ "an error inside the drive", COMPARE, .fail = 2, .status = NVME_SC_INTERNAL },
		{ "an error of the medium", COMPARE, .fail = 2, .status = NVME_SC_READ_ERROR },
		{ "an I/O error", COMPARE, .fail = 2, .blk = BLK_STS_IOERR },
		{ "a timeout", COMPARE, .fail = 2, .blk = BLK_STS_TIMEOUT },
		{ "a timeout that resets the drive", COMPARE, .fail = 2, .expires = true,
		  .cancelled = true, .resets = true },
		{ "a namespace that is not ready at once after a timeout", COMPARE, .fail = 2,
		  .expires = true, .cancelled = true, .resets = true, .unready = 3 },
		{ "a Compare that times out once", COMPARE, .fail = 1,
		  .opcode = nvme_cmd_compare, .blk = BLK_STS_TIMEOUT },
		{ "a Compare that fails once", COMPARE, .fail = 1, .opcode = nvme_cmd_compare,
		  .status = NVME_SC_INTERNAL },
	};
	struct vd *d = vd_make(test);
	struct pci_p2pmem_verdict why;
	u8 seen[VD_BLOCK];
	int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		KUNIT_EXPECT_EQ_MSG(test, vd_verify(test, d, &t[i], &why), 0, "%s", t[i].why);
		KUNIT_EXPECT_EQ_MSG(test, why.proof, PCI_P2PMEM_PROVED, "%s: %s", t[i].why,
				    why.note);
		KUNIT_EXPECT_STREQ(test, why.note, "");
		KUNIT_EXPECT_GE_MSG(test, d->peer, 3, "%s: data was bounced", t[i].why);
		if (!i)
			KUNIT_EXPECT_EQ(test, d->commands, 5);
		if (t[i].writes_at)
			KUNIT_EXPECT_EQ_MSG(test, d->commands, 10,
					    "Compare may have found that change");
		KUNIT_ASSERT_NOT_NULL(test, (void __force *)d->at);
		memcpy_fromio(seen, d->at, VD_BLOCK);
		KUNIT_EXPECT_NULL_MSG(test, memchr_inv(seen, 0, VD_BLOCK),
				      "%s: the block is left in peer memory", t[i].why);
	}
}

/* Wrong data or errors in any step disprove the path. */
static void disproved(struct kunit *test)
{
	static const struct {
		struct vd_fault fault;
		const char *note;
	} t[] = {
		{ { "first byte wrong", COMPARE, .wrong_at = 1 }, "Read to peer memory delivered" },
		{ { "last byte wrong", COMPARE, .wrong_at = VD_BLOCK },
		  "Read to peer memory delivered" },
		{ { "data is lost", COMPARE, .lost = true }, "Read to peer memory delivered" },
		{ { "data is lost, block always written", COMPARE, .lost = true,
		    .writes = 1000 }, "Read to peer memory delivered" },
		{ { "always a short-lived other block", COMPARE, .moments = 1000 },
		  "Read to peer memory delivered" },
		{ { "wrong data and no Compare", .wrong_at = 9 }, "Read to peer memory delivered" },
		{ { "no data comes from peer memory", COMPARE, .squint = true }, "Compare found" },
		{ { "Read fails", COMPARE, .fail = 2, .there = true, .blk = BLK_STS_IOERR },
		  "Read to peer memory failed: -5" },
		{ { "Read times out", COMPARE, .fail = 2, .there = true, .blk = BLK_STS_TIMEOUT },
		  "Read to peer memory failed: -110" },
		{ { "Read times out and resets the drive", COMPARE, .fail = 2, .there = true,
		    .expires = true, .cancelled = true, .resets = true },
		  "Read to peer memory failed: -4" },
		{ { "Read times out and is aborted", COMPARE, .fail = 2, .there = true,
		    .expires = true, .status = NVME_SC_ABORT_REQ },
		  "Read to peer memory failed: status 0x7" },
		{ { "Compare times out", COMPARE, .fail = 1, .there = true,
		    .opcode = nvme_cmd_compare, .blk = BLK_STS_TIMEOUT },
		  "Compare from peer memory failed: -110" },
		{ { "Read gets a status", COMPARE, .fail = 2, .there = true,
		    .status = NVME_SC_DATA_XFER_ERROR },
		  "Read to peer memory failed: status 0x4" },
		{ { "Compare fails", COMPARE, .fail = 1, .there = true, .opcode = nvme_cmd_compare,
		    .status = NVME_SC_DATA_XFER_ERROR }, "Compare from peer memory failed" },
		{ { "second Compare fails", COMPARE, .fail = 2, .there = true,
		    .opcode = nvme_cmd_compare, .blk = BLK_STS_IOERR },
		  "Compare from peer memory failed: -5" },
	};
	struct vd *d = vd_make(test);
	struct pci_p2pmem_verdict why;
	int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		KUNIT_EXPECT_EQ_MSG(test, vd_verify(test, d, &t[i].fault, &why), -EXDEV, "%s",
				    t[i].fault.why);
		KUNIT_EXPECT_EQ_MSG(test, why.proof, PCI_P2PMEM_DISPROVED, "%s", t[i].fault.why);
		KUNIT_EXPECT_EQ(test, why.reason, PCI_P2PMEM_VERIFY_FAILED);
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(why.note, t[i].note), "%s: \"%s\"",
					  t[i].fault.why, why.note);
	}
}

/* A drive that can never prove the path: unproved, and remembered. */
static void unproved(struct kunit *test)
{
	static const struct vd_fault t[] = {
		{ "no Compare" },
		{ "no Compare, block written", .writes = 3 },
		{ "Compare unsupported", COMPARE, .fail = 1, .opcode = nvme_cmd_compare,
		  .status = NVME_SC_INVALID_OPCODE },
		{ "negative control: Compare is blind", COMPARE, .blind = true },
		{ "Compare never works", COMPARE, .fail = 1, .sick = true,
		  .opcode = nvme_cmd_compare, .status = NVME_SC_INVALID_FIELD },
		{ "Compare never ends", COMPARE, .fail = 1, .sick = true,
		  .opcode = nvme_cmd_compare, .blk = BLK_STS_TIMEOUT },
		{ "Compare never ends if it finds a difference", COMPARE, .stuck = true,
		  .expires = true },
	};
	struct vd *d = vd_make(test);
	struct pci_p2pmem_verdict why;
	int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		KUNIT_EXPECT_EQ_MSG(test, vd_verify(test, d, &t[i], &why), 0, "%s", t[i].why);
		KUNIT_EXPECT_EQ_MSG(test, why.proof, PCI_P2PMEM_UNPROVED, "%s", t[i].why);
		KUNIT_EXPECT_STRNEQ_MSG(test, why.note, "", "%s", t[i].why);
		KUNIT_EXPECT_TRUE_MSG(test, vd_remembered(test, d), "%s", t[i].why);
	}
}

/* One namespace cannot prove the path: not remembered, another one may. */
static void unproved_for_namespace(struct kunit *test)
{
	static const struct vd_fault t[] = {
		{ "metadata", COMPARE, .ms = 8 },
		{ "block written in each round", COMPARE, .writes_at = 4, .writes_again = true },
		{ "block unreadable", COMPARE, .fail = 1, .sick = true,
		  .status = NVME_SC_READ_ERROR },
	};
	struct vd *d = vd_make(test);
	struct pci_p2pmem_verdict why;
	int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		KUNIT_EXPECT_EQ_MSG(test, vd_verify(test, d, &t[i], &why), 0, "%s", t[i].why);
		KUNIT_EXPECT_EQ_MSG(test, why.proof, PCI_P2PMEM_UNPROVED, "%s", t[i].why);
		KUNIT_EXPECT_STRNEQ_MSG(test, why.note, "", "%s", t[i].why);
		if (t[i].ms)
			KUNIT_EXPECT_EQ_MSG(test, d->commands, 0, "metadata is not tested");
		KUNIT_EXPECT_FALSE_MSG(test, vd_remembered(test, d), "%s", t[i].why);
	}
	KUNIT_EXPECT_EQ(test, pci_p2pmem_grant_verify(d->grant, d->ctrl.dev, NULL, &why), 0);
	KUNIT_EXPECT_EQ(test, why.proof, PCI_P2PMEM_UNPROVED);
	d->fault = (struct vd_fault){ COMPARE };
	d->head->ms = 0;
	KUNIT_EXPECT_EQ(test, pci_p2pmem_grant_verify(d->grant, d->ctrl.dev, d->disk->part0,
						      &why), 0);
	KUNIT_EXPECT_EQ_MSG(test, why.proof, PCI_P2PMEM_PROVED, "%s", why.note);
}

/* A temporary failure is not remembered. */
static void untried(struct kunit *test)
{
	static const struct vd_fault t[] = {
		{ "block unreadable by an I/O error", COMPARE, .fail = 1, .blk = BLK_STS_IOERR },
		{ "fails from then on", COMPARE, .fail = 2, .sick = true, .blk = BLK_STS_IOERR },
		{ "does not respond from then on", COMPARE, .fail = 2, .sick = true,
		  .blk = BLK_STS_TIMEOUT },
		{ "does not respond from its Compare on", COMPARE, .fail = 3, .sick = true,
		  .blk = BLK_STS_TIMEOUT },
		{ "does not respond after its third timeout", COMPARE, .fail = 2, .there = true,
		  .dies = 9, .blk = BLK_STS_TIMEOUT },
		{ "dies, and its reset fails", COMPARE, .fail = 2, .sick = true, .expires = true,
		  .cancelled = true, .resets = true },
		{ "reset because of another command", COMPARE, .fail = 2, .cancelled = true },
		{ "reset: its queue is deleted", COMPARE, .fail = 2,
		  .status = NVME_SC_ABORT_QUEUE },
		{ "aborted by a request", COMPARE, .fail = 2, .status = NVME_SC_ABORT_REQ },
		{ "reserved by another host", COMPARE, .fail = 3,
		  .status = NVME_SC_RESERVATION_CONFLICT },
		{ "being formatted", COMPARE, .fail = 4, .status = NVME_SC_FORMAT_IN_PROGRESS },
		{ "queue deleted while the block is read", COMPARE, .fail = 1,
		  .status = NVME_SC_ABORT_QUEUE },
		{ "no room in the IOMMU", COMPARE, .unmapped = 1 },
		{ "being removed", COMPARE, .fail = 2, .blk = BLK_STS_OFFLINE },
		{ "being removed before its Compare", COMPARE, .fail = 3,
		  .blk = BLK_STS_OFFLINE },
		{ "being removed before its second Compare", COMPARE, .fail = 4,
		  .blk = BLK_STS_OFFLINE },
		{ "drive fails after all steps passed", COMPARE, .fail = 5, .blk = BLK_STS_IOERR },
		{ "block always written", COMPARE, .writes = 1000 },
		{ "drive fails when its Compare is checked", COMPARE, .squint = true, .fail = 5,
		  .sick = true, .blk = BLK_STS_IOERR },
	};
	struct vd *d = vd_make(test);
	struct pci_p2pmem_verdict why;
	void *all;
	int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		KUNIT_EXPECT_EQ_MSG(test, vd_verify(test, d, &t[i], &why), -EAGAIN, "%s",
				    t[i].why);
		KUNIT_EXPECT_EQ_MSG(test, why.proof, PCI_P2PMEM_UNPROVED, "%s", t[i].why);
		KUNIT_EXPECT_STRNEQ_MSG(test, why.note, "", "%s", t[i].why);
		pci_p2pmem_verdict(d->card, d->ctrl.dev, 0, &why);
		KUNIT_EXPECT_EQ_MSG(test, why.proof, PCI_P2PMEM_UNTRIED, "%s kept", t[i].why);
	}
	d->fault = (struct vd_fault){ "no peer memory", COMPARE };
	all = pci_p2pmem_alloc(d->card, kit_available(d->card), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, all);
	KUNIT_EXPECT_EQ(test, vd_verify(test, d, NULL, &why), -EAGAIN);
	KUNIT_EXPECT_EQ(test, d->commands, 0);
	pci_p2pmem_free(all, SZ_4M);
	KUNIT_EXPECT_EQ(test, vd_verify(test, d, NULL, &why), 0);
	KUNIT_EXPECT_EQ(test, why.proof, PCI_P2PMEM_PROVED);
}

/*
 * As with a CMB of the drive itself: a lost command resets the drive, and the memory is lost with
 * it. The test ends there. The third such command disproves the path.
 */
static void memory_that_is_lost_with_the_command(struct kunit *test)
{
	static const struct vd_fault fault = {
		"Read times out and takes the memory with it", COMPARE, .fail = 2, .there = true,
		.expires = true, .cancelled = true, .resets = true, .takes = true,
	}, none = { "no fault", COMPARE };
	struct vd *d = vd_make(test);
	struct pci_p2pmem_verdict why;
	int round, i;

	/* A test with a result between them begins the count again. */
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 2 + round; i++) {
			KUNIT_EXPECT_EQ_MSG(test, vd_verify(test, d, &fault, &why), -ENODEV,
					    "test %d of round %d", i, round);
			KUNIT_EXPECT_EQ_MSG(test, d->commands, 3, "another round began");
			pci_p2pmem_resume(d->card);
			KUNIT_ASSERT_TRUE(test, pci_p2pmem_is_provider(d->card));
		}
		if (!round)
			KUNIT_EXPECT_EQ(test, vd_verify(test, d, &none, &why), 0);
	}
	KUNIT_EXPECT_EQ(test, vd_verify(test, d, &fault, &why), -EXDEV);
	KUNIT_EXPECT_EQ_MSG(test, d->commands, 0, "one more command was lost");
	KUNIT_EXPECT_STREQ(test, why.note, "3 commands were lost, each with a reset");
	/* An administrator requests a new test, which counts again from zero. */
	KUNIT_EXPECT_EQ(test, vd_verify(test, d, &none, &why), 0);
	KUNIT_EXPECT_EQ(test, why.proof, PCI_P2PMEM_PROVED);
}

/* The test waits for a frozen queue, but not for a dead one. */
static void frozen_or_dead_queue(struct kunit *test)
{
	struct vd *d = vd_make(test);
	struct pci_p2pmem_verdict why;

	schedule_work(&d->frost);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&d->frozen, 10 * HZ), 0);
	KUNIT_EXPECT_EQ(test, vd_verify(test, d, NULL, &why), 0);
	KUNIT_EXPECT_EQ(test, why.proof, PCI_P2PMEM_PROVED);
	flush_work(&d->frost);

	/* the disk does not belong to a namespace of this drive */
	d->ns.disk = NULL;
	KUNIT_EXPECT_EQ(test, vd_verify(test, d, NULL, &why), 0);
	KUNIT_EXPECT_EQ(test, why.proof, PCI_P2PMEM_UNPROVED);
	KUNIT_EXPECT_EQ(test, d->commands, 0);
	d->ns.disk = d->disk;

	blk_mark_disk_dead(d->disk);
	KUNIT_EXPECT_EQ(test, vd_verify(test, d, NULL, &why), -EAGAIN);
	KUNIT_EXPECT_EQ(test, d->commands, 0);
}

/* An allocation failure in any step never disproves the path and leaks nothing. */
static void allocation_failures(struct kunit *test)
{
	struct vd *d = vd_make(test);
	struct pci_p2pmem_verdict why;
	int n, ret = 0;

	fault_require(test);
	for (n = 1; n < FAULT_STEPS; n++) {
		bool reached;

		fault_arm(n);
		ret = pci_p2pmem_grant_verify(d->grant, d->ctrl.dev, d->disk->part0, &why);
		reached = fault_disarm();
		KUNIT_EXPECT_NE_MSG(test, why.proof, PCI_P2PMEM_DISPROVED, "step %d: %s", n,
				    why.note);
		KUNIT_EXPECT_EQ(test, kit_available(d->card), SZ_4M);
		if (!reached || !ret)
			break;
	}
	KUNIT_EXPECT_GT(test, n, 1);
	KUNIT_EXPECT_EQ(test, ret, 0);
}

static struct kunit_case nvme_verify_cases[] = {
	KUNIT_CASE(proved),
	KUNIT_CASE(disproved),
	KUNIT_CASE(unproved),
	KUNIT_CASE(unproved_for_namespace),
	KUNIT_CASE(untried),
	KUNIT_CASE(memory_that_is_lost_with_the_command),
	KUNIT_CASE(frozen_or_dead_queue),
	KUNIT_CASE(allocation_failures),
	{}
};

static struct kunit_suite nvme_verify_suite = {
	.name = "p2pmem-nvme-verify",
	.test_cases = nvme_verify_cases,
};

kunit_test_suite(nvme_verify_suite);
