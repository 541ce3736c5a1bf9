// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: ranges that can be registered, and the life of a provider
 *
 * Ranges and kinds as a table, notifications, and functions that are plugged and
 * removed. Most cases use
 *
 *	host - rp - card	BAR 0: 1 MiB, smaller than a block of pages
 *				BAR 2: 8 MiB
 *				BAR 4: 4 MiB
 *				BAR 1, 3, 5: upper halves
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#include "lendkit.h"

static const struct fabric_node provider_card[] = {
	{ .name = "host", .type = FABRIC_HOST },
	{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host" },
	{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "rp",
	  .bar = { [0] = { .size = SZ_1M, .flags = FABRIC_BAR_64 },
		   [2] = { .size = SZ_8M, .flags = FABRIC_BAR_64 },
		   [4] = { .size = SZ_4M, .flags = FABRIC_BAR_64 } } },
	{ }
};

/**
 * struct provider_range - a range and the expected result
 * @name: name of the case
 * @bar: argument of pci_p2pmem_add_resource()
 * @size: argument of pci_p2pmem_add_resource()
 * @offset: argument of pci_p2pmem_add_resource()
 * @kind: argument of pci_p2pmem_add_resource()
 * @ret: expected return value
 * @at: expected begin of the registered range; unused for errors
 * @lent: expected size of the registered range
 */
struct provider_range {
	const char *name;
	int bar;
	size_t size;
	u64 offset;
	unsigned int kind;
	int ret;
	u64 at;
	size_t lent;
};

static const struct provider_range provider_ranges[] = {
	{ "pool: whole BAR by 0", 2, 0, 0, PCI_P2PMEM_POOL, 0, 0, SZ_8M },
	{ "pool: whole BAR by size", 2, SZ_8M, 0, PCI_P2PMEM_POOL, 0, 0, SZ_8M },
	{ "pool: head", 2, SZ_2M, 0, PCI_P2PMEM_POOL, 0, 0, SZ_2M },
	{ "pool: middle", 2, SZ_4M, SZ_2M, PCI_P2PMEM_POOL, 0, SZ_2M, SZ_4M },
	{ "pool: tail by 0", 2, 0, SZ_4M, PCI_P2PMEM_POOL, 0, SZ_4M, SZ_4M },
	{ "pool: last block", 2, SZ_2M, SZ_8M - SZ_2M, PCI_P2PMEM_POOL, 0, SZ_8M - SZ_2M, SZ_2M },
	{ "pool: begin is cut off", 2, 0, SZ_1M, PCI_P2PMEM_POOL, 0, SZ_2M, SZ_8M - SZ_2M },
	{ "pool: end is cut off", 2, SZ_4M + SZ_1M, 0, PCI_P2PMEM_POOL, 0, 0, SZ_4M },
	{ "pool: both are cut off", 2, SZ_4M, SZ_1M, PCI_P2PMEM_POOL, 0, SZ_2M, SZ_2M },
	{ "pool: a byte is cut off", 2, SZ_4M + 1, 0, PCI_P2PMEM_POOL, 0, 0, SZ_4M },
	{ "pool: a byte is missing", 2, SZ_2M - 1, 0, PCI_P2PMEM_POOL, -EINVAL },
	{ "pool: below a block", 2, SZ_1M, 0, PCI_P2PMEM_POOL, -EINVAL },
	{ "pool: block between blocks", 2, SZ_2M, SZ_1M, PCI_P2PMEM_POOL, -EINVAL },
	{ "pool: small BAR", 0, 0, 0, PCI_P2PMEM_POOL, -EINVAL },
	{ "pool: other BAR", 4, 0, 0, PCI_P2PMEM_POOL, 0, 0, SZ_4M },
	{ "driver: whole BAR", 2, 0, 0, PCI_P2PMEM_DRIVER, 0, 0, SZ_8M },
	{ "driver: begin is cut off", 2, 0, 1, PCI_P2PMEM_DRIVER, 0, SZ_2M, SZ_8M - SZ_2M },
	{ "driver: small BAR", 0, 0, 0, PCI_P2PMEM_DRIVER, -EINVAL },
	{ "registers: whole BAR", 2, 0, 0, PCI_P2PMEM_REGISTERS, 0, 0, SZ_8M },
	{ "registers: small BAR", 0, 0, 0, PCI_P2PMEM_REGISTERS, 0, 0, SZ_1M },
	{ "registers: doorbell", 0, 4, 0x1234, PCI_P2PMEM_REGISTERS, 0, 0x1234, 4 },
	{ "registers: last byte", 0, 1, SZ_1M - 1, PCI_P2PMEM_REGISTERS, 0, SZ_1M - 1, 1 },
	{ "kind: first unknown", 2, 0, 0, PCI_P2PMEM_NR_KINDS, -EINVAL },
	{ "kind: -1", 2, 0, 0, -1, -EINVAL },
	{ "BAR: -1", -1, 0, 0, PCI_P2PMEM_POOL, -EINVAL },
	{ "BAR: the ROM's number", PCI_ROM_RESOURCE, 0, 0, PCI_P2PMEM_POOL, -EINVAL },
	{ "BAR: INT_MIN", INT_MIN, 0, 0, PCI_P2PMEM_POOL, -EINVAL },
	{ "BAR: second half of another", 3, 0, 0, PCI_P2PMEM_POOL, -EINVAL },
	{ "range: too long", 2, SZ_8M + 1, 0, PCI_P2PMEM_POOL, -EINVAL },
	{ "range: beyond the end", 2, SZ_4M, SZ_4M + 1, PCI_P2PMEM_POOL, -EINVAL },
	{ "range: at the end", 2, 0, SZ_8M, PCI_P2PMEM_POOL, -EINVAL },
	{ "range: far beyond", 2, SZ_2M, U64_MAX - SZ_1M, PCI_P2PMEM_POOL, -EINVAL },
	{ "range: SIZE_MAX", 2, SIZE_MAX, 0, PCI_P2PMEM_POOL, -EINVAL },
	{ "range: both wrap around", 2, SIZE_MAX - SZ_2M + 1, SZ_2M, PCI_P2PMEM_POOL, -EINVAL },
	{ "registers: beyond the end", 0, 2, SZ_1M - 1, PCI_P2PMEM_REGISTERS, -EINVAL },
};

static void provider_expect_range(struct kunit *test, struct pci_dev *card,
				  const struct provider_range *want)
{
	struct p2pmem_provider *p = kit_provider(card);
	struct p2pmem_region *r;

	KUNIT_ASSERT_NOT_NULL_MSG(test, p, "%s", want->name);
	KUNIT_ASSERT_TRUE_MSG(test, list_is_singular(&p->regions), "%s", want->name);
	r = list_first_entry(&p->regions, struct p2pmem_region, node);
	KUNIT_EXPECT_EQ_MSG(test, r->bar, want->bar, "%s", want->name);
	KUNIT_EXPECT_EQ_MSG(test, r->kind, want->kind, "%s", want->name);
	KUNIT_EXPECT_EQ_MSG(test, r->offset, want->at, "%s", want->name);
	KUNIT_EXPECT_EQ_MSG(test, r->size, want->lent, "%s", want->name);
	KUNIT_EXPECT_EQ_MSG(test, r->phys, pci_resource_start(card, want->bar) + want->at, "%s",
			    want->name);
	KUNIT_EXPECT_EQ_MSG(test, !r->virt, want->kind == PCI_P2PMEM_REGISTERS, "%s", want->name);
	KUNIT_EXPECT_EQ_MSG(test, lend_size(card),
			    want->kind == PCI_P2PMEM_POOL ? want->lent : 0, "%s", want->name);
	KUNIT_EXPECT_TRUE_MSG(test, lend_has_group(card), "%s: no group", want->name);
	KUNIT_EXPECT_FALSE_MSG(test, pci_p2pmem_is_provider(card), "%s: published by default",
			       want->name);
}

/* Between two ranges the driver is unbound, except after a refusal. */
static void ranges_are_registered_or_refused(struct kunit *test)
{
	struct fabric *f = fabric_build(test, provider_card);
	struct pci_dev *card = fabric_pdev(f, "card");
	const struct provider_range *want;
	int i;

	for (i = 0; i < ARRAY_SIZE(provider_ranges); i++) {
		want = &provider_ranges[i];
		KUNIT_EXPECT_EQ_MSG(test, kit_add(test, f, "card", want->bar, want->size,
						  want->offset, want->kind), want->ret, "%s",
				    want->name);
		KUNIT_EXPECT_EQ_MSG(test, pci_p2pmem_is_lent(card, want->bar, want->size,
							     want->offset), !want->ret, "%s",
				    want->name);
		if (!want->ret) {
			provider_expect_range(test, card, want);
			fabric_unbind(f, "card");
			KUNIT_ASSERT_EQ(test, 0, fabric_bind(f, "card"));
		}
		KUNIT_EXPECT_TRUE_MSG(test, lend_is_removed(card), "%s: not removed", want->name);
	}
	kit_lend(test, f, "card");
	KUNIT_EXPECT_EQ(test, lend_size(card), SZ_8M);
}

static void ports_and_lost_bars_are_refused(struct kunit *test)
{
	struct fabric *f = fabric_build(test, provider_card);
	struct resource *res = &fabric_pdev(f, "card")->resource[2], was = *res;

	*res = DEFINE_RES_IO(0x1000, 0x100);
	KUNIT_EXPECT_EQ_MSG(test, -EINVAL,
			    kit_add(test, f, "card", 2, 0, 0, PCI_P2PMEM_REGISTERS), "I/O ports");
	*res = was;
	res->flags |= IORESOURCE_UNSET;
	KUNIT_EXPECT_EQ_MSG(test, -EINVAL, kit_add(test, f, "card", 2, 0, 0, PCI_P2PMEM_POOL),
			    "without an address");
	*res = was;
	KUNIT_EXPECT_TRUE(test, lend_is_removed(fabric_pdev(f, "card")));
	kit_lend(test, f, "card");
}

/* Pages are mapped uncached: the kernel refuses a cached mapping of the same addresses. */
static void bar_in_another_cache_mode_is_refused(struct kunit *test)
{
	struct fabric *f = fabric_build(test, provider_card);
	struct pci_dev *card = fabric_pdev(f, "card");
	void *cached = memremap(pci_resource_start(card, 2), SZ_2M, MEMREMAP_WB);
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, cached);
	ret = kit_add(test, f, "card", 2, 0, 0, PCI_P2PMEM_POOL);
	memunmap(cached);
	if (!ret)
		kunit_skip(test, "this machine does not check cache modes: no PAT?");
	KUNIT_EXPECT_LT(test, ret, 0);
	KUNIT_EXPECT_TRUE_MSG(test, lend_is_removed(card), "a refusal left objects behind");
	kit_lend(test, f, "card");
	KUNIT_EXPECT_EQ(test, lend_size(card), SZ_8M);
}

/* Second ranges beside [2 MiB, 6 MiB) of BAR 2, which is pooled */
static const struct provider_range provider_seconds[] = {
	{ "the same", 2, SZ_4M, SZ_2M, PCI_P2PMEM_POOL, -EEXIST },
	{ "the same as registers", 2, SZ_4M, SZ_2M, PCI_P2PMEM_REGISTERS, -EEXIST },
	{ "all of it", 2, 0, 0, PCI_P2PMEM_POOL, -EEXIST },
	{ "inside", 2, SZ_2M, SZ_2M, PCI_P2PMEM_DRIVER, -EEXIST },
	{ "over its begin", 2, SZ_4M, 0, PCI_P2PMEM_POOL, -EEXIST },
	{ "over its end", 2, SZ_4M, SZ_4M, PCI_P2PMEM_POOL, -EEXIST },
	{ "its first byte", 2, 1, SZ_2M, PCI_P2PMEM_REGISTERS, -EEXIST },
	{ "its last byte", 2, 1, SZ_4M + SZ_2M - 1, PCI_P2PMEM_REGISTERS, -EEXIST },
	{ "before it", 2, SZ_2M, 0, PCI_P2PMEM_POOL, 0, 0, SZ_2M },
	{ "after it", 2, 0, SZ_4M + SZ_2M, PCI_P2PMEM_POOL, 0, SZ_4M + SZ_2M, SZ_2M },
	{ "registers before it", 2, 1, SZ_2M - 1, PCI_P2PMEM_REGISTERS, 0, SZ_2M - 1, 0 },
	{ "driver's after it", 2, 0, SZ_4M + SZ_2M, PCI_P2PMEM_DRIVER, 0, SZ_4M + SZ_2M, 0 },
	{ "other BAR", 4, 0, 0, PCI_P2PMEM_POOL, 0, 0, SZ_4M },
	{ "other BAR, registers", 0, 0, 0, PCI_P2PMEM_REGISTERS, 0, 0, 0 },
	{ "too small", 0, 0, 0, PCI_P2PMEM_POOL, -EINVAL },
};

static void second_range_must_not_overlap(struct kunit *test)
{
	struct fabric *f = fabric_build(test, provider_card);
	struct pci_dev *card = fabric_pdev(f, "card");
	const struct provider_range *want;
	int i;

	for (i = 0; i < ARRAY_SIZE(provider_seconds); i++) {
		want = &provider_seconds[i];
		KUNIT_ASSERT_EQ(test, 0,
				kit_add(test, f, "card", 2, SZ_4M, SZ_2M, PCI_P2PMEM_POOL));
		KUNIT_EXPECT_EQ_MSG(test, kit_add(test, f, "card", want->bar, want->size,
						  want->offset, want->kind), want->ret, "%s",
				    want->name);
		KUNIT_EXPECT_EQ_MSG(test, lend_size(card), SZ_4M + want->lent,
				    "%s: the pool is not the sum of both ranges", want->name);
		KUNIT_EXPECT_TRUE_MSG(test, pci_p2pmem_is_lent(card, 2, SZ_4M, SZ_2M),
				      "%s: the first range was lost", want->name);
		lend_free(test, lend_alloc(test, card, SZ_4M));
		fabric_unbind(f, "card");
		KUNIT_ASSERT_EQ(test, 0, fabric_bind(f, "card"));
	}
}

static void all_bars_of_a_function_are_one_pool(struct kunit *test)
{
	struct fabric *f = fabric_build(test, provider_card);
	struct pci_dev *card = kit_lend(test, f, "card");

	KUNIT_EXPECT_EQ(test, 0, kit_add(test, f, "card", 4, SZ_2M, SZ_2M, PCI_P2PMEM_POOL));
	KUNIT_EXPECT_EQ(test, 0, kit_add(test, f, "card", 4, 0x100, 0, PCI_P2PMEM_REGISTERS));
	KUNIT_EXPECT_EQ(test, 0, kit_add(test, f, "card", 0, 0, 0, PCI_P2PMEM_REGISTERS));
	KUNIT_EXPECT_EQ(test, lend_size(card), SZ_8M + SZ_2M);
	lend_alloc(test, card, SZ_8M);
	lend_alloc(test, card, SZ_2M);
	KUNIT_EXPECT_NULL(test, pci_p2pmem_alloc(card, 1, GFP_KERNEL));
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_lent(card, 4, 0x100, 0));
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_lent(card, 4, 0x101, 0));
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_lent(card, 4, 0x100, 0x100));
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_lent(card, 0, SZ_512K, 0));
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_lent(card, 2, 0, SZ_2M));
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_lent(card, 2, SZ_1M, 0));
}

static void addresses_are_found_by_range(struct kunit *test)
{
	struct fabric *f = fabric_build(test, provider_card);
	struct pci_dev *card = fabric_pdev(f, "card");
	void *addr;

	KUNIT_EXPECT_NULL(test, pci_p2pmem_region_addr(card, 2, 0));
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_lent(card, 2, 0, 0));
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, f, "card", 2, SZ_4M, SZ_2M, PCI_P2PMEM_DRIVER));
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, f, "card", 0, 0, 0, PCI_P2PMEM_REGISTERS));
	addr = pci_p2pmem_region_addr(card, 2, SZ_2M);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_EXPECT_EQ(test, page_to_phys(virt_to_page(addr)),
			pci_resource_start(card, 2) + SZ_2M);
	KUNIT_EXPECT_PTR_EQ(test, pci_p2pmem_region_addr(card, 2, SZ_4M + 5), addr + SZ_2M + 5);
	KUNIT_EXPECT_NULL(test, pci_p2pmem_region_addr(card, 2, SZ_2M - 1));
	KUNIT_EXPECT_NULL(test, pci_p2pmem_region_addr(card, 2, SZ_4M + SZ_2M));
	KUNIT_EXPECT_NULL(test, pci_p2pmem_region_addr(card, 2, U64_MAX));
	KUNIT_EXPECT_NULL(test, pci_p2pmem_region_addr(card, 4, SZ_2M));
	KUNIT_EXPECT_NULL_MSG(test, pci_p2pmem_region_addr(card, 0, 0), "registers have no pages");
}

static void only_published_memory_is_notified(struct kunit *test)
{
	struct fabric *f = fabric_build(test, provider_card);
	struct pci_dev *card = fabric_pdev(f, "card");
	struct lend_events *events = lend_listen(test);

	pci_p2pmem_set_published(card, true);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(card));
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, f, "card", 2, 0, 0, PCI_P2PMEM_POOL));
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&events->providers), 0, "before it is published");
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(card));

	pci_p2pmem_set_published(card, true);
	KUNIT_EXPECT_EQ(test, atomic_read(&events->providers), 1);
	KUNIT_EXPECT_PTR_EQ(test, READ_ONCE(events->last), (void *)card);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(card));

	pci_p2pmem_set_published(card, false);
	KUNIT_EXPECT_EQ(test, atomic_read(&events->providers), 1);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(card));

	pci_p2pmem_lost(card);
	pci_p2pmem_set_published(card, true);
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&events->providers), 1, "lost memory was announced");
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(card));
	KUNIT_EXPECT_EQ(test, atomic_read(&events->clients), 0);
}

/* Registers first, which nobody allocates: the memory is published before there is any. */
static void memory_after_publication_is_notified(struct kunit *test)
{
	struct fabric *f = fabric_build(test, provider_card);
	struct pci_dev *card = fabric_pdev(f, "card");
	struct lend_events *events = lend_listen(test);

	KUNIT_ASSERT_EQ(test, 0, kit_add(test, f, "card", 0, 0, 0, PCI_P2PMEM_REGISTERS));
	pci_p2pmem_set_published(card, true);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(card));
	KUNIT_EXPECT_EQ(test, atomic_read(&events->providers), 0);

	KUNIT_ASSERT_EQ(test, 0, kit_add(test, f, "card", 2, 0, 0, PCI_P2PMEM_POOL));
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(card));
	KUNIT_EXPECT_EQ(test, atomic_read(&events->providers), 1);
	KUNIT_EXPECT_PTR_EQ(test, READ_ONCE(events->last), (void *)card);
}

#define PROVIDER_LIVES	50

static void fifty_lives_of_a_provider(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = fabric_pdev(f, "card");
	unsigned int i, nents;
	struct scatterlist *sgl;
	void *addr;

	for (i = 0; i < PROVIDER_LIVES && test->status == KUNIT_SUCCESS; i++) {
		kit_lend(test, f, "card");
		addr = pci_p2pmem_alloc(card, SZ_4M / 2, GFP_KERNEL);
		sgl = pci_p2pmem_sgl_alloc(card, &nents, SZ_4M / 2, GFP_KERNEL);
		KUNIT_EXPECT_NOT_NULL_MSG(test, addr, "life %u", i);
		KUNIT_EXPECT_NOT_NULL_MSG(test, sgl, "life %u", i);
		if (sgl)
			pci_p2pmem_sgl_free(sgl);
		if (addr)
			pci_p2pmem_free(addr, SZ_4M / 2);
		fabric_unbind(f, "card");
		KUNIT_EXPECT_TRUE_MSG(test, lend_is_removed(card), "objects of life %u remain", i);
		KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(card));
		KUNIT_ASSERT_EQ(test, 0, fabric_bind(f, "card"));
	}
	KUNIT_EXPECT_EQ(test, i, PROVIDER_LIVES);
}

static const struct fabric_node provider_larger[] = {
	{ .name = "larger", .type = FABRIC_ENDPOINT, .parent = "dn0",
	  .bar = { [2] = { .size = SZ_4M, .flags = FABRIC_BAR_64 } }, .device = 0x4242 },
	{ }
};

/* Another device in the same slot is another provider */
static void other_device_in_the_slot_is_a_provider(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = kit_lend(test, f, "card"), *larger;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		lend_free(test, lend_alloc(test, card, SZ_4M));
		pci_dev_get(card);
		fabric_unplug(f, i ? "larger" : "card");
		KUNIT_EXPECT_NULL_MSG(test, kit_provider(card), "removed, but still a provider");
		KUNIT_EXPECT_NULL(test, pci_p2pmem_alloc(card, 1, GFP_KERNEL));
		pci_dev_put(card);
		fabric_plug(f, provider_larger);
		larger = kit_lend(test, f, "larger");
		KUNIT_EXPECT_EQ(test, lend_size(larger), SZ_4M);
		card = larger;
	}
}

/* A provider whose last reference was just dropped is not found any more */
static void provider_without_reference_is_none(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct p2pmem_provider *p = kunit_kzalloc(test, sizeof(*p), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	p->pdev = fabric_pdev(f, "nic");
	p2pmem_register(p);
	KUNIT_EXPECT_NULL(test, p2pmem_provider_get(p->pdev));
	p2pmem_unregister(p);
}

/* A device that does not work yet: its driver allocates queues before the provider is live. */
static void stopped_from_the_beginning(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = fabric_pdev(f, "card");
	void *queue, *peer;

	KUNIT_ASSERT_EQ(test, kit_add(test, f, "card", 2, SZ_4M, 0,
				      PCI_P2PMEM_POOL | PCI_P2PMEM_STOPPED), 0);
	pci_p2pmem_set_published(card, true);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(card));
	KUNIT_EXPECT_NULL(test, pci_p2pmem_alloc(card, PAGE_SIZE, GFP_KERNEL));
	queue = pci_p2pmem_alloc_own(card, SZ_2M);
	KUNIT_ASSERT_NOT_NULL(test, queue);
	KUNIT_EXPECT_NULL_MSG(test, pci_p2pmem_alloc_own(card, 1), "more than half");
	KUNIT_EXPECT_NULL(test, pci_p2pmem_alloc_own(card, 0));

	pci_p2pmem_resume(card);
	KUNIT_EXPECT_EQ(test, READ_ONCE(kit_provider(card)->state), P2PMEM_LIVE);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(card));
	peer = pci_p2pmem_alloc(card, SZ_2M, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, peer);
	if (peer)
		pci_p2pmem_free(peer, SZ_2M);
	pci_p2pmem_free_own(card, queue, SZ_2M);
	KUNIT_EXPECT_EQ(test, kit_available(card), SZ_4M);
}

static struct kunit_case provider_cases[] = {
	KUNIT_CASE(ranges_are_registered_or_refused),
	KUNIT_CASE(ports_and_lost_bars_are_refused),
	KUNIT_CASE(bar_in_another_cache_mode_is_refused),
	KUNIT_CASE(second_range_must_not_overlap),
	KUNIT_CASE(all_bars_of_a_function_are_one_pool),
	KUNIT_CASE(addresses_are_found_by_range),
	KUNIT_CASE(only_published_memory_is_notified),
	KUNIT_CASE(memory_after_publication_is_notified),
	KUNIT_CASE(fifty_lives_of_a_provider),
	KUNIT_CASE(other_device_in_the_slot_is_a_provider),
	KUNIT_CASE(provider_without_reference_is_none),
	KUNIT_CASE(stopped_from_the_beginning),
	{ }
};

static struct kunit_suite provider_suite = {
	.name = "p2pmem-provider",
	.test_cases = provider_cases,
};

kunit_test_suite(provider_suite);
