// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: suite p2pmem-quick: what the short path of an allocation must not miss
 *
 * An allocation under a grant checks one number, see p2pmem_grant_is_current(). Each case warms
 * up the caches of a CPU, so that this path is used, changes something, and allocates several
 * times: the slow path of the first attempt must not let the next one through. What the CPUs
 * charge by it is summed while they do, for what is shown and for the quota. The drawing is
 * that of mapkit.c: nic is a client of card, below one switch.
 */
#include <linux/mm.h>
#include <linux/sizes.h>

#include "../charge.h"
#include "lendkit.h"
#include "mapkit.h"

#define QUICK_ATTEMPTS	4

/**
 * struct quick - memory that is warm
 * @k: the machine
 * @g: a grant of card for nic
 */
struct quick {
	struct mapkit k;
	struct pci_p2pmem_grant *g;
};

static void quick_grant(struct kunit *test, struct quick *q)
{
	struct scatterlist *sgl;
	unsigned int nents, i;

	q->g = pci_p2pmem_grant_create(q->k.card, &q->k.nic, 1, KTIME_MAX, NULL, NULL,
				       "kunit", &(struct pci_p2pmem_verdict){});
	KUNIT_ASSERT_FALSE(test, IS_ERR(q->g));
	for (i = 0; i < 2 * QUICK_ATTEMPTS; i++) {
		sgl = pci_p2pmem_grant_sgl_alloc(q->g, &nents, i & 1 ? SZ_128K : SZ_4K,
						 GFP_KERNEL, NULL);
		KUNIT_ASSERT_FALSE(test, IS_ERR(sgl));
		pci_p2pmem_sgl_free(sgl);
	}
}

static void quick_build(struct kunit *test, struct quick *q)
{
	mapkit_build(test, &q->k, mapkit_switch, MAPKIT_LOW);
	quick_grant(test, q);
}

/* All attempts fail with @error, and cost no memory. */
static void quick_expect(struct kunit *test, struct quick *q, int error,
			 enum pci_p2pmem_reason why)
{
	enum pci_p2pmem_reason reason;
	struct scatterlist *sgl;
	unsigned int nents, i;

	for (i = 0; i < 2 * QUICK_ATTEMPTS; i++) {
		sgl = pci_p2pmem_grant_sgl_alloc(q->g, &nents, i & 1 ? SZ_128K : SZ_4K,
						 GFP_KERNEL, &reason);
		KUNIT_EXPECT_PTR_EQ_MSG(test, sgl, ERR_PTR(error), "attempt %u", i);
		KUNIT_EXPECT_EQ(test, reason, why);
		if (!IS_ERR(sgl))
			pci_p2pmem_sgl_free(sgl);
	}
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_grant_idle(q->g));
	KUNIT_EXPECT_EQ(test, p2pmem_bytes_in_use(kit_provider(q->k.card)), 0);
}

static void grant_has_ended(struct kunit *test)
{
	struct quick q;

	quick_build(test, &q);
	KUNIT_ASSERT_TRUE(test, pci_p2pmem_grant_tryget(q.g));
	pci_p2pmem_grant_end(q.g);
	quick_expect(test, &q, -ENODEV, PCI_P2PMEM_REVOKED);
	pci_p2pmem_grant_put(q.g);
	mapkit_settle();
}

static void pair_is_refused(struct kunit *test)
{
	struct quick q;

	quick_build(test, &q);
	mapkit_redirect(q.k.f, "dn2", true);
	mapkit_redirect(q.k.f, "dn1", true);
	mapkit_redirect(q.k.f, "dn0", true);
	quick_expect(test, &q, -EXDEV, PCI_P2PMEM_ACS_REDIRECT);
	pci_p2pmem_grant_end(q.g);
	mapkit_settle();
}

static void provider_was_lost(struct kunit *test)
{
	struct quick q;

	quick_build(test, &q);
	KUNIT_EXPECT_TRUE(test, p2pmem_grant_is_current(q.g));
	pci_p2pmem_lost(q.k.card);
	KUNIT_EXPECT_FALSE(test, p2pmem_grant_is_current(q.g));
	quick_expect(test, &q, -ENODEV, PCI_P2PMEM_REVOKED);
	pci_p2pmem_resume(q.k.card);
	KUNIT_ASSERT_TRUE(test, p2pmem_is_live(kit_provider(q.k.card)));
	quick_expect(test, &q, -ENODEV, PCI_P2PMEM_REVOKED);
	pci_p2pmem_grant_end(q.g);
	mapkit_settle();
}

/* Memory holds its grant without a reference: one page, 128 KiB, and a list of another length. */
static void memory_holds_its_grant(struct kunit *test)
{
	static const u32 length[] = { SZ_4K, SZ_128K, 3 * SZ_4K };
	struct p2pmem_provider *p;
	struct scatterlist *sgl;
	unsigned int nents, i;
	struct quick q;

	mapkit_build(test, &q.k, mapkit_switch, MAPKIT_LOW);
	p = kit_provider(q.k.card);
	for (i = 0; i < ARRAY_SIZE(length); i++) {
		quick_grant(test, &q);
		sgl = pci_p2pmem_grant_sgl_alloc(q.g, &nents, length[i], GFP_KERNEL, NULL);
		KUNIT_ASSERT_FALSE(test, IS_ERR(sgl));
		pci_p2pmem_grant_end(q.g);
		mapkit_settle();
		KUNIT_EXPECT_FALSE_MSG(test, list_empty(&p->grants), "%u bytes", length[i]);
		KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(q.k.nic, sgl, nents, DMA_TO_DEVICE), nents);
		pci_p2pmem_unmap_sg(q.k.nic, sgl, nents, DMA_TO_DEVICE);
		pci_p2pmem_sgl_free(sgl);
		mapkit_settle();
		KUNIT_EXPECT_TRUE_MSG(test, list_empty(&p->grants), "%u bytes", length[i]);
	}
}

/* What is charged and uncharged many times is neither lost nor left over. */
static void credit_is_conserved(struct kunit *test)
{
	struct scatterlist *sgl[64];
	struct p2pmem_pair *pair;
	unsigned int nents, i, j;
	struct quick q;

	quick_build(test, &q);
	pair = q.g->link[0].pair;
	for (j = 0; j < 20; j++) {
		for (i = 0; i < ARRAY_SIZE(sgl); i++) {
			sgl[i] = pci_p2pmem_grant_sgl_alloc(q.g, &nents,
							    i % 4 ? SZ_4K : SZ_128K,
							    GFP_KERNEL, NULL);
			KUNIT_ASSERT_FALSE(test, IS_ERR(sgl[i]));
		}
		KUNIT_EXPECT_EQ(test, p2pmem_pair_used(pair), 16 * SZ_128K + 48 * SZ_4K);
		for (i = 0; i < ARRAY_SIZE(sgl); i++)
			pci_p2pmem_sgl_free(sgl[i]);
		KUNIT_EXPECT_EQ(test, p2pmem_pair_used(pair), 0);
	}
	KUNIT_EXPECT_EQ(test, p2pmem_pair_peak(pair), 16 * SZ_128K + 48 * SZ_4K);
	pci_p2pmem_grant_end(q.g);
	mapkit_settle();
}

#define SHOWN_TASKS	4
#define SHOWN_PAGES	3		/* most that a task has at a time */
#define SHOWN_ROUNDS	1000

/**
 * struct shown_race - tasks within a quota, and one that reads what is shown
 * @q: where
 * @running: tasks that allocate
 * @refused: allocations that were refused
 * @wrong: figures that cannot be
 */
struct shown_race {
	struct quick *q;
	atomic_t running;
	atomic_t refused;
	atomic_t wrong;
};

static void shown_racer(void *arg)
{
	struct shown_race *r = arg;
	struct device *nic = r->q->k.nic;
	struct scatterlist *sg;
	unsigned int i, nents;

	for (i = 0; i < SHOWN_ROUNDS; i++) {
		sg = pci_p2pmem_grant_sgl_alloc(r->q->g, &nents, (1 + i % SHOWN_PAGES) * PAGE_SIZE,
						GFP_KERNEL, NULL);
		if (IS_ERR(sg)) {
			atomic_inc(&r->refused);
			continue;
		}
		if (pci_p2pmem_map_sg(nic, sg, nents, DMA_TO_DEVICE) > 0) {
			if (!(i % 4))
				schedule();	/* the other half may run on another CPU */
			pci_p2pmem_unmap_sg(nic, sg, nents, DMA_TO_DEVICE);
		}
		pci_p2pmem_sgl_free(sg);
	}
	atomic_dec(&r->running);
}

static void shown_reader(void *arg)
{
	struct shown_race *r = arg;
	struct p2pmem_pair *p = r->q->g->link[0].pair;
	long size = p2pmem_pool_size(p->provider->pool), bytes;
	struct p2pmem_pair_count sum;

	while (atomic_read(&r->running)) {
		bytes = p2pmem_pair_used(p);
		p2pmem_pair_sum(p, &sum);
		if (bytes < 0 || bytes > size || sum.maps < sum.unmaps)
			atomic_inc(&r->wrong);
		cond_resched();
	}
}

/* Nobody is refused where all together never exceed the quota, and no figure is impossible. */
static void figures_while_many_allocate(struct kunit *test)
{
	struct lend_task *task[SHOWN_TASKS + 1];
	struct shown_race r = {};
	struct p2pmem_pair *pair;
	struct quick q;
	int i;

	quick_build(test, &q);
	pair = q.g->link[0].pair;
	r.q = &q;
	atomic_set(&r.running, SHOWN_TASKS);
	pair->provider->quota = SHOWN_TASKS * SHOWN_PAGES * PAGE_SIZE;
	p2pmem_note_change();
	for (i = 0; i < SHOWN_TASKS; i++)
		task[i] = lend_start(test, shown_racer, &r);
	task[i] = lend_start(test, shown_reader, &r);
	for (i = 0; i <= SHOWN_TASKS; i++)
		lend_join(test, task[i]);
	KUNIT_EXPECT_EQ(test, atomic_read(&r.refused), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&r.wrong), 0);
	KUNIT_EXPECT_EQ(test, p2pmem_pair_used(pair), 0);
	pci_p2pmem_grant_end(q.g);
	mapkit_settle();
}

/* Credit that moves between CPUs while it is summed must not be shown as memory. */
static void figures_are_within_the_pool(struct kunit *test)
{
	struct p2pmem_pair *pair;
	atomic_long_t *credit;
	struct quick q;

	quick_build(test, &q);
	pair = q.g->link[0].pair;
	credit = &per_cpu_ptr(pair->count, 0)->credit;
	atomic_long_sub(SZ_16M, credit);
	KUNIT_EXPECT_EQ(test, p2pmem_pair_used(pair), p2pmem_pool_size(pair->provider->pool));
	atomic_long_add(2 * SZ_16M, credit);
	KUNIT_EXPECT_EQ(test, p2pmem_pair_used(pair), 0);
	atomic_long_sub(SZ_16M, credit);
	pci_p2pmem_grant_end(q.g);
	mapkit_settle();
}

static struct kunit_case quick_cases[] = {
	KUNIT_CASE(grant_has_ended),
	KUNIT_CASE(pair_is_refused),
	KUNIT_CASE(provider_was_lost),
	KUNIT_CASE(memory_holds_its_grant),
	KUNIT_CASE(credit_is_conserved),
	KUNIT_CASE(figures_while_many_allocate),
	KUNIT_CASE(figures_are_within_the_pool),
	{ }
};

static struct kunit_suite quick_suite = {
	.name = "p2pmem-quick",
	.test_cases = quick_cases,
};

kunit_test_suite(quick_suite);
