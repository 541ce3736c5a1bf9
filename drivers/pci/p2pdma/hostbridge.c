// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: host bridges that forward peer-to-peer requests
 *
 * Floor 2.
 *
 * PCIe does not require a root complex to forward requests between its root ports (PCIe
 * Base Specification, section 1.3.1), so a path through a host bridge is refused unless
 * the processor, the bridge or the root port is on a list. policy.c keeps the list; this
 * file looks up the hardware of this machine in it.
 */
#include <kunit/static_stub.h>
#include <linux/pci.h>
#ifdef CONFIG_X86
#include <asm/cpufeature.h>
#include <asm/processor.h>
#endif
#include "p2pdma.h"
#include "topology.h"

/**
 * p2pmem_cpu_id() - the processor as an entry of the list
 * @cpu: returns its vendor, family and model; the vendor is empty unless it is x86
 *
 * KUnit suites can replace this.
 *
 * Context: Any.
 */
void p2pmem_cpu_id(struct p2pmem_entry *cpu)
{
	KUNIT_STATIC_STUB_REDIRECT(p2pmem_cpu_id, cpu);
	*cpu = (struct p2pmem_entry){};
#ifdef CONFIG_X86
	strscpy(cpu->cpu, boot_cpu_data.x86_vendor_id, sizeof(cpu->cpu));
	cpu->family = boot_cpu_data.x86;
	cpu->model = boot_cpu_data.x86_model;
#endif
}

/**
 * p2pmem_in_guest() - whether this may be a virtual machine
 *
 * The lists describe real processors and host bridges. A virtual machine has the ids that
 * the hypervisor presents, and its IOMMU may not map BARs for DMA. Only x86 reports every
 * hypervisor: elsewhere all that the built-in list allows has to be proved. KUnit suites can
 * replace this.
 *
 * Context: Any.
 * Return: false if the processor can report a hypervisor, and does not.
 */
bool p2pmem_in_guest(void)
{
	KUNIT_STATIC_STUB_REDIRECT(p2pmem_in_guest);
#ifdef CONFIG_X86
	return boot_cpu_has(X86_FEATURE_HYPERVISOR);
#else
	return true;
#endif
}

static bool p2pmem_is_root_port(struct pci_dev *pdev)
{
	return pci_is_pcie(pdev) && pci_pcie_type(pdev) == PCI_EXP_TYPE_ROOT_PORT;
}

/**
 * p2pmem_host_evaluate() - what a host bridge forwards to and from one of its root ports
 * @first: the function that represents the host bridge, or NULL
 * @top: the function on the root bus that is the device or is above it; NULL for the
 *	host bridge alone
 * @h: returns what is allowed, and whether an administrator allowed it
 *
 * @first is looked up in the built-in list and in the administrator's list; a root port
 * only in the administrator's list, because vendors confirmed host bridges only. What the
 * administrator removed for one of them is not allowed by anything wider: by the processor, or
 * for a root port by its host bridge.
 *
 * Context: Any.
 */
void p2pmem_host_evaluate(struct pci_dev *first, struct pci_dev *top, struct p2pmem_host *h)
{
	u8 known = 0, admin = 0, other = 0;
	struct p2pmem_entry cpu;

	p2pmem_cpu_id(&cpu);
	guard(rcu)();
	if (cpu.cpu[0])
		p2pmem_policy_cpu(&cpu, &known, &admin);
	if (first) {
		p2pmem_policy_remove(first->vendor, first->device, &known, &admin);
		p2pmem_policy_id(first->vendor, first->device, &known, &admin);
	}
	if (top && top != first && p2pmem_is_root_port(top)) {
		p2pmem_policy_remove(top->vendor, top->device, &known, &admin);
		p2pmem_policy_id(top->vendor, top->device, &other, &admin);
	}

	h->allowed = (known | admin) & P2PMEM_WITHIN;
	h->allowed_across = (known | admin) & P2PMEM_ACROSS;
	h->by_admin = admin & ~known & P2PMEM_WITHIN;
	h->by_admin_across = admin & ~known & P2PMEM_ACROSS;
}

/**
 * p2pmem_host_entry() - the entry that would allow a path through a host bridge
 * @first: as for p2pmem_host_evaluate()
 * @top: as for p2pmem_host_evaluate()
 * @across: the path leads to another host bridge
 * @buf: returns the entry in the format of the parameter host_bridges; empty if no entry
 *	can name the host bridge
 * @len: bytes in @buf, P2PMEM_ENTRY_TEXT for all of it
 *
 * Context: Any.
 */
void p2pmem_host_entry(struct pci_dev *first, struct pci_dev *top, bool across, char *buf,
		       size_t len)
{
	struct p2pmem_change c = {
		.bits = across ? P2PMEM_WITHIN | P2PMEM_ACROSS : P2PMEM_WITHIN,
	};
	struct pci_dev *named = p2pmem_is_root_port(top) ? top : first;

	*buf = '\0';
	if (named) {
		c.entry.vendor = named->vendor;
		c.entry.device = named->device;
	} else {
		p2pmem_cpu_id(&c.entry);
		if (!c.entry.cpu[0])
			return;
	}
	p2pmem_print_change(buf, len, &c);
}
