// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: states of a pool
 *
 * Floor 0.
 *
 * "50", "90", "99": so many percent are allocated, from the start of an empty pool. "odd": every
 * second page is free. "holes": of the lower 90 percent, one page in nine is free, in holes of 1
 * to 8 pages, so that about 80 percent of the pool are allocated; the rest is free in one piece.
 * "churned": churn.c.
 */
#include <linux/vmalloc.h>
#include "bench.h"

struct fill_run {
	void *addr;
	size_t len;
};

static struct fill_run *fill_runs;
static unsigned int fill_nr, fill_max;
/* whether single pages of the runs are free: 'o' for odd, 'h' for holes */
static char fill_pattern;

static size_t fill_bytes(void)
{
	size_t sum = 0;
	unsigned int i;

	for (i = 0; i < fill_nr; i++)
		sum += fill_runs[i].len;
	return sum;
}

/* Whether a page is free in the pattern: holes of 1 to 8 pages, one in each 72 pages at most. */
static bool fill_is_hole(unsigned long page)
{
	unsigned long group = page / 36, at = page % 36;

	if (fill_pattern == 'o')
		return page & 1;
	return fill_pattern == 'h' && at < 1 + (group * 2654435761UL >> 7) % 8;
}

/**
 * fill_to() - allocate until a share of the pool is in use
 * @b: gives the provider
 * @percent: the share
 *
 * Context: Process context.
 * Return: 0, or -ENOMEM.
 */
int fill_to(struct bench *b, unsigned int percent)
{
	size_t size = pci_resource_len(b->pdev, 2), run = API_RUN, left;

	if (!fill_runs) {
		fill_max = size / SZ_4M + 64;
		fill_runs = vmalloc_array(fill_max, sizeof(*fill_runs));
		if (!fill_runs)
			return -ENOMEM;
	}
	left = round_down(size / 100 * percent, PAGE_SIZE);
	if (percent == 100)
		left = size;
	left -= fill_bytes();
	while (left) {
		struct fill_run *r = &fill_runs[fill_nr];

		while (run > left)
			run /= 2;
		if (fill_nr == fill_max)
			return -ENOMEM;
		r->addr = api_alloc(b->pdev, run);
		if (!r->addr) {
			if (run == PAGE_SIZE)
				return -ENOMEM;
			run /= 2;
			continue;
		}
		r->len = run;
		left -= run;
		fill_nr++;
		cond_resched();
	}
	return 0;
}

/* Frees the pages of a run that are holes (or are not), each stretch of them in one call. */
static void fill_free(struct bench *b, struct fill_run *r, bool holes)
{
	unsigned long first = (unsigned long)r->addr >> PAGE_SHIFT, nr = r->len >> PAGE_SHIFT;
	unsigned long i, end;

	for (i = 0; i < nr; i = end) {
		bool hole = fill_is_hole(first + i);

		for (end = i + 1; end < nr && fill_is_hole(first + end) == hole; end++)
			;
		if (hole != holes)
			continue;
		if (i)
			api_split(r->addr, 2);
		api_free(b->pdev, r->addr + (i << PAGE_SHIFT), (end - i) << PAGE_SHIFT);
		if (!(end & 1023))
			cond_resched();
	}
}

/**
 * fill_holes() - make an empty pool fragmented
 * @b: gives the provider
 * @odd: every second page is free, else "holes"
 *
 * Context: Process context.
 * Return: 0, or -ENOMEM.
 */
int fill_holes(struct bench *b, bool odd)
{
	unsigned int i;
	int ret;

	ret = fill_to(b, odd ? 100 : 90);
	if (ret)
		return ret;
	fill_pattern = odd ? 'o' : 'h';
	for (i = 0; i < fill_nr; i++)
		fill_free(b, &fill_runs[i], true);
	return 0;
}

/**
 * fill_empty() - free all that was allocated
 * @b: gives the provider
 *
 * Context: Process context.
 */
void fill_empty(struct bench *b)
{
	while (fill_nr)
		fill_free(b, &fill_runs[--fill_nr], false);
	fill_pattern = 0;
}
