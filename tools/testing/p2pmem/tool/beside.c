// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem_tool: the kernel's own DMA API and P2PDMA beside p2pmem
 *
 * Floor 2.
 *
 *	dmamap N C          memory N by dma_map_sgtable(), as a driver does that does not know us
 *	upstream P BAR C    P's BAR lent by the kernel's own P2PDMA, mapped for C by the DMA API;
 *	                    P is bound to p2pmem_tool, and unbinding it ends that
 *
 * Both print what the DMA API said. Kernels without P2PDMA refuse the second one.
 */
#include <linux/dma-mapping.h>
#include <linux/memremap.h>
#include <linux/pci-p2pdma.h>
#include "tool.h"

static int beside_map(struct device *dev, struct page *page, size_t size)
{
	struct scatterlist sg;
	struct sg_table table = { .sgl = &sg, .orig_nents = 1, .nents = 1 };
	int ret;

	sg_init_table(&sg, 1);
	sg_set_page(&sg, page, size, 0);
	ret = dma_map_sgtable(dev, &table, DMA_FROM_DEVICE, DMA_ATTR_NO_WARN);
	tool_print("dma_map_sgtable %d\n", ret);
	if (ret)
		return 0;
	tool_print("dma %#llx %zu\n", (u64)sg_dma_address(&sg), size);
	dma_unmap_sgtable(dev, &table, DMA_FROM_DEVICE, 0);
	return 0;
}

static int tool_cmd_dmamap(int argc, char **argv)
{
	struct tool_obj *of = tool_obj_find(argv[0], NULL);
	struct device *dev = NULL;
	int ret;

	if (!of || (!of->addr && !of->sg))
		return -ENOENT;
	ret = tool_device(argv[1], &dev);
	if (ret || !dev)
		return ret ?: -ENXIO;
	ret = beside_map(dev, tool_obj_page(of), PAGE_SIZE);
	put_device(dev);
	return ret;
}

static int tool_cmd_upstream(int argc, char **argv)
{
	struct pci_dev *p = tool_pci(argv[0]);
	struct device *dev = NULL;
	unsigned int bar;
	size_t size;
	void *all;
	int ret;

	if (!p)
		return -ENXIO;
	ret = kstrtouint(argv[1], 10, &bar) ?: tool_device(argv[2], &dev);
	if (!ret && !dev)
		ret = -ENXIO;
	if (!ret)
		ret = pci_p2pdma_add_resource(p, bar, 0, 0);
	if (ret)
		goto out;
	size = pci_resource_len(p, bar);
	all = pci_alloc_p2pmem(p, size);
	if (!all) {
		ret = -ENOMEM;
		goto out;
	}
	tool_print("ours %d\n", is_pci_p2pmem_page(virt_to_page(all)));
	ret = beside_map(dev, virt_to_page(all), SZ_64K);
	pci_free_p2pmem(p, all, size);
out:
	put_device(dev);
	pci_dev_put(p);
	return ret;
}

const struct tool_command tool_beside_commands[] = {
	{ "dmamap", "N C", 2, 2, tool_cmd_dmamap },
	{ "upstream", "P BAR C", 3, 3, tool_cmd_upstream },
	{}
};
