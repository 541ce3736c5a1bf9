// SPDX-License-Identifier: GPL-2.0-only
//
// drivers/nvme/host/pci.c: data in peer memory, the controller memory buffer as
// a provider, the drive as a client. The logic is in p2pmem.c.

@ include @
@@
- #include <linux/pci-p2pdma.h>
+ #include <linux/pci.h>

@ hooks @
@@
  #include "nvme.h"
+ #include "p2pmem.h"

// ---- the data of commands; metadata stays in system memory

@ single @
expression page;
@@
- is_pci_p2pdma_page(page)
+ nvme_p2pmem_page(page)

@ map @
expression dev, dir, attrs;
struct nvme_iod *iod;
@@
- dma_map_sgtable(dev, &iod->sgt, dir, attrs)
+ nvme_p2pmem_map_sgtable(dev, &iod->sgt, dir, attrs)

@ map_error @
identifier rc, ret;
@@
- if (rc == -EREMOTEIO)
- 	ret = BLK_STS_TARGET;
+ ret = nvme_p2pmem_map_status(rc);

@ unmap @
expression dev, dir, attrs;
struct nvme_iod *iod;
@@
- dma_unmap_sgtable(dev, &iod->sgt, dir, attrs)
+ nvme_p2pmem_unmap_sgtable(dev, &iod->sgt, dir, attrs)

// ---- submission queues in the controller memory buffer

@ sq_free @
expression pdev, addr, size;
@@
- pci_free_p2pmem(pdev, addr, size)
+ nvme_p2pmem_free_sq(pdev, addr, size)

@ sq_alloc @
expression pdev, size;
@@
- pci_alloc_p2pmem(pdev, size)
+ nvme_p2pmem_alloc_sq(pdev, size)

@ sq_addr @
expression pdev, addr;
@@
- pci_p2pmem_virt_to_bus(pdev, addr)
+ nvme_p2pmem_sq_addr(pdev, addr)

// ---- the controller memory buffer as a provider. One that has changed over a
// reset cannot hold the submission queues any more: they are made anew, in
// system memory. The core trims what is not aligned, with a message, so nothing
// is left out here.

@ cmb @
symbol true, false;
identifier dev, size, offset, bar_size, pdev, bar;
expression E;
@@
  static void nvme_map_cmb(struct nvme_dev *dev)
  {
  ...
- if (dev->cmb_size)
- 	return;
+ if (dev->cmb_size) {
+ 	if (nvme_p2pmem_recheck_cmb(&dev->ctrl, dev->cmb_size,
+ 				    dev->cmbsz, dev->cmbloc)) {
+ 		nvme_free_queues(dev, 1);
+ 		dev->cmb_use_sqes = false;
+ 	}
+ 	return;
+ }
  ...
- if (offset > bar_size)
- 	return;
+ if (offset > bar_size) {
+ 	nvme_p2pmem_add_cmb(&dev->ctrl, bar, 0, offset, dev->cmbsz);
+ 	return;
+ }
  ...
  size = min(size, bar_size - offset);
- if (!IS_ALIGNED(size, memremap_compat_align()) ||
-     !IS_ALIGNED(pci_resource_start(pdev, bar), memremap_compat_align()))
- 	return;
  ...
- if (pci_p2pdma_add_resource(pdev, bar, size, offset)) {
- 	dev_warn(...);
+ if (nvme_p2pmem_add_cmb(&dev->ctrl, bar, size, offset, dev->cmbsz)) {
  	...
  }
  ...
- if (E)
- 	pci_p2pmem_publish(pdev, true);
  ...
  }

// ---- revoke while the controller still works, lose when it does not

@ lost @
identifier dev, shutdown;
@@
  static void nvme_dev_disable(struct nvme_dev *dev, bool shutdown)
  {
  ...
+ nvme_p2pmem_lost(&dev->ctrl);
  mutex_lock(&dev->shutdown_lock);
  ...
  }

@ prepare @
identifier dev, shutdown;
@@
  static int nvme_disable_prepare_reset(struct nvme_dev *dev, bool shutdown)
  {
  ...
+ nvme_p2pmem_quiesce(&dev->ctrl, dev->cmb_size, &dev->shutdown_lock);
  nvme_dev_disable(dev, shutdown);
  ...
  }

@ reset @
symbol false;
identifier dev;
@@
  static void nvme_reset_work(...)
  {
  ...
- if (dev->ctrl.ctrl_config & NVME_CC_ENABLE)
+ if (dev->ctrl.ctrl_config & NVME_CC_ENABLE) {
+ 	nvme_p2pmem_quiesce(&dev->ctrl, dev->cmb_size, &dev->shutdown_lock);
  	nvme_dev_disable(dev, false);
+ }
  ...
  }

@ subsystem_reset @
identifier dev;
@@
  static int nvme_pci_subsystem_reset(struct nvme_ctrl *ctrl)
  {
  ...
+ nvme_p2pmem_revoke(ctrl);
  mutex_lock(&dev->shutdown_lock);
  ...
  }

// A reset that was under way may have begun to lend again: revoked once more,
// when no other can come.
@ remove @
identifier pdev, dev;
@@
  static void nvme_remove(struct pci_dev *pdev)
  {
  ...
+ nvme_p2pmem_quiesce(&dev->ctrl, dev->cmb_size, &dev->shutdown_lock);
  nvme_change_ctrl_state(&dev->ctrl, NVME_CTRL_DELETING);
  ...
  flush_work(&dev->ctrl.reset_work);
+ nvme_p2pmem_quiesce(&dev->ctrl, dev->cmb_size, &dev->shutdown_lock);
  ...
+ nvme_p2pmem_unregister_client(dev->p2pmem_client);
  nvme_free_host_mem(dev);
  ...
  }

@ suspend @
identifier ndev, ctrl, ret;
@@
  static int nvme_suspend(...)
  {
  ...
  struct nvme_ctrl *ctrl = &ndev->ctrl;
  ...
+ nvme_p2pmem_quiesce(ctrl, ndev->cmb_size, &ndev->shutdown_lock);
  nvme_start_freeze(ctrl);
  ...
  nvme_unfreeze(ctrl);
+ if (ret)
+ 	nvme_p2pmem_resume(ctrl);
  return ret;
  }

@ resume @
identifier ctrl;
@@
  static int nvme_resume(...)
  {
  ...
  struct nvme_ctrl *ctrl = ...;
  ...
+ nvme_p2pmem_resume(ctrl);
  return 0;
  ...
  }

// ---- the drive as a client, from before its first namespace until its last
// command is done

@ client @
@@
  struct nvme_dev {
  ...
  u32 cmbloc;
+ struct pci_p2pmem_client *p2pmem_client;
  ...
  };

@ probe @
identifier pdev, dev;
@@
  static int nvme_probe(struct pci_dev *pdev, ...)
  {
  ...
  struct nvme_dev *dev;
  ...
  pci_set_drvdata(pdev, dev);
+ dev->p2pmem_client = nvme_p2pmem_register_client(&dev->ctrl);
  ...
  }
