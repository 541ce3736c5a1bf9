// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the self-test of a share before requests use it
 *
 * Floor 3.
 *
 * A work item proves both pairs of a share's grant by real DMA (pci_p2pmem_grant_verify()). It
 * needs the time of a few commands, or the timeout of a lost command. Until the test ends,
 * requests use system memory. The work is queued when a controller is created, which is before
 * its host connects a queue for I/O.
 *
 * A share has one test at a time, and all paths that need a test wait for it. The test uses the
 * drive of one namespace. Its result decides for the paths of that namespace. Paths of other
 * namespaces are re-evaluated: nearly always their pairs are proved by then, and need no test.
 *
 * Lifetimes, while a test runs without any lock:
 * - Each path that waits for the test holds a reference to it, and so does its work.
 * - The work keeps the block device open by a separate reference to the namespace's file. It
 *   does not hold the namespace: nvmet_ns_disable() runs under locks that every Connect of the
 *   target needs, and must not wait for a test. When the last path drops the test, the test is
 *   stopped; the drive stays open until the drive's part of the test ends.
 * - The work holds a reference to the grant. The last path may end the grant meanwhile (detach,
 *   exit of the controller, revocation): then the test cannot allocate more memory, ends soon,
 *   and its result is ignored. The work does not use path, controller, subsystem or share.
 * - Memory of the test is freed before the verify operation returns: the revocation of the
 *   provider waits for that, and for nothing else of the test.
 * - The test holds references to the two DMA devices. The core handles unbinding drivers.
 * - The rescan work handles the result, under subsys->lock. No test waits for that lock.
 * - Module exit destroys the workqueue after the last namespace is freed, and so waits for
 *   tests that are still running.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "p2pmem-priv.h"

/* Delay after an inconclusive test: initial and maximum value */
#define NVMET_P2PMEM_RETRY	(5 * HZ)
#define NVMET_P2PMEM_RETRY_MAX	(80 * HZ)

/**
 * struct nvmet_p2pmem_test - a test of the pairs of a share's grant
 * @work: runs the test
 * @ref: references: one of each path that waits for the test, one of the work
 * @users: number of paths that wait for the test; guarded by the share's lock
 * @ns: the namespace whose drive is tested, only compared because it may be freed. NULL after
 *	a path of this namespace has dropped the test; guarded by the share's lock
 * @grant: the grant under test; the work holds a reference, the share keeps it for the paths
 * @bdev_file: the drive, kept open until it has been tested
 * @client: DMA devices, referenced: drive and adapter, in this order
 * @ret: return value of pci_p2pmem_grant_verify() for each client
 * @why: verdict of pci_p2pmem_grant_verify() for each client
 * @stop: no path waits for the test any more
 * @done: the result is complete
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

/* Keeps the drive open; subsys->lock keeps the namespace enabled meanwhile. */
static void nvmet_p2pmem_test_open(struct nvmet_p2pmem_test *t, struct nvmet_ns *ns)
{
	t->bdev_file = get_file(ns->bdev_file);
}

static void nvmet_p2pmem_test_close(struct nvmet_p2pmem_test *t)
{
	fput(t->bdev_file);
}

static void nvmet_p2pmem_test_work(struct work_struct *work)
{
	struct nvmet_p2pmem_test *t = container_of(work, struct nvmet_p2pmem_test, work);

	t->ret[0] = nvmet_p2pmem_test_pair(t, 0, file_bdev(t->bdev_file));
	nvmet_p2pmem_test_close(t);
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
 * Return: true if nvmet_p2pmem_test_end() may be called.
 */
bool nvmet_p2pmem_test_done(struct nvmet_p2pmem_path *path)
{
	/* Pairs with nvmet_p2pmem_test_work(). */
	return smp_load_acquire(&path->test->done);
}

/**
 * nvmet_p2pmem_test_usable() - whether the grant under test is still usable
 * @path: path that has a test
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 * Return: false if the provider is leaving, or has left since the test began.
 */
bool nvmet_p2pmem_test_usable(struct nvmet_p2pmem_path *path)
{
	return pci_p2pmem_grant_usable(path->share->grant);
}

/**
 * nvmet_p2pmem_test_foreign() - whether a test used the drive of another namespace
 * @path: path whose test is done
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 * Return: true if the result does not decide for the namespace of @path.
 */
bool nvmet_p2pmem_test_foreign(struct nvmet_p2pmem_path *path)
{
	guard(mutex)(&path->share->lock);
	return path->test->ns != path->ns;
}

/* Prepare a test of a share with the drive of a path's namespace; the share's lock is held */
static bool nvmet_p2pmem_test_begin(struct nvmet_p2pmem_path *path, struct nvmet_p2pmem_test *t)
{
	struct nvmet_p2pmem_share *share = path->share;

	/* The path has joined the share, so the grant has not ended. */
	if (WARN_ON_ONCE(!pci_p2pmem_grant_tryget(share->grant)))
		return false;
	INIT_WORK(&t->work, nvmet_p2pmem_test_work);
	kref_init(&t->ref);	/* for the work */
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
 * If a test of the share is running already, the path waits for the running test.
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

	/* Enabling the namespace may still fail, which closes the drive. */
	if (!nvmet_p2pmem_is_enabled(path->ns))
		return -EAGAIN;
	/* Allocate before locking, even if not needed: the share's lock forbids it. */
	t = kzalloc(sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	/* Likewise, for a kernel that opens it. */
	nvmet_p2pmem_test_open(t, path->ns);
	scoped_guard(mutex, &share->lock) {
		/* Pairs with nvmet_p2pmem_test_work(). Not all paths have handled its result. */
		tested = share->test && smp_load_acquire(&share->test->done);
		if (!share->test || (tested && share->test->ns != path->ns))
			begun = nvmet_p2pmem_test_begin(path, t);
		path->test = share->test;
		if (path->test) {
			path->test->users++;
			kref_get(&path->test->ref);
		}
	}
	if (begun) {
		queue_work(nvmet_p2pmem_verify_wq, &t->work);
	} else {
		nvmet_p2pmem_test_close(t);
		kfree(t);
	}
	if (tested)
		nvmet_p2pmem_rescan(0);
	return path->test ? 0 : -EAGAIN;
}

/**
 * nvmet_p2pmem_test_drop() - end a path's wait for its test
 * @path: the path; may have no test
 *
 * Stops a test that no other path waits for, without waiting for its end.
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
		/* The namespace may be freed, and a new one may have the same address. */
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
 * Set @why to the reason of an inconclusive test if the provider had no free memory for it:
 * then a remedy that concerns self-tests does not help.
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

/* Whether the core has stored the results of a test, so that it need not be repeated */
static bool nvmet_p2pmem_test_known(struct nvmet_p2pmem_test *t)
{
	struct pci_p2pmem_verdict v;
	int i;

	for (i = 0; i < NVMET_P2PMEM_PAIRS; i++) {
		pci_p2pmem_verdict(pci_p2pmem_grant_provider(t->grant), t->client[i], 0, &v);
		if (v.proof == PCI_P2PMEM_UNTRIED)
			return false;
	}
	return true;
}

/**
 * nvmet_p2pmem_test_again() - schedule the next test after an inconclusive one
 * @path: path whose test was inconclusive
 *
 * The pool was full, the drive or the provider was in reset, or memory was short. These causes
 * are temporary, but until a test succeeds the path is not proved. The delay grows, because
 * each test may reset the drive.
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
 * nvmet_p2pmem_test_end() - handle the result of a path's test
 * @path: path whose test is done; it has no test afterwards
 * @o: as for nvmet_p2pmem_rule(); its @state becomes NVMET_P2PMEM_SYSTEM if the test was
 *	conclusive and the mode refuses its result
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 * Return: the grant if the path may use it; else NULL, and the path has left its share. With
 * NULL and @o->why.reason PCI_P2PMEM_OK, this provider is refused and another one may be tried.
 */
struct pci_p2pmem_grant *nvmet_p2pmem_test_end(struct nvmet_p2pmem_path *path,
					       struct nvmet_p2pmem_outcome *o)
{
	struct nvmet_p2pmem_test *t = path->test;
	enum nvmet_p2pmem_ruling ruling = NVMET_P2PMEM_REFUSE;
	int i, ret = 0;

	for (i = 0; i < NVMET_P2PMEM_PAIRS && (!ret || ret == -EAGAIN); i++)
		ret = t->ret[i] ?: ret;
	switch (ret) {
	case 0:
		ruling = nvmet_p2pmem_rule(path, t->why, o);
		/* The core ranks a provider with a stored result last. */
		if (nvmet_p2pmem_test_known(t)) {
			o->why.reason = PCI_P2PMEM_OK;
		} else if (ruling == NVMET_P2PMEM_REFUSE) {
			o->state = NVMET_P2PMEM_SYSTEM;
			nvmet_p2pmem_test_again(path);
		}
		break;
	case -EAGAIN:
		/* Sets @o->why to the pair that is not proved. */
		nvmet_p2pmem_rule(path, t->why, o);
		nvmet_p2pmem_test_short(t, &o->why);
		nvmet_p2pmem_test_again(path);
		break;
	case -ENOMEM:
	case -EINTR:
		o->why.reason = PCI_P2PMEM_NOT_VERIFIED;
		nvmet_p2pmem_test_again(path);
		break;
	case -ENODEV:
		nvmet_p2pmem_test_again(path);
		fallthrough;
	default:
		/* Wrong data, or the provider is leaving: try another provider. */
		o->why.reason = PCI_P2PMEM_OK;
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
 * nvmet_p2pmem_test_exit() - wait for self-tests and destroy their workqueue
 *
 * Context: Module exit; no path is left.
 */
void nvmet_p2pmem_test_exit(void)
{
	destroy_workqueue(nvmet_p2pmem_verify_wq);
}
