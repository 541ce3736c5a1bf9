// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: evaluation of pairs
 *
 * Floor 5.
 *
 * All verdicts are made here, in process context, under p2pmem_mutex, while both ends are
 * registered: when an end is registered, after a change of policy, after PCI hotplug, after
 * a reset of the provider, and for a user that is about to use the pair (a grant, the choice of
 * a provider), because writes to ACS registers are not notified. If an evaluation fails (a
 * configuration read failed, or memory is short) the pair keeps its verdict, and a work
 * item tries again.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/timekeeping.h>
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
 * errno with the reason in @v; then the pair keeps its verdict, and another attempt is scheduled.
 */
static int p2pmem_pair_evaluate(struct p2pmem_pair *pair, enum p2pmem_forget forget,
				struct pci_p2pmem_verdict *v)
{
	struct p2pmem_pair_count __percpu *count;
	ktime_t made = ktime_get();
	bool changed, failed;
	u64 sig;
	int ret;

	lockdep_assert_held(&p2pmem_mutex);

	/* The function of an abandoned provider may have been removed. */
	if (pair->dead || p2pmem_is_abandoned(pair->provider))
		return -ENODEV;
	ret = p2pmem_route_evaluate(pair->provider, pair->client, v, &sig);
	if (!ret && v->mapping && !pair->count) {
		/* Others hold the mutex of the per-CPU allocator while they reclaim memory. */
		count = alloc_percpu_gfp(struct p2pmem_pair_count, GFP_NOWAIT | __GFP_NOWARN);
		if (count)
			/* Readers under RCU check for NULL, or see a mapping first. */
			WRITE_ONCE(pair->count, count);
		else
			ret = -ENOMEM;
	}
	if (ret) {
		v->reason = ret == -ENOMEM ? PCI_P2PMEM_NO_MEMORY : PCI_P2PMEM_REVOKED;
		v->mapping = PCI_P2PMEM_MAP_NONE;
		p2pmem_pair_postpone(pair, forget, v->reason);
		p2pmem_schedule_evaluate();
		return ret;
	}
	failed = pair->failed;
	changed = p2pmem_pair_store(pair, v, sig, forget, made);
	/*
	 * Orchestrators end grants that would not be created any more. And those that were
	 * refused because of the failure try again, whatever had this evaluation made.
	 */
	if (failed || (changed && atomic_read(&pair->grants)))
		p2pmem_schedule_notify();
	return changed;
}

/* A refusal that is of no route: the names of both ends, and the reason */
static void p2pmem_verdict_refuse(struct p2pmem_provider *p, struct device *client,
				  enum pci_p2pmem_reason reason, struct pci_p2pmem_verdict *v)
{
	*v = (struct pci_p2pmem_verdict){ .reason = reason, .distance = -1 };
	strscpy(v->provider, pci_name(p->pdev));
	if (client)
		strscpy(v->client, dev_name(client));
}

/*
 * Finds or creates the pair of a client, and evaluates it unless that was done at @since or later.
 * Returns the pair with its verdict in @v, or an error pointer with the reason in @v.
 */
static struct p2pmem_pair *p2pmem_pair_update(struct p2pmem_provider *p, struct device *client,
					      ktime_t since, struct pci_p2pmem_verdict *v)
{
	struct p2pmem_pair *pair = p2pmem_pair_find(p, client);
	int ret = 0;

	lockdep_assert_held(&p2pmem_mutex);

	if (pair && !pair->stale && !ktime_before(pair->made, since))
		goto out;
	p2pmem_verdict_refuse(p, client, PCI_P2PMEM_REVOKED, v);
	if (p2pmem_find(p->pdev) != p || p2pmem_is_abandoned(p))
		return ERR_PTR(-ENODEV);
	if (!p2pmem_is_client(client)) {
		v->reason = PCI_P2PMEM_NOT_A_CLIENT;
		return ERR_PTR(-EOPNOTSUPP);
	}
	pair = pair ?: p2pmem_pair_add(p, client);
	if (!pair) {
		v->reason = PCI_P2PMEM_NO_MEMORY;
		return ERR_PTR(-ENOMEM);
	}
	ret = p2pmem_pair_evaluate(pair, P2PMEM_FORGET_OUTDATED, v);
	if (ret < 0)
		return ERR_PTR(ret);
out:
	p2pmem_pair_verdict(pair, v, NULL);
	return pair;
}

/**
 * p2pmem_pair_get() - find or create a pair for a grant, and evaluate it
 * @p: the provider
 * @client: DMA device, or NULL
 * @since: a verdict that was made at this time or later is not made again
 * @v: returns the verdict, or the reason why there is no pair or no verdict
 *
 * A change of the verdict from now on is notified: the grant is counted under the mutex under
 * which verdicts change.
 *
 * Context: Process context, may sleep.
 * Return: the pair with a reference and counted as granted, both dropped by
 * p2pmem_pair_ungrant(); or an error pointer: -EOPNOTSUPP if @client is not a client, -ENODEV if
 * the provider is withdrawn, -ENOMEM, -EAGAIN or another errno if the evaluation failed.
 */
struct p2pmem_pair *p2pmem_pair_get(struct p2pmem_provider *p, struct device *client,
				    ktime_t since, struct pci_p2pmem_verdict *v)
{
	struct p2pmem_pair *pair;

	if (!client) {
		p2pmem_verdict_refuse(p, client, PCI_P2PMEM_NO_DMA_DEVICE, v);
		return ERR_PTR(-EOPNOTSUPP);
	}
	guard(p2pmem_mutex)();
	pair = p2pmem_pair_update(p, client, since, v);
	if (!IS_ERR(pair)) {
		kref_get(&pair->ref);
		atomic_inc(&pair->grants);
	}
	return pair;
}

/* The verdict of a device that has no pair: what is known without one */
static void p2pmem_verdict_of_route(struct p2pmem_provider *p, struct device *client,
				    struct pci_p2pmem_verdict *v)
{
	if (!client)
		p2pmem_verdict_refuse(p, client, PCI_P2PMEM_NO_DMA_DEVICE, v);
	else if (p2pmem_find(p->pdev) != p || p2pmem_is_abandoned(p))
		p2pmem_verdict_refuse(p, client, PCI_P2PMEM_NOT_A_PROVIDER, v);
	else if (p2pmem_is_client(client))
		/* There was no memory for its pair. */
		p2pmem_verdict_refuse(p, client, PCI_P2PMEM_NO_MEMORY, v);
	else
		p2pmem_route_evaluate(p, client, v, NULL);
}

/**
 * p2pmem_verdict() - verdict of a provider and any device
 * @p: the provider, held
 * @client: DMA device, which need not be a client, or NULL
 * @since: a verdict that is older is made again; 0: the stored one
 * @v: returns the verdict; if it has to be made and that fails, the reason of the failure
 *
 * Context: Process context, p2pmem_mutex held.
 * Return: 0, or the errno of the refusal.
 */
int p2pmem_verdict(struct p2pmem_provider *p, struct device *client, ktime_t since,
		   struct pci_p2pmem_verdict *v)
{
	struct p2pmem_pair *pair;

	lockdep_assert_held(&p2pmem_mutex);

	if (since && p2pmem_is_client(client)) {
		p2pmem_pair_update(p, client, since, v);
	} else {
		pair = p2pmem_pair_find(p, client);
		if (pair)
			p2pmem_pair_verdict(pair, v, NULL);
		else
			p2pmem_verdict_of_route(p, client, v);
	}
	if (!v->reason && !p2pmem_is_live(p)) {
		v->reason = PCI_P2PMEM_REVOKED;
		v->mapping = PCI_P2PMEM_MAP_NONE;
	}
	return p2pmem_errno(v->reason);
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
	struct pci_p2pmem_verdict v;
	struct p2pmem_pair *pair;

	if ((u->provider && u->provider != p) || (u->client && u->client != client) ||
	    p2pmem_is_abandoned(p))
		return;
	u->pairs++;
	pair = p2pmem_pair_find(p, client);
	if (u->stale && pair && !pair->stale)
		return;
	if (!pair)
		pair = p2pmem_pair_add(p, client);
	u->changed += pair && p2pmem_pair_evaluate(pair, u->forget, &v) > 0;
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

/**
 * pci_p2pmem_verdict() - verdict of a pair
 * @provider: the providing function
 * @client: DMA device
 * @since: a verdict from before this time (ktime_get()) is made again; 0 for the stored one,
 *	KTIME_MAX to make it in any case
 * @verdict: returns the verdict
 *
 * A caller that is about to use the pair has it made again: writes to ACS registers are not
 * notified, so they are read here. If that fails, because a function on the path does not
 * answer or memory is short, this is the reason.
 *
 * Context: Process context, may sleep.
 * Return: 0, or the errno of the refusal: -ENODEV, -EXDEV, -EOPNOTSUPP, -ENOMEM.
 */
int pci_p2pmem_verdict(struct pci_dev *provider, struct device *client, ktime_t since,
		       struct pci_p2pmem_verdict *verdict)
{
	struct p2pmem_provider *p;

	*verdict = (struct pci_p2pmem_verdict){
		.reason = PCI_P2PMEM_NOT_A_PROVIDER,
		.distance = -1,
	};
	guard(p2pmem_mutex)();
	p = p2pmem_find(provider);
	if (!p)
		return p2pmem_errno(verdict->reason);
	return p2pmem_verdict(p, client, since, verdict);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_verdict);

/**
 * pci_p2pmem_distance() - total distance of a provider from several clients
 * @provider: the providing function
 * @clients: DMA devices
 * @nr: number of @clients
 *
 * Context: Process context, may sleep.
 * Return: the sum of the distances, >= 0; -EINVAL without clients; otherwise the errno of
 * the first refusal: -ENODEV, -EXDEV, -EOPNOTSUPP, -ENOMEM.
 */
int pci_p2pmem_distance(struct pci_dev *provider, struct device **clients, int nr)
{
	struct pci_p2pmem_verdict v;
	int i, ret, sum = 0;

	if (nr < 1)
		return -EINVAL;
	for (i = 0; i < nr; i++) {
		ret = pci_p2pmem_verdict(provider, clients[i], 0, &v);
		if (ret)
			return ret;
		sum += v.distance;
	}
	return sum;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_distance);
