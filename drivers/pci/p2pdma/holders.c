// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: all grants of a provider
 *
 * Floor 6.
 *
 * Notifies orchestrators that the provider is revoked, evicts users of memory and names
 * them in the log. A grant is in the provider's list, guarded by the provider's lock, from
 * its creation until it is freed. Its callbacks run under that lock, so none runs after
 * pci_p2pmem_grant_end() has held it.
 */
#include <linux/percpu-refcount.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include "p2pdma.h"

/**
 * p2pmem_grants_revoke() - notify the orchestrators of a provider that it is revoked
 * @p: the provider, no longer live
 *
 * Context: Process context, may sleep.
 */
void p2pmem_grants_revoke(struct p2pmem_provider *p)
{
	struct pci_p2pmem_grant *g;

	guard(mutex)(&p->lock);
	list_for_each_entry(g, &p->grants, node)
		if (g->ops && g->ops->revoke)
			g->ops->revoke(g);
}

/* While memory is allocated and freed, the sum over the CPUs may be of no one moment. */
static long p2pmem_grant_shown_bytes(const struct pci_p2pmem_grant *g)
{
	return clamp(p2pmem_grant_bytes(g), 0L, (long)p2pmem_pool_size(g->provider->pool));
}

/**
 * p2pmem_grants_evict() - request that orchestrators end the users of a provider's memory
 * @p: the provider
 * @drain: the drain in which these users have not freed it; nothing happens after it
 *
 * Context: Process context, may sleep.
 * Return: whether there are any.
 */
bool p2pmem_grants_evict(struct p2pmem_provider *p, unsigned int drain)
{
	struct pci_p2pmem_grant *g;
	bool evicted = false;
	char *users;
	long bytes;

	guard(mutex)(&p->lock);
	list_for_each_entry(g, &p->grants, node) {
		bytes = p2pmem_grant_shown_bytes(g);
		if (!bytes || !g->ops || !g->ops->evict)
			continue;
		/* Its last memory may be free meanwhile, and that of this grant new. */
		if (!p2pmem_in_drain(p, drain))
			break;
		users = p2pmem_grant_describe(g);
		pci_warn(p->pdev, "evicting %s, %ld bytes of peer-to-peer memory still in use\n",
			 users ?: g->name, bytes);
		kfree(users);
		g->ops->evict(g);
		evicted = true;
	}
	return evicted;
}

/**
 * p2pmem_grants_report() - log the grants that have memory in use
 * @p: the provider
 *
 * Context: Process context, may sleep.
 */
void p2pmem_grants_report(struct p2pmem_provider *p)
{
	struct pci_p2pmem_grant *g;
	char *users;
	long bytes;

	guard(mutex)(&p->lock);
	list_for_each_entry(g, &p->grants, node) {
		bytes = p2pmem_grant_shown_bytes(g);
		if (!bytes)
			continue;
		users = p2pmem_grant_describe(g);
		pci_warn(p->pdev, "%ld bytes of peer-to-peer memory are held by %s\n",
			 bytes, users ?: g->name);
		kfree(users);
	}
}

/**
 * p2pmem_grants_show() - print a line for each grant of a provider
 * @p: the provider
 * @m: output
 *
 * Context: Process context, may sleep.
 */
void p2pmem_grants_show(struct p2pmem_provider *p, struct seq_file *m)
{
	struct pci_p2pmem_grant *g;
	char clients[128], *users;

	guard(mutex)(&p->lock);
	list_for_each_entry(g, &p->grants, node) {
		p2pmem_grant_clients(g, clients, sizeof(clients));
		users = p2pmem_grant_describe(g);
		seq_printf(m, "%s %s %ld %d %u %s\n", pci_name(p->pdev), clients,
			   p2pmem_grant_shown_bytes(g), percpu_ref_is_dying(&g->ref), g->users,
			   users ?: g->name);
		kfree(users);
	}
}
