// SPDX-License-Identifier: GPL-2.0-only
/* Wrong on purpose: messages that do not say who speaks. */
#define pr_fmt(fmt) "fault: " fmt

#include <linux/kernel.h>
#include <linux/pci.h>

void fault_tell(struct pci_dev *pdev)
{
	printk(KERN_INFO "somebody was here\n");	/* lint: printk */
	trace_printk("somebody was here\n");	/* lint: printk */
	pr_info("this says who speaks\n");
	pci_info(pdev, "and so does this\n");
}
