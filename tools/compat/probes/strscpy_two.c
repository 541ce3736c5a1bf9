// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: strscpy() that takes the size of an array by itself
 * Since: 6.9
 * Instead: adapt.h passes the size.
 * Remedy: None is needed.
 */

#include <linux/string.h>

static void __maybe_unused p2pmem_probe(char (*to)[8], const char *from)
{
	strscpy(*to, from);
}
