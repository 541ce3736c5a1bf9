// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: what is counted of a pair
 *
 * Floor 3.
 *
 * Mappings and their bytes are counted per CPU where they happen, which is with every
 * request. Refusals are rare: one counter for all CPUs.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/percpu.h>
#include "p2pdma.h"

/**
 * p2pmem_pair_failed() - count a refusal
 * @pair: the pair
 * @reason: why
 *
 * Context: Any but NMI.
 */
void p2pmem_pair_failed(struct p2pmem_pair *pair, enum pci_p2pmem_reason reason)
{
	atomic_long_inc(&pair->failures[reason]);
}

/**
 * p2pmem_pair_sum() - the counters of a pair over all CPUs
 * @pair: the pair
 * @sum: returns them
 *
 * Others go on counting: values are not of one moment.
 *
 * Context: Any; the caller holds the pair or is an RCU reader.
 */
void p2pmem_pair_sum(const struct p2pmem_pair *pair, struct p2pmem_pair_count *sum)
{
	struct p2pmem_pair_count __percpu *count = READ_ONCE(pair->count);
	const struct p2pmem_pair_count *c;
	int cpu;

	*sum = (struct p2pmem_pair_count){};
	if (!count)
		return;
	/*
	 * What is undone was made before, possibly on another CPU: read all unmaps first, so that
	 * the balance is not below zero.
	 */
	for_each_possible_cpu(cpu)
		sum->unmaps += READ_ONCE(per_cpu_ptr(count, cpu)->unmaps);
	smp_rmb();	/* unmaps, then maps: see above */
	for_each_possible_cpu(cpu) {
		c = per_cpu_ptr(count, cpu);
		sum->maps += READ_ONCE(c->maps);
		sum->bytes += READ_ONCE(c->bytes);
	}
}

/**
 * p2pmem_pair_failures() - failures of all reasons
 * @pair: the pair
 *
 * Context: Any.
 * Return: their number.
 */
unsigned long p2pmem_pair_failures(const struct p2pmem_pair *pair)
{
	unsigned long all = 0;
	int r;

	for (r = 0; r < PCI_P2PMEM_NR_REASONS; r++)
		all += atomic_long_read(&pair->failures[r]);
	return all;
}

/**
 * p2pmem_pair_settle() - report the balance of a pair that goes
 * @pair: the pair
 *
 * It must be zero: DMA_API_DEBUG does not see mappings by bus address.
 *
 * Context: Process context.
 */
void p2pmem_pair_settle(struct p2pmem_pair *pair)
{
	struct pci_dev *pdev = pair->provider->pdev;
	unsigned long failures = p2pmem_pair_failures(pair);
	struct p2pmem_pair_count sum;

	p2pmem_pair_sum(pair, &sum);
	if (sum.maps != sum.unmaps)
		pci_err(pdev, "%llu mappings of its peer-to-peer memory for %s were made, %llu undone: a driver forgot some\n",
			sum.maps, dev_name(pair->client), sum.unmaps);
	else if (sum.maps)
		pci_info(pdev, "%llu mappings of its peer-to-peer memory for %s were made and undone\n",
			 sum.maps, dev_name(pair->client));
	if (failures)
		pci_info(pdev, "%lu uses of its peer-to-peer memory by %s were refused\n",
			 failures, dev_name(pair->client));
}
