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

/* Under open_mutex a disk that is live has not dropped the reference to its parent. */
static struct pci_dev *nvmet_p2pmem_function_above(struct gendisk *disk)
{
	struct device *dev;

	guard(mutex)(&disk->open_mutex);
	if (!disk_live(disk))
		return NULL;
	for (dev = disk_to_dev(disk); dev; dev = dev->parent)
		if (dev_is_pci(dev))
			return pci_dev_get(to_pci_dev(dev));
	return NULL;
}

/**
 * nvmet_p2pmem_find_function() - find the PCI function of a namespace's drive
 * @rec: record of a namespace whose drive or file was just opened
 *
 * An open block device keeps the device of its disk, but not that device's parents: if the disk
 * is removed while the namespace is enabled, they may be freed. So they are used only here, and
 * the record keeps the function. open_mutex inside subsys->lock is the order in which nvmet
 * opened the drive.
 *
 * Context: Process context, the namespace's subsys->lock held, the namespace not enabled.
 */
void nvmet_p2pmem_find_function(struct nvmet_p2pmem_ns *rec)
{
	struct block_device *bdev = rec->ns->bdev;

	pci_dev_put(rec->function);
	rec->function = bdev ? nvmet_p2pmem_function_above(bdev->bd_disk) : NULL;
}

/**
 * nvmet_p2pmem_ns_device() - the device of a namespace, for the log and for events
 * @rec: record of a namespace with an open drive or file
 *
 * Context: Any; the namespace is enabled or being enabled.
 * Return: the PCI function of the drive, else the disk; NULL for a file. Valid as long as the
 * namespace is enabled, but perhaps removed: the caller must not use its parents.
 */
struct device *nvmet_p2pmem_ns_device(struct nvmet_p2pmem_ns *rec)
{
	return rec->function ? &rec->function->dev : nvmet_ns_dev(rec->ns);
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
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(ns);
	struct device *drive;

	*reason = PCI_P2PMEM_OK;
	if (!ns->bdev) {
		*reason = PCI_P2PMEM_NOT_A_DRIVE;
		return NULL;
	}
	if (!rec->function) {
		*reason = PCI_P2PMEM_STACKED;
		return NULL;
	}
	drive = pci_p2pmem_parent_client(rec->function);
	if (!drive) {
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
