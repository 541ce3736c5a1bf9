// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: registers of providers and clients
 *
 * Floor 0.
 *
 * Keeps the providers, the clients and the notifiers for their changes. This file does not
 * access memory or PCI topology, and makes no decisions.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "p2pdma.h"
#include "registry.h"

/*
 * Guards both registers for writers and for walks that sleep, and serialises verdicts: a
 * pair is evaluated only while both of its ends are registered. Look-ups need RCU only:
 * entries are freed after a grace period.
 */
DEFINE_MUTEX(p2pmem_mutex);
DEFINE_HASHTABLE(p2pmem_providers, P2PMEM_PROVIDER_BITS);
LIST_HEAD(p2pmem_provider_list);
unsigned int p2pmem_provider_count;
static DEFINE_HASHTABLE(p2pmem_clients, 6);

DEFINE_STATIC_KEY_FALSE(pci_p2pmem_lending);
EXPORT_SYMBOL_GPL(pci_p2pmem_lending);

static BLOCKING_NOTIFIER_HEAD(p2pmem_notifiers);

/*
 * For work that must not run where memory is freed: freeing grants, pages with other
 * references, notifications. A reset of the boot drive may wait for it during memory
 * reclaim, so it has a rescuer.
 */
struct workqueue_struct *p2pmem_wq;

/*
 * Counts everything after which a grant must be checked again before memory is allocated
 * under it: other mappings, disproofs, losses, quotas, and the end of a grant.
 */
atomic_long_t p2pmem_changes = ATOMIC_LONG_INIT(1);

/**
 * p2pmem_note_change() - make all grants check again whether they allow allocations
 *
 * Context: Any; after the change was written.
 */
void p2pmem_note_change(void)
{
	smp_mb__before_atomic();	/* the change, then the count: see p2pmem_grant_refresh() */
	atomic_long_inc(&p2pmem_changes);
}

/**
 * p2pmem_find() - look up a provider
 * @pdev: PCI function
 *
 * Context: RCU read side, or p2pmem_mutex held; the result is valid for that long.
 * Return: the provider, or NULL.
 */
struct p2pmem_provider *p2pmem_find(struct pci_dev *pdev)
{
	return p2pmem_find_inline(pdev);
}

/**
 * p2pmem_provider_get() - look up a provider and take a reference
 * @pdev: PCI function
 *
 * Context: Any.
 * Return: the provider with a reference, or NULL.
 */
struct p2pmem_provider *p2pmem_provider_get(struct pci_dev *pdev)
{
	struct p2pmem_provider *p;

	guard(rcu)();
	p = p2pmem_find(pdev);
	if (p && !kref_get_unless_zero(&p->ref))
		p = NULL;
	return p;
}

static void p2pmem_provider_free_worker(struct work_struct *work)
{
	struct p2pmem_provider *p = container_of(work, struct p2pmem_provider, free_work);

	/* A reader that found it in the register may still read its pool. */
	synchronize_rcu();
	p->release(p);
	pci_dev_put(p->pdev);
	kfree(p);
}

static void p2pmem_provider_free(struct kref *ref)
{
	struct p2pmem_provider *p = container_of(ref, struct p2pmem_provider, ref);

	INIT_WORK(&p->free_work, p2pmem_provider_free_worker);
	queue_work(p2pmem_wq, &p->free_work);
}

/**
 * p2pmem_provider_put() - drop a reference
 * @p: the provider
 *
 * Context: Any.
 */
void p2pmem_provider_put(struct p2pmem_provider *p)
{
	kref_put(&p->ref, p2pmem_provider_free);
}

/**
 * p2pmem_register() - add a provider to the register
 * @p: the provider; the register takes over its first reference
 *
 * Context: Process context, may sleep.
 */
void p2pmem_register(struct p2pmem_provider *p)
{
	static_branch_inc(&pci_p2pmem_lending);
	guard(p2pmem_mutex)();
	hash_add_rcu(p2pmem_providers, &p->hash, (unsigned long)p->pdev);
	list_add_tail(&p->node, &p2pmem_provider_list);
	p2pmem_provider_count++;
}

/**
 * p2pmem_unregister() - remove a provider from the register
 * @p: the provider; none of its memory is in use. The caller takes over the
 *	register's reference.
 *
 * Context: Process context, waits for a grace period.
 */
void p2pmem_unregister(struct p2pmem_provider *p)
{
	scoped_guard(p2pmem_mutex) {
		hash_del_rcu(&p->hash);
		list_del(&p->node);
		p2pmem_provider_count--;
	}
	synchronize_rcu();
	static_branch_dec(&pci_p2pmem_lending);
}

/**
 * p2pmem_for_each_provider() - walk all providers
 * @fn: called for each with @arg; p2pmem_mutex is held, it may sleep
 * @arg: for @fn
 *
 * Context: Process context, may sleep.
 */
void p2pmem_for_each_provider(void (*fn)(struct p2pmem_provider *p, void *arg), void *arg)
{
	struct p2pmem_provider *p;

	guard(p2pmem_mutex)();
	list_for_each_entry(p, &p2pmem_provider_list, node)
		fn(p, arg);
}

/**
 * p2pmem_for_each_client() - walk all registrations
 * @fn: called for each with @arg; p2pmem_mutex is held, it may sleep
 * @arg: for @fn
 *
 * Context: Process context, may sleep.
 */
void p2pmem_for_each_client(void (*fn)(struct pci_p2pmem_client *c, void *arg), void *arg)
{
	struct pci_p2pmem_client *c;
	int i;

	guard(p2pmem_mutex)();
	hash_for_each(p2pmem_clients, i, c, hash)
		fn(c, arg);
}

/* Whether the walk of the register meets another registration of the device first */
static bool p2pmem_client_is_duplicate(struct pci_p2pmem_client *client)
{
	struct pci_p2pmem_client *c;

	hash_for_each_possible(p2pmem_clients, c, hash, (unsigned long)client->dev)
		if (c->dev == client->dev)
			return c != client;
	return false;
}

/**
 * p2pmem_for_each_pair() - walk all pairs of a provider and a client
 * @fn: called for each with @arg, once for a device that is registered several
 *	times; p2pmem_mutex is held, it may sleep
 * @arg: for @fn
 *
 * Context: Process context, may sleep.
 */
void p2pmem_for_each_pair(void (*fn)(struct p2pmem_provider *p, struct device *client,
				     void *arg), void *arg)
{
	struct pci_p2pmem_client *c;
	struct p2pmem_provider *p;
	int i;

	guard(p2pmem_mutex)();
	list_for_each_entry(p, &p2pmem_provider_list, node)
		hash_for_each(p2pmem_clients, i, c, hash)
			if (!p2pmem_client_is_duplicate(c))
				fn(p, c->dev, arg);
}

/**
 * p2pmem_client_add() - add a registration to the register
 * @client: the registration
 *
 * Context: Process context, may sleep.
 */
void p2pmem_client_add(struct pci_p2pmem_client *client)
{
	guard(p2pmem_mutex)();
	hash_add_rcu(p2pmem_clients, &client->hash, (unsigned long)client->dev);
}

/**
 * p2pmem_client_del() - remove a registration from the register
 * @client: the registration
 *
 * Context: Process context, may sleep. RCU readers may still see it.
 */
void p2pmem_client_del(struct pci_p2pmem_client *client)
{
	guard(p2pmem_mutex)();
	hash_del_rcu(&client->hash);
}

static bool p2pmem_has_registration(struct device *dev, bool children)
{
	struct pci_p2pmem_client *c;

	guard(rcu)();
	hash_for_each_possible_rcu(p2pmem_clients, c, hash, (unsigned long)dev)
		if (c->dev == dev && (!children || (c->ops && c->ops->children)))
			return true;
	return false;
}

/**
 * p2pmem_is_client() - whether a driver registered this device
 * @dev: DMA device
 *
 * Context: Any.
 * Return: true if it is a client.
 */
bool p2pmem_is_client(struct device *dev)
{
	return p2pmem_has_registration(dev, false);
}

/**
 * p2pmem_maps_children() - whether a driver of this client maps for the devices below it
 * @dev: DMA device
 *
 * Context: Any.
 * Return: true if one of its registrations says so.
 */
bool p2pmem_maps_children(struct device *dev)
{
	return p2pmem_has_registration(dev, true);
}

/**
 * p2pmem_provers_get() - look up the registrations of a device that have a self-test
 * @dev: DMA device
 * @provers: returns them, each held until p2pmem_prover_put()
 * @max: size of @provers
 *
 * pci_p2pmem_unregister_client() waits until the registration is not held any more. It
 * removes the registration from the register before it drops the initial hold, so that a
 * reader that still finds it after that cannot take a new one.
 *
 * Context: Any.
 * Return: number of registrations.
 */
unsigned int p2pmem_provers_get(struct device *dev, struct pci_p2pmem_client **provers,
				unsigned int max)
{
	struct pci_p2pmem_client *c;
	unsigned int n = 0;

	guard(rcu)();
	hash_for_each_possible_rcu(p2pmem_clients, c, hash, (unsigned long)dev)
		if (c->dev == dev && c->ops && c->ops->verify && n < max &&
		    refcount_inc_not_zero(&c->users))
			provers[n++] = c;
	return n;
}

/**
 * p2pmem_prover_put() - release a registration from p2pmem_provers_get()
 * @client: the registration
 *
 * Context: Any.
 */
void p2pmem_prover_put(struct pci_p2pmem_client *client)
{
	if (refcount_dec_and_test(&client->users))
		complete(&client->unused);
}

/**
 * pci_p2pmem_register_notifier() - register a notifier for providers, clients and verdicts
 * @nb: called with PCI_P2PMEM_EVENT_*, in process context, perhaps under the
 *	device_lock of a driver that is probing: it may only queue work
 *
 * Context: Process context, may sleep.
 * Return: 0 or -EEXIST.
 */
int pci_p2pmem_register_notifier(struct notifier_block *nb)
{
	return blocking_notifier_chain_register(&p2pmem_notifiers, nb);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_register_notifier);

/**
 * pci_p2pmem_unregister_notifier() - unregister a notifier
 * @nb: as registered
 *
 * Context: Process context, may sleep. @nb is not running any more afterwards.
 */
void pci_p2pmem_unregister_notifier(struct notifier_block *nb)
{
	blocking_notifier_chain_unregister(&p2pmem_notifiers, nb);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_unregister_notifier);

/**
 * p2pmem_notify() - call the notifiers
 * @event: PCI_P2PMEM_EVENT_*
 * @data: data of the event
 *
 * Context: Process context, may sleep.
 */
void p2pmem_notify(unsigned long event, void *data)
{
	blocking_notifier_call_chain(&p2pmem_notifiers, event, data);
}

static void p2pmem_verdict_worker(struct work_struct *work)
{
	p2pmem_notify(PCI_P2PMEM_EVENT_VERDICT, NULL);
}

static DECLARE_WORK(p2pmem_verdict_work, p2pmem_verdict_worker);

/**
 * p2pmem_schedule_notify() - notify orchestrators of a changed verdict from a work item
 *
 * Context: Any.
 */
void p2pmem_schedule_notify(void)
{
	queue_work(p2pmem_wq, &p2pmem_verdict_work);
}

/**
 * p2pmem_registry_init() - create the workqueue
 *
 * Context: Module init.
 * Return: 0 or -ENOMEM.
 */
int p2pmem_registry_init(void)
{
	/* For lockdep: reclaim may wait for a reset that waits for the mutex, see registry.h. */
	fs_reclaim_acquire(GFP_KERNEL);
	might_lock(&p2pmem_mutex);
	fs_reclaim_release(GFP_KERNEL);
	p2pmem_wq = alloc_workqueue("p2pmem", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return p2pmem_wq ? 0 : -ENOMEM;
}

/**
 * p2pmem_registry_exit() - wait for queued work and destroy the workqueue
 *
 * Context: Module exit: provider and client drivers use our symbols, so none is left.
 */
void p2pmem_registry_exit(void)
{
	WARN_ON(!hash_empty(p2pmem_providers));
	WARN_ON(!hash_empty(p2pmem_clients));
	/* An RCU callback may have dropped a grant's last reference and queued work. */
	rcu_barrier();
	destroy_workqueue(p2pmem_wq);
	rcu_barrier();
}

MODULE_DESCRIPTION("PCI peer-to-peer memory");
MODULE_LICENSE("GPL");
