/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what the choice of a provider looks up in the table of pairs
 *
 * Floor 4.
 *
 * pair.c describes who owns what.
 */
#ifndef _P2PMEM_PAIR_H
#define _P2PMEM_PAIR_H

#include <linux/hashtable.h>
#include "p2pdma.h"

/*
 * What a route adds to the rank of a provider, smaller is better: the highest bit if a
 * self-test could not prove a path that needs it; its class, 0 same function, 1 bus addresses
 * only, 2 through a host bridge; its distance; in the lowest bits the number of clients on
 * another NUMA node.
 */
#define P2PMEM_RANK_UNPROVED	63
#define P2PMEM_RANK_CLASS	60
#define P2PMEM_RANK_DISTANCE	24

/*
 * Of a verdict that allows a mapping, and the result of its self-test, but without the NUMA
 * node: that of either device may be changed at any time.
 */
static inline u64 p2pmem_verdict_rank(const struct pci_p2pmem_verdict *v, u8 proof)
{
	u64 unproved = proof == PCI_P2PMEM_UNPROVED && (v->by_admin || v->in_guest);
	u64 class = v->mapping == PCI_P2PMEM_MAP_HOST_BRIDGE ? 2 : !!v->distance;

	return unproved << P2PMEM_RANK_UNPROVED | class << P2PMEM_RANK_CLASS |
		(u64)v->distance << P2PMEM_RANK_DISTANCE;
}

/* All pairs by client; guarded by p2pmem_mutex */
#define P2PMEM_CLIENT_BITS	6
extern struct hlist_head p2pmem_client_pairs[1 << P2PMEM_CLIENT_BITS];

#endif /* _P2PMEM_PAIR_H */
