// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the initial inputs of the fuzzer
 *
 * seeds DIRECTORY writes inputs to the directory: the drawn cases of ../topology,
 * chains longer than the masks, random trees, and chains that form no tree. Every case
 * is decoded again and must have the same result as before.
 */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../topology/cases.h"
#include "input.h"

#define RANDOM_TREES	64
#define LOOSE_CHAINS	32
#define DEEP		72

static unsigned int written, drawn, errors;

static void write_bytes(const char *dir, const char *name, const u8 *data, size_t size)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "wb");
	if (!file || fwrite(data, 1, size, file) != size || fclose(file)) {
		perror(path);
		exit(1);
	}
	written++;
}

static size_t write_input(const char *dir, const char *name, const struct input *in,
			  u8 data[INPUT_MAX])
{
	size_t size = encode_tree(in, data);

	if (size) {
		write_bytes(dir, name, data, size);
	} else {
		printf("%s: cannot be encoded as an input\n", name);
		errors++;
	}
	return size;
}

static int add(struct graph *g, enum role what, int parent)
{
	struct vertex *v = &g->v[g->nr];

	memset(v, 0, sizeof(*v));
	v->role = what;
	v->parent = parent;
	return g->nr++;
}

static int add_host(struct graph *g, const struct p2pmem_chain *chain)
{
	int at = add(g, HOST, 0);

	g->v[at].within = chain->host.allowed;
	g->v[at].across = chain->host.allowed_across;
	g->v[at].domain = chain->nr ? chain->node[0].id >> 16 : 0;
	return at;
}

static int add_node(struct graph *g, const struct p2pmem_node *node, int parent)
{
	static const enum role roles[] = {
		[P2PMEM_NODE_ENDPOINT] = END_POINT,
		[P2PMEM_NODE_ROOT_PORT] = ROOT_PORT,
		[P2PMEM_NODE_UPSTREAM] = UPSTREAM,
		[P2PMEM_NODE_DOWNSTREAM] = DOWNSTREAM,
		[P2PMEM_NODE_BRIDGE] = OTHER_BRIDGE,
	};
	int at = add(g, roles[node->type], parent);
	struct vertex *v = &g->v[at];
	unsigned int i;

	v->device = node->id >> 3 & 0x1f;
	v->function = node->id & 7;
	v->header_multifunction = node->multifunction;
	v->number = node->port;
	v->has_acs = node->has_acs;
	v->redirects_requests = node->acs_ctrl & RR;
	v->redirects_completions = node->acs_ctrl & CR;
	v->controls_egress = node->acs_ctrl & EC;
	v->other_acs = node->acs_ctrl;
	v->vector_size = node->egress_bits;
	v->packet = node->payload;
	v->asks = node->read_request;
	v->long_tags = node->tags_10bit;
	v->completes_long_tags = node->completes_tags_10bit;
	for (i = 0; i < 256; i++)
		v->shut[i] = node->egress[i / 32] >> i % 32 & 1;
	return at;
}

/* Add a chain from the root bus down, reusing existing vertices; return its end */
static int add_chain(struct graph *g, const struct p2pmem_chain *chain, int host,
		     const struct p2pmem_chain *before, const int *before_at, int *at)
{
	int parent = host;
	unsigned int i, k;

	for (i = chain->nr; i-- > 0; parent = at[i]) {
		at[i] = NOTHING;
		for (k = 0; before && k < before->nr; k++)
			if (before->node[k].id == chain->node[i].id)
				at[i] = before_at[k];
		if (at[i] == NOTHING)
			at[i] = add_node(g, &chain->node[i], parent);
	}
	return parent;
}

static void case_to_input(const struct route_case *c, struct input *in)
{
	int at[2][MAX_VERTICES], host[2];

	memset(in, 0, sizeof(*in));
	add(&in->graph, FABRIC, NOTHING);
	host[0] = add_host(&in->graph, &c->provider);
	host[1] = host[0];
	if (c->client.host.id != c->provider.host.id)
		host[1] = add_host(&in->graph, &c->client);
	number_end_points(&c->provider);
	number_end_points(&c->client);
	in->provider = add_chain(&in->graph, &c->provider, host[0], NULL, NULL, at[0]);
	in->client = add_chain(&in->graph, &c->client, host[1], &c->provider, at[0], at[1]);
}

static const struct p2pmem_node *node_at(int at, const struct pair_chain *p,
					 const struct pair_chain *c)
{
	if (!at)
		return NULL;
	return at > 0 ? &p->chain.node[at - 1] : &c->chain.node[-at - 1];
}

/* The decoded input must have the same result as the case */
static bool survives(const struct route_case *c, const u8 *data, size_t size)
{
	static struct input in;
	struct pair_chain provider, client;
	struct p2pmem_route got, want = {
		.reason = c->want.reason,
		.bus_addr = c->want.bus_addr,
		.distance = c->want.distance,
		.provider_acs = c->want.provider_acs,
		.client_acs = c->want.client_acs,
	};
	bool same;

	decode_tree(data, size, &in);
	make_chain(&provider, &in.graph, in.provider);
	make_chain(&client, &in.graph, in.client);
	want.at = node_at(c->want.at, &provider, &client);
	call_route(p2pmem_topology_route, &provider.chain, &client.chain, &got);
	same = same_route(&got, &want) && provider.chain.nr == c->provider.nr &&
	       client.chain.nr == c->client.nr;
	free_chain(&provider);
	free_chain(&client);
	return same;
}

/*
 * In an input all functions directly below a bridge have one bus number. Not so in a case with a
 * virtual function whose number is above 255.
 */
static bool has_two_buses(const struct route_case *c)
{
	const struct p2pmem_chain *p = &c->provider, *e = &c->client;

	return p->nr > 1 && e->nr > 1 && p->node[1].id == e->node[1].id &&
	       p->node[0].id >> 8 != e->node[0].id >> 8;
}

static void write_cases(const char *dir, const struct route_case *cases, unsigned int nr)
{
	static u8 data[INPUT_MAX];
	static struct input in;
	unsigned int i;
	size_t size;

	for (i = 0; i < nr; i++) {
		if (has_two_buses(&cases[i]))
			continue;
		drawn++;
		case_to_input(&cases[i], &in);
		size = write_input(dir, cases[i].name, &in, data);
		if (size && !survives(&cases[i], data, size)) {
			printf("%s: the encoded input has another result\n", cases[i].name);
			errors++;
		}
	}
}

/* RP -+- C, and USP -- DSP -- USP -- ... -- P; node number @redirects redirects */
static void write_deep(const char *dir, const char *name, unsigned int redirects)
{
	static struct p2pmem_node deep[DEEP];
	struct p2pmem_node shallow[2] = { { EP(0xff, 0x1f, 7) }, { ROOT(0, 1, 1) } };
	const struct route_case c = {
		.provider = { CLOSED, .nr = DEEP, .node = deep },
		.client = { CLOSED, .nr = 2, .node = shallow },
	};
	static u8 data[INPUT_MAX];
	static struct input in;
	unsigned int i;

	memset(deep, 0, sizeof(deep));
	for (i = 0; i < DEEP; i++) {
		deep[i].id = BDF(DEEP - i, 0, 0);
		deep[i].type = i & 1 ? P2PMEM_NODE_DOWNSTREAM : P2PMEM_NODE_UPSTREAM;
	}
	deep[DEEP - 1] = shallow[1];
	deep[redirects].has_acs = true;
	deep[redirects].acs_ctrl = RR;
	case_to_input(&c, &in);
	write_input(dir, name, &in, data);
}

static void write_random(const char *dir)
{
	struct rng rng = { .state = 1 };
	static u8 data[INPUT_MAX];
	static struct input in;
	unsigned int i, k;
	char name[32];

	for (i = 0; i < RANDOM_TREES; i++) {
		graph_random(&in.graph, &rng);
		in.provider = 1 + rng_below(&rng, in.graph.nr - 1);
		in.client = 1 + rng_below(&rng, in.graph.nr - 1);
		snprintf(name, sizeof(name), "random_tree_%u", i);
		write_input(dir, name, &in, data);
	}
	for (i = 0; i < LOOSE_CHAINS; i++) {
		for (k = 0; k < 3 + 2 * MAX_LOOSE * RECORD; k++)
			data[k] = rng_below(&rng, 256);
		data[0] |= 0x01;
		snprintf(name, sizeof(name), "loose_chains_%u", i);
		write_bytes(dir, name, data, k);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 2;
	}
	write_cases(argv[1], cases_paths, nr_cases_paths);
	write_cases(argv[1], cases_acs, nr_cases_acs);
	write_cases(argv[1], cases_egress, nr_cases_egress);
	write_cases(argv[1], cases_settings, nr_cases_settings);
	write_deep(argv[1], "deep_redirects_at_63", 63);
	write_deep(argv[1], "deep_redirects_at_64", 64);
	write_random(argv[1]);
	printf("%u seeds, %u of them drawn cases\n", written, drawn);
	return errors != 0;
}
