/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The functions of both interfaces by one name: the kernel's P2PDMA, and p2pmem. What one of
 * them does not have is refused.
 */
#ifndef _P2PMEM_BENCH_API_H
#define _P2PMEM_BENCH_API_H

#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>

#ifdef CONFIG_PCI_P2PDMA
#include <linux/dma-map-ops.h>
#include <linux/memremap.h>
#include <linux/pci-p2pdma.h>

/* a long run: few of them fill a pool */
#define API_RUN		SZ_64M
/* the largest pool that is churned: in a larger one this takes hours */
#define API_CHURN	SZ_4G
#define API_LOOKUP	"pci_p2pdma_map_segment"

static inline int api_lend(struct pci_dev *pdev)
{
	int ret = pci_p2pdma_add_resource(pdev, 2, pci_resource_len(pdev, 2), 0);

	if (!ret)
		pci_p2pmem_publish(pdev, true);
	return ret;
}

static inline int api_client(struct device *dev)
{
	return 0;
}

static inline struct pci_dev *api_find(struct device **clients, int nr)
{
	return pci_p2pmem_find_many(clients, nr);
}

static inline void *api_alloc(struct pci_dev *pdev, size_t len)
{
	return pci_alloc_p2pmem(pdev, len);
}

static inline void api_free(struct pci_dev *pdev, void *addr, size_t len)
{
	pci_free_p2pmem(pdev, addr, len);
}

/* Before parts of a run are freed: each free drops a reference, and a run has one. */
static inline void api_split(void *addr, unsigned long parts)
{
	percpu_ref_get_many(&virt_to_page(addr)->pgmap->ref, parts - 1);
}

static inline struct scatterlist *api_list(struct pci_dev *pdev, unsigned int *nents, u32 len)
{
	return pci_p2pmem_alloc_sgl(pdev, nents, len);
}

static inline void api_list_free(struct pci_dev *pdev, struct scatterlist *sg)
{
	pci_p2pmem_free_sgl(pdev, sg);
}

static inline int api_map(struct device *dev, struct sg_table *table)
{
	return dma_map_sgtable(dev, table, DMA_FROM_DEVICE, 0);
}

static inline void api_unmap(struct device *dev, struct sg_table *table)
{
	dma_unmap_sgtable(dev, table, DMA_FROM_DEVICE, 0);
}

/* There is no grant: a target allocates from the pool. */
static inline int api_grant(struct pci_dev *pdev, struct device **clients, int nr)
{
	return -EOPNOTSUPP;
}

static inline struct scatterlist *api_request(struct pci_dev *pdev, unsigned int *nents, u32 len)
{
	return pci_p2pmem_alloc_sgl(pdev, nents, len);
}

typedef int (*api_lookup_t)(struct pci_p2pdma_map_state *state, struct device *dev,
			    struct scatterlist *sg);

/* The mapping of the first entry of a list, as it is looked up for each mapped list. */
static inline void api_lookup(api_lookup_t lookup, struct pci_dev *pdev, struct device *dev,
			      struct scatterlist *sg)
{
	struct pci_p2pdma_map_state state = {};

	lookup(&state, dev, sg);
}

#else /* CONFIG_PCI_P2PDMA */
#include <linux/pci-p2pmem.h>

#define API_RUN		SZ_4M
#define API_CHURN	U64_MAX
#define API_LOOKUP	"p2pmem_pair_find"

struct p2pmem_provider;
extern struct pci_p2pmem_grant *api_granted;
extern struct p2pmem_provider *api_provider;

static inline int api_lend(struct pci_dev *pdev)
{
	int ret = pci_p2pmem_add_resource(pdev, 2, pci_resource_len(pdev, 2), 0,
					  PCI_P2PMEM_POOL);

	if (!ret)
		pci_p2pmem_set_published(pdev, true);
	return ret;
}

static inline int api_client(struct device *dev)
{
	static const struct pci_p2pmem_client_ops ops;

	return PTR_ERR_OR_ZERO(pci_p2pmem_register_client(dev, &ops, NULL));
}

static inline struct pci_dev *api_find(struct device **clients, int nr)
{
	return pci_p2pmem_find_provider(clients, nr);
}

static inline void *api_alloc(struct pci_dev *pdev, size_t len)
{
	return pci_p2pmem_alloc(pdev, len, GFP_ATOMIC);
}

static inline void api_free(struct pci_dev *pdev, void *addr, size_t len)
{
	pci_p2pmem_free(addr, len);
}

static inline void api_split(void *addr, unsigned long parts) { }

static inline struct scatterlist *api_list(struct pci_dev *pdev, unsigned int *nents, u32 len)
{
	return pci_p2pmem_sgl_alloc(pdev, nents, len, GFP_ATOMIC);
}

static inline void api_list_free(struct pci_dev *pdev, struct scatterlist *sg)
{
	pci_p2pmem_sgl_free(sg);
}

static inline int api_map(struct device *dev, struct sg_table *table)
{
	int ret = pci_p2pmem_map_sg(dev, table->sgl, table->orig_nents, DMA_FROM_DEVICE);

	return ret < 0 ? ret : 0;
}

static inline void api_unmap(struct device *dev, struct sg_table *table)
{
	pci_p2pmem_unmap_sg(dev, table->sgl, table->orig_nents, DMA_FROM_DEVICE);
}

/* A target allocates under a grant for its clients. */
static inline int api_grant(struct pci_dev *pdev, struct device **clients, int nr)
{
	struct pci_p2pmem_verdict why;

	api_granted = pci_p2pmem_grant_create(pdev, clients, nr, KTIME_MAX, NULL, NULL,
					      "bench", &why);
	return PTR_ERR_OR_ZERO(api_granted);
}

static inline struct scatterlist *api_request(struct pci_dev *pdev, unsigned int *nents, u32 len)
{
	struct scatterlist *sg = pci_p2pmem_grant_sgl_alloc(api_granted, nents, len, GFP_ATOMIC,
							    NULL);

	return IS_ERR(sg) ? NULL : sg;
}

typedef void *(*api_lookup_t)(struct p2pmem_provider *p, struct device *client);

static inline void api_lookup(api_lookup_t lookup, struct pci_dev *pdev, struct device *dev,
			      struct scatterlist *sg)
{
	lookup(api_provider, dev);
}

#endif /* CONFIG_PCI_P2PDMA */
#endif /* _P2PMEM_BENCH_API_H */
