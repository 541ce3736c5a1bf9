// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: re-evaluation of paths
 *
 * Floor 5.
 *
 * A work item (p2pmem-schedule.c) re-evaluates paths after an event of the core: a provider or a
 * client has appeared, a provider was revoked, the policy has changed, a self-test has ended
 * (p2pmem-test.c). A path keeps a grant whose provider was revoked until requests have freed all
 * memory of the grant. A path leaves a grant that would not be created now, or whose self-test has
 * to be repeated; requests keep their memory of it.
 *
 * Concurrency:
 * - The work holds nvmet_p2pmem_lock, which keeps every namespace on the list from being
 *   freed, and subsys->lock, which attach and detach hold too. It acquires subsys->lock only
 *   by trylock and otherwise runs again later, so that there is no lock order with the locks
 *   of configfs.
 * - Callbacks of a grant run under locks of the core, which attach and detach acquire inside
 *   subsys->lock. So a callback must not acquire subsys->lock: it queues the work, or marks
 *   controllers as failed, under ctrl->lock only. These controllers exist: before
 *   nvmet_ctrl_free() cancels fatal_err_work and frees a controller, its paths leave their
 *   shares, and callbacks do not see them any more.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include "p2pmem-priv.h"

/* Delay before the trylock of a contended subsystem is retried */
#define NVMET_P2PMEM_CONTENDED	(HZ / 20)

/*
 * Whether a path's grant would be created now. A self-test proves one route: if memory is
 * mapped by another route now, or the core dropped the proof because the route needs an
 * administrator's entry now, the path needs a new grant and a new test. Set @by_admin: the route
 * needs such an entry.
 */
static bool nvmet_p2pmem_still_valid(struct nvmet_p2pmem_path *path,
				     struct pci_p2pmem_grant *grant, bool *by_admin)
{
	enum pci_p2pmem_reason reason;
	struct pci_p2pmem_verdict v;
	struct device *drive;
	bool trusted;

	/* Also false if the mapping changed: no more memory can be allocated from this grant. */
	if (!pci_p2pmem_grant_verdict(grant, &v))
		return false;
	*by_admin = v.by_admin;
	drive = nvmet_p2pmem_drive(path->ns, &reason);
	trusted = drive && nvmet_p2pmem_still_trusted(path, grant, drive);
	put_device(drive);
	return trusted;
}

/* Keep a path's grant, for which an administrator's entry is needed now, or no more */
static void nvmet_p2pmem_keep(struct nvmet_p2pmem_path *path, struct pci_p2pmem_grant *grant,
			      bool by_admin)
{
	struct nvmet_p2pmem_outcome o = {
		.state = NVMET_P2PMEM_PEER,
		.grant = grant,
		.trust = path->trust,
	};

	o.trust.by_admin = by_admin;
	nvmet_p2pmem_enter(path, &o);
}

/*
 * Handle the result of a path's test, if the test is done. Return whether the path may get a
 * grant now: not while the test is running, and not if its result is a refusal.
 */
static bool nvmet_p2pmem_rescan_test(struct nvmet_p2pmem_path *path)
{
	struct nvmet_p2pmem_outcome o = {
		.state = NVMET_P2PMEM_RETRY,
		.why.distance = -1,
	};
	struct pci_p2pmem_grant *grant;

	if (!nvmet_p2pmem_test_usable(path)) {
		nvmet_p2pmem_test_again(path);
		nvmet_p2pmem_disconnect(path);
		return true;
	}
	if (!nvmet_p2pmem_test_done(path))
		return false;
	/* Another namespace was tested: evaluate the pairs again, and test this one if needed. */
	if (nvmet_p2pmem_test_foreign(path)) {
		nvmet_p2pmem_disconnect(path);
		return true;
	}
	grant = nvmet_p2pmem_test_end(path, &o);
	if (!grant && !o.why.reason)
		return true;
	if (grant)
		nvmet_p2pmem_use(path, grant, &o);
	else
		nvmet_p2pmem_refuse(path, NULL, NULL, &o);
	return !!grant;
}

/* Return whether this path has to be re-evaluated soon */
static bool nvmet_p2pmem_rescan_path(struct nvmet_ctrl *ctrl, struct nvmet_ns *ns, ktime_t since)
{
	struct nvmet_p2pmem_path *path = radix_tree_lookup(&ctrl->p2p_ns_map, ns->nsid);
	struct pci_p2pmem_grant *grant;
	bool usable, by_admin = false;

	if (!path) {
		nvmet_p2pmem_attach_path(ctrl, ns, since);
		return false;
	}

	if (path->test && !nvmet_p2pmem_rescan_test(path))
		return false;
	grant = nvmet_p2pmem_path_grant(path);
	usable = grant && pci_p2pmem_grant_usable(grant);
	if (grant && !usable && !pci_p2pmem_grant_idle(grant))
		return true;
	if (grant && !(usable && nvmet_p2pmem_still_valid(path, grant, &by_admin))) {
		nvmet_p2pmem_disconnect(path);
		grant = NULL;
	}
	if (grant && by_admin != path->trust.by_admin)
		nvmet_p2pmem_keep(path, grant, by_admin);
	if (!grant) {
		nvmet_p2pmem_connect(path, since);
		grant = nvmet_p2pmem_path_grant(path);
	}
	if (grant && path->logged != NVMET_P2PMEM_PEER)
		nvmet_p2pmem_log_use(path, grant);
	return false;
}

/* Return after how many jiffies to re-evaluate the namespace, or 0 */
static unsigned long nvmet_p2pmem_rescan_ns(struct nvmet_ns *ns, ktime_t since)
{
	struct nvmet_ctrl *ctrl;
	bool again = false;

	/* Never wait for subsys->lock, see above. */
	if (!mutex_trylock(&ns->subsys->lock))
		return NVMET_P2PMEM_CONTENDED;
	if (nvmet_p2pmem_is_enabled(ns) && ns->use_p2pmem)
		list_for_each_entry(ctrl, &ns->subsys->ctrls, subsys_entry)
			again |= nvmet_p2pmem_rescan_path(ctrl, ns, since);
	mutex_unlock(&ns->subsys->lock);
	return again ? NVMET_P2PMEM_AGAIN : 0;
}

static void nvmet_p2pmem_rescan_worker(struct work_struct *work)
{
	ktime_t since = ktime_get();
	struct nvmet_p2pmem_ns *rec;
	unsigned long next = 0, delay;
	bool all;

	guard(mutex)(&nvmet_p2pmem_lock);
	all = nvmet_p2pmem_rescan_wants_all();
	list_for_each_entry(rec, &nvmet_p2pmem_namespaces, entry) {
		if (!(xchg(&rec->due, 0) | all))
			continue;
		delay = nvmet_p2pmem_rescan_ns(rec->ns, since);
		if (!delay)
			continue;
		WRITE_ONCE(rec->due, 1);
		next = min_not_zero(next, delay);
	}
	if (next)
		nvmet_p2pmem_rescan_due_later(next);
}

/* Only queue work: a driver that is probing may hold locks here */
static int nvmet_p2pmem_event(struct notifier_block *nb, unsigned long event, void *data)
{
	nvmet_p2pmem_rescan(0);
	return NOTIFY_OK;
}

static struct notifier_block nvmet_p2pmem_nb = {
	.notifier_call = nvmet_p2pmem_event,
};

/**
 * nvmet_p2pmem_init() - register with the core
 *
 * Context: Module init.
 * Return: 0, -ENOMEM, or the errno of the notifier's registration.
 */
int nvmet_p2pmem_init(void)
{
	int ret;

	nvmet_p2pmem_schedule_init(nvmet_p2pmem_rescan_worker);
	ret = nvmet_p2pmem_test_init();
	if (ret)
		return ret;
	ret = pci_p2pmem_register_notifier(&nvmet_p2pmem_nb);
	if (ret)
		nvmet_p2pmem_test_exit();
	return ret;
}

/**
 * nvmet_p2pmem_exit() - undo nvmet_p2pmem_init()
 *
 * Context: Module exit: no namespace and no controller is left, so that only the notifier and
 * a test that no path waits for could queue the work.
 */
void nvmet_p2pmem_exit(void)
{
	pci_p2pmem_unregister_notifier(&nvmet_p2pmem_nb);
	/* A test queues the work: wait for tests before the work is cancelled. */
	nvmet_p2pmem_test_exit();
	nvmet_p2pmem_schedule_exit();
	WARN_ON(!nvmet_p2pmem_no_records() || !nvmet_p2pmem_no_shares());
}
