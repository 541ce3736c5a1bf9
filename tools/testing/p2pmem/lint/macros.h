/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Definitions of macros that spatch needs to parse our files. Rules do not apply to a function that
 * spatch cannot parse; the check "parse" reports such functions.
 */
#define scoped_guard YACFE_ITERATOR
#define scoped_cond_guard YACFE_ITERATOR
