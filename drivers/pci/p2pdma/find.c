// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: choice of a provider, and creation of grants
 *
 * Floor 7.
 *
 * Ranks every published provider that all clients reach. Providers that need no host
 * bridge come before those that do, and among the former one that is itself a client
 * (a drive's own memory) comes first. Within a class the nearest is best, then one on the
 * clients' NUMA node, then the one with most free memory, unless the caller prefers
 * another order of these three. Ties go to the provider with the fewest grants, then to
 * the lowest PCI address.
 *
 * A path that the caller will refuse because its self-test could not prove it ranks last,
 * so that a caller that searches again after a test gets the next provider.
 */
#include <linux/module.h>
#include "p2pdma.h"

/**
 * struct p2pmem_rank - rank of a provider; smaller is better, compared member by member
 * @unproved: a self-test could not prove it for all clients, and the caller needs a proof
 * @class: 0 same function, 1 bus addresses only, 2 through a host bridge
 * @distance: sum of the distances
 * @foreign: number of clients on another NUMA node
 * @free: free bytes; larger is better
 * @grants: number of its grants
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
 * @clients: DMA devices that must reach the provider
 * @nr: number of @clients
 * @prefer: first criterion within a class
 * @provable: rank unproved paths last even if no administrator's entry allowed them
 * @split: commands have a part in system memory
 * @update: evaluate the pairs: the caller is about to use the provider
 * @best: rank of @found
 * @found: best so far, referenced
 */
struct p2pmem_choice {
	struct device **clients;
	int nr;
	enum pci_p2pmem_prefer prefer;
	bool provable;
	bool split;
	bool update;
	struct p2pmem_rank best;
	struct pci_dev *found;
};

/*
 * Returns true if the provider is one of the clients and accepts no command of which a part
 * is elsewhere. @why, unless NULL, returns the refusal.
 */
static bool p2pmem_refuses_split(struct p2pmem_provider *p, struct device **clients, int nr,
				 struct pci_p2pmem_verdict *why)
{
	int i;

	for (i = 0; p->whole && i < nr; i++) {
		if (clients[i] != &p->pdev->dev)
			continue;
		if (why) {
			*why = (struct pci_p2pmem_verdict){ .reason = PCI_P2PMEM_SPLIT_COMMAND };
			strscpy(why->provider, pci_name(p->pdev));
			strscpy(why->client, pci_name(p->pdev));
		}
		return true;
	}
	return false;
}

/* The walk of the providers holds p2pmem_mutex. */
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
		if (c->update)
			p2pmem_update_verdict_locked(p, c->clients[i], &v);
		else
			p2pmem_lookup_verdict_locked(p, c->clients[i], &v);
		if (v.reason)
			return v.reason;
		rank->unproved |= v.proof == PCI_P2PMEM_UNPROVED;
		matters |= v.by_admin || v.in_guest;
		if (v.mapping == PCI_P2PMEM_MAP_HOST_BRIDGE)
			rank->class = 2;
		else if (!v.distance && rank->class == 1)
			rank->class = 0;
		rank->distance += v.distance;
		rank->foreign += dev_to_node(c->clients[i]) != node;
	}
	rank->unproved &= matters;
	rank->free = p2pmem_pool_available(p->pool);
	rank->grants = READ_ONCE(p->nr_grants);
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

/* Negative if @a is better */
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

	if (!p2pmem_is_published(p) ||
	    (c->split && p2pmem_refuses_split(p, c->clients, c->nr, NULL)) ||
	    p2pmem_rank(p, c, &rank))
		return;
	if (c->found && p2pmem_compare(&rank, &c->best, c->prefer) >= 0)
		return;
	pci_dev_put(c->found);
	c->found = pci_dev_get(p->pdev);
	c->best = rank;
}

static struct pci_dev *p2pmem_choose(struct device **clients, int nr,
				     enum pci_p2pmem_prefer prefer, bool update)
{
	struct p2pmem_choice choice = {
		.clients = clients,
		.nr = nr,
		.prefer = prefer & ~(PCI_P2PMEM_PROVABLE | PCI_P2PMEM_SPLIT),
		.provable = prefer & PCI_P2PMEM_PROVABLE,
		.split = prefer & PCI_P2PMEM_SPLIT,
		.update = update,
	};

	if (nr < 1)
		return NULL;
	p2pmem_for_each_provider(p2pmem_consider, &choice);
	return choice.found;
}

/**
 * p2pmem_find_preferred() - the best published provider for some clients
 * @clients: DMA devices that must all reach it
 * @nr: number of @clients
 * @prefer: first criterion; with PCI_P2PMEM_PROVABLE unproved paths rank last
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
 * pci_p2pmem_find_provider() - the best published provider for some clients
 * @clients: DMA devices that must all reach it
 * @nr: number of @clients
 *
 * Ranks by PCI_P2PMEM_NEAREST.
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
 * struct p2pmem_refusal - search for the reason why there is no provider
 * @clients: DMA devices
 * @nr: number of @clients
 * @split: commands have a part in system memory
 * @why: returns the most relevant refusal
 */
struct p2pmem_refusal {
	struct device **clients;
	int nr;
	bool split;
	struct pci_p2pmem_verdict *why;
};

static void p2pmem_note_refusal(struct p2pmem_provider *p, void *arg)
{
	struct p2pmem_refusal *r = arg;
	struct pci_p2pmem_verdict v;
	int i;

	if (!p2pmem_is_published(p))
		return;
	for (i = 0; i < r->nr; i++) {
		p2pmem_lookup_verdict_locked(p, r->clients[i], &v);
		if (!v.reason)
			continue;
		/*
		 * Of several refusals report that of the nearest provider. A lack of
		 * memory comes first: it is transient and says nothing of the machine.
		 */
		if (r->why->reason == PCI_P2PMEM_NO_MEMORY)
			return;
		if (r->why->reason == PCI_P2PMEM_NO_PROVIDER || v.reason == PCI_P2PMEM_NO_MEMORY ||
		    (v.distance >= 0 && v.distance < r->why->distance))
			*r->why = v;
		return;
	}
	/* All clients reach it: nothing else kept it from being chosen. */
	if (r->split)
		p2pmem_refuses_split(p, r->clients, r->nr, r->why);
}

/**
 * p2pmem_no_provider_reason() - the reason why no provider was found
 * @clients: DMA devices
 * @nr: number of @clients
 * @prefer: as for the choice; only PCI_P2PMEM_SPLIT is used
 * @why: returns the verdict of the nearest provider that was refused, or
 *	PCI_P2PMEM_NO_PROVIDER if none is published
 *
 * Context: Process context, may sleep.
 */
void p2pmem_no_provider_reason(struct device **clients, int nr, enum pci_p2pmem_prefer prefer,
			       struct pci_p2pmem_verdict *why)
{
	struct p2pmem_refusal r = {
		.clients = clients,
		.nr = nr,
		.split = prefer & PCI_P2PMEM_SPLIT,
		.why = why,
	};

	*why = (struct pci_p2pmem_verdict){ .reason = PCI_P2PMEM_NO_PROVIDER,
					    .distance = -1 };
	p2pmem_for_each_provider(p2pmem_note_refusal, &r);
}

/**
 * pci_p2pmem_grant_create() - create a grant
 * @provider: the providing function, or NULL for the best published one that all
 *	clients reach
 * @prefer: first criterion of that choice; with @provider only PCI_P2PMEM_SPLIT is used
 * @clients: DMA devices that memory will be mapped for
 * @nr: number of @clients
 * @ops: callbacks of the caller; must outlive the grant's end
 * @priv: private data of the caller
 * @name: name of the user for the log
 * @why: returns the decisive verdict: that of the first refused pair, or of the last
 *	pair; if no provider was found, that of the nearest one that was refused
 *
 * Context: Process context, may sleep.
 * Return: the grant; end it with pci_p2pmem_grant_end(). -ENODEV, -EXDEV,
 * -EOPNOTSUPP with the reason in @why; -EINVAL without clients; -ENOMEM with
 * PCI_P2PMEM_NO_MEMORY if the kernel is out of memory: the caller should try again soon.
 */
struct pci_p2pmem_grant *
pci_p2pmem_grant_create(struct pci_dev *provider, enum pci_p2pmem_prefer prefer,
			struct device **clients, int nr,
			const struct pci_p2pmem_grant_ops *ops, void *priv,
			const char *name, struct pci_p2pmem_verdict *why)
{
	struct pci_dev *found = NULL;
	struct pci_p2pmem_grant *g;
	struct p2pmem_provider *p;

	*why = (struct pci_p2pmem_verdict){ .distance = -1 };
	if (nr < 1)
		return ERR_PTR(-EINVAL);
	if (!provider) {
		found = p2pmem_choose(clients, nr, prefer, true);
		provider = found;
	}
	if (!provider) {
		p2pmem_no_provider_reason(clients, nr, prefer, why);
		return ERR_PTR(p2pmem_errno(why->reason));
	}
	p = p2pmem_provider_get(provider);
	if (!p) {
		why->reason = PCI_P2PMEM_NOT_A_PROVIDER;
		g = ERR_PTR(-ENODEV);
	} else if (prefer & PCI_P2PMEM_SPLIT && p2pmem_refuses_split(p, clients, nr, why)) {
		g = ERR_PTR(p2pmem_errno(why->reason));
	} else {
		g = p2pmem_grant_create(p, clients, nr, ops, priv, name, why);
	}
	if (p)
		p2pmem_provider_put(p);
	pci_dev_put(found);
	return g;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_create);
