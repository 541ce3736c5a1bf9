// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: suite p2pmem-map-mask: addresses that a client cannot use
 *
 * Each lookup compares the limit of a client's DMA to its addresses: bus addresses below a
 * switch, physical addresses through a host bridge, and none of them with an IOMMU.
 */
#include <kunit/static_stub.h>

#include "../cache.h"
#include "mapkit.h"

/* The last bus address of the card's memory */
static u64 bus_end(struct mapkit *k)
{
	return pci_resource_end(k->card, 2) - k->offset;
}

static struct scatterlist *one_page(struct kunit *test, struct mapkit *k, size_t at)
{
	const struct mapkit_piece page = { at, PAGE_SIZE };
	struct mapkit_memory *m = mapkit_alloc(test, k->card, SZ_2M);

	return mapkit_list(test, m->addr, &page, 1);
}

static void expect_mapped(struct kunit *test, struct mapkit *k, struct scatterlist *sgl,
			  const char *when)
{
	int ret = pci_p2pmem_map_sg(k->nic, sgl, 1, DMA_TO_DEVICE);

	KUNIT_EXPECT_EQ_MSG(test, ret, 1, "%s", when);
	if (ret > 0)
		pci_p2pmem_unmap_sg(k->nic, sgl, 1, DMA_TO_DEVICE);
}

static void expect_refused(struct kunit *test, struct mapkit *k, struct scatterlist *sgl,
			   u64 limit, u64 needed, const char *when)
{
	struct pci_p2pmem_verdict v;

	mapkit_scrub(sgl, 1);
	KUNIT_EXPECT_EQ_MSG(test, pci_p2pmem_map_sg(k->nic, sgl, 1, DMA_TO_DEVICE), -EXDEV,
			    "%s", when);
	mapkit_expect_untouched(test, sgl, 1);
	pci_p2pmem_verdict(k->card, k->nic, 0, &v);
	KUNIT_EXPECT_EQ_MSG(test, v.reason, PCI_P2PMEM_DMA_MASK, "%s", when);
	KUNIT_EXPECT_EQ_MSG(test, v.limit, limit, "%s", when);
	KUNIT_EXPECT_EQ_MSG(test, v.needed, needed, "%s", when);
}

struct mask_row {
	const char *name;
	u64 bus_start;
	bool fits32;
	bool fits44;
};

static const struct mask_row mask_rows[] = {
	{ "memory below 4 GiB", MAPKIT_LOW, true, true },
	{ "memory beyond 32 bits", MAPKIT_HIGH, false, true },
	{ "memory beyond 44 bits", MAPKIT_FAR, false, false },
};

static void mask_row_desc(const struct mask_row *row, char *desc)
{
	strscpy(desc, row->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(mask_row, mask_rows, mask_row_desc);

/*
 * host -- rp -- up -+- dn0 -- card   somewhere on the bus, above 4 GiB for the CPU
 *                   `- dn1 -- nic    its mask changes after the first mapping
 */
static void mask_is_compared_at_each_lookup(struct kunit *test)
{
	static const unsigned int widths[] = { 64, 44, 32, 44, 64, 32, 64 };
	const struct mask_row *row = test->param_value;
	unsigned int maps = 0, refusals = 0;
	struct scatterlist *sgl;
	struct mapkit k;
	char when[16];
	int i;

	mapkit_build(test, &k, mapkit_switch, row->bus_start);
	sgl = one_page(test, &k, 0);
	KUNIT_ASSERT_EQ(test, row->fits32, bus_end(&k) <= DMA_BIT_MASK(32));
	KUNIT_ASSERT_EQ(test, row->fits44, bus_end(&k) <= DMA_BIT_MASK(44));

	for (i = 0; i < ARRAY_SIZE(widths); i++) {
		u64 mask = DMA_BIT_MASK(widths[i]);

		snprintf(when, sizeof(when), "%d: %u bits", i, widths[i]);
		KUNIT_ASSERT_EQ(test, 0, dma_set_mask(k.nic, mask));
		if (widths[i] == 64 || (widths[i] == 44 ? row->fits44 : row->fits32)) {
			expect_mapped(test, &k, sgl, when);
			maps++;
		} else {
			expect_refused(test, &k, sgl, mask, bus_end(&k), when);
			refusals++;
		}
	}
	mapkit_expect_count(test, k.card, k.nic, maps, maps, refusals);
}

/* The same above 4 GiB; the limit is the last byte of the memory, or one byte less */
static void last_byte_decides(struct kunit *test)
{
	struct scatterlist *sgl;
	struct mapkit k;
	u64 end;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_HIGH);
	sgl = one_page(test, &k, 0);
	end = bus_end(&k);
	k.nic->bus_dma_limit = end;
	expect_mapped(test, &k, sgl, "limit at the last byte");
	k.nic->bus_dma_limit = end - 1;
	expect_refused(test, &k, sgl, end - 1, end, "limit one byte below");
	k.nic->bus_dma_limit = 0;
	expect_mapped(test, &k, sgl, "no limit");
}

/*
 * host -- rp -- up -+- dn0 -- card   below 4 GiB on the bus, above it for the CPU
 *                   `- dn1 -- nic    32 bits
 */
static void bus_address_counts_below_a_switch(struct kunit *test)
{
	struct scatterlist *sgl;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	KUNIT_ASSERT_EQ(test, 0, dma_set_mask(k.nic, DMA_BIT_MASK(32)));
	KUNIT_ASSERT_LE(test, bus_end(&k), DMA_BIT_MASK(32));
	KUNIT_ASSERT_GT(test, pci_resource_start(k.card, 2), DMA_BIT_MASK(32));
	sgl = one_page(test, &k, SZ_1M);
	KUNIT_ASSERT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, 1, DMA_TO_DEVICE), 1);
	mapkit_expect_bus(test, sgl, 1, k.offset);
	KUNIT_EXPECT_LE(test, (u64)sg_dma_address(sgl), DMA_BIT_MASK(32));
	pci_p2pmem_unmap_sg(k.nic, sgl, 1, DMA_TO_DEVICE);
}

/*
 * host -+- rp0 -- card   below 4 GiB on the bus, above it for the CPU
 *       `- rp1 -- nic    32 bits
 */
static void physical_address_counts_through_a_host_bridge(struct kunit *test)
{
	struct scatterlist *sgl;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_host, MAPKIT_LOW);
	sgl = one_page(test, &k, 0);
	KUNIT_ASSERT_LE(test, bus_end(&k), DMA_BIT_MASK(32));
	expect_mapped(test, &k, sgl, "64 bits");
	KUNIT_ASSERT_EQ(test, 0, dma_set_mask(k.nic, DMA_BIT_MASK(32)));
	expect_refused(test, &k, sgl, DMA_BIT_MASK(32), pci_resource_end(k.card, 2), "32 bits");
}

/* The same with an IOMMU, which has addresses for the nic */
static void iommu_needs_no_limit(struct kunit *test)
{
	struct mapkit_iommu *iommu;
	struct scatterlist *sgl;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_host, MAPKIT_SAME);
	iommu = mapkit_iommu(test);
	sgl = one_page(test, &k, 0);
	KUNIT_ASSERT_EQ(test, 0, dma_set_mask(k.nic, DMA_BIT_MASK(32)));
	expect_mapped(test, &k, sgl, "32 bits");
	KUNIT_EXPECT_EQ(test, iommu->undone, 1);
	/* Without the IOMMU the mask counts again */
	iommu->plain = true;
	kit_reevaluate();
	expect_refused(test, &k, sgl, DMA_BIT_MASK(32), pci_resource_end(k.card, 2),
		       "without it");
}

/* One run of 2 MiB, allocated under a grant for nic */
static void *granted(struct kunit *test, struct mapkit *k, struct scatterlist **mem)
{
	struct pci_p2pmem_grant *g = mapkit_grant(test, k);
	unsigned int nents;

	*mem = pci_p2pmem_grant_sgl_alloc(g, &nents, SZ_2M, GFP_KERNEL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(*mem));
	KUNIT_ASSERT_EQ(test, nents, 1);
	return sg_virt(*mem);
}

/*
 * A granted pair is mapped as it was granted, but never to an address beyond the client's
 * limit: the limit is set to the middle of the allocated memory.
 */
static void granted_pair_with_a_lower_mask(struct kunit *test)
{
	static const struct mapkit_piece pieces[] = {
		{ 0, SZ_64K }, { SZ_1M - SZ_64K, SZ_64K }, { SZ_1M, SZ_64K },
	};
	struct scatterlist *sgl, *mem;
	struct mapkit k;
	void *addr;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_HIGH);
	addr = granted(test, &k, &mem);
	sgl = mapkit_list(test, addr, pieces, 3);
	k.nic->bus_dma_limit = pci_resource_start(k.card, 2) - k.offset +
			       (addr - k.base) + SZ_1M - 1;

	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, 2, DMA_TO_DEVICE), 2);
	mapkit_expect_bus(test, sgl, 2, k.offset);
	pci_p2pmem_unmap_sg(k.nic, sgl, 2, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, 3, DMA_TO_DEVICE), -EXDEV);
	/* one entry is mapped on its own */
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, &sgl[2], 1, DMA_TO_DEVICE), -EXDEV);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, &sgl[1], 1, DMA_TO_DEVICE), 1);
	pci_p2pmem_unmap_sg(k.nic, &sgl[1], 1, DMA_TO_DEVICE);
	k.nic->bus_dma_limit--;
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, &sgl[1], 1, DMA_TO_DEVICE), -EXDEV);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, 2, DMA_TO_DEVICE), -EXDEV);
	k.nic->bus_dma_limit = 0;
	mapkit_expect_count(test, k.card, k.nic, 2, 2, 4);
	pci_p2pmem_sgl_free(mem);
}

/* The same through a host bridge */
static void granted_pair_with_a_lower_mask_through_a_host_bridge(struct kunit *test)
{
	static const struct mapkit_piece pieces[] = {
		{ 0, SZ_64K }, { SZ_512K, SZ_64K }, { SZ_1M, SZ_64K },
	};
	struct mapkit_iommu *iommu;
	struct scatterlist *sgl, *mem;
	struct mapkit k;
	void *addr;

	mapkit_build(test, &k, mapkit_host, MAPKIT_HIGH);
	iommu = mapkit_iommu(test);
	iommu->plain = true;
	addr = granted(test, &k, &mem);
	sgl = mapkit_list(test, addr, pieces, 3);
	k.nic->bus_dma_limit = pci_resource_start(k.card, 2) + (addr - k.base) + SZ_1M;

	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, 2, DMA_TO_DEVICE), 2);
	pci_p2pmem_unmap_sg(k.nic, sgl, 2, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, iommu->undone, 2);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, 3, DMA_TO_DEVICE), -EXDEV);
	/* Refused before any entry is mapped */
	KUNIT_EXPECT_EQ(test, iommu->calls, 2);
	KUNIT_EXPECT_EQ(test, iommu->nr, 0);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, &sgl[2], 1, DMA_TO_DEVICE), -EXDEV);
	KUNIT_EXPECT_EQ(test, iommu->calls, 2);
	k.nic->bus_dma_limit = 0;
	mapkit_expect_count(test, k.card, k.nic, 1, 1, 2);
	pci_p2pmem_sgl_free(mem);
}

/**
 * struct second_range - a card that provides two halves of its BAR, one after the other
 * @k: the hierarchy; nic reaches the first half
 * @grant: for nic, created while there was the first half alone
 * @acs: a register that is read to evaluate the pair
 * @size: size of the pool while the pair was evaluated for the second half
 */
struct second_range {
	struct mapkit k;
	struct pci_p2pmem_grant *grant;
	int acs;
	size_t size;
};

static void second_range_build(struct kunit *test, struct second_range *s)
{
	s->k.f = fabric_build(test, mapkit_switch);
	s->k.card = fabric_pdev(s->k.f, "card");
	s->k.nic = kit_client(test, s->k.f, "nic");
	s->acs = fabric_pdev(s->k.f, "dn1")->acs_cap + PCI_ACS_CTRL;
	KUNIT_ASSERT_EQ(test, kit_add(test, s->k.f, "card", 2, SZ_2M, 0, PCI_P2PMEM_POOL), 0);
	s->k.nic->bus_dma_limit = pci_bus_address(s->k.card, 2) + SZ_2M - 1;
	s->grant = mapkit_grant(test, &s->k);
}

/* Allocates of the sizes that have paths of their own; expects @reason. */
static void second_range_expect(struct kunit *test, struct second_range *s,
				enum pci_p2pmem_reason reason)
{
	static const u32 lengths[] = { PAGE_SIZE, SZ_128K, SZ_1M };
	enum pci_p2pmem_reason why;
	struct scatterlist *sgl;
	unsigned int nents;
	int i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		sgl = pci_p2pmem_grant_sgl_alloc(s->grant, &nents, lengths[i], GFP_KERNEL, &why);
		KUNIT_EXPECT_STREQ_MSG(test, pci_p2pmem_reason_token(why),
				       pci_p2pmem_reason_token(reason), "%u bytes", lengths[i]);
		if (!IS_ERR(sgl))
			pci_p2pmem_sgl_free(sgl);
	}
}

static void second_range_size(void *arg)
{
	struct second_range *s = arg;

	guard(rcu)();
	s->size = p2pmem_pool_size(p2pmem_find(s->k.card)->pool);
}

/*
 * card: [ first half: nic reaches it ][ second half: it does not ]
 *
 * Nobody knows which half a new allocation would get, so the grant allows none. Nobody gets any
 * of the second half before that is so; memory in use is mapped as before.
 */
static void second_range_beyond_the_limit(struct kunit *test)
{
	struct second_range s = { };
	struct scatterlist *used;
	unsigned int nents;
	void *rest[2];

	second_range_build(test, &s);
	used = pci_p2pmem_grant_sgl_alloc(s.grant, &nents, SZ_1M, GFP_KERNEL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(used));
	second_range_expect(test, &s, PCI_P2PMEM_OK);

	fabric_on_read(s.k.f, "dn1", s.acs, second_range_size, &s);
	KUNIT_EXPECT_EQ(test, 0, kit_add(test, s.k.f, "card", 2, SZ_2M, SZ_2M,
					 PCI_P2PMEM_POOL));
	KUNIT_EXPECT_EQ_MSG(test, s.size, SZ_2M, "allocated before its pairs are evaluated");
	second_range_expect(test, &s, PCI_P2PMEM_DMA_MASK);
	/* The limit remains the reason if there is no free memory either. */
	rest[0] = pci_p2pmem_alloc(s.k.card, SZ_2M, GFP_KERNEL);
	rest[1] = pci_p2pmem_alloc(s.k.card, SZ_1M, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, kit_available(s.k.card), 0);
	second_range_expect(test, &s, PCI_P2PMEM_DMA_MASK);
	if (rest[0])
		pci_p2pmem_free(rest[0], SZ_2M);
	if (rest[1])
		pci_p2pmem_free(rest[1], SZ_1M);
	expect_mapped(test, &s.k, used, "memory in use");
	/* The limit is compared each time. */
	s.k.nic->bus_dma_limit = 0;
	second_range_expect(test, &s, PCI_P2PMEM_OK);
	pci_p2pmem_sgl_free(used);
}

/* The same if the route cannot be read: the pair keeps its mapping, but not its limit. */
static void second_range_while_a_port_hangs(struct kunit *test)
{
	struct second_range s = { };

	second_range_build(test, &s);
	second_range_expect(test, &s, PCI_P2PMEM_OK);
	fabric_blink(s.k.f, "dn1", s.acs, 0);
	KUNIT_EXPECT_EQ(test, 0, kit_add(test, s.k.f, "card", 2, SZ_2M, SZ_2M,
					 PCI_P2PMEM_POOL));
	second_range_expect(test, &s, PCI_P2PMEM_DMA_MASK);
}

static struct second_range *second_range_of_stub;

/* The nic's limit is compared with other addresses from here on, as with one more range. */
static unsigned int second_range_alloc_some(struct p2pmem_pool *pool, size_t size,
					    struct p2pmem_run *run, unsigned int max)
{
	struct second_range *s = second_range_of_stub;

	kunit_deactivate_static_stub(current->kunit_test, p2pmem_pool_alloc_some);
	s->size = size;
	s->k.nic->bus_dma_limit = pci_bus_address(s->k.card, 2);
	p2pmem_note_change();
	return p2pmem_pool_alloc_some(pool, size, run, max);
}

/* Of several runs, so that it takes time: the memory goes back, and the reason is the limit. */
static void limit_that_changes_during_an_allocation(struct kunit *test)
{
	struct second_range s = { };
	enum pci_p2pmem_reason why;
	struct scatterlist *sgl;
	unsigned int nents;
	size_t available;
	void *addr;

	second_range_build(test, &s);
	/* No run is longer than a half: one page in the middle is taken. */
	addr = pci_p2pmem_alloc(s.k.card, SZ_2M, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	pci_p2pmem_free(addr, SZ_1M);
	pci_p2pmem_free(addr + SZ_1M + PAGE_SIZE, SZ_1M - PAGE_SIZE);
	available = kit_available(s.k.card);
	second_range_of_stub = &s;
	kunit_activate_static_stub(test, p2pmem_pool_alloc_some, second_range_alloc_some);
	sgl = pci_p2pmem_grant_sgl_alloc(s.grant, &nents, SZ_1M + SZ_64K, GFP_KERNEL, &why);
	KUNIT_EXPECT_EQ_MSG(test, s.size, SZ_1M + SZ_64K, "it was one run");
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(sgl), -EXDEV);
	KUNIT_EXPECT_STREQ(test, pci_p2pmem_reason_token(why),
			   pci_p2pmem_reason_token(PCI_P2PMEM_DMA_MASK));
	if (!IS_ERR(sgl))
		pci_p2pmem_sgl_free(sgl);
	KUNIT_EXPECT_EQ(test, kit_available(s.k.card), available);
	pci_p2pmem_free(addr + SZ_1M, PAGE_SIZE);
}

static struct kunit_case map_mask_cases[] = {
	KUNIT_CASE(second_range_beyond_the_limit),
	KUNIT_CASE(second_range_while_a_port_hangs),
	KUNIT_CASE(limit_that_changes_during_an_allocation),
	KUNIT_CASE_PARAM(mask_is_compared_at_each_lookup, mask_row_gen_params),
	KUNIT_CASE(last_byte_decides),
	KUNIT_CASE(bus_address_counts_below_a_switch),
	KUNIT_CASE(physical_address_counts_through_a_host_bridge),
	KUNIT_CASE(iommu_needs_no_limit),
	KUNIT_CASE(granted_pair_with_a_lower_mask),
	KUNIT_CASE(granted_pair_with_a_lower_mask_through_a_host_bridge),
	{ }
};

static struct kunit_suite map_mask_suite = {
	.name = "p2pmem-map-mask",
	.test_cases = map_mask_cases,
};

kunit_test_suite(map_mask_suite);
