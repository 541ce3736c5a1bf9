/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: structures and functions shared by the files of the NVMe target's peer-to-peer memory
 *
 * Floors, top to bottom; a file calls lower floors only, a callback of the core or the work item of
 * p2pmem-schedule.c reaches a higher one:
 *
 *   5  p2pmem.c           requests: memory for their data, byte counters, status
 *      p2pmem-rescan.c    re-evaluates paths after an event
 *      p2pmem-configfs.c  the attributes p2pmem, p2pmem_prefer and p2pmem_verify
 *   4  p2pmem-attach.c    finds the drive of a namespace, and selects the provider that serves it
 *                         to a controller
 *   3  p2pmem-test.c      runs the self-test of a share before requests use it
 *   2  p2pmem-verify.c    decides by the result of the self-test whether a path is used
 *   1  p2pmem-share.c     one grant for all paths of an adapter, a drive and a provider
 *      p2pmem-ns.c        the record of a namespace and its counters in configfs
 *   0  p2pmem-schedule.c  schedules the re-evaluation of paths
 *      p2pmem-state.c     the state of a path, in the log and in configfs
 *
 * Lock order, outermost first: nvmet_p2pmem_lock; ctrl->subsys->lock (only by trylock while
 * nvmet_p2pmem_lock is held); nvmet_p2pmem_shares_lock; the locks of the core;
 * &nvmet_p2pmem_share.lock; ctrl->lock. Callbacks of a grant acquire the last two.
 * nvmet_config_sem and configfs' su_mutex are outside all of them.
 */
#ifndef _NVMET_P2PMEM_PRIV_H
#define _NVMET_P2PMEM_PRIV_H

#include <linux/kref.h>
#include <linux/percpu.h>
#include <linux/pci-p2pmem.h>
#include "p2pmem.h"

#define NVMET_P2PMEM_AGAIN	HZ	/* delay before a retry */
#define NVMET_P2PMEM_PAIRS	2	/* adapter and provider, drive and provider */

struct nvmet_p2pmem_test;

/**
 * enum nvmet_p2pmem_mode - which self-test result a path needs (p2pmem_verify)
 * @NVMET_P2PMEM_AUTO: "require" for a path that needs an administrator's entry for a host
 *	bridge, "warn" for any other
 * @NVMET_P2PMEM_OFF: no test
 * @NVMET_P2PMEM_WARN: use a path that could not be proved, and log that it is not proved
 * @NVMET_P2PMEM_REQUIRE: use a proved path only
 */
enum nvmet_p2pmem_mode {
	NVMET_P2PMEM_AUTO,
	NVMET_P2PMEM_OFF,
	NVMET_P2PMEM_WARN,
	NVMET_P2PMEM_REQUIRE,
};

/**
 * enum nvmet_p2pmem_ruling - whether requests may use a grant
 * @NVMET_P2PMEM_USE: requests may use memory of the grant
 * @NVMET_P2PMEM_TEST: the grant needs a self-test first
 * @NVMET_P2PMEM_WAIT: the last self-test was inconclusive, and the next one is not due yet
 * @NVMET_P2PMEM_REFUSE: requests must not use memory of the grant
 */
enum nvmet_p2pmem_ruling {
	NVMET_P2PMEM_USE,
	NVMET_P2PMEM_TEST,
	NVMET_P2PMEM_WAIT,
	NVMET_P2PMEM_REFUSE,
};

/**
 * enum nvmet_p2pmem_state - which memory requests of a path use
 * @NVMET_P2PMEM_NEW: the path is being created, no request sees it. In
 *	&nvmet_p2pmem_path.logged: the log has no line for the present state
 * @NVMET_P2PMEM_SYSTEM: system memory; the path's reason says why
 * @NVMET_P2PMEM_TESTING: system memory while a self-test is queued or running
 * @NVMET_P2PMEM_RETRY: system memory until an inconclusive self-test is repeated
 * @NVMET_P2PMEM_PEER: memory of the path's grant
 * @NVMET_P2PMEM_NR_STATES: number of states
 *
 * See p2pmem-state.c.
 */
enum nvmet_p2pmem_state {
	NVMET_P2PMEM_NEW,
	NVMET_P2PMEM_SYSTEM,
	NVMET_P2PMEM_TESTING,
	NVMET_P2PMEM_RETRY,
	NVMET_P2PMEM_PEER,
	NVMET_P2PMEM_NR_STATES,
};

/**
 * struct nvmet_p2pmem_stats - counters of the Reads and Writes of a namespace
 * @peer_bytes: payload in peer memory
 * @inline_bytes: payload that arrived in a command capsule
 * @system_bytes: payload and metadata in system memory
 * @fallbacks: requests that should use peer memory and use system memory, by reason
 */
struct nvmet_p2pmem_stats {
	u64 peer_bytes;
	u64 inline_bytes;
	u64 system_bytes;
	u64 fallbacks[PCI_P2PMEM_NR_REASONS];
};

/**
 * struct nvmet_p2pmem_ns - the record of a namespace
 * @hash: entry in the hash of records; readers under RCU
 * @entry: entry in the list of records, under nvmet_p2pmem_lock
 * @ref: references: one of the namespace, one of @group
 * @rcu: for freeing
 * @ns: the namespace; valid while the record is in the list
 * @group: configfs group p2pmem_stats
 * @stats: per CPU
 * @base_lock: guards @base; held while counters are read or reset
 * @base: values of the counters at the last reset
 * @verify: value of p2pmem_verify; guarded by ns->subsys->lock
 * @prefer: value of p2pmem_prefer; guarded by ns->subsys->lock
 * @enabled: time when the namespace was last enabled
 * @fixed: the administrator named a provider, by @domain, @bus and @devfn; these four are
 *	guarded by ns->subsys->lock
 * @domain: PCI domain of that provider
 * @bus: bus of that provider
 * @devfn: device and function of that provider
 * @found: the function that the last lookup found at that address, referenced, or NULL
 * @absent: time before the last lookup that found no function, else 0
 * @function: the PCI function of the drive that was last enabled with peer memory, referenced;
 *	NULL for a file or a stacked disk. Written only while the namespace is not enabled
 * @due: the next run of the rescan work re-evaluates the namespace's paths
 * @warned: the log has the first fallback since the namespace was enabled
 *
 * Every namespace has a record, even if peer memory is off for it.
 */
struct nvmet_p2pmem_ns {
	struct hlist_node hash;
	struct list_head entry;
	struct kref ref;
	struct rcu_head rcu;
	struct nvmet_ns *ns;
	struct config_group group;
	struct nvmet_p2pmem_stats __percpu *stats;
	struct mutex base_lock;		/* see above */
	struct nvmet_p2pmem_stats base;
	enum nvmet_p2pmem_mode verify;
	enum pci_p2pmem_prefer prefer;
	ktime_t enabled;
	bool fixed;
	u32 domain;
	u8 bus;
	u8 devfn;
	struct pci_dev *found;
	ktime_t absent;
	struct pci_dev *function;
	int due;
	unsigned long warned;
};

/**
 * struct nvmet_p2pmem_share - a grant, and the paths that use it
 * @hash: entry in the hash of shares; removed as soon as no more paths may join
 * @adapter: DMA device of the adapter; @grant holds a reference
 * @drive: DMA device of the drive; @grant holds a reference
 * @provider: the provider; @grant holds a reference
 * @grant: the grant
 * @users: number of paths
 * @lock: guards @paths and @test; callbacks of @grant acquire it
 * @paths: list of struct nvmet_p2pmem_path
 * @test: the self-test until every path that waits for it has handled its result; or NULL
 *
 * See p2pmem-share.c.
 */
struct nvmet_p2pmem_share {
	struct hlist_node hash;
	struct device *adapter;
	struct device *drive;
	struct pci_dev *provider;
	struct pci_p2pmem_grant *grant;
	unsigned int users;
	struct mutex lock;		/* see above */
	struct list_head paths;
	struct nvmet_p2pmem_test *test;
};

/**
 * struct nvmet_p2pmem_trust - why requests may use a grant
 * @by_admin: its memory is mapped through a host bridge that the administrator allowed
 * @proof: result of the self-test; UNTRIED if p2pmem_verify is "off"
 * @stored: pairs whose result the core has stored, one bit each in the order of the clients: if
 *	one of them is UNTRIED later, the core has dropped its result
 * @requests: of each pair, how many tests an administrator had requested when it was tested
 * @note: what the self-test could not prove
 */
struct nvmet_p2pmem_trust {
	bool by_admin;
	enum pci_p2pmem_proof proof;
	u8 stored;
	unsigned int requests[NVMET_P2PMEM_PAIRS];
	char note[PCI_P2PMEM_NOTE + 32];
};

/**
 * struct nvmet_p2pmem_outcome - the result of an evaluation of a path: its next state
 * @state: the next state
 * @grant: the grant that requests use in the state NVMET_P2PMEM_PEER; else NULL
 * @why: the reason if @grant is NULL
 * @trust: why requests may use @grant
 */
struct nvmet_p2pmem_outcome {
	enum nvmet_p2pmem_state state;
	struct pci_p2pmem_grant *grant;
	struct pci_p2pmem_verdict why;
	struct nvmet_p2pmem_trust trust;
};

/**
 * struct nvmet_p2pmem_path - the peer memory of a controller for a namespace
 * @ctrl: the controller, which outlives this structure
 * @ns: the namespace, which outlives this structure
 * @state: the memory that requests use. Only nvmet_p2pmem_enter() writes @state, @reason,
 *	@grant and @trust, under ctrl->subsys->lock; requests read the first three under RCU
 * @share: the share that the path has joined, or NULL; guarded by ctrl->subsys->lock
 * @entry: entry in @share's list of paths, guarded by its lock
 * @grant: the share's grant in the state NVMET_P2PMEM_PEER, NULL in any other
 * @reason: why @grant is NULL, else PCI_P2PMEM_OK; requests count it as their fallback
 * @trust: why requests may use @grant; zero if it is NULL
 * @logged: the state that the log reports for @reason; NVMET_P2PMEM_NEW if a line is missing.
 *	Guarded by ctrl->subsys->lock
 * @test: the self-test of the share's grant that the path waits for, or NULL; guarded by
 *	ctrl->subsys->lock
 * @tries: number of consecutive inconclusive tests with the provider @tried
 * @tried: PCI address of that provider, see nvmet_p2pmem_address()
 * @retry: earliest time of the next test, in jiffies
 * @map_failed: the drive could not map memory of the grant: requests use system memory
 *	until this time, in jiffies; 0 if there is no such time
 * @rcu: for freeing
 *
 * A path is in ctrl->p2p_ns_map by namespace identifier while the namespace is enabled
 * and its attribute p2pmem is not 0; requests read the map under RCU.
 */
struct nvmet_p2pmem_path {
	struct nvmet_ctrl *ctrl;
	struct nvmet_ns *ns;
	enum nvmet_p2pmem_state state;
	struct nvmet_p2pmem_share *share;
	struct list_head entry;
	struct pci_p2pmem_grant __rcu *grant;
	enum pci_p2pmem_reason reason;
	struct nvmet_p2pmem_trust trust;
	enum nvmet_p2pmem_state logged;
	struct nvmet_p2pmem_test *test;
	unsigned int tries;
	u64 tried;
	unsigned long retry;
	unsigned long map_failed;
	struct rcu_head rcu;
};

/* Return the grant that requests of a path use, or NULL; ctrl->subsys->lock is held */
static inline struct pci_p2pmem_grant *
nvmet_p2pmem_path_grant(struct nvmet_p2pmem_path *path)
{
	return rcu_dereference_protected(path->grant,
					 lockdep_is_held(&path->ctrl->subsys->lock));
}

/*
 * Whether a namespace is enabled; only then does it have paths. With subsys->lock held, under which
 * this changes together with the paths; elsewhere it may have changed since.
 */
static inline bool nvmet_p2pmem_is_enabled(const struct nvmet_ns *ns)
{
	return READ_ONCE(ns->enabled);
}

/* p2pmem-ns.c */
extern struct mutex nvmet_p2pmem_lock;
extern struct list_head nvmet_p2pmem_namespaces;
struct nvmet_p2pmem_ns *nvmet_p2pmem_record(struct nvmet_ns *ns);
struct device *nvmet_p2pmem_ns_device(struct nvmet_p2pmem_ns *rec);
void nvmet_p2pmem_fallback(struct nvmet_p2pmem_ns *rec, struct nvmet_req *req,
			   struct pci_p2pmem_grant *grant, enum pci_p2pmem_reason reason,
			   bool testing);
bool nvmet_p2pmem_no_records(void);
void nvmet_p2pmem_forget_provider(struct nvmet_p2pmem_ns *rec);

/* p2pmem-attach.c */
struct pci_dev *nvmet_p2pmem_fixed_provider(struct nvmet_p2pmem_ns *rec, ktime_t since,
					    struct pci_p2pmem_verdict *why);
void nvmet_p2pmem_find_function(struct nvmet_p2pmem_ns *rec);
struct device *nvmet_p2pmem_drive(struct nvmet_ns *ns, enum pci_p2pmem_reason *reason);
bool nvmet_p2pmem_cpu_integrity(struct nvmet_ns *ns);
void nvmet_p2pmem_use(struct nvmet_p2pmem_path *path, struct pci_p2pmem_grant *grant,
		      struct nvmet_p2pmem_outcome *o);
void nvmet_p2pmem_refuse(struct nvmet_p2pmem_path *path, struct pci_dev *provider,
			 struct device *drive, const struct nvmet_p2pmem_outcome *o);
void nvmet_p2pmem_connect(struct nvmet_p2pmem_path *path, ktime_t since);
void nvmet_p2pmem_disconnect(struct nvmet_p2pmem_path *path);
void nvmet_p2pmem_attach_path(struct nvmet_ctrl *ctrl, struct nvmet_ns *ns, ktime_t since);

/* p2pmem-schedule.c */
void nvmet_p2pmem_rescan(unsigned long delay);
void nvmet_p2pmem_rescan_one(struct nvmet_p2pmem_ns *rec);
#if IS_ENABLED(CONFIG_KUNIT)
extern struct timer_list nvmet_p2pmem_rescan_timer;
#endif
void nvmet_p2pmem_rescan_due_later(unsigned long delay);
bool nvmet_p2pmem_rescan_wants_all(void);
void nvmet_p2pmem_schedule_init(work_func_t worker);
void nvmet_p2pmem_schedule_exit(void);

/* p2pmem-share.c */
bool nvmet_p2pmem_share_join(struct nvmet_p2pmem_path *path, struct pci_dev *provider,
			     struct device *drive, ktime_t since,
			     struct pci_p2pmem_verdict *why);
void nvmet_p2pmem_share_leave(struct nvmet_p2pmem_path *path);
bool nvmet_p2pmem_no_shares(void);

/* p2pmem-verify.c */
enum nvmet_p2pmem_ruling nvmet_p2pmem_rule(struct nvmet_p2pmem_path *path,
					   const struct pci_p2pmem_verdict *v,
					   struct nvmet_p2pmem_outcome *o);
bool nvmet_p2pmem_is_short(enum pci_p2pmem_reason reason);
u64 nvmet_p2pmem_address(struct pci_p2pmem_grant *grant);
enum nvmet_p2pmem_ruling nvmet_p2pmem_evaluate(struct nvmet_p2pmem_path *path,
					       struct pci_p2pmem_grant *grant,
					       struct device *drive,
					       struct nvmet_p2pmem_outcome *o);
bool nvmet_p2pmem_still_trusted(struct nvmet_p2pmem_path *path, struct pci_p2pmem_grant *grant,
				struct device *drive);

/* p2pmem-test.c */
int nvmet_p2pmem_test_start(struct nvmet_p2pmem_path *path);
bool nvmet_p2pmem_test_done(struct nvmet_p2pmem_path *path);
bool nvmet_p2pmem_test_foreign(struct nvmet_p2pmem_path *path);
bool nvmet_p2pmem_test_usable(struct nvmet_p2pmem_path *path);
void nvmet_p2pmem_test_drop(struct nvmet_p2pmem_path *path);
void nvmet_p2pmem_test_again(struct nvmet_p2pmem_path *path);
struct pci_p2pmem_grant *nvmet_p2pmem_test_end(struct nvmet_p2pmem_path *path,
					       struct nvmet_p2pmem_outcome *o);
int nvmet_p2pmem_test_init(void);
void nvmet_p2pmem_test_exit(void);

/* p2pmem-state.c */
void nvmet_p2pmem_enter(struct nvmet_p2pmem_path *path, const struct nvmet_p2pmem_outcome *o);
char *nvmet_p2pmem_explain(struct pci_dev *provider, struct device *client,
			   const struct pci_p2pmem_verdict *why);
void nvmet_p2pmem_log_refusal(struct nvmet_p2pmem_path *path, struct pci_dev *provider,
			      struct device *drive, struct device *dev,
			      const struct pci_p2pmem_verdict *why);
void nvmet_p2pmem_log_use(struct nvmet_p2pmem_path *path, struct pci_p2pmem_grant *grant);
int nvmet_p2pmem_show_path(struct nvmet_ctrl *ctrl, struct nvmet_ns *ns, char *line,
			   size_t len);

#endif /* _NVMET_P2PMEM_PRIV_H */
