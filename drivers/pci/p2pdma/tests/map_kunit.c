// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: suite p2pmem-map: scatterlists to bus addresses
 *
 * Addresses for a client below the same upstream bridge: the bus address of the
 * provider's BAR, which is the CPU's physical address minus the offset of the host
 * bridge, of either sign. Also lists that are refused as a whole.
 */
#include <linux/swiotlb.h>

#include "fault.h"
#include "mapkit.h"

/*
 * All cases without another drawing (mapkit_switch):
 *
 *	host -- rp -- up -+- dn0 -- card   lends BAR 2, 4 MiB
 *	                  +- dn1 -- nic    client
 *	                  `- dn2 -- card2
 */
struct map_offset {
	const char *name;
	u64 bus_start;
};

static const struct map_offset map_offsets[] = {
	{ "offset zero", MAPKIT_SAME },
	{ "positive offset", MAPKIT_LOW },
	{ "negative offset", MAPKIT_HIGH },
};

static void map_offset_desc(const struct map_offset *o, char *desc)
{
	strscpy(desc, o->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(map_offset, map_offsets, map_offset_desc);

static int map_both(struct mapkit *k, struct scatterlist *sgl, int nents)
{
	return pci_p2pmem_map_sg(k->nic, sgl, nents, DMA_BIDIRECTIONAL);
}

static void unmap_both(struct mapkit *k, struct scatterlist *sgl, int nents)
{
	pci_p2pmem_unmap_sg(k->nic, sgl, nents, DMA_BIDIRECTIONAL);
}

static void every_entry_is_physical_minus_offset(struct kunit *test)
{
	static const struct mapkit_piece pieces[] = {
		{ 0, PAGE_SIZE }, { SZ_128K, SZ_64K }, { SZ_16K + 512, 1536 },
		{ SZ_1M, SZ_1M }, { SZ_8K + 4, 1 },
	};
	const struct map_offset *o = test->param_value;
	struct mapkit_memory *m;
	struct scatterlist *sgl;
	struct mapkit k;
	int i;

	mapkit_build(test, &k, mapkit_switch, o->bus_start);
	m = mapkit_alloc(test, k.card, SZ_2M);
	sgl = mapkit_list(test, m->addr, pieces, ARRAY_SIZE(pieces));

	KUNIT_ASSERT_EQ(test, map_both(&k, sgl, ARRAY_SIZE(pieces)), ARRAY_SIZE(pieces));
	mapkit_expect_bus(test, sgl, ARRAY_SIZE(pieces), k.offset);
	/* The same computed from the BAR instead of the pages */
	for (i = 0; i < ARRAY_SIZE(pieces); i++)
		KUNIT_EXPECT_EQ(test, sg_dma_address(&sgl[i]),
				pci_resource_start(k.card, 2) - k.offset +
				(sg_virt(&sgl[i]) - k.base));
	unmap_both(&k, sgl, ARRAY_SIZE(pieces));
	mapkit_expect_count(test, k.card, k.nic, 1, 1, 0);
}

/* The address in the card's register, without arithmetic of the kernel */
static void address_is_in_the_bar_register(struct kunit *test)
{
	static const struct mapkit_piece all = { 0, SZ_4M };
	const struct map_offset *o = test->param_value;
	struct mapkit_memory *m;
	struct scatterlist *sgl;
	struct mapkit k;
	u32 low, high;

	mapkit_build(test, &k, mapkit_switch, o->bus_start);
	m = mapkit_alloc(test, k.card, SZ_4M);
	sgl = mapkit_list(test, m->addr, &all, 1);
	pci_read_config_dword(k.card, PCI_BASE_ADDRESS_2, &low);
	pci_read_config_dword(k.card, PCI_BASE_ADDRESS_3, &high);

	KUNIT_ASSERT_EQ(test, map_both(&k, sgl, 1), 1);
	KUNIT_EXPECT_EQ(test, (u64)sg_dma_address(sgl),
			(u64)high << 32 | (low & PCI_BASE_ADDRESS_MEM_MASK));
	KUNIT_EXPECT_EQ(test, pci_p2pmem_bus_addr(m->addr),
			(pci_bus_addr_t)sg_dma_address(sgl));
	unmap_both(&k, sgl, 1);
}

/* By bus address entries are not merged, and unmapping does not need them. */
static void adjacent_entries_stay_entries(struct kunit *test)
{
	static const struct mapkit_piece pieces[] = {
		{ 0, PAGE_SIZE }, { PAGE_SIZE, PAGE_SIZE }, { 2 * PAGE_SIZE, SZ_64K },
	};
	struct mapkit_memory *m;
	struct scatterlist *sgl;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	m = mapkit_alloc(test, k.card, SZ_128K);
	sgl = mapkit_list(test, m->addr, pieces, 3);
	KUNIT_ASSERT_EQ(test, map_both(&k, sgl, 3), 3);
	mapkit_expect_bus(test, sgl, 3, k.offset);
	unmap_both(&k, sgl, 3);

	/* Only some entries of a list */
	mapkit_scrub(sgl, 3);
	KUNIT_ASSERT_EQ(test, map_both(&k, sgl, 2), 2);
	mapkit_expect_bus(test, sgl, 2, k.offset);
	mapkit_expect_untouched(test, &sgl[2], 1);
	unmap_both(&k, sgl, 2);
	mapkit_expect_count(test, k.card, k.nic, 2, 2, 0);
}

static void chained_list(struct kunit *test)
{
	const int nr = 2 * SG_MAX_SINGLE_ALLOC + 3;
	struct mapkit_memory *m;
	struct scatterlist *sg;
	struct sg_table table;
	struct mapkit k;
	int i, ret;
	void *ram;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	m = mapkit_alloc(test, k.card, nr * PAGE_SIZE);
	ram = kunit_kzalloc(test, 16, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ram);
	KUNIT_ASSERT_EQ(test, 0, sg_alloc_table(&table, nr, GFP_KERNEL));
	for_each_sg(table.sgl, sg, nr, i)
		sg_set_buf(sg, m->addr + (nr - 1 - i) * PAGE_SIZE, PAGE_SIZE - i);

	ret = map_both(&k, table.sgl, nr);
	KUNIT_EXPECT_EQ(test, ret, nr);
	if (ret == nr) {
		mapkit_expect_bus(test, table.sgl, nr, k.offset);
		unmap_both(&k, table.sgl, nr);
	}
	/* The last entry is checked too */
	mapkit_scrub(table.sgl, nr);
	sg_set_buf(sg_last(table.sgl, nr), ram, 16);
	KUNIT_EXPECT_EQ(test, map_both(&k, table.sgl, nr), -EINVAL);
	mapkit_expect_unmapped(test, table.sgl, nr);
	sg_free_table(&table);
	mapkit_expect_count(test, k.card, k.nic, 1, 1, 1);
}

static void every_direction(struct kunit *test)
{
	static const enum dma_data_direction dirs[] = {
		DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_BIDIRECTIONAL,
	};
	static const struct mapkit_piece page = { 0, PAGE_SIZE };
	struct mapkit_memory *m;
	struct scatterlist *sgl;
	struct mapkit k;
	int i;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_SAME);
	m = mapkit_alloc(test, k.card, PAGE_SIZE);
	sgl = mapkit_list(test, m->addr, &page, 1);
	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		mapkit_scrub(sgl, 1);
		KUNIT_ASSERT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, 1, dirs[i]), 1);
		mapkit_expect_bus(test, sgl, 1, 0);
		pci_p2pmem_unmap_sg(k.nic, sgl, 1, dirs[i]);
		mapkit_expect_count(test, k.card, k.nic, i + 1, i + 1, 0);
	}
}

/* Two regions of one function belong to one provider: BAR 2 and BAR 4 of the card */
static void two_regions_of_one_provider(struct kunit *test)
{
	static const struct mapkit_piece pieces[] = { { 0, SZ_8K }, { SZ_8K, SZ_8K } };
	struct mapkit_memory *m;
	struct scatterlist *sgl;
	struct mapkit k;
	void *other;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_HIGH);
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, k.f, "card", 4, 0, 0, PCI_P2PMEM_DRIVER));
	m = mapkit_alloc(test, k.card, SZ_16K);
	sgl = mapkit_list(test, m->addr, pieces, 2);
	other = pci_p2pmem_region_addr(k.card, 4, SZ_1M);
	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_ASSERT_EQ(test, 0, pci_p2pmem_pin(k.card, other, SZ_8K));
	sg_set_buf(&sgl[1], other, SZ_8K);

	KUNIT_EXPECT_EQ(test, pci_p2pmem_sg_check(sgl, 2), 1);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_sg_kind(sgl, 2), 1);
	KUNIT_EXPECT_EQ(test, map_both(&k, sgl, 2), 2);
	mapkit_expect_bus(test, sgl, 2, k.offset);
	KUNIT_EXPECT_EQ(test, (u64)sg_dma_address(&sgl[1]),
			pci_resource_start(k.card, 4) - k.offset + SZ_1M);
	unmap_both(&k, sgl, 2);
	pci_p2pmem_unpin(other, SZ_8K);
}

/* Peer memory P and RAM in one list, in every order of three */
static void ram_among_peer_memory(struct kunit *test)
{
	static const struct mapkit_piece pieces[] = {
		{ 0, PAGE_SIZE }, { SZ_16K, PAGE_SIZE }, { SZ_32K, PAGE_SIZE },
	};
	struct mapkit_memory *m;
	struct scatterlist *sgl;
	struct mapkit k;
	void *ram;
	int set, i;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	m = mapkit_alloc(test, k.card, SZ_64K);
	ram = kunit_kmalloc(test, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ram);

	for (set = 1; set < 8; set++) {
		sgl = mapkit_list(test, m->addr, pieces, 3);
		for (i = 0; i < 3; i++)
			if (set & BIT(i))
				sg_set_buf(&sgl[i], ram, 512);
		for (i = 0; i < 3; i++)
			KUNIT_EXPECT_EQ_MSG(test, pci_p2pmem_sg_kind(&sgl[i], 1), !(set & BIT(i)),
					    "entry %d, RAM in places %#x", i, set);
		KUNIT_EXPECT_EQ_MSG(test, pci_p2pmem_sg_check(sgl, 3), set == 7 ? 0 : -EINVAL,
				    "RAM in places %#x", set);
		/* Of a list that begins with RAM nothing else is read, unless DMA is debugged. */
		if (set == 7 || !(set & BIT(0)) || IS_ENABLED(CONFIG_DMA_API_DEBUG))
			KUNIT_EXPECT_EQ_MSG(test, pci_p2pmem_sg_kind(sgl, 3),
					    set == 7 ? 0 : -EINVAL, "RAM in places %#x", set);
		else
			KUNIT_EXPECT_EQ_MSG(test, pci_p2pmem_sg_kind(sgl, 3), 0,
					    "RAM in places %#x", set);
		KUNIT_EXPECT_EQ_MSG(test, map_both(&k, sgl, 3), -EINVAL,
				    "RAM in places %#x", set);
		mapkit_expect_unmapped(test, sgl, 3);
	}
	/* All lists except RAM alone are counted at the provider of the first peer entry. */
	mapkit_expect_count(test, k.card, k.nic, 0, 0, 6);
}

/* card and card2 in one list, in every order of three */
static void two_providers(struct kunit *test)
{
	static const struct mapkit_piece pieces[] = {
		{ 0, PAGE_SIZE }, { SZ_16K, PAGE_SIZE }, { SZ_32K, PAGE_SIZE },
	};
	struct mapkit_memory *m, *m2;
	struct scatterlist *sgl;
	struct pci_dev *card2;
	int set, i, ret, refused = 0;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	card2 = kit_lend(test, k.f, "card2");
	m = mapkit_alloc(test, k.card, SZ_64K);
	m2 = mapkit_alloc(test, card2, SZ_64K);

	for (set = 0; set < 8; set++) {
		bool pure = set == 0 || set == 7;

		sgl = mapkit_list(test, m->addr, pieces, 3);
		for (i = 0; i < 3; i++)
			if (set & BIT(i))
				sg_set_buf(&sgl[i], m2->addr + pieces[i].at, PAGE_SIZE);
		KUNIT_EXPECT_EQ_MSG(test, pci_p2pmem_sg_check(sgl, 3), pure ? 1 : -EINVAL,
				    "memory of card2 in places %#x", set);
		ret = map_both(&k, sgl, 3);
		KUNIT_EXPECT_EQ_MSG(test, ret, pure ? 3 : -EINVAL,
				    "memory of card2 in places %#x", set);
		if (pure && ret == 3) {
			mapkit_expect_bus(test, sgl, 3, k.offset);
			unmap_both(&k, sgl, 3);
		} else {
			mapkit_expect_unmapped(test, sgl, 3);
			/* It is counted at the provider of the first entry. */
			refused += !(set & 1);
		}
	}
	mapkit_expect_count(test, k.card, k.nic, 1, 1, refused);
	mapkit_expect_count(test, card2, k.nic, 1, 1, 6 - refused);
}

/* An entry must be within one region: only bytes 0 to 2 MiB of BAR 2 are registered */
static void entries_that_leave_the_region(struct kunit *test)
{
	static const struct mapkit_piece ok = { SZ_2M - PAGE_SIZE, PAGE_SIZE };
	struct mapkit_memory *m;
	struct scatterlist *sgl;
	struct pci_dev *card2;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_SAME);
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, k.f, "card2", 2, SZ_2M, 0, PCI_P2PMEM_POOL));
	card2 = fabric_pdev(k.f, "card2");
	m = mapkit_alloc(test, card2, SZ_2M);
	sgl = mapkit_list(test, m->addr, &ok, 1);

	KUNIT_ASSERT_EQ(test, map_both(&k, sgl, 1), 1);
	mapkit_expect_bus(test, sgl, 1, 0);
	unmap_both(&k, sgl, 1);

	mapkit_scrub(sgl, 1);
	sgl->length = PAGE_SIZE + 1;
	KUNIT_EXPECT_EQ(test, map_both(&k, sgl, 1), -EINVAL);
	sgl->length = UINT_MAX;
	KUNIT_EXPECT_EQ(test, map_both(&k, sgl, 1), -EINVAL);
	sgl->length = PAGE_SIZE;
	sgl->offset = 1;
	KUNIT_EXPECT_EQ(test, map_both(&k, sgl, 1), -EINVAL);
	sgl->offset = 0;
	sgl->length = 0;
	KUNIT_EXPECT_EQ(test, map_both(&k, sgl, 1), -EINVAL);
	mapkit_expect_untouched(test, sgl, 1);

	/* An empty list has no length. */
	KUNIT_EXPECT_EQ(test, map_both(&k, sgl, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, map_both(&k, sgl, -1), -EINVAL);
	mapkit_expect_count(test, card2, k.nic, 1, 1, 4);
}

/* Devices that are no clients get no addresses */
static void clients_that_are_none(struct kunit *test)
{
	static const struct mapkit_piece page = { 0, PAGE_SIZE };
	struct pci_p2pmem_client *c;
	struct mapkit_memory *m;
	struct scatterlist *sgl;
	struct device *soft;
	struct pci_dev *card2;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_SAME);
	card2 = fabric_pdev(k.f, "card2");
	m = mapkit_alloc(test, k.card, PAGE_SIZE);
	sgl = mapkit_list(test, m->addr, &page, 1);

	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(NULL, sgl, 1, DMA_TO_DEVICE), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(&card2->dev, sgl, 1, DMA_TO_DEVICE),
			-EOPNOTSUPP);
	/* It is a client now ... */
	c = pci_p2pmem_register_client(&card2->dev, NULL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(c));
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(&card2->dev, sgl, 1, DMA_TO_DEVICE), 1);
	pci_p2pmem_unmap_sg(&card2->dev, sgl, 1, DMA_TO_DEVICE);
	/* ... and no longer */
	pci_p2pmem_unregister_client(c);
	mapkit_scrub(sgl, 1);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(&card2->dev, sgl, 1, DMA_TO_DEVICE),
			-EOPNOTSUPP);

	/* A client that is not on a PCI bus */
	soft = root_device_register("p2pmem-kunit");
	KUNIT_ASSERT_FALSE(test, IS_ERR(soft));
	c = pci_p2pmem_register_client(soft, NULL, NULL);
	KUNIT_EXPECT_FALSE(test, IS_ERR(c));
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(soft, sgl, 1, DMA_TO_DEVICE), -EXDEV);
	mapkit_expect_count(test, k.card, soft, 0, 0, 1);
	pci_p2pmem_unregister_client(c);
	root_device_unregister(soft);
	mapkit_expect_untouched(test, sgl, 1);
}

static void untrusted_client(struct kunit *test)
{
	static const struct mapkit_piece page = { 0, PAGE_SIZE };
	struct mapkit_memory *m;
	struct scatterlist *sgl;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_SAME);
	m = mapkit_alloc(test, k.card, PAGE_SIZE);
	sgl = mapkit_list(test, m->addr, &page, 1);
	to_pci_dev(k.nic)->untrusted = 1;
	kit_reevaluate();
	KUNIT_EXPECT_EQ(test, map_both(&k, sgl, 1), -EXDEV);
	to_pci_dev(k.nic)->untrusted = 0;
	mapkit_expect_untouched(test, sgl, 1);
	mapkit_expect_count(test, k.card, k.nic, 0, 0, 1);
}

/* Bounce buffers are forced for this client only */
static void client_that_must_bounce(struct kunit *test)
{
#ifdef CONFIG_SWIOTLB
	static const struct mapkit_piece page = { 0, PAGE_SIZE };
	struct io_tlb_mem *forced, *before;
	struct mapkit_memory *m;
	struct scatterlist *sgl;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_SAME);
	m = mapkit_alloc(test, k.card, PAGE_SIZE);
	sgl = mapkit_list(test, m->addr, &page, 1);
	forced = kunit_kzalloc(test, sizeof(*forced), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, forced);
	forced->force_bounce = true;
	before = k.nic->dma_io_tlb_mem;
	k.nic->dma_io_tlb_mem = forced;
	kit_reevaluate();
	KUNIT_EXPECT_EQ(test, map_both(&k, sgl, 1), -EXDEV);
	k.nic->dma_io_tlb_mem = before;
	mapkit_expect_untouched(test, sgl, 1);
	mapkit_expect_count(test, k.card, k.nic, 0, 0, 1);
#else
	kunit_skip(test, "needs CONFIG_SWIOTLB");
#endif
}

/* Submitting I/O evaluates no verdicts and allocates nothing; a missing pair is refused */
static void mapping_makes_no_verdict(struct kunit *test)
{
	static const struct mapkit_piece page = { 0, PAGE_SIZE };
	struct mapkit_memory *m;
	struct scatterlist *sgl;
	struct mapkit k;

	fault_require(test);
	mapkit_build(test, &k, mapkit_switch, MAPKIT_SAME);
	m = mapkit_alloc(test, k.card, PAGE_SIZE);
	sgl = mapkit_list(test, m->addr, &page, 1);
	fault_arm(1);
	KUNIT_EXPECT_EQ(test, map_both(&k, sgl, 1), 1);
	unmap_both(&k, sgl, 1);
	KUNIT_EXPECT_FALSE_MSG(test, fault_disarm(), "a mapping allocates");
	mapkit_scrub(sgl, 1);

	/* a pair that could not be allocated is created by a work item, not here */
	kit_drop_pairs(NULL, k.nic);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, 1, DMA_TO_DEVICE), -ENOMEM);
	mapkit_expect_untouched(test, sgl, 1);
	KUNIT_EXPECT_FALSE(test, kit_pair_exists(kit_provider(k.card), k.nic));
	kit_reevaluate();
	KUNIT_EXPECT_EQ(test, map_both(&k, sgl, 1), 1);
	mapkit_expect_bus(test, sgl, 1, 0);
	unmap_both(&k, sgl, 1);
}

static struct kunit_case map_cases[] = {
	KUNIT_CASE_PARAM(every_entry_is_physical_minus_offset, map_offset_gen_params),
	KUNIT_CASE_PARAM(address_is_in_the_bar_register, map_offset_gen_params),
	KUNIT_CASE(adjacent_entries_stay_entries),
	KUNIT_CASE(chained_list),
	KUNIT_CASE(every_direction),
	KUNIT_CASE(two_regions_of_one_provider),
	KUNIT_CASE(ram_among_peer_memory),
	KUNIT_CASE(two_providers),
	KUNIT_CASE(entries_that_leave_the_region),
	KUNIT_CASE(clients_that_are_none),
	KUNIT_CASE(untrusted_client),
	KUNIT_CASE(client_that_must_bounce),
	KUNIT_CASE(mapping_makes_no_verdict),
	{ }
};

static struct kunit_suite map_suite = {
	.name = "p2pmem-map",
	.test_cases = map_cases,
};

kunit_test_suite(map_suite);
