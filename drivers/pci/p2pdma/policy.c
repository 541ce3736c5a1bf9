// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: which host bridges and processors are allowed, and who says so
 *
 * A list that is built in, of facts with their source, and the changes that an
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

/* Facts from Linux 6.12, drivers/pci/p2pdma.c, where their vendor confirmed them */
static const struct {
	u16 vendor;
	u16 device;
	u8 bits;
} p2pmem_facts[] = {
	{ PCI_VENDOR_ID_INTEL, 0x3c00, P2PMEM_WITHIN },	/* Xeon E5, Core i7 */
	{ PCI_VENDOR_ID_INTEL, 0x3c01, P2PMEM_WITHIN },
	{ PCI_VENDOR_ID_INTEL, 0x2f00, P2PMEM_WITHIN },	/* Xeon E7 v3, E5 v3 */
	{ PCI_VENDOR_ID_INTEL, 0x2f01, P2PMEM_WITHIN },
	{ PCI_VENDOR_ID_INTEL, 0x2020, P2PMEM_BOTH },	/* Skylake-E */
	{ PCI_VENDOR_ID_INTEL, 0x2030, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_INTEL, 0x2031, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_INTEL, 0x2032, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_INTEL, 0x2033, P2PMEM_BOTH },
	{ PCI_VENDOR_ID_INTEL, 0x09a2, P2PMEM_BOTH },
};

/* Ditto: AMD's processors forward between all root ports since this family (Zen) */
#define P2PMEM_FACT_CPU		"AuthenticAMD"
#define P2PMEM_FACT_FAMILY	0x17

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
 * @row: in the order in which their ids were first named
 */
struct p2pmem_policy {
	unsigned int nr;
	struct p2pmem_policy_row row[P2PMEM_POLICY_MAX];
};

/*
 * Readers have p2pmem_policy under RCU, since verdicts are made where I/O is
 * submitted. A writer prepares the table that is not in use, a grace period after it
 * last was, and then puts it in use.
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

static struct p2pmem_policy_row *p2pmem_policy_family(struct p2pmem_policy *pol,
						      const struct p2pmem_entry *e)
{
	struct p2pmem_entry family = *e;

	family.model = P2PMEM_ANY_MODEL;
	return p2pmem_policy_find(pol, &family);
}

/* What is allowed by facts alone */
static u8 p2pmem_fact(const struct p2pmem_entry *e)
{
	int i;

	if (e->cpu[0])
		return !strcmp(e->cpu, P2PMEM_FACT_CPU) && e->family >= P2PMEM_FACT_FAMILY ?
			P2PMEM_BOTH : 0;
	for (i = 0; i < ARRAY_SIZE(p2pmem_facts); i++)
		if (p2pmem_facts[i].vendor == e->vendor && p2pmem_facts[i].device == e->device)
			return p2pmem_facts[i].bits;
	return 0;
}

/* What there is to be taken back: facts, and for a model what its family was given */
static u8 p2pmem_policy_base(struct p2pmem_policy *pol, const struct p2pmem_entry *e)
{
	struct p2pmem_policy_row *family = NULL;

	if (e->cpu[0] && e->model != P2PMEM_ANY_MODEL)
		family = p2pmem_policy_family(pol, e);
	return p2pmem_fact(e) | (family ? family->add : 0);
}

/* Returns 0; -ENOSPC without a row for one more id, -ENOENT for nothing to remove */
static int p2pmem_policy_apply(struct p2pmem_policy *pol, const struct p2pmem_change *c)
{
	struct p2pmem_policy_row *row = p2pmem_policy_find(pol, &c->entry);
	u8 base = p2pmem_policy_base(pol, &c->entry);

	if (c->remove && !((base | (row ? row->add | row->mask : 0)) & c->bits))
		return -ENOENT;
	if (!row) {
		if (pol->nr == P2PMEM_POLICY_MAX)
			return -ENOSPC;
		row = &pol->row[pol->nr++];
		*row = (struct p2pmem_policy_row){ .entry = c->entry };
	}
	if (c->remove) {
		row->add &= ~c->bits;
		row->mask |= base & c->bits;
	} else {
		row->add |= c->bits;
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
static void p2pmem_policy_tell_bad(const char *word, int len, int error)
{
	switch (error) {
	case -ENOENT:
		pr_err("host_bridges: '%*pE' removes what nothing allows; nothing was changed; the built-in list is in Documentation/admin-guide/p2pmem.rst, and what was added is read from this parameter\n",
		       len, word);
		break;
	case -ENOSPC:
		pr_err("host_bridges: no room for '%*pE' beside %d entries; nothing was changed; remove some\n",
		       len, word, P2PMEM_POLICY_MAX);
		break;
	default:
		pr_err("host_bridges: '%*pE' is no entry; nothing was changed; allowed are VVVV:DDDD, VVVV:DDDD/across and cpu:VENDORID:FAMILY[:MODEL], after + or -, separated by commas\n",
		       len, word);
	}
}

/* Applies all words of a list, or tells of the first bad one */
static int p2pmem_policy_words(struct p2pmem_policy *pol, const char *list, size_t len)
{
	const char *end = list + len, *next;
	struct p2pmem_change c;
	int ret;

	for (; list <= end; list = next + 1) {
		next = memchr(list, ',', end - list) ?: end;
		ret = p2pmem_parse_change(list, next - list, &c) ?:
			p2pmem_policy_apply(pol, &c);
		if (ret) {
			p2pmem_policy_tell_bad(list, min_t(int, next - list, P2PMEM_ENTRY_TEXT),
					       ret);
			return ret;
		}
	}
	return 0;
}

static void p2pmem_policy_tell(const char *list, int len)
{
	if (!p2pmem_running())
		pr_info("host_bridges: %.*s at load\n", len, list);
	else
		pr_info("host_bridges: %.*s by %s (pid %d, uid %u); %u verdicts are made anew\n",
			len, list, current->comm, task_pid_nr(current),
			from_kuid_munged(&init_user_ns, current_uid()), p2pmem_paths_count());
}

/**
 * p2pmem_policy_set() - change what is allowed
 * @val: entries, separated by commas, with or without a new line at the end; see
 *	Documentation/ABI/testing/sysfs-module-p2pdma
 *
 * All of them, or none. Nothing in it is no change, and not told.
 *
 * Context: Process context, may sleep; or before init.
 * Return: 0, -EINVAL for what is no entry, -ENOENT for a removal of what is not
 * allowed, -ENOSPC for more than P2PMEM_POLICY_MAX entries.
 */
int p2pmem_policy_set(const char *val)
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
		ret = p2pmem_policy_words(next, val, len);
		if (ret)
			return ret;
		rcu_assign_pointer(p2pmem_policy, next);
		/* A printed line ends at about 1000 bytes. */
		p2pmem_policy_tell(val, min_t(int, len, 800));
	}
	p2pmem_policy_announce();
	return 0;
}

/**
 * p2pmem_policy_announce() - verdicts may be others now: tell the orchestrators
 *
 * Makes every verdict anew when it is next needed. What is out stays as it was given.
 *
 * Context: Process context, may sleep; or before init.
 */
void p2pmem_policy_announce(void)
{
	p2pmem_policy_changed();
	if (p2pmem_running())
		p2pmem_notify(PCI_P2PMEM_EVENT_POLICY, NULL);
}

/**
 * p2pmem_policy_id() - what is allowed to host bridges of some PCI ids
 * @vendor: PCI vendor id
 * @device: PCI device id
 * @known: what facts allow, less what the administrator took back, is added to this
 * @admin: what the administrator allows is added to this
 *
 * Context: RCU read side, any.
 */
void p2pmem_policy_id(u16 vendor, u16 device, u8 *known, u8 *admin)
{
	const struct p2pmem_entry e = { .vendor = vendor, .device = device };
	struct p2pmem_policy_row *row;

	row = p2pmem_policy_find(rcu_dereference(p2pmem_policy), &e);
	*known |= p2pmem_fact(&e) & ~(row ? row->mask : 0);
	*admin |= row ? row->add : 0;
}

/**
 * p2pmem_policy_taken() - what the administrator took back from root ports of some PCI ids
 * @vendor: PCI vendor id
 * @device: PCI device id
 *
 * Context: RCU read side, any.
 * Return: bits P2PMEM_WITHIN and P2PMEM_ACROSS.
 */
u8 p2pmem_policy_taken(u16 vendor, u16 device)
{
	const struct p2pmem_entry e = { .vendor = vendor, .device = device };
	struct p2pmem_policy_row *row = p2pmem_policy_find(rcu_dereference(p2pmem_policy), &e);

	return row ? row->mask : 0;
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
	struct p2pmem_policy *pol = rcu_dereference(p2pmem_policy);
	struct p2pmem_policy_row *model = p2pmem_policy_find(pol, cpu);
	struct p2pmem_policy_row *family = p2pmem_policy_family(pol, cpu);
	u8 mask = (model ? model->mask : 0) | (family ? family->mask : 0);

	*known |= p2pmem_fact(cpu) & ~mask;
	*admin |= model ? model->add : 0;
	*admin |= family ? family->add & ~(model ? model->mask : 0) : 0;
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

	for (i = 0; i < ARRAY_SIZE(p2pmem_facts); i++)
		seq_printf(m, "built-in %04x:%04x%s\n", p2pmem_facts[i].vendor,
			   p2pmem_facts[i].device,
			   p2pmem_facts[i].bits & P2PMEM_ACROSS ? "/across" : "");
	seq_printf(m, "built-in cpu:%s:%#x and later\n", P2PMEM_FACT_CPU, P2PMEM_FACT_FAMILY);

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
	scoped_guard(mutex, &p2pmem_policy_mutex) {
		struct p2pmem_policy *now =
			rcu_dereference_protected(p2pmem_policy,
						  lockdep_is_held(&p2pmem_policy_mutex));
		struct p2pmem_policy *next = &p2pmem_policies[now == p2pmem_policies];

		synchronize_rcu();
		next->nr = 0;
		rcu_assign_pointer(p2pmem_policy, next);
	}
	p2pmem_policy_changed();
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
MODULE_PARM_DESC(host_bridges, "Host bridges that forward peer-to-peer requests, beside the built-in list: [+-]VVVV:DDDD[/across] or [+-]cpu:VENDORID:FAMILY[:MODEL], separated by commas");
