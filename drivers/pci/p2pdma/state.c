// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the states of a provider
 *
 * Floor 3.
 *
 *	live -- drain --> draining -- idle, late or killed --> lost -- abandon --> abandoned
 *	  ^ `-- lose -----------------------------------------> |
 *	  `---- resume, once the last page is free ------------ '
 *
 * A provider is created live, or lost if its device does not work yet. While it is
 * draining there are no new allocations, memory in use stays usable, and the revocation
 * waits. When it is lost, memory in use can be unmapped and freed but not mapped any more,
 * because its contents may be gone. It goes live again only after the last page from
 * before is freed, so that no page ever carries data across a loss.
 *
 * A provider is abandoned when its driver is unbound and memory is still in use after all waiting.
 * That is a loss for good, and nothing leaves the state:
 * - A resume needs a provider that is lost and not abandoned: a request is refused, one from
 *   before is cancelled with the transition, and p2pmem_try_resume() compares the state under
 *   the lock. So the work that the last page queues does not make it live either.
 * - Revoke, suspend and loss, by the next driver of the function, only advance a state: see
 *   p2pmem_leave_live(). They find the drain of the unbinding, of which holders were notified.
 * - No range is added (lend.c), so no driver registers the withdrawal a second time.
 * - When the function is removed, the provider stays registered and lend.c keeps its addresses;
 *   hotplug evaluates none of its pairs (verdict.c), because the function may not exist.
 *
 * Each departure from live has a number, the drain. A waiter remembers the number of its
 * drain and acts (evicts users, declares the loss, resumes) only while the provider is
 * still in that drain: a late waiter does not affect a provider that is live again, and
 * does not undo the request of another caller.
 *
 * The state is read without a lock:
 * - An allocation reads it under RCU before it allocates from the pool. A transition from
 *   live waits for a grace period (or never waits for memory) before it counts the memory
 *   in use, so it counts every allocation that read "live".
 * - Freeing first updates the count, then, after a full barrier, reads the state; a
 *   transition from live first writes the state, then counts. So either the transition
 *   sees the freed memory, or freeing sees the state and wakes the waiter.
 */
#include <linux/module.h>
#include <linux/sched/signal.h>
#include "p2pdma.h"
#include "state.h"

/**
 * p2pmem_is_live() - whether memory of a provider can be allocated
 * @p: the provider
 *
 * Context: Any; for an allocation that follows: RCU read side.
 * Return: true if it is live.
 */
bool p2pmem_is_live(const struct p2pmem_provider *p)
{
	return READ_ONCE(p->state) == P2PMEM_LIVE;
}

/**
 * p2pmem_is_abandoned() - whether a provider is lost for good
 * @p: the provider
 *
 * Context: Any; with p2pmem_regions_mutex held it stays as it is.
 * Return: true if its driver was unbound while memory was in use.
 */
bool p2pmem_is_abandoned(const struct p2pmem_provider *p)
{
	return READ_ONCE(p->state) == P2PMEM_ABANDONED;
}

/**
 * p2pmem_is_published() - whether any user may allocate memory of a provider
 * @p: the provider
 *
 * Context: Any.
 * Return: true if it is published, live, and has pooled memory.
 */
bool p2pmem_is_published(struct p2pmem_provider *p)
{
	return p2pmem_is_published_inline(p);
}

/**
 * p2pmem_bytes_in_use() - pooled memory in use by others
 * @p: the provider
 *
 * Context: Any.
 * Return: bytes, without those of the provider's own driver.
 */
long p2pmem_bytes_in_use(struct p2pmem_provider *p)
{
	return p2pmem_pool_size(p->pool) - p2pmem_pool_available(p->pool) -
		atomic_long_read(&p->own);
}

/**
 * p2pmem_is_idle() - whether others have no memory of a provider in use
 * @p: the provider
 *
 * Context: Any.
 * Return: true if at most the provider's own driver uses its memory.
 */
bool p2pmem_is_idle(struct p2pmem_provider *p)
{
	return p2pmem_bytes_in_use(p) <= 0 && !atomic_long_read(&p->pins);
}

/**
 * p2pmem_is_empty() - whether all memory of a provider is free
 * @p: the provider
 *
 * Context: Any.
 * Return: true if nobody uses its memory, including its own driver.
 */
bool p2pmem_is_empty(struct p2pmem_provider *p)
{
	return p2pmem_pool_size(p->pool) == p2pmem_pool_available(p->pool) &&
		!atomic_long_read(&p->pins);
}

/**
 * p2pmem_queue_provider_work() - queue the work of a provider
 * @p: the provider
 *
 * The work holds a reference. A provider without references has nobody to notify.
 *
 * Context: Any; RCU read side, or the caller holds the provider.
 */
void p2pmem_queue_provider_work(struct p2pmem_provider *p)
{
	if (!kref_get_unless_zero(&p->ref))
		return;
	if (!queue_work(p2pmem_wq, &p->work))
		p2pmem_provider_put(p);
}

/**
 * p2pmem_wake_waiters() - wake waiters after memory of a provider was freed
 * @p: the provider; the memory is already counted as free
 *
 * Context: Any but NMI, RCU read side.
 */
void p2pmem_wake_waiters(struct p2pmem_provider *p)
{
	/* Pairs with the barriers of state transitions, see above. */
	smp_mb();
	if (likely(p2pmem_is_live(p)))
		return;
	wake_up_all(&p->drained);
	if (READ_ONCE(p->resume) && p2pmem_is_idle(p))
		p2pmem_queue_provider_work(p);
}

/**
 * p2pmem_state_init() - initialise the state of a provider
 * @p: a new provider
 * @stopped: begin lost, until pci_p2pmem_resume(); otherwise begin live
 *
 * Context: Process context.
 */
void p2pmem_state_init(struct p2pmem_provider *p, bool stopped)
{
	spin_lock_init(&p->state_lock);
	init_waitqueue_head(&p->drained);
	p->state = P2PMEM_LIVE;
	if (stopped) {
		/* As if after a drain without holders to notify */
		p->state = P2PMEM_LOST;
		p->drain = 1;
		p->notified = 1;
	}
}

/* From live or draining to lost or abandoned */
static void p2pmem_enter_lost(struct p2pmem_provider *p, enum p2pmem_state state)
{
	lockdep_assert_held(&p->state_lock);

	WRITE_ONCE(p->state, state);
	/* After the state: pairs with p2pmem_sgl_may() and p2pmem_sgl_several(). */
	smp_store_release(&p->epoch, p->epoch + 1);
	p2pmem_note_change();
}

/**
 * p2pmem_leave_live() - stop new allocations
 * @p: the provider
 * @state: P2PMEM_DRAINING, P2PMEM_LOST or P2PMEM_ABANDONED; a later state stays as it is
 * @event: P2PMEM_EVENT_* to send if it was live
 * @drain: returns the number of the drain
 *
 * Cancels a resume that was requested before, because the device stops once more.
 *
 * Context: Any.
 * Return: true if it was live.
 */
bool p2pmem_leave_live(struct p2pmem_provider *p, enum p2pmem_state state,
		       unsigned long event, unsigned int *drain)
{
	unsigned long flags;
	bool live;

	spin_lock_irqsave(&p->state_lock, flags);
	live = p->state == P2PMEM_LIVE;
	if (live) {
		p->drain++;
		p->events |= event;
	}
	WRITE_ONCE(p->resume, 0);
	if (state >= P2PMEM_LOST && p->state < P2PMEM_LOST)
		p2pmem_enter_lost(p, state);
	else if (p->state < state)
		WRITE_ONCE(p->state, state);
	*drain = p->drain;
	spin_unlock_irqrestore(&p->state_lock, flags);
	smp_mb();	/* the state is written, now count: see above */
	return live;
}

/**
 * p2pmem_end_drain() - declare memory that is still in use lost
 * @p: the provider
 * @drain: the drain that ends; nothing happens if the provider has left it already
 *
 * Context: Any.
 */
void p2pmem_end_drain(struct p2pmem_provider *p, unsigned int drain)
{
	unsigned long flags;

	spin_lock_irqsave(&p->state_lock, flags);
	if (p->drain == drain && p->state == P2PMEM_DRAINING)
		p2pmem_enter_lost(p, P2PMEM_LOST);
	spin_unlock_irqrestore(&p->state_lock, flags);
}

/**
 * p2pmem_drain_waited() - record that a revocation has finished waiting
 * @p: the provider
 * @drain: the drain that it waited in
 *
 * Context: Process context.
 */
void p2pmem_drain_waited(struct p2pmem_provider *p, unsigned int drain)
{
	spin_lock_irq(&p->state_lock);
	if (p->drain == drain)
		p->waited = drain;
	spin_unlock_irq(&p->state_lock);
}

/**
 * p2pmem_in_drain() - whether a provider is still in a drain
 * @p: the provider
 * @drain: its number
 *
 * Context: Any.
 * Return: false once it is live again, or has left live another time.
 */
bool p2pmem_in_drain(struct p2pmem_provider *p, unsigned int drain)
{
	unsigned long flags;
	bool same;

	spin_lock_irqsave(&p->state_lock, flags);
	same = p->drain == drain && p->state != P2PMEM_LIVE;
	spin_unlock_irqrestore(&p->state_lock, flags);
	return same;
}

/**
 * p2pmem_wait_idle() - wait for memory to be freed
 * @p: the provider, not live
 * @drain: the drain that the caller waits in
 * @timeout: in jiffies
 *
 * Context: Process context.
 * Return: > 0 if others have freed all memory or the drain is over, 0 on timeout,
 * -ERESTARTSYS on a fatal signal.
 */
long p2pmem_wait_idle(struct p2pmem_provider *p, unsigned int drain, long timeout)
{
	return wait_event_killable_timeout(p->drained,
					   p2pmem_is_idle(p) || !p2pmem_in_drain(p, drain),
					   timeout);
}

/**
 * p2pmem_drain_notify_once() - whether holders have yet to be notified of a drain
 * @p: the provider
 *
 * Context: Process context.
 * Return: true once for each drain, while the provider is in it.
 */
bool p2pmem_drain_notify_once(struct p2pmem_provider *p)
{
	bool first;

	spin_lock_irq(&p->state_lock);
	first = p->state != P2PMEM_LIVE && p->notified != p->drain;
	if (first)
		p->notified = p->drain;
	spin_unlock_irq(&p->state_lock);
	return first;
}

/**
 * p2pmem_request_resume() - request to go live as soon as the last page is freed
 * @p: the provider; ignored if it is abandoned, because nobody would withdraw it again
 *
 * Context: Process context.
 */
void p2pmem_request_resume(struct p2pmem_provider *p)
{
	spin_lock_irq(&p->state_lock);
	if (p->state == P2PMEM_LOST)
		WRITE_ONCE(p->resume, p->drain);
	spin_unlock_irq(&p->state_lock);
	smp_mb();	/* the request is written, now count: see p2pmem_wake_waiters() */
}

/**
 * p2pmem_can_resume() - whether a provider can go live now
 * @p: the provider
 *
 * Context: Any.
 * Return: true if a resume was requested and others have freed all memory.
 */
bool p2pmem_can_resume(struct p2pmem_provider *p)
{
	return READ_ONCE(p->resume) && READ_ONCE(p->state) == P2PMEM_LOST && p2pmem_is_idle(p);
}

/**
 * p2pmem_try_resume() - go live
 * @p: the provider; its pairs have been re-evaluated
 *
 * Context: Process context.
 * Return: true if it went live: it was lost, a resume was requested, and others have freed
 * all memory.
 */
bool p2pmem_try_resume(struct p2pmem_provider *p)
{
	bool live = false;

	spin_lock_irq(&p->state_lock);
	if (p->resume && p->resume == p->drain && p->state == P2PMEM_LOST && p2pmem_is_idle(p)) {
		WRITE_ONCE(p->resume, 0);
		WRITE_ONCE(p->silent, false);
		p->events |= P2PMEM_EVENT_RESUMED;
		/* A CPU that sees this sees the loss before it, too: p2pmem_grant_is_current(). */
		smp_store_release(&p->state, P2PMEM_LIVE);
		live = true;
	}
	spin_unlock_irq(&p->state_lock);
	return live;
}

/**
 * p2pmem_fetch_events() - fetch and clear the pending uevents
 * @p: the provider
 * @live: returns whether it is live, which the last event has to reflect
 *
 * Context: Process context; one caller at a time.
 * Return: P2PMEM_EVENT_*, which the caller must send.
 */
unsigned long p2pmem_fetch_events(struct p2pmem_provider *p, bool *live)
{
	unsigned long events;

	spin_lock_irq(&p->state_lock);
	events = p->events;
	p->events = 0;
	*live = p->state == P2PMEM_LIVE;
	spin_unlock_irq(&p->state_lock);
	return events;
}
