// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: peer-to-peer memory for RDMA READ and WRITE
 *
 * This file does two things. It registers RDMA devices that have a DMA device as
 * clients of the peer-to-peer core, for as long as they are registered with the
 * RDMA core. And it maps the scatterlists of rdma_rw_ctx_init() and its signature
 * variant: peer memory through the peer-to-peer core, system memory through the
 * DMA API as before.
 *
 * A list must be of one kind: an upper layer protocol has it from one allocation, and
 * one that allocates peer memory knows what it passes (nvmet-rdma; all others allocate
 * system memory only). So the first entry decides. Of mixed lists those that begin
 * with peer memory are refused, and all of them where CONFIG_DMA_API_DEBUG is set.
 *
 * The state is kept here and not in struct ib_device, because that structure is
 * public and must not change.
 */
#include <linux/pci-p2pmem.h>
#include <linux/xarray.h>

#include "rw_p2pmem.h"

/* Clients, indexed by the address of their struct ib_device; has its own lock */
static DEFINE_XARRAY(rdma_p2pmem_clients);

/**
 * rdma_p2pmem_register_device() - register the DMA device of an RDMA device as a client
 * @dev: RDMA device, not yet visible to any user
 *
 * A device without a DMA device moves data with the CPU (rxe, siw, rdmavt). It does
 * not become a client, whatever its parent device is. If the registration fails, the
 * device works as before and its users fall back to system memory.
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
 * @dev: RDMA device without users, for which nothing is mapped any more
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
 * @dev: RDMA device that will access the data
 * @sgt: the list in @sgl and @orig_nents; @nents is set on success
 * @dir: direction of the transfer as in the DMA API
 *
 * Context: Any.
 * Return: 0 on success. For system memory: the error of the DMA API. -EINVAL for a
 * mixed list, -EOPNOTSUPP if the device does no DMA or is not a client, or another
 * error of pci_p2pmem_map_sg(). On error nothing is mapped.
 */
int rdma_rw_map_sgtable(struct ib_device *dev, struct sg_table *sgt,
			enum dma_data_direction dir)
{
	int ret = pci_p2pmem_sg_kind(sgt->sgl, sgt->orig_nents);

	if (likely(!ret))
		return ib_dma_map_sgtable_attrs(dev, sgt, dir, 0);
	/* Mixed lists as well: the core refuses, counts and reports them. */
	ret = pci_p2pmem_map_sg(dev->dma_device, sgt->sgl, sgt->orig_nents, dir);
	if (ret < 0)
		return ret;
	sgt->nents = ret;
	return 0;
}

/**
 * rdma_rw_unmap_sg() - undo rdma_rw_map_sgtable()
 * @dev: as given when mapping
 * @sg: first entry of the list, as given when mapping
 * @nents: number of entries as given when mapping, not as mapped
 * @dir: as given when mapping
 *
 * A mapped list never mixes kinds of memory, so checking its first entry is enough.
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
