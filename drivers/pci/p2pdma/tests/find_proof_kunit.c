// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: suite p2pmem-find-proof: proofs and split commands in the choice among providers
 *
 * An unproved path ranks last for callers that need proved paths, and for all callers if
 * an administrator's entry allows the path. A function whose memory is for whole commands
 * only cannot use it for split commands.
 */
#include "mapkit.h"

#define LENDS	.bar = { [2] = { .size = SZ_4M, .flags = FABRIC_BAR_64 } }

/*
 *	host -+- rp0 (8086:2030: forwards) -- up -+- dn0 -- nic
 *	      |                                   +- dn1 -- near    4 from nic
 *	      |                                   +- dn2 -- twin    4 from nic
 *	      |                                   `- dn3 -- up2 -- dn4 -- far   6 from nic
 *	      `- rp1 -- across                      6 from nic, through the host bridge
 */
static const struct fabric_node proof_nodes[] = {
	{ .name = "host", .type = FABRIC_HOST },
	{ .name = "rp0", .type = FABRIC_ROOT_PORT, .parent = "host",
	  .vendor = PCI_VENDOR_ID_INTEL, .device = 0x2030 },
	{ .name = "rp1", .type = FABRIC_ROOT_PORT, .parent = "host", .slot = 1 },
	{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp0" },
	{ .name = "dn0", .type = FABRIC_DOWNSTREAM, .parent = "up" },
	{ .name = "dn1", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 1 },
	{ .name = "dn2", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 2 },
	{ .name = "dn3", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 3 },
	{ .name = "up2", .type = FABRIC_UPSTREAM, .parent = "dn3" },
	{ .name = "dn4", .type = FABRIC_DOWNSTREAM, .parent = "up2" },
	{ .name = "nic", .type = FABRIC_ENDPOINT, .parent = "dn0" },
	{ .name = "near", .type = FABRIC_ENDPOINT, .parent = "dn1", LENDS },
	{ .name = "twin", .type = FABRIC_ENDPOINT, .parent = "dn2", LENDS },
	{ .name = "far", .type = FABRIC_ENDPOINT, .parent = "dn4", LENDS },
	{ .name = "across", .type = FABRIC_ENDPOINT, .parent = "rp1", LENDS },
	{ }
};

/* Run the self-test of a pair; without an operation of the client it proves nothing. */
static void fails_to_prove(struct kunit *test, struct pci_dev *provider,
			   struct device *client)
{
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_grant *g;

	g = pci_p2pmem_grant_create(provider, &client, 1, KTIME_MAX, NULL, NULL, "kunit",
				    &why);
	KUNIT_ASSERT_FALSE(test, IS_ERR(g));
	KUNIT_EXPECT_EQ(test, pci_p2pmem_grant_verify(g, client, NULL, &why), 0);
	KUNIT_EXPECT_EQ(test, why.proof, PCI_P2PMEM_UNPROVED);
	pci_p2pmem_grant_end(g);
	mapkit_settle();
}

/* Callers that need proofs get an unproved path only if there is no other. */
static void what_cannot_be_proved(struct kunit *test)
{
	static const char * const order[] = { "near", "twin", "far", "across" };
	const enum pci_p2pmem_prefer strict = PCI_P2PMEM_SAME_NODE | PCI_P2PMEM_PROVABLE;
	const enum pci_p2pmem_prefer near = PCI_P2PMEM_NEAREST | PCI_P2PMEM_PROVABLE;
	struct device *nic;
	struct fabric *f;
	int i;

	f = fabric_build(test, proof_nodes);
	nic = kit_client(test, f, "nic");
	for (i = 0; i < ARRAY_SIZE(order); i++)
		kit_lend(test, f, order[i]);
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		kit_expect_preferred(test, f, nic, strict, order[i]);
		kit_expect_preferred(test, f, nic, near, order[i]);
		kit_expect_preferred(test, f, nic, PCI_P2PMEM_NEAREST, "near");
		fails_to_prove(test, fabric_pdev(f, order[i]), nic);
	}
	/* All are equal again */
	kit_expect_preferred(test, f, nic, strict, "near");
	/* A test result from before a change does not count */
	kit_reevaluate();
	fails_to_prove(test, fabric_pdev(f, "twin"), nic);
	kit_expect_preferred(test, f, nic, strict, "near");
}

/*
 * Through a host bridge that only an administrator's entry allows, a path that a test could
 * not prove ranks last for every caller.
 *
 *	host -+- rp0 (fab0:1000) -- nic
 *	      +- rp1 (fab0:1001) -- card	4 from nic
 *	      `- rp2 (fab0:1001) -- up -- dn -- deep	6 from nic
 */
static void what_an_administrator_s_entry_cannot_prove(struct kunit *test)
{
	static const struct fabric_node nodes[] = {
		{ .name = "host", .type = FABRIC_HOST },
		{ .name = "rp0", .type = FABRIC_ROOT_PORT, .parent = "host",
		  .device = 0x1000 },
		{ .name = "rp1", .type = FABRIC_ROOT_PORT, .parent = "host", .slot = 1,
		  .device = 0x1001 },
		{ .name = "rp2", .type = FABRIC_ROOT_PORT, .parent = "host", .slot = 2,
		  .device = 0x1001 },
		{ .name = "nic", .type = FABRIC_ENDPOINT, .parent = "rp0" },
		{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "rp1", LENDS },
		{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp2" },
		{ .name = "dn", .type = FABRIC_DOWNSTREAM, .parent = "up" },
		{ .name = "deep", .type = FABRIC_ENDPOINT, .parent = "dn", LENDS },
		{ }
	};
	struct fabric *f = fabric_build(test, nodes);
	struct device *nic = kit_client(test, f, "nic");

	kit_lend(test, f, "card");
	kit_lend(test, f, "deep");
	KUNIT_EXPECT_NULL(test, pci_p2pmem_find_provider(&nic, 1));
	kit_allow(test, "fab0:1000");
	kit_expect_preferred(test, f, nic, PCI_P2PMEM_NEAREST, "card");
	fails_to_prove(test, fabric_pdev(f, "card"), nic);
	kit_expect_preferred(test, f, nic, PCI_P2PMEM_NEAREST, "deep");
	fails_to_prove(test, fabric_pdev(f, "deep"), nic);
	kit_expect_preferred(test, f, nic, PCI_P2PMEM_NEAREST, "card");
}

/* A grant must have memory of @expected; if NULL, the drive's own memory must be refused. */
static void expect_granted(struct kunit *test, struct pci_dev *provider,
			   enum pci_p2pmem_prefer prefer, struct device **clients, int nr,
			   struct pci_dev *expected)
{
	ktime_t since = ktime_get();
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_grant *grant;
	struct pci_dev *chosen;

	chosen = pci_p2pmem_choose_provider(provider, prefer, clients, nr, since, &why);
	KUNIT_EXPECT_PTR_EQ(test, chosen, expected);
	KUNIT_EXPECT_STREQ(test, pci_p2pmem_reason_token(why.reason),
			   expected ? "ok" : "split-command");
	if (!expected) {
		KUNIT_EXPECT_STREQ(test, why.provider, dev_name(clients[nr - 1]));
		KUNIT_EXPECT_STREQ(test, why.client, dev_name(clients[nr - 1]));
	}
	if (!chosen)
		return;
	grant = pci_p2pmem_grant_create(chosen, clients, nr, since, NULL, NULL, "kunit", &why);
	pci_dev_put(chosen);
	KUNIT_ASSERT_FALSE(test, IS_ERR(grant));
	KUNIT_EXPECT_PTR_EQ(test, pci_p2pmem_grant_provider(grant), expected);
	pci_p2pmem_grant_end(grant);
}

/*
 * A drive whose commands have metadata in system memory, and which supports no such command
 * with data in its own memory: another provider is chosen, or none.
 */
static void own_memory_for_whole_commands(struct kunit *test)
{
	const enum pci_p2pmem_prefer split = PCI_P2PMEM_NEAREST | PCI_P2PMEM_SPLIT;
	struct device *clients[2];
	struct pci_dev *drive;
	struct fabric *f;

	f = fabric_build(test, proof_nodes);
	drive = fabric_pdev(f, "near");
	clients[0] = kit_client(test, f, "nic");
	clients[1] = kit_client(test, f, "near");
	KUNIT_ASSERT_EQ(test, kit_add(test, f, "near", 2, SZ_4M, 0,
				      PCI_P2PMEM_POOL | PCI_P2PMEM_WHOLE), 0);
	pci_p2pmem_set_published(drive, true);

	expect_granted(test, NULL, PCI_P2PMEM_NEAREST, clients, 2, drive);
	expect_granted(test, drive, PCI_P2PMEM_NEAREST, clients, 2, drive);
	expect_granted(test, NULL, split, clients, 1, drive);
	expect_granted(test, NULL, split, clients, 2, NULL);
	expect_granted(test, drive, split, clients, 2, NULL);
	kit_lend(test, f, "twin");
	expect_granted(test, NULL, split, clients, 2, fabric_pdev(f, "twin"));
	expect_granted(test, drive, split, clients, 2, NULL);
}

static struct kunit_case find_proof_cases[] = {
	KUNIT_CASE(own_memory_for_whole_commands),
	KUNIT_CASE(what_cannot_be_proved),
	KUNIT_CASE(what_an_administrator_s_entry_cannot_prove),
	{ }
};

static struct kunit_suite find_proof_suite = {
	.name = "p2pmem-find-proof",
	.test_cases = find_proof_cases,
};

kunit_test_suite(find_proof_suite);
