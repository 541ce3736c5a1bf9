/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What spatch has to know to parse our files: macros that are not the C which they look like. A
 * function that it cannot parse no rule sees; the check "parse" tells of those.
 */
#define scoped_guard YACFE_ITERATOR
#define scoped_cond_guard YACFE_ITERATOR
