/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: PCI hierarchies as graphs for the oracle
 *
 * Vertices are PCI functions, host bridges, and one fabric that joins the host
 * bridges; edges are the links and buses between them. This file has names of its
 * own and does not include topology.h, so the oracle shares no code with the code
 * under test. random.c translates between the two.
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
 * @role: kind of vertex
 * @parent: vertex above, or NOTHING
 * @first_child: first vertex below, or NOTHING
 * @next_sibling: next vertex with the same parent, or NOTHING
 * @domain: of the function, with @bus, @device and @function
 * @header_multifunction: its header has the multifunction bit
 * @number: port number; function number of an end point
 * @has_acs: it has ACS; otherwise the next fields are random
 * @redirects_requests: P2P Request Redirect is on
 * @redirects_completions: P2P Completion Redirect is on
 * @controls_egress: P2P Egress Control is on
 * @vector_size: number of valid entries of @shut
 * @shut: egress to that number is blocked; random from @vector_size on
 * @other_acs: random values for the other bits of ACS control
 * @packet: most data bytes in a packet that it sends or accepts; 0: not a PCIe function
 * @asks: most bytes that it reads by one request
 * @long_tags: it sends requests with 10-bit tags
 * @completes_long_tags: it completes such requests
 * @within: a host bridge that forwards between its own ports
 * @across: a host bridge that forwards to and from other host bridges
 * @bus_below: used by the generator: number of the bus below
 * @devices_below: used by the generator: number of devices below
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

/* A small random number generator: equal seeds generate equal trees */
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
 * struct finding - result of the oracle for two functions
 * @outcome: result of the request
 * @hops: edges between functions, or functions and host bridges
 * @culprit: vertex that causes the refusal, or NOTHING
 * @redirects: for each vertex, whether it redirects the request up to the host
 * @path: the vertices, starting at the provider
 * @length: number of vertices in @path
 * @top: index of the highest vertex in @path
 * @lifted: request redirect took precedence over an egress block
 * @beyond: an index was beyond the end of its vector
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

/* oracle.c: returns the number of simple paths; a tree has exactly one */
unsigned int oracle_query(const struct graph *g, int provider, int client, struct finding *f);

#endif /* _TOPOLOGY_GRAPH_H */
