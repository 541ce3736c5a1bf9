# SPDX-License-Identifier: GPL-2.0-only
# Files: drivers/pci/p2pdma/tests/kit.c drivers/nvme/target/p2pmem-bench-kunit.c
#
# KUnit runs cases in a thread of the kernel
s/^#include <linux\/\(fs\|module\)\.h>$/&\n#include <linux\/fs_struct.h>/
s/^\t\(return filp_open(path, flags, 0600);\)$/\tscoped_with_init_fs()\n\t\t\1\n\treturn ERR_PTR(-ENOENT);/
s/^\t\(return nvmet_ns_enable(ns);\)$/\tscoped_with_init_fs()\n\t\t\1\n\treturn -ENOENT;/
