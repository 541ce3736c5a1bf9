// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: runs of peer memory
 *
 * Floor 7.
 *
 * Allocation and freeing of single runs, by kernel address. The kernel address of peer
 * memory names it; the CPU is not meant to read or write there.
 */
#include <linux/io.h>
#include <linux/module.h>
#include <trace/events/p2pmem.h>
#include "p2pdma.h"
#include "registry.h"
#include "cache.h"
#include "pages.h"

/**
 * p2pmem_alloc_reason() - reason of a failed allocation
 * @p: the provider
 * @size: bytes that were requested
 * @error: -ENODEV, -ENOBUFS when the kernel has no memory, -ENOMEM
 *
 * A pool that would have had it, were it not for what the provider's own driver keeps, is
 * not to be made larger: that driver is to take less.
 *
 * Context: Any.
 * Return: the reason.
 */
enum pci_p2pmem_reason p2pmem_alloc_reason(struct p2pmem_provider *p, size_t size, long error)
{
	if (error == -ENODEV)
		return PCI_P2PMEM_REVOKED;
	if (error == -ENOBUFS)
		return PCI_P2PMEM_NO_MEMORY;
	if (p2pmem_pool_size(p->pool) - atomic_long_read(&p->own) < size &&
	    p2pmem_pool_size(p->pool) >= size)
		return PCI_P2PMEM_OWN_QUEUES;
	return PCI_P2PMEM_POOL_FULL;
}

/**
 * p2pmem_clear() - write zeroes into peer memory, by the CPU
 * @addr: kernel address; the caller holds the memory, and that holds the provider
 * @size: bytes
 *
 * Context: Any.
 */
void p2pmem_clear(void *addr, size_t size)
{
	memset_io((void __iomem __force *)addr, 0, PAGE_ALIGN(size));
	/*
	 * PCIe does not order our posted writes against those of a client that arrive by another
	 * port. A read pushes them ahead of it.
	 */
	(void)readl((void __iomem __force *)addr + PAGE_ALIGN(size) - sizeof(u32));
}

static void *p2pmem_alloc_counted(struct pci_dev *provider, size_t size)
{
	void *addr = ERR_PTR(-ENODEV);
	struct p2pmem_provider *p;

	/* RCU makes sure that a revocation which we did not see waits for us. */
	guard(rcu)();
	p = p2pmem_find(provider);
	if (!p)
		return addr;
	if (likely(p2pmem_is_live(p)))
		addr = p2pmem_pool_alloc(p->pool, size) ?: ERR_PTR(-ENOMEM);
	if (trace_p2pmem_alloc_enabled())
		trace_p2pmem_alloc(p->pdev, NULL, size, IS_ERR(addr) ?
				   p2pmem_alloc_reason(p, size, PTR_ERR(addr)) :
				   PCI_P2PMEM_OK);
	return addr;
}

static noinline void *p2pmem_alloc_slow(struct pci_dev *provider, size_t size, gfp_t gfp)
{
	void *addr;

	if (!size)
		return NULL;
	addr = p2pmem_alloc_counted(provider, size);
	if (IS_ERR(addr))
		return NULL;
	p2pmem_set_page_grant(virt_to_page(addr), PAGE_ALIGN(size) >> PAGE_SHIFT, NULL);
	if (gfp & __GFP_ZERO)
		p2pmem_clear(addr, size);
	return addr;
}

/**
 * pci_p2pmem_alloc() - allocate a run of pooled peer memory
 * @provider: the providing function
 * @size: bytes; whole pages are taken
 * @gfp: __GFP_ZERO clears it, slowly, by the CPU; otherwise it holds whatever was
 *	there, so that it must be overwritten before anybody else may read it
 *
 * It is taken for nobody in particular: no client's quota counts it.
 *
 * Context: Any but NMI, whatever @gfp says.
 * Return: kernel address of the run, or NULL when there is no provider, it is
 * being revoked, or no free run is that long.
 */
void *pci_p2pmem_alloc(struct pci_dev *provider, size_t size, gfp_t gfp)
{
	struct p2pmem_provider *p;
	unsigned long flags;
	struct page *page;
	bool done = false;

	if (unlikely(size - 1 >= PAGE_SIZE || gfp & __GFP_ZERO || trace_p2pmem_alloc_enabled()))
		return p2pmem_alloc_slow(provider, size, gfp);
	/* One page, from the cache of this CPU: with interrupts off we are an RCU reader. */
	local_irq_save(flags);
	p = p2pmem_find_inline(provider);
	if (likely(p && READ_ONCE(p->state) == P2PMEM_LIVE))
		done = p2pmem_cache_pop(p->pool, 0, &page);
	local_irq_restore(flags);
	if (unlikely(!done))
		return p2pmem_alloc_slow(provider, size, gfp);
	p2pmem_set_page_grant(page, 1, NULL);
	return page_to_virt(page);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_alloc);

static noinline void p2pmem_free_slow(struct page *page, size_t size)
{
	struct p2pmem_region *region;

	if (WARN_ON_ONCE(!is_pci_p2pmem_page(page)))
		return;
	region = p2pmem_page_region(page);
	if (WARN_ON_ONCE(region->kind != PCI_P2PMEM_POOL))
		return;
	/* Trace first: freeing may drop the last reference to the provider. */
	trace_p2pmem_free(region->provider->pdev, NULL, size);
	p2pmem_free_pages(page, PAGE_ALIGN(size) >> PAGE_SHIFT);
}

/**
 * pci_p2pmem_free() - free a run of pooled peer memory
 * @addr: from pci_p2pmem_alloc()
 * @size: as allocated
 *
 * Context: Any but NMI.
 */
void pci_p2pmem_free(void *addr, size_t size)
{
	struct page *page = virt_to_page(addr);

	if (likely(size - 1 < PAGE_SIZE && !trace_p2pmem_free_enabled()))
		p2pmem_free_page(page);
	else
		p2pmem_free_slow(page, size);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_free);

/**
 * pci_p2pmem_bus_addr() - PCI bus address of peer memory
 * @addr: kernel address inside peer memory, or NULL
 *
 * For registers of the providing function itself. What a client uses comes from
 * pci_p2pmem_map_sg().
 *
 * Context: Any; the memory is held by the caller.
 * Return: the address on the provider's bus, 0 for NULL.
 */
pci_bus_addr_t pci_p2pmem_bus_addr(void *addr)
{
	struct p2pmem_region *r;

	if (!addr)
		return 0;
	r = p2pmem_page_region(virt_to_page(addr));
	return r->phys + (addr - r->virt) + r->bus_offset;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_bus_addr);

static void p2pmem_account_own(struct p2pmem_provider *p, long bytes)
{
	atomic_long_add(bytes, &p->own);
	p2pmem_wake_waiters(p);
}

/**
 * pci_p2pmem_alloc_own() - allocate memory for the provider's own driver
 * @pdev: PCI function that provides
 * @size: bytes, rounded up to whole pages
 *
 * For queues that stay in the memory across a reset. Works in any state but abandoned.
 * A drain does not wait for such memory; unbinding the driver does. The driver gets half of
 * its pool at most, so that its queues never leave no memory for others. The driver
 * serializes its calls, and frees the run by pci_p2pmem_free_own().
 *
 * Context: Any but NMI.
 * Return: kernel address of the run, or NULL if there is no provider, no free run is
 * long enough, or the driver would use more than half of the pool.
 */
void *pci_p2pmem_alloc_own(struct pci_dev *pdev, size_t size)
{
	size_t bytes = PAGE_ALIGN(size);
	struct p2pmem_provider *p;
	void *addr;

	guard(rcu)();
	p = p2pmem_find(pdev);
	if (!size || !p || p2pmem_is_abandoned(p) ||
	    atomic_long_read(&p->own) + bytes > p2pmem_pool_size(p->pool) / 2)
		return NULL;
	addr = p2pmem_pool_alloc(p->pool, bytes);
	if (!addr)
		return NULL;
	p2pmem_set_page_grant(virt_to_page(addr), bytes >> PAGE_SHIFT, NULL);
	/* A drain may have counted the run as in use by others: this wakes it. */
	p2pmem_account_own(p, bytes);
	return addr;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_alloc_own);

/**
 * pci_p2pmem_free_own() - free memory of the provider's own driver
 * @pdev: PCI function that provides
 * @addr: from pci_p2pmem_alloc_own()
 * @size: bytes, as allocated
 *
 * Context: Any but NMI.
 */
void pci_p2pmem_free_own(struct pci_dev *pdev, void *addr, size_t size)
{
	struct p2pmem_provider *p;

	scoped_guard(rcu) {
		p = p2pmem_find(pdev);
		if (p)
			p2pmem_account_own(p, -(long)PAGE_ALIGN(size));
	}
	pci_p2pmem_free(addr, size);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_free_own);
