// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem_tool: objects, arguments of commands and results
 *
 * Floor 0.
 */
#include <linux/ctype.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include "tool.h"

#define TOOL_RESULT	(256 * 1024)

/* Guards the objects and the result. */
DEFINE_MUTEX(tool_lock);
static LIST_HEAD(tool_objs);
static int tool_last_id;
static char *tool_result;
static size_t tool_result_len;

static void tool_work(struct work_struct *work);
static DECLARE_WORK(tool_kicked, tool_work);

/* Appends to the result; a result that is too long is cut off and marked. */
void tool_print(const char *fmt, ...)
{
	va_list args;

	lockdep_assert_held(&tool_lock);
	va_start(args, fmt);
	tool_result_len += vscnprintf(tool_result + tool_result_len,
				      TOOL_RESULT - tool_result_len, fmt, args);
	va_end(args);
}

/* Allocates an object that is not in the list yet; tool_obj_drop() frees it. */
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

/* Adds an object to the list, and prints its number. */
void tool_obj_add(struct tool_obj *o)
{
	lockdep_assert_held(&tool_lock);
	o->id = ++tool_last_id;
	list_add(&o->node, &tool_objs);
	tool_print("id %d\n", o->id);
}

/* Finds object number @word of @type (NULL: of any type), or returns NULL. */
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

/* Returns the first page of an object's memory, a buffer or a list. */
struct page *tool_obj_page(const struct tool_obj *o)
{
	void *addr = o->addr ?: sg_virt(o->sg);

	return virt_to_page(addr);
}

/* Returns the next older object; the newest for NULL, and NULL after the oldest. */
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
 * Queued by callbacks of the core that request freeing memory, because callbacks must not
 * sleep. Frees everything that was allocated for objects created with "auto".
 */
static void tool_work(struct work_struct *work)
{
	struct tool_obj *o, *of, *next;

	guard(mutex)(&tool_lock);
	for (of = tool_obj_next(NULL); of; of = tool_obj_next(of)) {
		if (!atomic_xchg(&of->called, 0) || !of->auto_free)
			continue;
		/* Allocations for an object are newer, so they precede it in the list. */
		for (o = tool_obj_next(NULL); o && o != of; o = next) {
			next = tool_obj_next(o);
			if (o->type->depends_on && o->type->depends_on(o, of))
				tool_obj_free(o);
		}
	}
}

void tool_kick(void)
{
	schedule_work(&tool_kicked);
}

/* Returns the PCI function named @word with a reference, or NULL. */
struct pci_dev *tool_pci(const char *word)
{
	unsigned int domain, bus, slot, fn;
	char rest;

	if (sscanf(word, "%x:%x:%x.%x%c", &domain, &bus, &slot, &fn, &rest) != 4 ||
	    bus > 0xff || slot > 0x1f || fn > 7)
		return NULL;
	return pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, fn));
}

/* Parses a number of bytes with an optional suffix K, M or G */
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

/* Clears the result for the next command. */
void tool_result_clear(void)
{
	lockdep_assert_held(&tool_lock);
	tool_result_len = 0;
	tool_result[0] = '\0';
}

/* Copies the result to user space */
ssize_t tool_result_read(char __user *buf, size_t len, loff_t *ppos)
{
	guard(mutex)(&tool_lock);
	return simple_read_from_buffer(buf, len, ppos, tool_result, tool_result_len);
}

int tool_obj_init(void)
{
	tool_result = kvzalloc(TOOL_RESULT, GFP_KERNEL);
	return tool_result ? 0 : -ENOMEM;
}

/* Frees all objects, the newest first. */
void tool_obj_free_all(void)
{
	struct tool_obj *o;

	guard(mutex)(&tool_lock);
	while ((o = tool_obj_next(NULL)))
		tool_obj_free(o);
}

/* Call after tool_obj_free_all(): without clients and grants there are no more callbacks. */
void tool_obj_exit(void)
{
	cancel_work_sync(&tool_kicked);
	kvfree(tool_result);
}
