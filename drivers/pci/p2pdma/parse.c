// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: parser of module parameters
 *
 * Floor 0.
 *
 * Pure functions that convert a string, with or without a trailing newline, to a value. A
 * string that is not entirely a value returns -EINVAL and leaves the result unchanged.
 *
 * Two of them are exported for the parameters of p2pmem-bar.ko.
 */
#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/hex.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/string.h>
#include "parse.h"

/**
 * p2pmem_parse_bar() - parse the number of a BAR
 * @val: the string
 * @least: lowest valid number
 * @end: highest valid number plus one
 * @bar: returns the number
 *
 * Context: Any.
 * Return: 0 or -EINVAL.
 */
int p2pmem_parse_bar(const char *val, int least, int end, int *bar)
{
	int n;

	if (kstrtoint(val, 0, &n) || n < least || n >= end)
		return -EINVAL;
	*bar = n;
	return 0;
}
EXPORT_SYMBOL_GPL(p2pmem_parse_bar);

/**
 * p2pmem_parse_bytes() - parse a number of bytes with an optional suffix K, M or G
 * @val: the string
 * @bytes: returns the number
 *
 * memparse() is not used because it accepts "-1", "" and numbers of more than 64 bits.
 *
 * Context: Any.
 * Return: 0 or -EINVAL.
 */
int p2pmem_parse_bytes(const char *val, u64 *bytes)
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
EXPORT_SYMBOL_GPL(p2pmem_parse_bytes);

/* A number of 0 to 255, decimal or with 0x; no octal, no sign, no blanks */
static int p2pmem_parse_small(const char *val, u8 *n)
{
	if (!isdigit(val[0]) || (val[0] == '0' && isdigit(val[1])))
		return -EINVAL;
	return kstrtou8(val, 0, n) ? -EINVAL : 0;
}

/* Parses "VENDORID:FAMILY" or "VENDORID:FAMILY:MODEL"; modifies @val. */
static int p2pmem_parse_cpu(char *val, struct p2pmem_entry *e)
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
static bool p2pmem_parse_id(const char *val, u16 *id)
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
 * p2pmem_parse_change() - parse one word of the parameter host_bridges
 * @val: the word; need not be terminated
 * @len: length of the word in bytes
 * @change: returns the change
 *
 * A word is ``built-in``, ``VVVV:DDDD`` (PCI ids, ``*`` for any device),
 * ``VVVV:DDDD/across`` or ``cpu:VENDORID:FAMILY[:MODEL]``, each with an optional prefix
 * ``+`` or ``-``. A processor entry always includes across; a removal without ``/across``
 * removes both.
 *
 * Context: Any.
 * Return: 0 or -EINVAL.
 */
int p2pmem_parse_change(const char *val, size_t len, struct p2pmem_change *change)
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
	if (!strcmp(w, "built-in")) {
		c.entry.built_in = true;
	} else if (strstarts(w, "cpu:")) {
		if (p2pmem_parse_cpu(w + strlen("cpu:"), &c.entry))
			return -EINVAL;
	} else {
		if (!p2pmem_parse_id(w, &c.entry.vendor) || w[4] != ':')
			return -EINVAL;
		w += 5;
		c.entry.any_device = *w == '*';
		if (c.entry.any_device)
			w++;
		else if (p2pmem_parse_id(w, &c.entry.device))
			w += 4;
		else
			return -EINVAL;
		if (!strcmp(w, "/across")) {
			if (c.remove)
				c.bits = P2PMEM_ACROSS;
		} else if (*w) {
			return -EINVAL;
		} else if (!c.remove) {
			c.bits = P2PMEM_WITHIN;
		}
	}
	*change = c;
	return 0;
}

/**
 * p2pmem_print_change() - print a change in the format of p2pmem_parse_change()
 * @buf: returns the word
 * @len: bytes in @buf, P2PMEM_ENTRY_TEXT for all of it
 * @change: the change
 *
 * Context: Any.
 * Return: number of bytes, less than @len.
 */
int p2pmem_print_change(char *buf, size_t len, const struct p2pmem_change *change)
{
	const struct p2pmem_entry *e = &change->entry;
	char sign = change->remove ? '-' : '+';
	u8 both = P2PMEM_WITHIN | P2PMEM_ACROSS;
	bool across = change->remove ? change->bits == P2PMEM_ACROSS : change->bits == both;

	if (e->built_in)
		return scnprintf(buf, len, "%cbuilt-in", sign);
	if (e->any_device)
		return scnprintf(buf, len, "%c%04x:*%s", sign, e->vendor, across ? "/across" : "");
	if (!e->cpu[0])
		return scnprintf(buf, len, "%c%04x:%04x%s", sign, e->vendor, e->device,
				 across ? "/across" : "");
	if (e->model == P2PMEM_ANY_MODEL)
		return scnprintf(buf, len, "%ccpu:%s:%#x", sign, e->cpu, e->family);
	return scnprintf(buf, len, "%ccpu:%s:%#x:%#x", sign, e->cpu, e->family, e->model);
}
