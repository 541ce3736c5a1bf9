/* SPDX-License-Identifier: GPL-2.0-only */
/* Without it no suite replaces a function */
#ifndef P2PMEM_COMPAT_STATIC_STUB_H
#define P2PMEM_COMPAT_STATIC_STUB_H

#define KUNIT_STATIC_STUB_REDIRECT(fn, args...)	do { } while (0)

#endif
