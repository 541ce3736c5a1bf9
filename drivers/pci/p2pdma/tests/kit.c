// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: shared by the suites: providers and clients of a fabric
 *
 * Providers are withdrawn when the fabric's driver is unbound. Registrations of clients
 * are devres of their device, so they end with its driver, too.
 */
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/sizes.h>

#include <kunit/visibility.h>

#include "../registry.h"
#include "../p2pdma.h"
#include "kit.h"

/*
 *	host -- rp -- up -+- dn0 -- card
 *			  +- dn1 -- nic
 *			  `- dn2 -- drive
 */
const struct fabric_node kit_one_switch[] = {
	{ .name = "host", .type = FABRIC_HOST },
	{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host" },
	{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp" },
	{ .name = "dn0", .type = FABRIC_DOWNSTREAM, .parent = "up" },
	{ .name = "dn1", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 1 },
	{ .name = "dn2", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 2 },
	{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "dn0",
	  .bar = { [2] = { .size = SZ_4M, .flags = FABRIC_BAR_64 } } },
	{ .name = "nic", .type = FABRIC_ENDPOINT, .parent = "dn1" },
	{ .name = "drive", .type = FABRIC_ENDPOINT, .parent = "dn2" },
	{ }
};
EXPORT_SYMBOL_IF_KUNIT(kit_one_switch);

/* Gets a function that has its driver, with which its resources are freed. */
static struct pci_dev *kit_bound(struct kunit *test, struct fabric *f, const char *name)
{
	struct pci_dev *pdev = fabric_pdev(f, name);

	KUNIT_ASSERT_NOT_NULL_MSG(test, pdev, "no function %s", name);
	KUNIT_ASSERT_NOT_NULL_MSG(test, pdev->driver, "%s has no driver", name);
	return pdev;
}

/**
 * kit_add() - register a range
 * @test: the test
 * @f: the fabric
 * @name: the function
 * @bar: number of the BAR
 * @size: bytes, 0 for all
 * @offset: bytes into the BAR
 * @kind: enum pci_p2pmem_kind
 *
 * Context: Process context, the thread of the test.
 * Return: the result of pci_p2pmem_add_resource().
 */
int kit_add(struct kunit *test, struct fabric *f, const char *name, int bar, size_t size,
	    u64 offset, unsigned int kind)
{
	return pci_p2pmem_add_resource(kit_bound(test, f, name), bar, size, offset, kind);
}
EXPORT_SYMBOL_IF_KUNIT(kit_add);

/**
 * kit_lend() - register and publish all of BAR 2
 * @test: the test
 * @f: the fabric
 * @name: the function
 *
 * Context: Process context, the thread of the test.
 * Return: the function.
 */
struct pci_dev *kit_lend(struct kunit *test, struct fabric *f, const char *name)
{
	struct pci_dev *pdev = kit_bound(test, f, name);

	KUNIT_ASSERT_EQ_MSG(test, kit_add(test, f, name, 2, 0, 0, PCI_P2PMEM_POOL), 0,
			    "cannot register BAR 2 of %s", name);
	pci_p2pmem_set_published(pdev, true);
	return pdev;
}
EXPORT_SYMBOL_IF_KUNIT(kit_lend);

static void kit_unregister(void *client)
{
	pci_p2pmem_unregister_client(client);
}

static const struct pci_p2pmem_client_ops kit_client_ops = { .children = true };

/**
 * kit_client() - make a function a client, of its disks, too
 * @test: the test
 * @f: the fabric
 * @name: the function
 *
 * Context: Process context, the thread of the test.
 * Return: its device.
 */
struct device *kit_client(struct kunit *test, struct fabric *f, const char *name)
{
	struct device *dev = &kit_bound(test, f, name)->dev;
	struct pci_p2pmem_client *client;

	client = pci_p2pmem_register_client(dev, &kit_client_ops, NULL);
	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(client), "%s cannot be a client: %pe", name, client);
	KUNIT_ASSERT_EQ(test, devm_add_action_or_reset(dev, kit_unregister, client), 0);
	return dev;
}
EXPORT_SYMBOL_IF_KUNIT(kit_client);

static void kit_forbid(void *unused)
{
	p2pmem_policy_reset();
}

/**
 * kit_allow() - allow a host bridge as an administrator does
 * @test: the test
 * @entry: entry for the parameter host_bridges
 *
 * Context: Process context, the thread of the test.
 */
void kit_allow(struct kunit *test, const char *entry)
{
	KUNIT_ASSERT_EQ_MSG(test, p2pmem_policy_set(entry), 0, "invalid entry %s", entry);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, kit_forbid, NULL), 0);
}
EXPORT_SYMBOL_IF_KUNIT(kit_allow);

/**
 * kit_expect_preferred() - check which provider is the best for a client
 * @test: the test
 * @f: the fabric
 * @client: DMA device
 * @prefer: enum pci_p2pmem_prefer
 * @name: function that must be chosen
 *
 * Context: Process context, the thread of the test.
 */
void kit_expect_preferred(struct kunit *test, struct fabric *f, struct device *client,
			  enum pci_p2pmem_prefer prefer, const char *name)
{
	struct pci_p2pmem_verdict why;
	struct pci_dev *got = pci_p2pmem_choose_provider(NULL, prefer, &client, 1, 0, &why);

	KUNIT_EXPECT_PTR_EQ_MSG(test, got, fabric_pdev(f, name), "%d: chosen: %s, expected: %s",
				prefer, got ? pci_name(got) : "none", name);
	pci_dev_put(got);
	/* No verdict is older than this time, but each pair is looked up as for many clients. */
	got = pci_p2pmem_choose_provider(NULL, prefer, &client, 1, 1, &why);
	KUNIT_EXPECT_PTR_EQ_MSG(test, got, fabric_pdev(f, name), "%d: chosen: %s, expected: %s",
				prefer, IS_ERR_OR_NULL(got) ? "none" : pci_name(got), name);
	if (!IS_ERR_OR_NULL(got))
		pci_dev_put(got);
}

/**
 * kit_grant() - create a grant of the best provider, as an orchestrator does
 * @prefer: first criterion of the choice
 * @client: DMA device
 * @why: returns the decisive verdict
 *
 * Context: Process context.
 * Return: the grant, or an error pointer.
 */
struct pci_p2pmem_grant *kit_grant(enum pci_p2pmem_prefer prefer, struct device *client,
				   struct pci_p2pmem_verdict *why)
{
	ktime_t since = ktime_get();
	struct pci_p2pmem_grant *grant;
	struct pci_dev *provider;

	provider = pci_p2pmem_choose_provider(NULL, prefer, &client, 1, since, why);
	if (!provider)
		return ERR_PTR(p2pmem_errno(why->reason));
	grant = pci_p2pmem_grant_create(provider, &client, 1, since, NULL, NULL, "kunit", why);
	pci_dev_put(provider);
	return grant;
}
EXPORT_SYMBOL_IF_KUNIT(kit_grant);

/**
 * kit_provider() - get the private structure of a provider
 * @pdev: the function
 *
 * Context: Any. The result is valid while the function is a provider.
 * Return: the provider, or NULL.
 */
struct p2pmem_provider *kit_provider(struct pci_dev *pdev)
{
	guard(rcu)();
	return p2pmem_find(pdev);
}
EXPORT_SYMBOL_IF_KUNIT(kit_provider);

/**
 * kit_available() - get the free bytes of a provider
 * @provider: the providing function
 *
 * Context: Any.
 * Return: bytes; 0 if it is no provider.
 */
size_t kit_available(struct pci_dev *provider)
{
	struct p2pmem_provider *p;

	guard(rcu)();
	p = p2pmem_find(provider);
	return p ? p2pmem_pool_available(p->pool) : 0;
}
EXPORT_SYMBOL_IF_KUNIT(kit_available);

/**
 * kit_pair_exists() - check if a pair exists
 * @p: the provider
 * @client: DMA device
 *
 * Context: Any.
 * Return: true if the table has the pair.
 */
bool kit_pair_exists(struct p2pmem_provider *p, struct device *client)
{
	guard(rcu)();
	return p2pmem_pair_find(p, client);
}

/**
 * kit_drop_pairs() - drop pairs
 * @p: their provider, or NULL for any
 * @client: their client, or NULL for any
 *
 * Context: Process context, may sleep.
 */
void kit_drop_pairs(struct p2pmem_provider *p, struct device *client)
{
	guard(p2pmem_mutex)();
	p2pmem_pairs_drop(p, client);
}

/**
 * kit_reevaluate() - re-evaluate all pairs
 *
 * Does the same as an event of the bus, but synchronously.
 *
 * Context: Process context, may sleep.
 */
void kit_reevaluate(void)
{
	p2pmem_pairs_update(NULL, NULL, P2PMEM_FORGET_PROOF, NULL);
}
EXPORT_SYMBOL_IF_KUNIT(kit_reevaluate);

/**
 * kit_forget() - drop the self-test results of a provider's pairs
 * @p: the provider, or NULL for all
 *
 * Context: Process context, may sleep.
 */
void kit_forget(struct p2pmem_provider *p)
{
	p2pmem_pairs_update(p, NULL, P2PMEM_FORGET_ALL, NULL);
}
EXPORT_SYMBOL_IF_KUNIT(kit_forget);

static u64 kit_count(struct pci_dev *provider, struct device *client, bool undone)
{
	struct p2pmem_provider *p;
	struct p2pmem_pair_count sum;
	struct p2pmem_pair *pair;

	guard(rcu)();
	p = p2pmem_find(provider);
	pair = p ? p2pmem_pair_find(p, client) : NULL;
	if (!pair)
		return 0;
	p2pmem_pair_sum(pair, &sum);
	return undone ? sum.unmaps : sum.maps;
}

/**
 * kit_maps() - count the mappings of a pair
 * @provider: the providing function
 * @client: DMA device
 *
 * Context: Any.
 * Return: number of mappings since the pair was created; 0 without a pair.
 */
u64 kit_maps(struct pci_dev *provider, struct device *client)
{
	return kit_count(provider, client, false);
}
EXPORT_SYMBOL_IF_KUNIT(kit_maps);

/**
 * kit_balance() - count the mappings of a pair that are not undone
 * @provider: the providing function
 * @client: DMA device
 *
 * Context: Any; no other thread may map or unmap at the same time.
 * Return: number of mappings; 0 without a pair.
 */
long kit_balance(struct pci_dev *provider, struct device *client)
{
	return kit_count(provider, client, false) - kit_count(provider, client, true);
}
EXPORT_SYMBOL_IF_KUNIT(kit_balance);

/**
 * kit_open() - open a file by the path that user space has
 * @path: from the root of the first process
 * @flags: as of filp_open()
 *
 * Context: Process context.
 * Return: the file, or an error pointer.
 */
struct file *kit_open(const char *path, int flags)
{
	return filp_open(path, flags, 0600);
}
EXPORT_SYMBOL_IF_KUNIT(kit_open);
