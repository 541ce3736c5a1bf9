// SPDX-License-Identifier: GPL-2.0-only
//
// drivers/nvme/target/io-cmd-file.c: count the bytes of file-backed namespaces
// as well.

@ hooks @
@@
  #include "nvmet.h"
+ #include "p2pmem.h"

@ account @
identifier req;
statement none;
@@
  static void nvmet_file_execute_rw(struct nvmet_req *req)
  {
  ...
  if (!req->sg_cnt || ...) none
+ nvmet_p2pmem_account(req);
  ...
  }
