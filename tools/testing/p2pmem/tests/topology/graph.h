/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: a machine as a graph, for the oracle
 *
 * Vertices are PCI functions, host bridges, and one fabric that joins the host
 * bridges; edges are the links and buses between them. Has its own words for
 * everything and includes nothing of topology.h: what the oracle concludes from
 * this, it concludes without a line of the code under test. random.c translates.
 */
#ifndef _TOPOLOGY_GRAPH_H
#define _TOPOLOGY_GRAPH_H

#include <stdbool.h>

#define MAX_VERTICES	240
#define NOTHING		(-1)

enum role {
	FABRIC,
	HOST,
	ROOT_PORT,
	UPSTREAM,
	DOWNSTREAM,
	OTHER_BRIDGE,
	END_POINT,
};

/**
 * struct vertex - a function, a host bridge or the fabric
 * @role: which
 * @parent: vertex above, or NOTHING
 * @first_child: first vertex below, or NOTHING
 * @next_sibling: next vertex with the same parent, or NOTHING
 * @domain: of the function, with @bus, @device and @function
 * @header_multifunction: its header does
 * @number: port number; function number of an end point
 * @has_acs: it has ACS; without it the next fields are noise
 * @redirects_requests: P2P Request Redirect is on
 * @redirects_completions: P2P Completion Redirect is on
 * @controls_egress: P2P Egress Control is on
 * @vector_size: valid entries of @shut
 * @shut: egress to that number is closed; noise from @vector_size up
 * @other_acs: noise for the other bits of ACS control
 * @packet: most bytes of data in a packet that it sends or takes; 0: speaks no PCIe
 * @asks: most bytes that it asks for at once
 * @long_tags: its requests have tags of 10 bits
 * @completes_long_tags: it answers such requests
 * @within: host bridge: forwards between its own ports
 * @across: host bridge: forwards to and from others
 * @bus_below: for the generator: number of the bus below
 * @devices_below: for the generator: how many devices it has below
 */
struct vertex {
	enum role role;
	int parent;
	int first_child;
	int next_sibling;
	unsigned int domain;
	unsigned int bus;
	unsigned int device;
	unsigned int function;
	bool header_multifunction;
	unsigned int number;
	bool has_acs;
	bool redirects_requests;
	bool redirects_completions;
	bool controls_egress;
	unsigned int vector_size;
	bool shut[256];
	unsigned int other_acs;
	unsigned int packet;
	unsigned int asks;
	bool long_tags;
	bool completes_long_tags;
	bool within;
	bool across;
	unsigned int bus_below;
	unsigned int devices_below;
};

struct graph {
	int nr;
	struct vertex v[MAX_VERTICES];
};

/* A small generator of random numbers: the same seed, the same trees */
struct rng {
	unsigned long long state;
};

unsigned long long rng_next(struct rng *rng);
unsigned int rng_below(struct rng *rng, unsigned int n);
bool rng_chance(struct rng *rng, unsigned int one_in);

/* graph.c: vertex 0 is the fabric */
int graph_add(struct graph *g, enum role what, int parent);
void graph_random(struct graph *g, struct rng *rng);

enum outcome {
	PEER_TO_PEER,		/* by bus address */
	THROUGH_HOST,
	STOPPED_AT_HOST,
	STOPPED_BY_REDIRECT,
	STOPPED_BY_EGRESS,
	STOPPED_BY_SIZE,
	STOPPED_BY_TAG,
};

/**
 * struct finding - what the oracle says of two functions
 * @outcome: how the request ends
 * @hops: edges between functions, or functions and host bridges
 * @culprit: vertex at fault, or NOTHING
 * @redirects: per vertex: it turns the request up to the host
 * @path: the vertices, provider first
 * @length: how many
 * @top: index of the highest one in @path
 * @lifted: egress control would have blocked, request redirect redirects
 * @beyond: an index lay beyond its vector
 */
struct finding {
	enum outcome outcome;
	int hops;
	int culprit;
	bool redirects[MAX_VERTICES];
	int path[MAX_VERTICES];
	int length;
	int top;
	bool lifted;
	bool beyond;
};

/* oracle.c: number of simple paths that were found; a tree has exactly one */
unsigned int oracle_query(const struct graph *g, int provider, int client, struct finding *f);

#endif /* _TOPOLOGY_GRAPH_H */
