/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: what the parts of the topology test share
 *
 * Three parts, each in files of its own: drawn cases (table.c, cases_*.c),
 * random trees against an oracle (random.c, graph.c, pair.c, oracle.c), and proof
 * that the comparison can fail (faults.c). docs.c compares the documentation with the
 * table of reasons. The oracle sees graph.h only, never this file.
 */
#ifndef _TOPOLOGY_TEST_H
#define _TOPOLOGY_TEST_H

#include <stdio.h>

#include "pair.h"

/* One line of TAP: a result */
#define tap_result(ok, ...)		\
	do {				\
		tap_count(ok);		\
		printf(__VA_ARGS__);	\
		printf("\n");		\
	} while (0)

/* main.c: counts a result and prints its beginning */
void tap_count(bool ok);

/* table.c */
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
unsigned int docs_count(void);
void docs_run(const char *rst);

#endif /* _TOPOLOGY_TEST_H */
