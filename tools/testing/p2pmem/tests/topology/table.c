// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: run the drawn cases, and some that are too long to draw
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"

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
 * Deeper than any machine and deeper than the masks: nodes from 64 on redirect and
 * are reported, but are in no mask.
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
	return nr_cases_paths + nr_cases_acs + nr_cases_egress + nr_cases_settings + 4;
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
	run_cases("settings", cases_settings, nr_cases_settings);
}
