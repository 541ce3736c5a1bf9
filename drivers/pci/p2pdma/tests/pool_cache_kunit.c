// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the caches that the CPUs have of a pool
 *
 * No PCI is needed: a pool hands out addresses and touches none. Caches are filled in hard
 * interrupts, on each CPU.
 */
#include <kunit/test.h>
#include <linux/cpu.h>
#include <linux/sizes.h>
#include <linux/smp.h>
#include "../p2pdma.h"
#include "fault.h"

#define POOL_BASE	((void *)0xffff900000000000UL)

static void pool_free_action(void *pool)
{
	p2pmem_pool_destroy(pool);
}

/**
 * struct pool_cpu - what a CPU does in a hard interrupt
 * @pool: takes from it and returns to it
 * @order: runs of 2^order pages
 * @failed: runs that were not to be had
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
	struct p2pmem_pool *pool = p2pmem_pool_create(NUMA_NO_NODE);

	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, pool_free_action, pool));
	KUNIT_ASSERT_EQ(test, 0, p2pmem_pool_add(pool, POOL_BASE, POOL_BIG,
						 NUMA_NO_NODE));
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

/* Each CPU has its cache full: all of it is available, and all of it is to be had. */
static void caches_are_given_back(struct kunit *test)
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
					"order %u: not all of it was to be had", c.order);
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
	KUNIT_EXPECT_EQ_MSG(test, n, POOL_BIG / PAGE_SIZE, "a page was not to be had");
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

static void chunk_without_memory_is_not_added(struct kunit *test)
{
	struct p2pmem_pool *pool;
	unsigned int n;
	int ret;

	fault_require(test);
	pool = p2pmem_pool_create(NUMA_NO_NODE);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, pool_free_action, pool));
	for (n = 1; n < FAULT_STEPS; n++) {
		fault_arm(n);
		ret = p2pmem_pool_add(pool, POOL_BASE, SZ_8M, NUMA_NO_NODE);
		if (!fault_disarm() || !ret)
			break;
		KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
		KUNIT_EXPECT_EQ(test, p2pmem_pool_size(pool), 0);
		KUNIT_EXPECT_NULL(test, p2pmem_pool_alloc(pool, 1));
	}
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_GE_MSG(test, n, 2, "no allocation failed");
	KUNIT_EXPECT_EQ(test, p2pmem_pool_available(pool), SZ_8M);
}

static struct kunit_case pool_cache_cases[] = {
	KUNIT_CASE(caches_are_given_back),
	KUNIT_CASE(pages_wander_between_cpus),
	KUNIT_CASE(cpu_that_goes_keeps_nothing),
	KUNIT_CASE(chunk_without_memory_is_not_added),
	{ }
};

static struct kunit_suite pool_cache_suite = {
	.name = "p2pmem-pool-cache",
	.test_cases = pool_cache_cases,
};

kunit_test_suite(pool_cache_suite);
