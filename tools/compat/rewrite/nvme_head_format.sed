# SPDX-License-Identifier: GPL-2.0-only
# Files: drivers/nvme/host/p2pmem-verify.c
s/ns->head->\(lba_shift\|ms\)\>/ns->\1/g
