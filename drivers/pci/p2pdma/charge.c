// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: what is out under a grant, and what may be
 *
 * What is out of a pair is one number for all CPUs, because a quota is kept to exactly:
 * what many of them take together never exceeds it. Close to it an allocation may be
 * refused for what another CPU has charged at that moment and does not get.
 */
#include <linux/percpu.h>
#include "p2pdma.h"

/**
 * p2pmem_grant_bytes() - memory that is out under a grant
 * @g: the grant
 *
 * Context: Any.
 * Return: bytes; exact when nobody takes or gives back memory meanwhile.
 */
long p2pmem_grant_bytes(const struct pci_p2pmem_grant *g)
{
	long bytes = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		bytes += READ_ONCE(*per_cpu_ptr(g->bytes, cpu));
	return bytes;
}

/* A client is about to get @bytes: -EDQUOT when that were more than the quota */
static int p2pmem_path_charge(struct p2pmem_path *path, unsigned long quota, long bytes)
{
	long used = atomic_long_read(&path->used);

	do {
		if (unlikely(quota && used + bytes > quota))
			return -EDQUOT;
	} while (!atomic_long_try_cmpxchg(&path->used, &used, used + bytes));
	return 0;
}

static void p2pmem_path_had(struct p2pmem_path *path)
{
	long used = atomic_long_read(&path->used);
	long peak = atomic_long_read(&path->peak);

	while (unlikely(used > peak))
		if (atomic_long_try_cmpxchg(&path->peak, &peak, used))
			break;
}

/**
 * p2pmem_grant_uncharge() - memory came back, or was not to be had
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
		atomic_long_sub(bytes, &grant->path[i]->used);
}

/**
 * p2pmem_grant_charge() - memory is about to go out
 * @grant: the grant, held
 * @bytes: whole pages
 *
 * All of its clients have all of its memory: each is charged with it.
 *
 * Context: Any but NMI and hard interrupts.
 * Return: 0, or -EDQUOT when one of them were to have more than it may.
 */
int p2pmem_grant_charge(struct pci_p2pmem_grant *grant, unsigned long bytes)
{
	unsigned long quota = READ_ONCE(grant->provider->quota);
	int i;

	for (i = 0; i < grant->nr; i++)
		if (unlikely(p2pmem_path_charge(grant->path[i], quota, bytes)))
			goto undo;
	this_cpu_add(*grant->bytes, bytes);
	return 0;

undo:
	while (i--)
		atomic_long_sub(bytes, &grant->path[i]->used);
	return -EDQUOT;
}

/**
 * p2pmem_grant_had() - there was memory for what was charged
 * @grant: the grant, held
 *
 * Context: Any but NMI.
 */
void p2pmem_grant_had(struct pci_p2pmem_grant *grant)
{
	int i;

	for (i = 0; i < grant->nr; i++)
		p2pmem_path_had(grant->path[i]);
}

/**
 * p2pmem_grant_failed() - count memory that was not to be had
 * @grant: the grant, held
 * @reason: why
 *
 * Context: Any but NMI.
 */
void p2pmem_grant_failed(struct pci_p2pmem_grant *grant, enum pci_p2pmem_reason reason)
{
	int i;

	for (i = 0; i < grant->nr; i++)
		this_cpu_inc(grant->path[i]->count->failures[reason]);
}
