// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: pairs: translate the oracle's graph and findings to the types of topology.h
 *
 * Also contains the other parts of a comparison: a call of topology.c that detects
 * fields it does not write, and functions that print chains and routes.
 */
#include <stdlib.h>
#include <string.h>

#include "pair.h"

static const char * const tokens[] = {
#define REASON(sym, token, ...)	\
	[PCI_P2PMEM_##sym] = token,
	PCI_P2PMEM_REASONS(REASON)
#undef REASON
};

static const char * const type_names[] = {
	[P2PMEM_NODE_ENDPOINT] = "end point",
	[P2PMEM_NODE_ROOT_PORT] = "root port",
	[P2PMEM_NODE_UPSTREAM] = "upstream port",
	[P2PMEM_NODE_DOWNSTREAM] = "downstream port",
	[P2PMEM_NODE_BRIDGE] = "bridge",
};

const char *reason_token(enum pci_p2pmem_reason reason)
{
	return (unsigned int)reason < ARRAY_SIZE(tokens) ? tokens[reason] : "garbage";
}

static enum p2pmem_node_type node_type(enum role role)
{
	switch (role) {
	case ROOT_PORT:
		return P2PMEM_NODE_ROOT_PORT;
	case UPSTREAM:
		return P2PMEM_NODE_UPSTREAM;
	case DOWNSTREAM:
		return P2PMEM_NODE_DOWNSTREAM;
	case OTHER_BRIDGE:
		return P2PMEM_NODE_BRIDGE;
	default:
		return P2PMEM_NODE_ENDPOINT;
	}
}

static void make_node(struct p2pmem_node *node, const struct vertex *v)
{
	unsigned int i;

	memset(node, 0, sizeof(*node));
	node->id = (u64)v->domain << 16 | v->bus << 8 | v->device << 3 | v->function;
	node->type = node_type(v->role);
	node->multifunction = v->header_multifunction;
	node->has_acs = v->has_acs;
	node->acs_ctrl = v->other_acs & ~(0x04u | 0x08u | 0x20u);
	if (v->redirects_requests)
		node->acs_ctrl |= 0x04;
	if (v->redirects_completions)
		node->acs_ctrl |= 0x08;
	if (v->controls_egress)
		node->acs_ctrl |= 0x20;
	node->port = v->number;
	node->egress_bits = v->vector_size;
	node->payload = v->packet;
	node->read_request = v->asks;
	node->tags_10bit = v->long_tags;
	node->completes_tags_10bit = v->completes_long_tags;
	if (v->controls_egress)
		for (i = 0; i < 256; i++)
			if (v->shut[i])
				node->egress[i / 32] |= 1u << i % 32;
}

void make_chain(struct pair_chain *pc, const struct graph *g, int from)
{
	unsigned int nr = 0, i;
	int at;

	for (at = from; g->v[at].role != HOST; at = g->v[at].parent)
		pc->vertex[nr++] = at;
	pc->chain.host.id = at;
	pc->chain.host.allowed = g->v[at].within;
	pc->chain.host.allowed_across = g->v[at].across;
	pc->chain.nr = nr;
	pc->chain.node = calloc(nr, sizeof(*pc->chain.node));
	if (!pc->chain.node)
		abort();
	for (i = 0; i < nr; i++)
		make_node(&pc->chain.node[i], &g->v[pc->vertex[i]]);
}

void free_chain(struct pair_chain *pc)
{
	free(pc->chain.node);
}

void translate(const struct finding *f, const struct pair_chain *provider,
	       const struct pair_chain *client, struct p2pmem_route *want)
{
	static const enum pci_p2pmem_reason reasons[] = {
		[PEER_TO_PEER] = PCI_P2PMEM_OK,
		[THROUGH_HOST] = PCI_P2PMEM_OK,
		[STOPPED_AT_HOST] = PCI_P2PMEM_HOST_BRIDGE,
		[STOPPED_BY_REDIRECT] = PCI_P2PMEM_ACS_REDIRECT,
		[STOPPED_BY_EGRESS] = PCI_P2PMEM_ACS_EGRESS,
		[STOPPED_BY_SIZE] = PCI_P2PMEM_PAYLOAD_SIZE,
		[STOPPED_BY_TAG] = PCI_P2PMEM_TAG_SIZE,
	};
	unsigned int i;

	memset(want, 0, sizeof(*want));
	want->reason = reasons[f->outcome];
	want->bus_addr = f->outcome == PEER_TO_PEER;
	want->distance = f->hops;
	/* an end above the other is in both chains; report it in its own chain */
	for (i = 0; (int)i < f->length; i++) {
		if (f->culprit == NOTHING || f->path[i] != f->culprit)
			continue;
		want->at = (int)i < f->top || !i ? &provider->chain.node[i] :
						   &client->chain.node[f->length - 1 - i];
	}
	for (i = 0; i < provider->chain.nr; i++) {
		if (i < 64 && f->redirects[provider->vertex[i]])
			want->provider_acs |= (u64)1 << i;
	}
	for (i = 0; i < client->chain.nr; i++) {
		if (i < 64 && f->redirects[client->vertex[i]])
			want->client_acs |= (u64)1 << i;
	}
}

bool same_route(const struct p2pmem_route *a, const struct p2pmem_route *b)
{
	return a->reason == b->reason && a->bus_addr == b->bus_addr &&
	       a->distance == b->distance && a->at == b->at &&
	       a->provider_acs == b->provider_acs && a->client_acs == b->client_acs;
}

void call_route(route_fn fn, const struct p2pmem_chain *provider,
		const struct p2pmem_chain *client, struct p2pmem_route *route)
{
	memset(route, 0xa5, sizeof(*route));
	fn(provider, client, route);
}

void number_end_points(const struct p2pmem_chain *chain)
{
	unsigned int i;

	for (i = 0; i < chain->nr; i++)
		if (chain->node[i].type == P2PMEM_NODE_ENDPOINT)
			chain->node[i].port = chain->node[i].id & 7;
}

void note_chain(const char *title, const struct p2pmem_chain *chain)
{
	const struct p2pmem_node *node;
	unsigned int i, w;
	char vector[P2PMEM_EGRESS_WORDS * 9 + 1];

	tap_note("%s: host %llu%s%s", title, (unsigned long long)chain->host.id,
		 chain->host.allowed ? ", allowed" : "",
		 chain->host.allowed_across ? ", allowed across" : "");
	for (i = 0; i < chain->nr; i++) {
		node = &chain->node[i];
		for (w = 0; w < P2PMEM_EGRESS_WORDS; w++)
			snprintf(vector + w * 9, 10, " %08x", node->egress[w]);
		tap_note("  [%u] %04llx:%02x:%02x.%x %s, port %u%s%s, control %02x, "
			 "%u bits:%s, payload %u, reads %u%s%s", i,
			 (unsigned long long)node->id >> 16, (unsigned int)(node->id >> 8 & 0xff),
			 (unsigned int)(node->id >> 3 & 0x1f), (unsigned int)(node->id & 7),
			 type_names[node->type], node->port,
			 node->multifunction ? ", multifunction" : "",
			 node->has_acs ? ", ACS" : "", node->acs_ctrl, node->egress_bits,
			 node->egress_bits ? vector : "", node->payload, node->read_request,
			 node->tags_10bit ? ", 10-bit tags" : "",
			 node->completes_tags_10bit ? ", completes 10-bit tags" : "");
	}
}

bool find_at(const struct p2pmem_chain *chain, const struct p2pmem_node *at, unsigned int *i)
{
	for (*i = 0; *i < chain->nr; ++*i)
		if (&chain->node[*i] == at)
			return true;
	return false;
}

void note_route(const char *title, const struct p2pmem_chain *provider,
		const struct p2pmem_chain *client, const struct p2pmem_route *route)
{
	char at[32] = "nothing";
	unsigned int i;

	if (find_at(provider, route->at, &i))
		snprintf(at, sizeof(at), "provider's [%u]", i);
	else if (find_at(client, route->at, &i))
		snprintf(at, sizeof(at), "client's [%u]", i);
	else if (route->at)
		snprintf(at, sizeof(at), "outside of both chains");

	tap_note("%s: %s, %s, distance %d, at %s, masks %llx and %llx", title,
		 reason_token(route->reason), route->bus_addr ? "bus address" : "no bus address",
		 route->distance, at,
		 (unsigned long long)route->provider_acs, (unsigned long long)route->client_acs);
}
