// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: registers of providers and clients
 *
 * The module's beginning and end, who lends, who may borrow, and who is told
 * when that changes. Nothing here looks at memory or at PCI topology. Its init
 * cannot fail for want of anything that the drive with the root file system can
 * do without.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/device/bus.h>
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "p2pdma.h"

/*
 * Guards both registers against writers and walkers that sleep. Look-ups take
 * RCU only: entries are freed after a grace period.
 */
DEFINE_MUTEX(p2pmem_mutex);
static DEFINE_HASHTABLE(p2pmem_providers, 6);
static DEFINE_HASHTABLE(p2pmem_clients, 6);

DEFINE_STATIC_KEY_FALSE(pci_p2pmem_lending);
EXPORT_SYMBOL_GPL(pci_p2pmem_lending);

static BLOCKING_NOTIFIER_HEAD(p2pmem_notifiers);

/* What must not run where memory came back: end of grants, news of providers */
struct workqueue_struct *p2pmem_wq;

/**
 * p2pmem_find() - look up a provider
 * @pdev: PCI function
 *
 * Context: RCU read side, or p2pmem_mutex held; valid as long as that is.
 * Return: the provider, or NULL.
 */
struct p2pmem_provider *p2pmem_find(struct pci_dev *pdev)
{
	struct p2pmem_provider *p;

	hash_for_each_possible_rcu(p2pmem_providers, p, hash, (unsigned long)pdev,
				   lockdep_is_held(&p2pmem_mutex))
		if (p->pdev == pdev)
			return p;
	return NULL;
}

/**
 * p2pmem_provider_get() - look up a provider and keep its structure
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

	pci_dev_put(p->pdev);
	kfree_rcu(p, rcu);
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
 * p2pmem_register() - enter a provider
 * @p: the provider; the register takes over its first reference
 *
 * Context: Process context, may sleep.
 */
void p2pmem_register(struct p2pmem_provider *p)
{
	static_branch_inc(&pci_p2pmem_lending);
	guard(mutex)(&p2pmem_mutex);
	hash_add_rcu(p2pmem_providers, &p->hash, (unsigned long)p->pdev);
}

/**
 * p2pmem_unregister() - take a provider out
 * @p: the provider; none of its memory is out. The caller now owns the
 *	register's reference.
 *
 * Context: Process context, waits for a grace period.
 */
void p2pmem_unregister(struct p2pmem_provider *p)
{
	scoped_guard(mutex, &p2pmem_mutex)
		hash_del_rcu(&p->hash);
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
	int i;

	guard(mutex)(&p2pmem_mutex);
	hash_for_each(p2pmem_providers, i, p, hash)
		fn(p, arg);
}

/* Whether a client's device has an earlier registration in the walk of the register */
static bool p2pmem_seen_before(struct pci_p2pmem_client *client)
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
	int i, j;

	guard(mutex)(&p2pmem_mutex);
	hash_for_each(p2pmem_providers, i, p, hash)
		hash_for_each(p2pmem_clients, j, c, hash)
			if (!p2pmem_seen_before(c))
				fn(p, c->dev, arg);
}

/**
 * p2pmem_is_client() - whether a driver registered this device
 * @dev: DMA device
 *
 * Context: Any.
 * Return: true when it is a client.
 */
bool p2pmem_is_client(struct device *dev)
{
	struct pci_p2pmem_client *c;

	guard(rcu)();
	hash_for_each_possible_rcu(p2pmem_clients, c, hash, (unsigned long)dev)
		if (c->dev == dev)
			return true;
	return false;
}

/**
 * p2pmem_provers_get() - the registrations of a device that can prove paths
 * @dev: DMA device
 * @provers: returns them, each held until p2pmem_prover_put()
 * @max: room in @provers
 *
 * A registration that is held is not freed: pci_p2pmem_unregister_client() waits. It
 * takes the registration out of the register before it drops the register's own hold,
 * so that who finds it here after that finds no hold to add to.
 *
 * Context: Any.
 * Return: how many.
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
 * p2pmem_prover_put() - a self-test of a registration has ended
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
 * p2pmem_clients_revoke() - tell the clients of a provider that it goes
 * @p: the provider
 *
 * Context: Process context, may sleep.
 */
void p2pmem_clients_revoke(struct p2pmem_provider *p)
{
	struct pci_p2pmem_client *c;
	int i;

	guard(mutex)(&p2pmem_mutex);
	hash_for_each(p2pmem_clients, i, c, hash)
		if (c->ops && c->ops->revoke && p2pmem_path_exists(p, c->dev))
			c->ops->revoke(c, p->pdev);
}

/**
 * pci_p2pmem_register_client() - make a DMA device a client
 * @dma_dev: the device that DMA addresses are mapped for
 * @ops: what its driver wants to be told, or NULL; must outlive the client
 * @priv: for its driver
 *
 * Only a registered device is ever given an address of peer memory: that a
 * queue or an adapter could do peer-to-peer is known to its driver alone. A
 * device may be registered several times.
 *
 * Context: Process context, may sleep.
 * Return: the registration, -EOPNOTSUPP without @dma_dev (a software device),
 * or -ENOMEM.
 */
struct pci_p2pmem_client *
pci_p2pmem_register_client(struct device *dma_dev,
			   const struct pci_p2pmem_client_ops *ops, void *priv)
{
	struct pci_p2pmem_client *c;

	if (!dma_dev)
		return ERR_PTR(-EOPNOTSUPP);

	c = kzalloc(sizeof(*c), GFP_KERNEL);
	if (!c)
		return ERR_PTR(-ENOMEM);
	c->dev = get_device(dma_dev);
	c->ops = ops;
	c->priv = priv;
	refcount_set(&c->users, 1);
	init_completion(&c->unused);

	scoped_guard(mutex, &p2pmem_mutex)
		hash_add_rcu(p2pmem_clients, &c->hash, (unsigned long)dma_dev);
	p2pmem_policy_changed();
	p2pmem_notify(PCI_P2PMEM_EVENT_CLIENT, dma_dev);
	return c;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_register_client);

/**
 * pci_p2pmem_unregister_client() - end a registration
 * @client: from pci_p2pmem_register_client(); NULL and error pointers are fine
 *
 * The driver has undone its mappings before. When this was the device's last
 * registration, its pairs are forgotten, and mappings that are left are
 * reported. A self-test that runs is waited for: that is as long as the driver's
 * verify operation takes to see that its device goes.
 *
 * Context: Process context, may sleep.
 */
void pci_p2pmem_unregister_client(struct pci_p2pmem_client *client)
{
	if (IS_ERR_OR_NULL(client))
		return;

	scoped_guard(mutex, &p2pmem_mutex) {
		hash_del_rcu(&client->hash);
		p2pmem_policy_changed();
	}
	/*
	 * Not under the mutex: a self-test may take long. Its mappings are undone when it
	 * has ended, and only then the pairs can be settled.
	 */
	p2pmem_prover_put(client);
	wait_for_completion(&client->unused);
	scoped_guard(mutex, &p2pmem_mutex) {
		/* Locked: the pairs of who has registered it since are not ours to drop. */
		if (!p2pmem_is_client(client->dev))
			p2pmem_paths_drop_client(client->dev);
	}
	put_device(client->dev);
	kfree_rcu(client, rcu);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_unregister_client);

/**
 * pci_p2pmem_client_priv() - what was given at registration
 * @client: the client
 *
 * Context: Any.
 * Return: the pointer.
 */
void *pci_p2pmem_client_priv(struct pci_p2pmem_client *client)
{
	return client->priv;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_client_priv);

/**
 * pci_p2pmem_find_client() - the DMA device behind a device
 * @dev: a disk's device, for example
 *
 * Goes from @dev up its parents to the first registered client. A parent that
 * is a PCI function ends the search: its children do not DMA for other parents.
 *
 * Context: Any.
 * Return: the DMA device with a reference (put_device()), or NULL.
 */
struct device *pci_p2pmem_find_client(struct device *dev)
{
	for (; dev; dev = dev->parent) {
		if (p2pmem_is_client(dev))
			return get_device(dev);
		if (dev_is_pci(dev))
			break;
	}
	return NULL;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_find_client);

/**
 * pci_p2pmem_register_notifier() - be told of providers, clients and changes of policy
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
 * pci_p2pmem_unregister_notifier() - be told no more
 * @nb: as registered
 *
 * Context: Process context, may sleep. @nb is not running any more afterwards.
 */
void pci_p2pmem_unregister_notifier(struct notifier_block *nb)
{
	blocking_notifier_chain_unregister(&p2pmem_notifiers, nb);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_unregister_notifier);

void p2pmem_notify(unsigned long event, void *data)
{
	blocking_notifier_call_chain(&p2pmem_notifiers, event, data);
}

static void p2pmem_news_worker(struct work_struct *work)
{
	p2pmem_notify(PCI_P2PMEM_EVENT_POLICY, NULL);
}

static DECLARE_WORK(p2pmem_news_work, p2pmem_news_worker);

/**
 * p2pmem_news() - have orchestrators look at their grants: verdicts may be others now
 *
 * Context: Any.
 */
void p2pmem_news(void)
{
	queue_work(p2pmem_wq, &p2pmem_news_work);
}

/*
 * A hierarchy that has changed may have other bridges, and ACS words that were set when
 * they were found. Under the lock of whoever plugs or scans: only counts and queues.
 */
static int p2pmem_bus_event(struct notifier_block *nb, unsigned long event, void *dev)
{
	if (event == BUS_NOTIFY_ADD_DEVICE || event == BUS_NOTIFY_REMOVED_DEVICE) {
		p2pmem_policy_changed();
		p2pmem_news();
	}
	return NOTIFY_DONE;
}

static struct notifier_block p2pmem_bus_nb = {
	.notifier_call = p2pmem_bus_event,
};

static int __init p2pmem_init(void)
{
	p2pmem_wq = alloc_workqueue("p2pmem", WQ_UNBOUND, 0);
	if (!p2pmem_wq)
		return -ENOMEM;
	p2pmem_debugfs_init();
	if (bus_register_notifier(&pci_bus_type, &p2pmem_bus_nb))
		pr_warn("PCI functions that come and go are not noticed; write 1 to p2pmem/rescan of a provider after a change\n");
	return 0;
}

static void __exit p2pmem_exit(void)
{
	p2pmem_debugfs_exit();
	/* Drivers that provide or borrow use our symbols: none is left now. */
	WARN_ON(!hash_empty(p2pmem_providers));
	WARN_ON(!hash_empty(p2pmem_clients));
	bus_unregister_notifier(&pci_bus_type, &p2pmem_bus_nb);
	p2pmem_pages_exit();
	/* A grant's last reference may have queued its end from a callback. */
	rcu_barrier();
	destroy_workqueue(p2pmem_wq);
	rcu_barrier();
}

subsys_initcall(p2pmem_init);
module_exit(p2pmem_exit);
MODULE_DESCRIPTION("PCI peer-to-peer memory");
MODULE_LICENSE("GPL");
