/* SPDX-License-Identifier: GPL-2.0-only */
/* What drivers/pci/p2pdma/buddy.c has of the kernel, for user space */
#ifndef _P2PMEM_BUDDY_USER_H
#define _P2PMEM_BUDDY_USER_H

#include <errno.h>

#define BITS_PER_LONG	64
#define __ffs(word)	((unsigned long)__builtin_ctzl(word))

#endif /* _P2PMEM_BUDDY_USER_H */
