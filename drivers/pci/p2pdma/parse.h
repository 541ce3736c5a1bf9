/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what administrators write into parameters
 *
 * Pure functions: a string, with or without a new line at its end, to a value. What is
 * not wholly one is -EINVAL, and the value stays what it was.
 */
#ifndef _P2PMEM_PARSE_H
#define _P2PMEM_PARSE_H

#include <linux/bits.h>
#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/string.h>
#include <linux/types.h>

/**
 * p2pmem_parse_bar() - number of a BAR
 * @val: the string
 * @least: lowest number that is taken
 * @end: lowest number that is too high
 * @bar: returns it
 *
 * Return: 0 or -EINVAL.
 */
static inline int p2pmem_parse_bar(const char *val, int least, int end, int *bar)
{
	int n;

	if (kstrtoint(val, 0, &n) || n < least || n >= end)
		return -EINVAL;
	*bar = n;
	return 0;
}

/**
 * p2pmem_parse_bytes() - a number of bytes, with K, M or G at its end or without
 * @val: the string
 * @bytes: returns it
 *
 * Not memparse(): it takes "-1", "" and numbers of more than 64 bits.
 *
 * Return: 0 or -EINVAL.
 */
static inline int p2pmem_parse_bytes(const char *val, u64 *bytes)
{
	static const char units[] = "KMG";
	unsigned int len = strcspn(val, "\n"), shift = 0;
	char digits[24] = "";
	const char *unit;
	u64 n;

	if (val[len] && val[len + 1])
		return -EINVAL;
	unit = len ? strchr(units, toupper(val[len - 1])) : NULL;
	if (unit) {
		shift = 10 * (unit - units + 1);
		len--;
	}
	if (len >= sizeof(digits) || !isdigit(val[0]))
		return -EINVAL;
	memcpy(digits, val, len);
	if (kstrtoull(digits, 0, &n) || n > U64_MAX >> shift)
		return -EINVAL;
	*bytes = n << shift;
	return 0;
}

/* What an entry of the parameter host_bridges is about; the second includes the first */
#define P2PMEM_WITHIN	BIT(0)		/* between the root ports of one host bridge */
#define P2PMEM_ACROSS	BIT(1)		/* from and to other host bridges */

#define P2PMEM_ENTRY_TEXT	40	/* bytes for an entry as text, its zero included */
#define P2PMEM_ANY_MODEL	(-1)

/**
 * struct p2pmem_entry - whose host bridge an entry means
 * @cpu: x86 vendor id string, empty for an entry by PCI ids
 * @family: family of the processor
 * @model: its model, or P2PMEM_ANY_MODEL
 * @vendor: PCI vendor id of a root port, or of the function that stands for a host
 *	bridge
 * @device: PCI device id of it
 */
struct p2pmem_entry {
	char cpu[13];
	u8 family;
	s16 model;
	u16 vendor;
	u16 device;
};

/**
 * struct p2pmem_change - one word of the parameter host_bridges
 * @entry: what it is about
 * @bits: P2PMEM_WITHIN, P2PMEM_ACROSS: what is added or removed
 * @remove: removed, not added
 */
struct p2pmem_change {
	struct p2pmem_entry entry;
	u8 bits;
	bool remove;
};

/* A number of 0 to 255, decimal or with 0x; no octal, no sign, no blanks */
static inline int p2pmem_parse_small(const char *val, u8 *n)
{
	if (!isdigit(val[0]) || (val[0] == '0' && isdigit(val[1])))
		return -EINVAL;
	return kstrtou8(val, 0, n) ? -EINVAL : 0;
}

/* "VENDORID:FAMILY" or "VENDORID:FAMILY:MODEL", in a buffer of the caller's */
static inline int p2pmem_parse_cpu(char *val, struct p2pmem_entry *e)
{
	char *family, *model;
	u8 n;

	family = strchr(val, ':');
	if (!family || family == val || family - val >= sizeof(e->cpu))
		return -EINVAL;
	*family++ = '\0';
	strscpy(e->cpu, val, sizeof(e->cpu));
	e->model = P2PMEM_ANY_MODEL;
	model = strchr(family, ':');
	if (model) {
		*model++ = '\0';
		if (p2pmem_parse_small(model, &n))
			return -EINVAL;
		e->model = n;
	}
	return p2pmem_parse_small(family, &e->family);
}

/* Four hexadecimal digits, as lspci prints them */
static inline bool p2pmem_parse_id(const char *val, u16 *id)
{
	int i, digit;

	for (*id = 0, i = 0; i < 4; i++) {
		digit = hex_to_bin(val[i]);
		if (digit < 0)
			return false;
		*id = *id << 4 | digit;
	}
	return true;
}

/**
 * p2pmem_parse_change() - one word of the parameter host_bridges
 * @val: the word; need not end in a zero
 * @len: bytes of it
 * @change: returns it
 *
 * ``VVVV:DDDD`` (PCI ids), ``VVVV:DDDD/across`` or ``cpu:VENDORID:FAMILY[:MODEL]``, each
 * with ``+`` or ``-`` before it or without. A processor is always meant across; a
 * removal without ``/across`` removes both.
 *
 * Return: 0 or -EINVAL.
 */
static inline int p2pmem_parse_change(const char *val, size_t len,
				      struct p2pmem_change *change)
{
	struct p2pmem_change c = { .bits = P2PMEM_WITHIN | P2PMEM_ACROSS };
	char word[P2PMEM_ENTRY_TEXT] = "", *w = word;
	size_t i;

	if (len >= sizeof(word))
		return -EINVAL;
	for (i = 0; i < len; i++) {
		if (!isprint(val[i]))
			return -EINVAL;
		word[i] = val[i];
	}
	if (*w == '+' || *w == '-')
		c.remove = *w++ == '-';
	if (strstarts(w, "cpu:")) {
		if (p2pmem_parse_cpu(w + strlen("cpu:"), &c.entry))
			return -EINVAL;
	} else {
		if (!p2pmem_parse_id(w, &c.entry.vendor) || w[4] != ':' ||
		    !p2pmem_parse_id(w + 5, &c.entry.device))
			return -EINVAL;
		if (!strcmp(w + 9, "/across")) {
			if (c.remove)
				c.bits = P2PMEM_ACROSS;
		} else if (w[9]) {
			return -EINVAL;
		} else if (!c.remove) {
			c.bits = P2PMEM_WITHIN;
		}
	}
	*change = c;
	return 0;
}

/**
 * p2pmem_print_change() - a word that p2pmem_parse_change() takes
 * @buf: returns it
 * @len: bytes in @buf, P2PMEM_ENTRY_TEXT for all of it
 * @change: as parsed
 *
 * Return: number of bytes, less than @len.
 */
static inline int p2pmem_print_change(char *buf, size_t len,
				      const struct p2pmem_change *change)
{
	const struct p2pmem_entry *e = &change->entry;
	char sign = change->remove ? '-' : '+';
	u8 both = P2PMEM_WITHIN | P2PMEM_ACROSS;
	bool across = change->remove ? change->bits == P2PMEM_ACROSS : change->bits == both;

	if (!e->cpu[0])
		return scnprintf(buf, len, "%c%04x:%04x%s", sign, e->vendor, e->device,
				 across ? "/across" : "");
	if (e->model == P2PMEM_ANY_MODEL)
		return scnprintf(buf, len, "%ccpu:%s:%#x", sign, e->cpu, e->family);
	return scnprintf(buf, len, "%ccpu:%s:%#x:%#x", sign, e->cpu, e->family, e->model);
}

#endif /* _P2PMEM_PARSE_H */
