// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: suite p2pmem-grant: an orchestrator's use of a provider
 *
 * Creation of grants and the reasons for refusals; memory under a grant; a pair is mapped
 * as it was granted until the last of that memory is freed.
 */
#include <linux/delay.h>
#include "fault.h"
#include "lendkit.h"
#include "mapkit.h"

/*
 * All cases without another drawing (mapkit_switch):
 *
 *	host -- rp -- up -+- dn0 -- card    lends BAR 2, 4 MiB
 *	                  +- dn1 -- nic     client
 *	                  `- dn2 -- card2   client, or not
 */
static struct pci_p2pmem_grant *grant(struct pci_dev *provider, struct device *a,
				      struct device *b, struct pci_p2pmem_verdict *why)
{
	struct device *clients[] = { a, b };

	return pci_p2pmem_grant_create(provider, clients, 2, KTIME_MAX, NULL, NULL,
				       "kunit", why);
}

/* Returns the number of grants that include a pair */
static int grants(struct pci_dev *provider, struct device *client)
{
	struct p2pmem_provider *p;
	struct p2pmem_pair *path;

	guard(rcu)();
	p = p2pmem_find(provider);
	path = p ? p2pmem_pair_find(p, client) : NULL;
	return path ? atomic_read(&path->grants) : 0;
}

static unsigned int refs(struct pci_dev *provider)
{
	return kref_read(&kit_provider(provider)->ref);
}

static void several_clients(struct kunit *test)
{
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_grant *g, *h;
	struct device *drive;
	unsigned int before;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	drive = kit_client(test, k.f, "card2");
	pci_p2pmem_verdict(k.card, k.nic, 0, &why);
	pci_p2pmem_verdict(k.card, drive, 0, &why);
	before = refs(k.card);

	g = grant(k.card, k.nic, drive, &why);
	KUNIT_ASSERT_FALSE(test, IS_ERR(g));
	KUNIT_EXPECT_EQ(test, why.reason, PCI_P2PMEM_OK);
	KUNIT_EXPECT_STREQ(test, why.client, dev_name(drive));
	KUNIT_EXPECT_EQ(test, grants(k.card, k.nic), 1);
	KUNIT_EXPECT_EQ(test, grants(k.card, drive), 1);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_grant_usable(g));
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_grant_idle(g));
	KUNIT_EXPECT_PTR_EQ(test, pci_p2pmem_grant_provider(g), k.card);
	KUNIT_EXPECT_NULL(test, pci_p2pmem_grant_priv(g));

	h = pci_p2pmem_grant_create(k.card, &k.nic, 1, KTIME_MAX, NULL, &k, "kunit 2",
				    &why);
	KUNIT_EXPECT_FALSE(test, IS_ERR(h));
	if (!IS_ERR(h)) {
		KUNIT_EXPECT_PTR_EQ(test, pci_p2pmem_grant_priv(h), (void *)&k);
		KUNIT_EXPECT_EQ(test, grants(k.card, k.nic), 2);
		KUNIT_EXPECT_EQ(test, grants(k.card, drive), 1);
		pci_p2pmem_grant_end(h);
	}
	mapkit_settle();
	KUNIT_EXPECT_EQ(test, grants(k.card, k.nic), 1);
	pci_p2pmem_grant_end(g);
	mapkit_settle();
	KUNIT_EXPECT_EQ(test, grants(k.card, k.nic), 0);
	KUNIT_EXPECT_EQ(test, grants(k.card, drive), 0);
	KUNIT_EXPECT_EQ(test, refs(k.card), before);
}

/* The refused pair is reported, and the other one has no grant. */
static void one_of_several_is_refused(struct kunit *test)
{
	struct pci_p2pmem_verdict why;
	struct device *drive;
	unsigned int before;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	drive = &fabric_pdev(k.f, "card2")->dev;
	pci_p2pmem_verdict(k.card, k.nic, 0, &why);
	before = refs(k.card);

	/* no client */
	KUNIT_EXPECT_EQ(test, PTR_ERR(grant(k.card, k.nic, drive, &why)), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, why.reason, PCI_P2PMEM_NOT_A_CLIENT);
	KUNIT_EXPECT_STREQ(test, why.client, dev_name(drive));
	KUNIT_EXPECT_EQ(test, PTR_ERR(grant(k.card, drive, k.nic, &why)), -EOPNOTSUPP);
	KUNIT_EXPECT_STREQ(test, why.client, dev_name(drive));
	/* no DMA at all */
	KUNIT_EXPECT_EQ(test, PTR_ERR(grant(k.card, k.nic, NULL, &why)), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, why.reason, PCI_P2PMEM_NO_DMA_DEVICE);
	mapkit_settle();
	KUNIT_EXPECT_EQ(test, grants(k.card, k.nic), 0);
	KUNIT_EXPECT_EQ(test, refs(k.card), before);

	/* no path: detected although the register was written without the kernel */
	kit_client(test, k.f, "card2");
	fabric_set_acs_ctrl(k.f, "dn2", PCI_ACS_RR);
	KUNIT_EXPECT_EQ(test, PTR_ERR(grant(k.card, k.nic, drive, &why)), -EXDEV);
	KUNIT_EXPECT_EQ(test, why.reason, PCI_P2PMEM_ACS_REDIRECT);
	KUNIT_EXPECT_STREQ(test, why.client, dev_name(drive));
	KUNIT_EXPECT_STREQ(test, why.at, pci_name(fabric_pdev(k.f, "dn2")));
	mapkit_settle();
	KUNIT_EXPECT_EQ(test, grants(k.card, k.nic), 0);
	KUNIT_EXPECT_EQ(test, grants(k.card, drive), 0);
}

static void providers_that_are_none(struct kunit *test)
{
	struct pci_p2pmem_verdict why;
	struct pci_dev *card2;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	card2 = fabric_pdev(k.f, "card2");
	KUNIT_EXPECT_EQ(test, -EINVAL,
			PTR_ERR(pci_p2pmem_grant_create(k.card, &k.nic, 0, KTIME_MAX, NULL, NULL,
							"kunit", &why)));
	KUNIT_EXPECT_EQ(test, PTR_ERR(grant(card2, k.nic, k.nic, &why)), -ENODEV);
	KUNIT_EXPECT_EQ(test, why.reason, PCI_P2PMEM_NOT_A_PROVIDER);
	pci_p2pmem_revoke(k.card);
	KUNIT_EXPECT_EQ(test, PTR_ERR(grant(k.card, k.nic, k.nic, &why)), -ENODEV);
	KUNIT_EXPECT_EQ(test, why.reason, PCI_P2PMEM_REVOKED);
	mapkit_settle();
	KUNIT_EXPECT_EQ(test, grants(k.card, k.nic), 0);
}

/* The chosen provider, and a client that is listed twice; or a reason is returned. */
static void provider_of_the_core_s_choice(struct kunit *test)
{
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_grant *g;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	g = kit_grant(PCI_P2PMEM_NEAREST, k.nic, &why);
	KUNIT_ASSERT_FALSE(test, IS_ERR(g));
	KUNIT_EXPECT_PTR_EQ(test, pci_p2pmem_grant_provider(g), k.card);
	pci_p2pmem_grant_end(g);
	mapkit_settle();
	g = grant(k.card, k.nic, k.nic, &why);
	KUNIT_ASSERT_FALSE(test, IS_ERR(g));
	KUNIT_EXPECT_EQ_MSG(test, grants(k.card, k.nic), 1, "a client listed twice counts once");
	pci_p2pmem_grant_end(g);
	mapkit_settle();
	KUNIT_EXPECT_EQ(test, grants(k.card, k.nic), 0);

	mapkit_redirect(k.f, "dn0", true);
	KUNIT_EXPECT_EQ(test, PTR_ERR(kit_grant(PCI_P2PMEM_NEAREST, k.nic, &why)), -EXDEV);
	KUNIT_EXPECT_EQ(test, why.reason, PCI_P2PMEM_ACS_REDIRECT);
	pci_p2pmem_set_published(k.card, false);
	KUNIT_EXPECT_EQ(test, PTR_ERR(kit_grant(PCI_P2PMEM_NEAREST, k.nic, &why)), -ENODEV);
	KUNIT_EXPECT_EQ(test, why.reason, PCI_P2PMEM_NO_PROVIDER);
}

/* Every allocation of a grant for two new pairs fails once, and leaves no objects behind. */
static void no_memory_for_a_grant(struct kunit *test)
{
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_grant *g;
	struct device *drive;
	unsigned int before;
	int n, failed = 0;
	struct mapkit k;
	bool reached;

	fault_require(test);
	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	drive = kit_client(test, k.f, "card2");
	kit_drop_pairs(kit_provider(k.card), NULL);
	mapkit_settle();
	before = refs(k.card);
	for (n = 1; n < FAULT_STEPS; n++) {
		kit_drop_pairs(kit_provider(k.card), NULL);
		mapkit_settle();
		fault_arm(n);
		g = grant(k.card, k.nic, drive, &why);
		reached = fault_disarm();
		if (IS_ERR(g)) {
			KUNIT_EXPECT_EQ_MSG(test, PTR_ERR(g), -ENOMEM, "allocation %d", n);
			failed++;
		} else {
			pci_p2pmem_grant_end(g);
		}
		mapkit_settle();
		KUNIT_EXPECT_EQ_MSG(test, grants(k.card, k.nic), 0, "allocation %d", n);
		KUNIT_EXPECT_EQ_MSG(test, grants(k.card, drive), 0, "allocation %d", n);
		/* On a slow machine a work item creates the pairs again meanwhile. */
		KUNIT_EXPECT_TRUE_MSG(test, lend_wait(({
			kit_drop_pairs(kit_provider(k.card), NULL);
			mapkit_settle();
			refs(k.card) == before;
		})), "allocation %d left a reference", n);
		if (!reached)
			break;
	}
	KUNIT_EXPECT_FALSE(test, IS_ERR(g));
	/* the grant, its name, its references; two pairs with two chains each */
	KUNIT_EXPECT_GE(test, failed, 9);
}

static void scatterlists_under_a_grant(struct kunit *test)
{
	struct pci_p2pmem_grant *g;
	struct scatterlist *a, *b;
	unsigned int nents = 0;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	g = mapkit_grant(test, &k);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			PTR_ERR(pci_p2pmem_grant_sgl_alloc(g, &nents, 0, GFP_KERNEL, NULL)));
	KUNIT_EXPECT_EQ(test, -ENOMEM,
			PTR_ERR(pci_p2pmem_grant_sgl_alloc(g, &nents, SZ_8M, GFP_KERNEL, NULL)));
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_grant_idle(g));

	a = pci_p2pmem_grant_sgl_alloc(g, &nents, SZ_1M + 5, GFP_KERNEL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(a));
	KUNIT_EXPECT_EQ(test, nents, 1);
	KUNIT_EXPECT_EQ(test, a->length, SZ_1M + 5);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_sg_kind(a, nents), 1);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_grant_idle(g));
	b = pci_p2pmem_grant_sgl_alloc(g, &nents, 512, GFP_KERNEL | __GFP_ZERO, NULL);
	KUNIT_EXPECT_FALSE(test, IS_ERR(b));
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(kit_provider(k.card)->pool),
			SZ_4M - SZ_1M - 2 * PAGE_SIZE);
	pci_p2pmem_sgl_free(a);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_grant_idle(g));
	if (!IS_ERR(b))
		pci_p2pmem_sgl_free(b);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_grant_idle(g));
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(kit_provider(k.card)->pool), SZ_4M);

	pci_p2pmem_lost(k.card);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_grant_usable(g));
	KUNIT_EXPECT_EQ(test, -ENODEV,
			PTR_ERR(pci_p2pmem_grant_sgl_alloc(g, &nents, SZ_4K, GFP_KERNEL, NULL)));
	mapkit_settle();
}

/* References of readers keep a grant that has ended, but new ones cannot be taken. */
static void references(struct kunit *test)
{
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_grant *g;
	unsigned int nents;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	g = pci_p2pmem_grant_create(k.card, &k.nic, 1, KTIME_MAX, NULL, NULL, "kunit",
				    &why);
	KUNIT_ASSERT_FALSE(test, IS_ERR(g));
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_grant_tryget(g));
	pci_p2pmem_grant_end(g);
	mapkit_settle();
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_grant_tryget(g));
	KUNIT_EXPECT_EQ(test, -ENODEV,
			PTR_ERR(pci_p2pmem_grant_sgl_alloc(g, &nents, SZ_4K, GFP_KERNEL, NULL)));
	KUNIT_EXPECT_EQ(test, grants(k.card, k.nic), 1);
	pci_p2pmem_grant_put(g);
	mapkit_settle();
	KUNIT_EXPECT_EQ(test, grants(k.card, k.nic), 0);
}

/*
 * The grant has ended and there is no path any more: its memory in use can still be mapped
 * and unmapped, and other memory is refused.
 */
static void ended_while_memory_is_in_use(struct kunit *test)
{
	static const struct mapkit_piece page = { 0, PAGE_SIZE };
	struct scatterlist *sgl, *other;
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_grant *g;
	struct mapkit_memory *m;
	unsigned int nents;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_HIGH);
	g = pci_p2pmem_grant_create(k.card, &k.nic, 1, KTIME_MAX, NULL, NULL, "kunit",
				    &why);
	KUNIT_ASSERT_FALSE(test, IS_ERR(g));
	sgl = pci_p2pmem_grant_sgl_alloc(g, &nents, SZ_64K, GFP_KERNEL, NULL);
	KUNIT_EXPECT_FALSE(test, IS_ERR(sgl));
	pci_p2pmem_grant_end(g);
	if (IS_ERR(sgl))
		return;
	m = mapkit_alloc(test, k.card, PAGE_SIZE);
	other = mapkit_list(test, m->addr, &page, 1);

	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, nents, DMA_TO_DEVICE), nents);
	mapkit_redirect(k.f, "dn1", true);
	mapkit_settle();
	pci_p2pmem_unmap_sg(k.nic, sgl, nents, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, grants(k.card, k.nic), 1);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, sgl, nents, DMA_TO_DEVICE), nents);
	mapkit_expect_bus(test, sgl, nents, k.offset);
	pci_p2pmem_unmap_sg(k.nic, sgl, nents, DMA_TO_DEVICE);

	pci_p2pmem_sgl_free(sgl);
	mapkit_settle();
	KUNIT_EXPECT_EQ(test, grants(k.card, k.nic), 0);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(k.nic, other, 1, DMA_TO_DEVICE), -EXDEV);
	mapkit_expect_count(test, k.card, k.nic, 2, 2, 1);
}

/* ACS is enabled during a grant: no new grants, and memory of the old one stays usable. */
static void holds_after_the_path_was_refused(struct kunit *test)
{
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_grant *g;
	struct scatterlist *sgl;
	unsigned int nents;
	struct mapkit k;
	int i;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	g = mapkit_grant(test, &k);
	sgl = pci_p2pmem_grant_sgl_alloc(g, &nents, SZ_64K, GFP_KERNEL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(sgl));
	mapkit_redirect(k.f, "dn0", true);
	KUNIT_EXPECT_EQ(test, PTR_ERR(grant(k.card, k.nic, k.nic, &why)), -EXDEV);
	KUNIT_EXPECT_EQ(test, why.reason, PCI_P2PMEM_ACS_REDIRECT);
	for (i = 0; i < 3; i++) {
		mapkit_scrub(sgl, nents);
		kit_reevaluate();
		KUNIT_EXPECT_EQ(test, nents,
				pci_p2pmem_map_sg(k.nic, sgl, nents, DMA_BIDIRECTIONAL));
		mapkit_expect_bus(test, sgl, nents, k.offset);
		pci_p2pmem_unmap_sg(k.nic, sgl, nents, DMA_BIDIRECTIONAL);
	}
	/* A loss ends that, because the contents are lost. */
	pci_p2pmem_lost(k.card);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_sgl_lost(sgl));
	KUNIT_EXPECT_EQ(test, -ENODEV,
			pci_p2pmem_map_sg(k.nic, sgl, nents, DMA_BIDIRECTIONAL));
	pci_p2pmem_sgl_free(sgl);
	mapkit_settle();
	/* a grant and a mapping */
	mapkit_expect_count(test, k.card, k.nic, 3, 3, 2);
}

/* Out of memory during a re-evaluation of a path causes no error for a host. */
static void keeps_its_verdict_without_memory(struct kunit *test)
{
	struct pci_p2pmem_grant *g;
	struct scatterlist *sgl;
	unsigned int nents;
	struct mapkit k;
	int n, ret;

	fault_require(test);
	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	g = mapkit_grant(test, &k);
	sgl = pci_p2pmem_grant_sgl_alloc(g, &nents, SZ_64K, GFP_KERNEL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(sgl));
	for (n = 1; n < FAULT_STEPS; n++) {
		kit_reevaluate();
		mapkit_scrub(sgl, nents);
		fault_arm(n);
		ret = pci_p2pmem_map_sg(k.nic, sgl, nents, DMA_TO_DEVICE);
		if (!fault_disarm())
			n = FAULT_STEPS;
		KUNIT_EXPECT_EQ_MSG(test, ret, nents, "allocation %d", n);
		if (ret < 0)
			continue;
		mapkit_expect_bus(test, sgl, nents, k.offset);
		pci_p2pmem_unmap_sg(k.nic, sgl, nents, DMA_TO_DEVICE);
	}
	pci_p2pmem_sgl_free(sgl);
}

/* A walk of a provider's grants holds its lock, so no grant is freed during the walk. */
static void stays_during_an_rcu_reader(struct kunit *test)
{
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_grant *g;
	struct p2pmem_provider *p;
	struct mapkit k;
	int meanwhile;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	p = kit_provider(k.card);
	g = pci_p2pmem_grant_create(k.card, &k.nic, 1, KTIME_MAX, NULL, NULL, "kunit",
				    &why);
	KUNIT_ASSERT_FALSE(test, IS_ERR(g));
	KUNIT_ASSERT_TRUE(test, pci_p2pmem_grant_tryget(g));
	pci_p2pmem_grant_end(g);

	mutex_lock(&p->lock);
	pci_p2pmem_grant_put(g);
	/* This drops the last reference, and the work that frees the grant runs or waits. */
	rcu_barrier();
	msleep(200);
	meanwhile = grants(k.card, k.nic);
	mutex_unlock(&p->lock);

	mapkit_settle();
	KUNIT_EXPECT_EQ(test, meanwhile, 1);
	KUNIT_EXPECT_EQ(test, grants(k.card, k.nic), 0);
}

/* A client whose driver left and came back has new pairs: a grant of the old ones is not joined. */
static void client_that_left(struct kunit *test)
{
	enum pci_p2pmem_reason reason;
	struct pci_p2pmem_client *client;
	struct pci_p2pmem_verdict v;
	struct pci_p2pmem_grant *g;
	struct scatterlist *sgl;
	struct device *card2;
	unsigned int nents;
	struct mapkit k;
	int i;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	card2 = &fabric_pdev(k.f, "card2")->dev;
	client = pci_p2pmem_register_client(card2, NULL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(client));
	g = grant(k.card, k.nic, card2, &v);
	KUNIT_ASSERT_FALSE(test, IS_ERR(g));
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_grant_verdict(g, &v));
	for (i = 0; i < 4; i++) {
		sgl = pci_p2pmem_grant_sgl_alloc(g, &nents, PAGE_SIZE, GFP_KERNEL, NULL);
		KUNIT_ASSERT_FALSE(test, IS_ERR(sgl));
		pci_p2pmem_sgl_free(sgl);
	}
	pci_p2pmem_unregister_client(client);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_grant_verdict(g, &v));
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_NOT_A_CLIENT);
	/* its self-test would store a result, and the mapping with it */
	KUNIT_EXPECT_EQ(test, pci_p2pmem_grant_verify(g, card2, NULL, &v), -EOPNOTSUPP);
	sgl = pci_p2pmem_grant_sgl_alloc(g, &nents, PAGE_SIZE, GFP_KERNEL, &reason);
	KUNIT_EXPECT_PTR_EQ(test, sgl, ERR_PTR(-EOPNOTSUPP));
	KUNIT_EXPECT_EQ(test, reason, PCI_P2PMEM_NOT_A_CLIENT);
	if (!IS_ERR(sgl))
		pci_p2pmem_sgl_free(sgl);
	client = pci_p2pmem_register_client(card2, NULL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(client));
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_grant_verdict(g, &v));
	pci_p2pmem_grant_end(g);
	g = grant(k.card, k.nic, card2, &v);
	KUNIT_ASSERT_FALSE(test, IS_ERR(g));
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_grant_verdict(g, &v));
	pci_p2pmem_grant_end(g);
	mapkit_settle();
	pci_p2pmem_unregister_client(client);
}

static struct kunit_case grant_cases[] = {
	KUNIT_CASE(several_clients),
	KUNIT_CASE(one_of_several_is_refused),
	KUNIT_CASE(providers_that_are_none),
	KUNIT_CASE(provider_of_the_core_s_choice),
	KUNIT_CASE(no_memory_for_a_grant),
	KUNIT_CASE(scatterlists_under_a_grant),
	KUNIT_CASE(references),
	KUNIT_CASE(ended_while_memory_is_in_use),
	KUNIT_CASE(stays_during_an_rcu_reader),
	KUNIT_CASE(holds_after_the_path_was_refused),
	KUNIT_CASE(keeps_its_verdict_without_memory),
	KUNIT_CASE(client_that_left),
	{ }
};

static struct kunit_suite grant_suite = {
	.name = "p2pmem-grant",
	.test_cases = grant_cases,
};

kunit_test_suite(grant_suite);
