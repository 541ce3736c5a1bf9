// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: suite p2pmem-count: what is counted of a pair, and the quota of a client
 *
 * Mappings and their bytes, failures by reason, bytes in use and their peak; that a quota
 * is kept to the page by every client of a grant, one after the other and many at once.
 */
#include <linux/kernfs.h>

#include "lendkit.h"
#include "mapkit.h"

/*
 * All cases (mapkit_switch):
 *
 *	host -- rp -- up -+- dn0 -- card    lends BAR 2, 4 MiB
 *	                  +- dn1 -- nic     client
 *	                  `- dn2 -- card2   client, "drive"
 */
struct world {
	struct mapkit k;
	struct device *drive;
	struct p2pmem_provider *p;
	struct pci_p2pmem_grant *g;	/* for both */
};

static void build(struct kunit *test, struct world *w)
{
	struct pci_p2pmem_verdict why;
	struct device *clients[2];

	mapkit_build(test, &w->k, mapkit_switch, MAPKIT_LOW);
	w->drive = kit_client(test, w->k.f, "card2");
	w->p = kit_provider(w->k.card);
	clients[0] = w->k.nic;
	clients[1] = w->drive;
	w->g = pci_p2pmem_grant_create(w->k.card, clients, 2, KTIME_MAX, NULL, NULL,
				       "kunit", &why);
	KUNIT_ASSERT_FALSE(test, IS_ERR(w->g));
}

static void done(struct world *w)
{
	pci_p2pmem_grant_end(w->g);
	mapkit_settle();
}

static struct p2pmem_pair *pair(struct world *w, struct device *client)
{
	guard(rcu)();
	return p2pmem_pair_find(w->p, client);
}

static long used(struct world *w, struct device *client)
{
	return p2pmem_pair_used(pair(w, client));
}

static u64 failures(struct world *w, struct device *client, enum pci_p2pmem_reason reason)
{
	return atomic_long_read(&pair(w, client)->failures[reason]);
}

static ssize_t store_quota(struct world *w, const char *text)
{
	struct kernfs_node *dir = kernfs_find_and_get(w->k.card->dev.kobj.sd, "p2pmem");
	struct kernfs_node *kn = dir ? kernfs_find_and_get(dir, "quota") : NULL;
	struct device_attribute *attr;
	ssize_t ret = -ENOENT;

	if (kn) {
		attr = container_of((struct attribute *)kn->priv, struct device_attribute, attr);
		ret = attr->store(&w->k.card->dev, attr, text, strlen(text));
	}
	kernfs_put(kn);
	kernfs_put(dir);
	return ret;
}

static struct scatterlist *count_alloc(struct pci_p2pmem_grant *g, u32 length)
{
	unsigned int nents;

	return pci_p2pmem_grant_sgl_alloc(g, &nents, length, GFP_KERNEL, NULL);
}

static void mappings_and_bytes(struct kunit *test)
{
	static const struct mapkit_piece pieces[] = { { 0, 512 }, { 8192, 4096 }, { 4096, 100 } };
	struct mapkit_memory *m;
	struct scatterlist *sgl;
	struct mapkit_count c;
	struct world w;
	int i;

	build(test, &w);
	m = mapkit_alloc(test, w.k.card, SZ_16K);
	sgl = mapkit_list(test, m->addr, pieces, ARRAY_SIZE(pieces));
	for (i = 1; i <= 3; i++) {
		KUNIT_EXPECT_EQ(test, 3, pci_p2pmem_map_sg(w.k.nic, sgl, 3, DMA_TO_DEVICE));
		c = mapkit_count(w.k.card, w.k.nic);
		KUNIT_EXPECT_EQ(test, c.maps, i);
		KUNIT_EXPECT_EQ(test, c.unmaps, i - 1);
		KUNIT_EXPECT_EQ(test, c.bytes, i * (512 + 4096 + 100));
		pci_p2pmem_unmap_sg(w.k.nic, sgl, 3, DMA_TO_DEVICE);
	}
	c = mapkit_count(w.k.card, w.drive);
	KUNIT_EXPECT_EQ_MSG(test, c.maps + c.bytes, 0, "the other client mapped nothing");
	/* Memory that is allocated without a grant counts for no client. */
	KUNIT_EXPECT_EQ(test, used(&w, w.k.nic), 0);
	done(&w);
}

static void failures_by_reason(struct kunit *test)
{
	static const struct mapkit_piece piece = { 0, 4096 };
	struct mapkit_memory *m;
	struct scatterlist *sgl;
	struct world w;

	build(test, &w);
	m = mapkit_alloc(test, w.k.card, SZ_4K);
	sgl = mapkit_list(test, m->addr, &piece, 1);
	KUNIT_EXPECT_TRUE(test, IS_ERR(count_alloc(w.g, SZ_4M)));
	done(&w);
	mapkit_redirect(w.k.f, "dn1", true);
	KUNIT_EXPECT_EQ(test, -EXDEV, pci_p2pmem_map_sg(w.k.nic, sgl, 1, DMA_TO_DEVICE));
	KUNIT_EXPECT_EQ(test, -EXDEV, pci_p2pmem_map_sg(w.k.nic, sgl, 1, DMA_TO_DEVICE));
	mapkit_redirect(w.k.f, "dn1", false);
	pci_p2pmem_lost(w.k.card);
	KUNIT_EXPECT_EQ(test, -ENODEV, pci_p2pmem_map_sg(w.k.nic, sgl, 1, DMA_TO_DEVICE));
	KUNIT_EXPECT_EQ(test, failures(&w, w.k.nic, PCI_P2PMEM_POOL_FULL), 1);
	KUNIT_EXPECT_EQ(test, failures(&w, w.drive, PCI_P2PMEM_POOL_FULL), 1);
	KUNIT_EXPECT_EQ(test, failures(&w, w.k.nic, PCI_P2PMEM_ACS_REDIRECT), 2);
	KUNIT_EXPECT_EQ(test, failures(&w, w.k.nic, PCI_P2PMEM_REVOKED), 1);
	mapkit_expect_count(test, w.k.card, w.k.nic, 0, 0, 4);
	mapkit_expect_count(test, w.k.card, w.drive, 0, 0, 1);
	mapkit_free(m);
}

static void bytes_in_use_and_peak(struct kunit *test)
{
	struct scatterlist *a, *b;
	struct world w;

	build(test, &w);
	a = count_alloc(w.g, SZ_8K + 1);
	b = count_alloc(w.g, 512);
	KUNIT_ASSERT_FALSE(test, IS_ERR(a) || IS_ERR(b));
	KUNIT_EXPECT_EQ_MSG(test, used(&w, w.k.nic), SZ_16K, "whole pages");
	KUNIT_EXPECT_EQ(test, used(&w, w.drive), SZ_16K);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_grant_idle(w.g));
	pci_p2pmem_sgl_free(a);
	KUNIT_EXPECT_EQ(test, used(&w, w.k.nic), SZ_4K);
	pci_p2pmem_sgl_free(b);
	KUNIT_EXPECT_EQ(test, used(&w, w.k.nic), 0);
	KUNIT_EXPECT_EQ(test, used(&w, w.drive), 0);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_grant_idle(w.g));
	/* A failed allocation is not counted as in use. */
	KUNIT_EXPECT_TRUE(test, IS_ERR(count_alloc(w.g, SZ_8M)));
	KUNIT_EXPECT_EQ(test, used(&w, w.k.nic), 0);
	KUNIT_EXPECT_EQ(test, p2pmem_pair_peak(pair(&w, w.k.nic)), SZ_16K);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_grant_idle(w.g));
	done(&w);
}

static void quota_to_the_page(struct kunit *test)
{
	struct scatterlist *a, *b;
	struct world w;

	build(test, &w);
	KUNIT_ASSERT_EQ(test, store_quota(&w, "16384\n"), 6);
	KUNIT_EXPECT_EQ(test, lend_sysfs(w.k.card, "quota"), SZ_16K);
	a = count_alloc(w.g, SZ_8K + 1);
	b = count_alloc(w.g, SZ_4K);
	KUNIT_ASSERT_FALSE(test, IS_ERR(a) || IS_ERR(b));
	KUNIT_EXPECT_EQ(test, PTR_ERR(count_alloc(w.g, 1)), -EDQUOT);
	KUNIT_EXPECT_EQ(test, failures(&w, w.k.nic, PCI_P2PMEM_QUOTA), 1);
	KUNIT_EXPECT_EQ(test, failures(&w, w.drive, PCI_P2PMEM_QUOTA), 1);
	KUNIT_EXPECT_EQ(test, used(&w, w.k.nic), SZ_16K);
	pci_p2pmem_sgl_free(b);
	b = count_alloc(w.g, 1);
	KUNIT_ASSERT_FALSE(test, IS_ERR(b));

	/* Quota below the bytes in use: they stay in use, and allocation fails until it fits. */
	KUNIT_ASSERT_GT(test, store_quota(&w, "8192"), 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR(count_alloc(w.g, 1)), -EDQUOT);
	pci_p2pmem_sgl_free(b);
	KUNIT_EXPECT_EQ(test, PTR_ERR(count_alloc(w.g, 1)), -EDQUOT);
	pci_p2pmem_sgl_free(a);
	a = count_alloc(w.g, SZ_8K);
	KUNIT_EXPECT_FALSE(test, IS_ERR(a));

	KUNIT_ASSERT_GT(test, store_quota(&w, "0"), 0);
	b = count_alloc(w.g, SZ_1M);
	KUNIT_EXPECT_FALSE(test, IS_ERR(b));
	pci_p2pmem_sgl_free(a);
	pci_p2pmem_sgl_free(b);
	/* An allocation without a grant has no client, and no quota. */
	KUNIT_ASSERT_GT(test, store_quota(&w, "4096"), 0);
	mapkit_free(mapkit_alloc(test, w.k.card, SZ_1M));
	done(&w);
}

/* Two grants of one client share its quota, and the other client is charged for nothing. */
static void quota_of_each_client(struct kunit *test)
{
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_grant *g;
	struct scatterlist *a, *b;
	struct world w;

	build(test, &w);
	/* nic is the second client here, so that the charge of the first is undone */
	g = pci_p2pmem_grant_create(w.k.card, (struct device *[]){ w.drive, w.k.nic }, 2,
				    KTIME_MAX, NULL, NULL, "kunit 2", &why);
	KUNIT_ASSERT_FALSE(test, IS_ERR(g));
	pci_p2pmem_grant_end(w.g);
	w.g = pci_p2pmem_grant_create(w.k.card, &w.k.nic, 1, KTIME_MAX, NULL, NULL,
				      "kunit", &why);
	KUNIT_ASSERT_FALSE(test, IS_ERR(w.g));
	KUNIT_ASSERT_GT(test, store_quota(&w, "16384"), 0);
	a = count_alloc(w.g, SZ_8K + SZ_4K);
	KUNIT_ASSERT_FALSE(test, IS_ERR(a));
	KUNIT_EXPECT_EQ(test, PTR_ERR(count_alloc(g, SZ_8K)), -EDQUOT);
	/* as if another grant had charged its memory between the check and the charge */
	KUNIT_EXPECT_EQ(test, p2pmem_grant_charge(g, SZ_8K), -EDQUOT);
	KUNIT_EXPECT_EQ(test, used(&w, w.drive), 0);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_grant_idle(g));
	b = count_alloc(g, SZ_4K);
	KUNIT_EXPECT_FALSE(test, IS_ERR(b));
	KUNIT_EXPECT_EQ(test, used(&w, w.drive), SZ_4K);
	KUNIT_EXPECT_EQ(test, used(&w, w.k.nic), SZ_16K);
	pci_p2pmem_sgl_free(a);
	pci_p2pmem_sgl_free(b);
	pci_p2pmem_grant_end(g);
	done(&w);
}

static void client_named_twice(struct kunit *test)
{
	struct pci_p2pmem_verdict why;
	struct scatterlist *a;
	struct world w;

	build(test, &w);
	pci_p2pmem_grant_end(w.g);
	w.g = pci_p2pmem_grant_create(w.k.card, (struct device *[]){ w.k.nic, w.k.nic }, 2,
				      KTIME_MAX, NULL, NULL, "kunit", &why);
	KUNIT_ASSERT_FALSE(test, IS_ERR(w.g));
	KUNIT_ASSERT_GT(test, store_quota(&w, "8192"), 0);
	a = count_alloc(w.g, SZ_8K);
	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(a), "charged twice");
	KUNIT_EXPECT_EQ(test, used(&w, w.k.nic), SZ_8K);
	pci_p2pmem_sgl_free(a);
	KUNIT_EXPECT_EQ(test, used(&w, w.k.nic), 0);
	done(&w);
}

static void invalid_quotas(struct kunit *test)
{
	static const char * const wrong[] = { "4095", "-4096", "4096 bytes", "64K", "", "none" };
	struct world w;
	int i;

	build(test, &w);
	KUNIT_EXPECT_EQ(test, lend_sysfs(w.k.card, "quota"), 0);
	KUNIT_ASSERT_GT(test, store_quota(&w, "65536"), 0);
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		KUNIT_EXPECT_LT_MSG(test, store_quota(&w, wrong[i]), 0, "%s", wrong[i]);
	KUNIT_EXPECT_EQ(test, lend_sysfs(w.k.card, "quota"), SZ_64K);
	done(&w);
}

#define QUOTA_PAGES	5
#define QUOTA_TASKS	4
#define QUOTA_ROUNDS	3000

/**
 * struct quota_race - tasks that allocate under one quota
 * @w: where
 * @out: pages in use, as the tasks count them
 * @over: how often that was more than the quota
 * @got: how often there was memory
 * @refused: how often there was none
 */
struct quota_race {
	struct world *w;
	atomic_t out;
	atomic_t over;
	atomic_t got;
	atomic_t refused;
};

static void quota_racer(void *arg)
{
	struct quota_race *r = arg;
	struct scatterlist *sg;
	int i, pages;

	for (i = 0; i < QUOTA_ROUNDS; i++) {
		pages = 1 + i % 3;
		sg = count_alloc(r->w->g, pages * PAGE_SIZE);
		if (IS_ERR(sg)) {
			atomic_inc(&r->refused);
			cond_resched();
			continue;
		}
		atomic_inc(&r->got);
		if (atomic_add_return(pages, &r->out) > QUOTA_PAGES)
			atomic_inc(&r->over);
		if (!(i % 4))
			schedule();
		/* Before it is freed: the next user must not count these pages twice. */
		atomic_sub(pages, &r->out);
		pci_p2pmem_sgl_free(sg);
	}
}

static void quota_of_many_at_once(struct kunit *test)
{
	struct lend_task *task[QUOTA_TASKS];
	struct quota_race r = {};
	struct world w;
	char text[32];
	int i;

	build(test, &w);
	r.w = &w;
	snprintf(text, sizeof(text), "%lu", QUOTA_PAGES * PAGE_SIZE);
	KUNIT_ASSERT_GT(test, store_quota(&w, text), 0);
	for (i = 0; i < QUOTA_TASKS; i++)
		task[i] = lend_start(test, quota_racer, &r);
	for (i = 0; i < QUOTA_TASKS; i++)
		lend_join(test, task[i]);
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&r.over), 0, "more than the quota was out");
	KUNIT_EXPECT_GT(test, atomic_read(&r.got), 0);
	KUNIT_EXPECT_EQ(test, failures(&w, w.k.nic, PCI_P2PMEM_QUOTA),
			(u64)atomic_read(&r.refused));
	KUNIT_EXPECT_EQ(test, used(&w, w.k.nic), 0);
	KUNIT_EXPECT_EQ(test, used(&w, w.drive), 0);
	KUNIT_EXPECT_LE(test, p2pmem_pair_peak(pair(&w, w.k.nic)),
			QUOTA_PAGES * PAGE_SIZE);
	done(&w);
}

/**
 * struct charge_cpu - what a CPU charges and returns
 * @g: under this
 * @bytes: so much
 * @ret: whether that was refused
 */
struct charge_cpu {
	struct pci_p2pmem_grant *g;
	long bytes;
	int ret;
};

static void charge_and_return(void *arg)
{
	struct charge_cpu *c = arg;

	c->ret = p2pmem_grant_charge(c->g, c->bytes);
	if (!c->ret)
		p2pmem_grant_uncharge(c->g, c->bytes);
}

/* Credit that CPUs keep is in nobody's use, and no other CPU is refused for it. */
static void credit_of_other_cpus(struct kunit *test)
{
	struct charge_cpu c;
	struct world w;
	int cpu;

	build(test, &w);
	KUNIT_ASSERT_GT(test, store_quota(&w, "1048576"), 0);
	c = (struct charge_cpu){ .g = w.g, .bytes = SZ_1M };
	for_each_online_cpu(cpu) {
		smp_call_function_single(cpu, charge_and_return, &c, 1);
		KUNIT_EXPECT_EQ_MSG(test, c.ret, 0, "CPU %d", cpu);
		KUNIT_EXPECT_EQ(test, used(&w, w.k.nic), 0);
	}
	KUNIT_EXPECT_EQ(test, 0, p2pmem_grant_charge(w.g, SZ_1M));
	KUNIT_EXPECT_EQ(test, used(&w, w.drive), SZ_1M);
	KUNIT_EXPECT_EQ(test, -EDQUOT, p2pmem_grant_charge(w.g, PAGE_SIZE));
	p2pmem_grant_uncharge(w.g, SZ_1M);
	KUNIT_EXPECT_EQ(test, used(&w, w.k.nic), 0);
	KUNIT_EXPECT_EQ(test, p2pmem_pair_peak(pair(&w, w.k.nic)), SZ_1M);
	done(&w);
}

/* Credit from before a quota, or from a larger one, is worth nothing under a smaller one. */
static void credit_of_a_larger_quota(struct kunit *test)
{
	struct charge_cpu c;
	struct world w;
	int cpu;

	build(test, &w);
	c = (struct charge_cpu){ .g = w.g, .bytes = SZ_1M };
	for_each_online_cpu(cpu)
		smp_call_function_single(cpu, charge_and_return, &c, 1);
	KUNIT_ASSERT_GT(test, store_quota(&w, "8192"), 0);
	/* without the check before: two tasks that check at once both get here */
	KUNIT_EXPECT_EQ(test, -EDQUOT, p2pmem_grant_charge(w.g, SZ_16K));
	KUNIT_EXPECT_EQ(test, used(&w, w.k.nic), 0);
	KUNIT_EXPECT_EQ(test, 0, p2pmem_grant_charge(w.g, SZ_8K));
	KUNIT_EXPECT_EQ(test, -EDQUOT, p2pmem_grant_charge(w.g, PAGE_SIZE));
	p2pmem_grant_uncharge(w.g, SZ_8K);
	KUNIT_EXPECT_EQ(test, used(&w, w.drive), 0);
	done(&w);
}

static struct kunit_case count_cases[] = {
	KUNIT_CASE(mappings_and_bytes),
	KUNIT_CASE(failures_by_reason),
	KUNIT_CASE(bytes_in_use_and_peak),
	KUNIT_CASE(quota_to_the_page),
	KUNIT_CASE(quota_of_each_client),
	KUNIT_CASE(client_named_twice),
	KUNIT_CASE(invalid_quotas),
	KUNIT_CASE(quota_of_many_at_once),
	KUNIT_CASE(credit_of_other_cpus),
	KUNIT_CASE(credit_of_a_larger_quota),
	{ }
};

static struct kunit_suite count_suite = {
	.name = "p2pmem-count",
	.test_cases = count_cases,
};

kunit_test_suite(count_suite);
