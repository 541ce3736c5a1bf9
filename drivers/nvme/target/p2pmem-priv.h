/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what the files of the NVMe target's peer-to-peer memory share
 *
 *   p2pmem.c           requests: memory for their data, what became of it
 *   p2pmem-attach.c    which provider serves a namespace to a controller
 *   p2pmem-verify.c    the self-test before it does
 *   p2pmem-tell.c      the state of a path, and what is said of it
 *   p2pmem-drive.c     the DMA device of a namespace
 *   p2pmem-ns.c        the record of a namespace, its counters in configfs
 *   p2pmem-configfs.c  the attributes that ask for peer memory
 *
 * Lock order: nvmet_p2pmem_lock, then ctrl->subsys->lock (only by trylock where
 * the first is held), then the locks of the core, then ctrl->lock (taken by the
 * callbacks of a grant). nvmet_config_sem and configfs' su_mutex are outside all
 * of them.
 */
#ifndef _NVMET_P2PMEM_PRIV_H
#define _NVMET_P2PMEM_PRIV_H

#include <linux/kref.h>
#include <linux/percpu.h>
#include <linux/pci-p2pmem.h>
#include "p2pmem.h"

#define NVMET_P2PMEM_AGAIN	HZ	/* until what could not be done is tried again */

struct nvmet_p2pmem_test;

/**
 * enum nvmet_p2pmem_mode - what the administrator wants of the self-test
 * @NVMET_P2PMEM_AUTO: "require" for a path that needs an administrator's entry for a host
 *	bridge, "warn" for any other
 * @NVMET_P2PMEM_OFF: no test
 * @NVMET_P2PMEM_WARN: use what could not be proved, and say so
 * @NVMET_P2PMEM_REQUIRE: use only what was proved
 */
enum nvmet_p2pmem_mode {
	NVMET_P2PMEM_AUTO,
	NVMET_P2PMEM_OFF,
	NVMET_P2PMEM_WARN,
	NVMET_P2PMEM_REQUIRE,
};

/**
 * enum nvmet_p2pmem_ruling - what is to be done with a grant
 * @NVMET_P2PMEM_USE: requests may have memory under it
 * @NVMET_P2PMEM_TEST: not before it was tested
 * @NVMET_P2PMEM_WAIT: a test could show nothing, and the next one is not due yet
 * @NVMET_P2PMEM_REFUSE: they must not
 */
enum nvmet_p2pmem_ruling {
	NVMET_P2PMEM_USE,
	NVMET_P2PMEM_TEST,
	NVMET_P2PMEM_WAIT,
	NVMET_P2PMEM_REFUSE,
};

/**
 * enum nvmet_p2pmem_state - what requests of a path get
 * @NVMET_P2PMEM_NEW: none yet: no request sees the path. For &nvmet_p2pmem_path.told: nothing
 * @NVMET_P2PMEM_SYSTEM: system memory; the path's reason says why
 * @NVMET_P2PMEM_TESTING: system memory as long as a self-test runs or is about to
 * @NVMET_P2PMEM_RETRY: system memory until a self-test that could show nothing is repeated
 * @NVMET_P2PMEM_PEER: memory of the path's grant
 * @NVMET_P2PMEM_NR_STATES: number of states
 *
 * See p2pmem-tell.c.
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
 * struct nvmet_p2pmem_stats - what became of the Reads and Writes of a namespace
 * @peer_bytes: payload that was in peer memory
 * @inline_bytes: payload that came in a command capsule
 * @system_bytes: payload and metadata that was in system memory
 * @fallbacks: requests that asked for peer memory and got system memory, by
 *	reason
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
 * @ref: one for the namespace, one for @group
 * @rcu: for freeing
 * @ns: the namespace; valid while the record is in the list
 * @group: configfs group p2pmem_stats
 * @stats: per CPU
 * @base_lock: guards @base, and who reads counters against who sets it
 * @base: what the counters were when they were reset
 * @verify: what to do about the self-test; guarded by ns->subsys->lock
 * @prefer: what counts most when any provider may serve; ditto
 * @fixed: the administrator named a provider: @domain, @bus and @devfn; guarded
 *	by ns->subsys->lock, like all that the attribute sets
 * @domain: PCI domain of that provider
 * @bus: its bus
 * @devfn: its device and function
 * @warned: somebody was told that system memory is used although peer memory
 *	was asked for
 *
 * It exists for every namespace, whether it asks for peer memory or not.
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
	bool fixed;
	u32 domain;
	u8 bus;
	u8 devfn;
	unsigned long warned;
};

/**
 * struct nvmet_p2pmem_path - how a controller's host reaches a namespace's drive
 * @ctrl: the controller; it outlives this structure
 * @ns: the namespace; ditto
 * @state: what requests get; @state, @reason, @grant and @told are written by
 *	nvmet_p2pmem_enter() only, under ctrl->subsys->lock, and read under RCU
 * @grant: peer memory for both; NULL in any state but NVMET_P2PMEM_PEER
 * @reason: why there is no grant; what a request that reads it counts
 * @told: the state that the log has, for @reason; set by whoever writes the log
 * @test: the self-test of a grant that requests do not see yet, or NULL; under
 *	ctrl->subsys->lock
 * @tries: tests in a row, with one provider, that could not show anything
 * @tried: that provider, by its PCI address
 * @retry: not before this time is it tested again, in jiffies
 * @proof: what the test has shown of @grant; UNTRIED when nobody wanted to know
 * @note: what could not be shown
 * @how: how the grant's memory is mapped; through a host bridge when that is so for one end
 * @by_admin: that is a host bridge that the administrator allowed
 * @map_failed: the drive could not map memory of the grant: requests use system memory
 *	until this time, in jiffies; 0: they need not
 * @rcu: for freeing
 *
 * In ctrl->p2p_ns_map by namespace identifier while the namespace is enabled
 * and asks for peer memory; readers under RCU.
 */
struct nvmet_p2pmem_path {
	struct nvmet_ctrl *ctrl;
	struct nvmet_ns *ns;
	enum nvmet_p2pmem_state state;
	struct pci_p2pmem_grant __rcu *grant;
	enum pci_p2pmem_reason reason;
	enum nvmet_p2pmem_state told;
	struct nvmet_p2pmem_test *test;
	unsigned int tries;
	u64 tried;
	unsigned long retry;
	enum pci_p2pmem_proof proof;
	char note[PCI_P2PMEM_NOTE + 32];
	enum pci_p2pmem_mapping how;
	bool by_admin;
	unsigned long map_failed;
	struct rcu_head rcu;
};

/* The grant that requests of a path see; ctrl->subsys->lock held */
static inline struct pci_p2pmem_grant *
nvmet_p2pmem_path_grant(struct nvmet_p2pmem_path *path)
{
	return rcu_dereference_protected(path->grant,
					 lockdep_is_held(&path->ctrl->subsys->lock));
}

/* p2pmem-ns.c */
extern struct mutex nvmet_p2pmem_lock;
extern struct list_head nvmet_p2pmem_namespaces;
struct nvmet_p2pmem_ns *nvmet_p2pmem_record(struct nvmet_ns *ns);
void nvmet_p2pmem_fallback(struct nvmet_p2pmem_ns *rec, struct nvmet_req *req,
			   struct pci_p2pmem_grant *grant, enum pci_p2pmem_reason reason,
			   bool testing);
bool nvmet_p2pmem_no_records(void);
char *nvmet_p2pmem_explain(struct pci_dev *provider, struct device *client,
			   const struct pci_p2pmem_verdict *why);

/* p2pmem-drive.c */
struct pci_dev *nvmet_p2pmem_fixed_provider(struct nvmet_p2pmem_ns *rec,
					    struct pci_p2pmem_verdict *why);
struct device *nvmet_p2pmem_drive(struct nvmet_ns *ns, enum pci_p2pmem_reason *reason);
bool nvmet_p2pmem_cpu_integrity(struct nvmet_ns *ns);

/* p2pmem-attach.c */
void nvmet_p2pmem_rescan(unsigned long delay);

/* p2pmem-verify.c */
enum nvmet_p2pmem_ruling nvmet_p2pmem_evaluate(struct nvmet_p2pmem_path *path,
					       struct pci_p2pmem_grant *grant,
					       struct device *drive,
					       struct pci_p2pmem_verdict *why);
bool nvmet_p2pmem_still_proved(struct nvmet_p2pmem_path *path, struct pci_p2pmem_grant *grant);
int nvmet_p2pmem_test_start(struct nvmet_p2pmem_path *path, struct pci_p2pmem_grant *grant,
			    struct device *drive);
bool nvmet_p2pmem_test_done(struct nvmet_p2pmem_path *path);
bool nvmet_p2pmem_test_usable(struct nvmet_p2pmem_path *path);
void nvmet_p2pmem_test_drop(struct nvmet_p2pmem_path *path);
void nvmet_p2pmem_test_again(struct nvmet_p2pmem_path *path);
struct pci_p2pmem_grant *nvmet_p2pmem_test_end(struct nvmet_p2pmem_path *path,
					       struct pci_p2pmem_verdict *why,
					       enum nvmet_p2pmem_state *state);
int nvmet_p2pmem_verify_init(void);
void nvmet_p2pmem_verify_exit(void);

/* p2pmem-tell.c */
void nvmet_p2pmem_enter(struct nvmet_p2pmem_path *path, enum nvmet_p2pmem_state state,
			struct pci_p2pmem_grant *grant, enum pci_p2pmem_reason reason);
void nvmet_p2pmem_log_refusal(struct nvmet_p2pmem_path *path, struct pci_dev *provider,
			      struct device *drive, const struct pci_p2pmem_verdict *why);
void nvmet_p2pmem_log_use(struct nvmet_p2pmem_path *path, struct pci_p2pmem_grant *grant);
int nvmet_p2pmem_show_path(struct nvmet_ctrl *ctrl, struct nvmet_ns *ns, char *line,
			   size_t len);

#endif /* _NVMET_P2PMEM_PRIV_H */
