// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: suite p2pmem-event: uevents, and the workqueue that sends them
 *
 * A work item sends the uevents of a provider, so they are read where the driver core calls the
 * type of the device to add variables: in the task that sends them. The provider is the card of
 * kit_one_switch.
 */
#include <kunit/static_stub.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/kobject.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "lendkit.h"
#include "logged.h"

#define EVENT_WORD	"P2PMEM_EVENT="

/**
 * struct events - uevents of a function
 * @was: its own type
 * @pdev: the function
 * @nr: how many there were with a word of ours
 * @last: the last word
 */
static struct events {
	const struct device_type *was;
	struct pci_dev *pdev;
	atomic_t nr;
	char last[16];
} events;

static int event_sent(const struct device *dev, struct kobj_uevent_env *env)
{
	int i;

	for (i = 0; i < env->envp_idx; i++) {
		if (!str_has_prefix(env->envp[i], EVENT_WORD))
			continue;
		strscpy(events.last, env->envp[i] + strlen(EVENT_WORD));
		atomic_inc(&events.nr);
	}
	return 0;
}

static const struct device_type event_type = {
	.uevent = event_sent,
};

static void event_end(void *unused)
{
	flush_workqueue(p2pmem_wq);
	events.pdev->dev.type = events.was;
	pci_dev_put(events.pdev);
}

/* Counts uevents of @pdev until the test ends. */
static void event_begin(struct kunit *test, struct pci_dev *pdev)
{
	events.pdev = pci_dev_get(pdev);
	events.was = pdev->dev.type;
	atomic_set(&events.nr, 0);
	pdev->dev.type = &event_type;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, event_end, NULL), 0);
}

static int event_no_room(struct p2pmem_pool *pool, void *addr, size_t size, int node)
{
	return -ENOMEM;
}

/* Memory that was never lent is not revoked; afterwards each change has its event. */
static void failed_registration_sends_no_event(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = fabric_pdev(f, "card");

	event_begin(test, card);
	kunit_activate_static_stub(test, p2pmem_pool_add, event_no_room);
	KUNIT_EXPECT_EQ(test, kit_add(test, f, "card", 2, 0, 0, PCI_P2PMEM_POOL), -ENOMEM);
	kunit_deactivate_static_stub(test, p2pmem_pool_add);
	flush_workqueue(p2pmem_wq);
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&events.nr), 0, "event '%s'", events.last);

	kit_lend(test, f, "card");
	flush_workqueue(p2pmem_wq);
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&events.nr), 0, "event '%s'", events.last);
	pci_p2pmem_revoke(card);
	flush_workqueue(p2pmem_wq);
	KUNIT_EXPECT_EQ(test, atomic_read(&events.nr), 1);
	KUNIT_EXPECT_STREQ(test, events.last, "revoked");
	pci_p2pmem_resume(card);
	flush_workqueue(p2pmem_wq);
	KUNIT_EXPECT_EQ(test, atomic_read(&events.nr), 2);
	KUNIT_EXPECT_STREQ(test, events.last, "resumed");
	pci_p2pmem_lost(card);
	flush_workqueue(p2pmem_wq);
	KUNIT_EXPECT_EQ(test, atomic_read(&events.nr), 3);
	KUNIT_EXPECT_STREQ(test, events.last, "lost");
}

/**
 * struct event_wait - work of a user, in the path of memory reclaim, that waits for ours
 * @wait: the user's work
 * @ours: work of our queue that runs meanwhile
 * @waiting: @wait is about to wait
 */
struct event_wait {
	struct work_struct wait;
	struct work_struct ours;
	struct completion waiting;
};

static void event_ours(struct work_struct *work)
{
	struct event_wait *w = container_of(work, struct event_wait, ours);

	wait_for_completion_timeout(&w->waiting, LEND_SECONDS * HZ);
	/* @wait finds this work running, unless the machine is very busy. */
	msleep(100);
}

static void event_wait(struct work_struct *work)
{
	struct event_wait *w = container_of(work, struct event_wait, wait);

	complete(&w->waiting);
	flush_work(&w->ours);
}

/*
 * Work that is done even when memory is short, as a drive's reset, may wait for our work. The
 * kernel warns if that has no such promise.
 */
static void work_is_done_when_memory_is_short(struct kunit *test)
{
	struct logged *warned = logged_begin(test, "is flushing !WQ_MEM_RECLAIM");
	struct workqueue_struct *wq;
	struct event_wait w;

	wq = alloc_workqueue("p2pmem-kunit", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	KUNIT_ASSERT_NOT_NULL(test, wq);
	init_completion(&w.waiting);
	INIT_WORK_ONSTACK(&w.wait, event_wait);
	INIT_WORK_ONSTACK(&w.ours, event_ours);
	queue_work(p2pmem_wq, &w.ours);
	queue_work(wq, &w.wait);
	flush_work(&w.wait);
	flush_work(&w.ours);
	destroy_work_on_stack(&w.ours);
	destroy_work_on_stack(&w.wait);
	destroy_workqueue(wq);
	KUNIT_EXPECT_STREQ(test, logged_line(warned, 0), "");
}

static struct kunit_case event_cases[] = {
	KUNIT_CASE(failed_registration_sends_no_event),
	KUNIT_CASE(work_is_done_when_memory_is_short),
	{ }
};

static struct kunit_suite event_suite = {
	.name = "p2pmem-event",
	.test_cases = event_cases,
};

kunit_test_suite(event_suite);
