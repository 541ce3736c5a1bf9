// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the search for a provider of one client, among 1, 16 and 64
 *
 * Floor 1.
 */
#include "bench.h"

static bool find_once(struct bench *b)
{
	struct pci_dev *found = api_find(&b->client, 1);

	if (!found)
		return false;
	pci_dev_put(found);
	return true;
}

/**
 * bench_find() - measure the search while more and more providers lend
 * @b: clients
 * @functions: number of PCI functions
 *
 * Context: Process context.
 * Return: 0 or an error.
 */
int bench_find(struct bench *b, unsigned int functions)
{
	struct pci_dev *pdev = NULL;
	unsigned int lent = 0;
	char state[32];
	int ret = functions_add(functions);

	if (ret)
		return ret;
	snprintf(state, sizeof(state), "%u functions", functions_count());
	b->state = state;
	while ((pdev = bench_next_provider(pdev))) {
		b->pdev = pdev;
		ret = api_lend(pdev);
		if (ret) {
			pci_dev_put(pdev);
			return ret;
		}
		lent++;
		if (lent != 1 && lent != 16 && lent != 64)
			continue;
		/* the column of bytes is the number of providers */
		b->len = lent;
		bench_print(b, "find provider", bench_cost(b, find_once));
	}
	return 0;
}
