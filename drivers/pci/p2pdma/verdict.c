// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the table of pairs
 *
 * One entry for each (provider, client) pair that was ever asked for: its verdict
 * and its counters. Found without a lock. A verdict is made anew when something
 * that it depends on may have changed: the generation says so for registrations,
 * for the list of host bridges and for PCI functions that come and go; the client's
 * DMA limit is compared at each look-up; ACS words are read again when a grant takes
 * the pair up, and when somebody asks for it. What a self-test has shown of a pair is
 * part of its verdict, for as long as the pair is what was tested.
 *
 * An entry goes with its provider or with its client's last registration. Grants
 * keep theirs longer: they are then found no more.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/dma-mapping.h>
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <trace/events/p2pmem.h>
#include "p2pdma.h"

/*
 * Guards the table against writers, and the verdicts in it. Irq-safe: a pair may
 * be asked for where I/O is submitted.
 */
static DEFINE_SPINLOCK(p2pmem_paths_lock);
static DEFINE_HASHTABLE(p2pmem_paths, 8);

/* Counts changes that any verdict may depend on; an entry remembers its value. */
static atomic_t p2pmem_generation = ATOMIC_INIT(1);

/* Counts verdicts that were begun: of two of a pair the one that was begun later is kept. */
static atomic64_t p2pmem_begun;

/**
 * p2pmem_policy_changed() - make every verdict anew when it is next needed
 *
 * Context: Any.
 */
void p2pmem_policy_changed(void)
{
	/* Pairs with p2pmem_path_refresh(): who counts it in sees what has changed. */
	smp_mb__before_atomic();
	atomic_inc(&p2pmem_generation);
}

/**
 * p2pmem_paths_count() - how many verdicts are remembered
 *
 * Context: Any but NMI.
 * Return: the number of pairs.
 */
unsigned int p2pmem_paths_count(void)
{
	struct p2pmem_path *path;
	unsigned int n = 0;
	int i;

	guard(rcu)();
	hash_for_each_rcu(p2pmem_paths, i, path, hash)
		n++;
	return n;
}

static unsigned long p2pmem_path_key(struct p2pmem_provider *p, struct device *client)
{
	/* hash_min() spreads it: of one provider's pairs only the client differs. */
	return (unsigned long)p ^ (unsigned long)client;
}

/**
 * p2pmem_path_find() - look up a pair
 * @p: the provider
 * @client: DMA device
 *
 * Context: RCU read side.
 * Return: the pair, or NULL when it was never asked for.
 */
struct p2pmem_path *p2pmem_path_find(struct p2pmem_provider *p, struct device *client)
{
	struct p2pmem_path *path;

	hash_for_each_possible_rcu(p2pmem_paths, path, hash, p2pmem_path_key(p, client),
				   lockdep_is_held(&p2pmem_paths_lock))
		if (path->provider == p && path->client == client)
			return path;
	return NULL;
}

bool p2pmem_path_exists(struct p2pmem_provider *p, struct device *client)
{
	guard(rcu)();
	return p2pmem_path_find(p, client);
}

static void p2pmem_path_free_rcu(struct rcu_head *rcu)
{
	struct p2pmem_path *path = container_of(rcu, struct p2pmem_path, rcu);

	free_percpu(path->count);
	kfree(path);
}

static void p2pmem_path_free(struct kref *ref)
{
	struct p2pmem_path *path = container_of(ref, struct p2pmem_path, ref);

	put_device(path->client);
	p2pmem_provider_put(path->provider);
	call_rcu(&path->rcu, p2pmem_path_free_rcu);
}

/**
 * p2pmem_path_put() - drop a reference
 * @path: the pair
 *
 * Context: Process context.
 */
void p2pmem_path_put(struct p2pmem_path *path)
{
	kref_put(&path->ref, p2pmem_path_free);
}

/**
 * p2pmem_path_fresh() - whether a verdict is still what would be found out now
 * @path: the pair
 *
 * Context: Any; RCU read side.
 * Return: false when it is made anew when it is next needed.
 */
bool p2pmem_path_fresh(struct p2pmem_path *path)
{
	/* Pairs with the release in p2pmem_path_refresh(). */
	return smp_load_acquire(&path->gen) == atomic_read(&p2pmem_generation) &&
		READ_ONCE(path->mask) == p2pmem_client_limit(path->client);
}

/* Whether a verdict says anything else than one before; one that was never made does. */
static bool p2pmem_verdict_news(const struct pci_p2pmem_verdict *a,
				const struct pci_p2pmem_verdict *b)
{
	return a->reason != b->reason || a->mapping != b->mapping ||
		a->distance != b->distance || a->by_admin != b->by_admin ||
		strcmp(a->at, b->at) || strcmp(a->provider, b->provider);
}

/*
 * Adds to a verdict what the self-test has shown. A path that moved wrong data is none,
 * for nobody: who has a grant of it maps as it was granted until that ends.
 */
static void p2pmem_path_say_proof(struct p2pmem_path *path, struct pci_p2pmem_verdict *v)
{
	lockdep_assert_held(&p2pmem_paths_lock);

	v->proof = path->proof;
	strscpy(v->note, path->note, sizeof(v->note));
	if (v->proof != PCI_P2PMEM_DISPROVED || v->reason)
		return;
	v->reason = PCI_P2PMEM_VERIFY_FAILED;
	v->mapping = PCI_P2PMEM_MAP_NONE;
}

/* The entry is of generation @gen from now on, and @v is what is known of it. */
static void p2pmem_path_set(struct p2pmem_path *path, unsigned int gen,
			    const struct pci_p2pmem_verdict *v)
{
	lockdep_assert_held(&p2pmem_paths_lock);

	path->verdict = *v;
	WRITE_ONCE(path->mapping, v->mapping);
	/* Pairs with p2pmem_path_fresh(): the generation says the rest is there. */
	smp_store_release(&path->gen, gen);
}

/*
 * Returns 0, or -ENOMEM: then the entry stays what it was, and stale. A verdict that somebody
 * began to make later, and has made, saw no less than this one: it stays.
 */
static int p2pmem_path_refresh(struct p2pmem_path *path)
{
	struct pci_p2pmem_verdict v;
	/* Pairs with p2pmem_policy_changed(). */
	unsigned int gen = atomic_read_acquire(&p2pmem_generation);
	u64 begun = atomic64_inc_return(&p2pmem_begun);
	u64 mask = p2pmem_client_limit(path->client);
	unsigned long flags;
	bool news;

	if (p2pmem_path_judge(path->provider, path->client, &v))
		return -ENOMEM;

	spin_lock_irqsave(&p2pmem_paths_lock, flags);
	if (begun < path->begun) {
		spin_unlock_irqrestore(&p2pmem_paths_lock, flags);
		return 0;
	}
	path->begun = begun;
	/* It was begun after a verdict of that generation, and has seen no less. */
	if (path->gen && (int)(gen - path->gen) < 0)
		gen = path->gen;
	/* What was tested may have been another path than what there is now. */
	if (gen != path->gen || v.mapping != path->proved_how ||
	    v.by_admin != path->proved_admin) {
		path->proof = PCI_P2PMEM_UNTRIED;
		path->note[0] = '\0';
	}
	p2pmem_path_say_proof(path, &v);
	news = p2pmem_verdict_news(&path->verdict, &v);
	if (news)
		WRITE_ONCE(path->told, 0);
	WRITE_ONCE(path->mask, mask);
	WRITE_ONCE(path->made, ktime_get_seconds());
	p2pmem_path_set(path, gen, &v);
	spin_unlock_irqrestore(&p2pmem_paths_lock, flags);
	if (!news)
		return 0;
	trace_p2pmem_verdict(&v);
	/* Who has a grant of it ends it when it would not be given any more. */
	if (atomic_read(&path->grants))
		p2pmem_news();
	return 0;
}

/* Makes the entry of a pair, or finds the one that another CPU made meanwhile. */
static struct p2pmem_path *p2pmem_path_make(struct p2pmem_provider *p,
					    struct device *client)
{
	struct p2pmem_path *path, *old;
	unsigned long flags;

	path = kzalloc(sizeof(*path), GFP_ATOMIC | __GFP_NOWARN);
	if (!path)
		return NULL;
	path->count = alloc_percpu_gfp(struct p2pmem_path_count, GFP_ATOMIC | __GFP_NOWARN);
	if (!path->count) {
		kfree(path);
		return NULL;
	}
	kref_init(&path->ref);
	mutex_init(&path->proving);
	path->provider = p;
	path->client = client;

	spin_lock_irqsave(&p2pmem_paths_lock, flags);
	old = p2pmem_path_find(p, client);
	/*
	 * Whoever goes leaves its register first and drops its pairs then: a pair
	 * made after that would stay behind, and keep both ends.
	 */
	if (!old && p2pmem_is_client(client) && p2pmem_find(p->pdev) == p) {
		kref_get(&p->ref);
		get_device(client);
		hash_add_rcu(p2pmem_paths, &path->hash, p2pmem_path_key(p, client));
		old = path;
	}
	spin_unlock_irqrestore(&p2pmem_paths_lock, flags);

	if (old != path) {
		free_percpu(path->count);
		kfree(path);
	}
	return old;
}

/* The slow half of p2pmem_path_current(), apart so that the quick one is short */
static noinline struct p2pmem_path *p2pmem_path_renew(struct p2pmem_provider *p,
						      struct device *client,
						      struct p2pmem_path *path)
{
	if (!path) {
		path = p2pmem_path_make(p, client);
		if (!path)
			return NULL;
	}
	if (p2pmem_path_refresh(path) && !atomic_read(&path->grants))
		return NULL;
	return path;
}

/**
 * p2pmem_path_current() - look up a pair with a verdict that is up to date
 * @p: the provider
 * @client: DMA device
 *
 * Without memory for a new verdict a pair that is granted keeps the one it has.
 *
 * Context: RCU read side; any but NMI.
 * Return: the pair, or NULL when @client is no client, the provider is gone or
 * memory is short.
 */
struct p2pmem_path *p2pmem_path_current(struct p2pmem_provider *p, struct device *client)
{
	struct p2pmem_path *path = p2pmem_path_find(p, client);

	if (likely(path && p2pmem_path_fresh(path)))
		return path;
	return p2pmem_path_renew(p, client, path);
}

/**
 * p2pmem_path_anew() - look up a pair, and make its verdict anew
 * @p: the provider
 * @client: DMA device
 *
 * Context: RCU read side; any but NMI.
 * Return: the pair, or NULL: see p2pmem_path_current().
 */
struct p2pmem_path *p2pmem_path_anew(struct p2pmem_provider *p, struct device *client)
{
	struct p2pmem_path *path = p2pmem_path_find(p, client);

	if (!path)
		return p2pmem_path_renew(p, client, NULL);
	return p2pmem_path_refresh(path) ? NULL : path;
}

/**
 * p2pmem_path_get() - look up a pair and keep it
 * @p: the provider
 * @client: DMA device
 *
 * The verdict is made anew: ACS words may have been written since.
 *
 * Context: Any but NMI.
 * Return: the pair with a reference, or NULL.
 */
struct p2pmem_path *p2pmem_path_get(struct p2pmem_provider *p, struct device *client)
{
	struct p2pmem_path *path;

	guard(rcu)();
	path = p2pmem_path_anew(p, client);
	if (!path || !kref_get_unless_zero(&path->ref))
		return NULL;
	return path;
}

/**
 * p2pmem_path_check() - the verdict of a pair that is kept, up to date
 * @path: the pair
 * @v: returns the verdict; the one before when memory for a new one is short
 *
 * Context: Any but NMI.
 */
void p2pmem_path_check(struct p2pmem_path *path, struct pci_p2pmem_verdict *v)
{
	if (!p2pmem_path_fresh(path))
		p2pmem_path_refresh(path);
	p2pmem_path_verdict(path, v);
}

/**
 * p2pmem_path_verdict() - copy the verdict of a pair
 * @path: the pair
 * @v: returns the verdict
 *
 * Context: Any but NMI.
 */
void p2pmem_path_verdict(struct p2pmem_path *path, struct pci_p2pmem_verdict *v)
{
	unsigned long flags;

	spin_lock_irqsave(&p2pmem_paths_lock, flags);
	*v = path->verdict;
	spin_unlock_irqrestore(&p2pmem_paths_lock, flags);
}

/**
 * p2pmem_path_begin() - what is known of a pair before it is tested
 * @path: the pair, held
 * @v: returns the verdict
 * @stamp: returns what it is of
 *
 * Context: Process context.
 * Return: 0 or -ENOMEM.
 */
int p2pmem_path_begin(struct p2pmem_path *path, struct pci_p2pmem_verdict *v,
		      struct p2pmem_stamp *stamp)
{
	unsigned long flags;

	stamp->epoch = READ_ONCE(path->provider->epoch);
	if (!p2pmem_path_fresh(path) && p2pmem_path_refresh(path))
		return -ENOMEM;
	spin_lock_irqsave(&p2pmem_paths_lock, flags);
	*v = path->verdict;
	stamp->gen = path->gen;
	spin_unlock_irqrestore(&p2pmem_paths_lock, flags);
	return 0;
}

/**
 * p2pmem_path_prove() - remember what a self-test has shown
 * @path: the pair, held
 * @stamp: what was tested, from p2pmem_path_begin()
 * @proof: what was shown
 * @note: what it says besides
 * @v: the verdict that was tested; returns what is known now
 *
 * Context: Process context.
 * Return: false, and nothing is remembered, when the pair may have changed meanwhile.
 */
bool p2pmem_path_prove(struct p2pmem_path *path, const struct p2pmem_stamp *stamp,
		       enum pci_p2pmem_proof proof, const char *note,
		       struct pci_p2pmem_verdict *v)
{
	unsigned long flags;
	bool same;

	spin_lock_irqsave(&p2pmem_paths_lock, flags);
	same = path->gen == stamp->gen && stamp->gen == atomic_read(&p2pmem_generation) &&
		READ_ONCE(path->provider->epoch) == stamp->epoch &&
		path->verdict.mapping == v->mapping &&
		path->verdict.by_admin == v->by_admin;
	if (same) {
		path->proof = proof;
		path->proved_how = v->mapping;
		path->proved_admin = v->by_admin;
		strscpy(path->note, note, sizeof(path->note));
		*v = path->verdict;
		p2pmem_path_say_proof(path, v);
		p2pmem_path_set(path, stamp->gen, v);
	}
	spin_unlock_irqrestore(&p2pmem_paths_lock, flags);
	if (!same || !v->reason)
		return same;
	this_cpu_inc(path->count->failures[v->reason]);
	trace_p2pmem_verdict(v);
	p2pmem_news();
	return true;
}

/**
 * p2pmem_paths_stale() - make the verdicts of a provider anew when they are next needed
 * @p: a provider that lends again: what was tested was what it had been before
 *
 * Context: Any but NMI.
 */
void p2pmem_paths_stale(struct p2pmem_provider *p)
{
	struct p2pmem_path *path;
	unsigned long flags;
	int i;

	spin_lock_irqsave(&p2pmem_paths_lock, flags);
	hash_for_each(p2pmem_paths, i, path, hash)
		if (path->provider == p)
			WRITE_ONCE(path->gen, 0);
	spin_unlock_irqrestore(&p2pmem_paths_lock, flags);
}

static void p2pmem_paths_drop(struct p2pmem_provider *p, struct device *client)
{
	struct p2pmem_path *path;
	struct hlist_node *next;
	HLIST_HEAD(gone);
	unsigned long flags;
	int i;

	spin_lock_irqsave(&p2pmem_paths_lock, flags);
	hash_for_each_safe(p2pmem_paths, i, next, path, hash)
		if ((!p || path->provider == p) && (!client || path->client == client)) {
			hash_del_rcu(&path->hash);
			hlist_add_head(&path->gone, &gone);
		}
	spin_unlock_irqrestore(&p2pmem_paths_lock, flags);

	hlist_for_each_entry_safe(path, next, &gone, gone) {
		p2pmem_path_settle(path);
		p2pmem_path_put(path);
	}
}

/**
 * p2pmem_paths_drop_provider() - forget all pairs of a provider
 * @p: a provider that lends no more, all of its memory back
 *
 * Context: Process context.
 */
void p2pmem_paths_drop_provider(struct p2pmem_provider *p)
{
	p2pmem_paths_drop(p, NULL);
}

/**
 * p2pmem_paths_drop_client() - forget all pairs of a client
 * @client: a DMA device that is a client no more
 *
 * Context: Process context.
 */
void p2pmem_paths_drop_client(struct device *client)
{
	p2pmem_paths_drop(NULL, client);
}
