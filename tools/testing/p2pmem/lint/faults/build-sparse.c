// SPDX-License-Identifier: GPL-2.0-only
/* Wrong on purpose: what the compiler takes, and sparse does not. */
#include <linux/module.h>
#include <linux/types.h>

u32 fault_endian(__le32 value);
u32 fault_endian(__le32 value)
{
	return value + 1;			/* lint: sparse */
}

u32 fault_space(u32 __iomem *at);
u32 fault_space(u32 __iomem *at)
{
	return *at;				/* lint: sparse */
}

int fault_global;				/* lint: sparse */

MODULE_DESCRIPTION("Wrong on purpose");
MODULE_LICENSE("GPL");
