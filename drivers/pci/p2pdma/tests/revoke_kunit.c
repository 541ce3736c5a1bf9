// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the states of a provider
 *
 *	live -- revoke --> draining -- last page back, or killed --> lost
 *	  ^ `-- lost ------------------------------------------------> |
 *	  `---- resume, once the last page is free ------------------- '
 *
 * All cases use kit_one_switch: card is the provider, nic and drive are clients. A
 * revocation that waits runs in another task; one that must return at once runs in a
 * task with a fatal signal.
 */
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>

#include "lendkit.h"

static struct pci_dev *revoke_card(struct kunit *test, struct fabric **f)
{
	*f = fabric_build(test, kit_one_switch);
	return kit_lend(test, *f, "card");
}

static int revoke_state(struct pci_dev *pdev)
{
	return READ_ONCE(kit_provider(pdev)->state);
}

/* Operations that fail in all states except live */
static void revoke_expect_nothing(struct kunit *test, struct pci_dev *card)
{
	unsigned int nents;

	KUNIT_EXPECT_NULL(test, pci_p2pmem_alloc(card, 1, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, pci_p2pmem_sgl_alloc(card, &nents, 1, GFP_KERNEL));
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(card));
	KUNIT_EXPECT_EQ(test, lend_sysfs(card, "published"), 0);
}

static void idle_provider_is_lost_at_once(struct kunit *test)
{
	struct fabric *f;
	struct pci_dev *card = revoke_card(test, &f);
	u32 epoch = kit_provider(card)->epoch;

	lend_free(test, lend_alloc(test, card, SZ_1M));
	pci_p2pmem_revoke(card);
	KUNIT_EXPECT_EQ(test, revoke_state(card), P2PMEM_LOST);
	KUNIT_EXPECT_EQ(test, kit_provider(card)->epoch, epoch + 1);
	revoke_expect_nothing(test, card);
	pci_p2pmem_revoke(card);
	KUNIT_EXPECT_EQ_MSG(test, kit_provider(card)->epoch, epoch + 1, "one loss, counted twice");
	pci_p2pmem_resume(card);
	KUNIT_EXPECT_EQ(test, revoke_state(card), P2PMEM_LIVE);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(card));
	KUNIT_EXPECT_EQ(test, lend_sysfs(card, "published"), 1);
	lend_free(test, lend_alloc(test, card, SZ_4M));
}

/*	card: draining		nic may still map memory in use, and nothing else */
static void draining_waits_and_maps_memory_in_use(struct kunit *test)
{
	struct fabric *f;
	struct pci_dev *card = revoke_card(test, &f);
	struct device *nic = kit_client(test, f, "nic");
	struct lend_hold *hold = lend_alloc(test, card, PAGE_SIZE);
	struct pci_p2pmem_verdict v;
	struct scatterlist sg;
	struct lend_task *t;
	int ret;

	sg_init_one(&sg, hold->addr, PAGE_SIZE);
	t = lend_start(test, lend_revoke, card);
	KUNIT_ASSERT_TRUE(test, lend_wait(revoke_state(card) == P2PMEM_DRAINING));
	revoke_expect_nothing(test, card);
	pci_p2pmem_verdict(card, nic, 0, &v);
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_REVOKED);
	ret = pci_p2pmem_map_sg(nic, &sg, 1, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ_MSG(test, ret, 1,
			    "memory in use cannot be mapped while the provider drains");
	if (ret == 1)
		pci_p2pmem_unmap_sg(nic, &sg, 1, DMA_TO_DEVICE);
	pci_p2pmem_resume(card);
	KUNIT_EXPECT_EQ_MSG(test, revoke_state(card), P2PMEM_DRAINING, "resumed too early");
	msleep(50);
	KUNIT_EXPECT_FALSE_MSG(test, lend_is_over(t), "it did not wait");
	lend_free(test, hold);
	lend_join(test, t);
	KUNIT_EXPECT_EQ(test, revoke_state(card), P2PMEM_LOST);
}

static void revoke_put_worker(struct work_struct *work);

/**
 * struct revoke_put - a page that a workqueue frees
 * @work: the work item
 * @page: the page
 */
struct revoke_put {
	struct delayed_work work;
	struct page *page;
};

static void revoke_put_worker(struct work_struct *work)
{
	put_page(container_of(work, struct revoke_put, work.work)->page);
}

static void last_reference_ends_the_wait(struct kunit *test)
{
	struct revoke_put *put = kunit_kzalloc(test, sizeof(*put), GFP_KERNEL);
	struct fabric *f;
	struct pci_dev *card = revoke_card(test, &f);
	struct lend_hold *hold = lend_alloc(test, card, 3 * PAGE_SIZE);
	struct lend_task *t;

	KUNIT_ASSERT_NOT_NULL(test, put);
	INIT_DELAYED_WORK(&put->work, revoke_put_worker);
	put->page = virt_to_page(hold->addr + PAGE_SIZE);
	get_page(put->page);
	t = lend_start(test, lend_revoke, card);
	KUNIT_EXPECT_TRUE(test, lend_wait(revoke_state(card) == P2PMEM_DRAINING));
	lend_free(test, hold);
	KUNIT_EXPECT_EQ(test, lend_used(card), PAGE_SIZE);
	msleep(50);
	KUNIT_EXPECT_FALSE_MSG(test, lend_is_over(t), "it did not wait for a referenced page");
	schedule_delayed_work(&put->work, 2);
	lend_join(test, t);
	flush_delayed_work(&put->work);
	KUNIT_EXPECT_EQ(test, revoke_state(card), P2PMEM_LOST);
	KUNIT_EXPECT_EQ(test, lend_used(card), 0);
}

static void two_revocations_wait_both(struct kunit *test)
{
	struct fabric *f;
	struct pci_dev *card = revoke_card(test, &f);
	struct lend_hold *hold = lend_alloc(test, card, PAGE_SIZE);
	u32 epoch = kit_provider(card)->epoch;
	struct lend_task *one, *two;

	one = lend_start(test, lend_revoke, card);
	KUNIT_ASSERT_TRUE(test, lend_wait(revoke_state(card) == P2PMEM_DRAINING));
	two = lend_start(test, lend_revoke, card);
	msleep(50);
	KUNIT_EXPECT_FALSE_MSG(test, lend_is_over(one) || lend_is_over(two),
			       "one of them declared the memory lost");
	KUNIT_EXPECT_EQ(test, revoke_state(card), P2PMEM_DRAINING);
	lend_free(test, hold);
	lend_join(test, one);
	lend_join(test, two);
	KUNIT_EXPECT_EQ(test, revoke_state(card), P2PMEM_LOST);
	KUNIT_EXPECT_EQ(test, kit_provider(card)->epoch, epoch + 1);
}

/* A waiter of an earlier drain does not declare the memory of the next one lost. */
static void late_waiter_ends_nothing(struct kunit *test)
{
	struct fabric *f;
	struct pci_dev *card = revoke_card(test, &f);
	struct p2pmem_provider *p = kit_provider(card);
	struct lend_hold *hold;
	unsigned int earlier;
	struct lend_task *t;
	u32 epoch;

	pci_p2pmem_revoke(card);
	earlier = p->drain;
	pci_p2pmem_resume(card);
	KUNIT_ASSERT_EQ(test, revoke_state(card), P2PMEM_LIVE);
	epoch = p->epoch;
	hold = lend_alloc(test, card, PAGE_SIZE);
	t = lend_start(test, lend_revoke, card);
	KUNIT_ASSERT_TRUE(test, lend_wait(revoke_state(card) == P2PMEM_DRAINING));
	p2pmem_end_drain(p, earlier);
	KUNIT_EXPECT_EQ(test, revoke_state(card), P2PMEM_DRAINING);
	KUNIT_EXPECT_EQ(test, p->epoch, epoch);
	lend_free(test, hold);
	lend_join(test, t);
	KUNIT_EXPECT_EQ(test, revoke_state(card), P2PMEM_LOST);
}

static void killed_revocation_returns(struct kunit *test)
{
	struct fabric *f;
	struct pci_dev *card = revoke_card(test, &f);
	struct device *nic = kit_client(test, f, "nic");
	struct lend_hold *hold = lend_alloc(test, card, PAGE_SIZE);
	struct scatterlist sg;

	sg_init_one(&sg, hold->addr, PAGE_SIZE);
	lend_die();
	pci_p2pmem_revoke(card);
	lend_live();
	KUNIT_EXPECT_EQ(test, revoke_state(card), P2PMEM_LOST);
	KUNIT_EXPECT_EQ_MSG(test, pci_p2pmem_map_sg(nic, &sg, 1, DMA_TO_DEVICE), -ENODEV,
			    "lost contents can be mapped");
	KUNIT_EXPECT_EQ(test, lend_used(card), PAGE_SIZE);
	lend_free(test, hold);
	KUNIT_EXPECT_EQ(test, lend_used(card), 0);
}

static void loss_does_not_wait(struct kunit *test)
{
	struct fabric *f;
	struct pci_dev *card = revoke_card(test, &f);
	struct lend_events *events = lend_listen(test);
	struct lend_hold *hold = lend_alloc(test, card, 2 * PAGE_SIZE);
	struct page *page = lend_ref(test, hold, 0);
	u32 epoch = kit_provider(card)->epoch;

	pci_p2pmem_lost(card);
	pci_p2pmem_lost(card);
	KUNIT_EXPECT_EQ(test, revoke_state(card), P2PMEM_LOST);
	KUNIT_EXPECT_EQ(test, kit_provider(card)->epoch, epoch + 1);
	revoke_expect_nothing(test, card);

	pci_p2pmem_resume(card);
	KUNIT_EXPECT_EQ_MSG(test, revoke_state(card), P2PMEM_LOST, "with older memory in use");
	lend_free(test, hold);
	KUNIT_EXPECT_EQ_MSG(test, revoke_state(card), P2PMEM_LOST, "with an older page in use");
	KUNIT_EXPECT_EQ(test, atomic_read(&events->providers), 0);
	lend_unref(test, page);
	KUNIT_EXPECT_TRUE_MSG(test, lend_wait(revoke_state(card) == P2PMEM_LIVE),
			      "the last page did not make it live");
	KUNIT_EXPECT_TRUE_MSG(test, lend_wait(atomic_read(&events->providers) == 1),
			      "no notification that it is live again");
	lend_free(test, lend_alloc(test, card, SZ_4M));
}

static void revocation_cancels_a_resume(struct kunit *test)
{
	struct fabric *f;
	struct pci_dev *card = revoke_card(test, &f);
	struct lend_hold *hold = lend_alloc(test, card, PAGE_SIZE);

	pci_p2pmem_lost(card);
	pci_p2pmem_resume(card);
	pci_p2pmem_lost(card);
	lend_free(test, hold);
	KUNIT_EXPECT_EQ_MSG(test, revoke_state(card), P2PMEM_LOST,
			    "live by a resume that preceded the second loss");
	pci_p2pmem_resume(card);
	KUNIT_EXPECT_EQ(test, revoke_state(card), P2PMEM_LIVE);
	pci_p2pmem_resume(card);
	KUNIT_EXPECT_EQ(test, revoke_state(card), P2PMEM_LIVE);
}

static void unpublished_memory_resumes_in_silence(struct kunit *test)
{
	struct fabric *f;
	struct pci_dev *card = revoke_card(test, &f);
	struct lend_events *events = lend_listen(test);

	pci_p2pmem_set_published(card, false);
	pci_p2pmem_revoke(card);
	pci_p2pmem_resume(card);
	flush_workqueue(p2pmem_wq);
	KUNIT_EXPECT_EQ(test, revoke_state(card), P2PMEM_LIVE);
	KUNIT_EXPECT_EQ(test, atomic_read(&events->providers), 0);
}

/* References must balance for every state of the worker at the time of the next loss */
static void losses_follow_each_other(struct kunit *test)
{
	struct fabric *f;
	struct pci_dev *card = revoke_card(test, &f);
	u32 epoch = kit_provider(card)->epoch;
	unsigned int i;

	for (i = 0; i < 10; i++) {
		pci_p2pmem_lost(card);
		pci_p2pmem_resume(card);
		pci_p2pmem_lost(card);
		pci_p2pmem_resume(card);
	}
	flush_workqueue(p2pmem_wq);
	KUNIT_EXPECT_EQ(test, kit_provider(card)->epoch, epoch + 20);
	KUNIT_EXPECT_EQ(test, revoke_state(card), P2PMEM_LIVE);
	KUNIT_EXPECT_EQ_MSG(test, kref_read(&kit_provider(card)->ref), 1,
			    "a loss did not drop its reference");
}

/**
 * struct revoke_notified - callbacks that ran
 * @revokes: revoke operations that ran
 * @evicts: evict operations that ran
 * @card: provider of the memory
 */
struct revoke_notified {
	atomic_t revokes;
	atomic_t evicts;
	struct pci_dev *card;
};

static void revoke_grant_revoke(struct pci_p2pmem_grant *grant)
{
	struct revoke_notified *notified = pci_p2pmem_grant_priv(grant);

	atomic_inc(&notified->revokes);
	notified->card = pci_p2pmem_grant_provider(grant);
}

static void revoke_grant_evict(struct pci_p2pmem_grant *grant)
{
	struct revoke_notified *notified = pci_p2pmem_grant_priv(grant);

	atomic_inc(&notified->evicts);
}

static const struct pci_p2pmem_grant_ops revoke_grant_ops = {
	.revoke = revoke_grant_revoke,
	.evict = revoke_grant_evict,
};

static void revoke_client_revoke(struct pci_p2pmem_client *client, struct pci_dev *card)
{
	struct revoke_notified *notified = pci_p2pmem_client_priv(client);

	atomic_inc(&notified->revokes);
	notified->card = card;
}

static const struct pci_p2pmem_client_ops revoke_client_ops = {
	.revoke = revoke_client_revoke,
};

static void revoke_unregister_action(void *client)
{
	pci_p2pmem_unregister_client(client);
}

static void revoke_client(struct kunit *test, struct pci_dev *pdev,
			  struct revoke_notified *notified)
{
	struct pci_p2pmem_client *c;

	c = pci_p2pmem_register_client(&pdev->dev, &revoke_client_ops, notified);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, c);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, revoke_unregister_action, c));
}

/*	holder: a grant with memory in use	idle: a grant without	*/
static void holders_are_revoked_and_then_evicted(struct kunit *test)
{
	struct revoke_notified *holder = kunit_kzalloc(test, 2 * sizeof(*holder), GFP_KERNEL);
	struct revoke_notified *idle = holder + 1;
	struct pci_p2pmem_grant *g[2];
	struct pci_p2pmem_verdict why;
	struct scatterlist *sgl;
	struct fabric *f;
	struct pci_dev *card = revoke_card(test, &f);
	struct device *nic = kit_client(test, f, "nic");
	unsigned int i, nents;

	for (i = 0; i < 2; i++) {
		g[i] = pci_p2pmem_grant_create(card, &nic, 1, KTIME_MAX, &revoke_grant_ops,
					       holder + i, i ? "idle" : "holder", &why);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, g[i]);
	}
	sgl = pci_p2pmem_grant_sgl_alloc(g[0], &nents, SZ_16K, GFP_KERNEL, NULL);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_grant_usable(g[0]));
	lend_die();
	pci_p2pmem_revoke(card);
	lend_live();
	KUNIT_EXPECT_EQ(test, atomic_read(&holder->revokes), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&holder->evicts), 1);
	KUNIT_EXPECT_PTR_EQ(test, holder->card, card);
	KUNIT_EXPECT_EQ(test, atomic_read(&idle->revokes), 1);
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&idle->evicts), 0, "it has no memory in use");
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_grant_usable(g[0]));
	pci_p2pmem_revoke(card);
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&holder->revokes), 1, "notified twice");
	pci_p2pmem_sgl_free(sgl);
	pci_p2pmem_resume(card);
	pci_p2pmem_revoke(card);
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&holder->revokes), 2, "no callback after a resume");
	KUNIT_EXPECT_EQ(test, atomic_read(&holder->evicts), 1);
	pci_p2pmem_grant_end(g[0]);
	pci_p2pmem_grant_end(g[1]);
}

/*	the pair of nic and card is allowed, that of drive and card is not	*/
static void clients_with_a_pair_are_notified(struct kunit *test)
{
	struct revoke_notified *nic = kunit_kzalloc(test, 2 * sizeof(*nic), GFP_KERNEL);
	struct revoke_notified *drive = nic + 1;
	struct pci_p2pmem_verdict v;
	struct fabric *f;
	struct pci_dev *card = revoke_card(test, &f);

	KUNIT_ASSERT_NOT_NULL(test, nic);
	revoke_client(test, fabric_pdev(f, "nic"), nic);
	/* A pair that was never allowed has no mappings to undo. */
	fabric_pdev(f, "drive")->untrusted = 1;
	revoke_client(test, fabric_pdev(f, "drive"), drive);
	pci_p2pmem_verdict(card, &fabric_pdev(f, "nic")->dev, 0, &v);
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_OK);
	pci_p2pmem_revoke(card);
	KUNIT_EXPECT_EQ(test, atomic_read(&nic->revokes), 1);
	KUNIT_EXPECT_PTR_EQ(test, nic->card, card);
	KUNIT_EXPECT_EQ(test, atomic_read(&drive->revokes), 0);
	pci_p2pmem_resume(card);

	/* A loss notifies them too, but asynchronously, because it must not wait. */
	flush_workqueue(p2pmem_wq);
	pci_p2pmem_lost(card);
	KUNIT_EXPECT_TRUE(test, lend_wait(atomic_read(&nic->revokes) == 2));
	flush_workqueue(p2pmem_wq);
	pci_p2pmem_revoke(card);
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&nic->revokes), 2, "notified twice of one loss");
	KUNIT_EXPECT_EQ(test, atomic_read(&drive->revokes), 0);
}

/*	the driver's own queues stay allocated during a reset	*/
static void own_memory_is_not_waited_for(struct kunit *test)
{
	struct fabric *f;
	struct pci_dev *card = revoke_card(test, &f);
	void *queues = pci_p2pmem_alloc_own(card, PAGE_SIZE + 1);
	struct lend_hold *other;
	struct lend_task *t;
	void *late;

	KUNIT_ASSERT_NOT_NULL(test, queues);
	pci_p2pmem_revoke(card);
	KUNIT_EXPECT_EQ(test, revoke_state(card), P2PMEM_LOST);
	pci_p2pmem_resume(card);
	KUNIT_EXPECT_EQ_MSG(test, revoke_state(card), P2PMEM_LIVE,
			    "waits for the driver's own memory");

	other = lend_alloc(test, card, PAGE_SIZE);
	t = lend_start(test, lend_revoke, card);
	KUNIT_EXPECT_TRUE(test, lend_wait(revoke_state(card) == P2PMEM_DRAINING));
	msleep(50);
	KUNIT_EXPECT_FALSE_MSG(test, lend_is_over(t),
			       "a page of another user counts as the driver's own");
	/* A queue that the driver allocates meanwhile does not extend the wait. */
	late = pci_p2pmem_alloc_own(card, PAGE_SIZE);
	KUNIT_EXPECT_NOT_NULL(test, late);
	lend_free(test, other);
	lend_join(test, t);

	/* Freed memory of the driver does not make up for a page of another user. */
	pci_p2pmem_resume(card);
	KUNIT_EXPECT_EQ(test, revoke_state(card), P2PMEM_LIVE);
	other = lend_alloc(test, card, PAGE_SIZE);
	pci_p2pmem_lost(card);
	pci_p2pmem_free_own(card, queues, PAGE_SIZE + 1);
	if (late)
		pci_p2pmem_free_own(card, late, PAGE_SIZE);
	pci_p2pmem_resume(card);
	KUNIT_EXPECT_EQ(test, revoke_state(card), P2PMEM_LOST);
	lend_free(test, other);
	flush_workqueue(p2pmem_wq);
	KUNIT_EXPECT_EQ(test, revoke_state(card), P2PMEM_LIVE);
	KUNIT_EXPECT_EQ(test, lend_used(card), 0);
}

static void others_are_left_alone(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *nic = fabric_pdev(f, "nic");

	pci_p2pmem_revoke(nic);
	pci_p2pmem_lost(nic);
	pci_p2pmem_resume(nic);
	KUNIT_EXPECT_NULL(test, pci_p2pmem_alloc_own(nic, PAGE_SIZE));
	pci_p2pmem_set_published(nic, true);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(nic));
	KUNIT_EXPECT_TRUE(test, lend_is_removed(nic));
}

static struct kunit_case revoke_cases[] = {
	KUNIT_CASE(idle_provider_is_lost_at_once),
	KUNIT_CASE(draining_waits_and_maps_memory_in_use),
	KUNIT_CASE(last_reference_ends_the_wait),
	KUNIT_CASE(two_revocations_wait_both),
	KUNIT_CASE(late_waiter_ends_nothing),
	KUNIT_CASE(killed_revocation_returns),
	KUNIT_CASE(loss_does_not_wait),
	KUNIT_CASE(revocation_cancels_a_resume),
	KUNIT_CASE(unpublished_memory_resumes_in_silence),
	KUNIT_CASE(losses_follow_each_other),
	KUNIT_CASE(holders_are_revoked_and_then_evicted),
	KUNIT_CASE(clients_with_a_pair_are_notified),
	KUNIT_CASE(own_memory_is_not_waited_for),
	KUNIT_CASE(others_are_left_alone),
	{ }
};

static struct kunit_suite revoke_suite = {
	.name = "p2pmem-revoke",
	.test_cases = revoke_cases,
};

kunit_test_suite(revoke_suite);
