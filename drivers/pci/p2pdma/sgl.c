// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: peer memory as scatterlists
 *
 * Floor 8.
 *
 * Lists of as many runs as it takes, under a grant or not. Nearly always that is one run:
 * lists of one entry are kept for reuse, and are filled from the cache of the CPU.
 *
 * A list without a grant has no reference of its provider: its pages hold the provider,
 * whose driver is not unbound before the last of them is freed (lend.c), or which stays for
 * ever. So nothing uses the provider after the pages were freed.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <trace/events/p2pmem.h>
#include "p2pdma.h"
#include "cache.h"

/**
 * struct p2pmem_sgl - a scatterlist and what its freeing needs
 * @provider: whose memory it is; the memory holds it, and the grant if there is one
 * @grant: the grant it was allocated under, referenced, or NULL
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

static struct p2pmem_sgl *to_sgl(struct scatterlist *sg)
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

static DEFINE_PER_CPU_ALIGNED(struct p2pmem_spare, p2pmem_spare);

static struct p2pmem_sgl *p2pmem_list_alloc(gfp_t gfp)
{
	struct p2pmem_sgl *s = kzalloc(struct_size(s, sg, 1), gfp);

	if (s)
		s->max = 1;
	return s;
}

static __always_inline void p2pmem_spare_put(struct p2pmem_sgl *s)
{
	struct p2pmem_spare *spare;
	unsigned long flags;
	bool kept = false;

	local_irq_save(flags);
	spare = this_cpu_ptr(&p2pmem_spare);
	if (likely(spare->nr < P2PMEM_SPARE_LISTS)) {
		spare->list[spare->nr++] = s;
		kept = true;
	}
	local_irq_restore(flags);
	if (unlikely(!kept))
		kfree(s);
}

/**
 * p2pmem_sgl_exit() - free what is kept for reuse
 *
 * Context: Module exit: nobody allocates or frees any more.
 */
void p2pmem_sgl_exit(void)
{
	struct p2pmem_spare *spare;
	int cpu;

	for_each_possible_cpu(cpu) {
		spare = per_cpu_ptr(&p2pmem_spare, cpu);
		while (spare->nr)
			kfree(spare->list[--spare->nr]);
	}
}

static __always_inline void p2pmem_sgl_free_pages(struct p2pmem_sgl *s)
{
	unsigned int nents = s->nents;
	struct scatterlist *sg;

	/* Without entries it is free: see pci_p2pmem_sgl_free(). */
	s->nents = 0;
	for (sg = s->sg; nents; sg++, nents--)
		if (sg->length <= PAGE_SIZE)
			p2pmem_free_page(sg_page(sg));
		else
			p2pmem_free_pages(sg_page(sg), PFN_UP(sg->length));
}

/*
 * Fills @s with one run, which is what there nearly always is: -ENODEV when the provider
 * does not lend, -ENOMEM without a run. The caller is an RCU reader that found the provider,
 * and has interrupts off.
 */
static __always_inline int p2pmem_sgl_one(struct p2pmem_sgl *s, struct p2pmem_provider *p,
					  struct pci_p2pmem_grant *grant, u32 length)
{
	unsigned long nr = PAGE_ALIGN((size_t)length) >> PAGE_SHIFT;
	struct page *page;
	void *addr;

	/* Pairs with p2pmem_enter_lost(): if the loss is seen here, so is the state. */
	s->epoch = smp_load_acquire(&p->epoch);
	if (unlikely(READ_ONCE(p->state) != P2PMEM_LIVE))
		return -ENODEV;
	page = nr == 1 ? p2pmem_cache_pop(p->pool, 0) : p2pmem_recent_alloc(p->pool, nr);
	if (unlikely(!page)) {
		addr = p2pmem_pool_alloc_block(p->pool, nr);
		if (unlikely(!addr))
			return -ENOMEM;
		page = virt_to_page(addr);
	}
	s->provider = p;
	s->grant = grant;
	s->nents = 1;
	s->length = length;
	s->sg[0].page_link = SG_END;
	sg_set_page(&s->sg[0], page, length, 0);
	p2pmem_clear_entry(&s->sg[0]);
	p2pmem_set_page_grant(page, nr, grant);
	return 0;
}

/* The same with a list that this CPU keeps: NULL, and nothing is done, when there is none. */
static __always_inline struct p2pmem_sgl *p2pmem_sgl_quick(struct p2pmem_provider *p,
							   struct pci_p2pmem_grant *grant,
							   u32 length)
{
	struct p2pmem_spare *spare = this_cpu_ptr(&p2pmem_spare);
	struct p2pmem_sgl *s;

	if (unlikely(!spare->nr))
		return NULL;
	s = spare->list[spare->nr - 1];
	if (unlikely(p2pmem_sgl_one(s, p, grant, length)))
		return NULL;
	spare->nr--;
	return s;
}

/*
 * Fills with the longest blocks that there are; all of it was promised. Returns what is
 * left when the provider stops lending meanwhile.
 */
static size_t p2pmem_sgl_fill(struct p2pmem_sgl *s, size_t left)
{
	struct scatterlist *sg = s->sg;
	void *addr, *end = NULL;
	size_t run;

	for (; left; left -= run) {
		run = left;
		scoped_guard(preempt) {
			if (unlikely(!p2pmem_is_live(s->provider)))
				return left;
			addr = p2pmem_pool_alloc_some(s->provider->pool, &run);
		}
		p2pmem_set_page_grant(virt_to_page(addr), run >> PAGE_SHIFT, s->grant);
		/* Two regions may be adjacent, but each frees its own pages. */
		if (addr == end && sg->length + run <= UINT_MAX &&
		    p2pmem_page_region(sg_page(sg)) == p2pmem_page_region(virt_to_page(addr))) {
			sg->length += run;
		} else {
			sg = &s->sg[s->nents++];
			sg_set_page(sg, virt_to_page(addr), run, 0);
		}
		end = addr + run;
	}
	sg_mark_end(sg);
	return 0;
}

/*
 * A list of several runs; the caller holds the provider. The error is -ENOMEM when the
 * pool is full, -ENOBUFS when the kernel has no memory.
 */
static struct p2pmem_sgl *p2pmem_sgl_several(struct p2pmem_provider *p,
					     struct pci_p2pmem_grant *grant, u32 length,
					     gfp_t gfp)
{
	size_t bytes = PAGE_ALIGN((size_t)length), left;
	unsigned int max = bytes >> PAGE_SHIFT;
	struct p2pmem_sgl *s;

	/* First, because an exhausted pool is what is seen here most often */
	if (!p2pmem_pool_promise(p->pool, bytes))
		return ERR_PTR(-ENOMEM);
	s = kvmalloc(struct_size(s, sg, max), gfp);
	if (!s) {
		p2pmem_pool_unpromise(p->pool, bytes);
		return ERR_PTR(-ENOBUFS);
	}
	sg_init_table(s->sg, max);
	s->provider = p;
	s->grant = grant;
	s->epoch = smp_load_acquire(&p->epoch);	/* as in p2pmem_sgl_one() */
	s->max = max;
	s->nents = 0;
	s->length = length;
	left = p2pmem_sgl_fill(s, bytes);
	if (likely(!left)) {
		/* The request need not be a multiple of the page size; the allocation is. */
		s->sg[s->nents - 1].length -= bytes - length;
		return s;
	}
	p2pmem_pool_unpromise(p->pool, left);
	p2pmem_sgl_free_pages(s);
	kvfree(s);
	return ERR_PTR(-ENODEV);
}

static void p2pmem_sgl_clear(struct p2pmem_sgl *s)
{
	unsigned int i;

	for (i = 0; i < s->nents; i++)
		p2pmem_clear(sg_virt(&s->sg[i]), s->sg[i].length);
}

/*
 * A list of one run or several; the caller holds the provider. The error is -ENODEV when it
 * does not lend, -ENOMEM when the pool is full, -ENOBUFS when the kernel has no memory.
 */
static struct p2pmem_sgl *p2pmem_sgl_make(struct p2pmem_provider *p,
					  struct pci_p2pmem_grant *grant, u32 length, gfp_t gfp)
{
	struct p2pmem_sgl *s = p2pmem_list_alloc(gfp);
	unsigned long flags;
	int ret;

	if (!s)
		return ERR_PTR(-ENOBUFS);
	local_irq_save(flags);
	ret = p2pmem_sgl_one(s, p, grant, length);
	local_irq_restore(flags);
	if (!ret)
		return s;
	kfree(s);
	return ret == -ENOMEM ? p2pmem_sgl_several(p, grant, length, gfp) : ERR_PTR(ret);
}

static noinline struct p2pmem_sgl *p2pmem_sgl_slow(struct pci_dev *provider, u32 length,
						   gfp_t gfp)
{
	struct p2pmem_provider *p;
	struct p2pmem_sgl *s;

	if (!length)
		return NULL;
	p = p2pmem_provider_get(provider);
	if (!p)
		return NULL;
	s = p2pmem_sgl_make(p, NULL, length, gfp);
	if (trace_p2pmem_alloc_enabled())
		trace_p2pmem_alloc(p->pdev, NULL, length, IS_ERR(s) ?
				   p2pmem_alloc_reason(p, length, PTR_ERR(s)) :
				   PCI_P2PMEM_OK);
	p2pmem_provider_put(p);
	return IS_ERR(s) ? NULL : s;
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
	struct p2pmem_sgl *s = NULL;
	struct p2pmem_provider *p;
	unsigned long flags;

	/* With interrupts off we are an RCU reader. */
	if (likely(length && !trace_p2pmem_alloc_enabled())) {
		local_irq_save(flags);
		p = p2pmem_find(provider);
		if (likely(p))
			s = p2pmem_sgl_quick(p, NULL, length);
		local_irq_restore(flags);
	}
	if (unlikely(!s)) {
		s = p2pmem_sgl_slow(provider, length, gfp & ~__GFP_ZERO);
		if (!s)
			return NULL;
	}
	if (unlikely(gfp & __GFP_ZERO))
		p2pmem_sgl_clear(s);
	*nents = s->nents;
	return s->sg;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_sgl_alloc);

/* Memory under a grant that is held, and charged; or NULL and the reason */
static noinline struct p2pmem_sgl *p2pmem_grant_sgl(struct pci_p2pmem_grant *grant, u32 length,
						    gfp_t gfp, enum pci_p2pmem_reason *why)
{
	size_t bytes = PAGE_ALIGN((size_t)length);
	struct p2pmem_sgl *s;

	if (unlikely(!p2pmem_grant_valid(grant))) {
		*why = p2pmem_grant_reason(grant);
		return NULL;
	}
	*why = PCI_P2PMEM_QUOTA;
	if (unlikely(p2pmem_grant_over_quota(grant, bytes)))
		return NULL;
	s = p2pmem_sgl_make(grant->provider, grant, length, gfp);
	if (IS_ERR(s)) {
		*why = p2pmem_alloc_reason(grant->provider, bytes, PTR_ERR(s));
		return NULL;
	}
	if (unlikely(p2pmem_grant_is_stale(grant))) {
		*why = PCI_P2PMEM_REVOKED;
		goto free;
	}
	if (unlikely(p2pmem_grant_charge(grant, bytes)))
		goto free;
	return s;

free:
	p2pmem_sgl_free_pages(s);
	kvfree(s);
	return NULL;
}

/* Cheap check before an allocation: true if no client of the grant is known to be refused. */
static __always_inline bool p2pmem_grant_ready(const struct pci_p2pmem_grant *grant, size_t bytes)
{
	unsigned long quota = READ_ONCE(grant->provider->quota);
	const struct p2pmem_link *l = grant->link, *end = l + grant->nr;

	for (; l < end; l++)
		if (unlikely(!p2pmem_link_valid(l) ||
			     (quota && READ_ONCE(l->pair->used) + bytes > quota)))
			return false;
	return true;
}

/*
 * The same where nothing is unusual: NULL, and nothing is done, when there is anything to
 * refuse, or to do first.
 */
static __always_inline struct p2pmem_sgl *p2pmem_grant_sgl_quick(struct pci_p2pmem_grant *grant,
								 u32 length)
{
	size_t bytes = PAGE_ALIGN((size_t)length);
	struct p2pmem_sgl *s;
	unsigned long flags;

	if (unlikely(!p2pmem_grant_ready(grant, bytes)))
		return NULL;
	local_irq_save(flags);
	s = p2pmem_sgl_quick(grant->provider, grant, length);
	local_irq_restore(flags);
	if (likely(s && !p2pmem_grant_is_stale(grant) && !p2pmem_grant_charge(grant, bytes)))
		return s;
	if (s) {
		p2pmem_sgl_free_pages(s);
		p2pmem_spare_put(s);
	}
	return NULL;
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
	enum pci_p2pmem_reason reason = PCI_P2PMEM_REVOKED;
	struct p2pmem_sgl *s = NULL;
	int ret = -ENODEV;

	if (unlikely(!length))
		return ERR_PTR(-EINVAL);
	if (likely(pci_p2pmem_grant_tryget(grant))) {
		s = p2pmem_grant_sgl_quick(grant, length);
		if (unlikely(!s))
			s = p2pmem_grant_sgl(grant, length, gfp & ~__GFP_ZERO, &reason);
		if (unlikely(!s)) {
			ret = p2pmem_errno(reason);
			p2pmem_grant_failed(grant, reason);
			pci_p2pmem_grant_put(grant);
		}
	}
	if (s)
		reason = PCI_P2PMEM_OK;
	if (why)
		*why = reason;
	trace_p2pmem_alloc(grant->provider->pdev, grant, length, reason);
	if (unlikely(!s))
		return ERR_PTR(ret);
	if (unlikely(gfp & __GFP_ZERO))
		p2pmem_sgl_clear(s);
	*nents = s->nents;
	return s->sg;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_sgl_alloc);

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
	struct pci_p2pmem_grant *grant = s->grant;

	if (unlikely(!s->nents)) {
		p2pmem_warn_not_allocated();
		return;
	}
	trace_p2pmem_free(s->provider->pdev, grant, s->length);
	/* Uncharged first: never more is charged than is in use. */
	if (grant)
		p2pmem_grant_uncharge(grant, PAGE_ALIGN((size_t)s->length));
	/* With its last page, the provider of a list without a grant may go. */
	p2pmem_sgl_free_pages(s);
	if (likely(s->max == 1))
		p2pmem_spare_put(s);
	else
		kvfree(s);
	if (grant)
		pci_p2pmem_grant_put(grant);
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
