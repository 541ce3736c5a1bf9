// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: peer-to-peer memory for RDMA READ and WRITE
 *
 * Two things. RDMA devices that have a DMA device become clients of the
 * peer-to-peer core for as long as they are registered. And the scatterlists
 * that rdma_rw_ctx_init() and its signature variant are given go through the
 * core when they are made of peer memory, through the DMA API as ever when they
 * are not, and nowhere when they are a mixture.
 *
 * State is kept here, beside struct ib_device and not in it: that structure is
 * public and must stay as it is.
 */
#include <linux/pci-p2pmem.h>
#include <linux/xarray.h>

#include "rw_p2pmem.h"

/* Clients by the address of their struct ib_device; locks itself */
static DEFINE_XARRAY(rdma_p2pmem_clients);

/**
 * rdma_p2pmem_register_device() - make the DMA device of an RDMA device a client
 * @dev: RDMA device, before any user of it can know of it
 *
 * A device without a DMA device moves data with the CPU (rxe, siw, rdmavt) and
 * is left alone, whatever its parent in the device tree is. A device that is
 * refused works as it did before; its users fall back to system memory.
 *
 * Context: Process, may sleep.
 */
void rdma_p2pmem_register_device(struct ib_device *dev)
{
	struct pci_p2pmem_client *client;
	int ret;

	if (!dev->dma_device)
		return;

	client = pci_p2pmem_register_client(dev->dma_device, NULL, NULL);
	if (IS_ERR(client)) {
		ret = PTR_ERR(client);
		goto warn;
	}
	ret = xa_insert(&rdma_p2pmem_clients, (unsigned long)dev, client, GFP_KERNEL);
	if (!ret)
		return;
	pci_p2pmem_unregister_client(client);
warn:
	dev_warn(&dev->dev,
		 "no peer-to-peer for %s: cannot register it as a client (%pe); rebind its driver to retry\n",
		 dev_name(dev->dma_device), ERR_PTR(ret));
}

/**
 * rdma_p2pmem_unregister_device() - undo rdma_p2pmem_register_device()
 * @dev: RDMA device that has no user any more: nothing of it is mapped
 *
 * Context: Process, may sleep.
 */
void rdma_p2pmem_unregister_device(struct ib_device *dev)
{
	struct pci_p2pmem_client *client;

	client = xa_erase(&rdma_p2pmem_clients, (unsigned long)dev);
	if (client)
		pci_p2pmem_unregister_client(client);
}

/**
 * rdma_rw_map_sgtable() - map the data of an RDMA READ or WRITE
 * @dev: RDMA device that will access it
 * @sgt: its list in @sgl and @orig_nents; @nents is set on success
 * @dir: direction of the transfer, seen from memory as in the DMA API
 *
 * Context: Any.
 * Return: 0, or what the DMA API said of system memory, -EINVAL for a mixed
 * list, -EOPNOTSUPP when the device does no DMA or is no client, or another
 * error of pci_p2pmem_map_sg(). Nothing stays mapped on error.
 */
int rdma_rw_map_sgtable(struct ib_device *dev, struct sg_table *sgt,
			enum dma_data_direction dir)
{
	int ret = pci_p2pmem_sg_kind(sgt->sgl, sgt->orig_nents);

	if (likely(!ret))
		return ib_dma_map_sgtable_attrs(dev, sgt, dir, 0);
	/* A mixed list too: the core refuses it, counts that and tells. */
	ret = pci_p2pmem_map_sg(dev->dma_device, sgt->sgl, sgt->orig_nents, dir);
	if (ret < 0)
		return ret;
	sgt->nents = ret;
	return 0;
}

/**
 * rdma_rw_unmap_sg() - undo rdma_rw_map_sgtable()
 * @dev: as given when mapping
 * @sg: first entry of the list as it was when mapping
 * @nents: number of entries as given when mapping, not as mapped
 * @dir: as given when mapping
 *
 * What was mapped is all of one sort, so the first entry speaks for the list.
 *
 * Context: Any.
 */
void rdma_rw_unmap_sg(struct ib_device *dev, struct scatterlist *sg, int nents,
		      enum dma_data_direction dir)
{
	if (is_pci_p2pmem_page(sg_page(sg)))
		pci_p2pmem_unmap_sg(dev->dma_device, sg, nents, dir);
	else
		ib_dma_unmap_sg(dev, sg, nents, dir);
}
