// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: a device's BARs as memory that others can use
 *
 * Registration of ranges, their ZONE_DEVICE pages, and the way back of every
 * page. The only file that touches struct dev_pagemap.
 *
 * A page that is handed out has a reference count of one, as it has when it is
 * free: the page allocator is not involved. Whoever keeps a page longer than
 * its user takes a reference, and such a page comes back through page_free()
 * when the last one is dropped. The mapping of a BAR goes away only after its
 * last page came back: p2pmem_provider_withdraw() waits for that.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <linux/memremap.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "p2pdma.h"

/**
 * struct p2pmem_pages - a region and its pages
 * @region: what the rest of the module knows
 * @pgmap: what the kernel knows; unused for registers
 */
struct p2pmem_pages {
	struct p2pmem_region region;
	struct dev_pagemap pgmap;
};

/* Serialises the making of providers: two BARs of one function may come at once. */
static DEFINE_MUTEX(p2pmem_add_mutex);

/*
 * Pages whose last foreign reference was dropped, linked by zone_device_data.
 * The kernel sets their count back to one only after page_free() returned, so
 * they must not be handed out before: a worker waits for the one.
 */
static DEFINE_SPINLOCK(p2pmem_returning_lock);
static struct page *p2pmem_returning;	/* guarded by the lock, irq-safe */
static void p2pmem_return_worker(struct work_struct *work);
static DECLARE_DELAYED_WORK(p2pmem_return_work, p2pmem_return_worker);

/**
 * p2pmem_pages_exit() - no page is on its way back any more
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
	/* Under the lock: once the page is taken from the list, this module may go. */
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

/* The quick half of the test is is_pci_p2pmem_page(). */
bool __is_pci_p2pmem_page(const struct page *page)
{
	return page->pgmap->type == MEMORY_DEVICE_PCI_P2PDMA &&
		page->pgmap->ops == &p2pmem_pagemap_ops;
}
EXPORT_SYMBOL_GPL(__is_pci_p2pmem_page);

/* @nr pages are free again: nobody but the caller knows them. */
static void p2pmem_return(struct p2pmem_region *region, struct page *page, size_t nr)
{
	struct p2pmem_provider *p = region->provider;

	/* Keeps the provider until we are done with it, see p2pmem_drain_all(). */
	guard(rcu)();
	if (region->kind == PCI_P2PMEM_POOL)
		p2pmem_pool_free(p->pool, page_to_virt(page), nr << PAGE_SHIFT);
	else
		atomic_long_sub(nr, &p->pins);
	p2pmem_came_back(p);
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

	/* Whoever dropped the reference is still inside page_free()'s caller. */
	spin_lock_irqsave(&p2pmem_returning_lock, flags);
	*tail = p2pmem_returning;
	p2pmem_returning = early;
	spin_unlock_irqrestore(&p2pmem_returning_lock, flags);
	queue_delayed_work(p2pmem_wq, &p2pmem_return_work, 1);
}

/**
 * p2pmem_put_pages() - take pages back from their user
 * @region: their region
 * @page: the first one
 * @nr: how many, in one run
 *
 * A page that has another reference left goes back when that is dropped.
 *
 * Context: Any but NMI.
 */
void p2pmem_put_pages(struct p2pmem_region *region, struct page *page, size_t nr)
{
	size_t run = 0;

	for (; nr; nr--, page++) {
		/*
		 * With a count of one the reference is the caller's own, and
		 * nobody can take another one without having one.
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

static void p2pmem_region_free(struct p2pmem_region *r)
{
	if (r->kind != PCI_P2PMEM_REGISTERS)
		memunmap_pages(&to_pages(r)->pgmap);
	kfree(to_pages(r));
}

static void p2pmem_hide(struct p2pmem_provider *p)
{
	if (p->sysfs)
		p2pmem_sysfs_remove(p->pdev);
	p->sysfs = false;
}

/* Everything is back, and nobody is to have any of it again: let go of it. */
VISIBLE_IF_KUNIT void p2pmem_provider_destroy(struct p2pmem_provider *p)
{
	struct p2pmem_region *r, *next;

	p2pmem_hide(p);
	cancel_work_sync(&p->live_work);
	p2pmem_unregister(p);
	p2pmem_paths_drop_provider(p);
	list_for_each_entry_safe(r, next, &p->regions, node)
		p2pmem_region_free(r);
	p2pmem_pool_destroy(p->pool);
	p2pmem_provider_put(p);
}

/* Runs when the provider's driver is unbound, after its remove function. */
static void p2pmem_provider_withdraw(void *data)
{
	struct pci_dev *pdev = data;
	struct p2pmem_provider *p = p2pmem_provider_get(pdev);

	if (WARN_ON(!p))
		return;
	pci_p2pmem_revoke(pdev);
	if (p2pmem_drain_all(p)) {
		/*
		 * Killed while somebody still holds pages. They stay mapped and
		 * this module stays loaded: the alternative is a user of
		 * unmapped memory.
		 */
		__module_get(THIS_MODULE);
		p2pmem_hide(p);
		mutex_lock(&p->lock);
		WRITE_ONCE(p->abandoned, true);
		mutex_unlock(&p->lock);
		pci_err(pdev, "peer-to-peer memory is still held: its pages stay until the next boot; reboot before the device is used again\n");
	} else {
		p2pmem_provider_destroy(p);
	}
	p2pmem_provider_put(p);
}

/*
 * It was to be seen by anyone, and came to nothing: a grant that somebody was given
 * meanwhile must not look for memory in it.
 */
static void p2pmem_provider_unmake(struct p2pmem_provider *p)
{
	pci_p2pmem_revoke(p->pdev);
	p2pmem_provider_destroy(p);
}

/*
 * The new provider lends nothing yet, and is withdrawn with its driver. Returns it
 * with a reference for the caller, or NULL without memory.
 */
static struct p2pmem_provider *p2pmem_provider_make(struct pci_dev *pdev)
{
	struct p2pmem_provider *p;

	p = kzalloc_node(sizeof(*p), GFP_KERNEL, dev_to_node(&pdev->dev));
	if (!p)
		return NULL;
	p->pool = p2pmem_pool_create(dev_to_node(&pdev->dev));
	if (!p->pool) {
		kfree(p);
		return NULL;
	}
	p->pdev = pci_dev_get(pdev);
	kref_init(&p->ref);
	mutex_init(&p->lock);
	INIT_LIST_HEAD(&p->regions);
	INIT_LIST_HEAD(&p->grants);
	p2pmem_state_init(p);
	kref_get(&p->ref);
	p2pmem_register(p);
	if (devm_add_action(&pdev->dev, p2pmem_provider_withdraw, pdev)) {
		p2pmem_provider_unmake(p);
		p2pmem_provider_put(p);
		return NULL;
	}
	p->sysfs = !p2pmem_sysfs_add(pdev);
	if (!p->sysfs)
		pci_warn(pdev, "lends memory, but its p2pmem directory in sysfs could not be made\n");
	return p;
}

/**
 * p2pmem_pages_map() - make the pages of a region
 * @r: the region
 * @node: NUMA node for them
 *
 * Context: Process context, may sleep.
 * Return: kernel address of the first one, or an error pointer.
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

static int p2pmem_region_map(struct p2pmem_region *r, struct pci_dev *pdev)
{
	u64 offset = r->offset;
	size_t size = r->size;
	void *addr;

	if (r->kind == PCI_P2PMEM_REGISTERS)
		return 0;

	if (!p2pmem_trim(r)) {
		pci_err(pdev, "cannot lend %#zx bytes at %#llx of BAR %d: pages need an aligned block of %#lx bytes inside it\n",
			size, offset, r->bar, memremap_compat_align());
		return -EINVAL;
	}
	if (r->size != size)
		pci_warn(pdev, "lends only %#zx of %#zx bytes of BAR %d: pages need blocks of %#lx bytes\n",
			 r->size, size, r->bar, memremap_compat_align());

	addr = p2pmem_pages_map(r, dev_to_node(&pdev->dev));
	if (IS_ERR(addr)) {
		pci_err(pdev, "cannot lend BAR %d: no pages for %pa (%ld); is it mapped with another cache mode, or out of the range of physical memory?\n",
			r->bar, &r->phys, PTR_ERR(addr));
		return PTR_ERR(addr);
	}
	r->virt = addr;
	return 0;
}

static int p2pmem_add_region(struct p2pmem_provider *p, struct p2pmem_region *r)
{
	struct pci_dev *pdev = p->pdev;
	int ret;

	lockdep_assert_held(&p->lock);
	if (p->abandoned) {
		pci_err(pdev, "cannot lend BAR %d: pages from before are still held; reboot first\n",
			r->bar);
		return -EBUSY;
	}
	if (p2pmem_overlaps(p, r)) {
		pci_err(pdev, "cannot lend %#zx bytes at %#llx of BAR %d: part of it is lent already\n",
			r->size, r->offset, r->bar);
		return -EEXIST;
	}
	ret = p2pmem_region_map(r, pdev);
	if (ret)
		return ret;

	r->provider = p;
	if (r->kind == PCI_P2PMEM_POOL) {
		ret = p2pmem_pool_add(p->pool, r->virt, r->size,
				      dev_to_node(&pdev->dev));
		if (ret) {
			pci_err(pdev, "cannot lend BAR %d: no memory for the bookkeeping of its pages\n",
				r->bar);
			memunmap_pages(&to_pages(r)->pgmap);
			return ret;
		}
	}
	if (r->kind != PCI_P2PMEM_REGISTERS) {
		p->phys_end = max_t(u64, p->phys_end, r->phys + r->size - 1);
		p->bus_end = max_t(u64, p->bus_end,
				   r->phys + r->bus_offset + r->size - 1);
	}
	list_add_tail_rcu(&r->node, &p->regions);
	return 0;
}

/**
 * pci_p2pmem_add_resource() - lend a range of a BAR
 * @pdev: PCI function
 * @bar: number of the BAR, 0 to 5
 * @size: bytes, 0 for all from @offset to the end
 * @offset: bytes into the BAR
 * @kind: enum pci_p2pmem_kind
 *
 * May be called for several ranges and several BARs, once each. Memory
 * (PCI_P2PMEM_POOL, PCI_P2PMEM_DRIVER) gets struct pages, which come in blocks
 * of memremap_compat_align() bytes (2 MiB on x86): what does not fill one is cut
 * off, with a message. The BAR must not be mapped with another cache mode.
 *
 * The memory is withdrawn when the driver of @pdev is unbound. The driver calls
 * pci_p2pmem_revoke() first thing in its remove, shutdown, suspend and reset,
 * before it disables the device.
 *
 * Context: Process context, from the probe function of the device's driver or
 * later, while it is bound. May sleep.
 * Return: 0; -EINVAL for a range or BAR that cannot be lent; -EEXIST when part
 * of it is lent already; -EBUSY when pages that an earlier driver lent never came
 * back; -ENOMEM; what memremap_pages() returns. Each with a message.
 */
int pci_p2pmem_add_resource(struct pci_dev *pdev, int bar, size_t size, u64 offset,
			    unsigned int kind)
{
	struct p2pmem_provider *p;
	struct p2pmem_pages *pages;
	struct p2pmem_region *r;
	bool made = false;
	int ret;

	pages = kzalloc_node(sizeof(*pages), GFP_KERNEL, dev_to_node(&pdev->dev));
	if (!pages)
		return -ENOMEM;
	r = &pages->region;
	ret = p2pmem_region_init(r, pdev, bar, size, offset, kind);
	if (ret) {
		kfree(pages);
		return ret;
	}

	mutex_lock(&p2pmem_add_mutex);
	p = p2pmem_provider_get(pdev);
	if (!p) {
		made = true;
		p = p2pmem_provider_make(pdev);
		if (!p) {
			ret = -ENOMEM;
			goto out_free;
		}
	}

	mutex_lock(&p->lock);
	ret = p2pmem_add_region(p, r);
	mutex_unlock(&p->lock);
	if (ret && made) {
		devm_remove_action(&pdev->dev, p2pmem_provider_withdraw, pdev);
		p2pmem_provider_unmake(p);
	}
	p2pmem_provider_put(p);
	if (ret)
		goto out_free;
	mutex_unlock(&p2pmem_add_mutex);

	p2pmem_policy_changed();
	pci_info(pdev, "lends %#zx bytes of BAR %d at %pa as peer-to-peer %s\n", r->size,
		 bar, &r->phys, kind == PCI_P2PMEM_REGISTERS ? "registers" : "memory");
	return 0;

out_free:
	mutex_unlock(&p2pmem_add_mutex);
	kfree(pages);
	return ret;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_add_resource);
