// SPDX-License-Identifier: GPL-2.0-only
//
// drivers/nvme/target/rdma.c: the client is the adapter's DMA device. Software
// adapters have none, whatever their parent is.

@ client @
expression rsp, ibdev;
@@
- if (ib_dma_pci_p2p_dma_supported(ibdev))
- 	rsp->req.p2p_client = &ibdev->dev;
+ rsp->req.p2p_client = ibdev->dma_device;
