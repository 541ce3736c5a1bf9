/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: private header of the p2pdma module
 *
 * Who owns what:
 *
 *   core.c      registers of providers and clients, notifier, init and exit
 *   provider.c  regions as ZONE_DEVICE pages; the only user of dev_pagemap
 *   region.c    which ranges of which BARs
 *   revoke.c    the states of a provider: lending, draining, lost
 *   pool.c      the allocator
 *   memory.c    what drivers call to obtain memory: alloc, free, scatterlists
 *   grant.c     an orchestrator's use of a provider for a set of clients
 *   charge.c    what is out under a grant, and what may be: quota, peak
 *   holders.c   all grants of a provider: telling and naming them
 *   topology.c  distance and reachability on plain nodes
 *   path.c      struct pci_dev into nodes, masks: the verdict of a pair
 *   policy.c    which host bridges are allowed: built in, by the administrator
 *   hostbridge.c  which of them this machine has
 *   parse.h     what administrators write into parameters
 *   verdict.c   the table of pairs: cached verdicts
 *   count.c     counters of a pair
 *   verify.c    what a pair's self-test has shown
 *   explain.c   what a verdict says to people
 *   remedy.c    what may be asked of a pair: verdict, distance, what helps
 *   find.c      the choice among providers
 *   map.c       scatterlists and regions to DMA addresses
 *   sysfs.c     the p2pmem group of a providing function
 *   debugfs.c   all that the core knows, as tables
 *   event.c     uevents
 *   trace.c     the trace events
 *
 * Lock order: p2pmem_mutex, then p2pmem_provider.lock, then
 * p2pmem_provider.state_lock or the lock of the table of pairs (never both).
 * p2pmem_path.proving is outside all of them: a client's self-test runs under it.
 */
#ifndef _P2PMEM_P2PDMA_H
#define _P2PMEM_P2PDMA_H

#include <linux/completion.h>
#include <linux/dma-mapping.h>
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
struct p2pmem_chain;
struct p2pmem_host;
struct gen_pool;
struct seq_file;

/* How many ids an administrator can name in the parameter host_bridges */
#define P2PMEM_POLICY_MAX	64

/**
 * enum p2pmem_state - what a provider does
 * @P2PMEM_LIVE: lends
 * @P2PMEM_DRAINING: lends nothing new; what is out can still be mapped
 * @P2PMEM_LOST: the contents are or may be gone: mapping is refused too
 */
enum p2pmem_state {
	P2PMEM_LIVE,
	P2PMEM_DRAINING,
	P2PMEM_LOST,
};

/**
 * struct p2pmem_region - one registered range of one BAR
 * @provider: its provider
 * @node: entry in &p2pmem_provider.regions
 * @kind: pooled, driver's, registers
 * @bar: number of the BAR
 * @offset: bytes into the BAR
 * @phys: CPU physical address
 * @size: bytes
 * @bus_offset: bus address minus physical address, modulo 2^64: the offset of
 *	the provider's host bridge, sign included
 * @virt: kernel address of the first page, NULL for registers
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
};

/**
 * struct p2pmem_provider - a PCI function that lends memory
 * @hash: entry in the register of providers; readers under RCU
 * @pdev: the function, referenced
 * @ref: keeps this structure; the register holds one, every grant and every
 *	path one each
 * @free_work: the end, in process context, because the last reference may be
 *	dropped in any
 * @rcu: for freeing
 * @lock: guards @regions against writers and @grants
 * @regions: what it lends, struct p2pmem_region; readers under RCU
 * @grants: struct pci_p2pmem_grant
 * @pool: free pages of the pooled regions
 * @state_lock: guards changes of @state, @resume_wanted, @told and @awaited;
 *	irq-safe, because the last page may come back in any context
 * @state: enum p2pmem_state; read without the lock, see revoke.c
 * @published: its driver offers it to anyone; effective while live only
 * @resume_wanted: go live again when the last page is back
 * @told: grants and clients were told that it goes, since it was live
 * @awaited: a revocation waits for its memory or has waited, since it was live
 * @epoch: how often contents were lost
 * @own: bytes that the provider's own driver keeps, which no drain waits for
 * @pins: pages and mapped ranges that are out and in no pool
 * @quota: bytes that each client may have of it under grants; 0: what there is
 * @drained: who waits for memory to come back
 * @bus_end: highest bus address of a region with pages
 * @phys_end: highest physical address of a region with pages
 * @live_work: tells orchestrators that it is live again
 * @lost_work: tells those that hold memory that it is lost; holds a reference
 *	while it is queued
 * @sysfs: the p2pmem group exists
 * @abandoned: its driver went while memory was out: nothing withdraws it any more
 */
struct p2pmem_provider {
	struct hlist_node hash;
	struct pci_dev *pdev;
	struct kref ref;
	struct work_struct free_work;
	struct rcu_head rcu;
	struct mutex lock;		/* see above */
	struct list_head regions;
	struct list_head grants;
	struct p2pmem_pool *pool;
	spinlock_t state_lock;		/* see above */
	int state;
	bool published;
	bool resume_wanted;
	bool told;
	bool awaited;
	u32 epoch;
	atomic_long_t own;
	atomic_long_t pins;
	unsigned long quota;
	wait_queue_head_t drained;
	u64 bus_end;
	u64 phys_end;
	struct work_struct live_work;
	struct work_struct lost_work;
	bool sysfs;
	bool abandoned;
};

/**
 * struct pci_p2pmem_client - a registration of a DMA device
 * @hash: entry in the register of clients; readers under RCU
 * @dev: the DMA device, referenced
 * @ops: what its driver can be told, may be NULL
 * @priv: its driver's
 * @users: the registration itself, and each self-test of its that runs
 * @unused: the last of @users is gone
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
 * struct p2pmem_path_count - counters of a pair, per CPU
 * @maps: mappings made
 * @unmaps: mappings undone
 * @bytes: bytes that were mapped
 * @failures: mappings that were refused, and memory that was not to be had under a
 *	grant, by reason
 */
struct p2pmem_path_count {
	u64 maps;
	u64 unmaps;
	u64 bytes;
	u64 failures[PCI_P2PMEM_NR_REASONS];
};

/**
 * struct p2pmem_path - a (provider, client) pair
 * @hash: entry in the table of pairs; readers under RCU
 * @provider: referenced
 * @client: the DMA device, referenced
 * @gone: used while it is taken out
 * @ref: the table holds one, every grant one
 * @rcu: for freeing
 * @gen: value of the policy generation that @mapping and @verdict are of
 * @begun: which of the verdicts of all pairs it is, in the order in which they were begun;
 *	guarded by the lock of the table
 * @mapping: enum pci_p2pmem_mapping, the part of the verdict that mapping needs
 * @mask: limit of the client's DMA when the verdict was made
 * @verdict: the whole verdict; guarded by the lock of the table
 * @grants: orchestrators whose grants include this pair
 * @granted: mapping that these grants were given with
 * @made: when the verdict was made, in seconds since boot
 * @told: refusals that the log has since the verdict last changed, a bit for each reason
 * @used: bytes that are out under grants that include this pair
 * @peak: most that ever were
 * @proof: what the self-test has shown of the pair as it is; guarded by the lock
 *	of the table, like all that is said of it
 * @proved_how: mapping that @proof is of
 * @proved_admin: whether that led through a host bridge of an administrator's
 * @note: what the self-test says besides
 * @proving: one self-test of a pair at a time: who comes meanwhile waits, and finds
 *	its result
 * @count: counters
 */
struct p2pmem_path {
	struct hlist_node hash;
	struct hlist_node gone;
	struct p2pmem_provider *provider;
	struct device *client;
	struct kref ref;
	struct rcu_head rcu;
	unsigned int gen;
	u64 begun;
	u8 mapping;
	u64 mask;
	struct pci_p2pmem_verdict verdict;
	atomic_t grants;
	u8 granted;
	time64_t made;
	unsigned long told;
	atomic_long_t used;
	atomic_long_t peak;
	u8 proof;
	u8 proved_how;
	bool proved_admin;
	char note[PCI_P2PMEM_NOTE];
	struct mutex proving;		/* see above */
	struct p2pmem_path_count __percpu *count;
};

/**
 * struct p2pmem_stamp - what a self-test is of
 * @gen: generation of the verdict
 * @epoch: how often the provider had lost its contents
 */
struct p2pmem_stamp {
	unsigned int gen;
	u32 epoch;
};

/**
 * p2pmem_client_limit() - highest address that a client's DMA can reach
 * @client: DMA device
 *
 * Here because every look-up of a verdict asks it.
 *
 * Context: Any.
 * Return: the address, inclusive.
 */
static inline u64 p2pmem_client_limit(struct device *client)
{
	return min_not_zero(dma_get_mask(client), client->bus_dma_limit);
}

/**
 * struct pci_p2pmem_grant - an orchestrator's use of a provider, see grant.c
 * @node: entry in the provider's list, guarded by its lock; there until the grant
 *	is freed, so that whoever still holds memory can be named
 * @provider: referenced
 * @ref: references
 * @bytes: memory that is out under this grant, per CPU: the sum counts
 * @ops: what the orchestrator wants to be told; NULL once the grant was ended,
 *	guarded by the provider's lock
 * @priv: the orchestrator's
 * @name: who holds it, for the log
 * @free_work: the end, in process context
 * @rcu: for freeing
 * @nr: number of pairs
 * @path: the pairs, referenced, each of them once
 */
struct pci_p2pmem_grant {
	struct list_head node;
	struct p2pmem_provider *provider;
	struct percpu_ref ref;
	long __percpu *bytes;
	const struct pci_p2pmem_grant_ops *ops;
	void *priv;
	char *name;
	struct work_struct free_work;
	struct rcu_head rcu;
	int nr;
	struct p2pmem_path *path[];
};

/* core.c */
extern struct mutex p2pmem_mutex;
extern struct workqueue_struct *p2pmem_wq;
struct p2pmem_provider *p2pmem_find(struct pci_dev *pdev);
struct p2pmem_provider *p2pmem_provider_get(struct pci_dev *pdev);
void p2pmem_provider_put(struct p2pmem_provider *p);
void p2pmem_register(struct p2pmem_provider *p);
void p2pmem_unregister(struct p2pmem_provider *p);
void p2pmem_for_each_provider(void (*fn)(struct p2pmem_provider *p, void *arg), void *arg);
void p2pmem_for_each_pair(void (*fn)(struct p2pmem_provider *p, struct device *client,
				     void *arg), void *arg);
bool p2pmem_is_client(struct device *dev);
unsigned int p2pmem_provers_get(struct device *dev, struct pci_p2pmem_client **provers,
				unsigned int max);
void p2pmem_prover_put(struct pci_p2pmem_client *client);
void p2pmem_clients_revoke(struct p2pmem_provider *p);
void p2pmem_notify(unsigned long event, void *data);
void p2pmem_news(void);

/* provider.c */
struct p2pmem_region *p2pmem_page_region(const struct page *page);
void p2pmem_pages_exit(void);
void p2pmem_put_pages(struct p2pmem_region *region, struct page *page, size_t nr);
void *p2pmem_pages_map(struct p2pmem_region *r, int node);
#if IS_ENABLED(CONFIG_KUNIT)
void p2pmem_page_free(struct page *page);
void p2pmem_provider_destroy(struct p2pmem_provider *p);
#endif

/* region.c */
struct p2pmem_region *p2pmem_region_at(struct p2pmem_provider *p, int bar,
				       u64 offset, size_t size);
bool p2pmem_trim(struct p2pmem_region *r);
int p2pmem_region_init(struct p2pmem_region *r, struct pci_dev *pdev, int bar,
		       size_t size, u64 offset, unsigned int kind);
bool p2pmem_overlaps(struct p2pmem_provider *p, const struct p2pmem_region *n);

/* revoke.c */
bool p2pmem_lends(const struct p2pmem_provider *p);
bool p2pmem_idle(struct p2pmem_provider *p);
void p2pmem_came_back(struct p2pmem_provider *p);
void p2pmem_state_init(struct p2pmem_provider *p);
int p2pmem_drain_all(struct p2pmem_provider *p);

/* pool.c */
struct p2pmem_pool *p2pmem_pool_create(int node);
void p2pmem_pool_destroy(struct p2pmem_pool *pool);
int p2pmem_pool_add(struct p2pmem_pool *pool, void *addr, size_t size, int node);
void *p2pmem_pool_alloc(struct p2pmem_pool *pool, size_t size);
void p2pmem_pool_free(struct p2pmem_pool *pool, void *addr, size_t size);
size_t p2pmem_pool_size(struct p2pmem_pool *pool);
size_t p2pmem_pool_available(struct p2pmem_pool *pool);

/* grant.c */
struct p2pmem_provider *p2pmem_grant_lender(struct pci_p2pmem_grant *grant);
void p2pmem_grant_clients(struct pci_p2pmem_grant *grant, char *buf, size_t len);
struct p2pmem_path *p2pmem_grant_path(struct pci_p2pmem_grant *grant, struct device *client);

/* charge.c */
long p2pmem_grant_bytes(const struct pci_p2pmem_grant *g);
int p2pmem_grant_charge(struct pci_p2pmem_grant *grant, unsigned long bytes);
void p2pmem_grant_had(struct pci_p2pmem_grant *grant);
void p2pmem_grant_uncharge(struct pci_p2pmem_grant *grant, unsigned long bytes);
void p2pmem_grant_failed(struct pci_p2pmem_grant *grant, enum pci_p2pmem_reason reason);

/* holders.c */
void p2pmem_grants_revoke(struct p2pmem_provider *p);
void p2pmem_grants_evict(struct p2pmem_provider *p);
void p2pmem_grants_report(struct p2pmem_provider *p);
unsigned int p2pmem_grants_count(struct p2pmem_provider *p);
void p2pmem_grants_show(struct p2pmem_provider *p, struct seq_file *m);

/* path.c */
struct pci_dev *p2pmem_host_function(struct pci_host_bridge *host);
int p2pmem_path_judge(struct p2pmem_provider *p, struct device *client,
		      struct pci_p2pmem_verdict *v);
int p2pmem_path_acs_list(struct pci_dev *provider, struct pci_dev *client,
			 char *buf, size_t len);
int p2pmem_path_entries(struct pci_dev *provider, struct pci_dev *client,
			char *buf, size_t len);
bool p2pmem_client_translates(struct device *client);
bool p2pmem_guest_encrypted(void);

/* policy.c */
int p2pmem_policy_set(const char *val);
int p2pmem_policy_get(char *buf, size_t len);
void p2pmem_policy_announce(void);
void p2pmem_policy_id(u16 vendor, u16 device, u8 *known, u8 *admin);
u8 p2pmem_policy_taken(u16 vendor, u16 device);
void p2pmem_policy_cpu(const struct p2pmem_entry *cpu, u8 *known, u8 *admin);
void p2pmem_policy_show(struct seq_file *m);
#if IS_ENABLED(CONFIG_KUNIT)
void p2pmem_policy_reset(void);
#endif

/* hostbridge.c */
void p2pmem_cpu_id(struct p2pmem_entry *cpu);
void p2pmem_host_judge(struct pci_host_bridge *host, struct pci_dev *top,
		       struct p2pmem_host *h);
void p2pmem_host_entry(struct pci_host_bridge *host, struct pci_dev *top, bool across,
		       char *buf, size_t len);

/* verdict.c */
void p2pmem_policy_changed(void);
unsigned int p2pmem_paths_count(void);
struct p2pmem_path *p2pmem_path_find(struct p2pmem_provider *p, struct device *client);
struct p2pmem_path *p2pmem_path_get(struct p2pmem_provider *p, struct device *client);
struct p2pmem_path *p2pmem_path_current(struct p2pmem_provider *p, struct device *client);
struct p2pmem_path *p2pmem_path_anew(struct p2pmem_provider *p, struct device *client);
void p2pmem_path_put(struct p2pmem_path *path);
bool p2pmem_path_fresh(struct p2pmem_path *path);
void p2pmem_path_verdict(struct p2pmem_path *path, struct pci_p2pmem_verdict *v);
int p2pmem_path_begin(struct p2pmem_path *path, struct pci_p2pmem_verdict *v,
		      struct p2pmem_stamp *stamp);
bool p2pmem_path_prove(struct p2pmem_path *path, const struct p2pmem_stamp *stamp,
		       enum pci_p2pmem_proof proof, const char *note,
		       struct pci_p2pmem_verdict *v);
void p2pmem_paths_stale(struct p2pmem_provider *p);
void p2pmem_path_check(struct p2pmem_path *path, struct pci_p2pmem_verdict *v);
void p2pmem_paths_drop_provider(struct p2pmem_provider *p);
void p2pmem_paths_drop_client(struct device *client);
bool p2pmem_path_exists(struct p2pmem_provider *p, struct device *client);

/* count.c */
void p2pmem_path_sum(const struct p2pmem_path *path, struct p2pmem_path_count *sum);
u64 p2pmem_path_failures(const struct p2pmem_path_count *sum);
void p2pmem_path_settle(struct p2pmem_path *path);

/* explain.c */
const char *p2pmem_token(enum pci_p2pmem_reason reason);
int p2pmem_errno(enum pci_p2pmem_reason reason);
int p2pmem_explain_text(char *buf, size_t len, const char *lender, const char *borrower,
			const struct pci_p2pmem_verdict *verdict);

/* map.c */
dma_addr_t p2pmem_host_map(struct device *client, phys_addr_t phys, size_t size,
			   enum dma_data_direction dir);
void p2pmem_host_unmap(struct device *client, dma_addr_t addr, size_t size,
		       enum dma_data_direction dir);

/* find.c */
struct pci_dev *p2pmem_find_preferred(struct device **clients, int nr,
				      enum pci_p2pmem_prefer prefer);
struct pci_dev *p2pmem_find_anew(struct device **clients, int nr,
				 enum pci_p2pmem_prefer prefer);
void p2pmem_why_none(struct device **clients, int nr, struct pci_p2pmem_verdict *why);

/* sysfs.c */
int p2pmem_sysfs_add(struct pci_dev *pdev);
void p2pmem_sysfs_remove(struct pci_dev *pdev);
unsigned int p2pmem_paths_judge(struct p2pmem_provider *p, unsigned int *pairs);

/* event.c */
void p2pmem_event(struct p2pmem_provider *p, const char *what);

/* debugfs.c */
void p2pmem_debugfs_init(void);
void p2pmem_debugfs_exit(void);
#if IS_ENABLED(CONFIG_KUNIT)
int p2pmem_providers_show(struct seq_file *m, void *unused);
int p2pmem_regions_show(struct seq_file *m, void *unused);
int p2pmem_grants_file_show(struct seq_file *m, void *unused);
int p2pmem_paths_show(struct seq_file *m, void *unused);
int p2pmem_counters_show(struct seq_file *m, void *unused);
#endif

#endif /* _P2PMEM_P2PDMA_H */
