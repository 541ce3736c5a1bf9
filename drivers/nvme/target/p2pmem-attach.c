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
 * has appeared, a provider was revoked, the policy has changed. A grant whose
 * provider was revoked stays until the memory that requests have of it is back; one
 * that would not be given any more is ended, and requests keep what they have.
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

#include <linux/blk-integrity.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "p2pmem-priv.h"

/* Until a subsystem whose lock was taken is tried again */
#define NVMET_P2PMEM_CONTENDED	(HZ / 20)

static void nvmet_p2pmem_rescan_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(nvmet_p2pmem_rescan_dwork, nvmet_p2pmem_rescan_work);

/**
 * nvmet_p2pmem_rescan() - look at all paths again
 * @delay: jiffies from now; an earlier appointment is kept
 *
 * Context: Any.
 */
void nvmet_p2pmem_rescan(unsigned long delay)
{
	if (delay)
		queue_delayed_work(system_unbound_wq, &nvmet_p2pmem_rescan_dwork, delay);
	else
		mod_delayed_work(system_unbound_wq, &nvmet_p2pmem_rescan_dwork, 0);
}

static void nvmet_p2pmem_grant_revoked(struct pci_p2pmem_grant *grant)
{
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

/**
 * nvmet_p2pmem_cpu_integrity() - whether the CPU would look at a drive's data
 * @ns: namespace with an open drive
 *
 * Context: Any.
 * Return: true when the block layer generates or verifies protection information.
 */
bool nvmet_p2pmem_cpu_integrity(struct nvmet_ns *ns)
{
#ifdef CONFIG_BLK_DEV_INTEGRITY
	const unsigned int unused = BLK_INTEGRITY_NOGENERATE | BLK_INTEGRITY_NOVERIFY;
	struct blk_integrity *bi = bdev_get_integrity(ns->bdev);

	return bi && bi->csum_type != BLK_INTEGRITY_CSUM_NONE &&
		(bi->flags & unused) != unused;
#else
	return false;
#endif
}

static bool nvmet_p2pmem_below_pci(struct device *dev)
{
	for (; dev; dev = dev->parent)
		if (dev_is_pci(dev))
			return true;
	return false;
}

/**
 * nvmet_p2pmem_drive() - the DMA device of a namespace
 * @ns: namespace with an open drive or file
 * @reason: returns why it has none that can use peer memory, else PCI_P2PMEM_OK
 *
 * Context: Process context.
 * Return: the device with a reference, or NULL.
 */
struct device *nvmet_p2pmem_drive(struct nvmet_ns *ns, enum pci_p2pmem_reason *reason)
{
	struct device *disk = nvmet_ns_dev(ns);
	struct device *drive;

	*reason = PCI_P2PMEM_OK;
	if (!disk) {
		*reason = PCI_P2PMEM_NOT_A_DRIVE;
		return NULL;
	}
	if (!nvmet_p2pmem_below_pci(disk)) {
		*reason = PCI_P2PMEM_STACKED;
		return NULL;
	}
	drive = pci_p2pmem_find_client(disk);
	if (IS_ERR_OR_NULL(drive)) {
		*reason = PCI_P2PMEM_NOT_A_CLIENT;
		return NULL;
	}
	/*
	 * With protection information end to end the host computes it. Whether a
	 * controller does that is known when it is attached.
	 */
	if (!nvmet_ns_has_pi(ns) && nvmet_p2pmem_cpu_integrity(ns)) {
		*reason = PCI_P2PMEM_CPU_INTEGRITY;
		put_device(drive);
		return NULL;
	}
	return drive;
}

/**
 * nvmet_p2pmem_fixed_provider() - the function that the administrator named
 * @rec: record of a namespace that has one
 *
 * By address, each time: it may have been removed and come back.
 *
 * Context: Process context, may sleep.
 * Return: the function with a reference, or NULL when it is absent.
 */
struct pci_dev *nvmet_p2pmem_fixed_provider(struct nvmet_p2pmem_ns *rec)
{
	return pci_get_domain_bus_and_slot(rec->domain, rec->bus, rec->devfn);
}

static enum pci_p2pmem_reason nvmet_p2pmem_ctrl_reason(struct nvmet_ctrl *ctrl,
						       struct nvmet_ns *ns)
{
	if (!ctrl->p2p_client)
		return ctrl->ops->type == NVMF_TRTYPE_RDMA ?
			PCI_P2PMEM_NO_DMA_DEVICE : PCI_P2PMEM_NOT_A_CLIENT;
	if (!ctrl->pi_support && nvmet_p2pmem_cpu_integrity(ns))
		return PCI_P2PMEM_CPU_INTEGRITY;
	return PCI_P2PMEM_OK;
}

/* A grant of @provider, or of the best one; NULL and a reason when there is none */
static struct pci_p2pmem_grant *
nvmet_p2pmem_obtain(struct nvmet_p2pmem_path *path, struct pci_dev *provider,
		    struct device *drive, struct pci_p2pmem_verdict *why)
{
	struct device *clients[] = { path->ctrl->p2p_client, drive };
	struct pci_p2pmem_grant *grant;
	char *name;

	/* For the log of the core, which keeps a copy */
	name = kasprintf(GFP_KERNEL, "nvmet subsystem %s host %s nsid %u",
			 path->ctrl->subsys->subsysnqn, path->ctrl->hostnqn, path->ns->nsid);
	grant = pci_p2pmem_grant_create(provider, clients, ARRAY_SIZE(clients),
					&nvmet_p2pmem_grant_ops, path, name ?: "nvmet", why);
	kfree(name);
	if (!IS_ERR_OR_NULL(grant)) {
		/* What its driver keeps for itself is not for an administrator. */
		if (!provider || pci_p2pmem_is_provider(provider))
			return grant;
		pci_p2pmem_grant_end(grant);
		why->reason = PCI_P2PMEM_NOT_A_PROVIDER;
	} else if (grant == ERR_PTR(-ENOMEM)) {
		/* No memory for the grant itself: that may pass. */
		why->reason = PCI_P2PMEM_POOL_FULL;
		nvmet_p2pmem_rescan(NVMET_P2PMEM_AGAIN);
	}
	return NULL;
}

/* The end that @why is about, for the log */
static struct device *nvmet_p2pmem_end(struct nvmet_p2pmem_path *path,
				       struct pci_dev *provider, struct device *drive,
				       const struct pci_p2pmem_verdict *why)
{
	struct device *adapter = path->ctrl->p2p_client;
	struct pci_p2pmem_verdict v;

	if (!drive)
		return nvmet_ns_dev(path->ns);
	if (why->reason == PCI_P2PMEM_CPU_INTEGRITY)
		return drive;
	/* The drive is a client: it was found as one. */
	if (!adapter || why->reason == PCI_P2PMEM_NOT_A_CLIENT)
		return adapter;
	if (!provider)
		return strcmp(why->client, dev_name(adapter)) ? drive : adapter;
	pci_p2pmem_verdict(provider, adapter, &v);
	return v.reason == why->reason ? adapter : drive;
}

/* One line in the log for each change of a path */
static void nvmet_p2pmem_tell_refusal(struct nvmet_p2pmem_path *path,
				      struct pci_dev *provider, struct device *drive,
				      const struct pci_p2pmem_verdict *why)
{
	struct device *adapter = path->ctrl->p2p_client;
	char *text = nvmet_p2pmem_explain(provider, nvmet_p2pmem_end(path, provider, drive, why),
					  why);

	path->told = true;
	pr_warn("using system memory for nsid %u of controller %u (%s, adapter %s): %s\n",
		path->ns->nsid, path->ctrl->cntlid, path->ns->device_path,
		adapter ? dev_name(adapter) : "none", text ?: "no memory to say why");
	kfree(text);
}

static void nvmet_p2pmem_tell_use(struct nvmet_p2pmem_path *path,
				  struct pci_p2pmem_grant *grant)
{
	path->told = true;
	pr_info("using peer-to-peer memory of %s%s for nsid %u of controller %u\n",
		pci_name(pci_p2pmem_grant_provider(grant)),
		path->by_admin ? " through a host bridge that the administrator allowed" : "",
		path->ns->nsid, path->ctrl->cntlid);
}

static struct pci_p2pmem_grant *nvmet_p2pmem_path_grant(struct nvmet_p2pmem_path *path)
{
	return rcu_dereference_protected(path->grant,
					 lockdep_is_held(&path->ctrl->subsys->lock));
}

/* Whether a path's grant would be given today, be it for another reason than before */
static bool nvmet_p2pmem_still_good(struct nvmet_p2pmem_path *path,
				    struct pci_p2pmem_grant *grant)
{
	struct pci_p2pmem_verdict v;

	pci_p2pmem_grant_verdict(grant, &v);
	if (!v.reason && v.by_admin != path->by_admin) {
		path->by_admin = v.by_admin;
		path->told = false;
	}
	return !v.reason;
}

/* Gives a path without a grant one, or the reason why there is none */
static void nvmet_p2pmem_connect(struct nvmet_p2pmem_path *path)
{
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(path->ns);
	struct pci_p2pmem_verdict why = { .distance = -1 };
	struct pci_p2pmem_grant *grant = NULL;
	struct pci_dev *provider = NULL;
	struct device *drive;

	drive = nvmet_p2pmem_drive(path->ns, &why.reason);
	if (!why.reason)
		why.reason = nvmet_p2pmem_ctrl_reason(path->ctrl, path->ns);
	if (!why.reason && rec->fixed) {
		provider = nvmet_p2pmem_fixed_provider(rec);
		if (!provider)
			why.reason = PCI_P2PMEM_NOT_A_PROVIDER;
	}
	if (!why.reason)
		grant = nvmet_p2pmem_obtain(path, provider, drive, &why);

	if (grant) {
		path->told = false;
		pci_p2pmem_grant_verdict(grant, &why);
		path->by_admin = why.by_admin;
		rcu_assign_pointer(path->grant, grant);
	} else {
		if (why.reason != path->reason)
			path->told = false;
		WRITE_ONCE(path->reason, why.reason);
		if (!path->told)
			nvmet_p2pmem_tell_refusal(path, provider, drive, &why);
	}
	put_device(drive);
	pci_dev_put(provider);
}

/* Takes the grant from a path. None of its callbacks runs any more afterwards. */
static void nvmet_p2pmem_disconnect(struct nvmet_p2pmem_path *path)
{
	struct pci_p2pmem_grant *grant = nvmet_p2pmem_path_grant(path);

	if (!grant)
		return;
	path->told = false;
	WRITE_ONCE(path->reason, PCI_P2PMEM_REVOKED);
	RCU_INIT_POINTER(path->grant, NULL);
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
	if (!path->told && ns->enabled)
		nvmet_p2pmem_tell_use(path, nvmet_p2pmem_path_grant(path));
	else if (!path->told)
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

	grant = nvmet_p2pmem_path_grant(path);
	usable = grant && pci_p2pmem_grant_usable(grant);
	if (grant && !usable && !pci_p2pmem_grant_idle(grant))
		return true;
	if (grant && !(usable && nvmet_p2pmem_still_good(path, grant))) {
		nvmet_p2pmem_disconnect(path);
		grant = NULL;
	}
	if (!grant) {
		nvmet_p2pmem_connect(path);
		grant = nvmet_p2pmem_path_grant(path);
	}
	if (grant && !path->told)
		nvmet_p2pmem_tell_use(path, grant);
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

static void nvmet_p2pmem_rescan_work(struct work_struct *work)
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
 * Return: 0 or the errno of the notifier's registration.
 */
int nvmet_p2pmem_init(void)
{
	return pci_p2pmem_register_notifier(&nvmet_p2pmem_nb);
}

/**
 * nvmet_p2pmem_exit() - stop listening
 *
 * Context: Module exit: no namespace and no controller is left, so that nothing
 * but the notifier could queue the work.
 */
void nvmet_p2pmem_exit(void)
{
	pci_p2pmem_unregister_notifier(&nvmet_p2pmem_nb);
	cancel_delayed_work_sync(&nvmet_p2pmem_rescan_dwork);
	WARN_ON(!nvmet_p2pmem_no_records());
}
