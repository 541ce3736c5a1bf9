// SPDX-License-Identifier: GPL-2.0-only
/* Wrong on purpose: sees upstream's header and ours. */
#include <linux/module.h>
#include <linux/pci-p2pdma.h>
#include <linux/pci-p2pmem.h>

MODULE_DESCRIPTION("Wrong on purpose");
MODULE_LICENSE("GPL");
