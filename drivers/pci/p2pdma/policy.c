// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: which host bridges and processors are allowed, and who says so
 *
 * Floor 1.
 *
 * A list that is built in (facts.c), and the changes that an
 * administrator makes to it by the parameter host_bridges: at load, on the kernel's
 * command line, while running. Knows ids, not devices: hostbridge.c asks it.
 *
 * Built in, the parameter is set long before any initcall, when nothing can be
 * allocated; and a module that the boot drive's driver needs must not fail for a word
 * that is mistyped. So the list is static, and at load such a word is told and left
 * out.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/cred.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/sysfs.h>
#include <linux/uidgid.h>
#include "p2pdma.h"

#define P2PMEM_BOTH	(P2PMEM_WITHIN | P2PMEM_ACROSS)

/**
 * struct p2pmem_policy_row - what an administrator said of one id
 * @entry: of which
 * @add: what it allows beyond the facts
 * @mask: what of the facts it takes back
 */
struct p2pmem_policy_row {
	struct p2pmem_entry entry;
	u8 add;
	u8 mask;
};

/**
 * struct p2pmem_policy - all that administrators said
 * @nr: how many rows
 * @row: in the order in which their ids were first named; one more than may be named,
 *	so that there is always room to take back the built-in list
 */
struct p2pmem_policy {
	unsigned int nr;
	struct p2pmem_policy_row row[P2PMEM_POLICY_MAX + 1];
};

/*
 * Readers have p2pmem_policy under RCU. A writer prepares the table that is not in use, a
 * grace period after it last was, and then puts it in use.
 */
static struct p2pmem_policy p2pmem_policies[2];
static struct p2pmem_policy __rcu *p2pmem_policy = RCU_INITIALIZER(&p2pmem_policies[0]);

/* Guards the table that is not in use, and the pointer against other writers */
static DEFINE_MUTEX(p2pmem_policy_mutex);

/* Parameters are set before init, and then nobody reads, or has heard of a verdict. */
static bool p2pmem_running(void)
{
	return p2pmem_wq;
}

static bool p2pmem_same_entry(const struct p2pmem_entry *a, const struct p2pmem_entry *b)
{
	return a->vendor == b->vendor && a->device == b->device &&
		a->any_device == b->any_device && a->built_in == b->built_in &&
		a->family == b->family && a->model == b->model && !strcmp(a->cpu, b->cpu);
}

static struct p2pmem_policy_row *p2pmem_policy_find(struct p2pmem_policy *pol,
						    const struct p2pmem_entry *e)
{
	unsigned int i;

	for (i = 0; i < pol->nr; i++)
		if (p2pmem_same_entry(&pol->row[i].entry, e))
			return &pol->row[i];
	return NULL;
}

/* What an entry is a part of: a model of its family, a device of its vendor */
static struct p2pmem_policy_row *p2pmem_policy_find_wider(struct p2pmem_policy *pol,
							  const struct p2pmem_entry *e)
{
	struct p2pmem_entry wider = *e;

	if (e->built_in || e->any_device || (e->cpu[0] && e->model == P2PMEM_ANY_MODEL))
		return NULL;
	if (e->cpu[0])
		wider.model = P2PMEM_ANY_MODEL;
	else
		wider.any_device = true;
	wider.device = 0;
	return p2pmem_policy_find(pol, &wider);
}

/* The built-in list as a whole, which an administrator can take back */
static bool p2pmem_built_in_removed(struct p2pmem_policy *pol)
{
	static const struct p2pmem_entry built_in = { .built_in = true };

	return p2pmem_policy_find(pol, &built_in);
}

/* What is allowed to an entry besides what was said of it alone */
static u8 p2pmem_policy_base(struct p2pmem_policy *pol, const struct p2pmem_entry *e)
{
	struct p2pmem_policy_row *wider = p2pmem_policy_find_wider(pol, e);

	return p2pmem_fact(e) | (wider ? wider->add : 0);
}

/*
 * Returns 0, or -ENOSPC without a row for one more id. A removal that only undoes an
 * addition leaves nothing behind; every other one is kept, even of what nothing allows
 * now. So a row depends on the words about its own id only, and p2pmem_policy_print()
 * has a text for each, which gives the same row on a fresh table.
 */
static int p2pmem_policy_apply(struct p2pmem_policy *pol, const struct p2pmem_change *c)
{
	struct p2pmem_policy_row *row = p2pmem_policy_find(pol, &c->entry);
	u8 base = p2pmem_policy_base(pol, &c->entry);

	if (!row) {
		if (pol->nr >= P2PMEM_POLICY_MAX + c->entry.built_in)
			return -ENOSPC;
		row = &pol->row[pol->nr++];
		*row = (struct p2pmem_policy_row){ .entry = c->entry };
	}
	if (c->remove) {
		if ((base & c->bits) || !(row->add & c->bits))
			row->mask |= c->bits;
		row->add &= ~c->bits;
	} else {
		/* The built-in list is there or not; nothing is added to it. */
		row->add |= c->entry.built_in ? 0 : c->bits;
		row->mask &= ~c->bits;
	}
	if (!row->add && !row->mask) {
		/* in place, because reading them gives their order */
		pol->nr--;
		for (; row < &pol->row[pol->nr]; row++)
			row[0] = row[1];
	}
	return 0;
}

/* One line for the word that is no good */
static void p2pmem_policy_log_invalid(const char *word, int len, int error)
{
	switch (error) {
	case -ENOSPC:
		pr_err("host_bridges: no room for '%*pE' beside %d entries; it was left out; remove some\n",
		       len, word, P2PMEM_POLICY_MAX);
		break;
	default:
		pr_err("host_bridges: '%*pE' is no entry; it was left out; allowed are VVVV:DDDD, VVVV:*, VVVV:DDDD/across, built-in and cpu:VENDORID:FAMILY[:MODEL], after + or -, separated by commas\n",
		       len, word);
	}
}

/*
 * At load, a removal that is not understood may have been of any fact, and whoever wrote
 * it counts on it. So it removes them all: paths are refused, not trusted.
 */
static int p2pmem_policy_drop_built_in(struct p2pmem_policy *pol, const char *word, int len)
{
	const struct p2pmem_change all = {
		.entry.built_in = true,
		.bits = P2PMEM_BOTH,
		.remove = true,
	};

	pr_crit("host_bridges: '%*pE' removes something that is not understood: to be safe, nothing of the built-in list is trusted; correct it, or write +built-in\n",
		len, word);
	return p2pmem_policy_apply(pol, &all);
}

/*
 * Applies the words of a list. While running, all or none: the first bad one is told and
 * returned. At load nobody can be asked again: a bad one is told and left out.
 */
static int p2pmem_policy_parse(struct p2pmem_policy *pol, const char *list, size_t len,
			       bool at_load)
{
	const char *end = list + len, *next;
	struct p2pmem_change c;
	int ret, shown;

	for (; list <= end; list = next + 1) {
		next = memchr(list, ',', end - list) ?: end;
		ret = p2pmem_parse_change(list, next - list, &c) ?:
			p2pmem_policy_apply(pol, &c);
		if (!ret)
			continue;
		shown = min_t(int, next - list, P2PMEM_ENTRY_TEXT);
		p2pmem_policy_log_invalid(list, shown, ret);
		if (!at_load)
			return ret;
		if (*list == '-')
			p2pmem_policy_drop_built_in(pol, list, shown);
	}
	return 0;
}

/* Judges all pairs after a change; set by what stands above, once there are any */
void (*p2pmem_policy_changed)(unsigned int *pairs, unsigned int *changed);

/* Has pairs judged, and logs the change. */
static void p2pmem_policy_announce(const char *list, int len)
{
	unsigned int pairs, changed;

	if (!p2pmem_policy_changed) {
		pr_info("host_bridges: %.*s at load\n", len, list);
		return;
	}
	p2pmem_policy_changed(&pairs, &changed);
	pr_info("host_bridges: %.*s by %s (pid %d, uid %u); re-evaluated %u peer-to-peer pairs, %u changed\n",
		len, list, current->comm, task_pid_nr(current),
		from_kuid_munged(&init_user_ns, current_uid()), pairs, changed);
}

/* See p2pmem_policy_set(). */
static int p2pmem_policy_change(const char *val, bool at_load)
{
	struct p2pmem_policy *now, *next;
	size_t len = strlen(val);
	int ret;

	if (len && val[len - 1] == '\n')
		len--;
	if (!len)
		return 0;

	scoped_guard(mutex, &p2pmem_policy_mutex) {
		now = rcu_dereference_protected(p2pmem_policy,
						lockdep_is_held(&p2pmem_policy_mutex));
		next = &p2pmem_policies[now == p2pmem_policies];
		/* Whoever found it when it was in use has to be done with it. */
		if (p2pmem_running())
			synchronize_rcu();
		*next = *now;
		ret = p2pmem_policy_parse(next, val, len, at_load);
		if (ret)
			return ret;
		rcu_assign_pointer(p2pmem_policy, next);
	}
	/* A printed line ends at about 1000 bytes. */
	p2pmem_policy_announce(val, min_t(int, len, 800));
	return 0;
}

/**
 * p2pmem_policy_set() - change what is allowed
 * @val: entries, separated by commas, with or without a new line at the end; see
 *	Documentation/ABI/testing/sysfs-module-p2pdma
 *
 * All of them, or none; before init, those that are good. Nothing in it is no change, and
 * not told.
 *
 * Context: Process context, may sleep; or before init.
 * Return: 0, -EINVAL for what is no entry, -ENOSPC for more than P2PMEM_POLICY_MAX
 * entries.
 */
int p2pmem_policy_set(const char *val)
{
	return p2pmem_policy_change(val, !p2pmem_running());
}

#if IS_ENABLED(CONFIG_KUNIT)
/**
 * p2pmem_policy_load() - change what is allowed as at load
 * @val: as for p2pmem_policy_set()
 *
 * Context: Process context, may sleep.
 */
void p2pmem_policy_load(const char *val)
{
	p2pmem_policy_change(val, true);
}
#endif

/* What is said of an entry, and of what it is a part of */
static void p2pmem_policy_entry(const struct p2pmem_entry *e, u8 *known, u8 *admin)
{
	struct p2pmem_policy *pol = rcu_dereference(p2pmem_policy);
	struct p2pmem_policy_row *row = p2pmem_policy_find(pol, e);
	struct p2pmem_policy_row *wider = p2pmem_policy_find_wider(pol, e);
	u8 mask = (row ? row->mask : 0) | (wider ? wider->mask : 0);

	if (!p2pmem_built_in_removed(pol))
		*known |= p2pmem_fact(e) & ~mask;
	*admin |= row ? row->add : 0;
	*admin |= wider ? wider->add & ~(row ? row->mask : 0) : 0;
}

/**
 * p2pmem_policy_id() - what is allowed to host bridges of some PCI ids
 * @vendor: PCI vendor id
 * @device: PCI device id
 * @known: what facts allow, less what the administrator took back, is added to this
 * @admin: what the administrator allows is added to this
 *
 * What was said of the device comes before what was said of any device of the vendor.
 *
 * Context: RCU read side, any.
 */
void p2pmem_policy_id(u16 vendor, u16 device, u8 *known, u8 *admin)
{
	const struct p2pmem_entry e = { .vendor = vendor, .device = device };

	p2pmem_policy_entry(&e, known, admin);
}

/**
 * p2pmem_policy_removed() - what the administrator took back from root ports of some PCI ids
 * @vendor: PCI vendor id
 * @device: PCI device id
 *
 * Context: RCU read side, any.
 * Return: bits P2PMEM_WITHIN and P2PMEM_ACROSS.
 */
u8 p2pmem_policy_removed(u16 vendor, u16 device)
{
	const struct p2pmem_entry e = { .vendor = vendor, .device = device };
	struct p2pmem_policy *pol = rcu_dereference(p2pmem_policy);
	struct p2pmem_policy_row *row = p2pmem_policy_find(pol, &e);
	struct p2pmem_policy_row *wider = p2pmem_policy_find_wider(pol, &e);

	return (row ? row->mask : 0) | (wider ? wider->mask & ~(row ? row->add : 0) : 0);
}

/**
 * p2pmem_policy_cpu() - what is allowed to a processor
 * @cpu: the processor, with its model
 * @known: as for p2pmem_policy_id()
 * @admin: ditto
 *
 * What was said of the model comes before what was said of the family.
 *
 * Context: RCU read side, any.
 */
void p2pmem_policy_cpu(const struct p2pmem_entry *cpu, u8 *known, u8 *admin)
{
	p2pmem_policy_entry(cpu, known, admin);
}

/* The row as words that lead to it; returns the number of bytes */
static int p2pmem_policy_print(char *buf, size_t len, const struct p2pmem_policy_row *row)
{
	struct p2pmem_change c = { .entry = row->entry, .bits = row->add };
	int n = 0;

	if (row->add)
		n = p2pmem_print_change(buf, len, &c);
	if (row->mask) {
		c.remove = true;
		c.bits = row->mask & P2PMEM_WITHIN ? P2PMEM_BOTH : P2PMEM_ACROSS;
		n += scnprintf(buf + n, len - n, "%s", n ? "," : "");
		n += p2pmem_print_change(buf + n, len - n, &c);
	}
	return n;
}

/**
 * p2pmem_policy_get() - the administrator's changes
 * @buf: returns them on one line, as p2pmem_policy_set() takes them
 * @len: bytes in @buf
 *
 * Context: Any.
 * Return: number of bytes.
 */
int p2pmem_policy_get(char *buf, size_t len)
{
	struct p2pmem_policy *pol;
	unsigned int i;
	int n = 0;

	guard(rcu)();
	pol = rcu_dereference(p2pmem_policy);
	for (i = 0; i < pol->nr; i++) {
		n += scnprintf(buf + n, len - n, "%s", i ? "," : "");
		n += p2pmem_policy_print(buf + n, len - n, &pol->row[i]);
	}
	return n + scnprintf(buf + n, len - n, "\n");
}

/**
 * p2pmem_policy_show() - all entries with their origin, one a line
 * @m: where to
 *
 * Context: Process context.
 */
void p2pmem_policy_show(struct seq_file *m)
{
	char text[2 * P2PMEM_ENTRY_TEXT];
	struct p2pmem_policy *pol;
	unsigned int i;

	p2pmem_facts_show(m);
	guard(rcu)();
	pol = rcu_dereference(p2pmem_policy);
	for (i = 0; i < pol->nr; i++) {
		p2pmem_policy_print(text, sizeof(text), &pol->row[i]);
		seq_printf(m, "administrator %s\n", text);
	}
}

#if IS_ENABLED(CONFIG_KUNIT)
/**
 * p2pmem_policy_reset() - only the facts, as after a load without the parameter
 *
 * For suites, which leave nothing behind.
 *
 * Context: Process context, may sleep.
 */
void p2pmem_policy_reset(void)
{
	unsigned int pairs, changed;

	scoped_guard(mutex, &p2pmem_policy_mutex) {
		struct p2pmem_policy *now =
			rcu_dereference_protected(p2pmem_policy,
						  lockdep_is_held(&p2pmem_policy_mutex));
		struct p2pmem_policy *next = &p2pmem_policies[now == p2pmem_policies];

		synchronize_rcu();
		next->nr = 0;
		rcu_assign_pointer(p2pmem_policy, next);
	}
	if (p2pmem_policy_changed)
		p2pmem_policy_changed(&pairs, &changed);
}
#endif

static int p2pmem_param_set(const char *val, const struct kernel_param *kp)
{
	int ret = p2pmem_policy_set(val);

	if (!ret || !p2pmem_running())
		return 0;
	return ret;
}

static int p2pmem_param_get(char *buf, const struct kernel_param *kp)
{
	return p2pmem_policy_get(buf, PAGE_SIZE);
}

static const struct kernel_param_ops p2pmem_param_ops = {
	.set = p2pmem_param_set,
	.get = p2pmem_param_get,
};

module_param_cb(host_bridges, &p2pmem_param_ops, NULL, 0644);
MODULE_PARM_DESC(host_bridges, "Host bridges that forward peer-to-peer requests, beside the built-in list: [+-]VVVV:DDDD[/across], [+-]VVVV:*[/across], [+-]built-in or [+-]cpu:VENDORID:FAMILY[:MODEL], separated by commas");
