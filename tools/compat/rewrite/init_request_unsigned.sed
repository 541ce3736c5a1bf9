# SPDX-License-Identifier: GPL-2.0-only
# Files: drivers/nvme/host/p2pmem-verify-kunit.c
#
# The node may be none
/^static int vd_init_request(/,/^{/s/unsigned int node)/int node)/
