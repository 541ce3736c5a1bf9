// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: memory that is out under a grant, and how much may be
 *
 * Floor 4.
 *
 * Two sums, because no other figure has them: of a grant, to name who holds memory and to
 * evict it, per CPU; of a pair over all of its grants, which is what a quota limits and
 * what the peak is of.
 *
 * &p2pmem_pair.used is one number for all CPUs, and changes seldom: it is what is out and
 * the credit of each CPU. A CPU charges to its credit while that suffices, and returns to
 * it, in a line of its own. What it needs beyond that it adds to the sum, with some credit
 * in addition where the quota allows it; a credit that grew too large it takes off. That
 * needs the pair's lock. So the sum is never less than what is out, and a quota that the
 * sum keeps is kept by what is out. A charge that would be refused first takes the credit
 * of all CPUs back, under the same lock: it is refused only when what is out leaves no room.
 *
 * The peak is exact where one CPU charges. Where several do, it may be too high by what the
 * others returned since the sum last changed; it never exceeds the sum, so no quota either,
 * and never the pool.
 *
 * Memory is charged after it was taken from the pool and uncharged before it goes back:
 * at any moment no more is charged than is out, so that a peak never exceeds what there
 * is, and a quota refuses for no memory but that which its client has.
 */
#include <linux/percpu.h>
#include <linux/sizes.h>
#include "p2pdma.h"

/**
 * p2pmem_grant_bytes() - memory that is out under a grant
 * @g: the grant
 *
 * Context: Any.
 * Return: bytes; exact when nobody takes or returns memory meanwhile.
 */
long p2pmem_grant_bytes(const struct pci_p2pmem_grant *g)
{
	long bytes = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		bytes += READ_ONCE(*per_cpu_ptr(g->bytes, cpu));
	return bytes;
}

/*
 * What a CPU adds to the sum in advance; it keeps twice of it at most. Small quotas have
 * less of it, or none, so that the CPUs do not take it from each other all the time.
 */
#define P2PMEM_CREDIT		SZ_1M

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

/* Takes the credit of all CPUs back: the sum is what is out. */
static void p2pmem_pair_take_credit(struct p2pmem_pair *pair)
{
	struct p2pmem_pair_count *c;
	int cpu;

	for_each_possible_cpu(cpu) {
		c = per_cpu_ptr(pair->count, cpu);
		if (!atomic_long_read(&c->credit))
			continue;
		WRITE_ONCE(pair->used, pair->used - atomic_long_xchg(&c->credit, 0));
		WRITE_ONCE(c->low, 0);
	}
}

static bool p2pmem_pair_fits(const struct p2pmem_pair *pair, unsigned long quota, long bytes)
{
	return !quota || pair->used + bytes <= quota;
}

/* The credit of this CPU does not suffice. */
static noinline int p2pmem_pair_charge_slow(struct p2pmem_pair *pair, unsigned long quota,
					    long bytes)
{
	long advance = p2pmem_pair_advance(quota);
	struct p2pmem_pair_count *c;
	unsigned long flags;
	int ret = 0;

	raw_spin_lock_irqsave(&pair->charging, flags);
	c = this_cpu_ptr(pair->count);
	p2pmem_pair_account_peak(pair);
	if (!p2pmem_pair_fits(pair, quota, bytes + advance))
		advance = 0;
	if (!p2pmem_pair_fits(pair, quota, bytes))
		p2pmem_pair_take_credit(pair);
	if (p2pmem_pair_fits(pair, quota, bytes)) {
		WRITE_ONCE(pair->used, pair->used + bytes + advance);
		atomic_long_add(advance, &c->credit);
	} else {
		ret = -EDQUOT;
	}
	WRITE_ONCE(c->low, atomic_long_read(&c->credit));
	p2pmem_pair_account_peak(pair);
	raw_spin_unlock_irqrestore(&pair->charging, flags);
	return ret;
}

/*
 * -EDQUOT if this would exceed the quota; the credit is another CPU's after a migration.
 * A sum above the quota is of a time before the quota was lowered: its credit is void.
 */
static __always_inline int p2pmem_pair_charge(struct p2pmem_pair *pair, unsigned long quota,
					      long bytes)
{
	struct p2pmem_pair_count *c = raw_cpu_ptr(pair->count);
	long credit = atomic_long_read(&c->credit);

	if (unlikely(credit < bytes || (quota && READ_ONCE(pair->used) > quota) ||
		     !atomic_long_try_cmpxchg(&c->credit, &credit, credit - bytes)))
		return p2pmem_pair_charge_slow(pair, quota, bytes);
	if (unlikely(credit - bytes < READ_ONCE(c->low)))
		WRITE_ONCE(c->low, credit - bytes);
	return 0;
}

static noinline void p2pmem_pair_return_credit(struct p2pmem_pair *pair,
					       struct p2pmem_pair_count *c)
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

static __always_inline void p2pmem_pair_uncharge(struct p2pmem_pair *pair, long bytes)
{
	struct p2pmem_pair_count *c = raw_cpu_ptr(pair->count);
	long credit = atomic_long_add_return(bytes, &c->credit);

	if (unlikely(credit > 2 * P2PMEM_CREDIT))
		p2pmem_pair_return_credit(pair, c);
}

/**
 * p2pmem_pair_used() - memory that is out under grants that include a pair
 * @pair: the pair
 *
 * Context: Any.
 * Return: bytes; exact when nobody takes or returns memory meanwhile.
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
	return max(used, 0L);
}

/**
 * p2pmem_pair_peak() - the most memory that ever was out
 * @pair: the pair
 *
 * Context: Any.
 * Return: bytes; see above for how exact.
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

/**
 * p2pmem_grant_over_quota() - whether a client of a grant has all that it may have
 * @grant: the grant, held
 * @bytes: whole pages that are to be taken for it
 *
 * Asked before memory is taken, so that what is refused takes none from others;
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
		    p2pmem_pair_used(grant->link[i].pair) + bytes > quota)
			return true;
	return false;
}

/**
 * p2pmem_grant_charge() - memory was taken for a grant
 * @grant: the grant, held
 * @bytes: whole pages
 *
 * All of its clients have all of its memory: each is charged with it.
 *
 * Context: Any but NMI.
 * Return: 0, or -EDQUOT when one of them would exceed its quota: the memory goes back.
 */
int p2pmem_grant_charge(struct pci_p2pmem_grant *grant, unsigned long bytes)
{
	struct p2pmem_link *l = grant->link, *end = l + grant->nr;
	unsigned long quota = READ_ONCE(grant->provider->quota);

	for (; l < end; l++)
		if (unlikely(p2pmem_pair_charge(l->pair, quota, bytes)))
			goto undo;
	this_cpu_add(*grant->bytes, bytes);
	return 0;

undo:
	while (l-- > grant->link)
		p2pmem_pair_uncharge(l->pair, bytes);
	return -EDQUOT;
}

/**
 * p2pmem_grant_uncharge() - memory of a grant is about to go back
 * @grant: the grant, held
 * @bytes: as charged
 *
 * Context: Any but NMI.
 */
void p2pmem_grant_uncharge(struct pci_p2pmem_grant *grant, unsigned long bytes)
{
	struct p2pmem_link *l = grant->link, *end = l + grant->nr;

	this_cpu_sub(*grant->bytes, bytes);
	for (; l < end; l++)
		p2pmem_pair_uncharge(l->pair, bytes);
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
