// SPDX-License-Identifier: GPL-2.0-only
/* Wrong on purpose: locks that stay, and sleeping under those that forbid it. */
#include <linux/cleanup.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

int fault_forgotten(const int *value)
{
	rcu_read_lock();
	if (!value)
		return -ENOENT;			/* lint: locks */
	rcu_read_unlock();
	return 0;
}

void fault_for_ever(void)
{
	rcu_read_lock();
}						/* lint: locks */

void *fault_guard(void)
{
	guard(rcu)();
	return kzalloc(64, GFP_KERNEL);		/* lint: locks */
}

void fault_spinlock(spinlock_t *spin, struct mutex *lock)
{
	guard(spinlock_irqsave)(spin);
	mutex_lock(lock);			/* lint: locks */
	mutex_unlock(lock);
}

void fault_scoped(struct mutex *lock)
{
	scoped_guard(rcu) {
		guard(mutex)(lock);		/* lint: locks */
	}
	scoped_guard(rcu)
		might_sleep();			/* lint: locks */
}

/* this is as it must be */
void *fault_atomic(struct mutex *lock)
{
	scoped_guard(rcu) {
		cpu_relax();
	}
	guard(mutex)(lock);
	return kzalloc(64, GFP_KERNEL);
}

int fault_paired(const int *value)
{
	int ret;

	rcu_read_lock();
	ret = value ? *value : -ENOENT;
	rcu_read_unlock();
	return ret;
}
