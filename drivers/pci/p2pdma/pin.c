// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: memory that the provider's driver allocates itself
 *
 * Floor 7.
 *
 * For a GPU, for example: the core creates the pages and maps them, and the driver reports
 * which of them are in use. There is no pool and no grant.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include "p2pdma.h"

/**
 * pci_p2pmem_region_addr() - kernel address of registered memory
 * @provider: the providing function
 * @bar: number of the BAR
 * @offset: bytes into the BAR
 *
 * For the driver of PCI_P2PMEM_DRIVER memory, which gets its struct pages with
 * virt_to_page().
 *
 * Context: Any. Valid until the driver is unbound.
 * Return: the address, or NULL if no memory is registered there.
 */
void *pci_p2pmem_region_addr(struct pci_dev *provider, int bar, u64 offset)
{
	struct p2pmem_provider *p;
	struct p2pmem_region *r;

	guard(rcu)();
	p = p2pmem_find(provider);
	if (!p)
		return NULL;
	r = p2pmem_region_at(p, bar, offset, 1);
	return r && r->virt ? r->virt + (offset - r->offset) : NULL;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_region_addr);

static struct p2pmem_region *p2pmem_driver_region(struct p2pmem_provider *p, void *addr,
						  size_t size)
{
	struct page *page = virt_to_page(addr);
	struct p2pmem_region *r;

	if (!size || !PAGE_ALIGNED(addr) || !is_pci_p2pmem_page(page))
		return NULL;
	r = p2pmem_page_region(page);
	if (r->provider != p || r->kind != PCI_P2PMEM_DRIVER ||
	    size > r->size - (addr - r->virt))
		return NULL;
	return r;
}

/**
 * pci_p2pmem_pin() - mark driver-allocated memory as in use
 * @provider: the providing function
 * @addr: kernel address of a page of a PCI_P2PMEM_DRIVER region
 * @size: bytes; whole pages
 *
 * The region stays until pci_p2pmem_unpin().
 *
 * Context: Any but NMI.
 * Return: 0, -ENODEV if there is no provider or it is not live, -EINVAL if the range is
 * not within one PCI_P2PMEM_DRIVER region.
 */
int pci_p2pmem_pin(struct pci_dev *provider, void *addr, size_t size)
{
	struct p2pmem_provider *p;

	guard(rcu)();
	p = p2pmem_find(provider);
	if (!p || !p2pmem_is_live(p))
		return -ENODEV;
	if (!p2pmem_driver_region(p, addr, size))
		return -EINVAL;
	atomic_long_add(PAGE_ALIGN(size) >> PAGE_SHIFT, &p->pins);
	return 0;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_pin);

/**
 * pci_p2pmem_unpin() - mark driver-allocated memory as free
 * @addr: as pinned
 * @size: as pinned
 *
 * A page with other references keeps the region until the last one is dropped; the driver
 * must not allocate the page again before that.
 *
 * Context: Any but NMI.
 */
void pci_p2pmem_unpin(void *addr, size_t size)
{
	struct page *page = virt_to_page(addr);

	if (WARN_ON_ONCE(!is_pci_p2pmem_page(page) ||
			 p2pmem_page_region(page)->kind != PCI_P2PMEM_DRIVER))
		return;
	p2pmem_put_pages(p2pmem_page_region(page), page, PAGE_ALIGN(size) >> PAGE_SHIFT);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_unpin);
