// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: suite p2pmem-find: the choice among providers
 *
 * Each step of the ranking takes precedence over all later steps if all earlier ones are
 * equal; providers that are no candidates; the reason if there is no candidate.
 */
#include <linux/numa.h>

#include "mapkit.h"

#define LENDS	.bar = { [2] = { .size = SZ_4M, .flags = FABRIC_BAR_64 } }

/*
 *	host -+- rp0 (8086:2030: forwards) -- up -+- dn0 -- nic     may lend, too
 *	      |                                   +- dn1 -- near    4 from nic
 *	      |                                   +- dn2 -- twin    4 from nic
 *	      |                                   +- dn3 -- drive   may lend, too
 *	      |                                   `- dn4 -- up2 -- dn5 -- up3 -- dn6 -- far
 *	      `- rp1 -- across                      far: 8 from nic; across: 6 from nic
 */
static const struct fabric_node find_nodes[] = {
	{ .name = "host", .type = FABRIC_HOST },
	{ .name = "rp0", .type = FABRIC_ROOT_PORT, .parent = "host",
	  .vendor = PCI_VENDOR_ID_INTEL, .device = 0x2030 },
	{ .name = "rp1", .type = FABRIC_ROOT_PORT, .parent = "host", .slot = 1 },
	{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp0" },
	{ .name = "dn0", .type = FABRIC_DOWNSTREAM, .parent = "up" },
	{ .name = "dn1", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 1,
	  .acs_cap = PCI_ACS_RR | PCI_ACS_CR },
	{ .name = "dn2", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 2 },
	{ .name = "dn3", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 3 },
	{ .name = "dn4", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 4 },
	{ .name = "up2", .type = FABRIC_UPSTREAM, .parent = "dn4" },
	{ .name = "dn5", .type = FABRIC_DOWNSTREAM, .parent = "up2" },
	{ .name = "up3", .type = FABRIC_UPSTREAM, .parent = "dn5" },
	{ .name = "dn6", .type = FABRIC_DOWNSTREAM, .parent = "up3" },
	{ .name = "nic", .type = FABRIC_ENDPOINT, .parent = "dn0", LENDS },
	{ .name = "near", .type = FABRIC_ENDPOINT, .parent = "dn1", LENDS },
	{ .name = "twin", .type = FABRIC_ENDPOINT, .parent = "dn2", LENDS },
	{ .name = "drive", .type = FABRIC_ENDPOINT, .parent = "dn3", LENDS },
	{ .name = "far", .type = FABRIC_ENDPOINT, .parent = "dn6", LENDS },
	{ .name = "across", .type = FABRIC_ENDPOINT, .parent = "rp1", LENDS },
	{ }
};

static void expect_found(struct kunit *test, struct fabric *f, struct device **clients, int nr,
			 const char *name)
{
	struct pci_dev *want = name ? fabric_pdev(f, name) : NULL;
	struct pci_dev *got = pci_p2pmem_find_provider(clients, nr);

	KUNIT_EXPECT_PTR_EQ_MSG(test, got, want, "chosen: %s, expected: %s",
				got ? pci_name(got) : "none", name ?: "none");
	pci_dev_put(got);
}

static void expect_none(struct kunit *test, struct device **clients, int nr,
			enum pci_p2pmem_reason reason, struct pci_dev *provider)
{
	struct pci_p2pmem_verdict why;

	KUNIT_EXPECT_NULL(test, pci_p2pmem_find_provider(clients, nr));
	p2pmem_no_provider_reason(clients, nr, PCI_P2PMEM_NEAREST, 0, &why);
	KUNIT_EXPECT_STREQ(test, pci_p2pmem_reason_token(why.reason),
			   pci_p2pmem_reason_token(reason));
	KUNIT_EXPECT_STREQ(test, why.provider, provider ? pci_name(provider) : "");
}

/* Each new provider is worse than, or better than, the existing ones. */
static void ranking_step_by_step(struct kunit *test)
{
	struct device *clients[2];
	struct fabric *f;

	f = fabric_build(test, find_nodes);
	clients[0] = kit_client(test, f, "nic");
	expect_found(test, f, clients, 1, NULL);
	kit_lend(test, f, "across");
	expect_found(test, f, clients, 1, "across");
	/* 8 hops by bus address are better than 6 through the host bridge */
	kit_lend(test, f, "far");
	expect_found(test, f, clients, 1, "far");
	/* 4 hops are better than 8 */
	kit_lend(test, f, "near");
	expect_found(test, f, clients, 1, "near");
	/* and the client's own memory is better than any */
	kit_lend(test, f, "nic");
	expect_found(test, f, clients, 1, "nic");

	/* Withdraw them in the same order. */
	pci_p2pmem_set_published(fabric_pdev(f, "nic"), false);
	expect_found(test, f, clients, 1, "near");
	pci_p2pmem_set_published(fabric_pdev(f, "near"), false);
	expect_found(test, f, clients, 1, "far");
	pci_p2pmem_set_published(fabric_pdev(f, "far"), false);
	expect_found(test, f, clients, 1, "across");
	pci_p2pmem_set_published(fabric_pdev(f, "across"), false);
	expect_found(test, f, clients, 1, NULL);
}

/*
 * nic and drive are clients, and one of them is a provider: it is better than a card with
 * the same total distance, in any order of the clients.
 */
static void a_client_s_own_memory(struct kunit *test)
{
	struct device *clients[2], *turned[2];
	struct fabric *f;

	f = fabric_build(test, find_nodes);
	clients[0] = kit_client(test, f, "nic");
	clients[1] = kit_client(test, f, "drive");
	turned[0] = clients[1];
	turned[1] = clients[0];
	kit_lend(test, f, "near");
	kit_lend(test, f, "drive");
	expect_found(test, f, clients, 2, "drive");
	expect_found(test, f, turned, 2, "drive");
	/* For the nic alone it is an ordinary card: 4 hops, and equal free memory */
	KUNIT_EXPECT_EQ(test, 4, pci_p2pmem_distance(fabric_pdev(f, "drive"), clients, 1));
	KUNIT_EXPECT_EQ(test, 4, pci_p2pmem_distance(fabric_pdev(f, "drive"), clients, 2));
	KUNIT_EXPECT_EQ(test, 8, pci_p2pmem_distance(fabric_pdev(f, "near"), clients, 2));
}

/* If all paths lead through the host bridge, a client's own memory is just the nearest. */
static void own_memory_through_a_host_bridge(struct kunit *test)
{
	struct device *clients[2], *turned[2];
	struct fabric *f;

	f = fabric_build(test, find_nodes);
	clients[0] = kit_client(test, f, "nic");
	clients[1] = kit_client(test, f, "across");
	turned[0] = clients[1];
	turned[1] = clients[0];
	/* across: 0 + 6; nic: 6 + 0; near: 4 + 6; all of them through the host bridge */
	kit_lend(test, f, "near");
	expect_found(test, f, clients, 2, "near");
	kit_lend(test, f, "across");
	expect_found(test, f, clients, 2, "across");
	expect_found(test, f, turned, 2, "across");
	/* For the nic alone, the path to near is by bus address. */
	expect_found(test, f, clients, 1, "near");
}

static void find_needs_nodes(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_NUMA))
		kunit_skip(test, "this kernel has no NUMA nodes");
}

/* near and twin have equal distances: the node takes precedence over free memory. */
static void numa_node_then_free_memory(struct kunit *test)
{
	struct pci_dev *near, *twin;
	struct mapkit_memory *m;
	struct device *clients[1];
	struct fabric *f;
	int node;

	find_needs_nodes(test);
	f = fabric_build(test, find_nodes);
	clients[0] = kit_client(test, f, "nic");
	near = kit_lend(test, f, "near");
	twin = kit_lend(test, f, "twin");
	m = mapkit_alloc(test, near, PAGE_SIZE);
	expect_found(test, f, clients, 1, "twin");
	mapkit_free(m);
	m = mapkit_alloc(test, twin, PAGE_SIZE);
	expect_found(test, f, clients, 1, "near");

	/* No memory is allocated there any more, so the node need not exist. */
	node = dev_to_node(&near->dev);
	set_dev_node(&near->dev, node + 1);
	expect_found(test, f, clients, 1, "twin");
	set_dev_node(&near->dev, node);
	set_dev_node(&twin->dev, node + 1);
	expect_found(test, f, clients, 1, "near");
	set_dev_node(&twin->dev, node);

	/* The distance takes precedence over the node. */
	pci_p2pmem_set_published(twin, false);
	kit_lend(test, f, "far");
	set_dev_node(&near->dev, node + 1);
	expect_found(test, f, clients, 1, "near");
	set_dev_node(&near->dev, node);
	mapkit_free(m);
}

/* Both nodes of two clients count. */
static void numa_nodes_of_several_clients(struct kunit *test)
{
	struct device *clients[2];
	struct pci_dev *near, *twin;
	struct mapkit_memory *m;
	struct fabric *f;
	int node;

	find_needs_nodes(test);
	f = fabric_build(test, find_nodes);
	clients[0] = kit_client(test, f, "nic");
	clients[1] = kit_client(test, f, "drive");
	near = kit_lend(test, f, "near");
	twin = kit_lend(test, f, "twin");
	m = mapkit_alloc(test, near, PAGE_SIZE);
	node = dev_to_node(&near->dev);
	set_dev_node(&twin->dev, node + 1);
	expect_found(test, f, clients, 2, "near");
	/* one client on each node: free memory decides */
	set_dev_node(clients[1], node + 1);
	expect_found(test, f, clients, 2, "twin");
	set_dev_node(clients[0], node + 1);
	mapkit_free(m);
	m = mapkit_alloc(test, twin, PAGE_SIZE);
	expect_found(test, f, clients, 2, "twin");
	set_dev_node(clients[0], node);
	set_dev_node(clients[1], node);
	set_dev_node(&twin->dev, node);
}

static void all_clients_must_reach_it(struct kunit *test)
{
	struct device *clients[2];
	struct pci_dev *near;
	struct fabric *f;

	f = fabric_build(test, find_nodes);
	clients[0] = kit_client(test, f, "nic");
	clients[1] = &fabric_pdev(f, "drive")->dev;
	near = kit_lend(test, f, "near");
	expect_found(test, f, clients, 1, "near");
	expect_none(test, clients, 2, PCI_P2PMEM_NOT_A_CLIENT, near);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, pci_p2pmem_distance(near, clients, 2));
	kit_client(test, f, "drive");
	expect_found(test, f, clients, 2, "near");
	clients[1] = NULL;
	expect_none(test, clients, 2, PCI_P2PMEM_NO_DMA_DEVICE, near);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, pci_p2pmem_distance(near, clients, 2));
	/* No clients */
	expect_found(test, f, clients, 0, NULL);
	KUNIT_EXPECT_EQ(test, -EINVAL, pci_p2pmem_distance(near, clients, 0));
	KUNIT_EXPECT_EQ(test, -ENODEV,
			pci_p2pmem_distance(fabric_pdev(f, "twin"), clients, 1));
}

/* Not published; its driver's only; revoked; lost; live again */
static void providers_that_are_no_candidate(struct kunit *test)
{
	struct device *clients[1];
	struct mapkit_memory *m;
	struct mapkit_revoke *r;
	struct pci_dev *near;
	struct fabric *f;

	f = fabric_build(test, find_nodes);
	clients[0] = kit_client(test, f, "nic");
	expect_none(test, clients, 1, PCI_P2PMEM_NO_PROVIDER, NULL);

	KUNIT_ASSERT_EQ(test, 0, kit_add(test, f, "near", 2, 0, 0, PCI_P2PMEM_POOL));
	near = fabric_pdev(f, "near");
	expect_none(test, clients, 1, PCI_P2PMEM_NO_PROVIDER, NULL);
	/* registers and memory of the driver cannot be allocated */
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, f, "twin", 2, SZ_2M, 0, PCI_P2PMEM_DRIVER));
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, f, "twin", 2, SZ_4K, SZ_2M,
					 PCI_P2PMEM_REGISTERS));
	pci_p2pmem_set_published(fabric_pdev(f, "twin"), true);
	expect_none(test, clients, 1, PCI_P2PMEM_NO_PROVIDER, NULL);

	pci_p2pmem_set_published(near, true);
	expect_found(test, f, clients, 1, "near");
	m = mapkit_alloc(test, near, SZ_4K);
	r = mapkit_revoke(test, near);
	KUNIT_EXPECT_FALSE(test, mapkit_revoked(r));
	expect_none(test, clients, 1, PCI_P2PMEM_REVOKED, near);
	mapkit_free(m);
	mapkit_revoke_join(test, r);
	expect_none(test, clients, 1, PCI_P2PMEM_REVOKED, near);
	pci_p2pmem_resume(near);
	expect_found(test, f, clients, 1, "near");
	mapkit_settle();
	fabric_unbind(f, "near");
	expect_none(test, clients, 1, PCI_P2PMEM_NO_PROVIDER, NULL);
}

/* The caller has a reference on the result, and none on other candidates. */
static void reference_is_the_caller_s(struct kunit *test)
{
	static const char * const names[] = { "across", "far", "near", "nic" };
	struct device *clients[1];
	unsigned int before[4];
	struct pci_dev *found;
	struct fabric *f;
	int i;

	f = fabric_build(test, find_nodes);
	clients[0] = kit_client(test, f, "nic");
	for (i = 0; i < 4; i++)
		kit_lend(test, f, names[i]);
	/* The pairs exist now, and hold references of their own. */
	expect_found(test, f, clients, 1, "nic");
	for (i = 0; i < 4; i++)
		before[i] = kref_read(&fabric_pdev(f, names[i])->dev.kobj.kref);
	found = pci_p2pmem_find_provider(clients, 1);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ_MSG(test, before[i] + (found == fabric_pdev(f, names[i])),
				    kref_read(&fabric_pdev(f, names[i])->dev.kobj.kref),
				    "references on %s", names[i]);
	KUNIT_EXPECT_PTR_EQ(test, found, fabric_pdev(f, "nic"));
	pci_dev_put(found);
}

/*
 * Several providers are refused for different reasons: the reason of the nearest one is
 * reported, regardless of their order in the register.
 *
 *	host -+- rp0 -- up -+- dn0 (redirects) -- nic
 *	      |             `- dn1 -- near            4 from nic: ACS
 *	      `- rp1 -- across                        6 from nic: host bridge
 */
static void nearest_refusal_is_reported(struct kunit *test)
{
	static const struct fabric_node nodes[] = {
		{ .name = "host", .type = FABRIC_HOST },
		{ .name = "rp0", .type = FABRIC_ROOT_PORT, .parent = "host" },
		{ .name = "rp1", .type = FABRIC_ROOT_PORT, .parent = "host", .slot = 1 },
		{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp0" },
		{ .name = "dn0", .type = FABRIC_DOWNSTREAM, .parent = "up",
		  .acs_cap = PCI_ACS_RR, .acs_ctrl = PCI_ACS_RR },
		{ .name = "dn1", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 1 },
		{ .name = "nic", .type = FABRIC_ENDPOINT, .parent = "dn0" },
		{ .name = "near", .type = FABRIC_ENDPOINT, .parent = "dn1", LENDS },
		{ .name = "across", .type = FABRIC_ENDPOINT, .parent = "rp1", LENDS },
		{ }
	};
	struct device *clients[1];
	struct pci_dev *near;
	struct fabric *f;

	f = fabric_build(test, nodes);
	clients[0] = kit_client(test, f, "nic");
	kit_lend(test, f, "across");
	expect_none(test, clients, 1, PCI_P2PMEM_HOST_BRIDGE, fabric_pdev(f, "across"));
	near = kit_lend(test, f, "near");
	expect_none(test, clients, 1, PCI_P2PMEM_ACS_REDIRECT, near);
	/* For both orders of the two in the register */
	fabric_unbind(f, "across");
	KUNIT_ASSERT_EQ(test, 0, fabric_bind(f, "across"));
	kit_lend(test, f, "across");
	expect_none(test, clients, 1, PCI_P2PMEM_ACS_REDIRECT, near);
	pci_p2pmem_set_published(near, false);
	expect_none(test, clients, 1, PCI_P2PMEM_HOST_BRIDGE, fabric_pdev(f, "across"));
}

/* near: 4 hops; far: 8 hops; across: 6 hops, through the host bridge */
static void preference_within_a_class(struct kunit *test)
{
	struct mapkit_memory *m, *n;
	struct pci_dev *near, *far;
	struct device *nic;
	struct fabric *f;
	int node;

	find_needs_nodes(test);
	f = fabric_build(test, find_nodes);
	nic = kit_client(test, f, "nic");
	near = kit_lend(test, f, "near");
	far = kit_lend(test, f, "far");
	kit_lend(test, f, "across");
	node = dev_to_node(nic);

	kit_expect_preferred(test, f, nic, PCI_P2PMEM_NEAREST, "near");
	kit_expect_preferred(test, f, nic, PCI_P2PMEM_MOST_FREE, "near");
	kit_expect_preferred(test, f, nic, PCI_P2PMEM_SAME_NODE, "near");
	/* far has more free memory; across has most, but is never chosen */
	m = mapkit_alloc(test, near, SZ_64K);
	n = mapkit_alloc(test, far, SZ_4K);
	kit_expect_preferred(test, f, nic, PCI_P2PMEM_NEAREST, "near");
	kit_expect_preferred(test, f, nic, PCI_P2PMEM_MOST_FREE, "far");
	kit_expect_preferred(test, f, nic, PCI_P2PMEM_SAME_NODE, "near");
	/* far is on the node of the client */
	set_dev_node(&near->dev, node + 1);
	kit_expect_preferred(test, f, nic, PCI_P2PMEM_NEAREST, "near");
	kit_expect_preferred(test, f, nic, PCI_P2PMEM_SAME_NODE, "far");
	/* neither is, only across is */
	set_dev_node(&far->dev, node + 1);
	kit_expect_preferred(test, f, nic, PCI_P2PMEM_SAME_NODE, "near");
	set_dev_node(&near->dev, node);
	set_dev_node(&far->dev, node);
	mapkit_free(m);
	mapkit_free(n);
}

static struct kunit_case find_cases[] = {
	KUNIT_CASE(ranking_step_by_step),
	KUNIT_CASE(a_client_s_own_memory),
	KUNIT_CASE(own_memory_through_a_host_bridge),
	KUNIT_CASE(numa_node_then_free_memory),
	KUNIT_CASE(numa_nodes_of_several_clients),
	KUNIT_CASE(preference_within_a_class),
	KUNIT_CASE(all_clients_must_reach_it),
	KUNIT_CASE(providers_that_are_no_candidate),
	KUNIT_CASE(reference_is_the_caller_s),
	KUNIT_CASE(nearest_refusal_is_reported),
	{ }
};

static struct kunit_suite find_suite = {
	.name = "p2pmem-find",
	.test_cases = find_cases,
};

kunit_test_suite(find_suite);
