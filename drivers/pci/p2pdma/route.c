// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: evaluation of the route between two PCI functions
 *
 * Floor 3.
 *
 * walk.c reads the functions between the two, and hostbridge.c knows what the host bridges
 * above them forward. This file calls topology.c with both for the route, and adds checks beyond
 * topology: whether the client may and can use the resulting address.
 */
#include <kunit/static_stub.h>
#include <linux/cc_platform.h>
#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/swiotlb.h>
#include "p2pdma.h"
#include "topology.h"

/* Fills the chain of one end, with what the host bridge at its top forwards. */
static int p2pmem_end_fill(struct p2pmem_chain *c, struct pci_dev *pdev)
{
	struct pci_dev *first, *top;
	int ret;

	ret = p2pmem_chain_fill(c, pdev);
	if (ret)
		return ret;
	first = p2pmem_host_above(pdev, &top);
	p2pmem_host_evaluate(first, top, &c->host);
	pci_dev_put(first);
	return 0;
}

/* Fills both chains and the route. On success the caller frees the nodes of both chains. */
static int p2pmem_route(struct pci_dev *provider, struct pci_dev *client,
			struct p2pmem_chain *a, struct p2pmem_chain *b,
			struct p2pmem_route *route)
{
	int ret;

	*a = (struct p2pmem_chain){};
	*b = (struct p2pmem_chain){};
	ret = p2pmem_end_fill(a, provider) ?: p2pmem_end_fill(b, client);
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

/* Whether the client's bus has RAM at other addresses than the CPU: a map may have no offset. */
static bool p2pmem_client_has_offset(struct device *client)
{
	const struct bus_dma_region *m;

	for (m = client->dma_range_map; m && m->size; m++)
		if (m->cpu_start != m->dma_start)
			return true;
	return false;
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
		if (!v->reason)
			v->reason = ret == -ENOMEM ? PCI_P2PMEM_NO_MEMORY : PCI_P2PMEM_REVOKED;
		if (ret == -EAGAIN)
			strscpy(v->note, "a function between the two does not answer",
				sizeof(v->note));
		return ret;
	}
	if (sig) {
		*sig = p2pmem_chain_signature(0, &a, p->pdev);
		*sig = p2pmem_chain_signature(*sig, &b, to_pci_dev(client));
	}
	v->distance = route.distance;
	if (!v->reason) {
		v->reason = route.reason;
		if (route.at)
			p2pmem_node_name(route.at->id, v->at, sizeof(v->at));
		else if (route.reason)
			p2pmem_host_name(a.host.id, v->at, sizeof(v->at));
	}
	/* dma_map_resource() does not apply the client's offset, unless an IOMMU translates. */
	if (!v->reason && !route.bus_addr && p2pmem_client_has_offset(client) &&
	    !p2pmem_client_translates(client)) {
		v->reason = PCI_P2PMEM_HOST_BRIDGE;
		p2pmem_host_name(b.host.id, v->at, sizeof(v->at));
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

/* The entry that one end needs, empty if it is allowed already; false if none can allow it */
static bool p2pmem_end_entry(struct pci_dev *pdev, const struct p2pmem_host *h, bool across,
			     char *buf)
{
	struct pci_dev *first, *top;

	*buf = '\0';
	if (across ? h->allowed_across : h->allowed)
		return true;
	first = p2pmem_host_above(pdev, &top);
	p2pmem_host_entry(first, top, across, buf, P2PMEM_ENTRY_TEXT);
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
