// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: racing kernel threads, for KUnit
 */
#include <kunit/test.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/pci.h>
#include <linux/sched.h>

#include "kit.h"
#include "race.h"

/* Time limit of a crew, long enough for KASAN under emulation */
#define RACE_LIMIT	(120 * HZ)

/**
 * race_wrong() - report an error
 * @crew: the crew that found it
 * @fmt: text of the error; only the first one of a crew is kept
 */
void race_wrong(struct race_crew *crew, const char *fmt, ...)
{
	unsigned long flags;
	va_list args;

	va_start(args, fmt);
	spin_lock_irqsave(&crew->lock, flags);
	if (!crew->wrong[0])
		vscnprintf(crew->wrong, sizeof(crew->wrong), fmt, args);
	spin_unlock_irqrestore(&crew->lock, flags);
	va_end(args);
}

static void race_end_action(void *crew)
{
	race_end(crew);
}

/**
 * race_crew() - create an empty crew
 * @test: the test
 *
 * Return: the crew.
 */
struct race_crew *race_crew(struct kunit *test)
{
	struct race_crew *crew = kunit_kzalloc(test, sizeof(*crew), GFP_KERNEL);
	static u32 seed;

	KUNIT_ASSERT_NOT_NULL(test, crew);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, race_end_action, crew), 0);
	crew->test = test;
	init_completion(&crew->start);
	spin_lock_init(&crew->lock);
	prandom_seed_state(&crew->rnd, ++seed);
	return crew;
}

/**
 * race_add() - add a worker
 * @crew: the crew, not started yet
 * @step: function to call
 * @arg: argument of @step
 * @rounds: number of calls; 0: until all other workers have finished
 */
void race_add(struct race_crew *crew, void (*step)(struct race_worker *w, unsigned int i),
	      void *arg, unsigned int rounds)
{
	struct race_worker *w = &crew->worker[crew->nr];

	KUNIT_ASSERT_LT(crew->test, crew->nr, RACE_WORKERS);
	w->crew = crew;
	w->step = step;
	w->arg = arg;
	w->rounds = rounds;
	w->nr = crew->nr++;
	init_completion(&w->over);
	prandom_seed_state(&w->rnd, prandom_u32_state(&crew->rnd));
}

static int race_thread(void *data)
{
	struct race_worker *w = data;
	unsigned int i;

	wait_for_completion(&w->crew->start);
	for (i = 0; w->rounds ? i < w->rounds : !READ_ONCE(w->crew->quit); i++) {
		w->step(w, i);
		cond_resched();
		/* Workers without a number of rounds leave time for the others, and for RCU. */
		if (!w->rounds && i % 8 == 7)
			schedule_timeout_uninterruptible(1);
	}
	complete(&w->over);
	return 0;
}

/**
 * race_begin() - start all workers
 * @crew: the crew
 */
void race_begin(struct race_crew *crew)
{
	unsigned int cpu = cpumask_first(cpu_online_mask);
	struct race_worker *w;
	int i;

	for (i = 0; i < crew->nr; i++) {
		w = &crew->worker[i];
		w->task = kthread_create(race_thread, w, "p2pmem-race/%d", i);
		if (IS_ERR(w->task))
			break;
		get_task_struct(w->task);
		kthread_bind(w->task, cpu);
		cpu = cpumask_next(cpu, cpu_online_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_online_mask);
	}
	if (i < crew->nr) {
		while (i--) {
			kthread_stop(crew->worker[i].task);
			put_task_struct(crew->worker[i].task);
		}
		KUNIT_FAIL_AND_ABORT(crew->test, "cannot create a thread");
	}
	crew->running = true;
	for (i = 0; i < crew->nr; i++)
		wake_up_process(crew->worker[i].task);
	complete_all(&crew->start);
}

static void race_wait(struct race_worker *w)
{
	if (!wait_for_completion_timeout(&w->over, RACE_LIMIT)) {
		/* It still uses memory of the test, until the guest ends. */
		KUNIT_FAIL(w->crew->test, "worker %d (%ps) did not end", w->nr, w->step);
		wait_for_completion(&w->over);
	}
	kthread_stop(w->task);
	put_task_struct(w->task);
}

/**
 * race_end() - wait until all workers have finished
 * @crew: the crew; its errors fail the test
 *
 * Also called when the test ends early.
 */
void race_end(struct race_crew *crew)
{
	int i;

	if (!crew->running)
		return;
	crew->running = false;
	for (i = 0; i < crew->nr; i++)
		if (crew->worker[i].rounds)
			race_wait(&crew->worker[i]);
	WRITE_ONCE(crew->quit, true);
	for (i = 0; i < crew->nr; i++)
		if (!crew->worker[i].rounds)
			race_wait(&crew->worker[i]);
	if (crew->wrong[0])
		KUNIT_FAIL(crew->test, "%s", crew->wrong);
}

/**
 * race_run() - start a race and wait for its end
 * @crew: the crew
 */
void race_run(struct race_crew *crew)
{
	race_begin(crew);
	race_end(crew);
}

/**
 * race_dawdle() - pause for a short random time
 * @rnd: random state of the worker, or of the crew for the thread of the test
 * @n: maximum number of pauses
 */
void race_dawdle(struct rnd_state *rnd, u32 n)
{
	u32 i = prandom_u32_state(rnd) % (n + 1);

	while (i--)
		cpu_relax();
}

/**
 * race_sysfs() - read a file of the p2pmem group
 * @pdev: the function
 * @file: name of the file
 *
 * Return: its number, or an errno if it cannot be opened or has no number.
 */
long race_sysfs(struct pci_dev *pdev, const char *file)
{
	char path[64], text[24] = "";
	struct file *f;
	loff_t pos = 0;
	long value = 0;
	ssize_t n;
	int ret;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/p2pmem/%s", pci_name(pdev), file);
	f = kit_open(path, O_RDONLY);
	if (IS_ERR(f))
		return PTR_ERR(f);
	n = kernel_read(f, text, sizeof(text) - 1, &pos);
	ret = n > 0 ? kstrtol(strim(text), 10, &value) : -EIO;
	filp_close(f, NULL);
	return ret ?: value;
}
