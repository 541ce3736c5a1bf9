// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: distances, ACS and egress control on plain nodes
 *
 * topology.c does not need PCI, so this suite also runs under UML. Cases are pairs of
 * one drawn hierarchy; topology_random_kunit.c has random ones.
 */
#include <linux/bits.h>
#include <linux/module.h>

#include <kunit/test.h>

#include "../topology.h"

/*
 *   HB0 -+- R0 -- U0 -+- D0 -+- A0		root ports R, upstream ports U,
 *        |            |      `- A1		downstream ports D, conventional
 *        |            |- D1 --- B		bridge BR; two functions A
 *        |            `- D2 --- U1 -+- D3 -- C
 *        |                          `- D4 -- BR -+- E
 *        |                                       `- F
 *        `- R1 -- G
 *   HB1 --- R2 -- H				G and H differ by their domain
 *
 * Port numbers: D0 0, D1 1, D2 2, D3 0, D4 40.
 */
enum place {
	NOWHERE, R0, U0, D0, D1, D2, A0, A1, B, U1, D3, D4, C, BR, E, F, R1, G, R2, H, NR_PLACES
};

#define MAX_DEPTH	8
#define ID(domain, bus, dev, fn)	((u64)(domain) << 16 | (bus) << 8 | (dev) << 3 | (fn))

static const struct {
	const char *name;
	enum place up;
	enum p2pmem_node_type type;
	u64 id;
	u8 port;
	bool multi;
} machine[NR_PLACES] = {
	[NOWHERE] = { "nowhere" },
	[R0] = { "R0", NOWHERE, P2PMEM_NODE_ROOT_PORT, ID(0, 0, 1, 0), 1 },
	[U0] = { "U0", R0, P2PMEM_NODE_UPSTREAM, ID(0, 1, 0, 0), 0 },
	[D0] = { "D0", U0, P2PMEM_NODE_DOWNSTREAM, ID(0, 2, 0, 0), 0 },
	[D1] = { "D1", U0, P2PMEM_NODE_DOWNSTREAM, ID(0, 2, 1, 0), 1 },
	[D2] = { "D2", U0, P2PMEM_NODE_DOWNSTREAM, ID(0, 2, 2, 0), 2 },
	[A0] = { "A0", D0, P2PMEM_NODE_ENDPOINT, ID(0, 3, 0, 0), 0, true },
	[A1] = { "A1", D0, P2PMEM_NODE_ENDPOINT, ID(0, 3, 0, 1), 1, true },
	[B] = { "B", D1, P2PMEM_NODE_ENDPOINT, ID(0, 4, 0, 0), 0 },
	[U1] = { "U1", D2, P2PMEM_NODE_UPSTREAM, ID(0, 5, 0, 0), 0 },
	[D3] = { "D3", U1, P2PMEM_NODE_DOWNSTREAM, ID(0, 6, 0, 0), 0 },
	[D4] = { "D4", U1, P2PMEM_NODE_DOWNSTREAM, ID(0, 6, 1, 0), 40 },
	[C] = { "C", D3, P2PMEM_NODE_ENDPOINT, ID(0, 7, 0, 0), 0 },
	[BR] = { "BR", D4, P2PMEM_NODE_BRIDGE, ID(0, 8, 0, 0), 0 },
	[E] = { "E", BR, P2PMEM_NODE_ENDPOINT, ID(0, 9, 1, 0), 0 },
	[F] = { "F", BR, P2PMEM_NODE_ENDPOINT, ID(0, 9, 2, 0), 0 },
	[R1] = { "R1", NOWHERE, P2PMEM_NODE_ROOT_PORT, ID(0, 0, 2, 0), 2 },
	[G] = { "G", R1, P2PMEM_NODE_ENDPOINT, ID(0, 10, 0, 0), 0 },
	[R2] = { "R2", NOWHERE, P2PMEM_NODE_ROOT_PORT, ID(0x10000, 0, 2, 0), 2 },
	[H] = { "H", R2, P2PMEM_NODE_ENDPOINT, ID(0x10000, 10, 0, 0), 0 },
};

#define RR	0x04	/* request redirect */
#define CR	0x08	/* completion redirect */
#define EC	0x20	/* egress control */
#define OTHER	0x53	/* all bits that do not affect routes */

/**
 * struct setting - ACS control of one function
 * @at: the function
 * @ctrl: its control word
 * @bits: valid bits in its egress vector
 * @vector: bits 0 to 63 of it
 */
struct setting {
	enum place at;
	u16 ctrl;
	u16 bits;
	u64 vector;
};

/**
 * struct route_case - a pair and its expected route
 * @name: name of the case
 * @provider: the provider
 * @client: the client
 * @set: ACS control, of functions that have none otherwise
 * @within: both host bridges forward between their own ports
 * @across: for each, whether it forwards to and from others
 * @reason: as in struct p2pmem_route, like the next two
 * @bus_addr: as in struct p2pmem_route
 * @distance: as in struct p2pmem_route
 * @at: function that causes the refusal
 * @redirects: bit for each place that redirects
 */
struct route_case {
	const char *name;
	enum place provider;
	enum place client;
	struct setting set[3];
	bool within;
	bool across[2];
	enum pci_p2pmem_reason reason;
	bool bus_addr;
	int distance;
	enum place at;
	u32 redirects;
};

#define BUS_ADDR(hops)		.bus_addr = true, .distance = (hops)
#define THROUGH_HOST(hops)	.distance = (hops)
#define REFUSED(why, hops)	.reason = PCI_P2PMEM_##why, .distance = (hops)

static const struct route_case distance_cases[] = {
	{ "same function", A0, A0, BUS_ADDR(0) },
	{ "two functions of one device", A0, A1, BUS_ADDR(2) },
	{ "one switch", A0, B, BUS_ADDR(4) },
	{ "a switch below it", A0, C, BUS_ADDR(6) },
	{ "a conventional bridge below that", B, E, BUS_ADDR(7) },
	{ "conventional bus", E, F, BUS_ADDR(2) },
	{ "turn at the lower switch", C, E, BUS_ADDR(5) },
	{ "the port above is the provider", R0, A0, BUS_ADDR(3) },
	{ "the switch above is the provider", U1, C, BUS_ADDR(2) },
	{ "two ports of one switch", D0, D1, BUS_ADDR(2) },
	{ "two root ports", A0, G, REFUSED(HOST_BRIDGE, 6) },
	{ "two root ports, forwarded", A0, G, .within = true, THROUGH_HOST(6) },
	{ "two root ports, forwarded to others only", A0, G, .across = { true, true },
	  REFUSED(HOST_BRIDGE, 6) },
	{ "two host bridges", G, H, .within = true, REFUSED(HOST_BRIDGE, 4) },
	{ "two host bridges, the first forwards", G, H, .across = { true },
	  REFUSED(HOST_BRIDGE, 4) },
	{ "two host bridges, the second forwards", G, H, .across = { false, true },
	  REFUSED(HOST_BRIDGE, 4) },
	{ "two host bridges, both forward", G, H, .across = { true, true }, THROUGH_HOST(4) },
};

static const struct route_case acs_cases[] = {
	{ "request redirect at the provider's port", A0, B, {{ D0, RR }},
	  REFUSED(ACS_REDIRECT, 4), D0, BIT(D0) },
	{ "completion redirect at the provider's port", A0, B, {{ D0, CR }},
	  REFUSED(ACS_REDIRECT, 4), D0, BIT(D0) },
	{ "request redirect at the client's port", A0, B, {{ D1, RR }},
	  REFUSED(ACS_REDIRECT, 4), D1, BIT(D1) },
	{ "both ports: the provider's is reported", A0, B, {{ D0, CR }, { D1, RR }},
	  REFUSED(ACS_REDIRECT, 4), D0, BIT(D0) | BIT(D1) },
	{ "redirected to a host bridge that forwards", A0, B, {{ D0, RR }}, .within = true,
	  THROUGH_HOST(4), .redirects = BIT(D0) },
	{ "to one that forwards to others only", A0, B, {{ D0, RR }}, .across = { true, true },
	  REFUSED(ACS_REDIRECT, 4), D0, BIT(D0) },
	{ "no other bit redirects", A0, B, {{ D0, OTHER }, { D1, OTHER }, { A0, OTHER }},
	  BUS_ADDR(4) },
	{ "the common bridge does not count", A0, B, {{ U0, RR | CR }}, BUS_ADDR(4) },
	{ "bridges above it do not count", A0, B, {{ R0, RR | CR }}, BUS_ADDR(4) },
	{ "a bridge that is an end does not count", U1, C, {{ U1, RR | CR }}, BUS_ADDR(2) },
	{ "a function of several, towards another device", A0, B, {{ A0, RR }},
	  REFUSED(ACS_REDIRECT, 4), A0, BIT(A0) },
	{ "a function of several, towards its neighbour", A0, A1, {{ A1, CR }},
	  REFUSED(ACS_REDIRECT, 2), A1, BIT(A1) },
	{ "the only function does not count", B, A0, {{ B, RR | CR }}, BUS_ADDR(4) },
	{ "the lowest is reported", A0, B, {{ A0, CR }, { D0, RR }},
	  REFUSED(ACS_REDIRECT, 4), A0, BIT(A0) | BIT(D0) },
	{ "upstream port of a switch below", C, B, {{ U1, RR }},
	  REFUSED(ACS_REDIRECT, 6), U1, BIT(U1) },
	{ "downstream port of a switch below", C, B, {{ D3, CR }},
	  REFUSED(ACS_REDIRECT, 6), D3, BIT(D3) },
	{ "conventional bridge", B, E, {{ BR, RR }}, REFUSED(ACS_REDIRECT, 7), BR, BIT(BR) },
	{ "not relevant without a common bridge", A0, G, {{ D0, RR }, { R1, RR }}, .within = true,
	  THROUGH_HOST(6) },
};

static const struct route_case egress_cases[] = {
	{ "the provider's port blocks the client's", A0, B, {{ D0, EC, 8, 0x2 }},
	  REFUSED(ACS_EGRESS, 4), D0 },
	{ "the client's port blocks the provider's", A0, B, {{ D1, EC, 8, 0x1 }},
	  REFUSED(ACS_EGRESS, 4), D1 },
	{ "every other port is blocked", A0, B, {{ D0, EC, 8, 0xfd }}, BUS_ADDR(4) },
	{ "a vector without control", A0, B, {{ D0, OTHER, 8, 0xff }}, BUS_ADDR(4) },
	{ "a short vector", A0, C, {{ D0, EC, 2, 0 }}, REFUSED(ACS_EGRESS, 6), D0 },
	{ "a vector that is just long enough", A0, C, {{ D0, EC, 3, 0xf8 }}, BUS_ADDR(6) },
	{ "no host bridge helps", A0, B, {{ D0, EC, 8, 0x2 }}, .within = true,
	  REFUSED(ACS_EGRESS, 4), D0 },
	{ "request redirect takes precedence", A0, B, {{ D0, EC | RR, 8, 0x2 }},
	  REFUSED(ACS_REDIRECT, 4), D0, BIT(D0) },
	{ "request redirect to a host bridge that forwards", A0, B, {{ D0, EC | RR, 8, 0x2 }},
	  .within = true, THROUGH_HOST(4), .redirects = BIT(D0) },
	{ "completion redirect does not take precedence", A0, B, {{ D0, EC | CR, 8, 0x2 }},
	  REFUSED(ACS_EGRESS, 4), D0, BIT(D0) },
	{ "a port of the second word", C, E, {{ D3, EC, 64, BIT_ULL(40) }},
	  REFUSED(ACS_EGRESS, 5), D3 },
	{ "its neighbours in that word", C, E, {{ D3, EC, 64, ~BIT_ULL(40) }}, BUS_ADDR(5) },
	{ "a function blocks its neighbour", A0, A1, {{ A0, EC, 8, 0x2 }},
	  REFUSED(ACS_EGRESS, 2), A0 },
	{ "a function blocks others only", A0, A1, {{ A0, EC, 8, 0xfd }}, BUS_ADDR(2) },
	{ "a function does not block other devices", A0, B, {{ A0, EC, 8, 0xff }}, BUS_ADDR(4) },
	{ "only the turn counts", A0, C,
	  {{ D3, EC, 8, 0xff }, { U1, EC, 8, 0xff }, { U0, EC, 8, 0xff }}, BUS_ADDR(6) },
	{ "a port as provider counts", D0, B, {{ D0, EC, 8, 0x2 }}, REFUSED(ACS_EGRESS, 3), D0 },
	{ "no turn below an end", U1, C, {{ D3, EC, 8, 0xff }}, BUS_ADDR(2) },
	{ "not relevant without a common bridge", A0, G, {{ R0, EC, 8, 0xff }}, .within = true,
	  THROUGH_HOST(6) },
};

/* A chain of the hierarchy, and the places of its nodes */
struct route_chain {
	struct p2pmem_chain chain;
	struct p2pmem_node node[MAX_DEPTH];
	enum place place[MAX_DEPTH];
};

static void configure(struct p2pmem_node *n, const struct setting *s)
{
	n->has_acs = true;
	n->acs_ctrl = s->ctrl;
	n->egress_bits = s->bits;
	n->egress[0] = lower_32_bits(s->vector);
	n->egress[1] = upper_32_bits(s->vector);
}

static struct route_chain *make_chain(struct kunit *test, const struct route_case *c,
				      enum place from)
{
	struct route_chain *rc = kunit_kzalloc(test, sizeof(*rc), GFP_KERNEL);
	struct p2pmem_node *n;
	enum place at;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, rc);
	rc->chain.node = rc->node;
	rc->chain.host.id = machine[from].id >> 16 ? 1 : 0;
	rc->chain.host.allowed = c->within;
	rc->chain.host.allowed_across = c->across[rc->chain.host.id];
	for (at = from; at != NOWHERE; at = machine[at].up) {
		KUNIT_ASSERT_LT(test, rc->chain.nr, MAX_DEPTH);
		rc->place[rc->chain.nr] = at;
		n = &rc->node[rc->chain.nr++];
		n->id = machine[at].id;
		n->type = machine[at].type;
		n->port = machine[at].port;
		n->multifunction = machine[at].multi;
		for (i = 0; i < ARRAY_SIZE(c->set); i++)
			if (c->set[i].at == at)
				configure(n, &c->set[i]);
	}
	return rc;
}

static enum place place_of(const struct route_chain *rc, const struct p2pmem_node *n)
{
	if (n < rc->node || n >= rc->node + rc->chain.nr)
		return NOWHERE;
	return rc->place[n - rc->node];
}

static u32 places_of(const struct route_chain *rc, u64 mask)
{
	unsigned int i;
	u32 places = 0;

	for (i = 0; i < rc->chain.nr; i++)
		if (mask & BIT_ULL(i))
			places |= BIT(rc->place[i]);
	return mask >> rc->chain.nr ? U32_MAX : places;
}

static void route_eval(const struct route_chain *p, const struct route_chain *c,
		       struct p2pmem_route *r)
{
	/* detect fields that are not written */
	memset(r, 0xa5, sizeof(*r));
	p2pmem_topology_route(&p->chain, &c->chain, r);
}

static void is_routed_as_drawn(struct kunit *test)
{
	const struct route_case *c = test->param_value;
	struct route_chain *provider = make_chain(test, c, c->provider);
	struct route_chain *client = make_chain(test, c, c->client);
	struct p2pmem_route got, back;
	enum place at;

	route_eval(provider, client, &got);
	at = place_of(provider, got.at) ?: place_of(client, got.at);
	KUNIT_EXPECT_EQ(test, got.reason, c->reason);
	KUNIT_EXPECT_EQ(test, got.bus_addr, c->bus_addr);
	KUNIT_EXPECT_EQ(test, got.distance, c->distance);
	KUNIT_EXPECT_STREQ(test, machine[at].name, machine[c->at].name);
	KUNIT_EXPECT_EQ(test, !got.at, c->at == NOWHERE);
	KUNIT_EXPECT_EQ(test, places_of(provider, got.provider_acs) |
			      places_of(client, got.client_acs), c->redirects);

	/* the same with swapped ends; another end may be reported */
	route_eval(client, provider, &back);
	KUNIT_EXPECT_EQ(test, back.reason, c->reason);
	KUNIT_EXPECT_EQ(test, back.bus_addr, c->bus_addr);
	KUNIT_EXPECT_EQ(test, back.distance, c->distance);
	KUNIT_EXPECT_EQ(test, back.provider_acs, got.client_acs);
	KUNIT_EXPECT_EQ(test, back.client_acs, got.provider_acs);
}

/* HB and no functions */
static void has_no_route_without_a_function(struct kunit *test)
{
	const struct route_case c = { .within = true };
	struct route_chain *none = make_chain(test, &c, NOWHERE);
	struct route_chain *one = make_chain(test, &c, A0);
	struct p2pmem_route r;

	route_eval(none, one, &r);
	KUNIT_EXPECT_EQ(test, r.reason, PCI_P2PMEM_HOST_BRIDGE);
	KUNIT_EXPECT_EQ(test, r.distance, -1);
	KUNIT_EXPECT_FALSE(test, r.bus_addr);
	route_eval(one, none, &r);
	KUNIT_EXPECT_EQ(test, r.reason, PCI_P2PMEM_HOST_BRIDGE);
	KUNIT_EXPECT_EQ(test, r.distance, -1);
	route_eval(none, none, &r);
	KUNIT_EXPECT_EQ(test, r.distance, -1);
	KUNIT_EXPECT_NULL(test, r.at);
}

/*
 *   R -+- U -- D -- U -- D ... -- end	DEEP nodes with R
 *      `- other end
 */
#define DEEP	80

static void masks_have_64_bits(struct kunit *test)
{
	struct p2pmem_node other[2] = {
		{ .id = ID(0, 1, 1, 0) },
		{ .id = ID(0, 0, 1, 0), .type = P2PMEM_NODE_ROOT_PORT },
	};
	struct p2pmem_chain client = { .nr = 2, .node = other };
	struct p2pmem_chain provider = { .nr = DEEP };
	struct p2pmem_route r;
	unsigned int i;

	provider.node = kunit_kcalloc(test, DEEP, sizeof(*provider.node), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, provider.node);
	for (i = 0; i < DEEP; i++) {
		provider.node[i].id = ID(0, DEEP - i, 0, 0);
		provider.node[i].type = i % 2 ? P2PMEM_NODE_DOWNSTREAM : P2PMEM_NODE_UPSTREAM;
	}
	provider.node[DEEP - 1] = other[1];

	/* nodes beyond the mask are reported, too */
	for (i = 62; i <= 66; i++) {
		provider.node[i].has_acs = true;
		provider.node[i].acs_ctrl = RR;
		memset(&r, 0xa5, sizeof(r));
		p2pmem_topology_route(&provider, &client, &r);
		KUNIT_EXPECT_EQ_MSG(test, r.reason, PCI_P2PMEM_ACS_REDIRECT, "node %u", i);
		KUNIT_EXPECT_PTR_EQ_MSG(test, r.at, &provider.node[i], "node %u", i);
		KUNIT_EXPECT_EQ_MSG(test, r.provider_acs, i < 64 ? BIT_ULL(i) : 0, "node %u", i);
		KUNIT_EXPECT_EQ_MSG(test, r.distance, DEEP, "node %u", i);
		provider.node[i].has_acs = false;
	}
}

KUNIT_ARRAY_PARAM_DESC(distance, distance_cases, name);
KUNIT_ARRAY_PARAM_DESC(acs, acs_cases, name);
KUNIT_ARRAY_PARAM_DESC(egress, egress_cases, name);

#define ROUTE_CASE(what)	{ .run_case = is_routed_as_drawn, .name = #what "_is_as_drawn", \
				  .generate_params = what##_gen_params }

static struct kunit_case p2pmem_topology_cases[] = {
	ROUTE_CASE(distance),
	ROUTE_CASE(acs),
	ROUTE_CASE(egress),
	KUNIT_CASE(has_no_route_without_a_function),
	KUNIT_CASE(masks_have_64_bits),
	{}
};

static struct kunit_suite p2pmem_topology_suite = {
	.name = "p2pmem-topology",
	.test_cases = p2pmem_topology_cases,
};

kunit_test_suite(p2pmem_topology_suite);

#if IS_ENABLED(CONFIG_PCI_P2PMEM_LOGIC_KUNIT_TEST)
MODULE_DESCRIPTION("KUnit tests of PCI peer-to-peer memory without devices");
MODULE_LICENSE("GPL");
#endif
