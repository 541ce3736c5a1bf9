/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what the lists of peer memory consist of
 *
 * Floor 8.
 *
 * What list.c has for sgl.c, and the code that both need: inline, because every request that
 * allocates or frees a list runs it.
 */
#ifndef _P2PMEM_SGL_H
#define _P2PMEM_SGL_H

#include <linux/percpu.h>
#include <linux/scatterlist.h>
#include "entry.h"
#include "p2pdma.h"

/**
 * struct p2pmem_sgl - a scatterlist and what its freeing needs
 * @provider: whose memory it is; the memory holds it, and the grant if there is one
 * @grant: the grant it was allocated under, or NULL
 * @epoch: number of losses of the provider at its allocation
 * @max: number of entries that there is room for; lists of one entry are kept for reuse
 * @nents: number of entries
 * @length: bytes that were requested
 * @sg: the entries; the last one is marked
 */
struct p2pmem_sgl {
	struct p2pmem_provider *provider;
	struct pci_p2pmem_grant *grant;
	u32 epoch;
	unsigned int max;
	unsigned int nents;
	u32 length;
	struct scatterlist sg[];
};

static inline struct p2pmem_sgl *to_sgl(struct scatterlist *sg)
{
	return container_of(sg, struct p2pmem_sgl, sg[0]);
}

/* Lists of one entry that each CPU keeps for the next request */
#define P2PMEM_SPARE_LISTS	8

/**
 * struct p2pmem_spare - lists without memory, used with interrupts off
 * @nr: how many
 * @list: these
 */
struct p2pmem_spare {
	unsigned int nr;
	struct p2pmem_sgl *list[P2PMEM_SPARE_LISTS];
};

DECLARE_PER_CPU_ALIGNED(struct p2pmem_spare, p2pmem_spare);

/* Keeps a list for this CPU, if there is room. Interrupts are off. */
static __always_inline bool p2pmem_list_keep(struct p2pmem_sgl *s)
{
	struct p2pmem_spare *spare = this_cpu_ptr(&p2pmem_spare);

	if (unlikely(spare->nr >= P2PMEM_SPARE_LISTS))
		return false;
	spare->list[spare->nr++] = s;
	return true;
}

/*
 * Whether memory of the provider may be allocated for @s. The caller is an RCU reader that found
 * the provider, and has interrupts off.
 */
static __always_inline bool p2pmem_sgl_may(struct p2pmem_sgl *s, struct p2pmem_provider *p)
{
	/* Pairs with p2pmem_enter_lost(): if the loss is seen here, so is the state. */
	s->epoch = smp_load_acquire(&p->epoch);
	return READ_ONCE(p->state) == P2PMEM_LIVE;
}

/* Fills @s with one run, which is what there nearly always is. */
static __always_inline void p2pmem_sgl_set(struct p2pmem_sgl *s, struct p2pmem_provider *p,
					   struct pci_p2pmem_grant *grant, struct page *page,
					   u32 length)
{
	s->provider = p;
	s->grant = grant;
	s->nents = 1;
	s->length = length;
	s->sg[0].page_link = (unsigned long)page | SG_END;
	s->sg[0].offset = 0;
	s->sg[0].length = length;
	p2pmem_clear_entry(&s->sg[0]);
}

struct scatterlist *p2pmem_sgl_slow(struct pci_dev *provider, unsigned int *nents, u32 length,
				    gfp_t gfp);
struct scatterlist *p2pmem_grant_sgl_slow(struct pci_p2pmem_grant *grant, unsigned int *nents,
					  u32 length, gfp_t gfp, enum pci_p2pmem_reason *why);
void p2pmem_grant_sgl_undo(struct pci_p2pmem_grant *grant, struct p2pmem_sgl *s, int charged);
void p2pmem_sgl_free_slow(struct p2pmem_sgl *s);
void p2pmem_sgl_free_rest(struct p2pmem_sgl *s, unsigned long nr, unsigned long flags);

#endif /* _P2PMEM_SGL_H */
