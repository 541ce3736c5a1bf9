/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what the choice of a provider reads of the state of each
 *
 * Floor 3.
 *
 * Inline, because a search reads it of all providers. state.c describes the states.
 */
#ifndef _P2PMEM_STATE_H
#define _P2PMEM_STATE_H

#include "p2pdma.h"
#include "pool.h"

/* p2pmem_is_published() for a search among all providers */
static __always_inline bool p2pmem_is_published_inline(struct p2pmem_provider *p)
{
	return READ_ONCE(p->published) && READ_ONCE(p->state) == P2PMEM_LIVE &&
		READ_ONCE(p->pool->size);
}

#endif /* _P2PMEM_STATE_H */
