// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: pools of peer memory
 *
 * Floor 2.
 *
 * Pages of the pooled regions of one provider, by kernel address. No page is accessed. This
 * file creates pools, computes what is free in them, and empties the caches of all CPUs;
 * cache.c allocates from a pool.
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
 * Cached pages are free, and count as available: each CPU counts the pages that it allocated
 * less those that it freed, and only the sum over all CPUs has a meaning. A page is freed
 * before it is counted, and allocated before it is counted; so once nothing more is allocated,
 * the sum is never below the number of pages in use. state.c depends on that.
 *
 * A caller that finds too little in the shared part announces a shortage, so that nothing is
 * cached any more, empties the cache of each CPU in turn, and tries once more.
 */
#include <kunit/static_stub.h>
#include <linux/cpuhotplug.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include "p2pdma.h"
#include "pool.h"

/* All caches together hold at most one part in so many of a pool. */
#define P2PMEM_CACHE_PART	16

/* The state of CPU hotplug that empties caches, 0 if there is none */
static int p2pmem_pool_state;

/**
 * p2pmem_cache_flush() - move the runs of a cache to the shared part
 * @pool: the pool
 * @c: cache of one of the CPUs, locked
 * @keep: so many single pages may stay
 *
 * Context: Any but NMI, interrupts off.
 */
void p2pmem_cache_flush(struct p2pmem_pool *pool, struct p2pmem_cache *c, unsigned int keep)
{
	struct p2pmem_run run[P2PMEM_CACHE_PAGES], *last = NULL;
	unsigned int order, pages = 0;
	struct page *page;

	/* Neighbours were often freed one after the other: they return as one run. */
	for (order = 0; order < P2PMEM_CACHE_ORDER_COUNT; order++) {
		for (; c->nr[order] > (order ? 0 : keep); pages += 1U << order) {
			page = p2pmem_cache_slots(c, order)[--c->nr[order]];
			if (last && page == last->page + last->nr) {
				last->nr += 1UL << order;
			} else if (last && page + (1UL << order) == last->page) {
				last->page = page;
				last->nr += 1UL << order;
			} else {
				last = last ? last + 1 : run;
				*last = (struct p2pmem_run){ page, 1UL << order };
			}
		}
	}
	if (!pages)
		return;
	p2pmem_store_free(&pool->store, run, last - run + 1);
	WRITE_ONCE(c->pages, c->pages - pages);
}

static void p2pmem_cache_empty(struct p2pmem_pool *pool, int cpu)
{
	struct p2pmem_cache *c = per_cpu_ptr(pool->cache, cpu);
	unsigned long flags;

	/*
	 * Nothing is in it, and nobody moves anything into it: an exhausted pool must not
	 * cost a locked access to each CPU's line. The flag is read first, which pairs
	 * with its release; the full barrier before pairs with p2pmem_cache_refill().
	 */
	if (!atomic_read_acquire(&c->busy) && !READ_ONCE(c->pages))
		return;
	local_irq_save(flags);
	/* The holder has interrupts off, too, and waits for the lock of the store at most. */
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

/**
 * p2pmem_pool_short() - move everything that is cached to the shared part
 * @pool: the pool
 *
 * Until p2pmem_pool_enough() nothing is cached, so that all free pages are in the shared part.
 *
 * Context: Any but NMI.
 */
void p2pmem_pool_short(struct p2pmem_pool *pool)
{
	atomic_inc(&pool->shorts);
	smp_mb__after_atomic();		/* announced, then read: see p2pmem_cache_empty() */
	p2pmem_pool_empty_caches(pool);
	p2pmem_store_merge(&pool->store);
}

/**
 * p2pmem_pool_enough() - let CPUs cache again
 * @pool: the pool
 *
 * Context: Any but NMI, after p2pmem_pool_short().
 */
void p2pmem_pool_enough(struct p2pmem_pool *pool)
{
	smp_mb__before_atomic();	/* what was allocated, then the withdrawal */
	atomic_dec(&pool->shorts);
}

static int p2pmem_pool_cpu_dead(unsigned int cpu, struct hlist_node *node)
{
	p2pmem_cache_empty(hlist_entry(node, struct p2pmem_pool, cpus), cpu);
	return 0;
}

/**
 * p2pmem_pools_init() - empty the cache of a CPU that goes offline
 *
 * Without this it is emptied when a pool runs short.
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
 * p2pmem_pool_create() - create an empty pool
 * @name: name of the provider, for warnings; must outlive the pool
 * @node: NUMA node for the bookkeeping
 *
 * Context: Process context, may sleep.
 * Return: the pool, or NULL without memory.
 */
struct p2pmem_pool *p2pmem_pool_create(const char *name, int node)
{
	struct p2pmem_pool *pool = kzalloc_node(sizeof(*pool), GFP_KERNEL, node);

	if (!pool)
		return NULL;
	pool->cache = alloc_percpu(struct p2pmem_cache);
	if (!pool->cache)
		goto free_pool;
	if (p2pmem_store_init(&pool->store, name, node))
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
 * @pool: pool whose pages are all free
 *
 * Context: Process context, may sleep. No reader may be left: a grace period has passed
 * since the last page was freed.
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
 * p2pmem_pool_add() - add free pages to a pool, which nobody can allocate yet
 * @pool: the pool
 * @addr: kernel address of the first page
 * @size: bytes, a multiple of the page size
 * @node: NUMA node for the bookkeeping
 *
 * All that can fail is done here; p2pmem_pool_open() follows.
 *
 * Context: Process context, may sleep. Callers serialise.
 * Return: 0 or -ENOMEM.
 */
int p2pmem_pool_add(struct p2pmem_pool *pool, void *addr, size_t size, int node)
{
	KUNIT_STATIC_STUB_REDIRECT(p2pmem_pool_add, pool, addr, size, node);
	return p2pmem_store_add(&pool->store, addr, size >> PAGE_SHIFT, node);
}

/**
 * p2pmem_pool_open() - allow the allocation of pages that were added
 * @pool: the pool
 *
 * Context: Process context. Callers serialise, also with p2pmem_pool_add().
 */
void p2pmem_pool_open(struct p2pmem_pool *pool)
{
	struct p2pmem_store *s = &pool->store;
	unsigned long flags, pages, part;

	raw_spin_lock_irqsave(&s->lock, flags);
	pages = s->closed;
	s->closed = 0;
	list_splice_tail_init(&s->added, &s->chunks);
	WRITE_ONCE(s->free, s->free + pages);
	raw_spin_unlock_irqrestore(&s->lock, flags);
	WRITE_ONCE(pool->size, pool->size + (pages << PAGE_SHIFT));
	part = (pool->size >> PAGE_SHIFT) / P2PMEM_CACHE_PART / num_possible_cpus();
	WRITE_ONCE(pool->cap, min_t(unsigned long, part, P2PMEM_CACHE_PAGES));
	WRITE_ONCE(pool->keeps, pool->size >> PAGE_SHIFT >= P2PMEM_RECENT_PAGES);
}

/**
 * p2pmem_pool_size() - size of a pool
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
 * Return: bytes, in caches or not; they need not be one run. While other CPUs allocate and free
 * it is a figure of no single moment, but never less than zero or more than the size. While
 * other CPUs only free it is never more than what is free.
 */
size_t p2pmem_pool_available(struct p2pmem_pool *pool)
{
	long pages = READ_ONCE(pool->size) >> PAGE_SHIFT;

	return (size_t)(pages - clamp(p2pmem_pool_out(pool), 0L, pages)) << PAGE_SHIFT;
}

#if IS_ENABLED(CONFIG_KUNIT)
/* Pages in the cache of a CPU */
unsigned int p2pmem_pool_cached(struct p2pmem_pool *pool, int cpu)
{
	return READ_ONCE(per_cpu_ptr(pool->cache, cpu)->pages);
}
#endif
