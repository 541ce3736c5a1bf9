// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: KUnit: peer-to-peer memory in RDMA READ and WRITE
 *
 * The cases call the real rdma_rw_ctx_init(), its signature variant and their
 * counterparts for an RDMA device without hardware, whose DMA device is in a PCI
 * hierarchy in memory. They check the work requests instead of posting them. At the
 * end of each case the core's balance of mappings must be zero.
 */
#include <kunit/test.h>
#include <linux/pci-p2pmem.h>
#include <linux/sizes.h>
#include <linux/string_choices.h>
#include <rdma/mr_pool.h>
#include <rdma/rw.h>

#include "../../pci/p2pdma/tests/fault.h"
#include "../../pci/p2pdma/tests/kit.h"
#include "rw_p2pmem.h"

MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

/*
 *	host -- rp0 -- up -+- dn0 -- card	lends 4 MiB
 *	     |		   +- dn1 -- card2	lends 4 MiB
 *	     |		   `- dn2 -- nic	the adapter: bus addresses
 *	     `- rp1 -- far			an adapter behind the host bridge, which
 *						forwards (a Skylake-E root port)
 */
static const struct fabric_node rw_tree[] = {
	{ .name = "host", .type = FABRIC_HOST },
	{ .name = "rp0", .type = FABRIC_ROOT_PORT, .parent = "host",
	  .vendor = PCI_VENDOR_ID_INTEL, .device = 0x2030 },
	{ .name = "rp1", .type = FABRIC_ROOT_PORT, .parent = "host", .slot = 1 },
	{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp0" },
	{ .name = "dn0", .type = FABRIC_DOWNSTREAM, .parent = "up" },
	{ .name = "dn1", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 1 },
	{ .name = "dn2", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 2 },
	{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "dn0",
	  .bar = { [2] = { .size = SZ_4M, .flags = FABRIC_BAR_64 } } },
	{ .name = "card2", .type = FABRIC_ENDPOINT, .parent = "dn1",
	  .bar = { [2] = { .size = SZ_4M, .flags = FABRIC_BAR_64 } } },
	{ .name = "nic", .type = FABRIC_ENDPOINT, .parent = "dn2" },
	{ .name = "far", .type = FABRIC_ENDPOINT, .parent = "rp1" },
	{ }
};

#define RW_PORT		1
#define RW_ENTRIES	6	/* entries of a long list */
#define RW_SGE		4	/* entries of a work request */
#define RW_RUN		(4 * RW_ENTRIES)	/* pages that lists are cut from */

/**
 * struct rw_bench - an adapter and its memory
 * @f: the hierarchy
 * @card: a provider
 * @card2: another provider
 * @dev: the RDMA device
 * @port: its ports, from 0
 * @pd: its protection domain
 * @qp: its queue pair
 * @mr: a memory region for the pools of @qp
 * @sig: attributes of @mr
 * @peer: memory of @card
 * @peer2: memory of @card2
 * @ram: system memory
 * @sgt: the list under test
 * @ctx: the context made from @sgt
 */
struct rw_bench {
	struct fabric *f;
	struct pci_dev *card;
	struct pci_dev *card2;
	struct ib_device dev;
	struct ib_port_data port[RW_PORT + 1];
	struct ib_pd pd;
	struct ib_qp qp;
	struct ib_mr mr;
	struct ib_sig_attrs sig;
	void *peer;
	void *peer2;
	void *ram;
	struct sg_table sgt;
	struct rdma_rw_ctx ctx;
};

static void rw_free_all(void *data)
{
	struct rw_bench *b = data;

	sg_free_table(&b->sgt);
	if (b->peer)
		pci_p2pmem_free(b->peer, RW_RUN * PAGE_SIZE);
	if (b->peer2)
		pci_p2pmem_free(b->peer2, PAGE_SIZE);
	free_pages((unsigned long)b->ram, 1);
}

static void rw_use(struct rw_bench *b, const char *name)
{
	b->dev.dma_device = name ? &fabric_pdev(b->f, name)->dev : NULL;
}

static struct rw_bench *rw_bench(struct kunit *test)
{
	struct rw_bench *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, b);
	b->f = fabric_build(test, rw_tree);
	b->card = kit_lend(test, b->f, "card");
	b->card2 = kit_lend(test, b->f, "card2");

	b->dev.port_data = b->port;
	b->dev.phys_port_cnt = RW_PORT;
	b->dev.attrs.max_fast_reg_page_list_len = 16;
	b->dev.attrs.max_pi_fast_reg_page_list_len = 16;
	b->pd.device = &b->dev;
	b->pd.local_dma_lkey = 7;
	b->qp.device = &b->dev;
	b->qp.pd = &b->pd;
	b->qp.max_write_sge = RW_SGE;
	b->qp.max_read_sge = RW_SGE;
	spin_lock_init(&b->qp.mr_lock);
	INIT_LIST_HEAD(&b->qp.rdma_mrs);
	INIT_LIST_HEAD(&b->qp.sig_mrs);
	b->mr.device = &b->dev;
	b->mr.pd = &b->pd;
	b->mr.sig_attrs = &b->sig;

	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, rw_free_all, b), 0);
	b->ram = (void *)__get_free_pages(GFP_KERNEL, 1);
	b->peer = pci_p2pmem_alloc(b->card, RW_RUN * PAGE_SIZE, GFP_KERNEL);
	b->peer2 = pci_p2pmem_alloc(b->card2, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, b->ram && b->peer && b->peer2);
	rw_use(b, "nic");
	return b;
}

/* A list of @nr entries of one page each, @step pages apart */
static struct scatterlist *rw_list(struct kunit *test, struct rw_bench *b,
				   unsigned int nr, unsigned int step)
{
	struct scatterlist *sg;
	unsigned int i;

	sg_free_table(&b->sgt);
	KUNIT_ASSERT_EQ(test, sg_alloc_table(&b->sgt, nr, GFP_KERNEL), 0);
	for_each_sg(b->sgt.sgl, sg, nr, i)
		sg_set_buf(sg, b->peer + i * step * PAGE_SIZE, PAGE_SIZE);
	return b->sgt.sgl;
}

static int rw_init(struct rw_bench *b, u32 offset, enum dma_data_direction dir)
{
	memset(&b->ctx, 0, sizeof(b->ctx));
	return rdma_rw_ctx_init(&b->ctx, &b->qp, RW_PORT, b->sgt.sgl, b->sgt.orig_nents,
				offset, 0x1000, 42, dir);
}

static void rw_destroy(struct rw_bench *b, enum dma_data_direction dir)
{
	rdma_rw_ctx_destroy(&b->ctx, &b->qp, RW_PORT, b->sgt.sgl, b->sgt.orig_nents, dir);
}

static long rw_balance(struct rw_bench *b)
{
	return kit_balance(b->card, b->dev.dma_device) +
		kit_balance(b->card2, b->dev.dma_device);
}

static const enum dma_data_direction rw_dirs[] = { DMA_TO_DEVICE, DMA_FROM_DEVICE };

static void rw_describe_dir(const enum dma_data_direction *dir, char *text)
{
	strscpy(text, str_write_read(*dir == DMA_TO_DEVICE), KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(rw_dir, rw_dirs, rw_describe_dir);

/* Contiguous peer memory needs one work request, with the bus address. */
static void contiguous_peer_memory(struct kunit *test)
{
	enum dma_data_direction dir = *(const enum dma_data_direction *)test->param_value;
	struct rw_bench *b = rw_bench(test);

	kit_client(test, b->f, "nic");
	rw_list(test, b, 1, 1);
	KUNIT_ASSERT_EQ(test, rw_init(b, 0x200, dir), 1);
	KUNIT_EXPECT_EQ_MSG(test, rw_balance(b), 1, "not mapped by the core");
	KUNIT_EXPECT_EQ(test, b->ctx.single.sge.addr,
			pci_p2pmem_bus_addr(b->peer) + 0x200);
	KUNIT_EXPECT_EQ(test, b->ctx.single.sge.length, PAGE_SIZE - 0x200);
	KUNIT_EXPECT_EQ(test, b->ctx.single.wr.wr.opcode,
			dir == DMA_TO_DEVICE ? IB_WR_RDMA_WRITE : IB_WR_RDMA_READ);
	rw_destroy(b, dir);
	KUNIT_EXPECT_EQ_MSG(test, rw_balance(b), 0, "mapping leaked");
}

/* Scattered pages need several work requests, with one entry per page. */
static void scattered_peer_memory(struct kunit *test)
{
	enum dma_data_direction dir = *(const enum dma_data_direction *)test->param_value;
	struct rw_bench *b = rw_bench(test);
	unsigned int i;

	kit_client(test, b->f, "nic");
	rw_list(test, b, RW_ENTRIES, 2);
	KUNIT_ASSERT_EQ(test, rw_init(b, 0, dir), DIV_ROUND_UP(RW_ENTRIES, RW_SGE));
	KUNIT_EXPECT_EQ(test, rw_balance(b), 1);
	for (i = 0; i < RW_ENTRIES; i++)
		KUNIT_EXPECT_EQ_MSG(test, b->ctx.map.sges[i].addr,
				    pci_p2pmem_bus_addr(b->peer + 2 * i * PAGE_SIZE),
				    "entry %u", i);
	rw_destroy(b, dir);
	KUNIT_EXPECT_EQ_MSG(test, rw_balance(b), 0, "mapping leaked");
}

/*
 * Mapping through the host bridge merges adjacent entries. Unmapping uses the original
 * number of entries, not the mapped one.
 */
static void through_host_bridge(struct kunit *test)
{
	enum dma_data_direction dir = *(const enum dma_data_direction *)test->param_value;
	struct rw_bench *b = rw_bench(test);
	phys_addr_t phys = page_to_phys(virt_to_page(b->peer));
	struct scatterlist *sg;
	unsigned int i;

	kit_client(test, b->f, "far");
	rw_use(b, "far");
	sg = rw_list(test, b, RW_ENTRIES, 1);
	KUNIT_ASSERT_EQ(test, rw_init(b, 0, dir), 1);
	KUNIT_EXPECT_EQ(test, b->ctx.single.sge.addr, phys);
	KUNIT_EXPECT_EQ(test, b->ctx.single.sge.length, RW_ENTRIES * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, rw_balance(b), 1);
	rw_destroy(b, dir);
	KUNIT_EXPECT_EQ(test, rw_balance(b), 0);

	/* two runs of three */
	for (i = RW_ENTRIES / 2, sg = &sg[i]; i < RW_ENTRIES; i++, sg = sg_next(sg))
		sg_set_buf(sg, b->peer + (i + 1) * PAGE_SIZE, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, rw_init(b, RW_ENTRIES / 2 * PAGE_SIZE, dir), 1);
	KUNIT_EXPECT_EQ_MSG(test, b->ctx.single.sge.addr,
			    phys + (RW_ENTRIES / 2 + 1) * PAGE_SIZE,
			    "the offset does not lead to the second run");
	rw_destroy(b, dir);
	KUNIT_EXPECT_EQ_MSG(test, rw_balance(b), 0, "mapping leaked");
}

/* System memory is mapped by the DMA API, with or without a client. */
static void system_memory(struct kunit *test)
{
	enum dma_data_direction dir = *(const enum dma_data_direction *)test->param_value;
	struct rw_bench *b = rw_bench(test);

	kit_client(test, b->f, "nic");
	sg_set_buf(rw_list(test, b, 1, 1), b->ram, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, rw_init(b, 0, dir), 1);
	KUNIT_EXPECT_EQ(test, b->ctx.single.sge.addr, virt_to_phys(b->ram));
	KUNIT_EXPECT_FALSE(test, sg_dma_is_bus_address(b->sgt.sgl));
	rw_destroy(b, dir);
	KUNIT_EXPECT_EQ_MSG(test, kit_maps(b->card, b->dev.dma_device), 0,
			    "the core mapped system memory");

	/* a device that is not a client, and one without a DMA device */
	rw_use(b, "far");
	KUNIT_ASSERT_EQ(test, rw_init(b, 0, dir), 1);
	rw_destroy(b, dir);
	rw_use(b, NULL);
	if (ib_uses_virt_dma(&b->dev)) {
		KUNIT_ASSERT_EQ(test, rw_init(b, 0, dir), 1);
		KUNIT_EXPECT_EQ(test, b->ctx.single.sge.addr, (u64)b->ram);
		rw_destroy(b, dir);
	}
}

/* Lists that mix kinds of memory are refused, whatever their order. */
static void mixed_lists_are_refused(struct kunit *test)
{
	enum dma_data_direction dir = *(const enum dma_data_direction *)test->param_value;
	struct rw_bench *b = rw_bench(test);
	struct scatterlist *sg;
	void *other[2];
	int i, at;

	kit_client(test, b->f, "nic");
	other[0] = b->ram;
	other[1] = b->peer2;
	for (i = 0; i < ARRAY_SIZE(other); i++)
		for (at = 0; at < 3; at++) {
			/* Without this checker the first entry decides, see pci_p2pmem_sg_kind() */
			if (!i && !at && !IS_ENABLED(CONFIG_DMA_API_DEBUG))
				continue;
			sg = rw_list(test, b, 3, 1);
			sg_set_buf(&sg[at], other[i], PAGE_SIZE);
			KUNIT_EXPECT_EQ_MSG(test, rw_init(b, 0, dir), -EINVAL,
					    "%s memory at entry %d", i ? "other" : "system", at);
			KUNIT_EXPECT_EQ(test, rw_balance(b), 0);
			KUNIT_EXPECT_EQ_MSG(test, sg_dma_len(&sg[at]), 0,
					    "an entry was mapped");
		}
	KUNIT_EXPECT_EQ(test, kit_maps(b->card, b->dev.dma_device), 0);
}

/* Devices that cannot reach peer memory, and use of lost memory, are refused. */
static void peer_memory_is_refused(struct kunit *test)
{
	struct rw_bench *b = rw_bench(test);

	rw_list(test, b, 2, 2);
	KUNIT_EXPECT_EQ_MSG(test, rw_init(b, 0, DMA_TO_DEVICE), -EOPNOTSUPP, "no client");
	rw_use(b, NULL);
	KUNIT_EXPECT_EQ_MSG(test, rw_init(b, 0, DMA_TO_DEVICE), -EOPNOTSUPP, "no DMA device");

	kit_client(test, b->f, "nic");
	rw_use(b, "nic");
	KUNIT_EXPECT_EQ(test, rw_init(b, 0, DMA_TO_DEVICE), 1);
	pci_p2pmem_lost(b->card);
	rw_destroy(b, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ_MSG(test, rw_init(b, 0, DMA_TO_DEVICE), -ENODEV, "lost");
	KUNIT_EXPECT_EQ(test, rw_balance(b), 0);
}

/* A failure after the mapping unmaps it. */
static void failure_after_mapping_unmaps(struct kunit *test)
{
	enum dma_data_direction dir = *(const enum dma_data_direction *)test->param_value;
	struct rw_bench *b = rw_bench(test);
	unsigned int n, failed = 0;
	int ret;

	fault_require(test);
	kit_client(test, b->f, "nic");
	rw_list(test, b, RW_ENTRIES, 2);
	for (n = 1; n < FAULT_STEPS; n++) {
		fault_arm(n);
		ret = rw_init(b, 0, dir);
		if (!fault_disarm())
			break;
		if (ret < 0) {
			failed++;
			KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
			KUNIT_EXPECT_EQ_MSG(test, rw_balance(b), 0,
					    "allocation %u failed, mapping leaked", n);
		} else {
			rw_destroy(b, dir);
		}
	}
	KUNIT_EXPECT_GE_MSG(test, failed, 2, "entries and work requests are two allocations");
	KUNIT_ASSERT_GT(test, ret, 0);
	rw_destroy(b, dir);
	KUNIT_EXPECT_EQ(test, rw_balance(b), 0);
}

/* An iWARP read needs a memory region; an empty pool fails after the mapping. */
static void empty_region_pool(struct kunit *test)
{
	struct rw_bench *b = rw_bench(test);

	b->port[RW_PORT].immutable.core_cap_flags = RDMA_CORE_PORT_IWARP;
	kit_client(test, b->f, "nic");
	rw_list(test, b, 2, 2);
	KUNIT_EXPECT_EQ(test, rw_init(b, 0, DMA_FROM_DEVICE), -EAGAIN);
	KUNIT_EXPECT_EQ_MSG(test, rw_balance(b), 0, "mapping leaked");
	KUNIT_EXPECT_EQ_MSG(test, kit_maps(b->card, b->dev.dma_device), 1, "it was not mapped");
}

static int rw_map_pi(struct ib_mr *mr, struct scatterlist *data, int nr_data,
		     unsigned int *data_offset, struct scatterlist *meta, int nr_meta,
		     unsigned int *meta_offset)
{
	mr->iova = sg_dma_address(data);
	mr->length = sg_dma_len(data) + (meta ? sg_dma_len(meta) : 0);
	return mr->need_inval ? -EIO : 0;
}

/* Protection information: data in peer memory, tuples in system memory */
static void with_protection_information(struct kunit *test)
{
	enum dma_data_direction dir = *(const enum dma_data_direction *)test->param_value;
	struct rw_bench *b = rw_bench(test);
	struct scatterlist prot[2];
	struct ib_sig_attrs sig = {};
	unsigned int n;
	int ret;

	kit_client(test, b->f, "nic");
	b->dev.ops.map_mr_sg_pi = rw_map_pi;
	b->mr.type = IB_MR_TYPE_INTEGRITY;
	rw_list(test, b, 2, 2);
	sg_init_table(prot, 2);
	sg_set_buf(&prot[0], b->ram, 64);
	sg_set_buf(&prot[1], b->ram + PAGE_SIZE, 64);

#define RW_SIGNATURE()								\
	rdma_rw_ctx_signature_init(&b->ctx, &b->qp, RW_PORT, b->sgt.sgl, 2,	\
				   prot, 2, &sig, 0x1000, 42, dir)
	KUNIT_EXPECT_EQ_MSG(test, RW_SIGNATURE(), -EAGAIN, "no memory region");
	KUNIT_EXPECT_EQ_MSG(test, rw_balance(b), 0, "mapping leaked");

	list_add(&b->mr.qp_entry, &b->qp.sig_mrs);
	b->mr.need_inval = true;
	KUNIT_EXPECT_EQ_MSG(test, RW_SIGNATURE(), -EIO, "the device refuses");
	KUNIT_EXPECT_EQ_MSG(test, rw_balance(b), 0, "mapping leaked");
	b->mr.need_inval = false;

	if (IS_ENABLED(CONFIG_DMA_API_DEBUG)) {
		sg_set_buf(&prot[1], b->peer, 64);
		KUNIT_EXPECT_EQ_MSG(test, RW_SIGNATURE(), -EINVAL, "mixed tuples");
		KUNIT_EXPECT_EQ_MSG(test, rw_balance(b), 0, "mapping leaked");
		sg_set_buf(&prot[1], b->ram + PAGE_SIZE, 64);
	}

	for (n = 1; n < FAULT_STEPS; n++) {
		fault_arm(n);
		ret = RW_SIGNATURE();
		if (!fault_disarm())
			break;
		if (ret < 0)
			KUNIT_EXPECT_EQ_MSG(test, rw_balance(b), 0,
					    "allocation %u failed, mapping leaked", n);
		else
			rdma_rw_ctx_destroy_signature(&b->ctx, &b->qp, RW_PORT, b->sgt.sgl, 2,
						      prot, 2, dir);
	}
	KUNIT_ASSERT_EQ(test, ret, 2);
	KUNIT_EXPECT_EQ(test, rw_balance(b), 1);
	KUNIT_EXPECT_EQ(test, b->mr.iova, pci_p2pmem_bus_addr(b->peer));
	rdma_rw_ctx_destroy_signature(&b->ctx, &b->qp, RW_PORT, b->sgt.sgl, 2, prot, 2, dir);
	KUNIT_EXPECT_EQ_MSG(test, rw_balance(b), 0, "mapping leaked");
#undef RW_SIGNATURE
}

static bool rw_is_client(struct device *dev)
{
	struct device *found = pci_p2pmem_find_client(dev);

	put_device(found);
	return found == dev;
}

/* An RDMA device with a DMA device is a client while it is registered. */
static void devices_are_clients(struct kunit *test)
{
	struct rw_bench *b = rw_bench(test);
	struct ib_device *second = kunit_kzalloc(test, sizeof(*second), GFP_KERNEL);
	struct device *nic = b->dev.dma_device;

	KUNIT_ASSERT_NOT_NULL(test, second);
	rdma_p2pmem_unregister_device(second);
	second->dev.parent = nic;
	rdma_p2pmem_register_device(second);
	KUNIT_EXPECT_FALSE_MSG(test, rw_is_client(nic), "client without a DMA device");
	rdma_p2pmem_unregister_device(second);

	/* two ports of one adapter */
	second->dma_device = nic;
	rdma_p2pmem_register_device(&b->dev);
	rdma_p2pmem_register_device(second);
	KUNIT_EXPECT_TRUE(test, rw_is_client(nic));
	rdma_p2pmem_unregister_device(&b->dev);
	KUNIT_EXPECT_TRUE_MSG(test, rw_is_client(nic), "the second port is still a client");
	rdma_p2pmem_unregister_device(second);
	KUNIT_EXPECT_FALSE(test, rw_is_client(nic));
	rdma_p2pmem_unregister_device(second);
}

/* If its registration fails, a device is not a client and otherwise works. */
static void failed_registration_is_no_client(struct kunit *test)
{
	struct rw_bench *b = rw_bench(test);
	struct device *nic = b->dev.dma_device;
	unsigned int n, refused = 0;

	fault_require(test);
	for (n = 1; n < FAULT_STEPS; n++) {
		bool client;

		fault_arm(n);
		rdma_p2pmem_register_device(&b->dev);
		if (!fault_disarm())
			break;
		client = rw_is_client(nic);
		refused += !client;
		rdma_p2pmem_unregister_device(&b->dev);
		KUNIT_EXPECT_FALSE_MSG(test, rw_is_client(nic), "allocation %u failed", n);
	}
	KUNIT_EXPECT_GE(test, refused, 1);
	KUNIT_EXPECT_TRUE(test, rw_is_client(nic));
	rdma_p2pmem_unregister_device(&b->dev);
	KUNIT_EXPECT_FALSE(test, rw_is_client(nic));
}

static struct kunit_case rw_cases[] = {
	KUNIT_CASE_PARAM(contiguous_peer_memory, rw_dir_gen_params),
	KUNIT_CASE_PARAM(scattered_peer_memory, rw_dir_gen_params),
	KUNIT_CASE_PARAM(through_host_bridge, rw_dir_gen_params),
	KUNIT_CASE_PARAM(system_memory, rw_dir_gen_params),
	KUNIT_CASE_PARAM(mixed_lists_are_refused, rw_dir_gen_params),
	KUNIT_CASE(peer_memory_is_refused),
	KUNIT_CASE_PARAM(failure_after_mapping_unmaps, rw_dir_gen_params),
	KUNIT_CASE(empty_region_pool),
	KUNIT_CASE_PARAM(with_protection_information, rw_dir_gen_params),
	KUNIT_CASE(devices_are_clients),
	KUNIT_CASE(failed_registration_is_no_client),
	{}
};

static struct kunit_suite rw_suite = {
	.name = "p2pmem-rdma",
	.test_cases = rw_cases,
};

kunit_test_suite(rw_suite);
