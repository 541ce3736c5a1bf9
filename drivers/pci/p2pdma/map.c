// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: mapping of peer memory for clients
 *
 * Floor 8.
 *
 * Below one upstream bridge a client uses the bus address: physical address plus
 * the offset of the provider's host bridge. Through an allowed host bridge it uses
 * an address from dma_map_resource(), which never bounces and supports IOMMUs.
 * dma_map_sg() is not used: without the kernel's own peer-to-peer option it treats
 * these pages as RAM.
 *
 * The pages of a list name the grant that they were allocated under, and that grant
 * determines the mapping; memory without a grant is mapped as its pair is now. Either is a
 * pointer and a mask: mapping evaluates no pair, reads no configuration space and allocates
 * nothing. Refusals are logged from a work item.
 *
 * The scatterlist itself records the mapping (the bus address mark and the DMA lengths), so
 * unmapping does not depend on the current verdict. It restores the list: a driver may use
 * its table for system memory next.
 *
 * Here is what maps and unmaps any list. What every request calls is in bus.c, which leaves to
 * this file the lists that are not of the usual kind.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <trace/events/p2pmem.h>
#include "entry.h"
#include "map.h"
#include "p2pdma.h"
#include "pages.h"
#include "state.h"

/**
 * struct p2pmem_list - contents of a scatterlist
 * @provider: the provider of all entries
 * @grant: the grant that all entries were allocated under, or NULL
 * @bytes: payload
 * @bus_end: highest bus address of an entry
 * @phys_end: highest physical address of an entry
 */
struct p2pmem_list {
	struct p2pmem_provider *provider;
	struct pci_p2pmem_grant *grant;
	size_t bytes;
	u64 bus_end;
	u64 phys_end;
};

/* The region of pages of the same provider that begins where @r ends, or NULL */
static struct p2pmem_region *p2pmem_region_behind(const struct p2pmem_region *r)
{
	struct p2pmem_region *next;

	list_for_each_entry_rcu(next, &r->provider->regions, node)
		if (next->phys == r->phys + r->size && next->kind != PCI_P2PMEM_REGISTERS &&
		    next->bus_offset == r->bus_offset)
			return next;
	return NULL;
}

/*
 * Whether an entry that begins in @r ends in a region behind it. Memory is not allocated so, but
 * some block layers join adjacent pages without a look at what they belong to.
 */
static noinline bool p2pmem_entry_goes_on(const struct p2pmem_region *r, struct scatterlist *sg)
{
	phys_addr_t end = sg_phys(sg) + sg->length;

	if (!sg->length)
		return false;
	guard(rcu)();
	do {
		r = p2pmem_region_behind(r);
	} while (r && end > r->phys + r->size);
	return r;
}

/*
 * Collects what the entries have in common; false if they are not memory of one provider.
 * Only pages of a region have addresses inside it, so for further entries of the same
 * region only the grant is read from the page.
 */
static bool p2pmem_list_scan(struct scatterlist *sg, int nents, struct p2pmem_list *list)
{
	u64 phys, end, phys_end = 0, bus_end = 0;
	struct p2pmem_provider *p = NULL;
	struct pci_p2pmem_grant *grant = NULL;
	struct p2pmem_region *r = NULL;
	size_t bytes = 0;

	for (;; sg = p2pmem_sg_next(sg)) {
		phys = sg_phys(sg);
		if (!r || phys - r->phys >= r->size) {
			if (!is_pci_p2pmem_page(sg_page(sg)))
				return false;
			r = p2pmem_page_region(sg_page(sg));
			if (p && r->provider != p)
				return false;
		}
		if (!p2pmem_region_has(r, sg, phys) && !p2pmem_entry_goes_on(r, sg))
			return false;
		if (!p) {
			p = r->provider;
			grant = p2pmem_page_grant(sg_page(sg));
		} else if (p2pmem_page_grant(sg_page(sg)) != grant) {
			grant = NULL;
		}
		bytes += sg->length;
		end = phys + sg->length - 1;
		phys_end = max(phys_end, end);
		bus_end = max(bus_end, end + r->bus_offset);
		if (!--nents)
			break;
	}
	*list = (struct p2pmem_list){ p, grant, bytes, bus_end, phys_end };
	return true;
}

static size_t p2pmem_list_bytes(struct scatterlist *sgl, int nents)
{
	struct scatterlist *sg;
	size_t bytes = 0;
	int i;

	for_each_sg(sgl, sg, nents, i)
		bytes += sg->length;
	return bytes;
}

/* The list has passed p2pmem_list_scan(). */
static void p2pmem_map_bus(struct scatterlist *sg, int nents)
{
	struct p2pmem_region *r = NULL;

	for (;; sg = p2pmem_sg_next(sg)) {
		if (!r || sg_phys(sg) - r->phys >= r->size)
			r = p2pmem_page_region(sg_page(sg));
		sg_dma_address(sg) = sg_phys(sg) + r->bus_offset;
		p2pmem_mark_entry(sg, sg->length);
		if (!--nents)
			break;
	}
}

/* The reason for an error of p2pmem_map_host() and the checks before it */
static enum pci_p2pmem_reason p2pmem_map_reason(int error)
{
	return error == -EIO ? PCI_P2PMEM_MAP_FAILED : PCI_P2PMEM_DMA_MASK;
}

/* There is no pair: @client is not a client, or its pair could not be allocated. */
static int p2pmem_refuse_unpaired(struct p2pmem_provider *p, struct device *client, size_t bytes)
{
	return p2pmem_refuse(p->pdev, client, bytes, p2pmem_is_client(client) ?
			     PCI_P2PMEM_NO_MEMORY : PCI_P2PMEM_NOT_A_CLIENT);
}

/*
 * The pair of a list and a client, and its mapping: that of the memory's grant, or else the
 * current one of the pair. NULL if @client is not a client, or there is no pair.
 */
static struct p2pmem_pair *p2pmem_list_pair(const struct p2pmem_list *list,
					    struct device *client,
					    enum pci_p2pmem_mapping *how)
{
	struct p2pmem_link *link;
	struct p2pmem_pair *pair;

	link = list->grant ? p2pmem_grant_link(list->grant, client) : NULL;
	if (likely(link)) {
		*how = likely(READ_ONCE(link->pair->disproofs) == link->disproofs) ?
			link->how : PCI_P2PMEM_MAP_NONE;
		return link->pair;
	}
	pair = p2pmem_pair_find(list->provider, client);
	if (pair)
		*how = p2pmem_pair_mapping(pair);
	return pair;
}

/* Why an existing pair cannot be mapped */
static enum pci_p2pmem_reason p2pmem_pair_reason(struct p2pmem_pair *pair)
{
	struct pci_p2pmem_verdict v;

	p2pmem_pair_verdict(pair, &v, NULL);
	/* The pair is allowed now, but was disproved since the grant was created. */
	return v.reason ?: PCI_P2PMEM_VERIFY_FAILED;
}

/* The provider of the first peer memory entry of a list, or NULL; for refusals */
static struct pci_dev *p2pmem_first_provider(struct scatterlist *sgl, int nents)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i)
		if (is_pci_p2pmem_page(sg_page(sg)))
			return p2pmem_page_region(sg_page(sg))->provider->pdev;
	return NULL;
}

/**
 * p2pmem_map_list() - map any list
 * @client: as for pci_p2pmem_map_sg()
 * @sg: the list
 * @nents: its number of entries
 * @dir: direction
 *
 * Everything is checked before the first write.
 *
 * Context: As pci_p2pmem_map_sg().
 * Return: as pci_p2pmem_map_sg().
 */
int p2pmem_map_list(struct device *client, struct scatterlist *sg, int nents,
		    enum dma_data_direction dir)
{
	enum pci_p2pmem_mapping how;
	struct p2pmem_list list;
	struct p2pmem_pair *pair;
	int ret;

	if (nents < 1)
		return -EINVAL;
	if (!client)
		return p2pmem_refuse(p2pmem_first_provider(sg, nents), NULL,
				     p2pmem_list_bytes(sg, nents), PCI_P2PMEM_NO_DMA_DEVICE);
	if (!p2pmem_list_scan(sg, nents, &list))
		return p2pmem_refuse(p2pmem_first_provider(sg, nents), client,
				     p2pmem_list_bytes(sg, nents), PCI_P2PMEM_MIXED_LIST);
	if (p2pmem_is_lost(list.provider))
		return p2pmem_refuse(list.provider->pdev, client, list.bytes,
				     PCI_P2PMEM_REVOKED);

	guard(rcu)();
	pair = p2pmem_list_pair(&list, client, &how);
	if (!pair)
		return p2pmem_refuse_unpaired(list.provider, client, list.bytes);
	switch (how) {
	case PCI_P2PMEM_MAP_BUS_ADDR:
		/* All checks precede the first write to the list. */
		ret = -EXDEV;
		if (list.bus_end <= p2pmem_client_limit(client)) {
			p2pmem_map_bus(sg, nents);
			ret = nents;
		}
		break;
	case PCI_P2PMEM_MAP_HOST_BRIDGE:
		ret = list.phys_end > p2pmem_client_limit(client) &&
		      !p2pmem_client_translates(client) ? -EXDEV :
		      p2pmem_map_host(client, sg, nents, dir);
		break;
	default:
		return p2pmem_refuse_pair(pair, list.bytes, p2pmem_pair_reason(pair));
	}
	if (ret < 0)
		return p2pmem_refuse_pair(pair, list.bytes, p2pmem_map_reason(ret));
	p2pmem_count_map(pair, list.bytes);
	trace_p2pmem_map(list.provider->pdev, client, list.bytes, how, PCI_P2PMEM_OK);
	return ret;
}

/* Only mapped memory is unmapped, and mapping needs a pair with counters. */
static void p2pmem_count_unmap(struct p2pmem_pair *pair)
{
	if (!WARN_ON_ONCE(!pair || !pair->count))
		this_cpu_inc(pair->count->unmaps);
}

/**
 * p2pmem_count_unmap_ungranted() - count an unmapping of memory without a grant of the client
 * @p: the provider
 * @client: as mapped
 *
 * Context: Any but NMI.
 */
void p2pmem_count_unmap_ungranted(struct p2pmem_provider *p, struct device *client)
{
	guard(rcu)();
	p2pmem_count_unmap(p2pmem_pair_find(p, client));
}

/**
 * p2pmem_unmap_list() - undo the mapping of any list
 * @client: as for pci_p2pmem_unmap_sg()
 * @sg: as mapped
 * @nents: as mapped
 * @dir: as mapped
 *
 * Context: As pci_p2pmem_unmap_sg().
 */
void p2pmem_unmap_list(struct device *client, struct scatterlist *sg, int nents,
		       enum dma_data_direction dir)
{
	enum pci_p2pmem_mapping how = PCI_P2PMEM_MAP_HOST_BRIDGE;
	struct p2pmem_region *r;
	struct scatterlist *s;
	int i;

	if (WARN_ON_ONCE(nents < 1 || !is_pci_p2pmem_page(sg_page(sg))))
		return;
	r = p2pmem_page_region(sg_page(sg));
	if (sg_dma_is_bus_address(sg)) {
		how = PCI_P2PMEM_MAP_BUS_ADDR;
		for_each_sg(sg, s, nents, i)
			p2pmem_clear_entry(s);
	} else {
		p2pmem_unmap_host(client, sg, nents, dir);
	}
	if (trace_p2pmem_unmap_enabled())
		trace_p2pmem_unmap(r->provider->pdev, client, p2pmem_list_bytes(sg, nents), how);
	p2pmem_count_unmap_of(r, sg_page(sg), client);
}

static int p2pmem_region_addr(struct device *client, struct p2pmem_region *r, u64 at,
			      struct pci_p2pmem_mapping_region *map)
{
	phys_addr_t phys = r->phys + at;
	u64 limit = p2pmem_client_limit(client);

	if (map->mapping == PCI_P2PMEM_MAP_BUS_ADDR) {
		if (phys + r->bus_offset + map->size - 1 > limit)
			return -EXDEV;
		map->dma_addr = phys + r->bus_offset;
		return 0;
	}
	if (!p2pmem_client_translates(client) && phys + map->size - 1 > limit)
		return -EXDEV;
	map->dma_addr = p2pmem_host_map(client, phys, map->size, map->dir);
	return dma_mapping_error(client, map->dma_addr) ? -EIO : 0;
}

/**
 * pci_p2pmem_map_region() - map a range of a region for a client
 * @client: DMA device, a registered client
 * @provider: the providing function
 * @bar: number of the BAR
 * @offset: bytes into the BAR
 * @size: bytes
 * @dir: direction
 * @map: returns the address, unchanged on error; keep it for pci_p2pmem_unmap_region()
 *
 * For registers, which have no struct page, and for a driver's fixed windows of
 * memory. The region stays until it is unmapped; the client's revoke operation
 * requests that.
 *
 * Context: Any but NMI.
 * Return: 0, -ENODEV if there is no provider or it is not live, -EINVAL if the range is
 * not within one region, otherwise an error as of pci_p2pmem_map_sg().
 */
int pci_p2pmem_map_region(struct device *client, struct pci_dev *provider, int bar,
			  u64 offset, size_t size, enum dma_data_direction dir,
			  struct pci_p2pmem_mapping_region *map)
{
	struct pci_p2pmem_mapping_region m = { .size = size, .dir = dir };
	struct p2pmem_provider *p;
	struct p2pmem_region *r;
	struct p2pmem_pair *pair;
	int ret;

	if (!client)
		return p2pmem_refuse(provider, NULL, size, PCI_P2PMEM_NO_DMA_DEVICE);
	if (!size)
		return -EINVAL;

	guard(rcu)();
	p = p2pmem_find(provider);
	if (!p || !p2pmem_is_live(p))
		return p2pmem_refuse(provider, client, size,
				     p ? PCI_P2PMEM_REVOKED : PCI_P2PMEM_NOT_A_PROVIDER);
	r = p2pmem_region_at(p, bar, offset, size);
	if (!r)
		return p2pmem_refuse(p->pdev, client, size, PCI_P2PMEM_BAD_RANGE);
	pair = p2pmem_pair_find(p, client);
	if (!pair)
		return p2pmem_refuse_unpaired(p, client, size);

	m.region = r;
	m.mapping = p2pmem_pair_mapping(pair);
	if (m.mapping == PCI_P2PMEM_MAP_NONE)
		return p2pmem_refuse_pair(pair, size, p2pmem_pair_reason(pair));
	ret = p2pmem_region_addr(client, r, offset - r->offset, &m);
	if (ret)
		return p2pmem_refuse_pair(pair, size, p2pmem_map_reason(ret));
	/* Under RCU: a revocation that starts now counts this pin, see state.c. */
	atomic_long_inc(&p->pins);
	p2pmem_count_map(pair, size);
	trace_p2pmem_map(p->pdev, client, size, m.mapping, PCI_P2PMEM_OK);
	*map = m;
	return 0;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_map_region);

/**
 * pci_p2pmem_unmap_region() - undo pci_p2pmem_map_region()
 * @client: as mapped
 * @map: as returned
 *
 * Context: Any but NMI.
 */
void pci_p2pmem_unmap_region(struct device *client, struct pci_p2pmem_mapping_region *map)
{
	struct p2pmem_region *r = map->region;
	struct p2pmem_pair *pair;

	if (map->mapping == PCI_P2PMEM_MAP_HOST_BRIDGE)
		p2pmem_host_unmap(client, map->dma_addr, map->size, map->dir);

	trace_p2pmem_unmap(r->provider->pdev, client, map->size, map->mapping);
	guard(rcu)();
	pair = p2pmem_pair_find(r->provider, client);
	p2pmem_count_unmap(pair);
	map->region = NULL;
	atomic_long_dec(&r->provider->pins);
	p2pmem_wake_waiters(r->provider);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_unmap_region);
