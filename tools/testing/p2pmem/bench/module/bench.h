/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the bench measures: executed instructions, which are ticks of the time stamp counter under
 * QEMU's -icount shift=0, with interrupts off.
 */
#ifndef _P2PMEM_BENCH_H
#define _P2PMEM_BENCH_H

#include <linux/irqflags.h>
#include <linux/sched.h>
#include <asm/msr.h>
#include "api.h"

/* rounds of an operation, unless they execute more instructions than that */
#define BENCH_ROUNDS	64
#define BENCH_MOST	100000000ULL
#define BENCH_CLIENTS	3

/**
 * struct bench - what an operation works on
 * @pdev: the provider
 * @clients: devices that reach it: two below its switch, one behind another root port
 * @nr_clients: number of clients found
 * @client: the client that maps
 * @state: name of the pool's state, for the output
 * @len: bytes of an allocation
 * @table: list that is mapped
 * @lookup: looks up how a client reaches a provider
 * @burst: memory of a burst
 */
struct bench {
	struct pci_dev *pdev;
	struct device *clients[BENCH_CLIENTS];
	int nr_clients;
	struct device *client;
	const char *state;
	size_t len;
	struct sg_table table;
	api_lookup_t lookup;
	void *burst[128];
};

typedef bool (*bench_op)(struct bench *b);

/**
 * bench_cost() - average cost of an operation after a first, uncounted one
 * @b: what it works on
 * @op: the operation; false if it was refused
 *
 * Inlined, so that @op is called directly or not at all.
 *
 * Context: Process context.
 * Return: executed instructions, or U64_MAX if the operation was refused.
 */
static __always_inline u64 bench_cost(struct bench *b, bench_op op)
{
	u64 begin, end, none, sum = 0;
	unsigned long flags;
	unsigned int n = 0;
	bool done;

	if (!op(b))
		return U64_MAX;
	do {
		local_irq_save(flags);
		none = rdtsc();
		none = rdtsc() - none;
		begin = rdtsc();
		done = op(b);
		end = rdtsc();
		local_irq_restore(flags);
		if (!done)
			return U64_MAX;
		sum += end - begin - none;
		cond_resched();
	} while (++n < BENCH_ROUNDS && sum < BENCH_MOST);
	return sum / n;
}

/**
 * bench_print() - report one figure
 * @b: gives provider, state and bytes
 * @name: the operation
 * @cost: the figure, U64_MAX for an operation that was refused
 *
 * At the level of errors: guests show nothing below it, because what the console writes is
 * executed as well.
 *
 * Context: Process context.
 */
static inline void bench_print(struct bench *b, const char *name, u64 cost)
{
	u64 size = b->pdev ? pci_resource_len(b->pdev, 2) : 0;

	if (cost == U64_MAX)
		pr_err("bench|%s|%llu|%s|%zu|refused\n", name, size, b->state, b->len);
	else
		pr_err("bench|%s|%llu|%s|%zu|%llu\n", name, size, b->state, b->len, cost);
}

/* common.c */
struct pci_dev *bench_next_provider(struct pci_dev *after);
int bench_grant(struct bench *b);
/* fill.c */
int fill_to(struct bench *b, unsigned int percent);
int fill_holes(struct bench *b, bool odd);
void fill_empty(struct bench *b);
/* churn.c */
int churn_fill(struct bench *b);
void churn_empty(struct bench *b);
/* pool.c */
int bench_pool(struct bench *b);
/* map.c */
int bench_map(struct bench *b);
/* find.c */
int bench_find(struct bench *b, unsigned int functions);
/* functions.c */
unsigned int functions_count(void);
int functions_add(unsigned int nr);
/* cpus.c */
int bench_cpus(struct bench *b);
/* lines.c */
int bench_lines(struct bench *b);

#endif /* _P2PMEM_BENCH_H */
