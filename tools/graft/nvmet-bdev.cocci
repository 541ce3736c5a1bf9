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

@ done @
symbol bio;
identifier req;
expression status;
@@
  static void nvmet_bio_done(struct bio *bio)
  {
  ...
- nvmet_req_complete(req, status);
+ nvmet_req_complete(req, nvmet_p2pmem_status(req, status, bio->bi_status));
  }
