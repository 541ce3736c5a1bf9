// SPDX-License-Identifier: GPL-2.0-only
//
// drivers/infiniband/core/device.c: an RDMA device is a client before it is visible
// to its first user, until its last user is gone.

@ hooks @
@@
  #include "restrack.h"
+ #include "rw_p2pmem.h"

@ come @
identifier device, ret;
@@
  int ib_register_device(struct ib_device *device, ...)
  {
  ...
+ rdma_p2pmem_register_device(device);
  ret = enable_device_and_get(device);
  ...
  }

@ go @
identifier ib_dev;
@@
  static void __ib_unregister_device(struct ib_device *ib_dev)
  {
  ...
  disable_device(ib_dev);
+ rdma_p2pmem_unregister_device(ib_dev);
  ...
  }
