// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: registration of DMA devices
 *
 * Floor 7.
 *
 * A device is a client only after its driver said so. Its pairs are made and judged
 * before its registration returns, and are dropped after its last self-test has ended.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include "p2pdma.h"

/**
 * pci_p2pmem_register_client() - make a DMA device a client
 * @dma_dev: the device that DMA addresses are mapped for
 * @ops: its driver's callbacks, or NULL; must outlive the client
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

	p2pmem_client_add(c);
	/* What another driver of the device has proved is to be proved again. */
	p2pmem_pairs_update(NULL, dma_dev, P2PMEM_FORGET_PROOF, NULL);
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

	p2pmem_client_del(client);
	p2pmem_pairs_update(NULL, client->dev, P2PMEM_FORGET_PROOF, NULL);
	/*
	 * Not under the mutex: a self-test may take long. Its mappings are undone when it
	 * has ended, and only then the pairs can be settled.
	 */
	p2pmem_prover_put(client);
	wait_for_completion(&client->unused);
	scoped_guard(mutex, &p2pmem_mutex) {
		/* Locked: the pairs of who has registered it since are not ours to drop. */
		if (!p2pmem_is_client(client->dev))
			p2pmem_pairs_drop(NULL, client->dev);
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
