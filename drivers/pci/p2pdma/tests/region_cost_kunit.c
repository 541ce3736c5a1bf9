// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: cost of struct pages, and ranges that cannot have pages
 *
 * The tests simulate the machine's memory and addresses, and the type of kernel.
 */
#include <kunit/static_stub.h>
#include <linux/pci.h>
#include <linux/sizes.h>

#include "logged.h"
#include "pairkit.h"

static u64 cost_available;

static u64 cost_is_available(void)
{
	return cost_available;
}

static struct range cost_range;

static struct range cost_is_range(void)
{
	return cost_range;
}

static bool cost_is_capture(void)
{
	return true;
}

/* 4 MiB need 64 KiB of struct pages; half of the available memory may be used */
static void struct_pages_are_paid_from_half_of_memory(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	const u64 cost = SZ_4M / PAGE_SIZE * sizeof(struct page);

	kunit_activate_static_stub(test, p2pmem_memory_available, cost_is_available);
	cost_available = 2 * cost - 1;
	KUNIT_EXPECT_EQ(test, kit_add(test, f, "card", 2, 0, 0, PCI_P2PMEM_POOL), -ENOMEM);
	KUNIT_EXPECT_NULL(test, kit_provider(fabric_pdev(f, "card")));
	/* the size in the message does fit */
	KUNIT_EXPECT_EQ(test, kit_add(test, f, "card", 2, SZ_2M, 0, PCI_P2PMEM_POOL), 0);
	cost_available = 0;
	KUNIT_EXPECT_EQ(test, kit_add(test, f, "card", 2, SZ_2M, SZ_2M, PCI_P2PMEM_DRIVER),
			-ENOMEM);
	/* registers have no pages */
	KUNIT_EXPECT_EQ(test, kit_add(test, f, "card", 2, SZ_2M, SZ_2M, PCI_P2PMEM_REGISTERS), 0);
}

static void all_of_it_where_it_just_fits(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);

	kunit_activate_static_stub(test, p2pmem_memory_available, cost_is_available);
	cost_available = 2 * SZ_4M / PAGE_SIZE * sizeof(struct page);
	KUNIT_EXPECT_EQ(test, kit_add(test, f, "card", 2, 0, 0, PCI_P2PMEM_POOL), 0);
}

/* A gigabyte needs 16 MiB, which is logged. */
static void high_cost_is_logged(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = fabric_pdev(f, "card");
	struct p2pmem_region r = { .bar = 2, .phys = SZ_1G, .size = SZ_1G };
	struct logged *log = logged_begin(test, "struct pages for");
	char want[128];

	kunit_activate_static_stub(test, p2pmem_memory_available, cost_is_available);
	kunit_activate_static_stub(test, p2pmem_memory_range, cost_is_range);
	cost_range = (struct range){ 0, U64_MAX };
	cost_available = SZ_64M;
	KUNIT_EXPECT_EQ(test, p2pmem_region_check(&r, card), 0);
	snprintf(want, sizeof(want),
		 "%s: struct pages for 1024 MiB of BAR 2 use %zu of the available 64 MiB of memory",
		 pci_name(card), SZ_1G / PAGE_SIZE * sizeof(struct page) >> 20);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(logged_line(log, 1), want), "'%s', wanted '%s'",
				  log->line, want);
	r.size = SZ_1G / 2;
	KUNIT_EXPECT_EQ(test, p2pmem_region_check(&r, card), 0);
	KUNIT_EXPECT_STREQ(test, logged_line(log, 0), "");
}

static void addresses_that_cannot_have_pages(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	u64 start = pci_resource_start(fabric_pdev(f, "card"), 2);

	kunit_activate_static_stub(test, p2pmem_memory_range, cost_is_range);
	cost_range = (struct range){ 0, start + SZ_4M - 2 };
	KUNIT_EXPECT_EQ(test, kit_add(test, f, "card", 2, 0, 0, PCI_P2PMEM_POOL), -ERANGE);
	cost_range = (struct range){ start + 1, U64_MAX };
	KUNIT_EXPECT_EQ(test, kit_add(test, f, "card", 2, 0, 0, PCI_P2PMEM_POOL), -ERANGE);
	cost_range = (struct range){ start, start + SZ_4M - 1 };
	KUNIT_EXPECT_EQ(test, kit_add(test, f, "card", 2, 0, 0, PCI_P2PMEM_POOL), 0);
}

static void capture_kernel_registers_nothing(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);

	kunit_activate_static_stub(test, p2pmem_capture_kernel, cost_is_capture);
	KUNIT_EXPECT_EQ(test, kit_add(test, f, "card", 2, 0, 0, PCI_P2PMEM_POOL), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, kit_add(test, f, "card", 2, 0, 0, PCI_P2PMEM_REGISTERS),
			-EOPNOTSUPP);
	kunit_deactivate_static_stub(test, p2pmem_capture_kernel);
	KUNIT_EXPECT_EQ(test, kit_add(test, f, "card", 2, 0, 0, PCI_P2PMEM_POOL), 0);
}

static struct kunit_case cost_cases[] = {
	KUNIT_CASE(struct_pages_are_paid_from_half_of_memory),
	KUNIT_CASE(all_of_it_where_it_just_fits),
	KUNIT_CASE(high_cost_is_logged),
	KUNIT_CASE(addresses_that_cannot_have_pages),
	KUNIT_CASE(capture_kernel_registers_nothing),
	{}
};

static struct kunit_suite cost_suite = {
	.name = "p2pmem-region-cost",
	.test_cases = cost_cases,
};

kunit_test_suite(cost_suite);
