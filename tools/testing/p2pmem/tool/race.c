// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem_race, a deliberate data race
 *
 * Floor 0.
 *
 * When the module is loaded, two threads increment a number without a lock for @ms milliseconds.
 * A kernel with KCSAN must report that (tests/guest/kcsan.sh); otherwise it has no effect.
 *
 * For tests: never part of a production kernel.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

static unsigned int ms = 2000;
module_param(ms, uint, 0444);
MODULE_PARM_DESC(ms, "duration of the race in milliseconds (default 2000)");

static unsigned long race_number;

/* Both threads run this function, so a report has its name twice */
static noinline void race_add(void)
{
	race_number++;
}

static int race_thread(void *unused)
{
	while (!kthread_should_stop()) {
		race_add();
		cond_resched();
	}
	return 0;
}

static int __init race_init(void)
{
	unsigned long end = jiffies + msecs_to_jiffies(ms);
	struct task_struct *other = kthread_run(race_thread, NULL, "p2pmem_race");

	if (IS_ERR(other))
		return PTR_ERR(other);
	while (time_before(jiffies, end)) {
		race_add();
		cond_resched();
	}
	kthread_stop(other);
	return 0;
}

static void __exit race_exit(void)
{
}

module_init(race_init);
module_exit(race_exit);
MODULE_DESCRIPTION("PCI peer-to-peer memory: a data race that a test must find");
MODULE_LICENSE("GPL");
