/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: kernel threads that race, for KUnit
 *
 * A crew is up to RACE_WORKERS threads, spread over the CPUs, that begin at the same
 * moment and each do their step a fixed number of times. What they find wrong they
 * say with RACE_EXPECT(): the first line is kept and fails the test when the crew is
 * back. Nothing depends on time but the limit after which a crew is given up.
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
 * @step: what it does, again and again; @i counts from 0
 * @arg: for @step
 * @rounds: how often; 0: until all workers that have a number are through
 * @rnd: its own random numbers
 * @nr: its number, from 0
 * @task: the thread
 * @over: it is through
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
 * struct race_crew - threads that race
 * @test: the test
 * @worker: the threads
 * @nr: how many
 * @rnd: random numbers for who waits for them; other ones in each crew, the same in
 *	each run
 * @start: they wait for it
 * @running: they were begun
 * @quit: those without a number of rounds are to end
 * @lock: guards @wrong
 * @wrong: first thing that was wrong
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

/* An empty crew, freed with the test */
struct race_crew *race_crew(struct kunit *test);
/* Adds a worker; before race_begin() */
void race_add(struct race_crew *crew, void (*step)(struct race_worker *w, unsigned int i),
	      void *arg, unsigned int rounds);
/* All begin; race_end() waits for them and fails the test when one of them said so */
void race_begin(struct race_crew *crew);
void race_end(struct race_crew *crew);
void race_run(struct race_crew *crew);

__printf(2, 3) void race_wrong(struct race_crew *crew, const char *fmt, ...);
#define RACE_EXPECT(w, cond, fmt, ...)						\
	do {									\
		if (!(cond))							\
			race_wrong((w)->crew, fmt, ##__VA_ARGS__);		\
	} while (0)

/* A random number below @n */
static inline u32 race_below(struct race_worker *w, u32 n)
{
	return prandom_u32_state(&w->rnd) % n;
}

/* Up to @n short pauses, so that two threads meet at ever other places */
void race_dawdle(struct rnd_state *rnd, u32 n);
/* Reads a file of the p2pmem group of a function; -1: it is not there */
long race_sysfs(struct pci_dev *pdev, const char *file);

#endif /* _P2PMEM_TESTS_RACE_H */
