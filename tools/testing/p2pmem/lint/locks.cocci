// SPDX-License-Identifier: GPL-2.0-only
//
// rcu_read_lock() and rcu_read_unlock() must be paired, and no function that may sleep may be called
// where sleeping is forbidden, including by a guard, which the kernel's semantic patches do not support.

virtual report

// ---- a return without the unlock

@unpaired exists@
position p;
@@
rcu_read_lock();
... when != rcu_read_unlock();
return@p ...;

// ---- sleeping while a guard holds a lock until the end of the block

@guarded exists@
identifier kind =~ "^(rcu|(raw_)?spinlock(_irq(save)?)?|(read|write)_lock(_irq(save)?)?|preempt|irq|irqsave)$";
identifier sleep =~ "^(mutex_lock(_interruptible|_killable|_nested)?|down(_read|_write)?|msleep.*|ssleep|usleep_range|fsleep|schedule(_timeout.*)?|wait_event.*|wait_for_completion.*|flush_(work|workqueue)|cancel_(delayed_)?work_sync|synchronize_(rcu|net|srcu)|rcu_barrier|cond_resched|might_sleep|vmalloc|vzalloc|copy_(to|from)_user|device_lock|kthread_stop|debugfs_create_.*|request_irq)$";
symbol mutex;
position p;
@@
guard(kind)(...);
... when any
(
sleep@p(...)
|
guard@p(mutex)(...)
)

@guarded_alloc exists@
identifier kind =~ "^(rcu|(raw_)?spinlock(_irq(save)?)?|(read|write)_lock(_irq(save)?)?|preempt|irq|irqsave)$";
identifier alloc =~ "alloc|dup|printf|create|insert|store";
position p;
@@
guard(kind)(...);
... when any
alloc@p(...,\(GFP_KERNEL\|GFP_KERNEL | ...\),...)

@scoped exists@
iterator name scoped_guard;
identifier kind =~ "^(rcu|(raw_)?spinlock(_irq(save)?)?|(read|write)_lock(_irq(save)?)?|preempt|irq|irqsave)$";
identifier sleep =~ "^(mutex_lock(_interruptible|_killable|_nested)?|down(_read|_write)?|msleep.*|ssleep|usleep_range|fsleep|schedule(_timeout.*)?|wait_event.*|wait_for_completion.*|flush_(work|workqueue)|cancel_(delayed_)?work_sync|synchronize_(rcu|net|srcu)|rcu_barrier|cond_resched|might_sleep|vmalloc|vzalloc|copy_(to|from)_user|device_lock|kthread_stop|debugfs_create_.*|request_irq)$";
symbol mutex;
position p;
@@
scoped_guard(kind, ...)
{
<+...
(
sleep@p(...)
|
guard@p(mutex)(...)
)
...+>
}

@scoped_alloc exists@
iterator name scoped_guard;
identifier kind =~ "^(rcu|(raw_)?spinlock(_irq(save)?)?|(read|write)_lock(_irq(save)?)?|preempt|irq|irqsave)$";
identifier alloc =~ "alloc|dup|printf|create|insert|store";
position p;
@@
scoped_guard(kind, ...)
{
<+...
alloc@p(...,\(GFP_KERNEL\|GFP_KERNEL | ...\),...)
...+>
}

@script:python@
p << unpaired.p;
@@
print("%s:%s: returns without rcu_read_unlock()" % (p[0].file, p[0].line))

@script:python@
p << guarded.p;
@@
print("%s:%s: may sleep, which a guard forbids here" % (p[0].file, p[0].line))

@script:python@
p << guarded_alloc.p;
@@
print("%s:%s: GFP_KERNEL may sleep, which a guard forbids here" % (p[0].file, p[0].line))

@script:python@
p << scoped.p;
@@
print("%s:%s: may sleep, which a guard forbids here" % (p[0].file, p[0].line))

@script:python@
p << scoped_alloc.p;
@@
print("%s:%s: GFP_KERNEL may sleep, which a guard forbids here" % (p[0].file, p[0].line))
