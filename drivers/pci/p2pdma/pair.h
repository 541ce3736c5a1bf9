/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what the choice of a provider looks up in the table of pairs
 *
 * pair.c describes who owns what.
 */
#ifndef _P2PMEM_PAIR_H
#define _P2PMEM_PAIR_H

#include <linux/hashtable.h>
#include "p2pdma.h"

/* All pairs by client; guarded by p2pmem_mutex */
#define P2PMEM_CLIENT_BITS	6
extern struct hlist_head p2pmem_client_pairs[1 << P2PMEM_CLIENT_BITS];

#endif /* _P2PMEM_PAIR_H */
