// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the states of a provider
 *
 * live -> draining -> lost -> live. A provider is born live. pci_p2pmem_revoke()
 * makes it drain: nothing new is lent, what is out stays usable, and the core
 * waits. After that, and at once by pci_p2pmem_lost(), it is lost: what is still
 * out can be given back and unmapped, but not mapped any more, because its
 * contents may be gone. pci_p2pmem_resume() makes it live again, as soon as the
 * last page of before is back, so that no page ever carries data across a loss.
 *
 * The state is read without a lock:
 * - An allocation reads it under RCU before it takes memory; whoever leaves
 *   "live" waits for a grace period (or never waits for memory: pci_p2pmem_lost())
 *   before it counts what is out, so it counts every allocation that read "live".
 * - Memory that comes back is first counted, then, after a full barrier, the
 *   state is read; whoever leaves "live" first writes the state, then counts. So
 *   either the one sees the memory or the other sees the state and wakes him.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/module.h>
#include <linux/sched/signal.h>
#include <trace/events/p2pmem.h>
#include "p2pdma.h"

/* How often whoever still holds memory is named in the log */
#define P2PMEM_REPORT_SECONDS	10

/**
 * p2pmem_lends() - whether memory of a provider can be had
 * @p: the provider
 *
 * Context: Any; for an allocation that follows: RCU read side.
 * Return: true when it is live.
 */
bool p2pmem_lends(const struct p2pmem_provider *p)
{
	return READ_ONCE(p->state) == P2PMEM_LIVE;
}

static long p2pmem_used(struct p2pmem_provider *p)
{
	return p2pmem_pool_size(p->pool) - p2pmem_pool_available(p->pool);
}

/**
 * p2pmem_idle() - whether all that others held is back
 * @p: the provider
 *
 * Context: Any.
 * Return: true when only the provider's own driver uses its memory.
 */
bool p2pmem_idle(struct p2pmem_provider *p)
{
	return p2pmem_used(p) <= atomic_long_read(&p->own) &&
		!atomic_long_read(&p->pins);
}

static long p2pmem_out(struct p2pmem_provider *p)
{
	return p2pmem_used(p) - atomic_long_read(&p->own);
}

static bool p2pmem_empty(struct p2pmem_provider *p)
{
	return !p2pmem_used(p) && !atomic_long_read(&p->pins);
}

/* The last page of before is back: lend again, if that was asked for. */
static void p2pmem_try_resume(struct p2pmem_provider *p)
{
	bool live = false;
	unsigned long flags;

	spin_lock_irqsave(&p->state_lock, flags);
	if (p->resume_wanted && p->state == P2PMEM_LOST && p2pmem_idle(p)) {
		p->resume_wanted = false;
		p->told = false;
		p->awaited = false;
		WRITE_ONCE(p->state, P2PMEM_LIVE);
		live = true;
	}
	spin_unlock_irqrestore(&p->state_lock, flags);

	if (!live)
		return;
	p2pmem_paths_stale(p);
	if (trace_p2pmem_revoke_enabled())
		trace_p2pmem_revoke(p->pdev, "resumed", p2pmem_out(p), PCI_P2PMEM_OK);
	queue_work(p2pmem_wq, &p->live_work);
}

/**
 * p2pmem_came_back() - memory of a provider came back
 * @p: the provider; the memory is counted as back already
 *
 * Context: Any but NMI, RCU read side.
 */
void p2pmem_came_back(struct p2pmem_provider *p)
{
	/* Pairs with the barriers of whoever changes the state, see above. */
	smp_mb();
	if (likely(p2pmem_lends(p)))
		return;
	wake_up_all(&p->drained);
	if (READ_ONCE(p->resume_wanted))
		p2pmem_try_resume(p);
}

static void p2pmem_live_worker(struct work_struct *work)
{
	struct p2pmem_provider *p = container_of(work, struct p2pmem_provider, live_work);

	if (p2pmem_lends(p))
		p2pmem_event(p, "resumed");
	if (p2pmem_lends(p) && READ_ONCE(p->published)) {
		pci_info(p->pdev, "lends peer-to-peer memory again\n");
		p2pmem_notify(PCI_P2PMEM_EVENT_PROVIDER, p->pdev);
	}
}

/* Whether the caller is the first one to do what @done says, since it was live */
static bool p2pmem_first(struct p2pmem_provider *p, bool *done)
{
	bool first;

	spin_lock_irq(&p->state_lock);
	first = p->state != P2PMEM_LIVE && !*done;
	if (first)
		*done = true;
	spin_unlock_irq(&p->state_lock);
	return first;
}

static void p2pmem_tell(struct p2pmem_provider *p)
{
	if (!p2pmem_first(p, &p->told))
		return;
	p2pmem_grants_revoke(p);
	p2pmem_clients_revoke(p);
}

/*
 * What a loss cannot do where it is noticed: who holds mappings for itself would
 * keep them for ever, and with them the provider from coming back.
 */
static void p2pmem_lost_worker(struct work_struct *work)
{
	struct p2pmem_provider *p = container_of(work, struct p2pmem_provider, lost_work);

	p2pmem_event(p, "lost");
	p2pmem_tell(p);
	p2pmem_provider_put(p);
}

/**
 * p2pmem_state_init() - begin live
 * @p: a new provider
 *
 * Context: Process context.
 */
void p2pmem_state_init(struct p2pmem_provider *p)
{
	spin_lock_init(&p->state_lock);
	init_waitqueue_head(&p->drained);
	INIT_WORK(&p->live_work, p2pmem_live_worker);
	INIT_WORK(&p->lost_work, p2pmem_lost_worker);
	p->state = P2PMEM_LIVE;
}

/* Returns the state before. Only ever goes on: live, draining, lost. */
static int p2pmem_advance(struct p2pmem_provider *p, int state)
{
	unsigned long flags;
	int before;

	spin_lock_irqsave(&p->state_lock, flags);
	before = p->state;
	p->resume_wanted = false;
	if (state > before) {
		WRITE_ONCE(p->state, state);
		if (state == P2PMEM_LOST)
			/* After the state: pairs with p2pmem_sgl_make(). */
			smp_store_release(&p->epoch, p->epoch + 1);
	}
	spin_unlock_irqrestore(&p->state_lock, flags);
	smp_mb();	/* the state is written, now count: see above */
	return before;
}

static void p2pmem_report(struct p2pmem_provider *p)
{
	pci_warn(p->pdev, "waits for peer-to-peer memory to come back: %ld bytes and %ld references are out\n",
		 p2pmem_out(p), atomic_long_read(&p->pins));
	p2pmem_grants_report(p);
}

/* Waits up to @seconds and names the holders every now and then. */
static bool p2pmem_wait_idle(struct p2pmem_provider *p, unsigned int seconds)
{
	unsigned int waited;
	long left;

	for (waited = 0; waited < seconds; waited += P2PMEM_REPORT_SECONDS) {
		left = wait_event_killable_timeout(p->drained, p2pmem_idle(p),
						   P2PMEM_REPORT_SECONDS * HZ);
		if (left > 0)
			return true;
		p2pmem_report(p);
		if (left < 0)
			break;
	}
	return p2pmem_idle(p);
}

/**
 * pci_p2pmem_revoke() - lend no more and wait for what is out
 * @pdev: PCI function that provides; any other is fine
 *
 * First thing that a provider's driver does in remove, shutdown, suspend and an
 * orderly reset, while the device still works: transfers that are under way
 * need it to end. Orchestrators are told to stop; after
 * PCI_P2PMEM_DRAIN_SECONDS they are told to end the users that still hold
 * memory, and get as long again. What is out even then can no longer be mapped.
 * Memory that the driver keeps itself (pci_p2pmem_own()) is not waited for.
 *
 * Context: Process context, waits up to twice PCI_P2PMEM_DRAIN_SECONDS, less
 * when killed.
 */
void pci_p2pmem_revoke(struct pci_dev *pdev)
{
	struct p2pmem_provider *p = p2pmem_provider_get(pdev);
	int before;

	if (!p)
		return;
	before = p2pmem_advance(p, P2PMEM_DRAINING);
	if (before == P2PMEM_LIVE) {
		if (trace_p2pmem_revoke_enabled())
			trace_p2pmem_revoke(pdev, "revoked", p2pmem_out(p),
					    PCI_P2PMEM_REVOKED);
		p2pmem_event(p, "revoked");
	}
	p2pmem_tell(p);
	if (p2pmem_first(p, &p->awaited)) {
		synchronize_rcu();
		if (!p2pmem_wait_idle(p, PCI_P2PMEM_DRAIN_SECONDS)) {
			p2pmem_grants_evict(p);
			p2pmem_wait_idle(p, PCI_P2PMEM_DRAIN_SECONDS);
		}
	} else if (before == P2PMEM_DRAINING) {
		/* Somebody else is at it: do not cut his users off. */
		p2pmem_wait_idle(p, 2 * PCI_P2PMEM_DRAIN_SECONDS);
	}
	p2pmem_advance(p, P2PMEM_LOST);
	p2pmem_provider_put(p);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_revoke);

/**
 * pci_p2pmem_suspend() - the device is going to sleep
 * @pdev: PCI function that provides; any other is fine
 *
 * First thing that a provider's driver does in suspend. Lends no more, waits for as long
 * as memory comes back, and declares lost what does not: holders whose own devices sleep
 * already cannot give it back.
 *
 * Context: Process context, may sleep.
 */
void pci_p2pmem_suspend(struct pci_dev *pdev)
{
	pci_p2pmem_revoke(pdev);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_suspend);

/**
 * pci_p2pmem_lost() - the contents of the memory are gone
 * @pdev: PCI function that provides; any other is fine
 *
 * For a device that is dead, removed by surprise or about to be disabled with
 * no time to wait. Nothing new is lent, and what is out can no longer be mapped.
 * Orchestrators and clients are told from a work item.
 *
 * Context: Any but NMI. Does not wait.
 */
void pci_p2pmem_lost(struct pci_dev *pdev)
{
	struct p2pmem_provider *p = p2pmem_provider_get(pdev);

	if (!p)
		return;
	if (p2pmem_advance(p, P2PMEM_LOST) == P2PMEM_LIVE) {
		if (trace_p2pmem_revoke_enabled())
			trace_p2pmem_revoke(pdev, "lost", p2pmem_out(p), PCI_P2PMEM_REVOKED);
		pci_warn(pdev, "lost its peer-to-peer memory: data in it is read or written again from system memory\n");
		/* The worker takes over our reference. */
		if (queue_work(p2pmem_wq, &p->lost_work))
			return;
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
 * Context: Process context.
 */
void pci_p2pmem_resume(struct pci_dev *pdev)
{
	struct p2pmem_provider *p = p2pmem_provider_get(pdev);

	if (!p)
		return;
	spin_lock_irq(&p->state_lock);
	/* Of what an earlier driver left nothing is lent again: nobody would withdraw it. */
	if (p->state == P2PMEM_LOST && !READ_ONCE(p->abandoned))
		p->resume_wanted = true;
	spin_unlock_irq(&p->state_lock);
	smp_mb();	/* the wish is written, now count: see p2pmem_came_back() */
	p2pmem_try_resume(p);
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
	p2pmem_came_back(p);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_own);

/**
 * p2pmem_drain_all() - wait until the very last page is back
 * @p: the provider, revoked
 *
 * Context: Process context, waits until then or until killed. Whoever gave the
 * last page back is done with the provider when this returns.
 * Return: 0 or -EINTR.
 */
int p2pmem_drain_all(struct p2pmem_provider *p)
{
	for (;;) {
		long left = wait_event_killable_timeout(p->drained, p2pmem_empty(p),
							P2PMEM_REPORT_SECONDS * HZ);

		if (left > 0)
			break;
		if (left < 0)
			return -EINTR;
		p2pmem_report(p);
	}
	synchronize_rcu();
	return 0;
}

/**
 * pci_p2pmem_set_published() - offer the memory to anyone, or no more
 * @pdev: PCI function that provides; any other is fine
 * @published: whether pci_p2pmem_find_provider() and users may choose it
 *
 * Memory that is not published is for the provider's driver and whoever that
 * gives it to.
 *
 * Context: Process context, may sleep.
 */
void pci_p2pmem_set_published(struct pci_dev *pdev, bool published)
{
	struct p2pmem_provider *p = p2pmem_provider_get(pdev);

	if (!p)
		return;
	WRITE_ONCE(p->published, published);
	if (published && p2pmem_lends(p))
		p2pmem_notify(PCI_P2PMEM_EVENT_PROVIDER, pdev);
	p2pmem_provider_put(p);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_set_published);

/**
 * pci_p2pmem_is_provider() - whether a function offers memory now
 * @pdev: PCI function
 *
 * Context: Any.
 * Return: true when its memory is published and not revoked.
 */
bool pci_p2pmem_is_provider(struct pci_dev *pdev)
{
	struct p2pmem_provider *p;

	guard(rcu)();
	p = p2pmem_find(pdev);
	return p && READ_ONCE(p->published) && p2pmem_lends(p);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_is_provider);
