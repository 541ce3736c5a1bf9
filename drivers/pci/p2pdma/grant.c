// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: grants: an orchestrator's use of a provider for a set of clients
 *
 * Floor 6.
 *
 * A grant is created once per pairing and lives until the last memory that was allocated
 * under it is freed. The mapping belongs to the grant: memory allocated under it is mapped
 * as the pairs were when it was created, even if their verdicts change, and other memory
 * is not affected. A verdict that turns into a refusal stops new allocations at once. If a
 * self-test disproves a pair, the contents of memory in use count as lost.
 *
 * A grant belongs to one life of its provider. A reset may change what was proved of the
 * pairs, so nothing can be allocated under a grant from before it, however short the
 * provider was away: its orchestrator creates a new grant, for which the pairs are evaluated
 * again. The number of losses (the epoch) distinguishes the lives.
 *
 * References: the orchestrator's own until pci_p2pmem_grant_end(), and one for each
 * pci_p2pmem_grant_tryget(). Memory in use holds its grant too, by the number of bytes that
 * is counted anyway: see p2pmem_grant_release_unused(). Readers find a grant by the
 * orchestrator's own pointer under RCU, or by a page that they hold; the structure is freed
 * a grace period after the last reference is dropped and the last memory is free.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/percpu-refcount.h>
#include <linux/slab.h>
#include "p2pdma.h"

static void p2pmem_grant_free_worker(struct work_struct *work)
{
	struct pci_p2pmem_grant *g = container_of(work, struct pci_p2pmem_grant, free_work);
	int i;

	/*
	 * A CPU that freed the last memory, or counted it, may still read the grant, and so may one
	 * that found it just before it ended: pci_p2pmem_grant_tryget() fails for it.
	 */
	synchronize_rcu();
	scoped_guard(mutex, &g->provider->lock)
		list_del_init(&g->node);
	for (i = 0; i < g->nr; i++)
		p2pmem_pair_ungrant(g->link[i].pair);
	p2pmem_provider_put(g->provider);
	free_percpu(g->bytes);
	percpu_ref_exit(&g->ref);
	kfree(g->name);
	kfree(g);
}

static void p2pmem_grant_release(struct percpu_ref *ref)
{
	struct pci_p2pmem_grant *g = container_of(ref, struct pci_p2pmem_grant, ref);

	/* Any context. After a grace period: every caller who saw the grant alive has counted. */
	guard(rcu)();
	WRITE_ONCE(g->unheld, true);
	smp_mb();	/* written, now count: pairs with the barrier after uncharging */
	p2pmem_grant_release_unused(g);
}

/* Adds the pair of a client. Returns 0, or an errno with the reason in @why. */
static int p2pmem_grant_add(struct pci_p2pmem_grant *g, struct device *client, ktime_t since,
			    struct pci_p2pmem_verdict *why)
{
	struct p2pmem_pair *pair = p2pmem_pair_get(g->provider, client, since, why);

	if (IS_ERR(pair))
		return p2pmem_errno(why->reason);
	if (why->reason) {
		p2pmem_pair_failed(pair, why->reason);
		p2pmem_pair_ungrant(pair);
		return p2pmem_errno(why->reason);
	}
	/* A client that is listed twice is added once. */
	if (p2pmem_grant_link(g, client)) {
		p2pmem_pair_ungrant(pair);
		return 0;
	}
	g->link[g->nr++] = (struct p2pmem_link){
		.pair = pair, .how = why->mapping, .disproofs = READ_ONCE(pair->disproofs),
	};
	return 0;
}

static struct pci_p2pmem_grant *p2pmem_grant_alloc(struct p2pmem_provider *p, int nr,
						   const char *name)
{
	struct pci_p2pmem_grant *g = kzalloc(struct_size(g, link, nr), GFP_KERNEL);

	if (!g)
		return NULL;
	g->name = p2pmem_printable(name, GFP_KERNEL);
	if (!g->name)
		goto free_grant;
	g->bytes = alloc_percpu(long);
	if (!g->bytes)
		goto free_name;
	if (percpu_ref_init(&g->ref, p2pmem_grant_release, 0, GFP_KERNEL))
		goto free_counter;
	INIT_LIST_HEAD(&g->node);
	INIT_WORK(&g->free_work, p2pmem_grant_free_worker);
	kref_get(&p->ref);
	g->provider = p;
	/* Read this before the lookup of the pairs, because a loss invalidates older proofs. */
	g->epoch = smp_load_acquire(&p->epoch);
	return g;

free_counter:
	free_percpu(g->bytes);
free_name:
	kfree(g->name);
free_grant:
	kfree(g);
	return NULL;
}

/* Lets a revocation find a new grant, or returns false if there was one meanwhile. */
static bool p2pmem_grant_list(struct pci_p2pmem_grant *g)
{
	struct p2pmem_provider *p = g->provider;

	guard(mutex)(&p->lock);
	if (!p2pmem_is_live(p) || p2pmem_grant_is_stale(g))
		return false;
	list_add_tail(&g->node, &p->grants);
	p2pmem_grant_count_users(g, 1);
	return true;
}

/**
 * pci_p2pmem_grant_create() - create a grant
 * @provider: the providing function, for example from pci_p2pmem_choose_provider(), which
 *	also says whether it accepts commands of which a part is elsewhere
 * @clients: DMA devices that memory will be mapped for
 * @nr: number of @clients
 * @since: a verdict from before this time (ktime_get()) is made again, because writes to ACS
 *	registers are not notified: the time that was passed to the choice; KTIME_MAX to make
 *	all of them in any case
 * @ops: callbacks of the caller; must outlive the grant's end
 * @priv: private data of the caller
 * @name: name of the user for the log
 * @why: returns the decisive verdict: that of the first refused pair, or of the last pair
 *
 * Context: Process context, may sleep.
 * Return: the grant; end it with pci_p2pmem_grant_end(). -ENODEV, -EXDEV,
 * -EOPNOTSUPP with the reason in @why; -EINVAL without clients; -ENOMEM with
 * PCI_P2PMEM_NO_MEMORY if the kernel is out of memory: the caller should try again soon.
 */
struct pci_p2pmem_grant *
pci_p2pmem_grant_create(struct pci_dev *provider, struct device **clients, int nr, ktime_t since,
			const struct pci_p2pmem_grant_ops *ops, void *priv,
			const char *name, struct pci_p2pmem_verdict *why)
{
	struct p2pmem_provider *p;
	struct pci_p2pmem_grant *g;
	int i, ret = 0;

	*why = (struct pci_p2pmem_verdict){ .distance = -1 };
	if (nr < 1)
		return ERR_PTR(-EINVAL);
	p = p2pmem_provider_get(provider);
	if (!p) {
		why->reason = PCI_P2PMEM_NOT_A_PROVIDER;
		return ERR_PTR(-ENODEV);
	}
	/* It has a reference of its own. */
	g = p2pmem_grant_alloc(p, nr, name);
	p2pmem_provider_put(p);
	if (!g) {
		why->reason = PCI_P2PMEM_NO_MEMORY;
		return ERR_PTR(-ENOMEM);
	}
	g->ops = ops;
	g->priv = priv;
	for (i = 0; i < nr && !ret; i++)
		ret = p2pmem_grant_add(g, clients[i], since, why);
	if (!ret && !p2pmem_grant_list(g)) {
		why->reason = PCI_P2PMEM_REVOKED;
		ret = -ENODEV;
	}
	if (!ret)
		return g;
	percpu_ref_kill(&g->ref);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_create);

/**
 * p2pmem_grant_reason() - why a grant does not allow new allocations
 * @grant: the grant, held; p2pmem_grant_valid() is false
 *
 * Context: Any but NMI.
 * Return: the reason of the first pair that refuses.
 */
enum pci_p2pmem_reason p2pmem_grant_reason(const struct pci_p2pmem_grant *grant)
{
	struct pci_p2pmem_verdict v;
	const struct p2pmem_link *l;

	for (l = grant->link; l < grant->link + grant->nr; l++) {
		if (p2pmem_link_valid(l))
			continue;
		p2pmem_pair_verdict(l->pair, &v, NULL);
		if (v.reason)
			return v.reason;
	}
	/* A pair has another mapping now: only a write to ACS registers can cause that. */
	return PCI_P2PMEM_ACS_REDIRECT;
}

/**
 * pci_p2pmem_grant_end() - end a grant
 * @grant: from pci_p2pmem_grant_create()
 *
 * Memory in use stays valid until it is freed. Readers must not find the grant by the
 * orchestrator's pointer any more. None of the grant's callbacks runs after this returns;
 * describe may be called a last time before, because the users are named until their last
 * memory is freed.
 *
 * Context: Process context, may sleep.
 */
void pci_p2pmem_grant_end(struct pci_p2pmem_grant *grant)
{
	struct p2pmem_provider *p = grant->provider;
	char *last;

	scoped_guard(mutex, &p->lock) {
		last = p2pmem_grant_describe(grant);
		if (last)
			swap(grant->name, last);
		grant->ops = NULL;
		p2pmem_grant_count_users(grant, 0);
	}
	kfree(last);
	percpu_ref_kill(&grant->ref);
	p2pmem_note_change();
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_end);

/**
 * pci_p2pmem_grant_tryget() - take a reference
 * @grant: a grant that the caller found under RCU, or holds
 *
 * Context: Any but NMI.
 * Return: false if the grant has ended.
 */
bool pci_p2pmem_grant_tryget(struct pci_p2pmem_grant *grant)
{
	return percpu_ref_tryget_live(&grant->ref);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_tryget);

/**
 * pci_p2pmem_grant_put() - drop a reference
 * @grant: the grant
 *
 * Context: Any but NMI.
 */
void pci_p2pmem_grant_put(struct pci_p2pmem_grant *grant)
{
	percpu_ref_put(&grant->ref);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_put);

/**
 * pci_p2pmem_grant_usable() - whether the provider of a grant is live
 * @grant: the grant
 *
 * Context: Any; the caller holds the grant or found it under RCU.
 * Return: false if its provider is revoked or lost, or was lost since the grant was
 * created: the grant stays unusable even if the provider goes live again.
 */
bool pci_p2pmem_grant_usable(struct pci_p2pmem_grant *grant)
{
	return p2pmem_is_live(grant->provider) && !p2pmem_grant_is_stale(grant);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_usable);

/**
 * pci_p2pmem_grant_verdict() - current verdict of a grant's pairs
 * @grant: a grant that the caller holds and has not ended
 * @verdict: returns the verdict of the first pair that refuses; else that of the last
 *	pair, with by_admin, in_guest, and mapping through a host bridge if any pair has it
 *
 * Memory in use under a grant stays mapped even if its verdicts change. An orchestrator
 * calls this when it is notified of PCI_P2PMEM_EVENT_VERDICT, and ends a grant that would
 * not be created any more. The same holds before a user joins an existing grant.
 *
 * Context: Any but NMI.
 * Return: false if a pair is refused, mapped otherwise than when the grant was created, or
 * its client is registered no more: no memory can be allocated under the grant, and a new one
 * is needed even if @verdict has no reason.
 */
bool pci_p2pmem_grant_verdict(struct pci_p2pmem_grant *grant,
			      struct pci_p2pmem_verdict *verdict)
{
	bool by_admin = false, in_guest = false, host = false;
	int i;

	for (i = 0; i < grant->nr; i++) {
		p2pmem_pair_verdict(grant->link[i].pair, verdict, NULL);
		if (verdict->reason)
			return false;
		by_admin |= verdict->by_admin;
		in_guest |= verdict->in_guest;
		host |= verdict->mapping == PCI_P2PMEM_MAP_HOST_BRIDGE;
	}
	verdict->by_admin = by_admin;
	verdict->in_guest = in_guest;
	if (host)
		verdict->mapping = PCI_P2PMEM_MAP_HOST_BRIDGE;
	/* Even if a later self-test passed, memory in use stays lost. */
	if (p2pmem_grant_disproved(grant)) {
		verdict->reason = PCI_P2PMEM_VERIFY_FAILED;
		verdict->mapping = PCI_P2PMEM_MAP_NONE;
		return false;
	}
	return p2pmem_grant_valid(grant);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_verdict);

/**
 * pci_p2pmem_grant_idle() - whether a grant has no memory in use
 * @grant: the grant
 *
 * Context: Process context; the caller holds the grant.
 * Return: true if all its memory is free.
 */
bool pci_p2pmem_grant_idle(struct pci_p2pmem_grant *grant)
{
	return p2pmem_grant_bytes(grant) == 0;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_idle);

/**
 * pci_p2pmem_grant_priv() - private data of the orchestrator
 * @grant: the grant
 *
 * Context: Any.
 * Return: the pointer that was passed at creation.
 */
void *pci_p2pmem_grant_priv(struct pci_p2pmem_grant *grant)
{
	return grant->priv;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_priv);

/**
 * pci_p2pmem_grant_provider() - the providing function of a grant
 * @grant: the grant
 *
 * Context: Any.
 * Return: the function; its structure is valid while the caller holds memory of the grant
 * or knows that the function's driver is bound.
 */
struct pci_dev *pci_p2pmem_grant_provider(struct pci_p2pmem_grant *grant)
{
	return grant->provider->pdev;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_provider);
