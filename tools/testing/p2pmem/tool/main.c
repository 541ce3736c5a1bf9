// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem_tool, the public API of PCI peer-to-peer memory from a shell
 *
 * Floor 4.
 *
 * For tests and experiments: one write to debugfs p2pmem_tool/command is one
 * call of the API, the errno of the write is the errno of the call, and
 * p2pmem_tool/result has its output. P, C and DEV are PCI functions
 * (0000:03:00.0); a client may also be "none" (no DMA device) or "soft" (a device
 * that is not PCI). Each object that a command creates gets a number; "free N"
 * frees it.
 *
 * A client maps pooled memory of a card that p2pmem-bar lends:
 *
 *	modprobe p2pmem-bar; modprobe p2pmem_tool
 *	cd /sys/kernel/debug/p2pmem_tool
 *	P=0000:03:00.0 C=0000:04:00.0
 *	echo p2pmem-bar > /sys/bus/pci/devices/$P/driver_override
 *	echo $P > /sys/bus/pci/drivers_probe
 *	echo client $C > command                 # id 1
 *	echo verdict $P $C > command; cat result # reason, mapping, distance, text
 *	echo sgl $P 64K > command; cat result    # id 2, its segments
 *	echo map 2 $C from > command; cat result # id 3, the addresses for the client
 *	echo free 3 > command; echo free 2 > command; echo free 1 > command
 *
 * A function without a driver is bound to p2pmem_tool in the same way,
 * and then lends the ranges of "add P BAR SIZE OFFSET KIND". An orchestrator:
 *
 *	echo grant $P me $C > command; cat result   # id 4; P "any" finds one
 *	echo gsgl 4 1M > command                    # id 5, allocated under the grant
 *	echo info 4 > command; cat result           # usable, idle, callbacks
 *
 * A custom list of bytes 0 to 4095 of memory 2, a page of RAM and the next page of
 * memory 2: "maplist C to 2:0:4096 ram 2:4096:4096" (must be refused). Another
 * reference on page 0 of memory 2: "hold 2 0".
 *
 * This file has the files in debugfs and the dispatch of commands. The commands are in
 * who.c, memory.c, list.c, driver.c, stress.c, speed.c and beside.c, shared code is in obj.c.
 */
#define pr_fmt(fmt) "p2pmem_tool: " fmt

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "tool.h"

#define TOOL_WORDS	72

static struct dentry *tool_dir;

static int tool_cmd_free(int argc, char **argv)
{
	struct tool_obj *o;
	int i;

	for (i = 0; i < argc; i++) {
		o = tool_obj_find(argv[i], NULL);
		if (!o)
			return -ENOENT;
		tool_obj_free(o);
	}
	return 0;
}

static int tool_cmd_objects(int argc, char **argv)
{
	struct tool_obj *o;

	for (o = tool_obj_next(NULL); o; o = tool_obj_next(o))
		tool_print("%d %s%s%s%s%s\n", o->id, o->type->name, o->pdev ? " " : "",
			   o->pdev ? pci_name(o->pdev) : "", o->dev ? " for " : "",
			   o->dev ? dev_name(o->dev) : "");
	return 0;
}

static const struct tool_command tool_main_commands[] = {
	{ "free", "N...", 1, TOOL_WORDS, tool_cmd_free },
	{ "objects", "", 0, 0, tool_cmd_objects },
	{}
};

static const struct tool_command * const tool_commands[] = {
	tool_main_commands, tool_who_commands, tool_memory_commands, tool_list_commands,
	tool_driver_commands, tool_stress_commands,
	tool_speed_commands, tool_beside_commands,
};

static const struct tool_command *tool_command_find(const char *name)
{
	const struct tool_command *c;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tool_commands); i++)
		for (c = tool_commands[i]; c->name; c++)
			if (!strcmp(c->name, name))
				return c;
	return NULL;
}

static int tool_run(int argc, char **argv)
{
	const struct tool_command *c = tool_command_find(argv[0]);
	int ret = -EINVAL;

	if (!c) {
		pr_err("unknown command '%s', see the DOC block of main.c\n", argv[0]);
		return -ENOTTY;
	}
	if (argc - 1 < c->min || argc - 1 > c->max) {
		pr_err("usage: %s %s\n", c->name, c->args);
		return -E2BIG;
	}
	if (c->waits)
		return c->run(argc - 1, argv + 1);

	guard(mutex)(&tool_lock);
	tool_result_clear();
	ret = c->run(argc - 1, argv + 1);
	return ret;
}

static ssize_t tool_command_write(struct file *file, const char __user *buf, size_t len,
				  loff_t *ppos)
{
	char *text, *rest, *word, *argv[TOOL_WORDS];
	int argc = 0, ret = 0;

	if (len > 4096)
		return -E2BIG;
	text = memdup_user_nul(buf, len);
	if (IS_ERR(text))
		return PTR_ERR(text);
	rest = strim(text);
	while (argc < TOOL_WORDS && (word = strsep(&rest, " \t\n")))
		if (*word)
			argv[argc++] = word;
	if (argc)
		ret = tool_run(argc, argv);
	kfree(text);
	return ret ?: len;
}

static const struct file_operations tool_command_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = tool_command_write,
};

static ssize_t tool_result_file_read(struct file *file, char __user *buf, size_t len,
				     loff_t *ppos)
{
	return tool_result_read(buf, len, ppos);
}

static const struct file_operations tool_result_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = tool_result_file_read,
};

static int __init tool_init(void)
{
	int ret;

	ret = tool_obj_init();
	if (ret)
		return ret;
	ret = tool_who_init();
	if (ret)
		goto exit_obj;
	ret = tool_driver_init();
	if (ret)
		goto exit_who;
	tool_dir = debugfs_create_dir("p2pmem_tool", NULL);
	debugfs_create_file("command", 0200, tool_dir, NULL, &tool_command_fops);
	debugfs_create_file("result", 0400, tool_dir, NULL, &tool_result_fops);
	return 0;

exit_who:
	tool_who_exit();
exit_obj:
	tool_obj_exit();
	return ret;
}

static void __exit tool_exit(void)
{
	debugfs_remove(tool_dir);
	tool_obj_free_all();
	tool_driver_exit();
	tool_who_exit();
	tool_obj_exit();
}

module_init(tool_init);
module_exit(tool_exit);
MODULE_DESCRIPTION("PCI peer-to-peer memory from a shell, for tests");
MODULE_LICENSE("GPL");
