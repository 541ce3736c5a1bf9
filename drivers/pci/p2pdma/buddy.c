// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: a buddy allocator on bitmaps
 *
 * Floor 0.
 *
 * Each free block has one bit, in the bitmap of its order:
 *
 *	pages      0 1 2 3 4 5 6 7 8 ...      '#': in use
 *	           . . # . . . . .
 *	order 0    0 0 0 1                    page 3
 *	order 1    1   0   0   0              pages 0 and 1
 *	order 2    0       1                  pages 4 to 7
 *
 * A bitmap of 64 words or more has summaries above it, so that the lowest free block is
 * found with one step for each level, whatever the number of pages and of free blocks. A
 * block that is freed is merged with its buddy while that is free, up to a slab.
 *
 * Nothing is stored about a run that is in use: any part of it can be freed alone, and is
 * split into the largest aligned blocks.
 *
 * Blocks are aligned. A run of n free pages that has no aligned block of n pages is found
 * by p2pmem_buddy_search(), which costs a step for each block that can be part of it, and
 * is for callers that cannot use several runs.
 */
#include "buddy.h"

#ifdef __KERNEL__
#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#else
#include "user.h"
#endif

static unsigned long p2pmem_words(unsigned long bits)
{
	return (bits + BITS_PER_LONG - 1) / BITS_PER_LONG;
}

static bool p2pmem_bits_has(const struct p2pmem_bits *s, unsigned long i)
{
	return i < s->nr && (s->level[0][i / BITS_PER_LONG] >> i % BITS_PER_LONG) & 1;
}

static void p2pmem_bits_set(struct p2pmem_bits *s, unsigned long i)
{
	unsigned long *word, old;
	unsigned int l = 0;

	do {
		word = &s->level[l][i / BITS_PER_LONG];
		old = *word;
		*word = old | 1UL << i % BITS_PER_LONG;
		i /= BITS_PER_LONG;
	} while (!old && l++ < s->top);
}

/* Returns whether the set is empty then. */
static bool p2pmem_bits_clear(struct p2pmem_bits *s, unsigned long i)
{
	unsigned long *word;
	unsigned int l = 0;

	do {
		word = &s->level[l][i / BITS_PER_LONG];
		*word &= ~(1UL << i % BITS_PER_LONG);
		if (*word)
			return false;
		i /= BITS_PER_LONG;
	} while (l++ < s->top);
	return true;
}

/* The lowest number of a set that is not empty */
static unsigned long p2pmem_bits_first(const struct p2pmem_bits *s)
{
	unsigned int l = s->top;
	unsigned long i = 0;

	do
		i = i * BITS_PER_LONG + __ffs(s->level[l][i]);
	while (l--);
	return i;
}

/* The lowest number that is @i or more, or s->nr */
static unsigned long p2pmem_bits_next(const struct p2pmem_bits *s, unsigned long i)
{
	unsigned long word, bits = s->nr;
	unsigned int l = 0;

	/* Up until a word has a further bit, then down to the number. */
	for (;;) {
		if (i >= bits)
			return s->nr;
		word = s->level[l][i / BITS_PER_LONG] & (~0UL << i % BITS_PER_LONG);
		if (word)
			break;
		if (l++ == s->top)
			return s->nr;
		i = i / BITS_PER_LONG + 1;
		bits = p2pmem_words(bits);
	}
	i = i / BITS_PER_LONG * BITS_PER_LONG + __ffs(word);
	while (l--)
		i = i * BITS_PER_LONG + __ffs(s->level[l][i]);
	return i;
}

static void p2pmem_block_add(struct p2pmem_buddy *b, unsigned int order, unsigned long i)
{
	p2pmem_bits_set(&b->free[order], i);
	b->orders |= 1U << order;
	if (order == P2PMEM_SLAB_ORDER && b->slab)
		b->slab(b, i, false);
}

static void p2pmem_block_del(struct p2pmem_buddy *b, unsigned int order, unsigned long i)
{
	if (p2pmem_bits_clear(&b->free[order], i))
		b->orders &= ~(1U << order);
	if (order == P2PMEM_SLAB_ORDER && b->slab)
		b->slab(b, i, true);
}

/* Whether any of 2^@order numbers from @i on, a multiple of that, are in a set */
static bool p2pmem_bits_any(const struct p2pmem_bits *s, unsigned long i, unsigned int order)
{
	unsigned long word = s->level[0][i / BITS_PER_LONG] >> i % BITS_PER_LONG;

	if (1UL << order < BITS_PER_LONG)
		return word & ((1UL << (1UL << order)) - 1);
	return word || p2pmem_bits_next(s, i) < i + (1UL << order);
}

/* Frees those pages of a block that are in use, and returns how many they are. */
static unsigned long p2pmem_block_free(struct p2pmem_buddy *b, unsigned int order, unsigned long i)
{
	unsigned long pages = 1UL << order;
	unsigned int orders, k;

	/* Only orders that have a free block: one that contains this one, or a part of it */
	for (orders = b->orders >> order; orders; orders &= orders - 1) {
		k = __builtin_ctz(orders);
		if (p2pmem_bits_has(&b->free[order + k], i >> k))
			return 0;
	}
	for (orders = b->orders & (pages - 1); orders; orders &= orders - 1) {
		k = __builtin_ctz(orders);
		if (!p2pmem_bits_any(&b->free[k], i << (order - k), order - k))
			continue;
		/* Then one half after the other, ten levels deep at most. */
		pages = p2pmem_block_free(b, order - 1, 2 * i);
		return pages + p2pmem_block_free(b, order - 1, 2 * i + 1);
	}
	while (order < P2PMEM_SLAB_ORDER && p2pmem_bits_has(&b->free[order], i ^ 1)) {
		p2pmem_block_del(b, order, i ^ 1);
		i >>= 1;
		order++;
	}
	p2pmem_block_add(b, order, i);
	return pages;
}

/**
 * p2pmem_buddy_words() - memory for the bitmaps
 * @pages: how many pages there are
 *
 * Context: Any.
 * Return: number of unsigned long, about a 30th of @pages.
 */
size_t p2pmem_buddy_words(unsigned long pages)
{
	size_t all = 0, words;
	unsigned int order;

	for (order = 0; order < P2PMEM_BUDDY_ORDER_COUNT; order++) {
		words = p2pmem_words(pages >> order) ?: 1;
		for (all += words; words > 1; all += words)
			words = p2pmem_words(words);
	}
	return all;
}

/**
 * p2pmem_buddy_init() - all pages are free
 * @b: returns the pages; @b->slab is set afterwards
 * @pages: how many there are
 * @words: p2pmem_buddy_words() words, zero; the caller's, who frees them
 *
 * Context: Any.
 * Return: false when there are more pages than the levels of a bitmap can have.
 */
bool p2pmem_buddy_init(struct p2pmem_buddy *b, unsigned long pages, unsigned long *words)
{
	struct p2pmem_bits *s;
	unsigned long n;
	unsigned int order;

	b->pages = pages;
	b->orders = 0;
	b->slab = NULL;
	for (order = 0; order < P2PMEM_BUDDY_ORDER_COUNT; order++) {
		s = &b->free[order];
		s->nr = pages >> order;
		s->top = 0;
		n = p2pmem_words(s->nr) ?: 1;
		for (;;) {
			s->level[s->top] = words;
			words += n;
			if (n == 1)
				break;
			n = p2pmem_words(n);
			if (++s->top == P2PMEM_BUDDY_LEVELS)
				return false;
		}
	}
	return p2pmem_buddy_free(b, 0, pages) == pages;
}

static unsigned int p2pmem_order(unsigned long nr)
{
	return nr > 1 ? BITS_PER_LONG - __builtin_clzl(nr - 1) : 0;
}

/* Takes the pages from @first on, which are free, whatever blocks they are part of. */
static void p2pmem_buddy_claim(struct p2pmem_buddy *b, unsigned long first, unsigned long nr)
{
	unsigned long at = first, end = first + nr, start, stop;
	unsigned int k;

	while (at < end) {
		for (k = 0; !p2pmem_bits_has(&b->free[k], at >> k); k++)
			;
		start = at >> k << k;
		stop = start + (1UL << k);
		p2pmem_block_del(b, k, at >> k);
		if (start < first)
			p2pmem_buddy_free(b, start, first - start);
		if (stop > end)
			p2pmem_buddy_free(b, end, stop - end);
		at = stop;
	}
}

/**
 * p2pmem_buddy_alloc() - allocate an aligned block and free the excess
 * @b: the pages
 * @nr: how many pages, one or more
 *
 * Context: The caller serialises.
 * Return: the first page, or -ENOSPC when no block has @nr pages; p2pmem_buddy_search() may
 * then still find a run.
 */
long p2pmem_buddy_alloc(struct p2pmem_buddy *b, unsigned long nr)
{
	unsigned int order = p2pmem_order(nr), k;
	unsigned long i;

	if (order >= P2PMEM_BUDDY_ORDER_COUNT || !(b->orders >> order))
		return -ENOSPC;
	k = order + __builtin_ctz(b->orders >> order);
	i = p2pmem_bits_first(&b->free[k]);
	p2pmem_block_del(b, k, i);
	while (k > order) {
		k--;
		i <<= 1;
		p2pmem_block_add(b, k, i + 1);
	}
	i <<= order;
	if (nr != 1UL << order)
		p2pmem_buddy_free(b, i + nr, (1UL << order) - nr);
	return i;
}

/**
 * p2pmem_buddy_largest() - allocate the largest block that is not more than enough
 * @b: the pages
 * @max: at most so many pages
 * @nr: returns how many they are
 *
 * Context: The caller serialises.
 * Return: the first page, or -ENOSPC when nothing is free.
 */
long p2pmem_buddy_largest(struct p2pmem_buddy *b, unsigned long max, unsigned long *nr)
{
	unsigned int k = BITS_PER_LONG - 1 - __builtin_clzl(max);

	if (!b->orders)
		return -ENOSPC;
	if (k >= P2PMEM_BUDDY_ORDER_COUNT)
		k = P2PMEM_BUDDY_ORDER_COUNT - 1;
	/* A block of 2^k or more is split; otherwise the largest of the smaller ones. */
	if (!(b->orders >> k))
		k = 31 - __builtin_clz(b->orders);
	*nr = 1UL << k;
	return p2pmem_buddy_alloc(b, *nr);
}

/**
 * p2pmem_buddy_pages() - allocate pages that are free blocks of one page
 * @b: the pages; b->orders has order 0
 * @page: returns the pages
 * @max: how many at most, one or more
 *
 * All of them come from one word of the bitmap, so that each costs few instructions.
 *
 * Context: The caller serialises.
 * Return: how many there are, one or more.
 */
unsigned int p2pmem_buddy_pages(struct p2pmem_buddy *b, unsigned long *page, unsigned int max)
{
	unsigned long at = p2pmem_bits_first(&b->free[0]) / BITS_PER_LONG;
	unsigned long word = b->free[0].level[0][at], last;
	unsigned int n = 0;

	do {
		page[n++] = at * BITS_PER_LONG + __ffs(word);
		last = word;
		word &= word - 1;
	} while (word && n < max);
	/* Without the last page, whose deletion updates the summaries */
	b->free[0].level[0][at] = last;
	p2pmem_block_del(b, 0, page[n - 1]);
	return n;
}

/* The block that begins at @at, in pages; 0 for none */
static unsigned long p2pmem_block_at(struct p2pmem_buddy *b, unsigned long at)
{
	unsigned int k;

	for (k = 0; k < P2PMEM_BUDDY_ORDER_COUNT && !(at & ((1UL << k) - 1)); k++)
		if (p2pmem_bits_has(&b->free[k], at >> k))
			return 1UL << k;
	return 0;
}

/* The block that ends before @at, in pages; 0 for none */
static unsigned long p2pmem_block_before(struct p2pmem_buddy *b, unsigned long at)
{
	unsigned int k;

	for (k = 0; at && k < P2PMEM_BUDDY_ORDER_COUNT && !(at & ((1UL << k) - 1)); k++)
		if (p2pmem_bits_has(&b->free[k], (at >> k) - 1))
			return 1UL << k;
	return 0;
}

/**
 * p2pmem_buddy_search() - allocate a run that is no aligned block
 * @b: the pages
 * @nr: how many pages, two or more
 * @from: where to go on; returns where the next search goes on, 0 at the end
 * @steps: look at so many blocks at most
 *
 * Each run of @nr pages has an aligned block of a quarter of them at least: only such
 * blocks are looked at, with what is free before and behind them.
 *
 * Context: The caller serialises, and may let others in between two searches.
 * Return: the first page, or -ENOSPC when there is none as far as this search went.
 */
long p2pmem_buddy_search(struct p2pmem_buddy *b, unsigned long nr, unsigned long *from,
			 unsigned int steps)
{
	unsigned long at = *from, first, end, n, i, lowest;
	unsigned int least, k;

	/* 2^(least + 1) - 1 <= nr: the smallest order that such a run must have */
	least = BITS_PER_LONG - 2 - __builtin_clzl(nr + 1);
	if (least >= P2PMEM_BUDDY_ORDER_COUNT)
		least = P2PMEM_BUDDY_ORDER_COUNT - 1;
	*from = 0;
	for (; b->orders >> least; steps--) {
		if (!steps) {
			*from = at;
			break;
		}
		lowest = b->pages;
		for (k = least; k < P2PMEM_BUDDY_ORDER_COUNT; k++) {
			if (!(b->orders >> k & 1))
				continue;
			i = p2pmem_bits_next(&b->free[k], (at + (1UL << k) - 1) >> k);
			if (i < b->free[k].nr && i << k < lowest)
				lowest = i << k;
		}
		if (lowest == b->pages)
			break;
		first = lowest;
		end = lowest;
		while (end - first < nr && (n = p2pmem_block_at(b, end)))
			end += n;
		while (end - first < nr && (n = p2pmem_block_before(b, first)))
			first -= n;
		if (end - first >= nr) {
			p2pmem_buddy_claim(b, first, nr);
			return first;
		}
		at = end;
	}
	return -ENOSPC;
}

/* Frees one page, and returns 0 when it is free already. */
static unsigned long p2pmem_page_free(struct p2pmem_buddy *b, unsigned long i)
{
	unsigned long *word = &b->free[0].level[0][i / BITS_PER_LONG];
	unsigned long both = 3UL << (i & ~1UL) % BITS_PER_LONG;

	/* There are only single pages, also in this word, and neither it nor its buddy is free. */
	if (b->orders != 1 || !*word || *word & both)
		return p2pmem_block_free(b, 0, i);
	*word |= 1UL << i % BITS_PER_LONG;
	return 1;
}

/**
 * p2pmem_buddy_free() - free pages
 * @b: the pages
 * @first: the first one
 * @nr: how many pages
 *
 * Context: The caller serialises.
 * Return: how many pages were freed: fewer than @nr when a caller freed what it does not have,
 * because some of them were free already. None are freed if not all of them exist.
 */
unsigned long p2pmem_buddy_free(struct p2pmem_buddy *b, unsigned long first, unsigned long nr)
{
	unsigned long end = first + nr, freed = 0;
	unsigned int k;

	if (end < first || end > b->pages)
		return 0;
	if (nr == 1)
		return p2pmem_page_free(b, first);
	while (first < end) {
		k = BITS_PER_LONG - 1 - __builtin_clzl(end - first);
		if (first && (unsigned int)__builtin_ctzl(first) < k)
			k = __builtin_ctzl(first);
		if (k > P2PMEM_SLAB_ORDER)
			k = P2PMEM_SLAB_ORDER;
		freed += p2pmem_block_free(b, k, first >> k);
		first += 1UL << k;
	}
	return freed;
}
