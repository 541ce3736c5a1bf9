// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: memory that is freed twice, and memory in hard interrupts
 *
 * What a driver frees that it does not have stays where it is, with one warning, and
 * everything else goes back. All on
 *
 *	host - rp - up -+- dn0 - card	lends BAR 2, 4 MiB
 *			`- dn1 ...	nic and drive, kit_one_switch
 */
#include <kunit/static_stub.h>
#include <linux/irq_work.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/smp.h>

#include "../pages.h"
#include "lendkit.h"

static int free_warned;
static const char *free_name;

/* Instead of the warning, which would count as a fault of the test */
static void free_warn(const char *provider)
{
	KUNIT_EXPECT_STREQ(current->kunit_test, provider, free_name);
	free_warned++;
}

static struct pci_dev *free_kit(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = kit_lend(test, f, "card");

	free_warned = 0;
	free_name = pci_name(card);
	kunit_activate_static_stub(test, p2pmem_warn_not_allocated, free_warn);
	return card;
}

/* Each page of the pool is there once. */
static void free_expect_whole(struct kunit *test, struct pci_dev *card)
{
	void *addr;

	KUNIT_EXPECT_EQ(test, lend_used(card), 0);
	addr = pci_p2pmem_alloc(card, SZ_4M, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, addr);
	KUNIT_EXPECT_NULL(test, pci_p2pmem_alloc(card, 1, GFP_KERNEL));
	if (addr)
		pci_p2pmem_free(addr, SZ_4M);
	KUNIT_EXPECT_EQ(test, lend_used(card), 0);
}

static void run_that_is_freed_twice(struct kunit *test)
{
	static const size_t sizes[] = { SZ_4K, SZ_8K, SZ_64K, SZ_128K, SZ_128K + SZ_4K, SZ_2M };
	struct pci_dev *card = free_kit(test);
	void *addr;
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		addr = pci_p2pmem_alloc(card, sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, addr);
		pci_p2pmem_free(addr, sizes[i]);
		KUNIT_EXPECT_EQ(test, free_warned, 0);
		pci_p2pmem_free(addr, sizes[i]);
		KUNIT_EXPECT_EQ_MSG(test, free_warned, 1, "%#zx bytes", sizes[i]);
		free_warned = 0;
		free_expect_whole(test, card);
	}
}

/* Of a run, one page was freed before; the others go back with the run. */
static void part_that_is_freed_twice(struct kunit *test)
{
	struct pci_dev *card = free_kit(test);
	void *addr = pci_p2pmem_alloc(card, SZ_64K, GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, addr);
	pci_p2pmem_free(addr + SZ_8K, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, free_warned, 0);
	pci_p2pmem_free(addr, SZ_64K);
	KUNIT_EXPECT_EQ(test, free_warned, 1);
	free_expect_whole(test, card);
	/* Never allocated since it was lent, and allocated by somebody else long ago */
	for (i = 0; i < SZ_64K / PAGE_SIZE; i++)
		pci_p2pmem_free(addr + i * PAGE_SIZE, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, free_warned, 1 + SZ_64K / PAGE_SIZE);
	free_expect_whole(test, card);
}

/* It comes back with the last reference, not with what its user does once more. */
static void referenced_page_that_is_freed_twice(struct kunit *test)
{
	struct pci_dev *card = free_kit(test);
	struct lend_hold *hold = lend_alloc(test, card, PAGE_SIZE);
	struct page *page = lend_ref(test, hold, 0);
	void *addr = hold->addr;

	lend_free(test, hold);
	KUNIT_EXPECT_NULL(test, p2pmem_page_grant(page));
	pci_p2pmem_free(addr, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, free_warned, 1);
	KUNIT_EXPECT_EQ(test, page_ref_count(page), 1);
	KUNIT_EXPECT_EQ(test, lend_used(card), PAGE_SIZE);
	lend_unref(test, page);
	KUNIT_EXPECT_TRUE(test, lend_wait(!lend_used(card)));
	pci_p2pmem_free(addr, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, free_warned, 2);
	free_expect_whole(test, card);
}

static void list_that_is_freed_twice(struct kunit *test)
{
	struct pci_dev *card = free_kit(test);
	struct scatterlist *sgl, *other;
	unsigned int nents;

	sgl = pci_p2pmem_sgl_alloc(card, &nents, SZ_128K, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sgl);
	preempt_disable();	/* the next list of this CPU is this one again */
	pci_p2pmem_sgl_free(sgl);
	pci_p2pmem_sgl_free(sgl);
	sgl = pci_p2pmem_sgl_alloc(card, &nents, SZ_128K, GFP_ATOMIC);
	other = pci_p2pmem_sgl_alloc(card, &nents, SZ_128K, GFP_ATOMIC);
	preempt_enable();
	KUNIT_EXPECT_EQ(test, free_warned, 1);
	KUNIT_EXPECT_NOT_NULL(test, sgl);
	KUNIT_EXPECT_NOT_NULL(test, other);
	KUNIT_EXPECT_PTR_NE_MSG(test, sgl, other, "two requests have one list");
	pci_p2pmem_sgl_free(sgl);
	pci_p2pmem_sgl_free(other);
	free_expect_whole(test, card);
}

/* The pages of a list go back with it, and not once more by their addresses. */
static void page_of_a_list_that_was_freed(struct kunit *test)
{
	static const u32 sizes[] = { SZ_4K, SZ_8K, SZ_128K, SZ_128K + SZ_4K, SZ_1M + SZ_4K };
	struct pci_dev *card = free_kit(test);
	struct scatterlist *sgl, *sg;
	unsigned int nents, i;
	void **addr;
	int j;

	addr = kunit_kcalloc(test, PFN_UP(SZ_1M + SZ_4K), sizeof(*addr), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	for (j = 0; j < ARRAY_SIZE(sizes); j++) {
		sgl = pci_p2pmem_sgl_alloc(card, &nents, sizes[j], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, sgl);
		for_each_sg(sgl, sg, nents, i)
			addr[i] = sg_virt(sg);
		pci_p2pmem_sgl_free(sgl);
		KUNIT_EXPECT_EQ(test, free_warned, 0);
		for (i = 0; i < nents; i++)
			pci_p2pmem_free(addr[i], PAGE_SIZE);
		KUNIT_EXPECT_EQ_MSG(test, free_warned, nents, "%#x bytes", sizes[j]);
		free_warned = 0;
		free_expect_whole(test, card);
	}
}

/**
 * struct free_irq - what a hard interrupt does
 * @work: raises it
 * @card: the provider that it allocates from
 * @grant: the grant that it allocates under
 * @failed: number of failed allocations
 */
struct free_irq {
	struct irq_work work;
	struct pci_dev *card;
	struct pci_p2pmem_grant *grant;
	atomic_t failed;
};

static void free_in_irq(void *arg)
{
	static const u32 sizes[] = { SZ_4K, SZ_64K, SZ_128K, SZ_1M + SZ_4K };
	struct free_irq *q = arg;
	struct scatterlist *sgl, *list;
	unsigned int nents, i;
	void *addr;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		addr = pci_p2pmem_alloc(q->card, sizes[i], GFP_ATOMIC);
		list = pci_p2pmem_sgl_alloc(q->card, &nents, sizes[i], GFP_ATOMIC);
		sgl = pci_p2pmem_grant_sgl_alloc(q->grant, &nents, sizes[i], GFP_ATOMIC, NULL);
		atomic_add(!in_hardirq() || !addr || !list || IS_ERR(sgl), &q->failed);
		if (addr)
			pci_p2pmem_free(addr, sizes[i]);
		if (list)
			pci_p2pmem_sgl_free(list);
		if (!IS_ERR(sgl))
			pci_p2pmem_sgl_free(sgl);
	}
}

static void free_in_irq_work(struct irq_work *work)
{
	free_in_irq(container_of(work, struct free_irq, work));
}

static void hard_interrupts_allocate_and_free(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct free_irq q = { .card = kit_lend(test, f, "card") };
	struct device *nic = kit_client(test, f, "nic");
	struct pci_p2pmem_verdict why;

	q.grant = pci_p2pmem_grant_create(q.card, &nic, 1, KTIME_MAX, NULL, NULL,
					  "kunit", &why);
	KUNIT_ASSERT_FALSE(test, IS_ERR(q.grant));
	q.work = IRQ_WORK_INIT_HARD(free_in_irq_work);
	KUNIT_EXPECT_TRUE(test, irq_work_queue(&q.work));
	irq_work_sync(&q.work);
	smp_call_function(free_in_irq, &q, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&q.failed), 0);
	pci_p2pmem_grant_end(q.grant);
	free_expect_whole(test, q.card);
}

#define FREE_ROUNDS	100

/**
 * struct free_two - two tasks that free the same run at the same moment
 * @test: the test, for the stub of the warning
 * @addr: the run
 * @size: its length in bytes
 * @round: number of the round, from 1 on
 * @done: how often one of them freed
 */
struct free_two {
	struct kunit *test;
	void *addr;
	size_t size;
	atomic_t round;
	atomic_t done;
};

static void free_one_of_two(void *arg)
{
	struct free_two *f = arg;
	int round;

	current->kunit_test = f->test;
	for (round = 1; round <= FREE_ROUNDS; round++) {
		while (atomic_read(&f->round) < round)
			cond_resched();
		pci_p2pmem_free(f->addr, f->size);
		atomic_inc(&f->done);
	}
	current->kunit_test = NULL;
}

/* Exactly one of them frees the run, and the other one causes the warning at once. */
static void two_tasks_free_one_run(struct kunit *test)
{
	static const size_t sizes[] = { SZ_4K, SZ_16K, SZ_128K };
	struct pci_dev *card = free_kit(test);
	struct lend_task *task[2];
	struct free_two *f;
	int i, round;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, f);
		f->test = test;
		f->size = sizes[i];
		task[0] = lend_start(test, free_one_of_two, f);
		task[1] = lend_start(test, free_one_of_two, f);
		for (round = 1; round <= FREE_ROUNDS; round++) {
			free_warned = 0;
			f->addr = pci_p2pmem_alloc(card, f->size, GFP_KERNEL);
			KUNIT_EXPECT_NOT_NULL(test, f->addr);
			atomic_inc(&f->round);
			while (atomic_read(&f->done) < 2 * round)
				cond_resched();
			KUNIT_EXPECT_EQ_MSG(test, free_warned, 1, "round %d of %zu", round,
					    f->size);
			KUNIT_EXPECT_EQ(test, lend_used(card), 0);
		}
		lend_join(test, task[0]);
		lend_join(test, task[1]);
		free_expect_whole(test, card);
	}
}

static struct kunit_case free_cases[] = {
	KUNIT_CASE(two_tasks_free_one_run),
	KUNIT_CASE(run_that_is_freed_twice),
	KUNIT_CASE(part_that_is_freed_twice),
	KUNIT_CASE(referenced_page_that_is_freed_twice),
	KUNIT_CASE(list_that_is_freed_twice),
	KUNIT_CASE(page_of_a_list_that_was_freed),
	KUNIT_CASE(hard_interrupts_allocate_and_free),
	{ }
};

static struct kunit_suite free_suite = {
	.name = "p2pmem-free",
	.test_cases = free_cases,
};

kunit_test_suite(free_suite);
