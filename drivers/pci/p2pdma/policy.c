// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: which host bridges and processors are allowed, and by whom
 *
 * Floor 1.
 *
 * Keeps the changes that an administrator makes to the built-in list (facts.c) with the
 * parameter host_bridges: at module load, on the kernel command line, or at run time. This
 * file handles ids, not devices; hostbridge.c looks up devices here.
 *
 * If the module is built in, the parameter is set long before any initcall, when memory
 * cannot be allocated; and a module that the boot drive's driver needs must not fail to
 * load for a typing error. So the list is static, and at load an invalid entry is logged
 * and ignored.
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
 * struct p2pmem_policy_row - an administrator's changes for one entry
 * @entry: the entry
 * @add: bits that are allowed beyond the built-in list
 * @mask: bits of the built-in list that are removed
 */
struct p2pmem_policy_row {
	struct p2pmem_entry entry;
	u8 add;
	u8 mask;
};

/**
 * struct p2pmem_policy - all changes by administrators
 * @nr: number of rows
 * @distrust: an invalid removal at load may have meant an exception of any wide entry
 * @row: in the order in which the entries were first named; one more than can be named,
 *	so that there is always room to remove the built-in list
 */
struct p2pmem_policy {
	unsigned int nr;
	bool distrust;
	struct p2pmem_policy_row row[P2PMEM_POLICY_MAX + 1];
};

/*
 * Readers access p2pmem_policy under RCU. A writer waits for a grace period, fills the
 * table that is not in use, and publishes it.
 */
static struct p2pmem_policy p2pmem_policies[2];
static struct p2pmem_policy __rcu *p2pmem_policy = RCU_INITIALIZER(&p2pmem_policies[0]);

/* Guards the table that is not in use, and the pointer against other writers */
static DEFINE_MUTEX(p2pmem_policy_mutex);

/* False while parameters are set before init, when there are no readers and no verdicts */
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

/* The wider entry: the family of a processor model, the vendor of a device */
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

/* Whether the administrator removed the whole built-in list */
static bool p2pmem_built_in_removed(struct p2pmem_policy *pol)
{
	static const struct p2pmem_entry built_in = { .built_in = true };

	return p2pmem_policy_find(pol, &built_in);
}

/* What is allowed for an entry without its own row */
static u8 p2pmem_policy_base(struct p2pmem_policy *pol, const struct p2pmem_entry *e)
{
	struct p2pmem_policy_row *wider = p2pmem_policy_find_wider(pol, e);

	return p2pmem_fact(e) | (wider ? wider->add : 0);
}

/* Removes a row in place, to keep the order in which rows are read back. */
static void p2pmem_policy_remove_row(struct p2pmem_policy *pol, struct p2pmem_policy_row *row)
{
	pol->nr--;
	for (; row < &pol->row[pol->nr]; row++)
		row[0] = row[1];
}

/*
 * Returns 0, or -ENOSPC if there is no free row. A removal that only undoes an addition
 * leaves no row; every other removal is kept, even if nothing allows the entry now. So a
 * row depends on changes of its own entry only, and p2pmem_policy_print() has a text for
 * each row, which results in the same row when it is applied to an empty table.
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
		/* Adding the built-in list only undoes its removal. */
		row->add |= c->entry.built_in ? 0 : c->bits;
		row->mask &= ~c->bits;
	}
	if (!row->add && !row->mask)
		p2pmem_policy_remove_row(pol, row);
	return 0;
}

/* Logs an invalid word. */
static void p2pmem_policy_log_invalid(const char *word, int len, int error)
{
	switch (error) {
	case -ENOSPC:
		pr_err("host_bridges: ignored '%*pE', the list is limited to %d entries; remove some\n",
		       len, word, P2PMEM_POLICY_MAX);
		break;
	default:
		pr_err("host_bridges: ignored invalid entry '%*pE', expected VVVV:DDDD, VVVV:*, VVVV:DDDD/across, built-in or cpu:VENDORID:FAMILY[:MODEL], each after + or -, separated by commas\n",
		       len, word);
	}
}

/*
 * At load, an invalid removal may have meant any built-in entry, or an exception of any added
 * one (that of a host bridge covers its root ports, too), and the administrator relies on it. So
 * all of these are removed, in whatever order they were written: paths are refused, not trusted.
 */
static void p2pmem_policy_drop_added(struct p2pmem_policy *pol)
{
	const struct p2pmem_change all = {
		.entry.built_in = true,
		.bits = P2PMEM_BOTH,
		.remove = true,
	};
	struct p2pmem_policy_row *row;
	unsigned int i;

	p2pmem_policy_apply(pol, &all);
	for (i = pol->nr; i--;) {
		row = &pol->row[i];
		row->add = 0;
		if (!row->mask)
			p2pmem_policy_remove_row(pol, row);
	}
}

/*
 * Applies the words of a list. At run time all or none: the first invalid word is logged
 * and its error returned. At load an invalid word is logged and ignored.
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
		/* wherever it stands: it may have been meant to remove something */
		if (memchr(list, '-', next - list)) {
			pol->distrust = true;
			pr_crit("host_bridges: invalid removal '%*pE', disabled the built-in list and all added entries to be safe; correct it, or write them again\n",
				shown, list);
		}
	}
	if (at_load && pol->distrust)
		p2pmem_policy_drop_added(pol);
	return 0;
}

/* Re-evaluates all pairs after a change; set by main.c during init */
void (*p2pmem_policy_changed)(unsigned int *pairs, unsigned int *changed);

/* Re-evaluates the pairs and logs the change. */
static void p2pmem_policy_announce(const char *list, int len)
{
	unsigned int pairs, changed;

	if (!p2pmem_policy_changed) {
		pr_info("host_bridges: %*pE at load\n", len, list);
		return;
	}
	p2pmem_policy_changed(&pairs, &changed);
	pr_info("host_bridges: %*pE by %*pE (pid %d, uid %u); re-evaluated %u peer-to-peer pairs, %u changed\n",
		len, list, (int)strlen(current->comm), current->comm, task_pid_nr(current),
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
		/* Wait for readers that found it when it was in use. */
		if (p2pmem_running())
			synchronize_rcu();
		*next = *now;
		ret = p2pmem_policy_parse(next, val, len, at_load);
		if (ret)
			return ret;
		rcu_assign_pointer(p2pmem_policy, next);
	}
	/* Log lines are limited to about 1000 bytes. */
	p2pmem_policy_announce(val, min_t(int, len, 800));
	return 0;
}

/**
 * p2pmem_policy_set() - change which host bridges are allowed
 * @val: entries, separated by commas, with or without a trailing newline; see
 *	Documentation/ABI/testing/sysfs-module-p2pdma
 *
 * Applies all entries or none; before init, those that are valid. An empty string changes
 * nothing and is not logged.
 *
 * Context: Process context, may sleep; or before init.
 * Return: 0, -EINVAL for an invalid entry, -ENOSPC for more than P2PMEM_POLICY_MAX
 * entries.
 */
int p2pmem_policy_set(const char *val)
{
	return p2pmem_policy_change(val, !p2pmem_running());
}

#if IS_ENABLED(CONFIG_KUNIT)
/**
 * p2pmem_policy_load() - change which host bridges are allowed, as at module load
 * @val: as for p2pmem_policy_set()
 *
 * Context: Process context, may sleep.
 */
void p2pmem_policy_load(const char *val)
{
	p2pmem_policy_change(val, true);
}
#endif

/* Adds what is allowed for an entry, by its own row and that of the wider entry. */
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
 * p2pmem_policy_id() - what is allowed for host bridges with given PCI ids
 * @vendor: PCI vendor id
 * @device: PCI device id
 * @known: bits of the built-in list that the administrator did not remove are added
 * @admin: bits that the administrator allows are added
 *
 * An entry for the device overrides one for all devices of the vendor.
 *
 * Context: RCU read side, any.
 */
void p2pmem_policy_id(u16 vendor, u16 device, u8 *known, u8 *admin)
{
	const struct p2pmem_entry e = { .vendor = vendor, .device = device };

	p2pmem_policy_entry(&e, known, admin);
}

/**
 * p2pmem_policy_remove() - remove what the administrator removed for given PCI ids
 * @vendor: PCI vendor id
 * @device: PCI device id
 * @known: bits P2PMEM_WITHIN and P2PMEM_ACROSS that are known, by something wider
 * @admin: bits that the administrator allows, by something wider
 *
 * An entry for all devices of the vendor removes only what is known: another entry of the
 * administrator, as for a processor, is not wider than that.
 *
 * Context: RCU read side, any.
 */
void p2pmem_policy_remove(u16 vendor, u16 device, u8 *known, u8 *admin)
{
	const struct p2pmem_entry e = { .vendor = vendor, .device = device };
	struct p2pmem_policy *pol = rcu_dereference(p2pmem_policy);
	struct p2pmem_policy_row *row = p2pmem_policy_find(pol, &e);
	struct p2pmem_policy_row *wider = p2pmem_policy_find_wider(pol, &e);

	if (row) {
		*known &= ~row->mask;
		*admin &= ~row->mask;
	}
	if (wider)
		*known &= ~(wider->mask & ~(row ? row->add : 0));
}

/**
 * p2pmem_policy_cpu() - what is allowed for a processor
 * @cpu: the processor, with its model
 * @known: as for p2pmem_policy_id()
 * @admin: as for p2pmem_policy_id()
 *
 * An entry for the model overrides one for the family.
 *
 * Context: RCU read side, any.
 */
void p2pmem_policy_cpu(const struct p2pmem_entry *cpu, u8 *known, u8 *admin)
{
	p2pmem_policy_entry(cpu, known, admin);
}

/* Prints the words that result in this row; returns the number of bytes. */
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
 * p2pmem_policy_get() - print the administrator's changes
 * @buf: returns them on one line, in the format of p2pmem_policy_set()
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
 * p2pmem_policy_show() - print all entries with their origin, one per line
 * @m: output
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
 * p2pmem_policy_reset() - drop all changes, as after a load without the parameter
 *
 * KUnit suites call this for cleanup.
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
		next->distrust = false;
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
