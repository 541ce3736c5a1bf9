// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem_bench: what peer memory costs, with the kernel's P2PDMA or with ours
 *
 * Floor 2.
 *
 * Measures while it is loaded, and prints "bench|OPERATION|POOL|STATE|BYTES|FIGURE" lines. The
 * parameter "what" selects: lend, pool, map, find-N (among N PCI functions), cpus, lines. One
 * source for both kernels; api.h has the names of their functions.
 */
#include <linux/module.h>
#include "bench.h"
#include "symbol.h"

/* a USB controller, which has no driver here */
static const struct pci_device_id bench_client = { PCI_DEVICE(0x106b, 0x003f) };

static char *what = "lend";
module_param(what, charp, 0444);
MODULE_PARM_DESC(what, "what is measured: lend, pool, map, find-N, cpus, lines");

/* Finds and registers the clients: 0, or an error of the first one that failed. */
static int bench_clients(struct bench *b)
{
	struct pci_dev *pdev = NULL;
	int ret;

	while (b->nr_clients < BENCH_CLIENTS) {
		pdev = pci_get_device(bench_client.vendor, bench_client.device, pdev);
		if (!pdev)
			break;
		ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
		if (!ret)
			ret = api_client(&pdev->dev);
		if (ret) {
			pci_dev_put(pdev);
			return ret;
		}
		/* the next search drops the reference of this one */
		b->clients[b->nr_clients++] = get_device(&pdev->dev);
	}
	pci_dev_put(pdev);
	b->client = b->clients[0];
	return b->nr_clients ? 0 : -ENODEV;
}

static u64 bench_lend_cost(struct bench *b, int *ret)
{
	u64 begin = rdtsc();

	*ret = api_lend(b->pdev);
	return rdtsc() - begin;
}

/*
 * Lends the BARs of all providers, the last one of which is measured, and prints what that costs.
 * Interrupts are counted as well: it may sleep. Returns 0, or the error of the first that failed.
 */
static int bench_lend(struct bench *b)
{
	struct pci_dev *pdev = NULL;
	u64 cost;
	int ret;

	b->state = "0";
	while ((pdev = bench_next_provider(pdev))) {
		b->pdev = pdev;
		b->len = 0;
		cost = bench_lend_cost(b, &ret);
		if (ret) {
			pci_dev_put(pdev);
			return ret;
		}
		bench_print(b, "add_resource", cost);
		pr_err("bench-bar|%llx|%llx\n", (u64)pci_bus_address(pdev, 2),
		       (u64)pci_bus_address(pdev, 2) + pci_resource_len(pdev, 2) - 1);
		pci_dev_get(pdev);
	}
	return b->pdev ? 0 : -ENODEV;
}

static int bench_prepare(struct bench *b)
{
#ifndef CONFIG_PCI_P2PDMA
	struct p2pmem_provider *(*find)(struct pci_dev *pdev) = symbol_address("p2pmem_find");

	if (!find)
		return -ENOENT;
	rcu_read_lock();
	api_provider = find(b->pdev);
	rcu_read_unlock();
#endif
	b->lookup = symbol_address(API_LOOKUP);
	return b->lookup ? 0 : -ENOENT;
}

static int bench_run(struct bench *b)
{
	unsigned int functions;
	int ret = bench_clients(b);

	if (ret)
		return ret;
	if (sscanf(what, "find-%u", &functions) == 1)
		return bench_find(b, functions);
	ret = bench_lend(b);
	if (ret || !strcmp(what, "lend"))
		return ret;
	/* the kernel's P2PDMA maps only for clients that searched a provider before */
	if (api_find(b->clients, min(b->nr_clients, 2)) != b->pdev)
		return -EXDEV;
	ret = bench_prepare(b);
	if (ret)
		return ret;
	if (!strcmp(what, "pool"))
		return bench_pool(b);
	if (!strcmp(what, "map"))
		return bench_map(b);
	if (!strcmp(what, "cpus"))
		return bench_cpus(b);
	if (!strcmp(what, "lines"))
		return bench_lines(b);
	return -EINVAL;
}

static struct bench bench;

/* It is never unloaded: the machine is switched off after it. */
static int __init bench_init(void)
{
	int ret = bench_run(&bench);

	pr_err("bench-end|%s|%d\n", what, ret);
	return ret;
}
module_init(bench_init);

MODULE_DESCRIPTION("Cost of peer-to-peer memory in executed instructions");
MODULE_LICENSE("GPL");
