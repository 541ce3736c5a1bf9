// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: runs the drawn cases, and a few that are too long to draw
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"

static const char * const type_names[] = {
	[P2PMEM_NODE_ENDPOINT] = "end point",
	[P2PMEM_NODE_ROOT_PORT] = "root port",
	[P2PMEM_NODE_UPSTREAM] = "upstream port",
	[P2PMEM_NODE_DOWNSTREAM] = "downstream port",
	[P2PMEM_NODE_BRIDGE] = "bridge",
};

void call_route(route_fn fn, const struct p2pmem_chain *provider,
		const struct p2pmem_chain *client, struct p2pmem_route *route)
{
	memset(route, 0xa5, sizeof(*route));
	fn(provider, client, route);
}

void note_chain(const char *title, const struct p2pmem_chain *chain)
{
	const struct p2pmem_node *node;
	unsigned int i, w;
	char vector[P2PMEM_EGRESS_WORDS * 9 + 1];

	tap_note("%s: host %u%s%s", title, chain->host.id,
		 chain->host.allowed ? ", allowed" : "",
		 chain->host.allowed_across ? ", allowed across" : "");
	for (i = 0; i < chain->nr; i++) {
		node = &chain->node[i];
		for (w = 0; w < P2PMEM_EGRESS_WORDS; w++)
			snprintf(vector + w * 9, 10, " %08x", node->egress[w]);
		tap_note("  [%u] %04llx:%02x:%02x.%x %s, port %u%s%s, control %02x, %u bits:%s", i,
			 (unsigned long long)node->id >> 16, (unsigned int)(node->id >> 8 & 0xff),
			 (unsigned int)(node->id >> 3 & 0x1f), (unsigned int)(node->id & 7),
			 type_names[node->type], node->port,
			 node->multifunction ? ", multifunction" : "",
			 node->has_acs ? ", ACS" : "", node->acs_ctrl, node->egress_bits,
			 node->egress_bits ? vector : "");
	}
}

static bool find_at(const struct p2pmem_chain *chain, const struct p2pmem_node *at,
		    unsigned int *i)
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

/* What an egress vector knows an end point by is its function number */
static void number_end_points(const struct p2pmem_chain *chain)
{
	unsigned int i;

	for (i = 0; i < chain->nr; i++)
		if (chain->node[i].type == P2PMEM_NODE_ENDPOINT)
			chain->node[i].port = chain->node[i].id & 7;
}

static bool run_case(const struct route_case *c)
{
	const struct wanted *want = &c->want;
	const struct p2pmem_node *at = NULL;
	struct p2pmem_route got;
	bool ok;

	if (want->at > 0)
		at = &c->provider.node[want->at - 1];
	else if (want->at < 0)
		at = &c->client.node[-want->at - 1];

	number_end_points(&c->provider);
	number_end_points(&c->client);
	call_route(p2pmem_topology_route, &c->provider, &c->client, &got);
	ok = got.reason == want->reason && got.bus_addr == want->bus_addr &&
	     got.distance == want->distance && got.at == at &&
	     got.provider_acs == want->provider_acs && got.client_acs == want->client_acs;
	if (!ok) {
		const struct p2pmem_route expected = {
			want->reason, want->bus_addr, want->distance, at,
			want->provider_acs, want->client_acs,
		};

		note_chain("provider", &c->provider);
		note_chain("client", &c->client);
		note_route("expected", &c->provider, &c->client, &expected);
		note_route("got", &c->provider, &c->client, &got);
	}
	return ok;
}

static void run_cases(const char *area, const struct route_case *cases, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		tap_result(run_case(&cases[i]), "%s: %s", area, cases[i].name);
}

/*
 *   RP -- USP -- DSP -- USP -- ... -- P	5000 nodes
 *    `- C				below the same root port's device
 *
 * Deeper than any machine and deeper than the masks: nodes from 64 up redirect,
 * are named, and are in no mask.
 */
#define DEEP	5000u

static bool run_deep(unsigned int redirect_at, u64 mask, bool bus_addr)
{
	struct p2pmem_node *deep = calloc(DEEP, sizeof(*deep));
	struct p2pmem_node shallow[2] = { { EP(0xff, 0x1f, 7), MULTI }, { ROOT(0, 1, 1) } };
	struct p2pmem_chain provider = { CLOSED, .nr = DEEP, .node = deep };
	struct p2pmem_chain client = { CLOSED, .nr = 2, .node = shallow };
	struct p2pmem_route got;
	unsigned int i;
	bool ok;

	if (!deep)
		return false;
	for (i = 0; i < DEEP; i++) {
		deep[i].id = ((u64)DEEP - i) << 16;
		deep[i].type = i & 1 ? P2PMEM_NODE_DOWNSTREAM : P2PMEM_NODE_UPSTREAM;
	}
	deep[DEEP - 1] = shallow[1];
	deep[redirect_at].has_acs = true;
	deep[redirect_at].acs_ctrl = RR;

	call_route(p2pmem_topology_route, &provider, &client, &got);
	ok = got.distance == (int)DEEP && got.bus_addr == bus_addr &&
	     got.reason == (bus_addr ? PCI_P2PMEM_OK : PCI_P2PMEM_ACS_REDIRECT) &&
	     got.at == (bus_addr ? NULL : &deep[redirect_at]) &&
	     got.provider_acs == mask && !got.client_acs;
	if (!ok)
		note_route("got", &provider, &client, &got);
	free(deep);
	return ok;
}

unsigned int table_count(void)
{
	return nr_cases_paths + nr_cases_acs + nr_cases_egress + 4;
}

void table_run(void)
{
	run_cases("paths", cases_paths, nr_cases_paths);
	tap_result(run_deep(DEEP - 1, 0, true), "paths: deep chain");
	run_cases("acs", cases_acs, nr_cases_acs);
	tap_result(run_deep(63, (u64)1 << 63, false), "acs: deep chain redirects at 63");
	tap_result(run_deep(64, 0, false), "acs: deep chain redirects at 64");
	tap_result(run_deep(DEEP - 2, 0, false), "acs: deep chain redirects below the top");
	run_cases("egress", cases_egress, nr_cases_egress);
}
