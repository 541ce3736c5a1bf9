// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: addresses within a client's DMA mask
 *
 * The offset of a host bridge places the same BAR at bus addresses below 4 GiB, above
 * 4 GiB, and beyond 44 bits, independent of its physical address. For a path through the
 * host bridge, the physical address counts.
 */
#include <linux/bits.h>
#include <linux/dma-mapping.h>
#include <linux/pci.h>

#include "pairkit.h"

#define PATH_MASK_SIZE	SZ_16M

static int path_mask_init(struct kunit *test)
{
	pairkit_cpu(test, false);
	return 0;
}

/*
 *	host -- rp -- up -+- 00.0 dn0 -- card, which fills the window
 *			  `- 01.0 dn1 -- n28, n32, n44, n64: by the bits of their masks
 */
static const struct fabric_node masks[] = {
	{ .name = "host", .type = FABRIC_HOST, .window = PATH_MASK_SIZE },
	{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host" },
	{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp" },
	{ .name = "dn0", .type = FABRIC_DOWNSTREAM, .parent = "up",
	  .acs_cap = PCI_ACS_RR },
	{ .name = "dn1", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 1 },
	{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "dn0",
	  .bar = { [2] = { .size = PATH_MASK_SIZE, .flags = FABRIC_BAR_64 } } },
	{ .name = "n28", .type = FABRIC_ENDPOINT, .parent = "dn1", .mask = 28 },
	{ .name = "n32", .type = FABRIC_ENDPOINT, .parent = "dn1", .fn = 1, .mask = 32 },
	{ .name = "n44", .type = FABRIC_ENDPOINT, .parent = "dn1", .fn = 2, .mask = 44 },
	{ .name = "n64", .type = FABRIC_ENDPOINT, .parent = "dn1", .fn = 3, .mask = 64 },
	{ }
};

static struct fabric *path_mask_build(struct kunit *test, u64 bus_start)
{
	struct fabric_node *nodes = kunit_kmalloc(test, sizeof(masks), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, nodes);
	memcpy(nodes, masks, sizeof(masks));
	nodes[0].bus_start = bus_start;
	return fabric_build(test, nodes);
}

/* Bus address of the BAR, and number of address bits of its end */
struct path_mask_param {
	const char *desc;
	u64 bus_start;
	int bits;
};

static const struct path_mask_param path_mask_params[] = {
	{ "ends at 28 bits", 0x0f000000, 28 },
	{ "begins at 28 bits", 0x10000000, 29 },
	{ "ends at 4 GiB", 0xff000000, 32 },
	{ "begins at 4 GiB", 0x100000000, 33 },
	{ "ends at 44 bits", 0xfffff000000, 44 },
	{ "begins at 44 bits", 0x100000000000, 45 },
};

KUNIT_ARRAY_PARAM_DESC(path_mask, path_mask_params, desc);

static void bus_addresses_fit_the_mask(struct kunit *test)
{
	static const struct { const char *name; int bits; } clients[] = {
		{ "n28", 28 }, { "n32", 32 }, { "n44", 44 }, { "n64", 64 },
	};
	const struct path_mask_param *param = test->param_value;
	struct fabric *f = path_mask_build(test, param->bus_start);
	struct pairkit_row row = { .provider = "card", .distance = 4 };
	struct pci_p2pmem_verdict v;
	int i;

	for (i = 0; i < ARRAY_SIZE(clients); i++) {
		bool fits = clients[i].bits >= param->bits;

		/* RAM of other architectures may begin above: the mask is refused there */
		if (!IS_ENABLED(CONFIG_X86) && clients[i].bits < 32)
			continue;
		row.client = clients[i].name;
		row.reason = fits ? PCI_P2PMEM_OK : PCI_P2PMEM_DMA_MASK;
		row.mapping = fits ? PCI_P2PMEM_MAP_BUS_ADDR : PCI_P2PMEM_MAP_NONE;
		pairkit_expect(test, f, &row, param->desc);
		v = pairkit_verdict(f, "card", row.client);
		KUNIT_EXPECT_EQ_MSG(test, v.limit, DMA_BIT_MASK(clients[i].bits), "%s",
				    row.client);
		KUNIT_EXPECT_EQ_MSG(test, v.needed, param->bus_start + PATH_MASK_SIZE - 1, "%s",
				    row.client);
	}
}

/* There was no memory for the pair: reading makes none, and a choice does. */
static void a_pair_that_is_not_kept(struct kunit *test)
{
	struct fabric *f = path_mask_build(test, 0x100000000);
	struct pci_dev *card = kit_lend(test, f, "card");
	struct device *n32 = kit_client(test, f, "n32");
	struct pci_p2pmem_verdict v;

	kit_drop_pairs(kit_provider(card), NULL);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_verdict(card, n32, 0, &v), -ENOMEM);
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_NO_MEMORY);
	KUNIT_EXPECT_FALSE(test, kit_pair_exists(kit_provider(card), n32));
	KUNIT_EXPECT_NULL(test, pci_p2pmem_find_provider(&n32, 1));
	KUNIT_EXPECT_TRUE(test, kit_pair_exists(kit_provider(card), n32));
	KUNIT_EXPECT_EQ(test, pci_p2pmem_verdict(card, n32, 0, &v), -EXDEV);
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_DMA_MASK);
	KUNIT_EXPECT_EQ(test, v.needed, 0x100000000ULL + PATH_MASK_SIZE - 1);
}

/* The port redirects: the BAR is below 4 GiB on the bus, but not in physical memory. */
static void physical_addresses_fit_the_mask(struct kunit *test)
{
	static const struct pairkit_row bus[] = {
		PAIRKIT_BUS("card", "n32", 4),
		PAIRKIT_BUS("card", "n44", 4),
	};
	static const struct pairkit_row through_host[] = {
		PAIRKIT_NOT("card", "n32", 4, PCI_P2PMEM_DMA_MASK, NULL),
		PAIRKIT_HOST("card", "n44", 4),
	};
	struct fabric *f = path_mask_build(test, 0x40000000);
	u64 start = pci_resource_start(fabric_pdev(f, "card"), 2);
	struct pci_p2pmem_verdict v;

	if (start < SZ_4G || start > DMA_BIT_MASK(44))
		kunit_skip(test, "the window is not between 4 GiB and 44 bits");
	pairkit_cpu(test, true);
	pairkit_expect_all(test, f, bus, ARRAY_SIZE(bus));
	fabric_set_acs_ctrl(f, "dn0", PCI_ACS_RR);
	pairkit_expect_all(test, f, through_host, ARRAY_SIZE(through_host));
	v = pairkit_verdict(f, "card", "n32");
	KUNIT_EXPECT_EQ(test, v.needed, start + PATH_MASK_SIZE - 1);
}

/* A bus with fewer address bits than the device is a limit, too. */
static void the_bus_may_be_narrower_than_the_mask(struct kunit *test)
{
	struct fabric *f = path_mask_build(test, 0x100000000);
	struct device *n44 = kit_client(test, f, "n44");

	kit_lend(test, f, "card");
	KUNIT_EXPECT_EQ(test, p2pmem_client_limit(n44), DMA_BIT_MASK(44));
	KUNIT_EXPECT_EQ(test, pairkit_verdict(f, "card", "n44").reason, PCI_P2PMEM_OK);
	/* The generation does not change: each lookup compares the limit. */
	n44->bus_dma_limit = DMA_BIT_MASK(32);
	KUNIT_EXPECT_EQ(test, p2pmem_client_limit(n44), DMA_BIT_MASK(32));
	KUNIT_EXPECT_EQ(test, pairkit_verdict(f, "card", "n44").reason, PCI_P2PMEM_DMA_MASK);
	n44->bus_dma_limit = DMA_BIT_MASK(48);
	KUNIT_EXPECT_EQ(test, p2pmem_client_limit(n44), DMA_BIT_MASK(44));
	KUNIT_EXPECT_EQ(test, pairkit_verdict(f, "card", "n44").reason, PCI_P2PMEM_OK);
}

static void mask_change_is_detected(struct kunit *test)
{
	struct fabric *f = path_mask_build(test, 0x100000000);
	struct device *n64 = kit_client(test, f, "n64");

	kit_lend(test, f, "card");
	KUNIT_EXPECT_EQ(test, pairkit_verdict(f, "card", "n64").reason, PCI_P2PMEM_OK);
	KUNIT_ASSERT_EQ(test, dma_set_mask(n64, DMA_BIT_MASK(32)), 0);
	KUNIT_EXPECT_EQ(test, pairkit_verdict(f, "card", "n64").reason, PCI_P2PMEM_DMA_MASK);
	KUNIT_EXPECT_EQ(test, pairkit_verdict(f, "card", "n64").limit, DMA_BIT_MASK(32));
	KUNIT_ASSERT_EQ(test, dma_set_mask(n64, DMA_BIT_MASK(33)), 0);
	KUNIT_EXPECT_EQ(test, pairkit_verdict(f, "card", "n64").reason, PCI_P2PMEM_OK);
}

static struct kunit_case path_mask_cases[] = {
	KUNIT_CASE(a_pair_that_is_not_kept),
	KUNIT_CASE_PARAM(bus_addresses_fit_the_mask, path_mask_gen_params),
	KUNIT_CASE(physical_addresses_fit_the_mask),
	KUNIT_CASE(the_bus_may_be_narrower_than_the_mask),
	KUNIT_CASE(mask_change_is_detected),
	{}
};

static struct kunit_suite path_mask_suite = {
	.name = "p2pmem-path-mask",
	.init = path_mask_init,
	.test_cases = path_mask_cases,
};

kunit_test_suite(path_mask_suite);
