// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the allocator against a model of it
 *
 * No PCI is needed: a pool hands out addresses and touches none. The model is one
 * byte a page. Whatever a pool says is compared with the model after every step:
 * nothing overlaps, nothing is lost, what does not fit is refused and only that.
 *
 *	model:   [..##..#....]   [.......####.]	'#': out, '.': free
 *	chunk:     0 (BAR 2)       1 (BAR 4)	a run never spans two
 */
#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/sizes.h>
#include "../p2pdma.h"
#include "fault.h"

#define POOL_CHUNKS	3
#define POOL_PAGES	256		/* of the largest chunk */
#define POOL_RUNS	(POOL_CHUNKS * POOL_PAGES)
#define POOL_STEPS	4000

/**
 * struct pool_shape - a pool and the seed of what is done to it
 * @name: of the case
 * @seed: of the random numbers
 * @pages: pages of each chunk, 0: there is none
 * @longest: longest run that is allocated, in pages
 * @fill: of 100 steps so many allocate
 * @unaligned: sizes are not whole pages
 */
struct pool_shape {
	const char *name;
	u64 seed;
	unsigned int pages[POOL_CHUNKS];
	unsigned int longest;
	unsigned int fill;
	bool unaligned;
};

/**
 * struct pool_model - a pool and what it should be
 * @test: the test
 * @shape: of the pool
 * @pool: the pool
 * @out: a byte for each page: it is in use
 * @run: runs in use: address, bytes
 * @nr: how many of them
 * @used: pages in use
 */
struct pool_model {
	struct kunit *test;
	const struct pool_shape *shape;
	struct p2pmem_pool *pool;
	u8 out[POOL_CHUNKS][POOL_PAGES];
	struct {
		unsigned long addr;
		size_t size;
	} run[POOL_RUNS];
	unsigned int nr;
	unsigned int used;
};

static const struct pool_shape pool_shapes[] = {
	{ "one page", 1, { 1 }, 2, 50 },
	{ "single pages", 2, { 256 }, 1, 55 },
	{ "short runs", 3, { 256 }, 8, 55, true },
	{ "long runs", 4, { 256 }, 200, 60, true },
	{ "nearly full", 5, { 256 }, 16, 90, true },
	{ "nearly empty", 6, { 256 }, 16, 20 },
	{ "three chunks", 7, { 256, 7, 64 }, 16, 60, true },
	{ "chunks of odd sizes", 8, { 63, 65, 129 }, 130, 60, true },
	{ "fresh seed", 0, { 256, 100, 1 }, 32, 60, true },
};

KUNIT_ARRAY_PARAM_DESC(pool_shape, pool_shapes, name);

#define POOL_EXPECT(m, cond, fmt, ...)						\
	do {									\
		struct pool_model *_m = (m);					\
										\
		KUNIT_EXPECT_TRUE_MSG(_m->test, cond, "seed %llu: " fmt,	\
				      _m->shape->seed, ##__VA_ARGS__);		\
	} while (0)

/* Far apart, so that a run that spans two chunks is no address of either */
static unsigned long pool_base(int chunk)
{
	return 0xffff900000000000UL + chunk * SZ_1G;
}

static void pool_free_action(void *pool)
{
	p2pmem_pool_destroy(pool);
}

static void pool_free_all(struct pool_model *m)
{
	while (m->nr) {
		m->nr--;
		p2pmem_pool_free(m->pool, (void *)m->run[m->nr].addr, m->run[m->nr].size);
	}
	memset(m->out, 0, sizeof(m->out));
	m->used = 0;
}

static void pool_free_runs_action(void *m)
{
	pool_free_all(m);
}

static struct pool_model *pool_make(struct kunit *test, const struct pool_shape *shape)
{
	struct pool_model *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, m);
	m->test = test;
	m->shape = shape;
	m->pool = p2pmem_pool_create("kunit", NUMA_NO_NODE);
	KUNIT_ASSERT_NOT_NULL(test, m->pool);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, pool_free_action, m->pool));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, pool_free_runs_action, m));
	for (i = 0; i < POOL_CHUNKS; i++)
		if (shape->pages[i])
			KUNIT_ASSERT_EQ(test, 0,
					p2pmem_pool_add(m->pool, (void *)pool_base(i),
							shape->pages[i] * PAGE_SIZE,
							NUMA_NO_NODE));
	p2pmem_pool_open(m->pool);
	return m;
}

static unsigned int pool_pages(const struct pool_shape *shape)
{
	return shape->pages[0] + shape->pages[1] + shape->pages[2];
}

/* The longest run that is free, in pages */
static unsigned int pool_longest(struct pool_model *m)
{
	unsigned int i, j, run, longest = 0;

	for (i = 0; i < POOL_CHUNKS; i++) {
		for (run = 0, j = 0; j < m->shape->pages[i]; j++) {
			run = m->out[i][j] ? 0 : run + 1;
			longest = max(longest, run);
		}
	}
	return longest;
}

/* Notes in the model that [addr, addr + size) went out (or came back): all of it was the other. */
static void pool_note(struct pool_model *m, unsigned long addr, size_t size, bool out)
{
	unsigned int nr = PAGE_ALIGN(size) / PAGE_SIZE, first, i, wrong = 0;
	int c;

	for (c = 0; c < POOL_CHUNKS; c++)
		if (addr >= pool_base(c) &&
		    addr - pool_base(c) < m->shape->pages[c] * PAGE_SIZE)
			break;
	POOL_EXPECT(m, c < POOL_CHUNKS, "%#lx is no address of the pool", addr);
	POOL_EXPECT(m, PAGE_ALIGNED(addr), "%#lx is not aligned", addr);
	if (c == POOL_CHUNKS)
		return;
	first = (addr - pool_base(c)) / PAGE_SIZE;
	POOL_EXPECT(m, first + nr <= m->shape->pages[c],
		    "%u pages at %u do not fit into chunk %d", nr, first, c);
	for (i = first; i < min(first + nr, m->shape->pages[c]); i++) {
		wrong += m->out[c][i] == out;
		m->out[c][i] = out;
	}
	POOL_EXPECT(m, !wrong, "%u of %u pages at %u of chunk %d were out already", wrong, nr,
		    first, c);
	m->used += out ? nr : -nr;
}

static bool pool_model_alloc(struct pool_model *m, size_t size)
{
	unsigned int nr = PAGE_ALIGN(size) / PAGE_SIZE, longest = pool_longest(m);
	void *addr = p2pmem_pool_alloc(m->pool, size);

	if (!addr) {
		POOL_EXPECT(m, nr > longest, "%u pages were refused with a run of %u free", nr,
			    longest);
		return false;
	}
	pool_note(m, (unsigned long)addr, size, true);
	m->run[m->nr].addr = (unsigned long)addr;
	m->run[m->nr++].size = size;
	return true;
}

/* Frees a run: all of it, or its head and later the rest */
static void pool_model_free(struct pool_model *m, unsigned int i, size_t part)
{
	unsigned long addr = m->run[i].addr;
	size_t size = m->run[i].size;

	if (part && part < size) {
		size = part;
		m->run[i].addr += part;
		m->run[i].size -= part;
	} else {
		m->run[i] = m->run[--m->nr];
	}
	p2pmem_pool_free(m->pool, (void *)addr, size);
	pool_note(m, addr, size, false);
}

static void pool_compare(struct pool_model *m)
{
	size_t size = (size_t)pool_pages(m->shape) * PAGE_SIZE;

	POOL_EXPECT(m, p2pmem_pool_size(m->pool) == size, "its size is %zu, not %zu",
		    p2pmem_pool_size(m->pool), size);
	POOL_EXPECT(m, p2pmem_pool_available(m->pool) == size - m->used * PAGE_SIZE,
		    "%zu bytes are free, not %zu", p2pmem_pool_available(m->pool),
		    size - m->used * PAGE_SIZE);
}

static void random_runs_equal_the_model(struct kunit *test)
{
	struct pool_shape shape = *(const struct pool_shape *)test->param_value;
	struct rnd_state rnd;
	struct pool_model *m;
	unsigned int step;
	size_t size;

	shape.seed = shape.seed ?: get_random_u32();
	m = pool_make(test, &shape);
	prandom_seed_state(&rnd, shape.seed);
	for (step = 0; step < POOL_STEPS && test->status == KUNIT_SUCCESS; step++) {
		if (!m->nr || prandom_u32_state(&rnd) % 100 < shape.fill) {
			size = (1 + prandom_u32_state(&rnd) % shape.longest) * PAGE_SIZE;
			if (shape.unaligned)
				size -= prandom_u32_state(&rnd) % PAGE_SIZE;
			pool_model_alloc(m, size);
		} else {
			pool_model_free(m, prandom_u32_state(&rnd) % m->nr,
					prandom_u32_state(&rnd) % 4 ? 0 :
					(1 + prandom_u32_state(&rnd) % shape.longest) * PAGE_SIZE);
		}
		pool_compare(m);
	}
	pool_free_all(m);
	pool_compare(m);
	while ((size = pool_longest(m)) && test->status == KUNIT_SUCCESS)
		POOL_EXPECT(m, pool_model_alloc(m, size * PAGE_SIZE),
			    "all is free, but not in one run");
	pool_compare(m);
}

static const struct pool_shape pool_small = { "small", 0, { 16 }, 16 };
static const struct pool_shape pool_two = { "two chunks", 0, { 16, 8 }, 16 };

static void full_pool_refuses_until_memory_is_freed(struct kunit *test)
{
	struct pool_model *m = pool_make(test, &pool_small);
	unsigned int i;

	for (i = 0; i < 16; i++)
		POOL_EXPECT(m, pool_model_alloc(m, 1), "page %u was not allocated", i);
	pool_compare(m);
	KUNIT_EXPECT_NULL_MSG(test, p2pmem_pool_alloc(m->pool, 1), "more pages than there are");
	pool_model_free(m, 7, 0);
	KUNIT_EXPECT_NULL_MSG(test, p2pmem_pool_alloc(m->pool, PAGE_SIZE + 1),
			      "two pages where one is free");
	POOL_EXPECT(m, pool_model_alloc(m, PAGE_SIZE), "the page that was freed was not allocated");
	pool_compare(m);
}

/*	#.#.#.#.#.#.#.#.	half of it free, no two pages together */
static void fragmented_pool_has_no_long_run(struct kunit *test)
{
	struct pool_model *m = pool_make(test, &pool_small);
	void *page[16];
	unsigned int i;

	for (i = 0; i < 16; i++) {
		page[i] = p2pmem_pool_alloc(m->pool, PAGE_SIZE);
		KUNIT_ASSERT_NOT_NULL(test, page[i]);
	}
	for (i = 1; i < 16; i += 2)
		p2pmem_pool_free(m->pool, page[i], PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(m->pool), 8 * PAGE_SIZE);
	KUNIT_EXPECT_NULL(test, p2pmem_pool_alloc(m->pool, 2 * PAGE_SIZE));
	for (i = 0; i < 16; i += 2)
		p2pmem_pool_free(m->pool, page[i], PAGE_SIZE);
	POOL_EXPECT(m, pool_model_alloc(m, 16 * PAGE_SIZE), "free pages were not one run again");
}

static void zero_and_huge_sizes_are_refused(struct kunit *test)
{
	static const size_t huge[] = {
		16 * PAGE_SIZE + 1, SZ_1G, S32_MAX, U32_MAX, (size_t)U32_MAX + 1,
		(size_t)U32_MAX + PAGE_SIZE, LONG_MAX, (size_t)LONG_MAX + 1,
		SIZE_MAX - PAGE_SIZE + 1, SIZE_MAX - PAGE_SIZE + 2, SIZE_MAX,
	};
	struct pool_model *m = pool_make(test, &pool_small);
	unsigned int i;

	KUNIT_EXPECT_NULL_MSG(test, p2pmem_pool_alloc(m->pool, 0), "nothing has an address");
	for (i = 0; i < ARRAY_SIZE(huge); i++)
		KUNIT_EXPECT_NULL_MSG(test, p2pmem_pool_alloc(m->pool, huge[i]),
				      "%#zx bytes of a pool of 16 pages", huge[i]);
	pool_compare(m);
	POOL_EXPECT(m, pool_model_alloc(m, 16 * PAGE_SIZE), "not all of it was allocated");
}

static void sizes_are_rounded_up_to_pages(struct kunit *test)
{
	struct pool_model *m = pool_make(test, &pool_small);

	POOL_EXPECT(m, pool_model_alloc(m, 1), "a byte");
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(m->pool), 15 * PAGE_SIZE);
	POOL_EXPECT(m, pool_model_alloc(m, PAGE_SIZE), "a page");
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(m->pool), 14 * PAGE_SIZE);
	POOL_EXPECT(m, pool_model_alloc(m, PAGE_SIZE + 1), "a page and a byte");
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(m->pool), 12 * PAGE_SIZE);
	pool_model_free(m, 2, 0);
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(m->pool), 14 * PAGE_SIZE);
	pool_compare(m);
}

static void run_is_freed_in_parts(struct kunit *test)
{
	struct pool_model *m = pool_make(test, &pool_small);

	/* ################ -> ..############## -> ..######.....### */
	POOL_EXPECT(m, pool_model_alloc(m, 16 * PAGE_SIZE), "all of it");
	pool_model_free(m, 0, 2 * PAGE_SIZE);
	pool_compare(m);
	p2pmem_pool_free(m->pool, (void *)pool_base(0) + 8 * PAGE_SIZE, 5 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(m->pool), 7 * PAGE_SIZE);
	KUNIT_EXPECT_NULL(test, p2pmem_pool_alloc(m->pool, 6 * PAGE_SIZE));
	KUNIT_EXPECT_PTR_EQ(test, p2pmem_pool_alloc(m->pool, 5 * PAGE_SIZE),
			    (void *)pool_base(0) + 8 * PAGE_SIZE);
	pool_compare(m);
}

static void run_does_not_span_chunks(struct kunit *test)
{
	struct pool_model *m = pool_make(test, &pool_two);

	KUNIT_EXPECT_NULL(test, p2pmem_pool_alloc(m->pool, 17 * PAGE_SIZE));
	POOL_EXPECT(m, pool_model_alloc(m, 9 * PAGE_SIZE), "9 of 16");
	KUNIT_EXPECT_NULL(test, p2pmem_pool_alloc(m->pool, 9 * PAGE_SIZE));
	POOL_EXPECT(m, pool_model_alloc(m, 8 * PAGE_SIZE), "all of the small chunk");
	POOL_EXPECT(m, pool_model_alloc(m, 7 * PAGE_SIZE), "the rest of the large one");
	pool_compare(m);
	KUNIT_EXPECT_NULL(test, p2pmem_pool_alloc(m->pool, 1));
}

static void empty_pool_has_nothing(struct kunit *test)
{
	static const struct pool_shape none = { "none" };
	struct pool_model *m = pool_make(test, &none);

	KUNIT_EXPECT_EQ(test, p2pmem_pool_size(m->pool), 0);
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(m->pool), 0);
	KUNIT_EXPECT_NULL(test, p2pmem_pool_alloc(m->pool, 1));
}

static void chunk_added_later_is_allocated(struct kunit *test)
{
	struct pool_model *m = pool_make(test, &pool_small);

	POOL_EXPECT(m, pool_model_alloc(m, 16 * PAGE_SIZE), "all of it");
	KUNIT_ASSERT_EQ(test, 0, p2pmem_pool_add(m->pool, (void *)pool_base(1),
						 4 * PAGE_SIZE, NUMA_NO_NODE));
	/* nobody gets it before it is opened */
	KUNIT_EXPECT_EQ(test, p2pmem_pool_size(m->pool), 16 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(m->pool), 0);
	KUNIT_EXPECT_NULL(test, p2pmem_pool_alloc(m->pool, PAGE_SIZE));
	p2pmem_pool_open(m->pool);
	KUNIT_EXPECT_EQ(test, p2pmem_pool_size(m->pool), 20 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(m->pool), 4 * PAGE_SIZE);
	KUNIT_EXPECT_PTR_EQ(test, p2pmem_pool_alloc(m->pool, 4 * PAGE_SIZE),
			    (void *)pool_base(1));
	p2pmem_pool_free(m->pool, (void *)pool_base(1), 4 * PAGE_SIZE);
}

static void pool_without_memory_is_none(struct kunit *test)
{
	struct p2pmem_pool *pool;
	unsigned int n;

	fault_require(test);
	for (n = 1; n < FAULT_STEPS; n++) {
		fault_arm(n);
		pool = p2pmem_pool_create("kunit", NUMA_NO_NODE);
		if (!fault_disarm()) {
			p2pmem_pool_destroy(pool);
			break;
		}
		if (pool)
			p2pmem_pool_destroy(pool);
		KUNIT_EXPECT_TRUE_MSG(test, n > 1 || !pool, "made without memory");
	}
	KUNIT_EXPECT_GT(test, n, 1);
}

static struct kunit_case pool_cases[] = {
	KUNIT_CASE_PARAM(random_runs_equal_the_model, pool_shape_gen_params),
	KUNIT_CASE(full_pool_refuses_until_memory_is_freed),
	KUNIT_CASE(fragmented_pool_has_no_long_run),
	KUNIT_CASE(zero_and_huge_sizes_are_refused),
	KUNIT_CASE(sizes_are_rounded_up_to_pages),
	KUNIT_CASE(run_is_freed_in_parts),
	KUNIT_CASE(run_does_not_span_chunks),
	KUNIT_CASE(empty_pool_has_nothing),
	KUNIT_CASE(chunk_added_later_is_allocated),
	KUNIT_CASE(pool_without_memory_is_none),
	{ }
};

static struct kunit_suite pool_suite = {
	.name = "p2pmem-pool",
	.test_cases = pool_cases,
};

kunit_test_suite(pool_suite);
