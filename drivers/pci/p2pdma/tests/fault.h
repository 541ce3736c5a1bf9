/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: a single failing allocation, for KUnit
 *
 * Between fault_arm() and fault_disarm() the n-th allocation of this task fails. A loop
 * over n from 1, until fault_disarm() returns false because there were fewer, lets every
 * allocation of the tested code fail once. The kernel's debug options allocate memory
 * too and tolerate failures, so the tested code may succeed although one failed.
 *
 *	for (n = 1; n < FAULT_STEPS; n++) {
 *		fault_arm(n);
 *		ret = function_under_test();
 *		if (!fault_disarm())
 *			break;
 *		... ret is -ENOMEM and no object is left behind, or ret is 0
 *	}
 */
#ifndef _P2PMEM_TESTS_FAULT_H
#define _P2PMEM_TESTS_FAULT_H

#include <kunit/test.h>
#include <linux/sched.h>
#include <linux/slab.h>

/* More allocations than any tested function makes */
#define FAULT_STEPS	500

#ifdef CONFIG_FAULT_INJECTION
static inline void fault_arm(unsigned int n)
{
	WRITE_ONCE(current->fail_nth, n);
}

/* Returns true if the allocation that had to fail was reached */
static inline bool fault_disarm(void)
{
	bool reached = !READ_ONCE(current->fail_nth);

	WRITE_ONCE(current->fail_nth, 0);
	return reached;
}
#else
static inline void fault_arm(unsigned int n) { }
static inline bool fault_disarm(void) { return false; }
#endif

/* Skips a test on kernels where allocations, including those that may sleep, never fail */
static inline void fault_require(struct kunit *test)
{
	void *p;

	fault_arm(1);
	p = kmalloc(32, GFP_KERNEL);
	fault_disarm();
	kfree(p);
	if (p)
		kunit_skip(test, "allocations cannot fail: needs FAILSLAB, ignore-gfp-wait=N");
}

#endif /* _P2PMEM_TESTS_FAULT_H */
