// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: memory that is out under a grant, and how much may be
 *
 * Floor 4.
 *
 * Two sums, because no other figure has them: of a grant, to name who holds memory and to
 * evict it, per CPU; of a pair over all of its grants, which is what a quota limits and
 * what the peak is of, one number for all CPUs.
 *
 * Memory is charged after it was taken from the pool and uncharged before it goes back:
 * at any moment no more is charged than is out, so that a peak never exceeds what there
 * is, and a quota refuses for no memory but that which its client has.
 */
#include <linux/percpu.h>
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

/* -EDQUOT if this would exceed the quota */
static int p2pmem_pair_charge(struct p2pmem_pair *pair, unsigned long quota, long bytes)
{
	long used = atomic_long_read(&pair->used);

	do {
		if (unlikely(quota && used + bytes > quota))
			return -EDQUOT;
	} while (!atomic_long_try_cmpxchg(&pair->used, &used, used + bytes));
	return 0;
}

static void p2pmem_pair_account_peak(struct p2pmem_pair *pair)
{
	long used = atomic_long_read(&pair->used);
	long peak = atomic_long_read(&pair->peak);

	while (unlikely(used > peak))
		if (atomic_long_try_cmpxchg(&pair->peak, &peak, used))
			break;
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
		if (atomic_long_read(&grant->link[i].pair->used) + bytes > quota)
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
 * Context: Any but NMI and hard interrupts.
 * Return: 0, or -EDQUOT when one of them would exceed its quota: the memory goes back.
 */
int p2pmem_grant_charge(struct pci_p2pmem_grant *grant, unsigned long bytes)
{
	unsigned long quota = READ_ONCE(grant->provider->quota);
	int i;

	for (i = 0; i < grant->nr; i++)
		if (unlikely(p2pmem_pair_charge(grant->link[i].pair, quota, bytes)))
			goto undo;
	this_cpu_add(*grant->bytes, bytes);
	for (i = 0; i < grant->nr; i++)
		p2pmem_pair_account_peak(grant->link[i].pair);
	return 0;

undo:
	while (i--)
		atomic_long_sub(bytes, &grant->link[i].pair->used);
	return -EDQUOT;
}

/**
 * p2pmem_grant_uncharge() - memory of a grant is about to go back
 * @grant: the grant, held
 * @bytes: as charged
 *
 * Context: Any but NMI and hard interrupts.
 */
void p2pmem_grant_uncharge(struct pci_p2pmem_grant *grant, unsigned long bytes)
{
	int i;

	this_cpu_sub(*grant->bytes, bytes);
	for (i = 0; i < grant->nr; i++)
		atomic_long_sub(bytes, &grant->link[i].pair->used);
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
