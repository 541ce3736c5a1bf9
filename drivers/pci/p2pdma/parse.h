/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what administrators write into parameters
 *
 * Pure functions: a string, with or without a new line at its end, to a value. What is
 * not wholly one is -EINVAL, and the value stays what it was.
 */
#ifndef _P2PMEM_PARSE_H
#define _P2PMEM_PARSE_H

#include <linux/ctype.h>
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

#endif /* _P2PMEM_PARSE_H */
