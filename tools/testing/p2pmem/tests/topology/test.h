/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: declarations shared by the parts of the topology test
 *
 * The parts are drawn cases (table.c, cases_*.c), a comparison of random trees to an
 * oracle (random.c, graph.c, pair.c, oracle.c), and a proof that this comparison can
 * fail (faults.c). docs.c compares the documentation to the table of reasons. The
 * oracle includes graph.h but not this file.
 */
#ifndef _TOPOLOGY_TEST_H
#define _TOPOLOGY_TEST_H

#include <stdio.h>

#include "pair.h"

/* Print a TAP result line */
#define tap_result(ok, ...)		\
	do {				\
		tap_count(ok);		\
		printf(__VA_ARGS__);	\
		printf("\n");		\
	} while (0)

/* main.c: count a result and print the start of its line */
void tap_count(bool ok);

/* table.c */
unsigned int table_count(void);
void table_run(void);

/* random.c */
unsigned int random_count(void);
void random_run(unsigned long long seed, unsigned int trees);
/* Return the number of pairs in these trees for which a variant is wrong */
unsigned int random_mismatches(route_fn fn, unsigned long long seed, unsigned int trees);

/* faults.c */
unsigned int faults_count(void);
void faults_run(unsigned long long seed);

/* docs.c */
unsigned int docs_count(void);
void docs_run(const char *rst);

#endif /* _TOPOLOGY_TEST_H */
