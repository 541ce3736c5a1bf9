// SPDX-License-Identifier: GPL-2.0-only
/* Wrong on purpose: a file that is not the core's walk.c walks the tree of PCI functions. */
#include <linux/pci.h>

int fault_depth(struct pci_dev *pdev)
{
	int depth = 0;

	while ((pdev = pci_upstream_bridge(pdev)))	/* lint: walk */
		depth++;
	return depth;
}

bool fault_is_top(struct pci_dev *pdev)
{
	return !pdev->bus->self;		/* lint: walk */
}

struct pci_dev *fault_first(struct pci_host_bridge *host)
{
	return list_first_entry_or_null(&host->bus->devices, struct pci_dev, bus_list);	/* lint: walk */
}

int fault_count(struct pci_bus *bus)
{
	struct pci_dev *dev;
	int nr = 0;

	list_for_each_entry(dev, &bus->devices, bus_list)	/* lint: walk */
		nr++;
	for_each_pci_bridge(dev, bus)		/* lint: walk */
		nr++;
	return nr;
}

/* this is as it must be: a name, not a neighbour */
int fault_domain(struct pci_dev *pdev)
{
	return pci_domain_nr(pdev->bus) + pdev->bus->number;
}
