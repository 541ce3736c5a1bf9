/* SPDX-License-Identifier: GPL-2.0-only */
/* For speed.c, and for the module of "make bench": kernels.sh copies it there. */
#ifndef P2PMEM_SYMBOL_H
#define P2PMEM_SYMBOL_H

#include <linux/kprobes.h>

/* Address of a function that is not exported, or NULL. Process context. */
static inline void *symbol_address(const char *name)
{
	struct kprobe probe = { .symbol_name = name };
	void *addr;

	if (register_kprobe(&probe))
		return NULL;
	addr = probe.addr;
	unregister_kprobe(&probe);
	return addr;
}

#endif /* P2PMEM_SYMBOL_H */
