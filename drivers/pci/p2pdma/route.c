// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: evaluation of the route between two PCI functions
 *
 * Floor 3.
 *
 * Walks the functions between the two. It fills topology.c's nodes from the current
 * state of the machine (bridges, ACS registers, port numbers, host bridges), calls
 * topology.c for the route, and adds checks beyond topology: whether the client may and
 * can use the resulting address.
 */
#include <kunit/static_stub.h>
#include <linux/bitfield.h>
#include <linux/cc_platform.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/swiotlb.h>
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
	return pci_read_config_word(pdev, where, val) || *val == U16_MAX ? -EAGAIN : 0;
}

static int p2pmem_read_pcie_word(struct pci_dev *pdev, int reg, u16 *val)
{
	return pcie_capability_read_word(pdev, reg, val) || *val == U16_MAX ? -EAGAIN : 0;
}

static int p2pmem_read_pcie_dword(struct pci_dev *pdev, int reg, u32 *val)
{
	return pcie_capability_read_dword(pdev, reg, val) || *val == U32_MAX ? -EAGAIN : 0;
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
	n->egress_bits = cap >> 8 ?: 256;
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

static u64 p2pmem_node_id(struct pci_dev *pdev)
{
	return (u64)(u32)pci_domain_nr(pdev->bus) << 16 | pci_dev_id(pdev);
}

static int p2pmem_node_fill(struct p2pmem_node *n, struct pci_dev *pdev)
{
	u32 cap;

	n->id = p2pmem_node_id(pdev);
	n->type = p2pmem_node_type(pdev);
	/* The kernel keeps the flag of virtual functions clear. */
	n->multifunction = pdev->multifunction || pdev->is_virtfn;
	n->port = PCI_FUNC(pdev->devfn);
	if (n->type != P2PMEM_NODE_ENDPOINT && pci_is_pcie(pdev)) {
		if (p2pmem_read_pcie_dword(pdev, PCI_EXP_LNKCAP, &cap))
			return -EAGAIN;
		n->port = FIELD_GET(PCI_EXP_LNKCAP_PN, cap);
	}
	return p2pmem_node_acs(n, pdev) ?: p2pmem_node_settings(n, pdev);
}

/*
 * A device keeps the bridges above it, and the caller holds @pdev: the chain does not
 * change during the walk.
 */
static int p2pmem_chain_fill(struct p2pmem_chain *c, struct pci_dev *pdev)
{
	struct pci_host_bridge *host = pci_find_host_bridge(pdev->bus);
	struct pci_dev *up, *top = pdev, *first;
	unsigned int nr = 0;
	int ret;

	for (up = pdev; up; up = pci_upstream_bridge(up)) {
		top = up;
		nr++;
	}
	c->node = kcalloc(nr, sizeof(*c->node), GFP_KERNEL);
	if (!c->node)
		return -ENOMEM;
	for (up = pdev; up; up = pci_upstream_bridge(up)) {
		ret = p2pmem_node_fill(&c->node[c->nr++], up);
		if (ret)
			return ret;
	}
	c->host.id = (u64)(u32)pci_domain_nr(host->bus) << 8 | host->bus->number;
	first = p2pmem_host_function(host);
	p2pmem_host_evaluate(first, top, &c->host);
	pci_dev_put(first);
	return 0;
}

static void p2pmem_node_name(u64 id, char *buf, size_t len)
{
	u16 bdf = id;

	snprintf(buf, len, "%04llx:%02x:%02x.%d", id >> 16, PCI_BUS_NUM(bdf),
		 PCI_SLOT(bdf), PCI_FUNC(bdf));
}

/* Fills both chains and the route. On success the caller frees the nodes of both chains. */
static int p2pmem_route(struct pci_dev *provider, struct pci_dev *client,
			struct p2pmem_chain *a, struct p2pmem_chain *b,
			struct p2pmem_route *route)
{
	int ret;

	*a = (struct p2pmem_chain){};
	*b = (struct p2pmem_chain){};
	ret = p2pmem_chain_fill(a, provider) ?: p2pmem_chain_fill(b, client);
	if (ret) {
		kfree(a->node);
		kfree(b->node);
		return ret;
	}
	p2pmem_topology_route(a, b, route);
	return 0;
}

static u64 p2pmem_mix(u64 sig, u64 val)
{
	sig = (sig ^ val) * 0x9e3779b97f4a7c15ULL;
	return sig ^ sig >> 29;
}

static u64 p2pmem_chain_signature(u64 sig, const struct p2pmem_chain *c, struct pci_dev *end)
{
	const struct p2pmem_node *n;
	unsigned int i;

	sig = p2pmem_mix(sig, (u64)end->vendor << 48 | (u64)end->device << 32 |
			 (u64)end->subsystem_vendor << 16 | end->subsystem_device);
	sig = p2pmem_mix(sig, c->host.id << 24 | c->nr);
	for (n = c->node; n < c->node + c->nr; n++) {
		sig = p2pmem_mix(sig, n->id);
		sig = p2pmem_mix(sig, n->type | n->multifunction << 8 | n->has_acs << 9 |
				 n->tags_10bit << 10 | n->completes_tags_10bit << 11 |
				 (u64)n->acs_ctrl << 16 | (u64)n->port << 32);
		sig = p2pmem_mix(sig, n->payload | (u64)n->read_request << 16 |
				 (u64)n->egress_bits << 32);
		for (i = 0; i < DIV_ROUND_UP(n->egress_bits, 32); i++)
			sig = p2pmem_mix(sig, n->egress[i]);
	}
	return sig;
}

/* Whether a path through host bridges is allowed only by an administrator */
static bool p2pmem_by_admin(const struct p2pmem_host *a, const struct p2pmem_host *b)
{
	if (a->id == b->id)
		return a->by_admin || b->by_admin;
	return a->by_admin_across || b->by_admin_across;
}

/**
 * p2pmem_client_translates() - whether an IOMMU translates the client's addresses
 * @client: DMA device
 *
 * Context: Any.
 * Return: true if its DMA addresses are not physical addresses.
 */
bool p2pmem_client_translates(struct device *client)
{
	struct iommu_domain *domain;

	KUNIT_STATIC_STUB_REDIRECT(p2pmem_client_translates, client);
	domain = iommu_get_domain_for_dev(client);
	return domain && domain->type & __IOMMU_DOMAIN_PAGING;
}

/**
 * p2pmem_guest_encrypted() - whether the memory of this guest is encrypted
 *
 * KUnit suites can replace this.
 *
 * Context: Any.
 * Return: true if devices can access only memory that the guest shares with them.
 */
bool p2pmem_guest_encrypted(void)
{
	KUNIT_STATIC_STUB_REDIRECT(p2pmem_guest_encrypted);
	return cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT);
}

/*
 * Checks that do not depend on the route. Bounce buffers matter for the client only: just
 * the client's addresses are mapped. @at returns the device at fault.
 */
static enum pci_p2pmem_reason p2pmem_ends_reason(struct pci_dev *provider,
						 struct device *client, char *at, size_t len)
{
	if (!p2pmem_is_client(client))
		return PCI_P2PMEM_NOT_A_CLIENT;
	if (!dev_is_pci(client))
		return PCI_P2PMEM_NOT_PCI;
	if (p2pmem_guest_encrypted())
		return PCI_P2PMEM_ENCRYPTED;
	if (provider->untrusted || to_pci_dev(client)->untrusted) {
		strscpy(at, provider->untrusted ? pci_name(provider) : dev_name(client), len);
		return PCI_P2PMEM_UNTRUSTED;
	}
	if (is_swiotlb_force_bounce(client))
		return PCI_P2PMEM_SWIOTLB;
	return PCI_P2PMEM_OK;
}

/* Finds the BAR whose memory ends at v->needed. */
static void p2pmem_set_bar(struct p2pmem_provider *p, bool bus, struct pci_p2pmem_verdict *v)
{
	struct p2pmem_region *r;
	u64 start;

	guard(rcu)();
	list_for_each_entry_rcu(r, &p->regions, node) {
		start = r->phys + (bus ? r->bus_offset : 0);
		if (r->kind == PCI_P2PMEM_REGISTERS || start + r->size - 1 != v->needed)
			continue;
		v->bar = r->bar;
		v->base = start - r->offset;
		return;
	}
}

/**
 * p2pmem_route_evaluate() - evaluate a pair in the current state of the machine
 * @p: the provider
 * @client: DMA device
 * @v: returns the verdict; @v->needed is the address that the client must reach, which is
 *	not compared with its limit here
 * @sig: returns the signature of the pair's own route: it changes if and only if a
 *	function on the route, its ACS or its settings, a host bridge, or the model of
 *	either end changes. 0 if the client is not a PCI function. May be NULL.
 *
 * Context: Process context. The caller holds both.
 * Return: 0; -ENOMEM, or -EAGAIN if a function on the route did not respond. On error @v
 * may be shown in a message but must not be stored, and @sig is unchanged.
 */
int p2pmem_route_evaluate(struct p2pmem_provider *p, struct device *client,
			  struct pci_p2pmem_verdict *v, u64 *sig)
{
	struct p2pmem_chain a, b;
	struct p2pmem_route route;
	int ret;

	*v = (struct pci_p2pmem_verdict){ .distance = -1 };
	strscpy(v->provider, pci_name(p->pdev), sizeof(v->provider));
	strscpy(v->client, dev_name(client), sizeof(v->client));
	v->reason = p2pmem_ends_reason(p->pdev, client, v->at, sizeof(v->at));
	if (!dev_is_pci(client)) {
		if (sig)
			*sig = 0;
		return 0;
	}
	ret = p2pmem_route(p->pdev, to_pci_dev(client), &a, &b, &route);
	if (ret) {
		v->reason = v->reason ?: ret == -ENOMEM ? PCI_P2PMEM_NO_MEMORY :
							  PCI_P2PMEM_REVOKED;
		if (ret == -EAGAIN)
			strscpy(v->note, "a function between the two does not answer",
				sizeof(v->note));
		return ret;
	}
	if (sig)
		*sig = p2pmem_chain_signature(p2pmem_chain_signature(0, &a, p->pdev), &b,
					      to_pci_dev(client));
	v->distance = route.distance;
	if (!v->reason) {
		v->reason = route.reason;
		if (route.at)
			p2pmem_node_name(route.at->id, v->at, sizeof(v->at));
		else if (route.reason)
			snprintf(v->at, sizeof(v->at), "pci%04llx:%02llx",
				 a.host.id >> 8, a.host.id & 0xff);
	}
	/* dma_map_resource() does not apply the client's offset, unless an IOMMU translates. */
	if (!v->reason && !route.bus_addr && p2pmem_client_has_offset(client) &&
	    !p2pmem_client_translates(client)) {
		v->reason = PCI_P2PMEM_HOST_BRIDGE;
		snprintf(v->at, sizeof(v->at), "pci%04llx:%02llx", b.host.id >> 8,
			 b.host.id & 0xff);
		strscpy(v->note, "its dma-ranges are not applied to peer memory", sizeof(v->note));
	}
	kfree(a.node);
	kfree(b.node);
	if (v->reason)
		return 0;

	v->mapping = route.bus_addr ? PCI_P2PMEM_MAP_BUS_ADDR : PCI_P2PMEM_MAP_HOST_BRIDGE;
	v->by_admin = !route.bus_addr && p2pmem_by_admin(&a.host, &b.host);
	v->in_guest = !route.bus_addr && !v->by_admin && p2pmem_in_guest();
	if (!route.bus_addr && p2pmem_client_translates(client))
		return 0;
	v->needed = route.bus_addr ? p->bus_end : p->phys_end;
	p2pmem_set_bar(p, route.bus_addr, v);
	return 0;
}

static int p2pmem_list_redirecting(const struct p2pmem_chain *c, u64 mask, char *buf,
				   size_t len)
{
	char name[32];
	unsigned int i;
	int n = 0;

	for (i = 0; i < c->nr && i < 64; i++) {
		if (!(mask & BIT_ULL(i)))
			continue;
		p2pmem_node_name(c->node[i].id, name, sizeof(name));
		n += scnprintf(buf + n, len - n, "%s;", name);
	}
	return n;
}

/**
 * p2pmem_path_acs_list() - list the functions whose ACS redirects a path
 * @provider: the providing function
 * @client: the client's function
 * @buf: returns their names, separated by semicolons, in the format of the kernel
 *	parameter pci=disable_acs_redir=
 * @len: bytes in @buf
 *
 * Context: Process context.
 * Return: number of bytes; -EINVAL without @len, -ENOMEM or -EAGAIN as p2pmem_route_evaluate().
 */
int p2pmem_path_acs_list(struct pci_dev *provider, struct pci_dev *client, char *buf, size_t len)
{
	struct p2pmem_chain a, b;
	struct p2pmem_route route;
	int n;

	if (!len)
		return -EINVAL;
	n = p2pmem_route(provider, client, &a, &b, &route);
	if (n)
		return n;
	buf[0] = '\0';
	n = p2pmem_list_redirecting(&a, route.provider_acs, buf, len);
	n += p2pmem_list_redirecting(&b, route.client_acs, buf + n, len - n);
	if (n && buf[n - 1] == ';')
		buf[--n] = '\0';
	kfree(a.node);
	kfree(b.node);
	return n;
}

/**
 * p2pmem_path_is_direct() - whether requests turn around at a switch below the host bridges
 * @provider: the providing function
 * @client: the client's function
 *
 * Such requests have bus addresses and reach neither a host bridge nor an IOMMU.
 *
 * Context: Process context.
 * Return: true if they do; false also if the route cannot be read.
 */
bool p2pmem_path_is_direct(struct pci_dev *provider, struct pci_dev *client)
{
	struct p2pmem_chain a, b;
	struct p2pmem_route route;

	if (p2pmem_route(provider, client, &a, &b, &route))
		return false;
	kfree(a.node);
	kfree(b.node);
	return route.bus_addr;
}

/* The function on the root bus that is @pdev or is above it */
static struct pci_dev *p2pmem_top(struct pci_dev *pdev)
{
	while (pci_upstream_bridge(pdev))
		pdev = pci_upstream_bridge(pdev);
	return pdev;
}

/* The entry that one end needs, empty if it is allowed already; false if none can allow it */
static bool p2pmem_end_entry(struct pci_dev *pdev, const struct p2pmem_host *h, bool across,
			     char *buf)
{
	struct pci_dev *first;

	*buf = '\0';
	if (across ? h->allowed_across : h->allowed)
		return true;
	first = p2pmem_host_function(pci_find_host_bridge(pdev->bus));
	p2pmem_host_entry(first, p2pmem_top(pdev), across, buf, P2PMEM_ENTRY_TEXT);
	pci_dev_put(first);
	return *buf;
}

/**
 * p2pmem_path_entries() - list the entries that would allow a path through host bridges
 * @provider: the providing function
 * @client: the client's function
 * @buf: returns the entries of the parameter host_bridges that are missing, separated
 *	by commas
 * @len: bytes in @buf, 2 * P2PMEM_ENTRY_TEXT for all of it
 *
 * Context: Process context.
 * Return: number of bytes, 0 if no entry is missing or none can allow the path, -ENOMEM or
 * -EAGAIN as p2pmem_route_evaluate().
 */
int p2pmem_path_entries(struct pci_dev *provider, struct pci_dev *client, char *buf, size_t len)
{
	char one[P2PMEM_ENTRY_TEXT], two[P2PMEM_ENTRY_TEXT];
	struct p2pmem_chain a, b;
	struct p2pmem_route route;
	bool across;
	int ret;

	ret = p2pmem_route(provider, client, &a, &b, &route);
	if (ret)
		return ret;
	kfree(a.node);
	kfree(b.node);
	across = a.host.id != b.host.id;
	if (!p2pmem_end_entry(provider, &a.host, across, one) ||
	    !p2pmem_end_entry(client, &b.host, across, two))
		return 0;
	if (!strcmp(one, two))
		*two = '\0';
	return scnprintf(buf, len, "%s%s%s", one, *one && *two ? "," : "", two);
}
