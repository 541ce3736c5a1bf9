// SPDX-License-Identifier: GPL-2.0-only
//
// drivers/nvme/host/pci.c: data in peer memory, the controller memory buffer as
// a provider, the drive as a client. The logic is in p2pmem-data.c and p2pmem.c.

@ include @
@@
- #include <linux/pci-p2pdma.h>
+ #include <linux/pci.h>

@ hooks @
@@
  #include "nvme.h"
+ #include "p2pmem.h"

// ---- the data of commands; metadata stays in system memory

// Where the driver maps one segment without a list, it does so with peer memory too: only upstream's
// pages need a list there. The entry that keeps the mapping is beside the address.
@ steps @
@@
  #include <linux/blk-mq-dma.h>

@ single depends on steps @
expression page;
@@
- is_pci_p2pdma_page(page)
+ nvme_p2pmem_page(page)

@ one_listed depends on !steps @
expression page;
@@
- is_pci_p2pdma_page(page)
+ nvme_p2pmem_needs_list(page)

@ one_member depends on !steps @
@@
  struct nvme_iod {
  ...
  dma_addr_t first_dma;
+ struct scatterlist p2pmem_sg;
  ...
  };

@ one_map @
identifier dev, req, bv, iod;
@@
  struct nvme_iod *iod = blk_mq_rq_to_pdu(req);
+ blk_status_t status;
  ...
- iod->first_dma = dma_map_bvec(dev->dev, bv, rq_dma_dir(req), 0);
- if (dma_mapping_error(dev->dev, iod->first_dma))
- 	return BLK_STS_RESOURCE;
+ status = nvme_p2pmem_map_bvec(dev->dev, bv, rq_dma_dir(req), &iod->p2pmem_sg, &iod->first_dma);
+ if (status != BLK_STS_OK)
+ 	return status;

@ one_unmap @
identifier dev, req;
struct nvme_iod *iod;
@@
- dma_unmap_page(dev->dev, iod->first_dma, iod->dma_len, rq_dma_dir(req));
+ nvme_p2pmem_unmap_bvec(dev->dev, &iod->p2pmem_sg, iod->first_dma, iod->dma_len, rq_dma_dir(req));

@ map @
expression dev, req, attrs;
struct nvme_iod *iod;
@@
- dma_map_sgtable(dev, &iod->sgt, rq_dma_dir(req), attrs)
+ nvme_p2pmem_map_sgtable(dev, req, &iod->sgt, attrs)

// Without this only -EREMOTEIO ends a command. A failed mapping must neither be requeued
// forever nor be a final error.
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

// ---- the same where the block layer maps a request step by step: the request counts its steps
// in peer memory, so that a partly mapped request can be unmapped too

@ iter_include @
@@
  #include <linux/blk-mq-dma.h>
+ #include "p2pmem-iter.h"

@ iter_member depends on iter_include @
@@
  struct nvme_iod {
  ...
  struct nvme_command cmd;
+ unsigned int p2pmem_mapped;
  ...
  };
+
+ static unsigned int *nvme_p2pmem_mapped(struct request *req)
+ {
+ 	struct nvme_iod *iod = blk_mq_rq_to_pdu(req);
+
+ 	return &iod->p2pmem_mapped;
+ }

@ iter_start @
expression req, dev, state, iter;
@@
- blk_rq_dma_map_iter_start(req, dev, state, iter)
+ nvme_p2pmem_map_iter_start(req, dev, state, iter, &iod->p2pmem_mapped)

@ iter_next @
expression req, dev, iter;
@@
- blk_rq_dma_map_iter_next(req, dev, iter)
+ nvme_p2pmem_map_iter_next(req, dev, iter, nvme_p2pmem_mapped(req))

@ iter_unmap @
identifier req, dev, type, iod;
expression list how;
@@
  static void nvme_unmap_data(struct request *req)
  {
  ...
  struct nvme_iod *iod = ...;
  ...
+ nvme_p2pmem_unmap_data(req, dev, type, &iod->p2pmem_mapped);
  if (!blk_rq_dma_unmap(req, dev, how, type)) { ... }
  ...
  }

@ iter_unmap_one @
identifier req, iter, state, dev;
@@
  static void nvme_unmap_iter(struct request *req, struct blk_dma_iter *iter, struct dma_iova_state *state)
  {
  ...
+ nvme_p2pmem_unmap_data(req, dev, iter->p2pdma.map, nvme_p2pmem_mapped(req));
  if (!blk_rq_dma_unmap(req, dev, ...)) { ... }
  }

// ---- submission queues in the controller memory buffer only if requested. Without p2pmem
// these kernels never put them there, and the memory that they use cannot be lent.

@ requested @
symbol use_cmb_sqes, true;
@@
- static bool use_cmb_sqes = true;
+ static bool use_cmb_sqes;

// If the CMB cannot be used any more, a queue is moved to system memory before it is
// created again. Its completion queue is not moved: a poller that saw NVMEQ_POLLED before the
// reset cleared it may still be reading it. Without memory for one queue, the drive goes on with
// those that it has, as after a status of Create SQ; a drive without any has failed.
@ sq_move @
identifier nvmeq, qid, polled, dev, result;
@@
  static int nvme_create_queue(struct nvme_queue *nvmeq, int qid, bool polled)
  {
  struct nvme_dev *dev = nvmeq->dev;
  int result;
  ...
  clear_bit(NVMEQ_DELETE_ERROR, &nvmeq->flags);
+ if (!dev->cmb_use_sqes && test_bit(NVMEQ_SQ_CMB, &nvmeq->flags)) {
+ 	void *sq = nvmeq->sq_cmds;
+
+ 	result = nvme_alloc_sq_cmds(dev, nvmeq, qid);
+ 	if (result) {
+ 		nvmeq->sq_cmds = sq;
+ 		return qid > 1 ? NVME_SC_INTERNAL : result;
+ 	}
+ 	clear_bit(NVMEQ_SQ_CMB, &nvmeq->flags);
+ 	nvme_p2pmem_free_sq(to_pci_dev(dev->dev), sq, SQ_SIZE(nvmeq));
+ }
  ...
  }

// With the arguments, so that spatch aligns them after the new name; but without the size, a macro
// that spatch may have expanded.
@ sq_free @
expression pdev, sq;
@@
- pci_free_p2pmem(pdev, sq,
+ nvme_p2pmem_free_sq(pdev, sq,
  ...)

@ sq_alloc @
@@
- pci_alloc_p2pmem
+ nvme_p2pmem_alloc_sq
  (...)

@ sq_addr @
expression pdev, sq;
@@
- pci_p2pmem_virt_to_bus(pdev, sq)
+ nvme_p2pmem_sq_addr(sq)

// ---- the controller memory buffer as a provider: found, checked and registered by
// p2pmem.c. One rule of the driver remains: queues must fit cmb_size, which is half of
// the registered size, so that they leave memory to lend.

@ cmb @
identifier d;
@@
+ static void nvme_map_cmb(struct nvme_dev *dev)
+ {
+ 	bool sqes = nvme_p2pmem_map_cmb(&dev->ctrl, &dev->p2pmem);
+ 	bool had = dev->cmb_size;
+
+ 	dev->cmb_use_sqes = use_cmb_sqes && sqes;
+ 	dev->cmbsz = dev->p2pmem.cmbsz;
+ 	dev->cmbloc = dev->p2pmem.cmbloc;
+ 	dev->cmb_size = dev->p2pmem.size / 2;
+ 	if (dev->cmb_size && !had)
+ 		nvme_update_attrs(dev);
+ }
- static void nvme_map_cmb(struct nvme_dev *d)
- { ... }

@ cmb_unit @
identifier d;
typedef u64, u32;
@@
- static u64 nvme_cmb_size_unit(struct nvme_dev *d)
- { ... }

@ cmb_bytes @
identifier d;
typedef u64, u32;
@@
- static u32 nvme_cmb_size(struct nvme_dev *d)
- { ... }

// ---- lending begins where the controller becomes LIVE

@ start @
identifier dev;
@@
+ nvme_p2pmem_start(&dev->ctrl, &dev->p2pmem, &dev->shutdown_lock);
  nvme_start_ctrl(&dev->ctrl);

// ---- and ends before it leaves LIVE; memory that is still in use then is lost

@ lost @
identifier dev, shutdown;
@@
  static void nvme_dev_disable(struct nvme_dev *dev, bool shutdown)
  {
  ...
  mutex_lock(&dev->shutdown_lock);
+ nvme_p2pmem_lost(&dev->ctrl);
  ...
  }

// Shutdown, suspend and the reset of a bus: other devices may be stopped already, so that their
// transfers never end.
@ prepare @
symbol true;
identifier dev, shutdown;
@@
  static int nvme_disable_prepare_reset(struct nvme_dev *dev, bool shutdown)
  {
  ...
+ nvme_p2pmem_stop(&dev->ctrl, &dev->p2pmem, &dev->shutdown_lock, true);
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
+ 	nvme_p2pmem_stop(&dev->ctrl, &dev->p2pmem, &dev->shutdown_lock, false);
  	nvme_dev_disable(dev, false);
+ }
  ...
  }

// It resets every controller of the subsystem, while the siblings stay LIVE.
@ subsystem_reset @
identifier dev;
@@
  static int nvme_pci_subsystem_reset(struct nvme_ctrl *ctrl)
  {
  ...
+ if (nvme_ctrl_state(ctrl) == NVME_CTRL_LIVE) {
+ 	nvme_p2pmem_stop(ctrl, &dev->p2pmem, &dev->shutdown_lock, false);
+ 	nvme_p2pmem_stop_siblings(ctrl);
+ }
  mutex_lock(&dev->shutdown_lock);
  ...
  writel(NVME_SUBSYS_RESET, ...);
+ nvme_p2pmem_lose_subsystem(ctrl);
  ...
  }

// A reset that was under way may have begun to lend again: stopped once more,
// when no other can come.
@ remove @
symbol false;
identifier pdev, dev;
@@
  static void nvme_remove(struct pci_dev *pdev)
  {
  ...
+ nvme_p2pmem_stop(&dev->ctrl, &dev->p2pmem, &dev->shutdown_lock, false);
  nvme_change_ctrl_state(&dev->ctrl, NVME_CTRL_DELETING);
  ...
  flush_work(&dev->ctrl.reset_work);
+ nvme_p2pmem_stop(&dev->ctrl, &dev->p2pmem, &dev->shutdown_lock, false);
  ...
+ nvme_p2pmem_unregister_client(dev->p2pmem.client);
  nvme_free_host_mem(dev);
  ...
  }

// A reset that was under way when the suspend began may lend the CMB again until its work ends. So
// where the driver goes on with a LIVE controller, wait for the rest of that work, and stop once
// more: after LIVE only the start of lending is left of it, and no drain. It does not wait for
// suspend: nvme_remove() flushes it under the same device lock, the queue of resets is not frozen,
// freezes of the I/O queues nest, and no command is left that it could wait for.
@ suspend @
symbol true;
identifier ndev, ctrl, ret, out;
expression state;
@@
  static int nvme_suspend(...)
  {
  ...
  struct nvme_ctrl *ctrl = &ndev->ctrl;
  ...
+ nvme_p2pmem_stop(ctrl, &ndev->p2pmem, &ndev->shutdown_lock, true);
  nvme_start_freeze(ctrl);
  ...
  nvme_sync_queues(ctrl);
  if (state != NVME_CTRL_LIVE)
  	goto out;
+ flush_work(&ctrl->reset_work);
+ nvme_p2pmem_stop(ctrl, &ndev->p2pmem, &ndev->shutdown_lock, true);
  ...
  nvme_unfreeze(ctrl);
+ if (ret)
+ 	nvme_p2pmem_start(ctrl, &ndev->p2pmem, &ndev->shutdown_lock);
  return ret;
  }

@ resume @
identifier ctrl, ndev;
@@
  static int nvme_resume(...)
  {
  ...
  struct nvme_dev *ndev = ...;
  struct nvme_ctrl *ctrl = ...;
  ...
+ nvme_p2pmem_start(ctrl, &ndev->p2pmem, &ndev->shutdown_lock);
  return 0;
  ...
  }

// ---- the drive is a client before its first namespace exists, until its last
// command has completed

@ client @
@@
  struct nvme_dev {
  ...
  u32 cmbloc;
+ struct nvme_p2pmem p2pmem;
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
+ dev->p2pmem.client = nvme_p2pmem_register_client(&dev->ctrl);
  ...
  }
