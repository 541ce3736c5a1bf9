// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: cache lines that CPUs share
 *
 * Floor 1.
 *
 * Two CPUs allocate and free, one after the other, between markers of QEMU's plugin count.so. It
 * records which CPU reads, writes, and locks which line. A line that both use and that one of them
 * writes is what makes several CPUs slower than one; this counts it without measuring time.
 */
#include <linux/workqueue.h>
#include "bench.h"
#include "marker.h"

#define LINES_WARM	256
#define LINES_ROUNDS	64
#define LINES_CPUS	2

struct lines_job {
	struct bench *b;
	bench_op op;
	bool done;
};

static bool lines_page(struct bench *b)
{
	void *addr = api_alloc(b->pdev, PAGE_SIZE);

	if (!addr)
		return false;
	api_free(b->pdev, addr, PAGE_SIZE);
	return true;
}

static bool lines_list(struct bench *b)
{
	unsigned int nents;
	struct scatterlist *sg = api_request(b->pdev, &nents, SZ_128K);

	if (!sg)
		return false;
	api_list_free(b->pdev, sg);
	return true;
}

static long lines_run(void *data)
{
	struct lines_job *job = data;
	unsigned long flags;
	bool done = true;
	unsigned int i;

	for (i = 0; i < LINES_WARM; i++)
		done &= job->op(job->b);
	local_irq_save(flags);
	for (i = 0; i < LINES_ROUNDS; i++) {
		marker(MARKER_ENTER);
		done &= job->op(job->b);
		marker(MARKER_LEAVE);
	}
	local_irq_restore(flags);
	job->done = done;
	return 0;
}

static int lines_of(struct bench *b, const char *name, bench_op op)
{
	struct lines_job job = { .b = b, .op = op };
	unsigned int cpu;

	for (cpu = 0; cpu < LINES_CPUS; cpu++) {
		work_on_cpu(cpu, lines_run, &job);
		if (!job.done)
			return -ENOMEM;
	}
	marker(MARKER_DUMP);
	pr_err("bench-lines|%s\n", name);
	return 0;
}

/**
 * bench_lines() - let two CPUs allocate for the plugin
 * @b: provider and clients
 *
 * A page from the pool, and what a target does: a list of 128 KiB, charged to its grant if there
 * are grants.
 *
 * Context: Process context.
 * Return: 0 or an error.
 */
int bench_lines(struct bench *b)
{
	int ret;

	if (num_online_cpus() < LINES_CPUS || b->nr_clients < 2)
		return -ENODEV;
	ret = bench_grant(b);
	if (ret && ret != -EOPNOTSUPP)
		return ret;
	return lines_of(b, "a page", lines_page) ?: lines_of(b, "a charged list", lines_list);
}
