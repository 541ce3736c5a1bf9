/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what map.c has for bus.c, and what both count
 *
 * Floor 8.
 *
 * Inline, because every request is checked against its region and counted.
 */
#ifndef _P2PMEM_MAP_H
#define _P2PMEM_MAP_H

#include <linux/percpu.h>
#include <linux/scatterlist.h>
#include "p2pdma.h"
#include "pages.h"

int p2pmem_map_list(struct device *client, struct scatterlist *sg, int nents,
		    enum dma_data_direction dir);
void p2pmem_unmap_list(struct device *client, struct scatterlist *sg, int nents,
		       enum dma_data_direction dir);
void p2pmem_count_unmap_ungranted(struct p2pmem_provider *p, struct device *client);

/* Whether @r contains the whole entry */
static inline bool p2pmem_region_has(const struct p2pmem_region *r,
				     const struct scatterlist *sg, phys_addr_t phys)
{
	return phys - r->phys < r->size && sg->length && sg->length <= r->size - (phys - r->phys);
}

static inline void p2pmem_count_map(struct p2pmem_pair *pair, size_t bytes)
{
	this_cpu_inc(pair->count->maps);
	this_cpu_add(pair->count->bytes, bytes);
}

/*
 * Counts an unmapping in the pair that counted the mapping, if all of the list has one grant or
 * none. @page is its first one.
 */
static __always_inline void p2pmem_count_unmap_of(struct p2pmem_region *r, struct page *page,
						  struct device *client)
{
	struct pci_p2pmem_grant *grant = p2pmem_page_grant(page);
	struct p2pmem_link *link = grant ? p2pmem_grant_link(grant, client) : NULL;

	if (likely(link))
		this_cpu_inc(link->pair->count->unmaps);
	else
		p2pmem_count_unmap_ungranted(r->provider, client);
}

#endif /* _P2PMEM_MAP_H */
