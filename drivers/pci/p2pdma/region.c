// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: validation and look-up of BAR ranges
 *
 * Floor 2.
 *
 * Which ranges can be registered, which part of them can have pages, and which region a
 * range of a BAR belongs to. Arithmetic on resources; pages.c creates the pages.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <kunit/static_stub.h>
#include <linux/crash_dump.h>
#include <linux/memory_hotplug.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/module.h>
#include "p2pdma.h"

/* Serialises what adds providers and ranges: two BARs of a function may be added concurrently. */
DEFINE_MUTEX(p2pmem_regions_mutex);

/**
 * p2pmem_region_at() - find the region that holds a range of a BAR
 * @p: the provider
 * @bar: number of the BAR
 * @offset: bytes into the BAR
 * @size: bytes, not zero
 *
 * Context: RCU read side, or p2pmem_regions_mutex held.
 * Return: the region that holds all of it, or NULL.
 */
struct p2pmem_region *p2pmem_region_at(struct p2pmem_provider *p, int bar,
				       u64 offset, size_t size)
{
	struct p2pmem_region *r;

	list_for_each_entry_rcu(r, &p->regions, node, lockdep_is_held(&p2pmem_regions_mutex)) {
		if (r->bar == bar && offset >= r->offset &&
		    offset - r->offset < r->size &&
		    size <= r->size - (offset - r->offset))
			return r;
	}
	return NULL;
}

/**
 * p2pmem_trim() - reduce a range to the part that can have pages
 * @r: the region: @phys, @size and @offset are changed
 *
 * Context: Any.
 * Return: true if anything is left.
 */
bool p2pmem_trim(struct p2pmem_region *r)
{
	/* Pages come in subsections (2 MiB on x86, mm/memremap.c) */
	u64 align = memremap_compat_align();
	phys_addr_t start = ALIGN(r->phys, align);
	phys_addr_t end = ALIGN_DOWN(r->phys + r->size, align);

	if (start >= end)
		return false;
	r->offset += start - r->phys;
	r->phys = start;
	r->size = end - start;
	return true;
}

/**
 * p2pmem_capture_kernel() - whether this is a crash capture kernel
 *
 * Its memory is small, and the devices were not reset. KUnit suites can replace this.
 *
 * Context: Any.
 * Return: true in a kdump kernel.
 */
bool p2pmem_capture_kernel(void)
{
	KUNIT_STATIC_STUB_REDIRECT(p2pmem_capture_kernel);
	return is_kdump_kernel();
}

/**
 * p2pmem_memory_available() - memory that can be allocated without swapping
 *
 * KUnit suites can replace this.
 *
 * Context: Any.
 * Return: bytes.
 */
u64 p2pmem_memory_available(void)
{
	KUNIT_STATIC_STUB_REDIRECT(p2pmem_memory_available);
	return (u64)max(si_mem_available(), 0L) << PAGE_SHIFT;
}

/**
 * p2pmem_memory_range() - physical addresses that can have pages
 *
 * With KASLR they are fewer than the processor supports. KUnit suites can replace this.
 *
 * Context: Any.
 * Return: the range.
 */
struct range p2pmem_memory_range(void)
{
	KUNIT_STATIC_STUB_REDIRECT(p2pmem_memory_range);
	return mhp_get_pluggable_range(true);
}

/**
 * p2pmem_region_check() - whether pages for a range can be created
 * @r: the region, after p2pmem_trim()
 * @pdev: its function
 *
 * The struct pages are allocated from system memory (16 MiB for 1 GiB). At most half of
 * the available memory is used for them, so that the machine stays usable.
 *
 * Context: Process context.
 * Return: 0, or after a message: -ERANGE for an address that cannot have pages, -ENOMEM if
 * the struct pages need too much memory.
 */
int p2pmem_region_check(const struct p2pmem_region *r, struct pci_dev *pdev)
{
	u64 cost = (r->size >> PAGE_SHIFT) * sizeof(struct page);
	u64 available = p2pmem_memory_available();
	struct range range = p2pmem_memory_range();
	u64 fits = ALIGN_DOWN((available / 2 / sizeof(struct page)) << PAGE_SHIFT,
			      memremap_compat_align());

	if (r->phys < range.start || r->phys + r->size - 1 > range.end) {
		pci_err(pdev, "cannot register BAR %d: [%#llx-%#llx] is outside [%#llx-%#llx], the range that this kernel can map; boot with nokaslr if that extends the range, or place the BAR lower\n",
			r->bar, (u64)r->phys, (u64)r->phys + r->size - 1, range.start,
			range.end);
		return -ERANGE;
	}
	if (cost > available / 2) {
		pci_err(pdev, "cannot register %zu MiB of BAR %d: its struct pages need %llu MiB, more than half of the available %llu MiB of memory; %llu MiB would fit\n",
			r->size >> 20, r->bar, cost >> 20, available >> 20, fits >> 20);
		return -ENOMEM;
	}
	if (cost >= SZ_16M)
		pci_info(pdev, "struct pages for %zu MiB of BAR %d use %llu of the available %llu MiB of memory\n",
			 r->size >> 20, r->bar, cost >> 20, available >> 20);
	return 0;
}

/**
 * p2pmem_region_failed() - log why pages could not be created
 * @r: the region
 * @pdev: its function
 * @error: error of p2pmem_pages_map()
 *
 * Context: Process context.
 */
void p2pmem_region_failed(const struct p2pmem_region *r, struct pci_dev *pdev, int error)
{
	if (error == -ENOMEM)
		pci_err(pdev, "cannot register BAR %d: out of memory for the struct pages of %zu MiB\n",
			r->bar, r->size >> 20);
	else
		pci_err(pdev, "cannot register BAR %d: cannot create struct pages at %pa (%d); check whether it is mapped with another cache mode\n",
			r->bar, &r->phys, error);
}

/**
 * p2pmem_region_init() - validate a range of a BAR and initialise its region
 * @r: returns the region: all members but @provider and @virt
 * @pdev: PCI function
 * @bar: number of the BAR
 * @size: bytes, 0 for all from @offset to the end
 * @offset: bytes into the BAR
 * @kind: enum pci_p2pmem_kind
 *
 * Context: Process context.
 * Return: 0; -EINVAL, or -EOPNOTSUPP in a capture kernel, after a message.
 */
int p2pmem_region_init(struct p2pmem_region *r, struct pci_dev *pdev, int bar,
		       size_t size, u64 offset, unsigned int kind)
{
	resource_size_t len;

	if (p2pmem_capture_kernel()) {
		pci_info(pdev, "peer-to-peer memory is disabled in a crash capture kernel\n");
		return -EOPNOTSUPP;
	}
	if (kind >= PCI_P2PMEM_NR_KINDS) {
		pci_err(pdev, "cannot register memory of kind %u: valid kinds are 0 (pool), 1 (driver), 2 (registers)\n",
			kind);
		return -EINVAL;
	}
	if (bar < 0 || bar >= PCI_STD_NUM_BARS) {
		pci_err(pdev, "cannot register BAR %d: BARs are numbered 0 to %d\n", bar,
			PCI_STD_NUM_BARS - 1);
		return -EINVAL;
	}
	len = pci_resource_len(pdev, bar);
	if (!len || pci_resource_flags(pdev, bar) & IORESOURCE_UNSET) {
		pci_err(pdev, "cannot register BAR %d: it does not exist or has no address\n", bar);
		return -EINVAL;
	}
	if (!(pci_resource_flags(pdev, bar) & IORESOURCE_MEM)) {
		pci_err(pdev, "cannot register BAR %d: it is an I/O port range; choose a memory BAR\n",
			bar);
		return -EINVAL;
	}
	if (offset >= len || size > len - offset) {
		pci_err(pdev, "cannot register %#zx bytes at %#llx of BAR %d: the BAR has only %#llx bytes\n",
			size, offset, bar, (u64)len);
		return -EINVAL;
	}

	r->kind = kind;
	r->bar = bar;
	r->offset = offset;
	r->size = size ?: len - offset;
	r->phys = pci_resource_start(pdev, bar) + offset;
	r->bus_offset = pci_bus_address(pdev, bar) - pci_resource_start(pdev, bar);
	return 0;
}

/**
 * p2pmem_overlaps() - whether part of a range is registered already
 * @p: the provider
 * @n: the range
 *
 * Context: Process context, p2pmem_regions_mutex held.
 * Return: true if it is.
 */
bool p2pmem_overlaps(struct p2pmem_provider *p, const struct p2pmem_region *n)
{
	struct p2pmem_region *r;

	lockdep_assert_held(&p2pmem_regions_mutex);
	list_for_each_entry(r, &p->regions, node)
		if (r->bar == n->bar && n->offset < r->offset + r->size &&
		    r->offset < n->offset + n->size)
			return true;
	return false;
}

/**
 * pci_p2pmem_is_lent() - whether exactly this range is registered
 * @pdev: PCI function
 * @bar: number of the BAR
 * @size: bytes, 0 for all from @offset to the end
 * @offset: bytes into the BAR
 *
 * For drivers that check after a reset whether the device still has the range that they
 * registered. The range is compared after partial blocks are cut off.
 *
 * Context: Any.
 * Return: true if pci_p2pmem_add_resource() registered this range.
 */
bool pci_p2pmem_is_lent(struct pci_dev *pdev, int bar, size_t size, u64 offset)
{
	struct p2pmem_region want = {}, *r;
	struct p2pmem_provider *p;
	resource_size_t len;

	if (bar < 0 || bar >= PCI_STD_NUM_BARS)
		return false;
	len = pci_resource_len(pdev, bar);
	if (offset >= len || size > len - offset)
		return false;

	guard(rcu)();
	p = p2pmem_find(pdev);
	if (!p)
		return false;
	list_for_each_entry_rcu(r, &p->regions, node) {
		want.offset = offset;
		want.phys = pci_resource_start(pdev, bar) + offset;
		want.size = size ?: len - offset;
		if (r->bar != bar)
			continue;
		if (r->kind != PCI_P2PMEM_REGISTERS && !p2pmem_trim(&want))
			continue;
		if (want.offset == r->offset && want.size == r->size &&
		    want.phys == r->phys)
			return true;
	}
	return false;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_is_lent);
