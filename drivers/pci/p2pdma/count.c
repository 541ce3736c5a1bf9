// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: what is counted of a pair
 *
 * Mappings, their bytes and failures are counted per CPU where they happen, which is
 * with every request. Here is what adds them up.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

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
 * p2pmem_path_settle() - tell what has become of a pair that is going
 * @path: the pair
 *
 * Its balance must be zero.
 *
 * Context: Process context.
 */
void p2pmem_path_settle(struct p2pmem_path *path)
{
	struct p2pmem_path_count sum;
	u64 failures;

	p2pmem_path_sum(path, &sum);
	failures = p2pmem_path_failures(&sum);
	if (sum.maps != sum.unmaps)
		pci_err(path->provider->pdev, "%llu mappings of its peer-to-peer memory for %s were made, %llu undone: a driver forgot some\n",
			sum.maps, dev_name(path->client), sum.unmaps);
	else if (sum.maps)
		pci_info(path->provider->pdev, "%llu mappings of its peer-to-peer memory for %s were made and undone\n",
			 sum.maps, dev_name(path->client));
	if (failures)
		pci_info(path->provider->pdev, "%llu uses of its peer-to-peer memory by %s were refused\n",
			 failures, dev_name(path->client));
}
