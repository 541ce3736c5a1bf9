// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the allocator of peer memory
 *
 * Floor 0.
 *
 * Pages of the pooled regions of one provider, on top of genalloc. Everything
 * above sees whole pages by kernel address and knows nothing of genalloc, so
 * that what is behind this interface can change. Lockless, as genalloc is; safe
 * in any context but NMI. It hands out addresses only: no page is touched here.
 */
#include <kunit/static_stub.h>
#include <linux/genalloc.h>
#include <linux/mm.h>
#include "p2pdma.h"

/* A pool is a genalloc pool under another name: no structure of its own yet. */
static struct gen_pool *to_genpool(struct p2pmem_pool *pool)
{
	return (struct gen_pool *)pool;
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
	return (struct p2pmem_pool *)gen_pool_create(PAGE_SHIFT, node);
}

/**
 * p2pmem_pool_destroy() - free a pool
 * @pool: pool that has all of its pages back
 *
 * Context: Process context. No reader may be left: a grace period has passed
 * since the last page came back.
 */
void p2pmem_pool_destroy(struct p2pmem_pool *pool)
{
	gen_pool_destroy(to_genpool(pool));
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
	KUNIT_STATIC_STUB_REDIRECT(p2pmem_pool_add, pool, addr, size, node);
	return gen_pool_add(to_genpool(pool), (unsigned long)addr, size, node);
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
	return (void *)gen_pool_alloc(to_genpool(pool), size);
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
	gen_pool_free(to_genpool(pool), (unsigned long)addr, size);
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
	return gen_pool_size(to_genpool(pool));
}

/**
 * p2pmem_pool_available() - bytes that are free
 * @pool: the pool
 *
 * Context: Any.
 * Return: bytes; they need not be one run.
 */
size_t p2pmem_pool_available(struct p2pmem_pool *pool)
{
	KUNIT_STATIC_STUB_REDIRECT(p2pmem_pool_available, pool);
	return gen_pool_avail(to_genpool(pool));
}
