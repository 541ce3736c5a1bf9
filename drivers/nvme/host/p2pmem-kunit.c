// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: KUnit: peer-to-peer memory for NVMe drives
 *
 * The drive of these tests is a PCI function in a hierarchy in memory, and registers
 * that are variables. This covers what p2pmem.c and p2pmem-data.c do, but not how
 * pci.c calls them.
 */
#include <kunit/test.h>
#include <linux/pci-p2pmem.h>
#include <linux/sizes.h>
#include <linux/workqueue.h>

#include "../../pci/p2pdma/tests/fault.h"
#include "../../pci/p2pdma/tests/kit.h"
#include "p2pmem.h"

MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

/*
 *	host -- rp -- up -+- dn0 -- drive	the controller, with a CMB in BAR 2
 *			  +- dn1 -- card	lends 4 MiB
 *			  `- dn2 -- twin	a controller like that of the drive
 */
static const struct fabric_node nvme_tree[] = {
	{ .name = "host", .type = FABRIC_HOST },
	{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host" },
	{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp" },
	{ .name = "dn0", .type = FABRIC_DOWNSTREAM, .parent = "up" },
	{ .name = "dn1", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 1 },
	{ .name = "dn2", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 2 },
	{ .name = "twin", .type = FABRIC_ENDPOINT, .parent = "dn2",
	  .bar = { [2] = { .size = SZ_8M, .flags = FABRIC_BAR_64 } } },
	{ .name = "drive", .type = FABRIC_ENDPOINT, .parent = "dn0",
	  .bar = { [2] = { .size = SZ_8M, .flags = FABRIC_BAR_64 } } },
	{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "dn1",
	  .bar = { [2] = { .size = SZ_4M, .flags = FABRIC_BAR_64 } } },
	{ }
};

#define CMB_BAR		2
#define CMB_SIZE	SZ_4M
#define CMB_OFFSET	SZ_2M	/* 512 units of 4 KiB */
#define CMBSZ_DATA	(NVME_CMBSZ_RDS | NVME_CMBSZ_WDS)
#define CMBSZ		((CMB_SIZE / SZ_4K) << NVME_CMBSZ_SZ_SHIFT | CMBSZ_DATA | NVME_CMBSZ_SQS)
#define CMBLOC		((CMB_OFFSET / SZ_4K) << 12 | BIT(6) | CMB_BAR)
#define CAP_CMBS	BIT_ULL(57)

/**
 * struct nvme_bench - the drive under test
 * @ctrl: the controller
 * @f: the hierarchy
 * @pdev: its PCI function
 * @card: a provider below the same switch
 * @p: its state in p2pmem.c
 * @lock: replaces shutdown_lock of struct nvme_dev
 * @cmbsts: register
 * @deaf: writes to CMBMSC have no effect
 * @csts: register
 * @cmbsz: register
 * @cmbloc: register
 * @cmbmsc: register
 * @written: offsets of the registers written, in order
 * @nr_written: entries in @written
 * @work: frees @held after a delay
 * @held: an allocated page of the CMB
 */
struct nvme_bench {
	struct nvme_ctrl ctrl;
	struct nvme_p2pmem p;
	struct fabric *f;
	struct pci_dev *pdev;
	struct pci_dev *card;
	struct mutex lock;		/* see above */
	u32 cmbsts;
	bool deaf;
	u32 csts;
	u32 cmbsz;
	u32 cmbloc;
	u64 cmbmsc;
	u32 written[8];
	unsigned int nr_written;
	struct delayed_work work;
	void *held;
};

static struct nvme_bench *to_bench(struct nvme_ctrl *ctrl)
{
	return container_of(ctrl, struct nvme_bench, ctrl);
}

static int bench_read32(struct nvme_ctrl *ctrl, u32 off, u32 *val)
{
	struct nvme_bench *b = to_bench(ctrl);

	switch (off) {
	case NVME_REG_CSTS:
		*val = b->csts;
		return 0;
	case NVME_REG_CMBSZ:
		*val = b->cmbsz;
		return 0;
	case NVME_REG_CMBLOC:
		*val = b->cmbloc;
		return 0;
	case NVME_P2PMEM_REG_CMBSTS:
		*val = b->cmbsts;
		return 0;
	}
	return -EINVAL;
}

static int bench_read64(struct nvme_ctrl *ctrl, u32 off, u64 *val)
{
	if (off != NVME_REG_CMBMSC)
		return -EINVAL;
	*val = to_bench(ctrl)->cmbmsc;
	return 0;
}

static int bench_write32(struct nvme_ctrl *ctrl, u32 off, u32 val)
{
	struct nvme_bench *b = to_bench(ctrl);

	if (b->nr_written < ARRAY_SIZE(b->written))
		b->written[b->nr_written++] = off;
	if (b->deaf)
		return 0;
	if (off == NVME_REG_CMBMSC)
		b->cmbmsc = (b->cmbmsc & ~(u64)U32_MAX) | val;
	else if (off == NVME_REG_CMBMSC + 4)
		b->cmbmsc = (b->cmbmsc & U32_MAX) | (u64)val << 32;
	else
		return -EINVAL;
	return 0;
}

static const struct nvme_ctrl_ops bench_ops = {
	.name = "kunit",
	.module = THIS_MODULE,
	.reg_read32 = bench_read32,
	.reg_write32 = bench_write32,
	.reg_read64 = bench_read64,
};

static void bench_release_held(struct work_struct *work)
{
	struct nvme_bench *b = container_of(work, struct nvme_bench, work.work);
	void *held = xchg(&b->held, NULL);

	if (held)
		pci_p2pmem_free(held, PAGE_SIZE);
}

/* Allocates a page of the CMB, and frees it after @delay jiffies. */
static void bench_hold(struct kunit *test, struct nvme_bench *b, unsigned long delay)
{
	cancel_delayed_work_sync(&b->work);
	bench_release_held(&b->work.work);
	b->held = pci_p2pmem_alloc(b->pdev, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, b->held);
	schedule_delayed_work(&b->work, delay);
}

static void bench_start(struct nvme_bench *b)
{
	nvme_p2pmem_start(&b->ctrl, &b->p, &b->lock);
}

static void bench_stop(struct nvme_bench *b, bool sleep)
{
	nvme_p2pmem_stop(&b->ctrl, &b->p, &b->lock, sleep);
}

static void bench_exit(void *data)
{
	struct nvme_bench *b = data;

	cancel_delayed_work_sync(&b->work);
	bench_release_held(&b->work.work);
	/* as the driver's remove does: p2pmem.c must forget the controller */
	if (b->f)
		bench_stop(b, true);
}

static void bench_destroy(struct nvme_bench *b)
{
	bench_stop(b, true);
	fabric_destroy(b->f);
	b->f = NULL;
}

/* A controller whose function is @name of the hierarchy @f */
static struct nvme_bench *bench_ctrl(struct kunit *test, struct fabric *f, const char *name)
{
	struct nvme_bench *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, b);
	b->f = f;
	b->pdev = fabric_pdev(f, name);
	mutex_init(&b->lock);
	INIT_DELAYED_WORK(&b->work, bench_release_held);
	b->ctrl.dev = &b->pdev->dev;
	b->ctrl.device = &b->pdev->dev;
	b->ctrl.ops = &bench_ops;
	b->ctrl.state = NVME_CTRL_LIVE;
	b->csts = NVME_CSTS_RDY;
	b->cmbsz = CMBSZ;
	b->cmbloc = CMBLOC;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, bench_exit, b), 0);
	return b;
}

static struct nvme_bench *nvme_bench(struct kunit *test)
{
	struct fabric *f = fabric_build(test, nvme_tree);
	struct pci_dev *card = kit_lend(test, f, "card");
	struct nvme_bench *b = bench_ctrl(test, f, "drive");

	b->card = card;
	return b;
}

static void bench_lend(struct kunit *test, struct nvme_bench *b)
{
	KUNIT_ASSERT_TRUE(test, nvme_p2pmem_map_cmb(&b->ctrl, &b->p));
	KUNIT_EXPECT_EQ(test, b->p.size, CMB_SIZE);
	KUNIT_ASSERT_TRUE(test, pci_p2pmem_is_lent(b->pdev, CMB_BAR, CMB_SIZE, CMB_OFFSET));
	bench_start(b);
	KUNIT_ASSERT_TRUE(test, pci_p2pmem_is_provider(b->pdev));
}

/* A CMB is published if it supports both reading and writing data. */
static void cmb_is_published(struct kunit *test)
{
	static const struct {
		u32 cmbsz;
		bool published, sqes;
	} t[] = {
		{ CMBSZ_DATA, true, false },
		{ CMBSZ_DATA | NVME_CMBSZ_SQS, true, true },
		{ NVME_CMBSZ_RDS, false, false },
		{ NVME_CMBSZ_WDS, false, false },
		{ NVME_CMBSZ_SQS, false, true },
		{ 0, false, false },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		struct nvme_bench *b = nvme_bench(test);

		b->cmbsz = (CMBSZ & ~(CMBSZ_DATA | NVME_CMBSZ_SQS)) | t[i].cmbsz;
		KUNIT_EXPECT_EQ(test, nvme_p2pmem_map_cmb(&b->ctrl, &b->p), t[i].sqes);
		KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_lent(b->pdev, CMB_BAR, CMB_SIZE,
							   CMB_OFFSET));
		bench_start(b);
		KUNIT_EXPECT_EQ_MSG(test, pci_p2pmem_is_provider(b->pdev), t[i].published,
				    "CMBSZ %#x", b->cmbsz);
		KUNIT_EXPECT_EQ_MSG(test, b->nr_written, 0, "CMBMSC written before NVMe 1.4");
		bench_destroy(b);
	}
}

/* The CMB is lent only if the controller is LIVE, and not by its registration. */
static void cmb_is_lent_while_live(struct kunit *test)
{
	enum nvme_ctrl_state state;

	for (state = NVME_CTRL_NEW; state <= NVME_CTRL_DEAD; state++) {
		struct nvme_bench *b = nvme_bench(test);
		void *peer;

		b->ctrl.state = state;
		KUNIT_EXPECT_TRUE(test, nvme_p2pmem_map_cmb(&b->ctrl, &b->p));
		KUNIT_EXPECT_FALSE_MSG(test, pci_p2pmem_is_provider(b->pdev),
				       "lent before nvme_p2pmem_start()");
		peer = pci_p2pmem_alloc(b->pdev, PAGE_SIZE, GFP_KERNEL);
		KUNIT_EXPECT_NULL(test, peer);
		if (peer)
			pci_p2pmem_free(peer, PAGE_SIZE);
		bench_start(b);
		KUNIT_EXPECT_EQ_MSG(test, pci_p2pmem_is_provider(b->pdev),
				    state == NVME_CTRL_LIVE, "state %d", state);
		/* In a reset the CMB is found again, but not lent yet. */
		nvme_p2pmem_lost(&b->ctrl);
		nvme_p2pmem_map_cmb(&b->ctrl, &b->p);
		KUNIT_EXPECT_FALSE_MSG(test, pci_p2pmem_is_provider(b->pdev),
				       "lent before the Controller Reset");
		bench_destroy(b);
	}
}

/* An unusable CMB is refused once, and no register is written without need. */
static void cmb_is_refused(struct kunit *test)
{
	static const struct {
		const char *why;
		u32 cmbsz, cmbloc;
	} t[] = {
		{ "no CMB", 0, 0 },
		{ "registers read all ones", ~0U, ~0U },
		{ "size 0", CMBSZ_DATA, CMBLOC },
		{ "offset beyond its BAR", CMBSZ, (SZ_8M / SZ_4K) << 12 | CMB_BAR },
		{ "BAR without memory", CMBSZ, 4 },
		{ "BAR 6", CMBSZ, 6 },
		{ "BAR 7", CMBSZ, 7 },
		{ "too small for a page", (SZ_1M / SZ_4K) << NVME_CMBSZ_SZ_SHIFT | CMBSZ_DATA,
		  CMBLOC },
		{ "unit 7", 1 << NVME_CMBSZ_SZ_SHIFT | 7 << NVME_CMBSZ_SZU_SHIFT | CMBSZ_DATA,
		  CMB_BAR },
		{ "unit 14", 1 << NVME_CMBSZ_SZ_SHIFT | 14 << NVME_CMBSZ_SZU_SHIFT | CMBSZ_DATA,
		  CMB_BAR },
		{ "unit 15", 1 << NVME_CMBSZ_SZ_SHIFT | 15 << NVME_CMBSZ_SZU_SHIFT | CMBSZ_DATA,
		  CMB_BAR },
	};
	int i, cap;

	for (i = 0; i < 2 * ARRAY_SIZE(t); i++) {
		struct nvme_bench *b = nvme_bench(test);
		const char *why = t[i / 2].why;

		cap = i % 2;
		b->ctrl.cap = cap ? CAP_CMBS : 0;
		b->cmbsz = t[i / 2].cmbsz;
		b->cmbloc = t[i / 2].cmbloc;
		KUNIT_EXPECT_FALSE_MSG(test, nvme_p2pmem_map_cmb(&b->ctrl, &b->p), "%s", why);
		KUNIT_EXPECT_EQ_MSG(test, b->p.size, 0, "%s", why);
		if (!cap)
			KUNIT_EXPECT_EQ_MSG(test, b->nr_written, 0, "%s: CMBMSC written", why);
		/* The next reset does not try again, even with valid registers. */
		b->nr_written = 0;
		b->cmbsz = CMBSZ;
		b->cmbloc = CMBLOC;
		KUNIT_EXPECT_FALSE_MSG(test, nvme_p2pmem_map_cmb(&b->ctrl, &b->p), "%s", why);
		KUNIT_EXPECT_EQ_MSG(test, b->nr_written, 0, "%s: tried again", why);
		bench_start(b);
		bench_stop(b, false);
		KUNIT_EXPECT_FALSE_MSG(test, pci_p2pmem_is_provider(b->pdev), "%s", why);
		bench_destroy(b);
	}
}

/* CMBLOC.CDMMMS, bit 7: a command with data in the CMB may have its metadata elsewhere. */
static void data_apart_from_metadata(struct kunit *test)
{
	const u32 cdmmms[] = { 0, BIT(7) };
	struct pci_p2pmem_verdict why;
	struct pci_dev *chosen;
	struct nvme_bench *b;
	int i;

	for (i = 0; i < ARRAY_SIZE(cdmmms); i++) {
		b = nvme_bench(test);
		b->cmbloc = CMBLOC | cdmmms[i];
		nvme_p2pmem_map_cmb(&b->ctrl, &b->p);
		bench_start(b);
		b->p.client = nvme_p2pmem_register_client(&b->ctrl);
		KUNIT_ASSERT_NOT_NULL(test, b->p.client);
		chosen = pci_p2pmem_choose_provider(b->pdev, PCI_P2PMEM_NEAREST | PCI_P2PMEM_SPLIT,
						    &b->ctrl.dev, 1, 0, &why);
		KUNIT_EXPECT_PTR_EQ(test, chosen, cdmmms[i] ? b->pdev : NULL);
		pci_dev_put(chosen);
		bench_stop(b, false);
		nvme_p2pmem_unregister_client(b->p.client);
		bench_destroy(b);
	}
}

/* CMBLOC.CDPCILS, bit 6: the CMB may have queues while PRP lists are in system memory. */
static void queues_apart_from_prp_lists(struct kunit *test)
{
	static const struct {
		u64 cap;
		u32 cdpcils;
		bool sqes;
	} t[] = {
		{ 0, 0, true },	/* before NVMe 1.4 the bit is reserved */
		{ 0, BIT(6), true },
		{ CAP_CMBS, 0, false },
		{ CAP_CMBS, BIT(6), true },
	};
	struct nvme_bench *b;
	int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		b = nvme_bench(test);
		b->ctrl.cap = t[i].cap;
		b->cmbloc = (CMBLOC & ~BIT(6)) | t[i].cdpcils;
		KUNIT_EXPECT_EQ_MSG(test, nvme_p2pmem_map_cmb(&b->ctrl, &b->p), t[i].sqes,
				    "CMBLOC %#x", b->cmbloc);
		bench_start(b);
		KUNIT_EXPECT_TRUE_MSG(test, pci_p2pmem_is_provider(b->pdev), "%#x", b->cmbloc);
		bench_stop(b, false);
		bench_destroy(b);
	}
}

/* A controller since NVMe 1.4 may reject the address of its CMB. */
static void cmb_address_is_refused(struct kunit *test)
{
	struct nvme_bench *b = nvme_bench(test);

	b->ctrl.cap = CAP_CMBS;
	b->cmbsts = NVME_P2PMEM_CMBSTS_CBAI;
	KUNIT_EXPECT_FALSE(test, nvme_p2pmem_map_cmb(&b->ctrl, &b->p));
	KUNIT_EXPECT_EQ(test, b->p.size, 0);
	KUNIT_EXPECT_EQ_MSG(test, b->cmbmsc, 0, "still enabled");
	bench_destroy(b);

	/* It may do so only at the start, or lose the address in the Controller Reset. */
	b = nvme_bench(test);
	b->ctrl.cap = CAP_CMBS;
	bench_lend(test, b);
	nvme_p2pmem_lost(&b->ctrl);
	b->cmbsts = NVME_P2PMEM_CMBSTS_CBAI;
	bench_start(b);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(b->pdev));
	b->cmbsts = 0;
	b->cmbmsc = 0;
	b->deaf = true;
	bench_start(b);
	KUNIT_EXPECT_FALSE_MSG(test, pci_p2pmem_is_provider(b->pdev), "CMBMSC is not read back");
	b->deaf = false;
	bench_start(b);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(b->pdev));
}

/* If the CMB did not change in a reset, it is lent again. */
static void cmb_unchanged_after_reset(struct kunit *test)
{
	struct nvme_bench *b = nvme_bench(test);
	u64 where;

	b->ctrl.cap = CAP_CMBS;
	bench_lend(test, b);
	where = pci_bus_address(b->pdev, CMB_BAR) + CMB_OFFSET;
	KUNIT_EXPECT_EQ(test, b->cmbmsc, where | NVME_CMBMSC_CRE | NVME_CMBMSC_CMSE);
	/* CRE, to make CMBSZ valid; then the address, with the enabling half last. */
	KUNIT_ASSERT_EQ(test, b->nr_written, 3);
	KUNIT_EXPECT_EQ(test, b->written[0], NVME_REG_CMBMSC);
	KUNIT_EXPECT_EQ(test, b->written[1], NVME_REG_CMBMSC + 4);
	KUNIT_EXPECT_EQ(test, b->written[2], NVME_REG_CMBMSC);

	b->nr_written = 0;
	bench_stop(b, false);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(b->pdev));
	KUNIT_EXPECT_TRUE(test, nvme_p2pmem_map_cmb(&b->ctrl, &b->p));
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(b->pdev));
	bench_start(b);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(b->pdev));
	KUNIT_EXPECT_EQ_MSG(test, b->nr_written, 0, "CMBMSC rewritten while in use");

	bench_stop(b, false);
	b->cmbmsc = 0;	/* as after a function reset */
	KUNIT_EXPECT_TRUE(test, nvme_p2pmem_map_cmb(&b->ctrl, &b->p));
	KUNIT_EXPECT_EQ(test, b->nr_written, 2);
	KUNIT_EXPECT_EQ(test, b->cmbmsc, where | NVME_CMBMSC_CRE | NVME_CMBMSC_CMSE);
}

/* If the CMB changed in a reset, it stays stopped and is disabled in the controller. */
static void cmb_changed_after_reset(struct kunit *test)
{
	struct nvme_bench *b = nvme_bench(test);

	b->ctrl.cap = CAP_CMBS;
	bench_lend(test, b);
	bench_stop(b, false);

	b->cmbsz = CMBSZ & ~NVME_CMBSZ_WDS;
	KUNIT_EXPECT_FALSE(test, nvme_p2pmem_map_cmb(&b->ctrl, &b->p));
	KUNIT_EXPECT_EQ_MSG(test, b->cmbmsc, 0, "still enabled");
	b->cmbsz = CMBSZ;
	b->cmbloc = CMBLOC + BIT(12);
	KUNIT_EXPECT_FALSE(test, nvme_p2pmem_map_cmb(&b->ctrl, &b->p));
	bench_start(b);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(b->pdev));
	b->cmbloc = CMBLOC;
	b->p.size = SZ_2M;
	KUNIT_EXPECT_FALSE_MSG(test, nvme_p2pmem_map_cmb(&b->ctrl, &b->p),
			       "size differs from what was registered");
	b->p.size = CMB_SIZE;
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(b->pdev));
	KUNIT_EXPECT_EQ(test, b->cmbmsc, 0);

	/* A later reset brings it back. */
	KUNIT_EXPECT_TRUE(test, nvme_p2pmem_map_cmb(&b->ctrl, &b->p));
	bench_start(b);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(b->pdev));
}

/* Stopping a working controller waits until all allocations are freed. */
static void stop_drains_working_controller(struct kunit *test)
{
	struct nvme_bench *b = nvme_bench(test);

	KUNIT_ASSERT_TRUE(test, pci_is_enabled(b->pdev));
	bench_lend(test, b);
	bench_hold(test, b, HZ / 10);
	bench_stop(b, false);
	KUNIT_EXPECT_NULL_MSG(test, READ_ONCE(b->held), "did not wait");
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(b->pdev));
	bench_start(b);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(b->pdev));
}

/* If the controller does not work, its memory is lost at once, without waiting. */
static void stop_does_not_wait_for_dead_controller(struct kunit *test)
{
	static const struct {
		const char *why;
		u32 csts;
		bool killed;
	} t[] = {
		{ "registers read all ones", ~0U, false },
		{ "not ready", 0, false },
		{ "fatal status", NVME_CSTS_RDY | NVME_CSTS_CFS, false },
		{ "device removed", NVME_CSTS_RDY, true },
	};
	struct nvme_bench *b = nvme_bench(test);
	struct scatterlist *sgl;
	unsigned int nents;
	unsigned long began;
	int i;

	bench_lend(test, b);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		sgl = pci_p2pmem_sgl_alloc(b->pdev, &nents, PAGE_SIZE, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, sgl);
		b->csts = t[i].csts;
		if (t[i].killed)
			fabric_kill(b->f, "drive");
		began = jiffies;
		bench_stop(b, i % 2);
		KUNIT_EXPECT_LT_MSG(test, jiffies - began,
				    PCI_P2PMEM_DRAIN_SECONDS * HZ, "%s: waited", t[i].why);
		KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(b->pdev));
		KUNIT_EXPECT_TRUE_MSG(test, pci_p2pmem_sgl_lost(sgl), "%s", t[i].why);
		pci_p2pmem_sgl_free(sgl);
		/* Its state is still LIVE. Registers of a device that is gone read all ones. */
		if (t[i].killed)
			b->csts = ~0U;
		bench_start(b);
		KUNIT_EXPECT_FALSE_MSG(test, pci_p2pmem_is_provider(b->pdev), "%s: lent",
				       t[i].why);
		if (!t[i].killed)
			b->csts = NVME_CSTS_RDY;
		bench_start(b);
		KUNIT_EXPECT_EQ(test, pci_p2pmem_is_provider(b->pdev), !t[i].killed);
	}
}

/* While the I/O queues are quiesced, commands that hold the CMB cannot complete. */
static void stop_does_not_wait_for_quiesced_queues(struct kunit *test)
{
	struct nvme_bench *b = nvme_bench(test);
	unsigned long began;

	bench_lend(test, b);
	bench_hold(test, b, 3 * PCI_P2PMEM_DRAIN_SECONDS * HZ);
	set_bit(NVME_CTRL_STOPPED, &b->ctrl.flags);
	began = jiffies;
	bench_stop(b, false);
	KUNIT_EXPECT_LE(test, jiffies - began, 2 * HZ);
	KUNIT_EXPECT_NOT_NULL(test, READ_ONCE(b->held));
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(b->pdev));
}

/* A reset of the NVM subsystem resets all of its controllers, but no other ones. */
static void reset_of_subsystem_stops_siblings(struct kunit *test)
{
	struct nvme_bench *b = nvme_bench(test), *twin = bench_ctrl(test, b->f, "twin");
	unsigned long began;

	b->ctrl.subsys = kunit_kzalloc(test, sizeof(*b->ctrl.subsys), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, b->ctrl.subsys);
	bench_lend(test, b);
	bench_lend(test, twin);
	nvme_p2pmem_stop_siblings(&b->ctrl);
	KUNIT_EXPECT_TRUE_MSG(test, pci_p2pmem_is_provider(twin->pdev), "another subsystem");
	nvme_p2pmem_stop_siblings(&twin->ctrl);
	KUNIT_EXPECT_TRUE_MSG(test, pci_p2pmem_is_provider(b->pdev), "no subsystem");

	twin->ctrl.subsys = b->ctrl.subsys;
	bench_hold(test, twin, HZ / 10);
	nvme_p2pmem_stop_siblings(&b->ctrl);
	KUNIT_EXPECT_NULL_MSG(test, READ_ONCE(twin->held), "did not wait");
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(twin->pdev));
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(b->pdev));

	/* Its own reset brings it back, and the next one of the subsystem stops it again. */
	bench_stop(twin, false);
	bench_start(twin);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(twin->pdev));
	nvme_p2pmem_stop_siblings(&b->ctrl);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(twin->pdev));

	/* It ended a reset of its own before this one: what it lends is undefined now. */
	bench_stop(twin, false);
	bench_start(twin);
	began = jiffies;
	bench_hold(test, twin, HZ);
	nvme_p2pmem_lose_subsystem(&b->ctrl);
	KUNIT_EXPECT_LT_MSG(test, jiffies - began, HZ, "it waited");
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(twin->pdev));
	/* So may the controller itself have, while its siblings were stopped. */
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(b->pdev));
	bench_start(b);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(b->pdev));
}

/* Draining does not wait for submission queues, which belong to the driver. */
static void submission_queues_in_cmb(struct kunit *test)
{
	struct nvme_bench *b = nvme_bench(test);
	unsigned long began = jiffies;
	void *sq, *other, *all;

	KUNIT_EXPECT_NULL_MSG(test, nvme_p2pmem_alloc_sq(b->pdev, SZ_16K), "no CMB");
	KUNIT_ASSERT_TRUE(test, nvme_p2pmem_map_cmb(&b->ctrl, &b->p));
	/* as in probe: before the CMB is lent */
	sq = nvme_p2pmem_alloc_sq(b->pdev, SZ_16K + 64);
	KUNIT_ASSERT_NOT_NULL(test, sq);
	KUNIT_EXPECT_EQ(test, nvme_p2pmem_sq_addr(sq),
			pci_bus_address(b->pdev, CMB_BAR) + CMB_OFFSET +
			(sq - pci_p2pmem_region_addr(b->pdev, CMB_BAR, CMB_OFFSET)));
	bench_start(b);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(b->pdev));

	bench_stop(b, false);
	KUNIT_EXPECT_LT_MSG(test, jiffies - began, PCI_P2PMEM_DRAIN_SECONDS * HZ,
			    "draining waited for a queue of the driver");
	other = nvme_p2pmem_alloc_sq(b->pdev, SZ_16K);
	KUNIT_EXPECT_NOT_NULL_MSG(test, other, "a reset creates queues before the start");
	bench_start(b);
	KUNIT_EXPECT_TRUE_MSG(test, pci_p2pmem_is_provider(b->pdev),
			      "a queue prevents lending again");
	nvme_p2pmem_free_sq(b->pdev, sq, SZ_16K + 64);
	if (other)
		nvme_p2pmem_free_sq(b->pdev, other, SZ_16K);

	/* Queues take at most half of the CMB; all of it is free again in the end. */
	sq = nvme_p2pmem_alloc_sq(b->pdev, CMB_SIZE / 2);
	KUNIT_ASSERT_NOT_NULL(test, sq);
	KUNIT_EXPECT_NULL_MSG(test, nvme_p2pmem_alloc_sq(b->pdev, 1), "more than half");
	KUNIT_EXPECT_EQ(test, kit_available(b->pdev), CMB_SIZE / 2);
	nvme_p2pmem_free_sq(b->pdev, sq, CMB_SIZE / 2);
	all = pci_p2pmem_alloc(b->pdev, CMB_SIZE, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, all);
	if (all)
		pci_p2pmem_free(all, CMB_SIZE);
}

/* Only a shortage is requeued, and only a permanent failure is final. */
static void status_of_failed_mapping(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, nvme_p2pmem_map_status(-ENOMEM) == BLK_STS_RESOURCE);
	KUNIT_EXPECT_TRUE(test, nvme_p2pmem_map_status(-EREMOTEIO) == BLK_STS_TARGET);
	KUNIT_EXPECT_TRUE(test, nvme_p2pmem_map_status(-ECOMM) == BLK_STS_TRANSPORT);
	KUNIT_EXPECT_TRUE_MSG(test, nvme_p2pmem_map_status(-EIO) == BLK_STS_RESOURCE,
			      "system memory");
}

static int bench_map(struct nvme_bench *b, struct sg_table *sgt, enum dma_data_direction dir)
{
	struct request req = { .cmd_flags = dir == DMA_TO_DEVICE ? REQ_OP_WRITE : REQ_OP_READ };

	return nvme_p2pmem_map_sgtable(b->ctrl.dev, &req, sgt, 0);
}

/* Maps as pci.c does for data of one segment. Returns 0 or the errno of the block status. */
static int bench_map_bvec(struct nvme_bench *b, const struct bio_vec *bv,
			  enum dma_data_direction dir, struct scatterlist *sg, dma_addr_t *addr)
{
	return blk_status_to_errno(nvme_p2pmem_map_bvec(b->ctrl.dev, bv, dir, sg, addr));
}

/*
 * Registers the drive as a client while an allocation fails: the first one after the @n th whose
 * failure the registration survives. NULL when none is left to fail.
 */
static struct pci_p2pmem_client *bench_short_client(struct kunit *test, struct nvme_bench *b,
						    unsigned int *n)
{
	struct pci_p2pmem_client *client;

	while (++*n < FAULT_STEPS) {
		fault_arm(*n);
		client = nvme_p2pmem_register_client(&b->ctrl);
		if (!fault_disarm()) {
			nvme_p2pmem_unregister_client(client);
			return NULL;
		}
		if (client)
			return client;
	}
	KUNIT_FAIL(test, "more than %d allocations", FAULT_STEPS);
	return NULL;
}

/* The core maps peer memory, the DMA API system memory, and mixed lists are refused. */
static void mapping_of_command_data(struct kunit *test)
{
	struct nvme_bench *b = nvme_bench(test);
	struct pci_p2pmem_client *client;
	void *ram = kunit_kzalloc(test, 2 * PAGE_SIZE, GFP_KERNEL);
	struct scatterlist sg[2];
	struct sg_table sgt = { .sgl = sg, .orig_nents = 2 };
	enum dma_data_direction dir;
	void *peer;

	KUNIT_ASSERT_NOT_NULL(test, ram);
	peer = pci_p2pmem_alloc(b->card, 3 * PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, peer);
	sg_init_table(sg, 2);
	sg_set_buf(&sg[0], peer, PAGE_SIZE);
	sg_set_buf(&sg[1], peer + 2 * PAGE_SIZE, PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, nvme_p2pmem_page(sg_page(&sg[0])));
	KUNIT_EXPECT_EQ_MSG(test, bench_map(b, &sgt, DMA_TO_DEVICE), -EREMOTEIO, "no client");

	client = nvme_p2pmem_register_client(&b->ctrl);
	KUNIT_EXPECT_NOT_NULL(test, client);
	for (dir = DMA_TO_DEVICE; dir <= DMA_FROM_DEVICE; dir++) {
		KUNIT_EXPECT_EQ(test, bench_map(b, &sgt, dir), 0);
		KUNIT_EXPECT_EQ(test, sgt.nents, 2);
		KUNIT_EXPECT_EQ(test, sg_dma_address(&sg[1]),
				pci_p2pmem_bus_addr(peer + 2 * PAGE_SIZE));
		KUNIT_EXPECT_EQ(test, kit_balance(b->card, b->ctrl.dev), 1);
		nvme_p2pmem_unmap_sgtable(b->ctrl.dev, &sgt, dir, 0);
		KUNIT_EXPECT_EQ(test, kit_balance(b->card, b->ctrl.dev), 0);
	}

	sg_set_buf(&sg[1], ram, PAGE_SIZE);
	KUNIT_EXPECT_EQ_MSG(test, bench_map(b, &sgt, DMA_TO_DEVICE), -EREMOTEIO, "mixed");
	sg_set_buf(&sg[0], ram + PAGE_SIZE, PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, nvme_p2pmem_page(sg_page(&sg[0])));
	KUNIT_EXPECT_EQ(test, bench_map(b, &sgt, DMA_FROM_DEVICE), 0);
	KUNIT_EXPECT_EQ(test, sg_dma_address(&sg[0]), virt_to_phys(ram + PAGE_SIZE));
	nvme_p2pmem_unmap_sgtable(b->ctrl.dev, &sgt, DMA_FROM_DEVICE, 0);

	pci_p2pmem_lost(b->card);
	sg_set_buf(&sg[0], peer, PAGE_SIZE);
	sg_set_buf(&sg[1], peer + PAGE_SIZE, PAGE_SIZE);
	KUNIT_EXPECT_EQ_MSG(test, bench_map(b, &sgt, DMA_TO_DEVICE), -ECOMM, "lost");
	KUNIT_EXPECT_EQ(test, kit_balance(b->card, b->ctrl.dev), 0);
	pci_p2pmem_free(peer, 3 * PAGE_SIZE);
	nvme_p2pmem_unregister_client(client);
	nvme_p2pmem_unregister_client(NULL);
	KUNIT_EXPECT_NULL(test, pci_p2pmem_find_client(b->ctrl.dev));
}

/* The same for a command of one segment, which has an entry of its own. */
static void data_of_one_segment(struct kunit *test)
{
	struct nvme_bench *b = nvme_bench(test);
	void *ram = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	struct device *dev = b->ctrl.dev;
	struct pci_p2pmem_client *client;
	enum dma_data_direction dir;
	struct scatterlist sg;
	struct bio_vec bv;
	dma_addr_t addr;
	void *peer;

	KUNIT_ASSERT_NOT_NULL(test, ram);
	peer = pci_p2pmem_alloc(b->card, 3 * PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, peer);
	/* Its bio was split behind the first page. */
	bvec_set_page(&bv, virt_to_page(peer), PAGE_SIZE, PAGE_SIZE + 512);
	KUNIT_EXPECT_FALSE(test, nvme_p2pmem_needs_list(bv.bv_page));
	KUNIT_EXPECT_EQ_MSG(test, bench_map_bvec(b, &bv, DMA_TO_DEVICE, &sg, &addr), -EREMOTEIO,
			    "no client");
	KUNIT_EXPECT_EQ_MSG(test, sg.length, 0, "an entry that is not mapped");

	client = nvme_p2pmem_register_client(&b->ctrl);
	KUNIT_EXPECT_NOT_NULL(test, client);
	for (dir = DMA_TO_DEVICE; dir <= DMA_FROM_DEVICE; dir++) {
		KUNIT_EXPECT_EQ(test, bench_map_bvec(b, &bv, dir, &sg, &addr), 0);
		KUNIT_EXPECT_EQ(test, addr, pci_p2pmem_bus_addr(peer + PAGE_SIZE + 512));
		KUNIT_EXPECT_PTR_EQ_MSG(test, sg_page(&sg), virt_to_page(peer + PAGE_SIZE),
					"the page whose grant decides");
		KUNIT_EXPECT_EQ(test, kit_balance(b->card, dev), 1);
		nvme_p2pmem_unmap_bvec(dev, &sg, addr, bv.bv_len, dir);
		KUNIT_EXPECT_EQ(test, kit_balance(b->card, dev), 0);
	}

	/* System memory in the same command later: what the entry had is no mapping. */
	KUNIT_EXPECT_NE(test, sg.length, 0);
	bvec_set_page(&bv, virt_to_page(ram), 512, offset_in_page(ram));
	KUNIT_EXPECT_EQ(test, bench_map_bvec(b, &bv, DMA_FROM_DEVICE, &sg, &addr), 0);
	KUNIT_EXPECT_EQ(test, addr, virt_to_phys(ram));
	KUNIT_EXPECT_EQ(test, sg.length, 0);
	nvme_p2pmem_unmap_bvec(dev, &sg, addr, bv.bv_len, DMA_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, kit_balance(b->card, dev), 0);

	pci_p2pmem_lost(b->card);
	bvec_set_page(&bv, virt_to_page(peer), PAGE_SIZE, 0);
	KUNIT_EXPECT_EQ_MSG(test, bench_map_bvec(b, &bv, DMA_TO_DEVICE, &sg, &addr), -ENOLINK,
			    "lost");
	KUNIT_EXPECT_EQ(test, sg.length, 0);
	KUNIT_EXPECT_EQ(test, kit_balance(b->card, dev), 0);
	pci_p2pmem_free(peer, 3 * PAGE_SIZE);
	nvme_p2pmem_unregister_client(client);
}

/* A refusal that may be temporary is no final error, for one segment and for a list of two. */
static void temporary_refusals(struct kunit *test)
{
	struct nvme_bench *b = nvme_bench(test);
	u64 *mask = b->ctrl.dev->dma_mask, before = *mask;
	struct scatterlist sg[2], one;
	struct sg_table sgt = { .sgl = sg, .orig_nents = 2 };
	struct pci_p2pmem_client *client;
	unsigned int n = 0, without = 0, one_without = 0;
	struct bio_vec bv;
	dma_addr_t addr;
	void *peer;
	int ret;

	fault_require(test);
	peer = pci_p2pmem_alloc(b->card, 3 * PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, peer);
	sg_init_table(sg, 2);
	sg_set_buf(&sg[0], peer, PAGE_SIZE);
	sg_set_buf(&sg[1], peer + 2 * PAGE_SIZE, PAGE_SIZE);
	bvec_set_page(&bv, virt_to_page(peer), PAGE_SIZE, 0);
	while ((client = bench_short_client(test, b, &n))) {
		/* The pair is added in the background one second later. */
		ret = bench_map(b, &sgt, DMA_TO_DEVICE);
		KUNIT_EXPECT_TRUE_MSG(test, !ret || ret == -ENOMEM, "allocation %u: %d", n, ret);
		without += ret == -ENOMEM;
		if (!ret)
			nvme_p2pmem_unmap_sgtable(b->ctrl.dev, &sgt, DMA_TO_DEVICE, 0);
		ret = bench_map_bvec(b, &bv, DMA_TO_DEVICE, &one, &addr);
		KUNIT_EXPECT_TRUE_MSG(test, !ret || ret == -ENOMEM, "allocation %u: %d", n, ret);
		one_without += ret == -ENOMEM;
		if (!ret)
			nvme_p2pmem_unmap_bvec(b->ctrl.dev, &one, addr, bv.bv_len, DMA_TO_DEVICE);
		nvme_p2pmem_unregister_client(client);
	}
	KUNIT_EXPECT_GT_MSG(test, without, 0, "no allocation was that of the pair");
	KUNIT_EXPECT_GT_MSG(test, one_without, 0, "no allocation was that of the pair");

	client = nvme_p2pmem_register_client(&b->ctrl);
	KUNIT_EXPECT_NOT_NULL(test, client);
	*mask = DMA_BIT_MASK(24);
	KUNIT_EXPECT_EQ_MSG(test, bench_map(b, &sgt, DMA_TO_DEVICE), -ECOMM, "mask");
	KUNIT_EXPECT_EQ_MSG(test, bench_map_bvec(b, &bv, DMA_TO_DEVICE, &one, &addr), -ENOLINK,
			    "mask");
	*mask = before;
	nvme_p2pmem_unregister_client(client);
	pci_p2pmem_free(peer, 3 * PAGE_SIZE);
}

/* A request of several bios: the block layer may have merged other memory behind the first one. */
static void merged_bios(struct kunit *test)
{
	struct nvme_bench *b = nvme_bench(test);
	struct request req = { .cmd_flags = REQ_OP_WRITE };
	struct bio_vec bv[3] = {};
	struct bio *bio[3];
	struct scatterlist sg;
	struct sg_table sgt = { .sgl = &sg, .orig_nents = 1 };
	struct pci_p2pmem_client *client = nvme_p2pmem_register_client(&b->ctrl);
	void *ram = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	void *peer = pci_p2pmem_alloc(b->card, PAGE_SIZE, GFP_KERNEL);
	int i, at;

	KUNIT_ASSERT_NOT_NULL(test, client);
	KUNIT_ASSERT_NOT_NULL(test, ram);
	KUNIT_ASSERT_NOT_NULL(test, peer);
	for (i = 2; i >= 0; i--) {
		bio[i] = kunit_kzalloc(test, sizeof(*bio[i]), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, bio[i]);
		bvec_set_virt(&bv[i], ram, SZ_512);
		bio[i]->bi_opf = REQ_OP_WRITE;
		bio[i]->bi_io_vec = &bv[i];
		bio[i]->bi_iter.bi_size = SZ_512;
		bio[i]->bi_next = i < 2 ? bio[i + 1] : NULL;
	}
	req.bio = bio[0];
	req.biotail = bio[2];
	sg_init_one(&sg, ram, SZ_512);
	KUNIT_EXPECT_EQ(test, nvme_p2pmem_map_sgtable(b->ctrl.dev, &req, &sgt, 0), 0);
	nvme_p2pmem_unmap_sgtable(b->ctrl.dev, &sgt, DMA_TO_DEVICE, 0);
	for (at = 1; at < 3; at++) {
		bvec_set_virt(&bv[at], peer, SZ_512);
		KUNIT_EXPECT_EQ_MSG(test, nvme_p2pmem_map_sgtable(b->ctrl.dev, &req, &sgt, 0),
				    -EREMOTEIO, "bio %d", at);
		bvec_set_virt(&bv[at], ram, SZ_512);
	}
	/* Bios of a request with a payload of its own have no pages. */
	req.rq_flags |= RQF_SPECIAL_PAYLOAD;
	for (i = 0; i < 3; i++)
		bio[i]->bi_io_vec = NULL;
	KUNIT_EXPECT_EQ(test, nvme_p2pmem_map_sgtable(b->ctrl.dev, &req, &sgt, 0), 0);
	nvme_p2pmem_unmap_sgtable(b->ctrl.dev, &sgt, DMA_TO_DEVICE, 0);
	KUNIT_EXPECT_EQ(test, kit_balance(b->card, b->ctrl.dev), 0);
	pci_p2pmem_free(peer, PAGE_SIZE);
	nvme_p2pmem_unregister_client(client);
}

/* If its registration fails, a drive works without peer memory. */
static void client_without_memory(struct kunit *test)
{
	struct nvme_bench *b = nvme_bench(test);
	struct pci_p2pmem_client *client;

	fault_require(test);
	fault_arm(1);
	client = nvme_p2pmem_register_client(&b->ctrl);
	KUNIT_EXPECT_TRUE(test, fault_disarm());
	KUNIT_EXPECT_NULL(test, client);
	nvme_p2pmem_unregister_client(client);
	KUNIT_EXPECT_NULL(test, pci_p2pmem_find_client(b->ctrl.dev));
}

static struct kunit_case nvme_p2pmem_cases[] = {
	KUNIT_CASE(cmb_is_published),
	KUNIT_CASE(cmb_is_lent_while_live),
	KUNIT_CASE(cmb_is_refused),
	KUNIT_CASE(data_apart_from_metadata),
	KUNIT_CASE(queues_apart_from_prp_lists),
	KUNIT_CASE(cmb_address_is_refused),
	KUNIT_CASE(cmb_unchanged_after_reset),
	KUNIT_CASE(cmb_changed_after_reset),
	KUNIT_CASE(stop_drains_working_controller),
	KUNIT_CASE(stop_does_not_wait_for_dead_controller),
	KUNIT_CASE(stop_does_not_wait_for_quiesced_queues),
	KUNIT_CASE(reset_of_subsystem_stops_siblings),
	KUNIT_CASE(submission_queues_in_cmb),
	KUNIT_CASE(status_of_failed_mapping),
	KUNIT_CASE(mapping_of_command_data),
	KUNIT_CASE(data_of_one_segment),
	KUNIT_CASE(temporary_refusals),
	KUNIT_CASE(merged_bios),
	KUNIT_CASE(client_without_memory),
	{}
};

static struct kunit_suite nvme_p2pmem_suite = {
	.name = "p2pmem-nvme",
	.test_cases = nvme_p2pmem_cases,
};

kunit_test_suite(nvme_p2pmem_suite);
