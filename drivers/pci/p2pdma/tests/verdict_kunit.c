// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: verdicts: every reason that depends on the machine, and caching of verdicts
 *
 * All cases use the switch that is drawn in kit.c; its ports have ACS here.
 * verdict_text_kunit.c checks the text of verdicts.
 */
#include <kunit/device.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/pci.h>
#include <linux/swiotlb.h>

#include "fault.h"
#include "lendkit.h"
#include "pairkit.h"

static int verdict_init(struct kunit *test)
{
	pairkit_cpu(test, false);
	return 0;
}

/*
 *	host -- rp -- up -+- 00.0 dn0 -- card
 *			  +- 01.0 dn1 -- nic
 *			  `- 02.0 dn2 -- drive
 */
static const struct fabric_node verdict_switch[] = {
	{ .name = "host", .type = FABRIC_HOST, .window = SZ_16M },
	{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host" },
	{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp" },
	{ .name = "dn0", .type = FABRIC_DOWNSTREAM, .parent = "up",
	  .acs_cap = PCI_ACS_RR },
	{ .name = "dn1", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 1 },
	{ .name = "dn2", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 2 },
	{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "dn0", PAIRKIT_BAR },
	{ .name = "nic", .type = FABRIC_ENDPOINT, .parent = "dn1" },
	{ .name = "drive", .type = FABRIC_ENDPOINT, .parent = "dn2" },
	{ }
};

static void expect_reason(struct kunit *test, struct pci_dev *provider, struct device *client,
			  enum pci_p2pmem_reason reason, int distance)
{
	struct pci_p2pmem_verdict v;

	pci_p2pmem_verdict(provider, client, 0, &v);
	KUNIT_EXPECT_STREQ(test, pci_p2pmem_reason_token(v.reason),
			   pci_p2pmem_reason_token(reason));
	KUNIT_EXPECT_EQ(test, v.distance, distance);
	KUNIT_EXPECT_EQ(test, v.mapping,
			reason ? PCI_P2PMEM_MAP_NONE : PCI_P2PMEM_MAP_BUS_ADDR);
}

static void functions_that_are_no_provider_or_client(struct kunit *test)
{
	struct fabric *f = fabric_build(test, verdict_switch);
	struct device *nic = &fabric_pdev(f, "nic")->dev;
	struct pci_dev *card = fabric_pdev(f, "card");

	expect_reason(test, card, nic, PCI_P2PMEM_NOT_A_PROVIDER, -1);
	kit_lend(test, f, "card");
	expect_reason(test, card, NULL, PCI_P2PMEM_NO_DMA_DEVICE, -1);
	/* refused pairs have a distance, too */
	expect_reason(test, card, nic, PCI_P2PMEM_NOT_A_CLIENT, 4);
	KUNIT_EXPECT_FALSE(test, kit_pair_exists(kit_provider(card), nic));
	kit_client(test, f, "nic");
	expect_reason(test, card, nic, PCI_P2PMEM_OK, 4);
	KUNIT_EXPECT_TRUE(test, kit_pair_exists(kit_provider(card), nic));
	/* a provider must be registered to be its own client */
	expect_reason(test, card, &card->dev, PCI_P2PMEM_NOT_A_CLIENT, 0);
}

static void forget_client(void *client)
{
	pci_p2pmem_unregister_client(client);
}

/* A DMA device that is no PCI function, registered or not */
static void clients_are_pci_functions(struct kunit *test)
{
	struct fabric *f = fabric_build(test, verdict_switch);
	struct pci_dev *card = kit_lend(test, f, "card");
	struct pci_p2pmem_client *client;
	struct device *dev;

	dev = kunit_device_register(test, "p2pmem-soft");
	KUNIT_ASSERT_FALSE(test, IS_ERR(dev));
	expect_reason(test, card, dev, PCI_P2PMEM_NOT_A_CLIENT, -1);
	client = pci_p2pmem_register_client(dev, NULL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(client));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, forget_client, client), 0);
	expect_reason(test, card, dev, PCI_P2PMEM_NOT_PCI, -1);
	KUNIT_EXPECT_PTR_EQ(test, pci_p2pmem_register_client(NULL, NULL, NULL),
			    ERR_PTR(-EOPNOTSUPP));
}

static void untrusted_devices_are_refused(struct kunit *test)
{
	struct fabric *f = fabric_build(test, verdict_switch);
	struct device *nic = kit_client(test, f, "nic");
	struct pci_dev *card = kit_lend(test, f, "card");

	to_pci_dev(nic)->untrusted = 1;
	kit_reevaluate();
	expect_reason(test, card, nic, PCI_P2PMEM_UNTRUSTED, 4);
	to_pci_dev(nic)->untrusted = 0;
	kit_reevaluate();
	expect_reason(test, card, nic, PCI_P2PMEM_OK, 4);
}

#ifdef CONFIG_SWIOTLB
/* Bounce buffers are forced for one device, as swiotlb=force does for all */
static void forced_bounce_buffers_are_refused(struct kunit *test)
{
	struct fabric *f = fabric_build(test, verdict_switch);
	struct device *nic = kit_client(test, f, "nic");
	struct pci_dev *card = kit_lend(test, f, "card");
	struct io_tlb_mem *mem, *old = nic->dma_io_tlb_mem;

	mem = kunit_kzalloc(test, sizeof(*mem), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mem);
	mem->force_bounce = true;
	nic->dma_io_tlb_mem = mem;
	kit_reevaluate();
	expect_reason(test, card, nic, PCI_P2PMEM_SWIOTLB, 4);
	nic->dma_io_tlb_mem = old;
	kit_reevaluate();
	expect_reason(test, card, nic, PCI_P2PMEM_OK, 4);
}
#endif

/* A revoked provider is the first reason, except for reasons of the pair itself. */
static void revoked_provider_is_refused(struct kunit *test)
{
	struct fabric *f = fabric_build(test, verdict_switch);
	struct device *nic = kit_client(test, f, "nic");
	struct device *drive = &fabric_pdev(f, "drive")->dev;
	struct pci_dev *card = kit_lend(test, f, "card");

	expect_reason(test, card, nic, PCI_P2PMEM_OK, 4);
	pci_p2pmem_revoke(card);
	expect_reason(test, card, nic, PCI_P2PMEM_REVOKED, 4);
	expect_reason(test, card, drive, PCI_P2PMEM_NOT_A_CLIENT, 4);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_distance(card, &nic, 1), -ENODEV);
	pci_p2pmem_resume(card);
	expect_reason(test, card, nic, PCI_P2PMEM_OK, 4);
}

/* Lookups use the cache; grants and a new generation evaluate again. */
static void acs_change_is_detected_by_the_next_grant(struct kunit *test)
{
	struct fabric *f = fabric_build(test, verdict_switch);
	struct device *nic = kit_client(test, f, "nic");
	struct pci_dev *card = kit_lend(test, f, "card");
	struct p2pmem_provider *p = kit_provider(card);
	struct pci_p2pmem_verdict v;
	struct p2pmem_pair *path;

	expect_reason(test, card, nic, PCI_P2PMEM_OK, 4);
	fabric_set_acs_ctrl(f, "dn0", PCI_ACS_RR);
	expect_reason(test, card, nic, PCI_P2PMEM_OK, 4);
	path = p2pmem_pair_get(p, nic, KTIME_MAX, &v);
	KUNIT_ASSERT_FALSE(test, IS_ERR(path));
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_ACS_REDIRECT);
	KUNIT_EXPECT_EQ(test, path->mapping, PCI_P2PMEM_MAP_NONE);
	p2pmem_pair_ungrant(path);
	expect_reason(test, card, nic, PCI_P2PMEM_ACS_REDIRECT, 4);

	fabric_set_acs_ctrl(f, "dn0", 0);
	expect_reason(test, card, nic, PCI_P2PMEM_ACS_REDIRECT, 4);
	kit_reevaluate();
	expect_reason(test, card, nic, PCI_P2PMEM_OK, 4);
}

/* New providers and clients are evaluated at once; other pairs are not. */
static void new_functions_are_evaluated(struct kunit *test)
{
	struct fabric *f = fabric_build(test, verdict_switch);
	struct device *nic = kit_client(test, f, "nic");
	struct pci_dev *card = kit_lend(test, f, "card");
	struct device *drive;

	KUNIT_EXPECT_TRUE_MSG(test, kit_pair_exists(kit_provider(card), nic), "new provider");
	fabric_set_acs_ctrl(f, "dn0", PCI_ACS_RR);
	drive = kit_client(test, f, "drive");
	KUNIT_EXPECT_TRUE_MSG(test, kit_pair_exists(kit_provider(card), drive), "new client");
	expect_reason(test, card, drive, PCI_P2PMEM_ACS_REDIRECT, 4);
	expect_reason(test, card, nic, PCI_P2PMEM_OK, 4);
	/* an event of the bus re-evaluates all, because the hierarchy may have changed */
	fabric_unplug(f, "drive");
	flush_workqueue(p2pmem_wq);
	expect_reason(test, card, nic, PCI_P2PMEM_ACS_REDIRECT, 4);
}

static void pairs_end_with_the_last_registration(struct kunit *test)
{
	struct fabric *f = fabric_build(test, verdict_switch);
	struct device *nic = kit_client(test, f, "nic");
	struct pci_dev *card = kit_lend(test, f, "card");
	struct p2pmem_provider *p = kit_provider(card);
	struct pci_p2pmem_client *again;

	again = pci_p2pmem_register_client(nic, NULL, test);
	KUNIT_ASSERT_FALSE(test, IS_ERR(again));
	KUNIT_EXPECT_PTR_EQ(test, pci_p2pmem_client_priv(again), test);
	expect_reason(test, card, nic, PCI_P2PMEM_OK, 4);
	pci_p2pmem_unregister_client(again);
	KUNIT_EXPECT_TRUE(test, kit_pair_exists(p, nic));
	fabric_unbind(f, "nic");
	KUNIT_EXPECT_FALSE(test, kit_pair_exists(p, nic));
	expect_reason(test, card, nic, PCI_P2PMEM_NOT_A_CLIENT, 4);
	pci_p2pmem_unregister_client(NULL);
	pci_p2pmem_unregister_client(ERR_PTR(-ENOMEM));
}

/* dn1 -- other, at the address of nic; dn0 -- card2, at the address of card */
static const struct fabric_node other_client[] = {
	{ .name = "other", .type = FABRIC_ENDPOINT, .parent = "dn1", .mask = 32 },
	{ }
};

static const struct fabric_node other_provider[] = {
	{ .name = "card2", .type = FABRIC_ENDPOINT, .parent = "dn0", PAIRKIT_BAR },
	{ }
};

static void another_device_at_the_address_is_a_stranger(struct kunit *test)
{
	struct fabric *f = fabric_build(test, verdict_switch);
	struct device *nic = kit_client(test, f, "nic"), *other;
	struct pci_dev *card = kit_lend(test, f, "card"), *card2;
	u64 end = pci_resource_end(card, 2);

	expect_reason(test, card, nic, PCI_P2PMEM_OK, 4);
	fabric_unplug(f, "nic");
	fabric_plug(f, other_client);
	other = &fabric_pdev(f, "other")->dev;
	expect_reason(test, card, other, PCI_P2PMEM_NOT_A_CLIENT, 4);
	kit_client(test, f, "other");
	/* the verdict of nic is not used for it */
	expect_reason(test, card, other, end < SZ_4G ? PCI_P2PMEM_OK : PCI_P2PMEM_DMA_MASK, 4);

	fabric_unplug(f, "card");
	fabric_plug(f, other_provider);
	card2 = fabric_pdev(f, "card2");
	expect_reason(test, card2, other, PCI_P2PMEM_NOT_A_PROVIDER, -1);
	KUNIT_EXPECT_NULL(test, kit_provider(card2));
}

/* Pairs are dropped with their provider, and a removed provider gets no new ones. */
static void pairs_end_with_the_provider(struct kunit *test)
{
	struct fabric *f = fabric_build(test, verdict_switch);
	struct device *nic = kit_client(test, f, "nic");
	struct pci_dev *card = kit_lend(test, f, "card");
	struct p2pmem_provider *p = p2pmem_provider_get(card);
	struct pci_p2pmem_verdict v;

	expect_reason(test, card, nic, PCI_P2PMEM_OK, 4);
	KUNIT_EXPECT_TRUE(test, kit_pair_exists(p, nic));
	fabric_unbind(f, "card");
	KUNIT_EXPECT_FALSE(test, kit_pair_exists(p, nic));
	KUNIT_EXPECT_PTR_EQ(test, p2pmem_pair_get(p, nic, KTIME_MAX, &v), ERR_PTR(-ENODEV));
	KUNIT_EXPECT_FALSE_MSG(test, kit_pair_exists(p, nic), "a query created the pair again");
	expect_reason(test, card, nic, PCI_P2PMEM_NOT_A_PROVIDER, -1);
	p2pmem_provider_put(p);
}

/*
 * Without memory a pair keeps its verdict, or has the reason no-memory if it has none, and
 * a work item evaluates it within some seconds.
 */
static void lack_of_memory_is_temporary(struct kunit *test)
{
	struct fabric *f = fabric_build(test, verdict_switch);
	struct device *nic = kit_client(test, f, "nic");
	struct pci_dev *card = kit_lend(test, f, "card");
	struct p2pmem_provider *p = kit_provider(card);
	struct pci_p2pmem_verdict v;
	bool reached = true;
	int n;

	fault_require(test);
	/* a new pair: no memory for its entry, its counters, or its verdict */
	for (n = 1; reached && n < FAULT_STEPS; n++) {
		kit_drop_pairs(p, NULL);
		fault_arm(n);
		p2pmem_pairs_update(p, nic, P2PMEM_FORGET_OUTDATED, NULL);
		reached = fault_disarm();
		if (!reached)
			break;
		pci_p2pmem_verdict(card, nic, 0, &v);
		KUNIT_EXPECT_TRUE_MSG(test, !v.reason || v.reason == PCI_P2PMEM_NO_MEMORY,
				      "step %d: %s", n, pci_p2pmem_reason_token(v.reason));
		KUNIT_EXPECT_TRUE_MSG(test, lend_wait(({
			pci_p2pmem_verdict(card, nic, 0, &v);
			!v.reason && kit_pair_exists(p, nic);
		})), "step %d: not evaluated again", n);
	}
	KUNIT_EXPECT_GT(test, n, 3);
	KUNIT_EXPECT_FALSE_MSG(test, reached, "too many allocations");
	/* an outdated verdict stays until a new one is available */
	fabric_set_acs_ctrl(f, "dn0", PCI_ACS_RR);
	fault_arm(1);
	kit_reevaluate();
	KUNIT_EXPECT_TRUE(test, fault_disarm());
	expect_reason(test, card, nic, PCI_P2PMEM_OK, 4);
	KUNIT_EXPECT_TRUE(test, lend_wait(({
		pci_p2pmem_verdict(card, nic, 0, &v);
		v.reason == PCI_P2PMEM_ACS_REDIRECT;
	})));
}

/* A reason that needs both chains becomes no-memory if one cannot be allocated. */
static void lack_of_memory_is_reported(struct kunit *test)
{
	struct fabric *f = fabric_build(test, verdict_switch);
	struct device *nic = kit_client(test, f, "nic");
	struct device *drive = &fabric_pdev(f, "drive")->dev;
	struct p2pmem_provider *p = kit_provider(kit_lend(test, f, "card"));
	int n, ret, full = 0, lists = 0;
	struct pci_p2pmem_verdict v;
	bool reached = true;
	char list[80];

	fault_require(test);
	for (n = 1; reached && n < FAULT_STEPS; n++) {
		fault_arm(n);
		ret = p2pmem_route_evaluate(p, nic, &v, NULL);
		reached = fault_disarm();
		if (!ret)
			continue;
		KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
		KUNIT_EXPECT_EQ(test, v.distance, -1);
		full++;
	}
	KUNIT_EXPECT_EQ(test, full, 2);
	for (n = 1, reached = true; reached && n < FAULT_STEPS; n++) {
		fault_arm(n);
		ret = p2pmem_path_acs_list(p->pdev, to_pci_dev(nic), list, sizeof(list));
		reached = fault_disarm();
		KUNIT_EXPECT_TRUE(test, !ret || ret == -ENOMEM);
		lists += ret == -ENOMEM;
	}
	KUNIT_EXPECT_EQ(test, lists, 2);
	for (n = 1, lists = 0, reached = true; reached && n < FAULT_STEPS; n++) {
		fault_arm(n);
		ret = p2pmem_path_entries(p->pdev, to_pci_dev(nic), list, sizeof(list));
		reached = fault_disarm();
		KUNIT_EXPECT_TRUE(test, ret > 0 || ret == -ENOMEM);
		lists += ret == -ENOMEM;
	}
	KUNIT_EXPECT_EQ(test, lists, 2);
	/* a reason that needs no memory is reported without */
	fault_arm(1);
	ret = p2pmem_route_evaluate(p, drive, &v, NULL);
	KUNIT_EXPECT_TRUE(test, fault_disarm());
	KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_NOT_A_CLIENT);
}

static struct kunit_case verdict_cases[] = {
	KUNIT_CASE(functions_that_are_no_provider_or_client),
	KUNIT_CASE(clients_are_pci_functions),
	KUNIT_CASE(untrusted_devices_are_refused),
#ifdef CONFIG_SWIOTLB
	KUNIT_CASE(forced_bounce_buffers_are_refused),
#endif
	KUNIT_CASE(revoked_provider_is_refused),
	KUNIT_CASE(acs_change_is_detected_by_the_next_grant),
	KUNIT_CASE(new_functions_are_evaluated),
	KUNIT_CASE(pairs_end_with_the_last_registration),
	KUNIT_CASE(another_device_at_the_address_is_a_stranger),
	KUNIT_CASE(pairs_end_with_the_provider),
	KUNIT_CASE(lack_of_memory_is_temporary),
	KUNIT_CASE(lack_of_memory_is_reported),
	{}
};

static struct kunit_suite verdict_suite = {
	.name = "p2pmem-verdict",
	.init = verdict_init,
	.test_cases = verdict_cases,
};

kunit_test_suite(verdict_suite);
