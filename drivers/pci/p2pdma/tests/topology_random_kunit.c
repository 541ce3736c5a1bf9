// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: routes in random hierarchies, compared to another algorithm
 *
 * topology.c compares two chains; this suite follows the parent pointers of both ends up
 * to the common vertex. The generator's seed is fixed, so every run is the same.
 */
#include <linux/bits.h>
#include <linux/prandom.h>

#include <kunit/test.h>

#include "../topology.h"

#define SEED		1
#define MACHINES	500
#define PAIRS		16
#define HOSTS		2	/* vertices 0 and 1 are host bridges */
#define VERTICES	32	/* no more than there are device numbers on a bus */

#define RR	0x04		/* request redirect */
#define CR	0x08		/* completion redirect */
#define EC	0x20		/* egress control */

struct vertex {
	int up;
	int last;		/* devfn of the latest child; -1: none */
	struct p2pmem_node node;
};

struct end {
	struct p2pmem_chain chain;
	struct p2pmem_node node[VERTICES];
	int vertex[VERTICES];
};

struct machine {
	struct rnd_state rnd;
	unsigned int acs_one_in;
	int nr;
	struct vertex v[VERTICES];
	struct p2pmem_host host[HOSTS];
	struct end provider;
	struct end client;
};

struct answer {
	enum pci_p2pmem_reason reason;
	bool bus_addr;
	int distance;
	int at;
	u64 provider_acs;
	u64 client_acs;
};

enum { BY_BUS_ADDR, BY_HOST, NO_HOST, NO_REDIRECT, NO_EGRESS, NR_OUTCOMES };

static u32 below(struct machine *m, u32 n)
{
	return prandom_u32_state(&m->rnd) % n;
}

static void dress(struct machine *m, struct p2pmem_node *n)
{
	static const u16 sizes[] = { 1, 2, 8, 32, 33, 64, 255, 256 };
	int i;

	n->type = below(m, P2PMEM_NODE_BRIDGE + 1);
	n->multifunction = !below(m, 2);
	n->port = below(m, 8) ? below(m, 8) : below(m, 256);
	if (n->type == P2PMEM_NODE_ENDPOINT)
		n->port = n->id & 7;
	n->has_acs = !below(m, m->acs_one_in);
	n->acs_ctrl = below(m, 256) & below(m, 256);
	n->egress_bits = sizes[below(m, ARRAY_SIZE(sizes))];
	for (i = 0; i < P2PMEM_EGRESS_WORDS; i++)
		n->egress[i] = prandom_u32_state(&m->rnd) & prandom_u32_state(&m->rnd);
}

/* Any type anywhere, so that each rule is tested with each type in each place */
static void grow(struct machine *m)
{
	struct vertex *v = &m->v[m->nr];
	struct vertex *up;
	u64 domain;
	int top;

	/* half of them below the last one, for deep trees */
	v->up = below(m, 2) ? m->nr - 1 : below(m, m->nr);
	v->last = -1;
	up = &m->v[v->up];
	/* another function of the last device, or a new device */
	up->last = up->last >= 0 && (up->last & 7) < 7 && !below(m, 3) ? up->last + 1 :
									  (up->last | 7) + 1;
	for (top = v->up; top >= HOSTS; top = m->v[top].up)
		;
	/* the same numbers again in the other host bridge's domain */
	domain = top ? 0x10000 : 0;
	v->node.id = domain << 16 | (v->up - top) << 8 | up->last;
	dress(m, &v->node);
	m->nr++;
}

static void make(struct machine *m)
{
	int h;

	memset(m->v, 0, sizeof(m->v));
	m->acs_one_in = 1 + below(m, 12);
	for (h = 0; h < HOSTS; h++) {
		m->v[h].up = -1;
		m->v[h].last = -1;
		m->host[h].id = h;
		m->host[h].allowed = below(m, 2);
		m->host[h].allowed_across = below(m, 2);
	}
	m->nr = HOSTS;
	while (m->nr < VERTICES)
		grow(m);
}

static void make_end(struct machine *m, struct end *e, int at)
{
	e->chain.nr = 0;
	e->chain.node = e->node;
	for (; at >= HOSTS; at = m->v[at].up) {
		e->vertex[e->chain.nr] = at;
		e->node[e->chain.nr++] = m->v[at].node;
	}
	e->chain.host = m->host[at];
}

static int depth(struct machine *m, int at)
{
	int n = 0;

	for (; at >= HOSTS; at = m->v[at].up)
		n++;
	return n;
}

static bool below_link(struct machine *m, int at)
{
	const struct p2pmem_node *up = &m->v[m->v[at].up].node;

	return m->v[at].up >= HOSTS &&
	       (up->type == P2PMEM_NODE_ROOT_PORT || up->type == P2PMEM_NODE_DOWNSTREAM);
}

static bool one_device(struct machine *m, int a, int b)
{
	return m->v[a].up == m->v[b].up &&
	       (below_link(m, a) || (m->v[a].node.id & ~7ULL) == (m->v[b].node.id & ~7ULL));
}

/* Finds redirecting vertices from @at to below @top, and the first of them */
static u64 redirects(struct machine *m, int at, int top, int other_turn, int *first)
{
	const struct p2pmem_node *n;
	u64 mask = 0, bit = 1;
	bool counts;

	for (; at != top; at = m->v[at].up, bit <<= 1) {
		n = &m->v[at].node;
		counts = n->type != P2PMEM_NODE_ENDPOINT || n->multifunction ||
			 (other_turn && one_device(m, at, other_turn));
		if (!counts || !n->has_acs || !(n->acs_ctrl & (RR | CR)))
			continue;
		mask |= bit;
		if (!*first)
			*first = at;
	}
	return mask;
}

/* Vertex 0 is no function and means none */
static bool blocks(struct machine *m, int from, int to)
{
	const struct p2pmem_node *a = &m->v[from].node, *b = &m->v[to].node;
	unsigned int index = b->port;

	if (!from || !to || !a->has_acs || (a->acs_ctrl & (EC | RR)) != EC)
		return false;
	if (a->type == P2PMEM_NODE_ENDPOINT) {
		if (!one_device(m, from, to))
			return false;
		index = b->id & (below_link(m, from) ? 255 : 7);
	} else if (a->type != P2PMEM_NODE_ROOT_PORT && a->type != P2PMEM_NODE_DOWNSTREAM) {
		return false;
	}
	return index >= a->egress_bits || a->egress[index >> 5] & BIT(index & 31);
}

static struct answer work_out(struct machine *m, int provider, int client)
{
	int p = provider, c = client, turn_p = 0, turn_c = 0;
	int dp = depth(m, p), dc = depth(m, c), first_p = 0, first_c = 0;
	struct answer a = { .reason = PCI_P2PMEM_OK, .distance = dp + dc };
	bool within;

	for (; dp > dc; dp--) {
		turn_p = p;
		p = m->v[p].up;
	}
	for (; dc > dp; dc--) {
		turn_c = c;
		c = m->v[c].up;
	}
	for (; p != c && dp; dp--) {
		turn_p = p;
		p = m->v[p].up;
		turn_c = c;
		c = m->v[c].up;
	}
	if (!dp) {
		if (p == c ? !m->host[p].allowed :
			     !m->host[p].allowed_across || !m->host[c].allowed_across)
			a.reason = PCI_P2PMEM_HOST_BRIDGE;
		return a;
	}

	a.distance -= 2 * dp;
	a.provider_acs = redirects(m, provider, p, turn_c, &first_p);
	a.client_acs = redirects(m, client, p, turn_p, &first_c);
	for (c = p; c >= HOSTS; c = m->v[c].up)
		;
	within = m->host[c].allowed;
	if (blocks(m, turn_p, turn_c) || blocks(m, turn_c, turn_p)) {
		a.reason = PCI_P2PMEM_ACS_EGRESS;
		a.at = blocks(m, turn_p, turn_c) ? turn_p : turn_c;
	} else if ((first_p || first_c) && !within) {
		a.reason = PCI_P2PMEM_ACS_REDIRECT;
		a.at = first_p ?: first_c;
	}
	a.bus_addr = !a.reason && !first_p && !first_c;
	return a;
}

/* Returns the vertex of a node; 0: none */
static int vertex_of(const struct end *e, const struct p2pmem_node *n)
{
	return n >= e->node && n < e->node + e->chain.nr ? e->vertex[n - e->node] : 0;
}

static int outcome(const struct p2pmem_route *r)
{
	switch (r->reason) {
	case PCI_P2PMEM_OK:
		return r->bus_addr ? BY_BUS_ADDR : BY_HOST;
	case PCI_P2PMEM_HOST_BRIDGE:
		return NO_HOST;
	case PCI_P2PMEM_ACS_REDIRECT:
		return NO_REDIRECT;
	default:
		return NO_EGRESS;
	}
}

static void show(struct kunit *test, const char *who, const struct end *e)
{
	const struct p2pmem_node *n;
	int i;

	kunit_info(test, "%s: host %llu, within %d, across %d\n", who, e->chain.host.id,
		   e->chain.host.allowed, e->chain.host.allowed_across);
	for (i = 0; i < e->chain.nr; i++) {
		n = &e->node[i];
		kunit_info(test, "  vertex %d: %llx type %d multi %d port %u acs %d %02x, %u bits\n",
			   e->vertex[i], n->id, n->type, n->multifunction, n->port, n->has_acs,
			   n->acs_ctrl, n->egress_bits);
	}
}

static bool agree(struct kunit *test, struct machine *m, int provider, int client,
		  unsigned int *seen)
{
	struct answer want = work_out(m, provider, client);
	struct p2pmem_route got, back;
	int at;

	make_end(m, &m->provider, provider);
	make_end(m, &m->client, client);
	memset(&got, 0xa5, sizeof(got));
	p2pmem_topology_route(&m->provider.chain, &m->client.chain, &got);
	p2pmem_topology_route(&m->client.chain, &m->provider.chain, &back);
	at = vertex_of(&m->provider, got.at) ?: vertex_of(&m->client, got.at);
	seen[outcome(&got)]++;

	KUNIT_EXPECT_EQ(test, got.reason, want.reason);
	KUNIT_EXPECT_EQ(test, got.bus_addr, want.bus_addr);
	KUNIT_EXPECT_EQ(test, got.distance, want.distance);
	KUNIT_EXPECT_EQ(test, at, want.at);
	KUNIT_EXPECT_EQ(test, !got.at, !want.at);
	KUNIT_EXPECT_EQ(test, got.provider_acs, want.provider_acs);
	KUNIT_EXPECT_EQ(test, got.client_acs, want.client_acs);
	/* the same with swapped ends */
	KUNIT_EXPECT_EQ(test, back.reason, got.reason);
	KUNIT_EXPECT_EQ(test, back.bus_addr, got.bus_addr);
	KUNIT_EXPECT_EQ(test, back.distance, got.distance);
	KUNIT_EXPECT_EQ(test, back.provider_acs, got.client_acs);
	KUNIT_EXPECT_EQ(test, back.client_acs, got.provider_acs);
	if (test->status != KUNIT_FAILURE)
		return true;
	show(test, "provider", &m->provider);
	show(test, "client", &m->client);
	return false;
}

static int pick(struct machine *m)
{
	return HOSTS + below(m, VERTICES - HOSTS);
}

/* Picks any other function, or one below the same bridge, where most requests turn */
static int pick_other(struct machine *m, int first)
{
	int tries = below(m, 2) ? VERTICES : 0, at = pick(m);

	while (tries-- && m->v[at].up != m->v[first].up)
		at = pick(m);
	return at;
}

static void agrees_with_the_climb(struct kunit *test)
{
	struct machine *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	unsigned int seen[NR_OUTCOMES] = {};
	int i, k, p;

	KUNIT_ASSERT_NOT_NULL(test, m);
	prandom_seed_state(&m->rnd, SEED);
	for (i = 0; i < MACHINES; i++) {
		make(m);
		for (k = 0; k < PAIRS; k++) {
			p = pick(m);
			if (agree(test, m, p, pick_other(m, p), seen))
				continue;
			kunit_info(test, "hierarchy %d, pair %d; stop\n", i, k);
			return;
		}
	}
	/* a result that never occurred was not compared */
	for (i = 0; i < NR_OUTCOMES; i++)
		KUNIT_EXPECT_GE_MSG(test, seen[i], 20, "outcome %d", i);
	kunit_info(test, "%u by bus address, %u by host, refused: %u host, %u redirect, %u egress\n",
		   seen[BY_BUS_ADDR], seen[BY_HOST], seen[NO_HOST], seen[NO_REDIRECT],
		   seen[NO_EGRESS]);
}

static struct kunit_case p2pmem_topology_random_cases[] = {
	KUNIT_CASE(agrees_with_the_climb),
	{}
};

static struct kunit_suite p2pmem_topology_random_suite = {
	.name = "p2pmem-topology-random",
	.test_cases = p2pmem_topology_random_cases,
};

kunit_test_suite(p2pmem_topology_random_suite);
