// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: selection of the provider that serves a namespace to a controller
 *
 * Floor 4.
 *
 * Two devices move the data of a Read or Write: the adapter that connects the controller's
 * host, and the drive. Each controller has a path for each namespace whose attribute p2pmem is
 * not 0: a grant for these two devices, or the reason why there is no grant. Paths of the same
 * two devices share their grants (p2pmem-share.c).
 *
 * A path is created when its namespace is enabled or its controller is created, under
 * subsys->lock. A work item re-evaluates paths after events (p2pmem-rescan.c). Requests look up
 * a path and its grant under RCU, and take a reference to the grant. A path is freed a grace
 * period after its removal; the core does the same for a grant. Memory in use keeps its grant.
 *
 * The drive and the named provider depend on the namespace only, and not on a controller. The
 * named provider is cached in the namespace's record: a lookup by address walks all PCI functions
 * of the machine, and each path of the namespace needs the provider under subsys->lock.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blk-integrity.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "p2pmem-priv.h"

/**
 * nvmet_p2pmem_cpu_integrity() - whether the CPU reads the data of a drive
 * @ns: namespace with an open drive
 *
 * Context: Any.
 * Return: true if the block layer generates or verifies protection information.
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

/*
 * Whether the block layer adds metadata to each command. It does for formats with metadata and
 * without protection information.
 */
static bool nvmet_p2pmem_added_metadata(struct nvmet_ns *ns)
{
#ifdef CONFIG_BLK_DEV_INTEGRITY
	struct blk_integrity *bi = bdev_get_integrity(ns->bdev);

	return bi && bi->csum_type == BLK_INTEGRITY_CSUM_NONE;
#else
	return false;
#endif
}

/* Under open_mutex a disk that is live has not dropped the reference to its parent. */
static struct pci_dev *nvmet_p2pmem_function_above(struct gendisk *disk)
{
	struct device *dev;

	guard(mutex)(&disk->open_mutex);
	if (!disk_live(disk))
		return NULL;
	for (dev = disk_to_dev(disk); dev; dev = dev->parent)
		if (dev_is_pci(dev))
			return pci_dev_get(to_pci_dev(dev));
	return NULL;
}

/**
 * nvmet_p2pmem_find_function() - find the PCI function of a namespace's drive
 * @rec: record of a namespace whose drive or file was just opened
 *
 * An open block device keeps the device of its disk, but not that device's parents: if the disk
 * is removed while the namespace is enabled, they may be freed. So they are used only here, and
 * the record keeps the function. open_mutex inside subsys->lock is the order in which nvmet
 * opened the drive.
 *
 * Context: Process context, the namespace's subsys->lock held, the namespace not enabled.
 */
void nvmet_p2pmem_find_function(struct nvmet_p2pmem_ns *rec)
{
	struct block_device *bdev = rec->ns->bdev;

	pci_dev_put(rec->function);
	rec->function = bdev ? nvmet_p2pmem_function_above(bdev->bd_disk) : NULL;
}

/**
 * nvmet_p2pmem_drive() - the DMA device of a namespace
 * @ns: namespace with an open drive or file
 * @reason: returns why there is no device that can use peer memory, else PCI_P2PMEM_OK
 *
 * Context: Process context.
 * Return: the device with a reference, or NULL.
 */
struct device *nvmet_p2pmem_drive(struct nvmet_ns *ns, enum pci_p2pmem_reason *reason)
{
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(ns);
	struct device *drive;

	*reason = PCI_P2PMEM_OK;
	if (!ns->bdev) {
		*reason = PCI_P2PMEM_NOT_A_DRIVE;
		return NULL;
	}
	if (!rec->function) {
		*reason = PCI_P2PMEM_STACKED;
		return NULL;
	}
	drive = pci_p2pmem_parent_client(rec->function);
	if (!drive) {
		*reason = PCI_P2PMEM_NOT_A_CLIENT;
		return NULL;
	}
	/*
	 * If the namespace has protection information end to end, the host may compute it.
	 * nvmet_p2pmem_ctrl_reason() checks that for each controller.
	 */
	if (!nvmet_ns_has_pi(ns) && nvmet_p2pmem_cpu_integrity(ns)) {
		*reason = PCI_P2PMEM_CPU_INTEGRITY;
		put_device(drive);
		return NULL;
	}
	return drive;
}

/**
 * nvmet_p2pmem_fixed_provider() - look up the provider that the administrator named
 * @rec: record of a namespace whose administrator named a provider
 * @since: skip the lookup if one at this time or later found no function
 * @why: returns the provider's address, for the log if there is no such function
 *
 * After a hotplug another function may have the same address: if the cached function was
 * removed, the address is looked up again.
 *
 * Context: Process context, the namespace's subsys->lock held.
 * Return: the function with a reference, or NULL if there is no such function.
 */
struct pci_dev *nvmet_p2pmem_fixed_provider(struct nvmet_p2pmem_ns *rec, ktime_t since,
					    struct pci_p2pmem_verdict *why)
{
	ktime_t before;

	lockdep_assert_held(&rec->ns->subsys->lock);

	scnprintf(why->provider, sizeof(why->provider), "%04x:%02x:%02x.%d", rec->domain,
		  rec->bus, PCI_SLOT(rec->devfn), PCI_FUNC(rec->devfn));
	if (rec->found && !device_is_registered(&rec->found->dev))
		nvmet_p2pmem_forget_provider(rec);
	if (!rec->found && ktime_before(rec->absent, since)) {
		/* A function may appear while the lookup runs. */
		before = ktime_get();
		rec->found = pci_get_domain_bus_and_slot(rec->domain, rec->bus, rec->devfn);
		rec->absent = rec->found ? 0 : before;
	}
	return pci_dev_get(rec->found);
}

static enum pci_p2pmem_reason nvmet_p2pmem_ctrl_reason(struct nvmet_ctrl *ctrl,
						       struct nvmet_ns *ns)
{
	/* TCP and loop transports move data with the CPU; Fibre Channel adapters do not. */
	if (!ctrl->p2p_client)
		return ctrl->ops->type == NVMF_TRTYPE_FC ?
			PCI_P2PMEM_NOT_A_CLIENT : PCI_P2PMEM_NO_DMA_DEVICE;
	if (!ctrl->pi_support && nvmet_p2pmem_cpu_integrity(ns))
		return PCI_P2PMEM_CPU_INTEGRITY;
	return PCI_P2PMEM_OK;
}

/* Join a share of the provider @named, or of the best one; on failure return false, set @why */
static bool nvmet_p2pmem_obtain(struct nvmet_p2pmem_path *path, struct pci_dev *named,
				struct device *drive, ktime_t since,
				struct pci_p2pmem_verdict *why)
{
	struct nvmet_ctrl *ctrl = path->ctrl;
	struct device *clients[NVMET_P2PMEM_PAIRS] = { ctrl->p2p_client, drive };
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(path->ns);
	enum pci_p2pmem_prefer prefer = rec->prefer;
	struct pci_dev *provider;
	bool joined;

	/* Prefer any other provider to one that a test could not prove. */
	if (rec->verify == NVMET_P2PMEM_REQUIRE)
		prefer |= PCI_P2PMEM_PROVABLE;
	/* Metadata stays in system memory, whether it is the host's or the block layer's. */
	if ((ctrl->pi_support && nvmet_ns_has_pi(path->ns)) ||
	    nvmet_p2pmem_added_metadata(path->ns))
		prefer |= PCI_P2PMEM_SPLIT;

	provider = pci_p2pmem_choose_provider(named, prefer, clients, ARRAY_SIZE(clients), since,
					      why);
	joined = provider && nvmet_p2pmem_share_join(path, provider, drive, since, why);
	pci_dev_put(provider);
	if (joined) {
		/* An administrator cannot name memory that its driver does not publish. */
		if (!named || pci_p2pmem_is_provider(named))
			return true;
		nvmet_p2pmem_share_leave(path);
		why->reason = PCI_P2PMEM_NOT_A_PROVIDER;
	} else if (why->reason == PCI_P2PMEM_NO_MEMORY) {
		/* Neither the grant nor its pairs could be allocated. */
		nvmet_p2pmem_rescan(NVMET_P2PMEM_AGAIN);
	}
	return false;
}

/*
 * Return whether requests may use the share's grant now. If not, the path waits for a test of
 * the grant or leaves the share; set the reason and the path's new state in @o.
 */
static bool nvmet_p2pmem_admit(struct nvmet_p2pmem_path *path, struct device *drive,
			       struct nvmet_p2pmem_outcome *o)
{
	int ret;

	switch (nvmet_p2pmem_evaluate(path, path->share->grant, drive, o)) {
	case NVMET_P2PMEM_USE:
		return true;
	case NVMET_P2PMEM_TEST:
		o->why.reason = PCI_P2PMEM_NOT_VERIFIED;
		o->state = NVMET_P2PMEM_TESTING;
		ret = nvmet_p2pmem_test_start(path);
		if (!ret)
			return false;
		/* The namespace is not enabled yet, or memory is short. */
		if (ret == -EAGAIN)
			nvmet_p2pmem_rescan_one(nvmet_p2pmem_record(path->ns));
		else
			nvmet_p2pmem_rescan(NVMET_P2PMEM_AGAIN);
		break;
	case NVMET_P2PMEM_WAIT:
		/* The logged remedy of a conclusive test still holds if the test is repeated. */
		if (path->state != NVMET_P2PMEM_SYSTEM || path->reason != o->why.reason)
			o->state = NVMET_P2PMEM_RETRY;
		break;
	case NVMET_P2PMEM_REFUSE:
		break;
	}
	nvmet_p2pmem_share_leave(path);
	return false;
}

/**
 * nvmet_p2pmem_use() - let requests of a path use the grant of its share
 * @path: the path
 * @grant: the grant of its share
 * @o: proof and note of the grant, from nvmet_p2pmem_rule(); the rest is set here
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 */
void nvmet_p2pmem_use(struct nvmet_p2pmem_path *path, struct pci_p2pmem_grant *grant,
		      struct nvmet_p2pmem_outcome *o)
{
	struct pci_p2pmem_verdict v;

	pci_p2pmem_grant_verdict(grant, &v);
	o->state = NVMET_P2PMEM_PEER;
	o->grant = grant;
	o->trust.by_admin = v.by_admin;
	nvmet_p2pmem_enter(path, o);
}

/**
 * nvmet_p2pmem_refuse() - let requests of a path use system memory
 * @path: the path, which has no share or waits for a test
 * @provider: the provider that the namespace names, NULL for any
 * @drive: DMA device of the drive, or NULL
 * @o: the reason and the new state of @path
 *
 * Logs the refusal unless a test is running or the log has the line already.
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 */
void nvmet_p2pmem_refuse(struct nvmet_p2pmem_path *path, struct pci_dev *provider,
			 struct device *drive, const struct nvmet_p2pmem_outcome *o)
{
	nvmet_p2pmem_enter(path, o);
	if (o->state != NVMET_P2PMEM_TESTING && path->logged != o->state)
		nvmet_p2pmem_log_refusal(path, provider, drive,
					 nvmet_p2pmem_ns_device(nvmet_p2pmem_record(path->ns)),
					 &o->why);
}

/**
 * nvmet_p2pmem_connect() - join a share, or set the reason why there is none
 * @path: the path, without a share
 * @since: pairs that were evaluated at this time or later are not re-evaluated: paths that are
 *	connected together have most pairs in common
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 */
void nvmet_p2pmem_connect(struct nvmet_p2pmem_path *path, ktime_t since)
{
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(path->ns);
	struct nvmet_p2pmem_outcome o = {
		.state = NVMET_P2PMEM_SYSTEM,
		.why.distance = -1,
	};
	struct pci_dev *provider = NULL;
	struct device *drive;

	drive = nvmet_p2pmem_drive(path->ns, &o.why.reason);
	if (!o.why.reason)
		o.why.reason = nvmet_p2pmem_ctrl_reason(path->ctrl, path->ns);
	if (!o.why.reason && rec->fixed) {
		provider = nvmet_p2pmem_fixed_provider(rec, since, &o.why);
		if (!provider)
			o.why.reason = PCI_P2PMEM_NOT_A_PROVIDER;
	}
	if (!o.why.reason && nvmet_p2pmem_obtain(path, provider, drive, since, &o.why) &&
	    nvmet_p2pmem_admit(path, drive, &o))
		nvmet_p2pmem_use(path, path->share->grant, &o);
	else
		nvmet_p2pmem_refuse(path, provider, drive, &o);
	put_device(drive);
	pci_dev_put(provider);
}

/**
 * nvmet_p2pmem_disconnect() - remove a path from its test and its share
 * @path: the path; may have neither
 *
 * Afterwards no callback of the grant sees the path.
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 */
void nvmet_p2pmem_disconnect(struct nvmet_p2pmem_path *path)
{
	static const struct nvmet_p2pmem_outcome left = {
		.state = NVMET_P2PMEM_SYSTEM,
		.why.reason = PCI_P2PMEM_REVOKED,
	};

	nvmet_p2pmem_test_drop(path);
	if (nvmet_p2pmem_path_grant(path))
		nvmet_p2pmem_enter(path, &left);
	nvmet_p2pmem_share_leave(path);
}

/**
 * nvmet_p2pmem_attach_path() - create the path of a controller to a namespace
 * @ctrl: the controller
 * @ns: the namespace; nothing is done if its attribute p2pmem is 0
 * @since: as for nvmet_p2pmem_connect()
 *
 * Context: Process context, ctrl->subsys->lock held.
 */
void nvmet_p2pmem_attach_path(struct nvmet_ctrl *ctrl, struct nvmet_ns *ns, ktime_t since)
{
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(ns);
	struct pci_p2pmem_grant *grant;
	struct nvmet_p2pmem_path *path;

	lockdep_assert_held(&ctrl->subsys->lock);

	if (!ns->use_p2pmem || !rec)
		return;

	path = kzalloc(sizeof(*path), GFP_KERNEL);
	if (!path)
		goto no_memory;
	path->ctrl = ctrl;
	path->ns = ns;
	nvmet_p2pmem_connect(path, since);
	if (radix_tree_insert(&ctrl->p2p_ns_map, ns->nsid, path))
		goto free_path;

	/* Enabling the namespace may still fail: let the rescan work log the use. */
	grant = nvmet_p2pmem_path_grant(path);
	if (grant && nvmet_p2pmem_is_enabled(ns))
		nvmet_p2pmem_log_use(path, grant);
	else if (grant)
		nvmet_p2pmem_rescan_one(rec);
	return;

free_path:
	nvmet_p2pmem_disconnect(path);
	kfree(path);
no_memory:
	pr_warn("no memory to attach nsid %u to controller %u: using system memory, will retry\n",
		ns->nsid, ctrl->cntlid);
	nvmet_p2pmem_rescan(NVMET_P2PMEM_AGAIN);
}

/**
 * nvmet_p2pmem_attach() - create the path of a controller to a namespace being enabled
 * @ctrl: the controller
 * @ns: the namespace; enabling it may still fail
 *
 * Context: Process context, ctrl->subsys->lock held since nvmet_p2pmem_enable().
 */
void nvmet_p2pmem_attach(struct nvmet_ctrl *ctrl, struct nvmet_ns *ns)
{
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(ns);

	nvmet_p2pmem_attach_path(ctrl, ns, rec ? rec->enabled : 0);
}

/**
 * nvmet_p2pmem_detach() - remove the path of a controller to a namespace
 * @ctrl: the controller
 * @ns: the namespace
 *
 * Requests keep the peer memory that they have.
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
 * nvmet_p2pmem_ctrl_init() - create the paths of a new controller
 * @ctrl: the controller, on the list of its subsystem
 * @req: the Connect command; its p2p_client is the adapter's DMA device
 *
 * Context: Process context, ctrl->subsys->lock held.
 */
void nvmet_p2pmem_ctrl_init(struct nvmet_ctrl *ctrl, struct nvmet_req *req)
{
	ktime_t since = ktime_get();
	struct nvmet_ns *ns;
	unsigned long nsid;

	ctrl->p2p_client = get_device(req->p2p_client);
	xa_for_each(&ctrl->subsys->namespaces, nsid, ns)
		if (nvmet_p2pmem_is_enabled(ns))
			nvmet_p2pmem_attach_path(ctrl, ns, since);
}

/**
 * nvmet_p2pmem_ctrl_exit() - remove the paths of a controller before it is freed
 * @ctrl: the controller, without queues and without requests
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
