// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: peer-to-peer memory for NVMe drives
 *
 * A drive is a client: the data of its commands may lie in peer memory, which
 * is then mapped through the peer-to-peer core. Metadata, PRP and SGL lists and
 * completion queues are in system memory always.
 *
 * A drive with a controller memory buffer (CMB) is a provider too, published
 * when the controller can both read and write data there. The memory is lent
 * only while the controller works: it is revoked before the controller is
 * disabled in an orderly way, declared lost when that cannot be waited for, and
 * lent again after a reset that left the CMB where it was.
 *
 * Submission queues in the CMB are the driver's own use of the memory. They are
 * taken from the pool like everybody's, so they count as not available, and they
 * survive a reset, so no drain waits for them.
 *
 * This file knows struct nvme_ctrl and registers, not struct nvme_dev.
 */
#include <linux/pci-p2pmem.h>

#include "p2pmem.h"

/**
 * nvme_p2pmem_map_sgtable() - map the data of a command
 * @dev: the drive's DMA device
 * @sgt: the list in @sgl and @orig_nents; @nents is set on success
 * @dir: direction of the transfer
 * @attrs: for the DMA API, when the list is system memory
 *
 * Context: Any.
 * Return: 0; -ENOMEM, which may go away; -EREMOTEIO for a drive that is no client and for
 * a list that mixes memories; -ECOMM for peer memory that this drive cannot be given an
 * address of now: the IOMMU failed, the memory is lost, the path is refused. System memory:
 * what the DMA API says.
 */
int nvme_p2pmem_map_sgtable(struct device *dev, struct sg_table *sgt,
			    enum dma_data_direction dir, unsigned long attrs)
{
	int ret = pci_p2pmem_sg_kind(sgt->sgl, sgt->orig_nents);

	if (likely(!ret))
		return dma_map_sgtable(dev, sgt, dir, attrs);
	/* A mixed list too: the core refuses it, counts that and tells. */
	ret = pci_p2pmem_map_sg(dev, sgt->sgl, sgt->orig_nents, dir);
	switch (ret) {
	case -ENOMEM:
		return ret;
	case -EIO:
	case -ENODEV:
	case -EXDEV:
		return -ECOMM;
	}
	if (ret < 0)
		return -EREMOTEIO;
	sgt->nents = ret;
	return 0;
}

/**
 * nvme_p2pmem_map_status() - what becomes of a command whose data could not be mapped
 * @error: of nvme_p2pmem_map_sgtable()
 *
 * What may pass is not requeued here: nobody says when, and whoever submitted the command
 * may use other memory. An error of the path is what a target repeats to its host, and
 * what multipath fails over on.
 *
 * Context: Any.
 * Return: the status that the command ends with, or BLK_STS_RESOURCE to have it requeued.
 */
blk_status_t nvme_p2pmem_map_status(int error)
{
	switch (error) {
	case -EREMOTEIO:
		return BLK_STS_TARGET;
	case -ECOMM:
		return BLK_STS_TRANSPORT;
	default:
		return BLK_STS_RESOURCE;
	}
}

/**
 * nvme_p2pmem_unmap_sgtable() - undo nvme_p2pmem_map_sgtable()
 * @dev: as given when mapping
 * @sgt: as mapped
 * @dir: as given when mapping
 * @attrs: for the DMA API, when the list is system memory
 *
 * What was mapped is all of one sort, so the first entry speaks for the list.
 *
 * Context: Any.
 */
void nvme_p2pmem_unmap_sgtable(struct device *dev, struct sg_table *sgt,
			       enum dma_data_direction dir, unsigned long attrs)
{
	if (is_pci_p2pmem_page(sg_page(sgt->sgl)))
		pci_p2pmem_unmap_sg(dev, sgt->sgl, sgt->orig_nents, dir);
	else
		dma_unmap_sgtable(dev, sgt, dir, attrs);
}

/**
 * nvme_p2pmem_add_cmb() - lend the controller memory buffer
 * @ctrl: the controller
 * @bar: number of the BAR that holds the CMB
 * @size: bytes of it inside that BAR
 * @offset: bytes into the BAR
 * @cmbsz: register CMBSZ
 *
 * Context: Process, may sleep.
 * Return: 0, or an errno after a message; the CMB is then not to be used.
 */
int nvme_p2pmem_add_cmb(struct nvme_ctrl *ctrl, int bar, u64 size, u64 offset,
			u32 cmbsz)
{
	const u32 data = NVME_CMBSZ_RDS | NVME_CMBSZ_WDS;
	struct pci_dev *pdev = to_pci_dev(ctrl->dev);
	int ret = -EINVAL;

	/* The core takes a size of zero for all the rest of the BAR. */
	if (size)
		ret = pci_p2pmem_add_resource(pdev, bar, size, offset,
					      PCI_P2PMEM_POOL);
	if (ret) {
		dev_warn(ctrl->device,
			 "CMB not used: cannot register %llu bytes at %#llx of BAR %d of %s (%pe); queues and data stay in system memory\n",
			 size, offset, bar, pci_name(pdev), ERR_PTR(ret));
		return ret;
	}

	if ((cmbsz & data) == data)
		pci_p2pmem_set_published(pdev, true);
	else
		dev_info(ctrl->device,
			 "CMB not lent to others: the controller cannot both read and write data in it (CMBSZ %#x)\n",
			 cmbsz);
	return 0;
}

/*
 * Tells a controller since NVMe 1.4 where its CMB is. Writes only what is not
 * there already: where it is, others may still be transferring.
 */
static void nvme_p2pmem_set_cmbmsc(struct nvme_ctrl *ctrl, u64 cmbmsc)
{
	u64 now;

	if (!NVME_CAP_CMBS(ctrl->cap))
		return;
	if (!ctrl->ops->reg_read64(ctrl, NVME_REG_CMBMSC, &now) && now == cmbmsc)
		return;
	/* The low half enables: last. */
	ctrl->ops->reg_write32(ctrl, NVME_REG_CMBMSC + 4, upper_32_bits(cmbmsc));
	ctrl->ops->reg_write32(ctrl, NVME_REG_CMBMSC, lower_32_bits(cmbmsc));
}

/**
 * nvme_p2pmem_recheck_cmb() - lend the CMB again, if it is what it was
 * @ctrl: the controller, in a reset, not yet enabled
 * @cmb_size: bytes that were registered, 0 when none were
 * @cmbsz: register CMBSZ at that time
 * @cmbloc: register CMBLOC at that time
 *
 * Context: Process, may sleep.
 * Return: 0, or -EIO after a message when the CMB has changed. It stays revoked
 * then, and submission queues must not be in it.
 */
int nvme_p2pmem_recheck_cmb(struct nvme_ctrl *ctrl, u64 cmb_size, u32 cmbsz,
			    u32 cmbloc)
{
	u64 unit = 1ULL << (12 + 4 * ((cmbsz >> NVME_CMBSZ_SZU_SHIFT) &
				      NVME_CMBSZ_SZU_MASK));
	struct pci_dev *pdev = to_pci_dev(ctrl->dev);
	u64 offset = unit * NVME_CMB_OFST(cmbloc);
	int bar = NVME_CMB_BIR(cmbloc);
	u32 sz = 0, loc = 0;

	if (!cmb_size)
		return 0;

	/* A reset of the function clears CMBMSC, and CMBSZ and CMBLOC with it. */
	nvme_p2pmem_set_cmbmsc(ctrl, NVME_CMBMSC_CRE | NVME_CMBMSC_CMSE |
			       (pci_bus_address(pdev, bar) + offset));
	ctrl->ops->reg_read32(ctrl, NVME_REG_CMBSZ, &sz);
	ctrl->ops->reg_read32(ctrl, NVME_REG_CMBLOC, &loc);

	if (sz == cmbsz && loc == cmbloc &&
	    pci_p2pmem_is_lent(pdev, bar, cmb_size, offset)) {
		pci_p2pmem_resume(pdev);
		return 0;
	}

	nvme_p2pmem_set_cmbmsc(ctrl, 0);
	dev_warn(ctrl->device,
		 "CMB of %s is not what was registered: CMBSZ %#x (was %#x), CMBLOC %#x (was %#x), BAR %d at %pa; it lends no memory until a reset restores it or the driver is bound again\n",
		 pci_name(pdev), sz, cmbsz, loc, cmbloc, bar,
		 &pdev->resource[bar].start);
	return -EIO;
}

static bool nvme_p2pmem_alive(struct nvme_ctrl *ctrl, struct pci_dev *pdev)
{
	u32 csts;

	if (!pci_is_enabled(pdev) || pci_channel_offline(pdev) ||
	    !pci_device_is_present(pdev))
		return false;
	if (ctrl->ops->reg_read32(ctrl, NVME_REG_CSTS, &csts) || csts == ~0U)
		return false;
	return (csts & NVME_CSTS_RDY) && !(csts & NVME_CSTS_CFS);
}

/**
 * nvme_p2pmem_quiesce() - the controller is going to be disabled
 * @ctrl: the controller
 * @cmb_size: bytes that were registered, 0 when none were
 * @bar_lock: guards the mapping of the controller's registers
 *
 * While the controller works, transfers to and from its memory can be waited
 * for, and are. They may include commands of this very drive: to be called while
 * it still takes commands, without locks that completing them needs.
 *
 * Context: Process; may sleep for as long as pci_p2pmem_revoke() does.
 */
void nvme_p2pmem_quiesce(struct nvme_ctrl *ctrl, u64 cmb_size,
			 struct mutex *bar_lock)
{
	struct pci_dev *pdev = to_pci_dev(ctrl->dev);
	bool alive;

	if (!cmb_size)
		return;

	mutex_lock(bar_lock);
	alive = nvme_p2pmem_alive(ctrl, pdev);
	mutex_unlock(bar_lock);
	if (alive)
		pci_p2pmem_revoke(pdev);
	else
		pci_p2pmem_lost(pdev);
}

/**
 * nvme_p2pmem_revoke() - a controller that works is going to be reset
 * @ctrl: the controller
 *
 * Context: Process; may sleep for as long as pci_p2pmem_revoke() does.
 */
void nvme_p2pmem_revoke(struct nvme_ctrl *ctrl)
{
	if (nvme_ctrl_state(ctrl) == NVME_CTRL_LIVE)
		pci_p2pmem_revoke(to_pci_dev(ctrl->dev));
}

/**
 * nvme_p2pmem_lost() - the controller is being disabled
 * @ctrl: the controller
 *
 * After nvme_p2pmem_quiesce() there is nothing left to lose. Without it (a
 * timeout, an error of the bus, surprise removal) whoever holds memory of the
 * CMB gets errors for it from now on.
 *
 * Context: Any. Does not wait.
 */
void nvme_p2pmem_lost(struct nvme_ctrl *ctrl)
{
	pci_p2pmem_lost(to_pci_dev(ctrl->dev));
}

/**
 * nvme_p2pmem_resume() - the controller was not disabled after all
 * @ctrl: the controller, after nvme_p2pmem_quiesce()
 *
 * A reset that has not come to the CMB yet checks it and resumes; one that has
 * (the controller is connecting) may have done so before it was revoked.
 *
 * Context: Process, may sleep.
 */
void nvme_p2pmem_resume(struct nvme_ctrl *ctrl)
{
	enum nvme_ctrl_state state = nvme_ctrl_state(ctrl);

	if (state == NVME_CTRL_LIVE || state == NVME_CTRL_CONNECTING)
		pci_p2pmem_resume(to_pci_dev(ctrl->dev));
}

/**
 * nvme_p2pmem_alloc_sq() - memory of the CMB for a submission queue
 * @pdev: the drive
 * @size: bytes
 *
 * Context: Process, may sleep.
 * Return: address for the CPU, or NULL when there is none free or the CMB is
 * revoked; the queue belongs in system memory then.
 */
void *nvme_p2pmem_alloc_sq(struct pci_dev *pdev, size_t size)
{
	void *sq = pci_p2pmem_alloc(pdev, size, GFP_KERNEL);

	if (sq)
		pci_p2pmem_own(pdev, size, true);
	return sq;
}

/**
 * nvme_p2pmem_sq_addr() - address of a submission queue for the controller
 * @pdev: the drive
 * @sq: from nvme_p2pmem_alloc_sq()
 *
 * Context: Any.
 * Return: bus address, which is how the controller knows its CMB.
 */
pci_bus_addr_t nvme_p2pmem_sq_addr(struct pci_dev *pdev, void *sq)
{
	return pci_p2pmem_bus_addr(sq);
}

/**
 * nvme_p2pmem_free_sq() - give back memory of the CMB
 * @pdev: the drive
 * @sq: from nvme_p2pmem_alloc_sq()
 * @size: bytes, as allocated
 *
 * Context: Process, may sleep.
 */
void nvme_p2pmem_free_sq(struct pci_dev *pdev, void *sq, size_t size)
{
	pci_p2pmem_own(pdev, size, false);
	pci_p2pmem_free(sq, size);
}

static const struct pci_p2pmem_client_ops nvme_p2pmem_client_ops = {
	.verify = nvme_p2pmem_verify,
};

/**
 * nvme_p2pmem_register_client() - data of this drive may lie in peer memory
 * @ctrl: the controller, before any namespace of it can be opened
 *
 * Context: Process, may sleep.
 * Return: for nvme_p2pmem_unregister_client(); NULL after a message when the core
 * refuses: the drive works, with system memory only.
 */
struct pci_p2pmem_client *nvme_p2pmem_register_client(struct nvme_ctrl *ctrl)
{
	struct pci_p2pmem_client *client;

	client = pci_p2pmem_register_client(ctrl->dev, &nvme_p2pmem_client_ops, ctrl);
	if (IS_ERR(client)) {
		dev_warn(ctrl->device,
			 "no peer-to-peer for %s: not registered as a client (%pe); bind the driver again\n",
			 dev_name(ctrl->dev), client);
		return NULL;
	}
	return client;
}

/**
 * nvme_p2pmem_unregister_client() - undo nvme_p2pmem_register_client()
 * @client: what that returned; nothing is mapped for the drive any more, and its
 *	queues are dead: a self-test that is under way ends by that
 *
 * Context: Process, may sleep.
 */
void nvme_p2pmem_unregister_client(struct pci_p2pmem_client *client)
{
	if (client)
		pci_p2pmem_unregister_client(client);
}
