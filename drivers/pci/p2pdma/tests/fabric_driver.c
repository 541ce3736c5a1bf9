// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the driver of the fabric's end points
 *
 * A minimal driver: it sets the DMA mask and enables the device, and its remove function
 * first revokes the memory of the device, as every provider's driver must. It also frees
 * the devres resources that tests attach to its devices.
 */
#include <linux/device/driver.h>
#include <linux/dma-mapping.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/pci-p2pmem.h>

#include "fabric_private.h"

static bool fabric_is_ours(struct pci_dev *pdev)
{
	return pdev->bus->ops == &fabric_ops;
}

/* Copy of a function's line in the table, which a removal may free later */
static bool fabric_lookup(struct pci_dev *pdev, struct fabric_function *copy)
{
	struct fabric_host *host = fabric_host_of_bus(pdev->bus);
	struct fabric_function *fn;

	guard(raw_spinlock_irqsave)(&host->lock);
	fn = fabric_function_at(host, pdev->bus->number, pdev->devfn);
	if (fn)
		*copy = *fn;
	return fn;
}

static int fabric_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct fabric_function fn;
	int ret;

	if (!fabric_is_ours(pdev) || !fabric_lookup(pdev, &fn))
		return -ENODEV;
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(fn.desc.mask ?: 64));
	if (ret)
		return ret;
	/* Allow a whole BAR as one segment. */
	dma_set_max_seg_size(&pdev->dev, UINT_MAX);
	ret = pci_enable_device_mem(pdev);
	if (ret)
		return ret;
	pci_set_master(pdev);
	return 0;
}

static void fabric_remove(struct pci_dev *pdev)
{
	struct fabric_function fn;

	if (fabric_lookup(pdev, &fn) && fn.on_remove)
		fn.on_remove(pdev);
	pci_p2pmem_revoke(pdev);
	pci_disable_device(pdev);
}

static const struct pci_device_id fabric_ids[] = {
	{ .vendor = FABRIC_VENDOR, .device = PCI_ANY_ID,
	  .subvendor = PCI_ANY_ID, .subdevice = PCI_ANY_ID,
	  .class = FABRIC_CLASS_ENDPOINT, .class_mask = ~0 },
	{ }
};

static struct pci_driver fabric_driver = {
	.name = "p2pmem-fabric",
	.id_table = fabric_ids,
	.probe = fabric_probe,
	.remove = fabric_remove,
};

/* Guards the number of fabrics; the driver is registered while one exists. */
static DEFINE_MUTEX(fabric_driver_mutex);
static int fabric_driver_users;

int fabric_driver_get(void)
{
	int ret = 0;

	guard(mutex)(&fabric_driver_mutex);
	if (!fabric_driver_users)
		ret = pci_register_driver(&fabric_driver);
	if (!ret)
		fabric_driver_users++;
	return ret;
}

void fabric_driver_put(void)
{
	guard(mutex)(&fabric_driver_mutex);
	if (!--fabric_driver_users)
		pci_unregister_driver(&fabric_driver);
}
