// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: p2pmem_rnic, an RDMA adapter for tests
 *
 * Floor 7.
 *
 * Software drivers for RDMA cannot do peer-to-peer DMA, because they have no DMA
 * device. This driver has one: it is a small iWARP adapter whose PCI function is
 * QEMU's lsi53c895a (1000:0012). There is no wire; queue pairs connect to queue pairs
 * of the same machine, on one adapter or on two, and the Memory Move engine of the
 * function copies every payload byte, at the DMA addresses in the work requests.
 * QEMU's trace event lsi_memcpy shows them. The adapter supports nvme-rdma and
 * nvmet-rdma. It is not for production.
 *
 * This file is the PCI driver. Other files: verbs.c, attributes and table of callbacks;
 * cq.c, completion queues; mem.c, regions and key checks; qp.c, queue pairs; exec.c,
 * work requests; cm.c, connections; ref.c, references on queue pairs; engine.c, the
 * copy engine; gate.c, which holds transfers in flight; debugfs.c; common.c.
 *
 * Parameters:
 *
 * netdev=A,B,...  network devices of the first adapter, the second and so on;
 *                 default: dummy0, dummy1, ..., otherwise any free Ethernet device.
 *                 rdma_cm refuses 127.0.0.1, so set an address of a dummy device.
 * second=A        network device of a second port of the first adapter; default: one port.
 * virt_dma=1      register without a DMA device but with the PCI parent, as hfi1
 *                 does: work requests contain kernel pointers, and the CPU copies.
 * reg_pages=N,M,... pages of a memory registration of the first adapter, the second and
 *                 so on; default and maximum: 256.
 * hold_us=N       delay each transfer (writable in sysfs).
 * connect_timeout_ms=N  time limit of a connection attempt.
 *
 * An example, after "ip link add dummy0 type dummy", an address and "up":
 *
 *   insmod p2pmem_rnic.ko                 # registers rnic0
 *   cd /sys/kernel/debug/p2pmem_rnic/rnic0
 *   echo peer > hold_filter               # or any (default), rdma
 *   echo 1 > hold                         # hold the next one (N: the next N)
 *   ... start I/O, wait until "held" reads 1, run the test ...
 *   echo 0 > hold                         # release it
 *   cat stats
 */
#include <linux/etherdevice.h>
#include <linux/idr.h>
#include <linux/if_arp.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <net/addrconf.h>
#include <net/net_namespace.h>

#include "rnic.h"

#define MAX_ADAPTERS	16

static char *netdev[MAX_ADAPTERS];
static int netdev_nr;
module_param_array(netdev, charp, &netdev_nr, 0444);
MODULE_PARM_DESC(netdev, "network device of each adapter (default dummy0, dummy1, ...)");

static char *second;
module_param(second, charp, 0444);
MODULE_PARM_DESC(second, "network device of a second port of the first adapter");

static bool virt_dma;
module_param(virt_dma, bool, 0444);
MODULE_PARM_DESC(virt_dma, "register without a DMA device, copy by CPU (default 0)");

static uint reg_pages[MAX_ADAPTERS];
static int reg_pages_nr;
module_param_array(reg_pages, uint, &reg_pages_nr, 0444);
MODULE_PARM_DESC(reg_pages, "pages of a memory registration of each adapter (default 256)");

static DEFINE_MUTEX(rnic_devs_lock);	/* rnic_devs */
static LIST_HEAD(rnic_devs);
static DEFINE_IDA(rnic_index);

/* Unbinds adapters whose network device was unregistered; not from their own context. */
static struct workqueue_struct *rnic_unbind_wq;

struct rnic_unbind {
	struct work_struct work;
	struct pci_dev *pdev;
};

static bool rnic_netdev_in_use(const struct net_device *candidate)
{
	struct rnic_dev *dev;

	lockdep_assert_held(&rnic_devs_lock);
	list_for_each_entry(dev, &rnic_devs, list)
		if (rnic_has_netdev(dev, candidate))
			return true;
	return second && !strcmp(candidate->name, second);
}

/* Find the network device of adapter @index, with a reference, or NULL. */
static struct net_device *rnic_find_netdev(int index)
{
	struct net_device *found, *candidate;
	char name[IFNAMSIZ];

	if (index < netdev_nr) {
		found = dev_get_by_name(&init_net, netdev[index]);
		if (found && rnic_netdev_in_use(found)) {
			dev_put(found);
			found = NULL;
		}
		return found;
	}

	snprintf(name, sizeof(name), "dummy%d", index);
	found = dev_get_by_name(&init_net, name);
	if (found && !rnic_netdev_in_use(found))
		return found;
	dev_put(found);
	found = NULL;

	rcu_read_lock();
	for_each_netdev_rcu(&init_net, candidate) {
		if (candidate->type != ARPHRD_ETHER || candidate->flags & IFF_LOOPBACK ||
		    rnic_netdev_in_use(candidate))
			continue;
		dev_hold(candidate);
		found = candidate;
		break;
	}
	rcu_read_unlock();
	return found;
}

static void rnic_drop_netdev(struct rnic_dev *dev)
{
	mutex_lock(&rnic_devs_lock);
	list_del(&dev->list);
	mutex_unlock(&rnic_devs_lock);
	dev_put(dev->netdev);
	dev_put(dev->second);
}

static int rnic_attach_netdev(struct rnic_dev *dev)
{
	mutex_lock(&rnic_devs_lock);
	dev->netdev = rnic_find_netdev(dev->index);
	if (dev->netdev)
		list_add_tail(&dev->list, &rnic_devs);
	mutex_unlock(&rnic_devs_lock);
	if (dev->netdev && second && !dev->index) {
		dev->second = dev_get_by_name(&init_net, second);
		if (!dev->second) {
			rnic_drop_netdev(dev);
			return dev_err_probe(&dev->pdev->dev, -ENODEV, "second=%s does not exist\n",
					     second);
		}
	}
	if (dev->netdev)
		return 0;
	if (dev->index < netdev_nr)
		return dev_err_probe(&dev->pdev->dev, -ENODEV,
				     "adapter %d: netdev=%s does not exist or belongs to another adapter\n",
				     dev->index, netdev[dev->index]);
	return dev_err_probe(&dev->pdev->dev, -ENODEV,
			     "adapter %d: no free Ethernet device; run 'ip link add dummy%d type dummy'\n",
			     dev->index, dev->index);
}

static int rnic_register(struct rnic_dev *dev)
{
	struct ib_device *ibdev = &dev->ibdev;
	int ret;

	ib_set_device_ops(ibdev, &rnic_ib_ops);
	ibdev->node_type = RDMA_NODE_RNIC;
	ibdev->phys_port_cnt = dev->second ? RNIC_SECOND_PORT : RNIC_PORT;
	ibdev->num_comp_vectors = num_possible_cpus();
	ibdev->dev.parent = &dev->pdev->dev;
	ibdev->local_dma_lkey = 0;
	ibdev->iw_driver_flags = IW_F_NO_PORT_MAP;
	strscpy(ibdev->iw_ifname, dev->netdev->name);
	strscpy(ibdev->node_desc, RNIC_NAME);
	addrconf_addr_eui48((u8 *)&ibdev->node_guid, dev->netdev->dev_addr);

	ret = ib_device_set_netdev(ibdev, dev->netdev, RNIC_PORT);
	if (!ret && dev->second)
		ret = ib_device_set_netdev(ibdev, dev->second, RNIC_SECOND_PORT);
	if (ret)
		return ret;
	return ib_register_device(ibdev, "rnic%d", dev->virt_dma ? NULL : &dev->pdev->dev);
}

static int rnic_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct rnic_dev *dev;
	int ret;

	dev = ib_alloc_device(rnic_dev, ibdev);
	if (!dev)
		return -ENOMEM;
	dev->pdev = pdev;
	dev->virt_dma = virt_dma;
	xa_init_flags(&dev->qps, XA_FLAGS_ALLOC1);
	xa_init_flags(&dev->mrs, XA_FLAGS_ALLOC1);
	rnic_gate_init(&dev->gate);

	ret = ida_alloc_max(&rnic_index, MAX_ADAPTERS - 1, GFP_KERNEL);
	if (ret < 0) {
		dev_err_probe(&pdev->dev, ret, "more than %d adapters\n", MAX_ADAPTERS);
		goto dealloc;
	}
	dev->index = ret;
	dev->reg_pages = RNIC_MAX_PAGES;
	if (dev->index < reg_pages_nr)
		dev->reg_pages = clamp(reg_pages[dev->index], 2, RNIC_MAX_PAGES);
	ret = pcim_enable_device(pdev);
	if (ret)
		goto free_index;
	pci_set_master(pdev);
	ret = rnic_engine_init(dev);
	if (ret)
		goto clear_master;
	ret = rnic_attach_netdev(dev);
	if (ret)
		goto clear_master;
	ret = rnic_register(dev);
	if (ret) {
		dev_err_probe(&pdev->dev, ret, "cannot register with ib_core\n");
		goto drop_netdev;
	}

	pci_set_drvdata(pdev, dev);
	atomic_inc(&rnic_live[RNIC_LIVE_ADAPTER]);
	rnic_debugfs_add(dev);
	dev_info(&pdev->dev, "%s on %s, %s\n", dev_name(&dev->ibdev.dev), dev->netdev->name,
		 dev->virt_dma ? "no DMA device, copies by CPU" : "32-bit DMA by copy engine");
	return 0;

drop_netdev:
	rnic_drop_netdev(dev);
clear_master:
	pci_clear_master(pdev);
free_index:
	ida_free(&rnic_index, dev->index);
dealloc:
	xa_destroy(&dev->mrs);
	xa_destroy(&dev->qps);
	ib_dealloc_device(&dev->ibdev);
	return ret;
}

static void rnic_remove(struct pci_dev *pdev)
{
	struct rnic_dev *dev = pci_get_drvdata(pdev);

	/* Consumers drain during this call, so no transfer may be held any more. */
	rnic_gate_open(&dev->gate);
	ib_unregister_device(&dev->ibdev);
	rnic_debugfs_remove(dev);
	if (!xa_empty(&dev->qps) || !xa_empty(&dev->mrs))
		dev_err(&pdev->dev, "consumers leaked queue pairs or memory regions\n");
	pci_clear_master(pdev);
	rnic_drop_netdev(dev);
	ida_free(&rnic_index, dev->index);
	xa_destroy(&dev->mrs);
	xa_destroy(&dev->qps);
	ib_dealloc_device(&dev->ibdev);
	atomic_dec(&rnic_live[RNIC_LIVE_ADAPTER]);
}

static void rnic_unbind_work(struct work_struct *work)
{
	struct rnic_unbind *unbind = container_of(work, struct rnic_unbind, work);

	device_release_driver(&unbind->pdev->dev);
	pci_dev_put(unbind->pdev);
	kfree(unbind);
}

/* An adapter cannot outlive its network device: unbind it. */
static void rnic_netdev_unregistered(struct rnic_dev *dev)
{
	struct rnic_unbind *unbind = kzalloc(sizeof(*unbind), GFP_KERNEL);

	if (!unbind)
		return;
	dev_info(&dev->pdev->dev, "unregistering %s because its network device %s is being removed\n",
		 dev_name(&dev->ibdev.dev), dev->netdev->name);
	INIT_WORK(&unbind->work, rnic_unbind_work);
	unbind->pdev = pci_dev_get(dev->pdev);
	queue_work(rnic_unbind_wq, &unbind->work);
}

static int rnic_netdev_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *changed = netdev_notifier_info_to_dev(ptr);
	struct rnic_dev *dev;

	/* Unregistering the notifier calls this for every remaining device as well. */
	if (event != NETDEV_UNREGISTER || changed->reg_state != NETREG_UNREGISTERING)
		return NOTIFY_DONE;
	mutex_lock(&rnic_devs_lock);
	list_for_each_entry(dev, &rnic_devs, list)
		if (rnic_has_netdev(dev, changed))
			rnic_netdev_unregistered(dev);
	mutex_unlock(&rnic_devs_lock);
	return NOTIFY_DONE;
}

static struct notifier_block rnic_netdev_nb = { .notifier_call = rnic_netdev_event };

static const struct pci_device_id rnic_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_NCR, PCI_DEVICE_ID_LSI_53C895A) },
	{ }
};
MODULE_DEVICE_TABLE(pci, rnic_ids);

/*
 * Without these, the PCI core would disable the function while a program runs. Connections
 * stay; a real adapter would lose them, which ends its controllers.
 */
static int rnic_suspend(struct device *dev)
{
	rnic_engine_suspend(dev_get_drvdata(dev));
	return 0;
}

static int rnic_resume(struct device *dev)
{
	rnic_engine_resume(dev_get_drvdata(dev));
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(rnic_pm_ops, rnic_suspend, rnic_resume);

static struct pci_driver rnic_driver = {
	.name = RNIC_NAME,
	.id_table = rnic_ids,
	.probe = rnic_probe,
	.remove = rnic_remove,
	.driver.pm = pm_sleep_ptr(&rnic_pm_ops),
};

static int __init rnic_init(void)
{
	int ret = -ENOMEM;

	rnic_wq = alloc_workqueue(RNIC_NAME, WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!rnic_wq)
		return -ENOMEM;
	rnic_unbind_wq = alloc_workqueue(RNIC_NAME "_unbind", WQ_UNBOUND, 0);
	if (!rnic_unbind_wq)
		goto destroy_wq;
	rnic_debugfs_init();
	ret = register_netdevice_notifier(&rnic_netdev_nb);
	if (ret)
		goto remove_debugfs;
	ret = pci_register_driver(&rnic_driver);
	if (ret)
		goto unregister_notifier;
	return 0;

unregister_notifier:
	unregister_netdevice_notifier(&rnic_netdev_nb);
remove_debugfs:
	rnic_debugfs_exit();
	destroy_workqueue(rnic_unbind_wq);
destroy_wq:
	destroy_workqueue(rnic_wq);
	return ret;
}

static void __exit rnic_exit(void)
{
	unregister_netdevice_notifier(&rnic_netdev_nb);
	destroy_workqueue(rnic_unbind_wq);
	pci_unregister_driver(&rnic_driver);
	destroy_workqueue(rnic_wq);
	rnic_debugfs_exit();
	rnic_live_report();
}

module_init(rnic_init);
module_exit(rnic_exit);

MODULE_DESCRIPTION("RDMA adapter for p2pmem tests, on QEMU's lsi53c895a");
MODULE_LICENSE("GPL");
