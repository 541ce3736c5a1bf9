// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the choice among providers
 *
 * Ranks every published provider that all clients reach: those that need no host
 * bridge before those that do, and among the former one that is itself a client
 * (a drive's own memory) first; within that the nearest, then one on the clients'
 * NUMA node, then the one with most memory free, unless the caller prefers another
 * order of these three. What is equal in all of them is shared out: the one with the
 * fewest grants, and at last the one with the lowest PCI address.
 *
 * Before all that: a path which somebody will refuse because it was tested and not
 * proved goes last, so that a caller who asks again after a test gets the next one.
 */
#include <linux/module.h>
#include "p2pdma.h"

/**
 * struct p2pmem_rank - how good a provider is; smaller is better, member by member
 * @unproved: a self-test could not prove it for all clients, and that matters
 * @class: 0 same function, 1 bus addresses only, 2 through a host bridge
 * @distance: sum of the distances
 * @foreign: number of clients on another NUMA node
 * @free: free bytes; larger is better
 * @grants: how many use it already
 * @address: domain, bus, device and function
 */
struct p2pmem_rank {
	bool unproved;
	int class;
	int distance;
	int foreign;
	size_t free;
	unsigned int grants;
	u64 address;
};

/**
 * struct p2pmem_choice - state of a search
 * @clients: for whom
 * @nr: how many
 * @prefer: what counts most within a class
 * @provable: what is not proved matters, be it allowed by whom it may
 * @anew: make verdicts anew: who asks is about to use the provider
 * @best: rank of @found
 * @found: best so far, referenced
 */
struct p2pmem_choice {
	struct device **clients;
	int nr;
	enum pci_p2pmem_prefer prefer;
	bool provable;
	bool anew;
	struct p2pmem_rank best;
	struct pci_dev *found;
};

static bool p2pmem_offers(struct p2pmem_provider *p)
{
	return READ_ONCE(p->published) && p2pmem_lends(p) && p2pmem_pool_size(p->pool);
}

static enum pci_p2pmem_reason p2pmem_rank(struct p2pmem_provider *p,
					  struct p2pmem_choice *c,
					  struct p2pmem_rank *rank)
{
	int node = dev_to_node(&p->pdev->dev);
	struct pci_p2pmem_verdict v;
	bool matters = c->provable;
	int i;

	*rank = (struct p2pmem_rank){ .class = 1 };
	for (i = 0; i < c->nr; i++) {
		if (c->anew)
			pci_p2pmem_verdict_update(p->pdev, c->clients[i], &v);
		else
			pci_p2pmem_verdict(p->pdev, c->clients[i], &v);
		if (v.reason)
			return v.reason;
		rank->unproved |= v.proof == PCI_P2PMEM_UNPROVED;
		matters |= v.by_admin;
		if (v.mapping == PCI_P2PMEM_MAP_HOST_BRIDGE)
			rank->class = 2;
		else if (!v.distance && rank->class == 1)
			rank->class = 0;
		rank->distance += v.distance;
		rank->foreign += dev_to_node(c->clients[i]) != node;
	}
	rank->unproved &= matters;
	rank->free = p2pmem_pool_available(p->pool);
	rank->grants = p2pmem_grants_count(p);
	rank->address = (u64)pci_domain_nr(p->pdev->bus) << 16 | pci_dev_id(p->pdev);
	return PCI_P2PMEM_OK;
}

/* -1, 0 or 1 as @a is less than, equal to or more than @b */
#define p2pmem_cmp(a, b)							\
	({									\
		typeof(a) _a = (a);						\
		typeof(b) _b = (b);						\
										\
		(_a > _b) - (_a < _b);						\
	})

/* Below zero when @a is the better one */
static int p2pmem_compare(const struct p2pmem_rank *a, const struct p2pmem_rank *b,
			  enum pci_p2pmem_prefer prefer)
{
	int near = p2pmem_cmp(a->distance, b->distance);
	int node = p2pmem_cmp(a->foreign, b->foreign);
	int free = p2pmem_cmp(b->free, a->free);
	int order;

	switch (prefer) {
	case PCI_P2PMEM_MOST_FREE:
		order = free ?: near ?: node;
		break;
	case PCI_P2PMEM_SAME_NODE:
		order = node ?: near ?: free;
		break;
	default:
		order = near ?: node ?: free;
	}
	return p2pmem_cmp(a->unproved, b->unproved) ?:
	       p2pmem_cmp(a->class, b->class) ?: order ?:
	       p2pmem_cmp(a->grants, b->grants) ?: p2pmem_cmp(a->address, b->address);
}

static void p2pmem_consider(struct p2pmem_provider *p, void *arg)
{
	struct p2pmem_choice *c = arg;
	struct p2pmem_rank rank;

	if (!p2pmem_offers(p) || p2pmem_rank(p, c, &rank))
		return;
	if (c->found && p2pmem_compare(&rank, &c->best, c->prefer) >= 0)
		return;
	pci_dev_put(c->found);
	c->found = pci_dev_get(p->pdev);
	c->best = rank;
}

static struct pci_dev *p2pmem_choose(struct device **clients, int nr,
				     enum pci_p2pmem_prefer prefer, bool anew)
{
	struct p2pmem_choice choice = {
		.clients = clients,
		.nr = nr,
		.prefer = prefer & ~PCI_P2PMEM_PROVABLE,
		.provable = prefer & PCI_P2PMEM_PROVABLE,
		.anew = anew,
	};

	if (nr < 1)
		return NULL;
	p2pmem_for_each_provider(p2pmem_consider, &choice);
	return choice.found;
}

/**
 * p2pmem_find_preferred() - the best published provider for some clients
 * @clients: DMA devices that must all reach it
 * @nr: how many
 * @prefer: what counts most, and with PCI_P2PMEM_PROVABLE whether proofs count
 *
 * Context: Process context, may sleep.
 * Return: the function with a reference (pci_dev_put()), or NULL.
 */
struct pci_dev *p2pmem_find_preferred(struct device **clients, int nr,
				      enum pci_p2pmem_prefer prefer)
{
	return p2pmem_choose(clients, nr, prefer, false);
}

/**
 * p2pmem_find_anew() - the same for who is about to use it
 * @clients: DMA devices that must all reach it
 * @nr: how many
 * @prefer: as for p2pmem_find_preferred()
 *
 * Verdicts are made anew: ACS words may have been written since, be it to allow what was
 * refused.
 *
 * Context: Process context, may sleep.
 * Return: the function with a reference (pci_dev_put()), or NULL.
 */
struct pci_dev *p2pmem_find_anew(struct device **clients, int nr,
				 enum pci_p2pmem_prefer prefer)
{
	return p2pmem_choose(clients, nr, prefer, true);
}

/**
 * pci_p2pmem_find_provider() - the best published provider for some clients
 * @clients: DMA devices that must all reach it
 * @nr: how many
 *
 * The nearest, see PCI_P2PMEM_NEAREST.
 *
 * Context: Process context, may sleep.
 * Return: the function with a reference (pci_dev_put()), or NULL.
 */
struct pci_dev *pci_p2pmem_find_provider(struct device **clients, int nr)
{
	return p2pmem_find_preferred(clients, nr, PCI_P2PMEM_NEAREST);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_find_provider);

/**
 * struct p2pmem_refusal - why there is no provider
 * @clients: for whom
 * @nr: how many
 * @why: the refusal of the provider that came nearest to being chosen
 */
struct p2pmem_refusal {
	struct device **clients;
	int nr;
	struct pci_p2pmem_verdict *why;
};

static void p2pmem_note_refusal(struct p2pmem_provider *p, void *arg)
{
	struct p2pmem_refusal *r = arg;
	struct pci_p2pmem_verdict v;
	int i;

	if (!p2pmem_offers(p))
		return;
	for (i = 0; i < r->nr; i++) {
		pci_p2pmem_verdict(p->pdev, r->clients[i], &v);
		if (!v.reason)
			continue;
		/* Of several refusals the nearest provider's says most. */
		if (r->why->reason == PCI_P2PMEM_NO_PROVIDER ||
		    (v.distance >= 0 && v.distance < r->why->distance))
			*r->why = v;
		return;
	}
}

/**
 * p2pmem_why_none() - the reason when no provider was found
 * @clients: DMA devices
 * @nr: how many
 * @why: returns the verdict of the nearest provider that refused, or
 *	PCI_P2PMEM_NO_PROVIDER when none is published
 *
 * Context: Process context, may sleep.
 */
void p2pmem_why_none(struct device **clients, int nr, struct pci_p2pmem_verdict *why)
{
	struct p2pmem_refusal r = { .clients = clients, .nr = nr, .why = why };

	*why = (struct pci_p2pmem_verdict){ .reason = PCI_P2PMEM_NO_PROVIDER,
					    .distance = -1 };
	p2pmem_for_each_provider(p2pmem_note_refusal, &r);
}
