// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: hotplug in a fabric
 *
 * Hot removal, surprise removal, plugging, and unbinding and binding of drivers. May be
 * called from any thread of a test, but not by two threads at once for one fabric.
 */
#include <linux/pci.h>
#include <linux/slab.h>

#include <kunit/test.h>
#include <kunit/visibility.h>

#include "fabric_private.h"

/* Removes @fn and all functions below it from configuration space. */
static void fabric_leave(struct fabric_function *fn)
{
	struct fabric_host *host = fn->host;
	struct fabric_function *at, *next;
	LIST_HEAD(gone);

	/* Children first, because fabric_below() follows the pointers to parents. */
	scoped_guard(raw_spinlock_irqsave, &host->lock) {
		host->last = NULL;
		list_for_each_entry_safe_reverse(at, next, &host->functions, node)
			if (fabric_below(at, fn))
				list_move_tail(&at->node, &gone);
	}
	list_for_each_entry_safe(at, next, &gone, node)
		fabric_function_free(at);
}

/* The function @name; the test fails if there is none to do @what with */
static struct fabric_function *fabric_find_to(struct fabric *f, const char *name,
					      const char *what)
{
	struct fabric_function *fn = fabric_find(f, name);

	if (!fn)
		KUNIT_FAIL(f->test, "no function %s to %s", name, what);
	return fn;
}

/**
 * fabric_unplug() - remove a function as a hot-plug driver does
 * @f: the fabric
 * @name: the function
 *
 * Context: Process context.
 */
void fabric_unplug(struct fabric *f, const char *name)
{
	struct fabric_function *fn = fabric_find_to(f, name, "unplug");
	struct pci_dev *pdev = fabric_pdev(f, name);

	if (!fn)
		return;
	if (pdev)
		pci_stop_and_remove_bus_device_locked(pdev);
	fabric_leave(fn);
}
EXPORT_SYMBOL_IF_KUNIT(fabric_unplug);

/**
 * fabric_kill() - remove a function by surprise
 * @f: the fabric
 * @name: the function
 *
 * Context: Any.
 */
void fabric_kill(struct fabric *f, const char *name)
{
	struct fabric_function *fn = fabric_find_to(f, name, "kill");

	if (!fn)
		return;
	guard(raw_spinlock_irqsave)(&fn->host->lock);
	fn->dead = true;
}
EXPORT_SYMBOL_IF_KUNIT(fabric_kill);

/**
 * fabric_blink() - let a function not respond to one read of a register
 * @f: the fabric
 * @name: the function
 * @where: the register
 * @after: number of successful reads before
 *
 * Context: Any.
 */
void fabric_blink(struct fabric *f, const char *name, int where, unsigned int after)
{
	struct fabric_function *fn = fabric_find_to(f, name, "blink");

	if (!fn)
		return;
	guard(raw_spinlock_irqsave)(&fn->host->lock);
	fn->blink = where;
	fn->blink_after = after;
}
EXPORT_SYMBOL_IF_KUNIT(fabric_blink);

/**
 * fabric_on_read() - call a function after the next read of a register
 * @f: the fabric
 * @name: the function whose register it is
 * @where: the register
 * @fn: called once, under the kernel's lock for configuration accesses
 * @arg: argument of @fn
 *
 * Context: Any.
 */
void fabric_on_read(struct fabric *f, const char *name, int where, void (*fn)(void *arg),
		    void *arg)
{
	struct fabric_function *function = fabric_find_to(f, name, "read");

	if (!function)
		return;
	guard(raw_spinlock_irqsave)(&function->host->lock);
	function->on_read = fn;
	function->on_read_at = where;
	function->on_read_arg = arg;
}
EXPORT_SYMBOL_IF_KUNIT(fabric_on_read);

/**
 * fabric_config_reads() - number of reads of configuration space
 * @f: the fabric
 *
 * Context: Any.
 * Return: the number since fabric_build(), also of functions that do not respond.
 */
unsigned long fabric_config_reads(struct fabric *f)
{
	struct fabric_host *host;
	unsigned long n = 0;

	list_for_each_entry(host, &f->hosts, node) {
		guard(raw_spinlock_irqsave)(&host->lock);
		n += host->reads;
	}
	return n;
}
EXPORT_SYMBOL_IF_KUNIT(fabric_config_reads);

static struct pci_bus *fabric_bus(struct fabric *f, struct fabric_host *host,
				  struct fabric_function *bridge)
{
	struct pci_dev *pdev;

	if (!bridge)
		return host->bridge->bus;
	pdev = fabric_pdev(f, bridge->name);
	return pdev ? pdev->subordinate : NULL;
}

static void fabric_rescan(struct fabric *f, struct fabric_host *host,
			  struct fabric_function *bridge)
{
	struct pci_bus *bus = fabric_bus(f, host, bridge);
	unsigned int flags = pci_flags;

	if (!bus)
		return;
	/*
	 * Buses that are there keep their numbers. Where firmware gives none (device tree), each
	 * scan would number all of them again. The caller has the rescan lock, without which
	 * nothing else scans.
	 */
	pci_clear_flags(PCI_REASSIGN_ALL_BUS);
	pci_rescan_bus(bus);
	pci_set_flags(flags);
}

/* Removes a bridge and all functions below from the kernel, and scans again. */
static void fabric_renew(struct fabric *f, struct fabric_function *bridge)
{
	struct pci_dev *pdev = fabric_pdev(f, bridge->name);
	struct fabric_host *host = bridge->host;
	struct fabric_function *at;

	if (pdev)
		pci_stop_and_remove_bus_device(pdev);
	scoped_guard(raw_spinlock_irqsave, &host->lock)
		list_for_each_entry(at, &host->functions, node)
			if (fabric_below(at, bridge))
				fabric_bridge_reset(at);
	fabric_rescan(f, host, bridge->parent);
}

static bool fabric_all_settled(struct fabric *f, const struct fabric_node *node)
{
	for (; node->type; node++)
		if (!fabric_settled(f, node))
			return false;
	return true;
}

/**
 * fabric_plug() - plug functions, and scan for them
 * @f: the fabric
 * @node: lines of a table, up to an empty one
 *
 * Context: Process context.
 */
void fabric_plug(struct fabric *f, const struct fabric_node *node)
{
	const struct fabric_node *n;
	struct fabric_function *up;
	struct fabric_host *host;

	for (n = node; n->type; n++)
		fabric_add(f, n);
	pci_lock_rescan_remove();
	for (n = node; n->type; n++) {
		if (fabric_settled(f, n))
			continue;
		up = fabric_find(f, n->name)->parent;
		host = fabric_find(f, n->name)->host;
		fabric_rescan(f, host, up);
		for (; up && !fabric_settled(f, n); up = up->parent)
			fabric_renew(f, up);
	}
	pci_unlock_rescan_remove();
	KUNIT_EXPECT_TRUE_MSG(f->test, fabric_all_settled(f, node),
			      "the kernel does not find all plugged functions, or has no room for their BARs");
}
EXPORT_SYMBOL_IF_KUNIT(fabric_plug);

/**
 * fabric_unbind() - unbind the driver from a function
 * @f: the fabric
 * @name: the function
 *
 * Context: Process context.
 */
void fabric_unbind(struct fabric *f, const char *name)
{
	struct pci_dev *pdev = fabric_pdev(f, name);

	if (pdev)
		device_release_driver(&pdev->dev);
	else
		KUNIT_FAIL(f->test, "no function %s to unbind", name);
}
EXPORT_SYMBOL_IF_KUNIT(fabric_unbind);

/**
 * fabric_bind() - bind a function to its driver
 * @f: the fabric
 * @name: the function
 *
 * Context: Process context.
 * Return: 0; -ENODEV if no driver was bound or the function does not exist.
 */
int fabric_bind(struct fabric *f, const char *name)
{
	struct pci_dev *pdev = fabric_pdev(f, name);
	int ret;

	if (!pdev)
		return -ENODEV;
	ret = device_attach(&pdev->dev);
	if (ret < 0)
		return ret;
	return ret ? 0 : -ENODEV;
}
EXPORT_SYMBOL_IF_KUNIT(fabric_bind);

/**
 * fabric_on_remove() - set a callback for the removal of a function's driver
 * @f: the fabric
 * @name: the function
 * @fn: called before all other steps; NULL for none
 *
 * Context: Any.
 */
void fabric_on_remove(struct fabric *f, const char *name, void (*fn)(struct pci_dev *pdev))
{
	struct fabric_function *at = fabric_find_to(f, name, "watch");

	if (!at)
		return;
	guard(raw_spinlock_irqsave)(&at->host->lock);
	at->on_remove = fn;
}
EXPORT_SYMBOL_IF_KUNIT(fabric_on_remove);
