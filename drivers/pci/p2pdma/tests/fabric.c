// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: PCI hierarchies in memory, for KUnit: create devices from a table and remove them
 *
 * This file checks the lines of a table, because a test with a function that the
 * kernel's scan cannot find would test nothing.
 */
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/unaligned.h>

#include <kunit/test.h>
#include <kunit/visibility.h>

#include "../p2pdma.h"
#include "fabric_private.h"

struct fabric_host *fabric_find_host(struct fabric *f, const char *name)
{
	struct fabric_host *host;

	list_for_each_entry(host, &f->hosts, node)
		if (!strcmp(host->name, name))
			return host;
	return NULL;
}

struct fabric_function *fabric_find(struct fabric *f, const char *name)
{
	struct fabric_function *fn;
	struct fabric_host *host;

	list_for_each_entry(host, &f->hosts, node) {
		guard(raw_spinlock_irqsave)(&host->lock);
		list_for_each_entry(fn, &host->functions, node)
			if (!strcmp(fn->name, name))
				return fn;
	}
	return NULL;
}

/* Adds a line of a table that is not a host bridge. */
void fabric_add(struct fabric *f, const struct fabric_node *desc)
{
	struct kunit *test = f->test;
	struct fabric_function *parent = NULL, *fn;
	struct fabric_host *host;

	KUNIT_ASSERT_NOT_NULL_MSG(test, desc->parent, "%s has no parent", desc->name);
	KUNIT_ASSERT_LT_MSG(test, strlen(desc->name), FABRIC_NAME_SIZE, "%s", desc->name);
	KUNIT_ASSERT_NULL_MSG(test, fabric_find(f, desc->name), "%s exists already",
			      desc->name);
	KUNIT_ASSERT_TRUE_MSG(test, desc->slot < 32 && desc->fn < 8,
			      "%s has an invalid slot or function number", desc->name);
	host = fabric_find_host(f, desc->parent);
	if (!host) {
		parent = fabric_find(f, desc->parent);
		KUNIT_ASSERT_NOT_NULL_MSG(test, parent, "no %s above %s yet",
					  desc->parent, desc->name);
		host = parent->host;
		KUNIT_ASSERT_FALSE_MSG(test, desc->slot &&
				       (parent->desc.type == FABRIC_ROOT_PORT ||
					parent->desc.type == FABRIC_DOWNSTREAM),
				       "%s: a link has device 0 only", desc->name);
	}
	fn = fabric_function_make(host, parent, desc);
	KUNIT_ASSERT_NOT_NULL(test, fn);
	fabric_function_enter(fn);
}

/* Returns true if the kernel found a function and has assigned its BARs */
bool fabric_settled(struct fabric *f, const struct fabric_node *desc)
{
	struct pci_dev *pdev = fabric_pdev(f, desc->name);
	int i;

	if (!pdev)
		return false;
	for (i = 0; i < PCI_STD_NUM_BARS; i++)
		if (desc->bar[i].size && !pdev->resource[i].parent)
			return false;
	return true;
}

static void fabric_teardown(void *data)
{
	struct fabric *f = data;
	struct fabric_host *host, *next;

	list_for_each_entry_safe(host, next, &f->hosts, node)
		fabric_host_remove(host);
	/* The next fabric has the same addresses and models, and is another machine. */
	p2pmem_disproofs_exit();
	if (f->driver)
		fabric_driver_put();
	kfree(f);
}

/**
 * fabric_build() - create the devices of a table
 * @test: the test; it fails if the table is invalid or the machine lacks resources
 * @nodes: the table, which ends with an empty line
 *
 * Context: Process context, the thread of the test.
 * Return: the fabric.
 */
struct fabric *fabric_build(struct kunit *test, const struct fabric_node *nodes)
{
	struct fabric *f = kzalloc(sizeof(*f), GFP_KERNEL);
	const struct fabric_node *n;
	struct fabric_host *host;

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->test = test;
	INIT_LIST_HEAD(&f->hosts);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, fabric_teardown, f), 0);
	KUNIT_ASSERT_EQ(test, fabric_driver_get(), 0);
	f->driver = true;

	for (n = nodes; n->type; n++) {
		if (n->type == FABRIC_HOST)
			fabric_host_make(f, n);
		else
			fabric_add(f, n);
	}
	list_for_each_entry(host, &f->hosts, node)
		KUNIT_ASSERT_EQ_MSG(test, fabric_host_scan(host), 0, "%s", host->name);
	for (n = nodes; n->type; n++)
		if (n->type != FABRIC_HOST)
			KUNIT_ASSERT_TRUE_MSG(test, fabric_settled(f, n),
					      "the kernel does not find %s, or has no room for its BARs",
					      n->name);
	return f;
}
EXPORT_SYMBOL_IF_KUNIT(fabric_build);

/**
 * fabric_destroy() - remove a fabric before the test ends
 * @f: the fabric
 *
 * Context: Process context, the thread of the test.
 */
void fabric_destroy(struct fabric *f)
{
	kunit_release_action(f->test, fabric_teardown, f);
}
EXPORT_SYMBOL_IF_KUNIT(fabric_destroy);

/**
 * fabric_holds_data() - check if BARs are backed by memory
 * @f: the fabric
 *
 * Context: Any.
 * Return: true if data written to a BAR can be read again.
 */
bool fabric_holds_data(struct fabric *f)
{
	return f->holds_data;
}
EXPORT_SYMBOL_IF_KUNIT(fabric_holds_data);

/**
 * fabric_pdev() - the kernel's device of a function
 * @f: the fabric
 * @name: the function
 *
 * Context: Process context.
 * Return: the device without a reference; NULL if it is not plugged or the kernel has
 * not found it.
 */
struct pci_dev *fabric_pdev(struct fabric *f, const char *name)
{
	struct fabric_function *fn = fabric_find(f, name);
	struct pci_dev *pdev;
	int bus;

	if (!fn)
		return NULL;
	scoped_guard(raw_spinlock_irqsave, &fn->host->lock)
		bus = fabric_function_bus(fn);
	if (bus < 0)
		return NULL;
	pdev = pci_get_domain_bus_and_slot(fn->host->domain, bus, fabric_devfn(fn));
	pci_dev_put(pdev);
	return pdev;
}
EXPORT_SYMBOL_IF_KUNIT(fabric_pdev);

/**
 * fabric_host() - get the kernel's host bridge
 * @f: the fabric
 * @name: the host bridge
 *
 * Context: Process context.
 * Return: the host bridge without a reference, or NULL.
 */
struct pci_host_bridge *fabric_host(struct fabric *f, const char *name)
{
	struct fabric_host *host = fabric_find_host(f, name);

	return host ? host->bridge : NULL;
}
EXPORT_SYMBOL_IF_KUNIT(fabric_host);

/**
 * fabric_set_config() - write a register without the kernel's knowledge
 * @f: the fabric
 * @name: the function
 * @where: offset of the register
 * @size: 1, 2 or 4 bytes
 * @val: new value; also changes read-only bits
 *
 * Context: Any.
 */
void fabric_set_config(struct fabric *f, const char *name, int where, int size, u32 val)
{
	struct fabric_function *fn = fabric_find(f, name);

	if (!fn) {
		KUNIT_FAIL(f->test, "no function %s", name);
		return;
	}
	guard(raw_spinlock_irqsave)(&fn->host->lock);
	for (; size--; where++, val >>= 8)
		fn->cfg[where] = val;
}
EXPORT_SYMBOL_IF_KUNIT(fabric_set_config);

/**
 * fabric_acs_ctrl() - read the ACS control register of the simulated hardware
 * @f: the fabric
 * @name: the function
 *
 * Context: Any.
 * Return: value of the register.
 */
u16 fabric_acs_ctrl(struct fabric *f, const char *name)
{
	struct fabric_function *fn = fabric_find(f, name);

	if (!fn) {
		KUNIT_FAIL(f->test, "no function %s", name);
		return 0;
	}
	guard(raw_spinlock_irqsave)(&fn->host->lock);
	return get_unaligned_le16(fn->cfg + FABRIC_CAP_ACS + PCI_ACS_CTRL);
}
EXPORT_SYMBOL_IF_KUNIT(fabric_acs_ctrl);

/**
 * fabric_set_acs_ctrl() - write the ACS control register without the kernel's knowledge
 * @f: the fabric
 * @name: the function
 * @ctrl: new value
 *
 * Context: Any.
 */
void fabric_set_acs_ctrl(struct fabric *f, const char *name, u16 ctrl)
{
	fabric_set_config(f, name, FABRIC_CAP_ACS + PCI_ACS_CTRL, 2, ctrl);
}
EXPORT_SYMBOL_IF_KUNIT(fabric_set_acs_ctrl);

/**
 * fabric_set_egress() - write the egress vector without the kernel's knowledge
 * @f: the fabric
 * @name: the function
 * @vector: its first 32 bits
 *
 * Context: Any.
 */
void fabric_set_egress(struct fabric *f, const char *name, u32 vector)
{
	fabric_set_config(f, name, FABRIC_CAP_ACS + PCI_ACS_EGRESS_CTL_V, 4, vector);
}
EXPORT_SYMBOL_IF_KUNIT(fabric_set_egress);
