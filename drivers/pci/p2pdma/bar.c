// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: p2pmem-bar, a driver for functions that only provide memory
 *
 * Floor 9.
 *
 * Registers a BAR of any PCI function that is bound to it: a memory card, an FPGA. Its id
 * table is empty; an administrator binds a function by driver_override or new_id. The
 * parameters are read when a function is bound, so that cards with different BARs can be
 * bound one after the other.
 */
#define pr_fmt(fmt) "p2pmem-bar: " fmt

#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci-p2pmem.h>
#include "parse.h"

#define P2PMEM_BAR_LARGEST	-1

/* User space gets the errno only: the log has the invalid value and the expected ones. */
static int p2pmem_bar_refuse(const char *val, const struct kernel_param *kp,
			     const char *wanted)
{
	pr_err("invalid %s '%*pE', expected %s\n", kp->name, (int)strcspn(val, "\n"), val, wanted);
	return -EINVAL;
}

static int p2pmem_bar_set_bar(const char *val, const struct kernel_param *kp)
{
	int n;

	if (p2pmem_parse_bar(val, P2PMEM_BAR_LARGEST, PCI_STD_NUM_BARS, &n))
		return p2pmem_bar_refuse(val, kp, "0 to 5, or -1 for the largest");
	WRITE_ONCE(*(int *)kp->arg, n);
	return 0;
}

static const struct kernel_param_ops p2pmem_bar_bar_ops = {
	.set = p2pmem_bar_set_bar,
	.get = param_get_int,
};

static int bar = P2PMEM_BAR_LARGEST;
module_param_cb(bar, &p2pmem_bar_bar_ops, &bar, 0644);
MODULE_PARM_DESC(bar, "BAR to register, 0 to 5 (default -1: the largest memory BAR)");

static int p2pmem_bar_set_bytes(const char *val, const struct kernel_param *kp)
{
	if (p2pmem_parse_bytes(val, kp->arg))
		return p2pmem_bar_refuse(val, kp, "bytes, or a number with K, M or G");
	return 0;
}

static const struct kernel_param_ops p2pmem_bar_bytes_ops = {
	.set = p2pmem_bar_set_bytes,
	.get = param_get_ullong,
};

static u64 offset;
module_param_cb(offset, &p2pmem_bar_bytes_ops, &offset, 0644);
MODULE_PARM_DESC(offset, "first byte of the BAR to register, suffixes K M G (default 0)");

static u64 size;
module_param_cb(size, &p2pmem_bar_bytes_ops, &size, 0644);
MODULE_PARM_DESC(size, "bytes to register, suffixes K M G (default 0: to the end of the BAR)");

static const char * const p2pmem_bar_kinds[] = {
	[PCI_P2PMEM_POOL] = "pool",
	[PCI_P2PMEM_DRIVER] = "driver",
	[PCI_P2PMEM_REGISTERS] = "registers",
};

static unsigned int kind = PCI_P2PMEM_POOL;

static int p2pmem_bar_set_kind(const char *val, const struct kernel_param *kp)
{
	int n = sysfs_match_string(p2pmem_bar_kinds, val);

	if (n < 0)
		return p2pmem_bar_refuse(val, kp, "pool, driver or registers");
	*(unsigned int *)kp->arg = n;
	return 0;
}

static int p2pmem_bar_get_kind(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", p2pmem_bar_kinds[*(unsigned int *)kp->arg]);
}

static const struct kernel_param_ops p2pmem_bar_kind_ops = {
	.set = p2pmem_bar_set_kind,
	.get = p2pmem_bar_get_kind,
};

module_param_cb(kind, &p2pmem_bar_kind_ops, &kind, 0644);
MODULE_PARM_DESC(kind, "what it is: pool, driver (allocated by another driver) or registers (default pool)");

static int p2pmem_bar_largest(struct pci_dev *pdev)
{
	resource_size_t most = 0;
	int i, found = -1;

	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		if (!(pci_resource_flags(pdev, i) & IORESOURCE_MEM) ||
		    pci_resource_len(pdev, i) <= most)
			continue;
		most = pci_resource_len(pdev, i);
		found = i;
	}
	return found;
}

static int p2pmem_bar_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int nr = READ_ONCE(bar);
	int ret;

	if (nr == P2PMEM_BAR_LARGEST)
		nr = p2pmem_bar_largest(pdev);
	if (nr < 0) {
		pci_err(pdev, "cannot register peer-to-peer memory: the function has no memory BAR; bind another one\n");
		return -EINVAL;
	}

	ret = pcim_enable_device(pdev);
	if (ret) {
		pci_err(pdev, "cannot register BAR %d: enabling the device failed (%d)\n", nr,
			ret);
		return ret;
	}
	/* Error recovery restores this state after a slot reset. */
	pci_save_state(pdev);
	/* An empty resource is refused below, with a better message. */
	if (pci_resource_len(pdev, nr)) {
		ret = pcim_request_region(pdev, nr, "p2pmem-bar");
		if (ret) {
			pci_err(pdev, "cannot register BAR %d: another driver has claimed it, see /proc/iomem\n",
				nr);
			return ret;
		}
	}

	/*
	 * Managed: withdrawn before the region is released and the device
	 * disabled, in that order, when probing fails or the driver is unbound.
	 */
	ret = pci_p2pmem_add_resource(pdev, nr, size, offset, kind);
	if (ret == -ENOMEM)
		pci_err(pdev, "not enough memory to lend BAR %d: load p2pmem-bar with a smaller size=, or write it to /sys/module/p2pmem_bar/parameters/size, and bind again\n",
			nr);
	if (ret)
		return ret;
	pci_p2pmem_set_published(pdev, true);
	return 0;
}

static void p2pmem_bar_remove(struct pci_dev *pdev)
{
	pci_p2pmem_revoke(pdev);
}

/* Shutdown and bus resets stop other functions first, whose transfers never end then. */
static void p2pmem_bar_stop(struct pci_dev *pdev)
{
	pci_p2pmem_suspend(pdev);
}

static int p2pmem_bar_suspend(struct device *dev)
{
	p2pmem_bar_stop(to_pci_dev(dev));
	return 0;
}

/* Whether the device decodes its BARs again: without that, writes to the memory are dropped */
static bool p2pmem_bar_responds(struct pci_dev *pdev, const char *after)
{
	bool present = pci_device_is_present(pdev);
	u16 command = 0;

	if (present)
		pci_read_config_word(pdev, PCI_COMMAND, &command);
	if (command & PCI_COMMAND_MEMORY)
		return true;
	pci_err(pdev, "%s after the %s, peer-to-peer memory stays revoked; power-cycle the device and bind it again\n",
		present ? "memory is disabled" : "no response", after);
	return false;
}

static void p2pmem_bar_start(struct pci_dev *pdev, const char *after)
{
	if (!p2pmem_bar_responds(pdev, after))
		return;
	/* Restoring it has used up the saved state on some kernels; the next recovery needs it. */
	pci_save_state(pdev);
	pci_p2pmem_resume(pdev);
}

static int p2pmem_bar_resume(struct device *dev)
{
	p2pmem_bar_start(to_pci_dev(dev), "resume");
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(p2pmem_bar_pm, p2pmem_bar_suspend, p2pmem_bar_resume);

static pci_ers_result_t p2pmem_bar_error_detected(struct pci_dev *pdev,
						  pci_channel_state_t state)
{
	pci_p2pmem_lost(pdev);
	return state == pci_channel_io_perm_failure ? PCI_ERS_RESULT_DISCONNECT :
						      PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t p2pmem_bar_slot_reset(struct pci_dev *pdev)
{
	pci_restore_state(pdev);
	pci_save_state(pdev);
	return p2pmem_bar_responds(pdev, "slot reset") ? PCI_ERS_RESULT_RECOVERED :
							 PCI_ERS_RESULT_DISCONNECT;
}

static void p2pmem_bar_reset_done(struct pci_dev *pdev)
{
	p2pmem_bar_start(pdev, "reset");
}

static const struct pci_error_handlers p2pmem_bar_errors = {
	.error_detected = p2pmem_bar_error_detected,
	.slot_reset = p2pmem_bar_slot_reset,
	.resume = p2pmem_bar_reset_done,
	.reset_prepare = p2pmem_bar_stop,
	.reset_done = p2pmem_bar_reset_done,
};

/* Empty: functions are bound by driver_override or new_id. */
static const struct pci_device_id p2pmem_bar_ids[] = { {} };

static struct pci_driver p2pmem_bar_driver = {
	.name = "p2pmem-bar",
	.id_table = p2pmem_bar_ids,
	.probe = p2pmem_bar_probe,
	.remove = p2pmem_bar_remove,
	.shutdown = p2pmem_bar_stop,
	.driver.pm = pm_sleep_ptr(&p2pmem_bar_pm),
	.err_handler = &p2pmem_bar_errors,
};
module_pci_driver(p2pmem_bar_driver);

MODULE_DESCRIPTION("Provides a BAR of any PCI function as peer-to-peer memory");
MODULE_LICENSE("GPL");
