// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: peer-to-peer memory for NVMe drives
 *
 * A drive is a client: the data of its commands may lie in peer memory, which
 * is then mapped through the peer-to-peer core. Metadata, PRP and SGL lists and
 * completion queues are in system memory always.
 *
 * A drive with a controller memory buffer (CMB) is a provider too, published
 * when the controller can both read and write data there. It is registered in
 * probe, and lent only while the controller is LIVE: nvme_p2pmem_start() is called
 * where it becomes that, nvme_p2pmem_stop() before it is disabled in an orderly way,
 * nvme_p2pmem_lost() when it is disabled. A Controller Reset leaves the contents of
 * a CMB undefined, so nothing may be lent across it.
 *
 * Submission queues in the CMB, which the parameter use_cmb_sqes asks for, are the
 * driver's own use of the memory. They come from the pool, so they count as not
 * available; they get half of it at most; and they survive a reset, so no drain
 * waits for them.
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

static int nvme_p2pmem_cmb_bar(u32 cmbloc)
{
	return NVME_CMB_BIR(cmbloc);
}

static u64 nvme_p2pmem_cmb_unit(u32 cmbsz)
{
	return 1ULL << (12 + 4 * ((cmbsz >> NVME_CMBSZ_SZU_SHIFT) & NVME_CMBSZ_SZU_MASK));
}

static u64 nvme_p2pmem_cmb_offset(u32 cmbsz, u32 cmbloc)
{
	return nvme_p2pmem_cmb_unit(cmbsz) * NVME_CMB_OFST(cmbloc);
}

static u64 nvme_p2pmem_cmbmsc(struct nvme_ctrl *ctrl, const struct nvme_p2pmem *p)
{
	return NVME_CMBMSC_CRE | NVME_CMBMSC_CMSE |
		(pci_bus_address(to_pci_dev(ctrl->dev), nvme_p2pmem_cmb_bar(p->cmbloc)) +
		 nvme_p2pmem_cmb_offset(p->cmbsz, p->cmbloc));
}

/*
 * CMBMSC and CMBSTS exist only where CAP.CMBS is set (NVMe 1.4); elsewhere their offsets
 * are reserved. Writes only a value that CMBMSC does not have already: where the CMB is,
 * others may still be transferring.
 */
static int nvme_p2pmem_set_cmbmsc(struct nvme_ctrl *ctrl, u64 cmbmsc)
{
	u64 now;
	u32 sts;

	if (!NVME_CAP_CMBS(ctrl->cap))
		return 0;
	if (ctrl->ops->reg_read64(ctrl, NVME_REG_CMBMSC, &now) || now != cmbmsc) {
		/* The low half enables: last. */
		ctrl->ops->reg_write32(ctrl, NVME_REG_CMBMSC + 4, upper_32_bits(cmbmsc));
		ctrl->ops->reg_write32(ctrl, NVME_REG_CMBMSC, lower_32_bits(cmbmsc));
	}
	if (!(cmbmsc & NVME_CMBMSC_CMSE))
		return 0;
	if (ctrl->ops->reg_read64(ctrl, NVME_REG_CMBMSC, &now) || now != cmbmsc)
		return -EIO;
	if (ctrl->ops->reg_read32(ctrl, NVME_P2PMEM_REG_CMBSTS, &sts) ||
	    (sts & NVME_P2PMEM_CMBSTS_CBAI))
		return -EADDRNOTAVAIL;
	return 0;
}

/* Whether the registers describe a CMB; its bytes inside the BAR, or 0 after a message */
static u64 nvme_p2pmem_cmb_size(struct nvme_ctrl *ctrl, u32 cmbsz, u32 cmbloc)
{
	u32 szu = (cmbsz >> NVME_CMBSZ_SZU_SHIFT) & NVME_CMBSZ_SZU_MASK;
	struct pci_dev *pdev = to_pci_dev(ctrl->dev);
	int bar = nvme_p2pmem_cmb_bar(cmbloc);
	u64 size, offset, room;

	if (szu > NVME_P2PMEM_SZU_MAX || bar > PCI_STD_NUM_BARS - 1) {
		dev_warn(ctrl->device,
			 "CMB not used: reserved size unit or BAR in CMBSZ %#x, CMBLOC %#x\n",
			 cmbsz, cmbloc);
		return 0;
	}
	offset = nvme_p2pmem_cmb_offset(cmbsz, cmbloc);
	size = nvme_p2pmem_cmb_unit(cmbsz) *
		((cmbsz >> NVME_CMBSZ_SZ_SHIFT) & NVME_CMBSZ_SZ_MASK);
	room = pci_resource_len(pdev, bar);
	/* A bridge with a small window may leave less of the BAR than the CMB has. */
	size = offset < room ? min(size, room - offset) : 0;
	if (!size)
		dev_warn(ctrl->device,
			 "CMB not used: empty or outside BAR %d of %s (offset %#llx, BAR of %llu bytes)\n",
			 bar, pci_name(pdev), offset, room);
	return size;
}

static int nvme_p2pmem_add_cmb(struct nvme_ctrl *ctrl, struct nvme_p2pmem *p)
{
	const u32 data = NVME_CMBSZ_RDS | NVME_CMBSZ_WDS;
	struct pci_dev *pdev = to_pci_dev(ctrl->dev);
	int bar, ret;
	u64 size;

	/* Without CRE, CMBSZ and CMBLOC of a controller since NVMe 1.4 read 0. */
	if (NVME_CAP_CMBS(ctrl->cap))
		ctrl->ops->reg_write32(ctrl, NVME_REG_CMBMSC, NVME_CMBMSC_CRE);
	if (ctrl->ops->reg_read32(ctrl, NVME_REG_CMBSZ, &p->cmbsz) ||
	    ctrl->ops->reg_read32(ctrl, NVME_REG_CMBLOC, &p->cmbloc) ||
	    !p->cmbsz || p->cmbsz == ~0U) {
		p->cmbsz = 0;
		return -ENODEV;
	}

	size = nvme_p2pmem_cmb_size(ctrl, p->cmbsz, p->cmbloc);
	ret = size ? nvme_p2pmem_set_cmbmsc(ctrl, nvme_p2pmem_cmbmsc(ctrl, p)) : -EINVAL;
	if (ret && size)
		dev_warn(ctrl->device,
			 "CMB not used: the controller rejected its address (CMBMSC, CMBSTS: %pe)\n",
			 ERR_PTR(ret));
	if (ret)
		goto off;

	bar = nvme_p2pmem_cmb_bar(p->cmbloc);
	ret = pci_p2pmem_add_resource(pdev, bar, size,
				      nvme_p2pmem_cmb_offset(p->cmbsz, p->cmbloc),
				      PCI_P2PMEM_POOL | PCI_P2PMEM_STOPPED);
	if (ret) {
		dev_warn(ctrl->device,
			 "CMB not used: cannot register %llu bytes of BAR %d of %s (%pe); queues and data stay in system memory\n",
			 size, bar, pci_name(pdev), ERR_PTR(ret));
		goto off;
	}
	p->size = size;
	if ((p->cmbsz & data) == data)
		pci_p2pmem_set_published(pdev, true);
	else
		dev_info(ctrl->device,
			 "CMB not published to other devices: CMBSZ %#x lacks support for read or write data\n",
			 p->cmbsz);
	return 0;
off:
	nvme_p2pmem_set_cmbmsc(ctrl, 0);
	return ret;
}

/* Whether the CMB is where it was registered, and enabled there */
static int nvme_p2pmem_check_cmb(struct nvme_ctrl *ctrl, struct nvme_p2pmem *p)
{
	struct pci_dev *pdev = to_pci_dev(ctrl->dev);
	int bar = nvme_p2pmem_cmb_bar(p->cmbloc);
	u32 sz = 0, loc = 0;
	int ret;

	/* A reset of the function clears CMBMSC, and CMBSZ and CMBLOC with it. */
	ret = nvme_p2pmem_set_cmbmsc(ctrl, nvme_p2pmem_cmbmsc(ctrl, p));
	ctrl->ops->reg_read32(ctrl, NVME_REG_CMBSZ, &sz);
	ctrl->ops->reg_read32(ctrl, NVME_REG_CMBLOC, &loc);
	if (!ret && sz == p->cmbsz && loc == p->cmbloc &&
	    pci_p2pmem_is_lent(pdev, bar, p->size, nvme_p2pmem_cmb_offset(sz, loc))) {
		p->changed = false;
		return 0;
	}

	if (!p->changed)
		dev_warn(ctrl->device,
			 "CMB of %s changed since it was registered: CMBSZ %#x (was %#x), CMBLOC %#x (was %#x), BAR %d at %pa, enable returned %d; it stays stopped until a reset restores it or the driver is rebound\n",
			 pci_name(pdev), sz, p->cmbsz, loc, p->cmbloc, bar,
			 &pdev->resource[bar].start, ret);
	p->changed = true;
	return -EIO;
}

/**
 * nvme_p2pmem_map_cmb() - find and register the controller memory buffer
 * @ctrl: the controller, not yet enabled: in probe, and in each reset after that
 * @p: what is known of it; updated
 *
 * Lends nothing: see nvme_p2pmem_start(). A CMB that is refused is refused once, with a
 * message, until the driver is bound again.
 *
 * Context: Process, may sleep.
 * Return: true when submission queues may be in the CMB.
 */
bool nvme_p2pmem_map_cmb(struct nvme_ctrl *ctrl, struct nvme_p2pmem *p)
{
	if (p->refused)
		return false;
	if (!p->size) {
		p->refused = nvme_p2pmem_add_cmb(ctrl, p);
	} else if (nvme_p2pmem_check_cmb(ctrl, p)) {
		nvme_p2pmem_set_cmbmsc(ctrl, 0);
		return false;
	}
	return !p->refused && (p->cmbsz & NVME_CMBSZ_SQS);
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
 * nvme_p2pmem_start() - lend the CMB
 * @ctrl: the controller, just LIVE
 * @p: its CMB
 * @lock: as held by whoever disables the controller, and around nvme_p2pmem_lost()
 *
 * The only place where lending begins. Under @lock the controller is either still LIVE,
 * and whoever disables it later finds the CMB lent, or it is not, and nothing is lent.
 *
 * Context: Process, may sleep.
 */
void nvme_p2pmem_start(struct nvme_ctrl *ctrl, struct nvme_p2pmem *p, struct mutex *lock)
{
	guard(mutex)(lock);
	if (!p->size || nvme_ctrl_state(ctrl) != NVME_CTRL_LIVE)
		return;
	if (!nvme_p2pmem_check_cmb(ctrl, p))
		pci_p2pmem_resume(to_pci_dev(ctrl->dev));
}

/**
 * nvme_p2pmem_stop() - the controller is going to be disabled
 * @ctrl: the controller
 * @p: its CMB
 * @lock: as of nvme_p2pmem_start()
 * @sleep: in suspend and shutdown, where the devices of holders may be asleep already
 *
 * While the controller works, transfers to and from its memory can be waited
 * for, and are. They may include commands of this very drive: to be called while
 * it still takes commands, without locks that completing them needs.
 *
 * Context: Process; may sleep for as long as pci_p2pmem_revoke() does.
 */
void nvme_p2pmem_stop(struct nvme_ctrl *ctrl, struct nvme_p2pmem *p, struct mutex *lock,
		      bool sleep)
{
	struct pci_dev *pdev = to_pci_dev(ctrl->dev);
	bool alive;

	if (!p->size)
		return;

	mutex_lock(lock);
	alive = nvme_p2pmem_alive(ctrl, pdev);
	mutex_unlock(lock);
	if (!alive)
		pci_p2pmem_lost(pdev);
	else if (sleep)
		pci_p2pmem_suspend(pdev);
	else
		pci_p2pmem_revoke(pdev);
}

/**
 * nvme_p2pmem_lost() - the controller is being disabled
 * @ctrl: the controller, not LIVE any more
 *
 * After nvme_p2pmem_stop() there is nothing left to lose. Without it (a
 * timeout, an error of the bus, surprise removal) whoever holds memory of the
 * CMB gets errors for it from now on.
 *
 * Context: Any; the lock of nvme_p2pmem_start() is held. Does not wait.
 */
void nvme_p2pmem_lost(struct nvme_ctrl *ctrl)
{
	pci_p2pmem_lost(to_pci_dev(ctrl->dev));
}

/**
 * nvme_p2pmem_alloc_sq() - memory of the CMB for a submission queue
 * @pdev: the drive
 * @size: bytes
 *
 * Queues are created before the controller is LIVE, so before anything is lent. They
 * get at most half of the CMB.
 *
 * Context: Process, may sleep.
 * Return: address for the CPU, or NULL when there is none left for queues; the queue
 * belongs in system memory then.
 */
void *nvme_p2pmem_alloc_sq(struct pci_dev *pdev, size_t size)
{
	return pci_p2pmem_alloc_own(pdev, size);
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
			 "no peer-to-peer for %s: cannot register it as a client (%pe); rebind the driver to retry\n",
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
