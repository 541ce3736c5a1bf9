/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what every request does with the cache of its CPU
 *
 * Floor 3.
 *
 * Inline, for cache.c and for the paths of single pages in memory.c, sgl.c and pages.c,
 * which have interrupts off once for all that they do. That makes them RCU readers, too.
 */
#ifndef _P2PMEM_CACHE_H
#define _P2PMEM_CACHE_H

#include <linux/irqflags.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include "p2pdma.h"
#include "pool.h"

/* The length of a usual request, beside one page: 128 KiB; loops over its pages are unrolled */
#define P2PMEM_USUAL	32UL

/**
 * p2pmem_cache_pop() - allocate from the cache of this CPU
 * @pool: the pool
 * @order: a run of 2^order pages, below P2PMEM_CACHE_ORDER_COUNT
 *
 * @page: returns the first page of the run
 *
 * Context: Any but NMI, interrupts off.
 * Return: false when the cache has none.
 */
static __always_inline bool p2pmem_cache_pop(struct p2pmem_pool *pool, unsigned int order,
					     struct page **page)
{
	struct p2pmem_cache __percpu *cache = pool->cache;
	struct p2pmem_cache *c = this_cpu_ptr(cache);
	unsigned int nr;

	lockdep_assert_irqs_disabled();
	if (unlikely(!p2pmem_cache_trylock(c)))
		return false;
	nr = c->nr[order];
	if (unlikely(!nr)) {
		p2pmem_cache_unlock(c);
		return false;
	}
	c->nr[order] = --nr;
	*page = p2pmem_cache_slots(c, order)[nr];
	__this_cpu_sub(cache->pages, 1U << order);
	__this_cpu_add(cache->out, 1L << order);
	p2pmem_cache_unlock(c);
	return true;
}

/**
 * p2pmem_cache_push() - free to the cache of this CPU
 * @pool: the pool
 * @page: the first page of the run
 * @order: it has 2^order pages, below P2PMEM_CACHE_ORDER_COUNT
 *
 * Context: Any but NMI, interrupts off.
 * Return: true after the run was counted and a full barrier; false, and nothing is done, when
 * the cache has no room: for p2pmem_pool_free().
 */
static __always_inline bool p2pmem_cache_push(struct p2pmem_pool *pool, struct page *page,
					      unsigned int order)
{
	struct p2pmem_cache __percpu *cache = pool->cache;
	struct p2pmem_cache *c = this_cpu_ptr(cache);
	unsigned int nr;

	lockdep_assert_irqs_disabled();
	if (unlikely(!p2pmem_cache_trylock(c)))
		return false;
	/* The flag first: a caller that is short empties this cache after us, or is seen. */
	if (unlikely(atomic_read(&pool->shorts) ||
		     c->pages + (1U << order) > READ_ONCE(pool->cap))) {
		p2pmem_cache_unlock(c);
		return false;
	}
	nr = c->nr[order];
	p2pmem_cache_slots(c, order)[nr] = page;
	c->nr[order] = nr + 1;
	__this_cpu_add(cache->pages, 1U << order);
	__this_cpu_sub(cache->out, 1L << order);
	/* Unlocks. The run is counted, then the caller reads the state: see state.c. */
	atomic_xchg(&c->busy, 0);
	return true;
}

/* Whether blocks of a length are kept when they are freed */
static __always_inline bool p2pmem_recent_length(unsigned long nr)
{
	const unsigned long least = 1UL << P2PMEM_RECENT_MIN, most = 1UL << P2PMEM_RECENT_MAX;

	return nr - least <= most - least && is_power_of_2(nr);
}

/* The slot of such a length that this CPU prefers */
static __always_inline struct p2pmem_recent *p2pmem_recent(struct p2pmem_pool *pool,
							   unsigned long nr)
{
	/* Of four orders, the slots begin at 0, 4, 6 and 7, and there are 4, 2, 1 and 1. */
	unsigned int i = __ffs(nr) - P2PMEM_RECENT_MIN;
	unsigned int among = raw_smp_processor_id() & ((4U >> i) - (i < 3));

	return pool->store.recent + (8 - (8 >> i) + among);
}

/**
 * p2pmem_recent_alloc() - allocate a block that was freed and not merged
 * @pool: the pool
 * @nr: number of pages
 * @page: returns its first page
 *
 * Context: Any but NMI.
 * Return: false when there is none.
 */
static __always_inline bool p2pmem_recent_alloc(struct p2pmem_pool *pool, unsigned long nr,
						struct page **page)
{
	struct p2pmem_recent *r;

	if (!p2pmem_recent_length(nr))
		return false;
	r = p2pmem_recent(pool, nr);
	if (unlikely(!READ_ONCE(r->page)))
		return false;
	*page = xchg(&r->page, NULL);
	if (unlikely(!*page))
		return false;
	this_cpu_add(pool->cache->out, nr);
	return true;
}

/**
 * p2pmem_recent_keep() - free a block and do not merge it, because it is likely wanted again
 * @pool: the pool
 * @page: its first page
 * @nr: number of pages
 *
 * Context: Any but NMI.
 * Return: true after it was counted and a full barrier; false, and nothing is done, when it
 * must go to the shared part.
 */
static __always_inline bool p2pmem_recent_keep(struct p2pmem_pool *pool, struct page *page,
					       unsigned long nr)
{
	struct p2pmem_recent *r;

	if (!p2pmem_recent_length(nr))
		return false;
	r = p2pmem_recent(pool, nr);
	if (unlikely(READ_ONCE(r->page) || atomic_read(&pool->shorts) ||
		     !READ_ONCE(pool->keeps) || cmpxchg(&r->page, NULL, page)))
		return false;
	this_cpu_sub(pool->cache->out, nr);
	smp_mb();	/* counted, then the caller reads the state: see state.c */
	return true;
}

/**
 * p2pmem_alloc_quick() - allocate a run of a usual length from what this CPU prefers
 * @pool: the pool
 * @nr: number of pages
 * @page: returns its first page
 *
 * Context: Any but NMI, interrupts off.
 * Return: false when there is none: for p2pmem_pool_alloc_block().
 */
static __always_inline bool p2pmem_alloc_quick(struct p2pmem_pool *pool, unsigned long nr,
					       struct page **page)
{
	if (nr == 1)
		return p2pmem_cache_pop(pool, 0, page);
	return nr == P2PMEM_USUAL && p2pmem_recent_alloc(pool, P2PMEM_USUAL, page);
}

/**
 * p2pmem_free_quick() - free a run of a usual length to what this CPU prefers
 * @pool: the pool
 * @page: its first page
 * @nr: number of pages
 *
 * Context: Any but NMI, interrupts off.
 * Return: true after the run was counted and a full barrier; false, and nothing is done, when
 * there is no room: for p2pmem_pool_free().
 */
static __always_inline bool p2pmem_free_quick(struct p2pmem_pool *pool, struct page *page,
					      unsigned long nr)
{
	if (nr == 1)
		return p2pmem_cache_push(pool, page, 0);
	return nr == P2PMEM_USUAL && p2pmem_recent_keep(pool, page, P2PMEM_USUAL);
}

#endif /* _P2PMEM_CACHE_H */
