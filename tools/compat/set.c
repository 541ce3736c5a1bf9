// SPDX-License-Identifier: GPL-2.0-only
/*
 * A part of p2pdma where it is not built in a kernel's tree: the symbol that all modules of one
 * build refer to, see set.sh.
 */
#include <linux/export.h>
#include <linux/pci-p2pmem-set.h>

const char P2PMEM_SET;
EXPORT_SYMBOL_GPL(P2PMEM_SET);
