// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: convert bytes to a tree and two of its ends, and back
 */
#include <stdlib.h>
#include <string.h>

#include "input.h"

#define MAX_HOSTS	4

static const unsigned int domain_steps[] = { 0, 1, 0x10000, 0 };

/* Missing bytes read as 0 */
struct reader {
	const u8 *data;
	size_t left;
};

static u8 next(struct reader *r)
{
	if (!r->left)
		return 0;
	r->left--;
	return *r->data++;
}

bool input_is_tree(const u8 *data, size_t size)
{
	return !size || !(data[0] & 0x01);
}

/* Vertex 0 is the fabric, which cannot be an end and has only host bridges below it */
static int pick(const struct graph *g, u8 back)
{
	return g->nr - 1 - back % (g->nr - 1);
}

static bool in_use(const struct graph *g, int parent, u8 devfn)
{
	int at;

	for (at = g->v[parent].first_child; at != NOTHING; at = g->v[at].next_sibling)
		if ((g->v[at].device << 3 | g->v[at].function) == devfn)
			return true;
	return false;
}

static void set_acs(struct vertex *v, u8 control)
{
	v->redirects_requests = control & 0x04;
	v->redirects_completions = control & 0x08;
	v->controls_egress = control & 0x20;
	v->other_acs = control;
}

/* Sizes are 0 (none), or powers of two from 128 on */
static unsigned int read_size(u8 bits)
{
	return (bits & 7) ? 64u << (bits & 7) : 0;
}

static u8 write_size(unsigned int size)
{
	u8 bits = 0;

	while (bits < 7 && read_size(bits) < size)
		bits++;
	return bits;
}

static void read_vector(struct reader *r, struct vertex *v)
{
	unsigned int bytes = next(r) % 33;
	unsigned int i, k;
	u8 bits;

	for (i = 0; i < bytes; i++) {
		bits = next(r);
		for (k = 0; k < 8; k++)
			v->shut[i * 8 + k] = bits >> k & 1;
	}
}

static void read_function(struct reader *r, struct graph *g, unsigned int next_bus[MAX_HOSTS],
			  unsigned int domain_step)
{
	int parent = pick(g, next(r));
	u8 devfn = next(r), flags = next(r), control = next(r);
	struct vertex unused = { 0 }, *v = &unused, *up;

	/* skip a record whose number is in use */
	if (!in_use(g, parent, devfn)) {
		v = &g->v[graph_add(g, ROOT_PORT + (flags & 7) % 5, parent)];
		up = &g->v[parent];
		v->domain = up->domain;
		v->bus = up->bus_below;
		v->device = devfn >> 3;
		v->function = devfn & 7;
		v->bus_below = next_bus[domain_step ? v->domain / domain_step : 0]++;
	}
	v->header_multifunction = flags & 0x08;
	v->has_acs = flags & 0x10;
	set_acs(v, control);
	v->number = next(r);
	v->vector_size = next(r) + !!(flags & 0x20);
	flags = next(r);
	v->packet = read_size(flags);
	v->asks = read_size(flags >> 3);
	v->long_tags = flags & 0x40;
	v->completes_long_tags = flags & 0x80;
	if (v->controls_egress)
		read_vector(r, v);
	if (v->role == END_POINT)
		v->number = v->function;
}

void decode_tree(const u8 *data, size_t size, struct input *in)
{
	struct reader r = { data, size };
	struct graph *g = &in->graph;
	unsigned int next_bus[MAX_HOSTS] = { 0 }, domain_step, hosts, h;
	u8 head = next(&r), forwards = next(&r);
	u8 provider = next(&r), client = next(&r);
	int fabric, at;

	g->nr = 0;
	hosts = 1 + (head >> 1 & 3);
	domain_step = domain_steps[head >> 3 & 3];
	fabric = graph_add(g, FABRIC, NOTHING);
	for (h = 0; h < hosts; h++) {
		at = graph_add(g, HOST, fabric);
		g->v[at].within = forwards >> (2 * h) & 1;
		g->v[at].across = forwards >> (2 * h) & 2;
		g->v[at].domain = h * domain_step;
		g->v[at].bus_below = next_bus[domain_step ? h : 0]++;
	}
	while (r.left && g->nr < MAX_VERTICES)
		read_function(&r, g, next_bus, domain_step);
	in->provider = pick(g, provider);
	in->client = pick(g, client);
}

static void read_node(struct reader *r, struct p2pmem_node *node)
{
	static const enum p2pmem_node_type types[] = {
		P2PMEM_NODE_ENDPOINT, P2PMEM_NODE_ROOT_PORT, P2PMEM_NODE_UPSTREAM,
		P2PMEM_NODE_DOWNSTREAM, P2PMEM_NODE_BRIDGE,
	};
	unsigned int i, pattern;
	u8 flags;

	/* use few numbers, so that some are equal */
	node->id = next(r);
	node->id = (node->id & 0xc0) << 26 | (node->id & 0x30) << 4 | (node->id & 0x0f);
	flags = next(r);
	node->type = types[(flags & 7) % ARRAY_SIZE(types)];
	node->multifunction = flags & 0x08;
	node->has_acs = flags & 0x10;
	node->acs_ctrl = next(r);
	node->port = next(r);
	node->egress_bits = next(r) + !!(flags & 0x20);
	flags = next(r);
	node->payload = read_size(flags);
	node->read_request = read_size(flags >> 3);
	node->tags_10bit = flags & 0x40;
	node->completes_tags_10bit = flags & 0x80;
	pattern = next(r);
	for (i = 0; i < P2PMEM_EGRESS_WORDS; i++)
		node->egress[i] = pattern * 0x01010101u;
}

void decode_chains(const u8 *data, size_t size, struct p2pmem_chain chain[2])
{
	struct reader r = { data, size };
	unsigned int forwards, counts, c, i;

	next(&r);
	forwards = next(&r);
	counts = next(&r);
	for (c = 0; c < 2; c++) {
		chain[c].host.id = forwards >> (4 * c) & 3;
		chain[c].host.allowed = forwards >> (4 * c) & 4;
		chain[c].host.allowed_across = forwards >> (4 * c) & 8;
		chain[c].nr = (counts >> (4 * c) & 0xf) % (MAX_LOOSE + 1);
		chain[c].node = calloc(chain[c].nr, sizeof(*chain[c].node));
		if (!chain[c].node)
			abort();
		for (i = 0; i < chain[c].nr; i++)
			read_node(&r, &chain[c].node[i]);
	}
}

static size_t write_vector(const struct vertex *v, u8 *data)
{
	unsigned int bytes = 0, i;

	memset(data + 1, 0, 32);
	for (i = 0; i < 256; i++) {
		if (!v->shut[i])
			continue;
		data[1 + i / 8] |= 1u << i % 8;
		bytes = i / 8 + 1;
	}
	data[0] = bytes;
	return 1 + bytes;
}

static size_t write_function(const struct graph *g, int at, u8 *data)
{
	const struct vertex *v = &g->v[at];
	bool one_more = v->vector_size == 256;

	data[0] = at - 1 - v->parent;
	data[1] = v->device << 3 | v->function;
	data[2] = (v->role - ROOT_PORT) | v->header_multifunction << 3 | v->has_acs << 4 |
		  one_more << 5;
	data[3] = (v->other_acs & ~0x2cu) | v->redirects_requests << 2 |
		  v->redirects_completions << 3 | v->controls_egress << 5;
	data[4] = v->number;
	data[5] = v->vector_size - one_more;
	data[6] = write_size(v->packet) | write_size(v->asks) << 3 | v->long_tags << 6 |
		  v->completes_long_tags << 7;
	return RECORD + (v->controls_egress ? write_vector(v, data + RECORD) : 0);
}

/* The index in domain_steps[], derived from the last host bridge; -1: none */
static int step_of(const struct graph *g, unsigned int hosts)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(domain_steps); i++)
		if (g->v[hosts].domain == (hosts - 1) * domain_steps[i])
			return i;
	return -1;
}

size_t encode_tree(const struct input *in, u8 data[INPUT_MAX])
{
	const struct graph *g = &in->graph;
	unsigned int hosts = 0;
	size_t size = 4;
	int step, i;

	while ((int)hosts + 1 < g->nr && g->v[hosts + 1].role == HOST)
		hosts++;
	if (!hosts || hosts > MAX_HOSTS)
		return 0;
	step = step_of(g, hosts);
	if (step < 0)
		return 0;
	data[0] = (hosts - 1) << 1 | step << 3;
	data[1] = 0;
	for (i = 1; i <= (int)hosts; i++)
		data[1] |= (g->v[i].within | g->v[i].across << 1) << (2 * (i - 1));
	data[2] = g->nr - 1 - in->provider;
	data[3] = g->nr - 1 - in->client;
	for (; i < g->nr; i++) {
		if (size + RECORD + 33 > INPUT_MAX)
			return 0;
		size += write_function(g, i, data + size);
	}
	return size;
}
