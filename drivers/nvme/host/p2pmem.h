/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: peer-to-peer memory for NVMe drives
 *
 * The hooks of pci.c. struct nvme_dev is private to that file, so everything
 * here is given the controller, or what of the drive it needs.
 *
 * With the option off the controller memory buffer stays unused, as in a kernel
 * without peer-to-peer memory, and data is mapped as it was before.
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

#ifdef CONFIG_PCI_P2PMEM_NVME

#include <linux/pci-p2pmem.h>

static inline bool nvme_p2pmem_page(const struct page *page)
{
	return is_pci_p2pmem_page(page);
}

int nvme_p2pmem_map_sgtable(struct device *dev, struct sg_table *sgt,
			    enum dma_data_direction dir, unsigned long attrs);
void nvme_p2pmem_unmap_sgtable(struct device *dev, struct sg_table *sgt,
			       enum dma_data_direction dir, unsigned long attrs);

blk_status_t nvme_p2pmem_map_status(int error);

int nvme_p2pmem_add_cmb(struct nvme_ctrl *ctrl, int bar, u64 size, u64 offset,
			u32 cmbsz);
int nvme_p2pmem_recheck_cmb(struct nvme_ctrl *ctrl, u64 cmb_size, u32 cmbsz,
			    u32 cmbloc);
void nvme_p2pmem_quiesce(struct nvme_ctrl *ctrl,
			 u64 cmb_size, struct mutex *bar_lock);
void nvme_p2pmem_revoke(struct nvme_ctrl *ctrl);
void nvme_p2pmem_lost(struct nvme_ctrl *ctrl);
void nvme_p2pmem_resume(struct nvme_ctrl *ctrl);

void *nvme_p2pmem_alloc_sq(struct pci_dev *pdev, size_t size);
pci_bus_addr_t nvme_p2pmem_sq_addr(struct pci_dev *pdev, void *sq);
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

static inline int nvme_p2pmem_map_sgtable(struct device *dev, struct sg_table *sgt,
					  enum dma_data_direction dir,
					  unsigned long attrs)
{
	return dma_map_sgtable(dev, sgt, dir, attrs);
}

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

static inline int nvme_p2pmem_add_cmb(struct nvme_ctrl *ctrl, int bar, u64 size,
				      u64 offset, u32 cmbsz)
{
	return -EOPNOTSUPP;
}

static inline int nvme_p2pmem_recheck_cmb(struct nvme_ctrl *ctrl, u64 cmb_size,
					  u32 cmbsz, u32 cmbloc)
{
	return 0;
}

static inline void nvme_p2pmem_quiesce(struct nvme_ctrl *ctrl, u64 cmb_size,
				       struct mutex *bar_lock) { }
static inline void nvme_p2pmem_revoke(struct nvme_ctrl *ctrl) { }
static inline void nvme_p2pmem_lost(struct nvme_ctrl *ctrl) { }
static inline void nvme_p2pmem_resume(struct nvme_ctrl *ctrl) { }

static inline void *nvme_p2pmem_alloc_sq(struct pci_dev *pdev, size_t size)
{
	return NULL;
}

static inline pci_bus_addr_t nvme_p2pmem_sq_addr(struct pci_dev *pdev, void *sq)
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
#endif /* _NVME_P2PMEM_H */
