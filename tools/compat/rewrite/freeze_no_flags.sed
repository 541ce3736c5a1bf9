# SPDX-License-Identifier: GPL-2.0-only
# Files: drivers/nvme/host/p2pmem-verify-kunit.c
#
# What is restored is kept
s/^\tblk_mq_freeze_queue(\(.*\));$/\tunsigned int flags = blk_mq_freeze_queue(\1);\n/
s/^\tblk_mq_unfreeze_queue(\(.*\));$/\tblk_mq_unfreeze_queue(\1, flags);/
