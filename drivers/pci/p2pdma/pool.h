/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what the files of the allocator have for each other
 *
 * For buddy.c, chunk.c and pool.c alone. The rest of the module knows struct p2pmem_pool
 * by its pointer.
 */
#ifndef _P2PMEM_POOL_H
#define _P2PMEM_POOL_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include "buddy.h"

/* Orders of which one block each is not merged, and the pages that a pool must have for it:
 * sixteen times what these blocks can be
 */
#define P2PMEM_RECENT_MIN	5
#define P2PMEM_RECENT_MAX	8
#define P2PMEM_RECENT_PAGES	(16UL << (P2PMEM_RECENT_MAX + 1))

/**
 * struct p2pmem_store - what the CPUs share of a pool
 * @lock: guards all that follows; with interrupts off, after a CPU's cache
 * @chunks: struct p2pmem_chunk; only ever added
 * @slabs: owns the addresses
 * @pages: how many there are
 * @free: how many of them are here; read without the lock as a hint
 * @recent: a block of each order from P2PMEM_RECENT_MIN on that is free and not merged
 */
struct p2pmem_store {
	raw_spinlock_t lock;		/* see above */
	struct list_head chunks;
	struct gen_pool *slabs;
	unsigned long pages;
	unsigned long free;
	void *recent[P2PMEM_RECENT_MAX - P2PMEM_RECENT_MIN + 1];
};

int p2pmem_store_init(struct p2pmem_store *s, int node);
void p2pmem_store_exit(struct p2pmem_store *s);
int p2pmem_store_add(struct p2pmem_store *s, void *addr, unsigned long pages, int node);
void *p2pmem_store_alloc(struct p2pmem_store *s, unsigned long nr);
unsigned int p2pmem_store_some(struct p2pmem_store *s, void **addr, unsigned int max);
void *p2pmem_store_largest(struct p2pmem_store *s, unsigned long max, unsigned long *nr);
void *p2pmem_store_search(struct p2pmem_store *s, unsigned long nr);
void p2pmem_store_free(struct p2pmem_store *s, void *addr, unsigned long nr);

#endif /* _P2PMEM_POOL_H */
