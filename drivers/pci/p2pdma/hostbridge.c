// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: host bridges that forward peer-to-peer requests
 *
 * PCI leaves it open whether a root complex forwards requests between its root
 * ports (PCIe Base Specification, section 1.3.1), so a path through a host bridge
 * is refused unless the processor or the bridge is known to do it.
 */
#include <kunit/static_stub.h>
#include <linux/pci.h>
#ifdef CONFIG_X86
#include <asm/processor.h>
#endif
#include "p2pdma.h"

/**
 * struct p2pmem_known_host - a host bridge that is known to forward
 * @vendor: PCI vendor id of the function that stands for it
 * @device: PCI device id
 * @across: also from and to other host bridges
 */
struct p2pmem_known_host {
	u16 vendor;
	u16 device;
	bool across;
};

/* Facts from Linux 6.12, drivers/pci/p2pdma.c, where their vendor confirmed them */
static const struct p2pmem_known_host p2pmem_known_hosts[] = {
	{ PCI_VENDOR_ID_INTEL, 0x3c00, false },	/* Xeon E5, Core i7 */
	{ PCI_VENDOR_ID_INTEL, 0x3c01, false },
	{ PCI_VENDOR_ID_INTEL, 0x2f00, false },	/* Xeon E7 v3, E5 v3 */
	{ PCI_VENDOR_ID_INTEL, 0x2f01, false },
	{ PCI_VENDOR_ID_INTEL, 0x2020, true },	/* Skylake-E */
	{ PCI_VENDOR_ID_INTEL, 0x2030, true },
	{ PCI_VENDOR_ID_INTEL, 0x2031, true },
	{ PCI_VENDOR_ID_INTEL, 0x2032, true },
	{ PCI_VENDOR_ID_INTEL, 0x2033, true },
	{ PCI_VENDOR_ID_INTEL, 0x09a2, true },
};

/**
 * p2pmem_cpu_forwards() - whether the processor forwards between all root ports
 *
 * AMD's do since family 17h (Zen). A suite can put another processor here.
 *
 * Context: Any.
 * Return: true when it does, wherever the root ports are.
 */
bool p2pmem_cpu_forwards(void)
{
	KUNIT_STATIC_STUB_REDIRECT(p2pmem_cpu_forwards);
#ifdef CONFIG_X86
	return boot_cpu_data.x86_vendor == X86_VENDOR_AMD && boot_cpu_data.x86 >= 0x17;
#else
	return false;
#endif
}

/**
 * p2pmem_host_allowed() - what a host bridge is known to forward
 * @host: host bridge of a device that the caller holds
 * @same: returns whether between its own root ports
 * @across: returns whether from and to other host bridges
 *
 * Context: Any.
 */
void p2pmem_host_allowed(struct pci_host_bridge *host, bool *same, bool *across)
{
	struct pci_dev *root;
	size_t i;

	*same = p2pmem_cpu_forwards();
	*across = *same;
	if (*same)
		return;

	root = p2pmem_host_function(host);
	if (!root)
		return;
	for (i = 0; i < ARRAY_SIZE(p2pmem_known_hosts); i++) {
		if (root->vendor != p2pmem_known_hosts[i].vendor ||
		    root->device != p2pmem_known_hosts[i].device)
			continue;
		*same = true;
		*across = p2pmem_known_hosts[i].across;
		return;
	}
}
