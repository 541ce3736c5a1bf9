// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: beginning and end of the module, and what happens around it
 *
 * Floor 10.
 *
 * Functions of the bus that come and go, and changes of policy. Its init cannot fail for
 * want of anything that the drive with the root file system can do without.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/device/bus.h>
#include <linux/module.h>
#include "p2pdma.h"

/* What an administrator allows now decides before the write returns. */
static void p2pmem_reevaluate(unsigned int *pairs, unsigned int *changed)
{
	*changed = p2pmem_pairs_update(NULL, NULL, P2PMEM_FORGET_PROOF, pairs);
	p2pmem_notify(PCI_P2PMEM_EVENT_VERDICT, NULL);
}

/* Under the lock of whoever plugs or scans: verdicts are made by a work item. */
static int p2pmem_bus_event(struct notifier_block *nb, unsigned long event, void *dev)
{
	if (event == BUS_NOTIFY_ADD_DEVICE || event == BUS_NOTIFY_REMOVED_DEVICE)
		p2pmem_pairs_hotplug_event();
	if (event == BUS_NOTIFY_REMOVED_DEVICE)
		p2pmem_function_removed(to_pci_dev(dev));
	return NOTIFY_DONE;
}

static struct notifier_block p2pmem_bus_nb = {
	.notifier_call = p2pmem_bus_event,
};

static int __init p2pmem_init(void)
{
	int ret = p2pmem_registry_init();

	if (ret)
		return ret;
	p2pmem_pools_init();
	p2pmem_sysfs_init();
	p2pmem_debugfs_init();
	p2pmem_policy_changed = p2pmem_reevaluate;
	if (bus_register_notifier(&pci_bus_type, &p2pmem_bus_nb))
		pr_warn("PCI functions that come and go are not noticed; write 1 to p2pmem/rescan of a provider after a change\n");
	return 0;
}

static void __exit p2pmem_exit(void)
{
	p2pmem_debugfs_exit();
	bus_unregister_notifier(&pci_bus_type, &p2pmem_bus_nb);
	p2pmem_pairs_exit();
	p2pmem_refuse_exit();
	p2pmem_pages_exit();
	p2pmem_sgl_exit();
	p2pmem_registry_exit();
	p2pmem_pools_exit();
}

subsys_initcall(p2pmem_init);
module_exit(p2pmem_exit);
