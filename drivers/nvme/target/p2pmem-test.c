// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the self-test of a share before requests use it
 *
 * Proves both pairs of a share's grant by real DMA (pci_p2pmem_grant_verify()), in a work item:
 * it takes as long as a few commands do, or the time limit of a lost one. Until then requests
 * use system memory. The work is queued when a controller is created, which is before its host
 * connects a queue for I/O.
 *
 * Of a share one test runs at a time, and all paths that need one wait for it. It is of one
 * namespace. Its result decides for the paths of that namespace. Those of others are judged
 * again: nearly always the pairs are proved then, and no further test is needed.
 *
 * Who holds what, while a test runs without any lock:
 * - The test has a reference from each path that waits for it and one from its work.
 * - The work keeps the block device open by a reference of its own to the namespace's file.
 *   It does not hold the namespace: nvmet_ns_disable() runs under locks that every Connect of
 *   the target needs, and must not wait for a test. The last path that gives up the test tells
 *   it to stop; the drive stays open until its own part of the test is over.
 * - The work holds the grant. The last path may end it meanwhile (detach, exit of the
 *   controller, revocation): then the test gets no more memory and ends soon, and its
 *   result is ignored. It does not touch path, controller, subsystem or share.
 * - Memory of the test is freed before the verify operation returns: the revocation of the
 *   provider waits for that, and for nothing else of the test.
 * - The two DMA devices are held by reference. If their drivers unbind, the core handles that.
 * - The work that examines paths handles the result, under subsys->lock. No test waits for
 *   that lock.
 * - Module exit destroys the workqueue, which waits, after the last namespace has gone.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "p2pmem-priv.h"

/* Delay of the next test after one that showed nothing: at first, and at most */
#define NVMET_P2PMEM_RETRY	(5 * HZ)
#define NVMET_P2PMEM_RETRY_MAX	(80 * HZ)

/**
 * struct nvmet_p2pmem_test - a test of the pairs of a share's grant
 * @work: runs it
 * @ref: one of each path that waits for it, one of the work
 * @users: how many paths that are; guarded by the share's lock
 * @ns: the namespace whose drive is tested, for comparison only: it may be gone. NULL once a
 *	path of it has given up the test; guarded by the share's lock
 * @grant: what is tested, referenced by the work; the share keeps it for the paths
 * @bdev_file: the drive, kept open until it has been tested
 * @client: DMA devices, referenced: drive and adapter, in this order
 * @ret: what pci_p2pmem_grant_verify() returned for each
 * @why: and what it said
 * @stop: no path waits for it any more
 * @done: all of the result is there
 */
struct nvmet_p2pmem_test {
	struct work_struct work;
	struct kref ref;
	unsigned int users;
	struct nvmet_ns *ns;
	struct pci_p2pmem_grant *grant;
	struct file *bdev_file;
	struct device *client[NVMET_P2PMEM_PAIRS];
	int ret[NVMET_P2PMEM_PAIRS];
	struct pci_p2pmem_verdict why[NVMET_P2PMEM_PAIRS];
	bool stop;
	bool done;
};

static struct workqueue_struct *nvmet_p2pmem_verify_wq;

static void nvmet_p2pmem_test_free(struct kref *ref)
{
	struct nvmet_p2pmem_test *t = container_of(ref, struct nvmet_p2pmem_test, ref);
	int i;

	for (i = 0; i < NVMET_P2PMEM_PAIRS; i++)
		put_device(t->client[i]);
	kfree(t);
}

static void nvmet_p2pmem_test_put(struct nvmet_p2pmem_test *t)
{
	kref_put(&t->ref, nvmet_p2pmem_test_free);
}

static int nvmet_p2pmem_test_pair(struct nvmet_p2pmem_test *t, int i, void *what)
{
	if (READ_ONCE(t->stop))
		return -EINTR;
	return pci_p2pmem_grant_verify(t->grant, t->client[i], what, &t->why[i]);
}

static void nvmet_p2pmem_test_work(struct work_struct *work)
{
	struct nvmet_p2pmem_test *t = container_of(work, struct nvmet_p2pmem_test, work);

	t->ret[0] = nvmet_p2pmem_test_pair(t, 0, file_bdev(t->bdev_file));
	fput(t->bdev_file);
	/* If the first pair cannot be used, the second one does not matter. */
	if (!t->ret[0] || t->ret[0] == -EAGAIN)
		t->ret[1] = nvmet_p2pmem_test_pair(t, 1, NULL);
	pci_p2pmem_grant_put(t->grant);

	/* Pairs with nvmet_p2pmem_test_done(). */
	smp_store_release(&t->done, true);
	nvmet_p2pmem_rescan(0);
	nvmet_p2pmem_test_put(t);
}

/**
 * nvmet_p2pmem_test_done() - whether the test of a path has a result
 * @path: path that has a test
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 * Return: true when nvmet_p2pmem_test_end() can say it.
 */
bool nvmet_p2pmem_test_done(struct nvmet_p2pmem_path *path)
{
	/* Pairs with nvmet_p2pmem_test_work(). */
	return smp_load_acquire(&path->test->done);
}

/**
 * nvmet_p2pmem_test_usable() - whether it makes sense to wait for a test
 * @path: path that has a test
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 * Return: false when the provider goes, or has gone since the test began.
 */
bool nvmet_p2pmem_test_usable(struct nvmet_p2pmem_path *path)
{
	return pci_p2pmem_grant_usable(path->share->grant);
}

/**
 * nvmet_p2pmem_test_foreign() - whether a test says nothing of a path's namespace
 * @path: path whose test is done
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 * Return: true if the drive was tested with another namespace.
 */
bool nvmet_p2pmem_test_foreign(struct nvmet_p2pmem_path *path)
{
	guard(mutex)(&path->share->lock);
	return path->test->ns != path->ns;
}

/* Begin a test of a share with the drive of a path's namespace; the share's lock is held */
static bool nvmet_p2pmem_test_begin(struct nvmet_p2pmem_path *path, struct nvmet_p2pmem_test *t)
{
	struct nvmet_p2pmem_share *share = path->share;

	/* The path has joined the share, so the grant has not ended. */
	if (WARN_ON_ONCE(!pci_p2pmem_grant_tryget(share->grant)))
		return false;
	INIT_WORK(&t->work, nvmet_p2pmem_test_work);
	kref_init(&t->ref);	/* for the work */
	/* The namespace is enabled, and subsys->lock keeps it so: its drive is open. */
	t->bdev_file = get_file(path->ns->bdev_file);
	t->ns = path->ns;
	t->grant = share->grant;
	t->client[0] = get_device(share->drive);
	t->client[1] = get_device(share->adapter);
	share->test = t;
	return true;
}

/**
 * nvmet_p2pmem_test_start() - start a self-test of a path's share
 * @path: the path
 *
 * If a test of the share runs already, the path waits for that one.
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 * Return: 0; -EAGAIN while the namespace is being enabled, -ENOMEM.
 */
int nvmet_p2pmem_test_start(struct nvmet_p2pmem_path *path)
{
	struct nvmet_p2pmem_share *share = path->share;
	struct nvmet_p2pmem_test *t;
	bool begun = false, tested;

	lockdep_assert_held(&path->ctrl->subsys->lock);

	/* It may still fail to be enabled, and is closed then. */
	if (!path->ns->enabled)
		return -EAGAIN;
	/* Not under the share's lock, even if it will not be needed: see p2pmem-share.c */
	t = kzalloc(sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	scoped_guard(mutex, &share->lock) {
		/* Pairs with nvmet_p2pmem_test_work(). A result that not all have seen is new. */
		tested = share->test && smp_load_acquire(&share->test->done);
		if (!share->test || (tested && share->test->ns != path->ns))
			begun = nvmet_p2pmem_test_begin(path, t);
		path->test = share->test;
		if (path->test) {
			path->test->users++;
			kref_get(&path->test->ref);
		}
	}
	if (begun)
		queue_work(nvmet_p2pmem_verify_wq, &t->work);
	else
		kfree(t);
	if (tested)
		nvmet_p2pmem_rescan(0);
	return path->test ? 0 : -EAGAIN;
}

/**
 * nvmet_p2pmem_test_drop() - a path no longer waits for a test
 * @path: the path; one without a test is fine
 *
 * Tells a test that no path waits for to stop, and does not wait.
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 */
void nvmet_p2pmem_test_drop(struct nvmet_p2pmem_path *path)
{
	struct nvmet_p2pmem_test *t = path->test;

	if (!t)
		return;
	path->test = NULL;
	scoped_guard(mutex, &path->share->lock) {
		/* The namespace may be freed, and its address used for a new one. */
		if (t->ns == path->ns && !READ_ONCE(t->done))
			t->ns = NULL;
		if (!--t->users) {
			WRITE_ONCE(t->stop, true);
			if (path->share->test == t)
				path->share->test = NULL;
		}
	}
	nvmet_p2pmem_test_put(t);
}

/*
 * Why a test could show nothing: where it had no memory of the provider, nothing that the
 * administrator does about tests helps.
 */
static void nvmet_p2pmem_test_short(struct nvmet_p2pmem_test *t, struct pci_p2pmem_verdict *why)
{
	enum pci_p2pmem_reason reason;
	struct scatterlist *sgl;
	unsigned int nents;

	sgl = pci_p2pmem_grant_sgl_alloc(t->grant, &nents, PAGE_SIZE, GFP_KERNEL, &reason);
	if (!IS_ERR(sgl)) {
		pci_p2pmem_sgl_free(sgl);
		return;
	}
	if (nvmet_p2pmem_is_short(reason)) {
		why->reason = reason;
		why->note[0] = '\0';
	}
}

/* Whether the core remembers what a test has shown, so that another one is not needed */
static bool nvmet_p2pmem_test_known(struct nvmet_p2pmem_test *t)
{
	struct pci_p2pmem_verdict v;
	int i;

	for (i = 0; i < NVMET_P2PMEM_PAIRS; i++) {
		pci_p2pmem_verdict(pci_p2pmem_grant_provider(t->grant), t->client[i], &v);
		if (v.proof == PCI_P2PMEM_UNTRIED)
			return false;
	}
	return true;
}

/**
 * nvmet_p2pmem_test_again() - test later
 * @path: path that has a test, which could not show anything this time
 *
 * The pool was full, the drive or the provider in a reset, memory short. That passes; but until
 * it has, nobody knows that the path is right. What makes a drive reset each time is not
 * done often.
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 */
void nvmet_p2pmem_test_again(struct nvmet_p2pmem_path *path)
{
	u64 address = nvmet_p2pmem_address(path->share->grant);
	unsigned long delay;

	if (path->tried != address)
		path->tries = 0;
	path->tried = address;
	delay = min(NVMET_P2PMEM_RETRY << min(path->tries, 8U),
		    (unsigned long)NVMET_P2PMEM_RETRY_MAX);
	path->tries++;
	path->retry = jiffies + delay;
	nvmet_p2pmem_rescan(delay);
}

/**
 * nvmet_p2pmem_test_end() - what has become of a test
 * @path: path with a test that is done; it has none afterwards
 * @why: returns why the path must not be used
 * @state: returns NVMET_P2PMEM_SYSTEM when the test was answered and the mode refuses the
 *	answer; else unchanged
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 * Return: the grant, which the path may use; or NULL, and the path has left its share. When
 * @why->reason is PCI_P2PMEM_OK then, this provider will not do, and another one may be
 * looked for.
 */
struct pci_p2pmem_grant *nvmet_p2pmem_test_end(struct nvmet_p2pmem_path *path,
					       struct pci_p2pmem_verdict *why,
					       enum nvmet_p2pmem_state *state)
{
	struct nvmet_p2pmem_test *t = path->test;
	enum nvmet_p2pmem_ruling ruling = NVMET_P2PMEM_REFUSE;
	int i, ret = 0;

	for (i = 0; i < NVMET_P2PMEM_PAIRS && (!ret || ret == -EAGAIN); i++)
		ret = t->ret[i] ?: ret;
	switch (ret) {
	case 0:
		ruling = nvmet_p2pmem_rule(path, t->why, why);
		/* It is known now, and goes last when the best provider is looked for. */
		if (nvmet_p2pmem_test_known(t)) {
			why->reason = PCI_P2PMEM_OK;
		} else if (ruling == NVMET_P2PMEM_REFUSE) {
			*state = NVMET_P2PMEM_SYSTEM;
			nvmet_p2pmem_test_again(path);
		}
		break;
	case -EAGAIN:
		/* Says which of the two it is */
		nvmet_p2pmem_rule(path, t->why, why);
		nvmet_p2pmem_test_short(t, why);
		nvmet_p2pmem_test_again(path);
		break;
	case -ENOMEM:
	case -EINTR:
		why->reason = PCI_P2PMEM_NOT_VERIFIED;
		nvmet_p2pmem_test_again(path);
		break;
	case -ENODEV:
		nvmet_p2pmem_test_again(path);
		fallthrough;
	default:
		/* Wrong data, or the provider goes: there may be another one. */
		why->reason = PCI_P2PMEM_OK;
	}
	nvmet_p2pmem_test_drop(path);
	if (ruling == NVMET_P2PMEM_USE)
		return path->share->grant;
	nvmet_p2pmem_share_leave(path);
	return NULL;
}

/**
 * nvmet_p2pmem_test_init() - create the workqueue of self-tests
 *
 * Context: Module init.
 * Return: 0 or -ENOMEM.
 */
int nvmet_p2pmem_test_init(void)
{
	nvmet_p2pmem_verify_wq = alloc_workqueue("nvmet-p2pmem-verify", WQ_UNBOUND, 0);
	return nvmet_p2pmem_verify_wq ? 0 : -ENOMEM;
}

/**
 * nvmet_p2pmem_test_exit() - wait for the last self-test
 *
 * Context: Module exit, no path is left.
 */
void nvmet_p2pmem_test_exit(void)
{
	destroy_workqueue(nvmet_p2pmem_verify_wq);
}
