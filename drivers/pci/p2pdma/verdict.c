// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: verdicts are made here
 *
 * Floor 5.
 *
 * In process context only, under p2pmem_mutex, while both ends are in their registers:
 * when an end appears, after a change of policy, after a function of the bus came or
 * went, after a reset of the provider, and when a grant takes the pair up or somebody
 * asks for it, because nobody tells when ACS words are written. A verdict that could not
 * be made (a configuration read failed, memory is short) leaves the pair what it was, and
 * a work item tries again.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/module.h>
#include <linux/percpu.h>
#include "p2pdma.h"

/* Until a verdict that could not be made is tried again */
#define P2PMEM_EVALUATE_DELAY	HZ

static void p2pmem_pairs_worker(struct work_struct *work);
static DECLARE_DELAYED_WORK(p2pmem_pairs_work, p2pmem_pairs_worker);
/* What the work does: all pairs after an event of the bus, or only those that are stale */
static atomic_t p2pmem_pairs_hotplug;

static void p2pmem_schedule_evaluate(void)
{
	queue_delayed_work(p2pmem_wq, &p2pmem_pairs_work, P2PMEM_EVALUATE_DELAY);
}

/* The reason of a pair for which no verdict could be made */
static enum pci_p2pmem_reason p2pmem_evaluate_reason(int error)
{
	return error == -ENOMEM ? PCI_P2PMEM_NO_MEMORY : PCI_P2PMEM_REVOKED;
}

/* Makes a pair. Without memory for it that is tried again soon. */
static struct p2pmem_pair *p2pmem_pair_add(struct p2pmem_provider *p, struct device *client)
{
	struct p2pmem_pair *pair = p2pmem_pair_create(p, client);

	if (!pair)
		p2pmem_schedule_evaluate();
	return pair;
}

/*
 * Judges a pair. Returns 1 if the visible part of its verdict changed, 0 if not, or an
 * errno; then the pair stays what it was, and is judged again soon.
 */
static int p2pmem_pair_evaluate(struct p2pmem_pair *pair, enum p2pmem_forget forget)
{
	struct p2pmem_pair_count __percpu *count;
	struct pci_p2pmem_verdict v;
	bool changed;
	u64 sig;
	int ret;

	lockdep_assert_held(&p2pmem_mutex);

	/* The function of an abandoned provider may be gone. */
	if (pair->dead || READ_ONCE(pair->provider->abandoned))
		return -ENODEV;
	ret = p2pmem_route_evaluate(pair->provider, pair->client, &v, &sig);
	if (!ret && v.mapping && !pair->count) {
		count = alloc_percpu(struct p2pmem_pair_count);
		if (count)
			/* Read under RCU by those who see a mapping or a count of zero. */
			WRITE_ONCE(pair->count, count);
		else
			ret = -ENOMEM;
	}
	if (ret) {
		/* One that was never judged says why; any other keeps its verdict. */
		if (!pair->made)
			WRITE_ONCE(pair->verdict.reason, p2pmem_evaluate_reason(ret));
		WRITE_ONCE(pair->stale, true);
		p2pmem_schedule_evaluate();
		return ret;
	}
	changed = p2pmem_pair_store(pair, &v, sig, forget);
	/* Whoever has a grant of it ends it when it would not be created any more. */
	if (changed && atomic_read(&pair->grants))
		p2pmem_schedule_notify();
	return changed;
}

/**
 * p2pmem_pair_update() - look up or make a pair, and judge it
 * @p: the provider
 * @client: DMA device
 * @forget: what becomes of a proof of the same route
 *
 * Context: Process context, p2pmem_mutex held.
 * Return: the pair; an error pointer: -EOPNOTSUPP when @client is no client, -ENODEV when
 * the provider is gone, -ENOMEM, -EIO or another errno when the pair could not be judged.
 */
struct p2pmem_pair *p2pmem_pair_update(struct p2pmem_provider *p, struct device *client,
				       enum p2pmem_forget forget)
{
	struct p2pmem_pair *pair;
	int ret;

	lockdep_assert_held(&p2pmem_mutex);

	if (p2pmem_find(p->pdev) != p || READ_ONCE(p->abandoned))
		return ERR_PTR(-ENODEV);
	if (!p2pmem_is_client(client))
		return ERR_PTR(-EOPNOTSUPP);
	pair = p2pmem_pair_find(p, client) ?: p2pmem_pair_add(p, client);
	if (!pair)
		return ERR_PTR(-ENOMEM);
	ret = p2pmem_pair_evaluate(pair, forget);
	return ret < 0 ? ERR_PTR(ret) : pair;
}

/**
 * p2pmem_pair_get() - look up or make a pair, judge it, and take a reference
 * @p: the provider
 * @client: DMA device
 *
 * Context: Process context, may sleep.
 * Return: the pair, or an error pointer as of p2pmem_pair_update().
 */
struct p2pmem_pair *p2pmem_pair_get(struct p2pmem_provider *p, struct device *client)
{
	struct p2pmem_pair *pair;

	guard(mutex)(&p2pmem_mutex);
	pair = p2pmem_pair_update(p, client, P2PMEM_FORGET_OUTDATED);
	if (!IS_ERR(pair))
		kref_get(&pair->ref);
	return pair;
}

/**
 * p2pmem_lookup_verdict_locked() - what is known of a provider and any device
 * @p: the provider, held
 * @client: DMA device, which need not be a client
 * @v: returns the verdict; of a pair that there is, the one that it has
 *
 * Context: Process context, p2pmem_mutex held.
 */
void p2pmem_lookup_verdict_locked(struct p2pmem_provider *p, struct device *client,
				  struct pci_p2pmem_verdict *v)
{
	struct p2pmem_pair *pair;

	lockdep_assert_held(&p2pmem_mutex);

	if (!client) {
		*v = (struct pci_p2pmem_verdict){ .reason = PCI_P2PMEM_NO_DMA_DEVICE,
						  .distance = -1 };
		return;
	}
	pair = p2pmem_pair_find(p, client);
	if (pair) {
		p2pmem_pair_verdict(pair, v);
		return;
	}
	if (p2pmem_find(p->pdev) != p || READ_ONCE(p->abandoned)) {
		*v = (struct pci_p2pmem_verdict){ .reason = PCI_P2PMEM_NOT_A_PROVIDER,
						  .distance = -1 };
		return;
	}
	/* Where nothing can be known, that is the reason. */
	p2pmem_route_evaluate(p, client, v, NULL);
	if (!v->reason && v->needed > p2pmem_client_limit(client))
		v->reason = PCI_P2PMEM_DMA_MASK;
}

/**
 * p2pmem_update_verdict_locked() - the same after the pair was judged
 * @p: the provider, held
 * @client: DMA device, which need not be a client
 * @v: returns the verdict; when none can be made now, the one that is known is better
 *	than nothing
 *
 * Context: Process context, p2pmem_mutex held.
 */
void p2pmem_update_verdict_locked(struct p2pmem_provider *p, struct device *client,
				  struct pci_p2pmem_verdict *v)
{
	p2pmem_pair_update(p, client, P2PMEM_FORGET_OUTDATED);
	p2pmem_lookup_verdict_locked(p, client, v);
}

/**
 * p2pmem_verdict_add_state() - no path leads to a provider that does not lend
 * @p: the provider
 * @v: verdict of one of its pairs
 *
 * Context: Any.
 */
void p2pmem_verdict_add_state(struct p2pmem_provider *p, struct pci_p2pmem_verdict *v)
{
	if (v->reason || p2pmem_is_live(p))
		return;
	v->reason = PCI_P2PMEM_REVOKED;
	v->mapping = PCI_P2PMEM_MAP_NONE;
}

/**
 * p2pmem_lookup_verdict() - p2pmem_lookup_verdict_locked() for who does not hold p2pmem_mutex
 * @p: the provider, held
 * @client: DMA device, which need not be a client
 * @v: returns the verdict
 *
 * Context: Process context, may sleep.
 */
void p2pmem_lookup_verdict(struct p2pmem_provider *p, struct device *client,
			   struct pci_p2pmem_verdict *v)
{
	guard(mutex)(&p2pmem_mutex);
	p2pmem_lookup_verdict_locked(p, client, v);
}

/**
 * struct p2pmem_update - pairs that are judged anew
 * @provider: whose, NULL for all
 * @client: whose, NULL for all
 * @forget: what becomes of their proofs
 * @stale: only those that could not be judged the last time
 * @pairs: number of pairs
 * @changed: how many of them say something else now
 */
struct p2pmem_update {
	struct p2pmem_provider *provider;
	struct device *client;
	enum p2pmem_forget forget;
	bool stale;
	unsigned int pairs;
	unsigned int changed;
};

static void p2pmem_update_pair(struct p2pmem_provider *p, struct device *client, void *arg)
{
	struct p2pmem_update *u = arg;
	struct p2pmem_pair *pair;

	if ((u->provider && u->provider != p) || (u->client && u->client != client) ||
	    READ_ONCE(p->abandoned))
		return;
	u->pairs++;
	pair = p2pmem_pair_find(p, client);
	if (u->stale && pair && !pair->stale)
		return;
	if (!pair)
		pair = p2pmem_pair_add(p, client);
	u->changed += pair && p2pmem_pair_evaluate(pair, u->forget) > 0;
}

/**
 * p2pmem_pairs_update() - judge pairs
 * @p: of this provider only, or NULL
 * @client: of this client only, or NULL
 * @forget: what becomes of proofs of the same route
 * @pairs: returns the number of pairs; may be NULL
 *
 * Pairs that do not exist yet are made.
 *
 * Context: Process context, may sleep.
 * Return: the number of pairs that are mapped otherwise than before, or refused for
 * another reason.
 */
unsigned int p2pmem_pairs_update(struct p2pmem_provider *p, struct device *client,
				 enum p2pmem_forget forget, unsigned int *pairs)
{
	struct p2pmem_update u = { .provider = p, .client = client, .forget = forget };

	p2pmem_for_each_pair(p2pmem_update_pair, &u);
	if (pairs)
		*pairs = u.pairs;
	return u.changed;
}

static void p2pmem_pairs_worker(struct work_struct *work)
{
	struct p2pmem_update u = {};

	if (atomic_xchg(&p2pmem_pairs_hotplug, 0))
		u.forget = P2PMEM_FORGET_PROOF;
	else
		u.stale = true;
	p2pmem_for_each_pair(p2pmem_update_pair, &u);
	/* An orchestrator may have been refused for a verdict that there is now. */
	if (u.changed)
		p2pmem_notify(PCI_P2PMEM_EVENT_VERDICT, NULL);
}

/**
 * p2pmem_pairs_hotplug_event() - a function of the bus came or went
 *
 * A hierarchy that changed may have other bridges, and ACS words that were written when
 * they were found.
 *
 * Context: Any.
 */
void p2pmem_pairs_hotplug_event(void)
{
	atomic_set(&p2pmem_pairs_hotplug, 1);
	mod_delayed_work(p2pmem_wq, &p2pmem_pairs_work, 0);
}

/**
 * p2pmem_pairs_exit() - no pair is judged any more
 *
 * Context: Module exit: no provider and no client is left, nor anybody who reports events.
 */
void p2pmem_pairs_exit(void)
{
	cancel_delayed_work_sync(&p2pmem_pairs_work);
}

static void p2pmem_query_verdict(struct pci_dev *provider, struct device *client,
				 struct pci_p2pmem_verdict *verdict, bool update)
{
	struct p2pmem_provider *p;

	*verdict = (struct pci_p2pmem_verdict){ .distance = -1 };
	guard(mutex)(&p2pmem_mutex);
	p = p2pmem_find(provider);
	if (!p) {
		verdict->reason = PCI_P2PMEM_NOT_A_PROVIDER;
		return;
	}
	if (update)
		p2pmem_update_verdict_locked(p, client, verdict);
	else
		p2pmem_lookup_verdict_locked(p, client, verdict);
	p2pmem_verdict_add_state(p, verdict);
}

/**
 * pci_p2pmem_verdict() - what is known about a pair
 * @provider: the providing function
 * @client: DMA device
 * @verdict: returns it
 *
 * Context: Process context, may sleep.
 */
void pci_p2pmem_verdict(struct pci_dev *provider, struct device *client,
			struct pci_p2pmem_verdict *verdict)
{
	p2pmem_query_verdict(provider, client, verdict, false);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_verdict);

/**
 * pci_p2pmem_verdict_update() - what is found out about a pair now
 * @provider: the providing function
 * @client: DMA device
 * @verdict: returns it
 *
 * For who is about to use a pair: nobody tells when ACS words are written, so they are
 * read here.
 *
 * Context: Process context, may sleep.
 */
void pci_p2pmem_verdict_update(struct pci_dev *provider, struct device *client,
			       struct pci_p2pmem_verdict *verdict)
{
	p2pmem_query_verdict(provider, client, verdict, true);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_verdict_update);

/**
 * pci_p2pmem_distance() - distance of a provider from all of its clients
 * @provider: the providing function
 * @clients: DMA devices
 * @nr: how many
 *
 * Context: Process context, may sleep.
 * Return: the sum of the distances, >= 0; -EINVAL without clients; the errno of
 * the first refusal otherwise: -ENODEV, -EXDEV, -EOPNOTSUPP.
 */
int pci_p2pmem_distance(struct pci_dev *provider, struct device **clients, int nr)
{
	struct pci_p2pmem_verdict v;
	int i, sum = 0;

	if (nr < 1)
		return -EINVAL;
	for (i = 0; i < nr; i++) {
		pci_p2pmem_verdict(provider, clients[i], &v);
		if (v.reason)
			return p2pmem_errno(v.reason);
		sum += v.distance;
	}
	return sum;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_distance);
