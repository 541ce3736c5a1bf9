// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the self-test of a path before requests use it
 *
 * A grant says that drive and adapter should reach the provider. Before requests get
 * memory under it, both pairs are proved by real DMA (pci_p2pmem_grant_verify()), in a work
 * item: it takes as long as a few commands do, or the time limit of a lost one. Until then
 * requests use system memory. The work is queued when a controller is created, which is
 * before its host connects a queue for I/O. A pair that was proved since it last changed
 * is not tested again: the grant is used at once.
 *
 * What is done with the answer the namespace's attribute p2pmem_verify says, see
 * nvmet_p2pmem_rule(). A path that is not used has a reason, like any other.
 *
 * Who keeps what, while a test runs without any lock:
 * - The test has a reference from its path and one from its work.
 * - The work keeps the block device open by a reference of its own to the namespace's file.
 *   It does not hold the namespace: nvmet_ns_disable() runs under locks that every Connect of
 *   the target needs, and must not wait for a test. Detaching ends the grant, which tells
 *   the test to stop; the drive stays open until it has.
 * - The work holds the grant. The path may end it meanwhile (detach, exit of the
 *   controller, revocation): then the test gets no more memory and ends soon, and its
 *   result is not looked at. It does not touch path, controller or subsystem.
 * - Memory of the test is given back before the verify operation returns: a provider that
 *   is revoked waits for that, and for nothing else of the test.
 * - The two DMA devices are held by reference. That their drivers go is the core's business.
 * - The result goes back through the work that looks at all paths, under subsys->lock. So
 *   a path sees a test of its own only, and no test waits for that lock.
 * - Module exit destroys the workqueue, which waits, after the last namespace has gone.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "p2pmem-priv.h"

#define NVMET_P2PMEM_PAIRS	2	/* drive and adapter, in this order */
/* Until what may be otherwise in a moment is tested again, and at most, after several times */
#define NVMET_P2PMEM_RETRY	(5 * HZ)
#define NVMET_P2PMEM_RETRY_MAX	(80 * HZ)

/**
 * struct nvmet_p2pmem_test - a test of the pairs of a grant
 * @work: runs it
 * @ref: one of the path, one of the work
 * @grant: what is tested; ended by the path, kept by the work
 * @bdev_file: the drive, kept open while the work runs
 * @client: DMA devices, referenced
 * @ret: what pci_p2pmem_grant_verify() returned for each
 * @why: and what it said
 * @done: all of that is there
 */
struct nvmet_p2pmem_test {
	struct work_struct work;
	struct kref ref;
	struct pci_p2pmem_grant *grant;
	struct file *bdev_file;
	struct device *client[NVMET_P2PMEM_PAIRS];
	int ret[NVMET_P2PMEM_PAIRS];
	struct pci_p2pmem_verdict why[NVMET_P2PMEM_PAIRS];
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

static void nvmet_p2pmem_test_work(struct work_struct *work)
{
	struct nvmet_p2pmem_test *t = container_of(work, struct nvmet_p2pmem_test, work);
	int i;

	for (i = 0; i < NVMET_P2PMEM_PAIRS; i++) {
		t->ret[i] = pci_p2pmem_grant_verify(t->grant, t->client[i],
						    i ? NULL : file_bdev(t->bdev_file), &t->why[i]);
		/* One that cannot be used is enough to know. */
		if (t->ret[i] && t->ret[i] != -EAGAIN)
			break;
	}
	pci_p2pmem_grant_put(t->grant);
	fput(t->bdev_file);

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
	return pci_p2pmem_grant_usable(path->test->grant);
}

/**
 * nvmet_p2pmem_test_start() - have the pairs of a grant tested
 * @path: the path
 * @grant: the grant; the path's test has it from now on
 * @drive: DMA device of the drive
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 * Return: 0; -EAGAIN while the namespace is being enabled, -ENOMEM; the caller has
 * @grant then.
 */
int nvmet_p2pmem_test_start(struct nvmet_p2pmem_path *path, struct pci_p2pmem_grant *grant,
			    struct device *drive)
{
	struct nvmet_p2pmem_test *t;

	lockdep_assert_held(&path->ctrl->subsys->lock);

	/* It may still fail to be enabled, and is closed then. */
	if (!path->ns->enabled)
		return -EAGAIN;
	t = kzalloc(sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	/* The grant has not ended. */
	if (WARN_ON_ONCE(!pci_p2pmem_grant_tryget(grant))) {
		kfree(t);
		return -EAGAIN;
	}

	INIT_WORK(&t->work, nvmet_p2pmem_test_work);
	kref_init(&t->ref);
	kref_get(&t->ref);	/* for the work */
	/* The namespace is enabled, and the lock keeps it so: its drive is open. */
	t->bdev_file = get_file(path->ns->bdev_file);
	t->grant = grant;
	t->client[0] = get_device(drive);
	t->client[1] = get_device(path->ctrl->p2p_client);
	path->test = t;
	queue_work(nvmet_p2pmem_verify_wq, &t->work);
	return 0;
}

/**
 * nvmet_p2pmem_test_drop() - a path wants no result any more
 * @path: the path; one without a test is fine
 *
 * Ends the grant that is tested, and does not wait.
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 */
void nvmet_p2pmem_test_drop(struct nvmet_p2pmem_path *path)
{
	struct nvmet_p2pmem_test *t = path->test;

	if (!t)
		return;
	path->test = NULL;
	pci_p2pmem_grant_end(t->grant);
	nvmet_p2pmem_test_put(t);
}

/* What an administrator wants of a path; the verdicts say whose entry it needs */
static enum nvmet_p2pmem_mode nvmet_p2pmem_mode(struct nvmet_p2pmem_path *path,
						const struct pci_p2pmem_verdict *v)
{
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(path->ns);
	int i;

	if (rec->verify != NVMET_P2PMEM_AUTO)
		return rec->verify;
	for (i = 0; i < NVMET_P2PMEM_PAIRS; i++)
		if (v[i].by_admin || v[i].in_guest)
			return NVMET_P2PMEM_REQUIRE;
	return NVMET_P2PMEM_WARN;
}

/*
 * What the answers mean. Wrong data is a refusal whatever the mode. "require" takes
 * what was proved only, "warn" also what could not be; "off" does not ask.
 */
static enum nvmet_p2pmem_ruling nvmet_p2pmem_rule(struct nvmet_p2pmem_path *path,
						  const struct pci_p2pmem_verdict *v,
						  struct pci_p2pmem_verdict *why)
{
	enum nvmet_p2pmem_mode mode = nvmet_p2pmem_mode(path, v);
	const struct pci_p2pmem_verdict *open = NULL;
	int i;

	for (i = 0; i < NVMET_P2PMEM_PAIRS; i++) {
		if (v[i].reason) {
			*why = v[i];
			return NVMET_P2PMEM_REFUSE;
		}
		if (v[i].proof != PCI_P2PMEM_PROVED && !open)
			open = &v[i];
	}
	path->note[0] = '\0';
	path->proof = PCI_P2PMEM_UNTRIED;
	if (mode == NVMET_P2PMEM_OFF)
		return NVMET_P2PMEM_USE;
	path->proof = PCI_P2PMEM_PROVED;
	if (!open)
		return NVMET_P2PMEM_USE;

	path->proof = PCI_P2PMEM_UNPROVED;
	scnprintf(path->note, sizeof(path->note), "%s: %s", open->client, open->note);
	*why = *open;
	why->reason = PCI_P2PMEM_NOT_VERIFIED;
	return mode == NVMET_P2PMEM_REQUIRE ? NVMET_P2PMEM_REFUSE : NVMET_P2PMEM_USE;
}

/* Whether a reason says that there is no free memory, for whatever cause */
static bool nvmet_p2pmem_is_short(enum pci_p2pmem_reason reason)
{
	return reason == PCI_P2PMEM_POOL_FULL || reason == PCI_P2PMEM_OWN_QUEUES ||
		reason == PCI_P2PMEM_QUOTA;
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

/* Of a grant's provider, which may have gone */
static u64 nvmet_p2pmem_address(struct pci_p2pmem_grant *grant)
{
	struct pci_dev *provider = pci_p2pmem_grant_provider(grant);

	return (u64)pci_domain_nr(provider->bus) << 16 | pci_dev_id(provider);
}

/**
 * nvmet_p2pmem_evaluate() - what is to be done with a new grant
 * @path: the path
 * @grant: the grant
 * @drive: DMA device of the drive
 * @why: returns why it is refused
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 * Return: whether to use it, to have it tested first or later, or to refuse it.
 */
enum nvmet_p2pmem_ruling nvmet_p2pmem_evaluate(struct nvmet_p2pmem_path *path,
					       struct pci_p2pmem_grant *grant,
					       struct device *drive,
					       struct pci_p2pmem_verdict *why)
{
	struct device *client[NVMET_P2PMEM_PAIRS] = { drive, path->ctrl->p2p_client };
	struct pci_p2pmem_verdict v[NVMET_P2PMEM_PAIRS];
	bool untried = false;
	int i;

	for (i = 0; i < NVMET_P2PMEM_PAIRS; i++) {
		pci_p2pmem_verdict(pci_p2pmem_grant_provider(grant), client[i], &v[i]);
		untried |= v[i].proof == PCI_P2PMEM_UNTRIED;
	}
	if (!untried || nvmet_p2pmem_mode(path, v) == NVMET_P2PMEM_OFF)
		return nvmet_p2pmem_rule(path, v, why);
	if (!path->tries || path->tried != nvmet_p2pmem_address(grant) ||
	    time_after_eq(jiffies, path->retry))
		return NVMET_P2PMEM_TEST;
	/* What the last test lacked, until the next one */
	why->reason = nvmet_p2pmem_is_short(path->reason) ? path->reason :
							    PCI_P2PMEM_NOT_VERIFIED;
	nvmet_p2pmem_rescan(path->retry - jiffies);
	return NVMET_P2PMEM_WAIT;
}

/**
 * nvmet_p2pmem_still_proved() - whether a grant that is in use is as sure as it has to be
 * @path: the path
 * @grant: its grant
 *
 * A provider that was reset has to be proved again, however short the reset was.
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 * Return: false when only what is proved may be used, and one of the pairs is not.
 */
bool nvmet_p2pmem_still_proved(struct nvmet_p2pmem_path *path, struct pci_p2pmem_grant *grant)
{
	struct device *client[NVMET_P2PMEM_PAIRS] = { NULL, path->ctrl->p2p_client };
	struct pci_p2pmem_verdict v[NVMET_P2PMEM_PAIRS];
	enum pci_p2pmem_reason reason;
	bool proved = true;
	int i;

	client[0] = nvmet_p2pmem_drive(path->ns, &reason);
	if (!client[0])
		return false;
	for (i = 0; i < NVMET_P2PMEM_PAIRS; i++) {
		pci_p2pmem_verdict(pci_p2pmem_grant_provider(grant), client[i], &v[i]);
		proved &= v[i].proof == PCI_P2PMEM_PROVED;
	}
	put_device(client[0]);
	return proved || nvmet_p2pmem_mode(path, v) != NVMET_P2PMEM_REQUIRE;
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
	u64 address = nvmet_p2pmem_address(path->test->grant);
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
 * Return: the grant, which the path may use; or NULL, and the grant is ended. When
 * @why->reason is PCI_P2PMEM_OK then, this provider will not do, and another one may be
 * looked for.
 */
struct pci_p2pmem_grant *nvmet_p2pmem_test_end(struct nvmet_p2pmem_path *path,
					       struct pci_p2pmem_verdict *why,
					       enum nvmet_p2pmem_state *state)
{
	struct nvmet_p2pmem_test *t = path->test;
	struct pci_p2pmem_grant *grant = t->grant;
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
	if (ruling == NVMET_P2PMEM_USE) {
		path->test = NULL;
		nvmet_p2pmem_test_put(t);
		return grant;
	}
	nvmet_p2pmem_test_drop(path);
	return NULL;
}

/**
 * nvmet_p2pmem_verify_init() - be able to run tests
 *
 * Context: Module init.
 * Return: 0 or -ENOMEM.
 */
int nvmet_p2pmem_verify_init(void)
{
	nvmet_p2pmem_verify_wq = alloc_workqueue("nvmet-p2pmem-verify", WQ_UNBOUND, 0);
	return nvmet_p2pmem_verify_wq ? 0 : -ENOMEM;
}

/**
 * nvmet_p2pmem_verify_exit() - wait for the last test
 *
 * Context: Module exit, no path is left.
 */
void nvmet_p2pmem_verify_exit(void)
{
	destroy_workqueue(nvmet_p2pmem_verify_wq);
}
