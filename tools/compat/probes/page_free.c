// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: dev_pagemap_ops.page_free with a struct page
 * Since: 5.11, until folios took its place
 * Remedy: Another form of it needs a change in drivers/pci/p2pdma/pages.c.
 */

#include <linux/memremap.h>

static void probe_free(struct page *page)
{
}

static const struct dev_pagemap_ops p2pmem_probe __maybe_unused = {
	.page_free = probe_free,
};
