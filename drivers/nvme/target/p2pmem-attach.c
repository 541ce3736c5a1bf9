// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: which provider serves a namespace to a controller
 *
 * The data of a Read or Write is moved by two devices: the adapter that the
 * controller's host is connected by, and the drive. For each (controller,
 * namespace) that asks for peer memory there is a path: a grant for these two,
 * or the reason why there is none.
 *
 * Paths are made when a namespace is enabled or a controller is created, and
 * looked at again by a work item when the core has news: a provider or a client
 * has appeared, a provider was revoked, the policy has changed, a self-test has ended
 * (p2pmem-verify.c). A grant whose provider was revoked stays until the memory that
 * requests have of it is back; one that would not be given any more is ended, and requests
 * keep what they have.
 *
 * What runs against what:
 * - Attach, detach and the work hold subsys->lock. The work holds
 *   nvmet_p2pmem_lock too, which keeps every namespace that it sees from being
 *   freed; it never waits for subsys->lock (trylock, and comes again), so that
 *   no order with the locks around configfs arises.
 * - Requests find a path and its grant under RCU, and keep the grant by a
 *   reference. A path is freed, and the core frees a grant, a grace period after
 *   it was taken out. Memory keeps its grant by itself.
 * - Callbacks of a grant run under locks of the core, which attach and detach take
 *   inside subsys->lock. So they must not take it: they queue the work, or mark
 *   the controller as failed, under ctrl->lock only. The controller is there:
 *   its grants are ended, which waits for callbacks, before nvmet_ctrl_free() goes
 *   on to cancel fatal_err_work and free it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/slab.h>
#include "p2pmem-priv.h"

/* Until a subsystem whose lock was taken is tried again */
#define NVMET_P2PMEM_CONTENDED	(HZ / 20)

static void nvmet_p2pmem_rescan_worker(struct work_struct *work);
static DECLARE_WORK(nvmet_p2pmem_rescan_work, nvmet_p2pmem_rescan_worker);

static void nvmet_p2pmem_rescan_due(struct timer_list *timer)
{
	queue_work(system_unbound_wq, &nvmet_p2pmem_rescan_work);
}

static DEFINE_TIMER(nvmet_p2pmem_rescan_timer, nvmet_p2pmem_rescan_due);

/**
 * nvmet_p2pmem_rescan() - look at all paths again
 * @delay: jiffies from now; an earlier appointment is kept
 *
 * Context: Any.
 */
void nvmet_p2pmem_rescan(unsigned long delay)
{
	if (delay)
		timer_reduce(&nvmet_p2pmem_rescan_timer, jiffies + delay);
	else
		queue_work(system_unbound_wq, &nvmet_p2pmem_rescan_work);
}

static void nvmet_p2pmem_grant_revoked(struct pci_p2pmem_grant *grant)
{
	/* The grant stays unusable, even if the provider lends again. */
	nvmet_p2pmem_rescan(0);
}

static void nvmet_p2pmem_grant_evicted(struct pci_p2pmem_grant *grant)
{
	struct nvmet_p2pmem_path *path = pci_p2pmem_grant_priv(grant);

	nvmet_ctrl_fatal_error(path->ctrl);
}

static const struct pci_p2pmem_grant_ops nvmet_p2pmem_grant_ops = {
	.revoke = nvmet_p2pmem_grant_revoked,
	.evict = nvmet_p2pmem_grant_evicted,
};

static enum pci_p2pmem_reason nvmet_p2pmem_ctrl_reason(struct nvmet_ctrl *ctrl,
						       struct nvmet_ns *ns)
{
	/* Sockets and the loop move data with the CPU; adapters of Fibre Channel do not. */
	if (!ctrl->p2p_client)
		return ctrl->ops->type == NVMF_TRTYPE_FC ?
			PCI_P2PMEM_NOT_A_CLIENT : PCI_P2PMEM_NO_DMA_DEVICE;
	if (!ctrl->pi_support && nvmet_p2pmem_cpu_integrity(ns))
		return PCI_P2PMEM_CPU_INTEGRITY;
	return PCI_P2PMEM_OK;
}

/* A grant of @provider, or of the best one; NULL and a reason when there is none */
static struct pci_p2pmem_grant *
nvmet_p2pmem_obtain(struct nvmet_p2pmem_path *path, struct pci_dev *provider,
		    struct device *drive, struct pci_p2pmem_verdict *why)
{
	struct nvmet_ctrl *ctrl = path->ctrl;
	struct device *clients[] = { ctrl->p2p_client, drive };
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(path->ns);
	enum pci_p2pmem_prefer prefer = rec->prefer;
	struct pci_p2pmem_grant *grant;
	char *name;

	/* Of what a test could not prove another one is better, whichever it is. */
	if (rec->verify == NVMET_P2PMEM_REQUIRE)
		prefer |= PCI_P2PMEM_PROVABLE;
	/* Protection information that the host computes stays in system memory. */
	if (ctrl->pi_support && nvmet_ns_has_pi(path->ns))
		prefer |= PCI_P2PMEM_SPLIT;

	/* For the core's log and tables; the core copies it, and escapes what hosts chose. */
	name = kasprintf(GFP_KERNEL, "nvmet subsystem %s host %s nsid %u",
			 ctrl->subsys->subsysnqn, ctrl->hostnqn, path->ns->nsid);
	grant = pci_p2pmem_grant_create(provider, prefer, clients, ARRAY_SIZE(clients),
					&nvmet_p2pmem_grant_ops, path, name ?: "nvmet", why);
	kfree(name);
	if (!IS_ERR(grant)) {
		/* What its driver keeps for itself is not for an administrator. */
		if (!provider || pci_p2pmem_is_provider(provider))
			return grant;
		pci_p2pmem_grant_end(grant);
		why->reason = PCI_P2PMEM_NOT_A_PROVIDER;
	} else if (why->reason == PCI_P2PMEM_NO_MEMORY) {
		/* For the grant, or for what has to be known of its pairs */
		nvmet_p2pmem_rescan(NVMET_P2PMEM_AGAIN);
	}
	return NULL;
}

/*
 * Whether requests may use a grant now. If not it belongs to a test, or it is ended, and @why
 * says why; @state says in which state the path is then.
 */
static bool nvmet_p2pmem_admit(struct nvmet_p2pmem_path *path, struct pci_p2pmem_grant *grant,
			       struct device *drive, struct pci_p2pmem_verdict *why,
			       enum nvmet_p2pmem_state *state)
{
	int ret;

	switch (nvmet_p2pmem_evaluate(path, grant, drive, why)) {
	case NVMET_P2PMEM_USE:
		return true;
	case NVMET_P2PMEM_TEST:
		why->reason = PCI_P2PMEM_NOT_VERIFIED;
		*state = NVMET_P2PMEM_TESTING;
		ret = nvmet_p2pmem_test_start(path, grant, drive);
		if (!ret)
			return false;
		/* The namespace is not enabled yet, or memory is short. */
		nvmet_p2pmem_rescan(ret == -EAGAIN ? 0 : NVMET_P2PMEM_AGAIN);
		break;
	case NVMET_P2PMEM_WAIT:
		/* A test that was answered, and is repeated all the same, has its remedy. */
		if (path->state != NVMET_P2PMEM_SYSTEM || path->reason != why->reason)
			*state = NVMET_P2PMEM_RETRY;
		break;
	case NVMET_P2PMEM_REFUSE:
		break;
	}
	pci_p2pmem_grant_end(grant);
	return false;
}

/*
 * Whether a path's grant would be given today, be it for another reason than before. What
 * was tested was one route: when memory is mapped by another one, or that has come to need
 * an administrator's entry, the path is judged anew, and tested.
 */
static bool nvmet_p2pmem_still_valid(struct nvmet_p2pmem_path *path,
				     struct pci_p2pmem_grant *grant)
{
	struct pci_p2pmem_verdict v;

	pci_p2pmem_grant_verdict(grant, &v);
	if (v.reason)
		return false;
	if (nvmet_p2pmem_record(path->ns)->verify != NVMET_P2PMEM_OFF &&
	    (v.mapping != path->how || (v.by_admin && !path->by_admin)))
		return false;
	if (!nvmet_p2pmem_still_proved(path, grant))
		return false;
	path->how = v.mapping;
	if (v.by_admin != path->by_admin) {
		path->by_admin = v.by_admin;
		path->told = NVMET_P2PMEM_NEW;
	}
	return true;
}

/* Requests have memory under a grant from now on. */
static void nvmet_p2pmem_use(struct nvmet_p2pmem_path *path, struct pci_p2pmem_grant *grant)
{
	struct pci_p2pmem_verdict v;

	pci_p2pmem_grant_verdict(grant, &v);
	path->how = v.mapping;
	path->by_admin = v.by_admin;
	nvmet_p2pmem_enter(path, NVMET_P2PMEM_PEER, grant, PCI_P2PMEM_OK);
}

/* They have none, because of @why. While a test runs there is nothing to tell yet. */
static void nvmet_p2pmem_refuse(struct nvmet_p2pmem_path *path, struct pci_dev *provider,
				struct device *drive, const struct pci_p2pmem_verdict *why,
				enum nvmet_p2pmem_state state)
{
	nvmet_p2pmem_enter(path, state, NULL, why->reason);
	if (state != NVMET_P2PMEM_TESTING && path->told != state)
		nvmet_p2pmem_log_refusal(path, provider, drive, why);
}

/* Gives a path without a grant one, or a test of one, or the reason why there is none */
static void nvmet_p2pmem_connect(struct nvmet_p2pmem_path *path)
{
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(path->ns);
	struct pci_p2pmem_verdict why = { .distance = -1 };
	struct pci_p2pmem_grant *grant = NULL;
	struct pci_dev *provider = NULL;
	enum nvmet_p2pmem_state state = NVMET_P2PMEM_SYSTEM;
	struct device *drive;

	drive = nvmet_p2pmem_drive(path->ns, &why.reason);
	if (!why.reason)
		why.reason = nvmet_p2pmem_ctrl_reason(path->ctrl, path->ns);
	if (!why.reason && rec->fixed) {
		provider = nvmet_p2pmem_fixed_provider(rec, &why);
		if (!provider)
			why.reason = PCI_P2PMEM_NOT_A_PROVIDER;
	}
	if (!why.reason)
		grant = nvmet_p2pmem_obtain(path, provider, drive, &why);

	if (grant && nvmet_p2pmem_admit(path, grant, drive, &why, &state))
		nvmet_p2pmem_use(path, grant);
	else
		nvmet_p2pmem_refuse(path, provider, drive, &why, state);
	put_device(drive);
	pci_dev_put(provider);
}

/* Takes the grant from a path, a tested one too. None of its callbacks runs any more then. */
static void nvmet_p2pmem_disconnect(struct nvmet_p2pmem_path *path)
{
	struct pci_p2pmem_grant *grant = nvmet_p2pmem_path_grant(path);

	nvmet_p2pmem_test_drop(path);
	if (!grant)
		return;
	nvmet_p2pmem_enter(path, NVMET_P2PMEM_SYSTEM, NULL, PCI_P2PMEM_REVOKED);
	pci_p2pmem_grant_end(grant);
}

/**
 * nvmet_p2pmem_attach() - a namespace becomes visible to a controller
 * @ctrl: the controller
 * @ns: the namespace, which may still fail to be enabled
 *
 * Context: Process context, ctrl->subsys->lock held.
 */
void nvmet_p2pmem_attach(struct nvmet_ctrl *ctrl, struct nvmet_ns *ns)
{
	struct pci_p2pmem_grant *grant;
	struct nvmet_p2pmem_path *path;

	lockdep_assert_held(&ctrl->subsys->lock);

	if (!ns->use_p2pmem || !nvmet_p2pmem_record(ns))
		return;

	path = kzalloc(sizeof(*path), GFP_KERNEL);
	if (!path)
		goto no_memory;
	path->ctrl = ctrl;
	path->ns = ns;
	nvmet_p2pmem_connect(path);
	if (radix_tree_insert(&ctrl->p2p_ns_map, ns->nsid, path))
		goto free_path;

	/* While it is being enabled nobody knows whether it will be: told later. */
	grant = nvmet_p2pmem_path_grant(path);
	if (grant && ns->enabled)
		nvmet_p2pmem_log_use(path, grant);
	else if (grant)
		nvmet_p2pmem_rescan(0);
	return;

free_path:
	nvmet_p2pmem_disconnect(path);
	kfree(path);
no_memory:
	pr_warn("no memory to attach nsid %u to controller %u: it uses system memory for now\n",
		ns->nsid, ctrl->cntlid);
	nvmet_p2pmem_rescan(NVMET_P2PMEM_AGAIN);
}

/**
 * nvmet_p2pmem_detach() - a namespace is no longer visible to a controller
 * @ctrl: the controller
 * @ns: the namespace
 *
 * Requests that have peer memory keep it.
 *
 * Context: Process context, ctrl->subsys->lock held.
 */
void nvmet_p2pmem_detach(struct nvmet_ctrl *ctrl, struct nvmet_ns *ns)
{
	struct nvmet_p2pmem_path *path;

	lockdep_assert_held(&ctrl->subsys->lock);

	path = radix_tree_delete(&ctrl->p2p_ns_map, ns->nsid);
	if (!path)
		return;
	nvmet_p2pmem_disconnect(path);
	kfree_rcu(path, rcu);
}

/**
 * nvmet_p2pmem_ctrl_init() - a controller was created
 * @ctrl: the controller, on the list of its subsystem
 * @req: the Connect command; its p2p_client is the adapter's DMA device
 *
 * Context: Process context, ctrl->subsys->lock held.
 */
void nvmet_p2pmem_ctrl_init(struct nvmet_ctrl *ctrl, struct nvmet_req *req)
{
	struct nvmet_ns *ns;
	unsigned long nsid;

	ctrl->p2p_client = get_device(req->p2p_client);
	xa_for_each(&ctrl->subsys->namespaces, nsid, ns)
		nvmet_p2pmem_attach(ctrl, ns);
}

/**
 * nvmet_p2pmem_ctrl_exit() - a controller is about to be freed
 * @ctrl: controller without queues and without requests
 *
 * Context: Process context, ctrl->subsys->lock held.
 */
void nvmet_p2pmem_ctrl_exit(struct nvmet_ctrl *ctrl)
{
	struct nvmet_p2pmem_path *path;
	struct radix_tree_iter iter;
	void __rcu **slot;

	lockdep_assert_held(&ctrl->subsys->lock);

	radix_tree_for_each_slot(slot, &ctrl->p2p_ns_map, &iter, 0) {
		path = rcu_dereference_protected(*slot, lockdep_is_held(&ctrl->subsys->lock));
		radix_tree_iter_delete(&ctrl->p2p_ns_map, &iter, slot);
		nvmet_p2pmem_disconnect(path);
		kfree_rcu(path, rcu);
	}
	put_device(ctrl->p2p_client);
	ctrl->p2p_client = NULL;
}

/*
 * The test of a path: its result, if it is there. Returns whether a grant may be looked for
 * now: not while it runs, and not when it has just refused one.
 */
static bool nvmet_p2pmem_rescan_test(struct nvmet_p2pmem_path *path)
{
	enum nvmet_p2pmem_state state = NVMET_P2PMEM_RETRY;
	struct pci_p2pmem_verdict why = { .distance = -1 };
	struct pci_p2pmem_grant *grant;

	if (!nvmet_p2pmem_test_usable(path)) {
		nvmet_p2pmem_test_again(path);
		nvmet_p2pmem_test_drop(path);
		return true;
	}
	if (!nvmet_p2pmem_test_done(path))
		return false;
	grant = nvmet_p2pmem_test_end(path, &why, &state);
	if (!grant && !why.reason)
		return true;
	if (grant)
		nvmet_p2pmem_use(path, grant);
	else
		nvmet_p2pmem_refuse(path, NULL, NULL, &why, state);
	return !!grant;
}

/* Returns whether this path should be looked at again soon. */
static bool nvmet_p2pmem_rescan_path(struct nvmet_ctrl *ctrl, struct nvmet_ns *ns)
{
	struct nvmet_p2pmem_path *path = radix_tree_lookup(&ctrl->p2p_ns_map, ns->nsid);
	struct pci_p2pmem_grant *grant;
	bool usable;

	if (!path) {
		nvmet_p2pmem_attach(ctrl, ns);
		return false;
	}

	if (path->test && !nvmet_p2pmem_rescan_test(path))
		return false;
	grant = nvmet_p2pmem_path_grant(path);
	usable = grant && pci_p2pmem_grant_usable(grant);
	if (grant && !usable && !pci_p2pmem_grant_idle(grant))
		return true;
	if (grant && !(usable && nvmet_p2pmem_still_valid(path, grant))) {
		nvmet_p2pmem_disconnect(path);
		grant = NULL;
	}
	if (!grant) {
		nvmet_p2pmem_connect(path);
		grant = nvmet_p2pmem_path_grant(path);
	}
	if (grant && path->told != NVMET_P2PMEM_PEER)
		nvmet_p2pmem_log_use(path, grant);
	return false;
}

/* Returns after how many jiffies to look again, or 0 */
static unsigned long nvmet_p2pmem_rescan_ns(struct nvmet_ns *ns)
{
	struct nvmet_ctrl *ctrl;
	bool again = false;

	/* Not to be waited for, see above */
	if (!mutex_trylock(&ns->subsys->lock))
		return NVMET_P2PMEM_CONTENDED;
	if (ns->enabled && ns->use_p2pmem)
		list_for_each_entry(ctrl, &ns->subsys->ctrls, subsys_entry)
			again |= nvmet_p2pmem_rescan_path(ctrl, ns);
	mutex_unlock(&ns->subsys->lock);
	return again ? NVMET_P2PMEM_AGAIN : 0;
}

static void nvmet_p2pmem_rescan_worker(struct work_struct *work)
{
	struct nvmet_p2pmem_ns *rec;
	unsigned long next = 0;

	guard(mutex)(&nvmet_p2pmem_lock);
	list_for_each_entry(rec, &nvmet_p2pmem_namespaces, entry)
		next = min_not_zero(next, nvmet_p2pmem_rescan_ns(rec->ns));
	if (next)
		nvmet_p2pmem_rescan(next);
}

/* Under a lock of whoever is probing: only queues. */
static int nvmet_p2pmem_event(struct notifier_block *nb, unsigned long event, void *data)
{
	nvmet_p2pmem_rescan(0);
	return NOTIFY_OK;
}

static struct notifier_block nvmet_p2pmem_nb = {
	.notifier_call = nvmet_p2pmem_event,
};

/**
 * nvmet_p2pmem_init() - begin to listen to the core
 *
 * Context: Module init.
 * Return: 0, -ENOMEM, or the errno of the notifier's registration.
 */
int nvmet_p2pmem_init(void)
{
	int ret = nvmet_p2pmem_verify_init();

	if (ret)
		return ret;
	ret = pci_p2pmem_register_notifier(&nvmet_p2pmem_nb);
	if (ret)
		nvmet_p2pmem_verify_exit();
	return ret;
}

/**
 * nvmet_p2pmem_exit() - stop listening
 *
 * Context: Module exit: no namespace and no controller is left, so that nothing
 * but the notifier and a test that nobody waits for could queue the work.
 */
void nvmet_p2pmem_exit(void)
{
	pci_p2pmem_unregister_notifier(&nvmet_p2pmem_nb);
	/* The last test queues the work that is cancelled next. */
	nvmet_p2pmem_verify_exit();
	/* Work that runs may set the timer, which may queue it. */
	timer_shutdown_sync(&nvmet_p2pmem_rescan_timer);
	cancel_work_sync(&nvmet_p2pmem_rescan_work);
	WARN_ON(!nvmet_p2pmem_no_records());
}
