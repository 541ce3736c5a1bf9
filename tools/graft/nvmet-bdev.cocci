// SPDX-License-Identifier: GPL-2.0-only
//
// drivers/nvme/target/io-cmd-bdev.c: count bytes by their location; never merge
// two bios of peer memory; make the loss of a provider retryable.

@ hooks @
@@
  #include "nvmet.h"
+ #include "p2pmem.h"

@ account @
expression req;
@@
- is_pci_p2pdma_page(sg_page(req->sg))
+ nvmet_p2pmem_account(req)

// ---- the bio is gone once it is put, and its status with it: where the kernel keeps that before,
// this is what counts

@ done @
symbol bio;
identifier req, blk;
expression code;
@@
  static void nvmet_bio_done(struct bio *bio)
  {
  struct nvmet_req *req = ...;
  blk_status_t blk = bio->bi_status;
+ u16 status;
  ...
- nvmet_req_complete(req, code);
+ status = nvmet_p2pmem_status(req, code, blk);
+ nvmet_req_complete(req, status);
  }

@ done_put_after depends on !done @
symbol bio;
identifier req;
expression code;
@@
  static void nvmet_bio_done(struct bio *bio)
  {
  struct nvmet_req *req = ...;
+ u16 status;
  ...
- nvmet_req_complete(req, code);
+ status = nvmet_p2pmem_status(req, code, bio->bi_status);
+ nvmet_req_complete(req, status);
  ...
  }
