// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: from peer memory to addresses that a client's hardware uses
 *
 * Below one upstream bridge a client uses the bus address: physical address plus
 * the offset of the provider's host bridge. Through an allowed host bridge it uses
 * what dma_map_resource() gives, which never bounces and knows IOMMUs. Not
 * dma_map_sg(): where the kernel's own peer-to-peer option is off, that takes
 * these pages for RAM.
 *
 * What was done is written in the scatterlist itself (the bus address mark and
 * the DMA lengths), so unmapping does not ask the verdict again.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <kunit/static_stub.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <trace/events/p2pmem.h>
#include "p2pdma.h"

/**
 * p2pmem_host_map() - an address for a client through its host bridge
 * @client: DMA device
 * @phys: CPU physical address
 * @size: bytes
 * @dir: direction
 *
 * A suite can put an IOMMU here.
 *
 * Context: Any but NMI.
 * Return: the address; dma_mapping_error() tells whether there is one.
 */
dma_addr_t p2pmem_host_map(struct device *client, phys_addr_t phys, size_t size,
			   enum dma_data_direction dir)
{
	KUNIT_STATIC_STUB_REDIRECT(p2pmem_host_map, client, phys, size, dir);
	return dma_map_resource(client, phys, size, dir, 0);
}

/**
 * p2pmem_host_unmap() - undo p2pmem_host_map()
 * @client: as mapped
 * @addr: as returned
 * @size: as mapped
 * @dir: as mapped
 *
 * Context: Any but NMI.
 */
void p2pmem_host_unmap(struct device *client, dma_addr_t addr, size_t size,
		       enum dma_data_direction dir)
{
	KUNIT_STATIC_STUB_REDIRECT(p2pmem_host_unmap, client, addr, size, dir);
	dma_unmap_resource(client, addr, size, dir, 0);
}

/* The region of all of an entry, or NULL */
static struct p2pmem_region *p2pmem_entry_region(struct scatterlist *sg)
{
	struct p2pmem_region *r;

	if (!is_pci_p2pmem_page(sg_page(sg)))
		return NULL;
	r = p2pmem_page_region(sg_page(sg));
	if (!sg->length || sg_phys(sg) - r->phys + sg->length > r->size)
		return NULL;
	return r;
}

/* The one provider of all entries, and their bytes; or NULL */
static struct p2pmem_provider *p2pmem_list_provider(struct scatterlist *sgl, int nents,
						    size_t *bytes)
{
	struct p2pmem_provider *p = NULL;
	struct p2pmem_region *r;
	struct scatterlist *sg;
	size_t sum = 0;
	int i;

	for_each_sg(sgl, sg, nents, i) {
		r = p2pmem_entry_region(sg);
		if (!r || (p && r->provider != p))
			return NULL;
		p = r->provider;
		sum += sg->length;
	}
	*bytes = sum;
	return p;
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

/* The slow half of pci_p2pmem_sg_kind() */
int __pci_p2pmem_sg_kind(struct scatterlist *sgl, int nents)
{
	struct p2pmem_provider *first = NULL;
	struct scatterlist *sg;
	int i, peer = 0;

	for_each_sg(sgl, sg, nents, i) {
		if (!is_pci_p2pmem_page(sg_page(sg))) {
			if (peer)
				return -EINVAL;
			continue;
		}
		if (peer != i)
			return -EINVAL;
		if (!peer)
			first = p2pmem_page_region(sg_page(sg))->provider;
		else if (p2pmem_page_region(sg_page(sg))->provider != first)
			return -EINVAL;
		peer++;
	}
	return peer > 0;
}
EXPORT_SYMBOL_GPL(__pci_p2pmem_sg_kind);

static int p2pmem_map_bus(struct scatterlist *sgl, int nents, u64 limit)
{
	struct p2pmem_region *r;
	struct scatterlist *sg;
	u64 addr;
	int i;

	for_each_sg(sgl, sg, nents, i) {
		r = p2pmem_page_region(sg_page(sg));
		addr = sg_phys(sg) + r->bus_offset;
		if (addr + sg->length - 1 > limit)
			return -EXDEV;
		sg_dma_address(sg) = addr;
		sg_dma_len(sg) = sg->length;
		sg_dma_mark_bus_address(sg);
	}
	return nents;
}

static void p2pmem_unmap_host(struct device *client, struct scatterlist *sgl, int nents,
			      enum dma_data_direction dir)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i) {
		if (!sg_dma_len(sg))
			break;
		p2pmem_host_unmap(client, sg_dma_address(sg), sg_dma_len(sg), dir);
	}
}

/* Maps [phys, phys + size) into the entry @to. */
static int p2pmem_map_host_run(struct device *client, struct scatterlist *to,
			       phys_addr_t phys, size_t size, u64 limit,
			       enum dma_data_direction dir)
{
	dma_addr_t addr;

	/* Asked here because dma_map_resource() would warn with a backtrace. */
	if (phys + size - 1 > limit)
		return -EXDEV;
	addr = p2pmem_host_map(client, phys, size, dir);
	if (dma_mapping_error(client, addr))
		return -EIO;
	sg_dma_address(to) = addr;
	sg_dma_len(to) = size;
	sg_dma_unmark_bus_address(to);
	return 0;
}

/* One mapping for each run of adjacent entries; the list's tail stays empty. */
static int p2pmem_map_host(struct device *client, struct scatterlist *sgl, int nents,
			   enum dma_data_direction dir)
{
	u64 limit = p2pmem_client_translates(client) ? U64_MAX : p2pmem_client_limit(client);
	unsigned long across = ~dma_get_seg_boundary(client);
	unsigned int max = dma_get_max_seg_size(client);
	struct scatterlist *sg, *to = sgl;
	phys_addr_t phys = 0;
	size_t size = 0;
	int i, ret, mapped = 0;

	for_each_sg(sgl, sg, nents, i) {
		if (size && sg_phys(sg) == phys + size && size + sg->length <= max &&
		    !((phys ^ (phys + size + sg->length - 1)) & across)) {
			size += sg->length;
			continue;
		}
		if (size) {
			ret = p2pmem_map_host_run(client, to, phys, size, limit, dir);
			if (ret)
				goto undo;
			mapped++;
			to = sg_next(to);
		}
		phys = sg_phys(sg);
		size = sg->length;
	}
	ret = p2pmem_map_host_run(client, to, phys, size, limit, dir);
	if (ret)
		goto undo;
	mapped++;
	if (mapped < nents)
		sg_dma_len(sg_next(to)) = 0;
	return mapped;

undo:
	p2pmem_unmap_host(client, sgl, mapped, dir);
	return ret;
}

/*
 * How a pair is mapped now. With a grant out, a pair that has become impossible is
 * mapped as it was granted.
 */
static enum pci_p2pmem_mapping p2pmem_how(struct p2pmem_path *path)
{
	enum pci_p2pmem_mapping how = READ_ONCE(path->mapping);

	/* Pairs with p2pmem_grant_paths(). */
	if (how == PCI_P2PMEM_MAP_NONE && atomic_read_acquire(&path->grants))
		how = READ_ONCE(path->granted);
	return how;
}

/*
 * Tells and counts a refusal. The reason is the verdict's where @reason is
 * PCI_P2PMEM_OK. A pair's is told once, until its verdict changes; where there is no pair,
 * now and then.
 */
static int p2pmem_refuse(struct pci_dev *provider, struct device *client, size_t bytes,
			 enum pci_p2pmem_reason reason)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL, 1);
	struct pci_p2pmem_verdict v = { .reason = reason, .distance = -1 };
	struct p2pmem_provider *p;
	struct p2pmem_path *path;
	char *text;

	guard(rcu)();
	p = p2pmem_find(provider);
	path = p ? p2pmem_path_find(p, client) : NULL;
	if (!v.reason && path)
		p2pmem_path_verdict(path, &v);
	if (path)
		this_cpu_inc(path->count->failures[v.reason]);
	/* It became possible a moment ago: who asks again gets it. */
	if (!v.reason)
		return -EXDEV;

	trace_p2pmem_map(provider, client, bytes, PCI_P2PMEM_MAP_NONE, v.reason);
	if (path ? !test_and_set_bit(v.reason, &path->told) : __ratelimit(&limit)) {
		text = kmalloc(PCI_P2PMEM_TEXT, GFP_ATOMIC | __GFP_NOWARN);
		if (text)
			pci_p2pmem_explain(text, PCI_P2PMEM_TEXT, provider, client, &v);
		pr_warn("cannot map peer-to-peer memory: %s\n", text ?: p2pmem_token(v.reason));
		kfree(text);
	}
	return p2pmem_errno(v.reason);
}

/* The reason for an error of the functions that map */
static enum pci_p2pmem_reason p2pmem_map_reason(int error)
{
	return error == -EIO ? PCI_P2PMEM_MAP_FAILED : PCI_P2PMEM_DMA_MASK;
}

static void p2pmem_count_map(struct p2pmem_path *path, size_t bytes)
{
	this_cpu_inc(path->count->maps);
	this_cpu_add(path->count->bytes, bytes);
}

/* The provider of the first peer entry of a list that cannot be mapped, or NULL */
static struct pci_dev *p2pmem_some_provider(struct scatterlist *sgl, int nents)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i)
		if (is_pci_p2pmem_page(sg_page(sg)))
			return p2pmem_page_region(sg_page(sg))->provider->pdev;
	return NULL;
}

/**
 * pci_p2pmem_map_sg() - map a scatterlist of peer memory for a client
 * @client: DMA device, a registered client (for RDMA ib_device->dma_device)
 * @sg: the list; all of it memory of one provider
 * @nents: its number of entries
 * @dir: direction
 *
 * On success the DMA addresses and lengths of the first entries are set, as by
 * dma_map_sg(). A refusal is counted, and told in the log when it is news.
 *
 * Context: Any but NMI. The caller holds the memory.
 * Return: number of mapped entries, at most @nents; -EINVAL for a list that is
 * empty, mixed or not peer memory; -EOPNOTSUPP when @client is no client; -EXDEV
 * without a path; -ENODEV when the contents are lost; -EIO from the IOMMU;
 * -ENOMEM. Nothing is mapped then.
 */
int pci_p2pmem_map_sg(struct device *client, struct scatterlist *sg, int nents,
		      enum dma_data_direction dir)
{
	enum pci_p2pmem_mapping how;
	struct p2pmem_provider *p;
	struct p2pmem_path *path;
	size_t bytes;
	int ret;

	if (nents < 1)
		return -EINVAL;
	if (!client)
		return p2pmem_refuse(p2pmem_some_provider(sg, nents), NULL,
				     p2pmem_list_bytes(sg, nents), PCI_P2PMEM_NO_DMA_DEVICE);
	p = p2pmem_list_provider(sg, nents, &bytes);
	if (!p)
		return p2pmem_refuse(p2pmem_some_provider(sg, nents), client,
				     p2pmem_list_bytes(sg, nents), PCI_P2PMEM_MIXED_LIST);
	if (READ_ONCE(p->state) == P2PMEM_LOST)
		return p2pmem_refuse(p->pdev, client, bytes, PCI_P2PMEM_REVOKED);

	guard(rcu)();
	path = p2pmem_path_current(p, client);
	if (!path)
		return p2pmem_is_client(client) ? -ENOMEM :
			p2pmem_refuse(p->pdev, client, bytes, PCI_P2PMEM_NOT_A_CLIENT);

	how = p2pmem_how(path);
	switch (how) {
	case PCI_P2PMEM_MAP_BUS_ADDR:
		ret = p2pmem_map_bus(sg, nents, p2pmem_client_limit(client));
		break;
	case PCI_P2PMEM_MAP_HOST_BRIDGE:
		ret = p2pmem_map_host(client, sg, nents, dir);
		break;
	default:
		return p2pmem_refuse(p->pdev, client, bytes, PCI_P2PMEM_OK);
	}
	if (ret < 0)
		return p2pmem_refuse(p->pdev, client, bytes, p2pmem_map_reason(ret));
	p2pmem_count_map(path, bytes);
	trace_p2pmem_map(p->pdev, client, bytes, how, PCI_P2PMEM_OK);
	return ret;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_map_sg);

/**
 * pci_p2pmem_unmap_sg() - undo pci_p2pmem_map_sg()
 * @client: as mapped
 * @sg: as mapped
 * @nents: as given to pci_p2pmem_map_sg(), not what it returned
 * @dir: as mapped
 *
 * Context: Any but NMI. The caller still holds the memory.
 */
void pci_p2pmem_unmap_sg(struct device *client, struct scatterlist *sg, int nents,
			 enum dma_data_direction dir)
{
	struct p2pmem_provider *p;
	struct p2pmem_path *path;

	if (WARN_ON_ONCE(nents < 1 || !is_pci_p2pmem_page(sg_page(sg))))
		return;
	if (!sg_dma_is_bus_address(sg))
		p2pmem_unmap_host(client, sg, nents, dir);

	p = p2pmem_page_region(sg_page(sg))->provider;
	if (trace_p2pmem_unmap_enabled())
		trace_p2pmem_unmap(p->pdev, client, p2pmem_list_bytes(sg, nents),
				   sg_dma_is_bus_address(sg) ? PCI_P2PMEM_MAP_BUS_ADDR :
							       PCI_P2PMEM_MAP_HOST_BRIDGE);
	guard(rcu)();
	path = p2pmem_path_find(p, client);
	if (!WARN_ON_ONCE(!path))
		this_cpu_inc(path->count->unmaps);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_unmap_sg);

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
 * @map: returns the address; keep it for pci_p2pmem_unmap_region()
 *
 * For registers, which have no struct page, and for a driver's fixed windows of
 * memory. The region stays until it is unmapped; the client's revoke operation
 * asks for that.
 *
 * Context: Any but NMI.
 * Return: 0, -ENODEV without a provider or when it is being revoked, -EINVAL when
 * the range is not within one region, and else as pci_p2pmem_map_sg().
 */
int pci_p2pmem_map_region(struct device *client, struct pci_dev *provider, int bar,
			  u64 offset, size_t size, enum dma_data_direction dir,
			  struct pci_p2pmem_mapping_region *map)
{
	struct p2pmem_provider *p;
	struct p2pmem_region *r;
	struct p2pmem_path *path;
	int ret;

	if (!client)
		return p2pmem_refuse(provider, NULL, size, PCI_P2PMEM_NO_DMA_DEVICE);
	if (!size)
		return -EINVAL;

	guard(rcu)();
	p = p2pmem_find(provider);
	if (!p || !p2pmem_lends(p))
		return p2pmem_refuse(provider, client, size,
				     p ? PCI_P2PMEM_REVOKED : PCI_P2PMEM_NOT_A_PROVIDER);
	r = p2pmem_region_at(p, bar, offset, size);
	if (!r)
		return p2pmem_refuse(p->pdev, client, size, PCI_P2PMEM_BAD_RANGE);
	path = p2pmem_path_current(p, client);
	if (!path)
		return p2pmem_is_client(client) ? -ENOMEM :
			p2pmem_refuse(p->pdev, client, size, PCI_P2PMEM_NOT_A_CLIENT);

	*map = (struct pci_p2pmem_mapping_region){
		.size = size, .dir = dir, .region = r, .mapping = p2pmem_how(path),
	};
	if (map->mapping == PCI_P2PMEM_MAP_NONE)
		return p2pmem_refuse(p->pdev, client, size, PCI_P2PMEM_OK);
	ret = p2pmem_region_addr(client, r, offset - r->offset, map);
	if (ret)
		return p2pmem_refuse(p->pdev, client, size, p2pmem_map_reason(ret));
	/* RCU: a revocation that we did not see counts this pin, see revoke.c. */
	atomic_long_inc(&p->pins);
	p2pmem_count_map(path, size);
	trace_p2pmem_map(p->pdev, client, size, map->mapping, PCI_P2PMEM_OK);
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
	struct p2pmem_path *path;

	if (map->mapping == PCI_P2PMEM_MAP_HOST_BRIDGE)
		p2pmem_host_unmap(client, map->dma_addr, map->size, map->dir);

	trace_p2pmem_unmap(r->provider->pdev, client, map->size, map->mapping);
	guard(rcu)();
	path = p2pmem_path_find(r->provider, client);
	if (!WARN_ON_ONCE(!path))
		this_cpu_inc(path->count->unmaps);
	map->region = NULL;
	atomic_long_dec(&r->provider->pins);
	p2pmem_came_back(r->provider);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_unmap_region);
