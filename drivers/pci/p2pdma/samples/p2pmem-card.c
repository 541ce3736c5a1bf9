// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem-card, a sample provider: a memory card
 *
 * A complete driver for a PCI function that provides BAR 2 as peer-to-peer memory. It binds
 * to the memory card that QEMU has (ivshmem-plain, 1af4:1110), so that it can be tried
 * without hardware.
 *
 * The rule behind every callback: the core is called first, while the card still works,
 * whenever the card is about to stop, and last, when the card works again.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci-p2pmem.h>

#define CARD_BAR	2

static int card_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	if (!devm_request_mem_region(&pdev->dev, pci_resource_start(pdev, CARD_BAR),
				     pci_resource_len(pdev, CARD_BAR), "p2pmem-card"))
		return -EBUSY;
	/* Configuration that card_slot_reset() restores */
	pci_save_state(pdev);

	/*
	 * The whole BAR. The core logs the reason of every failure. The memory is
	 * withdrawn automatically when the driver is unbound: after card_remove(), before
	 * the BAR is released and the device disabled.
	 */
	ret = pci_p2pmem_add_resource(pdev, CARD_BAR, 0, 0, PCI_P2PMEM_POOL);
	if (ret)
		return ret;
	pci_p2pmem_set_published(pdev, true);
	return 0;
}

/* The other devices work: wait until nobody uses the memory. */
static void card_remove(struct pci_dev *pdev)
{
	pci_p2pmem_revoke(pdev);
}

/*
 * Shutdown, reset and suspend: wait only for users that are able to finish. Other devices may
 * be stopped already, in a reset those on the same bus.
 */
static void card_stop(struct pci_dev *pdev)
{
	pci_p2pmem_suspend(pdev);
}

static int card_suspend(struct device *dev)
{
	card_stop(to_pci_dev(dev));
	return 0;
}

/*
 * After a suspend or a reset: the PCI core has restored the BARs. The contents of the memory are
 * assumed to be gone. A card that is gone itself stays revoked.
 */
static void card_start(struct pci_dev *pdev)
{
	if (!pci_device_is_present(pdev)) {
		pci_err(pdev, "no response, peer-to-peer memory stays revoked\n");
		return;
	}
	/* Restoring it has used up the saved state on some kernels. */
	pci_save_state(pdev);
	pci_p2pmem_resume(pdev);
}

static int card_resume(struct device *dev)
{
	card_start(to_pci_dev(dev));
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(card_pm, card_suspend, card_resume);

/* The card has failed: do not wait for anybody. */
static pci_ers_result_t card_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	pci_p2pmem_lost(pdev);
	return state == pci_channel_io_perm_failure ? PCI_ERS_RESULT_DISCONNECT :
						      PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t card_slot_reset(struct pci_dev *pdev)
{
	pci_restore_state(pdev);
	pci_save_state(pdev);
	return pci_device_is_present(pdev) ? PCI_ERS_RESULT_RECOVERED :
					     PCI_ERS_RESULT_DISCONNECT;
}

static const struct pci_error_handlers card_errors = {
	.error_detected = card_error_detected,
	.slot_reset = card_slot_reset,
	.resume = card_start,
	.reset_prepare = card_stop,
	.reset_done = card_start,
};

static const struct pci_device_id card_ids[] = {
	{ PCI_DEVICE(0x1af4, 0x1110) },
	{ }
};
MODULE_DEVICE_TABLE(pci, card_ids);

static struct pci_driver card_driver = {
	.name = "p2pmem-card",
	.id_table = card_ids,
	.probe = card_probe,
	.remove = card_remove,
	.shutdown = card_stop,
	.driver.pm = pm_sleep_ptr(&card_pm),
	.err_handler = &card_errors,
};
module_pci_driver(card_driver);

MODULE_DESCRIPTION("PCI peer-to-peer memory: a sample provider");
MODULE_LICENSE("GPL");
