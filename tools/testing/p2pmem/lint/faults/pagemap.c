// SPDX-License-Identifier: GPL-2.0-only
/* Wrong on purpose: a file that is not pages.c makes pages and asks what they are. */
#include <linux/memremap.h>

struct fault_pages {
	struct dev_pagemap map;			/* lint: pagemap */
	int node;
};

int fault_make(struct fault_pages *f, struct dev_pagemap *other)	/* lint: pagemap */
{
	void *addr;

	f->map.type = MEMORY_DEVICE_GENERIC;	/* lint: pagemap */
	addr = memremap_pages(&f->map, f->node);	/* lint: pagemap */
	return PTR_ERR_OR_ZERO(addr);
}

bool fault_is_peer(struct page *page)
{
	return page->pgmap->ops;		/* lint: pagemap */
}

/* this is as it must be */
bool fault_is_device(struct page *page)
{
	return is_zone_device_page(page);
}
