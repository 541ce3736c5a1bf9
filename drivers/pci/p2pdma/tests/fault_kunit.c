// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: failing allocations at every step
 *
 * A registration, grant or mapping either succeeds, or returns -ENOMEM and leaves no
 * objects behind; the same call succeeds then. All cases use kit_one_switch. A stub
 * creates the pages, because the kernel's memory hotplug warns with a backtrace if an
 * allocation fails, and so does vmalloc() in the pool.
 */
#include <kunit/static_stub.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>

#include "fault.h"
#include "lendkit.h"

/**
 * struct fault_kit - state of a case, in &kunit.priv
 * @f: the hierarchy
 * @card: possible provider
 * @nic: possible client
 * @error: return value of the stub for pages
 * @making: the stub for pages is running
 * @failed: the registration has failed
 * @grant: grant that another thread created meanwhile
 */
struct fault_kit {
	struct fabric *f;
	struct pci_dev *card;
	struct pci_dev *nic;
	int error;
	struct completion making;
	struct completion failed;
	struct pci_p2pmem_grant *grant;
};

static struct fault_kit *fault_kit(struct kunit *test)
{
	struct fault_kit *k = kunit_kzalloc(test, sizeof(*k), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, k);
	fault_require(test);
	k->f = fabric_build(test, kit_one_switch);
	k->card = fabric_pdev(k->f, "card");
	k->nic = fabric_pdev(k->f, "nic");
	k->error = -ENOMEM;
	init_completion(&k->making);
	init_completion(&k->failed);
	test->priv = k;
	return k;
}

static void *fault_no_pages(struct p2pmem_region *r, int node)
{
	struct fault_kit *k = kunit_get_current_test()->priv;

	return ERR_PTR(k->error);
}

static int fault_no_room(struct p2pmem_pool *pool, void *addr, size_t size, int node)
{
	return -ENOMEM;
}

static void fault_expect_nothing(struct kunit *test, struct fault_kit *k, unsigned int n)
{
	KUNIT_EXPECT_TRUE_MSG(test, lend_is_removed(k->card), "allocation %u left a provider", n);
	KUNIT_EXPECT_FALSE_MSG(test, static_branch_unlikely(&pci_p2pmem_lending),
			       "allocation %u left the key of the quick checks set", n);
}

static void provider_without_memory_is_none(struct kunit *test)
{
	struct fault_kit *k = fault_kit(test);
	bool reached = true;
	unsigned int n;
	int ret;

	kunit_activate_static_stub(test, p2pmem_pages_map, fault_no_pages);
	for (n = 1; reached && n < FAULT_STEPS; n++) {
		fault_arm(n);
		ret = pci_p2pmem_add_resource(k->card, 2, 0, 0, PCI_P2PMEM_POOL);
		reached = fault_disarm();
		KUNIT_EXPECT_EQ_MSG(test, ret, -ENOMEM, "allocation %u", n);
		fault_expect_nothing(test, k, n);
	}
	KUNIT_EXPECT_GE_MSG(test, n, 5, "region, provider, pool and devres are four");
	kunit_deactivate_static_stub(test, p2pmem_pages_map);
	kit_lend(test, k->f, "card");
	KUNIT_EXPECT_EQ(test, lend_size(k->card), SZ_4M);
	KUNIT_EXPECT_TRUE(test, lend_has_group(k->card));
}

/* Registers need no pages, so these are all allocations of a registration. */
static void registers_without_memory(struct kunit *test)
{
	struct fault_kit *k = fault_kit(test);
	unsigned int n, lent = 0, bare = 0;
	bool reached = true;
	int ret;

	for (n = 1; reached && n < FAULT_STEPS; n++) {
		fault_arm(n);
		ret = pci_p2pmem_add_resource(k->card, 2, 0, 0, PCI_P2PMEM_REGISTERS);
		reached = fault_disarm();
		if (ret) {
			KUNIT_EXPECT_EQ_MSG(test, ret, -ENOMEM, "allocation %u", n);
			fault_expect_nothing(test, k, n);
			continue;
		}
		lent++;
		KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_lent(k->card, 2, 0, 0));
		KUNIT_EXPECT_EQ_MSG(test, lend_has_group(k->card), kit_provider(k->card)->sysfs,
				    "allocation %u", n);
		bare += !kit_provider(k->card)->sysfs;
		fabric_unbind(k->f, "card");
		fault_expect_nothing(test, k, n);
		KUNIT_ASSERT_EQ(test, 0, fabric_bind(k->f, "card"));
	}
	KUNIT_EXPECT_GT(test, lent, 0);
	KUNIT_EXPECT_GT_MSG(test, bare, 0,
			    "a registration must succeed without a directory in sysfs");
}

/* The caller gets the kernel's error of creating pages. */
static void pages_that_cannot_be_made(struct kunit *test)
{
	static const int errors[] = { -ENOMEM, -EINVAL, -ENXIO, -EBUSY };
	struct fault_kit *k = fault_kit(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		k->error = errors[i];
		kunit_activate_static_stub(test, p2pmem_pages_map, fault_no_pages);
		KUNIT_EXPECT_EQ(test, errors[i],
				kit_add(test, k->f, "card", 2, 0, 0, PCI_P2PMEM_DRIVER));
		fault_expect_nothing(test, k, i);
		kunit_deactivate_static_stub(test, p2pmem_pages_map);
	}
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, k->f, "card", 2, SZ_2M, 0, PCI_P2PMEM_POOL));

	/* A failed registration of a second range does not affect the first one. */
	kunit_activate_static_stub(test, p2pmem_pages_map, fault_no_pages);
	KUNIT_EXPECT_EQ(test, -EBUSY,
			kit_add(test, k->f, "card", 2, SZ_2M, SZ_2M, PCI_P2PMEM_POOL));
	kunit_deactivate_static_stub(test, p2pmem_pages_map);
	KUNIT_EXPECT_EQ(test, lend_size(k->card), SZ_2M);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&kit_provider(k->card)->regions));
	lend_free(test, lend_alloc(test, k->card, SZ_2M));
	KUNIT_EXPECT_EQ(test, 0, kit_add(test, k->f, "card", 2, SZ_2M, SZ_2M, PCI_P2PMEM_POOL));
	KUNIT_EXPECT_EQ(test, lend_size(k->card), SZ_4M);
}

/* Pages that exist already must be removed, because the next try needs the same ones. */
static void pages_without_a_place_in_the_pool(struct kunit *test)
{
	struct fault_kit *k = fault_kit(test);

	kunit_activate_static_stub(test, p2pmem_pool_add, fault_no_room);
	KUNIT_EXPECT_EQ(test, -ENOMEM, kit_add(test, k->f, "card", 2, 0, 0, PCI_P2PMEM_POOL));
	fault_expect_nothing(test, k, 0);
	kunit_deactivate_static_stub(test, p2pmem_pool_add);
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, k->f, "card", 2, SZ_2M, 0, PCI_P2PMEM_POOL));

	kunit_activate_static_stub(test, p2pmem_pool_add, fault_no_room);
	KUNIT_EXPECT_EQ(test, -ENOMEM,
			kit_add(test, k->f, "card", 2, SZ_2M, SZ_2M, PCI_P2PMEM_POOL));
	kunit_deactivate_static_stub(test, p2pmem_pool_add);
	KUNIT_EXPECT_EQ(test, lend_size(k->card), SZ_2M);
	KUNIT_EXPECT_EQ(test, 0, kit_add(test, k->f, "card", 2, SZ_2M, SZ_2M, PCI_P2PMEM_POOL));
	lend_alloc(test, k->card, SZ_2M);
	lend_alloc(test, k->card, SZ_2M);
}

static void *fault_slow_pages(struct p2pmem_region *r, int node)
{
	struct fault_kit *k = kunit_get_current_test()->priv;

	complete(&k->making);
	msleep(100);
	return ERR_PTR(-ENOMEM);
}

static void fault_be_granted(void *arg)
{
	struct fault_kit *k = arg;
	struct device *nic = &k->nic->dev;
	struct pci_p2pmem_verdict why;

	if (!wait_for_completion_timeout(&k->making, LEND_SECONDS * HZ))
		return;
	k->grant = pci_p2pmem_grant_create(k->card, &nic, 1, KTIME_MAX, NULL, NULL,
					   "early", &why);
	complete(&k->failed);
}

/*
 *	registration:	provider is made -- no pages -- provider is undone
 *	somebody:			grant of it		memory?
 */
static void grant_of_a_failed_provider_allocates_nothing(struct kunit *test)
{
	struct fault_kit *k = fault_kit(test);
	struct lend_task *t;
	unsigned int nents;

	kit_client(test, k->f, "nic");
	kunit_activate_static_stub(test, p2pmem_pages_map, fault_slow_pages);
	t = lend_start(test, fault_be_granted, k);
	KUNIT_EXPECT_EQ(test, -ENOMEM, kit_add(test, k->f, "card", 2, 0, 0, PCI_P2PMEM_POOL));
	lend_join(test, t);
	KUNIT_ASSERT_TRUE_MSG(test, completion_done(&k->failed),
			      "the other thread did not try meanwhile");
	kunit_deactivate_static_stub(test, p2pmem_pages_map);
	if (IS_ERR(k->grant)) {
		KUNIT_EXPECT_EQ(test, PTR_ERR(k->grant), -ENODEV);
	} else {
		KUNIT_EXPECT_FALSE(test, pci_p2pmem_grant_usable(k->grant));
		KUNIT_EXPECT_PTR_EQ(test, ERR_PTR(-ENODEV),
				    pci_p2pmem_grant_sgl_alloc(k->grant, &nents, 1,
							       GFP_KERNEL, NULL));
		pci_p2pmem_grant_end(k->grant);
	}
	fault_expect_nothing(test, k, 0);
	kit_lend(test, k->f, "card");
	KUNIT_EXPECT_EQ(test, lend_size(k->card), SZ_4M);
}

static void publishing_needs_no_memory(struct kunit *test)
{
	struct fault_kit *k = fault_kit(test);
	struct lend_events *events = lend_listen(test);

	kit_lend(test, k->f, "card");
	fault_arm(1);
	pci_p2pmem_set_published(k->card, false);
	pci_p2pmem_set_published(k->card, true);
	pci_p2pmem_lost(k->card);
	pci_p2pmem_resume(k->card);
	KUNIT_EXPECT_FALSE_MSG(test, fault_disarm(), "memory was allocated");
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(k->card));
	KUNIT_EXPECT_GE(test, atomic_read(&events->providers), 2);
}

static void client_without_memory_is_none(struct kunit *test)
{
	struct fault_kit *k = fault_kit(test);
	struct lend_events *events = lend_listen(test);
	struct pci_p2pmem_client *c;
	unsigned int n, refused = 0;
	bool reached = true;

	for (n = 1; reached && n < FAULT_STEPS; n++) {
		fault_arm(n);
		c = pci_p2pmem_register_client(&k->nic->dev, NULL, NULL);
		reached = fault_disarm();
		KUNIT_EXPECT_EQ_MSG(test, p2pmem_is_client(&k->nic->dev), !IS_ERR(c),
				    "allocation %u", n);
		if (IS_ERR(c)) {
			KUNIT_EXPECT_EQ(test, PTR_ERR(c), -ENOMEM);
			refused++;
		}
		KUNIT_EXPECT_EQ_MSG(test, atomic_read(&events->clients), n - refused,
				    "notified of a failed client");
		pci_p2pmem_unregister_client(c);
	}
	KUNIT_EXPECT_GT(test, refused, 0);
	KUNIT_EXPECT_FALSE(test, IS_ERR(c));
}

static void fault_unregister_action(void *client)
{
	pci_p2pmem_unregister_client(client);
}

/* A new client for each try, because its first lookup allocates memory */
static struct pci_p2pmem_client *fault_client(struct kunit *test, struct fault_kit *k)
{
	struct pci_p2pmem_client *c;

	c = pci_p2pmem_register_client(&k->nic->dev, NULL, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, c);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, fault_unregister_action, c));
	return c;
}

/* Without its client, only the register has a reference on the provider. */
static void fault_client_end(struct kunit *test, struct fault_kit *k,
			     struct pci_p2pmem_client *c, unsigned int n)
{
	kunit_release_action(test, fault_unregister_action, c);
	KUNIT_EXPECT_TRUE_MSG(test, lend_wait(kref_read(&kit_provider(k->card)->ref) == 1),
			      "allocation %u left a reference", n);
	KUNIT_EXPECT_TRUE_MSG(test, list_empty(&kit_provider(k->card)->grants),
			      "allocation %u left a grant", n);
	KUNIT_EXPECT_EQ(test, lend_used(k->card), 0);
}

static void grant_without_memory_is_none(struct kunit *test)
{
	struct fault_kit *k = fault_kit(test);
	struct device *nic = &k->nic->dev;
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_client *c;
	unsigned int n, refused = 0;
	struct pci_p2pmem_grant *g;
	bool reached = true;

	kit_lend(test, k->f, "card");
	for (n = 1; reached && n < FAULT_STEPS; n++) {
		c = fault_client(test, k);
		fault_arm(n);
		g = pci_p2pmem_grant_create(k->card, &nic, 1, KTIME_MAX, NULL, NULL,
					    "suite", &why);
		reached = fault_disarm();
		if (IS_ERR(g)) {
			KUNIT_EXPECT_EQ_MSG(test, PTR_ERR(g), -ENOMEM, "allocation %u", n);
			refused++;
		} else {
			pci_p2pmem_grant_end(g);
		}
		fault_client_end(test, k, c, n);
	}
	KUNIT_EXPECT_GE_MSG(test, refused, 4, "grant, name, reference and pair are four");
	KUNIT_EXPECT_FALSE_MSG(test, IS_ERR(g), "refused without a fault");
}

/* Mapping needs no memory, even without a pair; a pair that could not be created is retried. */
static void pair_without_memory_is_made_later(struct kunit *test)
{
	struct fault_kit *k = fault_kit(test);
	struct device *nic = &k->nic->dev;
	struct pci_p2pmem_client *c;
	unsigned int n, refused = 0;
	struct scatterlist sg;
	bool reached = true;
	void *addr;
	int ret;

	kit_lend(test, k->f, "card");
	for (n = 1; reached && n < FAULT_STEPS; n++) {
		fault_arm(n);
		c = pci_p2pmem_register_client(nic, NULL, NULL);
		reached = fault_disarm();
		if (IS_ERR(c)) {
			KUNIT_EXPECT_EQ(test, PTR_ERR(c), -ENOMEM);
			continue;
		}
		addr = pci_p2pmem_alloc(k->card, SZ_8K, GFP_KERNEL);
		sg_init_one(&sg, addr, SZ_8K);
		ret = pci_p2pmem_map_sg(nic, &sg, 1, DMA_FROM_DEVICE);
		if (ret == 1) {
			pci_p2pmem_unmap_sg(nic, &sg, 1, DMA_FROM_DEVICE);
		} else {
			KUNIT_EXPECT_EQ_MSG(test, ret, -ENOMEM, "allocation %u", n);
			refused++;
			KUNIT_EXPECT_TRUE_MSG(test, lend_wait(({
				ret = pci_p2pmem_map_sg(nic, &sg, 1, DMA_FROM_DEVICE);
				ret == 1;
			})), "allocation %u: pair not created", n);
			if (ret == 1)
				pci_p2pmem_unmap_sg(nic, &sg, 1, DMA_FROM_DEVICE);
		}
		pci_p2pmem_free(addr, SZ_8K);
		pci_p2pmem_unregister_client(c);
		KUNIT_EXPECT_TRUE_MSG(test, lend_wait(kref_read(&kit_provider(k->card)->ref) == 1),
				      "allocation %u left a reference", n);
	}
	KUNIT_EXPECT_GE_MSG(test, refused, 3, "the pair, its chains and its counters");
	KUNIT_EXPECT_FALSE(test, reached);
}

static struct kunit_case fault_cases[] = {
	KUNIT_CASE(provider_without_memory_is_none),
	KUNIT_CASE(registers_without_memory),
	KUNIT_CASE(pages_that_cannot_be_made),
	KUNIT_CASE(pages_without_a_place_in_the_pool),
	KUNIT_CASE(grant_of_a_failed_provider_allocates_nothing),
	KUNIT_CASE(publishing_needs_no_memory),
	KUNIT_CASE(client_without_memory_is_none),
	KUNIT_CASE(grant_without_memory_is_none),
	KUNIT_CASE(pair_without_memory_is_made_later),
	{ }
};

static struct kunit_suite fault_suite = {
	.name = "p2pmem-fault",
	.test_cases = fault_cases,
};

kunit_test_suite(fault_suite);
