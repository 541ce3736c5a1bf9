// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the fabric itself
 *
 * Other suites build on it: here it is shown that what they get is what their table
 * says, and that nothing is left of it.
 */
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/pci.h>
#include <linux/sizes.h>

#include <kunit/test.h>

#include "fabric.h"
#include "kit.h"

/* The drawing is in kit.c. */
static void builds_what_the_table_says(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = fabric_pdev(f, "card"), *up;

	KUNIT_ASSERT_NOT_NULL(test, card);
	KUNIT_EXPECT_EQ(test, pci_pcie_type(card), PCI_EXP_TYPE_ENDPOINT);
	KUNIT_EXPECT_EQ(test, card->vendor, FABRIC_VENDOR);
	KUNIT_EXPECT_EQ(test, pci_resource_len(card, 2), SZ_4M);
	KUNIT_EXPECT_TRUE(test, pci_resource_flags(card, 2) & IORESOURCE_MEM_64);
	KUNIT_EXPECT_TRUE(test, pci_resource_flags(card, 2) & IORESOURCE_PREFETCH);
	KUNIT_EXPECT_EQ(test, pci_resource_len(card, 0), 0);
	KUNIT_EXPECT_NOT_NULL(test, card->driver);
	KUNIT_EXPECT_EQ(test, dma_get_mask(&card->dev), DMA_BIT_MASK(64));
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

static struct kunit_case fabric_cases[] = {
	KUNIT_CASE(builds_what_the_table_says),
	{}
};

static struct kunit_suite fabric_suite = {
	.name = "p2pmem-fabric",
	.test_cases = fabric_cases,
};
kunit_test_suite(fabric_suite);
