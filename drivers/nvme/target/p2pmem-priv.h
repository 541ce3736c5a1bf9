/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what the files of the NVMe target's peer-to-peer memory share
 *
 *   p2pmem.c           requests: memory for their data, what became of it
 *   p2pmem-attach.c    which provider serves a namespace to a controller
 *   p2pmem-ns.c        the record of a namespace, its counters in configfs
 *   p2pmem-configfs.c  the attribute that asks for peer memory
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
 * @grant: peer memory for both, or NULL; changed under ctrl->subsys->lock, read
 *	under RCU
 * @reason: why there is no grant; what a request that reads it counts
 * @told: the log has the present state
 * @by_admin: the grant leads through a host bridge that the administrator allowed
 * @rcu: for freeing
 *
 * In ctrl->p2p_ns_map by namespace identifier while the namespace is enabled
 * and asks for peer memory; readers under RCU.
 */
struct nvmet_p2pmem_path {
	struct nvmet_ctrl *ctrl;
	struct nvmet_ns *ns;
	struct pci_p2pmem_grant __rcu *grant;
	enum pci_p2pmem_reason reason;
	bool told;
	bool by_admin;
	struct rcu_head rcu;
};

/* p2pmem-ns.c */
extern struct mutex nvmet_p2pmem_lock;
extern struct list_head nvmet_p2pmem_namespaces;
struct nvmet_p2pmem_ns *nvmet_p2pmem_record(struct nvmet_ns *ns);
void nvmet_p2pmem_fallback(struct nvmet_p2pmem_ns *rec, struct nvmet_req *req,
			   enum pci_p2pmem_reason reason);
bool nvmet_p2pmem_no_records(void);
char *nvmet_p2pmem_explain(struct pci_dev *provider, struct device *client,
			   const struct pci_p2pmem_verdict *why);

/* p2pmem-attach.c */
struct pci_dev *nvmet_p2pmem_fixed_provider(struct nvmet_p2pmem_ns *rec);
struct device *nvmet_p2pmem_drive(struct nvmet_ns *ns, enum pci_p2pmem_reason *reason);
bool nvmet_p2pmem_cpu_integrity(struct nvmet_ns *ns);
void nvmet_p2pmem_rescan(unsigned long delay);

#endif /* _NVMET_P2PMEM_PRIV_H */
