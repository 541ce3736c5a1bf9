/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what every request looks up in the register, and its mutex
 *
 * Floor 0.
 *
 * The look-up is inline, because every request that allocates without a grant does it, with
 * interrupts off; so is the guard, which is a type. registry.c describes who owns what.
 */
#ifndef _P2PMEM_REGISTRY_H
#define _P2PMEM_REGISTRY_H

#include <linux/cleanup.h>
#include <linux/hashtable.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include "p2pdma.h"

#define P2PMEM_PROVIDER_BITS	6
extern struct hlist_head p2pmem_providers[1 << P2PMEM_PROVIDER_BITS];
extern atomic_long_t p2pmem_changes;

/*
 * A drive's reset waits for the mutex before it cancels commands: memory that is allocated under it
 * must not wait for such a command.
 */
DEFINE_LOCK_GUARD_0(p2pmem_mutex,
		    _T->noio = memalloc_noio_save(); mutex_lock(&p2pmem_mutex),
		    mutex_unlock(&p2pmem_mutex); memalloc_noio_restore(_T->noio),
		    unsigned int noio)

/* All providers, and how many; guarded by p2pmem_mutex */
extern struct list_head p2pmem_provider_list;
extern unsigned int p2pmem_provider_count;

/* p2pmem_find() for what every request does */
static __always_inline struct p2pmem_provider *p2pmem_find_inline(struct pci_dev *pdev)
{
	struct p2pmem_provider *p;

	hash_for_each_possible_rcu(p2pmem_providers, p, hash, (unsigned long)pdev,
				   lockdep_is_held(&p2pmem_mutex))
		if (p->pdev == pdev)
			return p;
	return NULL;
}

#endif /* _P2PMEM_REGISTRY_H */
