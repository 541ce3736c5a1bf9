// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: what is counted of a pair, and what a client may have
 *
 * Mappings, their bytes and failures are counted per CPU: they happen with every
 * request. Memory that is out under a grant is one number for each pair, because a
 * quota is kept to exactly: what many CPUs take together never exceeds it, and what
 * fits is never refused for what another CPU did not get.
 */
#include <linux/percpu.h>
#include "p2pdma.h"

/**
 * p2pmem_path_sum() - the counters of a pair over all CPUs
 * @path: the pair
 * @sum: returns them
 *
 * Others go on counting: values are not of one moment.
 *
 * Context: Any; the caller holds the pair or is an RCU reader.
 */
void p2pmem_path_sum(const struct p2pmem_path *path, struct p2pmem_path_count *sum)
{
	const struct p2pmem_path_count *c;
	int cpu, r;

	*sum = (struct p2pmem_path_count){};
	for_each_possible_cpu(cpu) {
		c = per_cpu_ptr(path->count, cpu);
		/* What is undone was made before: the balance is never below zero. */
		sum->unmaps += READ_ONCE(c->unmaps);
		sum->maps += READ_ONCE(c->maps);
		sum->bytes += READ_ONCE(c->bytes);
		for (r = 0; r < PCI_P2PMEM_NR_REASONS; r++)
			sum->failures[r] += READ_ONCE(c->failures[r]);
	}
}

/**
 * p2pmem_path_failures() - failures of all reasons
 * @sum: from p2pmem_path_sum()
 *
 * Return: their number.
 */
u64 p2pmem_path_failures(const struct p2pmem_path_count *sum)
{
	u64 all = 0;
	int r;

	for (r = 0; r < PCI_P2PMEM_NR_REASONS; r++)
		all += sum->failures[r];
	return all;
}

/**
 * p2pmem_path_charge() - a client is about to get memory
 * @path: the pair
 * @bytes: whole pages
 *
 * Context: Any but NMI; the caller holds the pair.
 * Return: 0, or -EDQUOT when that were more than the provider's quota.
 */
int p2pmem_path_charge(struct p2pmem_path *path, unsigned long bytes)
{
	unsigned long quota = READ_ONCE(path->provider->quota);
	long used = atomic_long_read(&path->used);

	do {
		if (unlikely(quota && used + bytes > quota))
			return -EDQUOT;
	} while (!atomic_long_try_cmpxchg(&path->used, &used, used + bytes));
	return 0;
}

/**
 * p2pmem_path_had() - a client got what it was charged for
 * @path: the pair
 *
 * Context: Any but NMI; the caller holds the pair.
 */
void p2pmem_path_had(struct p2pmem_path *path)
{
	long used = atomic_long_read(&path->used);
	long peak = atomic_long_read(&path->peak);

	while (unlikely(used > peak))
		if (atomic_long_try_cmpxchg(&path->peak, &peak, used))
			break;
}

/**
 * p2pmem_path_uncharge() - it came back, or was not to be had
 * @path: the pair
 * @bytes: as charged
 *
 * Context: Any but NMI; the caller holds the pair.
 */
void p2pmem_path_uncharge(struct p2pmem_path *path, unsigned long bytes)
{
	atomic_long_sub(bytes, &path->used);
}
