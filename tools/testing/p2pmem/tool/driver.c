// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem_tool: operations of a provider's driver
 *
 * Floor 1.
 *
 * A PCI driver for functions that are bound to it by driver_override. It lends
 * memory only by these commands:
 *
 *	add P BAR SIZE OFFSET KIND   lend; KIND pool, driver, registers or a number
 *	publish P 0|1                unpublish or publish it
 *	revoke P; lost P; resume P   as before and after a reset
 *	is P [BAR SIZE OFFSET]       query if it is a provider, or if that range is lent
 *	claim P BAR                  claim a BAR as another driver would
 *	foreign P BAR SIZE           ZONE_DEVICE pages that do not belong to p2pmem
 *
 * The first five also work for functions of other drivers, for example p2pmem-bar.
 */
#include <linux/memremap.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "tool.h"

static int tool_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	return pcim_enable_device(pdev);
}

static void tool_remove(struct pci_dev *pdev)
{
	pci_p2pmem_revoke(pdev);
}

static const struct pci_device_id tool_ids[] = { {} };

static struct pci_driver tool_driver = {
	.name = "p2pmem_tool",
	.id_table = tool_ids,
	.probe = tool_probe,
	.remove = tool_remove,
};

static int tool_cmd_add(int argc, char **argv)
{
	static const char * const kinds[] = { "pool", "driver", "registers" };
	struct pci_dev *p = tool_pci(argv[0]);
	int bar, kind, ret;
	u64 size, offset;

	if (!p)
		return -ENXIO;
	kind = match_string(kinds, ARRAY_SIZE(kinds), argv[4]);
	ret = kstrtoint(argv[1], 10, &bar) ?: tool_bytes(argv[2], &size) ?:
	      tool_bytes(argv[3], &offset) ?:
	      kind < 0 ? kstrtoint(argv[4], 10, &kind) : 0;
	if (!ret)
		ret = pci_p2pmem_add_resource(p, bar, size, offset, kind);
	pci_dev_put(p);
	return ret;
}

static int tool_cmd_publish(int argc, char **argv)
{
	struct pci_dev *p = tool_pci(argv[0]);
	bool on;
	int ret;

	if (!p)
		return -ENXIO;
	ret = kstrtobool(argv[1], &on);
	if (!ret)
		pci_p2pmem_set_published(p, on);
	pci_dev_put(p);
	return ret;
}

static int tool_state(const char *word, void (*fn)(struct pci_dev *pdev))
{
	struct pci_dev *p = tool_pci(word);

	if (!p)
		return -ENXIO;
	fn(p);
	pci_dev_put(p);
	return 0;
}

static int tool_cmd_revoke(int argc, char **argv)
{
	return tool_state(argv[0], pci_p2pmem_revoke);
}

static int tool_cmd_lost(int argc, char **argv)
{
	return tool_state(argv[0], pci_p2pmem_lost);
}

static int tool_cmd_resume(int argc, char **argv)
{
	return tool_state(argv[0], pci_p2pmem_resume);
}

static int tool_cmd_is(int argc, char **argv)
{
	struct pci_dev *p = tool_pci(argv[0]);
	u64 size, offset;
	int bar, ret = 0;

	if (!p)
		return -ENXIO;
	if (argc == 1)
		tool_print("%d\n", pci_p2pmem_is_provider(p));
	else if (argc == 4)
		ret = kstrtoint(argv[1], 10, &bar) ?: tool_bytes(argv[2], &size) ?:
		      tool_bytes(argv[3], &offset);
	else
		ret = -EINVAL;
	if (!ret && argc == 4)
		tool_print("%d\n", pci_p2pmem_is_lent(p, bar, size, offset));
	pci_dev_put(p);
	return ret;
}

static void tool_claim_release(struct tool_obj *o)
{
	release_mem_region(pci_resource_start(o->pdev, o->bar),
			   pci_resource_len(o->pdev, o->bar));
}

static const struct tool_type tool_claim_type = { "claim", tool_claim_release };

static int tool_cmd_claim(int argc, char **argv)
{
	struct tool_obj *o = tool_obj_make(&tool_claim_type);
	int ret = -ENXIO;

	if (!o)
		return -ENOMEM;
	o->pdev = tool_pci(argv[0]);
	if (!o->pdev)
		goto drop;
	ret = -EINVAL;
	if (kstrtoint(argv[1], 10, &o->bar) || o->bar < 0 || o->bar >= PCI_STD_NUM_BARS)
		goto drop;
	ret = -EBUSY;
	if (!request_mem_region(pci_resource_start(o->pdev, o->bar),
				pci_resource_len(o->pdev, o->bar), "p2pmem_tool"))
		goto drop;
	tool_obj_add(o);
	return 0;

drop:
	tool_obj_drop(o);
	return ret;
}

static void tool_foreign_free(struct page *page)
{
}

static const struct dev_pagemap_ops tool_foreign_ops = {
	.page_free = tool_foreign_free,
};

static void tool_foreign_release(struct tool_obj *o)
{
	memunmap_pages(o->mapping);
	kfree(o->mapping);
}

static const struct tool_type tool_foreign_type = { "foreign", tool_foreign_release };

static int tool_cmd_foreign(int argc, char **argv)
{
	struct tool_obj *o = tool_obj_make(&tool_foreign_type);
	struct dev_pagemap *map;
	int ret = -ENXIO;
	u64 size;

	if (!o)
		return -ENOMEM;
	o->pdev = tool_pci(argv[0]);
	if (!o->pdev)
		goto drop;
	ret = tool_bytes(argv[2], &size);
	if (ret)
		goto drop;
	ret = -EINVAL;
	if (kstrtoint(argv[1], 10, &o->bar) || o->bar < 0 || o->bar >= PCI_STD_NUM_BARS ||
	    size > pci_resource_len(o->pdev, o->bar))
		goto drop;
	ret = -ENOMEM;
	map = kzalloc(sizeof(*map), GFP_KERNEL);
	if (!map)
		goto drop;
	map->type = MEMORY_DEVICE_PCI_P2PDMA;
	map->range.start = pci_resource_start(o->pdev, o->bar);
	map->range.end = map->range.start + size - 1;
	map->nr_range = 1;
	map->ops = &tool_foreign_ops;
	o->addr = memremap_pages(map, dev_to_node(&o->pdev->dev));
	ret = PTR_ERR_OR_ZERO(o->addr);
	if (ret) {
		kfree(map);
		goto drop;
	}
	o->size = size;
	o->mapping = map;
	tool_obj_add(o);
	return 0;

drop:
	tool_obj_drop(o);
	return ret;
}

const struct tool_command tool_driver_commands[] = {
	{ "add", "P BAR SIZE OFFSET KIND", 5, 5, tool_cmd_add },
	{ "publish", "P 0|1", 2, 2, tool_cmd_publish },
	{ "revoke", "P", 1, 1, tool_cmd_revoke, true },
	{ "lost", "P", 1, 1, tool_cmd_lost, true },
	{ "resume", "P", 1, 1, tool_cmd_resume, true },
	{ "is", "P [BAR SIZE OFFSET]", 1, 4, tool_cmd_is },
	{ "claim", "P BAR", 2, 2, tool_cmd_claim },
	{ "foreign", "P BAR SIZE", 3, 3, tool_cmd_foreign },
	{}
};

int tool_driver_init(void)
{
	return pci_register_driver(&tool_driver);
}

void tool_driver_exit(void)
{
	pci_unregister_driver(&tool_driver);
}
