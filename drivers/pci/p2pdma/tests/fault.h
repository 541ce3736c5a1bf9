/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: a lack of memory in just one place, for KUnit
 *
 * Between fault_arm() and fault_disarm() the n-th allocation of this task fails. A
 * loop over n from 1, until fault_disarm() says that there were fewer, walks through
 * every allocation of what is between the two. The kernel's debug options allocate
 * too, and do without: so what is between may well succeed although one failed.
 *
 *	for (n = 1; n < FAULT_STEPS; n++) {
 *		fault_arm(n);
 *		ret = what_is_tested();
 *		if (!fault_disarm())
 *			break;
 *		... ret is -ENOMEM and nothing is left behind, or it is 0
 *	}
 */
#ifndef _P2PMEM_TESTS_FAULT_H
#define _P2PMEM_TESTS_FAULT_H

#include <kunit/test.h>
#include <linux/sched.h>
#include <linux/slab.h>

/* More allocations than anything here makes */
#define FAULT_STEPS	500

#ifdef CONFIG_FAULT_INJECTION
static inline void fault_arm(unsigned int n)
{
	WRITE_ONCE(current->fail_nth, n);
}

/* Whether the allocation that was to fail was reached */
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

/* Skips a test where allocations cannot be made to fail, those that may sleep included */
static inline void fault_require(struct kunit *test)
{
	void *p;

	fault_arm(1);
	p = kmalloc(32, GFP_KERNEL);
	fault_disarm();
	kfree(p);
	if (p)
		kunit_skip(test, "allocations do not fail here: needs FAILSLAB, ignore-gfp-wait=N");
}

#endif /* _P2PMEM_TESTS_FAULT_H */
