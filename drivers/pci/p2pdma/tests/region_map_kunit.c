// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: suite p2pmem-region-map: ranges of BARs to DMA addresses
 *
 * For registers, which have no pages, and for ranges of memory: addresses, ranges outside
 * of all regions, the lifetime of a mapping, and unmapping.
 */
#include "fault.h"
#include "mapkit.h"

/*
 * All cases without another drawing (mapkit_switch). The regions of card: bytes 8 KiB to
 * 16 KiB and 16 KiB to 20 KiB of BAR 0 (64 KiB) as registers, BAR 2 as a pool, and the
 * first 2 MiB of BAR 4 for its driver.
 *
 *	host -- rp -- up -+- dn0 -- card
 *	                  +- dn1 -- nic    client
 *	                  `- dn2 -- card2
 */
static void build(struct kunit *test, struct mapkit *k, const struct fabric_node *nodes,
		  u64 bus_start)
{
	mapkit_build(test, k, nodes, bus_start);
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, k->f, "card", 0, SZ_8K, SZ_8K,
					 PCI_P2PMEM_REGISTERS));
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, k->f, "card", 0, SZ_4K, SZ_16K,
					 PCI_P2PMEM_REGISTERS));
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, k->f, "card", 4, SZ_2M, 0, PCI_P2PMEM_DRIVER));
}

/* The address in the function's register */
static u64 bar_register(struct pci_dev *pdev, int bar)
{
	u32 low, high = 0;

	pci_read_config_dword(pdev, PCI_BASE_ADDRESS_0 + 4 * bar, &low);
	if (low & PCI_BASE_ADDRESS_MEM_TYPE_64)
		pci_read_config_dword(pdev, PCI_BASE_ADDRESS_0 + 4 * bar + 4, &high);
	return (u64)high << 32 | (low & (u32)PCI_BASE_ADDRESS_MEM_MASK);
}

static long pins(struct pci_dev *pdev)
{
	return atomic_long_read(&kit_provider(pdev)->pins);
}

/* For mappings that must fail: a success is undone, because it would block the card's removal */
static int try_map(struct device *client, struct pci_dev *provider, int bar, u64 offset,
		   size_t size, struct pci_p2pmem_mapping_region *map)
{
	int ret = pci_p2pmem_map_region(client, provider, bar, offset, size, DMA_TO_DEVICE, map);

	if (!ret)
		pci_p2pmem_unmap_region(client, map);
	return ret;
}

struct span {
	int bar;
	u64 offset;
	size_t size;
};

static const u64 bus_starts[] = { MAPKIT_SAME, MAPKIT_LOW, MAPKIT_HIGH };

static void bus_start_desc(const u64 *start, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "bus addresses from %#llx", *start);
}

KUNIT_ARRAY_PARAM(bus_start, bus_starts, bus_start_desc);

static void address_is_in_the_bar_register(struct kunit *test)
{
	static const struct span ranges[] = {
		{ 0, SZ_8K, 4 }, { 0, SZ_8K, SZ_8K }, { 0, SZ_16K - 1, 1 }, { 0, SZ_16K, SZ_4K },
		{ 2, 0, SZ_4M }, { 2, 4711, 815 }, { 2, SZ_4M - 1, 1 },
		{ 4, 0, 1 }, { 4, SZ_1M, SZ_1M },
	};
	static const enum dma_data_direction dirs[] = {
		DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_BIDIRECTIONAL,
	};
	const u64 *start = test->param_value;
	struct pci_p2pmem_mapping_region map;
	struct mapkit k;
	int i, ret;

	build(test, &k, mapkit_switch, *start);
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		const struct span *r = &ranges[i];

		ret = pci_p2pmem_map_region(k.nic, k.card, r->bar, r->offset, r->size,
					    dirs[i % 3], &map);
		KUNIT_EXPECT_EQ_MSG(test, ret, 0, "range %d", i);
		if (ret)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, (u64)map.dma_addr,
				    bar_register(k.card, r->bar) + r->offset, "range %d", i);
		if (r->bar)
			KUNIT_EXPECT_EQ_MSG(test, (u64)map.dma_addr,
					    pci_resource_start(k.card, r->bar) - k.offset +
					    r->offset, "range %d", i);
		KUNIT_EXPECT_EQ(test, map.size, r->size);
		KUNIT_EXPECT_EQ(test, map.dir, dirs[i % 3]);
		KUNIT_EXPECT_EQ(test, map.mapping, PCI_P2PMEM_MAP_BUS_ADDR);
		KUNIT_EXPECT_EQ(test, pins(k.card), 1);
		pci_p2pmem_unmap_region(k.nic, &map);
		KUNIT_EXPECT_EQ(test, pins(k.card), 0);
	}
	mapkit_expect_count(test, k.card, k.nic, ARRAY_SIZE(ranges), ARRAY_SIZE(ranges), 0);
}

/* None of these ranges is within one region. */
static void ranges_outside(struct kunit *test)
{
	static const struct span ranges[] = {
		/* before, overlapping the begin, overlapping the end, after; across two regions */
		{ 0, 0, 4 }, { 0, SZ_8K - 1, 1 }, { 0, SZ_8K - 1, 2 }, { 0, SZ_16K + SZ_4K - 1, 2 },
		{ 0, SZ_16K + SZ_4K, 1 }, { 0, SZ_8K, SZ_8K + 1 }, { 0, SZ_16K - 4, 8 },
		/* offset plus size exceeds 64 bits */
		{ 0, SZ_8K, SIZE_MAX }, { 0, SZ_8K, SIZE_MAX - SZ_8K + 1 },
		{ 0, SZ_8K + 4, SIZE_MAX - SZ_8K }, { 0, U64_MAX, 1 }, { 0, U64_MAX, SIZE_MAX },
		{ 2, U64_MAX - SZ_4K + 1, SZ_8K }, { 2, SZ_4M, SIZE_MAX - SZ_2M },
		/* ends of memory */
		{ 2, 0, SZ_4M + 1 }, { 2, SZ_4M, 1 }, { 2, SZ_4M - 1, 2 },
		{ 4, 0, SZ_2M + 1 }, { 4, SZ_2M, SZ_2M }, { 4, SZ_2M - 1, 2 },
		/* BARs without regions, upper halves, and invalid BARs */
		{ 1, 0, 4 }, { 3, 0, 4 }, { 5, 0, 4 }, { 6, 0, 4 }, { -1, 0, 4 },
		{ INT_MAX, 0, 4 }, { INT_MIN, 0, 4 },
	};
	struct pci_p2pmem_mapping_region map, before;
	struct mapkit k;
	int i;

	build(test, &k, mapkit_switch, MAPKIT_LOW);
	KUNIT_ASSERT_EQ(test, 0, pci_p2pmem_map_region(k.nic, k.card, 0, SZ_8K, 4,
						       DMA_TO_DEVICE, &map));
	pci_p2pmem_unmap_region(k.nic, &map);
	memset(&map, 0x5a, sizeof(map));
	before = map;
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		const struct span *r = &ranges[i];

		KUNIT_EXPECT_EQ_MSG(test, -EINVAL,
				    try_map(k.nic, k.card, r->bar, r->offset, r->size, &map),
				    "range %d: BAR %d, %#llx, %#zx bytes", i, r->bar,
				    r->offset, r->size);
		KUNIT_EXPECT_MEMEQ(test, &map, &before, sizeof(map));
	}
	mapkit_expect_count(test, k.card, k.nic, 1, 1, ARRAY_SIZE(ranges));
	/* An empty range is refused */
	KUNIT_EXPECT_EQ(test, -EINVAL, try_map(k.nic, k.card, 2, 0, 0, &map));
	KUNIT_EXPECT_EQ(test, pins(k.card), 0);
}

static void ends_that_are_none(struct kunit *test)
{
	struct pci_p2pmem_mapping_region map;
	struct pci_dev *card2;
	struct mapkit k;

	build(test, &k, mapkit_switch, MAPKIT_LOW);
	card2 = fabric_pdev(k.f, "card2");
	KUNIT_EXPECT_EQ(test, try_map(NULL, k.card, 0, SZ_8K, 4, &map), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, try_map(&card2->dev, k.card, 0, SZ_8K, 4, &map), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, try_map(k.nic, card2, 0, SZ_8K, 4, &map), -ENODEV);
	to_pci_dev(k.nic)->untrusted = 1;
	kit_reevaluate();
	KUNIT_EXPECT_EQ(test, try_map(k.nic, k.card, 0, SZ_8K, 4, &map), -EXDEV);
	to_pci_dev(k.nic)->untrusted = 0;
	kit_reevaluate();
	KUNIT_EXPECT_EQ(test, pins(k.card), 0);
	pci_p2pmem_revoke(k.card);
	KUNIT_EXPECT_EQ(test, try_map(k.nic, k.card, 0, SZ_8K, 4, &map), -ENODEV);
	mapkit_expect_count(test, k.card, k.nic, 0, 0, 2);
	pci_p2pmem_resume(k.card);
	kit_reevaluate();
	KUNIT_EXPECT_EQ(test, try_map(k.nic, k.card, 0, SZ_8K, 4, &map), 0);
	mapkit_settle();
}

/* A failed mapping does not change the caller's variables */
static void output_only_on_success(struct kunit *test)
{
	struct pci_p2pmem_mapping_region map, before;
	struct mapkit k;

	fault_require(test);
	build(test, &k, mapkit_switch, MAPKIT_LOW);
	memset(&map, 0x5a, sizeof(map));
	before = map;
	kit_drop_pairs(NULL, k.nic);
	fault_arm(1);
	KUNIT_EXPECT_EQ(test, -ENOMEM, pci_p2pmem_map_region(k.nic, k.card, 2, 0, SZ_4K,
							     DMA_TO_DEVICE, &map));
	KUNIT_EXPECT_FALSE_MSG(test, fault_disarm(), "a mapping allocates");
	KUNIT_EXPECT_MEMEQ(test, &map, &before, sizeof(map));
	kit_reevaluate();
	KUNIT_EXPECT_EQ(test, pins(k.card), 0);
	mapkit_settle();
}

/* The same if the IOMMU fails, after all other checks */
static void output_only_with_an_address(struct kunit *test)
{
	struct pci_p2pmem_mapping_region map, before;
	struct mapkit_iommu *iommu;
	struct mapkit k;

	build(test, &k, mapkit_host, MAPKIT_LOW);
	iommu = mapkit_iommu(test);
	kit_reevaluate();
	memset(&map, 0x5a, sizeof(map));
	before = map;
	iommu->fail_at = 1;
	KUNIT_EXPECT_EQ(test, -EIO, pci_p2pmem_map_region(k.nic, k.card, 2, 0, SZ_4K,
							  DMA_TO_DEVICE, &map));
	KUNIT_EXPECT_MEMEQ(test, &map, &before, sizeof(map));
	KUNIT_EXPECT_EQ(test, pins(k.card), 0);
	mapkit_settle();
}

/*
 * card2 has only registers, above 4 GiB. They have no pages, so the verdict has no limit,
 * and each mapping compares the addresses.
 */
static void registers_beyond_the_mask(struct kunit *test)
{
	struct pci_p2pmem_mapping_region map;
	struct pci_dev *card2;
	struct mapkit k;

	build(test, &k, mapkit_switch, MAPKIT_HIGH);
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, k.f, "card2", 2, SZ_64K, 0,
					 PCI_P2PMEM_REGISTERS));
	card2 = fabric_pdev(k.f, "card2");
	k.nic->bus_dma_limit = bar_register(card2, 2) + SZ_32K - 1;
	KUNIT_ASSERT_EQ(test, 0, pci_p2pmem_map_region(k.nic, card2, 2, 0, SZ_32K,
						       DMA_TO_DEVICE, &map));
	pci_p2pmem_unmap_region(k.nic, &map);
	KUNIT_EXPECT_EQ(test, -EXDEV, try_map(k.nic, card2, 2, 0, SZ_32K + 1, &map));
	KUNIT_EXPECT_EQ(test, -EXDEV, try_map(k.nic, card2, 2, SZ_32K, 1, &map));
	k.nic->bus_dma_limit = 0;
	KUNIT_EXPECT_EQ(test, pins(card2), 0);
	mapkit_expect_count(test, card2, k.nic, 1, 1, 2);
}

/*
 * host -+- rp0 (8086:2030: forwards) -- card
 *       +- rp1 ------------------------ nic
 *       `- rp2 ------------------------ card2   registers only
 */
static void through_a_host_bridge(struct kunit *test)
{
	struct pci_p2pmem_mapping_region map;
	struct mapkit_iommu *iommu;
	struct pci_dev *card2;
	struct mapkit k;
	u64 phys;

	build(test, &k, mapkit_host, MAPKIT_LOW);
	/* Physical addresses; DMA_API_DEBUG checks that they are unmapped. */
	KUNIT_ASSERT_EQ(test, 0, pci_p2pmem_map_region(k.nic, k.card, 0, SZ_8K + 16, 8,
						       DMA_BIDIRECTIONAL, &map));
	KUNIT_EXPECT_EQ(test, (u64)map.dma_addr, pci_resource_start(k.card, 0) + SZ_8K + 16);
	KUNIT_EXPECT_EQ(test, map.mapping, PCI_P2PMEM_MAP_HOST_BRIDGE);
	pci_p2pmem_unmap_region(k.nic, &map);

	KUNIT_ASSERT_EQ(test, 0, kit_add(test, k.f, "card2", 2, SZ_64K, 0,
					 PCI_P2PMEM_REGISTERS));
	card2 = fabric_pdev(k.f, "card2");
	phys = pci_resource_start(card2, 2);
	k.nic->bus_dma_limit = phys + SZ_4K - 1;
	KUNIT_ASSERT_EQ(test, 0, pci_p2pmem_map_region(k.nic, card2, 2, 0, SZ_4K,
						       DMA_TO_DEVICE, &map));
	pci_p2pmem_unmap_region(k.nic, &map);
	KUNIT_EXPECT_EQ(test, -EXDEV, try_map(k.nic, card2, 2, 1, SZ_4K, &map));
	/* An IOMMU returns an address, or refuses the mapping. */
	iommu = mapkit_iommu(test);
	KUNIT_ASSERT_EQ(test, 0, pci_p2pmem_map_region(k.nic, card2, 2, 1, SZ_4K,
						       DMA_FROM_DEVICE, &map));
	KUNIT_EXPECT_EQ(test, iommu->map[0].phys, phys + 1);
	KUNIT_EXPECT_EQ(test, iommu->map[0].size, SZ_4K);
	KUNIT_EXPECT_EQ(test, map.dma_addr, iommu->map[0].addr);
	KUNIT_EXPECT_EQ(test, pins(card2), 1);
	pci_p2pmem_unmap_region(k.nic, &map);
	KUNIT_EXPECT_EQ(test, iommu->undone, 1);
	iommu->fail_at = 2;
	KUNIT_EXPECT_EQ(test, -EIO, try_map(k.nic, card2, 2, 0, 4, &map));
	KUNIT_EXPECT_EQ(test, pins(card2), 0);
	k.nic->bus_dma_limit = 0;
	mapkit_expect_count(test, k.card, k.nic, 1, 1, 0);
	mapkit_expect_count(test, card2, k.nic, 2, 2, 2);
}

/*
 * host -- rp (8086:2030) -- up -+- dn0 -- card   dn0 redirects, or does not
 *                               `- dn1 -- nic
 */
static void undone_as_it_was_mapped(struct kunit *test)
{
	struct pci_p2pmem_mapping_region bus, host;
	struct mapkit_iommu *iommu;
	struct mapkit k;

	build(test, &k, mapkit_either, MAPKIT_HIGH);
	iommu = mapkit_iommu(test);
	KUNIT_ASSERT_EQ(test, 0, pci_p2pmem_map_region(k.nic, k.card, 0, SZ_8K, 4,
						       DMA_TO_DEVICE, &bus));
	mapkit_redirect(k.f, "dn0", true);
	KUNIT_ASSERT_EQ(test, 0, pci_p2pmem_map_region(k.nic, k.card, 0, SZ_8K, 4,
						       DMA_TO_DEVICE, &host));
	KUNIT_EXPECT_EQ(test, (u64)bus.dma_addr, bar_register(k.card, 0) + SZ_8K);
	KUNIT_EXPECT_EQ(test, host.dma_addr, iommu->map[0].addr);
	KUNIT_EXPECT_EQ(test, pins(k.card), 2);
	pci_p2pmem_unmap_region(k.nic, &bus);
	KUNIT_EXPECT_EQ(test, iommu->nr, 1);
	mapkit_redirect(k.f, "dn0", false);
	pci_p2pmem_unmap_region(k.nic, &host);
	KUNIT_EXPECT_EQ(test, iommu->nr, 0);
	KUNIT_EXPECT_EQ(test, pins(k.card), 0);
	mapkit_expect_count(test, k.card, k.nic, 2, 2, 0);
}

/* A granted pair is mapped as it was granted, until the end of the grant. */
static void granted_pair_whose_path_was_refused(struct kunit *test)
{
	struct pci_p2pmem_mapping_region map, other;
	struct mapkit k;

	build(test, &k, mapkit_switch, MAPKIT_LOW);
	mapkit_grant(test, &k);
	KUNIT_ASSERT_EQ(test, 0, pci_p2pmem_map_region(k.nic, k.card, 2, 0, SZ_4K,
						       DMA_TO_DEVICE, &map));
	KUNIT_EXPECT_EQ(test, (u64)map.dma_addr, bar_register(k.card, 2));
	mapkit_redirect(k.f, "dn0", true);
	/* A region belongs to no grant: it is mapped as the pair is now. */
	KUNIT_EXPECT_EQ(test, -EXDEV, try_map(k.nic, k.card, 2, 0, SZ_4K, &other));
	pci_p2pmem_unmap_region(k.nic, &map);
	mapkit_expect_count(test, k.card, k.nic, 1, 1, 1);
}

struct told {
	struct pci_dev *provider;
	struct completion done;
};

static void notify_revoke(struct pci_p2pmem_client *client, struct pci_dev *provider)
{
	struct told *t = pci_p2pmem_client_priv(client);

	t->provider = provider;
	complete(&t->done);
}

static const struct pci_p2pmem_client_ops notify_ops = { .revoke = notify_revoke };

/* The client is notified, and the revocation waits until it has undone its mapping. */
static void revocation_waits_for_it(struct kunit *test)
{
	struct pci_p2pmem_mapping_region map;
	struct pci_p2pmem_client *client;
	struct mapkit_revoke *r;
	struct told told = {};
	struct mapkit k;

	init_completion(&told.done);
	build(test, &k, mapkit_switch, MAPKIT_LOW);
	client = pci_p2pmem_register_client(k.nic, &notify_ops, &told);
	KUNIT_ASSERT_FALSE(test, IS_ERR(client));
	KUNIT_ASSERT_EQ(test, 0, pci_p2pmem_map_region(k.nic, k.card, 0, SZ_8K, 4,
						       DMA_TO_DEVICE, &map));
	r = mapkit_revoke(test, k.card);
	KUNIT_EXPECT_NE(test, 0UL, wait_for_completion_timeout(&told.done, 20 * HZ));
	KUNIT_EXPECT_PTR_EQ(test, told.provider, k.card);
	KUNIT_EXPECT_FALSE(test, mapkit_revoked(r));
	pci_p2pmem_unmap_region(k.nic, &map);
	mapkit_revoke_join(test, r);
	pci_p2pmem_unregister_client(client);
}

/* After a loss the card goes live only after the mapping from before is undone. */
static void resumption_waits_for_it(struct kunit *test)
{
	struct pci_p2pmem_mapping_region map;
	struct mapkit k;

	build(test, &k, mapkit_switch, MAPKIT_LOW);
	KUNIT_ASSERT_EQ(test, 0, pci_p2pmem_map_region(k.nic, k.card, 2, 0, SZ_4K,
						       DMA_TO_DEVICE, &map));
	pci_p2pmem_lost(k.card);
	pci_p2pmem_resume(k.card);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(k.card));
	pci_p2pmem_unmap_region(k.nic, &map);
	flush_workqueue(p2pmem_wq);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(k.card));
	mapkit_settle();
	mapkit_expect_count(test, k.card, k.nic, 1, 1, 0);
}

static struct kunit_case region_map_cases[] = {
	KUNIT_CASE_PARAM(address_is_in_the_bar_register, bus_start_gen_params),
	KUNIT_CASE(ranges_outside),
	KUNIT_CASE(ends_that_are_none),
	KUNIT_CASE(output_only_on_success),
	KUNIT_CASE(output_only_with_an_address),
	KUNIT_CASE(registers_beyond_the_mask),
	KUNIT_CASE(through_a_host_bridge),
	KUNIT_CASE(undone_as_it_was_mapped),
	KUNIT_CASE(granted_pair_whose_path_was_refused),
	KUNIT_CASE(revocation_waits_for_it),
	KUNIT_CASE(resumption_waits_for_it),
	{ }
};

static struct kunit_suite region_map_suite = {
	.name = "p2pmem-region-map",
	.test_cases = region_map_cases,
};

kunit_test_suite(region_map_suite);
