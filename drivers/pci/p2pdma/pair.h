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

/* All pairs by client; guarded by p2pmem_mutex */
#define P2PMEM_CLIENT_BITS	6
extern struct hlist_head p2pmem_client_pairs[1 << P2PMEM_CLIENT_BITS];

#endif /* _P2PMEM_PAIR_H */
