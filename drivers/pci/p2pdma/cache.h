/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what every request does with the cache of its CPU
 *
 * Inline, for cache.c and for the paths of single pages in memory.c, sgl.c and pages.c,
 * which have interrupts off once for all that they do. That makes them RCU readers, too.
 */
#ifndef _P2PMEM_CACHE_H
#define _P2PMEM_CACHE_H

#include <linux/irqflags.h>
#include <linux/percpu.h>
#include "pool.h"

/**
 * p2pmem_cache_pop() - allocate from the cache of this CPU
 * @pool: the pool
 * @order: a run of 2^order pages, below P2PMEM_CACHE_ORDERS
 *
 * Context: Any but NMI, interrupts off.
 * Return: the first page of the run, or NULL when the cache has none.
 */
static __always_inline struct page *p2pmem_cache_pop(struct p2pmem_pool *pool,
						     unsigned int order)
{
	struct p2pmem_cache __percpu *cache = pool->cache;
	struct p2pmem_cache *c = this_cpu_ptr(cache);
	struct page *page = NULL;
	unsigned int nr;

	lockdep_assert_irqs_disabled();
	if (unlikely(!p2pmem_cache_trylock(c)))
		return NULL;
	nr = c->nr[order];
	if (likely(nr)) {
		c->nr[order] = --nr;
		page = p2pmem_cache_slots(c, order)[nr];
		__this_cpu_sub(cache->pages, 1U << order);
		__this_cpu_add(cache->out, 1L << order);
	}
	p2pmem_cache_unlock(c);
	return page;
}

/**
 * p2pmem_cache_push() - free to the cache of this CPU
 * @pool: the pool
 * @page: the first page of the run
 * @order: it has 2^order pages, below P2PMEM_CACHE_ORDERS
 *
 * Context: Any but NMI, interrupts off.
 * Return: false, and nothing is done, when the cache has no room: for p2pmem_pool_free().
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
	/* The flag first: whoever is short empties this cache after us, or is seen. */
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
	p2pmem_cache_unlock(c);
	return true;
}

#endif /* _P2PMEM_CACHE_H */
