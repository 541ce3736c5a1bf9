// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: races of all operations
 *
 * Allocation, mapping, policy, registration, revocation, loss and hot removal on
 * several CPUs. During the race no page has two owners (owners are recorded, and also
 * written to the page if BARs are backed by memory); afterwards all mappings are
 * undone, all memory is free, and no stale pair exists.
 *
 * Races of two particular operations are in race_end_kunit.c.
 */
#include <linux/io.h>
#include <linux/namei.h>

#include "../p2pdma.h"
#include "kit.h"
#include "race.h"

#define RACE_BYTES	SZ_4M		/* size of the card's memory */
#define RACE_PAGES	(RACE_BYTES / PAGE_SIZE)
#define RACE_HAND	8		/* most runs that one worker has at a time */

/*
 *	host -- rp -- up -+- dn -- card	lends 4 MiB
 *			  +- dn -- nic	client
 *			  `- dn -- drive	client
 */

/**
 * struct race_field - objects used by a crew
 * @f: the hierarchy
 * @card: provider
 * @nic: client
 * @drive: client
 * @base: kernel address of the first page
 * @backed: data written to a page can be read again
 * @owner: owner of each page; 0: none
 * @lossy: memory may be revoked or lost while it is in use
 * @sysfs: sysfs is mounted; it is not if built-in suites run at boot
 */
struct race_field {
	struct fabric *f;
	struct pci_dev *card;
	struct device *nic;
	struct device *drive;
	void *base;
	bool backed;
	atomic_t owner[RACE_PAGES];
	bool lossy;
	bool sysfs;
};

static struct race_field *race_field(struct kunit *test)
{
	struct race_field *field = kunit_kzalloc(test, sizeof(*field), GFP_KERNEL);
	struct path path;

	KUNIT_ASSERT_NOT_NULL(test, field);
	field->f = fabric_build(test, kit_one_switch);
	field->card = kit_lend(test, field->f, "card");
	field->nic = &fabric_pdev(field->f, "nic")->dev;
	field->drive = &fabric_pdev(field->f, "drive")->dev;
	field->base = pci_p2pmem_region_addr(field->card, 2, 0);
	field->sysfs = !kern_path("/sys/bus/pci", LOOKUP_FOLLOW, &path);
	if (field->sysfs)
		path_put(&path);
	KUNIT_ASSERT_NOT_NULL(test, field->base);
	writel(0x5a5aa5a5, (void __iomem __force *)field->base);
	field->backed = readl((void __iomem __force *)field->base) == 0x5a5aa5a5;
	return field;
}

/* All memory is free, and all mappings are undone */
static void race_settled(struct kunit *test, struct race_field *field)
{
	struct p2pmem_provider *p = kit_provider(field->card);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, p2pmem_pool_size(p->pool), RACE_BYTES);
	KUNIT_EXPECT_EQ_MSG(test, p2pmem_pool_available(p->pool), RACE_BYTES,
			    "memory was not freed");
	KUNIT_EXPECT_EQ(test, atomic_long_read(&p->pins), 0);
	KUNIT_EXPECT_EQ_MSG(test, kit_balance(field->card, field->nic), 0, "mappings of the nic");
	KUNIT_EXPECT_EQ_MSG(test, kit_balance(field->card, field->drive), 0,
			    "mappings of the drive");
}

/* Record that the worker owns these pages, or (@own false) no longer does. */
static void race_stamp(struct race_worker *w, struct race_field *field, void *addr,
		       size_t size, bool own)
{
	size_t at = addr - field->base;
	int id = w->nr + 1, was;
	void __iomem *word;

	if (at >= RACE_BYTES || size > RACE_BYTES - at || !PAGE_ALIGNED(at)) {
		race_wrong(w->crew,
			   "got %zu bytes at %zu, outside of the registered range", size, at);
		return;
	}
	for (; size; size -= min(size, PAGE_SIZE), at += PAGE_SIZE) {
		word = (void __iomem __force *)(field->base + at);
		if (own) {
			was = atomic_cmpxchg(&field->owner[at / PAGE_SIZE], 0, id);
			RACE_EXPECT(w, !was,
				    "page %zu allocated to worker %d while worker %d owns it",
				    at / PAGE_SIZE, id, was);
			writel(id << 16 | (at / PAGE_SIZE), word);
			continue;
		}
		RACE_EXPECT(w, !field->backed || readl(word) == (id << 16 | (at / PAGE_SIZE)),
			    "worker %d finds %#x in its page %zu", id, readl(word),
			    at / PAGE_SIZE);
		was = atomic_xchg(&field->owner[at / PAGE_SIZE], 0);
		RACE_EXPECT(w, was == id, "page %zu of worker %d is worker %d's",
			    at / PAGE_SIZE, id, was);
	}
}

/**
 * struct race_hand - runs of a worker
 * @field: the field
 * @addr: addresses
 * @size: bytes of each, 0: none
 */
struct race_hand {
	struct race_field *field;
	void *addr[RACE_HAND];
	size_t size[RACE_HAND];
};

static void race_drop(struct race_worker *w, struct race_hand *hand, int slot)
{
	if (!hand->size[slot])
		return;
	race_stamp(w, hand->field, hand->addr[slot], hand->size[slot], false);
	pci_p2pmem_free(hand->addr[slot], hand->size[slot]);
	hand->size[slot] = 0;
}

/* Allocates or frees a run */
static void race_alloc_step(struct race_worker *w, unsigned int i)
{
	struct race_hand *hand = w->arg;
	int slot = race_below(w, RACE_HAND);
	size_t size;
	void *addr;

	if (hand->size[slot]) {
		race_drop(w, hand, slot);
	} else {
		size = 1 + race_below(w, 8 * PAGE_SIZE);
		addr = pci_p2pmem_alloc(hand->field->card, size, GFP_KERNEL);
		RACE_EXPECT(w, addr, "cannot allocate %zu bytes although few are in use", size);
		if (addr) {
			hand->addr[slot] = addr;
			hand->size[slot] = size;
			race_stamp(w, hand->field, addr, size, true);
		}
	}
	if (i + 1 == w->rounds)
		for (slot = 0; slot < RACE_HAND; slot++)
			race_drop(w, hand, slot);
}

/* No page is allocated twice while several workers allocate and free. */
static void no_page_is_handed_out_twice(struct kunit *test)
{
	struct race_field *field = race_field(test);
	struct race_crew *crew = race_crew(test);
	struct race_hand *hand;
	int i;

	for (i = 0; i < 4; i++) {
		hand = kunit_kzalloc(test, sizeof(*hand), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, hand);
		hand->field = field;
		race_add(crew, race_alloc_step, hand, 2000);
	}
	race_run(crew);
	race_settled(test, field);
}

/* Allocates a list, maps it for one of the clients, unmaps and frees it */
static void race_list_step(struct race_worker *w, unsigned int i)
{
	struct race_field *field = w->arg;
	struct device *client = race_below(w, 2) ? field->nic : field->drive;
	enum dma_data_direction dir = race_below(w, 2) ? DMA_TO_DEVICE : DMA_FROM_DEVICE;
	u32 length = 1 + race_below(w, SZ_64K);
	struct scatterlist *sgl, *sg;
	unsigned int nents, n;
	int ret;

	sgl = pci_p2pmem_sgl_alloc(field->card, &nents, length, GFP_KERNEL);
	RACE_EXPECT(w, sgl || field->lossy, "no list of %u bytes", length);
	if (!sgl)
		return;
	for_each_sg(sgl, sg, nents, n)
		race_stamp(w, field, sg_virt(sg), sg->length, true);

	ret = pci_p2pmem_map_sg(client, sgl, nents, dir);
	RACE_EXPECT(w, ret == nents || (field->lossy && ret == -ENODEV),
		    "%u entries were mapped as %d", nents, ret);
	race_dawdle(&w->rnd, 50);
	if (ret > 0) {
		for_each_sg(sgl, sg, nents, n)
			RACE_EXPECT(w, sg_dma_address(sg) ==
				    pci_p2pmem_bus_addr(sg_virt(sg)),
				    "entry %u has %pad", n, &sg_dma_address(sg));
		pci_p2pmem_unmap_sg(client, sgl, nents, dir);
	}

	for_each_sg(sgl, sg, nents, n)
		race_stamp(w, field, sg_virt(sg), sg->length, false);
	pci_p2pmem_sgl_free(sgl);
}

/* Maps a window without pages */
static void race_region_step(struct race_worker *w, unsigned int i)
{
	struct race_field *field = w->arg;
	struct pci_p2pmem_mapping_region map;
	u64 offset = race_below(w, RACE_PAGES) * PAGE_SIZE;
	int ret;

	ret = pci_p2pmem_map_region(field->nic, field->card, 2, offset, PAGE_SIZE,
				    DMA_BIDIRECTIONAL, &map);
	RACE_EXPECT(w, !ret || (field->lossy && ret == -ENODEV), "a window: %d", ret);
	if (ret)
		return;
	RACE_EXPECT(w, map.dma_addr == pci_bus_address(field->card, 2) + offset,
		    "the window is at %pad", &map.dma_addr);
	race_dawdle(&w->rnd, 20);
	pci_p2pmem_unmap_region(field->nic, &map);
}

static void race_read_step(struct race_worker *w, struct race_field *field)
{
	long value;

	if (!field->sysfs)
		return;
	value = race_sysfs(field->card, "size");
	RACE_EXPECT(w, value == RACE_BYTES, "size in sysfs is %ld bytes", value);
	value = race_sysfs(field->card, "available");
	RACE_EXPECT(w, value >= 0 && value <= RACE_BYTES && !(value % PAGE_SIZE),
		    "available in sysfs is %ld bytes", value);
	value = race_sysfs(field->card, "published");
	RACE_EXPECT(w, value == 1 || (field->lossy && !value), "published in sysfs is %ld",
		    value);
}

/* Changes the policy, reads sysfs, and searches for a provider */
static void race_watch_step(struct race_worker *w, unsigned int i)
{
	struct race_field *field = w->arg;
	struct device *clients[] = { field->nic, field->drive };
	struct pci_p2pmem_verdict v;
	struct pci_dev *found;

	kit_reevaluate();
	race_read_step(w, field);
	pci_p2pmem_verdict(field->card, field->nic, 0, &v);
	RACE_EXPECT(w, !v.reason || (field->lossy && v.reason == PCI_P2PMEM_REVOKED),
		    "a verdict of reason %d", v.reason);
	found = pci_p2pmem_find_provider(clients, ARRAY_SIZE(clients));
	RACE_EXPECT(w, found == field->card || (field->lossy && !found), "found %s",
		    found ? pci_name(found) : "nothing");
	pci_dev_put(found);
}

/* Continuous changes of the policy do not affect mappings. */
static void policy_changes_under_mappings(struct kunit *test)
{
	struct race_field *field = race_field(test);
	struct race_crew *crew = race_crew(test);
	int i;

	kit_client(test, field->f, "nic");
	kit_client(test, field->f, "drive");
	for (i = 0; i < 3; i++)
		race_add(crew, race_list_step, field, 700);
	race_add(crew, race_region_step, field, 1500);
	race_add(crew, race_watch_step, field, 0);
	race_run(crew);
	race_settled(test, field);
}

/* Operations of the card's driver and of the slot */
static void race_state_step(struct race_worker *w, unsigned int i)
{
	struct race_field *field = w->arg;

	switch (race_below(w, 6)) {
	case 0:
		pci_p2pmem_revoke(field->card);
		break;
	case 1:
		pci_p2pmem_lost(field->card);
		break;
	case 2:
		pci_p2pmem_set_published(field->card, i % 2);
		break;
	default:
		pci_p2pmem_resume(field->card);
	}
	race_dawdle(&w->rnd, 2000);
}

/* Revocations and resumes under load: no thread hangs, and no memory is leaked. */
static void revoked_lost_and_resumed_under_load(struct kunit *test)
{
	struct race_field *field = race_field(test);
	struct p2pmem_provider *p = kit_provider(field->card);
	struct race_crew *crew = race_crew(test);
	struct pci_p2pmem_verdict v;
	unsigned int i;

	field->lossy = true;
	kit_client(test, field->f, "nic");
	kit_client(test, field->f, "drive");
	for (i = 0; i < 2; i++) {
		race_add(crew, race_list_step, field, 0);
		race_add(crew, race_state_step, field, 12);
	}
	race_add(crew, race_region_step, field, 0);
	race_add(crew, race_watch_step, field, 0);
	race_run(crew);

	race_settled(test, field);
	pci_p2pmem_lost(field->card);
	pci_p2pmem_resume(field->card);
	KUNIT_EXPECT_TRUE_MSG(test, p2pmem_is_live(p), "it is not live again");
	pci_p2pmem_set_published(field->card, true);
	/* Perhaps no worker used one of the pairs. */
	pci_p2pmem_verdict(field->card, field->nic, 0, &v);
	pci_p2pmem_verdict(field->card, field->drive, 0, &v);
	flush_workqueue(p2pmem_wq);
	KUNIT_EXPECT_EQ_MSG(test, kref_read(&p->ref), 3,
			    "referenced by more than the register and two pairs");
}

/* Two drivers register and unregister one DMA device, for example two ports of an adapter */
static void race_client_step(struct race_worker *w, unsigned int i)
{
	struct race_field *field = w->arg;
	struct pci_p2pmem_client *client;
	struct scatterlist *sgl;
	unsigned int nents;
	int ret;

	client = pci_p2pmem_register_client(field->nic, NULL, NULL);
	if (IS_ERR(client)) {
		race_wrong(w->crew, "not registered: %ld", PTR_ERR(client));
		return;
	}
	sgl = pci_p2pmem_sgl_alloc(field->card, &nents, PAGE_SIZE, GFP_KERNEL);
	RACE_EXPECT(w, sgl, "no list of a page");
	if (sgl) {
		ret = pci_p2pmem_map_sg(field->nic, sgl, nents, DMA_TO_DEVICE);
		RACE_EXPECT(w, ret == 1, "a client's mapping: %d", ret);
		race_dawdle(&w->rnd, 100);
		RACE_EXPECT(w, kit_pair_exists(kit_provider(field->card), field->nic),
			    "the pair is dropped while it is mapped");
		if (ret > 0)
			pci_p2pmem_unmap_sg(field->nic, sgl, nents, DMA_TO_DEVICE);
		pci_p2pmem_sgl_free(sgl);
	}
	pci_p2pmem_unregister_client(client);
	race_dawdle(&w->rnd, 100);
}

static void registrations_of_one_device_change(struct kunit *test)
{
	struct race_field *field = race_field(test);
	struct p2pmem_provider *p = kit_provider(field->card);
	struct race_crew *crew = race_crew(test);
	int i;

	for (i = 0; i < 4; i++)
		race_add(crew, race_client_step, field, 150);
	race_run(crew);
	race_settled(test, field);
	KUNIT_EXPECT_FALSE(test, p2pmem_is_client(field->nic));
	KUNIT_EXPECT_FALSE_MSG(test, kit_pair_exists(p, field->nic),
			       "the pair still exists");
}

/* Uses any provider that exists */
static void race_guest_step(struct race_worker *w, unsigned int i)
{
	struct race_field *field = w->arg;
	struct pci_dev *card = pci_p2pmem_find_provider(&field->nic, 1);
	struct scatterlist *sgl;
	unsigned int nents;
	int ret;

	if (!card)
		return;
	sgl = pci_p2pmem_sgl_alloc(card, &nents, 1 + race_below(w, SZ_32K), GFP_KERNEL);
	if (sgl) {
		ret = pci_p2pmem_map_sg(field->nic, sgl, nents, DMA_FROM_DEVICE);
		RACE_EXPECT(w, ret == nents || ret == -ENODEV, "mapped as %d", ret);
		race_dawdle(&w->rnd, 200);
		if (ret > 0)
			pci_p2pmem_unmap_sg(field->nic, sgl, nents, DMA_FROM_DEVICE);
		pci_p2pmem_sgl_free(sgl);
	}
	race_sysfs(card, "available");
	pci_p2pmem_is_lent(card, 2, 0, 0);
	pci_dev_put(card);
}

/* The card of kit_one_switch */
static const struct fabric_node race_card[] = {
	{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "dn0",
	  .bar = { [2] = { .size = RACE_BYTES, .flags = FABRIC_BAR_64 } } },
	{ }
};

static void the_card_is_pulled_and_plugged(struct kunit *test)
{
	struct race_field *field = race_field(test);
	struct race_crew *crew = race_crew(test);
	int i;

	kit_client(test, field->f, "nic");
	for (i = 0; i < 3; i++)
		race_add(crew, race_guest_step, field, 0);
	race_begin(crew);
	for (i = 0; i < 4; i++) {
		fabric_unplug(field->f, "card");
		KUNIT_EXPECT_NULL(test, fabric_pdev(field->f, "card"));
		fabric_plug(field->f, race_card);
		field->card = kit_lend(test, field->f, "card");
	}
	race_end(crew);
	race_settled(test, field);
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE(no_page_is_handed_out_twice),
	KUNIT_CASE(policy_changes_under_mappings),
	KUNIT_CASE(revoked_lost_and_resumed_under_load),
	KUNIT_CASE(registrations_of_one_device_change),
	KUNIT_CASE(the_card_is_pulled_and_plugged),
	{}
};

static struct kunit_suite race_suite = {
	.name = "p2pmem-race",
	.test_cases = race_cases,
};

kunit_test_suite(race_suite);
