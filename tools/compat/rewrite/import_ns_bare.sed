# SPDX-License-Identifier: GPL-2.0-only
# Files: drivers/nvme/host/p2pmem-verify.c drivers/nvme/host/p2pmem-verify-cmd.c drivers/nvme/host/p2pmem.c drivers/nvme/host/p2pmem-kunit.c drivers/nvme/host/p2pmem-verify-kunit.c drivers/nvme/target/p2pmem-bench-kunit.c drivers/infiniband/core/rw_p2pmem_kunit.c
s/^MODULE_IMPORT_NS(\([A-Z_]*\));/MODULE_IMPORT_NS("\1");/
