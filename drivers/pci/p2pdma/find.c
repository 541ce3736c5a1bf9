// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: choice of a provider
 *
 * Floor 7.
 *
 * Ranks every published provider that all clients reach. Providers that need no host
 * bridge come before those that do, and among the former one that is itself a client
 * (a drive's own memory) comes first. Within a class the nearest is best, then one on the
 * clients' NUMA node, then the one with most free memory, unless the caller prefers
 * another order of these three. Ties go to the provider whose grants have the fewest
 * users, then to the lowest PCI address.
 *
 * A path that the caller will refuse because its self-test could not prove it ranks last,
 * so that a caller that searches again after a test gets the next provider.
 */
#include <linux/module.h>
#include "p2pdma.h"
#include "pair.h"
#include "registry.h"
#include "state.h"

/* Free pages that were not needed to compare a provider so far */
#define P2PMEM_NOT_COUNTED	LONG_MAX

/**
 * struct p2pmem_rank - rank of a provider; smaller is better, compared member by member
 * @first: what comes before the free memory
 * @free: free pages; more are better. A sum over all CPUs: counted when it is compared
 * @second: what comes after the free memory
 * @provider: the provider: the fewest users of its grants, and the lowest PCI address, are best
 */
struct p2pmem_rank {
	u64 first;
	long free;
	u64 second;
	struct p2pmem_provider *provider;
};

/**
 * struct p2pmem_route_rank - what the verdicts of a provider add to its rank
 * @unproved: a self-test could not prove it for all clients
 * @matters: the caller needs a proof
 * @class: 0 same function, 1 bus addresses only, 2 through a host bridge
 * @distance: sum of the distances
 * @foreign: number of clients on another NUMA node
 */
struct p2pmem_route_rank {
	bool unproved;
	bool matters;
	unsigned int class;
	unsigned int distance;
	unsigned int foreign;
};

/**
 * struct p2pmem_choice - state of a search
 * @clients: DMA devices that must reach the provider
 * @nr: number of @clients
 * @prefer: first criterion within a class
 * @provable: rank unproved paths last even if no administrator's entry allowed them
 * @split: commands have a part in system memory
 * @since: evaluate pairs whose verdict is older than this time, because the caller is about
 *	to use the provider; 0 to evaluate none
 * @best: rank of the best provider so far, if there is one
 */
struct p2pmem_choice {
	struct device **clients;
	int nr;
	enum pci_p2pmem_prefer prefer;
	bool provable;
	bool split;
	ktime_t since;
	struct p2pmem_rank best;
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

/* Adds a pair that is allowed. */
static void p2pmem_route_add(struct p2pmem_route_rank *route, const struct pci_p2pmem_verdict *v,
			     bool foreign)
{
	route->unproved |= v->proof == PCI_P2PMEM_UNPROVED;
	route->matters |= v->by_admin || v->in_guest;
	if (v->mapping == PCI_P2PMEM_MAP_HOST_BRIDGE)
		route->class = 2;
	else if (!v->distance && route->class == 1)
		route->class = 0;
	route->distance += v->distance;
	route->foreign += foreign;
}

/* The rank of a provider: @route is what its routes add, see p2pmem_verdict_rank(). */
static __always_inline void p2pmem_rank_set(struct p2pmem_rank *rank, struct p2pmem_provider *p,
					    u64 route, enum pci_p2pmem_prefer prefer)
{
	const u64 class = GENMASK_ULL(P2PMEM_RANK_UNPROVED, P2PMEM_RANK_CLASS);
	const u64 nodes = GENMASK_ULL(P2PMEM_RANK_DISTANCE - 1, 0);

	if (unlikely(READ_ONCE(p->silent)))
		route |= BIT_ULL(P2PMEM_RANK_UNPROVED);
	rank->first = route;
	rank->second = 0;
	if (prefer == PCI_P2PMEM_MOST_FREE) {
		rank->first = route & class;
		rank->second = route & ~class;
	} else if (prefer == PCI_P2PMEM_SAME_NODE) {
		rank->first = (route & class) | (route & nodes) << 32 |
			(u32)(route >> P2PMEM_RANK_DISTANCE);
	}
	rank->free = P2PMEM_NOT_COUNTED;
	rank->provider = p;
}

static bool p2pmem_rank(struct p2pmem_provider *p, struct p2pmem_choice *c,
			struct p2pmem_rank *rank)
{
	struct p2pmem_route_rank route = { .matters = c->provable, .class = 1 };
	struct pci_p2pmem_verdict v;
	int i;

	for (i = 0; i < c->nr; i++) {
		/*
		 * One that cannot be evaluated now is not chosen, whatever it was before. A pair
		 * that has never been evaluated, for lack of memory, is evaluated in any case.
		 */
		if (p2pmem_verdict(p, c->clients[i], c->since ?: 1, &v))
			return false;
		p2pmem_route_add(&route, &v, dev_to_node(c->clients[i]) !=
				 dev_to_node(&p->pdev->dev));
	}
	p2pmem_rank_set(rank, p, (u64)(route.unproved && route.matters) << P2PMEM_RANK_UNPROVED |
			(u64)route.class << P2PMEM_RANK_CLASS |
			(u64)route.distance << P2PMEM_RANK_DISTANCE | route.foreign, c->prefer);
	return true;
}

static __always_inline long p2pmem_rank_free(struct p2pmem_rank *rank)
{
	struct p2pmem_pool *pool = rank->provider->pool;

	if (rank->free == P2PMEM_NOT_COUNTED)
		rank->free = (long)(READ_ONCE(pool->size) >> PAGE_SHIFT) - p2pmem_pool_out(pool);
	return rank->free;
}

static __always_inline bool p2pmem_is_better(struct p2pmem_rank *a, struct p2pmem_rank *b)
{
	unsigned int a_users, b_users;

	if (a->first != b->first)
		return a->first < b->first;
	if (p2pmem_rank_free(a) != p2pmem_rank_free(b))
		return a->free > b->free;
	if (a->second != b->second)
		return a->second < b->second;
	a_users = READ_ONCE(a->provider->users);
	b_users = READ_ONCE(b->provider->users);
	if (a_users != b_users)
		return a_users < b_users;
	return a->provider->address < b->provider->address;
}

static __always_inline void p2pmem_keep_better(struct p2pmem_rank *best, struct p2pmem_rank *rank)
{
	if (unlikely(p2pmem_is_better(rank, best)))
		*best = *rank;
}

static __always_inline bool p2pmem_may_choose(struct p2pmem_provider *p, struct p2pmem_choice *c,
					      bool split)
{
	return p2pmem_is_published_inline(p) &&
		!(split && p2pmem_refuses_split(p, c->clients, c->nr, NULL));
}

/*
 * The choice for one client whose pairs all exist: reads what their verdicts are worth where it
 * is. False, and nothing is chosen, if a provider has no pair with the client. A self-test that
 * ends meanwhile takes no mutex: its result counts, or not yet.
 */
static __always_inline bool p2pmem_choose_by_pairs(struct p2pmem_choice *c,
						   enum pci_p2pmem_prefer prefer,
						   bool provable, bool split)
{
	struct device *client = c->clients[0];
	struct p2pmem_rank rank, best = { .first = U64_MAX };
	const int near = dev_to_node(client);
	struct p2pmem_provider *p;
	struct hlist_head *head;
	struct hlist_node *node;
	struct p2pmem_pair *pair;
	unsigned int pairs = 0;
	u64 limit, route;

	limit = p2pmem_client_limit(client);
	head = &p2pmem_client_pairs[hash_min((unsigned long)client, P2PMEM_CLIENT_BITS)];
	hlist_for_each(node, head) {
		pair = hlist_entry(node, struct p2pmem_pair, by_client);
		if (pair->client != client)
			continue;
		pairs++;
		/* It has to be evaluated again, or for the first time. */
		if (unlikely(READ_ONCE(pair->stale)))
			return false;
		if (READ_ONCE(pair->mapping) == PCI_P2PMEM_MAP_NONE ||
		    READ_ONCE(pair->needed) > limit ||
		    !p2pmem_may_choose(pair->provider, c, split))
			continue;
		p = pair->provider;
		route = READ_ONCE(pair->rank) + (dev_to_node(&p->pdev->dev) != near);
		if (provable && READ_ONCE(pair->proof) == PCI_P2PMEM_UNPROVED)
			route |= BIT_ULL(P2PMEM_RANK_UNPROVED);
		p2pmem_rank_set(&rank, p, route, prefer);
		p2pmem_keep_better(&best, &rank);
	}
	if (pairs != p2pmem_provider_count)
		return false;
	c->best = best;
	return true;
}

/* The usual order is compiled on its own: its loop is short. */
static bool p2pmem_choose_for_one(struct p2pmem_choice *c)
{
	if (c->nr != 1 || !c->clients[0] || c->since)
		return false;
	if (c->prefer == PCI_P2PMEM_NEAREST && !c->provable && !c->split)
		return p2pmem_choose_by_pairs(c, PCI_P2PMEM_NEAREST, false, false);
	return p2pmem_choose_by_pairs(c, c->prefer, c->provable, c->split);
}

static struct pci_dev *p2pmem_choose(struct device **clients, int nr,
				     enum pci_p2pmem_prefer prefer, ktime_t since)
{
	struct p2pmem_choice choice = {
		.clients = clients,
		.nr = nr,
		.prefer = prefer & ~(PCI_P2PMEM_PROVABLE | PCI_P2PMEM_SPLIT),
		.provable = prefer & PCI_P2PMEM_PROVABLE,
		.split = prefer & PCI_P2PMEM_SPLIT,
		.since = since,
		/* any provider is better */
		.best.first = U64_MAX,
	};
	struct p2pmem_provider *p;
	struct p2pmem_rank rank;

	if (nr < 1)
		return NULL;
	/* Providers leave the list, and verdicts change, under it. */
	guard(p2pmem_mutex)();
	if (!p2pmem_choose_for_one(&choice))
		list_for_each_entry(p, &p2pmem_provider_list, node)
			if (p2pmem_may_choose(p, &choice, choice.split) &&
			    p2pmem_rank(p, &choice, &rank))
				p2pmem_keep_better(&choice.best, &rank);
	return choice.best.provider ? pci_dev_get(choice.best.provider->pdev) : NULL;
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
	return p2pmem_choose(clients, nr, PCI_P2PMEM_NEAREST, 0);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_find_provider);

/**
 * struct p2pmem_refusal - search for the reason why there is no provider
 * @clients: DMA devices
 * @nr: number of @clients
 * @split: commands have a part in system memory
 * @since: as for the choice
 * @stopped: @why is only that a provider is not live now
 * @why: returns the most relevant refusal
 */
struct p2pmem_refusal {
	struct device **clients;
	int nr;
	bool split;
	ktime_t since;
	bool stopped;
	struct pci_p2pmem_verdict *why;
};

/* A provider that is in a reset comes back by itself: that is a reason if there is no other. */
static void p2pmem_note_stopped(struct p2pmem_provider *p, struct p2pmem_refusal *r)
{
	if (!READ_ONCE(p->published) || !p2pmem_pool_size(p->pool) || p2pmem_is_abandoned(p) ||
	    r->why->reason != PCI_P2PMEM_NO_PROVIDER)
		return;
	r->why->reason = PCI_P2PMEM_REVOKED;
	strscpy(r->why->provider, pci_name(p->pdev));
	r->stopped = true;
}

static void p2pmem_note_refusal(struct p2pmem_provider *p, void *arg)
{
	struct p2pmem_refusal *r = arg;
	struct pci_p2pmem_verdict v;
	int i;

	if (!p2pmem_is_published(p)) {
		p2pmem_note_stopped(p, r);
		return;
	}
	for (i = 0; i < r->nr; i++) {
		if (!p2pmem_verdict(p, r->clients[i], r->since, &v))
			continue;
		/*
		 * Of several refusals report that of the nearest provider. A lack of
		 * memory comes first: it is transient and says nothing of the machine.
		 */
		if (r->why->reason == PCI_P2PMEM_NO_MEMORY)
			return;
		if (r->why->reason == PCI_P2PMEM_NO_PROVIDER || r->stopped ||
		    v.reason == PCI_P2PMEM_NO_MEMORY ||
		    (v.distance >= 0 &&
		     (r->why->distance < 0 || v.distance < r->why->distance))) {
			*r->why = v;
			r->stopped = false;
		}
		return;
	}
	/* All clients can use it, so this is the only reason against it. */
	if (r->split && p2pmem_refuses_split(p, r->clients, r->nr, r->why))
		r->stopped = false;
}

/**
 * p2pmem_no_provider_reason() - the reason why no provider was found
 * @clients: DMA devices
 * @nr: number of @clients
 * @prefer: as for the choice; only PCI_P2PMEM_SPLIT is used
 * @since: as for the choice
 * @why: returns the verdict of the nearest provider that was refused, or PCI_P2PMEM_REVOKED
 *	if there is only one that is not live now, or PCI_P2PMEM_NO_PROVIDER if none is published
 *
 * Context: Process context, may sleep.
 */
void p2pmem_no_provider_reason(struct device **clients, int nr, enum pci_p2pmem_prefer prefer,
			       ktime_t since, struct pci_p2pmem_verdict *why)
{
	struct p2pmem_refusal r = {
		.clients = clients,
		.nr = nr,
		.split = prefer & PCI_P2PMEM_SPLIT,
		.since = since,
		.why = why,
	};

	*why = (struct pci_p2pmem_verdict){ .reason = PCI_P2PMEM_NO_PROVIDER,
					    .distance = -1 };
	p2pmem_for_each_provider(p2pmem_note_refusal, &r);
}

/**
 * pci_p2pmem_choose_provider() - choose the provider of a grant
 * @provider: the providing function, or NULL for the best published one that all
 *	clients reach
 * @prefer: first criterion of that choice; with @provider only PCI_P2PMEM_SPLIT is used
 * @clients: DMA devices that will be mapped for
 * @nr: how many
 * @since: verdicts from before this time are made again; ktime_get() for all of them, 0 for none
 * @why: returns the reason if there is none
 *
 * The pairs are evaluated: pci_p2pmem_grant_verdict() of a grant that exists for this provider
 * and these clients then says whether a user may join it. Of a named @provider only what does
 * not depend on its pairs is refused here; pci_p2pmem_grant_create() refuses the rest.
 *
 * Evaluation reads configuration space. An orchestrator that chooses for many users of the same
 * clients at one occasion passes the time at which that began, and each pair is evaluated once;
 * the same time, passed to pci_p2pmem_grant_create(), has none evaluated again.
 *
 * Context: Process context, may sleep.
 * Return: the function with a reference (pci_dev_put()), or NULL.
 */
struct pci_dev *
pci_p2pmem_choose_provider(struct pci_dev *provider, enum pci_p2pmem_prefer prefer,
			   struct device **clients, int nr, ktime_t since,
			   struct pci_p2pmem_verdict *why)
{
	struct pci_p2pmem_verdict v;
	struct pci_dev *found;
	struct p2pmem_provider *p;
	int i;

	*why = (struct pci_p2pmem_verdict){ .distance = -1 };
	if (!provider) {
		found = p2pmem_choose(clients, nr, prefer, since);
		if (!found)
			p2pmem_no_provider_reason(clients, nr, prefer, since ?: 1, why);
		return found;
	}
	p = p2pmem_provider_get(provider);
	if (!p) {
		why->reason = PCI_P2PMEM_NOT_A_PROVIDER;
		return NULL;
	}
	if (prefer & PCI_P2PMEM_SPLIT && p2pmem_refuses_split(p, clients, nr, why)) {
		p2pmem_provider_put(p);
		return NULL;
	}
	scoped_guard(p2pmem_mutex)
		for (i = 0; i < nr; i++)
			p2pmem_verdict(p, clients[i], since, &v);
	p2pmem_provider_put(p);
	return pci_dev_get(provider);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_choose_provider);
