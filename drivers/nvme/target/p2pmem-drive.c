// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: what of a namespace does DMA, and which provider was named for it
 *
 * The two ends that are found by looking at a namespace alone. All that is kept is where the
 * named provider was found: a look-up by address walks all functions of the machine, and each
 * path of the namespace needs it under subsys->lock.
 */
#include <linux/blk-integrity.h>
#include <linux/module.h>
#include "p2pmem-priv.h"

/**
 * nvmet_p2pmem_cpu_integrity() - whether the CPU would look at a drive's data
 * @ns: namespace with an open drive
 *
 * Context: Any.
 * Return: true when the block layer generates or verifies protection information.
 */
bool nvmet_p2pmem_cpu_integrity(struct nvmet_ns *ns)
{
#ifdef CONFIG_BLK_DEV_INTEGRITY
	const unsigned int unused = BLK_INTEGRITY_NOGENERATE | BLK_INTEGRITY_NOVERIFY;
	struct blk_integrity *bi = bdev_get_integrity(ns->bdev);

	return bi && bi->csum_type != BLK_INTEGRITY_CSUM_NONE &&
		(bi->flags & unused) != unused;
#else
	return false;
#endif
}

static bool nvmet_p2pmem_below_pci(struct device *dev)
{
	for (; dev; dev = dev->parent)
		if (dev_is_pci(dev))
			return true;
	return false;
}

/**
 * nvmet_p2pmem_drive() - the DMA device of a namespace
 * @ns: namespace with an open drive or file
 * @reason: returns why it has none that can use peer memory, else PCI_P2PMEM_OK
 *
 * Context: Process context.
 * Return: the device with a reference, or NULL.
 */
struct device *nvmet_p2pmem_drive(struct nvmet_ns *ns, enum pci_p2pmem_reason *reason)
{
	struct device *disk = nvmet_ns_dev(ns);
	struct device *drive;

	*reason = PCI_P2PMEM_OK;
	if (!disk) {
		*reason = PCI_P2PMEM_NOT_A_DRIVE;
		return NULL;
	}
	if (!nvmet_p2pmem_below_pci(disk)) {
		*reason = PCI_P2PMEM_STACKED;
		return NULL;
	}
	drive = pci_p2pmem_find_client(disk);
	if (IS_ERR_OR_NULL(drive)) {
		*reason = PCI_P2PMEM_NOT_A_CLIENT;
		return NULL;
	}
	/*
	 * With protection information end to end the host computes it. Whether a
	 * controller does that is known when it is attached.
	 */
	if (!nvmet_ns_has_pi(ns) && nvmet_p2pmem_cpu_integrity(ns)) {
		*reason = PCI_P2PMEM_CPU_INTEGRITY;
		put_device(drive);
		return NULL;
	}
	return drive;
}

/**
 * nvmet_p2pmem_fixed_provider() - the function that the administrator named
 * @rec: record of a namespace that has one
 * @since: if it was absent at this time or later, it is not looked up again
 * @why: returns its name: there may be no device to ask
 *
 * Another function may have its address after a hotplug: one that was removed is looked up
 * again.
 *
 * Context: Process context, the namespace's subsys->lock held.
 * Return: the function with a reference, or NULL when it is absent.
 */
struct pci_dev *nvmet_p2pmem_fixed_provider(struct nvmet_p2pmem_ns *rec, ktime_t since,
					    struct pci_p2pmem_verdict *why)
{
	lockdep_assert_held(&rec->ns->subsys->lock);

	scnprintf(why->provider, sizeof(why->provider), "%04x:%02x:%02x.%d", rec->domain,
		  rec->bus, PCI_SLOT(rec->devfn), PCI_FUNC(rec->devfn));
	if (rec->found && !device_is_registered(&rec->found->dev))
		nvmet_p2pmem_forget_provider(rec);
	if (!rec->found && ktime_before(rec->absent, since)) {
		rec->found = pci_get_domain_bus_and_slot(rec->domain, rec->bus, rec->devfn);
		rec->absent = rec->found ? 0 : ktime_get();
	}
	return pci_dev_get(rec->found);
}
