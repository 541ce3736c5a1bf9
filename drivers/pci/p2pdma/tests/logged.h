/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: records log lines for KUnit
 *
 * Records log lines that contain a text. Tests compare whole lines: both ends, the
 * reason and the remedy.
 *
 *	l = logged_begin(test, "using system memory for ");
 *	function_under_test();
 *	KUNIT_EXPECT_STREQ(test, logged_line(l, 1), "nvmet: using system memory for ...");
 */
#ifndef _P2PMEM_TESTS_LOGGED_H
#define _P2PMEM_TESTS_LOGGED_H

#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/pci-p2pmem.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <trace/events/printk.h>

/**
 * struct logged - lines of the log
 * @lock: guards @last
 * @words: text of the lines to record
 * @last: the last such line without the newline; empty if there was none
 * @line: result of logged_line()
 */
struct logged {
	raw_spinlock_t lock;		/* see above */
	const char *words;
	char last[PCI_P2PMEM_TEXT + 256];
	char line[PCI_P2PMEM_TEXT + 256];
};

/* A caller of printk() may hold any lock, so this uses only its own lock. */
static inline void logged_probe(void *data, const char *text, size_t len)
{
	struct logged *l = data;
	unsigned long flags;

	if (!strnstr(text, l->words, len))
		return;
	raw_spin_lock_irqsave(&l->lock, flags);
	strscpy(l->last, text, min(len + 1, sizeof(l->last)));
	raw_spin_unlock_irqrestore(&l->lock, flags);
}

static inline void logged_end(void *l)
{
	unregister_trace_console(logged_probe, l);
	tracepoint_synchronize_unregister();
}

/* Record lines until the test ends; skip the test if the kernel has no tracepoints */
static inline struct logged *logged_begin(struct kunit *test, const char *words)
{
	struct logged *l = kunit_kzalloc(test, sizeof(*l), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, l);
	raw_spin_lock_init(&l->lock);
	l->words = words;
	if (register_trace_console(logged_probe, l))
		kunit_skip(test, "the log cannot be recorded: needs TRACEPOINTS");
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, logged_end, l), 0);
	return l;
}

/* Return the last line since the previous call; "" if none is logged within some seconds */
static inline const char *logged_line(struct logged *l, unsigned int seconds)
{
	unsigned int i;

	l->line[0] = '\0';
	for (i = 0; !l->line[0] && i <= 50 * seconds; i++) {
		if (i)
			msleep(20);
		raw_spin_lock_irq(&l->lock);
		strscpy(l->line, l->last);
		l->last[0] = '\0';
		raw_spin_unlock_irq(&l->lock);
	}
	return l->line;
}

#endif /* _P2PMEM_TESTS_LOGGED_H */
