// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: dev_pagemap_ops.page_free with a struct page
 * Since: 5.11, until 6.18
 * Instead: rewrite/page_free.cocci frees folios.
 * Tree: include/linux/memremap.h [(][*]page_free[)]
 * Remedy: None is needed.
 */

#include <linux/memremap.h>

static void probe_free(struct page *page)
{
}

static const struct dev_pagemap_ops p2pmem_probe __maybe_unused = {
	.page_free = probe_free,
};
