// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: sg_dma_mark_bus_address() and a dma_flags member that holds it
 * Since: 6.0 with P2PDMA, 6.5 without
 * Instead: adapt.h has the mark in the padding of an entry.
 * Remedy: None is needed.
 */

#include <linux/scatterlist.h>

static bool __maybe_unused p2pmem_probe(struct scatterlist *sg)
{
	sg->dma_flags = 0;
	sg_dma_mark_bus_address(sg);
	return sg_dma_is_bus_address(sg);
}
