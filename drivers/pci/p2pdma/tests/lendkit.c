// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: shared by the suites about providers
 *
 * See lendkit.h. If a test fails, actions free its memory before its hierarchy is
 * removed, because the removal would wait for the memory.
 */
#include <linux/io.h>
#include <linux/kernfs.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "lendkit.h"

static void lend_free_action(void *arg)
{
	struct lend_hold *hold = arg;

	pci_p2pmem_free(hold->addr, hold->size);
}

struct lend_hold *lend_alloc(struct kunit *test, struct pci_dev *pdev, size_t size)
{
	struct lend_hold *hold = kunit_kzalloc(test, sizeof(*hold), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, hold);
	hold->pdev = pdev;
	hold->size = size;
	hold->addr = pci_p2pmem_alloc(pdev, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL_MSG(test, hold->addr, "cannot allocate %zu bytes", size);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, lend_free_action, hold));
	return hold;
}

void lend_free(struct kunit *test, struct lend_hold *hold)
{
	kunit_release_action(test, lend_free_action, hold);
}

static void lend_unref_action(void *page)
{
	put_page(page);
}

struct page *lend_ref(struct kunit *test, struct lend_hold *hold, size_t at)
{
	struct page *page = virt_to_page(hold->addr + at);

	get_page(page);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, lend_unref_action, page));
	return page;
}

void lend_unref(struct kunit *test, struct page *page)
{
	kunit_release_action(test, lend_unref_action, page);
}

size_t lend_used(struct pci_dev *pdev)
{
	struct p2pmem_provider *p;

	guard(rcu)();
	p = p2pmem_find(pdev);
	return p ? p2pmem_pool_size(p->pool) - p2pmem_pool_available(p->pool) : 0;
}

size_t lend_size(struct pci_dev *pdev)
{
	struct p2pmem_provider *p;

	guard(rcu)();
	p = p2pmem_find(pdev);
	return p ? p2pmem_pool_size(p->pool) : 0;
}

bool lend_has_group(struct pci_dev *pdev)
{
	struct kernfs_node *dir = kernfs_find_and_get(pdev->dev.kobj.sd, "p2pmem");

	kernfs_put(dir);
	return dir;
}

long lend_sysfs(struct pci_dev *pdev, const char *file)
{
	struct kernfs_node *dir = kernfs_find_and_get(pdev->dev.kobj.sd, "p2pmem");
	struct kernfs_node *kn = dir ? kernfs_find_and_get(dir, file) : NULL;
	struct device_attribute *attr;
	char *page;
	long v = -1;

	page = (char *)get_zeroed_page(GFP_KERNEL);
	if (kn && page) {
		attr = container_of((struct attribute *)kn->priv, struct device_attribute, attr);
		attr->show(&pdev->dev, attr, page);
		if (kstrtol(page, 10, &v))
			v = -1;
	}
	free_page((unsigned long)page);
	kernfs_put(kn);
	kernfs_put(dir);
	return v;
}

int lend_sysfs_write(struct pci_dev *pdev, struct pci_dev *whose, const char *file,
		     const char *text)
{
	struct kernfs_node *dir = kernfs_find_and_get(whose->dev.kobj.sd, "p2pmem");
	struct kernfs_node *kn = dir ? kernfs_find_and_get(dir, file) : NULL;
	struct device_attribute *attr;
	int ret = -ENOENT;

	if (kn) {
		attr = container_of((struct attribute *)kn->priv, struct device_attribute, attr);
		ret = attr->store(&pdev->dev, attr, text, strlen(text));
	}
	kernfs_put(kn);
	kernfs_put(dir);
	return ret;
}

bool lend_is_removed(struct pci_dev *pdev)
{
	struct p2pmem_provider *p = p2pmem_provider_get(pdev);

	if (p)
		p2pmem_provider_put(p);
	return !p && !lend_has_group(pdev);
}

void lend_fill(struct kunit *test, void *addr, size_t size, u8 byte)
{
	memset_io((void __iomem __force *)addr, byte, size);
	if (byte && lend_differing(addr, size, byte))
		kunit_skip(test, "no RAM behind the BARs: boot with mem= below the machine's");
}

size_t lend_differing(void *addr, size_t size, u8 byte)
{
	size_t at, n = 0;

	for (at = 0; at < size; at += sizeof(u64))
		n += readq((void __iomem __force *)(addr + at)) != byte * 0x0101010101010101ULL;
	return n;
}

static int lend_task_fn(void *arg)
{
	struct lend_task *t = arg;

	t->fn(t->arg);
	complete_all(&t->over);
	return 0;
}

static void lend_task_action(void *arg)
{
	struct lend_task *t = arg;

	wait_for_completion(&t->over);
	kthread_stop(t->task);
	put_task_struct(t->task);
}

/* The action waits for the task, so the structure may be allocated for the test. */
struct lend_task *lend_start(struct kunit *test, void (*fn)(void *arg), void *arg)
{
	struct lend_task *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->fn = fn;
	t->arg = arg;
	init_completion(&t->over);
	t->task = kthread_create(lend_task_fn, t, "p2pmem-kunit");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->task);
	get_task_struct(t->task);
	wake_up_process(t->task);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, lend_task_action, t));
	return t;
}

bool lend_is_over(struct lend_task *t)
{
	return completion_done(&t->over);
}

void lend_join(struct kunit *test, struct lend_task *t)
{
	KUNIT_ASSERT_NE_MSG(test, wait_for_completion_timeout(&t->over, LEND_SECONDS * HZ), 0,
			    "a task did not end");
}

void lend_revoke(void *pdev)
{
	pci_p2pmem_revoke(pdev);
}

void lend_die(void)
{
	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
}

void lend_live(void)
{
	flush_signals(current);
	disallow_signal(SIGKILL);
}

static int lend_notifier_call(struct notifier_block *nb, unsigned long event, void *data)
{
	struct lend_events *news = container_of(nb, struct lend_events, nb);

	WRITE_ONCE(news->last, data);
	if (event == PCI_P2PMEM_EVENT_PROVIDER)
		atomic_inc(&news->providers);
	else if (event == PCI_P2PMEM_EVENT_CLIENT)
		atomic_inc(&news->clients);
	else if (event == PCI_P2PMEM_EVENT_VERDICT)
		atomic_inc(&news->policies);
	return NOTIFY_OK;
}

static void lend_unlisten_action(void *nb)
{
	pci_p2pmem_unregister_notifier(nb);
}

struct lend_events *lend_listen(struct kunit *test)
{
	struct lend_events *news = kunit_kzalloc(test, sizeof(*news), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, news);
	news->nb.notifier_call = lend_notifier_call;
	/* drop the events of creating the fabric */
	flush_workqueue(p2pmem_wq);
	KUNIT_ASSERT_EQ(test, 0, pci_p2pmem_register_notifier(&news->nb));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, lend_unlisten_action, &news->nb));
	return news;
}
