// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the p2pmem group of a providing function
 *
 * The group exists while the provider exists; its files can be read but not written, and
 * match the pool. The cases use kit_one_switch, whose card is the provider.
 */
#include <linux/kernfs.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "lendkit.h"

static const char * const sysfs_files[] = { "size", "available", "published" };

static struct device_attribute *sysfs_file(struct pci_dev *pdev, const char *name)
{
	struct kernfs_node *dir = kernfs_find_and_get(pdev->dev.kobj.sd, "p2pmem");
	struct kernfs_node *kn = dir ? kernfs_find_and_get(dir, name) : NULL;
	struct device_attribute *attr = NULL;

	/* The attribute belongs to the module, so it exists longer than the file. */
	if (kn)
		attr = container_of((struct attribute *)kn->priv, struct device_attribute, attr);
	kernfs_put(kn);
	kernfs_put(dir);
	return attr;
}

static void group_is_there_while_lending(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = fabric_pdev(f, "card");
	int i;

	KUNIT_EXPECT_FALSE(test, lend_has_group(card));
	kit_lend(test, f, "card");
	KUNIT_EXPECT_TRUE(test, lend_has_group(card));
	KUNIT_EXPECT_FALSE(test, lend_has_group(fabric_pdev(f, "nic")));
	for (i = 0; i < ARRAY_SIZE(sysfs_files); i++)
		KUNIT_EXPECT_NOT_NULL_MSG(test, sysfs_file(card, sysfs_files[i]), "%s",
					  sysfs_files[i]);
	pci_p2pmem_lost(card);
	KUNIT_EXPECT_TRUE_MSG(test, lend_has_group(card), "lost, but not removed");
	fabric_unbind(f, "card");
	KUNIT_EXPECT_FALSE(test, lend_has_group(card));
}

static void files_match_the_pool(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = kit_lend(test, f, "card");
	struct lend_hold *hold;

	KUNIT_EXPECT_EQ(test, lend_sysfs(card, "size"), SZ_4M);
	KUNIT_EXPECT_EQ(test, lend_sysfs(card, "available"), SZ_4M);
	KUNIT_EXPECT_EQ(test, lend_sysfs(card, "published"), 1);
	hold = lend_alloc(test, card, SZ_1M + 1);
	KUNIT_EXPECT_EQ(test, lend_sysfs(card, "size"), SZ_4M);
	KUNIT_EXPECT_EQ(test, lend_sysfs(card, "available"), SZ_2M + SZ_1M - PAGE_SIZE);
	lend_free(test, hold);
	KUNIT_EXPECT_EQ(test, lend_sysfs(card, "available"), SZ_4M);
	hold = lend_alloc(test, card, SZ_4M);
	KUNIT_EXPECT_EQ(test, lend_sysfs(card, "available"), 0);
	lend_free(test, hold);
	pci_p2pmem_set_published(card, false);
	KUNIT_EXPECT_EQ(test, lend_sysfs(card, "published"), 0);
	pci_p2pmem_set_published(card, true);
	pci_p2pmem_lost(card);
	KUNIT_EXPECT_EQ_MSG(test, lend_sysfs(card, "published"), 0, "lost memory is published");
	pci_p2pmem_resume(card);
	KUNIT_EXPECT_EQ(test, lend_sysfs(card, "published"), 1);
}

static void registers_are_not_counted(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = fabric_pdev(f, "card");

	KUNIT_ASSERT_EQ(test, 0, kit_add(test, f, "card", 2, SZ_2M, 0, PCI_P2PMEM_REGISTERS));
	KUNIT_EXPECT_EQ(test, lend_sysfs(card, "size"), 0);
	KUNIT_EXPECT_EQ(test, lend_sysfs(card, "available"), 0);
	KUNIT_EXPECT_EQ(test, lend_sysfs(card, "published"), 0);
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, f, "card", 2, SZ_2M, SZ_2M, PCI_P2PMEM_POOL));
	KUNIT_EXPECT_EQ(test, lend_sysfs(card, "size"), SZ_2M);
}

static void files_cannot_be_written(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = kit_lend(test, f, "card");
	struct device_attribute *attr;
	int i;

	for (i = 0; i < ARRAY_SIZE(sysfs_files); i++) {
		attr = sysfs_file(card, sysfs_files[i]);
		KUNIT_ASSERT_NOT_NULL(test, attr);
		KUNIT_EXPECT_EQ_MSG(test, attr->attr.mode, 0444, "%s", sysfs_files[i]);
		KUNIT_EXPECT_TRUE_MSG(test, !attr->store, "%s", sysfs_files[i]);
	}
}

/* An open file may exist a little longer than the provider, and reads 0. */
static void files_of_no_provider_read_zero(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = kit_lend(test, f, "card");
	char *page = (char *)get_zeroed_page(GFP_KERNEL);
	struct device_attribute *attr;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, page);
	for (i = 0; i < ARRAY_SIZE(sysfs_files); i++) {
		attr = sysfs_file(card, sysfs_files[i]);
		KUNIT_EXPECT_EQ(test, 2, attr->show(&fabric_pdev(f, "nic")->dev, attr, page));
		KUNIT_EXPECT_STREQ(test, page, "0\n");
	}
	free_page((unsigned long)page);
}

static struct kunit_case sysfs_cases[] = {
	KUNIT_CASE(group_is_there_while_lending),
	KUNIT_CASE(files_match_the_pool),
	KUNIT_CASE(registers_are_not_counted),
	KUNIT_CASE(files_cannot_be_written),
	KUNIT_CASE(files_of_no_provider_read_zero),
	{ }
};

static struct kunit_suite sysfs_suite = {
	.name = "p2pmem-sysfs",
	.test_cases = sysfs_cases,
};

kunit_test_suite(sysfs_suite);
