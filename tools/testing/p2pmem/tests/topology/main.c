// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: test of drivers/pci/p2pdma/topology.c in user space
 *
 * topology_test [-s SEED] [-t TREES] -d TOPOLOGY.RST prints TAP; exit status 0 if
 * all tests passed, 1 if not, 2 on a usage error. Run by run.sh.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test.h"

#define DEFAULT_SEED	1ull
#define DEFAULT_TREES	100000u

static unsigned int nr_results, nr_failures;

void tap_count(bool ok)
{
	nr_failures += !ok;
	printf("%sok %u ", ok ? "" : "not ", ++nr_results);
}

static bool parse_number(const char *arg, unsigned long long max, unsigned long long *number)
{
	char *end;

	errno = 0;
	*number = strtoull(arg, &end, 0);
	return *arg >= '0' && *arg <= '9' && !*end && !errno && *number <= max;
}

static int wrong_call(const char *name)
{
	fprintf(stderr, "usage: %s [-s SEED] [-t TREES] -d TOPOLOGY.RST\n", name);
	return 2;
}

int main(int argc, char **argv)
{
	unsigned long long seed = DEFAULT_SEED, trees = DEFAULT_TREES;
	const char *rst = NULL;
	unsigned int planned;
	int option;

	/* write whole lines, also to a file and if a sanitizer ends the test */
	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((option = getopt(argc, argv, "s:t:d:")) != -1) {
		if (option == 's' && parse_number(optarg, ~0ull, &seed))
			continue;
		if (option == 't' && parse_number(optarg, 1000000000, &trees) && trees)
			continue;
		if (option != 'd')
			return wrong_call(argv[0]);
		rst = optarg;
	}
	if (!rst || optind != argc)
		return wrong_call(argv[0]);

	planned = table_count() + random_count() + faults_count() + docs_count();
	printf("TAP version 13\n1..%u\n", planned);
	table_run();
	random_run(seed, trees);
	faults_run(seed);
	docs_run(rst);

	if (nr_results != planned)
		tap_note("%u tests were planned, %u run", planned, nr_results);
	tap_note("%u passed, %u failed", nr_results - nr_failures, nr_failures);
	return nr_failures || nr_results != planned;
}
