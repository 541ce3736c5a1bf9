// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the fuzzing target: compare topology.c to the oracle, and check invariants
 *
 * An input is a tree with two ends, or two chains that form no tree (input.h). For a
 * tree the oracle of ../topology computes the expected result. For other chains only
 * the invariants of all results are checked. Errors are printed and end the process.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"

/* libFuzzer's name of the target, see the Makefile */
int fuzz_one(const u8 *data, size_t size);

struct question {
	const struct p2pmem_chain *provider;
	const struct p2pmem_chain *client;
	struct p2pmem_route got;
};

static void fail(const struct question *q, const char *what, const struct p2pmem_route *want)
{
	tap_note("topology.c: %s", what);
	note_chain("provider", q->provider);
	note_chain("client", q->client);
	if (want)
		note_route("wanted", q->provider, q->client, want);
	note_route("got", q->provider, q->client, &q->got);
	fflush(stdout);
	abort();
}

static void must(const struct question *q, bool holds, const char *what)
{
	if (!holds)
		fail(q, what, NULL);
}

/* Return true if a bit beyond the last node of the chain is set */
static bool mask_too_long(u64 mask, unsigned int nr)
{
	return nr < 64 && mask >> nr;
}

static bool same_chain(const struct p2pmem_chain *a, const struct p2pmem_chain *b)
{
	return a->nr == b->nr && (!a->nr || !memcmp(a->node, b->node, a->nr * sizeof(*a->node)));
}

/* With swapped ends, requester and completer differ */
static bool about_packets(const struct p2pmem_route *r)
{
	return r->reason == PCI_P2PMEM_PAYLOAD_SIZE || r->reason == PCI_P2PMEM_TAG_SIZE;
}

/* Invariants of any two chains */
static void check_any(struct question *q)
{
	const struct p2pmem_chain *p = q->provider, *c = q->client;
	const struct p2pmem_route *r = &q->got;
	struct p2pmem_route again;
	bool acs, packets, empty = !p->nr || !c->nr;
	unsigned int i;

	call_route(p2pmem_topology_route, p, c, &q->got);
	memset(&again, 0x5a, sizeof(again));
	p2pmem_topology_route(p, c, &again);
	if (!same_route(r, &again))
		fail(q, "two calls have different results: a field is not written", &again);

	acs = r->reason == PCI_P2PMEM_ACS_REDIRECT || r->reason == PCI_P2PMEM_ACS_EGRESS;
	packets = about_packets(r);
	must(q, acs || packets || r->reason == PCI_P2PMEM_OK || r->reason == PCI_P2PMEM_HOST_BRIDGE,
	     "a reason that topology.c must not return");
	must(q, !r->bus_addr || r->reason == PCI_P2PMEM_OK, "a bus address in a refusal");
	must(q, empty || r->distance >= 0, "a negative distance");
	must(q, empty || r->distance <= (int)(p->nr + c->nr), "a distance larger than both chains");
	must(q, !empty || (r->distance == -1 && r->reason == PCI_P2PMEM_HOST_BRIDGE),
	     "a route from or to an empty chain");
	must(q, (acs || packets) == !!r->at,
	     "no node for ACS or packets, or a node for another reason");
	must(q, !r->at || find_at(p, r->at, &i) || find_at(c, r->at, &i),
	     "the reported node is in neither chain");
	must(q, !mask_too_long(r->provider_acs, p->nr), "a provider's bit without a node");
	must(q, !mask_too_long(r->client_acs, c->nr), "a client's bit without a node");
	must(q, !r->bus_addr || (!r->provider_acs && !r->client_acs),
	     "a bus address despite a redirect");
	must(q, r->reason != PCI_P2PMEM_ACS_REDIRECT || r->at->acs_ctrl & 0x0c,
	     "a redirecting node that does not redirect");
	must(q, r->reason != PCI_P2PMEM_ACS_EGRESS || (r->at->has_acs && r->at->acs_ctrl & 0x20),
	     "an egress port without egress control");
}

/* Invariants of chains that agree about their common functions */
static void check_tree(struct question *q)
{
	const struct p2pmem_route *r = &q->got;
	struct p2pmem_route back;

	call_route(p2pmem_topology_route, q->client, q->provider, &back);
	if (!about_packets(r) && !about_packets(&back) &&
	    (back.reason != r->reason || back.bus_addr != r->bus_addr ||
	    back.distance != r->distance || back.provider_acs != r->client_acs ||
	    back.client_acs != r->provider_acs))
		fail(q, "another result with swapped ends", &back);
	must(q, !same_chain(q->provider, q->client) || !q->provider->nr ||
	     (r->bus_addr && r->distance == 0), "a function that does not reach itself");
}

static void query_tree(const u8 *data, size_t size)
{
	static struct input in;
	static struct finding f;
	struct pair_chain p, c;
	struct question q = { .provider = &p.chain, .client = &c.chain };
	struct p2pmem_route want;

	decode_tree(data, size, &in);
	make_chain(&p, &in.graph, in.provider);
	make_chain(&c, &in.graph, in.client);
	check_any(&q);
	check_tree(&q);
	if (p.chain.nr && c.chain.nr) {
		must(&q, oracle_query(&in.graph, in.provider, in.client, &f) == 1,
		     "the input is no tree: the target has a fault");
		translate(&f, &p, &c, &want);
		if (!same_route(&q.got, &want))
			fail(&q, "the oracle has another result", &want);
	}
	free_chain(&p);
	free_chain(&c);
}

static void query_chains(const u8 *data, size_t size)
{
	struct p2pmem_chain chain[2];
	struct question q = { .provider = &chain[0], .client = &chain[1] };

	decode_chains(data, size, chain);
	check_any(&q);
	free(chain[0].node);
	free(chain[1].node);
}

int fuzz_one(const u8 *data, size_t size)
{
	if (size > INPUT_MAX)
		return 0;
	if (input_is_tree(data, size))
		query_tree(data, size);
	else
		query_chains(data, size);
	return 0;
}
