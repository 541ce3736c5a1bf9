// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: module init and exit, PCI hotplug, changes of policy
 *
 * Floor 10.
 *
 * The drive with the root file system may depend on this module, so init fails only if the
 * module cannot work at all.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/device/bus.h>
#include <linux/module.h>
#include "p2pdma.h"

/* A change of policy takes effect before the write returns. */
static void p2pmem_reevaluate(unsigned int *pairs, unsigned int *changed)
{
	*changed = p2pmem_pairs_update(NULL, NULL, P2PMEM_FORGET_PROOF, pairs);
	p2pmem_notify(PCI_P2PMEM_EVENT_VERDICT, NULL);
}

/* Called under the locks of PCI hotplug or rescan: a work item evaluates the pairs. */
static int p2pmem_bus_event(struct notifier_block *nb, unsigned long event, void *dev)
{
	if (event == BUS_NOTIFY_ADD_DEVICE || event == BUS_NOTIFY_REMOVED_DEVICE)
		p2pmem_pairs_hotplug_event();
	if (event == BUS_NOTIFY_REMOVED_DEVICE)
		p2pmem_function_removed(to_pci_dev(dev));
	if (event == BUS_NOTIFY_BIND_DRIVER)
		p2pmem_function_binds(to_pci_dev(dev));
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
		pr_warn("cannot detect PCI hotplug; write 1 to a provider's p2pmem/rescan after a change\n");
	return 0;
}

static void __exit p2pmem_exit(void)
{
	p2pmem_debugfs_exit();
	bus_unregister_notifier(&pci_bus_type, &p2pmem_bus_nb);
	p2pmem_pairs_exit();
	p2pmem_disproofs_exit();
	p2pmem_refuse_exit();
	p2pmem_pages_exit();
	p2pmem_sgl_exit();
	p2pmem_registry_exit();
	p2pmem_pools_exit();
}

subsys_initcall(p2pmem_init);
module_exit(p2pmem_exit);
