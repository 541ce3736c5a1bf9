/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: peer-to-peer memory for NVMe drives
 *
 * The hooks that pci.c calls. struct nvme_dev is private to that file, so its callers
 * pass the controller, or those members that a hook needs.
 *
 * With CONFIG_PCI_P2PMEM_NVME off the controller memory buffer is unused, as in a
 * kernel without peer-to-peer memory, and data is mapped by the DMA API only.
 */
#ifndef _NVME_P2PMEM_H
#define _NVME_P2PMEM_H

#include <linux/dma-mapping.h>
#include <linux/memremap.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>

#include "nvme.h"

struct pci_p2pmem_client;

#define NVME_P2PMEM_REG_CMBSTS	0x58	/* Controller Memory Buffer Status */
#define NVME_P2PMEM_CMBSTS_CBAI	BIT(0)	/* CMBMSC.CBA is invalid */
#define NVME_P2PMEM_CMBLOC_CDPCILS BIT(6) /* a command in the CMB, its PRP list outside of it */
#define NVME_P2PMEM_CMBLOC_CDMMMS BIT(7) /* data in the CMB, metadata outside of it */
#define NVME_P2PMEM_SZU_MAX	6	/* CMBSZ.SZU of 64 GiB; larger ones are reserved */

/**
 * struct nvme_p2pmem - peer-to-peer state of a drive
 * @client: the drive's registration as a client, or NULL
 * @size: registered bytes of the CMB, 0 if none
 * @cmbsz: register CMBSZ when the CMB was found, 0 without a CMB
 * @cmbloc: register CMBLOC at that time
 * @refused: the drive has no usable CMB; this is checked once only
 * @changed: the CMB differs from what was registered, which has been logged
 * @lender: the controller while nvme_p2pmem_start() has lent its CMB, else NULL
 * @entry: entry in the list of lent CMBs if @lender is not NULL
 */
struct nvme_p2pmem {
	struct pci_p2pmem_client *client;
	u64 size;
	u32 cmbsz;
	u32 cmbloc;
	bool refused;
	bool changed;
	struct nvme_ctrl *lender;
	struct list_head entry;
};

#ifdef CONFIG_PCI_P2PMEM_NVME

#include <linux/pci-p2pmem.h>

static inline bool nvme_p2pmem_page(const struct page *page)
{
	return is_pci_p2pmem_page(page);
}

/* Whether data of one segment needs a list: that in the kernel's own P2PDMA memory does. */
static inline bool nvme_p2pmem_needs_list(const struct page *page)
{
	return is_pci_p2pdma_page(page) && !is_pci_p2pmem_page(page);
}

int nvme_p2pmem_map_sgtable(struct device *dev, struct request *req, struct sg_table *sgt,
			    unsigned long attrs);
void nvme_p2pmem_unmap_sgtable(struct device *dev, struct sg_table *sgt,
			       enum dma_data_direction dir, unsigned long attrs);

bool nvme_p2pmem_merged(struct request *req);
blk_status_t nvme_p2pmem_map_status(int error);
blk_status_t nvme_p2pmem_map_segment(struct device *dev, const struct bio_vec *bv,
				     enum dma_data_direction dir, struct scatterlist *sg,
				     dma_addr_t *addr);
void nvme_p2pmem_unmap_segment(struct device *dev, struct scatterlist *sg,
			       enum dma_data_direction dir);

bool nvme_p2pmem_map_cmb(struct nvme_ctrl *ctrl, struct nvme_p2pmem *p);
void nvme_p2pmem_start(struct nvme_ctrl *ctrl, struct nvme_p2pmem *p, struct mutex *lock);
void nvme_p2pmem_stop(struct nvme_ctrl *ctrl, struct nvme_p2pmem *p, struct mutex *lock,
		      bool sleep);
void nvme_p2pmem_stop_siblings(struct nvme_ctrl *ctrl);
void nvme_p2pmem_lose_subsystem(struct nvme_ctrl *ctrl);
void nvme_p2pmem_lost(struct nvme_ctrl *ctrl);

void *nvme_p2pmem_alloc_sq(struct pci_dev *pdev, size_t size);
pci_bus_addr_t nvme_p2pmem_sq_addr(void *sq);
void nvme_p2pmem_free_sq(struct pci_dev *pdev, void *sq, size_t size);

struct pci_p2pmem_client *nvme_p2pmem_register_client(struct nvme_ctrl *ctrl);
void nvme_p2pmem_unregister_client(struct pci_p2pmem_client *client);

enum pci_p2pmem_proof nvme_p2pmem_verify(struct pci_p2pmem_client *client,
					 struct pci_p2pmem_grant *grant, void *what,
					 struct pci_p2pmem_test *test);

#else /* CONFIG_PCI_P2PMEM_NVME */

static inline bool nvme_p2pmem_page(const struct page *page)
{
	return is_pci_p2pdma_page(page);
}

static inline bool nvme_p2pmem_needs_list(const struct page *page)
{
	return is_pci_p2pdma_page(page);
}

static inline int nvme_p2pmem_map_sgtable(struct device *dev, struct request *req,
					  struct sg_table *sgt, unsigned long attrs)
{
	return dma_map_sgtable(dev, sgt, rq_dma_dir(req), attrs);
}

static inline blk_status_t nvme_p2pmem_map_segment(struct device *dev, const struct bio_vec *bv,
						   enum dma_data_direction dir,
						   struct scatterlist *sg, dma_addr_t *addr)
{
	return BLK_STS_TARGET;
}

static inline void nvme_p2pmem_unmap_segment(struct device *dev, struct scatterlist *sg,
					     enum dma_data_direction dir) { }

static inline void nvme_p2pmem_unmap_sgtable(struct device *dev,
					     struct sg_table *sgt,
					     enum dma_data_direction dir,
					     unsigned long attrs)
{
	dma_unmap_sgtable(dev, sgt, dir, attrs);
}

static inline blk_status_t nvme_p2pmem_map_status(int error)
{
	return error == -EREMOTEIO ? BLK_STS_TARGET : BLK_STS_RESOURCE;
}

static inline bool nvme_p2pmem_map_cmb(struct nvme_ctrl *ctrl, struct nvme_p2pmem *p)
{
	return false;
}

static inline void nvme_p2pmem_start(struct nvme_ctrl *ctrl, struct nvme_p2pmem *p,
				     struct mutex *lock) { }
static inline void nvme_p2pmem_stop(struct nvme_ctrl *ctrl, struct nvme_p2pmem *p,
				    struct mutex *lock, bool sleep) { }
static inline void nvme_p2pmem_stop_siblings(struct nvme_ctrl *ctrl) { }
static inline void nvme_p2pmem_lose_subsystem(struct nvme_ctrl *ctrl) { }
static inline void nvme_p2pmem_lost(struct nvme_ctrl *ctrl) { }

static inline void *nvme_p2pmem_alloc_sq(struct pci_dev *pdev, size_t size)
{
	return NULL;
}

static inline pci_bus_addr_t nvme_p2pmem_sq_addr(void *sq)
{
	return 0;
}

static inline void nvme_p2pmem_free_sq(struct pci_dev *pdev, void *sq, size_t size) { }

static inline struct pci_p2pmem_client *
nvme_p2pmem_register_client(struct nvme_ctrl *ctrl)
{
	return NULL;
}

static inline void
nvme_p2pmem_unregister_client(struct pci_p2pmem_client *client) { }

#endif /* CONFIG_PCI_P2PMEM_NVME */

/**
 * nvme_p2pmem_map_bvec() - map the data of a command that one address describes
 * @dev: the drive's DMA device
 * @bv: its only segment
 * @dir: direction
 * @sg: an entry of the command, which remembers a mapping of peer memory
 * @addr: returns the address for the drive
 *
 * Context: Any.
 * Return: BLK_STS_OK, or the status to complete or requeue the command with.
 */
static inline blk_status_t nvme_p2pmem_map_bvec(struct device *dev, const struct bio_vec *bv,
						enum dma_data_direction dir,
						struct scatterlist *sg, dma_addr_t *addr)
{
	/* Always written: an earlier command, or another one, may have left a length here. */
	if (IS_ENABLED(CONFIG_PCI_P2PMEM_NVME))
		sg->length = 0;
	if (unlikely(nvme_p2pmem_page(bv->bv_page)))
		return nvme_p2pmem_map_segment(dev, bv, dir, sg, addr);
	*addr = dma_map_bvec(dev, bv, dir, 0);
	return dma_mapping_error(dev, *addr) ? BLK_STS_RESOURCE : BLK_STS_OK;
}

/**
 * nvme_p2pmem_unmap_bvec() - undo nvme_p2pmem_map_bvec()
 * @dev: as mapped
 * @sg: as mapped
 * @addr: the address for the drive
 * @len: bytes
 * @dir: as mapped
 *
 * Context: Any.
 */
static inline void nvme_p2pmem_unmap_bvec(struct device *dev, struct scatterlist *sg,
					  dma_addr_t addr, size_t len,
					  enum dma_data_direction dir)
{
	if (IS_ENABLED(CONFIG_PCI_P2PMEM_NVME) && unlikely(sg->length))
		nvme_p2pmem_unmap_segment(dev, sg, dir);
	else
		dma_unmap_page(dev, addr, len, dir);
}

#endif /* _NVME_P2PMEM_H */
