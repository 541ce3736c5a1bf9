// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: PCI functions as the nodes of topology.c
 *
 * Floor 0.
 *
 * The only file that walks struct pci_dev: from a function up its bridges to the host bridge.
 * It reads the current state of the machine (bridges, ACS registers, port numbers, settings)
 * into topology.c's nodes, and decides nothing.
 */
#include <linux/bitfield.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include "p2pdma.h"
#include "topology.h"

/* Device Control 2 and Device Capabilities 2, PCIe Base Specification section 7.5.3 */
#define P2PMEM_DEVCTL2_10BIT_TAG	BIT(12)		/* 10-Bit Tag Requester Enable */
#define P2PMEM_DEVCAP2_10BIT_TAG	BIT(16)		/* 10-Bit Tag Completer Supported */

static enum p2pmem_node_type p2pmem_node_type(struct pci_dev *pdev)
{
	if (!pci_is_bridge(pdev))
		return P2PMEM_NODE_ENDPOINT;
	if (!pci_is_pcie(pdev))
		return P2PMEM_NODE_BRIDGE;
	switch (pci_pcie_type(pdev)) {
	case PCI_EXP_TYPE_ROOT_PORT:
		return P2PMEM_NODE_ROOT_PORT;
	case PCI_EXP_TYPE_UPSTREAM:
		return P2PMEM_NODE_UPSTREAM;
	case PCI_EXP_TYPE_DOWNSTREAM:
		return P2PMEM_NODE_DOWNSTREAM;
	default:
		return P2PMEM_NODE_BRIDGE;
	}
}

/*
 * Reads of configuration space. A function that is removed or in reset reads as all ones,
 * which no register that is read here can contain: -EAGAIN.
 */
static int p2pmem_read_word(struct pci_dev *pdev, int where, u16 *val)
{
	if (pci_read_config_word(pdev, where, val) || *val == U16_MAX)
		return -EAGAIN;
	return 0;
}

static int p2pmem_read_pcie_word(struct pci_dev *pdev, int reg, u16 *val)
{
	if (pcie_capability_read_word(pdev, reg, val) || *val == U16_MAX)
		return -EAGAIN;
	return 0;
}

static int p2pmem_read_pcie_dword(struct pci_dev *pdev, int reg, u32 *val)
{
	if (pcie_capability_read_dword(pdev, reg, val) || *val == U32_MAX)
		return -EAGAIN;
	return 0;
}

/* ACS extended capability, PCIe Base Specification section 7.7.11 */
static int p2pmem_node_acs(struct p2pmem_node *n, struct pci_dev *pdev)
{
	u16 cap, again;
	int i;

	if (!pdev->acs_cap)
		return 0;
	n->has_acs = true;
	if (p2pmem_read_word(pdev, pdev->acs_cap + PCI_ACS_CTRL, &n->acs_ctrl))
		return -EAGAIN;
	if (!(n->acs_ctrl & PCI_ACS_EC))
		return 0;
	if (p2pmem_read_word(pdev, pdev->acs_cap + PCI_ACS_CAP, &cap))
		return -EAGAIN;
	/* the size of the vector, of which 0 stands for 256 */
	n->egress_bits = cap >> 8;
	if (!n->egress_bits)
		n->egress_bits = 256;
	for (i = 0; i < DIV_ROUND_UP(n->egress_bits, 32); i++)
		if (pci_read_config_dword(pdev, pdev->acs_cap + PCI_ACS_EGRESS_CTL_V + 4 * i,
					  &n->egress[i]))
			return -EAGAIN;
	/* A vector may be all ones: read another register to check that the function responds. */
	return p2pmem_read_word(pdev, pdev->acs_cap + PCI_ACS_CTRL, &again);
}

/*
 * Sizes and tags. The size fields are reserved in virtual functions, which use those of
 * their physical function.
 */
static int p2pmem_node_settings(struct p2pmem_node *n, struct pci_dev *pdev)
{
	struct pci_dev *pf = pci_physfn(pdev);
	u16 ctl, ctl2;
	u32 cap2;

	if (!pci_is_pcie(pf))
		return 0;
	if (p2pmem_read_pcie_word(pf, PCI_EXP_DEVCTL, &ctl) ||
	    p2pmem_read_pcie_word(pf, PCI_EXP_DEVCTL2, &ctl2) ||
	    p2pmem_read_pcie_dword(pf, PCI_EXP_DEVCAP2, &cap2))
		return -EAGAIN;
	n->payload = 128 << FIELD_GET(PCI_EXP_DEVCTL_PAYLOAD, ctl);
	n->read_request = 128 << FIELD_GET(PCI_EXP_DEVCTL_READRQ, ctl);
	n->tags_10bit = ctl2 & P2PMEM_DEVCTL2_10BIT_TAG;
	n->completes_tags_10bit = cap2 & P2PMEM_DEVCAP2_10BIT_TAG;
	return 0;
}

/**
 * p2pmem_address() - PCI address of a function
 * @pdev: PCI function that the caller holds, on its bus
 *
 * Context: Any.
 * Return: domain, bus, device and function as one number.
 */
u64 p2pmem_address(struct pci_dev *pdev)
{
	return (u64)(u32)pci_domain_nr(pdev->bus) << 16 | pci_dev_id(pdev);
}

static int p2pmem_node_fill(struct p2pmem_node *n, struct pci_dev *pdev)
{
	u32 cap;
	int ret;

	n->id = p2pmem_address(pdev);
	n->type = p2pmem_node_type(pdev);
	/* The kernel keeps the flag of virtual functions clear. */
	n->multifunction = pdev->multifunction || pdev->is_virtfn;
	n->port = PCI_FUNC(pdev->devfn);
	if (n->type != P2PMEM_NODE_ENDPOINT && pci_is_pcie(pdev)) {
		if (p2pmem_read_pcie_dword(pdev, PCI_EXP_LNKCAP, &cap))
			return -EAGAIN;
		n->port = FIELD_GET(PCI_EXP_LNKCAP_PN, cap);
	}
	ret = p2pmem_node_acs(n, pdev);
	if (ret)
		return ret;
	return p2pmem_node_settings(n, pdev);
}

/**
 * p2pmem_chain_fill() - read a function and all bridges above it
 * @c: an empty chain; returns their nodes and the id of the host bridge at the top, not what
 *	that forwards. The caller frees @c->node, after errors as well
 * @pdev: PCI function
 *
 * A device keeps the bridges above it, and the caller holds @pdev: the chain does not
 * change during the walk.
 *
 * Context: Process context.
 * Return: 0; -ENOMEM, or -EAGAIN if a function did not respond.
 */
int p2pmem_chain_fill(struct p2pmem_chain *c, struct pci_dev *pdev)
{
	struct pci_host_bridge *host = pci_find_host_bridge(pdev->bus);
	struct pci_dev *up;
	unsigned int nr = 0;
	int ret;

	for (up = pdev; up; up = pci_upstream_bridge(up))
		nr++;
	c->node = kcalloc(nr, sizeof(*c->node), GFP_KERNEL);
	if (!c->node)
		return -ENOMEM;
	for (up = pdev; up; up = pci_upstream_bridge(up)) {
		ret = p2pmem_node_fill(&c->node[c->nr++], up);
		if (ret)
			return ret;
	}
	c->host.id = (u64)(u32)pci_domain_nr(host->bus) << 8 | host->bus->number;
	return 0;
}

/**
 * p2pmem_node_name() - name of the function of a node
 * @id: p2pmem_node.id
 * @buf: returns the name, as pci_name()
 * @len: bytes in @buf
 *
 * Context: Any.
 */
void p2pmem_node_name(u64 id, char *buf, size_t len)
{
	u16 bdf = id;

	snprintf(buf, len, "%04llx:%02x:%02x.%d", id >> 16, PCI_BUS_NUM(bdf),
		 PCI_SLOT(bdf), PCI_FUNC(bdf));
}

/**
 * p2pmem_host_name() - name of a host bridge
 * @id: p2pmem_host.id
 * @buf: returns the name of its root bus, as sysfs has it
 * @len: bytes in @buf
 *
 * Context: Any.
 */
void p2pmem_host_name(u64 id, char *buf, size_t len)
{
	snprintf(buf, len, "pci%04llx:%02llx", id >> 8, id & 0xff);
}

/**
 * p2pmem_host_function() - the function that represents a host bridge
 * @host: host bridge of a device that the caller holds, which keeps the bus
 *
 * It is the first function on the root bus, if that is 00.0 or a root port. An administrator can
 * remove any function, so it is looked up with a reference. The bus has a list of its functions
 * under pci_bus_sem, but error recovery holds that while it waits for p2pmem_mutex.
 *
 * Context: Process context.
 * Return: the function with a reference for pci_dev_put(), or NULL.
 */
struct pci_dev *p2pmem_host_function(struct pci_host_bridge *host)
{
	struct pci_dev *first;

	first = pci_get_domain_bus_and_slot(pci_domain_nr(host->bus), host->bus->number,
					    PCI_DEVFN(0, 0));
	if (first)
		return first;
	for_each_pci_dev(first)
		if (first->bus == host->bus)
			break;
	if (first && pci_pcie_type(first) != PCI_EXP_TYPE_ROOT_PORT) {
		pci_dev_put(first);
		first = NULL;
	}
	return first;
}

/**
 * p2pmem_on_root_bus() - whether a function is directly below a host bridge
 * @pdev: PCI function; a virtual function is where its physical function is
 *
 * Context: Any. The caller holds it.
 * Return: true if there is no bridge above it.
 */
bool p2pmem_on_root_bus(struct pci_dev *pdev)
{
	return !pci_upstream_bridge(pdev);
}

/* The function on the root bus that is @pdev or is above it */
static struct pci_dev *p2pmem_top(struct pci_dev *pdev)
{
	while (pci_upstream_bridge(pdev))
		pdev = pci_upstream_bridge(pdev);
	return pdev;
}

/**
 * p2pmem_host_above() - find the functions by which a list can name the host bridge of a device
 * @pdev: PCI function that the caller holds
 * @top: returns the function on the root bus that is @pdev or is above it; @pdev keeps it
 *
 * Both are arguments of p2pmem_host_evaluate() and p2pmem_host_entry().
 *
 * Context: Process context.
 * Return: as p2pmem_host_function().
 */
struct pci_dev *p2pmem_host_above(struct pci_dev *pdev, struct pci_dev **top)
{
	*top = p2pmem_top(pdev);
	return p2pmem_host_function(pci_find_host_bridge(pdev->bus));
}
