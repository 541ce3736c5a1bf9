// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: random PCI hierarchies
 *
 * Generates trees that a PCI bus scan can find (several hosts, switches below
 * switches, multifunction devices, conventional bridges), some of them very deep.
 * One tree in eight has random roles, so that every rule is tested with every kind
 * of node in every place. The share of nodes with ACS differs between trees, because
 * almost no path would be free of ACS otherwise.
 */
#include <string.h>

#include "graph.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Parameters of one tree */
struct climate {
	unsigned int acs_one_in;	/* 0: no ACS at all */
	unsigned int redirect_one_in;
	unsigned int egress_one_in;
	unsigned int shut_one_in;
	unsigned int odd_one_in;	/* nodes with other PCIe settings than most */
	bool wide;			/* port numbers and vectors up to the limit */
	bool deep;
};

unsigned long long rng_next(struct rng *rng)
{
	unsigned long long z = rng->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

unsigned int rng_below(struct rng *rng, unsigned int n)
{
	return (rng_next(rng) >> 32) % n;
}

bool rng_chance(struct rng *rng, unsigned int one_in)
{
	return one_in && !rng_below(rng, one_in);
}

int graph_add(struct graph *g, enum role what, int parent)
{
	struct vertex *v = &g->v[g->nr];

	memset(v, 0, sizeof(*v));
	v->role = what;
	v->parent = parent;
	v->first_child = NOTHING;
	v->next_sibling = NOTHING;
	if (parent != NOTHING) {
		v->next_sibling = g->v[parent].first_child;
		g->v[parent].first_child = g->nr;
	}
	return g->nr++;
}

static void dress(struct vertex *v, const struct climate *c, struct rng *rng)
{
	static const unsigned int sizes[] = { 1, 2, 4, 8, 8, 8, 16, 32, 33, 64 };
	unsigned int i;

	v->has_acs = rng_chance(rng, c->acs_one_in);
	v->redirects_requests = rng_chance(rng, c->redirect_one_in);
	v->redirects_completions = rng_chance(rng, c->redirect_one_in);
	v->controls_egress = rng_chance(rng, c->egress_one_in);
	v->other_acs = rng_below(rng, 256);
	v->packet = v->role == OTHER_BRIDGE && rng_chance(rng, 2) ? 0 : 256;
	v->asks = 512;
	v->completes_long_tags = !rng_chance(rng, c->odd_one_in);
	v->long_tags = rng_chance(rng, c->odd_one_in);
	if (v->packet && rng_chance(rng, c->odd_one_in))
		v->packet = 128u << rng_below(rng, 4);
	if (rng_chance(rng, c->odd_one_in))
		v->asks = 128u << rng_below(rng, 4);
	if (v->role == END_POINT && rng_chance(rng, 4 * c->odd_one_in))
		v->packet = 0;

	if (!v->controls_egress)
		return;
	v->vector_size = sizes[rng_below(rng, ARRAY_SIZE(sizes))];
	if (c->wide || rng_chance(rng, 8))
		v->vector_size = rng_chance(rng, 2) ? 256 : rng_below(rng, 257);
	for (i = 0; i < v->vector_size; i++)
		v->shut[i] = rng_chance(rng, c->shut_one_in);
	for (; i < v->vector_size + 4 && i < 256; i++)
		v->shut[i] = rng_chance(rng, 2);
}

/*
 * Add a device with @functions functions below @parent; return the last vertex added. Some end
 * points below a link have ARI, so their functions have numbers up to 255.
 */
static int add_device(struct graph *g, int parent, enum role role, unsigned int functions,
		      unsigned int *next_bus, const struct climate *c, struct rng *rng)
{
	struct vertex *up = &g->v[parent], *v;
	bool ari = role == END_POINT && (up->role == ROOT_PORT || up->role == DOWNSTREAM) &&
		   rng_chance(rng, 3);
	unsigned int device = up->devices_below++;
	unsigned int i, function = 0;
	int last = parent;

	for (i = 0; i < functions && g->nr < MAX_VERTICES; i++) {
		last = graph_add(g, role, parent);
		v = &g->v[last];
		v->domain = up->domain;
		v->bus = up->bus_below;
		v->device = ari ? function >> 3 : device;
		v->function = ari ? function & 7 : i;
		function += 1 + rng_below(rng, 85);
		v->header_multifunction = (functions > 1) ^ rng_chance(rng, 16);
		v->number = device + i;
		if (c->wide || rng_chance(rng, 8))
			v->number = rng_below(rng, 256);
		if (role != END_POINT)
			v->bus_below = (*next_bus)++;
		dress(v, c, rng);
	}
	return last;
}

static unsigned int few(struct rng *rng)
{
	return rng_chance(rng, 3) ? 1 + rng_below(rng, 4) : 1;
}

/* Add a suitable device below @parent; false if there is no room for one */
static bool grow(struct graph *g, int parent, unsigned int *next_bus, const struct climate *c,
		 struct rng *rng)
{
	enum role role = END_POINT;
	unsigned int functions = few(rng);
	unsigned int kind = c->deep ? 1 : rng_below(rng, 4);

	if (g->v[parent].devices_below >= 32)
		return false;
	switch (g->v[parent].role) {
	case HOST:
		if (kind)
			role = kind == 3 ? OTHER_BRIDGE : ROOT_PORT;
		break;
	case ROOT_PORT:
	case DOWNSTREAM:
		/* a link has a single device at its end */
		if (g->v[parent].devices_below)
			return false;
		if (kind == 1 || kind == 2)
			role = UPSTREAM;
		else if (kind == 3 && rng_chance(rng, 2))
			role = OTHER_BRIDGE;
		if (role != END_POINT)
			functions = 1;
		break;
	case UPSTREAM:
		role = DOWNSTREAM;
		break;
	case OTHER_BRIDGE:
		if (kind == 1)
			role = OTHER_BRIDGE;
		break;
	default:
		return false;
	}
	add_device(g, parent, role, functions, next_bus, c, rng);

	/* some upstream ports share their device with an end point */
	if (role == UPSTREAM && rng_chance(rng, 4) && g->nr < MAX_VERTICES) {
		g->v[parent].devices_below--;
		add_device(g, parent, END_POINT, 1, next_bus, c, rng);
		g->v[g->nr - 1].function = 1;
		g->v[g->nr - 1].header_multifunction = true;
		g->v[g->nr - 2].header_multifunction = true;
	}
	return true;
}

void graph_random(struct graph *g, struct rng *rng)
{
	static const unsigned int acs[] = { 0, 12, 3, 1 };
	static const unsigned int odd[] = { 0, 0, 16, 4 };
	const struct climate c = {
		.acs_one_in = acs[rng_below(rng, 4)],
		.redirect_one_in = 1 + rng_below(rng, 24),
		.egress_one_in = 1 + rng_below(rng, 3),
		.shut_one_in = 1 + rng_below(rng, 8),
		.odd_one_in = odd[rng_below(rng, 4)],
		.wide = rng_chance(rng, 4),
		.deep = rng_chance(rng, 64),
	};
	unsigned int hosts = 1 + rng_below(rng, 3);
	unsigned int domain_step = rng_chance(rng, 2) ? 0 : rng_chance(rng, 2) ? 1 : 0x10000;
	unsigned int next_bus[3] = { 0 }, tries, h;
	int size = c.deep ? MAX_VERTICES : 8 + (int)rng_below(rng, 40);
	int i, at, fabric;

	g->nr = 0;
	fabric = graph_add(g, FABRIC, NOTHING);
	for (h = 0; h < hosts; h++) {
		at = graph_add(g, HOST, fabric);
		g->v[at].within = rng_chance(rng, 2);
		g->v[at].across = rng_chance(rng, 2);
		g->v[at].domain = h * domain_step;
		/* bus numbers continue within a domain and restart in the next one */
		g->v[at].bus_below = next_bus[domain_step ? h : 0]++;
	}
	for (tries = 0; tries < 600 && g->nr < size; tries++) {
		/* a deep tree mostly grows at its last bridge, and forks sometimes */
		at = g->nr - 1;
		if (!c.deep || rng_chance(rng, 24))
			at = 1 + (int)rng_below(rng, g->nr - 1);
		while (c.deep && g->v[at].role == END_POINT)
			at = g->v[at].parent == g->v[at - 1].parent ? at - 1 : g->v[at].parent;
		h = domain_step ? g->v[at].domain / domain_step : 0;
		grow(g, at, &next_bus[h], &c, rng);
	}
	if (rng_chance(rng, 8))
		for (i = 1 + hosts; i < g->nr; i++)
			if (rng_chance(rng, 4))
				g->v[i].role = ROOT_PORT + rng_below(rng, 5);
	for (i = 1; i < g->nr; i++)
		if (g->v[i].role == END_POINT)
			g->v[i].number = g->v[i].function;
}
