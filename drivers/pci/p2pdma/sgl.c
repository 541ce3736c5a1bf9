// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: peer memory as scatterlists
 *
 * Floor 9.
 *
 * What every request calls. Nearly always a list has one page or one block of 128 KiB: that is
 * allocated and freed here, with interrupts off once, in a list that the CPU keeps. All else is
 * in list.c.
 *
 * A list without a grant has no reference of its provider: its pages hold the provider,
 * whose driver is not unbound before the last of them is freed (lend.c), or which stays for
 * ever. So nothing uses the provider after the pages were freed.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <trace/events/p2pmem.h>
#include "p2pdma.h"
#include "registry.h"
#include "cache.h"
#include "charge.h"
#include "pages.h"
#include "sgl.h"

/*
 * @nr pages, 1 or P2PMEM_USUAL, in a list that this CPU keeps: false, and nothing is done, if
 * anything is missing. Context as above.
 */
static __always_inline bool p2pmem_sgl_quick(struct p2pmem_provider *p,
					     struct pci_p2pmem_grant *grant,
					     const unsigned long nr, u32 length,
					     struct p2pmem_sgl **list)
{
	struct p2pmem_spare *spare = this_cpu_ptr(&p2pmem_spare);
	struct p2pmem_sgl *s;
	struct page *page;

	if (unlikely(!spare->nr))
		return false;
	s = spare->list[spare->nr - 1];
	if (unlikely(!p2pmem_sgl_may(s, p) || !p2pmem_alloc_quick(p->pool, nr, &page)))
		return false;
	spare->nr--;
	p2pmem_sgl_set(s, p, grant, page, length);
	p2pmem_set_page_grant(page, nr, grant);
	*list = s;
	return true;
}

/* Whether @length bytes are @nr pages, the last one in part */
static __always_inline bool p2pmem_sgl_is(u32 length, const unsigned long nr)
{
	return length - (u32)((nr - 1) * PAGE_SIZE) - 1 < PAGE_SIZE;
}

/* Allocates @nr pages, 1 or P2PMEM_USUAL. */
static __always_inline struct scatterlist *
p2pmem_sgl_alloc_quick(struct pci_dev *provider, unsigned int *nents, u32 length, gfp_t gfp,
		       const unsigned long nr)
{
	struct p2pmem_provider *p;
	struct p2pmem_sgl *s;
	unsigned long flags;

	/* With interrupts off we are an RCU reader. */
	local_irq_save(flags);
	p = p2pmem_find_inline(provider);
	if (unlikely(!p || !p2pmem_sgl_quick(p, NULL, nr, length, &s))) {
		local_irq_restore(flags);
		return p2pmem_sgl_slow(provider, nents, length, gfp);
	}
	local_irq_restore(flags);
	*nents = 1;
	return s->sg;
}

/**
 * pci_p2pmem_sgl_alloc() - allocate peer memory as a scatterlist
 * @provider: the providing function
 * @nents: returns the number of entries; unchanged without a list
 * @length: bytes
 * @gfp: for the list itself; __GFP_ZERO clears the memory, by the CPU
 *
 * One entry where a single run is free, several where the pool is fragmented.
 *
 * Context: What @gfp allows.
 * Return: the list, or NULL; all of @length or nothing.
 */
struct scatterlist *pci_p2pmem_sgl_alloc(struct pci_dev *provider, unsigned int *nents,
					 u32 length, gfp_t gfp)
{
	if (likely(!(gfp & __GFP_ZERO) && !trace_p2pmem_alloc_enabled())) {
		if (p2pmem_sgl_is(length, 1))
			return p2pmem_sgl_alloc_quick(provider, nents, length, gfp, 1);
		if (likely(p2pmem_sgl_is(length, P2PMEM_USUAL)))
			return p2pmem_sgl_alloc_quick(provider, nents, length, gfp,
						      P2PMEM_USUAL);
	}
	return p2pmem_sgl_slow(provider, nents, length, gfp);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_sgl_alloc);

/* Allocates @nr pages, 1 or P2PMEM_USUAL. */
static __always_inline struct scatterlist *
p2pmem_grant_sgl_alloc_quick(struct pci_p2pmem_grant *grant, unsigned int *nents, u32 length,
			     gfp_t gfp, enum pci_p2pmem_reason *why, const unsigned long nr)
{
	const struct p2pmem_link *l = grant->link;
	struct p2pmem_sgl *s;
	unsigned long flags;
	int left;

	local_irq_save(flags);
	if (unlikely(!p2pmem_sgl_quick(grant->provider, grant, nr, length, &s))) {
		local_irq_restore(flags);
		return p2pmem_grant_sgl_slow(grant, nents, length, gfp, why);
	}
	left = grant->nr;
	if (unlikely(!p2pmem_grant_is_current(grant)))
		goto undo;
	do {
		if (unlikely(!p2pmem_pair_charge_quick(l++->pair, nr << PAGE_SHIFT)))
			goto undo;
	} while (--left);
	__this_cpu_add(*grant->bytes, nr << PAGE_SHIFT);
	local_irq_restore(flags);
	*nents = 1;
	if (why)
		*why = PCI_P2PMEM_OK;
	return s->sg;

undo:
	local_irq_restore(flags);
	p2pmem_grant_sgl_undo(grant, s, grant->nr - left);
	return p2pmem_grant_sgl_slow(grant, nents, length, gfp, why);
}

/**
 * pci_p2pmem_grant_sgl_alloc() - allocate peer memory under a grant
 * @grant: the grant
 * @nents: returns the number of entries; unchanged without a list
 * @length: bytes
 * @gfp: for the list itself; __GFP_ZERO clears the memory, by the CPU
 * @why: returns the reason when there is no list, PCI_P2PMEM_OK otherwise; may be NULL
 *
 * The list keeps the grant until pci_p2pmem_sgl_free(): mapping it for the
 * grant's clients works until then, whatever becomes of their verdicts.
 *
 * Context: What @gfp allows; the caller holds a reference of @grant.
 * Return: the list, or -ENOMEM when the pool is full or the kernel is short of memory, -ENODEV
 * when the provider is revoked or was lost since the grant was created, -EDQUOT when a client
 * of the grant has all that the provider's quota allows it, -EXDEV when a pair of the grant is
 * refused now or would be mapped otherwise, -EINVAL for a length of zero.
 */
struct scatterlist *pci_p2pmem_grant_sgl_alloc(struct pci_p2pmem_grant *grant,
					       unsigned int *nents, u32 length, gfp_t gfp,
					       enum pci_p2pmem_reason *why)
{
	/* Whatever is unusual, and whatever fails there, is for the slow path. */
	if (likely(!(gfp & __GFP_ZERO) && !trace_p2pmem_alloc_enabled())) {
		if (p2pmem_sgl_is(length, 1))
			return p2pmem_grant_sgl_alloc_quick(grant, nents, length, gfp, why, 1);
		if (likely(p2pmem_sgl_is(length, P2PMEM_USUAL)))
			return p2pmem_grant_sgl_alloc_quick(grant, nents, length, gfp, why,
							    P2PMEM_USUAL);
	}
	return p2pmem_grant_sgl_slow(grant, nents, length, gfp, why);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_sgl_alloc);

/* Frees a list of @nr pages, 1 or P2PMEM_USUAL, in one run. */
static __always_inline void p2pmem_sgl_free_quick(struct p2pmem_sgl *s, const unsigned long nr)
{
	struct pci_p2pmem_grant *grant = s->grant;
	struct p2pmem_provider *p = s->provider;
	struct page *page = sg_page(s->sg);
	unsigned long flags;
	long credit = 0;
	bool back;

	/* Of two callers one gets the list; all else is for the slow path. */
	if (unlikely(xchg(&s->nents, 0) != 1))
		return p2pmem_sgl_free_slow(s);
	if (unlikely(!p2pmem_disown_pages(page, nr))) {
		WRITE_ONCE(s->nents, 1);
		return p2pmem_sgl_free_slow(s);
	}
	local_irq_save(flags);
	/* Uncharged first: never more is charged than is in use. */
	if (grant)
		credit = p2pmem_grant_uncharge_quick(grant, nr << PAGE_SHIFT);
	back = p2pmem_free_quick(p->pool, page, nr);
	if (likely(back && READ_ONCE(p->state) == P2PMEM_LIVE &&
		   !(grant && p2pmem_grant_unsettled(grant, credit)) && p2pmem_list_keep(s)))
		local_irq_restore(flags);
	else
		p2pmem_sgl_free_rest(s, back ? 0 : nr, flags);
}

/**
 * pci_p2pmem_sgl_free() - free a scatterlist of peer memory
 * @sgl: from pci_p2pmem_sgl_alloc() or pci_p2pmem_grant_sgl_alloc(), unmapped
 *
 * Context: Any but NMI; process context without spinlocks for a list of so many runs that
 * kmalloc() could not allocate it.
 */
void pci_p2pmem_sgl_free(struct scatterlist *sgl)
{
	struct p2pmem_sgl *s = to_sgl(sgl);

	if (likely(s->max == 1 && !trace_p2pmem_free_enabled())) {
		if (p2pmem_sgl_is(s->length, 1))
			return p2pmem_sgl_free_quick(s, 1);
		if (likely(p2pmem_sgl_is(s->length, P2PMEM_USUAL)))
			return p2pmem_sgl_free_quick(s, P2PMEM_USUAL);
	}
	p2pmem_sgl_free_slow(s);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_sgl_free);

/**
 * pci_p2pmem_sgl_lost() - whether the contents of a list may be gone
 * @sgl: from pci_p2pmem_sgl_alloc() or pci_p2pmem_grant_sgl_alloc()
 *
 * What was transferred to or from it must then be done again from other memory
 * before its success is reported.
 *
 * Context: Any.
 * Return: true when the provider was lost, or a self-test disproved a pair of the list's
 * grant, since the list was allocated.
 */
bool pci_p2pmem_sgl_lost(struct scatterlist *sgl)
{
	struct p2pmem_sgl *s = to_sgl(sgl);

	return READ_ONCE(s->provider->epoch) != s->epoch ||
		(s->grant && p2pmem_grant_disproved(s->grant));
}
EXPORT_SYMBOL_GPL(pci_p2pmem_sgl_lost);
