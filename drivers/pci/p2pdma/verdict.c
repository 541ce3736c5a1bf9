// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: evaluation of pairs
 *
 * Floor 5.
 *
 * All verdicts are made here, in process context, under p2pmem_mutex, while both ends are
 * registered: when an end is registered, after a change of policy, after PCI hotplug, after
 * a reset of the provider, and when a grant is created or pci_p2pmem_verdict_update() is
 * called, because writes to ACS registers are not notified. If an evaluation fails (a
 * configuration read failed, or memory is short) the pair keeps its verdict, and a work
 * item tries again.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/module.h>
#include <linux/percpu.h>
#include "p2pdma.h"
#include "registry.h"

/* Delay before a failed evaluation is repeated */
#define P2PMEM_EVALUATE_DELAY	HZ

static void p2pmem_pairs_worker(struct work_struct *work);
static DECLARE_DELAYED_WORK(p2pmem_pairs_work, p2pmem_pairs_worker);
/* Whether the work evaluates all pairs, after PCI hotplug, or only those that are stale */
static atomic_t p2pmem_pairs_hotplug;

static void p2pmem_schedule_evaluate(void)
{
	queue_delayed_work(p2pmem_wq, &p2pmem_pairs_work, P2PMEM_EVALUATE_DELAY);
}

/* The reason of a pair that could not be evaluated */
static enum pci_p2pmem_reason p2pmem_evaluate_reason(int error)
{
	return error == -ENOMEM ? PCI_P2PMEM_NO_MEMORY : PCI_P2PMEM_REVOKED;
}

/* Creates a pair; if out of memory, schedules another attempt. */
static struct p2pmem_pair *p2pmem_pair_add(struct p2pmem_provider *p, struct device *client)
{
	struct p2pmem_pair *pair = p2pmem_pair_create(p, client);

	if (!pair)
		p2pmem_schedule_evaluate();
	return pair;
}

/*
 * Evaluates a pair. Returns 1 if the visible part of its verdict changed, 0 if not, or an
 * errno; then the pair keeps its verdict, and another attempt is scheduled.
 */
static int p2pmem_pair_evaluate(struct p2pmem_pair *pair, enum p2pmem_forget forget)
{
	struct p2pmem_pair_count __percpu *count;
	struct pci_p2pmem_verdict v;
	bool changed;
	u64 sig;
	int ret;

	lockdep_assert_held(&p2pmem_mutex);

	/* The function of an abandoned provider may have been removed. */
	if (pair->dead || READ_ONCE(pair->provider->abandoned))
		return -ENODEV;
	ret = p2pmem_route_evaluate(pair->provider, pair->client, &v, &sig);
	if (!ret && v.mapping && !pair->count) {
		/* Others hold the mutex of the per-CPU allocator while they reclaim memory. */
		count = alloc_percpu_gfp(struct p2pmem_pair_count, GFP_NOWAIT | __GFP_NOWARN);
		if (count)
			/* Readers under RCU check for NULL, or see a mapping first. */
			WRITE_ONCE(pair->count, count);
		else
			ret = -ENOMEM;
	}
	if (ret) {
		/* A pair without an earlier verdict gets the reason of the failure. */
		if (!pair->made)
			WRITE_ONCE(pair->verdict.reason, p2pmem_evaluate_reason(ret));
		p2pmem_pair_postpone(pair, forget);
		p2pmem_schedule_evaluate();
		return ret;
	}
	changed = p2pmem_pair_store(pair, &v, sig, forget);
	/* Orchestrators end grants that would not be created any more. */
	if (changed && atomic_read(&pair->grants))
		p2pmem_schedule_notify();
	return changed;
}

/**
 * p2pmem_pair_update() - look up or create a pair, and evaluate it
 * @p: the provider
 * @client: DMA device
 * @forget: which self-test results are dropped
 *
 * Context: Process context, p2pmem_mutex held.
 * Return: the pair, or an error pointer: -EOPNOTSUPP if @client is not a client, -ENODEV if
 * the provider is withdrawn, -ENOMEM, -EIO or another errno if the evaluation failed.
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
 * p2pmem_pair_get() - look up or create a pair, evaluate it, and take a reference
 * @p: the provider
 * @client: DMA device
 *
 * Context: Process context, may sleep.
 * Return: the pair, or an error pointer as of p2pmem_pair_update().
 */
struct p2pmem_pair *p2pmem_pair_get(struct p2pmem_provider *p, struct device *client)
{
	struct p2pmem_pair *pair;

	guard(p2pmem_mutex)();
	pair = p2pmem_pair_update(p, client, P2PMEM_FORGET_OUTDATED);
	if (!IS_ERR(pair))
		kref_get(&pair->ref);
	return pair;
}

/**
 * p2pmem_lookup_verdict_locked() - verdict of a provider and any device
 * @p: the provider, held
 * @client: DMA device, which need not be a client
 * @v: returns the stored verdict if there is a pair, else evaluates the route
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
 * p2pmem_update_verdict_locked() - evaluate the pair, then look up its verdict
 * @p: the provider, held
 * @client: DMA device, which need not be a client
 * @since: a verdict that was made at this time or later is not made again
 * @v: returns the verdict; if the evaluation fails, the earlier one
 *
 * Context: Process context, p2pmem_mutex held.
 */
void p2pmem_update_verdict_locked(struct p2pmem_provider *p, struct device *client,
				  ktime_t since, struct pci_p2pmem_verdict *v)
{
	struct p2pmem_pair *pair = client ? p2pmem_pair_find(p, client) : NULL;

	if (!pair || pair->stale || !pair->made || ktime_before(pair->made, since))
		p2pmem_pair_update(p, client, P2PMEM_FORGET_OUTDATED);
	p2pmem_lookup_verdict_locked(p, client, v);
}

/**
 * p2pmem_verdict_add_state() - refuse in a verdict if the provider is not live
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
 * p2pmem_lookup_verdict() - take p2pmem_mutex and call p2pmem_lookup_verdict_locked()
 * @p: the provider, held
 * @client: DMA device, which need not be a client
 * @v: returns the verdict
 *
 * Context: Process context, may sleep.
 */
void p2pmem_lookup_verdict(struct p2pmem_provider *p, struct device *client,
			   struct pci_p2pmem_verdict *v)
{
	guard(p2pmem_mutex)();
	p2pmem_lookup_verdict_locked(p, client, v);
}

/**
 * struct p2pmem_update - a re-evaluation of pairs
 * @provider: only pairs of this provider, NULL for all
 * @client: only pairs of this client, NULL for all
 * @forget: which self-test results are dropped
 * @stale: only pairs whose last evaluation failed
 * @pairs: returns the number of pairs
 * @changed: returns the number of pairs whose verdict changed
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
 * p2pmem_pairs_update() - evaluate pairs
 * @p: only pairs of this provider, or NULL
 * @client: only pairs of this client, or NULL
 * @forget: which self-test results are dropped
 * @pairs: returns the number of pairs; may be NULL
 *
 * Creates pairs that do not exist yet.
 *
 * Context: Process context, may sleep.
 * Return: number of pairs for which the visible part of the verdict changed.
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
	/* An orchestrator that was refused before may succeed now. */
	if (u.changed)
		p2pmem_notify(PCI_P2PMEM_EVENT_VERDICT, NULL);
}

/**
 * p2pmem_pairs_hotplug_event() - re-evaluate all pairs after PCI hotplug
 *
 * The hierarchy may have new bridges, and their discovery may have written ACS registers.
 *
 * Context: Any.
 */
void p2pmem_pairs_hotplug_event(void)
{
	atomic_set(&p2pmem_pairs_hotplug, 1);
	mod_delayed_work(p2pmem_wq, &p2pmem_pairs_work, 0);
}

/**
 * p2pmem_pairs_exit() - stop the evaluation of pairs
 *
 * Context: Module exit: no provider, no client and no source of events is left.
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
	guard(p2pmem_mutex)();
	p = p2pmem_find(provider);
	if (!p) {
		verdict->reason = PCI_P2PMEM_NOT_A_PROVIDER;
		return;
	}
	if (update)
		p2pmem_update_verdict_locked(p, client, KTIME_MAX, verdict);
	else
		p2pmem_lookup_verdict_locked(p, client, verdict);
	p2pmem_verdict_add_state(p, verdict);
}

/**
 * pci_p2pmem_verdict() - look up the verdict of a pair
 * @provider: the providing function
 * @client: DMA device
 * @verdict: returns the verdict
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
 * pci_p2pmem_verdict_update() - evaluate a pair and return its verdict
 * @provider: the providing function
 * @client: DMA device
 * @verdict: returns the verdict
 *
 * For callers that are about to use a pair: writes to ACS registers are not notified, so
 * they are read here.
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
 * pci_p2pmem_distance() - total distance of a provider from several clients
 * @provider: the providing function
 * @clients: DMA devices
 * @nr: number of @clients
 *
 * Context: Process context, may sleep.
 * Return: the sum of the distances, >= 0; -EINVAL without clients; otherwise the errno of
 * the first refusal: -ENODEV, -EXDEV, -EOPNOTSUPP.
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
