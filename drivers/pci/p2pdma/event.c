// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: uevents for udev rules of administrators
 *
 * Floor 1.
 *
 * Revocation, loss and resume of a provider, and an orchestrator's first fallback to system
 * memory, are change events of the PCI function. Their variables are described in
 * Documentation/ABI/testing/sysfs-bus-pci-p2pmem.
 */
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "p2pdma.h"

/* Subsystem NQNs of NVMe have up to 223 bytes. */
#define P2PMEM_EVENT_USER	256

/**
 * struct p2pmem_fallback - a fallback event that is queued
 * @work: sends the event
 * @dev: device of the event, referenced
 * @reason: reason for the fallback
 * @nsid: the user's number for the object that falls back
 * @user: name of the user that falls back
 */
struct p2pmem_fallback {
	struct work_struct work;
	struct device *dev;
	enum pci_p2pmem_reason reason;
	u32 nsid;
	char user[P2PMEM_EVENT_USER];
};

/**
 * p2pmem_event() - send a uevent of a provider
 * @p: the provider
 * @what: "revoked", "lost" or "resumed"
 *
 * A uevent that cannot be sent is ignored: the log has the same information.
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
 * pci_p2pmem_fallback_event() - send a uevent for a fallback to system memory
 * @dev: the PCI function that the data is for, or a device without one. NULL: no event
 * @reason: reason for the fallback
 * @user: name of the user that falls back, for the event
 * @nsid: the user's number for the object that falls back, for the event
 *
 * An orchestrator calls this for its first fallback. A work item sends the event. The parents of
 * @dev are not used: if @dev is removed, they may be freed while the caller holds @dev.
 *
 * Context: Any but NMI; the caller holds @dev.
 */
void pci_p2pmem_fallback_event(struct device *dev, enum pci_p2pmem_reason reason,
			       const char *user, u32 nsid)
{
	struct p2pmem_fallback *f;

	if (!dev)
		return;
	/* Without memory there is no event: the log and the counters have the fallback. */
	f = kzalloc(sizeof(*f), GFP_ATOMIC | __GFP_NOWARN);
	if (!f)
		return;
	INIT_WORK(&f->work, p2pmem_fallback_worker);
	f->dev = get_device(dev);
	f->reason = reason;
	f->nsid = nsid;
	strscpy(f->user, user, sizeof(f->user));
	queue_work(p2pmem_wq, &f->work);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_fallback_event);
