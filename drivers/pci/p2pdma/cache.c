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
#include "pool.h"

static void p2pmem_cache_count(struct p2pmem_cache *c, long pages)
{
	WRITE_ONCE(c->out, c->out + pages);
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
	/* The flag is seen to be taken, or we see who is short: p2pmem_cache_empty(). */
	smp_mb();
	if (!room || atomic_read(&pool->shorts))
		return;
	n = p2pmem_store_some(&pool->store, c->run, room);
	c->nr[0] = n;
	WRITE_ONCE(c->pages, c->pages + n);
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
			WRITE_ONCE(c->pages, c->pages - (1U << order));
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
			WRITE_ONCE(c->pages, c->pages + nr);
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

/* From the cache, or a block of the shared part: NULL when there is none as it is now. */
static void *p2pmem_pool_take(struct p2pmem_pool *pool, unsigned long nr)
{
	unsigned int order = p2pmem_cache_order(nr);
	void *addr;

	if (order && order < P2PMEM_CACHE_ORDERS) {
		addr = p2pmem_cache_pop(pool, order);
		if (likely(addr))
			return addr;
	}
	return p2pmem_pool_counted(pool, p2pmem_store_alloc(&pool->store, nr), nr);
}

/**
 * p2pmem_pool_alloc_block() - take a run of pages where that is simple
 * @pool: the pool
 * @size: bytes, rounded up to whole pages
 *
 * For callers that can use several runs: p2pmem_pool_promise() is next.
 *
 * Context: Any but NMI.
 * Return: kernel address of the run, or NULL when no aligned block is at hand.
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
	return p2pmem_pool_take(pool, nr);
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
 * @size: bytes that were promised and not taken
 *
 * Context: Any but NMI.
 */
void p2pmem_pool_unpromise(struct p2pmem_pool *pool, size_t size)
{
	p2pmem_store_unpromise(&pool->store, size >> PAGE_SHIFT);
}

/**
 * p2pmem_pool_alloc_some() - take the longest block up to a length
 * @pool: the pool
 * @size: bytes, all of them promised; returns how many there are
 *
 * Context: Any but NMI.
 * Return: kernel address of the run.
 */
void *p2pmem_pool_alloc_some(struct p2pmem_pool *pool, size_t *size)
{
	unsigned long nr = 0;
	void *addr;

	KUNIT_STATIC_STUB_REDIRECT(p2pmem_pool_alloc_some, pool, size);
	addr = p2pmem_store_promised(&pool->store, *size >> PAGE_SHIFT, &nr);
	*size = nr << PAGE_SHIFT;
	return p2pmem_pool_counted(pool, addr, nr);
}

/* Everything that is cached may be part of the run, or merge with what is not. */
static noinline void *p2pmem_pool_alloc_run(struct p2pmem_pool *pool, size_t size)
{
	unsigned long nr = PAGE_ALIGN(size) >> PAGE_SHIFT;
	void *addr;

	if (unlikely(!nr || nr > READ_ONCE(pool->size) >> PAGE_SHIFT))
		return NULL;
	addr = p2pmem_pool_take(pool, nr);
	if (likely(addr))
		return addr;
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
	if (p2pmem_store_free(&pool->store, addr, nr))
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

