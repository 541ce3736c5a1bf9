// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: peer memory as scatterlists
 *
 * An allocation is complete or fails; it is one run if possible, and several pieces if
 * the pool is fragmented; it is zeroed on request; and a loss of its contents is
 * reported. All cases use kit_one_switch, whose card provides 4 MiB:
 *
 *	pool:   .#.#.#.#........	'#': allocated by the test
 *	list:   0 1 2 3 4-----------	entries of one list
 */
#include <kunit/static_stub.h>
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/sizes.h>

#include "fault.h"
#include "lendkit.h"

#define SGL_PAGES	(SZ_4M / PAGE_SIZE)

/**
 * struct sgl_kit - a card and its memory in use
 * @f: the hierarchy
 * @card: the provider
 * @base: kernel address of its memory
 * @out: a bit for each page in use
 * @held: a bit for each page that the test keeps allocated
 */
struct sgl_kit {
	struct fabric *f;
	struct pci_dev *card;
	void *base;
	DECLARE_BITMAP(out, SGL_PAGES);
	DECLARE_BITMAP(held, SGL_PAGES);
};

static void sgl_kit_action(void *arg)
{
	struct sgl_kit *k = arg;
	unsigned int i;

	for_each_set_bit(i, k->held, SGL_PAGES)
		pci_p2pmem_free(k->base + i * PAGE_SIZE, PAGE_SIZE);
}

static struct sgl_kit *sgl_kit(struct kunit *test)
{
	struct sgl_kit *k = kunit_kzalloc(test, sizeof(*k), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, k);
	k->f = fabric_build(test, kit_one_switch);
	k->card = kit_lend(test, k->f, "card");
	k->base = pci_p2pmem_region_addr(k->card, 2, 0);
	KUNIT_ASSERT_NOT_NULL(test, k->base);
	KUNIT_ASSERT_EQ(test, lend_size(k->card), SZ_4M);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, sgl_kit_action, k));
	return k;
}

/* Allocates all pages and frees those for which @keep returns false. */
static void sgl_fragment(struct kunit *test, struct sgl_kit *k, bool (*keep)(unsigned int page))
{
	void *addr;
	unsigned int i;

	for (i = 0; i < SGL_PAGES; i++) {
		addr = pci_p2pmem_alloc(k->card, PAGE_SIZE, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, addr);
		__set_bit((addr - k->base) / PAGE_SIZE, k->held);
	}
	KUNIT_ASSERT_TRUE(test, bitmap_full(k->held, SGL_PAGES));
	for (i = 0; i < SGL_PAGES; i++) {
		if (keep(i))
			continue;
		__clear_bit(i, k->held);
		pci_p2pmem_free(k->base + i * PAGE_SIZE, PAGE_SIZE);
	}
	bitmap_copy(k->out, k->held, SGL_PAGES);
}

static bool sgl_odd(unsigned int page)
{
	return page % 2;
}

/* Free runs of one, two, three ... pages between allocated ones */
static bool sgl_growing(unsigned int page)
{
	unsigned int end = 0, run;

	for (run = 1; end <= page; run++)
		end += run + 1;
	return page + 1 == end;
}

/* Checks that entries are whole pages that were free; records them. Returns bytes. */
static u64 sgl_note(struct kunit *test, struct sgl_kit *k, struct scatterlist *sgl,
		    unsigned int nents, bool out)
{
	struct scatterlist *sg;
	unsigned int i, j;
	u64 bytes = 0;
	size_t at;

	for_each_sg(sgl, sg, nents, i) {
		at = sg_virt(sg) - k->base;
		KUNIT_EXPECT_TRUE_MSG(test, PAGE_ALIGNED(at), "entry %u at %#zx", i, at);
		KUNIT_EXPECT_LE(test, at + sg->length, SZ_4M);
		KUNIT_EXPECT_TRUE_MSG(test, PAGE_ALIGNED(sg->length) || i == nents - 1,
				      "entry %u of %u has %u bytes", i, nents, sg->length);
		KUNIT_EXPECT_EQ_MSG(test, !!sg_is_last(sg), i == nents - 1, "entry %u of %u", i,
				    nents);
		KUNIT_EXPECT_TRUE(test, is_pci_p2pmem_page(sg_page(sg)));
		for (j = 0; j < PAGE_ALIGN(sg->length) / PAGE_SIZE; j++)
			KUNIT_EXPECT_EQ_MSG(test, !!test_and_change_bit(at / PAGE_SIZE + j, k->out),
					    !out, "page %zu", at / PAGE_SIZE + j);
		bytes += sg->length;
	}
	return bytes;
}

static void sgl_expect_books(struct kunit *test, struct sgl_kit *k)
{
	KUNIT_EXPECT_EQ(test, lend_used(k->card),
			bitmap_weight(k->out, SGL_PAGES) * PAGE_SIZE);
}

static void one_run_is_one_entry(struct kunit *test)
{
	static const u32 lengths[] = { 1, PAGE_SIZE, PAGE_SIZE + 1, SZ_1M - 7, SZ_4M - 1, SZ_4M };
	struct sgl_kit *k = sgl_kit(test);
	struct scatterlist *sgl;
	unsigned int nents, i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		sgl = pci_p2pmem_sgl_alloc(k->card, &nents, lengths[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL_MSG(test, sgl, "%u bytes", lengths[i]);
		KUNIT_EXPECT_EQ_MSG(test, nents, 1, "%u bytes", lengths[i]);
		KUNIT_EXPECT_EQ(test, sgl_note(test, k, sgl, nents, true), lengths[i]);
		sgl_expect_books(test, k);
		sgl_note(test, k, sgl, nents, false);
		pci_p2pmem_sgl_free(sgl);
		sgl_expect_books(test, k);
	}
}

/*	.#.#.#.#	every second page is free */
static void fragmented_pool_allocates_pieces(struct kunit *test)
{
	struct sgl_kit *k = sgl_kit(test);
	struct scatterlist *sgl;
	unsigned int nents = 77;

	sgl_fragment(test, k, sgl_odd);
	sgl_expect_books(test, k);
	KUNIT_EXPECT_NULL_MSG(test, pci_p2pmem_sgl_alloc(k->card, &nents, SZ_2M + 1, GFP_KERNEL),
			      "a byte more than is free");
	KUNIT_EXPECT_EQ(test, nents, 77);
	sgl_expect_books(test, k);
	sgl = pci_p2pmem_sgl_alloc(k->card, &nents, SZ_2M - 5, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL_MSG(test, sgl, "cannot allocate all free memory");
	KUNIT_EXPECT_EQ(test, nents, SGL_PAGES / 2);
	KUNIT_EXPECT_EQ(test, sgl_note(test, k, sgl, nents, true), SZ_2M - 5);
	sgl_expect_books(test, k);
	KUNIT_EXPECT_NULL(test, pci_p2pmem_alloc(k->card, 1, GFP_KERNEL));
	sgl_note(test, k, sgl, nents, false);
	pci_p2pmem_sgl_free(sgl);
	sgl_expect_books(test, k);
}

/*	.#..#...#....#	runs that grow by a page */
static void runs_of_all_lengths_are_used(struct kunit *test)
{
	struct sgl_kit *k = sgl_kit(test);
	struct scatterlist *sgl;
	unsigned int nents;
	u32 all;

	sgl_fragment(test, k, sgl_growing);
	all = SZ_4M - bitmap_weight(k->out, SGL_PAGES) * PAGE_SIZE;
	sgl = pci_p2pmem_sgl_alloc(k->card, &nents, all, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sgl);
	KUNIT_EXPECT_EQ(test, sgl_note(test, k, sgl, nents, true), all);
	KUNIT_EXPECT_LT_MSG(test, nents, all / PAGE_SIZE, "long runs were allocated page by page");
	KUNIT_EXPECT_TRUE(test, bitmap_full(k->out, SGL_PAGES));
	pci_p2pmem_sgl_free(sgl);
}

#define SGL_LISTS	24
#define SGL_STEPS	600

static void random_lists_equal_the_model(struct kunit *test)
{
	struct scatterlist *list[SGL_LISTS] = {};
	unsigned int nents[SGL_LISTS], step, i;
	struct sgl_kit *k = sgl_kit(test);
	struct rnd_state rnd;
	const u64 seed = 42;
	u32 length, room;

	prandom_seed_state(&rnd, seed);
	for (step = 0; step < SGL_STEPS && test->status == KUNIT_SUCCESS; step++) {
		i = prandom_u32_state(&rnd) % SGL_LISTS;
		if (list[i]) {
			sgl_note(test, k, list[i], nents[i], false);
			pci_p2pmem_sgl_free(list[i]);
			list[i] = NULL;
		} else {
			length = 1 + prandom_u32_state(&rnd) % SZ_512K;
			room = SZ_4M - bitmap_weight(k->out, SGL_PAGES) * PAGE_SIZE;
			list[i] = pci_p2pmem_sgl_alloc(k->card, &nents[i], length, GFP_KERNEL);
			KUNIT_EXPECT_EQ_MSG(test, !!list[i], length <= room,
					    "seed %llu, step %u: %u bytes where %u are free", seed,
					    step, length, room);
			if (list[i])
				KUNIT_EXPECT_EQ(test, length,
						sgl_note(test, k, list[i], nents[i], true));
		}
		sgl_expect_books(test, k);
	}
	for (i = 0; i < SGL_LISTS; i++)
		if (list[i])
			pci_p2pmem_sgl_free(list[i]);
	KUNIT_EXPECT_EQ_MSG(test, lend_used(k->card), 0, "seed %llu", seed);
}

static size_t sgl_old_words(struct scatterlist *sgl, unsigned int nents)
{
	struct scatterlist *sg;
	unsigned int i;
	size_t n = 0;

	for_each_sg(sgl, sg, nents, i)
		n += lend_differing(sg_virt(sg), PAGE_ALIGN(sg->length), 0);
	return n;
}

static void zeroed_list_has_no_old_data(struct kunit *test)
{
	struct sgl_kit *k = sgl_kit(test);
	struct scatterlist *sgl;
	unsigned int nents;

	lend_fill(test, k->base, SZ_256K, 0x5a);
	sgl_fragment(test, k, sgl_odd);
	sgl = pci_p2pmem_sgl_alloc(k->card, &nents, SZ_64K + 1, GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, sgl);
	KUNIT_EXPECT_EQ(test, nents, 17);
	KUNIT_EXPECT_EQ_MSG(test, sgl_old_words(sgl, nents), 0, "words of old data");
	pci_p2pmem_sgl_free(sgl);
	KUNIT_EXPECT_EQ_MSG(test, lend_differing(k->base + PAGE_SIZE, PAGE_SIZE, 0x5a), 0,
			    "an allocated page was zeroed too");

	sgl = pci_p2pmem_sgl_alloc(k->card, &nents, PAGE_SIZE, GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, sgl);
	KUNIT_EXPECT_EQ_MSG(test, sgl_old_words(sgl, nents), 0, "words of old data");
	pci_p2pmem_sgl_free(sgl);
}

static void lists_that_cannot_be_allocated(struct kunit *test)
{
	struct sgl_kit *k = sgl_kit(test);
	unsigned int nents;

	KUNIT_EXPECT_NULL(test, pci_p2pmem_sgl_alloc(k->card, &nents, 0, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, pci_p2pmem_sgl_alloc(k->card, &nents, SZ_4M + 1, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, pci_p2pmem_sgl_alloc(k->card, &nents, U32_MAX, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, pci_p2pmem_sgl_alloc(fabric_pdev(k->f, "nic"), &nents, 1,
						     GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, lend_used(k->card), 0);
}

static void list_of_a_grant_keeps_it(struct kunit *test)
{
	struct sgl_kit *k = sgl_kit(test);
	struct device *nic = kit_client(test, k->f, "nic");
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_grant *g;
	struct scatterlist *sgl, *second;
	unsigned int nents;

	g = pci_p2pmem_grant_create(k->card, &nic, 1, KTIME_MAX, NULL, NULL, "suite",
				    &why);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, g);
	KUNIT_EXPECT_PTR_EQ(test, pci_p2pmem_grant_sgl_alloc(g, &nents, 0, GFP_KERNEL, NULL),
			    ERR_PTR(-EINVAL));
	KUNIT_EXPECT_PTR_EQ(test,
			    pci_p2pmem_grant_sgl_alloc(g, &nents, SZ_4M + 1, GFP_KERNEL, NULL),
			    ERR_PTR(-ENOMEM));
	sgl = pci_p2pmem_grant_sgl_alloc(g, &nents, 5000, GFP_KERNEL, NULL);
	second = pci_p2pmem_grant_sgl_alloc(g, &nents, 1, GFP_KERNEL, NULL);
	KUNIT_EXPECT_EQ(test, lend_used(k->card), 3 * PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_grant_idle(g));
	pci_p2pmem_sgl_free(second);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_grant_idle(g));
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_grant_tryget(g));
	pci_p2pmem_grant_end(g);
	KUNIT_EXPECT_PTR_EQ(test, pci_p2pmem_grant_sgl_alloc(g, &nents, 1, GFP_KERNEL, NULL),
			    ERR_PTR(-ENODEV));
	pci_p2pmem_grant_put(g);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_sgl_lost(sgl));
	pci_p2pmem_sgl_free(sgl);
	KUNIT_EXPECT_EQ(test, lend_used(k->card), 0);
	KUNIT_EXPECT_TRUE_MSG(test, lend_wait(list_empty(&kit_provider(k->card)->grants)),
			      "the grant still exists after its last list");
}

static void list_of_before_a_loss_is_lost(struct kunit *test)
{
	struct sgl_kit *k = sgl_kit(test);
	struct scatterlist *before, *after;
	unsigned int nents;

	before = pci_p2pmem_sgl_alloc(k->card, &nents, 1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, before);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_sgl_lost(before));
	pci_p2pmem_lost(k->card);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_sgl_lost(before));
	KUNIT_EXPECT_NULL(test, pci_p2pmem_sgl_alloc(k->card, &nents, 1, GFP_KERNEL));
	pci_p2pmem_resume(k->card);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_sgl_lost(before));
	pci_p2pmem_sgl_free(before);
	/* a work item makes it live again */
	KUNIT_ASSERT_TRUE(test, lend_wait(pci_p2pmem_is_provider(k->card)));
	after = pci_p2pmem_sgl_alloc(k->card, &nents, 1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, after);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_sgl_lost(after));
	pci_p2pmem_sgl_free(after);
}

static struct p2pmem_provider *sgl_loser;

/* Allocate one block, then the provider is lost. */
static unsigned int sgl_alloc_and_lose(struct p2pmem_pool *pool, size_t size,
				       struct p2pmem_run *run, unsigned int max)
{
	unsigned int drain, n;

	kunit_deactivate_static_stub(current->kunit_test, p2pmem_pool_alloc_some);
	n = p2pmem_pool_alloc_some(pool, size, run, 1);
	p2pmem_leave_live(sgl_loser, P2PMEM_LOST, 0, &drain);
	return n;
}

/* The provider is lost while a list is filled: nothing stays out, and nothing set aside. */
static void pieces_of_a_lost_provider_are_freed(struct kunit *test)
{
	struct sgl_kit *k = sgl_kit(test);
	struct scatterlist *sgl;
	unsigned int nents;

	sgl_fragment(test, k, sgl_odd);
	sgl_loser = kit_provider(k->card);
	kunit_activate_static_stub(test, p2pmem_pool_alloc_some, sgl_alloc_and_lose);
	sgl = pci_p2pmem_sgl_alloc(k->card, &nents, SZ_32K, GFP_KERNEL);
	KUNIT_EXPECT_NULL(test, sgl);
	sgl_expect_books(test, k);
	sgl_kit_action(k);
	bitmap_zero(k->held, SGL_PAGES);
	pci_p2pmem_resume(k->card);
	KUNIT_ASSERT_TRUE(test, lend_wait(pci_p2pmem_is_provider(k->card)));
	sgl = pci_p2pmem_sgl_alloc(k->card, &nents, p2pmem_pool_size(sgl_loser->pool), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL_MSG(test, sgl, "pieces are missing");
	pci_p2pmem_sgl_free(sgl);
}

/* Of a fragmented pool, so that the list itself must be allocated */
static void list_without_memory_allocates_nothing(struct kunit *test)
{
	struct sgl_kit *k = sgl_kit(test);
	unsigned int n, nents, refused = 0;
	struct scatterlist *sgl;

	fault_require(test);
	sgl_fragment(test, k, sgl_odd);
	for (n = 1; n < FAULT_STEPS; n++) {
		bool reached;

		fault_arm(n);
		sgl = pci_p2pmem_sgl_alloc(k->card, &nents, SZ_32K, GFP_KERNEL | __GFP_NOWARN);
		reached = fault_disarm();
		if (sgl)
			pci_p2pmem_sgl_free(sgl);
		else
			refused++;
		sgl_expect_books(test, k);
		if (!reached)
			break;
	}
	KUNIT_EXPECT_NOT_NULL_MSG(test, sgl, "refused without a fault");
	KUNIT_EXPECT_GE_MSG(test, refused, 1, "no allocation failed");
}

static struct kunit_case sgl_cases[] = {
	KUNIT_CASE(one_run_is_one_entry),
	KUNIT_CASE(fragmented_pool_allocates_pieces),
	KUNIT_CASE(runs_of_all_lengths_are_used),
	KUNIT_CASE(random_lists_equal_the_model),
	KUNIT_CASE(zeroed_list_has_no_old_data),
	KUNIT_CASE(lists_that_cannot_be_allocated),
	KUNIT_CASE(pieces_of_a_lost_provider_are_freed),
	KUNIT_CASE(list_of_a_grant_keeps_it),
	KUNIT_CASE(list_of_before_a_loss_is_lost),
	KUNIT_CASE(list_without_memory_allocates_nothing),
	{ }
};

static struct kunit_suite sgl_suite = {
	.name = "p2pmem-sgl",
	.test_cases = sgl_cases,
};

kunit_test_suite(sgl_suite);
