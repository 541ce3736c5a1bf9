// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: suite p2pmem-map-undo: unmapping undoes exactly what mapping did
 *
 * This must hold after changes of ACS, of the client's mask and registrations, and of the
 * provider's state. It is checked by an IOMMU that fails the test on an unmap without a
 * mapping, and by the balance of the pair.
 */
#include "mapkit.h"

/*
 * All cases (mapkit_either) with a host bridge that forwards. If dn0 redirects, the path
 * from nic to card leads through the host bridge, otherwise it is by bus address.
 *
 *	host -- rp -- up -+- dn0 -- card   lends BAR 2
 *	                  `- dn1 -- nic    client
 */
struct world {
	struct mapkit k;
	struct mapkit_iommu *iommu;
	struct mapkit_memory *m;
	struct scatterlist *sgl;
};

#define NENTS	3	/* the last two are adjacent */

static void build(struct kunit *test, struct world *w)
{
	static const struct mapkit_piece pieces[NENTS] = {
		{ SZ_1M, SZ_64K }, { 0, SZ_4K }, { SZ_4K, SZ_4K },
	};

	mapkit_build(test, &w->k, mapkit_either, MAPKIT_HIGH);
	w->iommu = mapkit_iommu(test);
	w->m = mapkit_alloc(test, w->k.card, SZ_2M);
	w->sgl = mapkit_list(test, w->m->addr, pieces, NENTS);
}

static int map(struct world *w)
{
	return pci_p2pmem_map_sg(w->k.nic, w->sgl, NENTS, DMA_FROM_DEVICE);
}

static void unmap(struct world *w)
{
	pci_p2pmem_unmap_sg(w->k.nic, w->sgl, NENTS, DMA_FROM_DEVICE);
}

static void bus_addresses_after_acs_was_set(struct kunit *test)
{
	struct world w;

	build(test, &w);
	KUNIT_ASSERT_EQ(test, map(&w), NENTS);
	mapkit_expect_bus(test, w.sgl, NENTS, w.k.offset);
	mapkit_redirect(w.k.f, "dn0", true);
	unmap(&w);
	KUNIT_EXPECT_EQ(test, w.iommu->calls, 0);
	KUNIT_EXPECT_EQ(test, w.iommu->undone, 0);

	/* The same list is mapped in the other way now, and its marks are removed. */
	KUNIT_ASSERT_EQ(test, map(&w), 2);
	KUNIT_EXPECT_EQ(test, w.iommu->nr, 2);
	KUNIT_EXPECT_FALSE(test, sg_dma_is_bus_address(&w.sgl[0]));
	KUNIT_EXPECT_FALSE(test, sg_dma_is_bus_address(&w.sgl[1]));
	KUNIT_EXPECT_EQ(test, sg_dma_address(&w.sgl[0]), w.iommu->map[0].addr);
	unmap(&w);
	KUNIT_EXPECT_EQ(test, w.iommu->undone, 2);
	mapkit_expect_count(test, w.k.card, w.k.nic, 2, 2, 0);
}

static void host_bridge_after_acs_was_cleared(struct kunit *test)
{
	struct world w;

	build(test, &w);
	mapkit_redirect(w.k.f, "dn0", true);
	KUNIT_ASSERT_EQ(test, map(&w), 2);
	KUNIT_EXPECT_EQ(test, w.iommu->nr, 2);
	mapkit_redirect(w.k.f, "dn0", false);
	unmap(&w);
	KUNIT_EXPECT_EQ(test, w.iommu->nr, 0);
	KUNIT_EXPECT_EQ(test, w.iommu->undone, 2);

	KUNIT_ASSERT_EQ(test, map(&w), NENTS);
	mapkit_expect_bus(test, w.sgl, NENTS, w.k.offset);
	unmap(&w);
	KUNIT_EXPECT_EQ(test, w.iommu->calls, 2);
	mapkit_expect_count(test, w.k.card, w.k.nic, 2, 2, 0);
}

/* Two lists are mapped at once, one of each kind, and are undone in either order. */
static void both_kinds_at_once(struct kunit *test)
{
	static const struct mapkit_piece page = { SZ_512K, SZ_4K };
	struct scatterlist *bus;
	struct world w;
	int order;

	build(test, &w);
	bus = mapkit_list(test, w.m->addr, &page, 1);
	for (order = 0; order < 2; order++) {
		mapkit_redirect(w.k.f, "dn0", false);
		KUNIT_ASSERT_EQ(test, 1, pci_p2pmem_map_sg(w.k.nic, bus, 1, DMA_TO_DEVICE));
		mapkit_redirect(w.k.f, "dn0", true);
		KUNIT_ASSERT_EQ(test, map(&w), 2);
		if (order)
			unmap(&w);
		pci_p2pmem_unmap_sg(w.k.nic, bus, 1, DMA_TO_DEVICE);
		KUNIT_EXPECT_EQ(test, w.iommu->nr, order ? 0 : 2);
		if (!order)
			unmap(&w);
		KUNIT_EXPECT_EQ(test, w.iommu->nr, 0);
	}
	mapkit_expect_count(test, w.k.card, w.k.nic, 4, 4, 0);
}

/* The card's driver reports a loss: no list can be mapped, all are undone. */
static void after_the_provider_was_lost(struct kunit *test)
{
	struct world w;
	bool redirect = false;

	do {
		build(test, &w);
		mapkit_redirect(w.k.f, "dn0", redirect);
		KUNIT_ASSERT_EQ(test, map(&w), redirect ? 2 : NENTS);
		pci_p2pmem_lost(w.k.card);
		unmap(&w);
		KUNIT_EXPECT_EQ(test, w.iommu->undone, redirect ? 2 : 0);
		mapkit_scrub(w.sgl, NENTS);
		KUNIT_EXPECT_EQ(test, map(&w), -ENODEV);
		mapkit_expect_untouched(test, w.sgl, NENTS);
		mapkit_expect_count(test, w.k.card, w.k.nic, 1, 1, 1);
		mapkit_free(w.m);
		mapkit_settle();
		fabric_destroy(w.k.f);
		redirect = !redirect;
	} while (redirect);
}

/* While a revocation waits, memory in use can be mapped: transfers need it to complete. */
static void while_the_provider_drains(struct kunit *test)
{
	struct mapkit_revoke *r;
	struct world w;
	void *more;

	build(test, &w);
	KUNIT_ASSERT_EQ(test, map(&w), NENTS);
	r = mapkit_revoke(test, w.k.card);
	unmap(&w);
	KUNIT_EXPECT_EQ(test, map(&w), NENTS);
	mapkit_redirect(w.k.f, "dn0", true);
	unmap(&w);
	KUNIT_EXPECT_EQ(test, map(&w), 2);
	unmap(&w);
	KUNIT_EXPECT_EQ(test, w.iommu->undone, 2);
	more = pci_p2pmem_alloc(w.k.card, SZ_4K, GFP_KERNEL);
	KUNIT_EXPECT_NULL(test, more);
	KUNIT_EXPECT_FALSE(test, mapkit_revoked(r));
	mapkit_free(w.m);
	mapkit_revoke_join(test, r);
	mapkit_expect_count(test, w.k.card, w.k.nic, 3, 3, 0);
}

static void after_the_mask_was_lowered(struct kunit *test)
{
	struct world w;

	build(test, &w);
	mapkit_redirect(w.k.f, "dn0", true);
	KUNIT_ASSERT_EQ(test, map(&w), 2);
	mapkit_redirect(w.k.f, "dn0", false);
	KUNIT_ASSERT_EQ(test, 0, dma_set_mask(w.k.nic, DMA_BIT_MASK(32)));
	unmap(&w);
	KUNIT_EXPECT_EQ(test, w.iommu->undone, 2);
	KUNIT_EXPECT_EQ(test, map(&w), -EXDEV);
	mapkit_expect_count(test, w.k.card, w.k.nic, 1, 1, 1);
}

/* One of two registrations ends: the pair stays, and with it its balance. */
static void after_one_of_two_registrations_ended(struct kunit *test)
{
	struct pci_p2pmem_client *second;
	struct world w;

	build(test, &w);
	second = pci_p2pmem_register_client(w.k.nic, NULL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(second));
	KUNIT_ASSERT_EQ(test, map(&w), NENTS);
	pci_p2pmem_unregister_client(second);
	mapkit_expect_count(test, w.k.card, w.k.nic, 1, 0, 0);
	unmap(&w);
	mapkit_expect_count(test, w.k.card, w.k.nic, 1, 1, 0);
	KUNIT_EXPECT_EQ(test, map(&w), NENTS);
	unmap(&w);
}

/*
 * Without a host bridge that forwards, ACS leaves no path: nothing new can be mapped, but
 * existing mappings are undone.
 *
 *	host -- rp -- up -+- dn0 -- card
 *	                  `- dn1 -- nic
 */
static void after_the_path_was_refused(struct kunit *test)
{
	static const struct mapkit_piece page = { 0, SZ_4K };
	struct pci_p2pmem_verdict v;
	struct scatterlist *sgl;
	struct mapkit_memory *m;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	m = mapkit_alloc(test, k.card, SZ_4K);
	sgl = mapkit_list(test, m->addr, &page, 1);
	KUNIT_ASSERT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, 1, DMA_TO_DEVICE), 1);
	mapkit_redirect(k.f, "dn1", true);
	pci_p2pmem_unmap_sg(k.nic, sgl, 1, DMA_TO_DEVICE);
	mapkit_scrub(sgl, 1);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, 1, DMA_TO_DEVICE), -EXDEV);
	mapkit_expect_untouched(test, sgl, 1);
	pci_p2pmem_verdict(k.card, k.nic, 0, &v);
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_ACS_REDIRECT);
	mapkit_expect_count(test, k.card, k.nic, 1, 1, 1);
	mapkit_redirect(k.f, "dn1", false);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, 1, DMA_TO_DEVICE), 1);
	pci_p2pmem_unmap_sg(k.nic, sgl, 1, DMA_TO_DEVICE);
	mapkit_expect_count(test, k.card, k.nic, 2, 2, 1);
}

/*
 * A verdict changes from a refusal to success between two reads by one mapping: the mapping
 * is refused, not counted as mapped, and the next one succeeds. The test itself changes
 * the entry of the pair as another CPU would.
 */
static void path_restored_a_moment_ago(struct kunit *test)
{
	struct p2pmem_pair *path;
	struct world w;

	build(test, &w);
	KUNIT_ASSERT_EQ(test, map(&w), NENTS);
	unmap(&w);
	scoped_guard(rcu) {
		path = p2pmem_pair_find(kit_provider(w.k.card), w.k.nic);
		WRITE_ONCE(path->mapping, PCI_P2PMEM_MAP_NONE);
	}
	mapkit_scrub(w.sgl, NENTS);
	KUNIT_EXPECT_EQ(test, map(&w), -EXDEV);
	mapkit_expect_untouched(test, w.sgl, NENTS);
	kit_reevaluate();
	KUNIT_EXPECT_EQ(test, map(&w), NENTS);
	unmap(&w);
	mapkit_expect_count(test, w.k.card, w.k.nic, 2, 2, 1);
}

/* An entry without a mapping: a driver may use it for RAM next. */
static void expect_fresh(struct kunit *test, struct world *w, const char *when)
{
	int i;

	for (i = 0; i < NENTS; i++) {
		KUNIT_EXPECT_FALSE_MSG(test, sg_dma_is_bus_address(&w->sgl[i]),
				       "%s: entry %d is marked", when, i);
		KUNIT_EXPECT_EQ_MSG(test, (u64)sg_dma_address(&w->sgl[i]), 0ULL,
				    "%s: address of entry %d", when, i);
		KUNIT_EXPECT_EQ_MSG(test, sg_dma_len(&w->sgl[i]), 0, "%s: length of entry %d",
				    when, i);
		sg_dma_address(&w->sgl[i]) = 0;
		sg_dma_len(&w->sgl[i]) = 0;
	}
}

static void nothing_is_left_in_the_list(struct kunit *test)
{
	struct scatterlist *sg;
	struct world w;
	int i;

	build(test, &w);
	for_each_sg(w.sgl, sg, NENTS, i)
		sg_dma_address(sg) = sg_dma_len(sg) = 0;
	KUNIT_ASSERT_EQ(test, map(&w), NENTS);
	unmap(&w);
	expect_fresh(test, &w, "by bus address");
	/* the limit is in the middle of the list */
	w.k.nic->bus_dma_limit = pci_resource_start(w.k.card, 2) - w.k.offset +
				 (w.m->addr - w.k.base) + SZ_64K;
	KUNIT_EXPECT_EQ(test, map(&w), -EXDEV);
	expect_fresh(test, &w, "beyond the limit");
	w.k.nic->bus_dma_limit = 0;
	mapkit_redirect(w.k.f, "dn0", true);
	KUNIT_ASSERT_EQ(test, map(&w), 2);
	unmap(&w);
	expect_fresh(test, &w, "through the host bridge");
	/* the second of two runs does not fit */
	w.iommu->fail_at = w.iommu->calls + 2;
	KUNIT_EXPECT_EQ(test, map(&w), -EIO);
	w.iommu->fail_at = 0;
	expect_fresh(test, &w, "the IOMMU failed half way");
}

static struct kunit_case map_undo_cases[] = {
	KUNIT_CASE(bus_addresses_after_acs_was_set),
	KUNIT_CASE(host_bridge_after_acs_was_cleared),
	KUNIT_CASE(both_kinds_at_once),
	KUNIT_CASE(after_the_provider_was_lost),
	KUNIT_CASE(while_the_provider_drains),
	KUNIT_CASE(after_the_mask_was_lowered),
	KUNIT_CASE(after_one_of_two_registrations_ended),
	KUNIT_CASE(after_the_path_was_refused),
	KUNIT_CASE(path_restored_a_moment_ago),
	KUNIT_CASE(nothing_is_left_in_the_list),
	{ }
};

static struct kunit_suite map_undo_suite = {
	.name = "p2pmem-map-undo",
	.test_cases = map_undo_cases,
};

kunit_test_suite(map_undo_suite);
