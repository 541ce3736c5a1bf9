# SPDX-License-Identifier: GPL-2.0-only
# Files: drivers/nvme/host/p2pmem-verify-cmd.c
s/NVME_QID_ANY, NVME_SUBMIT_NOWAIT)/NVME_QID_ANY, 0, BLK_MQ_REQ_NOWAIT)/
