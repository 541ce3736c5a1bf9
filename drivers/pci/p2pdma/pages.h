/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: the marks of pages
 *
 * Floor 4.
 *
 * What zone_device_data of a page says: whether the page is allocated, and under which grant.
 * Inline, for pages.c and for what allocates, maps and frees the pages of a request: each of
 * them is marked and read, and the loops are unrolled for the usual length.
 */
#ifndef _P2PMEM_PAGES_H
#define _P2PMEM_PAGES_H

#include <linux/mm.h>
#include "cache.h"
#include "p2pdma.h"

/* In &page.zone_device_data, beside the grant, while a page of a pool is allocated */
#define P2PMEM_PAGE_ALLOCATED	1UL

/**
 * p2pmem_page_grant() - the grant that a page was allocated under
 * @page: page for which is_pci_p2pmem_page() is true, held by its user
 *
 * zone_device_data belongs to the driver that creates the pages. Allocation and freeing of
 * a page write it, and the holder of the page reads it.
 *
 * Context: Any.
 * Return: the grant, which stays until the page is freed; NULL for none, and for a page that
 * its user freed and somebody else still references.
 */
static inline struct pci_p2pmem_grant *p2pmem_page_grant(const struct page *page)
{
	unsigned long data = (unsigned long)page->zone_device_data;

	return data & P2PMEM_PAGE_ALLOCATED ? (void *)(data & ~P2PMEM_PAGE_ALLOCATED) : NULL;
}

/**
 * p2pmem_mark_pages() - write what is known of the pages of a run
 * @page: the first one, just allocated or about to be free
 * @nr: how many
 * @data: for zone_device_data of each
 *
 * Context: Any.
 */
static __always_inline void p2pmem_mark_pages(struct page *page, unsigned long nr, void *data)
{
	unsigned long i;

#pragma GCC unroll 32
	for (i = 0; i < nr; i++)
		page[i].zone_device_data = data;
}

void p2pmem_mark_run(struct page *page, unsigned long nr, void *data);
bool p2pmem_disown_run(struct page *page, unsigned long nr);

/**
 * p2pmem_set_page_grant() - record the grant of a run of pages
 * @page: the first page, just allocated
 * @nr: number of pages
 * @grant: the grant, or NULL
 *
 * Context: Any.
 */
static __always_inline void p2pmem_set_page_grant(struct page *page, unsigned long nr,
						  struct pci_p2pmem_grant *grant)
{
	void *data = (void *)((unsigned long)grant | P2PMEM_PAGE_ALLOCATED);

	if (likely(nr == 1))
		page->zone_device_data = data;
	else if (likely(nr == P2PMEM_USUAL))
		p2pmem_mark_pages(page, P2PMEM_USUAL, data);
	else
		p2pmem_mark_run(page, nr, data);
}

static __always_inline unsigned long p2pmem_page_data(const struct page *page)
{
	return (unsigned long)page->zone_device_data;
}

/**
 * p2pmem_disown_page() - mark a page as free
 * @page: page of a pool
 *
 * Context: Any but NMI.
 * Return: false, and nothing is done, when it is not allocated: also for all but one of
 * several CPUs that free it at the same moment.
 */
static __always_inline bool p2pmem_disown_page(struct page *page)
{
	void *data = READ_ONCE(page->zone_device_data);

	return (unsigned long)data & P2PMEM_PAGE_ALLOCATED &&
	       try_cmpxchg(&page->zone_device_data, &data, NULL);
}

/**
 * p2pmem_pages_in_use() - whether a run can be freed as a whole
 * @first: the first page, of a pool
 * @nr: number of pages
 *
 * Context: Any but NMI.
 * Return: true if each page is allocated and has the reference of its user and no other one.
 */
static __always_inline bool p2pmem_pages_in_use(const struct page *first, unsigned long nr)
{
	unsigned long mine = P2PMEM_PAGE_ALLOCATED, i;
	int refs = 1;

	/*
	 * A page that is allocated has one reference at least. Plain reads, because each can be
	 * an operand of an instruction, and volatile reads cannot.
	 */
#pragma GCC unroll 32
	for (i = 0; i < nr; i++) {
		mine &= p2pmem_page_data(first + i);
		/* Others may get references at any moment: a plain read. */
		refs |= data_race(first[i]._refcount.counter);
	}
	return likely(mine && refs == 1);
}

/**
 * p2pmem_disown_pages() - mark the pages of a run as free
 * @first: the first page, of a pool
 * @nr: number of pages
 *
 * Context: Any but NMI; nobody else frees them meanwhile.
 * Return: false, and nothing is done, unless p2pmem_pages_in_use().
 */
static __always_inline bool p2pmem_disown_pages(struct page *first, unsigned long nr)
{
	if (unlikely(!p2pmem_pages_in_use(first, nr)))
		return false;
	p2pmem_mark_pages(first, nr, NULL);
	return true;
}

#endif /* _P2PMEM_PAGES_H */
