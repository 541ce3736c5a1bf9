// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the DMA device and the named provider of a namespace
 *
 * Both depend on the namespace only, and not on a controller. The named provider is cached in
 * the namespace's record: a lookup by address walks all PCI functions of the machine, and each
 * path of the namespace needs the provider under subsys->lock.
 */
#include <linux/blk-integrity.h>
#include <linux/module.h>
#include "p2pmem-priv.h"

/**
 * nvmet_p2pmem_cpu_integrity() - whether the CPU reads the data of a drive
 * @ns: namespace with an open drive
 *
 * Context: Any.
 * Return: true if the block layer generates or verifies protection information.
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

/**
 * nvmet_p2pmem_added_metadata() - whether the block layer adds metadata to each command
 * @ns: namespace with an open drive
 *
 * It does for formats with metadata and without protection information.
 *
 * Context: Any.
 * Return: true if it does.
 */
bool nvmet_p2pmem_added_metadata(struct nvmet_ns *ns)
{
#ifdef CONFIG_BLK_DEV_INTEGRITY
	struct blk_integrity *bi = bdev_get_integrity(ns->bdev);

	return bi && bi->csum_type == BLK_INTEGRITY_CSUM_NONE;
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
 * @reason: returns why there is no device that can use peer memory, else PCI_P2PMEM_OK
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
	 * If the namespace has protection information end to end, the host may compute it.
	 * nvmet_p2pmem_ctrl_reason() checks that for each controller.
	 */
	if (!nvmet_ns_has_pi(ns) && nvmet_p2pmem_cpu_integrity(ns)) {
		*reason = PCI_P2PMEM_CPU_INTEGRITY;
		put_device(drive);
		return NULL;
	}
	return drive;
}

/**
 * nvmet_p2pmem_fixed_provider() - look up the provider that the administrator named
 * @rec: record of a namespace whose administrator named a provider
 * @since: skip the lookup if one at this time or later found no function
 * @why: returns the provider's address, for the log if there is no such function
 *
 * After a hotplug another function may have the same address: if the cached function was
 * removed, the address is looked up again.
 *
 * Context: Process context, the namespace's subsys->lock held.
 * Return: the function with a reference, or NULL if there is no such function.
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
