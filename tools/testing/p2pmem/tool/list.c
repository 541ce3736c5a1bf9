// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem_tool: mapping of valid and invalid lists and regions
 *
 * Floor 3.
 *
 *	map N C to|from|both            map memory N as allocated
 *	maplist C DIR [SPEC...]         map a custom list, without a SPEC an empty one
 *	kind [SPEC...]                  1 for peer memory, 0 for none, EINVAL for a mixed list
 *	forget N                        drop a mapping without unmapping it
 *	region C P BAR OFFSET SIZE DIR  map a range of a region, which may be registers
 *
 * A SPEC is one entry: N:OFFSET:LENGTH (bytes from the start of the first run of memory
 * N or of foreign pages; it is not checked and may be beyond the end), or "ram" (a page of
 * system memory).
 */
#include <linux/dma-mapping.h>
#include "tool.h"

static void tool_map_release(struct tool_obj *o)
{
	pci_p2pmem_unmap_sg(o->dev, o->sg, o->nents, o->dir);
	sg_free_table(&o->table);
}

static const struct tool_type tool_map_type = { "map", tool_map_release };

/* Maps o->sg and prints the result. On failure the caller still owns o. */
static int tool_map(struct tool_obj *o)
{
	struct scatterlist *sg;
	int i, ret;

	ret = pci_p2pmem_map_sg(o->dev, o->sg, o->nents, o->dir);
	/* An empty list is refused, so 0 is invalid. */
	if (ret <= 0)
		return ret ?: -EPROTO;
	tool_obj_add(o);
	tool_print("nents %d of %u\n", ret, o->nents);
	for_each_sg(o->sg, sg, ret, i)
		tool_print("dma %#llx %u bus %d\n", (u64)sg_dma_address(sg), sg_dma_len(sg),
			   sg_dma_is_bus_address(sg));
	return 0;
}

/* Each mapping has its own list, because a memory can be mapped for several clients. */
static int tool_copy_list(struct tool_obj *o, struct tool_obj *of)
{
	struct scatterlist *from, *to;
	unsigned int i;

	o->nents = of->sg ? of->nents : 1;
	if (sg_alloc_table(&o->table, o->nents, GFP_KERNEL))
		return -ENOMEM;
	o->sg = o->table.sgl;
	if (!of->sg) {
		sg_set_page(o->sg, virt_to_page(of->addr), of->size, 0);
		return 0;
	}
	to = o->sg;
	for_each_sg(of->sg, from, of->nents, i) {
		sg_set_page(to, sg_page(from), from->length, from->offset);
		to = sg_next(to);
	}
	return 0;
}

static int tool_cmd_map(int argc, char **argv)
{
	struct tool_obj *of = tool_obj_find(argv[0], NULL), *o;
	int ret;

	if (!of || (of->type != &tool_run_type && of->type != &tool_sgl_type))
		return -ENOENT;
	o = tool_obj_make(&tool_map_type);
	if (!o)
		return -ENOMEM;
	o->pdev = pci_dev_get(of->pdev);
	ret = tool_device(argv[1], &o->dev) ?: tool_direction(argv[2], &o->dir) ?:
	      tool_copy_list(o, of);
	if (!ret)
		ret = tool_map(o);
	if (ret) {
		sg_free_table(&o->table);
		tool_obj_drop(o);
	}
	return ret;
}

static int tool_spec(struct scatterlist *sg, char *word)
{
	char *number = strsep(&word, ":"), *at = strsep(&word, ":");
	struct tool_obj *of;
	unsigned int offset, len;
	struct page *page;

	if (!strcmp(number, "ram")) {
		sg_set_page(sg, ZERO_PAGE(0), PAGE_SIZE, 0);
		return 0;
	}
	of = tool_obj_find(number, NULL);
	if (!of || (!of->addr && !of->sg) || of->table.sgl)
		return -ENOENT;
	if (!at || !word || kstrtouint(at, 0, &offset) || kstrtouint(word, 0, &len))
		return -ERANGE;
	page = tool_obj_page(of);
	sg_set_page(sg, page + offset / PAGE_SIZE, len, offset % PAGE_SIZE);
	return 0;
}

/* The table has at least one entry, so that an empty list has an address too */
static int tool_specs(struct tool_obj *o, int argc, char **argv)
{
	struct scatterlist *sg;
	int i, ret;

	if (sg_alloc_table(&o->table, max(argc, 1), GFP_KERNEL))
		return -ENOMEM;
	o->sg = o->table.sgl;
	o->nents = argc;
	for_each_sg(o->sg, sg, argc, i) {
		ret = tool_spec(sg, argv[i]);
		if (ret)
			return ret;
	}
	return 0;
}

static int tool_cmd_maplist(int argc, char **argv)
{
	struct tool_obj *o = tool_obj_make(&tool_map_type);
	int ret;

	if (!o)
		return -ENOMEM;
	ret = tool_device(argv[0], &o->dev) ?: tool_direction(argv[1], &o->dir) ?:
	      tool_specs(o, argc - 2, argv + 2);
	if (!ret)
		ret = tool_map(o);
	if (ret) {
		sg_free_table(&o->table);
		tool_obj_drop(o);
	}
	return ret;
}

static int tool_cmd_kind(int argc, char **argv)
{
	struct tool_obj *o = tool_obj_make(&tool_map_type);
	int ret;

	if (!o)
		return -ENOMEM;
	ret = tool_specs(o, argc, argv);
	if (!ret)
		ret = pci_p2pmem_sg_check(o->sg, o->nents);
	if (ret >= 0) {
		tool_print("%d\n", ret);
		ret = 0;
	}
	sg_free_table(&o->table);
	tool_obj_drop(o);
	return ret;
}

static void tool_forgotten_release(struct tool_obj *o)
{
	sg_free_table(&o->table);
}

static const struct tool_type tool_forgotten_type = { "forgotten", tool_forgotten_release };

static int tool_cmd_forget(int argc, char **argv)
{
	struct tool_obj *o = tool_obj_find(argv[0], &tool_map_type);

	if (!o)
		return -ENOENT;
	o->type = &tool_forgotten_type;
	return 0;
}

static void tool_region_release(struct tool_obj *o)
{
	pci_p2pmem_unmap_region(o->dev, &o->region);
}

static bool tool_region_depends_on(const struct tool_obj *o, const struct tool_obj *of)
{
	return of->type == &tool_client_type && o->dev == of->dev;
}

static const struct tool_type tool_region_type = {
	"region", tool_region_release, tool_region_depends_on
};

static int tool_cmd_region(int argc, char **argv)
{
	struct tool_obj *o = tool_obj_make(&tool_region_type);
	u64 offset, size;
	int bar, ret;

	if (!o)
		return -ENOMEM;
	o->pdev = tool_pci(argv[1]);
	ret = !o->pdev ? -ENXIO : tool_device(argv[0], &o->dev) ?:
	      kstrtoint(argv[2], 10, &bar) ?: tool_bytes(argv[3], &offset) ?:
	      tool_bytes(argv[4], &size) ?: tool_direction(argv[5], &o->dir);
	if (!ret)
		ret = pci_p2pmem_map_region(o->dev, o->pdev, bar, offset, size, o->dir,
					    &o->region);
	if (ret) {
		tool_obj_drop(o);
		return ret;
	}
	tool_obj_add(o);
	tool_print("dma %#llx %zu bus %d\n", (u64)o->region.dma_addr, o->region.size,
		   o->region.mapping == PCI_P2PMEM_MAP_BUS_ADDR);
	return 0;
}

const struct tool_command tool_list_commands[] = {
	{ "map", "N C to|from|both", 3, 3, tool_cmd_map },
	{ "maplist", "C to|from|both [SPEC...]", 2, 66, tool_cmd_maplist },
	{ "kind", "[SPEC...]", 0, 64, tool_cmd_kind },
	{ "forget", "N", 1, 1, tool_cmd_forget },
	{ "region", "C P BAR OFFSET SIZE to|from|both", 6, 6, tool_cmd_region },
	{}
};
