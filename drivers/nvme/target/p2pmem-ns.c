// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the record of a namespace, and its counters in configfs
 *
 * Floor 1.
 *
 * struct nvmet_ns must not grow: that would change the symbol versions of nvmet's exports. So
 * every namespace has a record, which is looked up by a hash of the namespace's address.
 *
 * Lifetime of a record:
 * - A request that is executing holds a reference to its namespace. nvmet_ns_free() waits for
 *   these references in nvmet_ns_disable() before it calls nvmet_p2pmem_ns_exit(). So such a
 *   request may use the record without a reference. A complete request, which frees its memory
 *   later, must not use the record.
 * - The configfs directory p2pmem_stats is a default group of the namespace. Its creator drops
 *   the last reference, in nvmet_p2pmem_ns_exit(). Readers of configfs may still hold others,
 *   so the group holds a reference to the record.
 * - Readers that walk the hash read only the key and the link of a record, which is freed
 *   after a grace period.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <trace/events/p2pmem.h>
#include "p2pmem-priv.h"

/* Guards the hash against writers, and the list */
DEFINE_MUTEX(nvmet_p2pmem_lock);
LIST_HEAD(nvmet_p2pmem_namespaces);
static DEFINE_HASHTABLE(nvmet_p2pmem_hash, 8);

/**
 * nvmet_p2pmem_record() - look up the record of a namespace
 * @ns: namespace that the caller keeps from being freed
 *
 * Context: Any.
 * Return: the record, valid as long as @ns; NULL if there is none.
 */
struct nvmet_p2pmem_ns *nvmet_p2pmem_record(struct nvmet_ns *ns)
{
	struct nvmet_p2pmem_ns *rec;

	guard(rcu)();
	hash_for_each_possible_rcu(nvmet_p2pmem_hash, rec, hash, (unsigned long)ns)
		if (rec->ns == ns)
			return rec;
	return NULL;
}

/**
 * nvmet_p2pmem_ns_device() - the device of a namespace, for the log and for events
 * @rec: record of a namespace with an open drive or file
 *
 * Context: Any; the namespace is enabled or being enabled.
 * Return: the PCI function of the drive, else the disk; NULL for a file. Valid as long as the
 * namespace is enabled, but perhaps removed: the caller must not use its parents.
 */
struct device *nvmet_p2pmem_ns_device(struct nvmet_p2pmem_ns *rec)
{
	return rec->function ? &rec->function->dev : nvmet_ns_dev(rec->ns);
}

/**
 * nvmet_p2pmem_no_records() - whether no record is left
 *
 * Context: Module exit.
 * Return: true if no record is left.
 */
bool nvmet_p2pmem_no_records(void)
{
	return hash_empty(nvmet_p2pmem_hash) && list_empty(&nvmet_p2pmem_namespaces);
}

/**
 * nvmet_p2pmem_fallback() - count a request that uses system memory instead of peer memory
 * @rec: record of the namespace
 * @req: the request
 * @grant: the grant of the request's path, referenced by the caller; or NULL
 * @reason: why the request uses system memory
 * @testing: a self-test of the path is running: do not log this temporary reason
 *
 * Counts the fallback, and logs the first one since the namespace was enabled.
 *
 * Context: Any.
 */
void nvmet_p2pmem_fallback(struct nvmet_p2pmem_ns *rec, struct nvmet_req *req,
			   struct pci_p2pmem_grant *grant, enum pci_p2pmem_reason reason,
			   bool testing)
{
	char *nqn;

	this_cpu_inc(rec->stats->fallbacks[reason]);
	trace_p2pmem_fallback(grant ? pci_p2pmem_grant_provider(grant) : NULL,
			      req->sq->ctrl->p2p_client,
			      rec->ns->subsys->subsysnqn, rec->ns->nsid,
			      req->transfer_len - req->metadata_len, reason);

	if (testing)
		return;
	if (likely(READ_ONCE(rec->warned)) || test_and_set_bit(0, &rec->warned))
		return;
	/* The name of a subsystem may contain any byte but a slash. */
	nqn = kasprintf(GFP_ATOMIC, "%*pE", (int)strlen(rec->ns->subsys->subsysnqn),
			rec->ns->subsys->subsysnqn);
	pr_warn("nsid %u of %s: using system memory instead of peer-to-peer memory (%s); see the counters in p2pmem_stats of the namespace\n",
		rec->ns->nsid, nqn ?: "a subsystem", pci_p2pmem_reason_token(reason));
	/* A file-backed namespace has no device: send the event for the adapter. */
	pci_p2pmem_fallback_event(nvmet_p2pmem_ns_device(rec) ?: req->sq->ctrl->p2p_client,
				  reason, nqn ?: "nvmet", rec->ns->nsid);
	kfree(nqn);
}

static struct nvmet_p2pmem_ns *to_record(struct config_item *item)
{
	return container_of(to_config_group(item), struct nvmet_p2pmem_ns, group);
}

/* Sum one member of struct nvmet_p2pmem_stats over all CPUs, ignoring resets */
static u64 nvmet_p2pmem_total(struct nvmet_p2pmem_ns *rec, size_t offset)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*(u64 *)((void *)per_cpu_ptr(rec->stats, cpu) + offset));
	return sum;
}

/*
 * Sum one member over all CPUs since the last reset. A reset does not write the counters: it
 * stores their values as the base, which is subtracted here. Each addition is either part of
 * the base or counted after it, so peer, inline and system bytes still add up to all bytes. A
 * counter only grows, and the lock keeps the base from being newer than the sum: the difference
 * is never negative.
 */
static u64 nvmet_p2pmem_sum(struct nvmet_p2pmem_ns *rec, size_t offset)
{
	guard(mutex)(&rec->base_lock);
	return nvmet_p2pmem_total(rec, offset) - *(u64 *)((void *)&rec->base + offset);
}

static ssize_t nvmet_p2pmem_reset_store(struct config_item *item, const char *page,
					size_t count)
{
	struct nvmet_p2pmem_ns *rec = to_record(item);
	size_t offset;

	if (!sysfs_streq(page, "1"))
		return -EINVAL;
	guard(mutex)(&rec->base_lock);
	/* All members are counters. */
	for (offset = 0; offset < sizeof(rec->base); offset += sizeof(u64))
		*(u64 *)((void *)&rec->base + offset) = nvmet_p2pmem_total(rec, offset);
	return count;
}

static struct configfs_attribute nvmet_p2pmem_attr_reset = {
	.ca_name = "reset",
	.ca_mode = 0200,
	.ca_owner = THIS_MODULE,
	.store = nvmet_p2pmem_reset_store,
};

/* Show a line for each controller; "..." if there are more than fit into a page */
static ssize_t nvmet_p2pmem_provider_show(struct config_item *item, char *page)
{
	/* configfs serializes readers with the removal of the namespace. */
	struct nvmet_ns *ns = to_record(item)->ns;
	static const char more[] = "...\n";
	struct nvmet_ctrl *ctrl;
	ssize_t n = 0;
	char line[64];
	int len;

	guard(mutex)(&ns->subsys->lock);
	if (!nvmet_p2pmem_is_enabled(ns) || !ns->use_p2pmem)
		return 0;
	list_for_each_entry(ctrl, &ns->subsys->ctrls, subsys_entry) {
		len = nvmet_p2pmem_show_path(ctrl, ns, line, sizeof(line));
		if (n + len + sizeof(more) > PAGE_SIZE)
			return n + sysfs_emit_at(page, n, more);
		n += sysfs_emit_at(page, n, "%s", line);
	}
	return n;
}

static struct configfs_attribute nvmet_p2pmem_attr_provider = {
	.ca_name = "provider",
	.ca_mode = 0444,
	.ca_owner = THIS_MODULE,
	.show = nvmet_p2pmem_provider_show,
};

#define NVMET_P2PMEM_BYTES(_name)						\
static ssize_t nvmet_p2pmem_##_name##_show(struct config_item *item, char *page) \
{										\
	return sysfs_emit(page, "%llu\n", nvmet_p2pmem_sum(to_record(item),	\
			  offsetof(struct nvmet_p2pmem_stats, _name)));		\
}										\
										\
static struct configfs_attribute nvmet_p2pmem_attr_##_name = {			\
	.ca_name = __stringify(_name),						\
	.ca_mode = 0444,							\
	.ca_owner = THIS_MODULE,						\
	.show = nvmet_p2pmem_##_name##_show,					\
}

NVMET_P2PMEM_BYTES(peer_bytes);
NVMET_P2PMEM_BYTES(inline_bytes);
NVMET_P2PMEM_BYTES(system_bytes);

/*
 * Each reason has a file, named by the reason's token. Nothing counts the reason "ok": its file
 * is named "fallbacks" and shows the sum of all reasons.
 */
static ssize_t nvmet_p2pmem_show_fallbacks(struct config_item *item, char *page,
					   enum pci_p2pmem_reason reason)
{
	u64 sum = 0;
	int r;

	for (r = 0; r < PCI_P2PMEM_NR_REASONS; r++)
		if (reason == PCI_P2PMEM_OK || reason == r)
			sum += nvmet_p2pmem_sum(to_record(item),
						offsetof(struct nvmet_p2pmem_stats,
							 fallbacks[r]));
	return sysfs_emit(page, "%llu\n", sum);
}

#define NVMET_P2PMEM_SHOW(sym, ...)						\
static ssize_t nvmet_p2pmem_##sym##_show(struct config_item *item, char *page)	\
{										\
	return nvmet_p2pmem_show_fallbacks(item, page, PCI_P2PMEM_##sym);	\
}

PCI_P2PMEM_REASONS(NVMET_P2PMEM_SHOW)

#define NVMET_P2PMEM_ATTR(sym, token, ...)					\
	[PCI_P2PMEM_##sym] = {							\
		.ca_name = PCI_P2PMEM_##sym ? (token) : "fallbacks",		\
		.ca_mode = 0444,						\
		.ca_owner = THIS_MODULE,					\
		.show = nvmet_p2pmem_##sym##_show,				\
	},

static struct configfs_attribute nvmet_p2pmem_reason_attrs[] = {
	PCI_P2PMEM_REASONS(NVMET_P2PMEM_ATTR)
};

#define NVMET_P2PMEM_FILE(sym, ...)						\
	[PCI_P2PMEM_##sym] = &nvmet_p2pmem_reason_attrs[PCI_P2PMEM_##sym],

static struct configfs_attribute *nvmet_p2pmem_stats_attrs[] = {
	PCI_P2PMEM_REASONS(NVMET_P2PMEM_FILE)
	[PCI_P2PMEM_NR_REASONS] = &nvmet_p2pmem_attr_peer_bytes,
	&nvmet_p2pmem_attr_inline_bytes,
	&nvmet_p2pmem_attr_system_bytes,
	&nvmet_p2pmem_attr_provider,
	&nvmet_p2pmem_attr_reset,
	NULL
};

static void nvmet_p2pmem_record_free(struct kref *ref)
{
	struct nvmet_p2pmem_ns *rec = container_of(ref, struct nvmet_p2pmem_ns, ref);

	free_percpu(rec->stats);
	kfree_rcu(rec, rcu);
}

static void nvmet_p2pmem_stats_release(struct config_item *item)
{
	kref_put(&to_record(item)->ref, nvmet_p2pmem_record_free);
}

static struct configfs_item_operations nvmet_p2pmem_stats_item_ops = {
	.release = nvmet_p2pmem_stats_release,
};

static const struct config_item_type nvmet_p2pmem_stats_type = {
	.ct_item_ops = &nvmet_p2pmem_stats_item_ops,
	.ct_attrs = nvmet_p2pmem_stats_attrs,
	.ct_owner = THIS_MODULE,
};

/**
 * nvmet_p2pmem_ns_init() - create the record of a new namespace
 * @ns: namespace whose configfs group is initialised, but not yet in configfs
 *
 * Also adds the default group p2pmem_stats.
 *
 * Context: Process context, may sleep; configfs holds its su_mutex.
 * Return: 0 or -ENOMEM. The caller puts the namespace's group after an error, and has nothing
 * else to undo.
 */
int nvmet_p2pmem_ns_init(struct nvmet_ns *ns)
{
	struct nvmet_p2pmem_ns *rec;

	rec = kzalloc(sizeof(*rec), GFP_KERNEL);
	if (!rec)
		return -ENOMEM;
	rec->stats = alloc_percpu(struct nvmet_p2pmem_stats);
	if (!rec->stats) {
		kfree(rec);
		return -ENOMEM;
	}

	rec->ns = ns;
	mutex_init(&rec->base_lock);
	kref_init(&rec->ref);
	kref_get(&rec->ref);	/* for the group */
	config_group_init_type_name(&rec->group, "p2pmem_stats", &nvmet_p2pmem_stats_type);
	configfs_add_default_group(&rec->group, &ns->group);

	guard(mutex)(&nvmet_p2pmem_lock);
	hash_add_rcu(nvmet_p2pmem_hash, &rec->hash, (unsigned long)ns);
	list_add_tail(&rec->entry, &nvmet_p2pmem_namespaces);
	return 0;
}

/**
 * nvmet_p2pmem_forget_provider() - drop the cached provider, so that it is looked up again
 * @rec: record of a namespace
 *
 * Context: Process context; the namespace's subsys->lock held, or @rec has no other user.
 */
void nvmet_p2pmem_forget_provider(struct nvmet_p2pmem_ns *rec)
{
	pci_dev_put(rec->found);
	rec->found = NULL;
	rec->absent = 0;
}

/**
 * nvmet_p2pmem_ns_exit() - drop the record of a namespace
 * @ns: disabled namespace that is about to be freed; may have no record
 *
 * Context: Process context, may sleep. The namespace is no longer in configfs.
 */
void nvmet_p2pmem_ns_exit(struct nvmet_ns *ns)
{
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(ns);

	if (!rec)
		return;

	scoped_guard(mutex, &nvmet_p2pmem_lock) {
		hash_del_rcu(&rec->hash);
		list_del(&rec->entry);
	}
	nvmet_p2pmem_forget_provider(rec);
	pci_dev_put(rec->function);
	configfs_remove_default_groups(&ns->group);
	kref_put(&rec->ref, nvmet_p2pmem_record_free);
}
