// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: suite p2pmem-grant-map: the mapping belongs to the grant
 *
 * Memory allocated under a grant is mapped as it was granted; other memory is not, and
 * nothing can be allocated for a pair that has changed. The drawing is that of mapkit.c:
 * nic is a client of card, below one switch.
 */
#include <linux/mm.h>
#include <linux/sizes.h>

#include "../pages.h"
#include "mapkit.h"

/*
 * The mapping belongs to the grant: memory in use is mapped as it was granted, although the
 * pair has another mapping now, and only a new grant gets memory for that mapping.
 */
static void path_of_another_kind_needs_a_new_grant(struct kunit *test)
{
	enum pci_p2pmem_reason reason;
	struct mapkit_iommu *iommu;
	struct pci_p2pmem_grant *g;
	struct scatterlist *sgl, *other;
	unsigned int nents, more = 7;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_either, MAPKIT_LOW);
	iommu = mapkit_iommu(test);
	g = mapkit_grant(test, &k);
	sgl = pci_p2pmem_grant_sgl_alloc(g, &nents, SZ_64K, GFP_KERNEL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(sgl));
	mapkit_redirect(k.f, "dn0", true);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, nents, DMA_TO_DEVICE), nents);
	mapkit_expect_bus(test, sgl, nents, k.offset);
	pci_p2pmem_unmap_sg(k.nic, sgl, nents, DMA_TO_DEVICE);
	KUNIT_EXPECT_PTR_EQ(test, ERR_PTR(-EXDEV),
			    pci_p2pmem_grant_sgl_alloc(g, &more, SZ_4K, GFP_KERNEL, &reason));
	KUNIT_EXPECT_EQ_MSG(test, more, 7, "written without a list");
	KUNIT_EXPECT_EQ(test, reason, PCI_P2PMEM_ACS_REDIRECT);

	/* memory without a grant is mapped as the pair is now, and so is that of a new grant */
	g = mapkit_grant(test, &k);
	other = pci_p2pmem_grant_sgl_alloc(g, &nents, SZ_64K, GFP_KERNEL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(other));
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, other, nents, DMA_TO_DEVICE), 1);
	KUNIT_EXPECT_EQ(test, sg_dma_address(other), iommu->map[0].addr);
	mapkit_redirect(k.f, "dn0", false);
	pci_p2pmem_unmap_sg(k.nic, other, nents, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, iommu->undone, 1);
	pci_p2pmem_sgl_free(other);
	pci_p2pmem_sgl_free(sgl);
}

/* A grant does not affect memory that was allocated without it. */
static void a_grant_is_for_its_own_memory(struct kunit *test)
{
	static const struct mapkit_piece page = { 0, PAGE_SIZE };
	struct mapkit_memory *m;
	struct pci_p2pmem_grant *g;
	struct scatterlist *sgl, *mixed, *raw;
	struct page *first;
	void *again;
	unsigned int nents;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	g = mapkit_grant(test, &k);
	sgl = pci_p2pmem_grant_sgl_alloc(g, &nents, PAGE_SIZE, GFP_KERNEL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(sgl));
	m = mapkit_alloc(test, k.card, PAGE_SIZE);
	raw = mapkit_list(test, m->addr, &page, 1);
	mixed = kunit_kcalloc(test, 2, sizeof(*mixed), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mixed);
	sg_init_table(mixed, 2);
	sg_set_buf(&mixed[0], sg_virt(sgl), PAGE_SIZE);
	sg_set_buf(&mixed[1], m->addr, PAGE_SIZE);

	mapkit_redirect(k.f, "dn0", true);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, 1, DMA_TO_DEVICE), 1);
	pci_p2pmem_unmap_sg(k.nic, sgl, 1, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, raw, 1, DMA_TO_DEVICE), -EXDEV);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, mixed, 2, DMA_TO_DEVICE), -EXDEV);
	/* The page is allocated to another user and belongs to no grant any more. */
	first = sg_page(sgl);
	pci_p2pmem_sgl_free(sgl);
	again = pci_p2pmem_alloc(k.card, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, again);
	KUNIT_EXPECT_PTR_EQ_MSG(test, virt_to_page(again), first, "another page tests nothing");
	KUNIT_EXPECT_NULL(test, p2pmem_page_grant(virt_to_page(again)));
	pci_p2pmem_free(again, PAGE_SIZE);
}

/*
 * The holder of a grant may query it after its provider is withdrawn, while pairs are
 * re-evaluated: it returns earlier values, or that there is nothing, and reads no freed
 * memory.
 */
static void a_grant_outlives_its_provider(struct kunit *test)
{
	struct pci_p2pmem_verdict v;
	struct pci_p2pmem_grant *g;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	g = mapkit_grant(test, &k);
	fabric_unbind(k.f, "card");
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_grant_usable(g));
	k.nic->bus_dma_limit = DMA_BIT_MASK(20);
	KUNIT_EXPECT_EQ(test, p2pmem_policy_set("+fab0:1000"), 0);
	kit_reevaluate();
	pci_p2pmem_grant_verdict(g, &v);
	fabric_unplug(k.f, "card");
	flush_workqueue(p2pmem_wq);
	pci_p2pmem_grant_verdict(g, &v);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_grant_idle(g));
	k.nic->bus_dma_limit = 0;
	p2pmem_policy_reset();
}

/* Of several clients, the reported one is the one that has changed. */
static void the_reason_is_that_of_the_pair_that_changed(struct kunit *test)
{
	enum pci_p2pmem_reason reason = PCI_P2PMEM_OK;
	struct pci_p2pmem_verdict v;
	struct pci_p2pmem_grant *g;
	struct device *clients[2];
	unsigned int nents;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	clients[0] = k.nic;
	clients[1] = kit_client(test, k.f, "card2");
	g = pci_p2pmem_grant_create(k.card, clients, 2, KTIME_MAX, NULL, NULL, "kunit",
				    &v);
	KUNIT_ASSERT_FALSE(test, IS_ERR(g));
	mapkit_redirect(k.f, "dn2", true);
	pci_p2pmem_verdict(k.card, k.nic, 0, &v);
	KUNIT_EXPECT_EQ_MSG(test, v.reason, PCI_P2PMEM_OK, "the first client is not refused");
	KUNIT_EXPECT_PTR_EQ(test, ERR_PTR(-EXDEV),
			    pci_p2pmem_grant_sgl_alloc(g, &nents, SZ_4K, GFP_KERNEL, &reason));
	KUNIT_EXPECT_EQ(test, reason, PCI_P2PMEM_ACS_REDIRECT);
	pci_p2pmem_grant_verdict(g, &v);
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_ACS_REDIRECT);
	pci_p2pmem_grant_end(g);
}

/* Mapping reads what the pair has, and never configuration space, also after hotplug. */
static void mapping_reads_no_configuration_space(struct kunit *test)
{
	struct mapkit_piece piece = { 0, SZ_4K };
	struct pci_p2pmem_mapping_region map;
	struct scatterlist *sgl;
	unsigned long before;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	sgl = mapkit_list(test, mapkit_alloc(test, k.card, SZ_4K)->addr, &piece, 1);
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, k.f, "card", 0, 0, 0, PCI_P2PMEM_REGISTERS));
	p2pmem_pairs_hotplug_event();
	flush_workqueue(p2pmem_wq);
	before = fabric_config_reads(k.f);
	KUNIT_EXPECT_GT_MSG(test, before, 0, "no read is counted");
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, 1, DMA_TO_DEVICE), 1);
	pci_p2pmem_unmap_sg(k.nic, sgl, 1, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, 0, pci_p2pmem_map_region(k.nic, k.card, 0, 0, SZ_4K,
						       DMA_TO_DEVICE, &map));
	pci_p2pmem_unmap_region(k.nic, &map);
	KUNIT_EXPECT_EQ(test, fabric_config_reads(k.f), before);
	kit_reevaluate();
	KUNIT_EXPECT_GT_MSG(test, fabric_config_reads(k.f), before, "an evaluation reads it");
}

static bool has_counters(struct pci_dev *card, struct device *client)
{
	struct p2pmem_pair *pair;

	guard(rcu)();
	pair = p2pmem_pair_find(kit_provider(card), client);
	return pair && pair->count;
}

/* Counters for each CPU are allocated with the first verdict that allows the pair. */
static void refused_pair_has_no_counters(struct kunit *test)
{
	struct device *other;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	KUNIT_EXPECT_TRUE(test, has_counters(k.card, k.nic));
	mapkit_redirect(k.f, "dn2", true);
	other = kit_client(test, k.f, "card2");
	kit_reevaluate();
	KUNIT_EXPECT_FALSE(test, has_counters(k.card, other));
	mapkit_redirect(k.f, "dn2", false);
	KUNIT_EXPECT_TRUE(test, has_counters(k.card, other));
}

static struct kunit_case grant_map_cases[] = {
	KUNIT_CASE(mapping_reads_no_configuration_space),
	KUNIT_CASE(refused_pair_has_no_counters),
	KUNIT_CASE(the_reason_is_that_of_the_pair_that_changed),
	KUNIT_CASE(path_of_another_kind_needs_a_new_grant),
	KUNIT_CASE(a_grant_is_for_its_own_memory),
	KUNIT_CASE(a_grant_outlives_its_provider),
	{ }
};

static struct kunit_suite grant_map_suite = {
	.name = "p2pmem-grant-map",
	.test_cases = grant_map_cases,
};

kunit_test_suite(grant_map_suite);
