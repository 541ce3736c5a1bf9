// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the allocator of peer memory
 *
 * Floor 2.
 *
 * Pages of the pooled regions of one provider, by kernel address. No page is touched.
 *
 *	   CPU 0           CPU 1
 *	+---------+     +---------+
 *	| 1 page  |     | 1 page  |	a cache each: runs of 1, 2, 4, 8 and 16 pages,
 *	| 2 pages |     | 2 pages |	64 KiB of them at most
 *	|  ...    |     |  ...    |
 *	+--|---^--+     +--|---^--+
 *	   v   |           v   |
 *	+-------------------------+
 *	| chunk.c: one lock       |	everything else: longer runs, and other lengths
 *	+-------------------------+
 *
 * A CPU uses its own cache with interrupts off and with the cache's flag, which is a lock
 * that its owner never waits for: when it is taken, somebody empties the cache, and the
 * owner goes to the shared part. An uncontended flag is in a line of this CPU alone.
 *
 * What is in a cache is free, and counts as available: each CPU counts the pages that it
 * handed out less those that it took back, and only the sum over all CPUs says anything.
 * Pages are put back first and counted then, and are taken first and counted then; so once
 * nobody takes any, the sum is never below what is out. That is what state.c needs.
 *
 * A taker that finds too little free in the shared part announces that it is short, so
 * that nothing goes into a cache any more, empties the cache of each CPU in turn, and
 * tries once more.
 */
#include <kunit/static_stub.h>
#include <linux/cpuhotplug.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include "p2pdma.h"
#include "pool.h"

/* A cache holds 64 KiB; runs of 2^k pages, (16 >> k) of them, from slot 32 - (32 >> k) on */
#define P2PMEM_CACHE_ORDERS	5
#define P2PMEM_CACHE_PAGES	16U
#define P2PMEM_CACHE_SLOTS	31

/* All caches together hold at most one part in so many of a pool. */
#define P2PMEM_CACHE_PART	16

/**
 * struct p2pmem_cache - free runs that a CPU has at hand
 * @busy: taken by whoever uses it, with interrupts off
 * @pages: how many pages are in it
 * @out: pages that this CPU handed out, less those that it took back
 * @nr: number of runs, by order
 * @run: the runs, by order
 */
struct p2pmem_cache {
	atomic_t busy;
	unsigned int pages;
	long out;
	u8 nr[P2PMEM_CACHE_ORDERS];
	void *run[P2PMEM_CACHE_SLOTS];
};

/**
 * struct p2pmem_pool - the free pages of a provider
 * @cache: of each CPU
 * @cap: pages that a cache may hold
 * @size: bytes in all
 * @shorts: takers that are short: nothing is cached
 * @cpus: entry in the list of those whose caches are emptied when a CPU goes
 * @store: what the CPUs share
 */
struct p2pmem_pool {
	struct p2pmem_cache __percpu *cache;
	unsigned int cap;
	size_t size;
	atomic_t shorts;
	struct hlist_node cpus;
	struct p2pmem_store store ____cacheline_aligned_in_smp;
};

/* The state of CPU hotplug that empties caches, 0 without */
static int p2pmem_pool_state;

static bool p2pmem_cache_trylock(struct p2pmem_cache *c)
{
	return !atomic_cmpxchg_acquire(&c->busy, 0, 1);
}

static void p2pmem_cache_unlock(struct p2pmem_cache *c)
{
	atomic_set_release(&c->busy, 0);
}

static void **p2pmem_cache_slots(struct p2pmem_cache *c, unsigned int order)
{
	return c->run + 32 - (32 >> order);
}

static void p2pmem_cache_count(struct p2pmem_cache *c, long pages)
{
	WRITE_ONCE(c->out, c->out + pages);
}

/* Down to @keep single pages and nothing else */
static noinline void p2pmem_cache_flush(struct p2pmem_pool *pool, struct p2pmem_cache *c,
			       unsigned int keep)
{
	unsigned int order;

	for (order = 0; order < P2PMEM_CACHE_ORDERS; order++) {
		while (c->nr[order] > (order ? 0 : keep)) {
			p2pmem_store_free(&pool->store,
					  p2pmem_cache_slots(c, order)[--c->nr[order]],
					  1UL << order);
			c->pages -= 1U << order;
		}
	}
}

static void p2pmem_cache_empty(struct p2pmem_pool *pool, int cpu)
{
	struct p2pmem_cache *c = per_cpu_ptr(pool->cache, cpu);
	unsigned long flags;

	local_irq_save(flags);
	/* Whoever has it has interrupts off, too, and waits for the store at most. */
	while (!p2pmem_cache_trylock(c))
		cpu_relax();
	p2pmem_cache_flush(pool, c, 0);
	p2pmem_cache_unlock(c);
	local_irq_restore(flags);
}

static void p2pmem_pool_empty_caches(struct p2pmem_pool *pool)
{
	int cpu;

	for_each_possible_cpu(cpu)
		p2pmem_cache_empty(pool, cpu);
}

static int p2pmem_pool_cpu_dead(unsigned int cpu, struct hlist_node *node)
{
	p2pmem_cache_empty(hlist_entry(node, struct p2pmem_pool, cpus), cpu);
	return 0;
}

/**
 * p2pmem_pools_init() - empty the caches of CPUs that go
 *
 * Without it they are emptied when a pool runs short.
 *
 * Context: Process context.
 */
void p2pmem_pools_init(void)
{
	int ret = cpuhp_setup_state_multi(CPUHP_BP_PREPARE_DYN, "pci/p2pmem:dead", NULL,
					  p2pmem_pool_cpu_dead);

	p2pmem_pool_state = max(ret, 0);
}

/**
 * p2pmem_pools_exit() - undo p2pmem_pools_init()
 *
 * Context: Process context; no pool is left.
 */
void p2pmem_pools_exit(void)
{
	if (p2pmem_pool_state)
		cpuhp_remove_multi_state(p2pmem_pool_state);
	p2pmem_pool_state = 0;
}

/**
 * p2pmem_pool_create() - make an empty pool
 * @node: NUMA node for the bookkeeping
 *
 * Context: Process context, may sleep.
 * Return: the pool, or NULL without memory.
 */
struct p2pmem_pool *p2pmem_pool_create(int node)
{
	struct p2pmem_pool *pool = kzalloc_node(sizeof(*pool), GFP_KERNEL, node);

	if (!pool)
		return NULL;
	pool->cache = alloc_percpu(struct p2pmem_cache);
	if (!pool->cache)
		goto free_pool;
	if (p2pmem_store_init(&pool->store, node))
		goto free_cache;
	if (p2pmem_pool_state)
		cpuhp_state_add_instance_nocalls(p2pmem_pool_state, &pool->cpus);
	return pool;

free_cache:
	free_percpu(pool->cache);
free_pool:
	kfree(pool);
	return NULL;
}

/**
 * p2pmem_pool_destroy() - free a pool
 * @pool: pool that has all of its pages back
 *
 * Context: Process context, may sleep. No reader may be left: a grace period has passed
 * since the last page came back.
 */
void p2pmem_pool_destroy(struct p2pmem_pool *pool)
{
	if (p2pmem_pool_state)
		cpuhp_state_remove_instance_nocalls(p2pmem_pool_state, &pool->cpus);
	p2pmem_pool_empty_caches(pool);
	p2pmem_store_exit(&pool->store);
	free_percpu(pool->cache);
	kfree(pool);
}

/**
 * p2pmem_pool_add() - put free pages into a pool
 * @pool: the pool
 * @addr: kernel address of the first page
 * @size: bytes, a multiple of the page size
 * @node: NUMA node for the bookkeeping
 *
 * Context: Process context, may sleep. Callers serialise.
 * Return: 0 or -ENOMEM.
 */
int p2pmem_pool_add(struct p2pmem_pool *pool, void *addr, size_t size, int node)
{
	unsigned long part;
	int ret;

	KUNIT_STATIC_STUB_REDIRECT(p2pmem_pool_add, pool, addr, size, node);
	ret = p2pmem_store_add(&pool->store, addr, size >> PAGE_SHIFT, node);
	if (ret)
		return ret;
	WRITE_ONCE(pool->size, pool->size + size);
	part = (pool->size >> PAGE_SHIFT) / P2PMEM_CACHE_PART / num_possible_cpus();
	WRITE_ONCE(pool->cap, min_t(unsigned long, part, P2PMEM_CACHE_PAGES));
	return 0;
}

/* The order of runs that are cached, or P2PMEM_CACHE_ORDERS for others */
static unsigned int p2pmem_cache_order(unsigned long nr)
{
	if (likely(nr == 1))
		return 0;
	return nr <= P2PMEM_CACHE_PAGES && is_power_of_2(nr) ? __ffs(nr) : P2PMEM_CACHE_ORDERS;
}

static noinline void p2pmem_cache_refill(struct p2pmem_pool *pool, struct p2pmem_cache *c)
{
	unsigned int n, room = READ_ONCE(pool->cap);

	room = room > c->pages ? (room - c->pages) / 2 : 0;
	if (!room || atomic_read(&pool->shorts))
		return;
	n = p2pmem_store_some(&pool->store, c->run, room);
	c->nr[0] = n;
	c->pages += n;
}

/* Takes a run from the cache of this CPU. */
static __always_inline void *p2pmem_cache_pop(struct p2pmem_pool *pool, unsigned int order)
{
	struct p2pmem_cache *c;
	unsigned long flags;
	void *addr = NULL;

	local_irq_save(flags);
	c = this_cpu_ptr(pool->cache);
	if (likely(p2pmem_cache_trylock(c))) {
		if (unlikely(!order && !c->nr[0]))
			p2pmem_cache_refill(pool, c);
		if (likely(c->nr[order])) {
			addr = p2pmem_cache_slots(c, order)[--c->nr[order]];
			c->pages -= 1U << order;
			p2pmem_cache_count(c, 1L << order);
		}
		p2pmem_cache_unlock(c);
	}
	local_irq_restore(flags);
	return addr;
}

/* Puts a run into the cache of this CPU; false when it must go to the store. */
static __always_inline bool p2pmem_cache_push(struct p2pmem_pool *pool, void *addr, unsigned int order)
{
	unsigned int nr = 1U << order, cap;
	struct p2pmem_cache *c;
	unsigned long flags;
	bool done = false;

	local_irq_save(flags);
	c = this_cpu_ptr(pool->cache);
	cap = READ_ONCE(pool->cap);
	if (likely(p2pmem_cache_trylock(c))) {
		/* The flag first: whoever is short empties this cache after us, or is seen. */
		if (likely(nr <= cap && !atomic_read(&pool->shorts))) {
			if (unlikely(c->pages + nr > cap))
				p2pmem_cache_flush(pool, c, order ? 0 : cap / 2);
			p2pmem_cache_slots(c, order)[c->nr[order]++] = addr;
			c->pages += nr;
			p2pmem_cache_count(c, -(long)nr);
			done = true;
		}
		p2pmem_cache_unlock(c);
	}
	local_irq_restore(flags);
	return done;
}

static void *p2pmem_pool_counted(struct p2pmem_pool *pool, void *addr, unsigned long nr)
{
	if (addr)
		this_cpu_add(pool->cache->out, nr);
	return addr;
}

/* Nothing may be in a cache that would make the difference. */
static void p2pmem_pool_short(struct p2pmem_pool *pool)
{
	atomic_inc(&pool->shorts);
	smp_mb__after_atomic();
	p2pmem_pool_empty_caches(pool);
}

static void p2pmem_pool_enough(struct p2pmem_pool *pool)
{
	smp_mb__before_atomic();
	atomic_dec(&pool->shorts);
}

static noinline void *p2pmem_pool_alloc_slow(struct p2pmem_pool *pool, unsigned long nr)
{
	unsigned int order = p2pmem_cache_order(nr);
	void *addr;

	if (order && order < P2PMEM_CACHE_ORDERS) {
		addr = p2pmem_cache_pop(pool, order);
		if (likely(addr))
			return addr;
	}
	if (unlikely(!nr || nr > READ_ONCE(pool->size) >> PAGE_SHIFT))
		return NULL;
	addr = p2pmem_store_alloc(&pool->store, nr);
	if (unlikely(!addr && READ_ONCE(pool->store.free) < nr)) {
		p2pmem_pool_short(pool);
		addr = p2pmem_store_alloc(&pool->store, nr);
		p2pmem_pool_enough(pool);
	}
	return p2pmem_pool_counted(pool, addr, nr);
}

/**
 * p2pmem_pool_alloc_block() - take a run of pages where that is simple
 * @pool: the pool
 * @size: bytes, rounded up to whole pages
 *
 * For callers that can use several runs.
 *
 * Context: Any but NMI.
 * Return: kernel address of the run, or NULL when no aligned block is free.
 */
void *p2pmem_pool_alloc_block(struct p2pmem_pool *pool, size_t size)
{
	unsigned long nr = PAGE_ALIGN(size) >> PAGE_SHIFT;
	void *addr;

	if (likely(nr == 1)) {
		addr = p2pmem_cache_pop(pool, 0);
		if (likely(addr))
			return addr;
	}
	return p2pmem_pool_alloc_slow(pool, nr);
}

/**
 * p2pmem_pool_alloc_some() - take the longest block up to a length
 * @pool: the pool
 * @size: bytes, a multiple of the page size; returns how many there are
 *
 * Context: Any but NMI.
 * Return: kernel address of the run, or NULL when nothing is free.
 */
void *p2pmem_pool_alloc_some(struct p2pmem_pool *pool, size_t *size)
{
	unsigned long nr = 0, max = *size >> PAGE_SHIFT;
	void *addr = p2pmem_store_largest(&pool->store, max, &nr);

	if (unlikely(!addr)) {
		p2pmem_pool_short(pool);
		addr = p2pmem_store_largest(&pool->store, max, &nr);
		p2pmem_pool_enough(pool);
	}
	*size = nr << PAGE_SHIFT;
	return p2pmem_pool_counted(pool, addr, nr);
}

static noinline void *p2pmem_pool_alloc_run(struct p2pmem_pool *pool, size_t size)
{
	unsigned long nr = PAGE_ALIGN(size) >> PAGE_SHIFT;
	void *addr = p2pmem_pool_alloc_slow(pool, nr);

	if (likely(addr))
		return addr;
	if (!nr || size > READ_ONCE(pool->size) || p2pmem_pool_available(pool) < size)
		return NULL;
	p2pmem_pool_short(pool);
	addr = p2pmem_store_search(&pool->store, nr);
	p2pmem_pool_enough(pool);
	return p2pmem_pool_counted(pool, addr, nr);
}

/**
 * p2pmem_pool_alloc() - take a run of pages
 * @pool: the pool
 * @size: bytes, rounded up to whole pages
 *
 * Context: Any but NMI.
 * Return: kernel address of the run, or NULL when no run is long enough.
 */
void *p2pmem_pool_alloc(struct p2pmem_pool *pool, size_t size)
{
	void *addr = NULL;

	if (likely(size - 1 < PAGE_SIZE))
		addr = p2pmem_cache_pop(pool, 0);
	return likely(addr) ? addr : p2pmem_pool_alloc_run(pool, size);
}

static noinline void p2pmem_pool_free_slow(struct p2pmem_pool *pool, void *addr,
					   unsigned long nr)
{
	unsigned int order = p2pmem_cache_order(nr);

	if (order && order < P2PMEM_CACHE_ORDERS && p2pmem_cache_push(pool, addr, order))
		return;
	/* The pages first: whoever sees that they are back can have them. */
	p2pmem_store_free(&pool->store, addr, nr);
	this_cpu_sub(pool->cache->out, nr);
}

/**
 * p2pmem_pool_free() - give pages back
 * @pool: the pool
 * @addr: kernel address of a page that was taken from it
 * @size: bytes, rounded up to whole pages; any part of a run may come back alone
 *
 * Context: Any but NMI.
 */
void p2pmem_pool_free(struct p2pmem_pool *pool, void *addr, size_t size)
{
	unsigned long nr = PAGE_ALIGN(size) >> PAGE_SHIFT;

	if (likely(nr == 1 && p2pmem_cache_push(pool, addr, 0)))
		return;
	p2pmem_pool_free_slow(pool, addr, nr);
}

/**
 * p2pmem_pool_size() - bytes that a pool was given
 * @pool: the pool
 *
 * Context: Any.
 * Return: bytes.
 */
size_t p2pmem_pool_size(struct p2pmem_pool *pool)
{
	return READ_ONCE(pool->size);
}

/**
 * p2pmem_pool_available() - bytes that are free
 * @pool: the pool
 *
 * Context: Any.
 * Return: bytes, in caches or not; they need not be one run. While others take and return
 * pages it is a figure of no single moment, but never less than zero or more than the size.
 * While others only return pages it is never more than what is free.
 */
size_t p2pmem_pool_available(struct p2pmem_pool *pool)
{
	long pages = READ_ONCE(pool->size) >> PAGE_SHIFT, out = 0;
	int cpu;

	KUNIT_STATIC_STUB_REDIRECT(p2pmem_pool_available, pool);
	for_each_possible_cpu(cpu)
		out += READ_ONCE(per_cpu_ptr(pool->cache, cpu)->out);
	return (size_t)(pages - clamp(out, 0L, pages)) << PAGE_SHIFT;
}

#if IS_ENABLED(CONFIG_KUNIT)
/* Pages in the cache of a CPU */
unsigned int p2pmem_pool_cached(struct p2pmem_pool *pool, int cpu)
{
	return READ_ONCE(per_cpu_ptr(pool->cache, cpu)->pages);
}
#endif
