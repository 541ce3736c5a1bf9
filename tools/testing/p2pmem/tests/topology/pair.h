/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: a pair of chains out of the oracle's graph, and what it takes to compare
 *
 * Shared by the test in this directory and the one in ../fuzz. The oracle sees
 * graph.h only, never this file.
 */
#ifndef _TOPOLOGY_PAIR_H
#define _TOPOLOGY_PAIR_H

#include <stdio.h>

#include "graph.h"
#include "topology.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* A comment of TAP */
#define tap_note(...)			\
	do {				\
		printf("# ");		\
		printf(__VA_ARGS__);	\
		printf("\n");		\
	} while (0)

/* The function under test, or a wrong variant of it */
typedef void (*route_fn)(const struct p2pmem_chain *provider,
			 const struct p2pmem_chain *client,
			 struct p2pmem_route *route);

/**
 * struct pair_chain - a chain, and where it comes from
 * @chain: its nodes are exactly as many as needed, so that the sanitizer sees a
 *	step beyond the end
 * @vertex: the vertices that they were made of
 */
struct pair_chain {
	struct p2pmem_chain chain;
	int vertex[MAX_VERTICES];
};

/* From a function up to its root bus; from a host bridge, a chain of none */
void make_chain(struct pair_chain *pc, const struct graph *g, int from);
void free_chain(struct pair_chain *pc);

/* The oracle's finding in the words of topology.h */
void translate(const struct finding *f, const struct pair_chain *provider,
	       const struct pair_chain *client, struct p2pmem_route *want);
bool same_route(const struct p2pmem_route *a, const struct p2pmem_route *b);

/* Fill with garbage, call, so that a field that is not written shows */
void call_route(route_fn fn, const struct p2pmem_chain *provider,
		const struct p2pmem_chain *client, struct p2pmem_route *route);

/* Where @at is in a chain; false: not there */
bool find_at(const struct p2pmem_chain *chain, const struct p2pmem_node *at, unsigned int *i);

/* What an egress vector knows an end point by is its function number */
void number_end_points(const struct p2pmem_chain *chain);

/* Print a chain and a route as comments of TAP */
const char *reason_token(enum pci_p2pmem_reason reason);
void note_chain(const char *title, const struct p2pmem_chain *chain);
void note_route(const char *title, const struct p2pmem_chain *provider,
		const struct p2pmem_chain *client, const struct p2pmem_route *route);

#endif /* _TOPOLOGY_PAIR_H */
