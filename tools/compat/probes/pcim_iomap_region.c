// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: pcim_iomap_region()
 * Since: 6.11
 * Instead: adapt.h uses pcim_iomap_regions().
 * Remedy: None is needed.
 */

#include <linux/pci.h>

static __maybe_unused void __iomem *p2pmem_probe(struct pci_dev *pdev)
{
	return pcim_iomap_region(pdev, 0, "probe");
}
