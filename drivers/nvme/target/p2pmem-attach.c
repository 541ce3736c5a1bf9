// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: which provider serves a namespace to a controller
 *
 * The data of a Read or Write is moved by two devices: the adapter that the
 * controller's host is connected by, and the drive. For each (controller,
 * namespace) that asks for peer memory there is a path: a grant for these two,
 * or the reason why there is none. Paths of the same two devices share their
 * grants (p2pmem-share.c).
 *
 * Paths are created when a namespace is enabled or a controller is created, under subsys->lock,
 * and examined again by a work item (p2pmem-rescan.c). Requests find a path and its grant under
 * RCU, and keep the grant by a reference. A path is freed, and the core frees a grant, a grace
 * period after it was taken out. Memory keeps its grant by itself.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/slab.h>
#include "p2pmem-priv.h"

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

/* Join a share of the provider @named, or of the best one; false and a reason without one */
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

	/* Of what a test could not prove another one is better, whichever it is. */
	if (rec->verify == NVMET_P2PMEM_REQUIRE)
		prefer |= PCI_P2PMEM_PROVABLE;
	/* Protection information that the host computes stays in system memory. */
	if (ctrl->pi_support && nvmet_ns_has_pi(path->ns))
		prefer |= PCI_P2PMEM_SPLIT;

	provider = pci_p2pmem_choose_provider(named, prefer, clients, ARRAY_SIZE(clients), since,
					      why);
	joined = provider && nvmet_p2pmem_share_join(path, provider, prefer, drive, why);
	pci_dev_put(provider);
	if (joined) {
		/* What its driver keeps for itself is not for an administrator. */
		if (!named || pci_p2pmem_is_provider(named))
			return true;
		nvmet_p2pmem_share_leave(path);
		why->reason = PCI_P2PMEM_NOT_A_PROVIDER;
	} else if (why->reason == PCI_P2PMEM_NO_MEMORY) {
		/* For the grant, or for what has to be known of its pairs */
		nvmet_p2pmem_rescan(NVMET_P2PMEM_AGAIN);
	}
	return false;
}

/*
 * Whether requests may use the share's grant now. If not, the path waits for a test of it or
 * leaves the share, and @why says why; @state is the path's new state.
 */
static bool nvmet_p2pmem_admit(struct nvmet_p2pmem_path *path, struct device *drive,
			       struct pci_p2pmem_verdict *why, enum nvmet_p2pmem_state *state)
{
	int ret;

	switch (nvmet_p2pmem_evaluate(path, path->share->grant, drive, why)) {
	case NVMET_P2PMEM_USE:
		return true;
	case NVMET_P2PMEM_TEST:
		why->reason = PCI_P2PMEM_NOT_VERIFIED;
		*state = NVMET_P2PMEM_TESTING;
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
		/* A test that was answered, and is repeated all the same, has its remedy. */
		if (path->state != NVMET_P2PMEM_SYSTEM || path->reason != why->reason)
			*state = NVMET_P2PMEM_RETRY;
		break;
	case NVMET_P2PMEM_REFUSE:
		break;
	}
	nvmet_p2pmem_share_leave(path);
	return false;
}

/**
 * nvmet_p2pmem_use() - give requests memory under a grant
 * @path: the path
 * @grant: the grant of its share
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 */
void nvmet_p2pmem_use(struct nvmet_p2pmem_path *path, struct pci_p2pmem_grant *grant)
{
	struct pci_p2pmem_verdict v;

	pci_p2pmem_grant_verdict(grant, &v);
	path->how = v.mapping;
	path->by_admin = v.by_admin;
	nvmet_p2pmem_enter(path, NVMET_P2PMEM_PEER, grant, PCI_P2PMEM_OK);
}

/**
 * nvmet_p2pmem_refuse() - give requests system memory
 * @path: the path, which has no share or waits for a test
 * @provider: the provider that it asks for, NULL for any
 * @drive: DMA device of its drive, or NULL
 * @why: the reason
 * @state: its new state
 *
 * Writes a line to the log unless a test runs.
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 */
void nvmet_p2pmem_refuse(struct nvmet_p2pmem_path *path, struct pci_dev *provider,
			 struct device *drive, const struct pci_p2pmem_verdict *why,
			 enum nvmet_p2pmem_state state)
{
	nvmet_p2pmem_enter(path, state, NULL, why->reason);
	if (state != NVMET_P2PMEM_TESTING && path->told != state)
		nvmet_p2pmem_log_refusal(path, provider, drive, why);
}

/**
 * nvmet_p2pmem_connect() - find a share for a path, or the reason why it has none
 * @path: the path, without a share
 * @since: pairs that were judged at this time or later are not judged again: many paths that
 *	are connected at one occasion have them in common
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 */
void nvmet_p2pmem_connect(struct nvmet_p2pmem_path *path, ktime_t since)
{
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(path->ns);
	struct pci_p2pmem_verdict why = { .distance = -1 };
	struct pci_dev *provider = NULL;
	enum nvmet_p2pmem_state state = NVMET_P2PMEM_SYSTEM;
	struct device *drive;

	drive = nvmet_p2pmem_drive(path->ns, &why.reason);
	if (!why.reason)
		why.reason = nvmet_p2pmem_ctrl_reason(path->ctrl, path->ns);
	if (!why.reason && rec->fixed) {
		provider = nvmet_p2pmem_fixed_provider(rec, since, &why);
		if (!provider)
			why.reason = PCI_P2PMEM_NOT_A_PROVIDER;
	}
	if (!why.reason && nvmet_p2pmem_obtain(path, provider, drive, since, &why) &&
	    nvmet_p2pmem_admit(path, drive, &why, &state))
		nvmet_p2pmem_use(path, path->share->grant);
	else
		nvmet_p2pmem_refuse(path, provider, drive, &why, state);
	put_device(drive);
	pci_dev_put(provider);
}

/**
 * nvmet_p2pmem_disconnect() - take a path off its test and its share
 * @path: the path; one without them is fine
 *
 * No callback of the grant sees the path after that.
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 */
void nvmet_p2pmem_disconnect(struct nvmet_p2pmem_path *path)
{
	nvmet_p2pmem_test_drop(path);
	if (nvmet_p2pmem_path_grant(path))
		nvmet_p2pmem_enter(path, NVMET_P2PMEM_SYSTEM, NULL, PCI_P2PMEM_REVOKED);
	nvmet_p2pmem_share_leave(path);
}

/**
 * nvmet_p2pmem_attach_path() - create the path of a controller to a namespace
 * @ctrl: the controller
 * @ns: the namespace; nothing is done if it does not ask for peer memory
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

	/* While it is being enabled nobody knows whether it will be: told later. */
	grant = nvmet_p2pmem_path_grant(path);
	if (grant && ns->enabled)
		nvmet_p2pmem_log_use(path, grant);
	else if (grant)
		nvmet_p2pmem_rescan_one(rec);
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
 * nvmet_p2pmem_attach() - a namespace that is being enabled becomes visible to a controller
 * @ctrl: the controller
 * @ns: the namespace, which may still fail to be enabled
 *
 * Context: Process context, ctrl->subsys->lock held since nvmet_p2pmem_enable().
 */
void nvmet_p2pmem_attach(struct nvmet_ctrl *ctrl, struct nvmet_ns *ns)
{
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(ns);

	nvmet_p2pmem_attach_path(ctrl, ns, rec ? rec->enabled : 0);
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
	ktime_t since = ktime_get();
	struct nvmet_ns *ns;
	unsigned long nsid;

	ctrl->p2p_client = get_device(req->p2p_client);
	xa_for_each(&ctrl->subsys->namespaces, nsid, ns)
		nvmet_p2pmem_attach_path(ctrl, ns, since);
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
