// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: registration of DMA devices
 *
 * Floor 7.
 *
 * A device is a client only if its driver registers it. Registration creates and evaluates
 * the pairs of the client before it returns; unregistration drops them after the last
 * self-test has ended.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include "p2pdma.h"
#include "registry.h"

/**
 * pci_p2pmem_register_client() - register a DMA device as a client
 * @dma_dev: the device that DMA addresses are mapped for
 * @ops: callbacks of its driver, or NULL; must outlive the client
 * @priv: private data of its driver
 *
 * Peer memory is mapped for registered devices only: just the driver knows whether its
 * queue or adapter can do peer-to-peer DMA. A device may be registered several times.
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
	/* Proofs by another driver of the device are dropped and must be repeated. */
	p2pmem_pairs_update(NULL, dma_dev, P2PMEM_FORGET_PROOF, NULL);
	p2pmem_notify(PCI_P2PMEM_EVENT_CLIENT, dma_dev);
	return c;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_register_client);

/**
 * pci_p2pmem_unregister_client() - end a registration
 * @client: from pci_p2pmem_register_client(); NULL and error pointers are fine
 *
 * The driver undoes its mappings first. With the device's last registration its pairs are
 * dropped, and mappings that are left are reported. Waits for a running self-test, which
 * takes until the driver's verify operation notices that its device is being removed.
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
	 * ends, and the pairs can be settled only after that.
	 */
	p2pmem_prover_put(client);
	wait_for_completion(&client->unused);
	scoped_guard(p2pmem_mutex) {
		/* Locked: pairs of a new registration of the device must stay. */
		if (!p2pmem_is_client(client->dev))
			p2pmem_pairs_drop(NULL, client->dev);
	}
	put_device(client->dev);
	kfree_rcu(client, rcu);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_unregister_client);

/**
 * pci_p2pmem_client_priv() - private data of a client's driver
 * @client: the client
 *
 * Context: Any.
 * Return: the pointer that was passed at registration.
 */
void *pci_p2pmem_client_priv(struct pci_p2pmem_client *client)
{
	return client->priv;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_client_priv);

/**
 * pci_p2pmem_find_client() - the DMA device behind a device
 * @dev: a disk's device, for example; it must not be removed during the call
 *
 * Walks from @dev up its parents to the first registered client. The walk ends at the
 * first PCI function: a device does not use the DMA of anything above that. A client above @dev
 * is the right one only if its driver maps for the devices below it (@children of its ops).
 *
 * Context: Any.
 * Return: the DMA device with a reference (put_device()), or NULL.
 */
struct device *pci_p2pmem_find_client(struct device *dev)
{
	struct device *at;

	for (at = dev; at; at = at->parent) {
		if (p2pmem_is_client(at))
			return at == dev || p2pmem_maps_children(at) ? get_device(at) : NULL;
		if (dev_is_pci(at))
			break;
	}
	return NULL;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_find_client);

/**
 * pci_p2pmem_parent_client() - the DMA device of the devices below a PCI function
 * @pdev: the function, which may have been removed
 *
 * As pci_p2pmem_find_client() for a device below @pdev, but without that device: a reference to
 * a disk does not keep the devices above it, once the disk was removed.
 *
 * Context: Any; the caller holds a reference to @pdev.
 * Return: the DMA device of @pdev with a reference (put_device()); NULL if it is no client, or
 * if its driver does not map for the devices below it.
 */
struct device *pci_p2pmem_parent_client(struct pci_dev *pdev)
{
	return p2pmem_maps_children(&pdev->dev) ? get_device(&pdev->dev) : NULL;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_parent_client);
