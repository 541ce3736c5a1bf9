// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: grants that paths share
 *
 * Floor 1.
 *
 * A grant depends on the adapter, the drive and the provider, but not on the controller or the
 * namespace. So all paths with the same adapter, drive and provider use one grant: a share. The
 * first path creates the share, and the last path that leaves it ends the grant. The number of
 * grants depends on the hardware, and does not grow with the number of hosts or namespaces.
 *
 * A share that admits no more paths is removed from the hash: its provider was revoked or lost,
 * or a pair was refused, disproved or is mapped by another route. Its paths keep the share until
 * they leave it. The next path creates a new share.
 *
 * Locks, outermost first:
 *
 *	nvmet_p2pmem_shares_lock
 *		guards the hash and &nvmet_p2pmem_share.users. It is held while a share is
 *		created or ends: a second path waits until the first one has created the
 *		share, and no path joins a share that is about to end. Paths of several
 *		subsystems use one share, so the lock is acquired inside subsys->lock.
 *	locks of the core
 *		acquired by pci_p2pmem_grant_create(), _end() and _set_users()
 *	&nvmet_p2pmem_share.lock
 *		guards the list of paths and the self-test. Callbacks of the grant acquire it
 *		under the lock of the provider. So code that holds it must not call functions
 *		of the core that lock, and must not allocate memory: reclaim may wait for a
 *		reset of the drive, and the reset for the callbacks.
 *	ctrl->lock
 *		nvmet_ctrl_fatal_error() acquires it for each path on the list
 *
 * A callback never sees a freed controller: a path that leaves is removed from the list under
 * the share's lock before its controller is freed. The last path stays on the list until
 * pci_p2pmem_grant_end() returns, which waits for callbacks.
 *
 * No path is missed: a path is on the list before requests or a test see its grant. A path that
 * joins checks that the grant is usable. If the provider leaves after this check, the revoke
 * callback queues the rescan work, which finds the path: the joining thread holds subsys->lock
 * until the path has its state. The evict callback runs later and walks the list.
 *
 * The core evicts a grant, not a path: all controllers whose paths use the share end, even
 * those whose requests have no peer memory. Their hosts connect again. To evict only some of
 * them, each request would have to count in its path, on a cache line shared by all CPUs.
 */
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "p2pmem-priv.h"

/* Guards the hash and the number of users, see above */
static DEFINE_MUTEX(nvmet_p2pmem_shares_lock);
static DEFINE_HASHTABLE(nvmet_p2pmem_shares, 6);

/* Look up a share; the grants in the hash hold references to all devices that are compared */
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
	/* The grant stays unusable, even after the provider registers its memory again. */
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
nvmet_p2pmem_share_create(struct pci_dev *provider, struct device **clients, ktime_t since,
			  struct pci_p2pmem_verdict *why)
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
	grant = pci_p2pmem_grant_create(provider, clients, NVMET_P2PMEM_PAIRS, since,
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

/* Whether another path may join a share: whether its grant would be created now */
static bool nvmet_p2pmem_share_admits(struct nvmet_p2pmem_share *share)
{
	struct pci_p2pmem_verdict v;

	return pci_p2pmem_grant_usable(share->grant) &&
		pci_p2pmem_grant_verdict(share->grant, &v);
}

/**
 * nvmet_p2pmem_share_join() - find or create the share of a path
 * @path: the path, without a share
 * @provider: the provider, from pci_p2pmem_choose_provider()
 * @drive: DMA device of the drive
 * @since: time that was passed to the choice
 * @why: returns the reason if there is no share
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 * Return: true if @path has joined a share.
 */
bool nvmet_p2pmem_share_join(struct nvmet_p2pmem_path *path, struct pci_dev *provider,
			     struct device *drive, ktime_t since,
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
		share = nvmet_p2pmem_share_create(provider, clients, since, why);
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
 * nvmet_p2pmem_share_leave() - remove a path from its share
 * @path: the path, whose grant is hidden from requests; may have no share
 *
 * Afterwards no callback of the grant uses @path or its controller. Memory that requests still
 * have holds a reference to the grant.
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
	/* The last path stays on the list: the core describes it if it evicts the grant. */
	pci_p2pmem_grant_end(share->grant);
	mutex_destroy(&share->lock);
	kfree(share);
}

/**
 * nvmet_p2pmem_no_shares() - whether every share has ended
 *
 * Context: Module exit.
 * Return: true if no share is left.
 */
bool nvmet_p2pmem_no_shares(void)
{
	return hash_empty(nvmet_p2pmem_shares);
}
