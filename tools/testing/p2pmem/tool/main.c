// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem_tool, the public API of PCI peer-to-peer memory from a shell
 *
 * For tests and for trying out: one write to debugfs p2pmem_tool/command is one
 * call of the API, the errno of the write is the errno of the call, and
 * p2pmem_tool/result holds what it printed. P, C and DEV are PCI functions
 * (0000:03:00.0); a client may also be "none" (no DMA device) or "soft" (a device
 * that is not PCI). What a command takes gets a number; "free N" lets go of
 * it, whatever it is.
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
 * A function without a driver of its own is bound to p2pmem_tool in the same way,
 * and then lends what "add P BAR SIZE OFFSET KIND" says. An orchestrator:
 *
 *	echo grant $P me $C > command; cat result   # id 4; P "any" finds one
 *	echo gsgl 4 1M > command                    # id 5, taken under the grant
 *	echo info 4 > command; cat result           # usable, idle, callbacks
 *
 * A list by hand, from memory 2 (bytes 0 to 4095 of its run), a page of RAM and the
 * page after: "maplist C to 2:0:4096 ram 2:4096:4096" (must be refused). Somebody
 * else who keeps page 0 of memory 2: "hold 2 0".
 *
 * This file: commands, results and objects. Commands stand by subject in who.c,
 * memory.c, list.c, driver.c and stress.c.
 */
#define pr_fmt(fmt) "p2pmem_tool: " fmt

#include <linux/ctype.h>
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string_helpers.h>
#include <linux/uaccess.h>
#include "tool.h"

#define TOOL_WORDS	72
#define TOOL_RESULT	(256 * 1024)

/* Guards the objects and the text of the result. */
DEFINE_MUTEX(tool_lock);
static LIST_HEAD(tool_objs);
static int tool_last_id;
static char *tool_result;
static size_t tool_result_len;
static struct dentry *tool_dir;

static void tool_work(struct work_struct *work);
static DECLARE_WORK(tool_kicked, tool_work);

/* Adds to the result; what does not fit is cut off, and the end says so. */
void tool_say(const char *fmt, ...)
{
	va_list args;

	lockdep_assert_held(&tool_lock);
	va_start(args, fmt);
	tool_result_len += vscnprintf(tool_result + tool_result_len,
				      TOOL_RESULT - tool_result_len, fmt, args);
	va_end(args);
}

/* An object that is not in the list yet; tool_obj_drop() takes it back. */
struct tool_obj *tool_obj_make(const struct tool_type *type)
{
	struct tool_obj *o = kzalloc(sizeof(*o), GFP_KERNEL);

	if (o) {
		INIT_LIST_HEAD(&o->node);
		o->type = type;
	}
	return o;
}

void tool_obj_drop(struct tool_obj *o)
{
	pci_dev_put(o->pdev);
	put_device(o->dev);
	kfree(o);
}

/* Enters an object, and prints its number. */
void tool_obj_add(struct tool_obj *o)
{
	lockdep_assert_held(&tool_lock);
	o->id = ++tool_last_id;
	list_add(&o->node, &tool_objs);
	tool_say("id %d\n", o->id);
}

/* Number @word, of any type when @type is NULL, or NULL. */
struct tool_obj *tool_obj_find(const char *word, const struct tool_type *type)
{
	struct tool_obj *o;
	int id;

	if (kstrtoint(word, 10, &id))
		return NULL;
	list_for_each_entry(o, &tool_objs, node)
		if (o->id == id)
			return !type || o->type == type ? o : NULL;
	return NULL;
}

/* The next older object, the newest after NULL; NULL after the oldest. */
struct tool_obj *tool_obj_next(struct tool_obj *o)
{
	struct list_head *next = o ? o->node.next : tool_objs.next;

	return next == &tool_objs ? NULL : list_entry(next, struct tool_obj, node);
}

void tool_obj_free(struct tool_obj *o)
{
	lockdep_assert_held(&tool_lock);
	list_del(&o->node);
	o->type->release(o);
	tool_obj_drop(o);
}

/*
 * A callback of the core said that memory is wanted back. Callbacks may only queue
 * work: this is it. Objects that were made with "auto" give everything back
 * that was taken for them.
 */
static void tool_work(struct work_struct *work)
{
	struct tool_obj *o, *of, *next;

	guard(mutex)(&tool_lock);
	for (of = tool_obj_next(NULL); of; of = tool_obj_next(of)) {
		if (!atomic_xchg(&of->told, 0) || !of->auto_free)
			continue;
		/* What is taken for an object is newer, so it stands before it. */
		for (o = tool_obj_next(NULL); o && o != of; o = next) {
			next = tool_obj_next(o);
			if ((of->type == &tool_grant_type && o->type == &tool_sgl_type &&
			     o->grant == of->grant) ||
			    (of->type == &tool_client_type && o->type == &tool_region_type &&
			     o->dev == of->dev))
				tool_obj_free(o);
		}
	}
}

void tool_kick(void)
{
	schedule_work(&tool_kicked);
}

/* The function that @word names, with a reference, or NULL. */
struct pci_dev *tool_pci(const char *word)
{
	unsigned int domain, bus, slot, fn;
	char rest;

	if (sscanf(word, "%x:%x:%x.%x%c", &domain, &bus, &slot, &fn, &rest) != 4 ||
	    bus > 0xff || slot > 0x1f || fn > 7)
		return NULL;
	return pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, fn));
}

/* Bytes with a suffix K, M or G */
int tool_bytes(const char *word, u64 *bytes)
{
	char *end;

	if (!isdigit(word[0]))
		return -EINVAL;
	*bytes = memparse(word, &end);
	return *end ? -EINVAL : 0;
}

int tool_direction(const char *word, enum dma_data_direction *dir)
{
	if (!strcmp(word, "to"))
		*dir = DMA_TO_DEVICE;
	else if (!strcmp(word, "from"))
		*dir = DMA_FROM_DEVICE;
	else if (!strcmp(word, "both"))
		*dir = DMA_BIDIRECTIONAL;
	else
		return -EINVAL;
	return 0;
}

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

	list_for_each_entry(o, &tool_objs, node)
		tool_say("%d %s%s%s%s%s\n", o->id, o->type->name, o->pdev ? " " : "",
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
	tool_speed_commands,
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
		pr_err("no command '%s': the DOC block of its source has examples\n", argv[0]);
		return -ENOTTY;
	}
	if (argc - 1 < c->min || argc - 1 > c->max) {
		pr_err("usage: %s %s\n", c->name, c->args);
		return -E2BIG;
	}
	if (c->waits)
		return c->run(argc - 1, argv + 1);

	guard(mutex)(&tool_lock);
	tool_result_len = 0;
	tool_result[0] = '\0';
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

static ssize_t tool_result_read(struct file *file, char __user *buf, size_t len,
				loff_t *ppos)
{
	guard(mutex)(&tool_lock);
	return simple_read_from_buffer(buf, len, ppos, tool_result, tool_result_len);
}

static const struct file_operations tool_result_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = tool_result_read,
};

static int __init tool_init(void)
{
	int ret;

	tool_result = kvzalloc(TOOL_RESULT, GFP_KERNEL);
	if (!tool_result)
		return -ENOMEM;
	ret = tool_who_init();
	if (ret)
		goto free_result;
	ret = tool_driver_init();
	if (ret)
		goto exit_who;
	tool_dir = debugfs_create_dir("p2pmem_tool", NULL);
	debugfs_create_file("command", 0200, tool_dir, NULL, &tool_command_fops);
	debugfs_create_file("result", 0400, tool_dir, NULL, &tool_result_fops);
	return 0;

exit_who:
	tool_who_exit();
free_result:
	kvfree(tool_result);
	return ret;
}

static void __exit tool_exit(void)
{
	struct tool_obj *o;

	debugfs_remove(tool_dir);
	scoped_guard(mutex, &tool_lock) {
		while ((o = tool_obj_next(NULL)))
			tool_obj_free(o);
	}
	tool_driver_exit();
	tool_who_exit();
	/* No callback comes any more: clients and grants have ended. */
	cancel_work_sync(&tool_kicked);
	kvfree(tool_result);
}

module_init(tool_init);
module_exit(tool_exit);
MODULE_DESCRIPTION("PCI peer-to-peer memory from a shell, for tests");
MODULE_LICENSE("GPL");
