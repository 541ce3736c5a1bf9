// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: the pagemap of a page as its member, and counts of device pages that the kernel sets
 * Since: 4.18, until 6.14
 * Instead: rewrite/page_pgmap_member.* use page_pgmap() and set the counts.
 * Tree: include/linux/mmzone.h !page_pgmap[(]
 * Remedy: None is needed.
 */

#include <linux/mm_types.h>

static __maybe_unused struct dev_pagemap *p2pmem_probe(struct page *page)
{
	return page->pgmap;
}
