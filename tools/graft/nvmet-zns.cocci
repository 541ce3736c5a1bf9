// SPDX-License-Identifier: GPL-2.0-only
//
// drivers/nvme/target/zns.c: count the bytes of Zone Append as well.

@ hooks @
@@
  #include "nvmet.h"
+ #include "p2pmem.h"

@ account @
identifier req;
symbol bio;
@@
  void nvmet_bdev_execute_zone_append(struct nvmet_req *req)
  {
  ...
+ nvmet_p2pmem_account(req);
  submit_bio(bio);
  ...
  }
