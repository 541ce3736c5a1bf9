/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what the files of the allocator have for each other
 *
 * Floor 1.
 *
 * For buddy.c, chunk.c, pool.c and cache.c, and for those that include cache.h. The rest
 * of the module knows struct p2pmem_pool by its pointer. The few inline functions are run by
 * every request that allocates or frees, but for p2pmem_pool_out(): each choice runs that for
 * all providers.
 */
#ifndef _P2PMEM_POOL_H
#define _P2PMEM_POOL_H

#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include "buddy.h"

struct gen_pool;
struct p2pmem_run;
struct page;

/**
 * struct p2pmem_run - a run of pages of a pool
 * @page: the first one
 * @nr: how many
 */
struct p2pmem_run {
	struct page *page;
	unsigned long nr;
};

/* Runs that are allocated or freed at once, under one lock */
#define P2PMEM_RUNS		16UL

/*
 * Blocks of these orders are kept as they are when they are freed, in a few slots that all
 * CPUs share: 4 of 128 KiB, 2 of 256 KiB, 1 of 512 KiB and 1 of 1 MiB. A pool must have
 * sixteen times that.
 */
#define P2PMEM_RECENT_MIN	5
#define P2PMEM_RECENT_MAX	8
#define P2PMEM_RECENT_SLOTS	8
#define P2PMEM_RECENT_PAGES	(16UL * (4 * 32 + 2 * 64 + 128 + 256))

/**
 * struct p2pmem_recent - a block that was freed and not merged
 * @page: its first page, which is not looked at, or NULL; exchanged without a lock
 *
 * Each in a line of its own: CPUs use different ones while they can.
 */
struct p2pmem_recent {
	struct page *page;
} ____cacheline_aligned_in_smp;

/**
 * struct p2pmem_store - what the CPUs share of a pool
 * @lock: guards all that follows; with interrupts off, after a CPU's cache
 * @chunks: struct p2pmem_chunk; only ever added
 * @added: those that nobody can allocate yet
 * @slabs: owns the addresses
 * @name: name of the provider
 * @closed: pages in @added
 * @free: pages that are free here, without @added and @recent; read without the lock as a hint
 * @promised: how many of @free are for lists that are being filled
 * @recent: blocks that are free and not merged, by order
 */
struct p2pmem_store {
	raw_spinlock_t lock;		/* see above */
	struct list_head chunks;
	struct list_head added;
	struct gen_pool *slabs;
	const char *name;
	unsigned long closed;
	unsigned long free;
	unsigned long promised;
	struct p2pmem_recent recent[P2PMEM_RECENT_SLOTS];
};

int p2pmem_slabs_add(struct gen_pool *slabs, unsigned long base, unsigned long nr, int node);
int p2pmem_store_init(struct p2pmem_store *s, const char *name, int node);
void p2pmem_store_exit(struct p2pmem_store *s);
int p2pmem_store_add(struct p2pmem_store *s, void *addr, unsigned long pages, int node);
void *p2pmem_store_alloc(struct p2pmem_store *s, unsigned long nr);
unsigned int p2pmem_store_some(struct p2pmem_store *s, struct page **page, unsigned int max);
bool p2pmem_store_promise(struct p2pmem_store *s, unsigned long nr);
void p2pmem_store_unpromise(struct p2pmem_store *s, unsigned long nr);
unsigned int p2pmem_store_promised(struct p2pmem_store *s, unsigned long *pages,
				   struct p2pmem_run *run, unsigned int max);
void *p2pmem_store_search(struct p2pmem_store *s, unsigned long nr);
void p2pmem_store_merge(struct p2pmem_store *s);
unsigned long p2pmem_store_free(struct p2pmem_store *s, const struct p2pmem_run *run,
				unsigned int nr);

/* A cache holds 64 KiB; runs of 2^k pages, (16 >> k) of them, from slot 32 - (32 >> k) on */
#define P2PMEM_CACHE_ORDER_COUNT	5
#define P2PMEM_CACHE_PAGES	16U
#define P2PMEM_CACHE_SLOTS	31

/**
 * struct p2pmem_cache - free runs that a CPU has at hand
 * @busy: set by the user of the cache, with interrupts off
 * @pages: how many pages are in it
 * @out: pages that this CPU allocated, less those that it freed
 * @nr: number of runs, by order
 * @run: the runs, by order: their first pages, which are not looked at
 */
struct p2pmem_cache {
	atomic_t busy;
	unsigned int pages;
	long out;
	u8 nr[P2PMEM_CACHE_ORDER_COUNT];
	struct page *run[P2PMEM_CACHE_SLOTS];
};

/**
 * struct p2pmem_pool - the free pages of a provider
 * @cache: of each CPU
 * @cap: pages that a cache may hold
 * @keeps: blocks are kept in the slots that all CPUs share
 * @size: bytes in all
 * @shorts: callers that are short: nothing is cached
 * @cpus: entry in the list of those whose caches are emptied when a CPU goes
 * @store: what the CPUs share
 */
struct p2pmem_pool {
	struct p2pmem_cache __percpu *cache;
	unsigned int cap;
	bool keeps;
	size_t size;
	atomic_t shorts;
	struct hlist_node cpus;
	struct p2pmem_store store ____cacheline_aligned_in_smp;
};

/*
 * Pages that are allocated, for a comparison of many pools. While other CPUs allocate and free it
 * may be less than zero, or more than there are.
 */
static __always_inline long p2pmem_pool_out(const struct p2pmem_pool *pool)
{
	long out = 0;
	int cpu;

	/* Nearly every CPU is possible: a test of its bit is cheaper than a search for the next. */
	for (cpu = 0; cpu < nr_cpu_ids; cpu++)
		if (cpu_possible(cpu))
			out += READ_ONCE(per_cpu_ptr(pool->cache, cpu)->out);
	return out;
}

static inline bool p2pmem_cache_trylock(struct p2pmem_cache *c)
{
	int free = 0;

	return atomic_try_cmpxchg_acquire(&c->busy, &free, 1);
}

static inline void p2pmem_cache_unlock(struct p2pmem_cache *c)
{
	atomic_set_release(&c->busy, 0);
}

static inline struct page **p2pmem_cache_slots(struct p2pmem_cache *c, unsigned int order)
{
	return c->run + 32 - (32 >> order);
}

void p2pmem_cache_flush(struct p2pmem_pool *pool, struct p2pmem_cache *c, unsigned int keep);
void p2pmem_pool_short(struct p2pmem_pool *pool);
void p2pmem_pool_enough(struct p2pmem_pool *pool);

#endif /* _P2PMEM_POOL_H */
