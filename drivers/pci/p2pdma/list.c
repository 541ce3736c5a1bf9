// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: scatterlists of peer memory, whatever is unusual about them
 *
 * Floor 8.
 *
 * Lists of as many runs as it takes, under a grant or not, and everything that sgl.c does not
 * do: other lengths, clearing, tracing, refusals and their reasons, and pages that somebody
 * else still references.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <trace/events/p2pmem.h>
#include "p2pdma.h"
#include "cache.h"
#include "charge.h"
#include "pages.h"
#include "sgl.h"

DEFINE_PER_CPU_ALIGNED(struct p2pmem_spare, p2pmem_spare);

/* A list of one entry: one that this CPU keeps, or a new one */
static struct p2pmem_sgl *p2pmem_list_get(gfp_t gfp)
{
	struct p2pmem_sgl *s = NULL;
	struct p2pmem_spare *spare;
	unsigned long flags;

	local_irq_save(flags);
	spare = this_cpu_ptr(&p2pmem_spare);
	if (likely(spare->nr))
		s = spare->list[--spare->nr];
	local_irq_restore(flags);
	if (likely(s))
		return s;
	s = kzalloc(struct_size(s, sg, 1), gfp);
	if (s)
		s->max = 1;
	return s;
}

static void p2pmem_list_put(struct p2pmem_sgl *s)
{
	unsigned long flags;
	bool kept;

	local_irq_save(flags);
	kept = p2pmem_list_keep(s);
	local_irq_restore(flags);
	if (!kept)
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

/* Frees runs that have no other user; they hold the provider. */
static void p2pmem_sgl_return(struct p2pmem_provider *p, const struct p2pmem_run *run,
			      unsigned int nr)
{
	guard(rcu)();
	p2pmem_pool_free_runs(p->pool, run, nr);
	p2pmem_wake_waiters(p);
}

static void p2pmem_sgl_free_pages(struct p2pmem_sgl *s, unsigned int nents)
{
	struct p2pmem_run run[P2PMEM_RUNS];
	struct scatterlist *sg;
	unsigned int n = 0;
	struct page *page;
	unsigned long nr;

	if (likely(nents == 1)) {
		p2pmem_free_pages(sg_page(s->sg), PFN_UP(s->sg->length));
		return;
	}
	for (sg = s->sg; nents; sg++, nents--) {
		nr = PFN_UP(sg->length);
		page = sg_page(sg);
		if (unlikely(!(nr == 1 ? p2pmem_disown_pages(page, 1) :
			       p2pmem_disown_run(page, nr)))) {
			p2pmem_free_pages(page, nr);
			continue;
		}
		run[n++] = (struct p2pmem_run){ page, nr };
		if (n == ARRAY_SIZE(run)) {
			p2pmem_sgl_return(s->provider, run, n);
			n = 0;
		}
	}
	if (n)
		p2pmem_sgl_return(s->provider, run, n);
}

/* One run in @s: -ENODEV when the provider does not lend, -ENOMEM without a run */
static int p2pmem_sgl_one(struct p2pmem_sgl *s, struct p2pmem_provider *p,
			  struct pci_p2pmem_grant *grant, u32 length)
{
	unsigned long nr = PFN_UP((size_t)length), flags;
	int ret = -ENODEV;
	void *addr;

	local_irq_save(flags);
	if (p2pmem_sgl_may(s, p)) {
		addr = p2pmem_pool_alloc_block(p->pool, nr);
		ret = addr ? 0 : -ENOMEM;
	}
	local_irq_restore(flags);
	if (ret)
		return ret;
	p2pmem_sgl_set(s, p, grant, virt_to_page(addr), length);
	p2pmem_set_page_grant(virt_to_page(addr), nr, grant);
	return 0;
}

/* Appends a run to the entries; @end is the page behind the last one. */
static struct scatterlist *p2pmem_sgl_append(struct p2pmem_sgl *s, struct scatterlist *sg,
					     const struct p2pmem_run *run, const struct page *end)
{
	size_t bytes = run->nr << PAGE_SHIFT;

	p2pmem_set_page_grant(run->page, run->nr, s->grant);
	/* Two regions may be adjacent, but each frees its own pages. */
	if (run->page == end && sg->length + bytes <= UINT_MAX &&
	    p2pmem_page_region(sg_page(sg)) == p2pmem_page_region(run->page)) {
		sg->length += bytes;
		return sg;
	}
	sg = &s->sg[s->nents++];
	sg_set_page(sg, run->page, bytes, 0);
	return sg;
}

/*
 * Fills with the longest blocks that there are; all of it was promised. Returns what is
 * left when the provider stops lending meanwhile.
 */
static size_t p2pmem_sgl_fill(struct p2pmem_sgl *s, size_t left)
{
	struct p2pmem_run run[P2PMEM_RUNS];
	struct scatterlist *sg = s->sg;
	unsigned int i, n;
	struct page *end = NULL;

	while (left) {
		scoped_guard(preempt) {
			if (unlikely(!p2pmem_is_live(s->provider)))
				return left;
			n = p2pmem_pool_alloc_some(s->provider->pool, left, run, ARRAY_SIZE(run));
		}
		for (i = 0; i < n; i++) {
			sg = p2pmem_sgl_append(s, sg, &run[i], end);
			end = run[i].page + run[i].nr;
			left -= run[i].nr << PAGE_SHIFT;
		}
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
	s->epoch = smp_load_acquire(&p->epoch);	/* as in p2pmem_sgl_may() */
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
	p2pmem_sgl_free_pages(s, s->nents);
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
	struct p2pmem_sgl *s = p2pmem_list_get(gfp);
	int ret;

	if (!s)
		return ERR_PTR(-ENOBUFS);
	ret = p2pmem_sgl_one(s, p, grant, length);
	if (!ret)
		return s;
	p2pmem_list_put(s);
	return ret == -ENOMEM ? p2pmem_sgl_several(p, grant, length, gfp) : ERR_PTR(ret);
}

static void p2pmem_sgl_discard(struct p2pmem_sgl *s)
{
	unsigned int nents = s->nents;

	s->nents = 0;
	p2pmem_sgl_free_pages(s, nents);
	if (s->max == 1)
		p2pmem_list_put(s);
	else
		kvfree(s);
}

static struct scatterlist *p2pmem_sgl_done(struct p2pmem_sgl *s, unsigned int *nents, gfp_t gfp)
{
	if (gfp & __GFP_ZERO)
		p2pmem_sgl_clear(s);
	*nents = s->nents;
	return s->sg;
}

/**
 * p2pmem_sgl_slow() - allocate a list of any number of runs
 * @provider: the providing function
 * @nents: returns the number of entries; unchanged without a list
 * @length: bytes
 * @gfp: as for pci_p2pmem_sgl_alloc()
 *
 * Context: What @gfp allows.
 * Return: the list, or NULL.
 */
struct scatterlist *p2pmem_sgl_slow(struct pci_dev *provider, unsigned int *nents, u32 length,
				    gfp_t gfp)
{
	struct p2pmem_provider *p;
	struct p2pmem_sgl *s;

	if (!length)
		return NULL;
	p = p2pmem_provider_get(provider);
	if (!p)
		return NULL;
	s = p2pmem_sgl_make(p, NULL, length, gfp & ~__GFP_ZERO);
	if (trace_p2pmem_alloc_enabled())
		trace_p2pmem_alloc(p->pdev, NULL, length, IS_ERR(s) ?
				   p2pmem_alloc_reason(p, length, PTR_ERR(s)) :
				   PCI_P2PMEM_OK);
	p2pmem_provider_put(p);
	return IS_ERR(s) ? NULL : p2pmem_sgl_done(s, nents, gfp);
}

/* Whether a pair is refused now: the pairs are compared if anything has changed. Sets @why. */
static bool p2pmem_grant_refused(struct pci_p2pmem_grant *grant, enum pci_p2pmem_reason *why)
{
	if (p2pmem_grant_is_current(grant) || p2pmem_grant_valid(grant))
		return false;
	*why = p2pmem_grant_reason(grant);
	return true;
}

/* Memory under a grant that is held, and charged; or NULL and the reason */
static noinline struct p2pmem_sgl *p2pmem_grant_sgl(struct pci_p2pmem_grant *grant, u32 length,
						    gfp_t gfp, enum pci_p2pmem_reason *why)
{
	size_t bytes = PAGE_ALIGN((size_t)length);
	struct p2pmem_sgl *s;

	if (unlikely(p2pmem_grant_refused(grant, why)))
		return NULL;
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
	/* The provider may have got a range meanwhile that a client cannot reach. */
	if (unlikely(p2pmem_grant_refused(grant, why)))
		goto free;
	if (unlikely(p2pmem_grant_charge(grant, bytes)))
		goto free;
	return s;

free:
	p2pmem_sgl_discard(s);
	return NULL;
}

/**
 * p2pmem_grant_sgl_slow() - allocate a list of any number of runs under a grant
 * @grant: the grant, held
 * @nents: returns the number of entries; unchanged without a list
 * @length: bytes
 * @gfp: as for pci_p2pmem_grant_sgl_alloc()
 * @why: returns the reason; may be NULL
 *
 * Context: What @gfp allows.
 * Return: the list, or an error pointer.
 */
struct scatterlist *p2pmem_grant_sgl_slow(struct pci_p2pmem_grant *grant, unsigned int *nents,
					  u32 length, gfp_t gfp, enum pci_p2pmem_reason *why)
{
	enum pci_p2pmem_reason reason = PCI_P2PMEM_REVOKED;
	struct p2pmem_sgl *s = NULL;

	if (!length)
		return ERR_PTR(-EINVAL);
	p2pmem_grant_refresh(grant);
	if (!p2pmem_grant_has_ended(grant))
		s = p2pmem_grant_sgl(grant, length, gfp & ~__GFP_ZERO, &reason);
	if (s)
		reason = PCI_P2PMEM_OK;
	else if (!p2pmem_grant_has_ended(grant))
		p2pmem_grant_failed(grant, reason);
	if (why)
		*why = reason;
	trace_p2pmem_alloc(grant->provider->pdev, grant, length, reason);
	return s ? p2pmem_sgl_done(s, nents, gfp) : ERR_PTR(p2pmem_errno(reason));
}

/**
 * p2pmem_grant_sgl_undo() - undo an allocation up to a charge that failed
 * @grant: the grant, held
 * @s: the list, of one run; it is freed
 * @charged: number of pairs that were charged
 *
 * Context: Any but NMI.
 */
void p2pmem_grant_sgl_undo(struct pci_p2pmem_grant *grant, struct p2pmem_sgl *s, int charged)
{
	int i;

	for (i = 0; i < charged; i++)
		p2pmem_pair_uncharge_quick(grant->link[i].pair, PAGE_ALIGN((size_t)s->length));
	p2pmem_sgl_discard(s);
}

/**
 * p2pmem_sgl_free_slow() - free a list of any number of entries, and of pages in any state
 * @s: the list
 *
 * Context: As for pci_p2pmem_sgl_free().
 */
void p2pmem_sgl_free_slow(struct p2pmem_sgl *s)
{
	unsigned int nents = xchg(&s->nents, 0);
	struct pci_p2pmem_grant *grant = s->grant;

	if (!nents) {
		p2pmem_warn_not_allocated(pci_name(s->provider->pdev));
		return;
	}
	trace_p2pmem_free(s->provider->pdev, grant, s->length);
	/* Uncharged first: never more is charged than is in use. */
	if (grant)
		p2pmem_grant_uncharge(grant, PAGE_ALIGN((size_t)s->length));
	/* With its last page, the provider of a list may go. */
	p2pmem_sgl_free_pages(s, nents);
	if (s->max == 1)
		p2pmem_list_put(s);
	else
		kvfree(s);
}

/**
 * p2pmem_sgl_free_rest() - the rest of pci_p2pmem_sgl_free()
 * @s: the list, uncharged
 * @nr: pages that are to be freed, or 0 if they are free already
 * @flags: for local_irq_restore()
 *
 * Context: Interrupts off.
 */
void p2pmem_sgl_free_rest(struct p2pmem_sgl *s, unsigned long nr, unsigned long flags)
{
	struct p2pmem_provider *p = s->provider;

	/* With interrupts off we are an RCU reader, and stay one. */
	rcu_read_lock();
	smp_mb();	/* uncharged, now the state of the grant */
	if (s->grant)
		p2pmem_grant_settle(s->grant);
	local_irq_restore(flags);
	if (nr)
		p2pmem_pool_free(p->pool, sg_virt(s->sg), nr << PAGE_SHIFT);
	p2pmem_wake_waiters(p);
	rcu_read_unlock();
	p2pmem_list_put(s);
}
