// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: a provider stops lending, and resumes
 *
 * Floor 7.
 *
 * What a provider's driver calls, and who is told of it. The states are those of state.c.
 * Each wait has an end:
 *
 *   pci_p2pmem_revoke()	twice PCI_P2PMEM_DRAIN_SECONDS; a fatal signal ends it
 *   pci_p2pmem_suspend()	as soon as no memory came back for P2PMEM_SUSPEND_STALL
 *   pci_p2pmem_lost()		does not wait
 *
 * User space, holders and orchestrators are told by one work item of the provider, so that
 * what they are told has an order: the last event says what is.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/module.h>
#include <trace/events/p2pmem.h>
#include "p2pdma.h"

/* How long a suspend waits for one more page to come back */
#define P2PMEM_SUSPEND_STALL		(HZ / 2)

static void p2pmem_trace_revoke(struct p2pmem_provider *p, const char *what,
				enum pci_p2pmem_reason reason)
{
	if (trace_p2pmem_revoke_enabled())
		trace_p2pmem_revoke(p->pdev, what, p2pmem_bytes_in_use(p), reason);
}

/**
 * struct p2pmem_revoke_ctx - a provider whose clients are told that it goes
 * @provider: the provider
 */
struct p2pmem_revoke_ctx {
	struct p2pmem_provider *provider;
};

/* A client whose pair was never allowed holds no mapping. */
static void p2pmem_revoke_client(struct pci_p2pmem_client *c, void *arg)
{
	struct p2pmem_revoke_ctx *gone = arg;

	if (c->ops && c->ops->revoke && p2pmem_pair_was_allowed(gone->provider, c->dev))
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

/* Judges its pairs anew, for a reset may have changed anything, and goes live. */
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
	/* A provider that was stopped from the beginning has lost nothing. */
	bool again = READ_ONCE(p->epoch);

	if (again)
		p2pmem_event(p, "resumed");
	if (READ_ONCE(p->published) && p2pmem_is_live(p)) {
		pci_info(p->pdev, "lends peer-to-peer memory%s\n", again ? " again" : "");
		p2pmem_notify(PCI_P2PMEM_EVENT_PROVIDER, p->pdev);
	}
}

/*
 * Whatever was queued is told in the order in which it can have happened, and so that the
 * last thing told is what is true now.
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
 * Context: Process context; of one provider it never runs twice at a time.
 */
void p2pmem_provider_worker(struct work_struct *work)
{
	struct p2pmem_provider *p = container_of(work, struct p2pmem_provider, work);

	/*
	 * A loss cannot do this where it is noticed: whoever holds mappings for itself
	 * would keep them for ever, and with them the provider from coming back.
	 */
	p2pmem_notify_holders(p);
	p2pmem_resume(p);
	p2pmem_send_events(p);
	p2pmem_provider_put(p);
}

/**
 * p2pmem_report() - name whoever still holds memory
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

/* Waits up to @seconds and names the holders now and then; true when nothing is left to do */
static bool p2pmem_drain(struct p2pmem_provider *p, unsigned int drain, unsigned int seconds)
{
	unsigned int waited;
	long left;

	for (waited = 0; waited < seconds; waited += P2PMEM_REPORT_SECONDS) {
		left = p2pmem_wait_idle(p, drain, P2PMEM_REPORT_SECONDS * HZ);
		if (left > 0)
			return true;
		p2pmem_report(p);
		if (left < 0)
			break;
	}
	return p2pmem_is_idle(p) || !p2pmem_in_drain(p, drain);
}

/* Stops lending and tells whoever holds memory; returns the number of the drain */
static unsigned int p2pmem_start_drain(struct p2pmem_provider *p)
{
	unsigned int drain;

	if (p2pmem_leave_live(p, P2PMEM_DRAINING, P2PMEM_EVENT_REVOKED, &drain)) {
		p2pmem_trace_revoke(p, "revoked", PCI_P2PMEM_REVOKED);
		p2pmem_queue_provider_work(p);
	}
	p2pmem_notify_holders(p);
	/* Whoever read "live" before has taken its memory now: it is counted. */
	synchronize_rcu();
	return drain;
}

/**
 * pci_p2pmem_revoke() - stop lending and wait for memory to come back
 * @pdev: PCI function that provides; any other is fine
 *
 * First thing that a provider's driver does in remove, shutdown and an orderly reset,
 * while the device still works: transfers that are under way need it to end.
 * Orchestrators are told to stop; after PCI_P2PMEM_DRAIN_SECONDS they are told to end the
 * users that still hold memory, and get as long again. Memory that is out even then can
 * no longer be mapped. Memory that the driver keeps itself (pci_p2pmem_own()) is not
 * waited for.
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
	/* A driver may revoke twice on its way out; the second call waits for nobody. */
	if (READ_ONCE(p->waited) != drain) {
		if (!p2pmem_drain(p, drain, PCI_P2PMEM_DRAIN_SECONDS)) {
			p2pmem_grants_evict(p);
			p2pmem_drain(p, drain, PCI_P2PMEM_DRAIN_SECONDS);
		}
		p2pmem_drain_waited(p, drain);
	}
	p2pmem_end_drain(p, drain);
	p2pmem_provider_put(p);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_revoke);

/**
 * pci_p2pmem_suspend() - the device is going to sleep
 * @pdev: PCI function that provides; any other is fine
 *
 * First thing that a provider's driver does in suspend. Stops lending, waits for as long
 * as memory comes back, and declares lost what does not: holders whose own devices sleep
 * already cannot return it before this device sleeps, too. Their users repeat the
 * transfers; nobody is evicted.
 *
 * Context: Process context, waits until no memory came back for half a second, at most
 * PCI_P2PMEM_DRAIN_SECONDS.
 */
void pci_p2pmem_suspend(struct pci_dev *pdev)
{
	struct p2pmem_provider *p = p2pmem_provider_get(pdev);
	unsigned long end = jiffies + PCI_P2PMEM_DRAIN_SECONDS * HZ;
	unsigned int drain;
	long out, before;

	if (!p)
		return;
	drain = p2pmem_start_drain(p);
	out = p2pmem_bytes_in_use(p) + atomic_long_read(&p->pins);
	do {
		before = out;
		if (p2pmem_wait_idle(p, drain, P2PMEM_SUSPEND_STALL))
			break;
		out = p2pmem_bytes_in_use(p) + atomic_long_read(&p->pins);
	} while (out < before && time_before(jiffies, end));
	p2pmem_end_drain(p, drain);
	p2pmem_provider_put(p);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_suspend);

/**
 * pci_p2pmem_lost() - the contents of the memory are gone
 * @pdev: PCI function that provides; any other is fine
 *
 * For a device that is dead, removed by surprise or about to be disabled with
 * no time to wait. Nothing new is lent, and memory that is out can no longer be mapped.
 * Orchestrators and clients are told from a work item.
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
 * pci_p2pmem_resume() - lend again
 * @pdev: PCI function that provides; any other is fine
 *
 * After a reset or resume that left the ranges of the BARs as they were.
 * Lending begins when the last page from before is back, which may be later.
 *
 * Context: Process context, may sleep.
 */
void pci_p2pmem_resume(struct pci_dev *pdev)
{
	struct p2pmem_provider *p = p2pmem_provider_get(pdev);

	if (!p)
		return;
	p2pmem_request_resume(p);
	p2pmem_resume(p);
	p2pmem_provider_put(p);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_resume);

/**
 * pci_p2pmem_own() - memory that the provider's driver keeps for itself
 * @pdev: PCI function that provides
 * @size: bytes that the driver has from pci_p2pmem_alloc(), whole pages
 * @own: true after it took them for good, false before it gives them back
 *
 * Queues that live in the memory across a reset, for example. A drain does not
 * wait for them; unbinding the driver does.
 *
 * Context: Any but NMI.
 */
void pci_p2pmem_own(struct pci_dev *pdev, size_t size, bool own)
{
	struct p2pmem_provider *p;
	long bytes = PAGE_ALIGN(size);

	guard(rcu)();
	p = p2pmem_find(pdev);
	if (!p)
		return;
	atomic_long_add(own ? bytes : -bytes, &p->own);
	p2pmem_wake_waiters(p);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_own);

/**
 * pci_p2pmem_alloc_own() - allocate memory for the provider's own driver
 * @pdev: PCI function that provides
 * @size: bytes; whole pages are taken
 *
 * For queues that live in the memory across a reset. Works while nothing is lent, and
 * counts as pci_p2pmem_own() does, which gives the run back before pci_p2pmem_free().
 * The driver gets half of its pool at most, so that its queues are never the reason why
 * it lends nothing. The driver serializes its calls.
 *
 * Context: Any but NMI.
 * Return: kernel address of the run, or NULL when there is no provider, no free run is
 * that long, or the driver had more than half of the pool then.
 */
void *pci_p2pmem_alloc_own(struct pci_dev *pdev, size_t size)
{
	size_t bytes = PAGE_ALIGN(size);
	struct p2pmem_provider *p;
	void *addr;

	guard(rcu)();
	p = p2pmem_find(pdev);
	if (!size || !p || READ_ONCE(p->abandoned) ||
	    atomic_long_read(&p->own) + bytes > p2pmem_pool_size(p->pool) / 2)
		return NULL;
	addr = p2pmem_pool_alloc(p->pool, bytes);
	if (!addr)
		return NULL;
	p2pmem_set_page_grant(virt_to_page(addr), bytes >> PAGE_SHIFT, NULL);
	/* A drain may have counted the run as lent in between: this wakes it. */
	pci_p2pmem_own(pdev, bytes, true);
	return addr;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_alloc_own);

/**
 * pci_p2pmem_set_published() - offer the memory to anyone, or stop offering it
 * @pdev: PCI function that provides; any other is fine
 * @published: whether pci_p2pmem_find_provider() and users may choose it
 *
 * Memory that is not published is for the provider's driver and whoever that
 * gives it to. Only pooled memory can be published: of registers, and of memory that its
 * driver allocates, there is nothing that others could have.
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
 * Return: true when its memory is published, pooled and not revoked.
 */
bool pci_p2pmem_is_provider(struct pci_dev *pdev)
{
	struct p2pmem_provider *p;

	guard(rcu)();
	p = p2pmem_find(pdev);
	return p && p2pmem_is_published(p);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_is_provider);
