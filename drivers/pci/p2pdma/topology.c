// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: topology: distance and reachability on plain nodes
 *
 * Floor 0.
 *
 * Answers, for two PCI functions that are given as chains of plain nodes, how
 * far apart they are, by which address the client reaches the provider, and if
 * it does not, which node is at fault. Knows no struct pci_dev, allocates
 * nothing, takes no lock and calls nothing: this file compiles unchanged in the
 * kernel and in user space, and chains may be of any length.
 *
 * The rules, with drawings: Documentation/PCI/p2pmem/topology.rst.
 */
#include "topology.h"

/* Bits of the ACS control word that steer requests between peers */
#define P2PMEM_ACS_REQUEST_REDIRECT	0x04
#define P2PMEM_ACS_COMPLETION_REDIRECT	0x08
#define P2PMEM_ACS_EGRESS_CONTROL	0x20

/* Width of p2pmem_route.provider_acs and .client_acs */
#define P2PMEM_ROUTE_ACS_BITS		64

/**
 * struct p2pmem_side - one end's part of a path below a common bridge
 * @node: the end's chain
 * @hops: from the end to the common bridge: node[0] to node[hops - 1] are
 *	strictly below it
 * @turn: the last of these, where requests leave this side; NULL if none
 * @redirector: the first of these that redirects, NULL if none
 */
struct p2pmem_side {
	const struct p2pmem_node *node;
	unsigned int hops;
	const struct p2pmem_node *turn;
	const struct p2pmem_node *redirector;
};

static bool p2pmem_acs_enabled(const struct p2pmem_node *node, u16 bits)
{
	return node->has_acs && (node->acs_ctrl & bits);
}

/* A link has a single device at its other end (PCIe, section 1.3) */
static bool p2pmem_has_link(const struct p2pmem_node *node)
{
	return node->type == P2PMEM_NODE_ROOT_PORT || node->type == P2PMEM_NODE_DOWNSTREAM;
}

/*
 * Two nodes directly below @common are functions of one device. Below a link they are, whatever
 * their numbers: those of a device with ARI have all eight bits for the function, and virtual
 * functions may have further bus numbers. On other buses domain, bus and device number are equal.
 */
static bool p2pmem_same_device(const struct p2pmem_node *common, const struct p2pmem_node *a,
			       const struct p2pmem_node *b)
{
	return p2pmem_has_link(common) || a->id >> 3 == b->id >> 3;
}

/* The nearest bridge that is above both ends, or is one of them */
static bool p2pmem_find_common(const struct p2pmem_chain *provider,
			       const struct p2pmem_chain *client,
			       unsigned int *provider_hops, unsigned int *client_hops)
{
	unsigned int i, j;

	for (i = 0; i < provider->nr; i++) {
		for (j = 0; j < client->nr; j++) {
			if (provider->node[i].id == client->node[j].id) {
				*provider_hops = i;
				*client_hops = j;
				return true;
			}
		}
	}
	return false;
}

static bool p2pmem_host_forwards(const struct p2pmem_host *a, const struct p2pmem_host *b)
{
	if (a->id == b->id)
		return a->allowed && b->allowed;
	return a->allowed_across && b->allowed_across;
}

/*
 * Which nodes of one side send peer requests or their completions up to the
 * host bridge. An end point does so only as part of a multifunction device;
 * when the other side turns at a function of the same device, it is one,
 * whatever its header says (virtual functions do not set the bit).
 */
static u64 p2pmem_find_redirects(struct p2pmem_side *side, const struct p2pmem_side *peer)
{
	const struct p2pmem_node *node, *common = &side->node[side->hops];
	unsigned int i;
	u64 mask = 0;

	for (i = 0; i < side->hops; i++) {
		node = &side->node[i];
		if (!p2pmem_acs_enabled(node, P2PMEM_ACS_REQUEST_REDIRECT |
					      P2PMEM_ACS_COMPLETION_REDIRECT))
			continue;
		if (node->type == P2PMEM_NODE_ENDPOINT && !node->multifunction &&
		    !(node == side->turn && peer->turn &&
		      p2pmem_same_device(common, node, peer->turn)))
			continue;
		if (i < P2PMEM_ROUTE_ACS_BITS)
			mask |= (u64)1 << i;
		if (!side->redirector)
			side->redirector = node;
	}
	return mask;
}

/*
 * Whether egress control at @node keeps requests from turning round to @peer,
 * both directly below @common. Ports are indexed by port number, the
 * functions of one device by function number. An index beyond the vector cannot
 * be shown to be open. With request redirect the request is not blocked but
 * redirected, and p2pmem_find_redirects() has counted it.
 */
static bool p2pmem_egress_blocks(const struct p2pmem_node *common,
				 const struct p2pmem_node *node,
				 const struct p2pmem_node *peer)
{
	u64 index = peer->port;

	if (!p2pmem_acs_enabled(node, P2PMEM_ACS_EGRESS_CONTROL) ||
	    p2pmem_acs_enabled(node, P2PMEM_ACS_REQUEST_REDIRECT))
		return false;

	switch (node->type) {
	case P2PMEM_NODE_ROOT_PORT:
	case P2PMEM_NODE_DOWNSTREAM:
		break;
	case P2PMEM_NODE_ENDPOINT:
		if (!p2pmem_same_device(common, node, peer))
			return false;
		/* on a bus after that of @node: above 255 */
		index = p2pmem_has_link(common) ? peer->id - (node->id & ~0xffULL) : peer->id & 7;
		break;
	default:
		return false;
	}

	if (index >= node->egress_bits)
		return true;
	return node->egress[index / 32] >> (index % 32) & 1;
}

/* The function that sends and receives this end's packets on PCIe, or NULL */
static const struct p2pmem_node *p2pmem_pcie_end(const struct p2pmem_chain *chain,
						 unsigned int hops)
{
	unsigned int i;

	for (i = 0; i < chain->nr && (!i || i < hops); i++)
		if (chain->node[i].payload)
			return &chain->node[i];
	return NULL;
}

static const struct p2pmem_node *p2pmem_find_small(const struct p2pmem_side *side,
						   unsigned int bytes)
{
	unsigned int i;

	for (i = 0; !i || i < side->hops; i++)
		if (side->node[i].payload && side->node[i].payload < bytes)
			return &side->node[i];
	return NULL;
}

/*
 * The node on a direct path that accepts less payload than one end sends, or NULL. The
 * client's writes are as large as its Max_Payload_Size; the provider's completions as
 * large as its own, and no larger than the client's Max_Read_Request_Size.
 */
static const struct p2pmem_node *
p2pmem_find_malformed(const struct p2pmem_side *p, const struct p2pmem_node *completer,
		      const struct p2pmem_side *c, const struct p2pmem_node *requester)
{
	unsigned int bytes = requester->payload, completion = completer->payload;
	const struct p2pmem_node *node;

	if (completion > requester->read_request)
		completion = requester->read_request;
	if (bytes < completion)
		bytes = completion;
	node = p2pmem_find_small(p, bytes);
	return node ? node : p2pmem_find_small(c, bytes);
}

/*
 * Checks settings of the nodes that break transfers on an otherwise usable route. A host
 * bridge may split packets, so their size matters on a direct path only.
 */
static void p2pmem_check_settings(const struct p2pmem_chain *provider,
				  const struct p2pmem_side *p,
				  const struct p2pmem_chain *client,
				  const struct p2pmem_side *c, struct p2pmem_route *route)
{
	const struct p2pmem_node *completer = p2pmem_pcie_end(provider, p->hops);
	const struct p2pmem_node *requester = p2pmem_pcie_end(client, c->hops);

	/* the same function, or one conventional bus: no packets on PCIe */
	if (!completer || !requester || completer->id == requester->id)
		return;
	if (requester->tags_10bit && !completer->completes_tags_10bit) {
		route->reason = PCI_P2PMEM_TAG_SIZE;
		route->at = requester;
	} else if (route->bus_addr) {
		route->at = p2pmem_find_malformed(p, completer, c, requester);
		if (route->at)
			route->reason = PCI_P2PMEM_PAYLOAD_SIZE;
	}
	if (route->reason)
		route->bus_addr = false;
}

/**
 * p2pmem_topology_route() - how a client reaches a provider
 * @provider: the chain of the function that provides memory
 * @client: the chain of the function that does DMA to it
 * @route: returns the result; every member is written
 *
 * Cost is the product of the two lengths, which are below 256 on any machine.
 *
 * Context: Any. Takes no lock; the caller keeps the chains unchanged.
 * @route->at points into one of the two chains.
 */
void p2pmem_topology_route(const struct p2pmem_chain *provider,
			   const struct p2pmem_chain *client,
			   struct p2pmem_route *route)
{
	struct p2pmem_side p = { .node = provider->node };
	struct p2pmem_side c = { .node = client->node };
	bool forwards = p2pmem_host_forwards(&provider->host, &client->host);
	const struct p2pmem_node *common;

	*route = (struct p2pmem_route) {
		.reason = PCI_P2PMEM_HOST_BRIDGE,
		.distance = -1,
	};
	if (!provider->nr || !client->nr)
		return;

	if (!p2pmem_find_common(provider, client, &p.hops, &c.hops)) {
		route->distance = provider->nr + client->nr;
		if (forwards) {
			route->reason = PCI_P2PMEM_OK;
			p.hops = provider->nr;
			c.hops = client->nr;
			p2pmem_check_settings(provider, &p, client, &c, route);
		}
		return;
	}

	common = &p.node[p.hops];
	route->distance = p.hops + c.hops;
	if (p.hops)
		p.turn = &p.node[p.hops - 1];
	if (c.hops)
		c.turn = &c.node[c.hops - 1];
	route->provider_acs = p2pmem_find_redirects(&p, &c);
	route->client_acs = p2pmem_find_redirects(&c, &p);

	if (p.turn && c.turn && p2pmem_egress_blocks(common, p.turn, c.turn)) {
		route->reason = PCI_P2PMEM_ACS_EGRESS;
		route->at = p.turn;
	} else if (p.turn && c.turn && p2pmem_egress_blocks(common, c.turn, p.turn)) {
		route->reason = PCI_P2PMEM_ACS_EGRESS;
		route->at = c.turn;
	} else if (!p.redirector && !c.redirector) {
		route->reason = PCI_P2PMEM_OK;
		route->bus_addr = true;
	} else if (forwards) {
		route->reason = PCI_P2PMEM_OK;
	} else {
		route->reason = PCI_P2PMEM_ACS_REDIRECT;
		route->at = p.redirector ? p.redirector : c.redirector;
	}
	if (!route->reason)
		p2pmem_check_settings(provider, &p, client, &c, route);
}
