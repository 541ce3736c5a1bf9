// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: removal of drivers while their memory is in use
 *
 * The mapping of a BAR must stay until its last page is freed, even long after the
 * device was removed. Memory that the driver itself allocates keeps it as well. All
 * cases use kit_one_switch:
 *
 *	unbind, unplug --> card <-- pages -- a slow holder
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sizes.h>

#include "lendkit.h"

/**
 * struct holder_kit - a card that is removed by another task
 * @f: the hierarchy
 * @card: the provider; referenced
 */
struct holder_kit {
	struct fabric *f;
	struct pci_dev *card;
};

static void holder_put_action(void *pdev)
{
	pci_dev_put(pdev);
}

static struct holder_kit *holder_kit_of(struct kunit *test, const struct fabric_node *nodes)
{
	struct holder_kit *k = kunit_kzalloc(test, sizeof(*k), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, k);
	k->f = fabric_build(test, nodes);
	k->card = pci_dev_get(kit_lend(test, k->f, "card"));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, holder_put_action, k->card));
	return k;
}

static void holder_unbind(void *arg)
{
	struct holder_kit *k = arg;

	fabric_unbind(k->f, "card");
}

static void holder_unplug(void *arg)
{
	struct holder_kit *k = arg;

	fabric_unplug(k->f, "card");
}

static bool holder_draining(struct holder_kit *k)
{
	struct p2pmem_provider *p = kit_provider(k->card);

	return p && READ_ONCE(p->state) != P2PMEM_LIVE;
}

/* @go removes the device, and waits for @hold and for a reference on one of its pages. */
static void holder_expect_wait(struct kunit *test, struct holder_kit *k, void (*go)(void *))
{
	struct lend_hold *hold = lend_alloc(test, k->card, 4 * PAGE_SIZE);
	struct page *page = lend_ref(test, hold, PAGE_SIZE);
	struct lend_task *t = lend_start(test, go, k);

	KUNIT_EXPECT_TRUE(test, lend_wait(holder_draining(k)));
	lend_free(test, hold);
	msleep(50);
	KUNIT_EXPECT_FALSE_MSG(test, lend_is_over(t), "it did not wait for a page");
	KUNIT_EXPECT_TRUE(test, is_pci_p2pmem_page(page));
	lend_unref(test, page);
	lend_join(test, t);
	KUNIT_EXPECT_NULL(test, kit_provider(k->card));
}

static void unbinding_waits_for_the_last_page(struct kunit *test)
{
	struct holder_kit *k = holder_kit_of(test, kit_one_switch);

	holder_expect_wait(test, k, holder_unbind);
	KUNIT_EXPECT_TRUE(test, lend_is_removed(k->card));
	KUNIT_ASSERT_EQ(test, 0, fabric_bind(k->f, "card"));
	kit_lend(test, k->f, "card");
	KUNIT_EXPECT_EQ(test, lend_size(k->card), SZ_4M);
}

static void unplugging_waits_for_the_last_page(struct kunit *test)
{
	struct holder_kit *k = holder_kit_of(test, kit_one_switch);

	holder_expect_wait(test, k, holder_unplug);
}

static void dead_device_waits_for_the_last_page(struct kunit *test)
{
	struct holder_kit *k = holder_kit_of(test, kit_one_switch);
	struct lend_hold *hold = lend_alloc(test, k->card, PAGE_SIZE);

	pci_p2pmem_lost(k->card);
	KUNIT_EXPECT_NULL(test, pci_p2pmem_alloc(k->card, 1, GFP_KERNEL));
	lend_free(test, hold);
	KUNIT_EXPECT_EQ_MSG(test, lend_used(k->card), 0, "memory of a dead device was not freed");
	pci_p2pmem_resume(k->card);
	fabric_kill(k->f, "card");
	holder_expect_wait(test, k, holder_unplug);
}

/* Wait longer than the reporting period, so that the log names the holder. */
static void slow_holder_is_waited_for(struct kunit *test)
{
	struct holder_kit *k = holder_kit_of(test, kit_one_switch);
	struct device *nic = kit_client(test, k->f, "nic");
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_grant *g;
	struct scatterlist *sgl;
	struct lend_task *t;
	unsigned int nents;

	g = pci_p2pmem_grant_create(k->card, &nic, 1, KTIME_MAX, NULL, NULL,
				    "a slow holder", &why);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, g);
	sgl = pci_p2pmem_grant_sgl_alloc(g, &nents, SZ_16K, GFP_KERNEL, NULL);
	pci_p2pmem_grant_end(g);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgl);
	lend_die();
	pci_p2pmem_revoke(k->card);
	lend_live();
	t = lend_start(test, holder_unbind, k);
	msleep(10500);
	KUNIT_EXPECT_FALSE_MSG(test, lend_is_over(t), "it did not wait for a grant's memory");
	KUNIT_EXPECT_EQ(test, lend_used(k->card), SZ_16K);
	pci_p2pmem_sgl_free(sgl);
	lend_join(test, t);
	KUNIT_EXPECT_TRUE(test, lend_is_removed(k->card));
}

static void holder_destroy_action(void *pdev)
{
	struct p2pmem_provider *p = kit_provider(pdev);

	p2pmem_provider_destroy(p);
	module_put(THIS_MODULE);
}

/* Unbinds the driver of "card" while its memory is in use, without a wait: the provider stays. */
static struct p2pmem_provider *holder_abandon(struct kunit *test, struct fabric *f,
					      struct pci_dev *card)
{
	struct p2pmem_provider *p;

	lend_die();
	fabric_unbind(f, "card");
	lend_live();
	p = kit_provider(card);
	KUNIT_ASSERT_NOT_NULL_MSG(test, p, "withdrawn with a page in use");
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, holder_destroy_action, card));
	return p;
}

/* Two halves of the BAR of "card" are lent, the upper one as @kind. The card is held. */
static struct fabric *holder_two_ranges(struct kunit *test, enum pci_p2pmem_kind kind,
					struct pci_dev **card)
{
	struct fabric *f = fabric_build(test, kit_one_switch);

	*card = pci_dev_get(fabric_pdev(f, "card"));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, holder_put_action, *card));
	KUNIT_ASSERT_EQ(test, kit_add(test, f, "card", 2, SZ_2M, SZ_2M, kind), 0);
	KUNIT_ASSERT_EQ(test, kit_add(test, f, "card", 2, SZ_2M, 0, PCI_P2PMEM_POOL), 0);
	return f;
}

/* Without dn2, the windows of rp and up have room for a second card. */
static const struct fabric_node holder_room[] = {
	{ .name = "host", .type = FABRIC_HOST },
	{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host" },
	{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp" },
	{ .name = "dn0", .type = FABRIC_DOWNSTREAM, .parent = "up" },
	{ .name = "dn1", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 1 },
	{ .name = "dn2", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 2 },
	{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "dn0",
	  .bar = { [2] = { .size = SZ_4M, .flags = FABRIC_BAR_64 } } },
	{ .name = "nic", .type = FABRIC_ENDPOINT, .parent = "dn1" },
	{ .name = "drive", .type = FABRIC_ENDPOINT, .parent = "dn1", .fn = 1 },
	{ .name = "big", .type = FABRIC_ENDPOINT, .parent = "dn2",
	  .bar = { [2] = { .size = SZ_8M, .flags = FABRIC_BAR_64 } } },
	{ }
};

/* The same BAR in the same slot */
static const struct fabric_node holder_next[] = {
	{ .name = "next", .type = FABRIC_ENDPOINT, .parent = "dn0",
	  .bar = { [2] = { .size = SZ_4M, .flags = FABRIC_BAR_64 } } },
	{ }
};

/* The function is removed too: no other one gets addresses whose pages are in use. */
static void abandoned_pages_keep_their_range(struct kunit *test)
{
	struct holder_kit *k = holder_kit_of(test, holder_room);
	struct lend_hold *hold = lend_alloc(test, k->card, PAGE_SIZE);
	struct device *nic = kit_client(test, k->f, "nic");
	u64 start = pci_resource_start(k->card, 2);
	struct pci_p2pmem_verdict v;
	struct pci_dev *next;

	holder_abandon(test, k->f, k->card);
	fabric_unplug(k->f, "card");
	/* a removed function is not accessed */
	kit_reevaluate();
	pci_p2pmem_verdict(k->card, nic, KTIME_MAX, &v);
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_REVOKED);
	/* and has no route to a device without a pair */
	pci_p2pmem_verdict(k->card, &fabric_pdev(k->f, "drive")->dev, 0, &v);
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_NOT_A_PROVIDER);

	fabric_unplug(k->f, "dn2");
	fabric_plug(k->f, holder_next);
	next = fabric_pdev(k->f, "next");
	KUNIT_ASSERT_NOT_NULL(test, next);
	KUNIT_EXPECT_TRUE_MSG(test, pci_resource_flags(next, 2) & IORESOURCE_UNSET ||
			      pci_resource_start(next, 2) >= start + SZ_4M ||
			      pci_resource_end(next, 2) < start,
			      "another function has the addresses of the pages");
	lend_free(test, hold);
}

/* Its BARs get the addresses of the pages all the same: then it cannot be enabled. */
static void abandoned_range_cannot_be_used(struct kunit *test)
{
	struct holder_kit *k = holder_kit_of(test, holder_room);
	struct lend_hold *hold = lend_alloc(test, k->card, PAGE_SIZE);
	struct resource *window, *res;
	struct p2pmem_region *r;
	struct pci_dev *next;

	holder_abandon(test, k->f, k->card);
	fabric_unplug(k->f, "card");
	r = list_first_entry(&kit_provider(k->card)->regions, struct p2pmem_region, node);
	fabric_unplug(k->f, "dn2");
	fabric_plug(k->f, holder_next);
	window = r->hold.parent;
	KUNIT_EXPECT_NOT_NULL(test, window);
	next = fabric_pdev(k->f, "next");
	KUNIT_EXPECT_NOT_NULL(test, next);
	if (window && next) {
		/* as a hotplug controller does with a window that is too small */
		fabric_unbind(k->f, "next");
		res = &next->resource[2];
		if (res->parent)
			release_resource(res);
		KUNIT_EXPECT_EQ(test, release_resource(&r->hold), 0);
		res->flags &= ~IORESOURCE_UNSET;
		res->start = r->phys;
		res->end = r->phys + r->size - 1;
		KUNIT_EXPECT_EQ(test, request_resource(window, res), 0);
		fabric_bind(k->f, "next");
		KUNIT_EXPECT_NE(test, pci_enable_device(next), 0);
		KUNIT_EXPECT_PTR_EQ_MSG(test, r->hold.parent, window, "it is reserved again");
	}
	lend_free(test, hold);
}

/* Two ranges of a BAR, and then the bridges above them go, too. */
static void abandoned_ranges_are_all_kept(struct kunit *test)
{
	struct pci_dev *card;
	struct fabric *f = holder_two_ranges(test, PCI_P2PMEM_POOL, &card);
	struct resource *window;
	struct p2pmem_provider *p;
	struct p2pmem_region *r;
	struct lend_hold *hold;

	hold = lend_alloc(test, card, PAGE_SIZE);
	p = holder_abandon(test, f, card);
	/* the kernel divides the range of a physical function, and finds nothing in it */
	card->is_virtfn = 1;
	p2pmem_function_removed(card);
	card->is_virtfn = 0;
	list_for_each_entry(r, &p->regions, node)
		KUNIT_EXPECT_NULL_MSG(test, r->hold.parent, "of a virtual function");
	window = card->resource[2].parent;
	fabric_unplug(f, "card");
	list_for_each_entry(r, &p->regions, node)
		KUNIT_EXPECT_PTR_EQ_MSG(test, r->hold.parent, window, "%llx", r->phys);
	fabric_unplug(f, "dn0");
	list_for_each_entry(r, &p->regions, node) {
		KUNIT_EXPECT_NOT_NULL_MSG(test, r->hold.parent, "%llx", r->phys);
		KUNIT_EXPECT_PTR_NE_MSG(test, r->hold.parent, window, "%llx", r->phys);
	}
	fabric_unplug(f, "up");
	list_for_each_entry(r, &p->regions, node)
		KUNIT_EXPECT_NOT_NULL_MSG(test, r->hold.parent, "%llx", r->phys);
	fabric_unplug(f, "rp");
	list_for_each_entry(r, &p->regions, node)
		KUNIT_EXPECT_NULL_MSG(test, r->hold.parent, "%llx: in the host bridge", r->phys);
	lend_free(test, hold);
}

/* Registers have no pages: they reserve no range, even with pooled memory of the same BAR. */
static void abandoned_registers_keep_no_range(struct kunit *test)
{
	struct pci_dev *card;
	struct fabric *f = holder_two_ranges(test, PCI_P2PMEM_REGISTERS, &card);
	struct p2pmem_provider *p;
	struct p2pmem_region *r;
	struct lend_hold *hold;

	hold = lend_alloc(test, card, PAGE_SIZE);
	p = holder_abandon(test, f, card);
	fabric_unplug(f, "card");
	list_for_each_entry(r, &p->regions, node)
		KUNIT_EXPECT_EQ_MSG(test, !!r->hold.parent, r->kind == PCI_P2PMEM_POOL,
				    "of kind %d", r->kind);
	lend_free(test, hold);
}

/* A resume that was requested before, and revocations, do not leave the state. */
static void holder_expect_abandoned(struct kunit *test, struct p2pmem_provider *p)
{
	WRITE_ONCE(p->resume, p->drain);
	KUNIT_EXPECT_FALSE(test, p2pmem_try_resume(p));
	pci_p2pmem_revoke(p->pdev);
	pci_p2pmem_lost(p->pdev);
	KUNIT_EXPECT_EQ(test, READ_ONCE(p->state), P2PMEM_ABANDONED);
	KUNIT_EXPECT_EQ(test, p->resume, 0);
}

/* Killed during the wait: the pages stay for their holder, and the provider stays lost. */
static void killed_unbinding_leaves_the_pages(struct kunit *test)
{
	struct holder_kit *k = holder_kit_of(test, kit_one_switch);
	struct lend_hold *hold = lend_alloc(test, k->card, PAGE_SIZE);
	struct p2pmem_provider *p = kit_provider(k->card);
	struct scatterlist sg;

	lend_die();
	fabric_unbind(k->f, "card");
	lend_live();
	KUNIT_ASSERT_PTR_EQ_MSG(test, kit_provider(k->card), p, "withdrawn with a page in use");
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, holder_destroy_action, k->card));
	KUNIT_EXPECT_TRUE(test, p2pmem_is_abandoned(p));
	sg_init_table(&sg, 1);
	sg_set_page(&sg, virt_to_page(hold->addr), PAGE_SIZE, 0);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(&k->card->dev, &sg, 1, DMA_TO_DEVICE), -ENODEV);
	KUNIT_EXPECT_FALSE_MSG(test, lend_has_group(k->card), "its group still exists");
	KUNIT_EXPECT_TRUE(test, is_pci_p2pmem_page(virt_to_page(hold->addr)));
	KUNIT_ASSERT_EQ(test, 0, fabric_bind(k->f, "card"));
	KUNIT_EXPECT_EQ(test, kit_add(test, k->f, "card", 2, 0, 0, PCI_P2PMEM_POOL), -EBUSY);
	lend_free(test, hold);
	KUNIT_EXPECT_EQ(test, lend_used(k->card), 0);
	KUNIT_EXPECT_EQ(test, kit_add(test, k->f, "card", 2, 0, 0, PCI_P2PMEM_POOL), -EBUSY);
	pci_p2pmem_resume(k->card);
	KUNIT_EXPECT_NULL_MSG(test, pci_p2pmem_alloc(k->card, 1, GFP_KERNEL),
			      "the next driver resumed memory of the previous one");
	holder_expect_abandoned(test, p);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(k->card));
	KUNIT_EXPECT_FALSE(test, lend_has_group(k->card));
	fabric_unbind(k->f, "card");
	KUNIT_EXPECT_PTR_EQ(test, kit_provider(k->card), p);
}

/* card: [0, 2 MiB) is memory of its driver, [2 MiB, 4 MiB) is pooled */
static void holder_lend_driver(struct kunit *test, struct fabric **f, struct pci_dev **card,
			       void **addr)
{
	*f = fabric_build(test, kit_one_switch);
	*card = fabric_pdev(*f, "card");
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, *f, "card", 2, SZ_2M, 0, PCI_P2PMEM_DRIVER));
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, *f, "card", 2, SZ_2M, SZ_2M, PCI_P2PMEM_POOL));
	*addr = pci_p2pmem_region_addr(*card, 2, 0);
	KUNIT_ASSERT_NOT_NULL(test, *addr);
}

static long holder_pins(struct pci_dev *card)
{
	return atomic_long_read(&kit_provider(card)->pins);
}

static void driver_memory_is_not_pooled(struct kunit *test)
{
	struct pci_dev *card;
	struct fabric *f;
	void *addr;

	holder_lend_driver(test, &f, &card, &addr);
	KUNIT_EXPECT_EQ(test, lend_size(card), SZ_2M);
	KUNIT_EXPECT_NULL(test, pci_p2pmem_alloc(card, SZ_2M + 1, GFP_KERNEL));
	KUNIT_EXPECT_TRUE(test, is_pci_p2pmem_page(virt_to_page(addr)));
	lend_free(test, lend_alloc(test, card, SZ_2M));
}

static void pins_are_of_driver_memory_only(struct kunit *test)
{
	struct lend_hold *pooled;
	struct pci_dev *card;
	struct fabric *f;
	void *addr, *ram;

	holder_lend_driver(test, &f, &card, &addr);
	pooled = lend_alloc(test, card, PAGE_SIZE);
	ram = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ram);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_pin(card, addr, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_pin(card, addr + 8, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_pin(card, addr, SZ_2M + 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_pin(card, addr + SZ_1M, SZ_1M + 1), -EINVAL);
	KUNIT_EXPECT_EQ_MSG(test, pci_p2pmem_pin(card, addr, SIZE_MAX), -EINVAL,
			    "more references than possible");
	KUNIT_EXPECT_EQ(test, pci_p2pmem_pin(card, addr, SIZE_MAX - PAGE_SIZE + 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_pin(card, pooled->addr, PAGE_SIZE), -EINVAL);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_pin(card, ram, PAGE_SIZE), -EINVAL);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_pin(fabric_pdev(f, "nic"), addr, PAGE_SIZE), -ENODEV);
	KUNIT_EXPECT_EQ(test, holder_pins(card), 0);

	KUNIT_EXPECT_EQ(test, pci_p2pmem_pin(card, addr, SZ_2M), 0);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_pin(card, addr + SZ_1M, 1), 0);
	KUNIT_EXPECT_EQ(test, holder_pins(card), SZ_2M / PAGE_SIZE + 1);
	pci_p2pmem_unpin(addr, SZ_2M);
	pci_p2pmem_unpin(addr + SZ_1M, 1);
	KUNIT_EXPECT_EQ(test, holder_pins(card), 0);
	KUNIT_EXPECT_EQ(test, lend_used(card), PAGE_SIZE);
}

static void pinned_memory_is_of_its_own_function(struct kunit *test)
{
	static const struct fabric_node two[] = {
		{ .name = "host", .type = FABRIC_HOST },
		{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host" },
		{ .name = "a", .type = FABRIC_ENDPOINT, .parent = "rp",
		  .bar = { [2] = { .size = SZ_2M, .flags = FABRIC_BAR_64 } } },
		{ .name = "b", .type = FABRIC_ENDPOINT, .parent = "rp", .fn = 1,
		  .bar = { [2] = { .size = SZ_2M, .flags = FABRIC_BAR_64 } } },
		{ }
	};
	struct fabric *f = fabric_build(test, two);
	void *addr;

	KUNIT_ASSERT_EQ(test, 0, kit_add(test, f, "a", 2, 0, 0, PCI_P2PMEM_DRIVER));
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, f, "b", 2, 0, 0, PCI_P2PMEM_DRIVER));
	addr = pci_p2pmem_region_addr(fabric_pdev(f, "a"), 2, 0);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_pin(fabric_pdev(f, "b"), addr, PAGE_SIZE), -EINVAL);
	KUNIT_EXPECT_EQ(test, holder_pins(fabric_pdev(f, "a")), 0);
	KUNIT_EXPECT_EQ(test, holder_pins(fabric_pdev(f, "b")), 0);
}

static void pins_keep_their_provider(struct kunit *test)
{
	struct pci_dev *card;
	struct lend_task *t;
	struct page *page;
	struct fabric *f;
	void *addr;

	holder_lend_driver(test, &f, &card, &addr);
	KUNIT_ASSERT_EQ(test, 0, pci_p2pmem_pin(card, addr, 3 * PAGE_SIZE));
	page = virt_to_page(addr + PAGE_SIZE);
	get_page(page);
	t = lend_start(test, lend_revoke, card);
	KUNIT_EXPECT_TRUE(test, lend_wait(kit_provider(card)->state == P2PMEM_DRAINING));
	KUNIT_EXPECT_EQ(test, pci_p2pmem_pin(card, addr, 1), -ENODEV);
	pci_p2pmem_unpin(addr, 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ_MSG(test, holder_pins(card), 1, "a page with a reference was freed");
	msleep(50);
	KUNIT_EXPECT_FALSE(test, lend_is_over(t));
	put_page(page);
	lend_join(test, t);
	KUNIT_EXPECT_EQ(test, holder_pins(card), 0);
	KUNIT_EXPECT_EQ(test, page_ref_count(page), 1);
}

static struct kunit_case holder_cases[] = {
	KUNIT_CASE(unbinding_waits_for_the_last_page),
	KUNIT_CASE(unplugging_waits_for_the_last_page),
	KUNIT_CASE(dead_device_waits_for_the_last_page),
	KUNIT_CASE_SLOW(slow_holder_is_waited_for),
	KUNIT_CASE(abandoned_pages_keep_their_range),
	KUNIT_CASE(abandoned_range_cannot_be_used),
	KUNIT_CASE(abandoned_ranges_are_all_kept),
	KUNIT_CASE(abandoned_registers_keep_no_range),
	KUNIT_CASE(killed_unbinding_leaves_the_pages),
	KUNIT_CASE(driver_memory_is_not_pooled),
	KUNIT_CASE(pins_are_of_driver_memory_only),
	KUNIT_CASE(pinned_memory_is_of_its_own_function),
	KUNIT_CASE(pins_keep_their_provider),
	{ }
};

static struct kunit_suite holder_suite = {
	.name = "p2pmem-holder",
	.test_cases = holder_cases,
};

kunit_test_suite(holder_suite);
