// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: grants: an orchestrator's use of a provider for a set of clients
 *
 * A grant is made once per pairing and lives as long as the last memory that was
 * taken under it. While it lives, its pairs can be mapped as they could when it
 * was made: a verdict that goes bad stops new grants, not old transfers.
 *
 * References: the orchestrator's own until pci_p2pmem_grant_end(), one for each
 * scatterlist, one for each pci_p2pmem_grant_tryget(). Readers find a grant by
 * the orchestrator's own pointer under RCU; the structure goes a grace period
 * after the last reference.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/percpu-refcount.h>
#include <linux/slab.h>
#include "p2pdma.h"

static void p2pmem_grant_put_paths(struct pci_p2pmem_grant *g)
{
	int i;

	for (i = 0; i < g->nr; i++) {
		atomic_dec(&g->path[i]->grants);
		p2pmem_path_put(g->path[i]);
	}
}

static void p2pmem_grant_free_worker(struct work_struct *work)
{
	struct pci_p2pmem_grant *g = container_of(work, struct pci_p2pmem_grant, free_work);

	scoped_guard(mutex, &g->provider->lock)
		list_del_init(&g->node);
	p2pmem_grant_put_paths(g);
	p2pmem_provider_put(g->provider);
	free_percpu(g->bytes);
	percpu_ref_exit(&g->ref);
	kfree(g->name);
	kfree_rcu(g, rcu);
}

static void p2pmem_grant_release(struct percpu_ref *ref)
{
	struct pci_p2pmem_grant *g = container_of(ref, struct pci_p2pmem_grant, ref);

	/* The last reference may be dropped in any context. */
	queue_work(p2pmem_wq, &g->free_work);
}

static bool p2pmem_grant_has(struct pci_p2pmem_grant *g, struct p2pmem_path *path)
{
	int i;

	for (i = 0; i < g->nr; i++)
		if (g->path[i] == path)
			return true;
	return false;
}

/* The verdict of every pair, and how it is mapped from now on. */
static int p2pmem_grant_paths(struct pci_p2pmem_grant *g, struct device **clients, int nr,
			      struct pci_p2pmem_verdict *why)
{
	struct p2pmem_path *path;
	int i;

	for (i = 0; i < nr; i++) {
		path = p2pmem_path_get(g->provider, clients[i]);
		if (!path) {
			*why = (struct pci_p2pmem_verdict){ .distance = -1 };
			pci_p2pmem_verdict(g->provider->pdev, clients[i], why);
			return why->reason ? p2pmem_errno(why->reason) : -ENOMEM;
		}
		p2pmem_path_verdict(path, why);
		if (why->reason) {
			this_cpu_inc(path->count->failures[why->reason]);
			p2pmem_path_put(path);
			return p2pmem_errno(why->reason);
		}
		/* A client that is named twice has the memory once. */
		if (p2pmem_grant_has(g, path)) {
			p2pmem_path_put(path);
			continue;
		}
		WRITE_ONCE(path->granted, why->mapping);
		/* Pairs with p2pmem_how(): who sees the grant sees its mapping. */
		(void)atomic_inc_return_release(&path->grants);
		g->path[g->nr++] = path;
	}
	return 0;
}

static struct pci_p2pmem_grant *p2pmem_grant_make(struct p2pmem_provider *p, int nr,
						  const char *name)
{
	struct pci_p2pmem_grant *g = kzalloc(struct_size(g, path, nr), GFP_KERNEL);

	if (!g)
		return NULL;
	g->name = kstrdup(name, GFP_KERNEL);
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
	return g;

free_counter:
	free_percpu(g->bytes);
free_name:
	kfree(g->name);
free_grant:
	kfree(g);
	return NULL;
}

/* A grant of one provider, which the caller holds */
static struct pci_p2pmem_grant *
p2pmem_grant_of(struct pci_dev *provider, struct device **clients, int nr,
		const struct pci_p2pmem_grant_ops *ops, void *priv, const char *name,
		struct pci_p2pmem_verdict *why)
{
	struct pci_p2pmem_grant *g;
	struct p2pmem_provider *p;
	int ret;

	p = p2pmem_provider_get(provider);
	if (!p) {
		why->reason = PCI_P2PMEM_NOT_A_PROVIDER;
		return ERR_PTR(-ENODEV);
	}

	g = p2pmem_grant_make(p, nr, name);
	if (!g) {
		p2pmem_provider_put(p);
		return ERR_PTR(-ENOMEM);
	}
	g->ops = ops;
	g->priv = priv;
	ret = p2pmem_grant_paths(g, clients, nr, why);
	if (ret)
		goto end;

	/* The lock orders us against a revocation: it sees us, or we see it. */
	mutex_lock(&p->lock);
	if (p2pmem_lends(p)) {
		list_add_tail(&g->node, &p->grants);
	} else {
		why->reason = PCI_P2PMEM_REVOKED;
		ret = -ENODEV;
	}
	mutex_unlock(&p->lock);
end:
	p2pmem_provider_put(p);
	if (ret) {
		percpu_ref_kill(&g->ref);
		return ERR_PTR(ret);
	}
	return g;
}

/**
 * pci_p2pmem_grant_create() - create a grant
 * @provider: the providing function, or NULL for the best published one that all
 *	clients reach
 * @prefer: what counts most in that choice; not used with @provider
 * @clients: DMA devices that will be mapped for
 * @nr: how many
 * @ops: what the caller wants to be told; must outlive the grant's end
 * @priv: the caller's
 * @name: who this is, for the log
 * @why: returns the verdict that decided: of the first pair that was refused,
 *	or of the last pair; without a provider that of the nearest one that refused
 *
 * Context: Process context, may sleep.
 * Return: the grant; end it with pci_p2pmem_grant_end(). -ENODEV, -EXDEV,
 * -EOPNOTSUPP with the reason in @why; -EINVAL without clients; -ENOMEM when the
 * kernel is short of memory, whatever @why says then.
 */
struct pci_p2pmem_grant *
pci_p2pmem_grant_create(struct pci_dev *provider, enum pci_p2pmem_prefer prefer,
			struct device **clients, int nr,
			const struct pci_p2pmem_grant_ops *ops, void *priv,
			const char *name, struct pci_p2pmem_verdict *why)
{
	struct pci_p2pmem_grant *g;
	struct pci_dev *found;

	*why = (struct pci_p2pmem_verdict){ .distance = -1 };
	if (nr < 1)
		return ERR_PTR(-EINVAL);
	if (provider)
		return p2pmem_grant_of(provider, clients, nr, ops, priv, name, why);

	found = p2pmem_find_anew(clients, nr, prefer);
	if (!found) {
		p2pmem_why_none(clients, nr, why);
		return ERR_PTR(p2pmem_errno(why->reason));
	}
	g = p2pmem_grant_of(found, clients, nr, ops, priv, name, why);
	pci_dev_put(found);
	return g;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_create);

/**
 * pci_p2pmem_grant_end() - use a grant no more
 * @grant: from pci_p2pmem_grant_create()
 *
 * Memory that is out under it stays good until it is given back. None of the
 * grant's callbacks runs any more when this returns.
 *
 * Context: Process context, may sleep.
 */
void pci_p2pmem_grant_end(struct pci_p2pmem_grant *grant)
{
	scoped_guard(mutex, &grant->provider->lock)
		grant->ops = NULL;
	percpu_ref_kill(&grant->ref);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_end);

/**
 * pci_p2pmem_grant_tryget() - take a reference
 * @grant: a grant that the caller sees under RCU, or holds
 *
 * Context: Any but NMI.
 * Return: false when it has ended.
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
 * pci_p2pmem_grant_usable() - whether memory can be had under a grant
 * @grant: the grant
 *
 * Context: Any; the caller holds or sees the grant.
 * Return: false when its provider is revoked or lost.
 */
bool pci_p2pmem_grant_usable(struct pci_p2pmem_grant *grant)
{
	return p2pmem_lends(grant->provider);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_usable);

/**
 * pci_p2pmem_grant_verdict() - what is known of a grant's pairs now
 * @grant: a grant that the caller holds and has not ended
 * @verdict: returns the first pair's verdict that refuses; else the last pair's, with
 *	by_admin, and mapping through a host bridge, when any of them has it
 *
 * A grant is good until it ends, whatever becomes of its pairs. An orchestrator that
 * hears of PCI_P2PMEM_EVENT_POLICY asks this, and ends a grant that would not be given
 * any more.
 *
 * Context: Any but NMI.
 */
void pci_p2pmem_grant_verdict(struct pci_p2pmem_grant *grant,
			      struct pci_p2pmem_verdict *verdict)
{
	bool by_admin = false, host = false;
	int i;

	for (i = 0; i < grant->nr; i++) {
		p2pmem_path_check(grant->path[i], verdict);
		if (verdict->reason)
			return;
		by_admin |= verdict->by_admin;
		host |= verdict->mapping == PCI_P2PMEM_MAP_HOST_BRIDGE;
	}
	verdict->by_admin = by_admin;
	if (host)
		verdict->mapping = PCI_P2PMEM_MAP_HOST_BRIDGE;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_verdict);

/**
 * pci_p2pmem_grant_idle() - whether all memory of a grant is back
 * @grant: the grant
 *
 * Context: Process context; the caller holds the grant.
 * Return: true when nothing is out under it.
 */
bool pci_p2pmem_grant_idle(struct pci_p2pmem_grant *grant)
{
	return p2pmem_grant_bytes(grant) == 0;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_idle);

/**
 * pci_p2pmem_grant_priv() - what the orchestrator gave
 * @grant: the grant
 *
 * Context: Any.
 * Return: the pointer.
 */
void *pci_p2pmem_grant_priv(struct pci_p2pmem_grant *grant)
{
	return grant->priv;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_priv);

/**
 * pci_p2pmem_grant_provider() - whose memory it is
 * @grant: the grant
 *
 * Context: Any.
 * Return: the providing function; its structure is valid while the caller holds
 * memory of the grant or knows that its driver is bound.
 */
struct pci_dev *pci_p2pmem_grant_provider(struct pci_p2pmem_grant *grant)
{
	return grant->provider->pdev;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_provider);

/**
 * p2pmem_grant_lender() - the provider of a grant
 * @grant: the grant, held
 *
 * Context: Any.
 * Return: the provider, valid as long as the grant.
 */
struct p2pmem_provider *p2pmem_grant_lender(struct pci_p2pmem_grant *grant)
{
	return grant->provider;
}

/**
 * p2pmem_grant_clients() - the names of a grant's clients
 * @grant: the grant, held, or NULL
 * @buf: returns them, separated by commas; "-" without a grant
 * @len: bytes in @buf; names that do not fit are cut off
 *
 * Context: Any.
 */
void p2pmem_grant_clients(struct pci_p2pmem_grant *grant, char *buf, size_t len)
{
	int i, n;

	n = scnprintf(buf, len, "%s", grant ? dev_name(grant->path[0]->client) : "-");
	for (i = 1; grant && i < grant->nr; i++)
		n += scnprintf(buf + n, len - n, ",%s", dev_name(grant->path[i]->client));
}

/**
 * p2pmem_grant_path() - a pair of a grant
 * @grant: the grant, held
 * @client: one of its clients
 *
 * Context: Any.
 * Return: the pair, valid as long as the grant; NULL when @client is none of its.
 */
struct p2pmem_path *p2pmem_grant_path(struct pci_p2pmem_grant *grant, struct device *client)
{
	int i;

	for (i = 0; i < grant->nr; i++)
		if (grant->path[i]->client == client)
			return grant->path[i];
	return NULL;
}
