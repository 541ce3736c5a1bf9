// SPDX-License-Identifier: GPL-2.0-only
//
// drivers/nvme/target/rdma.c: the client is the adapter's DMA device, which software
// adapters do not have, whatever their parent is. Register the self-test of adapters.

@ hooks @
@@
  #include "nvmet.h"
+ #include "p2pmem.h"

@ client @
expression rsp, ibdev;
@@
- if (ib_dma_pci_p2p_dma_supported(ibdev))
- 	rsp->req.p2p_client = &ibdev->dev;
+ rsp->req.p2p_client = ibdev->dma_device;

// ---- if the IOMMU cannot map peer memory for the adapter, use system memory

@ map_failed @
identifier ret, rsp;
expression list how;
@@
  nvmet_rdma_map_sgl_keyed(...)
  {
  ...
  ret = nvmet_rdma_rw_ctx_init(rsp, how);
+ if (unlikely(nvmet_p2pmem_map_failed(&rsp->req, ret)))
+ 	ret = nvmet_rdma_rw_ctx_init(rsp, how);
  ...
  }

@ init @
@@
  static int __init nvmet_rdma_init(void)
  {
  ...
+ nvmet_p2pmem_rdma_init();
  return 0;
  ...
  }

@ exit @
@@
  static void __exit nvmet_rdma_exit(void)
  {
+ nvmet_p2pmem_rdma_exit();
  ...
  }
