// SPDX-License-Identifier: GPL-2.0-only
/* Wrong on purpose: what W=1 tells of, and a common build does not. */
#include <linux/module.h>

void fault_no_prototype(void)			/* lint: W=1 */
{
}

static int fault_set(int a)
{
	int unused;				/* lint: W=1 */

	unused = a;
	return 0;
}

static int __init fault_init(void)
{
	return fault_set(1);
}
module_init(fault_init);
MODULE_DESCRIPTION("Wrong on purpose");
MODULE_LICENSE("GPL");
