// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: suite p2pmem-find-users: the choice among equal providers
 *
 * Providers of equal rank are chosen in turn, by the number of users of their grants; and the
 * choice without a grant, for an orchestrator that shares the grant it has.
 */
#include "lendkit.h"
#include "mapkit.h"

#define LENDS	.bar = { [2] = { .size = SZ_4M, .flags = FABRIC_BAR_64 } }

/*
 *	host -- rp0 (8086:2030: forwards) -- up -+- dn0 -- nic
 *	                                         +- dn1, ACS -- near    4 from nic
 *	                                         `- dn2 -- twin         4 from nic
 */
static const struct fabric_node find_nodes[] = {
	{ .name = "host", .type = FABRIC_HOST },
	{ .name = "rp0", .type = FABRIC_ROOT_PORT, .parent = "host",
	  .vendor = PCI_VENDOR_ID_INTEL, .device = 0x2030 },
	{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp0" },
	{ .name = "dn0", .type = FABRIC_DOWNSTREAM, .parent = "up" },
	{ .name = "dn1", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 1,
	  .acs_cap = PCI_ACS_RR },
	{ .name = "dn2", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 2 },
	{ .name = "nic", .type = FABRIC_ENDPOINT, .parent = "dn0" },
	{ .name = "near", .type = FABRIC_ENDPOINT, .parent = "dn1", LENDS },
	{ .name = "twin", .type = FABRIC_ENDPOINT, .parent = "dn2", LENDS },
	{ }
};

static void expect_found(struct kunit *test, struct fabric *f, struct device *nic,
			 const char *name)
{
	struct pci_dev *got = pci_p2pmem_find_provider(&nic, 1);

	KUNIT_EXPECT_PTR_EQ_MSG(test, got, fabric_pdev(f, name), "chosen: %s, expected: %s",
				got ? pci_name(got) : "none", name);
	pci_dev_put(got);
}

/* No provider is chosen for the reason, which names @at unless that is NULL. */
static void expect_none(struct kunit *test, struct pci_dev *named, struct device *nic,
			ktime_t since, enum pci_p2pmem_reason reason, struct pci_dev *at)
{
	struct pci_p2pmem_verdict why;

	KUNIT_EXPECT_NULL(test, pci_p2pmem_choose_provider(named, PCI_P2PMEM_NEAREST, &nic, 1,
							   since, &why));
	KUNIT_EXPECT_STREQ(test, pci_p2pmem_reason_token(why.reason),
			   pci_p2pmem_reason_token(reason));
	if (at)
		KUNIT_EXPECT_STREQ(test, why.provider, pci_name(at));
}

/* near and twin are equal in all: they share the grants, and a run of it is like another. */
static void equal_rank_is_shared_out(struct kunit *test)
{
	static const char * const turns[] = { "near", "twin", "near", "twin" };
	struct pci_p2pmem_grant *g[ARRAY_SIZE(turns)];
	struct pci_p2pmem_verdict why;
	struct device *nic;
	struct fabric *f;
	int i, run;

	f = fabric_build(test, find_nodes);
	nic = kit_client(test, f, "nic");
	/* The one with the higher address first */
	kit_lend(test, f, "twin");
	kit_lend(test, f, "near");
	for (run = 0; run < 2; run++) {
		for (i = 0; i < ARRAY_SIZE(turns); i++) {
			g[i] = kit_grant(PCI_P2PMEM_MOST_FREE, nic, &why);
			KUNIT_ASSERT_FALSE(test, IS_ERR(g[i]));
			KUNIT_EXPECT_PTR_EQ_MSG(test, pci_p2pmem_grant_provider(g[i]),
						fabric_pdev(f, turns[i]), "grant %d", i);
		}
		/* One that has ended counts no more. */
		pci_p2pmem_grant_end(g[1]);
		g[1] = kit_grant(PCI_P2PMEM_NEAREST, nic, &why);
		KUNIT_ASSERT_FALSE(test, IS_ERR(g[1]));
		KUNIT_EXPECT_PTR_EQ(test, pci_p2pmem_grant_provider(g[1]),
				    fabric_pdev(f, "twin"));
		for (i = 0; i < ARRAY_SIZE(turns); i++)
			pci_p2pmem_grant_end(g[i]);
		mapkit_settle();
	}
	KUNIT_EXPECT_NULL(test, pci_p2pmem_choose_provider(NULL, PCI_P2PMEM_NEAREST, &nic, 0, 0,
							   &why));
}

/* A grant that many share counts as many, and as none once it has ended. */
static void users_count_not_grants(struct kunit *test)
{
	struct pci_p2pmem_grant *near, *twin, *more;
	struct pci_p2pmem_verdict why;
	struct p2pmem_provider *p;
	struct device *nic;
	struct fabric *f;

	f = fabric_build(test, find_nodes);
	nic = kit_client(test, f, "nic");
	kit_lend(test, f, "twin");
	p = kit_provider(kit_lend(test, f, "near"));
	near = pci_p2pmem_grant_create(fabric_pdev(f, "near"), &nic, 1, KTIME_MAX, NULL,
				       NULL, "kunit", &why);
	twin = pci_p2pmem_grant_create(fabric_pdev(f, "twin"), &nic, 1, KTIME_MAX, NULL,
				       NULL, "kunit", &why);
	KUNIT_ASSERT_FALSE(test, IS_ERR(near));
	KUNIT_ASSERT_FALSE(test, IS_ERR(twin));
	expect_found(test, f, nic, "near");
	pci_p2pmem_grant_set_users(near, 3);
	KUNIT_EXPECT_EQ(test, p->users, 3);
	expect_found(test, f, nic, "twin");
	/* Two grants, and still fewer users */
	more = pci_p2pmem_grant_create(fabric_pdev(f, "twin"), &nic, 1, KTIME_MAX, NULL,
				       NULL, "kunit", &why);
	KUNIT_ASSERT_FALSE(test, IS_ERR(more));
	expect_found(test, f, nic, "twin");
	pci_p2pmem_grant_set_users(twin, 2);
	expect_found(test, f, nic, "near");
	pci_p2pmem_grant_set_users(twin, 1);
	expect_found(test, f, nic, "twin");
	pci_p2pmem_grant_end(near);
	KUNIT_EXPECT_EQ(test, p->users, 0);
	expect_found(test, f, nic, "near");
	pci_p2pmem_grant_end(twin);
	pci_p2pmem_grant_end(more);
	mapkit_settle();
}

/* What a choice without a grant refuses, and that it evaluates the pairs */
static void choice_without_a_grant(struct kunit *test)
{
	struct pci_p2pmem_verdict why;
	struct pci_dev *near, *got;
	struct device *nic;
	struct fabric *f;

	f = fabric_build(test, find_nodes);
	nic = kit_client(test, f, "nic");
	expect_none(test, NULL, nic, ktime_get(), PCI_P2PMEM_NO_PROVIDER, NULL);
	expect_none(test, fabric_pdev(f, "near"), nic, ktime_get(), PCI_P2PMEM_NOT_A_PROVIDER,
		    NULL);
	near = kit_lend(test, f, "near");
	got = pci_p2pmem_choose_provider(NULL, PCI_P2PMEM_NEAREST, &nic, 1, ktime_get(), &why);
	KUNIT_EXPECT_PTR_EQ(test, got, near);
	KUNIT_EXPECT_EQ(test, why.reason, PCI_P2PMEM_OK);
	pci_dev_put(got);
}

/* A pair that was evaluated since the given time is not evaluated again; later it is. */
static void pairs_are_evaluated_once_per_event(struct kunit *test)
{
	struct pci_dev *named[2] = { };
	struct pci_p2pmem_verdict why;
	struct pci_dev *near, *got;
	struct device *nic;
	struct fabric *f;
	ktime_t since;
	int i;

	f = fabric_build(test, find_nodes);
	nic = kit_client(test, f, "nic");
	near = kit_lend(test, f, "near");
	named[1] = near;
	for (i = 0; i < ARRAY_SIZE(named); i++) {
		fabric_set_acs_ctrl(f, "dn1", 0);
		since = ktime_get();
		got = pci_p2pmem_choose_provider(named[i], PCI_P2PMEM_NEAREST, &nic, 1, since,
						 &why);
		KUNIT_EXPECT_PTR_EQ(test, got, near);
		pci_dev_put(got);
		fabric_set_acs_ctrl(f, "dn1", PCI_ACS_RR);
		got = pci_p2pmem_choose_provider(named[i], PCI_P2PMEM_NEAREST, &nic, 1, since,
						 &why);
		KUNIT_EXPECT_PTR_EQ(test, got, near);
		pci_dev_put(got);
		pci_p2pmem_verdict(near, nic, 0, &why);
		KUNIT_EXPECT_EQ_MSG(test, why.mapping, PCI_P2PMEM_MAP_BUS_ADDR,
				    "evaluated again, %d", i);
		got = pci_p2pmem_choose_provider(named[i], PCI_P2PMEM_NEAREST, &nic, 1,
						 ktime_get(), &why);
		KUNIT_EXPECT_PTR_EQ(test, got, near);
		pci_dev_put(got);
		pci_p2pmem_verdict(near, nic, 0, &why);
		KUNIT_EXPECT_EQ_MSG(test, why.mapping, PCI_P2PMEM_MAP_HOST_BRIDGE,
				    "not evaluated, %d", i);
	}
}

/**
 * struct late_change - a change of ACS that an evaluation does not see
 * @f: the fabric
 * @since: a time after the change
 */
struct late_change {
	struct fabric *f;
	ktime_t since;
};

static void late_redirect(void *arg)
{
	struct late_change *c = arg;

	fabric_set_acs_ctrl(c->f, "dn1", PCI_ACS_RR);
	/* not the same time as that of the evaluation, however coarse the clock is */
	c->since = ktime_add_ns(ktime_get(), 1);
}

/* A verdict is of the time before its registers are read: what is written then is not in it. */
static void change_during_an_evaluation(struct kunit *test)
{
	struct pci_p2pmem_verdict v;
	struct late_change c = { };
	struct pci_dev *near;
	struct device *nic;
	int acs;

	c.f = fabric_build(test, find_nodes);
	nic = kit_client(test, c.f, "nic");
	near = kit_lend(test, c.f, "near");
	acs = fabric_pdev(c.f, "dn1")->acs_cap + PCI_ACS_CTRL;
	fabric_on_read(c.f, "dn1", acs, late_redirect, &c);
	pci_p2pmem_verdict(near, nic, KTIME_MAX, &v);
	KUNIT_ASSERT_NE(test, c.since, 0);
	KUNIT_EXPECT_EQ(test, v.mapping, PCI_P2PMEM_MAP_BUS_ADDR);
	pci_p2pmem_verdict(near, nic, c.since, &v);
	KUNIT_EXPECT_EQ_MSG(test, v.mapping, PCI_P2PMEM_MAP_HOST_BRIDGE, "not evaluated again");
}

/* What the choice for one client reads in place: each change counts at once. */
static void changes_of_a_pair(struct kunit *test)
{
	struct device *nic;
	struct fabric *f;

	f = fabric_build(test, find_nodes);
	nic = kit_client(test, f, "nic");
	kit_lend(test, f, "twin");
	kit_lend(test, f, "near");
	expect_found(test, f, nic, "near");

	/* nic reaches near through the host bridge, and again by bus address */
	fabric_set_acs_ctrl(f, "dn1", PCI_ACS_RR);
	kit_reevaluate();
	expect_found(test, f, nic, "twin");
	fabric_set_acs_ctrl(f, "dn1", 0);
	kit_reevaluate();
	expect_found(test, f, nic, "near");

	/* a change of the limit is not notified */
	nic->bus_dma_limit = SZ_4K;
	KUNIT_EXPECT_NULL(test, pci_p2pmem_find_provider(&nic, 1));
	nic->bus_dma_limit = 0;
	expect_found(test, f, nic, "near");

	/* a pair that could not be created: the route is evaluated */
	kit_drop_pairs(kit_provider(fabric_pdev(f, "near")), nic);
	expect_found(test, f, nic, "near");
	kit_drop_pairs(NULL, nic);
	expect_found(test, f, nic, "near");
	kit_reevaluate();
	expect_found(test, f, nic, "near");

	pci_p2pmem_set_published(fabric_pdev(f, "near"), false);
	expect_found(test, f, nic, "twin");
	pci_p2pmem_lost(fabric_pdev(f, "twin"));
	KUNIT_EXPECT_NULL(test, pci_p2pmem_find_provider(&nic, 1));
}

/*
 * A card that hangs, unnoticed by its driver, is not chosen although its pairs were allowed
 * before; alone it is the reason, and not a lack of memory. When it answers again, users that
 * were refused are notified.
 */
static void hangs_for_a_while(struct kunit *test, bool first)
{
	struct pci_dev *near, *twin, *got;
	struct pci_p2pmem_verdict why;
	struct lend_events *events;
	struct device *nic;
	struct fabric *f;
	ktime_t since;
	u32 was;
	int at;

	f = fabric_build(test, find_nodes);
	nic = kit_client(test, f, "nic");
	twin = kit_lend(test, f, "twin");
	near = kit_lend(test, f, "near");
	events = lend_listen(test);
	expect_found(test, f, nic, "near");
	at = near->pcie_cap + PCI_EXP_DEVCTL2;
	pci_read_config_dword(near, at, &was);
	fabric_set_config(f, "near", at, 2, ~0);

	since = ktime_get();
	got = pci_p2pmem_choose_provider(NULL, PCI_P2PMEM_NEAREST, &nic, 1, since, &why);
	KUNIT_EXPECT_PTR_EQ(test, got, twin);
	pci_dev_put(got);
	pci_p2pmem_set_published(twin, false);
	expect_none(test, NULL, nic, since, PCI_P2PMEM_REVOKED, near);
	KUNIT_EXPECT_PTR_EQ(test, pci_p2pmem_grant_create(near, &nic, 1, since, NULL, NULL, "kunit",
							  &why), ERR_PTR(-ENODEV));
	KUNIT_EXPECT_EQ(test, why.reason, PCI_P2PMEM_REVOKED);
	KUNIT_EXPECT_STREQ(test, why.note, "a function between the two does not answer");
	KUNIT_EXPECT_EQ(test, pci_p2pmem_verdict(near, nic, since, &why), -ENODEV);

	/* the fast choice for one client evaluates it again, too */
	KUNIT_EXPECT_NULL(test, pci_p2pmem_find_provider(&nic, 1));
	expect_none(test, NULL, nic, 0, PCI_P2PMEM_REVOKED, NULL);

	atomic_set(&events->policies, 0);
	fabric_set_config(f, "near", at, 2, was & 0xffff);
	/* the work item may not be the first that evaluates it */
	if (first)
		KUNIT_EXPECT_EQ(test, pci_p2pmem_verdict(near, nic, KTIME_MAX, &why), 0);
	KUNIT_EXPECT_TRUE(test, lend_wait(atomic_read(&events->policies) > 0));
	got = pci_p2pmem_choose_provider(NULL, PCI_P2PMEM_NEAREST, &nic, 1, ktime_get(), &why);
	KUNIT_EXPECT_PTR_EQ(test, got, near);
	pci_dev_put(got);
}

static void hanging_provider_is_not_chosen(struct kunit *test)
{
	hangs_for_a_while(test, false);
}

static void provider_that_answers_again_is_notified(struct kunit *test)
{
	hangs_for_a_while(test, true);
}

/* The only provider is in a reset: it lends again by itself, so that is the reason. */
static void provider_in_a_reset_is_the_reason(struct kunit *test)
{
	struct pci_dev *near, *twin;
	struct device *nic;
	struct fabric *f;

	f = fabric_build(test, find_nodes);
	nic = kit_client(test, f, "nic");
	near = kit_lend(test, f, "near");
	pci_p2pmem_lost(near);
	expect_none(test, NULL, nic, 0, PCI_P2PMEM_REVOKED, near);
	/* the refusal of one that is there comes first */
	twin = kit_lend(test, f, "twin");
	nic->bus_dma_limit = SZ_4K;
	expect_none(test, NULL, nic, 0, PCI_P2PMEM_DMA_MASK, twin);
	nic->bus_dma_limit = 0;
	pci_p2pmem_set_published(twin, false);
	pci_p2pmem_set_published(near, false);
	expect_none(test, NULL, nic, 0, PCI_P2PMEM_NO_PROVIDER, NULL);
}

static struct kunit_case find_users_cases[] = {
	KUNIT_CASE(hanging_provider_is_not_chosen),
	KUNIT_CASE(provider_that_answers_again_is_notified),
	KUNIT_CASE(provider_in_a_reset_is_the_reason),
	KUNIT_CASE(changes_of_a_pair),
	KUNIT_CASE(equal_rank_is_shared_out),
	KUNIT_CASE(users_count_not_grants),
	KUNIT_CASE(choice_without_a_grant),
	KUNIT_CASE(pairs_are_evaluated_once_per_event),
	KUNIT_CASE(change_during_an_evaluation),
	{ }
};

static struct kunit_suite find_users_suite = {
	.name = "p2pmem-find-users",
	.test_cases = find_users_cases,
};

kunit_test_suite(find_users_suite);
