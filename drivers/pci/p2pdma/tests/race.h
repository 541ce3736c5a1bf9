/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: racing kernel threads, for KUnit
 *
 * A crew has up to RACE_WORKERS threads on all CPUs, which start at the same time and
 * call their functions a fixed number of times. They report errors by RACE_EXPECT():
 * the first one is kept and fails the test at the end of the crew. Only the time limit
 * of a crew depends on time.
 */
#ifndef _P2PMEM_TESTS_RACE_H
#define _P2PMEM_TESTS_RACE_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/prandom.h>
#include <linux/spinlock.h>

struct kunit;
struct pci_dev;
struct race_crew;
struct task_struct;

#define RACE_WORKERS	8

/**
 * struct race_worker - one thread
 * @crew: its crew
 * @step: function that it calls; @i counts from 0
 * @arg: argument of @step
 * @rounds: number of calls; 0: until all workers with a number have finished
 * @rnd: its own random state
 * @nr: its number, from 0
 * @task: the thread
 * @over: it has finished
 */
struct race_worker {
	struct race_crew *crew;
	void (*step)(struct race_worker *w, unsigned int i);
	void *arg;
	unsigned int rounds;
	struct rnd_state rnd;
	int nr;
	struct task_struct *task;
	struct completion over;
};

/**
 * struct race_crew - racing threads
 * @test: the test
 * @worker: the threads
 * @nr: number of threads
 * @rnd: random state of the waiting thread; differs between crews, but not between runs
 * @start: completed to start the threads
 * @running: they were started
 * @quit: threads without a number of rounds must end
 * @lock: guards @wrong
 * @wrong: first error
 */
struct race_crew {
	struct kunit *test;
	struct race_worker worker[RACE_WORKERS];
	int nr;
	struct rnd_state rnd;
	struct completion start;
	bool running;
	bool quit;
	spinlock_t lock;		/* see above */
	char wrong[160];
};

/* Create an empty crew, which is freed when the test ends */
struct race_crew *race_crew(struct kunit *test);
/* Add a worker, before race_begin() */
void race_add(struct race_crew *crew, void (*step)(struct race_worker *w, unsigned int i),
	      void *arg, unsigned int rounds);
/* Start all workers; race_end() waits for them and fails the test if one reported an error */
void race_begin(struct race_crew *crew);
void race_end(struct race_crew *crew);
void race_run(struct race_crew *crew);

__printf(2, 3) void race_wrong(struct race_crew *crew, const char *fmt, ...);
#define RACE_EXPECT(w, cond, fmt, ...)						\
	do {									\
		if (!(cond))							\
			race_wrong((w)->crew, fmt, ##__VA_ARGS__);		\
	} while (0)

/* Return a random number below @n */
static inline u32 race_below(struct race_worker *w, u32 n)
{
	return prandom_u32_state(&w->rnd) % n;
}

/* Pause up to @n times, so that two threads race at varying places */
void race_dawdle(struct rnd_state *rnd, u32 n);
/* Read a file of the p2pmem group of a function; -1: the file does not exist */
long race_sysfs(struct pci_dev *pdev, const char *file);

#endif /* _P2PMEM_TESTS_RACE_H */
