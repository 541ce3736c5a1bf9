// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: obtaining peer memory, run by run
 *
 * What a page is and who its owner is, references that outlive their user, and
 * memory that comes back from contexts that may not sleep. All on
 *
 *	host - rp - up -+- dn0 - card	lends BAR 2, 4 MiB
 *			`- dn1 ...	nic and drive, kit_one_switch
 */
#include <linux/bug.h>
#include <linux/irq_work.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#include "lendkit.h"

static void memory_pages_are_of_their_region(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = kit_lend(test, f, "card");
	struct lend_hold *hold = lend_alloc(test, card, 3 * PAGE_SIZE + 1);
	phys_addr_t start = pci_resource_start(card, 2);
	struct page *page;
	size_t at;

	KUNIT_EXPECT_TRUE(test, PAGE_ALIGNED(hold->addr));
	for (at = 0; at < 4 * PAGE_SIZE; at += PAGE_SIZE) {
		page = virt_to_page(hold->addr + at);
		KUNIT_EXPECT_TRUE(test, is_pci_p2pmem_page(page));
		KUNIT_EXPECT_EQ(test, page_ref_count(page), 1);
		KUNIT_EXPECT_PTR_EQ(test, p2pmem_page_region(page)->provider,
				    kit_provider(card));
		KUNIT_EXPECT_GE(test, page_to_phys(page), start);
		KUNIT_EXPECT_LT(test, page_to_phys(page), start + SZ_4M);
	}
	KUNIT_EXPECT_EQ(test, lend_used(card), 4 * PAGE_SIZE);
	lend_free(test, hold);
	KUNIT_EXPECT_EQ(test, lend_used(card), 0);
}

static void ram_is_not_peer_memory(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL);
	struct fabric *f;

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_FALSE_MSG(test, is_pci_p2pmem_page(page), "while nobody lends");
	f = fabric_build(test, kit_one_switch);
	kit_lend(test, f, "card");
	KUNIT_EXPECT_FALSE_MSG(test, is_pci_p2pmem_page(page), "while somebody lends");
	__free_page(page);
}

static void sizes_that_cannot_be_allocated(struct kunit *test)
{
	static const size_t sizes[] = {
		0, SZ_4M + 1, SZ_8M, U32_MAX, LONG_MAX, SIZE_MAX - PAGE_SIZE + 2, SIZE_MAX,
	};
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = kit_lend(test, f, "card");
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		KUNIT_EXPECT_NULL_MSG(test, pci_p2pmem_alloc(card, sizes[i], GFP_KERNEL),
				      "%#zx bytes of 4 MiB", sizes[i]);
	KUNIT_EXPECT_EQ(test, lend_used(card), 0);
	lend_free(test, lend_alloc(test, card, SZ_4M));
	KUNIT_EXPECT_NULL_MSG(test, pci_p2pmem_alloc(fabric_pdev(f, "nic"), PAGE_SIZE,
						     GFP_KERNEL), "of one that lends nothing");
}

static void run_is_freed_in_parts(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = kit_lend(test, f, "card");
	void *addr = pci_p2pmem_alloc(card, 8 * PAGE_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	pci_p2pmem_free(addr + 5 * PAGE_SIZE, 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, lend_used(card), 5 * PAGE_SIZE);
	pci_p2pmem_free(addr, 1);
	KUNIT_EXPECT_EQ(test, lend_used(card), 4 * PAGE_SIZE);
	pci_p2pmem_free(addr + PAGE_SIZE, 4 * PAGE_SIZE - 1);
	KUNIT_EXPECT_EQ(test, lend_used(card), 0);
}

/* A page knows its owner: what the caller says does not matter */
static void memory_returns_to_its_provider(struct kunit *test)
{
	static const struct fabric_node two[] = {
		{ .name = "host", .type = FABRIC_HOST },
		{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host" },
		{ .name = "a", .type = FABRIC_ENDPOINT, .parent = "rp",
		  .bar = { [2] = { .size = SZ_4M, .flags = FABRIC_BAR_64 } } },
		{ .name = "b", .type = FABRIC_ENDPOINT, .parent = "rp", .fn = 1,
		  .bar = { [2] = { .size = SZ_2M, .flags = FABRIC_BAR_64 } } },
		{ }
	};
	struct fabric *f = fabric_build(test, two);
	struct pci_dev *a = kit_lend(test, f, "a"), *b = kit_lend(test, f, "b");
	void *addr = pci_p2pmem_alloc(a, PAGE_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	pci_p2pmem_free(addr, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, lend_used(a), 0);
	KUNIT_EXPECT_EQ(test, lend_used(b), 0);
	lend_free(test, lend_alloc(test, b, SZ_2M));
	lend_free(test, lend_alloc(test, a, SZ_4M));
}

/*
 *	user:     #####		free() by the user: #..## is back,
 *	another:  .#...		its page when the other drops it
 */
static void referenced_page_is_freed_later(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = kit_lend(test, f, "card");
	struct lend_hold *hold = lend_alloc(test, card, 5 * PAGE_SIZE);
	struct page *first = lend_ref(test, hold, PAGE_SIZE);
	struct page *last = lend_ref(test, hold, 4 * PAGE_SIZE);

	lend_free(test, hold);
	KUNIT_EXPECT_EQ(test, lend_used(card), 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, page_ref_count(first), 1);
	KUNIT_EXPECT_NULL_MSG(test, pci_p2pmem_alloc(card, SZ_4M, GFP_KERNEL),
			      "a page that somebody references was handed out");
	lend_unref(test, first);
	KUNIT_EXPECT_TRUE(test, lend_wait(lend_used(card) == PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, page_ref_count(first), 1);
	lend_unref(test, last);
	KUNIT_EXPECT_TRUE(test, lend_wait(!lend_used(card)));
	lend_free(test, lend_alloc(test, card, SZ_4M));
}

static void reference_dropped_first_is_nothing(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = kit_lend(test, f, "card");
	struct lend_hold *hold = lend_alloc(test, card, 2 * PAGE_SIZE);

	lend_unref(test, lend_ref(test, hold, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, lend_used(card), 2 * PAGE_SIZE);
	lend_free(test, hold);
	KUNIT_EXPECT_EQ(test, lend_used(card), 0);
}

/*
 * Between page_free() and the count of one there is a moment in which the worker
 * may look: made here as long as the test wants.
 */
static void page_without_its_count_is_not_lent(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = kit_lend(test, f, "card");
	struct lend_hold *late = lend_alloc(test, card, PAGE_SIZE);
	struct lend_hold *other = lend_alloc(test, card, PAGE_SIZE);
	struct page *page = virt_to_page(late->addr);
	struct page *second = lend_ref(test, other, 0);

	get_page(page);
	lend_free(test, late);
	KUNIT_ASSERT_TRUE(test, page_ref_freeze(page, 1));
	p2pmem_page_free(page);
	lend_free(test, other);
	lend_unref(test, second);
	KUNIT_EXPECT_TRUE_MSG(test, lend_wait(lend_used(card) == PAGE_SIZE),
			      "the other page did not come back");
	msleep(20);
	KUNIT_EXPECT_EQ_MSG(test, lend_used(card), PAGE_SIZE,
			    "a page was freed before its count was one");
	page_ref_unfreeze(page, 1);
	KUNIT_EXPECT_TRUE(test, lend_wait(!lend_used(card)));
}

/**
 * struct memory_irq - what is done in an interrupt
 * @work: the interrupt
 * @pdev: the provider
 * @addr: memory to free
 * @page: reference to drop
 * @taken: memory that was allocated
 */
struct memory_irq {
	struct irq_work work;
	struct pci_dev *pdev;
	void *addr;
	struct page *page;
	void *taken;
};

static void memory_in_irq(struct irq_work *work)
{
	struct memory_irq *irq = container_of(work, struct memory_irq, work);

	pci_p2pmem_free(irq->addr, PAGE_SIZE);
	put_page(irq->page);
	irq->taken = pci_p2pmem_alloc(irq->pdev, PAGE_SIZE, GFP_ATOMIC);
}

static void memory_moves_in_hard_interrupts(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = kit_lend(test, f, "card");
	struct memory_irq irq = { .work = IRQ_WORK_INIT_HARD(memory_in_irq), .pdev = card };
	void *kept = pci_p2pmem_alloc(card, PAGE_SIZE, GFP_KERNEL);

	irq.addr = pci_p2pmem_alloc(card, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, kept);
	KUNIT_ASSERT_NOT_NULL(test, irq.addr);
	irq.page = virt_to_page(kept);
	get_page(irq.page);
	pci_p2pmem_free(kept, PAGE_SIZE);
	irq_work_queue(&irq.work);
	irq_work_sync(&irq.work);
	KUNIT_EXPECT_NOT_NULL(test, irq.taken);
	if (irq.taken)
		pci_p2pmem_free(irq.taken, PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, lend_wait(!lend_used(card)));
}

/* Whole pages are cleared, and none beside them */
static void zeroed_memory_has_no_old_data(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = kit_lend(test, f, "card");
	void *addr = pci_p2pmem_region_addr(card, 2, 0), *again;

	lend_fill(test, addr, SZ_64K, 0xa5);
	again = pci_p2pmem_alloc(card, 2 * PAGE_SIZE + 1, GFP_KERNEL);
	KUNIT_ASSERT_PTR_EQ(test, again, addr);
	KUNIT_EXPECT_EQ_MSG(test, lend_differing(addr, SZ_64K, 0xa5), 0,
			    "cleared without __GFP_ZERO");
	pci_p2pmem_free(again, 2 * PAGE_SIZE + 1);

	again = pci_p2pmem_alloc(card, 2 * PAGE_SIZE + 1, GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_PTR_EQ(test, again, addr);
	KUNIT_EXPECT_EQ_MSG(test, lend_differing(addr, 3 * PAGE_SIZE, 0), 0, "words of old data");
	KUNIT_EXPECT_EQ_MSG(test, lend_differing(addr + 3 * PAGE_SIZE, SZ_32K, 0xa5), 0,
			    "the pages behind were cleared too");
	pci_p2pmem_free(again, 2 * PAGE_SIZE + 1);
}

/**
 * struct memory_offset - a host bridge that adds something
 * @name: of the case
 * @offset: CPU physical address minus bus address
 */
struct memory_offset {
	const char *name;
	u64 offset;
};

static const struct memory_offset memory_offsets[] = {
	{ "none", 0 },
	{ "bus addresses below", SZ_1G },
	{ "bus addresses far below", 0x80000000ULL },
	{ "bus addresses above", -0x8000000000ULL },
};

KUNIT_ARRAY_PARAM_DESC(memory_offset, memory_offsets, name);

static void bus_address_has_the_bridge_s_offset(struct kunit *test)
{
	const struct memory_offset *param = test->param_value;
	const struct fabric_node nodes[] = {
		{ .name = "host", .type = FABRIC_HOST, .bus_offset = param->offset },
		{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host" },
		{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "rp",
		  .bar = { [2] = { .size = SZ_4M, .flags = FABRIC_BAR_64 } } },
		{ }
	};
	struct fabric *f = fabric_build(test, nodes);
	struct pci_dev *card = kit_lend(test, f, "card");
	struct lend_hold *hold = lend_alloc(test, card, 2 * PAGE_SIZE);
	pci_bus_addr_t bus = pci_bus_address(card, 2);
	u64 at = page_to_phys(virt_to_page(hold->addr)) - pci_resource_start(card, 2);

	KUNIT_EXPECT_EQ(test, bus, pci_resource_start(card, 2) - param->offset);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_bus_addr(hold->addr), bus + at);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_bus_addr(hold->addr + PAGE_SIZE + 5),
			bus + at + PAGE_SIZE + 5);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_bus_addr(NULL), 0);
}

/*
 * Warnings that are given once only are silent after: so the kernel's table of
 * them says here that those of this module were given, for as long as a test
 * provokes them on purpose.
 */
static bool memory_quiet(unsigned short *before, unsigned int max, bool quiet)
{
#if defined(CONFIG_GENERIC_BUG) && defined(MODULE)
	struct module *mod = THIS_MODULE;
	unsigned int i;

	if (mod->num_bugs > max)
		return false;
	for (i = 0; i < mod->num_bugs; i++) {
		if (!(mod->bug_table[i].flags & BUGFLAG_ONCE))
			continue;
		if (quiet) {
			before[i] = mod->bug_table[i].flags;
			mod->bug_table[i].flags |= BUGFLAG_DONE;
		} else {
			mod->bug_table[i].flags = before[i];
		}
	}
	return true;
#else
	return false;
#endif
}

/* RAM; pooled memory as the driver's own; the driver's own, [0, 2 MiB), as pooled memory */
static void wrong_memory_is_not_freed(struct kunit *test)
{
	unsigned int max = 200;
	unsigned short *before = kunit_kcalloc(test, max, sizeof(*before), GFP_KERNEL);
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = fabric_pdev(f, "card");
	struct page *ram = alloc_page(GFP_KERNEL);
	struct lend_hold *hold;

	KUNIT_ASSERT_NOT_NULL(test, before);
	KUNIT_ASSERT_NOT_NULL(test, ram);
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, f, "card", 2, SZ_2M, 0, PCI_P2PMEM_DRIVER));
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, f, "card", 2, SZ_2M, SZ_2M, PCI_P2PMEM_POOL));
	hold = lend_alloc(test, card, PAGE_SIZE);
	if (!memory_quiet(before, max, true)) {
		__free_page(ram);
		kunit_skip(test, "its warnings cannot be kept quiet here");
	}
	pci_p2pmem_free(page_address(ram), PAGE_SIZE);
	pci_p2pmem_unpin(page_address(ram), PAGE_SIZE);
	pci_p2pmem_unpin(hold->addr, PAGE_SIZE);
	pci_p2pmem_free(pci_p2pmem_region_addr(card, 2, 0), PAGE_SIZE);
	memory_quiet(before, max, false);
	KUNIT_EXPECT_EQ(test, page_ref_count(ram), 1);
	KUNIT_EXPECT_EQ(test, lend_used(card), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kit_provider(card)->pins), 0);
	__free_page(ram);
}

static struct kunit_case memory_cases[] = {
	KUNIT_CASE(memory_pages_are_of_their_region),
	KUNIT_CASE(ram_is_not_peer_memory),
	KUNIT_CASE(sizes_that_cannot_be_allocated),
	KUNIT_CASE(run_is_freed_in_parts),
	KUNIT_CASE(memory_returns_to_its_provider),
	KUNIT_CASE(referenced_page_is_freed_later),
	KUNIT_CASE(reference_dropped_first_is_nothing),
	KUNIT_CASE(page_without_its_count_is_not_lent),
	KUNIT_CASE(memory_moves_in_hard_interrupts),
	KUNIT_CASE(zeroed_memory_has_no_old_data),
	KUNIT_CASE_PARAM(bus_address_has_the_bridge_s_offset, memory_offset_gen_params),
	KUNIT_CASE(wrong_memory_is_not_freed),
	{ }
};

static struct kunit_suite memory_suite = {
	.name = "p2pmem-memory",
	.test_cases = memory_cases,
};

kunit_test_suite(memory_suite);
