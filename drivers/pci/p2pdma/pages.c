// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the ZONE_DEVICE pages of a BAR
 *
 * Floor 4.
 *
 * Creation of the pages, and freeing of each page. The only file that uses struct
 * dev_pagemap.
 *
 * A page has a reference count of one both in use and free: the page allocator is not
 * involved. Code that keeps a page longer than its user takes a reference, and
 * page_free() frees such a page when the last reference is dropped. The pages of a BAR are
 * removed only after the last one is free: lend.c waits for that.
 *
 * While a page of a pool is allocated its zone_device_data is the grant that it was
 * allocated under, so that mapping finds how that grant maps it, and P2PMEM_PAGE_ALLOCATED.
 * Freeing clears it, so that a page that is freed twice is noticed. While another user's
 * reference delays the freeing, it links pages.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <linux/memremap.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "p2pdma.h"
#include "cache.h"
#include "pages.h"

/**
 * struct p2pmem_pages - a region and its pages
 * @region: used by the rest of the module
 * @pgmap: used by the kernel; unused for registers
 */
struct p2pmem_pages {
	struct p2pmem_region region;
	struct dev_pagemap pgmap;
};

/*
 * Pages whose last additional reference was dropped, linked by zone_device_data. The kernel
 * resets their count to one only after page_free() returns, and they must not be allocated
 * before that: a worker waits for the count to be one.
 */
static DEFINE_SPINLOCK(p2pmem_returning_lock);
static struct page *p2pmem_returning;	/* guarded by the lock, irq-safe */
static void p2pmem_return_worker(struct work_struct *work);
static DECLARE_DELAYED_WORK(p2pmem_return_work, p2pmem_return_worker);

/**
 * p2pmem_pages_exit() - stop the worker that frees pages
 *
 * Context: Module exit: no provider is left.
 */
void p2pmem_pages_exit(void)
{
	cancel_delayed_work_sync(&p2pmem_return_work);
}

static struct p2pmem_pages *to_pages(struct p2pmem_region *region)
{
	return container_of(region, struct p2pmem_pages, region);
}

VISIBLE_IF_KUNIT void p2pmem_page_free(struct page *page)
{
	unsigned long flags;

	spin_lock_irqsave(&p2pmem_returning_lock, flags);
	page->zone_device_data = p2pmem_returning;
	p2pmem_returning = page;
	/* Under the lock: the module may be unloaded once the page is off the list. */
	queue_delayed_work(p2pmem_wq, &p2pmem_return_work, 0);
	spin_unlock_irqrestore(&p2pmem_returning_lock, flags);
}

static const struct dev_pagemap_ops p2pmem_pagemap_ops = {
	.page_free = p2pmem_page_free,
};

/**
 * p2pmem_page_region() - the region of a page
 * @page: page for which is_pci_p2pmem_page() is true
 *
 * Context: Any; the page is pinned by the caller, and that pins its region.
 * Return: the region.
 */
struct p2pmem_region *p2pmem_page_region(const struct page *page)
{
	return &container_of(page->pgmap, struct p2pmem_pages, pgmap)->region;
}

/**
 * p2pmem_page_owner() - the region of a page that may be anything
 * @page: any page, including RAM, pinned by the caller
 *
 * Context: Any.
 * Return: the region, or NULL if the page is not peer memory.
 */
struct p2pmem_region *p2pmem_page_owner(const struct page *page)
{
	if (unlikely(!is_zone_device_page(page) || page->pgmap->ops != &p2pmem_pagemap_ops))
		return NULL;
	return p2pmem_page_region(page);
}

/* The slow path of is_pci_p2pmem_page() */
bool __is_pci_p2pmem_page(const struct page *page)
{
	return page->pgmap->type == MEMORY_DEVICE_PCI_P2PDMA &&
		page->pgmap->ops == &p2pmem_pagemap_ops;
}
EXPORT_SYMBOL_GPL(__is_pci_p2pmem_page);

/* Frees @nr pages that have no other user. */
static void p2pmem_return(struct p2pmem_region *region, struct page *page, size_t nr)
{
	struct p2pmem_provider *p = region->provider;

	/* Keeps the provider until the end of this function, see p2pmem_wait_empty(). */
	guard(rcu)();
	if (likely(region->kind == PCI_P2PMEM_POOL))
		p2pmem_pool_free(p->pool, page_to_virt(page), nr << PAGE_SHIFT);
	else
		atomic_long_sub(nr, &p->pins);
	p2pmem_wake_waiters(p);
}

/* The rest of p2pmem_return_quick(): the run is @back already, or there was no room. */
static noinline void p2pmem_return_rest(struct p2pmem_region *region, struct page *page,
					unsigned long nr, bool back, unsigned long flags)
{
	/* With interrupts off we are an RCU reader, and stay one. */
	rcu_read_lock();
	local_irq_restore(flags);
	if (back)
		p2pmem_wake_waiters(region->provider);
	else
		p2pmem_return(region, page, nr);
	rcu_read_unlock();
}

/*
 * The same for pages of a pool of a usual number: one page goes into the cache of this CPU,
 * and a block of 128 KiB to 1 MiB into a slot, if there is room.
 */
static __always_inline void p2pmem_return_quick(struct p2pmem_region *region,
						struct page *page, unsigned long nr)
{
	struct p2pmem_provider *p = region->provider;
	unsigned long flags;
	bool back;

	local_irq_save(flags);
	back = p2pmem_free_quick(p->pool, page, nr);
	if (likely(back && READ_ONCE(p->state) == P2PMEM_LIVE))
		local_irq_restore(flags);
	else
		p2pmem_return_rest(region, page, nr, back, flags);
}

static void p2pmem_return_worker(struct work_struct *work)
{
	struct page *list, *page, *next, *early = NULL, **tail = &early;
	unsigned long flags;

	spin_lock_irqsave(&p2pmem_returning_lock, flags);
	list = p2pmem_returning;
	p2pmem_returning = NULL;
	spin_unlock_irqrestore(&p2pmem_returning_lock, flags);

	for (page = list; page; page = next) {
		next = page->zone_device_data;
		if (page_ref_count(page) == 1) {
			page->zone_device_data = NULL;
			p2pmem_return(p2pmem_page_region(page), page, 1);
		} else {
			page->zone_device_data = NULL;
			*tail = page;
			tail = (struct page **)&page->zone_device_data;
		}
	}
	if (!early)
		return;

	/* The thread that dropped the reference has not left page_free()'s caller yet. */
	spin_lock_irqsave(&p2pmem_returning_lock, flags);
	*tail = p2pmem_returning;
	p2pmem_returning = early;
	spin_unlock_irqrestore(&p2pmem_returning_lock, flags);
	queue_delayed_work(p2pmem_wq, &p2pmem_return_work, 1);
}

/**
 * p2pmem_mark_run() - p2pmem_mark_pages() out of line
 * @page: the first one, just allocated or about to be free
 * @nr: how many
 * @data: for zone_device_data of each
 *
 * Context: Any.
 */
void p2pmem_mark_run(struct page *page, unsigned long nr, void *data)
{
	p2pmem_mark_pages(page, nr, data);
}

/**
 * p2pmem_disown_run() - p2pmem_disown_pages() out of line
 * @page: the first one, of a pool
 * @nr: how many
 *
 * Context: Any but NMI.
 * Return: as p2pmem_disown_pages().
 */
bool p2pmem_disown_run(struct page *page, unsigned long nr)
{
	return p2pmem_disown_pages(page, nr);
}

/**
 * p2pmem_put_pages() - drop the user's reference of each page
 * @region: their region
 * @page: the first one
 * @nr: number of pages, in one run
 *
 * A page with another reference is freed when that is dropped.
 *
 * Context: Any but NMI.
 */
void p2pmem_put_pages(struct p2pmem_region *region, struct page *page, size_t nr)
{
	size_t run = 0;

	for (; nr; nr--, page++) {
		/*
		 * With a count of one the only reference is the caller's, and others need
		 * a reference to take another one.
		 */
		if (likely(page_ref_count(page) == 1)) {
			run++;
			continue;
		}
		if (run)
			p2pmem_return(region, page - run, run);
		run = 0;
		put_page(page);
	}
	if (run)
		p2pmem_return(region, page - run, run);
}

/* Some of the pages are somebody else's, too, or are not allocated. */
static noinline void p2pmem_free_pages_slow(struct p2pmem_region *region, struct page *page,
					    size_t nr)
{
	bool twice = false;
	size_t run = 0;

	for (; nr; nr--, page++) {
		if (likely(p2pmem_disown_page(page))) {
			run++;
			continue;
		}
		twice = true;
		if (run)
			p2pmem_put_pages(region, page - run, run);
		run = 0;
	}
	if (run)
		p2pmem_put_pages(region, page - run, run);
	if (twice)
		p2pmem_warn_not_allocated(pci_name(region->provider->pdev));
}

/**
 * p2pmem_free_pages() - free pages of a pool
 * @page: the first one
 * @nr: number of pages, in one run
 *
 * A page with another reference is freed when that is dropped. A page that is
 * not allocated stays where it is, and there is a warning.
 *
 * Context: Any but NMI.
 */
void p2pmem_free_pages(struct page *page, unsigned long nr)
{
	struct p2pmem_region *region = p2pmem_page_region(page);

	/* Of several CPUs that free the run at the same moment one gets its first page. */
	if (likely(p2pmem_pages_in_use(page, nr) && p2pmem_disown_page(page))) {
		p2pmem_mark_run(page, nr, NULL);
		p2pmem_return_quick(region, page, nr);
	} else {
		p2pmem_free_pages_slow(region, page, nr);
	}
}

/* Something is unusual about the page. */
static noinline void p2pmem_free_page_slow(struct page *page)
{
	struct p2pmem_region *region;

	if (WARN_ON_ONCE(!is_pci_p2pmem_page(page)))
		return;
	region = p2pmem_page_region(page);
	if (!WARN_ON_ONCE(region->kind != PCI_P2PMEM_POOL))
		p2pmem_free_pages(page, 1);
}

/**
 * p2pmem_free_page() - free a page of a pool
 * @page: any page; there is a warning for one that is not of a pool
 *
 * Otherwise as p2pmem_free_pages().
 *
 * Context: Any but NMI.
 */
void p2pmem_free_page(struct page *page)
{
	struct p2pmem_region *region;

	if (unlikely(!is_zone_device_page(page) || page->pgmap->ops != &p2pmem_pagemap_ops))
		goto slow;
	region = p2pmem_page_region(page);
	if (unlikely(region->kind != PCI_P2PMEM_POOL || page_ref_count(page) != 1 ||
		     !p2pmem_disown_page(page)))
		goto slow;
	p2pmem_return_quick(region, page, 1);
	return;
slow:
	p2pmem_free_page_slow(page);
}

/**
 * p2pmem_region_alloc() - allocate a region and its dev_pagemap
 * @node: NUMA node
 *
 * Context: Process context, may sleep.
 * Return: the region, all zero, or NULL.
 */
struct p2pmem_region *p2pmem_region_alloc(int node)
{
	struct p2pmem_pages *pages = kzalloc_node(sizeof(*pages), GFP_KERNEL, node);

	return pages ? &pages->region : NULL;
}

/**
 * p2pmem_region_free() - free a region
 * @r: the region, without pages
 *
 * Context: Process context.
 */
void p2pmem_region_free(struct p2pmem_region *r)
{
	if (r->hold.parent)
		release_resource(&r->hold);
	kfree(to_pages(r));
}

/**
 * p2pmem_region_unmap() - undo p2pmem_region_map()
 * @r: the region; all of its pages are free
 *
 * Context: Process context, may sleep.
 */
void p2pmem_region_unmap(struct p2pmem_region *r)
{
	if (r->kind != PCI_P2PMEM_REGISTERS)
		memunmap_pages(&to_pages(r)->pgmap);
}

/**
 * p2pmem_pages_map() - create the pages of a region
 * @r: the region
 * @node: NUMA node for them
 *
 * Context: Process context, may sleep.
 * Return: kernel address of the first page, or an error pointer.
 */
void *p2pmem_pages_map(struct p2pmem_region *r, int node)
{
	struct dev_pagemap *pgmap = &to_pages(r)->pgmap;

	KUNIT_STATIC_STUB_REDIRECT(p2pmem_pages_map, r, node);
	pgmap->type = MEMORY_DEVICE_PCI_P2PDMA;
	pgmap->range.start = r->phys;
	pgmap->range.end = r->phys + r->size - 1;
	pgmap->nr_range = 1;
	pgmap->ops = &p2pmem_pagemap_ops;
	return memremap_pages(pgmap, node);
}

/**
 * p2pmem_region_map() - create the pages of a region, if its kind has pages
 * @r: the region, from p2pmem_region_init()
 * @pdev: PCI function
 *
 * Context: Process context, may sleep.
 * Return: 0, or an errno after a message.
 */
int p2pmem_region_map(struct p2pmem_region *r, struct pci_dev *pdev)
{
	u64 offset = r->offset;
	size_t size = r->size;
	void *addr;
	int ret;

	if (r->kind == PCI_P2PMEM_REGISTERS)
		return 0;

	if (!p2pmem_trim(r)) {
		pci_err(pdev, "cannot register %#zx bytes at %#llx of BAR %d: the range contains no aligned block of %#lx bytes\n",
			size, offset, r->bar, memremap_compat_align());
		return -EINVAL;
	}
	if (r->size != size)
		pci_warn(pdev, "registering only %#zx of %#zx bytes of BAR %d: only whole blocks of %#lx bytes can have struct pages\n",
			 r->size, size, r->bar, memremap_compat_align());

	ret = p2pmem_region_check(r, pdev);
	if (ret)
		return ret;
	addr = p2pmem_pages_map(r, dev_to_node(&pdev->dev));
	if (IS_ERR(addr)) {
		p2pmem_region_failed(r, pdev, PTR_ERR(addr));
		return PTR_ERR(addr);
	}
	r->virt = addr;
	return 0;
}
