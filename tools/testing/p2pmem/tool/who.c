// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem_tool: clients, verdicts and the choice of a provider
 *
 * Floor 1.
 *
 *	client C [auto]         make C a client; auto: unmap its "region"s on revocation
 *	verdict P C             token, mapping, distance, device that causes a refusal, text
 *	distance P C...         the sum of distances, or the errno of the first refusal
 *	find C...               the best provider, or ENODEV
 *	client-of DEV|/dev/X    the client behind a device
 *	mask C BITS             set the DMA mask
 *	events                  numbers of announced providers and clients
 */
#include <linux/blkdev.h>
#include <linux/dma-mapping.h>
#include <linux/notifier.h>
#include <linux/platform_device.h>
#include "tool.h"

static struct platform_device *tool_soft;	/* a device that is not PCI */
static atomic_t tool_providers_attr = ATOMIC_INIT(0);
static atomic_t tool_clients_attr = ATOMIC_INIT(0);

static int tool_event(struct notifier_block *nb, unsigned long event, void *data)
{
	if (event == PCI_P2PMEM_EVENT_PROVIDER)
		atomic_inc(&tool_providers_attr);
	else if (event == PCI_P2PMEM_EVENT_CLIENT)
		atomic_inc(&tool_clients_attr);
	return NOTIFY_OK;
}

static struct notifier_block tool_nb = { .notifier_call = tool_event };

/* Gets the DMA device named @word with a reference; NULL for "none". */
int tool_device(const char *word, struct device **dev)
{
	struct pci_dev *pdev;

	*dev = NULL;
	if (!strcmp(word, "none"))
		return 0;
	if (!strcmp(word, "soft")) {
		*dev = get_device(&tool_soft->dev);
		return 0;
	}
	pdev = tool_pci(word);
	if (!pdev)
		return -ENXIO;
	*dev = &pdev->dev;
	return 0;
}

static void tool_client_revoke(struct pci_p2pmem_client *client, struct pci_dev *provider)
{
	struct tool_obj *o = pci_p2pmem_client_priv(client);

	atomic_inc(&o->revokes);
	atomic_set(&o->called, 1);
	tool_kick();
}

static const struct pci_p2pmem_client_ops tool_client_ops = {
	.children = true,
	.revoke = tool_client_revoke,
};

static void tool_client_release(struct tool_obj *o)
{
	pci_p2pmem_unregister_client(o->client);
}

const struct tool_type tool_client_type = { "client", tool_client_release };

static int tool_cmd_client(int argc, char **argv)
{
	struct tool_obj *o = tool_obj_make(&tool_client_type);
	int ret;

	if (!o)
		return -ENOMEM;
	ret = tool_device(argv[0], &o->dev);
	if (ret)
		goto drop;
	o->auto_free = argc > 1;
	o->client = pci_p2pmem_register_client(o->dev, &tool_client_ops, o);
	if (IS_ERR(o->client)) {
		ret = PTR_ERR(o->client);
		goto drop;
	}
	tool_obj_add(o);
	return 0;

drop:
	tool_obj_drop(o);
	return ret;
}

static int tool_cmd_verdict(int argc, char **argv)
{
	static const char * const mappings[] = { "none", "bus", "host" };
	struct pci_p2pmem_verdict v;
	struct pci_dev *p = tool_pci(argv[0]);
	struct device *dev;
	char text[PCI_P2PMEM_TEXT];

	if (!p)
		return -ENXIO;
	if (tool_device(argv[1], &dev)) {
		pci_dev_put(p);
		return -ENXIO;
	}
	pci_p2pmem_verdict(p, dev, 0, &v);
	pci_p2pmem_explain(text, sizeof(text), p, dev, &v);
	tool_print("reason %s\nmapping %s\ndistance %d\nat %s\n",
		   pci_p2pmem_reason_token(v.reason), mappings[v.mapping], v.distance, v.at);
	tool_print("limit %#llx\nneeded %#llx\ntext %s\n", v.limit, v.needed, text);
	tool_print("by_admin %d\n", v.by_admin);
	put_device(dev);
	pci_dev_put(p);
	return 0;
}

static int tool_cmd_distance(int argc, char **argv)
{
	struct pci_dev *p = tool_pci(argv[0]);
	struct device *dev[16];
	int i, ret = -ENXIO, nr = 0;

	if (!p)
		return ret;
	for (; nr < argc - 1; nr++)
		if (tool_device(argv[nr + 1], &dev[nr]))
			goto put;
	ret = pci_p2pmem_distance(p, dev, nr);
	if (ret >= 0) {
		tool_print("%d\n", ret);
		ret = 0;
	}
put:
	for (i = 0; i < nr; i++)
		put_device(dev[i]);
	pci_dev_put(p);
	return ret;
}

static int tool_cmd_find(int argc, char **argv)
{
	struct pci_dev *found;
	struct device *dev[16];
	int i, ret = -ENXIO, nr = 0;

	for (; nr < argc; nr++)
		if (tool_device(argv[nr], &dev[nr]))
			goto put;
	found = pci_p2pmem_find_provider(dev, nr);
	ret = found ? 0 : -ENODEV;
	if (found)
		tool_print("%s\n", pci_name(found));
	pci_dev_put(found);
put:
	for (i = 0; i < nr; i++)
		put_device(dev[i]);
	return ret;
}

static int tool_client_behind(struct device *dev)
{
	struct device *found = pci_p2pmem_find_client(dev);

	if (!found)
		return -ENODEV;
	tool_print("%s\n", dev_name(found));
	put_device(found);
	return 0;
}

static int tool_cmd_client_of(int argc, char **argv)
{
	struct device *dev;
	struct file *file;
	int ret;

	if (argv[0][0] != '/') {
		if (tool_device(argv[0], &dev) || !dev)
			return -ENXIO;
		ret = tool_client_behind(dev);
		put_device(dev);
		return ret;
	}
	file = bdev_file_open_by_path(argv[0], BLK_OPEN_READ, NULL, NULL);
	if (IS_ERR(file))
		return PTR_ERR(file);
	ret = tool_client_behind(disk_to_dev(file_bdev(file)->bd_disk));
	fput(file);
	return ret;
}

static int tool_cmd_mask(int argc, char **argv)
{
	unsigned int bits;
	struct device *dev;
	int ret;

	if (kstrtouint(argv[1], 10, &bits) || bits < 1 || bits > 64)
		return -ERANGE;
	if (tool_device(argv[0], &dev) || !dev)
		return -ENXIO;
	ret = dma_set_mask(dev, DMA_BIT_MASK(bits));
	put_device(dev);
	return ret;
}

static int tool_cmd_events(int argc, char **argv)
{
	tool_print("providers %d\nclients %d\n", atomic_read(&tool_providers_attr),
		   atomic_read(&tool_clients_attr));
	return 0;
}

const struct tool_command tool_who_commands[] = {
	{ "client", "C [auto]", 1, 2, tool_cmd_client },
	{ "verdict", "P C", 2, 2, tool_cmd_verdict },
	{ "distance", "P [C...]", 1, 16, tool_cmd_distance },
	{ "find", "[C...]", 0, 16, tool_cmd_find },
	{ "client-of", "DEV|/dev/X", 1, 1, tool_cmd_client_of },
	{ "mask", "C BITS", 2, 2, tool_cmd_mask },
	{ "events", "", 0, 0, tool_cmd_events },
	{}
};

int tool_who_init(void)
{
	int ret;

	tool_soft = platform_device_register_simple("p2pmem_tool_soft", PLATFORM_DEVID_NONE,
						    NULL, 0);
	if (IS_ERR(tool_soft))
		return PTR_ERR(tool_soft);
	ret = pci_p2pmem_register_notifier(&tool_nb);
	if (ret)
		platform_device_unregister(tool_soft);
	return ret;
}

void tool_who_exit(void)
{
	pci_p2pmem_unregister_notifier(&tool_nb);
	platform_device_unregister(tool_soft);
}
