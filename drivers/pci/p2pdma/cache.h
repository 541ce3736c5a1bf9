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
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include "p2pdma.h"
#include "pool.h"

/**
 * p2pmem_cache_pop() - allocate from the cache of this CPU
 * @pool: the pool
 * @order: a run of 2^order pages, below P2PMEM_CACHE_ORDER_COUNT
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
 * @order: it has 2^order pages, below P2PMEM_CACHE_ORDER_COUNT
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
	p2pmem_cache_unlock(c);
	return true;
}

/* The slot of a length that this CPU prefers, or NULL for a length that has none */
static __always_inline struct p2pmem_recent *p2pmem_recent(struct p2pmem_pool *pool,
							   unsigned long nr)
{
	const unsigned long least = 1UL << P2PMEM_RECENT_MIN, most = 1UL << P2PMEM_RECENT_MAX;
	unsigned int i, among;

	if (nr - least > most - least || !is_power_of_2(nr))
		return NULL;
	/* Of four orders, the slots begin at 0, 4, 6 and 7, and there are 4, 2, 1 and 1. */
	i = __ffs(nr) - P2PMEM_RECENT_MIN;
	among = raw_smp_processor_id() & ((4U >> i) - (i < 3));
	return &pool->store.recent[8 - (8 >> i) + among];
}

/**
 * p2pmem_recent_alloc() - allocate a block that was freed and not merged
 * @pool: the pool
 * @nr: number of pages
 *
 * Context: Any but NMI.
 * Return: its first page, or NULL when there is none.
 */
static __always_inline struct page *p2pmem_recent_alloc(struct p2pmem_pool *pool, unsigned long nr)
{
	struct p2pmem_recent *r = p2pmem_recent(pool, nr);
	struct page *page;

	if (!r || !READ_ONCE(r->page))
		return NULL;
	page = xchg(&r->page, NULL);
	if (likely(page))
		this_cpu_add(pool->cache->out, nr);
	return page;
}

/**
 * p2pmem_recent_keep() - free a block and do not merge it, because it is likely wanted again
 * @pool: the pool
 * @page: its first page
 * @nr: number of pages
 *
 * Context: Any but NMI.
 * Return: false, and nothing is done, when it must go to the shared part.
 */
static __always_inline bool p2pmem_recent_keep(struct p2pmem_pool *pool, struct page *page,
					       unsigned long nr)
{
	struct p2pmem_recent *r = p2pmem_recent(pool, nr);

	if (!r || READ_ONCE(r->page) || atomic_read(&pool->shorts) ||
	    READ_ONCE(pool->size) < P2PMEM_RECENT_PAGES << PAGE_SHIFT ||
	    cmpxchg(&r->page, NULL, page))
		return false;
	this_cpu_sub(pool->cache->out, nr);
	return true;
}

void p2pmem_mark_pages(struct page *page, unsigned long nr, void *data);

/**
 * p2pmem_set_page_grant() - record the grant of a run of pages
 * @page: the first page, just allocated
 * @nr: number of pages
 * @grant: the grant, or NULL
 *
 * Context: Any.
 */
static __always_inline void p2pmem_set_page_grant(struct page *page, unsigned long nr,
						  struct pci_p2pmem_grant *grant)
{
	void *data = (void *)((unsigned long)grant | P2PMEM_PAGE_ALLOCATED);

	if (likely(nr == 1))
		page->zone_device_data = data;
	else
		p2pmem_mark_pages(page, nr, data);
}

#endif /* _P2PMEM_CACHE_H */
