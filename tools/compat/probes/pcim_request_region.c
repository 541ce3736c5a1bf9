// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: pcim_request_region()
 * Since: 6.11
 * Instead: adapt.h uses pci_request_region(), which was managed.
 * Remedy: None is needed.
 */

#include <linux/pci.h>

static int __maybe_unused p2pmem_probe(struct pci_dev *pdev)
{
	return pcim_request_region(pdev, 0, "probe");
}
