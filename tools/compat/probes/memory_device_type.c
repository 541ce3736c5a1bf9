// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: MEMORY_DEVICE_PCI_P2PDMA and memremap_pages()
 * Since: 5.3
 * Remedy: Use a kernel with CONFIG_ZONE_DEVICE.
 */

#include <linux/memremap.h>

#ifndef CONFIG_ZONE_DEVICE
#error "memremap_pages() is a stub"
#endif

static __maybe_unused void *p2pmem_probe(struct dev_pagemap *pgmap)
{
	pgmap->type = MEMORY_DEVICE_PCI_P2PDMA;
	return memremap_pages(pgmap, NUMA_NO_NODE);
}
