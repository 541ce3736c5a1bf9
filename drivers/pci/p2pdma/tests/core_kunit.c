// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: suite p2pmem-core: registration of clients and notifiers
 *
 * Clients that are registered once, twice and no longer, the search from a device to
 * the client above it, and notifications. On kit_one_switch:
 *
 *	up -+- dn1 - nic - port - disk		port, disk: devices without PCI
 *	    `- dn2 - drive
 */
#include <kunit/device.h>
#include <linux/device.h>

#include "lendkit.h"

static void core_unregister_action(void *client)
{
	pci_p2pmem_unregister_client(client);
}

static struct pci_p2pmem_client *core_client(struct kunit *test, struct device *dev, void *priv)
{
	struct pci_p2pmem_client *c = pci_p2pmem_register_client(dev, NULL, priv);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, c);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, core_unregister_action, c));
	return c;
}

static void core_end(struct kunit *test, struct pci_p2pmem_client *c)
{
	kunit_release_action(test, core_unregister_action, c);
}

static void device_is_a_client_while_registered(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct device *nic = &fabric_pdev(f, "nic")->dev, *drive = &fabric_pdev(f, "drive")->dev;
	unsigned int refs = kref_read(&nic->kobj.kref);
	struct pci_p2pmem_client *one, *two;

	KUNIT_EXPECT_FALSE(test, p2pmem_is_client(nic));
	one = core_client(test, nic, &refs);
	two = core_client(test, nic, NULL);
	KUNIT_EXPECT_PTR_EQ(test, pci_p2pmem_client_priv(one), (void *)&refs);
	KUNIT_EXPECT_NULL(test, pci_p2pmem_client_priv(two));
	KUNIT_EXPECT_TRUE(test, p2pmem_is_client(nic));
	KUNIT_EXPECT_FALSE(test, p2pmem_is_client(drive));
	core_end(test, one);
	KUNIT_EXPECT_TRUE_MSG(test, p2pmem_is_client(nic), "one of two registrations remains");
	core_end(test, two);
	KUNIT_EXPECT_FALSE(test, p2pmem_is_client(nic));
	KUNIT_EXPECT_EQ_MSG(test, kref_read(&nic->kobj.kref), refs, "references on the device");
}

static void software_device_is_no_client(struct kunit *test)
{
	KUNIT_EXPECT_PTR_EQ(test, pci_p2pmem_register_client(NULL, NULL, NULL),
			    ERR_PTR(-EOPNOTSUPP));
	pci_p2pmem_unregister_client(NULL);
	pci_p2pmem_unregister_client(ERR_PTR(-ENOMEM));
}

/* The end of the last registration drops the pairs of the device, another one keeps them. */
static void pairs_end_with_the_last_registration(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = kit_lend(test, f, "card");
	struct device *nic = &fabric_pdev(f, "nic")->dev;
	struct pci_p2pmem_client *one, *two;

	one = core_client(test, nic, NULL);
	two = core_client(test, nic, NULL);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_distance(card, &nic, 1), 4);
	KUNIT_EXPECT_TRUE(test, kit_pair_exists(kit_provider(card), nic));
	core_end(test, one);
	KUNIT_EXPECT_TRUE(test, kit_pair_exists(kit_provider(card), nic));
	core_end(test, two);
	KUNIT_EXPECT_FALSE(test, kit_pair_exists(kit_provider(card), nic));
	KUNIT_EXPECT_EQ(test, pci_p2pmem_distance(card, &nic, 1), -EOPNOTSUPP);
	KUNIT_EXPECT_FALSE_MSG(test, kit_pair_exists(kit_provider(card), nic),
			       "a pair was created for a device that is no client");
	KUNIT_EXPECT_EQ(test, kref_read(&kit_provider(card)->ref), 1);
}

/* The test owns the memory */
static void core_release(struct device *dev)
{
}

static void core_put_action(void *dev)
{
	put_device(dev);
}

static struct device *core_device(struct kunit *test, struct device *parent)
{
	struct device *dev = kunit_kzalloc(test, sizeof(*dev), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, dev);
	device_initialize(dev);
	dev->parent = parent;
	dev->release = core_release;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, core_put_action, dev));
	return dev;
}

static void client_is_found_from_its_disk(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct device *nic = &fabric_pdev(f, "nic")->dev, *drive = &fabric_pdev(f, "drive")->dev;
	struct device *port = core_device(test, nic), *disk = core_device(test, port), *found;

	KUNIT_EXPECT_NULL_MSG(test, pci_p2pmem_find_client(disk), "nobody is registered");
	KUNIT_EXPECT_NULL(test, pci_p2pmem_find_client(NULL));
	KUNIT_EXPECT_NULL(test, pci_p2pmem_parent_client(to_pci_dev(nic)));

	/* A bridge does not do DMA for the functions below it. */
	core_client(test, nic->parent, NULL);
	KUNIT_EXPECT_NULL(test, pci_p2pmem_find_client(disk));
	core_client(test, drive, NULL);
	KUNIT_EXPECT_NULL(test, pci_p2pmem_find_client(disk));

	/* An adapter that maps for itself only: other drivers map what the disk moves. */
	core_client(test, nic, NULL);
	KUNIT_EXPECT_NULL(test, pci_p2pmem_find_client(disk));
	KUNIT_EXPECT_NULL(test, pci_p2pmem_parent_client(to_pci_dev(nic)));
	found = pci_p2pmem_find_client(nic);
	KUNIT_EXPECT_PTR_EQ(test, found, nic);
	put_device(found);
	kit_client(test, f, "nic");
	found = pci_p2pmem_parent_client(to_pci_dev(nic));
	KUNIT_EXPECT_PTR_EQ(test, found, nic);
	put_device(found);
	found = pci_p2pmem_find_client(disk);
	KUNIT_EXPECT_PTR_EQ(test, found, nic);
	put_device(found);

	/* The nearest client is found. */
	core_client(test, disk, NULL);
	found = pci_p2pmem_find_client(disk);
	KUNIT_EXPECT_PTR_EQ(test, found, disk);
	put_device(found);
}

static void client_registration_is_notified(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct lend_events *first = lend_listen(test), *second = lend_listen(test);
	struct device *nic = &fabric_pdev(f, "nic")->dev;
	struct pci_p2pmem_client *c = core_client(test, nic, NULL);

	KUNIT_EXPECT_EQ(test, atomic_read(&first->clients), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&second->clients), 1);
	KUNIT_EXPECT_PTR_EQ(test, READ_ONCE(first->last), (void *)nic);
	core_end(test, c);
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&first->clients), 1, "notified of the end");
	KUNIT_EXPECT_EQ(test, atomic_read(&first->providers), 0);
}

/* The same for a device that is no PCI function, for which nothing can be mapped. */
static void client_without_pci_is_refused_a_path(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = kit_lend(test, f, "card");
	struct device *soft = kunit_device_register(test, "soft");
	struct pci_p2pmem_verdict v;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, soft);
	pci_p2pmem_verdict(card, soft, 0, &v);
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_NOT_A_CLIENT);
	core_client(test, soft, NULL);
	pci_p2pmem_verdict(card, soft, 0, &v);
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_NOT_PCI);
	KUNIT_EXPECT_EQ(test, v.mapping, PCI_P2PMEM_MAP_NONE);
}

static struct kunit_case core_cases[] = {
	KUNIT_CASE(device_is_a_client_while_registered),
	KUNIT_CASE(software_device_is_no_client),
	KUNIT_CASE(pairs_end_with_the_last_registration),
	KUNIT_CASE(client_is_found_from_its_disk),
	KUNIT_CASE(client_registration_is_notified),
	KUNIT_CASE(client_without_pci_is_refused_a_path),
	{ }
};

static struct kunit_suite core_suite = {
	.name = "p2pmem-core",
	.test_cases = core_cases,
};

kunit_test_suite(core_suite);
