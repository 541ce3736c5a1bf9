// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: random trees: compare topology.c to the oracle
 *
 * Runs both for random pairs and compares every field. Counts how often each verdict
 * and each special case occurred: one that never occurred is a failure, because it
 * was not tested.
 */
#include "test.h"

#define PAIRS_PER_TREE	6
#define MAX_REPORTS	3

/* Verdicts and special cases that must occur */
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
	SEEN_SIZE_PROVIDER,
	SEEN_SIZE_CLIENT,
	SEEN_TAG,
	SEEN_TAG_HOST,
	SEEN_LIFTED,
	SEEN_BEYOND,
	SEEN_ABOVE,
	SEEN_DEEP,
	SEEN_OFF_MASK,
	SEEN_FAR_DOMAIN,
	NR_SEEN
};

static const char * const reported_texts[NR_SEEN] = {
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
	[SEEN_SIZE_PROVIDER] = "packets too large at the provider's side",
	[SEEN_SIZE_CLIENT] = "packets too large at the client's side",
	[SEEN_TAG] = "10-bit tags that the other end cannot complete",
	[SEEN_TAG_HOST] = "the same through a host bridge",
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
	case STOPPED_BY_SIZE:
		for (i = 0; i < f->top || !i; i++)
			if (f->path[i] == f->culprit)
				return SEEN_SIZE_PROVIDER;
		return SEEN_SIZE_CLIENT;
	case STOPPED_BY_TAG:
		return host || hosts ? SEEN_TAG_HOST : SEEN_TAG;
	default:
		if (g->v[f->culprit].role == END_POINT)
			return SEEN_EGRESS_FUNCTION;
		return f->path[f->top - 1] == f->culprit ? SEEN_EGRESS_PROVIDER :
							   SEEN_EGRESS_CLIENT;
	}
}

static void count_finding(struct tally *t, const struct graph *g, const struct finding *f)
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

/* Pick two functions: mostly any two, often neighbours, sometimes the same one twice */
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
		/* providers and clients are mostly end points, but not always */
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

static bool about_packets(const struct p2pmem_route *r)
{
	return r->reason == PCI_P2PMEM_PAYLOAD_SIZE || r->reason == PCI_P2PMEM_TAG_SIZE;
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
	if (oracle_query(g, p, c, &f) != 1) {
		t->not_a_tree++;
		return;
	}
	make_chain(&provider, g, p);
	make_chain(&client, g, c);
	translate(&f, &provider, &client, &want);

	t->pairs++;
	count_finding(t, g, &f);
	call_route(fn, &provider.chain, &client.chain, &got);
	if (!same_route(&got, &want) && t->wrong++ < MAX_REPORTS && !t->quiet)
		report(&provider, &client, &want, &got, tree);

	/* swap the ends; requester and completer differ then */
	call_route(fn, &client.chain, &provider.chain, &back);
	if (!about_packets(&got) && !about_packets(&back))
		t->lopsided += back.reason != got.reason || back.bus_addr != got.bus_addr ||
		       back.distance != got.distance || back.provider_acs != got.client_acs ||
		       back.client_acs != got.provider_acs;
	free_chain(&provider);
	free_chain(&client);
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
	tap_result(!t.lopsided, "random: %u pairs differ with swapped ends", t.lopsided);
	tap_result(!t.not_a_tree, "random: %u pairs without exactly one path", t.not_a_tree);
	for (i = 0; i < NR_SEEN; i++)
		tap_result(t.seen[i], "random: seen %u times: %s", t.seen[i], reported_texts[i]);
}
