// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: suite p2pmem-map-host: scatterlists through a host bridge
 *
 * There the client uses addresses from dma_map_resource(): physical ones, or those of an
 * IOMMU. Adjacent entries become one mapping within the limits of the client's segments.
 */
#include <linux/dma-direct.h>

#include "mapkit.h"

/*
 * All cases (mapkit_host), with a host bridge that forwards:
 *
 *	host -+- rp0 -- card    lends BAR 2
 *	      +- rp1 -- nic     client
 *	      `- rp2 -- card2
 */
struct world {
	struct mapkit k;
	struct mapkit_iommu *iommu;
	struct mapkit_memory *m;
	phys_addr_t phys;
};

static void build(struct kunit *test, struct world *w, bool iommu)
{
	mapkit_build(test, &w->k, mapkit_host, MAPKIT_LOW);
	if (iommu)
		w->iommu = mapkit_iommu(test);
	w->m = mapkit_alloc(test, w->k.card, SZ_2M);
	w->phys = pci_resource_start(w->k.card, 2) + (w->m->addr - w->k.base);
}

static void expect_host(struct kunit *test, struct scatterlist *sg, u64 addr, size_t len)
{
	KUNIT_EXPECT_EQ(test, (u64)sg_dma_address(sg), addr);
	KUNIT_EXPECT_EQ(test, sg_dma_len(sg), len);
	KUNIT_EXPECT_FALSE_MSG(test, sg_dma_is_bus_address(sg),
			       "%#llx is marked as a bus address", addr);
}

static void every_direction_by_physical_address(struct kunit *test)
{
	static const enum dma_data_direction dirs[] = {
		DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_BIDIRECTIONAL,
	};
	static const struct mapkit_piece pieces[] = {
		{ SZ_64K + 512, 1024 }, { SZ_1M, SZ_8K },
	};
	struct scatterlist *sgl;
	struct world w;
	int i;

	build(test, &w, false);
	sgl = mapkit_list(test, w.m->addr, pieces, 2);
	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		mapkit_scrub(sgl, 2);
		/* DMA_API_DEBUG checks these mappings, and that they are undone in the same way. */
		KUNIT_ASSERT_EQ(test, pci_p2pmem_map_sg(w.k.nic, sgl, 2, dirs[i]), 2);
		expect_host(test, &sgl[0], w.phys + SZ_64K + 512, 1024);
		expect_host(test, &sgl[1], w.phys + SZ_1M, SZ_8K);
		pci_p2pmem_unmap_sg(w.k.nic, sgl, 2, dirs[i]);
		mapkit_expect_count(test, w.k.card, w.k.nic, i + 1, i + 1, 0);
	}
}

static void adjacent_entries_become_one(struct kunit *test)
{
	/* three in a row; two in a row after a gap; one before them */
	static const struct mapkit_piece pieces[] = {
		{ SZ_64K, SZ_4K }, { SZ_64K + SZ_4K, SZ_8K }, { SZ_64K + 3 * SZ_4K, 512 },
		{ SZ_1M, SZ_4K }, { SZ_1M + SZ_4K, SZ_4K },
		{ SZ_1M - SZ_4K, SZ_4K },
	};
	struct scatterlist *sgl;
	struct world w;

	build(test, &w, true);
	sgl = mapkit_list(test, w.m->addr, pieces, 6);
	KUNIT_ASSERT_EQ(test, pci_p2pmem_map_sg(w.k.nic, sgl, 6, DMA_FROM_DEVICE), 3);
	KUNIT_EXPECT_EQ(test, w.iommu->nr, 3);
	KUNIT_EXPECT_EQ(test, w.iommu->map[0].phys, w.phys + SZ_64K);
	KUNIT_EXPECT_EQ(test, w.iommu->map[1].phys, w.phys + SZ_1M);
	KUNIT_EXPECT_EQ(test, w.iommu->map[2].phys, w.phys + SZ_1M - SZ_4K);
	expect_host(test, &sgl[0], w.iommu->map[0].addr, 3 * SZ_4K + 512);
	expect_host(test, &sgl[1], w.iommu->map[1].addr, SZ_8K);
	expect_host(test, &sgl[2], w.iommu->map[2].addr, SZ_4K);
	/* The list of DMA addresses ends here; later entries are not written. */
	KUNIT_EXPECT_EQ(test, sg_dma_len(&sgl[3]), 0);
	mapkit_expect_untouched(test, &sgl[4], 2);

	/* The number of entries passed to map, not the number of mapped ones */
	pci_p2pmem_unmap_sg(w.k.nic, sgl, 6, DMA_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, w.iommu->nr, 0);
	KUNIT_EXPECT_EQ(test, w.iommu->undone, 3);
	mapkit_expect_count(test, w.k.card, w.k.nic, 1, 1, 0);
}

static void all_entries_become_one(struct kunit *test)
{
	static const struct mapkit_piece pieces[] = {
		{ 0, SZ_4K }, { SZ_4K, SZ_4K }, { SZ_8K, SZ_8K }, { SZ_16K, SZ_16K },
	};
	struct scatterlist *sgl;
	struct world w;

	build(test, &w, true);
	sgl = mapkit_list(test, w.m->addr, pieces, 4);
	KUNIT_ASSERT_EQ(test, pci_p2pmem_map_sg(w.k.nic, sgl, 4, DMA_TO_DEVICE), 1);
	expect_host(test, sgl, w.iommu->map[0].addr, SZ_32K);
	pci_p2pmem_unmap_sg(w.k.nic, sgl, 4, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, w.iommu->undone, 1);

	/* Scattered, in a list that still has the results of the previous mapping */
	sg_set_buf(&sgl[1], w.m->addr + SZ_64K, SZ_4K);
	sg_set_buf(&sgl[2], w.m->addr + SZ_32K, SZ_4K);
	KUNIT_ASSERT_EQ(test, pci_p2pmem_map_sg(w.k.nic, sgl, 4, DMA_TO_DEVICE), 4);
	KUNIT_EXPECT_EQ(test, w.iommu->nr, 4);
	pci_p2pmem_unmap_sg(w.k.nic, sgl, 4, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, w.iommu->undone, 5);
}

/* Segments of at most 16 KiB: six pages in a row are 4 + 2 */
static void runs_end_at_the_segment_size(struct kunit *test)
{
	struct mapkit_piece pieces[6];
	struct scatterlist *sgl;
	struct world w;
	int i;

	build(test, &w, true);
	for (i = 0; i < 6; i++)
		pieces[i] = (struct mapkit_piece){ .at = i * SZ_4K, .length = SZ_4K };
	sgl = mapkit_list(test, w.m->addr, pieces, 6);
	dma_set_max_seg_size(w.k.nic, SZ_16K);
	KUNIT_ASSERT_EQ(test, pci_p2pmem_map_sg(w.k.nic, sgl, 6, DMA_TO_DEVICE), 2);
	expect_host(test, &sgl[0], w.iommu->map[0].addr, SZ_16K);
	expect_host(test, &sgl[1], w.iommu->map[1].addr, SZ_8K);
	pci_p2pmem_unmap_sg(w.k.nic, sgl, 6, DMA_TO_DEVICE);

	/* With one byte less, the fourth page is in the next segment. */
	dma_set_max_seg_size(w.k.nic, SZ_16K - 1);
	KUNIT_ASSERT_EQ(test, pci_p2pmem_map_sg(w.k.nic, sgl, 6, DMA_TO_DEVICE), 2);
	KUNIT_EXPECT_EQ(test, sg_dma_len(&sgl[0]), 3 * SZ_4K);
	KUNIT_EXPECT_EQ(test, sg_dma_len(&sgl[1]), 3 * SZ_4K);
	pci_p2pmem_unmap_sg(w.k.nic, sgl, 6, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, w.iommu->undone, 4);
}

/* No segment crosses a multiple of 64 KiB: pages 14 to 17 are 2 + 2 */
static void runs_end_at_the_segment_boundary(struct kunit *test)
{
	struct mapkit_piece pieces[4];
	struct scatterlist *sgl;
	struct world w;
	int i;

	build(test, &w, true);
	KUNIT_ASSERT_TRUE(test, IS_ALIGNED(w.phys, SZ_64K));
	for (i = 0; i < 4; i++)
		pieces[i] = (struct mapkit_piece){ (14 + i) * SZ_4K, SZ_4K };
	sgl = mapkit_list(test, w.m->addr, pieces, 4);
	dma_set_seg_boundary(w.k.nic, SZ_64K - 1);
	KUNIT_ASSERT_EQ(test, pci_p2pmem_map_sg(w.k.nic, sgl, 4, DMA_TO_DEVICE), 2);
	KUNIT_EXPECT_EQ(test, w.iommu->map[0].phys, w.phys + SZ_64K - SZ_8K);
	KUNIT_EXPECT_EQ(test, w.iommu->map[0].size, SZ_8K);
	KUNIT_EXPECT_EQ(test, w.iommu->map[1].phys, w.phys + SZ_64K);
	KUNIT_EXPECT_EQ(test, w.iommu->map[1].size, SZ_8K);
	pci_p2pmem_unmap_sg(w.k.nic, sgl, 4, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, w.iommu->undone, 2);
}

/* BAR 2 and BAR 4 may be adjacent: one mapping of both is allowed within one device */
static void two_regions_of_one_provider(struct kunit *test)
{
	static const struct mapkit_piece pieces[] = { { 0, SZ_8K }, { SZ_8K, SZ_8K } };
	struct scatterlist *sgl;
	struct world w;
	void *other;

	build(test, &w, true);
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, w.k.f, "card", 4, 0, 0, PCI_P2PMEM_DRIVER));
	other = pci_p2pmem_region_addr(w.k.card, 4, SZ_1M);
	KUNIT_ASSERT_EQ(test, 0, pci_p2pmem_pin(w.k.card, other, SZ_8K));
	sgl = mapkit_list(test, w.m->addr, pieces, 2);
	sg_set_buf(&sgl[1], other, SZ_8K);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(w.k.nic, sgl, 2, DMA_TO_DEVICE), 2);
	KUNIT_EXPECT_EQ(test, w.iommu->map[1].phys, pci_resource_start(w.k.card, 4) + SZ_1M);
	pci_p2pmem_unmap_sg(w.k.nic, sgl, 2, DMA_TO_DEVICE);
	pci_p2pmem_unpin(other, SZ_8K);
}

/* The IOMMU refuses the first, the second, ... of four runs: earlier ones are undone. */
static void failure_at_every_run(struct kunit *test)
{
	static const struct mapkit_piece pieces[] = {
		{ 0, SZ_4K }, { SZ_64K, SZ_4K }, { SZ_64K + SZ_4K, SZ_4K },
		{ SZ_32K, SZ_4K }, { SZ_128K, SZ_4K },
	};
	struct scatterlist *sgl;
	struct world w;
	int n;

	build(test, &w, true);
	for (n = 1; n <= 4; n++) {
		sgl = mapkit_list(test, w.m->addr, pieces, 5);
		w.iommu->calls = 0;
		w.iommu->undone = 0;
		w.iommu->fail_at = n;
		KUNIT_EXPECT_EQ_MSG(test,
				    pci_p2pmem_map_sg(w.k.nic, sgl, 5, DMA_BIDIRECTIONAL),
				    -EIO, "run %d", n);
		KUNIT_EXPECT_EQ_MSG(test, w.iommu->calls, n, "run %d", n);
		KUNIT_EXPECT_EQ_MSG(test, w.iommu->undone, n - 1, "run %d", n);
		KUNIT_EXPECT_EQ_MSG(test, w.iommu->nr, 0, "run %d", n);
	}
	w.iommu->fail_at = 0;
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(w.k.nic, sgl, 5, DMA_BIDIRECTIONAL), 4);
	pci_p2pmem_unmap_sg(w.k.nic, sgl, 5, DMA_BIDIRECTIONAL);
	mapkit_expect_count(test, w.k.card, w.k.nic, 1, 1, 4);
}

/*
 * Two host bridges in different domains, both known to forward to others, with different
 * offsets: the nic's address depends on neither.
 *
 *	host ---- rp0 (8086:2030) -- card    bus addresses above physical ones
 *	host2 --- rp1 (8086:2030) -- nic     bus addresses below physical ones
 */
static void from_another_host_bridge(struct kunit *test)
{
	static const struct fabric_node nodes[] = {
		{ .name = "host", .type = FABRIC_HOST, .bus_start = MAPKIT_HIGH },
		{ .name = "host2", .type = FABRIC_HOST, .bus_start = MAPKIT_LOW },
		{ .name = "rp0", .type = FABRIC_ROOT_PORT, .parent = "host",
		  .vendor = PCI_VENDOR_ID_INTEL, .device = 0x2030 },
		{ .name = "rp1", .type = FABRIC_ROOT_PORT, .parent = "host2",
		  .vendor = PCI_VENDOR_ID_INTEL, .device = 0x2030 },
		{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "rp0",
		  .bar = { [2] = { .size = SZ_4M, .flags = FABRIC_BAR_64 } } },
		{ .name = "nic", .type = FABRIC_ENDPOINT, .parent = "rp1" },
		{ }
	};
	static const struct mapkit_piece page = { SZ_8K, SZ_4K };
	struct mapkit_memory *m;
	struct scatterlist *sgl;
	struct pci_dev *card;
	struct device *nic;
	struct fabric *f;
	u64 phys;

	f = fabric_build(test, nodes);
	card = kit_lend(test, f, "card");
	nic = kit_client(test, f, "nic");
	m = mapkit_alloc(test, card, SZ_16K);
	phys = pci_resource_start(card, 2) + (m->addr - pci_p2pmem_region_addr(card, 2, 0));
	KUNIT_ASSERT_NE(test, phys, (u64)pci_p2pmem_bus_addr(m->addr));
	sgl = mapkit_list(test, m->addr, &page, 1);
	KUNIT_ASSERT_EQ(test, pci_p2pmem_map_sg(nic, sgl, 1, DMA_TO_DEVICE), 1);
	expect_host(test, sgl, phys + SZ_8K, SZ_4K);
	pci_p2pmem_unmap_sg(nic, sgl, 1, DMA_TO_DEVICE);
	mapkit_expect_count(test, card, nic, 1, 1, 0);
}

static void forget_ranges(void *nic)
{
	((struct device *)nic)->dma_range_map = NULL;
}

/*
 * The client's host bridge has RAM at other addresses than the CPU, which dma_map_resource()
 * does not know: only bus addresses, and those of an IOMMU, are right.
 *
 *	host -- rp -- up -+- dn0 -- card	dn0 redirects, or not
 *	                  `- dn1 -- nic
 */
static void host_bridge_with_an_offset(struct kunit *test)
{
	static const struct bus_dma_region ranges[] = {
		{ .cpu_start = 0, .dma_start = SZ_2G, .size = BIT_ULL(46) }, { },
	};
	static const struct bus_dma_region same[] = {
		{ .cpu_start = 0, .dma_start = 0, .size = BIT_ULL(46) }, { },
	};
	static const struct mapkit_piece page = { SZ_8K, SZ_4K };
	char *text = kunit_kzalloc(test, PCI_P2PMEM_TEXT, GFP_KERNEL);
	struct pci_p2pmem_verdict v;
	struct scatterlist *sgl;
	struct mapkit k;
	char at[16];

	KUNIT_ASSERT_NOT_NULL(test, text);
	mapkit_build(test, &k, mapkit_either, MAPKIT_LOW);
	sgl = mapkit_list(test, mapkit_alloc(test, k.card, SZ_16K)->addr, &page, 1);
	mapkit_redirect(k.f, "dn0", true);
	pci_p2pmem_verdict(k.card, k.nic, 0, &v);
	KUNIT_ASSERT_EQ(test, v.mapping, PCI_P2PMEM_MAP_HOST_BRIDGE);

	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, forget_ranges, k.nic));
	k.nic->dma_range_map = same;
	kit_reevaluate();
	pci_p2pmem_verdict(k.card, k.nic, 0, &v);
	KUNIT_EXPECT_EQ(test, v.mapping, PCI_P2PMEM_MAP_HOST_BRIDGE);
	k.nic->dma_range_map = ranges;
	kit_reevaluate();
	pci_p2pmem_verdict(k.card, k.nic, 0, &v);
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_HOST_BRIDGE);
	KUNIT_EXPECT_EQ(test, v.mapping, PCI_P2PMEM_MAP_NONE);
	snprintf(at, sizeof(at), "pci%04x:00", pci_domain_nr(k.card->bus));
	KUNIT_EXPECT_STREQ(test, v.at, at);
	pci_p2pmem_explain(text, PCI_P2PMEM_TEXT, k.card, k.nic, &v);
	KUNIT_EXPECT_NULL_MSG(test, strstr(text, "host_bridges"), "an entry does not help: %s",
			      text);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, 1, DMA_TO_DEVICE), -EXDEV);
	mapkit_expect_untouched(test, sgl, 1);

	mapkit_redirect(k.f, "dn0", false);
	pci_p2pmem_verdict(k.card, k.nic, 0, &v);
	KUNIT_EXPECT_EQ(test, v.mapping, PCI_P2PMEM_MAP_BUS_ADDR);
	mapkit_redirect(k.f, "dn0", true);
	mapkit_iommu(test);
	pci_p2pmem_verdict(k.card, k.nic, 0, &v);
	KUNIT_EXPECT_EQ(test, v.mapping, PCI_P2PMEM_MAP_HOST_BRIDGE);
}

static void mixed_lists_never_reach_the_iommu(struct kunit *test)
{
	static const struct mapkit_piece pieces[] = { { 0, SZ_4K }, { SZ_64K, SZ_4K } };
	struct mapkit_memory *m2;
	struct scatterlist *sgl;
	struct world w;
	void *ram;

	build(test, &w, true);
	m2 = mapkit_alloc(test, kit_lend(test, w.k.f, "card2"), SZ_4K);
	ram = kunit_kmalloc(test, 512, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ram);

	sgl = mapkit_list(test, w.m->addr, pieces, 2);
	sg_set_buf(&sgl[1], m2->addr, SZ_4K);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(w.k.nic, sgl, 2, DMA_TO_DEVICE), -EINVAL);
	sg_set_buf(&sgl[1], ram, 512);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(w.k.nic, sgl, 2, DMA_TO_DEVICE), -EINVAL);
	mapkit_expect_untouched(test, sgl, 2);
	KUNIT_EXPECT_EQ(test, w.iommu->calls, 0);
}

static struct kunit_case map_host_cases[] = {
	KUNIT_CASE(every_direction_by_physical_address),
	KUNIT_CASE(adjacent_entries_become_one),
	KUNIT_CASE(all_entries_become_one),
	KUNIT_CASE(runs_end_at_the_segment_size),
	KUNIT_CASE(runs_end_at_the_segment_boundary),
	KUNIT_CASE(two_regions_of_one_provider),
	KUNIT_CASE(failure_at_every_run),
	KUNIT_CASE(from_another_host_bridge),
	KUNIT_CASE(host_bridge_with_an_offset),
	KUNIT_CASE(mixed_lists_never_reach_the_iommu),
	{ }
};

static struct kunit_suite map_host_suite = {
	.name = "p2pmem-map-host",
	.test_cases = map_host_cases,
};

kunit_test_suite(map_host_suite);
