// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: random trees: topology.c against the oracle
 *
 * Translates the oracle's graph into chains of nodes, asks both about random
 * pairs, and compares every field. Counts how often each verdict and each odd
 * circumstance occurred: one that never did is a failure, because then nothing
 * was compared for it.
 */
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "test.h"

#define PAIRS_PER_TREE	6
#define MAX_REPORTS	3

/* What must have occurred. The verdicts come first; the rest are circumstances. */
enum seen {
	SEEN_SAME_FUNCTION,
	SEEN_BUS_ADDRESS,
	SEEN_HOST_ALLOWED,
	SEEN_HOST_REFUSED,
	SEEN_HOSTS_ALLOWED,
	SEEN_HOSTS_REFUSED,
	SEEN_REDIRECT_ALLOWED,
	SEEN_REDIRECT_PROVIDER,
	SEEN_REDIRECT_CLIENT,
	SEEN_EGRESS_PROVIDER,
	SEEN_EGRESS_CLIENT,
	SEEN_EGRESS_FUNCTION,
	SEEN_LIFTED,
	SEEN_BEYOND,
	SEEN_ABOVE,
	SEEN_DEEP,
	SEEN_OFF_MASK,
	SEEN_FAR_DOMAIN,
	NR_SEEN
};

static const char * const seen_texts[NR_SEEN] = {
	[SEEN_SAME_FUNCTION] = "same function",
	[SEEN_BUS_ADDRESS] = "bus address",
	[SEEN_HOST_ALLOWED] = "one host bridge, allowed",
	[SEEN_HOST_REFUSED] = "one host bridge, refused",
	[SEEN_HOSTS_ALLOWED] = "two host bridges, allowed",
	[SEEN_HOSTS_REFUSED] = "two host bridges, refused",
	[SEEN_REDIRECT_ALLOWED] = "redirected, host allowed",
	[SEEN_REDIRECT_PROVIDER] = "redirected at the provider's side, refused",
	[SEEN_REDIRECT_CLIENT] = "redirected at the client's side, refused",
	[SEEN_EGRESS_PROVIDER] = "egress blocked at the provider's port",
	[SEEN_EGRESS_CLIENT] = "egress blocked at the client's port",
	[SEEN_EGRESS_FUNCTION] = "egress blocked within one device",
	[SEEN_LIFTED] = "egress block lifted by request redirect",
	[SEEN_BEYOND] = "number beyond the egress vector",
	[SEEN_ABOVE] = "one end above the other",
	[SEEN_DEEP] = "a side of 8 hops or more",
	[SEEN_OFF_MASK] = "redirect beyond the masks",
	[SEEN_FAR_DOMAIN] = "domain beyond 16 bits",
};

struct tally {
	unsigned int pairs;
	unsigned int wrong;
	unsigned int lopsided;
	unsigned int not_a_tree;
	unsigned int seen[NR_SEEN];
	bool quiet;
};

/* Exactly as long as needed, so that the sanitizer sees a step beyond the end */
struct pair_chain {
	struct p2pmem_chain chain;
	int vertex[MAX_VERTICES];
};

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
	node->multifunction = v->says_multifunction;
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
	if (v->controls_egress)
		for (i = 0; i < 256; i++)
			if (v->shut[i])
				node->egress[i / 32] |= 1u << i % 32;
}

static void make_chain(struct pair_chain *pc, const struct graph *g, int from)
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

/* The oracle's finding in the words of topology.h */
static void translate(const struct finding *f, const struct pair_chain *provider,
		      const struct pair_chain *client, struct p2pmem_route *want)
{
	static const enum pci_p2pmem_reason reasons[] = {
		[PEER_TO_PEER] = PCI_P2PMEM_OK,
		[THROUGH_HOST] = PCI_P2PMEM_OK,
		[STOPPED_AT_HOST] = PCI_P2PMEM_HOST_BRIDGE,
		[STOPPED_BY_REDIRECT] = PCI_P2PMEM_ACS_REDIRECT,
		[STOPPED_BY_EGRESS] = PCI_P2PMEM_ACS_EGRESS,
	};
	unsigned int i;

	memset(want, 0, sizeof(*want));
	want->reason = reasons[f->outcome];
	want->bus_addr = f->outcome == PEER_TO_PEER;
	want->distance = f->hops;
	for (i = 0; i < provider->chain.nr; i++) {
		if (provider->vertex[i] == f->culprit)
			want->at = &provider->chain.node[i];
		if (i < 64 && f->redirects[provider->vertex[i]])
			want->provider_acs |= (u64)1 << i;
	}
	for (i = 0; i < client->chain.nr; i++) {
		if (client->vertex[i] == f->culprit)
			want->at = &client->chain.node[i];
		if (i < 64 && f->redirects[client->vertex[i]])
			want->client_acs |= (u64)1 << i;
	}
}

static bool same_route(const struct p2pmem_route *a, const struct p2pmem_route *b)
{
	return a->reason == b->reason && a->bus_addr == b->bus_addr &&
	       a->distance == b->distance && a->at == b->at &&
	       a->provider_acs == b->provider_acs && a->client_acs == b->client_acs;
}

static enum seen verdict_of(const struct graph *g, const struct finding *f)
{
	bool hosts = g->v[f->path[f->top]].role == FABRIC;
	bool host = g->v[f->path[f->top]].role == HOST;
	int i;

	if (f->length == 1)
		return SEEN_SAME_FUNCTION;
	switch (f->outcome) {
	case PEER_TO_PEER:
		return SEEN_BUS_ADDRESS;
	case THROUGH_HOST:
		if (hosts)
			return SEEN_HOSTS_ALLOWED;
		return host ? SEEN_HOST_ALLOWED : SEEN_REDIRECT_ALLOWED;
	case STOPPED_AT_HOST:
		return hosts ? SEEN_HOSTS_REFUSED : SEEN_HOST_REFUSED;
	case STOPPED_BY_REDIRECT:
		for (i = 0; i < f->top; i++)
			if (f->path[i] == f->culprit)
				return SEEN_REDIRECT_PROVIDER;
		return SEEN_REDIRECT_CLIENT;
	default:
		if (g->v[f->culprit].role == END_POINT)
			return SEEN_EGRESS_FUNCTION;
		return f->path[f->top - 1] == f->culprit ? SEEN_EGRESS_PROVIDER :
							   SEEN_EGRESS_CLIENT;
	}
}

static void count_seen(struct tally *t, const struct graph *g, const struct finding *f)
{
	int side = f->top > f->length - 1 - f->top ? f->top : f->length - 1 - f->top;
	int i;

	t->seen[verdict_of(g, f)]++;
	t->seen[SEEN_LIFTED] += f->lifted;
	t->seen[SEEN_BEYOND] += f->beyond;
	t->seen[SEEN_ABOVE] += f->length > 1 && (f->top == 0 || f->top == f->length - 1);
	t->seen[SEEN_DEEP] += side >= 8;
	t->seen[SEEN_FAR_DOMAIN] += g->v[f->path[0]].domain > 0xffff;
	for (i = 0; i < f->length; i++) {
		if (f->redirects[f->path[i]] && (i < f->top ? i : f->length - 1 - i) >= 64) {
			t->seen[SEEN_OFF_MASK]++;
			break;
		}
	}
}

/* Two functions: mostly any two, often neighbours, now and then one and the same */
static void pick_pair(const struct graph *g, struct rng *rng, int *provider, int *client)
{
	unsigned int kind = rng_below(rng, 8);
	int tries, next;

	*provider = NOTHING;
	*client = NOTHING;
	for (tries = 0; tries < 400 && (*provider == NOTHING || *client == NOTHING); tries++) {
		next = rng_below(rng, g->nr);
		if (g->v[next].role == HOST || g->v[next].role == FABRIC)
			continue;
		/* lenders and clients are mostly end points, but not all of them */
		if (kind && g->v[next].role != END_POINT && !rng_chance(rng, 6))
			continue;
		if (*provider == NOTHING)
			*provider = next;
		else
			*client = next;
	}
	if (*provider == NOTHING)
		return;
	if (*client == NOTHING || rng_chance(rng, 40))
		*client = *provider;
	if (kind < 2)
		for (next = g->v[g->v[*provider].parent].first_child; next != NOTHING;
		     next = g->v[next].next_sibling)
			if (next != *provider && rng_chance(rng, 2))
				*client = next;
}

static void report(const struct pair_chain *provider, const struct pair_chain *client,
		   const struct p2pmem_route *want, const struct p2pmem_route *got,
		   unsigned int tree)
{
	tap_note("tree %u:", tree);
	note_chain("provider", &provider->chain);
	note_chain("client", &client->chain);
	note_route("the oracle", &provider->chain, &client->chain, want);
	note_route("topology.c", &provider->chain, &client->chain, got);
}

static void compare_pair(route_fn fn, const struct graph *g, struct rng *rng, unsigned int tree,
			 struct tally *t)
{
	struct pair_chain provider, client;
	struct p2pmem_route want, got, back;
	struct finding f;
	int p, c;

	pick_pair(g, rng, &p, &c);
	if (p == NOTHING)
		return;
	if (oracle_ask(g, p, c, &f) != 1) {
		t->not_a_tree++;
		return;
	}
	make_chain(&provider, g, p);
	make_chain(&client, g, c);
	translate(&f, &provider, &client, &want);

	t->pairs++;
	count_seen(t, g, &f);
	call_route(fn, &provider.chain, &client.chain, &got);
	if (!same_route(&got, &want) && t->wrong++ < MAX_REPORTS && !t->quiet)
		report(&provider, &client, &want, &got, tree);

	/* the same the other way round */
	call_route(fn, &client.chain, &provider.chain, &back);
	t->lopsided += back.reason != got.reason || back.bus_addr != got.bus_addr ||
		       back.distance != got.distance || back.provider_acs != got.client_acs ||
		       back.client_acs != got.provider_acs;
	free(provider.chain.node);
	free(client.chain.node);
}

static void compare_trees(route_fn fn, unsigned long long seed, unsigned int trees,
			  struct tally *t)
{
	struct rng rng = { .state = seed };
	struct graph g;
	unsigned int tree, pair;

	for (tree = 0; tree < trees; tree++) {
		graph_random(&g, &rng);
		for (pair = 0; pair < PAIRS_PER_TREE; pair++)
			compare_pair(fn, &g, &rng, tree, t);
	}
}

unsigned int random_mismatches(route_fn fn, unsigned long long seed, unsigned int trees)
{
	struct tally t = { .quiet = true };

	compare_trees(fn, seed, trees, &t);
	return t.wrong;
}

unsigned int random_count(void)
{
	return 3 + NR_SEEN;
}

void random_run(unsigned long long seed, unsigned int trees)
{
	struct tally t = { 0 };
	unsigned int i;

	tap_note("seed %llu, %u trees", seed, trees);
	compare_trees(p2pmem_topology_route, seed, trees, &t);
	tap_result(t.pairs >= trees && !t.wrong, "random: %u of %u pairs agree with the oracle",
		   t.pairs - t.wrong, t.pairs);
	tap_result(!t.lopsided, "random: %u pairs differ the other way round", t.lopsided);
	tap_result(!t.not_a_tree, "random: %u pairs without exactly one path", t.not_a_tree);
	for (i = 0; i < NR_SEEN; i++)
		tap_result(t.seen[i], "random: seen %u times: %s", t.seen[i], seen_texts[i]);
}
