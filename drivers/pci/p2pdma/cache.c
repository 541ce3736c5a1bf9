// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: allocating from a pool, and freeing
 *
 * Floor 3.
 *
 * A CPU uses its own cache with interrupts off and with the cache's flag, which is a lock
 * that its owner never waits for: when it is taken, somebody empties the cache, and the
 * owner goes to the shared part. An uncontended flag is in a line of this CPU alone.
 *
 * pool.c says what is counted, and what a caller does that finds too little.
 */
#include <kunit/static_stub.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include "p2pdma.h"
#include "cache.h"

/* The order of a run that is a block, or P2PMEM_BUDDY_ORDER_COUNT for other lengths */
static unsigned int p2pmem_block_order(unsigned long nr)
{
	return is_power_of_2(nr) ? min_t(unsigned int, __ffs(nr), P2PMEM_BUDDY_ORDER_COUNT) :
				   P2PMEM_BUDDY_ORDER_COUNT;
}

/* Single pages into the cache of this CPU, which is locked and has none */
static void p2pmem_cache_refill(struct p2pmem_pool *pool, struct p2pmem_cache *c)
{
	unsigned int n, room = READ_ONCE(pool->cap);

	room = room > c->pages ? (room - c->pages) / 2 : 0;
	/* The flag is seen to be taken, or we see who is short: p2pmem_cache_empty(). */
	smp_mb();
	if (!room || atomic_read(&pool->shorts))
		return;
	n = p2pmem_store_some(&pool->store, c->run, room);
	c->nr[0] = n;
	WRITE_ONCE(c->pages, c->pages + n);
}

/* Moves runs from the cache of this CPU, which is locked, for one of 2^@order pages. */
static void p2pmem_cache_make_room(struct p2pmem_pool *pool, struct p2pmem_cache *c,
				   unsigned int order)
{
	unsigned int cap = READ_ONCE(pool->cap);

	if (c->pages + (1U << order) > cap && 1U << order <= cap)
		p2pmem_cache_flush(pool, c, order ? 0 : cap / 2);
}

/* Frees to the cache of this CPU: false when the run must go to the shared part. */
static bool p2pmem_pool_cache(struct p2pmem_pool *pool, struct page *page, unsigned int order)
{
	struct p2pmem_cache *c;
	unsigned long flags;
	bool done;

	local_irq_save(flags);
	c = this_cpu_ptr(pool->cache);
	if (p2pmem_cache_trylock(c)) {
		p2pmem_cache_make_room(pool, c, order);
		p2pmem_cache_unlock(c);
	}
	done = p2pmem_cache_push(pool, page, order);
	local_irq_restore(flags);
	return done;
}

static void *p2pmem_pool_counted(struct p2pmem_pool *pool, void *addr, unsigned long nr)
{
	if (addr)
		this_cpu_add(pool->cache->out, nr);
	return addr;
}

/* From the cache of this CPU, which is filled when it has no page */
static struct page *p2pmem_pool_from_cache(struct p2pmem_pool *pool, unsigned int order)
{
	struct p2pmem_cache *c;
	struct page *page = NULL;
	unsigned long flags;

	local_irq_save(flags);
	c = this_cpu_ptr(pool->cache);
	if (!order && p2pmem_cache_trylock(c)) {
		if (!c->nr[0])
			p2pmem_cache_refill(pool, c);
		p2pmem_cache_unlock(c);
	}
	p2pmem_cache_pop(pool, order, &page);
	local_irq_restore(flags);
	return page;
}

/**
 * p2pmem_pool_alloc_block() - allocate a run of pages without a search
 * @pool: the pool
 * @nr: number of pages
 *
 * For callers that can use several runs: p2pmem_pool_promise() is next.
 *
 * Context: Any but NMI.
 * Return: kernel address of the run, or NULL when no aligned block is at hand.
 */
void *p2pmem_pool_alloc_block(struct p2pmem_pool *pool, unsigned long nr)
{
	unsigned int order = p2pmem_block_order(nr);
	struct page *page = NULL;

	if (order < P2PMEM_CACHE_ORDER_COUNT)
		page = p2pmem_pool_from_cache(pool, order);
	else
		p2pmem_recent_alloc(pool, nr, &page);
	if (likely(page))
		return page_to_virt(page);
	return p2pmem_pool_counted(pool, p2pmem_store_alloc(&pool->store, nr), nr);
}

/**
 * p2pmem_pool_promise() - set pages aside for p2pmem_pool_alloc_some()
 * @pool: the pool
 * @size: bytes, a multiple of the page size
 *
 * Nobody else gets them: of two lists that compete for the last pages one is served.
 *
 * Context: Any but NMI.
 * Return: false when less is free, in caches or not.
 */
bool p2pmem_pool_promise(struct p2pmem_pool *pool, size_t size)
{
	unsigned long nr = size >> PAGE_SHIFT;
	bool enough = p2pmem_store_promise(&pool->store, nr);

	if (likely(enough))
		return true;
	p2pmem_pool_short(pool);
	enough = p2pmem_store_promise(&pool->store, nr);
	p2pmem_pool_enough(pool);
	return enough;
}

/**
 * p2pmem_pool_unpromise() - promised pages are not needed
 * @pool: the pool
 * @size: bytes that were promised and not allocated
 *
 * Context: Any but NMI.
 */
void p2pmem_pool_unpromise(struct p2pmem_pool *pool, size_t size)
{
	p2pmem_store_unpromise(&pool->store, size >> PAGE_SHIFT);
}

/**
 * p2pmem_pool_alloc_some() - allocate the longest blocks up to a length
 * @pool: the pool
 * @size: bytes at most, all of them promised
 * @run: returns the blocks
 * @max: how many at most
 *
 * Context: Any but NMI.
 * Return: number of blocks.
 */
unsigned int p2pmem_pool_alloc_some(struct p2pmem_pool *pool, size_t size, struct p2pmem_run *run,
				    unsigned int max)
{
	unsigned long pages = size >> PAGE_SHIFT;
	unsigned int n;

	KUNIT_STATIC_STUB_REDIRECT(p2pmem_pool_alloc_some, pool, size, run, max);
	n = p2pmem_store_promised(&pool->store, &pages, run, max);
	this_cpu_add(pool->cache->out, pages);
	return n;
}

/**
 * p2pmem_pool_alloc() - allocate a run of pages
 * @pool: the pool
 * @size: bytes, rounded up to whole pages
 *
 * Context: Any but NMI.
 * Return: kernel address of the run, or NULL when no run is long enough.
 */
void *p2pmem_pool_alloc(struct p2pmem_pool *pool, size_t size)
{
	unsigned long nr = PAGE_ALIGN(size) >> PAGE_SHIFT;
	void *addr;

	if (unlikely(!nr || nr > READ_ONCE(pool->size) >> PAGE_SHIFT))
		return NULL;
	addr = p2pmem_pool_alloc_block(pool, nr);
	if (likely(addr))
		return addr;
	/* What is cached may be part of the run, or merge with what is not. */
	p2pmem_pool_short(pool);
	addr = p2pmem_store_search(&pool->store, nr);
	p2pmem_pool_enough(pool);
	return p2pmem_pool_counted(pool, addr, nr);
}

/**
 * p2pmem_pool_free_runs() - free several runs at once
 * @pool: the pool
 * @run: runs that were allocated from it
 * @nr: how many
 *
 * They are not cached: that a list had several runs means that blocks are to be merged.
 *
 * Context: Any but NMI.
 */
void p2pmem_pool_free_runs(struct p2pmem_pool *pool, const struct p2pmem_run *run, unsigned int nr)
{
	/* Free first, count then: an observer of the count can allocate the pages. */
	this_cpu_sub(pool->cache->out, p2pmem_store_free(&pool->store, run, nr));
}

/**
 * p2pmem_pool_free() - free pages
 * @pool: the pool
 * @addr: kernel address of a page that was allocated from it
 * @size: bytes, rounded up to whole pages; any part of a run may be freed alone
 *
 * Context: Any but NMI.
 */
void p2pmem_pool_free(struct p2pmem_pool *pool, void *addr, size_t size)
{
	struct p2pmem_run run = { virt_to_page(addr), PAGE_ALIGN(size) >> PAGE_SHIFT };
	unsigned int order = p2pmem_block_order(run.nr);

	if (order < P2PMEM_CACHE_ORDER_COUNT ? p2pmem_pool_cache(pool, run.page, order) :
					       p2pmem_recent_keep(pool, run.page, run.nr))
		return;
	p2pmem_pool_free_runs(pool, &run, 1);
}
