/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: private header of the p2pdma module
 *
 * Floor 0.
 *
 * The structures of the module, and code that reads these alone. It is inline because requests
 * run it: when they allocate under a grant, map, or query whether the contents are lost; and for
 * the trace events, which belong to no floor. Declarations are in floors.h.
 *
 * Lock order: p2pmem_regions_mutex, p2pmem_mutex, then p2pmem_provider.lock, then
 * p2pmem_provider.state_lock or the lock of the table of pairs (never both), under which is that
 * of disproofs. p2pmem_pair.proving is outside p2pmem_mutex: a self-test runs under it.
 * p2pmem_pair.charging and the locks of the allocator (pool.h) are innermost, never together.
 */
#ifndef _P2PMEM_P2PDMA_H
#define _P2PMEM_P2PDMA_H

#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/ioport.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/percpu.h>
#include <linux/percpu-refcount.h>
#include <linux/pci-p2pmem.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "parse.h"

struct p2pmem_pool;
struct p2pmem_provider;
struct p2pmem_run;
struct p2pmem_chain;
struct p2pmem_host;
struct seq_file;

/* Maximum number of entries in the parameter host_bridges */
#define P2PMEM_POLICY_MAX	64

/**
 * enum p2pmem_state - state of a provider, in this order; see state.c
 * @P2PMEM_LIVE: memory can be allocated
 * @P2PMEM_DRAINING: no new allocations; memory in use can still be mapped
 * @P2PMEM_LOST: no new allocations or mappings: the contents are or may be gone
 * @P2PMEM_ABANDONED: lost for good: its driver was unbound while memory was in use
 */
enum p2pmem_state {
	P2PMEM_LIVE,
	P2PMEM_DRAINING,
	P2PMEM_LOST,
	P2PMEM_ABANDONED,
};

/**
 * enum p2pmem_forget - which self-test results are dropped when a pair is re-evaluated
 * @P2PMEM_FORGET_OUTDATED: results of a different route
 * @P2PMEM_FORGET_PROOF: also proofs, because the route may have changed unnoticed; a
 *	disproof stays while the route looks the same
 * @P2PMEM_FORGET_ALL: all results: an administrator requested a new test
 */
enum p2pmem_forget {
	P2PMEM_FORGET_OUTDATED,
	P2PMEM_FORGET_PROOF,
	P2PMEM_FORGET_ALL,
};

/* While waiting for memory to be freed: seconds between log lines that name its users */
#define P2PMEM_REPORT_SECONDS	10

/* Pending uevents of a provider, bits of &p2pmem_provider.events */
#define P2PMEM_EVENT_REVOKED	BIT(0)
#define P2PMEM_EVENT_LOST	BIT(1)
#define P2PMEM_EVENT_RESUMED	BIT(2)

/**
 * struct p2pmem_region - one registered range of one BAR
 * @provider: its provider
 * @node: entry in &p2pmem_provider.regions
 * @kind: pooled memory, memory that the driver allocates, or registers
 * @bar: number of the BAR
 * @offset: bytes into the BAR
 * @phys: CPU physical address
 * @size: bytes
 * @bus_offset: bus address minus physical address, modulo 2^64: of the host bridge, signed
 * @virt: kernel address of the first page, NULL for registers
 * @hold: reserves the addresses of abandoned pages once the function is gone
 */
struct p2pmem_region {
	struct p2pmem_provider *provider;
	struct list_head node;
	enum pci_p2pmem_kind kind;
	int bar;
	u64 offset;
	phys_addr_t phys;
	size_t size;
	u64 bus_offset;
	void *virt;
	struct resource hold;
};

/**
 * struct p2pmem_provider - a PCI function that provides memory
 * @hash: entry in the register of providers; readers under RCU
 * @node: entry in the list of all providers; guarded by p2pmem_mutex
 * @pdev: the function, referenced
 * @address: its domain, bus, device and function
 * @ref: keeps this structure, its pool and its regions: one of the register, every grant and
 *	every pair. The pages are removed earlier, with the driver
 * @release: frees what higher floors attached, in process context
 * @free_work: frees it in process context; any context may drop the last reference
 * @rcu: for freeing
 * @lock: guards @grants; nothing that waits for memory is done under it, because it is taken
 *	under p2pmem_mutex
 * @regions: registered ranges, struct p2pmem_region; written under p2pmem_regions_mutex,
 *	readers under RCU
 * @grants: struct pci_p2pmem_grant
 * @users: number of users of the grants that have not ended; written under @lock
 * @pool: free pages of the pooled regions
 * @state_lock: guards changes of @state to @events; irq-safe: any context may free the last page
 * @state: enum p2pmem_state; read without the lock, see state.c
 * @drain: number of the current or last drain: how often the provider left live
 * @notified: number of the last drain that holders were notified of
 * @waited: number of the last drain for which a revocation finished waiting
 * @resume: number of the drain after which it goes live again, 0 without such a request
 * @events: P2PMEM_EVENT_* that have not been sent to user space yet
 * @published: its driver offers the memory to any user; effective only while live
 * @whole: its function accepts no command with a part elsewhere: PCI_P2PMEM_WHOLE
 * @epoch: how often contents were lost
 * @own: bytes used by the provider's own driver, which no drain waits for
 * @pins: pages and mapped ranges in use that belong to no pool
 * @quota: most bytes that each client may use under grants, 0 for no limit
 * @drained: waiters for memory to be freed
 * @bus_end: highest bus address of a region with pages; guarded by p2pmem_mutex
 * @phys_end: highest physical address of a region with pages; guarded by p2pmem_mutex
 * @work: makes it live again and sends all notifications; referenced while it is queued
 * @sysfs: the p2pmem group exists
 * @silent: its memory kept nothing in a self-test, so it is chosen last. Until a path of it is
 *	proved, its driver resumes lending, or an administrator requests a new test
 */
struct p2pmem_provider {
	struct hlist_node hash;
	struct list_head node;
	struct pci_dev *pdev;
	u64 address;
	struct kref ref;
	void (*release)(struct p2pmem_provider *p);
	struct work_struct free_work;
	struct rcu_head rcu;
	struct mutex lock;		/* see above */
	struct list_head regions;
	struct list_head grants;
	unsigned int users;
	struct p2pmem_pool *pool;
	spinlock_t state_lock;		/* see above */
	int state;
	unsigned int drain;
	unsigned int notified;
	unsigned int waited;
	unsigned int resume;
	unsigned long events;
	bool published;
	bool whole;
	u32 epoch;
	atomic_long_t own;
	atomic_long_t pins;
	unsigned long quota;
	wait_queue_head_t drained;
	u64 bus_end;
	u64 phys_end;
	struct work_struct work;
	bool sysfs, silent;
};

/**
 * struct pci_p2pmem_client - a registration of a DMA device
 * @hash: entry in the register of clients; readers under RCU
 * @dev: the DMA device, referenced
 * @ops: callbacks of its driver, may be NULL
 * @priv: private data of its driver
 * @users: one for the registration itself and one for each running self-test
 * @unused: completed when @users drops to zero
 * @rcu: for freeing
 */
struct pci_p2pmem_client {
	struct hlist_node hash;
	struct device *dev;
	const struct pci_p2pmem_client_ops *ops;
	void *priv;
	refcount_t users;
	struct completion unused;
	struct rcu_head rcu;
};

/**
 * struct p2pmem_pair_count - per-CPU counters of a pair, updated by every request
 * @maps: mappings made
 * @unmaps: mappings undone
 * @bytes: bytes that were mapped
 * @credit: bytes in &p2pmem_pair.used that this CPU may yet hand out, see charge.c
 * @low: the least that @credit was since the peak was last accounted
 */
struct p2pmem_pair_count {
	u64 maps;
	u64 unmaps;
	u64 bytes;
	atomic_long_t credit;
	long low;
};

/**
 * struct p2pmem_pair - a (provider, client) pair, see pair.c
 * @hash: entry in the table of pairs; readers under RCU
 * @by_client: entry in the table by client only; guarded by p2pmem_mutex
 * @gone: list entry while the pair is removed from the table
 * @provider: referenced
 * @client: the DMA device, referenced
 * @ref: the table and every grant hold one reference each
 * @rcu: for freeing
 * @dead: removed from the table and not evaluated any more; guarded by p2pmem_mutex
 * @mapping: of the route; the client's DMA limit may still forbid it; read without a lock
 * @needed: highest address that the client must reach, 0 for none; read without a lock
 * @rank: for the choice of a provider, see p2pmem_verdict_rank(); read without a lock
 * @disproofs: how often a self-test disproved the pair; read without a lock
 * @verdict: verdict of the route; guarded by the lock of the table, like all members up
 *	to @note. Written under p2pmem_mutex as well
 * @serial: counts changes of the verdict, and proofs that were dropped
 * @stale: the last evaluation failed, @verdict is an earlier one
 * @failed: so, and users may have been refused because of it; guarded by p2pmem_mutex
 * @forget: enum p2pmem_forget of evaluations that failed, for the next one
 * @sig: signature of the route of @verdict
 * @made: when the evaluation of the verdict began, 0 before the first one
 * @proof: result of the last self-test; written under the lock of the table alone
 * @requests: how often an administrator requested a new test
 * @proved_sig: signature of the route that was tested
 * @proved_how: mapping that was tested
 * @proved_admin: the tested route crossed a host bridge that an administrator allowed
 * @note: text from the self-test
 * @grants: orchestrators whose grants include this pair
 * @logged: reasons that have been logged since the verdict last changed, one bit each
 * @unlogged: reasons that are still to be logged, one bit each
 * @charging: guards changes of @used and @peak, and of credits from other CPUs; irq-safe
 * @used: bytes in use under its grants, and the credit of all CPUs; see p2pmem_pair_used()
 * @peak: highest number of bytes in use; see p2pmem_pair_peak()
 * @failures: refused mappings and allocations, by reason
 * @proving: serialises self-tests of the pair: a second caller waits and uses the result
 * @count: counters; NULL until a verdict first allows a mapping
 */
struct p2pmem_pair {
	struct hlist_node hash;
	struct hlist_node by_client;
	struct hlist_node gone;
	struct p2pmem_provider *provider;
	struct device *client;
	struct kref ref;
	struct rcu_head rcu;
	bool dead;
	u8 mapping;
	u64 needed;
	u64 rank;
	unsigned int disproofs;
	struct pci_p2pmem_verdict verdict;
	unsigned int serial;
	bool stale, failed;
	u8 forget;
	u64 sig;
	ktime_t made;
	u8 proof;
	unsigned int requests;
	u64 proved_sig;
	u8 proved_how;
	bool proved_admin;
	char note[PCI_P2PMEM_NOTE];
	atomic_t grants;
	unsigned long logged;
	unsigned long unlogged;
	raw_spinlock_t charging;	/* see above */
	long used;
	long peak;
	atomic_long_t failures[PCI_P2PMEM_NR_REASONS];
	struct mutex proving;		/* see above */
	struct p2pmem_pair_count __percpu *count;
};

/**
 * struct p2pmem_stamp - state of a pair when its self-test started
 * @serial: of the pair
 * @epoch: how often the provider had lost its contents
 */
struct p2pmem_stamp {
	unsigned int serial;
	u32 epoch;
};

/**
 * struct p2pmem_link - a pair of a grant
 * @pair: referenced
 * @how: mapping of the grant's memory for the pair's client, fixed until it is freed
 * @disproofs: &p2pmem_pair.disproofs at creation: if it has grown, memory in use is lost
 */
struct p2pmem_link {
	struct p2pmem_pair *pair;
	enum pci_p2pmem_mapping how;
	unsigned int disproofs;
};

/**
 * struct pci_p2pmem_grant - an orchestrator's use of a provider, see grant.c
 * @node: entry in the provider's list until the grant is freed; guarded by its lock
 * @provider: referenced
 * @ref: references of its users; memory in use has none
 * @unheld: the last reference was dropped: nothing is allocated any more
 * @released: nobody holds it and all its memory is free: it is being freed
 * @bytes: bytes in use under this grant: the sum of all CPUs
 * @ops: the orchestrator's callbacks, NULL once ended; guarded by the provider's lock
 * @priv: private data of the orchestrator
 * @name: name of the holder for the log; printable. Once ended: its last users
 * @users: number of users; guarded by the provider's lock
 * @free_work: frees the grant in process context
 * @epoch: number of the provider's losses when the grant was created; it ends with the next
 * @changes: p2pmem_changes when the grant was last found to allow allocations; 0 for never
 * @nr: number of pairs
 * @link: the pairs, without duplicates
 */
struct pci_p2pmem_grant {
	struct list_head node;
	struct p2pmem_provider *provider;
	struct percpu_ref ref;
	bool unheld;
	bool released;
	long __percpu *bytes;
	const struct pci_p2pmem_grant_ops *ops;
	void *priv;
	char *name;
	unsigned int users;
	struct work_struct free_work;
	u32 epoch;
	int nr;
	long changes;
	struct p2pmem_link link[];
};

/**
 * p2pmem_client_limit() - highest address that a client's DMA can reach
 * @client: DMA device
 *
 * Context: Any.
 * Return: the address, inclusive.
 */
static inline u64 p2pmem_client_limit(struct device *client)
{
	return min_not_zero(dma_get_mask(client), client->bus_dma_limit);
}

/**
 * p2pmem_pair_mapping() - current mapping of a pair
 * @pair: the pair
 *
 * Compares the client's DMA limit each time, because its changes are not notified.
 *
 * Context: Any; the caller holds the pair or is an RCU reader.
 * Return: the mapping, PCI_P2PMEM_MAP_NONE when it is refused.
 */
static inline enum pci_p2pmem_mapping p2pmem_pair_mapping(const struct p2pmem_pair *pair)
{
	/* Pairs with p2pmem_pair_set(): a reader that sees a mapping sees the counters. */
	enum pci_p2pmem_mapping how = smp_load_acquire(&pair->mapping);

	if (unlikely(READ_ONCE(pair->needed) > p2pmem_client_limit(pair->client)))
		return PCI_P2PMEM_MAP_NONE;
	return how;
}

/**
 * p2pmem_link_valid() - whether a pair of a grant allows new allocations
 * @l: the pair of the grant
 *
 * The mapping of a grant's memory is fixed. Allocation fails once the pair has another
 * mapping, has none, or was disproved by a self-test, and while the client's DMA cannot reach
 * all memory of the provider. A change of the client's limit is not notified, so mapping
 * compares it, too.
 *
 * Context: Any.
 * Return: true if the pair is unchanged since the grant was created.
 */
static inline bool p2pmem_link_valid(const struct p2pmem_link *l)
{
	return p2pmem_pair_mapping(l->pair) == l->how &&
		READ_ONCE(l->pair->disproofs) == l->disproofs;
}

/**
 * p2pmem_grant_valid() - whether all pairs of a grant allow new allocations
 * @grant: the grant, held
 *
 * Context: Any.
 * Return: false if one of its pairs does not; p2pmem_grant_reason() returns why.
 */
static inline bool p2pmem_grant_valid(const struct pci_p2pmem_grant *grant)
{
	int i;

	for (i = 0; i < grant->nr; i++)
		if (unlikely(!p2pmem_link_valid(&grant->link[i])))
			return false;
	return true;
}

/**
 * p2pmem_grant_is_stale() - whether the provider was lost since the grant was created
 * @grant: the grant, held; call it after an allocation, which keeps the provider from going live
 *
 * Context: Any.
 * Return: true if a new grant is needed, even if the provider is live again.
 */
static inline bool p2pmem_grant_is_stale(const struct pci_p2pmem_grant *grant)
{
	smp_rmb();	/* after the state that allowed the memory: see p2pmem_enter_lost() */
	return READ_ONCE(grant->provider->epoch) != grant->epoch;
}

/**
 * p2pmem_grant_disproved() - whether a self-test disproved a pair since the grant's creation
 * @grant: the grant, held
 *
 * Context: Any.
 * Return: true if the contents of the grant's memory count as lost.
 */
static inline bool p2pmem_grant_disproved(const struct pci_p2pmem_grant *grant)
{
	int i;

	for (i = 0; i < grant->nr; i++)
		if (READ_ONCE(grant->link[i].pair->disproofs) != grant->link[i].disproofs)
			return true;
	return false;
}

/**
 * p2pmem_grant_link() - a pair of a grant
 * @grant: the grant, held
 * @client: one of its clients
 *
 * Context: Any.
 * Return: the pair and its mapping, valid as long as the grant; NULL if @client is not a
 * client of the grant.
 */
static inline struct p2pmem_link *p2pmem_grant_link(struct pci_p2pmem_grant *grant,
						    struct device *client)
{
	struct p2pmem_link *link = grant->link, *end = link + grant->nr;

	for (; link != end; link++)
		if (link->pair->client == client)
			return link;
	return NULL;
}

/**
 * p2pmem_grant_clients() - the names of a grant's clients
 * @grant: the grant, held, or NULL
 * @buf: returns them, separated by commas; "-" without a grant
 * @len: bytes in @buf; names that do not fit are cut off
 *
 * Defined here because trace events, which belong to no floor, need it too.
 *
 * Context: Any.
 */
static inline void p2pmem_grant_clients(struct pci_p2pmem_grant *grant, char *buf, size_t len)
{
	int i, n;

	n = scnprintf(buf, len, "%s", grant ? dev_name(grant->link[0].pair->client) : "-");
	for (i = 1; grant && i < grant->nr; i++)
		n += scnprintf(buf + n, len - n, ",%s", dev_name(grant->link[i].pair->client));
}

#include "floors.h"

#endif /* _P2PMEM_P2PDMA_H */
