// SPDX-License-Identifier: GPL-2.0-only
// Files: drivers/nvme/target/p2pmem-attach.c
//
// The block layer gives a format without protection information a profile "nop", with functions that do nothing.

@@
identifier unused, bi;
@@
- const unsigned int unused = BLK_INTEGRITY_NOGENERATE | BLK_INTEGRITY_NOVERIFY;
  struct blk_integrity *bi = ...;
- return bi && bi->csum_type != BLK_INTEGRITY_CSUM_NONE && (bi->flags & unused) != unused;
+ return bi && bi->profile && strcmp(bi->profile->name, "nop") &&
+ 	(bi->flags & (BLK_INTEGRITY_GENERATE | BLK_INTEGRITY_VERIFY));
