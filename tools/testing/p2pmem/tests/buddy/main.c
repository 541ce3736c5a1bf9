// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: test of drivers/pci/p2pdma/buddy.c in user space
 *
 * Random allocations, compared with a model that has one byte per page. After each step:
 * the allocated pages were free, have the requested length and are in range; an allocation
 * fails only if the model has no such block or run either; the number of free pages is that
 * of the model; no block and its buddy are both free.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "buddy.h"

#define RUNS	4096

static uint64_t state;
static unsigned int failed;

#define EXPECT(cond, ...)						\
	do {								\
		if (!(cond) && failed++ < 10) {				\
			printf("# line %d: ", __LINE__);		\
			printf(__VA_ARGS__);				\
			printf("\n");					\
		}							\
	} while (0)

struct model {
	struct p2pmem_buddy b;
	unsigned long *words;
	unsigned char *out;
	unsigned long used;
	struct { unsigned long at, nr; } run[RUNS];
	unsigned int runs;
};

static unsigned long slabs_claimed, slabs_put;

static void count_slab(struct p2pmem_buddy *b, unsigned long slab, bool claimed)
{
	EXPECT(slab < b->pages >> P2PMEM_SLAB_ORDER, "slab %lu is none", slab);
	if (claimed)
		slabs_claimed++;
	else
		slabs_put++;
}

static unsigned long rnd(unsigned long below)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (state >> 33) % below;
}

static void make(struct model *m, unsigned long pages)
{
	memset(m, 0, sizeof(*m));
	/* exactly as much as it says: the sanitizer finds a word too many */
	m->words = calloc(p2pmem_buddy_words(pages), sizeof(long));
	m->out = calloc(pages, 1);
	EXPECT(p2pmem_buddy_init(&m->b, pages, m->words), "%lu pages", pages);
	m->b.slab = count_slab;
	slabs_claimed = 0;
	slabs_put = 0;
}

static void unmake(struct model *m)
{
	free(m->words);
	free(m->out);
}

static bool set(const struct p2pmem_bits *s, unsigned long i)
{
	return i < s->nr && (s->level[0][i / 64] >> i % 64 & 1);
}

static void compare(struct model *m)
{
	unsigned long i, j, all = 0, wrong = 0;
	unsigned int k;

	for (k = 0; k < P2PMEM_BUDDY_ORDER_COUNT; k++) {
		bool any = false;

		for (i = 0; i < m->b.free[k].nr; i++) {
			if (!set(&m->b.free[k], i))
				continue;
			any = true;
			all += 1UL << k;
			for (j = i << k; j < (i + 1) << k; j++)
				wrong += m->out[j];
			EXPECT(k == P2PMEM_SLAB_ORDER || !set(&m->b.free[k], i ^ 1),
			       "blocks %lu of order %u are not merged", i, k);
		}
		EXPECT(any == !!(m->b.orders >> k & 1), "order %u: %d", k, any);
	}
	EXPECT(!wrong, "%lu pages in use are free", wrong);
	EXPECT(all == m->b.pages - m->used, "%lu are free, not %lu", all, m->b.pages - m->used);
}

static unsigned long longest(struct model *m, bool aligned, unsigned long want)
{
	unsigned long i, run = 0, most = 0;

	for (i = 0; i < m->b.pages; i++) {
		if (aligned && i % want == 0)
			run = 0;
		run = m->out[i] ? 0 : run + 1;
		if (run > most)
			most = run;
	}
	return most;
}

static void note(struct model *m, long at, unsigned long nr)
{
	unsigned long i;

	EXPECT(at >= 0 && at + nr <= m->b.pages, "%lu pages at %ld", nr, at);
	for (i = at; i < at + nr; i++) {
		EXPECT(!m->out[i], "page %lu is out already", i);
		m->out[i] = 1;
	}
	m->used += nr;
	m->run[m->runs].at = at;
	m->run[m->runs++].nr = nr;
}

static unsigned long ceil_order(unsigned long nr)
{
	unsigned long size = 1;

	while (size < nr)
		size *= 2;
	return size;
}

static void alloc_run(struct model *m, unsigned long nr)
{
	unsigned long got, from = 0, size = ceil_order(nr);
	long at;

	if (rnd(4) == 0) {
		at = p2pmem_buddy_largest(&m->b, nr, &got);
		EXPECT((at < 0) == (m->used == m->b.pages), "largest: %ld", at);
		if (at >= 0) {
			EXPECT(got <= nr, "%lu where at most %lu", got, nr);
			note(m, at, got);
		}
		return;
	}
	at = p2pmem_buddy_alloc(&m->b, nr);
	if (at < 0 && size <= 1UL << P2PMEM_SLAB_ORDER)
		EXPECT(longest(m, true, size) < size, "no block of %lu", size);
	if (at < 0) {
		do
			at = p2pmem_buddy_search(&m->b, nr, &from, 1 + rnd(5));
		while (at < 0 && from);
		EXPECT((at < 0) == (longest(m, false, 0) < nr), "%lu pages: %ld, longest %lu", nr,
		       at, longest(m, false, 0));
	}
	if (at >= 0)
		note(m, at, nr);
}

static void free_run(struct model *m, unsigned int i)
{
	unsigned long at = m->run[i].at, nr = m->run[i].nr, part = 1 + rnd(nr);

	if (rnd(3) == 0 && part < nr) {
		at += nr - part;
		m->run[i].nr -= part;
		nr = part;
	} else {
		m->run[i] = m->run[--m->runs];
	}
	EXPECT(p2pmem_buddy_free(&m->b, at, nr) == nr, "%lu at %lu", nr, at);
	memset(m->out + at, 0, nr);
	m->used -= nr;
}

static void steps(unsigned long pages, unsigned long most, unsigned int fill)
{
	static struct model m;
	unsigned int i;

	make(&m, pages);
	for (i = 0; i < 3000 && !failed; i++) {
		if (!m.runs || (rnd(100) < fill && m.runs < RUNS))
			alloc_run(&m, 1 + rnd(most));
		else
			free_run(&m, rnd(m.runs));
		compare(&m);
	}
	while (m.runs)
		free_run(&m, 0);
	compare(&m);
	EXPECT(slabs_claimed == slabs_put, "%lu slabs claimed, %lu put", slabs_claimed, slabs_put);
	EXPECT(longest(&m, false, 0) == pages, "not one run");
	unmake(&m);
}

static void wrong_frees(void)
{
	static struct model m;

	make(&m, 2048 + 5);
	EXPECT(!p2pmem_buddy_free(&m.b, 7, 1), "a free page was freed");
	EXPECT(!p2pmem_buddy_free(&m.b, 2050, 4), "pages beyond the end were freed");
	EXPECT(!p2pmem_buddy_free(&m.b, ~0UL, 2), "a sum that overflows");
	compare(&m);
	unmake(&m);
}

/*
 * Every second page is free:		. # . # . # . #
 * Pages that are allocated at once equal the model, and so do single pages that are freed.
 */
static void single_pages(unsigned long pages)
{
	unsigned long page[16], i;
	static struct model m;
	unsigned int n, step;

	make(&m, pages);
	for (i = 0; i < pages; i++)
		EXPECT(p2pmem_buddy_alloc(&m.b, 1) >= 0, "page %lu", i);
	memset(m.out, 1, pages);
	m.used = pages;
	for (i = 0; i < pages; i += 2) {
		EXPECT(p2pmem_buddy_free(&m.b, i, 1), "page %lu", i);
		m.out[i] = 0;
		m.used--;
	}
	for (step = 0; step < 2000 && !failed; step++) {
		compare(&m);
		i = rnd(pages / 2) * 2;
		EXPECT(p2pmem_buddy_free(&m.b, i, 1) == m.out[i], "page %lu", i);
		m.used -= m.out[i];
		m.out[i] = 0;
		if (m.b.orders != 1 || rnd(3))
			continue;
		n = 1 + rnd(16);
		n = p2pmem_buddy_pages(&m.b, page, n);
		EXPECT(n >= 1 && n <= 16, "%u pages", n);
		while (n--) {
			EXPECT(page[n] < pages && !m.out[page[n]], "page %lu", page[n]);
			m.out[page[n]] = 1;
			m.used++;
		}
	}
	for (i = 0; i < pages; i++)
		if (m.out[i])
			EXPECT(p2pmem_buddy_free(&m.b, i, 1), "page %lu", i);
	memset(m.out, 0, pages);
	m.used = 0;
	compare(&m);
	EXPECT(longest(&m, false, 0) == pages, "not one run");
	unmake(&m);
}

/* Ranges of which any part is free already: only the rest is freed, and its length returned. */
static void careless_frees(unsigned long pages)
{
	unsigned long page[16], at, nr, i, out;
	static struct model m;
	unsigned int step, n;

	make(&m, pages);
	for (step = 0; step < 3000 && !failed; step++) {
		compare(&m);
		if (m.used < pages && rnd(3)) {
			if (m.b.orders & 1 && rnd(2)) {
				n = p2pmem_buddy_pages(&m.b, page, 1 + rnd(16));
			} else {
				n = 1;
				page[0] = p2pmem_buddy_largest(&m.b, 1 + rnd(64), &nr);
				for (i = 1; i < nr; i++)
					m.out[page[0] + i] = 1;
				m.used += nr - 1;
			}
			for (m.used += n; n; n--)
				m.out[page[n - 1]] = 1;
			continue;
		}
		at = rnd(pages);
		nr = 1 + rnd(rnd(4) ? 20 : pages);
		if (nr > pages - at)
			nr = pages - at;
		for (out = 0, i = at; i < at + nr; i++) {
			out += m.out[i];
			m.out[i] = 0;
		}
		i = p2pmem_buddy_free(&m.b, at, nr);
		EXPECT(i == out, "%lu at %lu: %lu and not %lu freed", nr, at, i, out);
		m.used -= out;
	}
	unmake(&m);
}

static unsigned int report(unsigned int nr, const char *name)
{
	printf("%sok %u - %s\n", failed ? "not " : "", nr, name);
	nr = failed;
	failed = 0;
	return nr;
}

int main(int argc, char **argv)
{
	static const unsigned long pages[] = { 1, 2, 63, 64, 65, 1000, 1024, 1025, 4096, 4999 };
	unsigned int i, bad = 0;

	state = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	for (i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		steps(pages[i], 1, 60);
		steps(pages[i], 40, 60);
		steps(pages[i], pages[i] < 1500 ? pages[i] + 1 : 1500, 80);
	}
	bad += report(1, "random runs equal the model");
	wrong_frees();
	bad += report(2, "what is not out cannot be freed");
	for (i = 1; i < sizeof(pages) / sizeof(*pages); i++)
		single_pages(pages[i]);
	bad += report(3, "single pages at once equal the model");
	for (i = 0; i < sizeof(pages) / sizeof(*pages); i++)
		careless_frees(pages[i]);
	bad += report(4, "ranges that are free in part");
	printf("1..4\n");
	return !!bad;
}
