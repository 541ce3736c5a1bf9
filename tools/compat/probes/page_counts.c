// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: counts of device pages that the kernel sets, at first and when they are freed
 * Since: 5.11, until 6.14
 * Instead: rewrite/page_counts.cocci sets them itself.
 * Tree: include/linux/mmzone.h !page_pgmap[(]
 * Remedy: None is needed.
 */

#include <linux/mm_types.h>

/* Nothing that compiles shows who sets them; the pagemap moved in the same change. */
static __maybe_unused struct dev_pagemap *p2pmem_probe(struct page *page)
{
	return page->pgmap;
}
