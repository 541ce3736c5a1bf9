// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the table of pairs
 *
 * Floor 4.
 *
 * One entry for each provider and each registered client: the verdict of the route between
 * them, the result of the last self-test, and counters. verdict.c makes the verdicts, under
 * p2pmem_mutex; this file stores and reads them.
 *
 * Readers find a pair under RCU and read its mapping and the address limit of that mapping
 * without a lock or configuration space. The whole verdict is copied under a lock.
 *
 * A self-test result is valid for one route. A proof is dropped when anything may have
 * changed the route, also if the new route cannot be evaluated at that moment. A disproof is
 * valid whenever the pair's own route has the signature that was tested, until an administrator
 * requests a new test: see disproof.c.
 *
 * An entry is dropped with its provider or with its client's last registration. Grants keep
 * a reference longer: look-ups do not find it any more, and it is not evaluated.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/dma-mapping.h>
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <trace/events/p2pmem.h>
#include "p2pdma.h"
#include "pair.h"

/* Guards the table for writers, and its verdicts. Irq-safe: readers run in any context. */
static DEFINE_SPINLOCK(p2pmem_pairs_lock);
static DEFINE_HASHTABLE(p2pmem_pairs, 8);
/* The same pairs by client, which the choice of a provider walks; guarded by p2pmem_mutex */
DEFINE_HASHTABLE(p2pmem_client_pairs, P2PMEM_CLIENT_BITS);

/**
 * p2pmem_pairs_count() - number of pairs
 *
 * Context: Any but NMI.
 * Return: the number.
 */
unsigned int p2pmem_pairs_count(void)
{
	struct p2pmem_pair *pair;
	unsigned int n = 0;
	int i;

	guard(rcu)();
	hash_for_each_rcu(p2pmem_pairs, i, pair, hash)
		n++;
	return n;
}

static unsigned long p2pmem_pair_key(struct p2pmem_provider *p, struct device *client)
{
	/* hash_min() spreads the keys: pairs of one provider differ in the client only. */
	return (unsigned long)p ^ (unsigned long)client;
}

/**
 * p2pmem_pair_find() - look up a pair
 * @p: the provider
 * @client: DMA device
 *
 * Context: RCU read side, or p2pmem_mutex held.
 * Return: the pair, or NULL.
 */
struct p2pmem_pair *p2pmem_pair_find(struct p2pmem_provider *p, struct device *client)
{
	struct p2pmem_pair *pair;

	hash_for_each_possible_rcu(p2pmem_pairs, pair, hash, p2pmem_pair_key(p, client),
				   lockdep_is_held(&p2pmem_pairs_lock) ||
				   lockdep_is_held(&p2pmem_mutex))
		if (pair->provider == p && pair->client == client)
			return pair;
	return NULL;
}

static void p2pmem_pair_free_rcu(struct rcu_head *rcu)
{
	struct p2pmem_pair *pair = container_of(rcu, struct p2pmem_pair, rcu);

	free_percpu(pair->count);
	kfree(pair);
}

static void p2pmem_pair_free(struct kref *ref)
{
	struct p2pmem_pair *pair = container_of(ref, struct p2pmem_pair, ref);

	put_device(pair->client);
	p2pmem_provider_put(pair->provider);
	call_rcu(&pair->rcu, p2pmem_pair_free_rcu);
}

/**
 * p2pmem_pair_put() - drop a reference
 * @pair: the pair
 *
 * Context: Process context.
 */
void p2pmem_pair_put(struct p2pmem_pair *pair)
{
	kref_put(&pair->ref, p2pmem_pair_free);
}

/**
 * p2pmem_pair_ungrant() - end what p2pmem_pair_get() began
 * @pair: the pair
 *
 * Context: Process context.
 */
void p2pmem_pair_ungrant(struct p2pmem_pair *pair)
{
	atomic_dec(&pair->grants);
	p2pmem_pair_put(pair);
}

/* Applies the client's current DMA limit and the result of the self-test. */
static void p2pmem_pair_finish(const struct p2pmem_pair *pair, struct pci_p2pmem_verdict *v)
{
	u64 limit = p2pmem_client_limit(pair->client);

	if (!v->reason && v->needed > limit) {
		v->reason = PCI_P2PMEM_DMA_MASK;
		v->mapping = PCI_P2PMEM_MAP_NONE;
		v->by_admin = false;
		v->in_guest = false;
	}
	v->limit = v->needed ? limit : 0;
	v->proof = pair->proof;
	v->requests = pair->requests;
	/* The evaluation may have left a note on a refusal. */
	if (pair->note[0])
		strscpy(v->note, pair->note, sizeof(v->note));
	if (v->reason || v->proof != PCI_P2PMEM_DISPROVED)
		return;
	v->reason = PCI_P2PMEM_VERIFY_FAILED;
	v->mapping = PCI_P2PMEM_MAP_NONE;
}

/* Copies the current verdict; the lock keeps verdict and proof consistent. */
static void p2pmem_pair_copy(const struct p2pmem_pair *pair, struct pci_p2pmem_verdict *v)
{
	lockdep_assert_held(&p2pmem_pairs_lock);

	*v = pair->verdict;
	p2pmem_pair_finish(pair, v);
}

/**
 * p2pmem_pair_verdict() - copy the verdict of a pair
 * @pair: the pair
 * @v: returns the verdict; that of a pair that left the table is a refusal
 * @stamp: returns the state that @v belongs to, for p2pmem_pair_prove(); or NULL
 *
 * Context: Any but NMI.
 */
void p2pmem_pair_verdict(struct p2pmem_pair *pair, struct pci_p2pmem_verdict *v,
			 struct p2pmem_stamp *stamp)
{
	unsigned long flags;

	if (stamp)
		stamp->epoch = READ_ONCE(pair->provider->epoch);
	spin_lock_irqsave(&p2pmem_pairs_lock, flags);
	p2pmem_pair_copy(pair, v);
	if (stamp)
		stamp->serial = pair->serial;
	spin_unlock_irqrestore(&p2pmem_pairs_lock, flags);
	if (likely(!READ_ONCE(pair->dead)))
		return;
	/* A provider that was withdrawn has left live before. */
	v->reason = p2pmem_is_live(pair->provider) ? PCI_P2PMEM_NOT_A_CLIENT :
						     PCI_P2PMEM_REVOKED;
	v->mapping = PCI_P2PMEM_MAP_NONE;
}

/* True if the visible part of the verdict changed. */
static bool p2pmem_verdict_differs(const struct pci_p2pmem_verdict *a,
				   const struct pci_p2pmem_verdict *b)
{
	return a->reason != b->reason || a->mapping != b->mapping ||
		a->distance != b->distance || a->by_admin != b->by_admin ||
		a->in_guest != b->in_guest ||
		strcmp(a->at, b->at) || strcmp(a->provider, b->provider);
}

/* Whether the result of the self-test has to be dropped, see enum p2pmem_forget */
static bool p2pmem_proof_outdated(const struct p2pmem_pair *pair,
				  const struct pci_p2pmem_verdict *v, u64 sig,
				  enum p2pmem_forget forget)
{
	if (pair->proof == PCI_P2PMEM_UNTRIED)
		return false;
	if (forget == P2PMEM_FORGET_ALL)
		return true;
	/* A refused pair has no new mapping: it stays disproved for the tested one. */
	if (pair->proof == PCI_P2PMEM_DISPROVED)
		return sig != pair->proved_sig ||
			(v->mapping && v->mapping != pair->proved_how);
	return forget == P2PMEM_FORGET_PROOF || sig != pair->proved_sig ||
		v->mapping != pair->proved_how || v->by_admin != pair->proved_admin;
}

/*
 * Of a verdict that allows a mapping, and the result of its self-test, but without the NUMA
 * node: that of either device may be changed at any time.
 */
static u64 p2pmem_verdict_rank(const struct pci_p2pmem_verdict *v, u8 proof)
{
	u64 unproved = proof == PCI_P2PMEM_UNPROVED && (v->by_admin || v->in_guest);
	u64 class = v->mapping == PCI_P2PMEM_MAP_HOST_BRIDGE ? 2 : !!v->distance;

	return unproved << P2PMEM_RANK_UNPROVED | class << P2PMEM_RANK_CLASS |
		(u64)v->distance << P2PMEM_RANK_DISTANCE;
}

/* Sets what mapping reads. Counters must exist: see p2pmem_pair_mapping(). */
static void p2pmem_pair_set(struct p2pmem_pair *pair, const struct pci_p2pmem_verdict *v)
{
	lockdep_assert_held(&p2pmem_pairs_lock);

	WRITE_ONCE(pair->needed, v->reason ? 0 : v->needed);
	WRITE_ONCE(pair->rank, p2pmem_verdict_rank(v, pair->proof));
	/* Pairs with p2pmem_pair_mapping(). */
	smp_store_release(&pair->mapping, pair->proof == PCI_P2PMEM_DISPROVED ?
			  PCI_P2PMEM_MAP_NONE : v->mapping);
	p2pmem_note_change();
}

/* What the client must reach depends on the provider's ranges, whatever becomes of the route. */
static void p2pmem_pair_reach(struct p2pmem_pair *pair)
{
	struct pci_p2pmem_verdict *v = &pair->verdict;

	lockdep_assert_held(&p2pmem_mutex);

	if (v->mapping == PCI_P2PMEM_MAP_BUS_ADDR)
		v->needed = pair->provider->bus_end;
	else if (v->mapping && !p2pmem_client_translates(pair->client))
		v->needed = pair->provider->phys_end;
}

/*
 * Drops the result of the self-test; the lock of the table is held. An orchestrator that depends on
 * it, whatever it was, has to test again, although the verdict is the same.
 */
static void p2pmem_proof_drop(struct p2pmem_pair *pair)
{
	if (pair->proof != PCI_P2PMEM_UNTRIED && atomic_read(&pair->grants))
		p2pmem_schedule_notify();
	pair->proof = PCI_P2PMEM_UNTRIED;
	pair->note[0] = '\0';
	pair->serial++;
}

/* Sets the result of a self-test, but for its note; the lock of the table is held. */
static void p2pmem_proof_set(struct p2pmem_pair *pair, enum pci_p2pmem_proof proof, u64 sig,
			     const struct pci_p2pmem_verdict *v)
{
	WRITE_ONCE(pair->proof, proof);
	pair->proved_sig = sig;
	pair->proved_how = v->mapping;
	pair->proved_admin = v->by_admin;
	if (proof == PCI_P2PMEM_DISPROVED)
		WRITE_ONCE(pair->disproofs, pair->disproofs + 1);
}

/**
 * p2pmem_pair_store() - store a verdict
 * @pair: the pair
 * @v: verdict of its route
 * @sig: signature of that route
 * @forget: which self-test results are dropped
 * @made: when the evaluation began, before the first read of a register: what is written while
 *	it runs may be missing in @v
 *
 * Context: Process context, p2pmem_mutex held.
 * Return: true if the visible part of the verdict changed.
 */
bool p2pmem_pair_store(struct p2pmem_pair *pair, const struct pci_p2pmem_verdict *v, u64 sig,
		       enum p2pmem_forget forget, ktime_t made)
{
	struct pci_p2pmem_verdict was, is = *v;
	unsigned long flags;
	bool changed;

	spin_lock_irqsave(&p2pmem_pairs_lock, flags);
	p2pmem_pair_copy(pair, &was);
	forget = max_t(unsigned int, forget, pair->forget);
	pair->forget = P2PMEM_FORGET_OUTDATED;
	if (forget == P2PMEM_FORGET_ALL) {
		p2pmem_disproofs_forget(pair->provider->address, pair->client);
		pair->requests++;
	}
	if (p2pmem_proof_outdated(pair, v, sig, forget))
		p2pmem_proof_drop(pair);
	if (v->mapping && pair->proof != PCI_P2PMEM_DISPROVED &&
	    p2pmem_disproof_recall(pair->provider->address, pair->client, sig, v->mapping,
				   pair->note)) {
		p2pmem_proof_set(pair, PCI_P2PMEM_DISPROVED, sig, v);
		pair->serial++;
	}
	if (sig != pair->sig || v->mapping != pair->verdict.mapping ||
	    v->by_admin != pair->verdict.by_admin || forget)
		pair->serial++;
	p2pmem_pair_finish(pair, &is);
	changed = p2pmem_verdict_differs(&was, &is);
	if (changed)
		WRITE_ONCE(pair->logged, 0);
	pair->verdict = *v;
	pair->sig = sig;
	WRITE_ONCE(pair->stale, false);
	pair->failed = false;
	WRITE_ONCE(pair->made, made);
	p2pmem_pair_set(pair, v);
	spin_unlock_irqrestore(&p2pmem_pairs_lock, flags);

	if (changed)
		trace_p2pmem_verdict(&is);
	return changed;
}

/**
 * p2pmem_pair_postpone() - note that an evaluation failed
 * @pair: the pair, which keeps its verdict
 * @forget: which self-test results it would have dropped
 * @reason: of the failure, for a pair that has no verdict yet
 *
 * A proof is dropped now: the route may have changed. Of a disproof the next evaluation decides.
 * The provider may have one more range, which the client must reach at once.
 *
 * Context: Process context, p2pmem_mutex held.
 */
void p2pmem_pair_postpone(struct p2pmem_pair *pair, enum p2pmem_forget forget,
			  enum pci_p2pmem_reason reason)
{
	unsigned long flags;

	spin_lock_irqsave(&p2pmem_pairs_lock, flags);
	WRITE_ONCE(pair->stale, true);
	pair->failed = true;
	if (!pair->made)
		pair->verdict.reason = reason;
	if (forget) {
		pair->forget = max_t(unsigned int, forget, pair->forget);
		/* A self-test that is running has no result, either. */
		pair->serial++;
		if (pair->proof && pair->proof != PCI_P2PMEM_DISPROVED)
			p2pmem_proof_drop(pair);
	}
	p2pmem_pair_reach(pair);
	p2pmem_pair_set(pair, &pair->verdict);
	spin_unlock_irqrestore(&p2pmem_pairs_lock, flags);
}

/**
 * p2pmem_pair_create() - create the entry of a pair
 * @p: the provider, in its register
 * @client: a registered DMA device
 *
 * Context: Process context, p2pmem_mutex held. The caller makes its verdict next.
 * Return: the pair, or NULL if out of memory.
 */
struct p2pmem_pair *p2pmem_pair_create(struct p2pmem_provider *p, struct device *client)
{
	struct p2pmem_pair *pair;
	unsigned long flags;

	lockdep_assert_held(&p2pmem_mutex);

	pair = kzalloc(sizeof(*pair), GFP_KERNEL);
	if (!pair)
		return NULL;
	kref_init(&pair->ref);
	mutex_init(&pair->proving);
	raw_spin_lock_init(&pair->charging);
	kref_get(&p->ref);
	pair->provider = p;
	pair->client = get_device(client);
	pair->stale = true;
	pair->verdict.reason = PCI_P2PMEM_NO_MEMORY;
	pair->verdict.distance = -1;
	strscpy(pair->verdict.provider, pci_name(p->pdev), sizeof(pair->verdict.provider));
	strscpy(pair->verdict.client, dev_name(client), sizeof(pair->verdict.client));

	spin_lock_irqsave(&p2pmem_pairs_lock, flags);
	hash_add_rcu(p2pmem_pairs, &pair->hash, p2pmem_pair_key(p, client));
	spin_unlock_irqrestore(&p2pmem_pairs_lock, flags);
	hash_add(p2pmem_client_pairs, &pair->by_client, (unsigned long)client);
	return pair;
}

/**
 * p2pmem_pair_prove() - store the result of a self-test
 * @pair: the pair, held
 * @stamp: state that was tested, from p2pmem_pair_verdict()
 * @proof: the result
 * @note: text from the self-test
 * @v: returns the resulting verdict
 *
 * Context: Process context.
 * Return: false if the pair may have changed since @stamp; the result is then discarded.
 */
bool p2pmem_pair_prove(struct p2pmem_pair *pair, const struct p2pmem_stamp *stamp,
		       enum pci_p2pmem_proof proof, const char *note,
		       struct pci_p2pmem_verdict *v)
{
	struct p2pmem_disproof *d = NULL, *oldest = NULL;
	unsigned long flags;
	bool same;

	if (proof == PCI_P2PMEM_DISPROVED) {
		d = p2pmem_disproof_alloc();
		if (!d)
			pr_warn_once("no memory to remember a disproved path: that between %s and %s is forgotten when one of them is bound again; remove one of the two\n",
				     pci_name(pair->provider->pdev), dev_name(pair->client));
	}
	spin_lock_irqsave(&p2pmem_pairs_lock, flags);
	/* A dead pair is not evaluated any more: it must not get its mapping back. */
	same = !pair->dead && pair->serial == stamp->serial &&
		READ_ONCE(pair->provider->epoch) == stamp->epoch;
	if (same) {
		p2pmem_proof_set(pair, proof, pair->sig, &pair->verdict);
		strscpy(pair->note, note, sizeof(pair->note));
		oldest = p2pmem_disproof_remember(d, pair->provider->address, pair->client,
						  pair->sig, pair->verdict.mapping, note);
		d = NULL;
		p2pmem_pair_set(pair, &pair->verdict);
		p2pmem_pair_copy(pair, v);
	}
	spin_unlock_irqrestore(&p2pmem_pairs_lock, flags);
	kfree(d);
	p2pmem_disproof_drop(oldest);
	if (!same || !v->reason)
		return same;
	p2pmem_pair_failed(pair, v->reason);
	trace_p2pmem_verdict(v);
	p2pmem_schedule_notify();
	return true;
}

/**
 * p2pmem_pairs_drop() - remove pairs from the table
 * @p: of this provider, or NULL for all
 * @client: of this client, or NULL for all
 *
 * Context: Process context, p2pmem_mutex held: a provider or client drops its pairs after
 * it left its register, and no new pair is created for it after that.
 */
void p2pmem_pairs_drop(struct p2pmem_provider *p, struct device *client)
{
	struct p2pmem_pair *pair;
	struct hlist_node *next;
	HLIST_HEAD(gone);
	unsigned long flags;
	int i;

	lockdep_assert_held(&p2pmem_mutex);

	spin_lock_irqsave(&p2pmem_pairs_lock, flags);
	hash_for_each_safe(p2pmem_pairs, i, next, pair, hash)
		if ((!p || pair->provider == p) && (!client || pair->client == client)) {
			WRITE_ONCE(pair->dead, true);
			/* Nothing more is allocated under a grant; memory in use stays mapped. */
			smp_store_release(&pair->mapping, PCI_P2PMEM_MAP_NONE);
			hash_del_rcu(&pair->hash);
			hash_del(&pair->by_client);
			hlist_add_head(&pair->gone, &gone);
		}
	spin_unlock_irqrestore(&p2pmem_pairs_lock, flags);
	p2pmem_note_change();

	hlist_for_each_entry_safe(pair, next, &gone, gone) {
		p2pmem_pair_settle(pair);
		p2pmem_pair_put(pair);
	}
}
