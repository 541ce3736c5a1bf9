/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: a pair of chains from the oracle's graph, and helpers to compare results
 *
 * Shared by the test in this directory and the one in ../fuzz. The oracle includes
 * graph.h but not this file.
 */
#ifndef _TOPOLOGY_PAIR_H
#define _TOPOLOGY_PAIR_H

#include <stdio.h>

#include "graph.h"
#include "topology.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Print a TAP comment */
#define tap_note(...)			\
	do {				\
		printf("# ");		\
		printf(__VA_ARGS__);	\
		printf("\n");		\
	} while (0)

/* The function under test, or a variant with a fault */
typedef void (*route_fn)(const struct p2pmem_chain *provider,
			 const struct p2pmem_chain *client,
			 struct p2pmem_route *route);

/**
 * struct pair_chain - a chain and its vertices
 * @chain: has exactly as many nodes as needed, so that the sanitizer detects accesses
 *	beyond the end
 * @vertex: vertex of each node
 */
struct pair_chain {
	struct p2pmem_chain chain;
	int vertex[MAX_VERTICES];
};

/* Create the chain from a function up to its root bus; a host bridge has no nodes */
void make_chain(struct pair_chain *pc, const struct graph *g, int from);
void free_chain(struct pair_chain *pc);

/* Translate the oracle's finding to a route of topology.h */
void translate(const struct finding *f, const struct pair_chain *provider,
	       const struct pair_chain *client, struct p2pmem_route *want);
bool same_route(const struct p2pmem_route *a, const struct p2pmem_route *b);

/* Fill the result with garbage before the call, to detect fields that are not written */
void call_route(route_fn fn, const struct p2pmem_chain *provider,
		const struct p2pmem_chain *client, struct p2pmem_route *route);

/* Find @at in a chain; false if it is not there */
bool find_at(const struct p2pmem_chain *chain, const struct p2pmem_node *at, unsigned int *i);

/* Set the numbers of end points to their function numbers, as egress vectors use them */
void number_end_points(const struct p2pmem_chain *chain);

/* Print a chain and a route as TAP comments */
const char *reason_token(enum pci_p2pmem_reason reason);
void note_chain(const char *title, const struct p2pmem_chain *chain);
void note_route(const char *title, const struct p2pmem_chain *provider,
		const struct p2pmem_chain *client, const struct p2pmem_route *route);

#endif /* _TOPOLOGY_PAIR_H */
