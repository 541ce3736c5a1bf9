// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: several CPUs at once
 *
 * Floor 1.
 *
 * Each CPU allocates and frees for a number of rounds: pages of one pool, then lists as a target
 * does, charged to its grant. Before that it works on its own stack, about as much: that shows
 * what the host's processors give to two and four CPUs that share nothing. All samples are of one
 * boot, in which one, two and four CPUs take turns, because the speed of the host changes. Time
 * is elapsed time here: the guest runs with a thread of the host for each CPU.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include "bench.h"

#define CPUS_MAX	4
#define CPUS_SAMPLES	9
/* a sample takes tenths of a second: what the host does beside it takes milliseconds */
#define CPUS_ROUNDS	1000000

static atomic_t cpus_ready, cpus_running;
static bool cpus_go;
static DECLARE_COMPLETION(cpus_done);

static void cpus_nothing(struct bench *b)
{
	unsigned long words[16] = {};
	unsigned int i, j;

	for (i = 0; i < CPUS_ROUNDS; i++) {
		for (j = 0; j < ARRAY_SIZE(words); j++)
			WRITE_ONCE(words[j], READ_ONCE(words[j]) * 5 + i);
		preempt_disable();
		preempt_enable();
	}
}

static void cpus_pages(struct bench *b)
{
	unsigned int i;
	void *addr;

	for (i = 0; i < CPUS_ROUNDS; i++) {
		addr = api_alloc(b->pdev, PAGE_SIZE);
		if (addr)
			api_free(b->pdev, addr, PAGE_SIZE);
	}
}

static void cpus_requests(struct bench *b)
{
	struct scatterlist *sg;
	unsigned int i, nents;

	for (i = 0; i < CPUS_ROUNDS; i++) {
		sg = api_request(b->pdev, &nents, SZ_128K);
		if (sg)
			api_list_free(b->pdev, sg);
	}
}

static const struct cpus_work {
	const char *name;
	void (*run)(struct bench *b);
} cpus_works[] = {
	{ "cpus, nothing shared", cpus_nothing },
	{ "cpus", cpus_pages },
	{ "cpus, charged list", cpus_requests },
};

static const struct cpus_work *cpus_work;

static int cpus_thread(void *data)
{
	struct bench *b = data;

	atomic_inc(&cpus_ready);
	/* pairs with the store of cpus_sample() */
	while (!smp_load_acquire(&cpus_go))
		/* the thread that starts all may be on this CPU */
		cond_resched();
	cpus_work->run(b);
	if (atomic_dec_and_test(&cpus_running))
		complete(&cpus_done);
	return 0;
}

/* Prints the nanoseconds of one pair, over all CPUs. */
static int cpus_sample(struct bench *b, unsigned int nr)
{
	struct task_struct *task;
	unsigned int cpu, i;
	ktime_t begin;

	reinit_completion(&cpus_done);
	atomic_set(&cpus_ready, 0);
	atomic_set(&cpus_running, nr);
	WRITE_ONCE(cpus_go, false);
	for (i = 0; i < nr; i++) {
		/* CPU 0 only where no other is left: this thread and interrupts use it */
		cpu = (i + 1) % num_online_cpus();
		task = kthread_create_on_cpu(cpus_thread, b, cpu, "bench/%u");
		if (IS_ERR(task))
			return PTR_ERR(task);
		wake_up_process(task);
	}
	while (atomic_read(&cpus_ready) < nr)
		cond_resched();
	begin = ktime_get();
	/* pairs with the load of cpus_thread(): all threads begin after the time is read */
	smp_store_release(&cpus_go, true);
	wait_for_completion(&cpus_done);
	b->len = nr;
	bench_print(b, cpus_work->name,
		    div_u64(ktime_to_ns(ktime_sub(ktime_get(), begin)), nr * CPUS_ROUNDS / 1000));
	return 0;
}

/**
 * bench_cpus() - measure allocation on one, two and four CPUs
 * @b: provider
 *
 * The column of bytes is the number of CPUs, and the figure picoseconds of one pair.
 *
 * Context: Process context.
 * Return: 0 or an error.
 */
int bench_cpus(struct bench *b)
{
	unsigned int i, nr;
	int ret = bench_grant(b);

	if (ret && ret != -EOPNOTSUPP)
		return ret;
	b->state = "0";
	for (i = 0; i < ARRAY_SIZE(cpus_works) * CPUS_SAMPLES; i++) {
		cpus_work = &cpus_works[i / CPUS_SAMPLES];
		for (nr = 1; nr <= CPUS_MAX && nr <= num_online_cpus(); nr *= 2) {
			ret = cpus_sample(b, nr);
			if (ret)
				return ret;
		}
	}
	return 0;
}
