/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: what the parts of the topology test share
 *
 * Three parts, each in files of its own: drawn cases (table.c, cases_*.c),
 * random trees against an oracle (random.c, graph.c, oracle.c), and proof that
 * the comparison can fail (faults.c). docs.c compares the documentation with the
 * table of reasons. The oracle sees graph.h only, never this file.
 */
#ifndef _TOPOLOGY_TEST_H
#define _TOPOLOGY_TEST_H

#include <stdio.h>

#include "topology.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* The function under test, or a wrong variant of it */
typedef void (*route_fn)(const struct p2pmem_chain *provider,
			 const struct p2pmem_chain *client,
			 struct p2pmem_route *route);

/* One line of TAP: a result, or a comment */
#define tap_result(ok, ...)		\
	do {				\
		tap_count(ok);		\
		printf(__VA_ARGS__);	\
		printf("\n");		\
	} while (0)
#define tap_note(...)			\
	do {				\
		printf("# ");		\
		printf(__VA_ARGS__);	\
		printf("\n");		\
	} while (0)

/* main.c: counts a result and prints its beginning */
void tap_count(bool ok);

/* table.c: fill with garbage, call, so that a field that is not written shows */
void call_route(route_fn fn, const struct p2pmem_chain *provider,
		const struct p2pmem_chain *client, struct p2pmem_route *route);
/* table.c: print a chain and a route as TAP comments */
void note_chain(const char *title, const struct p2pmem_chain *chain);
void note_route(const char *title, const struct p2pmem_chain *provider,
		const struct p2pmem_chain *client, const struct p2pmem_route *route);
unsigned int table_count(void);
void table_run(void);

/* random.c */
unsigned int random_count(void);
void random_run(unsigned long long seed, unsigned int trees);
/* How many of the pairs of these trees a variant gets wrong */
unsigned int random_mismatches(route_fn fn, unsigned long long seed, unsigned int trees);

/* faults.c */
unsigned int faults_count(void);
void faults_run(unsigned long long seed);

/* docs.c */
const char *reason_token(enum pci_p2pmem_reason reason);
unsigned int docs_count(void);
void docs_run(const char *rst);

#endif /* _TOPOLOGY_TEST_H */
