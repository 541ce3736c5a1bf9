// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the caches that the CPUs have of a pool
 *
 * No PCI is needed: a pool hands out addresses and touches none. Caches are filled in hard
 * interrupts, on each CPU.
 */
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/cpu.h>
#include <linux/sizes.h>
#include <linux/smp.h>
#include "../p2pdma.h"
#include "../pool.h"
#include "fault.h"

#define POOL_BASE	((void *)0xffff900000000000UL)

static void pool_free_action(void *pool)
{
	p2pmem_pool_destroy(pool);
}

/**
 * struct pool_cpu - what a CPU does in a hard interrupt
 * @pool: the CPU allocates from it and frees to it
 * @order: runs of 2^order pages
 * @failed: number of runs that could not be allocated, must be 0
 */
struct pool_cpu {
	struct p2pmem_pool *pool;
	unsigned int order;
	unsigned int failed;
};

#define POOL_CPU_RUNS	16

static void pool_fill_cache(void *arg)
{
	void *addr[POOL_CPU_RUNS];
	struct pool_cpu *c = arg;
	int i;

	for (i = 0; i < POOL_CPU_RUNS; i++) {
		addr[i] = p2pmem_pool_alloc(c->pool, PAGE_SIZE << c->order);
		c->failed += !addr[i];
	}
	for (i = 0; i < POOL_CPU_RUNS; i++)
		if (addr[i])
			p2pmem_pool_free(c->pool, addr[i], PAGE_SIZE << c->order);
}

#define POOL_BIG	(SZ_64M + SZ_2M)

static struct p2pmem_pool *pool_big(struct kunit *test)
{
	struct p2pmem_pool *pool = p2pmem_pool_create("kunit", NUMA_NO_NODE);

	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, pool_free_action, pool));
	KUNIT_ASSERT_EQ(test, 0, p2pmem_pool_add(pool, POOL_BASE, POOL_BIG,
						 NUMA_NO_NODE));
	p2pmem_pool_open(pool);
	return pool;
}

static unsigned int pool_all_cached(struct kunit *test, struct p2pmem_pool *pool)
{
	unsigned int cached, all = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		cached = p2pmem_pool_cached(pool, cpu);
		KUNIT_EXPECT_LE_MSG(test, cached * PAGE_SIZE, SZ_64K, "CPU %d", cpu);
		all += cached;
	}
	KUNIT_EXPECT_LE(test, all * PAGE_SIZE, p2pmem_pool_size(pool) / 8);
	return all;
}

/* Pages in the caches of all CPUs count as available, and one allocation can have all of them. */
static void full_caches_are_flushed(struct kunit *test)
{
	struct p2pmem_pool *pool = pool_big(test);
	struct pool_cpu c = { .pool = pool };
	void *addr;
	int cpu;

	for (c.order = 0; c.order <= 6; c.order++) {
		for_each_online_cpu(cpu)
			smp_call_function_single(cpu, pool_fill_cache, &c, 1);
		KUNIT_EXPECT_EQ(test, c.failed, 0);
		if (c.order < 5)
			KUNIT_EXPECT_GE_MSG(test, pool_all_cached(test, pool),
					    num_online_cpus() << c.order, "order %u", c.order);
		KUNIT_EXPECT_EQ(test, p2pmem_pool_available(pool), POOL_BIG);
		addr = p2pmem_pool_alloc(pool, POOL_BIG);
		KUNIT_EXPECT_PTR_EQ_MSG(test, addr, POOL_BASE,
					"order %u: cannot allocate the whole pool", c.order);
		KUNIT_EXPECT_EQ(test, pool_all_cached(test, pool), 0);
		KUNIT_EXPECT_EQ(test, p2pmem_pool_available(pool), 0);
		if (addr)
			p2pmem_pool_free(pool, addr, POOL_BIG);
	}
}

/* What one CPU takes another one returns, page by page. */
static void pages_wander_between_cpus(struct kunit *test)
{
	struct p2pmem_pool *pool = pool_big(test);
	struct pool_cpu c = { .pool = pool };
	unsigned int i, n = 0;
	void *addr;
	int cpu;

	for (i = 0; i < POOL_BIG / PAGE_SIZE; i++) {
		addr = p2pmem_pool_alloc(pool, PAGE_SIZE);
		n += !!addr;
		KUNIT_EXPECT_EQ(test, p2pmem_pool_available(pool), POOL_BIG - n * PAGE_SIZE);
	}
	KUNIT_EXPECT_EQ_MSG(test, n, POOL_BIG / PAGE_SIZE, "cannot allocate every page");
	KUNIT_EXPECT_NULL(test, p2pmem_pool_alloc(pool, 1));
	for (i = 0; i < POOL_BIG / PAGE_SIZE; i += 2)
		p2pmem_pool_free(pool, POOL_BASE + i * PAGE_SIZE, PAGE_SIZE);
	for_each_online_cpu(cpu)
		smp_call_function_single(cpu, pool_fill_cache, &c, 1);
	KUNIT_EXPECT_EQ(test, c.failed, 0);
	for (i = 1; i < POOL_BIG / PAGE_SIZE; i += 2)
		p2pmem_pool_free(pool, POOL_BASE + i * PAGE_SIZE, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(pool), POOL_BIG);
	addr = p2pmem_pool_alloc(pool, POOL_BIG);
	KUNIT_EXPECT_NOT_NULL(test, addr);
	if (addr)
		p2pmem_pool_free(pool, addr, POOL_BIG);
}

static void cpu_that_goes_keeps_nothing(struct kunit *test)
{
	struct p2pmem_pool *pool = pool_big(test);
	struct pool_cpu c = { .pool = pool };
	int cpu = cpumask_last(cpu_online_mask);

	if (!IS_ENABLED(CONFIG_HOTPLUG_CPU) || num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs, one of which can go");
	smp_call_function_single(cpu, pool_fill_cache, &c, 1);
	KUNIT_EXPECT_GT(test, p2pmem_pool_cached(pool, cpu), 0);
	if (remove_cpu(cpu))
		kunit_skip(test, "CPU %d cannot be unplugged", cpu);
	KUNIT_EXPECT_EQ(test, p2pmem_pool_cached(pool, cpu), 0);
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(pool), POOL_BIG);
	KUNIT_EXPECT_EQ(test, 0, add_cpu(cpu));
}

static int pool_no_slabs(struct gen_pool *slabs, unsigned long base, unsigned long nr, int node)
{
	return -ENOMEM;
}

static void pool_expect_no_chunk(struct kunit *test, struct p2pmem_pool *pool)
{
	KUNIT_EXPECT_EQ(test, p2pmem_pool_add(pool, POOL_BASE, SZ_8M, NUMA_NO_NODE), -ENOMEM);
	KUNIT_EXPECT_EQ(test, p2pmem_pool_size(pool), 0);
	KUNIT_EXPECT_NULL(test, p2pmem_pool_alloc(pool, 1));
}

/* First the chunk itself has no memory, then what genalloc needs for it. */
static void chunk_without_memory_is_not_added(struct kunit *test)
{
	struct p2pmem_pool *pool;

	fault_require(test);
	pool = p2pmem_pool_create("kunit", NUMA_NO_NODE);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, pool_free_action, pool));
	kunit_activate_static_stub(test, p2pmem_slabs_add, pool_no_slabs);
	pool_expect_no_chunk(test, pool);
	kunit_deactivate_static_stub(test, p2pmem_slabs_add);
	fault_arm(1);
	pool_expect_no_chunk(test, pool);
	KUNIT_EXPECT_TRUE_MSG(test, fault_disarm(), "no allocation failed");
	KUNIT_EXPECT_EQ(test, p2pmem_pool_add(pool, POOL_BASE, SZ_8M, NUMA_NO_NODE), 0);
	p2pmem_pool_open(pool);
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(pool), SZ_8M);
}

/* Pages that only the cache of another CPU has, one by one and as a run */
static void last_pages_in_another_cache(struct kunit *test)
{
	struct p2pmem_pool *pool = pool_big(test);
	int cpu = cpumask_last(cpu_online_mask);
	struct pool_cpu c = { .pool = pool };
	size_t held, n = 0;
	struct p2pmem_run run;
	void *addr[16];

	/* Its cache is filled, and this CPU takes the whole rest in one run. */
	smp_call_function_single(cpu, pool_fill_cache, &c, 1);
	KUNIT_ASSERT_EQ(test, c.failed, 0);
	held = p2pmem_pool_cached(pool, cpu);
	KUNIT_ASSERT_GT(test, held, 0);
	KUNIT_ASSERT_LE(test, held, ARRAY_SIZE(addr));
	while (p2pmem_pool_available(pool) > held * PAGE_SIZE) {
		/* of the shared part alone: a page that is no block of a cache */
		KUNIT_ASSERT_TRUE(test, p2pmem_store_promise(&pool->store, 1));
		KUNIT_ASSERT_EQ(test, p2pmem_pool_alloc_some(pool, PAGE_SIZE, &run, 1), 1);
	}
	KUNIT_EXPECT_EQ(test, p2pmem_pool_cached(pool, cpu), held);
	KUNIT_EXPECT_FALSE(test, p2pmem_store_promise(&pool->store, 1));
	while (n < held) {
		addr[n] = p2pmem_pool_alloc(pool, PAGE_SIZE);
		KUNIT_ASSERT_NOT_NULL_MSG(test, addr[n], "page %zu of %zu", n, held);
		n++;
	}
	KUNIT_EXPECT_NULL(test, p2pmem_pool_alloc(pool, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(pool), 0);
	while (n--)
		p2pmem_pool_free(pool, addr[n], PAGE_SIZE);
	/* Now as a list has them: all of them are promised, and none more. */
	smp_call_function_single(cpu, pool_fill_cache, &c, 1);
	KUNIT_EXPECT_FALSE(test, p2pmem_pool_promise(pool, (held + 1) * PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, p2pmem_pool_promise(pool, held * PAGE_SIZE));
	KUNIT_EXPECT_NULL_MSG(test, p2pmem_pool_alloc(pool, PAGE_SIZE), "it is promised");
	p2pmem_pool_unpromise(pool, held * PAGE_SIZE);
	addr[0] = p2pmem_pool_alloc(pool, PAGE_SIZE);
	KUNIT_EXPECT_NOT_NULL(test, addr[0]);
	if (addr[0])
		p2pmem_pool_free(pool, addr[0], PAGE_SIZE);
	/* All of it goes back in one call: first what is free is taken, too. */
	KUNIT_ASSERT_TRUE(test, p2pmem_pool_promise(pool, held * PAGE_SIZE));
	for (n = 0; n < held; n++)
		p2pmem_pool_alloc_some(pool, PAGE_SIZE, &run, 1);
	p2pmem_pool_free(pool, POOL_BASE, POOL_BIG);
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(pool), POOL_BIG);
}

/* What is promised to a list nobody else gets, by whatever way. */
static void promised_pages_are_kept(struct kunit *test)
{
	struct p2pmem_pool *pool = pool_big(test);
	struct p2pmem_run run[3];
	unsigned int i, runs;
	size_t got = 0, n = 0;

	KUNIT_ASSERT_TRUE(test, p2pmem_pool_promise(pool, POOL_BIG - SZ_128K));
	KUNIT_EXPECT_FALSE(test, p2pmem_pool_promise(pool, SZ_128K + PAGE_SIZE));
	KUNIT_EXPECT_NULL(test, p2pmem_pool_alloc(pool, SZ_128K + PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(pool), POOL_BIG);
	while (p2pmem_pool_alloc(pool, PAGE_SIZE))
		n++;
	KUNIT_EXPECT_EQ(test, n * PAGE_SIZE, SZ_128K);
	KUNIT_EXPECT_NULL(test, p2pmem_pool_alloc_block(pool, PAGE_SIZE));
	while (got < POOL_BIG - SZ_128K) {
		runs = p2pmem_pool_alloc_some(pool, POOL_BIG - SZ_128K - got, run, 3);
		KUNIT_ASSERT_GT(test, runs, 0);
		KUNIT_ASSERT_LE(test, runs, 3);
		for (i = 0; i < runs; i++) {
			KUNIT_ASSERT_NOT_NULL(test, run[i].page);
			KUNIT_ASSERT_GT(test, run[i].nr, 0);
			got += run[i].nr << PAGE_SHIFT;
		}
	}
	KUNIT_EXPECT_EQ(test, got, POOL_BIG - SZ_128K);
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(pool), 0);
	p2pmem_pool_free(pool, POOL_BASE, POOL_BIG);
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(pool), POOL_BIG);
}

/* An address that is free in the shared part, or is none of the pool's */
static int pool_warned;

static void pool_warn(const char *provider)
{
	KUNIT_EXPECT_STREQ(current->kunit_test, provider, "kunit");
	pool_warned++;
}

static void freed_twice_in_the_shared_part(struct kunit *test)
{
	struct p2pmem_pool *pool = pool_big(test);
	void *addr = p2pmem_pool_alloc(pool, SZ_2M);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	pool_warned = 0;
	kunit_activate_static_stub(test, p2pmem_warn_not_allocated, pool_warn);
	p2pmem_pool_free(pool, addr, SZ_2M);
	KUNIT_EXPECT_EQ(test, pool_warned, 0);
	p2pmem_pool_free(pool, addr, SZ_2M);
	p2pmem_pool_free(pool, POOL_BASE + POOL_BIG, SZ_2M);
	KUNIT_EXPECT_EQ(test, pool_warned, 2);
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(pool), POOL_BIG);
	KUNIT_EXPECT_EQ(test, pool->store.free, POOL_BIG / PAGE_SIZE);
}

/* Single pages up to and beyond the end of a chunk leave a cache as one run. */
static void neighbours_in_two_chunks(struct kunit *test)
{
	void *end = POOL_BASE + POOL_BIG, *addr;
	struct p2pmem_pool *pool = pool_big(test);

	KUNIT_ASSERT_EQ(test, 0, p2pmem_pool_add(pool, end, SZ_2M, NUMA_NO_NODE));
	p2pmem_pool_open(pool);
	KUNIT_ASSERT_PTR_EQ(test, p2pmem_pool_alloc(pool, POOL_BIG), POOL_BASE);
	KUNIT_ASSERT_PTR_EQ(test, p2pmem_pool_alloc(pool, SZ_2M), end);
	pool_warned = 0;
	kunit_activate_static_stub(test, p2pmem_warn_not_allocated, pool_warn);
	p2pmem_pool_free(pool, POOL_BASE, POOL_BIG - SZ_16K);
	p2pmem_pool_free(pool, end + SZ_16K, SZ_2M - SZ_16K);
	for (addr = end - SZ_16K; addr < end + SZ_16K; addr += PAGE_SIZE)
		p2pmem_pool_free(pool, addr, PAGE_SIZE);
	KUNIT_EXPECT_PTR_EQ(test, p2pmem_pool_alloc(pool, POOL_BIG), POOL_BASE);
	KUNIT_EXPECT_PTR_EQ(test, p2pmem_pool_alloc(pool, SZ_2M), end);
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(pool), 0);
	KUNIT_EXPECT_EQ(test, pool_warned, 0);
	p2pmem_pool_free(pool, POOL_BASE, POOL_BIG);
	p2pmem_pool_free(pool, end, SZ_2M);
}

/* Of a run with a page that is free already the others are freed, and nothing is free twice. */
static void freed_twice_among_neighbours(struct kunit *test)
{
	struct p2pmem_pool *pool = pool_big(test);
	void *addr = p2pmem_pool_alloc(pool, SZ_64K), *page;

	KUNIT_ASSERT_NOT_NULL(test, addr);
	pool_warned = 0;
	kunit_activate_static_stub(test, p2pmem_warn_not_allocated, pool_warn);
	for (page = addr; page < addr + SZ_32K; page += PAGE_SIZE)
		p2pmem_pool_free(pool, page, PAGE_SIZE);
	p2pmem_pool_free(pool, addr + SZ_8K, PAGE_SIZE);
	p2pmem_pool_free(pool, addr + SZ_32K, SZ_32K);
	KUNIT_EXPECT_PTR_EQ(test, p2pmem_pool_alloc(pool, POOL_BIG), POOL_BASE);
	KUNIT_EXPECT_EQ(test, pool_warned, 1);
	KUNIT_EXPECT_EQ(test, pool->store.free, 0);
	p2pmem_pool_free(pool, POOL_BASE, POOL_BIG);
	KUNIT_EXPECT_EQ(test, pool->store.free, POOL_BIG / PAGE_SIZE);
}

/* A page of a longer free block is no free page of its own, but free. */
static void freed_twice_in_a_longer_block(struct kunit *test)
{
	struct page *first = virt_to_page(POOL_BASE);
	struct p2pmem_run run[] = { { first, 16 }, { first + 20, 1 }, { first + 3, 1 } };
	struct p2pmem_pool *pool = pool_big(test);

	KUNIT_ASSERT_PTR_EQ(test, p2pmem_pool_alloc(pool, POOL_BIG), POOL_BASE);
	pool_warned = 0;
	kunit_activate_static_stub(test, p2pmem_warn_not_allocated, pool_warn);
	p2pmem_pool_free_runs(pool, &run[0], 1);
	p2pmem_pool_free_runs(pool, &run[1], 1);
	KUNIT_EXPECT_EQ(test, pool_warned, 0);
	p2pmem_pool_free_runs(pool, &run[2], 1);
	KUNIT_EXPECT_EQ(test, pool_warned, 1);
	KUNIT_EXPECT_EQ(test, pool->store.free, 17);
	p2pmem_pool_free(pool, POOL_BASE + SZ_64K, SZ_16K);
	p2pmem_pool_free(pool, POOL_BASE + SZ_64K + SZ_16K + PAGE_SIZE,
			 POOL_BIG - SZ_64K - SZ_16K - PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(pool), POOL_BIG);
	KUNIT_EXPECT_EQ(test, pool_warned, 1);
}

static struct kunit_case pool_cache_cases[] = {
	KUNIT_CASE(full_caches_are_flushed),
	KUNIT_CASE(pages_wander_between_cpus),
	KUNIT_CASE(cpu_that_goes_keeps_nothing),
	KUNIT_CASE(chunk_without_memory_is_not_added),
	KUNIT_CASE(last_pages_in_another_cache),
	KUNIT_CASE(promised_pages_are_kept),
	KUNIT_CASE(freed_twice_in_the_shared_part),
	KUNIT_CASE(neighbours_in_two_chunks),
	KUNIT_CASE(freed_twice_among_neighbours),
	KUNIT_CASE(freed_twice_in_a_longer_block),
	{ }
};

static struct kunit_suite pool_cache_suite = {
	.name = "p2pmem-pool-cache",
	.test_cases = pool_cache_cases,
};

kunit_test_suite(pool_cache_suite);
