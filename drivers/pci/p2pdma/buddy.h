/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: buddy: runs of pages on plain bitmaps
 *
 * Floor 0.
 *
 * What buddy.c works on. Nothing here knows a page or an address: pages are numbers from
 * 0, and the caller serialises. So buddy.c compiles in user space too.
 */
#ifndef _P2PMEM_BUDDY_H
#define _P2PMEM_BUDDY_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#endif

/* Blocks have 2^0 to 2^10 pages; a block of the highest order is a slab of genalloc. */
#define P2PMEM_BUDDY_ORDER_COUNT	11
#define P2PMEM_SLAB_ORDER		(P2PMEM_BUDDY_ORDER_COUNT - 1)

/* 64^5 blocks of one order are 4 TiB in pages of 4 KiB */
#define P2PMEM_BUDDY_LEVELS	5

/**
 * struct p2pmem_bits - a set of numbers, the lowest of which is found in a step a level
 * @nr: numbers are below this
 * @top: highest level that is in use: one word
 * @level: level 0 has a bit for each number, each further one a bit for each word of the
 *	level below that is not zero
 */
struct p2pmem_bits {
	unsigned long nr;
	unsigned int top;
	unsigned long *level[P2PMEM_BUDDY_LEVELS];
};

/**
 * struct p2pmem_buddy - the free blocks among some pages
 * @pages: how many pages
 * @orders: a bit for each order that has a free block
 * @slab: called when a slab stops (@claimed) or starts to be free as a whole; may be NULL
 * @free: the free blocks of each order; block i has the pages from i << order on
 */
struct p2pmem_buddy {
	unsigned long pages;
	unsigned int orders;
	void (*slab)(struct p2pmem_buddy *b, unsigned long slab, bool claimed);
	struct p2pmem_bits free[P2PMEM_BUDDY_ORDER_COUNT];
};

size_t p2pmem_buddy_words(unsigned long pages);
bool p2pmem_buddy_init(struct p2pmem_buddy *b, unsigned long pages, unsigned long *words);
long p2pmem_buddy_alloc(struct p2pmem_buddy *b, unsigned long nr);
long p2pmem_buddy_largest(struct p2pmem_buddy *b, unsigned long max, unsigned long *nr);
long p2pmem_buddy_search(struct p2pmem_buddy *b, unsigned long nr, unsigned long *from,
			 unsigned int steps);
unsigned int p2pmem_buddy_pages(struct p2pmem_buddy *b, unsigned long *page, unsigned int max);
unsigned long p2pmem_buddy_free(struct p2pmem_buddy *b, unsigned long first, unsigned long nr);

#endif /* _P2PMEM_BUDDY_H */
