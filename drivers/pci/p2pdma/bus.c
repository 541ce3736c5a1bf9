// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: scatterlists of peer memory to bus addresses, in one pass
 *
 * Floor 9.
 *
 * What every request calls. Nearly all lists are one entry, or pages of one region, allocated
 * under one grant or under none, that the client reaches by bus address. Such a list is checked
 * and written here in one pass. All else is in map.c.
 *
 * An entry that differs ends the pass: the entries before it are cleared, and map.c checks the
 * whole list before it writes. So a list that is refused may have lost what earlier mappings by
 * other code left in its DMA addresses, but it never keeps a mark.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <trace/events/p2pmem.h>
#include "entry.h"
#include "map.h"
#include "p2pdma.h"
#include "pages.h"
#include "state.h"

/* Maps one entry by its bus address, if the client reaches it. */
static __always_inline bool p2pmem_map_entry(struct device *client, struct scatterlist *sg,
					     u64 bus, struct p2pmem_pair *pair)
{
	if (unlikely(bus + sg->length - 1 > p2pmem_client_limit(client)))
		return false;
	sg_dma_address(sg) = bus;
	p2pmem_mark_entry(sg, sg->length);
	p2pmem_count_map(pair, sg->length);
	return true;
}

/* One entry of memory without a grant of the client: its pair is mapped as it is now. */
static noinline bool p2pmem_map_one_ungranted(struct device *client, struct scatterlist *sg,
					      struct p2pmem_provider *p, u64 bus)
{
	struct p2pmem_pair *pair;

	if (!client)
		return false;
	guard(rcu)();
	pair = p2pmem_pair_find(p, client);
	return pair && p2pmem_pair_mapping(pair) == PCI_P2PMEM_MAP_BUS_ADDR &&
		p2pmem_map_entry(client, sg, bus, pair);
}

/*
 * Maps one entry by bus address, which is what there nearly always is: false, and nothing is
 * done, for everything else, and for everything that is refused. Memory holds its grant, and the
 * grant its pairs, so under a grant this needs no RCU.
 */
static __always_inline bool p2pmem_map_one(struct device *client, struct scatterlist *sg)
{
	struct page *page = sg_page(sg);
	struct p2pmem_region *r = p2pmem_page_owner(page);
	struct pci_p2pmem_grant *grant;
	struct p2pmem_link *link;
	u64 phys;

	if (unlikely(!r))
		return false;
	phys = sg_phys(sg);
	if (unlikely(!p2pmem_region_has(r, sg, phys) ||
		     p2pmem_is_lost(r->provider)))
		return false;
	grant = p2pmem_page_grant(page);
	link = grant ? p2pmem_grant_link(grant, client) : NULL;
	if (unlikely(!link))
		return p2pmem_map_one_ungranted(client, sg, r->provider, phys + r->bus_offset);
	return likely(link->how == PCI_P2PMEM_MAP_BUS_ADDR &&
		      READ_ONCE(link->pair->disproofs) == link->disproofs) &&
		p2pmem_map_entry(client, sg, phys + r->bus_offset, link->pair);
}

/* An entry differs from the ones before it, which are cleared. */
static noinline bool p2pmem_map_undo(struct scatterlist *sg, const struct scatterlist *end)
{
	for (; sg != end; sg = p2pmem_sg_next(sg))
		p2pmem_clear_entry(sg);
	return false;
}

/* Bytes into a region of the page at @at bytes into the array of its pages */
static __always_inline u64 p2pmem_bytes_at(unsigned long at)
{
	if (PAGE_SIZE % sizeof(struct page) == 0)
		return at * (PAGE_SIZE / sizeof(struct page));
	return at / sizeof(struct page) * PAGE_SIZE;
}

/*
 * Maps all entries, or none. All must be in @r, and their pages have the mark @mark. The pages of
 * a region are one array, so the place of a page in it shows whether it is of this region and
 * what its address is. A chain entry is never there: it points to a list.
 */
static __always_inline bool p2pmem_map_same(struct scatterlist *sgl, int nents,
					    const struct p2pmem_region *r, const void *mark,
					    struct p2pmem_pair *pair)
{
	const void *first = pfn_to_page(PHYS_PFN(r->phys));
	const unsigned long span = (r->size >> PAGE_SHIFT) * sizeof(struct page);
	const u64 bus = r->phys + r->bus_offset;
	struct scatterlist *sg = sgl, *end = sgl + nents;
	unsigned long at;
	size_t more = 0;
	u64 bytes;

	while (sg != end) {
		/* Volatile: the compiler would merge what is cheaper apart. */
		at = READ_ONCE(sg->page_link) - (unsigned long)first;
		if (unlikely(at >= span)) {
			if (!sg_is_chain(sg))
				return p2pmem_map_undo(sgl, sg);
			end = sg_chain_ptr(sg) + (end - sg);
			sg = sg_chain_ptr(sg);
			continue;
		}
		/* The lowest bits of the link are marks of the entry. */
		at -= at % sizeof(struct page);
		if (unlikely(((const struct page *)(first + at))->zone_device_data != mark))
			return p2pmem_map_undo(sgl, sg);
		bytes = p2pmem_bytes_at(at);
		if (likely(!sg->offset && sg->length == PAGE_SIZE)) {
			p2pmem_mark_entry(sg, PAGE_SIZE);
			/* Otherwise the compiler stores them apart, after both branches. */
			barrier();
		} else {
			bytes += sg->offset;
			if (unlikely(!sg->length || bytes + sg->length > r->size))
				return p2pmem_map_undo(sgl, sg);
			more += sg->length - PAGE_SIZE;
			p2pmem_mark_entry(sg, sg->length);
		}
		sg_dma_address(sg) = bus + bytes;
		sg++;
	}
	this_cpu_inc(pair->count->maps);
	this_cpu_add(pair->count->bytes, nents * PAGE_SIZE + more);
	return true;
}

/* The same for memory without a grant of the client: its pair is mapped as it is now. */
static noinline bool p2pmem_map_ungranted(struct device *client, struct scatterlist *sg, int nents,
					  const struct p2pmem_region *r, const void *mark)
{
	struct p2pmem_pair *pair;

	guard(rcu)();
	pair = p2pmem_pair_find(r->provider, client);
	return pair && p2pmem_pair_mapping(pair) == PCI_P2PMEM_MAP_BUS_ADDR &&
		p2pmem_map_same(sg, nents, r, mark, pair);
}

/*
 * Maps entries by bus address if they are a usual list. False if nothing is mapped: an entry
 * differs from the first one, or the list is mapped in another way or refused.
 */
static __always_inline bool p2pmem_map_several(struct device *client, struct scatterlist *sg,
					       int nents)
{
	struct p2pmem_region *r = p2pmem_page_owner(sg_page(sg));
	struct pci_p2pmem_grant *grant;
	struct p2pmem_link *link;
	const void *mark;

	/* The end of the region, not of each entry: a region that crosses the limit is unusual. */
	if (unlikely(!r || p2pmem_is_lost(r->provider) ||
		     r->phys + r->bus_offset + r->size - 1 > p2pmem_client_limit(client)))
		return false;
	mark = sg_page(sg)->zone_device_data;
	grant = p2pmem_page_grant(sg_page(sg));
	link = grant ? p2pmem_grant_link(grant, client) : NULL;
	if (unlikely(!link))
		return p2pmem_map_ungranted(client, sg, nents, r, mark);
	/* The memory holds its grant, and the grant its pairs, so this needs no RCU. */
	return likely(link->how == PCI_P2PMEM_MAP_BUS_ADDR &&
		      READ_ONCE(link->pair->disproofs) == link->disproofs) &&
		p2pmem_map_same(sg, nents, r, mark, link->pair);
}

/* Entries of the usual kind, or else any list */
static noinline int p2pmem_map_entries(struct device *client, struct scatterlist *sg, int nents,
				       enum dma_data_direction dir)
{
	if (likely(nents > 1 && client && !trace_p2pmem_map_enabled() &&
		   p2pmem_map_several(client, sg, nents)))
		return nents;
	return p2pmem_map_list(client, sg, nents, dir);
}

/**
 * pci_p2pmem_map_sg() - map a scatterlist of peer memory for a client
 * @client: DMA device, a registered client (for RDMA ib_device->dma_device)
 * @sg: the list; all of it memory of one provider
 * @nents: its number of entries
 * @dir: direction
 *
 * On success the DMA addresses and lengths of the first entries are set, as by
 * dma_map_sg(). A refusal is counted, and logged once for each reason and verdict.
 *
 * Context: Any but NMI. The caller holds the memory.
 * Return: number of mapped entries, at most @nents. On error nothing is mapped: -EINVAL
 * for a list that is empty, mixed or not peer memory; -EOPNOTSUPP if @client is not a
 * client; -EXDEV without a path; -ENODEV if the contents are lost; -EIO from the IOMMU;
 * -ENOMEM.
 */
int pci_p2pmem_map_sg(struct device *client, struct scatterlist *sg, int nents,
		      enum dma_data_direction dir)
{
	if (likely(nents == 1 && !trace_p2pmem_map_enabled() && p2pmem_map_one(client, sg)))
		return 1;
	return p2pmem_map_entries(client, sg, nents, dir);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_map_sg);

/* Undoes a mapping by bus address. */
static __always_inline void p2pmem_unmap_bus(struct scatterlist *sg, int nents)
{
	struct scatterlist *end = sg + nents;

	while (sg != end) {
		/* Two entries for each step, while there are two. */
		for (; sg < end - 1 && !sg_is_chain(sg) && !sg_is_chain(sg + 1); sg += 2) {
			p2pmem_clear_entry(sg);
			p2pmem_clear_entry(sg + 1);
		}
		if (sg == end)
			return;
		if (sg_is_chain(sg)) {
			end = sg_chain_ptr(sg) + (end - sg);
			sg = sg_chain_ptr(sg);
		} else {
			p2pmem_clear_entry(sg++);
		}
	}
}

/* The region of an entry that is mapped by bus address, or NULL */
static __always_inline struct p2pmem_region *p2pmem_bus_mapped(struct scatterlist *sg)
{
	struct p2pmem_region *r = p2pmem_page_owner(sg_page(sg));

	/* The owner first: in an entry of other memory the mark is another driver's. */
	return likely(r && sg_dma_is_bus_address(sg)) ? r : NULL;
}

/* Entries of the usual kind, or else any list */
static noinline void p2pmem_unmap_entries(struct device *client, struct scatterlist *sg, int nents,
					  enum dma_data_direction dir)
{
	struct p2pmem_region *r = NULL;

	if (likely(nents > 1 && !trace_p2pmem_unmap_enabled()))
		r = p2pmem_bus_mapped(sg);
	if (unlikely(!r))
		return p2pmem_unmap_list(client, sg, nents, dir);
	p2pmem_unmap_bus(sg, nents);
	p2pmem_count_unmap_of(r, sg_page(sg), client);
}

/**
 * pci_p2pmem_unmap_sg() - undo pci_p2pmem_map_sg()
 * @client: as mapped
 * @sg: as mapped
 * @nents: as passed to pci_p2pmem_map_sg(), not its return value
 * @dir: as mapped
 *
 * Context: Any but NMI. The caller still holds the memory.
 */
void pci_p2pmem_unmap_sg(struct device *client, struct scatterlist *sg, int nents,
			 enum dma_data_direction dir)
{
	struct p2pmem_region *r;

	if (unlikely(nents != 1 || trace_p2pmem_unmap_enabled()))
		return p2pmem_unmap_entries(client, sg, nents, dir);
	r = p2pmem_bus_mapped(sg);
	if (unlikely(!r))
		return p2pmem_unmap_list(client, sg, 1, dir);
	p2pmem_clear_entry(sg);
	p2pmem_count_unmap_of(r, sg_page(sg), client);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_unmap_sg);
