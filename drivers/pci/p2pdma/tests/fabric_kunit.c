// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the fabric itself: creation
 *
 * Other suites rely on the fabric: this suite checks that it creates the devices of the
 * table, and that nothing is left of it afterwards.
 */
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/pci.h>
#include <linux/sizes.h>

#include <kunit/test.h>

#include "fabric.h"
#include "kit.h"

#define FABRIC_ROUNDS	6
#define FABRIC_DEPTH	6

/* The drawing is in kit.c. */
static void builds_the_entries_of_the_table(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = fabric_pdev(f, "card"), *up;

	KUNIT_ASSERT_NOT_NULL(test, card);
	KUNIT_EXPECT_EQ(test, pci_pcie_type(card), PCI_EXP_TYPE_ENDPOINT);
	KUNIT_EXPECT_EQ(test, card->vendor, FABRIC_VENDOR);
	KUNIT_EXPECT_FALSE(test, card->multifunction);
	KUNIT_EXPECT_EQ(test, pci_resource_len(card, 2), SZ_4M);
	KUNIT_EXPECT_TRUE(test, pci_resource_flags(card, 2) & IORESOURCE_MEM_64);
	KUNIT_EXPECT_TRUE(test, pci_resource_flags(card, 2) & IORESOURCE_PREFETCH);
	KUNIT_EXPECT_EQ(test, pci_resource_len(card, 0), 0);
	KUNIT_EXPECT_EQ(test, pci_bus_address(card, 2), pci_resource_start(card, 2));
	KUNIT_EXPECT_NOT_NULL(test, card->driver);
	KUNIT_EXPECT_EQ(test, dma_get_mask(&card->dev), DMA_BIT_MASK(64));
	KUNIT_EXPECT_EQ(test, dma_get_max_seg_size(&card->dev), UINT_MAX);
	KUNIT_EXPECT_GT(test, pci_domain_nr(card->bus), 0xffff);

	up = pci_upstream_bridge(card);
	KUNIT_EXPECT_PTR_EQ(test, up, fabric_pdev(f, "dn0"));
	KUNIT_EXPECT_EQ(test, pci_pcie_type(up), PCI_EXP_TYPE_DOWNSTREAM);
	up = pci_upstream_bridge(up);
	KUNIT_EXPECT_PTR_EQ(test, up, fabric_pdev(f, "up"));
	KUNIT_EXPECT_EQ(test, pci_pcie_type(up), PCI_EXP_TYPE_UPSTREAM);
	up = pci_upstream_bridge(up);
	KUNIT_EXPECT_PTR_EQ(test, up, fabric_pdev(f, "rp"));
	KUNIT_EXPECT_EQ(test, pci_pcie_type(up), PCI_EXP_TYPE_ROOT_PORT);
	KUNIT_EXPECT_NULL(test, pci_upstream_bridge(up));
	KUNIT_EXPECT_PTR_EQ(test, pci_find_host_bridge(card->bus), fabric_host(f, "host"));
	KUNIT_EXPECT_NULL(test, fabric_pdev(f, "nobody"));
	KUNIT_EXPECT_NULL(test, fabric_host(f, "nobody"));
}

/* A window, a domain or a device that is leaked would be noticed in the next round. */
static void leaves_nothing_behind(struct kunit *test)
{
	resource_size_t start = 0;
	struct pci_dev *pdev;
	struct fabric *f;
	int i, domain = 0;

	for (i = 0; i < FABRIC_ROUNDS; i++) {
		f = fabric_build(test, kit_one_switch);
		pdev = kit_lend(test, f, "card");
		kit_client(test, f, "nic");
		if (!i) {
			domain = pci_domain_nr(pdev->bus);
			start = pci_resource_start(pdev, 2);
		}
		KUNIT_EXPECT_EQ_MSG(test, pci_domain_nr(pdev->bus), domain, "round %d", i);
		KUNIT_EXPECT_EQ_MSG(test, pci_resource_start(pdev, 2), start, "round %d", i);
		fabric_destroy(f);
		pdev = pci_get_device(FABRIC_VENDOR, PCI_ANY_ID, NULL);
		KUNIT_EXPECT_NULL_MSG(test, pdev, "%s still exists", pci_name(pdev));
		pci_dev_put(pdev);
	}
}

static void bars_hold_data(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = fabric_pdev(f, "card");
	void __iomem *bar;
	u32 i;

	if (!fabric_holds_data(f))
		kunit_skip(test,
			   "no RAM behind the window: boot with a smaller mem=");
	bar = pci_iomap(card, 2, 0);
	KUNIT_ASSERT_NOT_NULL(test, (void __force *)bar);
	for (i = 0; i < SZ_4M; i += SZ_64K)
		writel(i ^ 0x5a5a5a5a, bar + i);
	for (i = 0; i < SZ_4M; i += SZ_64K)
		KUNIT_EXPECT_EQ(test, readl(bar + i), i ^ 0x5a5a5a5a);
	pci_iounmap(card, bar);
}

/*
 *	zero, plus, minus, low -+- 00.0 card
 *				`- 01.0 old: one more BAR, of 32 bits
 */
#define FABRIC_CARD(_name, _host)						\
	.name = _name, .type = FABRIC_RCIEP, .parent = _host,			\
	.bar = { [2] = { .size = SZ_2M, .flags = FABRIC_BAR_64 } }
#define FABRIC_OLD(_name, _host)						\
	.name = _name, .type = FABRIC_PCI_DEVICE, .parent = _host, .slot = 1,	\
	.bar = { [0] = { .size = SZ_64K, .flags = FABRIC_BAR_32 },		\
		 [2] = { .size = SZ_2M, .flags = FABRIC_BAR_64 } }

static const struct fabric_node four_offsets[] = {
	{ .name = "zero", .type = FABRIC_HOST },
	{ FABRIC_CARD("card0", "zero") },
	{ FABRIC_OLD("old0", "zero") },
	{ .name = "plus", .type = FABRIC_HOST, .bus_offset = 0x80000000 },
	{ FABRIC_CARD("card1", "plus") },
	{ FABRIC_OLD("old1", "plus") },
	{ .name = "minus", .type = FABRIC_HOST, .bus_offset = -0x800000000ULL },
	{ FABRIC_CARD("card2", "minus") },
	{ FABRIC_OLD("old2", "minus") },
	{ .name = "low", .type = FABRIC_HOST, .bus_start = 0x40000000 },
	{ FABRIC_CARD("card3", "low") },
	{ FABRIC_OLD("old3", "low") },
	{ }
};

static void fabric_expect_offset(struct kunit *test, struct fabric *f, const char *name,
				 u64 offset)
{
	struct pci_dev *pdev = fabric_pdev(f, name);
	u64 start = pci_resource_start(pdev, 2);
	u32 low, high;

	KUNIT_EXPECT_EQ_MSG(test, pci_bus_address(pdev, 2), start - offset, "%s", name);
	pci_read_config_dword(pdev, PCI_BASE_ADDRESS_2, &low);
	pci_read_config_dword(pdev, PCI_BASE_ADDRESS_3, &high);
	KUNIT_EXPECT_EQ_MSG(test, ((u64)high << 32 | low) & ~0xfULL, start - offset,
			    "%s: register", name);
}

static void offsets_have_both_signs(struct kunit *test)
{
	struct fabric *f = fabric_build(test, four_offsets);

	fabric_expect_offset(test, f, "card0", 0);
	fabric_expect_offset(test, f, "old0", 0);
	fabric_expect_offset(test, f, "card1", 0x80000000);
	fabric_expect_offset(test, f, "old1", 0x80000000);
	fabric_expect_offset(test, f, "card2", -0x800000000ULL);
	fabric_expect_offset(test, f, "old2", -0x800000000ULL);
	/* Both are within the first 4 MiB of the window. */
	KUNIT_EXPECT_EQ(test, pci_bus_address(fabric_pdev(f, "card3"), 2) & ~(SZ_4M - 1ULL),
			0x40000000);
	KUNIT_EXPECT_EQ(test, pci_bus_address(fabric_pdev(f, "old3"), 2) & ~(SZ_4M - 1ULL),
			0x40000000);
	KUNIT_EXPECT_NE(test, pci_domain_nr(fabric_pdev(f, "card0")->bus),
			pci_domain_nr(fabric_pdev(f, "card1")->bus));
}

static void short_bars_are_below_4g(struct kunit *test)
{
	static const char * const old[] = { "old0", "old1", "old2", "old3" };
	struct fabric *f = fabric_build(test, four_offsets);
	struct pci_dev *pdev;
	u32 reg;
	int i;

	for (i = 0; i < ARRAY_SIZE(old); i++) {
		pdev = fabric_pdev(f, old[i]);
		KUNIT_EXPECT_LT_MSG(test, (u64)pci_bus_address(pdev, 0), (u64)SZ_4G, "%s",
				    old[i]);
		KUNIT_EXPECT_FALSE(test, pci_resource_flags(pdev, 0) & IORESOURCE_PREFETCH);
		pci_read_config_dword(pdev, PCI_BASE_ADDRESS_0, &reg);
		KUNIT_EXPECT_EQ_MSG(test, reg, (u32)pci_bus_address(pdev, 0), "%s", old[i]);
	}
}

/*
 *	host -+- 00.0 .. 00.7	a, b and h of one device, masks of 32, 44 and 24 bits
 *	      +- 01.0		alien, from another vendor
 *	      `- 02.0 rp -- 00.0, 00.1 x, y
 */
static const struct fabric_node functions[] = {
	{ .name = "host", .type = FABRIC_HOST },
	{ .name = "a", .type = FABRIC_RCIEP, .parent = "host", .mask = 32 },
	{ .name = "b", .type = FABRIC_RCIEP, .parent = "host", .fn = 1, .mask = 44 },
	{ .name = "h", .type = FABRIC_RCIEP, .parent = "host", .fn = 7, .mask = 24 },
	{ .name = "alien", .type = FABRIC_RCIEP, .parent = "host", .slot = 1,
	  .vendor = 0x1af5, .device = 0x1234 },
	{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host", .slot = 2, .port = 9 },
	{ .name = "y", .type = FABRIC_ENDPOINT, .parent = "rp", .fn = 1 },
	{ .name = "x", .type = FABRIC_ENDPOINT, .parent = "rp" },
	{ }
};

static void functions_have_masks_and_drivers(struct kunit *test)
{
	struct fabric *f = fabric_build(test, functions);
	u32 lnkcap;

	KUNIT_EXPECT_EQ(test, dma_get_mask(&fabric_pdev(f, "a")->dev), DMA_BIT_MASK(32));
	KUNIT_EXPECT_EQ(test, dma_get_mask(&fabric_pdev(f, "b")->dev), DMA_BIT_MASK(44));
	/* RAM of other architectures may begin above: the mask is refused there */
	if (IS_ENABLED(CONFIG_X86))
		KUNIT_EXPECT_EQ(test, dma_get_mask(&fabric_pdev(f, "h")->dev), DMA_BIT_MASK(24));
	KUNIT_EXPECT_TRUE(test, fabric_pdev(f, "a")->multifunction);
	KUNIT_EXPECT_TRUE(test, fabric_pdev(f, "h")->multifunction);
	KUNIT_EXPECT_EQ(test, fabric_pdev(f, "h")->devfn, 7);
	KUNIT_EXPECT_TRUE(test, fabric_pdev(f, "x")->multifunction);
	KUNIT_EXPECT_FALSE(test, fabric_pdev(f, "rp")->multifunction);
	KUNIT_EXPECT_EQ(test, fabric_pdev(f, "alien")->vendor, 0x1af5);
	KUNIT_EXPECT_EQ(test, fabric_pdev(f, "alien")->device, 0x1234);
	KUNIT_EXPECT_NULL(test, fabric_pdev(f, "alien")->driver);
	pcie_capability_read_dword(fabric_pdev(f, "rp"), PCI_EXP_LNKCAP, &lnkcap);
	KUNIT_EXPECT_EQ(test, lnkcap >> 24, 9);
}

/* host -- 00.0, 00.7, 01.0 .. 1f.7: first and last function of every slot of a bus */
static void builds_a_full_bus(struct kunit *test)
{
	struct fabric_node *nodes = kunit_kcalloc(test, 66, sizeof(*nodes), GFP_KERNEL);
	struct fabric *f;
	char *name;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, nodes);
	nodes[0] = (struct fabric_node){ .name = "host", .type = FABRIC_HOST };
	for (i = 0; i < 64; i++) {
		name = kunit_kmalloc(test, 8, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, name);
		snprintf(name, 8, "f%d", i);
		nodes[i + 1] = (struct fabric_node){ .name = name, .type = FABRIC_RCIEP,
			.parent = "host", .slot = i >> 1, .fn = i & 1 ? 7 : 0 };
	}
	f = fabric_build(test, nodes);
	for (i = 0; i < 64; i++) {
		KUNIT_ASSERT_NOT_NULL(test, fabric_pdev(f, nodes[i + 1].name));
		KUNIT_EXPECT_EQ(test, fabric_pdev(f, nodes[i + 1].name)->devfn,
				PCI_DEVFN(i >> 1, i & 1 ? 7 : 0));
	}
}

/* host -- rp -- up0 -- dn0 -- up1 -- dn1 -- ... -- up5 -- dn5 -- card */
static void builds_switches_six_deep(struct kunit *test)
{
	struct fabric_node *nodes = kunit_kcalloc(test, 2 * FABRIC_DEPTH + 4, sizeof(*nodes),
						  GFP_KERNEL);
	char names[2 * FABRIC_DEPTH][8];
	struct pci_dev *up;
	struct fabric *f;
	int i, n = 2;

	KUNIT_ASSERT_NOT_NULL(test, nodes);
	nodes[0] = (struct fabric_node){ .name = "host", .type = FABRIC_HOST };
	nodes[1] = (struct fabric_node){ .name = "rp", .type = FABRIC_ROOT_PORT,
		.parent = "host" };
	for (i = 0; i < 2 * FABRIC_DEPTH; i++, n++) {
		snprintf(names[i], sizeof(names[i]), "%s%d", i & 1 ? "dn" : "up", i / 2);
		nodes[n] = (struct fabric_node){ .name = names[i], .parent = nodes[n - 1].name,
			.type = i & 1 ? FABRIC_DOWNSTREAM : FABRIC_UPSTREAM };
	}
	nodes[n] = (struct fabric_node){ .name = "card", .type = FABRIC_ENDPOINT,
		.parent = nodes[n - 1].name,
		.bar = { [2] = { .size = SZ_2M, .flags = FABRIC_BAR_64 },
			 [4] = { .size = SZ_4K, .flags = FABRIC_BAR_32 } } };
	f = fabric_build(test, nodes);
	for (i = 0, up = fabric_pdev(f, "card"); up; up = pci_upstream_bridge(up))
		i++;
	KUNIT_EXPECT_EQ(test, i, 2 * FABRIC_DEPTH + 2);
	KUNIT_EXPECT_TRUE(test, fabric_pdev(f, "card")->resource[2].parent);
}

/*
 *	host -- rp -- bridge -+- 00.0 old0
 *			      `- 03.0 inner -- 01.0 old1
 */
static const struct fabric_node conventional[] = {
	{ .name = "host", .type = FABRIC_HOST },
	{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host" },
	{ .name = "bridge", .type = FABRIC_PCIE_TO_PCI, .parent = "rp" },
	{ .name = "old0", .type = FABRIC_PCI_DEVICE, .parent = "bridge" },
	{ .name = "inner", .type = FABRIC_PCI_BRIDGE, .parent = "bridge", .slot = 3 },
	{ .name = "old1", .type = FABRIC_PCI_DEVICE, .parent = "inner", .slot = 1,
	  .bar = { [0] = { .size = SZ_1M, .flags = FABRIC_BAR_32 } } },
	{ }
};

static void builds_conventional_pci(struct kunit *test)
{
	struct fabric *f = fabric_build(test, conventional);

	KUNIT_EXPECT_EQ(test, pci_pcie_type(fabric_pdev(f, "bridge")),
			PCI_EXP_TYPE_PCI_BRIDGE);
	KUNIT_EXPECT_FALSE(test, pci_is_pcie(fabric_pdev(f, "inner")));
	KUNIT_EXPECT_TRUE(test, pci_is_bridge(fabric_pdev(f, "inner")));
	KUNIT_EXPECT_FALSE(test, pci_is_pcie(fabric_pdev(f, "old1")));
	KUNIT_EXPECT_PTR_EQ(test, pci_upstream_bridge(fabric_pdev(f, "old1")),
			    fabric_pdev(f, "inner"));
	KUNIT_EXPECT_NOT_NULL(test, fabric_pdev(f, "old1")->driver);
	KUNIT_EXPECT_EQ(test, pci_resource_len(fabric_pdev(f, "old1"), 0), SZ_1M);
}

static struct kunit_case fabric_cases[] = {
	KUNIT_CASE(builds_the_entries_of_the_table),
	KUNIT_CASE_SLOW(leaves_nothing_behind),
	KUNIT_CASE(bars_hold_data),
	KUNIT_CASE(offsets_have_both_signs),
	KUNIT_CASE(short_bars_are_below_4g),
	KUNIT_CASE(functions_have_masks_and_drivers),
	KUNIT_CASE(builds_a_full_bus),
	KUNIT_CASE(builds_switches_six_deep),
	KUNIT_CASE(builds_conventional_pci),
	{}
};

static struct kunit_suite fabric_suite = {
	.name = "p2pmem-fabric",
	.test_cases = fabric_cases,
};

kunit_test_suite(fabric_suite);
