// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: distances, and possible paths without ACS
 *
 * All shapes of PCI hierarchies. ACS is tested in acs_kunit.c, host bridges in
 * hostbridge_kunit.c, and DMA masks in path_mask_kunit.c.
 */
#include <linux/pci.h>

#include "pairkit.h"

static int path_init(struct kunit *test)
{
	pairkit_cpu(test, false);
	return 0;
}

/*
 *	host -+- 00.0 rp0 -- up0 -+- 00.0 dn00 -- a0, a1 (one device)
 *	      |			  +- 01.0 dn01 -- b
 *	      |			  +- 02.0 dn02 -- up1 -+- 00.0 dn10 -- c
 *	      |			  |		       `- 01.0 dn11 -- up2 -- dn20 -- d
 *	      |			  `- 03.0 dn03 -- up3 -- dn30 -- e
 *	      +- 01.0 rp1 -- up4 -- dn40 -- g
 *	      +- 02.0 rp2 -- h
 *	      `- 03.0 r
 *	far --- 00.0 rp9 -- z
 */
static const struct fabric_node tree[] = {
	{ .name = "host", .type = FABRIC_HOST, .window = SZ_64M },
	{ .name = "rp0", .type = FABRIC_ROOT_PORT, .parent = "host" },
	{ .name = "up0", .type = FABRIC_UPSTREAM, .parent = "rp0" },
	{ .name = "dn00", .type = FABRIC_DOWNSTREAM, .parent = "up0" },
	{ .name = "dn01", .type = FABRIC_DOWNSTREAM, .parent = "up0", .slot = 1 },
	{ .name = "dn02", .type = FABRIC_DOWNSTREAM, .parent = "up0", .slot = 2 },
	{ .name = "dn03", .type = FABRIC_DOWNSTREAM, .parent = "up0", .slot = 3 },
	{ .name = "up1", .type = FABRIC_UPSTREAM, .parent = "dn02" },
	{ .name = "dn10", .type = FABRIC_DOWNSTREAM, .parent = "up1" },
	{ .name = "dn11", .type = FABRIC_DOWNSTREAM, .parent = "up1", .slot = 1 },
	{ .name = "up2", .type = FABRIC_UPSTREAM, .parent = "dn11" },
	{ .name = "dn20", .type = FABRIC_DOWNSTREAM, .parent = "up2" },
	{ .name = "up3", .type = FABRIC_UPSTREAM, .parent = "dn03" },
	{ .name = "dn30", .type = FABRIC_DOWNSTREAM, .parent = "up3" },
	{ .name = "rp1", .type = FABRIC_ROOT_PORT, .parent = "host", .slot = 1 },
	{ .name = "up4", .type = FABRIC_UPSTREAM, .parent = "rp1" },
	{ .name = "dn40", .type = FABRIC_DOWNSTREAM, .parent = "up4" },
	{ .name = "rp2", .type = FABRIC_ROOT_PORT, .parent = "host", .slot = 2 },
	{ .name = "a0", .type = FABRIC_ENDPOINT, .parent = "dn00", PAIRKIT_BAR },
	{ .name = "a1", .type = FABRIC_ENDPOINT, .parent = "dn00", .fn = 1 },
	{ .name = "b", .type = FABRIC_ENDPOINT, .parent = "dn01" },
	{ .name = "c", .type = FABRIC_ENDPOINT, .parent = "dn10", PAIRKIT_BAR },
	{ .name = "d", .type = FABRIC_ENDPOINT, .parent = "dn20" },
	{ .name = "e", .type = FABRIC_ENDPOINT, .parent = "dn30" },
	{ .name = "g", .type = FABRIC_ENDPOINT, .parent = "dn40" },
	{ .name = "h", .type = FABRIC_ENDPOINT, .parent = "rp2", PAIRKIT_BAR },
	{ .name = "r", .type = FABRIC_RCIEP, .parent = "host", .slot = 3, PAIRKIT_BAR },
	{ .name = "far", .type = FABRIC_HOST, .window = SZ_16M },
	{ .name = "rp9", .type = FABRIC_ROOT_PORT, .parent = "far" },
	{ .name = "z", .type = FABRIC_ENDPOINT, .parent = "rp9", PAIRKIT_BAR },
	{ }
};

static const struct pairkit_row tree_rows[] = {
	PAIRKIT_BUS("a0", "a0", 0),	/* the same function */
	PAIRKIT_BUS("a0", "a1", 2),	/* the same device */
	PAIRKIT_BUS("a0", "b", 4),	/* one switch */
	PAIRKIT_BUS("a0", "c", 6),	/* nested switches */
	PAIRKIT_BUS("c", "a0", 6),	/* the same with swapped ends */
	PAIRKIT_BUS("a0", "d", 8),
	PAIRKIT_BUS("c", "d", 6),
	PAIRKIT_BUS("c", "e", 8),	/* two switches below one root port */
	/* root ports, and functions on the root bus */
	PAIRKIT_NOT("a0", "g", 8, PCI_P2PMEM_HOST_BRIDGE, "host"),
	PAIRKIT_NOT("a0", "h", 6, PCI_P2PMEM_HOST_BRIDGE, "host"),
	PAIRKIT_NOT("h", "a0", 6, PCI_P2PMEM_HOST_BRIDGE, "host"),
	PAIRKIT_NOT("r", "b", 5, PCI_P2PMEM_HOST_BRIDGE, "host"),
	PAIRKIT_NOT("h", "r", 3, PCI_P2PMEM_HOST_BRIDGE, "host"),
	/* another domain: the provider's host bridge is reported */
	PAIRKIT_NOT("a0", "z", 6, PCI_P2PMEM_HOST_BRIDGE, "host"),
	PAIRKIT_NOT("z", "a0", 6, PCI_P2PMEM_HOST_BRIDGE, "far"),
};

static void distance_of_every_shape(struct kunit *test)
{
	struct fabric *f = fabric_build(test, tree);

	pairkit_expect_all(test, f, tree_rows, ARRAY_SIZE(tree_rows));
}

/* The same hierarchy, with a processor that forwards: refused paths become possible. */
static const struct pairkit_row forwarded_rows[] = {
	PAIRKIT_BUS("a0", "b", 4),	/* requests still turn at the switch */
	PAIRKIT_HOST("a0", "g", 8),
	PAIRKIT_HOST("h", "a0", 6),
	PAIRKIT_HOST("r", "b", 5),
	PAIRKIT_HOST("z", "a0", 6),
};

static void distance_through_a_host_bridge(struct kunit *test)
{
	struct fabric *f = fabric_build(test, tree);

	pairkit_cpu(test, true);
	pairkit_expect_all(test, f, forwarded_rows, ARRAY_SIZE(forwarded_rows));
}

static void distance_from_several_clients(struct kunit *test)
{
	struct fabric *f = fabric_build(test, tree);
	struct pci_dev *a0 = kit_lend(test, f, "a0");
	struct device *clients[] = {
		kit_client(test, f, "b"), kit_client(test, f, "d"), kit_client(test, f, "g"),
	};

	KUNIT_EXPECT_EQ(test, pci_p2pmem_distance(a0, clients, 1), 4);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_distance(a0, clients, 2), 12);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_distance(a0, clients, 3), -EXDEV);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_distance(a0, clients, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_distance(a0, clients, -1), -EINVAL);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_distance(fabric_pdev(f, "c"), clients, 1), -ENODEV);
	clients[1] = &fabric_pdev(f, "e")->dev;
	KUNIT_EXPECT_EQ(test, pci_p2pmem_distance(a0, clients, 2), -EOPNOTSUPP);
	clients[1] = NULL;
	KUNIT_EXPECT_EQ(test, pci_p2pmem_distance(a0, clients, 2), -EOPNOTSUPP);
}

/*
 *	host -- rp -- up -+- 00.0 dn0 -- card
 *			  `- 01.0 dn1 -- x -+- 00.0 old0
 *					    +- 01.0 old1
 *					    `- 02.0 y -+- 00.0 old2
 *						       `- 01.0 z -- 05.0 old3
 *
 * x is a bridge from PCIe to conventional PCI, y and z are conventional PCI bridges.
 */
static const struct fabric_node conventional[] = {
	{ .name = "host", .type = FABRIC_HOST, .window = SZ_32M },
	{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host" },
	{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp" },
	{ .name = "dn0", .type = FABRIC_DOWNSTREAM, .parent = "up" },
	{ .name = "dn1", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 1 },
	{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "dn0", PAIRKIT_BAR },
	{ .name = "x", .type = FABRIC_PCIE_TO_PCI, .parent = "dn1" },
	{ .name = "old0", .type = FABRIC_PCI_DEVICE, .parent = "x", PAIRKIT_BAR },
	{ .name = "old1", .type = FABRIC_PCI_DEVICE, .parent = "x", .slot = 1 },
	{ .name = "y", .type = FABRIC_PCI_BRIDGE, .parent = "x", .slot = 2 },
	{ .name = "old2", .type = FABRIC_PCI_DEVICE, .parent = "y" },
	{ .name = "z", .type = FABRIC_PCI_BRIDGE, .parent = "y", .slot = 1 },
	{ .name = "old3", .type = FABRIC_PCI_DEVICE, .parent = "z", .slot = 5 },
	{ }
};

static const struct pairkit_row conventional_rows[] = {
	PAIRKIT_BUS("old0", "old1", 2),		/* one bus */
	PAIRKIT_BUS("old0", "old2", 3),
	PAIRKIT_BUS("old0", "old3", 4),
	PAIRKIT_BUS("card", "old0", 5),
	PAIRKIT_BUS("old0", "card", 5),
	PAIRKIT_BUS("card", "old3", 7),
};

static void distance_in_conventional_pci(struct kunit *test)
{
	struct fabric *f = fabric_build(test, conventional);

	pairkit_expect_all(test, f, conventional_rows, ARRAY_SIZE(conventional_rows));
}

static struct kunit_case path_cases[] = {
	KUNIT_CASE(distance_of_every_shape),
	KUNIT_CASE(distance_through_a_host_bridge),
	KUNIT_CASE(distance_from_several_clients),
	KUNIT_CASE(distance_in_conventional_pci),
	{}
};

static struct kunit_suite path_suite = {
	.name = "p2pmem-path",
	.init = path_init,
	.test_cases = path_cases,
};

kunit_test_suite(path_suite);
