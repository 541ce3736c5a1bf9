// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the built-in list of host bridges and processors that forward
 *
 * Floor 0.
 *
 * policy.c adds and removes entries for the administrator.
 */
#include <linux/kernel.h>
#include <linux/pci_ids.h>
#include <linux/seq_file.h>
#include "p2pdma.h"

#define P2PMEM_BOTH	(P2PMEM_WITHIN | P2PMEM_ACROSS)

/* In place of a device id: any device of the vendor. No device has it. */
#define P2PMEM_FACT_ANY		0xffff

/*
 * Facts that vendors confirmed, from drivers/pci/p2pdma.c of Linux: first those of 6.12,
 * then those of later kernels and those that are queued.
 */
static const struct {
	u16 vendor;
	u16 device;
	u8 bits;
} p2pmem_facts[] = {
	{ PCI_VENDOR_ID_INTEL, 0x3c00, P2PMEM_WITHIN },	/* Xeon E5, Core i7 */
	{ PCI_VENDOR_ID_INTEL, 0x3c01, P2PMEM_WITHIN },
	{ PCI_VENDOR_ID_INTEL, 0x2f00, P2PMEM_WITHIN },	/* Xeon E7 v3, E5 v3 */
	{ PCI_VENDOR_ID_INTEL, 0x2f01, P2PMEM_WITHIN },
	{ PCI_VENDOR_ID_INTEL, 0x2020, P2PMEM_BOTH },	/* Skylake-E */
	{ PCI_VENDOR_ID_INTEL, 0x2030, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_INTEL, 0x2031, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_INTEL, 0x2032, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_INTEL, 0x2033, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_INTEL, 0x09a2, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_INTEL, 0x0b25, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_INTEL, 0x0cfe, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_INTEL, 0x11fb, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_INTEL, 0x1212, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_INTEL, 0x1216, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_INTEL, 0x4940, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_INTEL, 0x4942, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_INTEL, 0x4944, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_INTEL, 0x4946, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_INTEL, 0x4948, P2PMEM_BOTH },
	{ 0x1ae0, P2PMEM_FACT_ANY, P2PMEM_BOTH },	/* Google */
	{ PCI_VENDOR_ID_NVIDIA, 0x2f95, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_NVIDIA, 0x2f96, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_NVIDIA, 0x2f97, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_NVIDIA, 0x2f98, P2PMEM_BOTH },
	{ 0x1d17, 0x1003, P2PMEM_WITHIN },	/* Zhaoxin */
	{ 0x1d17, 0x1005, P2PMEM_WITHIN },
	{ 0x1d17, 0x1006, P2PMEM_WITHIN },
	{ 0x1d17, 0x1007, P2PMEM_WITHIN },
	{ 0x1d17, 0x1008, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_INTEL, 0x6f00, P2PMEM_WITHIN },
	{ PCI_VENDOR_ID_INTEL, 0x0c08, P2PMEM_WITHIN },
	{ 0x1ded, 0x8000, P2PMEM_BOTH },		/* Alibaba */
};

/* Also from Linux: AMD processors since Zen (this family) forward between all root ports */
#define P2PMEM_FACT_CPU		"AuthenticAMD"
#define P2PMEM_FACT_FAMILY	0x17

/**
 * p2pmem_fact() - what the built-in list allows for an entry
 * @e: the entry
 *
 * Context: Any.
 * Return: bits P2PMEM_WITHIN and P2PMEM_ACROSS.
 */
u8 p2pmem_fact(const struct p2pmem_entry *e)
{
	u8 bits = 0;
	int i;

	if (e->built_in)
		return P2PMEM_BOTH;
	if (e->cpu[0])
		return !strcmp(e->cpu, P2PMEM_FACT_CPU) && e->family >= P2PMEM_FACT_FAMILY ?
			P2PMEM_BOTH : 0;
	for (i = 0; i < ARRAY_SIZE(p2pmem_facts); i++)
		if (p2pmem_facts[i].vendor == e->vendor &&
		    (e->any_device || p2pmem_facts[i].device == e->device ||
		     p2pmem_facts[i].device == P2PMEM_FACT_ANY))
			bits |= p2pmem_facts[i].bits;
	return bits;
}

static void p2pmem_show_fact(struct seq_file *m, int i)
{
	const char *across = p2pmem_facts[i].bits & P2PMEM_ACROSS ? "/across" : "";

	if (p2pmem_facts[i].device == P2PMEM_FACT_ANY)
		seq_printf(m, "built-in %04x:*%s\n", p2pmem_facts[i].vendor, across);
	else
		seq_printf(m, "built-in %04x:%04x%s\n", p2pmem_facts[i].vendor,
			   p2pmem_facts[i].device, across);
}

/**
 * p2pmem_facts_show() - print the built-in list, one entry per line
 * @m: output
 *
 * Context: Process context.
 */
void p2pmem_facts_show(struct seq_file *m)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(p2pmem_facts); i++)
		p2pmem_show_fact(m, i);
	seq_printf(m, "built-in cpu:%s:%#x and later\n", P2PMEM_FACT_CPU, P2PMEM_FACT_FAMILY);
}
