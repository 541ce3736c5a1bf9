// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: suite p2pmem-map-pass: lists of several entries by bus address
 *
 * A usual list is checked and written in one pass (bus.c). An entry that differs, at any place,
 * must not change what is mapped or refused, and must leave no mark behind.
 */
#include <trace/events/p2pmem.h>
#include "mapkit.h"

#define NR	5

/*
 * All cases (mapkit_switch):
 *
 *	host -- rp -- up -+- dn0 -- card   lends BAR 2, 4 MiB
 *	                  +- dn1 -- nic    client
 *	                  `- dn2 -- card2
 */
struct pass {
	struct mapkit k;
	struct mapkit_memory *m;
	struct scatterlist *sgl;
};

/* Every second page, which is what a fragmented pool gives, in falling order */
static const struct mapkit_piece pass_pieces[NR] = {
	{ 8 * PAGE_SIZE, PAGE_SIZE }, { 6 * PAGE_SIZE, PAGE_SIZE }, { 4 * PAGE_SIZE, PAGE_SIZE },
	{ 2 * PAGE_SIZE, PAGE_SIZE }, { 0, PAGE_SIZE },
};

static void pass_build(struct kunit *test, struct pass *p)
{
	mapkit_build(test, &p->k, mapkit_switch, MAPKIT_HIGH);
	p->m = mapkit_alloc(test, p->k.card, SZ_64K);
	p->sgl = mapkit_list(test, p->m->addr, pass_pieces, NR);
}

static int pass_map(struct pass *p)
{
	return pci_p2pmem_map_sg(p->k.nic, p->sgl, NR, DMA_TO_DEVICE);
}

static void pass_expect_mapped(struct kunit *test, struct pass *p)
{
	KUNIT_ASSERT_EQ(test, pass_map(p), NR);
	mapkit_expect_bus(test, p->sgl, NR, p->k.offset);
	pci_p2pmem_unmap_sg(p->k.nic, p->sgl, NR, DMA_TO_DEVICE);
	mapkit_expect_unmapped(test, p->sgl, NR);
	mapkit_scrub(p->sgl, NR);
}

/* Entries that are in the region, but not whole pages: the bytes are counted as they are. */
static void lengths_other_than_a_page(struct kunit *test)
{
	static const struct {
		unsigned int offset, length;
	} shapes[] = {
		{ 0, 1 }, { 512, PAGE_SIZE - 512 }, { 512, PAGE_SIZE }, { 0, PAGE_SIZE - 1 },
		{ 0, PAGE_SIZE + 1 }, { PAGE_SIZE, PAGE_SIZE }, { PAGE_SIZE + 8, 2 * PAGE_SIZE },
	};
	u64 bytes = 0;
	struct pass p;
	int i, at;

	pass_build(test, &p);
	for (at = 0; at < NR; at++)
		for (i = 0; i < ARRAY_SIZE(shapes); i++) {
			p.sgl[at].offset = shapes[i].offset;
			p.sgl[at].length = shapes[i].length;
			bytes += (NR - 1) * PAGE_SIZE + shapes[i].length;
			pass_expect_mapped(test, &p);
			KUNIT_EXPECT_EQ_MSG(test, mapkit_count(p.k.card, p.k.nic).bytes, bytes,
					    "entry %d, shape %d", at, i);
			p.sgl[at].offset = 0;
			p.sgl[at].length = PAGE_SIZE;
		}
	mapkit_expect_count(test, p.k.card, p.k.nic, NR * ARRAY_SIZE(shapes),
			    NR * ARRAY_SIZE(shapes), 0);
}

/* One entry of another kind, at each place: the whole list is refused. */
static void one_entry_that_is_refused(struct kunit *test)
{
	struct mapkit_memory *m2;
	struct pci_dev *card2;
	int at, what, refused;
	struct pass p;
	void *ram;

	pass_build(test, &p);
	card2 = kit_lend(test, p.k.f, "card2");
	m2 = mapkit_alloc(test, card2, PAGE_SIZE);
	ram = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ram);
	for (at = 0; at < NR; at++) {
		struct scatterlist *sg = &p.sgl[at], was = *sg;

		for (what = 0; what < 5; what++) {
			switch (what) {
			case 0:
				sg_set_buf(sg, ram, 512);
				break;
			case 1:
				sg_set_buf(sg, m2->addr, PAGE_SIZE);
				break;
			case 2:
				sg->length = 0;
				break;
			case 3:	/* the region has 4 MiB */
				sg->length = SZ_8M;
				break;
			case 4:
				sg->offset = SZ_4M;
				break;
			}
			KUNIT_EXPECT_EQ_MSG(test, pass_map(&p), -EINVAL, "entry %d, case %d", at,
					    what);
			mapkit_expect_unmapped(test, p.sgl, NR);
			*sg = was;
			mapkit_scrub(p.sgl, NR);
		}
	}
	refused = mapkit_count(p.k.card, p.k.nic).refusals +
		mapkit_count(card2, p.k.nic).refusals;
	KUNIT_EXPECT_EQ(test, refused, NR * 5);
	pass_expect_mapped(test, &p);
}

/* Memory under a grant, under another one, and without one: all of it is mapped. */
static void one_entry_of_another_grant(struct kunit *test)
{
	struct scatterlist *own[2];
	unsigned int nents;
	struct pass p;
	int at, i;

	pass_build(test, &p);
	for (i = 0; i < 2; i++) {
		own[i] = pci_p2pmem_grant_sgl_alloc(mapkit_grant(test, &p.k), &nents, PAGE_SIZE,
						    GFP_KERNEL, NULL);
		KUNIT_ASSERT_FALSE(test, IS_ERR(own[i]));
	}
	for (at = 0; at < NR; at++) {
		struct scatterlist was = p.sgl[at];

		sg_set_buf(&p.sgl[at], sg_virt(own[0]), PAGE_SIZE);
		pass_expect_mapped(test, &p);
		sg_set_buf(&p.sgl[(at + 1) % NR], sg_virt(own[1]), PAGE_SIZE);
		pass_expect_mapped(test, &p);
		p.sgl[at] = was;
		sg_set_buf(&p.sgl[(at + 1) % NR], p.m->addr + pass_pieces[(at + 1) % NR].at,
			   PAGE_SIZE);
	}
	for (i = 0; i < 2; i++)
		pci_p2pmem_sgl_free(own[i]);
	mapkit_expect_count(test, p.k.card, p.k.nic, 2 * NR, 2 * NR, 0);
	KUNIT_EXPECT_EQ(test, mapkit_count(p.k.card, p.k.nic).bytes, 2 * NR * NR * PAGE_SIZE);
}

/*
 * Three regions of one provider: the halves of BAR 2 and BAR 4. The pages of the halves are
 * neighbours, but an entry may not be in both.
 */
static void regions_of_one_provider(struct kunit *test)
{
	static const struct {
		int bar;
		u64 offset, size;
	} ranges[] = { { 2, 0, SZ_2M }, { 2, SZ_2M, SZ_2M }, { 4, 0, SZ_4M } };
	struct scatterlist *sgl;
	struct pci_dev *card2;
	void *base, *end, *page[4];
	struct mapkit k;
	int i, j;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	for (i = 0; i < ARRAY_SIZE(ranges); i++)
		KUNIT_ASSERT_EQ(test, 0, kit_add(test, k.f, "card2", ranges[i].bar,
						 ranges[i].size, ranges[i].offset,
						 PCI_P2PMEM_DRIVER));
	card2 = fabric_pdev(k.f, "card2");
	base = pci_p2pmem_region_addr(card2, 2, 0);
	page[0] = base;
	page[1] = base + SZ_2M - PAGE_SIZE;
	page[2] = pci_p2pmem_region_addr(card2, 2, SZ_2M);
	page[3] = pci_p2pmem_region_addr(card2, 4, SZ_4M - PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(page); i++)
		KUNIT_ASSERT_EQ(test, 0, pci_p2pmem_pin(card2, page[i], PAGE_SIZE));
	sgl = kunit_kcalloc(test, 2, sizeof(*sgl), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sgl);
	sg_init_table(sgl, 2);

	for (i = 0; i < ARRAY_SIZE(page); i++)
		for (j = 0; j < ARRAY_SIZE(page); j++) {
			sg_set_buf(&sgl[0], page[i], PAGE_SIZE);
			sg_set_buf(&sgl[1], page[j], PAGE_SIZE);
			mapkit_scrub(sgl, 2);
			KUNIT_ASSERT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, 2, DMA_TO_DEVICE), 2);
			mapkit_expect_bus(test, sgl, 2, k.offset);
			pci_p2pmem_unmap_sg(k.nic, sgl, 2, DMA_TO_DEVICE);
		}
	/* The last page of a region, and one byte more: another one is behind the first */
	sg_set_buf(&sgl[0], page[0], PAGE_SIZE);
	for (i = 1; i < ARRAY_SIZE(page); i += 2) {
		sg_set_buf(&sgl[1], page[i], PAGE_SIZE);
		sgl[1].offset = 8;
		sgl[1].length = PAGE_SIZE - 8;
		mapkit_scrub(sgl, 2);
		KUNIT_ASSERT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, 2, DMA_TO_DEVICE), 2);
		mapkit_expect_bus(test, sgl, 2, k.offset);
		pci_p2pmem_unmap_sg(k.nic, sgl, 2, DMA_TO_DEVICE);
		sgl[1].length++;
		KUNIT_ASSERT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, 2, DMA_TO_DEVICE),
				i == 1 ? 2 : -EINVAL);
		if (i == 1) {
			mapkit_expect_bus(test, sgl, 2, k.offset);
			pci_p2pmem_unmap_sg(k.nic, sgl, 2, DMA_TO_DEVICE);
		}
		mapkit_expect_unmapped(test, sgl, 2);
	}
	/* To the last byte of the last region behind, and one byte more; alone, too */
	end = base + SZ_4M;
	if (page[3] + PAGE_SIZE == end + SZ_4M)
		end += SZ_4M;
	for (i = 1; i <= 2; i++) {
		sg_set_buf(&sgl[i - 1], page[1], end - page[1]);
		if (i == 2)
			sg_set_buf(&sgl[0], page[0], PAGE_SIZE);
		mapkit_scrub(sgl, 2);
		KUNIT_ASSERT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, i, DMA_TO_DEVICE), i);
		mapkit_expect_bus(test, sgl, i, k.offset);
		pci_p2pmem_unmap_sg(k.nic, sgl, i, DMA_TO_DEVICE);
		sgl[i - 1].length++;
		KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, i, DMA_TO_DEVICE), -EINVAL);
		mapkit_expect_unmapped(test, sgl, i);
	}
	for (i = 0; i < ARRAY_SIZE(page); i++)
		pci_p2pmem_unpin(page[i], PAGE_SIZE);
	mapkit_expect_count(test, card2, k.nic, 21, 21, 3);
}

/* The chain to the rest of the list is at each place. */
static void chain_at_each_place(struct kunit *test)
{
	struct scatterlist *head, *tail, *sg;
	int first, i, n, wrong;
	struct pass p;

	pass_build(test, &p);
	head = kunit_kcalloc(test, NR + 1, sizeof(*head), GFP_KERNEL);
	tail = kunit_kcalloc(test, NR, sizeof(*tail), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, head);
	KUNIT_ASSERT_NOT_NULL(test, tail);
	for (first = 1; first < NR; first++)
		for (wrong = 0; wrong <= NR; wrong++) {
			sg_init_table(head, first + 1);
			sg_init_table(tail, NR - first);
			sg_chain(head, first + 1, tail);
			for_each_sg(head, sg, NR, i)
				sg_set_buf(sg, p.m->addr + pass_pieces[i].at, PAGE_SIZE);
			mapkit_scrub(head, NR);
			n = 0;
			for_each_sg(head, sg, NR, i)
				if (i == wrong) {
					sg->length = 0;
					n++;
				}
			KUNIT_EXPECT_EQ_MSG(test, n ? -EINVAL : NR,
					    pci_p2pmem_map_sg(p.k.nic, head, NR, DMA_TO_DEVICE),
					    "chain at %d, fault at %d", first, wrong);
			if (!n) {
				mapkit_expect_bus(test, head, NR, p.k.offset);
				pci_p2pmem_unmap_sg(p.k.nic, head, NR, DMA_TO_DEVICE);
			}
			mapkit_expect_unmapped(test, head, NR);
			KUNIT_EXPECT_TRUE(test, sg_is_chain(&head[first]));
		}
	mapkit_expect_count(test, p.k.card, p.k.nic, NR - 1, NR - 1, (NR - 1) * NR);
}

/* The client's limit is inside the region: the list decides, not the region. */
static void limit_inside_the_region(struct kunit *test)
{
	struct pci_p2pmem_grant *g;
	struct scatterlist *own;
	unsigned int nents;
	struct pass p;
	u64 last;

	pass_build(test, &p);
	/* Without a grant the client must reach all of the provider. */
	g = mapkit_grant(test, &p.k);
	own = pci_p2pmem_grant_sgl_alloc(g, &nents, SZ_64K, GFP_KERNEL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(own));
	p.sgl = mapkit_list(test, sg_virt(own), pass_pieces, NR);
	last = pci_p2pmem_bus_addr(sg_virt(own)) + 9 * PAGE_SIZE - 1;
	p.k.nic->bus_dma_limit = last;
	pass_expect_mapped(test, &p);
	p.k.nic->bus_dma_limit = last - 1;
	KUNIT_EXPECT_EQ(test, pass_map(&p), -EXDEV);
	mapkit_expect_unmapped(test, p.sgl, NR);
	/* exactly the region, and one byte less: both are the same list */
	p.k.nic->bus_dma_limit = pci_p2pmem_bus_addr(p.k.base) + SZ_4M - 1;
	pass_expect_mapped(test, &p);
	p.k.nic->bus_dma_limit--;
	mapkit_scrub(p.sgl, NR);
	pass_expect_mapped(test, &p);
	p.k.nic->bus_dma_limit = 0;
	pci_p2pmem_sgl_free(own);
	mapkit_expect_count(test, p.k.card, p.k.nic, 3, 3, 1);
}

struct pass_event {
	enum pci_p2pmem_mapping how;
	size_t bytes;
	int mapped, unmapped;
};

static void pass_mapped(void *data, struct pci_dev *provider, struct device *client, size_t bytes,
			enum pci_p2pmem_mapping how, enum pci_p2pmem_reason reason)
{
	struct pass_event *e = data;

	*e = (struct pass_event){ how, bytes, e->mapped + 1, e->unmapped };
}

static void pass_unmapped(void *data, struct pci_dev *provider, struct device *client,
			  size_t bytes, enum pci_p2pmem_mapping how)
{
	struct pass_event *e = data;

	*e = (struct pass_event){ how, bytes, e->mapped, e->unmapped + 1 };
}

/* While somebody listens, every list takes the path for any list, with the same result. */
static void somebody_listens(struct kunit *test)
{
	struct pass_event e = { };
	struct pass p;
	int ret;

	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		kunit_skip(test, "the kernel has no trace events");
	pass_build(test, &p);
	ret = register_trace_p2pmem_map(pass_mapped, &e) ?:
		register_trace_p2pmem_unmap(pass_unmapped, &e);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, pass_map(&p), NR);
	mapkit_expect_bus(test, p.sgl, NR, p.k.offset);
	KUNIT_EXPECT_EQ(test, e.bytes, NR * PAGE_SIZE);
	e.bytes = 0;
	pci_p2pmem_unmap_sg(p.k.nic, p.sgl, NR, DMA_TO_DEVICE);
	mapkit_expect_unmapped(test, p.sgl, NR);
	KUNIT_EXPECT_EQ(test, e.bytes, NR * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, e.how, PCI_P2PMEM_MAP_BUS_ADDR);
	mapkit_scrub(p.sgl, NR);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(p.k.nic, p.sgl, 1, DMA_TO_DEVICE), 1);
	pci_p2pmem_unmap_sg(p.k.nic, p.sgl, 1, DMA_TO_DEVICE);
	mapkit_expect_unmapped(test, p.sgl, 1);
	KUNIT_EXPECT_EQ(test, e.bytes, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, e.mapped, 2);
	KUNIT_EXPECT_EQ(test, e.unmapped, 2);
	unregister_trace_p2pmem_unmap(pass_unmapped, &e);
	unregister_trace_p2pmem_map(pass_mapped, &e);
	tracepoint_synchronize_unregister();
	mapkit_expect_count(test, p.k.card, p.k.nic, 2, 2, 0);
}

static struct kunit_case map_pass_cases[] = {
	KUNIT_CASE(lengths_other_than_a_page),
	KUNIT_CASE(one_entry_that_is_refused),
	KUNIT_CASE(one_entry_of_another_grant),
	KUNIT_CASE(regions_of_one_provider),
	KUNIT_CASE(chain_at_each_place),
	KUNIT_CASE(limit_inside_the_region),
	KUNIT_CASE(somebody_listens),
	{ }
};

static struct kunit_suite map_pass_suite = {
	.name = "p2pmem-map-pass",
	.test_cases = map_pass_cases,
};

kunit_test_suite(map_pass_suite);
