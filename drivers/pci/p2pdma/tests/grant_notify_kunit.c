// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: suite p2pmem-grant-notify: which callbacks of a grant run, and when
 *
 * Revoke runs once, when a revocation begins; evict runs after the wait, only for grants
 * that still have memory in use. A signal shortens the wait of 30 s here: a revocation is
 * killable. No callback runs after the grant's end.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>

#include "mapkit.h"

/*
 * All cases (mapkit_switch):
 *
 *	host -- rp -- up -+- dn0 -- card    lends BAR 2
 *	                  `- dn1 -- nic     client, in two grants of two orchestrators
 */
struct notified {
	struct pci_p2pmem_grant *grant;
	struct pci_dev *provider;
	struct scatterlist *sgl;
	struct work_struct free_later;
	int revoked;
	int evicted;
	bool ended;
};

static void notify_revoke(struct pci_p2pmem_grant *grant)
{
	struct notified *t = pci_p2pmem_grant_priv(grant);

	t->provider = pci_p2pmem_grant_provider(grant);
	WRITE_ONCE(t->revoked, t->revoked + 1);
}

static void notify_free_work(struct work_struct *work)
{
	struct notified *t = container_of(work, struct notified, free_later);

	if (t->sgl)
		pci_p2pmem_sgl_free(t->sgl);
	t->sgl = NULL;
}

static void notify_evict(struct pci_p2pmem_grant *grant)
{
	struct notified *t = pci_p2pmem_grant_priv(grant);

	t->evicted++;
	/* As an orchestrator does: it only queues work. */
	queue_work(system_unbound_wq, &t->free_later);
}

static const struct pci_p2pmem_grant_ops notify_ops = {
	.revoke = notify_revoke,
	.evict = notify_evict,
};

static const struct pci_p2pmem_grant_ops empty_ops = {};

static void notify_end(void *data)
{
	struct notified *t = data;

	flush_work(&t->free_later);
	if (t->sgl)
		pci_p2pmem_sgl_free(t->sgl);
	t->sgl = NULL;
	if (!t->ended)
		pci_p2pmem_grant_end(t->grant);
	t->ended = true;
	mapkit_settle();
}

static struct notified *notify_grant(struct kunit *test, struct mapkit *k,
				     const struct pci_p2pmem_grant_ops *ops)
{
	struct notified *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct pci_p2pmem_verdict why;

	KUNIT_ASSERT_NOT_NULL(test, t);
	INIT_WORK(&t->free_later, notify_free_work);
	t->grant = pci_p2pmem_grant_create(k->card, &k->nic, 1, KTIME_MAX, ops, t,
					   "kunit", &why);
	KUNIT_ASSERT_FALSE(test, IS_ERR(t->grant));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, notify_end, t));
	return t;
}

static void notify_alloc(struct kunit *test, struct notified *t, u32 length)
{
	unsigned int nents;

	t->provider = pci_p2pmem_grant_provider(t->grant);
	t->sgl = pci_p2pmem_grant_sgl_alloc(t->grant, &nents, length, GFP_KERNEL, NULL);
	if (IS_ERR(t->sgl)) {
		t->sgl = NULL;
		KUNIT_FAIL_AND_ABORT(test, "no memory under the grant");
	}
}

static void revoke_is_notified_once(struct kunit *test)
{
	struct notified *a, *b, *ended, *empty, *without;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_SAME);
	a = notify_grant(test, &k, &notify_ops);
	ended = notify_grant(test, &k, &notify_ops);
	empty = notify_grant(test, &k, &empty_ops);
	without = notify_grant(test, &k, NULL);
	b = notify_grant(test, &k, &notify_ops);
	pci_p2pmem_grant_end(ended->grant);
	ended->ended = true;

	pci_p2pmem_revoke(k.card);
	KUNIT_EXPECT_EQ(test, a->revoked, 1);
	KUNIT_EXPECT_EQ(test, b->revoked, 1);
	KUNIT_EXPECT_PTR_EQ(test, a->provider, k.card);
	KUNIT_EXPECT_EQ(test, ended->revoked, 0);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_grant_usable(a->grant));
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_grant_usable(empty->grant));
	/* Revoke again, and by a loss */
	pci_p2pmem_revoke(k.card);
	pci_p2pmem_lost(k.card);
	mapkit_settle();
	KUNIT_EXPECT_EQ(test, a->revoked, 1);

	/* After a resume, older grants stay unusable; their callbacks run at the next loss. */
	pci_p2pmem_resume(k.card);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(k.card));
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_grant_usable(a->grant));
	pci_p2pmem_revoke(k.card);
	KUNIT_EXPECT_EQ(test, a->revoked, 2);
	KUNIT_EXPECT_EQ(test, b->revoked, 2);
	KUNIT_EXPECT_EQ(test, ended->revoked, 0);
	/* No memory was in use */
	KUNIT_EXPECT_EQ(test, a->evicted + b->evicted + without->evicted, 0);
	mapkit_settle();
}

/* A grant from before a loss stays unusable after the resume, however short the loss was. */
static void grant_is_of_one_life(struct kunit *test)
{
	struct pci_p2pmem_grant *before, *after;
	enum pci_p2pmem_reason reason;
	struct scatterlist *sgl;
	unsigned int nents;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_SAME);
	before = mapkit_grant(test, &k);
	pci_p2pmem_lost(k.card);
	pci_p2pmem_resume(k.card);
	KUNIT_ASSERT_TRUE(test, p2pmem_is_live(kit_provider(k.card)));
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_grant_usable(before));
	sgl = pci_p2pmem_grant_sgl_alloc(before, &nents, SZ_4K, GFP_KERNEL, &reason);
	KUNIT_EXPECT_PTR_EQ(test, sgl, ERR_PTR(-ENODEV));
	KUNIT_EXPECT_EQ(test, reason, PCI_P2PMEM_REVOKED);
	KUNIT_EXPECT_EQ_MSG(test, p2pmem_bytes_in_use(kit_provider(k.card)), 0,
			    "its memory was not freed");
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_grant_idle(before));

	after = mapkit_grant(test, &k);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_grant_usable(after));
	sgl = pci_p2pmem_grant_sgl_alloc(after, &nents, SZ_4K, GFP_KERNEL, &reason);
	KUNIT_ASSERT_FALSE(test, IS_ERR(sgl));
	pci_p2pmem_sgl_free(sgl);
}

/* A loss is reported in any context: a work item calls the callbacks. */
static void loss_is_notified(struct kunit *test)
{
	struct mapkit k;
	struct notified *t;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_SAME);
	t = notify_grant(test, &k, &notify_ops);
	notify_alloc(test, t, SZ_64K);
	pci_p2pmem_lost(k.card);
	mapkit_settle();
	KUNIT_EXPECT_EQ(test, t->revoked, 1);
	KUNIT_EXPECT_EQ(test, t->evicted, 0);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_sgl_lost(t->sgl));
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_grant_idle(t->grant));
}

/* Only grants with memory in use are evicted, and only if they have not ended. */
static void evict_is_called_for_holders(struct kunit *test)
{
	struct notified *holds, *idle, *empty, *without, *ended;
	struct p2pmem_provider *p;
	unsigned int drain;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_SAME);
	p = kit_provider(k.card);
	holds = notify_grant(test, &k, &notify_ops);
	idle = notify_grant(test, &k, &notify_ops);
	empty = notify_grant(test, &k, &empty_ops);
	without = notify_grant(test, &k, NULL);
	ended = notify_grant(test, &k, &notify_ops);
	notify_alloc(test, holds, SZ_64K);
	notify_alloc(test, empty, SZ_64K);
	notify_alloc(test, without, SZ_64K);
	notify_alloc(test, ended, SZ_64K);
	pci_p2pmem_grant_end(ended->grant);
	ended->ended = true;

	p2pmem_grants_report(p);
	p2pmem_leave_live(p, P2PMEM_DRAINING, 0, &drain);
	p2pmem_grants_evict(p, drain);
	flush_work(&holds->free_later);
	KUNIT_EXPECT_EQ(test, holds->evicted, 1);
	KUNIT_EXPECT_NULL(test, holds->sgl);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_grant_idle(holds->grant));
	KUNIT_EXPECT_EQ(test, idle->evicted, 0);
	KUNIT_EXPECT_EQ(test, empty->evicted, 0);
	KUNIT_EXPECT_EQ(test, without->evicted, 0);
	KUNIT_EXPECT_EQ(test, ended->evicted, 0);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_grant_idle(empty->grant));
	KUNIT_EXPECT_EQ(test, holds->revoked, 0);
	/* It has no memory in use any more. */
	p2pmem_grants_evict(p, drain);
	KUNIT_EXPECT_EQ(test, holds->evicted, 1);
}

/*	card: live -- a drain, in which all memory is freed -- live -- the next drain	*/
static void late_eviction_is_none(struct kunit *test)
{
	unsigned int late, drain;
	struct p2pmem_provider *p;
	struct notified *holds;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_SAME);
	p = kit_provider(k.card);
	p2pmem_leave_live(p, P2PMEM_DRAINING, 0, &late);
	p2pmem_end_drain(p, late);
	pci_p2pmem_resume(k.card);
	KUNIT_ASSERT_TRUE(test, p2pmem_is_live(p));
	holds = notify_grant(test, &k, &notify_ops);
	notify_alloc(test, holds, SZ_64K);

	p2pmem_grants_evict(p, late);
	KUNIT_EXPECT_EQ_MSG(test, holds->evicted, 0, "the provider is live");
	p2pmem_leave_live(p, P2PMEM_DRAINING, 0, &drain);
	p2pmem_grants_evict(p, late);
	KUNIT_EXPECT_EQ_MSG(test, holds->evicted, 0, "its own drain has begun now");
	p2pmem_grants_evict(p, drain);
	flush_work(&holds->free_later);
	KUNIT_EXPECT_EQ(test, holds->evicted, 1);
}

/* Before a reset the machine runs, and an adapter may be sending from the memory. */
static void reset_evicts_and_suspend_does_not(struct kunit *test)
{
	struct notified *holds;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_SAME);
	holds = notify_grant(test, &k, &notify_ops);
	notify_alloc(test, holds, SZ_64K);
	k.card->dev.power.is_prepared = true;
	pci_p2pmem_suspend(k.card);
	k.card->dev.power.is_prepared = false;
	KUNIT_EXPECT_EQ_MSG(test, holds->evicted, 0, "the machine is being suspended");
	KUNIT_EXPECT_NOT_NULL(test, holds->sgl);
	notify_end(holds);
	pci_p2pmem_resume(k.card);
	KUNIT_ASSERT_TRUE(test, p2pmem_is_live(kit_provider(k.card)));

	holds = notify_grant(test, &k, &notify_ops);
	notify_alloc(test, holds, SZ_64K);
	pci_p2pmem_suspend(k.card);
	KUNIT_EXPECT_EQ(test, holds->evicted, 1);
	KUNIT_EXPECT_EQ_MSG(test, p2pmem_bytes_in_use(kit_provider(k.card)), 0,
			    "it did not wait for those that were evicted");
}

/* Memory that is freed in time is not evicted, and the revocation ends with it. */
static void holder_that_frees_in_time(struct kunit *test)
{
	struct mapkit_revoke *r;
	struct mapkit k;
	struct notified *t;
	int i;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_SAME);
	t = notify_grant(test, &k, &notify_ops);
	notify_alloc(test, t, SZ_64K);
	r = mapkit_revoke(test, k.card);
	for (i = 0; i < 10000 && !READ_ONCE(t->revoked); i++)
		usleep_range(1000, 2000);
	KUNIT_EXPECT_EQ(test, t->revoked, 1);
	KUNIT_EXPECT_FALSE(test, mapkit_revoked(r));
	pci_p2pmem_sgl_free(t->sgl);
	t->sgl = NULL;
	mapkit_revoke_join(test, r);
	KUNIT_EXPECT_EQ(test, t->revoked, 1);
	KUNIT_EXPECT_EQ(test, t->evicted, 0);
}

struct killed {
	struct pci_dev *provider;
	struct completion done;
};

/* Revokes after a fatal signal: every wait ends at once. */
static int killed_revoke(void *data)
{
	struct killed *c = data;

	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
	pci_p2pmem_revoke(c->provider);
	complete(&c->done);
	return 0;
}

/* A revocation whose wait has no success: revoke, evict, lost */
static void holder_is_evicted_after_the_wait(struct kunit *test)
{
	struct task_struct *task;
	struct killed *c;
	struct mapkit k;
	struct notified *t, *stubborn;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_SAME);
	t = notify_grant(test, &k, &notify_ops);
	stubborn = notify_grant(test, &k, &empty_ops);
	notify_alloc(test, t, SZ_64K);
	notify_alloc(test, stubborn, SZ_8K);

	/* Leaked if the thread does not end, which is the error to debug then. */
	c = kzalloc(sizeof(*c), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, c);
	c->provider = k.card;
	init_completion(&c->done);
	task = kthread_run(killed_revoke, c, "p2pmem-kunit");
	if (IS_ERR(task)) {
		kfree(c);
		KUNIT_FAIL_AND_ABORT(test, "no thread");
		return;
	}
	KUNIT_ASSERT_NE_MSG(test, 0UL, wait_for_completion_timeout(&c->done, 20 * HZ),
			    "a killed revocation still waits");
	kfree(c);

	flush_work(&t->free_later);
	KUNIT_EXPECT_EQ(test, t->revoked, 1);
	KUNIT_EXPECT_EQ(test, t->evicted, 1);
	KUNIT_EXPECT_EQ(test, kit_provider(k.card)->state, P2PMEM_LOST);
	/* Memory in use even then cannot be mapped any more, but can be freed. */
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_sgl_lost(stubborn->sgl));
	KUNIT_EXPECT_EQ(test, -ENODEV,
			pci_p2pmem_map_sg(k.nic, stubborn->sgl, 1, DMA_TO_DEVICE));
	KUNIT_EXPECT_FALSE(test, p2pmem_is_idle(kit_provider(k.card)));
	pci_p2pmem_sgl_free(stubborn->sgl);
	stubborn->sgl = NULL;
	KUNIT_EXPECT_TRUE(test, p2pmem_is_idle(kit_provider(k.card)));
}

static struct kunit_case grant_notify_cases[] = {
	KUNIT_CASE(revoke_is_notified_once),
	KUNIT_CASE(grant_is_of_one_life),
	KUNIT_CASE(loss_is_notified),
	KUNIT_CASE(evict_is_called_for_holders),
	KUNIT_CASE(late_eviction_is_none),
	KUNIT_CASE(reset_evicts_and_suspend_does_not),
	KUNIT_CASE(holder_that_frees_in_time),
	KUNIT_CASE(holder_is_evicted_after_the_wait),
	{ }
};

static struct kunit_suite grant_notify_suite = {
	.name = "p2pmem-grant-notify",
	.test_cases = grant_notify_cases,
};

kunit_test_suite(grant_notify_suite);
