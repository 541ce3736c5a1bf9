// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: races at the end of objects
 *
 * Races of two threads: the last reference on a page against the revocation that waits
 * for it, the first lookup of a pair against the removal of an end, a grant against a
 * revocation, the end of a grant against its callbacks, a loss against an allocation.
 * Each race runs many times with different pauses, and is checked after every round.
 */
#include <linux/slab.h>

#include "../p2pdma.h"
#include "kit.h"
#include "race.h"

/*
 *	host -- rp -- up -+- dn -- card	lends 4 MiB
 *			  +- dn -- nic	client
 *			  `- dn -- drive
 */

#define RACE_BYTES	SZ_4M
#define RACE_MANY	64

/**
 * struct race_duel - state of a race
 * @f: the hierarchy
 * @card: provider
 * @nic: client
 * @p: the provider's structure
 * @page: pages with an extra reference
 * @nr: number of @page
 * @sgl: allocated lists
 * @nr_sgl: number of @sgl
 */
struct race_duel {
	struct fabric *f;
	struct pci_dev *card;
	struct device *nic;
	struct p2pmem_provider *p;
	struct page *page[8];
	int nr;
	struct scatterlist *sgl[2][RACE_MANY];
	int nr_sgl[2];
};

static struct race_duel *race_duel(struct kunit *test)
{
	struct race_duel *d = kunit_kzalloc(test, sizeof(*d), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, d);
	d->f = fabric_build(test, kit_one_switch);
	d->card = kit_lend(test, d->f, "card");
	d->nic = &fabric_pdev(d->f, "nic")->dev;
	d->p = kit_provider(d->card);
	KUNIT_ASSERT_NOT_NULL(test, d->p);
	return d;
}

/* Waits until the provider is no longer live, which another thread causes. */
static void race_until_revoked(struct race_duel *d)
{
	unsigned int n;

	for (n = 0; n < 10000000 && p2pmem_is_live(d->p); n++)
		cond_resched();
}

static void race_put_step(struct race_worker *w, unsigned int i)
{
	struct race_duel *d = w->arg;
	int n;

	race_until_revoked(d);
	race_dawdle(&w->rnd, 3000);
	for (n = w->nr; n < d->nr; n += 2) {
		put_page(d->page[n]);
		race_dawdle(&w->rnd, 200);
	}
}

/* The last references are dropped while a revocation waits, which must end at once. */
static void last_reference_dropped_while_revoke_waits(struct kunit *test)
{
	struct race_duel *d = race_duel(test);
	struct race_crew *crew;
	unsigned long began;
	void *addr;
	int round, i;

	for (round = 0; round < 25; round++) {
		d->nr = 1 + round % ARRAY_SIZE(d->page);
		addr = pci_p2pmem_alloc(d->card, d->nr * PAGE_SIZE, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, addr);
		for (i = 0; i < d->nr; i++) {
			d->page[i] = virt_to_page(addr + i * PAGE_SIZE);
			get_page(d->page[i]);
		}
		pci_p2pmem_free(addr, d->nr * PAGE_SIZE);
		KUNIT_EXPECT_EQ_MSG(test, p2pmem_pool_available(d->p->pool),
				    RACE_BYTES - d->nr * PAGE_SIZE,
				    "a page with a reference is free");

		crew = race_crew(test);
		race_add(crew, race_put_step, d, 1);
		race_add(crew, race_put_step, d, 1);
		race_begin(crew);
		began = jiffies;
		pci_p2pmem_revoke(d->card);
		/* A waiter that is not woken checks after ten seconds, so measure the time. */
		KUNIT_EXPECT_LT_MSG(test, jiffies - began, 8 * HZ,
				    "round %d: the revocation was not woken", round);
		KUNIT_EXPECT_TRUE_MSG(test, p2pmem_is_idle(d->p), "it did not wait");
		race_end(crew);

		KUNIT_ASSERT_EQ(test, p2pmem_pool_available(d->p->pool), RACE_BYTES);
		pci_p2pmem_resume(d->card);
		KUNIT_ASSERT_TRUE(test, p2pmem_is_live(d->p));
	}
}

/* The same after a loss: freeing the last page makes the provider live again. */
static void last_reference_dropped_while_resume_is_pending(struct kunit *test)
{
	struct race_duel *d = race_duel(test);
	struct race_crew *crew;
	void *addr;
	int round, n;

	for (round = 0; round < 25; round++) {
		d->nr = 1;
		addr = pci_p2pmem_alloc(d->card, PAGE_SIZE, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, addr);
		d->page[0] = virt_to_page(addr);
		get_page(d->page[0]);
		pci_p2pmem_free(addr, PAGE_SIZE);

		crew = race_crew(test);
		race_add(crew, race_put_step, d, 1);
		race_begin(crew);
		pci_p2pmem_lost(d->card);
		race_dawdle(&crew->rnd, 3000);
		pci_p2pmem_resume(d->card);
		race_end(crew);
		/* The page may not be free yet: its worker checks every jiffy. */
		for (n = 0; n < HZ && !p2pmem_is_idle(d->p); n++)
			schedule_timeout_uninterruptible(1);
		flush_workqueue(p2pmem_wq);
		KUNIT_ASSERT_TRUE_MSG(test, p2pmem_is_live(d->p),
				      "round %d: all memory is free, and it did not resume", round);
	}
}

static void race_query_step(struct race_worker *w, unsigned int i)
{
	struct race_duel *d = w->arg;
	struct pci_p2pmem_verdict v;
	struct p2pmem_pair *path;

	race_dawdle(&w->rnd, 1500);
	if (w->nr) {
		pci_p2pmem_verdict(d->card, d->nic, 0, &v);
		return;
	}
	path = p2pmem_pair_get(d->p, d->nic, KTIME_MAX, &v);
	if (!IS_ERR(path))
		p2pmem_pair_ungrant(path);
}

/* The first lookup of a pair while its client is unregistered: no pair may remain. */
static void lookup_during_client_removal(struct kunit *test)
{
	struct race_duel *d = race_duel(test);
	struct pci_p2pmem_client *client;
	struct race_crew *crew;
	int round;

	for (round = 0; round < 80; round++) {
		client = pci_p2pmem_register_client(d->nic, NULL, NULL);
		KUNIT_ASSERT_FALSE(test, IS_ERR(client));
		crew = race_crew(test);
		race_add(crew, race_query_step, d, 1);
		race_add(crew, race_query_step, d, 1);
		race_begin(crew);
		race_dawdle(&crew->rnd, 1500);
		pci_p2pmem_unregister_client(client);
		race_end(crew);
		KUNIT_ASSERT_FALSE_MSG(test, kit_pair_exists(d->p, d->nic),
				       "round %d: the pair still exists", round);
	}
	flush_workqueue(p2pmem_wq);
	KUNIT_EXPECT_EQ_MSG(test, kref_read(&d->p->ref), 1,
			    "pairs have references on the provider");
}

/* The same while its provider is withdrawn */
static void lookup_during_provider_removal(struct kunit *test)
{
	struct race_duel *d = race_duel(test);
	struct p2pmem_provider *p;
	struct race_crew *crew;
	int round;

	kit_client(test, d->f, "nic");
	for (round = 0; round < 8; round++) {
		p = p2pmem_provider_get(d->card);
		KUNIT_ASSERT_NOT_NULL(test, p);
		d->p = p;
		crew = race_crew(test);
		race_add(crew, race_query_step, d, 1);
		race_add(crew, race_query_step, d, 1);
		race_begin(crew);
		fabric_unbind(d->f, "card");
		race_end(crew);
		KUNIT_EXPECT_FALSE_MSG(test, kit_pair_exists(p, d->nic),
				       "round %d: the pair still exists", round);
		flush_workqueue(p2pmem_wq);
		KUNIT_EXPECT_EQ_MSG(test, kref_read(&p->ref), 1,
				    "round %d: a removed provider is still referenced", round);
		p2pmem_provider_put(p);
		KUNIT_ASSERT_EQ(test, fabric_bind(d->f, "card"), 0);
		kit_lend(test, d->f, "card");
	}
}

/**
 * struct race_grant - an orchestrator
 * @d: the duel
 * @grant: its grant, or NULL
 * @called: number of revoke callbacks
 * @ended: pci_p2pmem_grant_end() has returned
 * @late: a callback ran afterwards
 */
struct race_grant {
	struct race_duel *d;
	struct pci_p2pmem_grant *grant;
	atomic_t called;
	bool ended;
	bool late;
};

static void race_grant_revoked(struct pci_p2pmem_grant *grant)
{
	struct race_grant *g = pci_p2pmem_grant_priv(grant);

	if (READ_ONCE(g->ended))
		WRITE_ONCE(g->late, true);
	atomic_inc(&g->called);
}

static const struct pci_p2pmem_grant_ops race_grant_ops = {
	.revoke = race_grant_revoked,
	.evict = race_grant_revoked,
};

static void race_grant_create(struct race_worker *w, struct race_grant *g)
{
	struct pci_p2pmem_verdict why;

	g->grant = pci_p2pmem_grant_create(g->d->card, &g->d->nic, 1, KTIME_MAX, &race_grant_ops,
					   g, "the race", &why);
	if (!IS_ERR(g->grant))
		return;
	RACE_EXPECT(w, g->grant == ERR_PTR(-ENODEV) && why.reason == PCI_P2PMEM_REVOKED,
		    "no grant: %ld, reason %d", PTR_ERR(g->grant), why.reason);
	g->grant = NULL;
}

static void race_create_step(struct race_worker *w, unsigned int i)
{
	struct race_grant *g = w->arg;

	race_dawdle(&w->rnd, 2000);
	race_grant_create(w, &g[i]);
}

/* A grant that is created in time gets the revoke callback, all others are refused. */
static void grant_create_against_revoke(struct kunit *test)
{
	const int nr = 6, crews = 3;
	struct race_duel *d = race_duel(test);
	struct race_grant *g;
	struct race_crew *crew;
	int round, i;

	kit_client(test, d->f, "nic");
	g = kunit_kcalloc(test, nr * crews, sizeof(*g), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, g);
	for (round = 0; round < 25; round++) {
		crew = race_crew(test);
		memset(g, 0, nr * crews * sizeof(*g));
		for (i = 0; i < nr * crews; i++)
			g[i].d = d;
		for (i = 0; i < crews; i++)
			race_add(crew, race_create_step, g + i * nr, nr);
		race_begin(crew);
		race_dawdle(&crew->rnd, 4000);
		pci_p2pmem_revoke(d->card);
		race_end(crew);
		for (i = 0; i < nr * crews; i++) {
			KUNIT_EXPECT_EQ_MSG(test, atomic_read(&g[i].called), !!g[i].grant,
					    "round %d: grant %d", round, i);
			if (g[i].grant)
				pci_p2pmem_grant_end(g[i].grant);
		}
		pci_p2pmem_resume(d->card);
		KUNIT_ASSERT_TRUE(test, p2pmem_is_live(d->p));
	}
	flush_workqueue(p2pmem_wq);
	rcu_barrier();
	flush_workqueue(p2pmem_wq);
	KUNIT_EXPECT_TRUE_MSG(test, list_empty(&d->p->grants), "a grant still exists");
}

/* Creates a grant, allocates memory under it, ends it, and frees its structure. */
static void race_end_step(struct race_worker *w, unsigned int i)
{
	struct race_grant *g = kzalloc(sizeof(*g), GFP_KERNEL);
	struct scatterlist *sgl;
	unsigned int nents;

	if (!g)
		return;
	g->d = w->arg;
	race_grant_create(w, g);
	if (g->grant) {
		sgl = pci_p2pmem_grant_sgl_alloc(g->grant, &nents, 3 * PAGE_SIZE, GFP_KERNEL, NULL);
		RACE_EXPECT(w, !IS_ERR(sgl) || sgl == ERR_PTR(-ENODEV), "no list: %ld",
			    PTR_ERR(sgl));
		race_dawdle(&w->rnd, 500);
		pci_p2pmem_grant_end(g->grant);
		WRITE_ONCE(g->ended, true);
		/* Ends the grant, then frees its memory. */
		if (!IS_ERR(sgl))
			pci_p2pmem_sgl_free(sgl);
		RACE_EXPECT(w, !READ_ONCE(g->late), "a callback after the end");
	}
	/* A callback after this would use freed memory. */
	kfree(g);
}

static void race_callback_step(struct race_worker *w, unsigned int i)
{
	struct race_duel *d = w->arg;

	if (i % 4) {
		/* The same as a drain does after its time limit */
		p2pmem_grants_evict(d->p, READ_ONCE(d->p->drain));
		p2pmem_grants_revoke(d->p);
	} else {
		pci_p2pmem_revoke(d->card);
		pci_p2pmem_resume(d->card);
	}
	race_dawdle(&w->rnd, 1000);
}

/* No callback of a grant runs after its end. */
static void grant_end_against_its_callbacks(struct kunit *test)
{
	struct race_duel *d = race_duel(test);
	struct race_crew *crew = race_crew(test);
	int i;

	kit_client(test, d->f, "nic");
	for (i = 0; i < 3; i++)
		race_add(crew, race_end_step, d, 80);
	race_add(crew, race_callback_step, d, 0);
	race_run(crew);
	flush_workqueue(p2pmem_wq);
	rcu_barrier();
	flush_workqueue(p2pmem_wq);
	KUNIT_EXPECT_TRUE_MSG(test, list_empty(&d->p->grants), "a grant still exists");
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(d->p->pool), RACE_BYTES);
}

static void race_grant_alloc_step(struct race_worker *w, unsigned int i)
{
	struct race_duel *d = w->arg;
	struct scatterlist *sgl;
	unsigned int nents;

	race_dawdle(&w->rnd, 300);
	sgl = pci_p2pmem_sgl_alloc(d->card, &nents, PAGE_SIZE, GFP_KERNEL);
	if (sgl)
		d->sgl[w->nr][d->nr_sgl[w->nr]++] = sgl;
}

/* Memory allocated before a loss is reported as lost after it, and cannot be mapped. */
static void lost_against_an_allocation(struct kunit *test)
{
	struct race_duel *d = race_duel(test);
	struct race_crew *crew;
	int round, w, i, allocated = 0;

	kit_client(test, d->f, "nic");
	for (round = 0; round < 30; round++) {
		crew = race_crew(test);
		memset(d->nr_sgl, 0, sizeof(d->nr_sgl));
		race_add(crew, race_grant_alloc_step, d, RACE_MANY);
		race_add(crew, race_grant_alloc_step, d, RACE_MANY);
		race_begin(crew);
		race_dawdle(&crew->rnd, 20000);
		pci_p2pmem_lost(d->card);
		race_end(crew);
		for (w = 0; w < 2; w++) {
			for (i = 0; i < d->nr_sgl[w]; i++) {
				KUNIT_EXPECT_TRUE_MSG(test, pci_p2pmem_sgl_lost(d->sgl[w][i]),
						      "round %d: list not lost", round);
				KUNIT_EXPECT_EQ(test, -ENODEV,
						pci_p2pmem_map_sg(d->nic, d->sgl[w][i], 1,
								  DMA_TO_DEVICE));
				pci_p2pmem_sgl_free(d->sgl[w][i]);
				allocated++;
			}
		}
		pci_p2pmem_resume(d->card);
		KUNIT_ASSERT_TRUE(test, p2pmem_is_live(d->p));
	}
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(d->p->pool), RACE_BYTES);
	kunit_info(test, "%d lists were allocated before a loss\n", allocated);
}

static struct kunit_case race_end_cases[] = {
	KUNIT_CASE(last_reference_dropped_while_revoke_waits),
	KUNIT_CASE(last_reference_dropped_while_resume_is_pending),
	KUNIT_CASE(lookup_during_client_removal),
	KUNIT_CASE(lookup_during_provider_removal),
	KUNIT_CASE(grant_create_against_revoke),
	KUNIT_CASE(grant_end_against_its_callbacks),
	KUNIT_CASE(lost_against_an_allocation),
	{}
};

static struct kunit_suite race_end_suite = {
	.name = "p2pmem-race-end",
	.test_cases = race_end_cases,
};

kunit_test_suite(race_end_suite);
