// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: PCI functions that have nothing to do with peer memory
 *
 * Floor 0.
 *
 * Host bridges in memory, of up to 256 functions each, without capabilities and resources. A
 * search walks over them as over any function. QEMU's own devices are not used: with a thousand
 * of them it spends minutes in each change of its memory map.
 */
#include <linux/pci.h>
#include <linux/slab.h>
#include "bench.h"

#define FUNCTIONS_DOMAIN	0x10000	/* above all that firmware uses, as vmd does */
#define FUNCTIONS_BUS		256

struct functions_host {
	struct pci_sysdata sysdata;
	unsigned int nr;
};

static int functions_read(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 *val)
{
	struct functions_host *host = container_of(bus->sysdata, struct functions_host, sysdata);
	/* a system peripheral that shares its slot with others */
	u32 word = where < 4 ? 0x00051b36 : where < 8 ? 0 : where < 12 ? 0x08800000 :
		   where < 16 ? 0x00800000 : 0;

	if (devfn >= host->nr || bus->number)
		word = ~0;
	*val = word >> 8 * (where & 3);
	if (size < 4)
		*val &= (1U << 8 * size) - 1;
	return PCIBIOS_SUCCESSFUL;
}

static int functions_write(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 val)
{
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops functions_ops = {
	.read = functions_read,
	.write = functions_write,
};

static int functions_host(unsigned int index, unsigned int nr)
{
	struct pci_host_bridge *bridge = pci_alloc_host_bridge(sizeof(struct functions_host));
	struct functions_host *host;
	int ret;

	if (!bridge)
		return -ENOMEM;
	host = pci_host_bridge_priv(bridge);
	host->sysdata.domain = FUNCTIONS_DOMAIN + index;
	host->sysdata.node = NUMA_NO_NODE;
	host->nr = nr;
	bridge->sysdata = &host->sysdata;
	bridge->ops = &functions_ops;
	pci_lock_rescan_remove();
	ret = pci_scan_root_bus_bridge(bridge);
	if (!ret)
		pci_bus_add_devices(bridge->bus);
	pci_unlock_rescan_remove();
	if (ret)
		pci_free_host_bridge(bridge);
	return ret;
}

/**
 * functions_count() - count all PCI functions
 *
 * Context: Process context.
 * Return: their number.
 */
unsigned int functions_count(void)
{
	struct pci_dev *pdev = NULL;
	unsigned int nr = 0;

	while ((pdev = pci_get_device(PCI_ANY_ID, PCI_ANY_ID, pdev)))
		nr++;
	return nr;
}

/**
 * functions_add() - add functions until the machine has a number of them
 * @nr: the number
 *
 * Context: Process context.
 * Return: 0 or an error.
 */
int functions_add(unsigned int nr)
{
	unsigned int have = functions_count(), more, i;
	int ret = 0;

	for (i = 0; !ret && have < nr; i++, have += more) {
		more = min(nr - have, FUNCTIONS_BUS);
		ret = functions_host(i, more);
	}
	return ret;
}
