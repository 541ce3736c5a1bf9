// SPDX-License-Identifier: GPL-2.0-only
//
// drivers/infiniband/core/rw.c: rw_p2pmem.c maps and unmaps the data of RDMA READ
// and WRITE, and its protection information.
//
// Include <linux/pci.h>, as upstream's header did: without it struct pci_dev
// would be incomplete, and the versions of exports would change.

@ include @
@@
- #include <linux/pci-p2pdma.h>
+ #include <linux/pci.h>

@ hooks @
@@
  #include <rdma/rw.h>
+ #include "rw_p2pmem.h"

@ map @
expression dev, table, dir;
@@
- ib_dma_map_sgtable_attrs(dev, table, dir, 0)
+ rdma_rw_map_sgtable(dev, table, dir)

@ unmap_table @
expression dev, dir, table;
@@
- ib_dma_unmap_sgtable_attrs(dev, &table, dir, 0)
+ rdma_rw_unmap_sg(dev, table.sgl, table.orig_nents, dir)

@ unmap @
expression dev, sg, nents, dir;
@@
- ib_dma_unmap_sg(dev, sg, nents, dir)
+ rdma_rw_unmap_sg(dev, sg, nents, dir)
