// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: what several measurements need: the providers, and a grant with a quota
 *
 * Floor 0.
 */
#include <linux/fs.h>
#include "bench.h"

/* QEMU's ivshmem, its memory is BAR 2 */
static const struct pci_device_id bench_provider = { PCI_DEVICE(0x1af4, 0x1110) };

#ifndef CONFIG_PCI_P2PDMA
struct pci_p2pmem_grant *api_granted;
struct p2pmem_provider *api_provider;
#endif

/**
 * bench_next_provider() - find providers
 * @after: the one before, whose reference is dropped, or NULL
 *
 * Context: Process context.
 * Return: the next one with a reference, or NULL.
 */
struct pci_dev *bench_next_provider(struct pci_dev *after)
{
	return pci_get_device(bench_provider.vendor, bench_provider.device, after);
}

/* Half of the memory: it is never reached. */
static int bench_quota(struct pci_dev *pdev)
{
	char text[24], path[80];
	struct file *file;
	loff_t pos = 0;
	int len, ret;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/p2pmem/quota", pci_name(pdev));
	file = filp_open(path, O_WRONLY, 0);
	if (IS_ERR(file))
		return PTR_ERR(file);
	len = snprintf(text, sizeof(text), "%llu", (u64)pci_resource_len(pdev, 2) / 2);
	ret = kernel_write(file, text, len, &pos);
	filp_close(file, NULL);
	return ret < 0 ? ret : 0;
}

/**
 * bench_grant() - get a grant for both clients, with a quota
 * @b: provider and clients
 *
 * Context: Process context.
 * Return: 0, -EOPNOTSUPP if there are no grants, or another error.
 */
int bench_grant(struct bench *b)
{
	return api_grant(b->pdev, b->clients, 2) ?: bench_quota(b->pdev);
}
