/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: entries of scatterlists
 *
 * Floor 0.
 *
 * How lists are walked, and what a mapping writes into an entry. Inline, because every request
 * does it for each of its entries.
 */
#ifndef _P2PMEM_ENTRY_H
#define _P2PMEM_ENTRY_H

#include <linux/scatterlist.h>

/* sg_next() for entries before the last one, without a call */
static __always_inline struct scatterlist *p2pmem_sg_next(struct scatterlist *sg)
{
	sg++;
	return unlikely(sg_is_chain(sg)) ? sg_chain_ptr(sg) : sg;
}

/* Clears what mapping wrote into an entry; flags and length are one store. */
static inline void p2pmem_clear_entry(struct scatterlist *sg)
{
	sg->dma_flags = 0;
	sg_dma_len(sg) = 0;
	sg_dma_address(sg) = 0;
}

/*
 * Marks an entry that is mapped by bus address. A mapping sets all flags of an entry, as it sets
 * its length. Both are one store if @len is constant.
 */
static __always_inline void p2pmem_mark_entry(struct scatterlist *sg, unsigned int len)
{
	sg_dma_len(sg) = len;
	sg->dma_flags = 0;
	sg_dma_mark_bus_address(sg);
}

#endif /* _P2PMEM_ENTRY_H */
