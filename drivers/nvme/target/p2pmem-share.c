// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: grants that paths share
 *
 * A grant depends on the adapter, the drive and the provider, but not on the controller or the
 * namespace. So all paths with the same three use one grant: a share. The first path that
 * needs it creates it, the last one that leaves it ends the grant. The number of grants is
 * limited by the hardware, and does not grow with hosts or namespaces.
 *
 * A share that admits no more paths is taken out of the hash: its provider was revoked or
 * lost, or a pair was refused, disproved or is mapped otherwise now. Its paths keep it until
 * they leave. The next path creates a new share of the same three.
 *
 * Locks, outermost first:
 *
 *	nvmet_p2pmem_shares_lock
 *		guards the hash and &nvmet_p2pmem_share.users. It is held while a share is
 *		created or ends, so that a second path waits for the first one and then finds
 *		its share, and no path joins a share that is about to end. Taken inside
 *		subsys->lock: paths of several subsystems use one share.
 *	locks of the core
 *		create and end take them, and so does setting the number of users
 *	&nvmet_p2pmem_share.lock
 *		guards the list of paths and the self-test. Callbacks of the grant take it
 *		under the lock of the provider, so nothing that is done under it may call the
 *		core's locking functions or allocate memory: reclaim may wait for the reset of
 *		the drive, and that for the callbacks.
 *	ctrl->lock
 *		nvmet_ctrl_fatal_error() takes it for each path of the list
 *
 * Why a callback never sees a controller that is gone: a path that leaves is taken off the
 * list under the share's lock, before its controller is freed. The last one stays on it until
 * pci_p2pmem_grant_end() returns, which waits for callbacks.
 *
 * Why no path is forgotten: a path is on the list before requests or a test see its grant. A
 * path that joins reads that the grant is usable; if the provider leaves after that, the work
 * that revoke queues finds the path, because whoever joins holds subsys->lock until the path
 * has its state. Evict comes later still and walks the list.
 *
 * The core evicts a grant, not a path: all controllers whose paths use the share end, those of
 * hosts that hold no memory too. Their hosts connect again. To tell them apart, each request
 * would have to count in its path, on a cache line that all CPUs share.
 */
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "p2pmem-priv.h"

/* Guards the hash, see above */
static DEFINE_MUTEX(nvmet_p2pmem_shares_lock);
static DEFINE_HASHTABLE(nvmet_p2pmem_shares, 6);

/* By provider, which the grant of each share in the hash keeps, as it does the two devices */
static struct nvmet_p2pmem_share *
nvmet_p2pmem_share_find(struct device *adapter, struct device *drive, struct pci_dev *provider)
{
	struct nvmet_p2pmem_share *share;

	hash_for_each_possible(nvmet_p2pmem_shares, share, hash, (unsigned long)provider)
		if (share->adapter == adapter && share->drive == drive &&
		    share->provider == provider)
			return share;
	return NULL;
}

static void nvmet_p2pmem_share_revoked(struct pci_p2pmem_grant *grant)
{
	/* The grant stays unusable, even if the provider lends again. */
	nvmet_p2pmem_rescan(0);
}

static void nvmet_p2pmem_share_evicted(struct pci_p2pmem_grant *grant)
{
	struct nvmet_p2pmem_share *share = pci_p2pmem_grant_priv(grant);
	struct nvmet_p2pmem_path *path;

	guard(mutex)(&share->lock);
	list_for_each_entry(path, &share->paths, entry)
		nvmet_ctrl_fatal_error(path->ctrl);
}

static void nvmet_p2pmem_share_describe(struct pci_p2pmem_grant *grant, char *buf, size_t len)
{
	struct nvmet_p2pmem_share *share = pci_p2pmem_grant_priv(grant);
	struct nvmet_p2pmem_path *path;
	unsigned int others;
	int n;

	guard(mutex)(&share->lock);
	path = list_first_entry_or_null(&share->paths, struct nvmet_p2pmem_path, entry);
	if (!path)
		return;
	n = scnprintf(buf, len, "nvmet subsystem %s host %s nsid %u",
		      path->ctrl->subsys->subsysnqn, path->ctrl->hostnqn, path->ns->nsid);
	others = READ_ONCE(share->users) - 1;
	if (others)
		scnprintf(buf + n, len - n, " and %u more", others);
}

static const struct pci_p2pmem_grant_ops nvmet_p2pmem_share_ops = {
	.revoke = nvmet_p2pmem_share_revoked,
	.evict = nvmet_p2pmem_share_evicted,
	.describe = nvmet_p2pmem_share_describe,
};

static struct nvmet_p2pmem_share *
nvmet_p2pmem_share_create(struct pci_dev *provider, enum pci_p2pmem_prefer prefer,
			  struct device **clients, struct pci_p2pmem_verdict *why)
{
	struct nvmet_p2pmem_share *share = kzalloc(sizeof(*share), GFP_KERNEL);
	struct pci_p2pmem_grant *grant;

	if (!share) {
		why->reason = PCI_P2PMEM_NO_MEMORY;
		return NULL;
	}
	mutex_init(&share->lock);
	INIT_LIST_HEAD(&share->paths);
	share->adapter = clients[0];
	share->drive = clients[1];
	share->provider = provider;
	grant = pci_p2pmem_grant_create(provider, prefer, clients, NVMET_P2PMEM_PAIRS,
					&nvmet_p2pmem_share_ops, share, "nvmet", why);
	if (IS_ERR(grant)) {
		mutex_destroy(&share->lock);
		kfree(share);
		return NULL;
	}
	share->grant = grant;
	hash_add(nvmet_p2pmem_shares, &share->hash, (unsigned long)provider);
	return share;
}

/* Whether another path may use a share: whether its grant would be created today */
static bool nvmet_p2pmem_share_admits(struct nvmet_p2pmem_share *share)
{
	struct pci_p2pmem_verdict v;

	return pci_p2pmem_grant_usable(share->grant) &&
		pci_p2pmem_grant_verdict(share->grant, &v);
}

/**
 * nvmet_p2pmem_share_join() - find or create the share of a path
 * @path: the path; it has none
 * @provider: the provider, named or chosen: its pairs have just been judged
 * @prefer: as for pci_p2pmem_grant_create()
 * @drive: DMA device of the drive
 * @why: returns the reason if there is none
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 * Return: whether @path has a share now.
 */
bool nvmet_p2pmem_share_join(struct nvmet_p2pmem_path *path, struct pci_dev *provider,
			     enum pci_p2pmem_prefer prefer, struct device *drive,
			     struct pci_p2pmem_verdict *why)
{
	struct device *clients[NVMET_P2PMEM_PAIRS] = { path->ctrl->p2p_client, drive };
	struct nvmet_p2pmem_share *share;

	lockdep_assert_held(&path->ctrl->subsys->lock);

	guard(mutex)(&nvmet_p2pmem_shares_lock);
	share = nvmet_p2pmem_share_find(clients[0], drive, provider);
	if (share && !nvmet_p2pmem_share_admits(share)) {
		hash_del(&share->hash);
		share = NULL;
	}
	if (!share)
		share = nvmet_p2pmem_share_create(provider, prefer, clients, why);
	if (!share)
		return false;
	path->share = share;
	WRITE_ONCE(share->users, share->users + 1);
	scoped_guard(mutex, &share->lock)
		list_add_tail(&path->entry, &share->paths);
	if (share->users > 1)
		pci_p2pmem_grant_set_users(share->grant, share->users);
	return true;
}

/**
 * nvmet_p2pmem_share_leave() - give up the share of a path
 * @path: the path, of which requests see no grant; one without a share is fine
 *
 * No callback of the grant uses @path or its controller when this returns. Memory that
 * requests have keeps the grant.
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 */
void nvmet_p2pmem_share_leave(struct nvmet_p2pmem_path *path)
{
	struct nvmet_p2pmem_share *share = path->share;

	lockdep_assert_held(&path->ctrl->subsys->lock);

	if (!share)
		return;
	path->share = NULL;
	guard(mutex)(&nvmet_p2pmem_shares_lock);
	if (share->users > 1) {
		WRITE_ONCE(share->users, share->users - 1);
		scoped_guard(mutex, &share->lock)
			list_del(&path->entry);
		pci_p2pmem_grant_set_users(share->grant, share->users);
		return;
	}
	hash_del(&share->hash);
	/* The last path stays on the list: it is who held the grant. */
	pci_p2pmem_grant_end(share->grant);
	mutex_destroy(&share->lock);
	kfree(share);
}

/**
 * nvmet_p2pmem_no_shares() - whether every share has ended
 *
 * Context: Module exit.
 * Return: true if none is left.
 */
bool nvmet_p2pmem_no_shares(void)
{
	return hash_empty(nvmet_p2pmem_shares);
}
