// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the kind of memory in a scatterlist
 *
 * Floor 5.
 *
 * Decides which mapping function a list needs. A caller that knows that its lists are not mixed
 * gets here with peer memory only, see pci_p2pmem_sg_kind().
 */
#include <linux/mm.h>
#include <linux/module.h>
#include "entry.h"
#include "p2pdma.h"

/*
 * Whether no entry can be peer memory: the zone is a number in a few bits of the flags of a page,
 * and unless the flags of all pages together have the bits of ZONE_DEVICE, none of them is.
 */
static bool p2pmem_list_is_ram(struct scatterlist *sg, int nents)
{
	unsigned long flags = 0;

	for (; nents > 0; nents--) {
		/*
		 * No bit of the zone changes while others do: a plain read. The flags are one
		 * word, which 7.x wraps in a structure.
		 */
		flags |= data_race(*(const unsigned long *)&sg_page(sg)->flags);
		if (nents > 1)
			sg = p2pmem_sg_next(sg);
	}
	return (flags >> ZONES_PGSHIFT & ZONE_DEVICE) != ZONE_DEVICE;
}

/* pci_p2pmem_sg_check() and pci_p2pmem_sg_kind() while any memory is registered */
int __pci_p2pmem_sg_check(struct scatterlist *sgl, int nents)
{
	struct p2pmem_provider *first = NULL;
	struct scatterlist *sg;
	int i, peer = 0;

	if (likely(p2pmem_list_is_ram(sgl, nents)))
		return 0;
	for_each_sg(sgl, sg, nents, i) {
		if (!is_pci_p2pmem_page(sg_page(sg))) {
			if (peer)
				return -EINVAL;
			continue;
		}
		if (peer != i)
			return -EINVAL;
		if (!peer)
			first = p2pmem_page_region(sg_page(sg))->provider;
		else if (p2pmem_page_region(sg_page(sg))->provider != first)
			return -EINVAL;
		peer++;
	}
	return peer > 0;
}
EXPORT_SYMBOL_GPL(__pci_p2pmem_sg_check);
