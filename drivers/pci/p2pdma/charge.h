/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what every request under a grant does to charge its memory
 *
 * Floor 5.
 *
 * Inline, for charge.c and for the lists of one entry in sgl.c, which are charged with
 * interrupts off and without a call. charge.c describes what the figures mean.
 */
#ifndef _P2PMEM_CHARGE_H
#define _P2PMEM_CHARGE_H

#include <linux/percpu.h>
#include <linux/sizes.h>
#include "p2pdma.h"
#include "registry.h"

/*
 * What a CPU adds to the sum in advance; it keeps twice of it, and one request, at most. Small
 * quotas have less of it, or none, so that the CPUs do not take it from each other all the time.
 */
#define P2PMEM_CREDIT		SZ_1M
#define P2PMEM_CREDIT_MAX	(2 * P2PMEM_CREDIT)

/**
 * p2pmem_grant_has_ended() - whether the orchestrator has ended a grant
 * @grant: the grant, held
 *
 * Context: Any.
 * Return: true if nothing may be allocated under it any more.
 */
static inline bool p2pmem_grant_has_ended(struct pci_p2pmem_grant *grant)
{
	/* It may end at any moment; p2pmem_changes changes afterwards. */
	return data_race(percpu_ref_is_dying(&grant->ref));
}

/**
 * p2pmem_grant_is_current() - whether nothing changed since a grant was checked
 * @grant: the grant, held; call it after an allocation, which keeps the provider from going live
 *
 * Context: Any.
 * Return: true if the grant has not ended, its provider was not lost, all of its pairs allow
 * allocations, and none of them is above its quota.
 */
static __always_inline bool p2pmem_grant_is_current(const struct pci_p2pmem_grant *grant)
{
	smp_rmb();	/* after the state that allowed the memory: see p2pmem_try_resume() */
	return atomic_long_read(&p2pmem_changes) == READ_ONCE(grant->changes);
}

/**
 * p2pmem_pair_charge_quick() - charge memory to the credit of a CPU
 * @pair: the pair; its sum is not above the quota
 * @bytes: whole pages
 *
 * Context: Any but NMI. After a migration the credit is that of another CPU.
 * Return: false, and nothing is done, if the credit is not enough.
 */
static __always_inline bool p2pmem_pair_charge_quick(struct p2pmem_pair *pair, long bytes)
{
	struct p2pmem_pair_count *c = raw_cpu_ptr(pair->count);
	long credit = atomic_long_read(&c->credit), left = credit - bytes;

	if (unlikely(left < 0 || !atomic_long_try_cmpxchg(&c->credit, &credit, left)))
		return false;
	/* Other CPUs write it, but an old value costs precision of the peak alone: a plain read. */
	if (unlikely(left < data_race(c->low)))
		WRITE_ONCE(c->low, left);
	return true;
}

/**
 * p2pmem_pair_uncharge_quick() - return memory to the credit of a CPU
 * @pair: the pair
 * @bytes: as charged
 *
 * Context: Any but NMI.
 * Return: the credit before; above P2PMEM_CREDIT_MAX p2pmem_grant_settle() must follow.
 */
static __always_inline long p2pmem_pair_uncharge_quick(struct p2pmem_pair *pair, long bytes)
{
	return atomic_long_fetch_add(bytes, &raw_cpu_ptr(pair->count)->credit);
}

/**
 * p2pmem_grant_uncharge_quick() - uncharge memory of a grant that is about to be freed
 * @grant: the grant
 * @bytes: as charged
 *
 * Context: Interrupts off. Once the caller has executed a full barrier it must call
 * p2pmem_grant_settle() if p2pmem_grant_unsettled(), still as an RCU reader: another CPU may
 * free the grant a grace period later.
 * Return: for p2pmem_grant_unsettled().
 */
static __always_inline long p2pmem_grant_uncharge_quick(struct pci_p2pmem_grant *grant,
							unsigned long bytes)
{
	struct p2pmem_link *l = grant->link;
	int left = grant->nr;
	long credit = 0;

	/* A bit above the maximum stays set. */
	do
		credit |= p2pmem_pair_uncharge_quick(l++->pair, bytes);
	while (--left);
	__this_cpu_sub(*grant->bytes, bytes);
	return credit;
}

/**
 * p2pmem_grant_unsettled() - whether uncharged memory needs more work
 * @grant: the grant
 * @credit: from p2pmem_grant_uncharge_quick(), a full barrier before
 *
 * Context: As p2pmem_grant_uncharge_quick().
 * Return: true if p2pmem_grant_settle() must be called.
 */
static __always_inline bool p2pmem_grant_unsettled(const struct pci_p2pmem_grant *grant,
						   long credit)
{
	return credit > P2PMEM_CREDIT_MAX || READ_ONCE(grant->unheld);
}

#endif /* _P2PMEM_CHARGE_H */
