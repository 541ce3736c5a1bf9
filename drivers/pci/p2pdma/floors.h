/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what each file of the p2pdma module declares for the floors above it
 *
 * Each file belongs to a floor and calls lower floors only. Calls upwards go through a
 * pointer (&p2pmem_provider.release), a work item or the notifier. The head comment of
 * each file names its floor; "make lint" checks the calls.
 *
 * A header with inline code has a floor, too: it calls its own and lower floors, and files of its
 * own and higher floors include it. This one has none: it has declarations alone.
 *
 *  10  main.c        init and exit, events of the bus, changes of policy
 *      verify.c      the self-test of a pair
 *   9  sysfs.c       the p2pmem group of a providing function
 *      debugfs.c     everything the core knows, as tables
 *      sgl.c         allocation of scatterlists: what every request calls
 *      bus.c         scatterlists to DMA addresses: what every request calls
 *   8  lend.c        registration and withdrawal of BAR ranges
 *      list.c        allocation of scatterlists: everything unusual
 *      map.c         scatterlists to DMA addresses: everything unusual; regions
 *   7  client.c      registration of DMA devices
 *      find.c        choice of a provider
 *      memory.c      allocation of runs
 *      pin.c         memory that the provider's driver allocates itself
 *      refuse.c      counts and logs refusals
 *      revoke.c      revocation, suspend, loss and resume of a provider
 *   6  grant.c       an orchestrator's use of a provider for a set of clients
 *      holders.c     all grants of a provider: notify, evict, report
 *      explain.c     text of a verdict with an exact remedy
 *   5  verdict.c     makes all verdicts
 *      charge.c      memory in use under a grant: quota, peak
 *      kind.c        the kind of memory in a scatterlist
 *      users.c       the users of a grant: number and names
 *   4  pair.c        the table of pairs: verdict, proof
 *      pages.c       ZONE_DEVICE pages; the only user of dev_pagemap
 *      iova.c        addresses through a host bridge
 *   3  route.c       evaluates the route of a pair
 *      state.c       the states of a provider: live, draining, lost, abandoned
 *      count.c       counters of a pair
 *      disproof.c    routes that a self-test has disproved
 *      cache.c       allocation from a pool, with a cache of each CPU
 *   2  hostbridge.c  whether the host bridges of this machine are allowed
 *      region.c      validation of BAR ranges
 *      pool.c        creation of pools, and what is free in them
 *   1  policy.c      which host bridges are allowed, and by whom
 *      event.c       uevents
 *      chunk.c       the shared part of the allocator: genalloc and buddy
 *   0  registry.c    providers and clients: look-up, references, notifier
 *      topology.c    distance and reachability on plain nodes
 *      walk.c        PCI functions as plain nodes; the only walk of struct pci_dev
 *      buddy.c       runs of free pages on bitmaps
 *      reason.c      token, errno and text of a reason
 *      parse.c       parser of module parameters
 *      facts.c       built-in list of host bridges that forward
 */
#ifndef _P2PMEM_FLOORS_H
#define _P2PMEM_FLOORS_H

#include <linux/range.h>

/* registry.c */
extern struct mutex p2pmem_mutex;
extern struct workqueue_struct *p2pmem_wq;
struct p2pmem_provider *p2pmem_find(struct pci_dev *pdev);
struct p2pmem_provider *p2pmem_provider_get(struct pci_dev *pdev);
void p2pmem_provider_put(struct p2pmem_provider *p);
void p2pmem_register(struct p2pmem_provider *p);
void p2pmem_unregister(struct p2pmem_provider *p);
void p2pmem_for_each_provider(void (*fn)(struct p2pmem_provider *p, void *arg), void *arg);
void p2pmem_for_each_client(void (*fn)(struct pci_p2pmem_client *c, void *arg), void *arg);
void p2pmem_for_each_pair(void (*fn)(struct p2pmem_provider *p, struct device *client,
				     void *arg), void *arg);
void p2pmem_client_add(struct pci_p2pmem_client *client);
void p2pmem_client_del(struct pci_p2pmem_client *client);
bool p2pmem_is_client(struct device *dev);
bool p2pmem_maps_children(struct device *dev);
unsigned int p2pmem_provers_get(struct device *dev, struct pci_p2pmem_client **provers,
				unsigned int max);
void p2pmem_prover_put(struct pci_p2pmem_client *client);
void p2pmem_notify(unsigned long event, void *data);
void p2pmem_schedule_notify(void);
void p2pmem_note_change(void);
int p2pmem_registry_init(void);
void p2pmem_registry_exit(void);

/* walk.c */
u64 p2pmem_address(struct pci_dev *pdev);
int p2pmem_chain_fill(struct p2pmem_chain *c, struct pci_dev *pdev);
void p2pmem_node_name(u64 id, char *buf, size_t len);
void p2pmem_host_name(u64 id, char *buf, size_t len);
struct pci_dev *p2pmem_host_function(struct pci_host_bridge *host);
bool p2pmem_on_root_bus(struct pci_dev *pdev);
struct pci_dev *p2pmem_host_above(struct pci_dev *pdev, struct pci_dev **top);

/* reason.c */
const char *p2pmem_token(enum pci_p2pmem_reason reason);
int p2pmem_errno(enum pci_p2pmem_reason reason);
int p2pmem_explain_text(char *buf, size_t len, const char *lender, const char *borrower,
			const struct pci_p2pmem_verdict *verdict);

/* event.c */
void p2pmem_event(struct p2pmem_provider *p, const char *what);

/* facts.c */
u8 p2pmem_fact(const struct p2pmem_entry *e);
void p2pmem_facts_show(struct seq_file *m);

/* policy.c */
extern void (*p2pmem_policy_changed)(unsigned int *pairs, unsigned int *changed);
int p2pmem_policy_set(const char *val);
int p2pmem_policy_get(char *buf, size_t len);
void p2pmem_policy_id(u16 vendor, u16 device, u8 *known, u8 *admin);
void p2pmem_policy_remove(u16 vendor, u16 device, u8 *known, u8 *admin);
void p2pmem_policy_cpu(const struct p2pmem_entry *cpu, u8 *known, u8 *admin);
void p2pmem_policy_show(struct seq_file *m);
#if IS_ENABLED(CONFIG_KUNIT)
void p2pmem_policy_reset(void);
void p2pmem_policy_load(const char *val);
#endif

/* hostbridge.c */
void p2pmem_cpu_id(struct p2pmem_entry *cpu);
bool p2pmem_in_guest(void);
void p2pmem_host_evaluate(struct pci_dev *first, struct pci_dev *top, struct p2pmem_host *h);
void p2pmem_host_entry(struct pci_dev *first, struct pci_dev *top, bool across, char *buf,
		       size_t len);

/* region.c */
extern struct mutex p2pmem_regions_mutex;
struct p2pmem_region *p2pmem_region_at(struct p2pmem_provider *p, int bar,
				       u64 offset, size_t size);
bool p2pmem_trim(struct p2pmem_region *r);
int p2pmem_region_init(struct p2pmem_region *r, struct pci_dev *pdev, int bar,
		       size_t size, u64 offset, unsigned int kind);
bool p2pmem_overlaps(struct p2pmem_provider *p, const struct p2pmem_region *n);
int p2pmem_region_check(const struct p2pmem_region *r, struct pci_dev *pdev);
void p2pmem_region_failed(const struct p2pmem_region *r, struct pci_dev *pdev, int error);
bool p2pmem_capture_kernel(void);
u64 p2pmem_memory_available(void);
struct range p2pmem_memory_range(void);

/* chunk.c */
void p2pmem_warn_not_allocated(const char *provider);

/* pool.c */
void p2pmem_pools_init(void);
void p2pmem_pools_exit(void);
struct p2pmem_pool *p2pmem_pool_create(const char *name, int node);
void p2pmem_pool_destroy(struct p2pmem_pool *pool);
int p2pmem_pool_add(struct p2pmem_pool *pool, void *addr, size_t size, int node);
void p2pmem_pool_open(struct p2pmem_pool *pool);
size_t p2pmem_pool_size(struct p2pmem_pool *pool);
size_t p2pmem_pool_available(struct p2pmem_pool *pool);
#if IS_ENABLED(CONFIG_KUNIT)
unsigned int p2pmem_pool_cached(struct p2pmem_pool *pool, int cpu);
#endif

/* cache.c */
void *p2pmem_pool_alloc_block(struct p2pmem_pool *pool, unsigned long nr);
bool p2pmem_pool_promise(struct p2pmem_pool *pool, size_t size);
void p2pmem_pool_unpromise(struct p2pmem_pool *pool, size_t size);
unsigned int p2pmem_pool_alloc_some(struct p2pmem_pool *pool, size_t size, struct p2pmem_run *run,
				    unsigned int max);
void p2pmem_pool_free_runs(struct p2pmem_pool *pool, const struct p2pmem_run *run, unsigned int nr);
void *p2pmem_pool_alloc(struct p2pmem_pool *pool, size_t size);
void p2pmem_pool_free(struct p2pmem_pool *pool, void *addr, size_t size);

/* state.c */
bool p2pmem_is_live(const struct p2pmem_provider *p);
bool p2pmem_is_abandoned(const struct p2pmem_provider *p);
bool p2pmem_is_published(struct p2pmem_provider *p);
long p2pmem_bytes_in_use(struct p2pmem_provider *p);
bool p2pmem_is_idle(struct p2pmem_provider *p);
bool p2pmem_is_empty(struct p2pmem_provider *p);
void p2pmem_queue_provider_work(struct p2pmem_provider *p);
void p2pmem_wake_waiters(struct p2pmem_provider *p);
void p2pmem_state_init(struct p2pmem_provider *p, bool stopped);
bool p2pmem_leave_live(struct p2pmem_provider *p, enum p2pmem_state state,
		       unsigned long event, unsigned int *drain);
void p2pmem_end_drain(struct p2pmem_provider *p, unsigned int drain);
void p2pmem_drain_waited(struct p2pmem_provider *p, unsigned int drain);
bool p2pmem_in_drain(struct p2pmem_provider *p, unsigned int drain);
long p2pmem_wait_idle(struct p2pmem_provider *p, unsigned int drain, long timeout);
bool p2pmem_drain_notify_once(struct p2pmem_provider *p);
void p2pmem_request_resume(struct p2pmem_provider *p);
bool p2pmem_can_resume(struct p2pmem_provider *p);
bool p2pmem_try_resume(struct p2pmem_provider *p);
unsigned long p2pmem_fetch_events(struct p2pmem_provider *p, bool *live);

/* route.c */
int p2pmem_route_evaluate(struct p2pmem_provider *p, struct device *client,
			  struct pci_p2pmem_verdict *v, u64 *sig);
int p2pmem_path_acs_list(struct pci_dev *provider, struct pci_dev *client,
			 char *buf, size_t len);
int p2pmem_path_entries(struct pci_dev *provider, struct pci_dev *client,
			char *buf, size_t len);
bool p2pmem_path_is_direct(struct pci_dev *provider, struct pci_dev *client);
bool p2pmem_client_translates(struct device *client);
bool p2pmem_guest_encrypted(void);

/* count.c */
void p2pmem_pair_failed(struct p2pmem_pair *pair, enum pci_p2pmem_reason reason);
void p2pmem_pair_sum(const struct p2pmem_pair *pair, struct p2pmem_pair_count *sum);
unsigned long p2pmem_pair_failures(const struct p2pmem_pair *pair);
void p2pmem_pair_settle(struct p2pmem_pair *pair);

/* disproof.c */
struct p2pmem_disproof;
struct p2pmem_disproof *p2pmem_disproof_alloc(void);
struct p2pmem_disproof *
p2pmem_disproof_remember(struct p2pmem_disproof *d, u64 provider, struct device *client,
			 u64 sig, enum pci_p2pmem_mapping how, const char *note);
void p2pmem_disproof_drop(struct p2pmem_disproof *oldest);
bool p2pmem_disproof_recall(u64 provider, struct device *client, u64 sig,
			    enum pci_p2pmem_mapping how, char *note);
void p2pmem_disproofs_forget(u64 provider, struct device *client);
void p2pmem_disproofs_of(u64 provider);
void p2pmem_disproofs_exit(void);

/* pair.c */
unsigned int p2pmem_pairs_count(void);
struct p2pmem_pair *p2pmem_pair_find(struct p2pmem_provider *p, struct device *client);
struct p2pmem_pair *p2pmem_pair_create(struct p2pmem_provider *p, struct device *client);
void p2pmem_pair_put(struct p2pmem_pair *pair);
void p2pmem_pair_ungrant(struct p2pmem_pair *pair);
void p2pmem_pair_verdict(struct p2pmem_pair *pair, struct pci_p2pmem_verdict *v,
			 struct p2pmem_stamp *stamp);
bool p2pmem_pair_store(struct p2pmem_pair *pair, const struct pci_p2pmem_verdict *v, u64 sig,
		       enum p2pmem_forget forget, ktime_t made);
void p2pmem_pair_postpone(struct p2pmem_pair *pair, enum p2pmem_forget forget,
			  enum pci_p2pmem_reason reason);
bool p2pmem_pair_prove(struct p2pmem_pair *pair, const struct p2pmem_stamp *stamp,
		       enum pci_p2pmem_proof proof, const char *note,
		       struct pci_p2pmem_verdict *v);
void p2pmem_pairs_drop(struct p2pmem_provider *p, struct device *client);

/* pages.c */
struct p2pmem_region *p2pmem_page_region(const struct page *page);
struct p2pmem_region *p2pmem_page_owner(const struct page *page);
void p2pmem_pages_exit(void);
void p2pmem_free_page(struct page *page);
void p2pmem_put_pages(struct p2pmem_region *region, struct page *page, size_t nr);
void p2pmem_free_pages(struct page *page, unsigned long nr);
struct p2pmem_region *p2pmem_region_alloc(int node);
void p2pmem_region_free(struct p2pmem_region *r);
int p2pmem_region_map(struct p2pmem_region *r, struct pci_dev *pdev);
void p2pmem_region_unmap(struct p2pmem_region *r);
void *p2pmem_pages_map(struct p2pmem_region *r, int node);
#if IS_ENABLED(CONFIG_KUNIT)
void p2pmem_page_free(struct page *page);
#endif

/* iova.c */
dma_addr_t p2pmem_host_map(struct device *client, phys_addr_t phys, size_t size,
			   enum dma_data_direction dir);
void p2pmem_host_unmap(struct device *client, dma_addr_t addr, size_t size,
		       enum dma_data_direction dir);
int p2pmem_map_host(struct device *client, struct scatterlist *sgl, int nents,
		    enum dma_data_direction dir);
void p2pmem_unmap_host(struct device *client, struct scatterlist *sgl, int nents,
		       enum dma_data_direction dir);

/* charge.c */
long p2pmem_pair_used(struct p2pmem_pair *pair);
long p2pmem_pair_peak(struct p2pmem_pair *pair);
long p2pmem_grant_bytes(const struct pci_p2pmem_grant *g);
bool p2pmem_grant_over_quota(const struct pci_p2pmem_grant *grant, unsigned long bytes);
void p2pmem_grant_refresh(struct pci_p2pmem_grant *grant);
int p2pmem_grant_charge(struct pci_p2pmem_grant *grant, unsigned long bytes);
void p2pmem_grant_uncharge(struct pci_p2pmem_grant *grant, unsigned long bytes);
void p2pmem_grant_settle(struct pci_p2pmem_grant *grant);
void p2pmem_grant_release_unused(struct pci_p2pmem_grant *grant);
void p2pmem_grant_failed(struct pci_p2pmem_grant *grant, enum pci_p2pmem_reason reason);

/* users.c */
char *p2pmem_printable(const char *name, gfp_t gfp);
char *p2pmem_grant_describe(struct pci_p2pmem_grant *g);
void p2pmem_grant_count_users(struct pci_p2pmem_grant *g, unsigned int users);

/* verdict.c */
struct p2pmem_pair *p2pmem_pair_get(struct p2pmem_provider *p, struct device *client,
				    ktime_t since, struct pci_p2pmem_verdict *v);
int p2pmem_verdict(struct p2pmem_provider *p, struct device *client, ktime_t since,
		   struct pci_p2pmem_verdict *v);
unsigned int p2pmem_pairs_update(struct p2pmem_provider *p, struct device *client,
				 enum p2pmem_forget forget, unsigned int *pairs);
void p2pmem_pairs_hotplug_event(void);
void p2pmem_pairs_exit(void);

/* grant.c */
enum pci_p2pmem_reason p2pmem_grant_reason(const struct pci_p2pmem_grant *grant);

/* holders.c */
void p2pmem_grants_revoke(struct p2pmem_provider *p);
bool p2pmem_grants_evict(struct p2pmem_provider *p, unsigned int drain);
void p2pmem_grants_report(struct p2pmem_provider *p);
void p2pmem_grants_show(struct p2pmem_provider *p, struct seq_file *m);

/* find.c */
void p2pmem_no_provider_reason(struct device **clients, int nr, enum pci_p2pmem_prefer prefer,
			       ktime_t since, struct pci_p2pmem_verdict *why);

/* verify.c */
#if IS_ENABLED(CONFIG_KUNIT)
bool p2pmem_responds(struct pci_p2pmem_grant *grant);
#endif

/* memory.c */
enum pci_p2pmem_reason p2pmem_alloc_reason(struct p2pmem_provider *p, size_t size, long error);
void p2pmem_clear(void *addr, size_t size);

/* refuse.c */
int p2pmem_refuse_pair(struct p2pmem_pair *pair, size_t bytes, enum pci_p2pmem_reason reason);
int p2pmem_refuse(struct pci_dev *provider, struct device *client, size_t bytes,
		  enum pci_p2pmem_reason reason);
void p2pmem_refuse_exit(void);

/* revoke.c */
void p2pmem_provider_worker(struct work_struct *work);
void p2pmem_report(struct p2pmem_provider *p);

/* list.c */
void p2pmem_sgl_exit(void);

/* lend.c */
extern const struct attribute_group *p2pmem_group;
void p2pmem_function_removed(struct pci_dev *pdev);
void p2pmem_function_binds(struct pci_dev *pdev);
#if IS_ENABLED(CONFIG_KUNIT)
void p2pmem_provider_destroy(struct p2pmem_provider *p);
#endif

/* sysfs.c */
void p2pmem_sysfs_init(void);

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

#endif /* _P2PMEM_FLOORS_H */
