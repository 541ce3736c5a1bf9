// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: peer-to-peer memory for NVMe drives
 *
 * Every drive is a client: the data of its commands may be in peer memory, see
 * p2pmem-data.c.
 *
 * A drive with a controller memory buffer (CMB) is also a provider, and published
 * if the controller supports both reading and writing data in the CMB. The CMB is
 * registered in probe, but lent only while the controller is LIVE:
 * nvme_p2pmem_start() is called when the controller becomes LIVE, nvme_p2pmem_stop()
 * before it is disabled in an orderly way, and nvme_p2pmem_lost() when it is disabled.
 * A Controller Reset leaves the contents of a CMB undefined, so nothing may be lent
 * across a reset.
 *
 * With the parameter use_cmb_sqes the driver itself uses the CMB for submission
 * queues. They are allocated from the pool, so their memory counts as not available,
 * and they take at most half of the pool. They survive a reset, so draining does not
 * wait for them.
 *
 * This file uses struct nvme_ctrl and registers, but not struct nvme_dev.
 */
#include <linux/pci-p2pmem.h>

#include "p2pmem.h"
#include "p2pmem-verify.h"

/* Guards the list of lent CMBs; no lock is acquired inside. See nvme_p2pmem_stop_siblings(). */
static DEFINE_MUTEX(nvme_p2pmem_lent_lock);
static LIST_HEAD(nvme_p2pmem_lent);

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
 * CMBMSC and CMBSTS exist only if CAP.CMBS is set (NVMe 1.4), otherwise their offsets
 * are reserved. Do not rewrite CMBMSC with the value it has: other devices may still be
 * transferring to the CMB.
 */
static int nvme_p2pmem_set_cmbmsc(struct nvme_ctrl *ctrl, u64 cmbmsc)
{
	u64 now;
	u32 sts;

	if (!NVME_CAP_CMBS(ctrl->cap))
		return 0;
	if (ctrl->ops->reg_read64(ctrl, NVME_REG_CMBMSC, &now) || now != cmbmsc) {
		/* The low half has the enable bit: write it last. */
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

/* The bytes of the CMB inside its BAR; 0 after a message if the registers are invalid. */
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
	/* A bridge with a small window may have left a BAR smaller than the CMB. */
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
	unsigned int whole;
	int bar, ret;
	u64 size;

	/* Since NVMe 1.4, CMBSZ and CMBLOC read as 0 unless CRE is set. */
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
	whole = p->cmbloc & NVME_P2PMEM_CMBLOC_CDMMMS ? 0 : PCI_P2PMEM_WHOLE;
	ret = pci_p2pmem_add_resource(pdev, bar, size,
				      nvme_p2pmem_cmb_offset(p->cmbsz, p->cmbloc),
				      PCI_P2PMEM_POOL | PCI_P2PMEM_STOPPED | whole);
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

/* Enable the CMB and check that it is the one that was registered; 0 or -EIO. */
static int nvme_p2pmem_check_cmb(struct nvme_ctrl *ctrl, struct nvme_p2pmem *p)
{
	struct pci_dev *pdev = to_pci_dev(ctrl->dev);
	int bar = nvme_p2pmem_cmb_bar(p->cmbloc);
	u32 sz = 0, loc = 0;
	int ret;

	/* A function reset clears CMBMSC, so set it before reading CMBSZ and CMBLOC. */
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

/*
 * The driver keeps PRP lists and SGL segments in system memory. Since NVMe 1.4, CMBLOC shows
 * whether the CMB may have commands that refer to them; these bits were reserved before.
 */
static bool nvme_p2pmem_sqs_allowed(struct nvme_ctrl *ctrl, const struct nvme_p2pmem *p)
{
	return (p->cmbsz & NVME_CMBSZ_SQS) &&
		(!NVME_CAP_CMBS(ctrl->cap) || (p->cmbloc & NVME_P2PMEM_CMBLOC_CDPCILS));
}

/**
 * nvme_p2pmem_map_cmb() - find and register the controller memory buffer
 * @ctrl: the controller, not yet enabled: in probe and in each later reset
 * @p: state of the CMB, updated
 *
 * The CMB is registered, but not lent before nvme_p2pmem_start(). If it cannot be used, the
 * reason is logged once, and the CMB stays unused until the driver is rebound.
 *
 * Context: Process, may sleep.
 * Return: true if submission queues may be in the CMB.
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
	return !p->refused && nvme_p2pmem_sqs_allowed(ctrl, p);
}

/* Whether the controller is enabled and works */
static bool nvme_p2pmem_ready(struct nvme_ctrl *ctrl, struct pci_dev *pdev)
{
	u32 csts;

	if (!pci_is_enabled(pdev))
		return false;
	if (ctrl->ops->reg_read32(ctrl, NVME_REG_CSTS, &csts) || csts == ~0U)
		return false;
	return (csts & NVME_CSTS_RDY) && !(csts & NVME_CSTS_CFS);
}

static bool nvme_p2pmem_alive(struct nvme_ctrl *ctrl, struct pci_dev *pdev)
{
	return !pci_channel_offline(pdev) && pci_device_is_present(pdev) &&
		nvme_p2pmem_ready(ctrl, pdev);
}

static void nvme_p2pmem_set_lender(struct nvme_p2pmem *p, struct nvme_ctrl *lender)
{
	guard(mutex)(&nvme_p2pmem_lent_lock);
	if (lender && !p->lender)
		list_add_tail(&p->entry, &nvme_p2pmem_lent);
	else if (!lender && p->lender)
		list_del(&p->entry);
	p->lender = lender;
}

/**
 * nvme_p2pmem_start() - lend the CMB
 * @ctrl: the controller, which has just become LIVE
 * @p: its CMB
 * @lock: the lock that is held for disabling the controller and for nvme_p2pmem_lost()
 *
 * This is the only place where lending begins. If the controller is LIVE and works under @lock,
 * the CMB is lent before the controller can be disabled, and nvme_p2pmem_lost() will stop it.
 * Otherwise nothing is lent. LIVE alone says little: some kernels disable a controller first and
 * change its state afterwards, when the lock is free again. Whether the slot is in recovery says
 * nothing here: some kernels end that after the reset.
 *
 * Context: Process, may sleep.
 */
void nvme_p2pmem_start(struct nvme_ctrl *ctrl, struct nvme_p2pmem *p, struct mutex *lock)
{
	struct pci_dev *pdev = to_pci_dev(ctrl->dev);

	guard(mutex)(lock);
	if (!p->size || nvme_ctrl_state(ctrl) != NVME_CTRL_LIVE || !nvme_p2pmem_ready(ctrl, pdev))
		return;
	if (!nvme_p2pmem_check_cmb(ctrl, p)) {
		nvme_p2pmem_set_lender(p, ctrl);
		pci_p2pmem_resume(pdev);
		/* Stopped as a sibling in between, when there was nothing to stop */
		if (!READ_ONCE(p->lender))
			pci_p2pmem_lost(pdev);
	}
}

/**
 * nvme_p2pmem_stop() - stop lending the CMB before the controller is disabled
 * @ctrl: the controller
 * @p: its CMB
 * @lock: as for nvme_p2pmem_start()
 * @sleep: true in suspend, shutdown and bus resets, where devices of holders may be stopped
 *	already
 *
 * If the controller works, this waits for transfers to and from the CMB. They may include
 * commands of this drive, so call it while the drive still executes commands, without any
 * lock that their completion needs. If the I/O queues are quiesced (a firmware activation that
 * takes too long ends in a reset), these commands cannot complete: only what is being freed is
 * waited for, then the users of the rest are evicted, and it is lost.
 *
 * Context: Process, may sleep for as long as pci_p2pmem_revoke().
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
	else if (sleep || test_bit(NVME_CTRL_STOPPED, &ctrl->flags))
		pci_p2pmem_suspend(pdev);
	else
		pci_p2pmem_revoke(pdev);
	/* Even if the CMB was lost before: the controller may be freed after the last stop. */
	nvme_p2pmem_set_lender(p, NULL);
}

/* Remove a sibling of a controller from the list of lent CMBs; return its function, referenced. */
static struct pci_dev *nvme_p2pmem_pop_sibling(struct nvme_ctrl *ctrl)
{
	struct nvme_p2pmem *p;

	guard(mutex)(&nvme_p2pmem_lent_lock);
	list_for_each_entry(p, &nvme_p2pmem_lent, entry) {
		struct nvme_ctrl *lender = p->lender;

		if (lender == ctrl || !ctrl->subsys || lender->subsys != ctrl->subsys)
			continue;
		list_del(&p->entry);
		WRITE_ONCE(p->lender, NULL);
		return pci_dev_get(to_pci_dev(lender->dev));
	}
	return NULL;
}

/* Call @fn for the function of each sibling that lends its CMB, which is no lender then. */
static void nvme_p2pmem_for_each_sibling(struct nvme_ctrl *ctrl,
					 void (*fn)(struct pci_dev *pdev))
{
	struct pci_dev *pdev;

	while ((pdev = nvme_p2pmem_pop_sibling(ctrl))) {
		fn(pdev);
		pci_dev_put(pdev);
	}
}

/**
 * nvme_p2pmem_stop_siblings() - stop lending the CMBs of all other controllers of a subsystem
 * @ctrl: the controller through which the NVM subsystem is about to be reset
 *
 * An NVM Subsystem Reset resets all controllers of a subsystem, for example those behind both
 * ports of a drive. A sibling stays LIVE until its driver notices, and is then reset itself: its
 * CMB is lent again at the end of that reset.
 *
 * Context: Process, may sleep for as long as pci_p2pmem_revoke() for each sibling. The caller
 * holds no lock.
 */
void nvme_p2pmem_stop_siblings(struct nvme_ctrl *ctrl)
{
	nvme_p2pmem_for_each_sibling(ctrl, pci_p2pmem_revoke);
}

/**
 * nvme_p2pmem_lost() - mark the contents of the CMB as lost
 * @ctrl: the controller, which is being disabled, or has just been reset
 *
 * No effect after nvme_p2pmem_stop(). Without it (timeout, bus error, surprise removal)
 * every use of memory in the CMB fails from now on.
 *
 * Context: Process, under the lock of nvme_p2pmem_start(). Does not wait.
 */
void nvme_p2pmem_lost(struct nvme_ctrl *ctrl)
{
	pci_p2pmem_lost(to_pci_dev(ctrl->dev));
}

/**
 * nvme_p2pmem_lose_subsystem() - mark the contents of all CMBs of a subsystem as lost
 * @ctrl: the controller through which the NVM subsystem has just been reset
 *
 * A controller that ended a reset of its own since it was stopped lends again: a sibling, and
 * @ctrl as well, because stopping the siblings takes time.
 *
 * Context: Process, any lock may be held. Does not wait.
 */
void nvme_p2pmem_lose_subsystem(struct nvme_ctrl *ctrl)
{
	nvme_p2pmem_for_each_sibling(ctrl, pci_p2pmem_lost);
	nvme_p2pmem_lost(ctrl);
}

/**
 * nvme_p2pmem_alloc_sq() - allocate memory of the CMB for a submission queue
 * @pdev: the drive
 * @size: bytes
 *
 * Queues are created before the controller is LIVE and therefore before the CMB is lent.
 * They take at most half of the CMB.
 *
 * Context: Process, may sleep.
 * Return: CPU address, or NULL if the share of the queues is used up; the caller then
 * uses system memory.
 */
void *nvme_p2pmem_alloc_sq(struct pci_dev *pdev, size_t size)
{
	return pci_p2pmem_alloc_own(pdev, size);
}

/**
 * nvme_p2pmem_sq_addr() - get the address of a submission queue for the controller
 * @sq: from nvme_p2pmem_alloc_sq()
 *
 * Context: Any.
 * Return: bus address, by which a controller addresses its own CMB.
 */
pci_bus_addr_t nvme_p2pmem_sq_addr(void *sq)
{
	return pci_p2pmem_bus_addr(sq);
}

/**
 * nvme_p2pmem_free_sq() - free the memory of a submission queue in the CMB
 * @pdev: the drive
 * @sq: from nvme_p2pmem_alloc_sq()
 * @size: bytes, as allocated
 *
 * Context: Process, may sleep.
 */
void nvme_p2pmem_free_sq(struct pci_dev *pdev, void *sq, size_t size)
{
	pci_p2pmem_free_own(pdev, sq, size);
}

static const struct pci_p2pmem_client_ops nvme_p2pmem_client_ops = {
	.children = true,
	.verify = nvme_p2pmem_verify,
};

/**
 * nvme_p2pmem_register_client() - register a drive as a client of peer memory
 * @ctrl: the controller, before any namespace of it can be opened
 *
 * Context: Process, may sleep.
 * Return: the client, for nvme_p2pmem_unregister_client(). NULL after a message if the
 * registration failed; the drive then works with system memory only.
 */
struct pci_p2pmem_client *nvme_p2pmem_register_client(struct nvme_ctrl *ctrl)
{
	struct nvme_p2pmem_drive *drive = kzalloc(sizeof(*drive), GFP_KERNEL);
	struct pci_p2pmem_client *client = ERR_PTR(-ENOMEM);

	if (drive) {
		drive->ctrl = ctrl;
		xa_init(&drive->lost);
		client = pci_p2pmem_register_client(ctrl->dev, &nvme_p2pmem_client_ops, drive);
	}
	if (IS_ERR(client)) {
		kfree(drive);
		dev_warn(ctrl->device,
			 "no peer-to-peer for %s: cannot register it as a client (%pe); rebind the driver to retry\n",
			 dev_name(ctrl->dev), client);
		return NULL;
	}
	return client;
}

/**
 * nvme_p2pmem_unregister_client() - undo nvme_p2pmem_register_client()
 * @client: its return value. Nothing is mapped for the drive any more, and its queues
 *	are dead, which ends a running self-test
 *
 * Context: Process, may sleep.
 */
void nvme_p2pmem_unregister_client(struct pci_p2pmem_client *client)
{
	struct nvme_p2pmem_drive *drive;

	if (!client)
		return;
	drive = pci_p2pmem_client_priv(client);
	/* Waits for a self-test. */
	pci_p2pmem_unregister_client(client);
	xa_destroy(&drive->lost);
	kfree(drive);
}
