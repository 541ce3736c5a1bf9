// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: uevents: what an administrator's rules may want to act upon
 *
 * Floor 1.
 *
 * A provider that goes or comes back, and an orchestrator that falls back to system
 * memory for the first time, as change events of the PCI function. See
 * Documentation/ABI/testing/sysfs-bus-pci-p2pmem for what is in them.
 */
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "p2pdma.h"

/* Subsystem NQNs of NVMe have up to 223 bytes. */
#define P2PMEM_EVENT_USER	256

/**
 * struct p2pmem_fallback - an event on its way
 * @work: sends it
 * @dev: whose event it is, referenced
 * @reason: why
 * @nsid: the user's number of what falls back
 * @user: who falls back
 */
struct p2pmem_fallback {
	struct work_struct work;
	struct device *dev;
	enum pci_p2pmem_reason reason;
	u32 nsid;
	char user[P2PMEM_EVENT_USER];
};

/**
 * p2pmem_event() - tell user space what a provider does
 * @p: the provider
 * @what: "revoked", "lost" or "resumed"
 *
 * That nobody was told is no failure: the log has it too.
 *
 * Context: Process context, may sleep.
 */
void p2pmem_event(struct p2pmem_provider *p, const char *what)
{
	char event[32];
	char *env[] = { event, NULL };

	snprintf(event, sizeof(event), "P2PMEM_EVENT=%s", what);
	kobject_uevent_env(&p->pdev->dev.kobj, KOBJ_CHANGE, env);
}

static void p2pmem_fallback_worker(struct work_struct *work)
{
	struct p2pmem_fallback *f = container_of(work, struct p2pmem_fallback, work);
	char user[P2PMEM_EVENT_USER + 16], reason[64], nsid[32];
	char *env[] = { "P2PMEM_EVENT=fallback", reason, user, nsid, NULL };

	snprintf(reason, sizeof(reason), "P2PMEM_REASON=%s", p2pmem_token(f->reason));
	snprintf(user, sizeof(user), "P2PMEM_USER=%s", f->user);
	snprintf(nsid, sizeof(nsid), "P2PMEM_NSID=%u", f->nsid);
	kobject_uevent_env(&f->dev->kobj, KOBJ_CHANGE, env);
	put_device(f->dev);
	kfree(f);
}

/**
 * pci_p2pmem_fallback_event() - tell user space of system memory instead of peer memory
 * @dev: the device whose data it is (a disk); the event is that of the PCI function
 *	it belongs to, or its own when there is none. NULL: nobody is told
 * @reason: why
 * @user: who falls back, for the event
 * @nsid: its number of what falls back, ditto
 *
 * For an orchestrator, the first time that it happens. It is sent from a work item.
 *
 * Context: Any but NMI; the caller holds @dev.
 */
void pci_p2pmem_fallback_event(struct device *dev, enum pci_p2pmem_reason reason,
			       const char *user, u32 nsid)
{
	struct p2pmem_fallback *f;
	struct device *up;

	if (!dev)
		return;
	/* Where there is no memory, the log and the counters have it still. */
	f = kzalloc(sizeof(*f), GFP_ATOMIC | __GFP_NOWARN);
	if (!f)
		return;
	for (up = dev; up && !dev_is_pci(up); up = up->parent)
		;
	INIT_WORK(&f->work, p2pmem_fallback_worker);
	f->dev = get_device(up ?: dev);
	f->reason = reason;
	f->nsid = nsid;
	strscpy(f->user, user, sizeof(f->user));
	queue_work(p2pmem_wq, &f->work);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_fallback_event);
