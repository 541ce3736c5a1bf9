// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: when pairs are re-evaluated, and how that affects grants
 *
 * ACS registers change without the kernel's knowledge: a stored verdict stays until the
 * hierarchy changes, a grant of the pair is created, or an evaluation is requested. A grant
 * stays valid until it ends, and reports that it would not be created any more.
 */
#include <linux/kthread.h>
#include <linux/pci.h>
#include <linux/sched/task.h>

#include "lendkit.h"
#include "logged.h"
#include "pairkit.h"

static int policy_event_init(struct kunit *test)
{
	p2pmem_policy_reset();
	pairkit_cpu(test, false);
	return 0;
}

static void policy_event_exit(struct kunit *test)
{
	p2pmem_policy_reset();
}

/*
 *	host -+- 00.0 rp (fab0:1000) -- up -+- 00.0 dn0 -- card
 *	      |				    +- 01.0 dn1, ACS -- nic
 *	      |				    `- 02.0 dn2 -- spare
 *	      `- 01.0 rp1 -- lone
 */
static const struct fabric_node policy_event_tree[] = {
	{ .name = "host", .type = FABRIC_HOST, .window = SZ_16M },
	{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host", .vendor = FABRIC_VENDOR,
	  .device = 0x1000 },
	{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp" },
	{ .name = "dn0", .type = FABRIC_DOWNSTREAM, .parent = "up" },
	{ .name = "dn1", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 1,
	  .acs_cap = PCI_ACS_RR | PCI_ACS_CR },
	{ .name = "dn2", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 2 },
	{ .name = "rp1", .type = FABRIC_ROOT_PORT, .parent = "host", .slot = 1 },
	{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "dn0", PAIRKIT_BAR },
	{ .name = "nic", .type = FABRIC_ENDPOINT, .parent = "dn1" },
	{ .name = "spare", .type = FABRIC_ENDPOINT, .parent = "dn2" },
	{ .name = "lone", .type = FABRIC_ENDPOINT, .parent = "rp1", PAIRKIT_BAR },
	{ }
};

static const struct fabric_node policy_event_repeat[] = {
	{ .name = "again", .type = FABRIC_ENDPOINT, .parent = "dn2" },
	{ }
};

static struct fabric *policy_event_fabric(struct kunit *test)
{
	struct fabric *f = fabric_build(test, policy_event_tree);

	kit_lend(test, f, "card");
	kit_client(test, f, "nic");
	kit_client(test, f, "lone");
	return f;
}

static void policy_event_expect(struct kunit *test, struct fabric *f, const char *client,
				enum pci_p2pmem_reason reason, const char *when)
{
	struct pci_p2pmem_verdict v = pairkit_verdict(f, "card", client);

	KUNIT_EXPECT_STREQ_MSG(test, pci_p2pmem_reason_token(v.reason),
			       pci_p2pmem_reason_token(reason), "%s", when);
}

static void functions_are_plugged_and_removed(struct kunit *test)
{
	struct fabric *f = policy_event_fabric(test);

	policy_event_expect(test, f, "nic", PCI_P2PMEM_OK, "as built");
	fabric_set_acs_ctrl(f, "dn1", PCI_ACS_RR);
	policy_event_expect(test, f, "nic", PCI_P2PMEM_OK, "remembered");
	fabric_unplug(f, "spare");
	/* The bus notifier queues a work item, which evaluates the pairs. */
	flush_workqueue(p2pmem_wq);
	policy_event_expect(test, f, "nic", PCI_P2PMEM_ACS_REDIRECT, "a function was removed");
	fabric_set_acs_ctrl(f, "dn1", 0);
	policy_event_expect(test, f, "nic", PCI_P2PMEM_ACS_REDIRECT, "remembered");
	fabric_plug(f, policy_event_repeat);
	KUNIT_ASSERT_NOT_NULL(test, fabric_pdev(f, "again"));
	flush_workqueue(p2pmem_wq);
	policy_event_expect(test, f, "nic", PCI_P2PMEM_OK, "a function was plugged");
}

/* Another device at the address of the client: no earlier results are used. */
static void another_client_at_the_same_address(struct kunit *test)
{
	static const struct fabric_node other[] = {
		{ .name = "other", .type = FABRIC_ENDPOINT, .parent = "dn1", .device = 0x77 },
		{ }
	};
	struct fabric *f = policy_event_fabric(test);
	unsigned int pairs;

	policy_event_expect(test, f, "nic", PCI_P2PMEM_OK, "as built");
	pairs = p2pmem_pairs_count();
	fabric_unplug(f, "nic");
	KUNIT_EXPECT_EQ(test, p2pmem_pairs_count(), pairs - 1);
	fabric_plug(f, other);
	KUNIT_ASSERT_NOT_NULL(test, fabric_pdev(f, "other"));
	policy_event_expect(test, f, "other", PCI_P2PMEM_NOT_A_CLIENT, "not registered");
}

static void verdict_update_is_called(struct kunit *test)
{
	static const char * const bad[] = {
		"0", "2", "-1", "", "\n", "x", "1x", "11", "1\n\n", "y", "on", "4294967297",
	};
	struct fabric *f = policy_event_fabric(test);
	struct lend_events *events = lend_listen(test);
	struct pci_dev *card = fabric_pdev(f, "card");
	unsigned int pairs;
	int i;

	policy_event_expect(test, f, "nic", PCI_P2PMEM_OK, "as built");
	policy_event_expect(test, f, "lone", PCI_P2PMEM_HOST_BRIDGE, "as built");
	fabric_set_acs_ctrl(f, "dn1", PCI_ACS_CR);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test, lend_sysfs_write(card, card, "rescan", bad[i]), -EINVAL,
				    "'%s'", bad[i]);
	KUNIT_EXPECT_EQ(test, atomic_read(&events->policies), 0);
	policy_event_expect(test, f, "nic", PCI_P2PMEM_OK, "remembered");

	KUNIT_EXPECT_EQ(test, lend_sysfs_write(card, card, "rescan", "1\n"), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&events->policies), 1);
	policy_event_expect(test, f, "nic", PCI_P2PMEM_ACS_REDIRECT, "rescan");
	/* a pair of another provider is not re-evaluated */
	kit_lend(test, f, "lone");
	pairkit_verdict(f, "lone", "nic");

	/* number of pairs, and number of changed ones */
	KUNIT_EXPECT_EQ(test, p2pmem_pairs_update(kit_provider(card), NULL,
						  P2PMEM_FORGET_ALL, &pairs), 0);
	KUNIT_EXPECT_EQ(test, pairs, 2);
	fabric_set_acs_ctrl(f, "dn1", 0);
	KUNIT_EXPECT_EQ(test, p2pmem_pairs_update(kit_provider(card), NULL,
						  P2PMEM_FORGET_ALL, &pairs), 1);
	policy_event_expect(test, f, "nic", PCI_P2PMEM_OK, "rescan");

	/* a file that is still open after the provider was withdrawn */
	KUNIT_EXPECT_EQ(test, lend_sysfs_write(fabric_pdev(f, "nic"), card, "rescan", "1"),
			-ENODEV);
}

/*
 * A self-test that began before a new one was requested is outdated: its result is not
 * stored.
 */
static void test_begun_before_a_change_is_outdated(struct kunit *test)
{
	struct fabric *f = policy_event_fabric(test);
	struct pci_dev *card = fabric_pdev(f, "card");
	struct p2pmem_pair *pair;
	struct pci_p2pmem_verdict v;
	struct p2pmem_stamp stamp;

	pair = p2pmem_pair_get(kit_provider(card), &fabric_pdev(f, "nic")->dev, KTIME_MAX, &v);
	KUNIT_ASSERT_FALSE(test, IS_ERR(pair));
	p2pmem_pair_verdict(pair, &v, &stamp);
	KUNIT_EXPECT_EQ(test, lend_sysfs_write(card, card, "rescan", "1"), 1);
	KUNIT_EXPECT_FALSE(test, p2pmem_pair_prove(pair, &stamp, PCI_P2PMEM_PROVED, "", &v));
	p2pmem_pair_verdict(pair, &v, &stamp);
	KUNIT_EXPECT_TRUE(test, p2pmem_pair_prove(pair, &stamp, PCI_P2PMEM_PROVED, "", &v));
	p2pmem_pair_ungrant(pair);
}

static void a_grant_outlives_its_entry(struct kunit *test)
{
	struct fabric *f = policy_event_fabric(test);
	struct device *lone = &fabric_pdev(f, "lone")->dev;
	struct device *nic = &fabric_pdev(f, "nic")->dev;
	struct device *clients[] = { lone, nic };
	struct pci_p2pmem_grant *g, *h;
	struct pci_p2pmem_verdict v;
	struct scatterlist *sgl;
	unsigned int nents, other;
	enum pci_p2pmem_reason reason;

	g = pci_p2pmem_grant_create(fabric_pdev(f, "card"), clients, 2, KTIME_MAX, NULL,
				    NULL, "kunit", &v);
	KUNIT_EXPECT_PTR_EQ(test, g, ERR_PTR(-EXDEV));
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_HOST_BRIDGE);

	KUNIT_ASSERT_EQ(test, p2pmem_policy_set("+fab0:1000"), 0);
	g = pci_p2pmem_grant_create(fabric_pdev(f, "card"), clients, 2, KTIME_MAX, NULL,
				    NULL, "kunit", &v);
	KUNIT_ASSERT_FALSE(test, IS_ERR(g));
	sgl = pci_p2pmem_grant_sgl_alloc(g, &nents, SZ_64K, GFP_KERNEL, NULL);
	KUNIT_EXPECT_FALSE(test, IS_ERR_OR_NULL(sgl));
	/* the second pair needs no host bridge, and the grant is by the administrator */
	KUNIT_EXPECT_FALSE(test, v.by_admin);
	pci_p2pmem_grant_verdict(g, &v);
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_OK);
	KUNIT_EXPECT_TRUE(test, v.by_admin);

	KUNIT_EXPECT_EQ(test, p2pmem_policy_set("-fab0:1000"), 0);
	pci_p2pmem_grant_verdict(g, &v);
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_HOST_BRIDGE);
	KUNIT_EXPECT_STREQ(test, v.client, dev_name(lone));
	h = pci_p2pmem_grant_create(fabric_pdev(f, "card"), clients, 2, KTIME_MAX, NULL,
				    NULL, "kunit", &v);
	KUNIT_EXPECT_PTR_EQ(test, h, ERR_PTR(-EXDEV));

	/* no new memory can be allocated under it, and memory in use is mapped as granted */
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_grant_usable(g));
	KUNIT_EXPECT_PTR_EQ(test, ERR_PTR(-EXDEV),
			    pci_p2pmem_grant_sgl_alloc(g, &other, SZ_4K, GFP_KERNEL, &reason));
	KUNIT_EXPECT_EQ(test, reason, PCI_P2PMEM_HOST_BRIDGE);
	pci_p2pmem_grant_end(g);
	if (!IS_ERR_OR_NULL(sgl)) {
		int n = pci_p2pmem_map_sg(lone, sgl, nents, DMA_TO_DEVICE);

		KUNIT_EXPECT_GT(test, n, 0);
		if (n > 0)
			pci_p2pmem_unmap_sg(lone, sgl, nents, DMA_TO_DEVICE);
		pci_p2pmem_sgl_free(sgl);
	}
}

/* Creating a grant reads ACS registers again, and notifies of changes. */
static void grant_is_reevaluated(struct kunit *test)
{
	struct fabric *f = policy_event_fabric(test);
	struct device *nic = &fabric_pdev(f, "nic")->dev;
	struct pci_p2pmem_grant *g;
	struct pci_p2pmem_verdict v;

	policy_event_expect(test, f, "nic", PCI_P2PMEM_OK, "as built");
	fabric_set_acs_ctrl(f, "dn1", PCI_ACS_RR);
	g = pci_p2pmem_grant_create(fabric_pdev(f, "card"), &nic, 1, KTIME_MAX, NULL,
				    NULL, "kunit", &v);
	KUNIT_EXPECT_PTR_EQ(test, g, ERR_PTR(-EXDEV));
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_ACS_REDIRECT);
	if (!IS_ERR_OR_NULL(g))
		pci_p2pmem_grant_end(g);
	policy_event_expect(test, f, "nic", PCI_P2PMEM_ACS_REDIRECT, "grant created");
}

/* The same for a grant of any provider: refusals and successes are both re-evaluated. */
static void choice_is_reevaluated(struct kunit *test)
{
	struct fabric *f = policy_event_fabric(test);
	struct device *nic = &fabric_pdev(f, "nic")->dev;
	struct pci_p2pmem_grant *g;
	struct pci_p2pmem_verdict v;

	fabric_set_acs_ctrl(f, "dn1", PCI_ACS_RR);
	kit_reevaluate();
	policy_event_expect(test, f, "nic", PCI_P2PMEM_ACS_REDIRECT, "as built");
	fabric_set_acs_ctrl(f, "dn1", 0);
	policy_event_expect(test, f, "nic", PCI_P2PMEM_ACS_REDIRECT, "remembered");
	g = kit_grant(PCI_P2PMEM_NEAREST, nic, &v);
	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(g), "%s", pci_p2pmem_reason_token(v.reason));
	pci_p2pmem_grant_end(g);

	fabric_set_acs_ctrl(f, "dn1", PCI_ACS_RR);
	g = kit_grant(PCI_P2PMEM_NEAREST, nic, &v);
	KUNIT_EXPECT_PTR_EQ(test, g, ERR_PTR(-EXDEV));
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_ACS_REDIRECT);
	if (!IS_ERR_OR_NULL(g))
		pci_p2pmem_grant_end(g);
	fabric_set_acs_ctrl(f, "dn1", 0);
	pci_p2pmem_verdict(fabric_pdev(f, "card"), nic, KTIME_MAX, &v);
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_OK);
}

/* Holders of a grant of the pair are notified, whatever caused the evaluation. */
static void holders_are_notified_of_changes(struct kunit *test)
{
	struct fabric *f = policy_event_fabric(test);
	struct lend_events *events = lend_listen(test);
	struct device *nic = &fabric_pdev(f, "nic")->dev;
	struct pci_dev *card = fabric_pdev(f, "card");
	struct pci_p2pmem_grant *g;
	struct pci_p2pmem_verdict v;

	fabric_set_acs_ctrl(f, "dn1", PCI_ACS_RR);
	pci_p2pmem_verdict(card, nic, KTIME_MAX, &v);
	fabric_set_acs_ctrl(f, "dn1", 0);
	pci_p2pmem_verdict(card, nic, KTIME_MAX, &v);
	flush_workqueue(p2pmem_wq);
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&events->policies), 0, "no grant exists");

	g = pci_p2pmem_grant_create(card, &nic, 1, KTIME_MAX, NULL, NULL, "kunit", &v);
	KUNIT_ASSERT_FALSE(test, IS_ERR(g));
	pci_p2pmem_verdict(card, nic, KTIME_MAX, &v);
	flush_workqueue(p2pmem_wq);
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&events->policies), 0, "unchanged verdict");
	fabric_set_acs_ctrl(f, "dn1", PCI_ACS_RR);
	pci_p2pmem_verdict(card, nic, KTIME_MAX, &v);
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_ACS_REDIRECT);
	flush_workqueue(p2pmem_wq);
	KUNIT_EXPECT_EQ(test, atomic_read(&events->policies), 1);
	fabric_set_acs_ctrl(f, "dn1", 0);
	fabric_unplug(f, "spare");
	flush_workqueue(p2pmem_wq);
	KUNIT_EXPECT_GT_MSG(test, atomic_read(&events->policies), 1,
			    "a function was removed, and the verdict changed");
	pci_p2pmem_grant_end(g);
}

static int policy_write(void *done)
{
	p2pmem_policy_set("+fab0:1000");
	complete(done);
	return 0;
}

/* A process chooses its name, which must not control a terminal that shows the log. */
static void name_of_the_writer_is_escaped(struct kunit *test)
{
	struct logged *l = logged_begin(test, "host_bridges: ");
	DECLARE_COMPLETION_ONSTACK(done);
	struct task_struct *task;
	const char *line;

	task = kthread_create(policy_write, &done, "odd\x1b[2J\r");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	get_task_struct(task);
	wake_up_process(task);
	wait_for_completion(&done);
	kthread_stop(task);
	put_task_struct(task);
	line = logged_line(l, 1);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(line, " by odd\\e[2J\\r (pid "), "%s", line);
}

static struct kunit_case policy_event_cases[] = {
	KUNIT_CASE(functions_are_plugged_and_removed),
	KUNIT_CASE(another_client_at_the_same_address),
	KUNIT_CASE(verdict_update_is_called),
	KUNIT_CASE(test_begun_before_a_change_is_outdated),
	KUNIT_CASE(a_grant_outlives_its_entry),
	KUNIT_CASE(grant_is_reevaluated),
	KUNIT_CASE(choice_is_reevaluated),
	KUNIT_CASE(holders_are_notified_of_changes),
	KUNIT_CASE(name_of_the_writer_is_escaped),
	{}
};

static struct kunit_suite policy_event_suite = {
	.name = "p2pmem-policy-event",
	.init = policy_event_init,
	.exit = policy_event_exit,
	.test_cases = policy_event_cases,
};

kunit_test_suite(policy_event_suite);
