// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: memory in use under a grant, and its quota
 *
 * Floor 5.
 *
 * Two sums. That of a grant, which names the users of memory and decides when the grant is
 * freed, is counted per CPU. That of a pair is the sum of the bytes of its grants. It is kept,
 * because a quota limits it and the peak is computed from it: to add up the counters of all
 * grants and CPUs for each request would be too slow.
 *
 * &p2pmem_pair.used is one number for all CPUs and changes seldom: the memory in use, and the
 * credit of each CPU. A CPU charges memory to its credit while that is enough, and returns
 * memory to it, in a cache line of its own. What exceeds the credit is added to the sum under
 * the pair's lock, with some credit in advance where the quota allows it; credit that has
 * grown too large is subtracted. So the sum is never less than the memory in use, and while
 * the sum is within the quota the memory in use is, too. Before a charge is refused, the
 * credit of all CPUs is collected under the same lock: only memory in use leads to a refusal.
 *
 * Credit is void while the sum is above a quota that was lowered. So that charging does not
 * compare the quota each time, a grant is checked once after each change: see
 * p2pmem_grant_refresh().
 *
 * The peak is exact while one CPU charges. While several do, it may be too high by what the
 * others returned since the sum last changed; it never exceeds the sum, the quota or the size
 * of the pool.
 *
 * Memory is charged after its allocation and uncharged before it is freed: at any moment no
 * more is charged than is in use, so the peak never exceeds the pool, and a quota refuses only
 * because of memory that its client uses.
 */
#include <linux/percpu.h>
#include "p2pdma.h"
#include "charge.h"

/* How often credit is collected before a charge is refused, while other CPUs have new credit */
#define P2PMEM_COLLECT_PASSES	8

/**
 * p2pmem_grant_bytes() - memory in use under a grant
 * @g: the grant
 *
 * Context: Any.
 * Return: bytes; exact if no memory is allocated or freed meanwhile, otherwise it may even be
 * negative.
 */
long p2pmem_grant_bytes(const struct pci_p2pmem_grant *g)
{
	long bytes = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		bytes += READ_ONCE(*per_cpu_ptr(g->bytes, cpu));
	return bytes;
}

static long p2pmem_pair_advance(unsigned long quota)
{
	unsigned long part = quota / 4 / num_online_cpus();

	return quota ? PAGE_ALIGN_DOWN(min_t(unsigned long, part, P2PMEM_CREDIT)) :
		       P2PMEM_CREDIT;
}

static void p2pmem_pair_account_peak(struct p2pmem_pair *pair)
{
	long used = pair->used, size = p2pmem_pool_size(pair->provider->pool);
	int cpu;

	lockdep_assert_held(&pair->charging);
	for_each_possible_cpu(cpu)
		used -= READ_ONCE(per_cpu_ptr(pair->count, cpu)->low);
	pair->peak = max(pair->peak, min(used, size));
}

/* Collects the credit of all CPUs; returns whether there was any. */
static bool p2pmem_pair_collect_credit(struct p2pmem_pair *pair)
{
	struct p2pmem_pair_count *c;
	bool any = false;
	int cpu;

	lockdep_assert_held(&pair->charging);
	for_each_possible_cpu(cpu) {
		c = per_cpu_ptr(pair->count, cpu);
		if (!atomic_long_read(&c->credit))
			continue;
		WRITE_ONCE(pair->used, pair->used - atomic_long_xchg(&c->credit, 0));
		WRITE_ONCE(c->low, 0);
		any = true;
	}
	return any;
}

static bool p2pmem_pair_fits(const struct p2pmem_pair *pair, unsigned long quota, long bytes)
{
	return !quota || pair->used + bytes <= quota;
}

/*
 * The same after the credit of all CPUs was collected, if that is necessary. Memory that others
 * free and allocate meanwhile moves credit to CPUs that are collected already: once there is
 * none left, the sum is the memory in use.
 */
static bool p2pmem_pair_fits_collected(struct p2pmem_pair *pair, unsigned long quota, long bytes)
{
	int passes = P2PMEM_COLLECT_PASSES;

	while (!p2pmem_pair_fits(pair, quota, bytes))
		if (!passes-- || !p2pmem_pair_collect_credit(pair))
			return false;
	return true;
}

/* The credit of this CPU is not enough, or may be void. */
static noinline int p2pmem_pair_charge_slow(struct p2pmem_pair *pair, long bytes)
{
	struct p2pmem_pair_count *c;
	unsigned long flags, quota;
	long advance;
	int ret = 0;

	raw_spin_lock_irqsave(&pair->charging, flags);
	/* Under the lock: p2pmem_grant_refresh() must not miss a sum that an old quota allows. */
	quota = READ_ONCE(pair->provider->quota);
	advance = p2pmem_pair_advance(quota);
	/* A sum above the quota is of a time before the quota was lowered: credit is void. */
	if (p2pmem_pair_fits(pair, quota, 0) && p2pmem_pair_charge_quick(pair, bytes))
		goto unlock;
	c = this_cpu_ptr(pair->count);
	p2pmem_pair_account_peak(pair);
	if (!p2pmem_pair_fits(pair, quota, bytes + advance))
		advance = 0;
	if (p2pmem_pair_fits_collected(pair, quota, bytes)) {
		WRITE_ONCE(pair->used, pair->used + bytes + advance);
		atomic_long_add(advance, &c->credit);
	} else {
		ret = -EDQUOT;
	}
	WRITE_ONCE(c->low, atomic_long_read(&c->credit));
	p2pmem_pair_account_peak(pair);
unlock:
	raw_spin_unlock_irqrestore(&pair->charging, flags);
	return ret;
}

static void p2pmem_pair_return_credit(struct p2pmem_pair *pair, struct p2pmem_pair_count *c)
{
	long keep = p2pmem_pair_advance(READ_ONCE(pair->provider->quota)), credit;
	unsigned long flags;

	raw_spin_lock_irqsave(&pair->charging, flags);
	p2pmem_pair_account_peak(pair);
	credit = atomic_long_read(&c->credit);
	if (credit > keep && atomic_long_try_cmpxchg(&c->credit, &credit, keep)) {
		WRITE_ONCE(c->low, keep);
		WRITE_ONCE(pair->used, pair->used - (credit - keep));
	}
	raw_spin_unlock_irqrestore(&pair->charging, flags);
}

/* Trims the credit of this CPU. */
static void p2pmem_pair_trim(struct p2pmem_pair *pair)
{
	struct p2pmem_pair_count *c = raw_cpu_ptr(pair->count);

	if (atomic_long_read(&c->credit) > P2PMEM_CREDIT_MAX)
		p2pmem_pair_return_credit(pair, c);
}

static void p2pmem_pair_uncharge(struct p2pmem_pair *pair, long bytes)
{
	if (p2pmem_pair_uncharge_quick(pair, bytes) > P2PMEM_CREDIT_MAX)
		p2pmem_pair_trim(pair);
}

/**
 * p2pmem_pair_used() - memory in use under grants that include a pair
 * @pair: the pair
 *
 * Context: Any.
 * Return: bytes, at most the size of the pool; exact if no memory is allocated or freed
 * meanwhile.
 */
long p2pmem_pair_used(struct p2pmem_pair *pair)
{
	unsigned long flags;
	long used;
	int cpu;

	if (!READ_ONCE(pair->count))
		return 0;
	raw_spin_lock_irqsave(&pair->charging, flags);
	used = pair->used;
	for_each_possible_cpu(cpu)
		used -= atomic_long_read(&per_cpu_ptr(pair->count, cpu)->credit);
	raw_spin_unlock_irqrestore(&pair->charging, flags);
	return clamp(used, 0L, (long)p2pmem_pool_size(pair->provider->pool));
}

/**
 * p2pmem_pair_peak() - the most memory that was ever in use
 * @pair: the pair
 *
 * Context: Any.
 * Return: bytes; see above for the precision.
 */
long p2pmem_pair_peak(struct p2pmem_pair *pair)
{
	unsigned long flags;
	long peak;

	if (!READ_ONCE(pair->count))
		return 0;
	raw_spin_lock_irqsave(&pair->charging, flags);
	p2pmem_pair_account_peak(pair);
	peak = pair->peak;
	raw_spin_unlock_irqrestore(&pair->charging, flags);
	return peak;
}

static bool p2pmem_pair_over_quota(struct p2pmem_pair *pair, unsigned long quota, long bytes)
{
	unsigned long flags;
	bool fits;

	raw_spin_lock_irqsave(&pair->charging, flags);
	p2pmem_pair_account_peak(pair);
	fits = p2pmem_pair_fits_collected(pair, quota, bytes);
	raw_spin_unlock_irqrestore(&pair->charging, flags);
	return !fits;
}

/**
 * p2pmem_grant_over_quota() - whether an allocation would exceed the quota of a client
 * @grant: the grant, held
 * @bytes: whole pages that are to be allocated
 *
 * A check before the allocation, so that a refused one uses no memory that others need;
 * p2pmem_grant_charge() decides.
 *
 * Context: Any.
 * Return: true when @bytes more would exceed the quota.
 */
bool p2pmem_grant_over_quota(const struct pci_p2pmem_grant *grant, unsigned long bytes)
{
	unsigned long quota = READ_ONCE(grant->provider->quota);
	int i;

	for (i = 0; quota && i < grant->nr; i++)
		if (unlikely(READ_ONCE(grant->link[i].pair->used) + bytes > quota) &&
		    p2pmem_pair_over_quota(grant->link[i].pair, quota, bytes))
			return true;
	return false;
}

/**
 * p2pmem_grant_refresh() - check whether a grant allows allocations without further checks
 * @grant: the grant, held
 *
 * Context: Any but NMI.
 */
void p2pmem_grant_refresh(struct pci_p2pmem_grant *grant)
{
	long changes = atomic_long_read(&p2pmem_changes);
	struct p2pmem_pair *pair;
	unsigned long flags;
	bool fits;
	int i;

	if (changes == READ_ONCE(grant->changes))
		return;
	smp_rmb();	/* the count, then what was changed: see p2pmem_note_change() */
	if (p2pmem_grant_has_ended(grant) || p2pmem_grant_is_stale(grant) ||
	    !p2pmem_grant_valid(grant))
		return;
	for (i = 0; i < grant->nr; i++) {
		pair = grant->link[i].pair;
		raw_spin_lock_irqsave(&pair->charging, flags);
		fits = p2pmem_pair_fits(pair, READ_ONCE(pair->provider->quota), 0);
		raw_spin_unlock_irqrestore(&pair->charging, flags);
		if (!fits)
			return;
	}
	WRITE_ONCE(grant->changes, changes);
}

/**
 * p2pmem_grant_charge() - charge memory that was allocated under a grant
 * @grant: the grant, held
 * @bytes: whole pages
 *
 * All clients of the grant use all of its memory: each is charged with it.
 *
 * Context: Any but NMI.
 * Return: 0, or -EDQUOT if one of them would exceed its quota: the caller frees the memory.
 */
int p2pmem_grant_charge(struct pci_p2pmem_grant *grant, unsigned long bytes)
{
	struct p2pmem_link *l = grant->link, *end = l + grant->nr;
	bool current_grant = p2pmem_grant_is_current(grant);

	for (; l < end; l++) {
		if (likely(current_grant && p2pmem_pair_charge_quick(l->pair, bytes)))
			continue;
		if (unlikely(p2pmem_pair_charge_slow(l->pair, bytes)))
			goto undo;
	}
	this_cpu_add(*grant->bytes, bytes);
	return 0;

undo:
	while (l-- > grant->link)
		p2pmem_pair_uncharge(l->pair, bytes);
	return -EDQUOT;
}

/**
 * p2pmem_grant_release_unused() - free a grant that nobody holds and that has no memory in use
 * @grant: the grant; RCU read side, because the memory may have held it
 *
 * Memory in use holds its grant without a reference. Once nobody holds a reference nothing is
 * allocated under the grant, so the counters of the CPUs only fall: a sum of zero means that
 * all memory is free, and each CPU that frees memory sees @unheld, or its memory is
 * missing in the sum that the setter of @unheld computes.
 *
 * Context: Any but NMI, after a full barrier.
 */
void p2pmem_grant_release_unused(struct pci_p2pmem_grant *grant)
{
	if (READ_ONCE(grant->unheld) && !p2pmem_grant_bytes(grant) &&
	    !xchg(&grant->released, true))
		queue_work(p2pmem_wq, &grant->free_work);
}

/**
 * p2pmem_grant_settle() - finish uncharging memory of a grant
 * @grant: the grant
 *
 * Context: As p2pmem_grant_uncharge_quick(), after a full barrier.
 */
void p2pmem_grant_settle(struct pci_p2pmem_grant *grant)
{
	int i;

	for (i = 0; i < grant->nr; i++)
		p2pmem_pair_trim(grant->link[i].pair);
	p2pmem_grant_release_unused(grant);
}

/**
 * p2pmem_grant_uncharge() - uncharge memory of a grant that is about to be freed
 * @grant: the grant; unless the caller holds a reference it may be freed after this
 * @bytes: as charged
 *
 * Context: Any but NMI.
 */
void p2pmem_grant_uncharge(struct pci_p2pmem_grant *grant, unsigned long bytes)
{
	unsigned long flags;
	long credit;

	/* With interrupts off we are an RCU reader. */
	local_irq_save(flags);
	credit = p2pmem_grant_uncharge_quick(grant, bytes);
	smp_mb();	/* uncharged, now the state of the grant */
	if (p2pmem_grant_unsettled(grant, credit))
		p2pmem_grant_settle(grant);
	local_irq_restore(flags);
}

/**
 * p2pmem_grant_failed() - count an allocation that failed
 * @grant: the grant, held
 * @reason: why
 *
 * Context: Any but NMI.
 */
void p2pmem_grant_failed(struct pci_p2pmem_grant *grant, enum pci_p2pmem_reason reason)
{
	int i;

	for (i = 0; i < grant->nr; i++)
		p2pmem_pair_failed(grant->link[i].pair, reason);
}
