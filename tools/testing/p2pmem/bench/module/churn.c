// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: a pool after a long time of use
 *
 * Floor 0.
 *
 * Runs of 1 to 32 pages fill the pool to 80 percent. Then an eighth of them, chosen at random, is
 * freed, and others of random length fill the pool again, eight times. Both kernels get the same
 * sequence of random numbers.
 */
#include <linux/vmalloc.h>
#include "bench.h"

#define CHURN_PERCENT	80
#define CHURN_ROUNDS	8
#define CHURN_LENGTHS	6	/* 1 to 32 pages, all equally frequent */

struct churn_run {
	void *addr;
	size_t len;
};

static struct churn_run *churn_runs;
static unsigned int churn_nr, churn_max;
static size_t churn_used;
static u64 churn_seed;

static u32 churn_random(u32 below)
{
	churn_seed = churn_seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (churn_seed >> 32) * below >> 32;
}

/* Allocates runs until the next one would exceed the share. One that does not fit is halved. */
static int churn_grow(struct bench *b, size_t most)
{
	size_t len = PAGE_SIZE << churn_random(CHURN_LENGTHS);
	void *addr;

	while (churn_used + len <= most) {
		for (addr = api_alloc(b->pdev, len); !addr && len > PAGE_SIZE;) {
			len /= 2;
			addr = api_alloc(b->pdev, len);
		}
		if (!addr)
			return -ENOMEM;
		churn_runs[churn_nr++] = (struct churn_run){ addr, len };
		churn_used += len;
		if (churn_nr == churn_max)
			return -ENOMEM;
		len = PAGE_SIZE << churn_random(CHURN_LENGTHS);
		cond_resched();
	}
	return 0;
}

static void churn_free(struct bench *b, unsigned int nr)
{
	api_free(b->pdev, churn_runs[nr].addr, churn_runs[nr].len);
	churn_used -= churn_runs[nr].len;
	churn_runs[nr] = churn_runs[--churn_nr];
}

/**
 * churn_fill() - fill an empty pool, and replace its runs at random
 * @b: gives the provider
 *
 * Context: Process context.
 * Return: 0, or -ENOMEM.
 */
int churn_fill(struct bench *b)
{
	size_t size = pci_resource_len(b->pdev, 2), most = size / 100 * CHURN_PERCENT;
	unsigned int i, nr;
	int ret;

	/* a run has ten pages on average */
	churn_max = size / PAGE_SIZE / 4;
	churn_runs = vmalloc_array(churn_max, sizeof(*churn_runs));
	if (!churn_runs)
		return -ENOMEM;
	churn_seed = 1;
	ret = churn_grow(b, most);
	for (i = 0; !ret && i < CHURN_ROUNDS; i++) {
		/* many at once: a single hole would be filled by the next run */
		for (nr = churn_nr / CHURN_ROUNDS; nr; nr--)
			churn_free(b, churn_random(churn_nr));
		ret = churn_grow(b, most);
	}
	if (ret)
		churn_empty(b);
	return ret;
}

/**
 * churn_empty() - free all runs
 * @b: gives the provider
 *
 * Context: Process context.
 */
void churn_empty(struct bench *b)
{
	while (churn_nr) {
		churn_free(b, churn_nr - 1);
		cond_resched();
	}
	churn_used = 0;
	vfree(churn_runs);
	churn_runs = NULL;
}
