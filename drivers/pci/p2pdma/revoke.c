// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: revocation, suspend, loss and resume of a provider
 *
 * Floor 7.
 *
 * The calls of a provider's driver, and the notifications that they cause. state.c has the
 * states. Each wait is limited:
 *
 *   pci_p2pmem_revoke()	twice PCI_P2PMEM_DRAIN_SECONDS; a fatal signal ends it
 *   pci_p2pmem_suspend()	until no memory is freed for P2PMEM_SUSPEND_STALL; in a reset, once
 *			more after an eviction, for P2PMEM_EVICT_STALL
 *   pci_p2pmem_lost()		does not wait
 *
 * One work item of the provider notifies user space, holders and orchestrators, so that
 * events are ordered and the last one describes the current state.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/module.h>
#include <trace/events/p2pmem.h>
#include "p2pdma.h"
#include "pages.h"

/* How long a suspend waits for one more page to be freed */
#define P2PMEM_SUSPEND_STALL		(HZ / 2)

/* The same when its users were evicted: queues are flushed before pages are freed */
#define P2PMEM_EVICT_STALL		(2 * HZ)

/* How often a revocation that waits checks whether the device is still there */
#define P2PMEM_PRESENCE			(HZ / 4)

static void p2pmem_trace_revoke(struct p2pmem_provider *p, const char *what,
				enum pci_p2pmem_reason reason)
{
	if (trace_p2pmem_revoke_enabled())
		trace_p2pmem_revoke(p->pdev, what, p2pmem_bytes_in_use(p), reason);
}

/**
 * struct p2pmem_revoke_ctx - argument of p2pmem_revoke_client()
 * @provider: the provider
 */
struct p2pmem_revoke_ctx {
	struct p2pmem_provider *provider;
};

/* A client whose pair was never allowed holds no mapping. */
static void p2pmem_revoke_client(struct pci_p2pmem_client *c, void *arg)
{
	struct p2pmem_revoke_ctx *gone = arg;
	struct p2pmem_pair *pair;
	bool allowed;

	if (!c->ops || !c->ops->revoke)
		return;
	scoped_guard(rcu) {
		pair = p2pmem_pair_find(gone->provider, c->dev);
		/* Its counters were allocated when a verdict allowed it for the first time. */
		allowed = pair && READ_ONCE(pair->count);
	}
	if (allowed)
		c->ops->revoke(c, gone->provider->pdev);
}

static void p2pmem_notify_holders(struct p2pmem_provider *p)
{
	struct p2pmem_revoke_ctx gone = { .provider = p };

	if (!p2pmem_drain_notify_once(p))
		return;
	p2pmem_grants_revoke(p);
	p2pmem_for_each_client(p2pmem_revoke_client, &gone);
}

/* Re-evaluates the pairs, because a reset may have changed anything, and goes live. */
static void p2pmem_resume(struct p2pmem_provider *p)
{
	if (!p2pmem_can_resume(p))
		return;
	p2pmem_pairs_update(p, NULL, P2PMEM_FORGET_PROOF, NULL);
	if (!p2pmem_try_resume(p))
		return;
	p2pmem_trace_revoke(p, "resumed", PCI_P2PMEM_OK);
	p2pmem_queue_provider_work(p);
}

static void p2pmem_send_resumed(struct p2pmem_provider *p)
{
	/* A provider that was registered as stopped has lost nothing. */
	bool again = READ_ONCE(p->epoch);

	if (again)
		p2pmem_event(p, "resumed");
	if (READ_ONCE(p->published) && p2pmem_is_live(p)) {
		pci_info(p->pdev, "peer-to-peer memory is available%s\n", again ? " again" : "");
		p2pmem_notify(PCI_P2PMEM_EVENT_PROVIDER, p->pdev);
	}
}

/*
 * Sends the pending events in an order in which they can have happened, so that the last
 * one describes the current state.
 */
static void p2pmem_send_events(struct p2pmem_provider *p)
{
	bool live;
	unsigned long events = p2pmem_fetch_events(p, &live);

	if (events & P2PMEM_EVENT_RESUMED && !live)
		p2pmem_event(p, "resumed");
	if (events & P2PMEM_EVENT_REVOKED)
		p2pmem_event(p, "revoked");
	if (events & P2PMEM_EVENT_LOST)
		p2pmem_event(p, "lost");
	if (events & P2PMEM_EVENT_RESUMED && live)
		p2pmem_send_resumed(p);
}

/**
 * p2pmem_provider_worker() - the work of a provider
 * @work: &p2pmem_provider.work
 *
 * Context: Process context; never runs concurrently for the same provider.
 */
void p2pmem_provider_worker(struct work_struct *work)
{
	struct p2pmem_provider *p = container_of(work, struct p2pmem_provider, work);

	/*
	 * pci_p2pmem_lost() runs in any context and cannot notify holders itself. Without
	 * a notification a holder would keep its mappings for ever, and the provider could
	 * never go live again.
	 */
	p2pmem_notify_holders(p);
	p2pmem_resume(p);
	p2pmem_send_events(p);
	p2pmem_provider_put(p);
}

/**
 * p2pmem_report() - log how much memory is in use, and by which grants
 * @p: the provider
 *
 * Context: Process context, may sleep.
 */
void p2pmem_report(struct p2pmem_provider *p)
{
	pci_warn(p->pdev, "waiting for peer-to-peer memory to be returned: %ld bytes and %ld references are in use\n",
		 p2pmem_bytes_in_use(p), atomic_long_read(&p->pins));
	p2pmem_grants_report(p);
}

/*
 * The kernel marks all functions that were removed by surprise before it unbinds the first one. A
 * frozen function comes back: its own driver declares the loss, and resumes.
 */
static void p2pmem_lose_removed(struct p2pmem_provider *p, void *unused)
{
	if (READ_ONCE(p->pdev->error_state) == pci_channel_io_perm_failure)
		pci_p2pmem_lost(p->pdev);
}

/*
 * Memory of a device that is gone is lost now and not after the wait: transfers to it seem to
 * succeed. Where this device is being unbound or reset, nobody else notices meanwhile.
 */
static void p2pmem_lose_absent(struct p2pmem_provider *p)
{
	if (pci_device_is_present(p->pdev))
		return;
	pci_p2pmem_lost(p->pdev);
	p2pmem_for_each_provider(p2pmem_lose_removed, NULL);
}

/*
 * Waits up to @seconds for memory to be freed, and logs the holders periodically; true if there
 * is nothing to wait for
 */
static bool p2pmem_drain(struct p2pmem_provider *p, unsigned int drain, unsigned int seconds)
{
	unsigned int checks, report = P2PMEM_REPORT_SECONDS * HZ / P2PMEM_PRESENCE;
	long left;

	for (checks = 1; checks <= seconds * HZ / P2PMEM_PRESENCE; checks++) {
		left = p2pmem_wait_idle(p, drain, P2PMEM_PRESENCE);
		if (left > 0)
			return true;
		p2pmem_lose_absent(p);
		if (left < 0 || checks % report == 0)
			p2pmem_report(p);
		if (left < 0)
			break;
	}
	return p2pmem_is_idle(p) || !p2pmem_in_drain(p, drain);
}

/* Stops new allocations and notifies holders; returns the number of the drain. */
static unsigned int p2pmem_start_drain(struct p2pmem_provider *p)
{
	unsigned int drain;

	p2pmem_lose_absent(p);
	if (p2pmem_leave_live(p, P2PMEM_DRAINING, P2PMEM_EVENT_REVOKED, &drain)) {
		p2pmem_trace_revoke(p, "revoked", PCI_P2PMEM_REVOKED);
		p2pmem_queue_provider_work(p);
	}
	p2pmem_notify_holders(p);
	/* Allocations that read "live" before are complete after this, and counted. */
	synchronize_rcu();
	return drain;
}

/**
 * pci_p2pmem_revoke() - stop allocations and wait for memory to be freed
 * @pdev: PCI function; nothing happens if it is not a provider
 *
 * A provider's driver calls this first in remove and in an orderly reset of this device
 * alone, while the device still works: pending transfers need it to complete. Where other
 * devices may be stopped already it calls pci_p2pmem_suspend(). Orchestrators are notified
 * with their revoke operation; after PCI_P2PMEM_DRAIN_SECONDS their evict operation has to
 * end the users that still hold memory, and the wait starts once more. Memory in use even
 * then can no longer be mapped. Memory that the driver uses itself
 * (pci_p2pmem_alloc_own()) is not waited for. If the device was removed by surprise, before or
 * during the wait, this does the same as pci_p2pmem_lost() at once.
 *
 * Context: Process context, waits up to twice PCI_P2PMEM_DRAIN_SECONDS, less
 * when killed.
 */
void pci_p2pmem_revoke(struct pci_dev *pdev)
{
	struct p2pmem_provider *p = p2pmem_provider_get(pdev);
	unsigned int drain;

	if (!p)
		return;
	drain = p2pmem_start_drain(p);
	/* A driver may revoke twice while it is unbound; the second call does not wait. */
	if (READ_ONCE(p->waited) != drain) {
		if (!p2pmem_drain(p, drain, PCI_P2PMEM_DRAIN_SECONDS)) {
			p2pmem_grants_evict(p, drain);
			p2pmem_drain(p, drain, PCI_P2PMEM_DRAIN_SECONDS);
		}
		p2pmem_drain_waited(p, drain);
	}
	p2pmem_end_drain(p, drain);
	p2pmem_provider_put(p);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_revoke);

/*
 * Waits until no memory was freed for @stall, at most until @end; true if there is nothing to wait
 * for. A fatal signal ends the wait.
 */
static bool p2pmem_drain_while_freed(struct p2pmem_provider *p, unsigned int drain,
				     unsigned int stall, unsigned long end)
{
	long out = p2pmem_bytes_in_use(p) + atomic_long_read(&p->pins), before, left;

	do {
		before = out;
		left = p2pmem_wait_idle(p, drain, stall);
		if (left)
			return left > 0;
		p2pmem_lose_absent(p);
		out = p2pmem_bytes_in_use(p) + atomic_long_read(&p->pins);
	} while (out < before && time_before(jiffies, end));
	return false;
}

/*
 * Whether the machine goes on running: then an adapter does so, too, and may be sending from the
 * memory. In a suspend and in a shutdown its connections end with it.
 */
static bool p2pmem_reset_only(struct pci_dev *pdev)
{
	return system_state == SYSTEM_RUNNING && !pdev->dev.power.is_prepared;
}

/**
 * pci_p2pmem_suspend() - stop allocations before several devices are stopped
 * @pdev: PCI function; nothing happens if it is not a provider
 *
 * A provider's driver calls this first in suspend, in shutdown and in reset_prepare, which
 * the PCI core calls for all functions of a bus before it resets them. It stops
 * allocations, waits while memory is being freed, and declares the rest lost: holders
 * whose own devices are stopped already cannot free it before this device is stopped, too.
 * Their users repeat the transfers. Before a reset, while the machine runs, users that still
 * hold memory then are evicted, and the wait starts once more: an adapter that is sending from
 * the memory would send what the reset leaves there, with success.
 *
 * Context: Process context, waits until no memory was freed for half a second, before a reset
 * for two more seconds after an eviction, at most PCI_P2PMEM_DRAIN_SECONDS.
 */
void pci_p2pmem_suspend(struct pci_dev *pdev)
{
	struct p2pmem_provider *p = p2pmem_provider_get(pdev);
	unsigned long end = jiffies + PCI_P2PMEM_DRAIN_SECONDS * HZ;
	unsigned int drain;

	if (!p)
		return;
	drain = p2pmem_start_drain(p);
	if (!p2pmem_drain_while_freed(p, drain, P2PMEM_SUSPEND_STALL, end) &&
	    p2pmem_reset_only(pdev) && p2pmem_grants_evict(p, drain))
		p2pmem_drain_while_freed(p, drain, P2PMEM_EVICT_STALL, end);
	p2pmem_end_drain(p, drain);
	p2pmem_provider_put(p);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_suspend);

/**
 * pci_p2pmem_lost() - report that the contents of the memory are lost
 * @pdev: PCI function; nothing happens if it is not a provider
 *
 * For a device that is dead, removed by surprise or about to be disabled with
 * no time to wait. Allocations stop, and memory in use can no longer be mapped.
 * A work item notifies orchestrators and clients.
 *
 * Context: Any but NMI. Does not wait.
 */
void pci_p2pmem_lost(struct pci_dev *pdev)
{
	struct p2pmem_provider *p = p2pmem_provider_get(pdev);
	unsigned int drain;

	if (!p)
		return;
	if (p2pmem_leave_live(p, P2PMEM_LOST, P2PMEM_EVENT_LOST, &drain)) {
		p2pmem_trace_revoke(p, "lost", PCI_P2PMEM_REVOKED);
		pci_warn(pdev, "peer-to-peer memory lost, affected transfers will be retried\n");
		p2pmem_queue_provider_work(p);
	}
	p2pmem_provider_put(p);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_lost);

/**
 * pci_p2pmem_resume() - make the memory available again
 * @pdev: PCI function; nothing happens if it is not a provider
 *
 * For use after a reset or resume that did not change the ranges of the BARs. The provider
 * goes live as soon as the last page from before is freed, which may be later. It stays lost
 * if the device does not respond.
 *
 * Context: Process context, may sleep.
 */
void pci_p2pmem_resume(struct pci_dev *pdev)
{
	struct p2pmem_provider *p = p2pmem_provider_get(pdev);

	if (!p)
		return;
	if (pci_device_is_present(pdev)) {
		p2pmem_request_resume(p);
		p2pmem_resume(p);
	}
	p2pmem_provider_put(p);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_resume);

/**
 * pci_p2pmem_set_published() - offer the memory to any user, or stop offering it
 * @pdev: PCI function; nothing happens if it is not a provider
 * @published: whether pci_p2pmem_find_provider() and users may choose it
 *
 * Unpublished memory is for the provider's driver and the users that it selects. Only
 * pooled memory can be published: others cannot allocate registers, or memory that the
 * provider's driver allocates.
 *
 * Context: Process context, may sleep.
 */
void pci_p2pmem_set_published(struct pci_dev *pdev, bool published)
{
	struct p2pmem_provider *p = p2pmem_provider_get(pdev);

	if (!p)
		return;
	WRITE_ONCE(p->published, published);
	if (p2pmem_is_published(p))
		p2pmem_notify(PCI_P2PMEM_EVENT_PROVIDER, pdev);
	p2pmem_provider_put(p);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_set_published);

/**
 * pci_p2pmem_is_provider() - whether a function offers memory now
 * @pdev: PCI function
 *
 * Context: Any.
 * Return: true if its memory is published, pooled and not revoked.
 */
bool pci_p2pmem_is_provider(struct pci_dev *pdev)
{
	struct p2pmem_provider *p;

	guard(rcu)();
	p = p2pmem_find(pdev);
	return p && p2pmem_is_published(p);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_is_provider);
