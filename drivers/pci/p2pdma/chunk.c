// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the shared part of a pool
 *
 * Floor 1.
 *
 *	genalloc   | slab | slab | slab | slab |     owns the addresses, in slabs of 4 MiB
 *	                |      ^
 *	   first page   v      |  last page but one slab, which is kept
 *	buddy           a slab in blocks of 1 to 1024 pages
 *	                |      ^
 *	      recent    v      |  some blocks of 128 KiB to 1 MiB, not merged yet
 *	callers: pool.c
 *
 * A region is a chunk. Its whole slabs belong to genalloc; what is left at its end belongs
 * to the buddy for ever. A slab is claimed from genalloc when its first page is allocated, and
 * returned with its last one, but for one slab that the buddy keeps: else a pool in
 * which little is used would pay genalloc with each page.
 *
 * One lock for all of it, with interrupts off. Nothing is allocated under it. A search for
 * a run that is no aligned block lets others in now and then.
 *
 * A list of several blocks is promised its pages before it allocates the first one: nobody else
 * gets what is promised, so that of two lists that compete for the last pages one is served.
 */
#include <kunit/static_stub.h>
#include <linux/genalloc.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "p2pdma.h"
#include "pool.h"

#define P2PMEM_SLAB_SIZE	(PAGE_SIZE << P2PMEM_SLAB_ORDER)

/* Blocks that a search looks at before it lets others in */
#define P2PMEM_SEARCH_STEPS	256

#define P2PMEM_NO_SLAB		(~0UL)

/**
 * struct p2pmem_chunk - the pages of a region
 * @node: entry in &p2pmem_store.chunks
 * @slabs: the owner of their addresses
 * @base: kernel address of the first one
 * @first: the first one, which is not accessed
 * @kept: the slab that is free but was not returned to genalloc
 * @buddy: the free pages
 * @words: its bitmaps
 */
struct p2pmem_chunk {
	struct list_head node;
	struct gen_pool *slabs;
	unsigned long base;
	struct page *first;
	unsigned long kept;
	struct p2pmem_buddy buddy;
	unsigned long words[];
};

/* The slab whose number is in the chunk at @start, and no other one */
static unsigned long p2pmem_slab_algo(unsigned long *map, unsigned long size,
				      unsigned long start, unsigned int nr, void *data,
				      struct gen_pool *pool, unsigned long start_addr)
{
	unsigned long slab;

	if (*(unsigned long *)data < start_addr)
		return size;
	slab = (*(unsigned long *)data - start_addr) / P2PMEM_SLAB_SIZE;
	return slab < size && !test_bit(slab, map) ? slab : size;
}

static void p2pmem_slab_hook(struct p2pmem_buddy *b, unsigned long slab, bool claimed)
{
	struct p2pmem_chunk *c = container_of(b, struct p2pmem_chunk, buddy);
	unsigned long addr = c->base + slab * P2PMEM_SLAB_SIZE;

	if (claimed && slab == c->kept) {
		c->kept = P2PMEM_NO_SLAB;
	} else if (claimed) {
		WARN_ON_ONCE(gen_pool_alloc_algo(c->slabs, P2PMEM_SLAB_SIZE, p2pmem_slab_algo,
						 &addr) != addr);
	} else if (c->kept == P2PMEM_NO_SLAB) {
		c->kept = slab;
	} else {
		gen_pool_free(c->slabs, addr, P2PMEM_SLAB_SIZE);
	}
}

static void *p2pmem_chunk_addr(struct p2pmem_chunk *c, long page)
{
	return (void *)(c->base + ((unsigned long)page << PAGE_SHIFT));
}

static struct p2pmem_chunk *p2pmem_chunk_of(struct p2pmem_store *s, const struct page *page)
{
	struct p2pmem_chunk *c;

	list_for_each_entry(c, &s->chunks, node)
		if ((unsigned long)(page - c->first) < c->buddy.pages)
			return c;
	return NULL;
}

/**
 * p2pmem_store_init() - no pages
 * @s: returns it
 * @name: name of the provider, for warnings; must outlive @s
 * @node: NUMA node for the bookkeeping
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int p2pmem_store_init(struct p2pmem_store *s, const char *name, int node)
{
	s->name = name;
	raw_spin_lock_init(&s->lock);
	INIT_LIST_HEAD(&s->chunks);
	INIT_LIST_HEAD(&s->added);
	s->slabs = gen_pool_create(PAGE_SHIFT + P2PMEM_SLAB_ORDER, node);
	return s->slabs ? 0 : -ENOMEM;
}

/**
 * p2pmem_slabs_add() - give genalloc the addresses of slabs
 * @slabs: the owner of slabs
 * @base: kernel address of the first one
 * @nr: how many
 * @node: NUMA node for the bookkeeping
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int p2pmem_slabs_add(struct gen_pool *slabs, unsigned long base, unsigned long nr, int node)
{
	KUNIT_STATIC_STUB_REDIRECT(p2pmem_slabs_add, slabs, base, nr, node);
	return gen_pool_add(slabs, base, nr * P2PMEM_SLAB_SIZE, node);
}

/**
 * p2pmem_store_add() - add free pages, which nobody can allocate yet
 * @s: where to; p2pmem_pool_open() follows
 * @addr: kernel address of the first one
 * @pages: how many
 * @node: NUMA node for the bookkeeping
 *
 * Context: Process context, may sleep. Callers serialise.
 * Return: 0 or -ENOMEM.
 */
int p2pmem_store_add(struct p2pmem_store *s, void *addr, unsigned long pages, int node)
{
	unsigned long slabs = pages >> P2PMEM_SLAB_ORDER, flags;
	struct p2pmem_chunk *c;

	c = kvzalloc_node(struct_size(c, words, p2pmem_buddy_words(pages)), GFP_KERNEL, node);
	if (!c)
		return -ENOMEM;
	c->slabs = s->slabs;
	c->base = (unsigned long)addr;
	c->first = virt_to_page(addr);
	c->kept = P2PMEM_NO_SLAB;
	if (!p2pmem_buddy_init(&c->buddy, pages, c->words) ||
	    (slabs && p2pmem_slabs_add(s->slabs, c->base, slabs, node))) {
		kvfree(c);
		return -ENOMEM;
	}
	c->buddy.slab = p2pmem_slab_hook;
	raw_spin_lock_irqsave(&s->lock, flags);
	list_add_tail(&c->node, &s->added);
	s->closed += pages;
	raw_spin_unlock_irqrestore(&s->lock, flags);
	return 0;
}

/**
 * p2pmem_warn_not_allocated() - warn about a caller that frees what is not allocated
 * @provider: name of the provider
 *
 * Context: Any.
 */
void p2pmem_warn_not_allocated(const char *provider)
{
	KUNIT_STATIC_STUB_REDIRECT(p2pmem_warn_not_allocated, provider);
	WARN_ONCE(1, "%s: peer-to-peer memory was freed that was not allocated\n", provider);
}

/* Returns how many pages were freed, after a warning when some were not in use. */
static unsigned long p2pmem_store_put(struct p2pmem_store *s, const struct p2pmem_run *run)
{
	unsigned long done = 0, freed = 0, at, n;
	struct p2pmem_chunk *c;

	/* Neighbours can be in two chunks. */
	do {
		c = p2pmem_chunk_of(s, run->page + done);
		if (unlikely(!c))
			break;
		at = run->page + done - c->first;
		n = min(run->nr - done, c->buddy.pages - at);
		freed += p2pmem_buddy_free(&c->buddy, at, n);
		done += n;
	} while (unlikely(done < run->nr));
	if (unlikely(freed < run->nr))
		p2pmem_warn_not_allocated(s->name);
	return freed;
}

/* What is free and for nobody in particular */
static unsigned long p2pmem_store_spare(const struct p2pmem_store *s)
{
	return s->free - s->promised;
}

static void p2pmem_store_took(struct p2pmem_store *s, unsigned long nr)
{
	WRITE_ONCE(s->free, s->free - nr);
}

/* Blocks of the chunk that has the largest one; of single pages several at once */
static unsigned int p2pmem_chunk_largest(struct p2pmem_chunk *c, unsigned long left,
					 struct p2pmem_run *run, unsigned int max)
{
	unsigned long page[P2PMEM_RUNS];
	unsigned int n, i;

	if (c->buddy.orders != 1) {
		run->page = c->first + p2pmem_buddy_largest(&c->buddy, left, &run->nr);
		return 1;
	}
	n = p2pmem_buddy_pages(&c->buddy, page, min3(left, (unsigned long)max, P2PMEM_RUNS));
	for (i = 0; i < n; i++)
		run[i] = (struct p2pmem_run){ c->first + page[i], 1 };
	return n;
}

/**
 * p2pmem_store_merge() - merge all blocks that were kept
 * @s: where
 *
 * Context: Any but NMI.
 */
void p2pmem_store_merge(struct p2pmem_store *s)
{
	unsigned int order, i;
	struct p2pmem_run run;

	for (order = P2PMEM_RECENT_MIN, i = 0; i < P2PMEM_RECENT_SLOTS; i++) {
		if (i == 4 || i == 6 || i == 7)
			order++;
		run.page = READ_ONCE(s->recent[i].page) ? xchg(&s->recent[i].page, NULL) : NULL;
		run.nr = 1UL << order;
		if (run.page)
			p2pmem_store_free(s, &run, 1);
	}
}

/**
 * p2pmem_store_exit() - free the bookkeeping
 * @s: all of its pages are free
 *
 * Context: Process context.
 */
void p2pmem_store_exit(struct p2pmem_store *s)
{
	struct p2pmem_chunk *c, *next;

	p2pmem_store_merge(s);
	list_splice_init(&s->added, &s->chunks);
	list_for_each_entry_safe(c, next, &s->chunks, node) {
		if (c->kept != P2PMEM_NO_SLAB)
			gen_pool_free(c->slabs, c->base + c->kept * P2PMEM_SLAB_SIZE,
				      P2PMEM_SLAB_SIZE);
		list_del(&c->node);
		kvfree(c);
	}
	gen_pool_destroy(s->slabs);
}

static void *p2pmem_store_block(struct p2pmem_store *s, unsigned long nr)
{
	struct p2pmem_chunk *c;
	long page;

	list_for_each_entry(c, &s->chunks, node) {
		page = p2pmem_buddy_alloc(&c->buddy, nr);
		if (page >= 0)
			return p2pmem_chunk_addr(c, page);
	}
	return NULL;
}

/**
 * p2pmem_store_alloc() - allocate pages
 * @s: where from
 * @nr: how many, in one run
 *
 * Context: Any but NMI.
 * Return: kernel address of the first one, or NULL when there is no aligned block.
 */
void *p2pmem_store_alloc(struct p2pmem_store *s, unsigned long nr)
{
	unsigned long flags;
	void *addr = NULL;

	raw_spin_lock_irqsave(&s->lock, flags);
	if (likely(p2pmem_store_spare(s) >= nr))
		addr = p2pmem_store_block(s, nr);
	if (likely(addr))
		p2pmem_store_took(s, nr);
	raw_spin_unlock_irqrestore(&s->lock, flags);
	return addr;
}

/* Pages of the smallest block of a chunk, or of several that are single pages */
static unsigned int p2pmem_chunk_smallest(struct p2pmem_chunk *c, struct page **page,
					  unsigned int max)
{
	unsigned int order = __ffs(c->buddy.orders), n, i;
	unsigned long at[P2PMEM_RUNS];

	if (!order) {
		n = p2pmem_buddy_pages(&c->buddy, at, min_t(unsigned int, max, P2PMEM_RUNS));
		for (i = 0; i < n; i++)
			page[i] = c->first + at[i];
		return n;
	}
	n = 1U << min_t(unsigned int, order, __fls(max));
	at[0] = p2pmem_buddy_alloc(&c->buddy, n);
	for (i = 0; i < n; i++)
		page[i] = c->first + at[0] + i;
	return n;
}

/**
 * p2pmem_store_some() - allocate several pages that need not be one run
 * @s: where from
 * @page: returns them
 * @max: how many at most
 *
 * From the smallest blocks, so that the large ones stay whole.
 *
 * Context: Any but NMI.
 * Return: how many there were.
 */
unsigned int p2pmem_store_some(struct p2pmem_store *s, struct page **page, unsigned int max)
{
	struct p2pmem_chunk *c;
	unsigned long flags;
	unsigned int n = 0;

	raw_spin_lock_irqsave(&s->lock, flags);
	max = min_t(unsigned long, max, p2pmem_store_spare(s));
	list_for_each_entry(c, &s->chunks, node)
		while (n < max && c->buddy.orders)
			n += p2pmem_chunk_smallest(c, page + n, max - n);
	WARN_ON_ONCE(n < max);
	p2pmem_store_took(s, n);
	raw_spin_unlock_irqrestore(&s->lock, flags);
	return n;
}

/**
 * p2pmem_store_promise() - set pages aside
 * @s: where
 * @nr: how many; they need not be one run
 *
 * Context: Any but NMI.
 * Return: true when so many are free; p2pmem_store_promised() gives them.
 */
bool p2pmem_store_promise(struct p2pmem_store *s, unsigned long nr)
{
	unsigned long flags;
	bool enough;

	raw_spin_lock_irqsave(&s->lock, flags);
	enough = p2pmem_store_spare(s) >= nr;
	if (enough)
		s->promised += nr;
	raw_spin_unlock_irqrestore(&s->lock, flags);
	return enough;
}

/**
 * p2pmem_store_unpromise() - promised pages are not needed
 * @s: where
 * @nr: how many of those that were promised and not allocated
 *
 * Context: Any but NMI.
 */
void p2pmem_store_unpromise(struct p2pmem_store *s, unsigned long nr)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&s->lock, flags);
	s->promised -= nr;
	raw_spin_unlock_irqrestore(&s->lock, flags);
}

/**
 * p2pmem_store_promised() - allocate the largest blocks that are not too large
 * @s: where from
 * @pages: how many pages at most, all of them promised; returns how many there are
 * @run: returns the blocks
 * @max: how many blocks at most
 *
 * Context: Any but NMI.
 * Return: number of blocks; 0 when the caller was promised nothing.
 */
unsigned int p2pmem_store_promised(struct p2pmem_store *s, unsigned long *pages,
				   struct p2pmem_run *run, unsigned int max)
{
	unsigned long left = *pages, flags;
	struct p2pmem_chunk *c, *best;
	unsigned int n = 0, got;

	raw_spin_lock_irqsave(&s->lock, flags);
	while (n < max && left) {
		best = NULL;
		list_for_each_entry(c, &s->chunks, node)
			if (c->buddy.orders &&
			    (!best || fls(c->buddy.orders) > fls(best->buddy.orders)))
				best = c;
		if (WARN_ON_ONCE(!best || s->promised < *pages))
			break;
		for (got = p2pmem_chunk_largest(best, left, run + n, max - n); got; got--)
			left -= run[n++].nr;
	}
	*pages -= left;
	s->promised -= *pages;
	p2pmem_store_took(s, *pages);
	raw_spin_unlock_irqrestore(&s->lock, flags);
	return n;
}

/**
 * p2pmem_store_search() - allocate a run that is no aligned block
 * @s: where from
 * @nr: how many pages
 *
 * Exact while nobody else allocates or frees pages: others get in between its steps.
 *
 * Context: Any but NMI.
 * Return: kernel address of the first one, or NULL when no run is so long.
 */
void *p2pmem_store_search(struct p2pmem_store *s, unsigned long nr)
{
	struct p2pmem_chunk *c;
	unsigned long from = 0, flags;
	void *addr = NULL;
	long page;

	raw_spin_lock_irqsave(&s->lock, flags);
	if (p2pmem_store_spare(s) >= nr)
		addr = p2pmem_store_block(s, nr);
	/* Chunks are only ever added: the list is the same after a break. */
	list_for_each_entry(c, &s->chunks, node) {
		while (!addr && nr <= c->buddy.pages && p2pmem_store_spare(s) >= nr) {
			page = p2pmem_buddy_search(&c->buddy, nr, &from, P2PMEM_SEARCH_STEPS);
			if (page >= 0)
				addr = p2pmem_chunk_addr(c, page);
			if (addr || !from)
				break;
			raw_spin_unlock_irqrestore(&s->lock, flags);
			cpu_relax();
			raw_spin_lock_irqsave(&s->lock, flags);
		}
	}
	if (addr)
		p2pmem_store_took(s, nr);
	raw_spin_unlock_irqrestore(&s->lock, flags);
	return addr;
}

/**
 * p2pmem_store_free() - return runs
 * @s: where to
 * @run: the runs
 * @nr: how many
 *
 * Context: Any but NMI.
 * Return: number of pages, without those that were not allocated, for which there is a warning.
 */
unsigned long p2pmem_store_free(struct p2pmem_store *s, const struct p2pmem_run *run,
				unsigned int nr)
{
	unsigned long pages = 0, flags;

	raw_spin_lock_irqsave(&s->lock, flags);
	for (; nr; nr--)
		pages += p2pmem_store_put(s, run++);
	WRITE_ONCE(s->free, s->free + pages);
	raw_spin_unlock_irqrestore(&s->lock, flags);
	return pages;
}
