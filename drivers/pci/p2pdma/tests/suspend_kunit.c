// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: suite p2pmem-suspend: suspend of a provider, and what ends it during a wait
 *
 * Suspend waits while memory is being freed, and half a second longer: memory still in use
 * belongs to devices that are suspended already, and is lost. Grants are evicted before a
 * reset alone, see suite p2pmem-grant-notify. A revocation waits longer, but memory of a
 * device that goes meanwhile is lost at once. All cases use kit_one_switch, whose card is the
 * provider.
 */
#include <linux/sizes.h>

#include "lendkit.h"

/* Half a second, and more time for a slow machine */
#define SUSPEND_STALL_MS	500
#define SUSPEND_SLACK_MS	5000

static struct pci_dev *suspend_card(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);

	return kit_lend(test, f, "card");
}

/* Returns its duration in milliseconds */
static unsigned int suspend_duration(struct pci_dev *card)
{
	unsigned long start = jiffies;

	pci_p2pmem_suspend(card);
	return jiffies_to_msecs(jiffies - start);
}

static void suspend_run(void *card)
{
	pci_p2pmem_suspend(card);
}

static void suspend_expect_lost(struct kunit *test, struct pci_dev *card)
{
	KUNIT_EXPECT_EQ(test, READ_ONCE(kit_provider(card)->state), P2PMEM_LOST);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(card));
	KUNIT_EXPECT_NULL(test, pci_p2pmem_alloc(card, 1, GFP_KERNEL));
}

static void does_not_wait_without_memory_in_use(struct kunit *test)
{
	struct pci_dev *card = suspend_card(test);
	u32 epoch = kit_provider(card)->epoch;

	lend_free(test, lend_alloc(test, card, SZ_1M));
	KUNIT_EXPECT_LT(test, suspend_duration(card), SUSPEND_STALL_MS);
	suspend_expect_lost(test, card);
	KUNIT_EXPECT_EQ(test, kit_provider(card)->epoch, epoch + 1);
	pci_p2pmem_resume(card);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(card));
	lend_free(test, lend_alloc(test, card, SZ_4M));
}

/* A suspended holder: half a second, not the minute of a removal */
static void memory_still_in_use_is_lost(struct kunit *test)
{
	struct pci_dev *card = suspend_card(test);
	struct lend_hold *hold = lend_alloc(test, card, 3 * PAGE_SIZE);
	u32 epoch = kit_provider(card)->epoch;
	unsigned int took = suspend_duration(card);

	KUNIT_EXPECT_GE_MSG(test, took, SUSPEND_STALL_MS - 20, "it did not wait");
	KUNIT_EXPECT_LE(test, took, SUSPEND_STALL_MS + SUSPEND_SLACK_MS);
	suspend_expect_lost(test, card);
	KUNIT_EXPECT_EQ(test, kit_provider(card)->epoch, epoch + 1);
	KUNIT_EXPECT_EQ(test, lend_used(card), 3 * PAGE_SIZE);
	/* after the resume it is live again when the memory is freed */
	pci_p2pmem_resume(card);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(card));
	lend_free(test, hold);
	KUNIT_EXPECT_TRUE(test, lend_wait(pci_p2pmem_is_provider(card)));
}

/* Each freed page restarts the wait, which takes about a second here in total. */
static void waits_while_memory_is_freed(struct kunit *test)
{
	struct pci_dev *card = suspend_card(test);
	struct lend_hold *hold[10];
	struct lend_task *t;
	int i;

	for (i = 0; i < ARRAY_SIZE(hold); i++)
		hold[i] = lend_alloc(test, card, PAGE_SIZE);
	t = lend_start(test, suspend_run, card);
	KUNIT_ASSERT_TRUE(test, lend_wait(READ_ONCE(kit_provider(card)->state) == P2PMEM_DRAINING));
	for (i = 0; i < ARRAY_SIZE(hold); i++) {
		KUNIT_EXPECT_FALSE_MSG(test, lend_is_over(t), "it ended with %d pages in use",
				       (int)ARRAY_SIZE(hold) - i);
		KUNIT_EXPECT_EQ(test, READ_ONCE(kit_provider(card)->state), P2PMEM_DRAINING);
		msleep(SUSPEND_STALL_MS / 5);
		lend_free(test, hold[i]);
	}
	lend_join(test, t);
	suspend_expect_lost(test, card);
	KUNIT_EXPECT_EQ(test, lend_used(card), 0);
}

/* Memory of the driver's queues stays. A device without regions does not wait. */
static void own_memory_and_other_devices(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = kit_lend(test, f, "card");
	void *queue = pci_p2pmem_alloc_own(card, SZ_64K);

	KUNIT_ASSERT_NOT_NULL(test, queue);
	KUNIT_EXPECT_LT(test, suspend_duration(card), SUSPEND_STALL_MS);
	pci_p2pmem_resume(card);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(card));
	pci_p2pmem_free_own(card, queue, SZ_64K);
	KUNIT_EXPECT_LT(test, suspend_duration(fabric_pdev(f, "nic")), SUSPEND_STALL_MS);
}

/* A removal by surprise during an unbinding or a reset: nobody else notices it meanwhile */
static void card_that_goes_during_a_revocation(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = kit_lend(test, f, "card");
	struct device *nic = kit_client(test, f, "nic");
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_grant *g;
	struct scatterlist *sgl;
	struct lend_task *t;
	unsigned int nents;

	g = pci_p2pmem_grant_create(card, &nic, 1, KTIME_MAX, NULL, NULL, "kunit", &why);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, g);
	sgl = pci_p2pmem_grant_sgl_alloc(g, &nents, SZ_16K, GFP_KERNEL, NULL);
	pci_p2pmem_grant_end(g);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgl);
	t = lend_start(test, lend_revoke, card);
	KUNIT_EXPECT_TRUE(test, lend_wait(READ_ONCE(kit_provider(card)->state) == P2PMEM_DRAINING));
	msleep(SUSPEND_STALL_MS);
	KUNIT_EXPECT_FALSE_MSG(test, pci_p2pmem_sgl_lost(sgl), "it is still there");
	fabric_kill(f, "card");
	KUNIT_EXPECT_TRUE(test, lend_wait(pci_p2pmem_sgl_lost(sgl)));
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(nic, sgl, nents, DMA_TO_DEVICE), -ENODEV);
	KUNIT_EXPECT_FALSE_MSG(test, lend_is_over(t), "it did not wait");
	pci_p2pmem_sgl_free(sgl);
	lend_join(test, t);
}

static struct kunit_case suspend_cases[] = {
	KUNIT_CASE(does_not_wait_without_memory_in_use),
	KUNIT_CASE_SLOW(memory_still_in_use_is_lost),
	KUNIT_CASE_SLOW(waits_while_memory_is_freed),
	KUNIT_CASE(own_memory_and_other_devices),
	KUNIT_CASE_SLOW(card_that_goes_during_a_revocation),
	{ }
};

static struct kunit_suite suspend_suite = {
	.name = "p2pmem-suspend",
	.test_cases = suspend_cases,
};

kunit_test_suite(suspend_suite);
