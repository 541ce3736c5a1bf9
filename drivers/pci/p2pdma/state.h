/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what requests and searches read of the state of a provider
 *
 * Floor 3.
 *
 * Inline, because each mapping reads it, and a search reads it of all providers. state.c
 * describes the states.
 */
#ifndef _P2PMEM_STATE_H
#define _P2PMEM_STATE_H

#include "p2pdma.h"
#include "pool.h"

/* Whether the contents are or may be gone, for now or for good: memory is not mapped any more. */
static __always_inline bool p2pmem_is_lost(const struct p2pmem_provider *p)
{
	return READ_ONCE(p->state) >= P2PMEM_LOST;
}

/* p2pmem_is_published() for a search among all providers */
static __always_inline bool p2pmem_is_published_inline(struct p2pmem_provider *p)
{
	return READ_ONCE(p->published) && READ_ONCE(p->state) == P2PMEM_LIVE &&
		READ_ONCE(p->pool->size);
}

#endif /* _P2PMEM_STATE_H */
