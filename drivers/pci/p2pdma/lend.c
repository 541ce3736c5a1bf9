// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: registration and withdrawal of BAR ranges
 *
 * Floor 8.
 *
 * The lifetime of a provider: it is created with its first range and withdrawn when its
 * driver is unbound. Its pages are removed then, after the last of them is freed. The
 * structure, the pool and the regions are freed with the last reference, which a grant or
 * a pair may hold much longer: reading them is safe and finds no memory.
 *
 * The wait in a withdrawal is limited, because the thread of a hotplug controller cannot be
 * killed: if memory is not freed in time the provider is abandoned. Its pages stay, and none of
 * them can be mapped any more. When the function itself is removed its address range stays
 * reserved in the windows of the bridges above it, so that no other function is assigned the
 * addresses of these pages. A function that was assigned them all the same, for example because
 * the root port is removed as well, cannot be enabled.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <kunit/visibility.h>
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "p2pdma.h"
#include "registry.h"

/* The sysfs group of a providing function; set by sysfs.c */
const struct attribute_group *p2pmem_group;

static void p2pmem_remove_group(struct p2pmem_provider *p)
{
	if (p->sysfs)
		sysfs_remove_group(&p->pdev->dev.kobj, p2pmem_group);
	p->sysfs = false;
}

/* Called after the last reference is dropped. */
static void p2pmem_provider_release(struct p2pmem_provider *p)
{
	struct p2pmem_region *r, *next;

	list_for_each_entry_safe(r, next, &p->regions, node)
		p2pmem_region_free(r);
	p2pmem_pool_destroy(p->pool);
}

/* Removes the pages of a provider whose memory is all free and cannot be allocated again. */
VISIBLE_IF_KUNIT void p2pmem_provider_destroy(struct p2pmem_provider *p)
{
	struct p2pmem_region *r;

	p2pmem_remove_group(p);
	/* Readers of the register may access the pool until a grace period has passed. */
	p2pmem_unregister(p);
	scoped_guard(p2pmem_mutex)
		p2pmem_pairs_drop(p, NULL);
	list_for_each_entry(r, &p->regions, node)
		p2pmem_region_unmap(r);
	p2pmem_provider_put(p);
}

/* Waits until the last page is free; false on a timeout or a fatal signal. */
static bool p2pmem_wait_empty(struct p2pmem_provider *p)
{
	unsigned int waited;
	long left;

	for (waited = 0; waited < PCI_P2PMEM_WITHDRAW_SECONDS; waited += P2PMEM_REPORT_SECONDS) {
		left = wait_event_killable_timeout(p->drained, p2pmem_is_empty(p),
						   P2PMEM_REPORT_SECONDS * HZ);
		if (left > 0) {
			/* The thread that freed the last page may still use the provider. */
			synchronize_rcu();
			return true;
		}
		if (left < 0)
			return false;
		p2pmem_report(p);
	}
	return false;
}

/*
 * Pages are still in use. They stay mapped and this module stays loaded: the alternative
 * is a user of unmapped memory.
 */
static void p2pmem_abandon(struct p2pmem_provider *p)
{
	unsigned int drain;

	__module_get(THIS_MODULE);
	p2pmem_remove_group(p);
	/* Under the mutex: no range is being added, and p2pmem_add_region() refuses the next. */
	scoped_guard(mutex, &p2pmem_regions_mutex)
		p2pmem_leave_live(p, P2PMEM_ABANDONED, 0, &drain);
	pci_err(p->pdev, "peer-to-peer memory is still in use: its pages stay allocated until reboot; reboot before using the device again\n");
}

/* Runs when the provider's driver is unbound, after its remove function. */
static void p2pmem_provider_withdraw(void *data)
{
	struct pci_dev *pdev = data;
	struct p2pmem_provider *p = p2pmem_provider_get(pdev);

	if (WARN_ON(!p))
		return;
	pci_p2pmem_revoke(pdev);
	if (p2pmem_wait_empty(p))
		p2pmem_provider_destroy(p);
	else
		p2pmem_abandon(p);
	p2pmem_provider_put(p);
}

/*
 * Reserves the addresses of @r in @parent, the window above @pdev, and no longer where they
 * were reserved before. Not in a window of a host bridge: it has no function, so nobody would
 * learn that it goes and is freed with the reservation in it.
 */
static void p2pmem_reserve(struct p2pmem_region *r, struct pci_dev *pdev, struct resource *parent)
{
	if (r->hold.parent)
		release_resource(&r->hold);
	if (p2pmem_on_root_bus(pdev))
		return;
	r->hold.name = "peer-to-peer memory still in use";
	r->hold.start = r->phys;
	r->hold.end = r->phys + r->size - 1;
	r->hold.flags = IORESOURCE_MEM | IORESOURCE_BUSY;
	if (request_resource(parent, &r->hold))
		pr_err("cannot reserve [%pa-%pa]: do not hot-plug any device before the next reboot\n",
		       &r->hold.start, &r->hold.end);
}

/**
 * struct p2pmem_gone - a PCI function that was removed, or must not have its addresses
 * @pdev: the function, which still has its resources
 * @parent: where each of them was: one may be released before all ranges in it are reserved
 */
struct p2pmem_gone {
	struct pci_dev *pdev;
	struct resource *parent[PCI_NUM_RESOURCES];
};

/* No range is added to an abandoned provider, so its list needs no lock. */
static void p2pmem_keep_range(struct p2pmem_provider *p, void *arg)
{
	const struct p2pmem_gone *gone = arg;
	struct p2pmem_region *r;
	struct resource *res;
	int i;

	if (!p2pmem_is_abandoned(p))
		return;
	list_for_each_entry(r, &p->regions, node) {
		struct resource range = DEFINE_RES_MEM(r->phys, r->size);

		if (r->kind == PCI_P2PMEM_REGISTERS)
			continue;
		/* a BAR, or a window of a bridge above it, which is removed with all inside it */
		for (i = 0; i < PCI_NUM_RESOURCES; i++) {
			res = &gone->pdev->resource[i];
			if (!gone->parent[i] || !resource_contains(res, &range))
				continue;
			if (res->parent)
				release_resource(res);
			p2pmem_reserve(r, gone->pdev, gone->parent[i]);
		}
	}
}

static void p2pmem_for_abandoned(void (*fn)(struct p2pmem_provider *p, void *gone),
				 struct pci_dev *pdev)
{
	struct p2pmem_gone gone = { .pdev = pdev };
	int i;

	for (i = 0; i < PCI_NUM_RESOURCES; i++)
		gone.parent[i] = pdev->resource[i].parent;
	p2pmem_for_each_provider(fn, &gone);
}

/**
 * p2pmem_function_removed() - keep the addresses of abandoned memory
 * @pdev: a PCI function that was removed, and still has its resources
 *
 * The range must not be assigned to another function while there are pages for it. That of a
 * virtual function lies in a resource of its physical function, which the kernel divides without
 * looking for others in it: p2pmem_function_binds() is all there is until that function goes.
 *
 * Context: Process context, under the locks of device removal.
 */
void p2pmem_function_removed(struct pci_dev *pdev)
{
	if (!pdev->is_virtfn)
		p2pmem_for_abandoned(p2pmem_keep_range, pdev);
}

static void p2pmem_refuse_range(struct p2pmem_provider *p, void *arg)
{
	const struct p2pmem_gone *gone = arg;
	struct pci_dev *pdev = gone->pdev;
	struct p2pmem_region *r;
	struct resource *res;
	int i;

	if (!p2pmem_is_abandoned(p) || p->pdev == pdev)
		return;
	list_for_each_entry(r, &p->regions, node) {
		struct resource range = DEFINE_RES_MEM(r->phys, r->size);

		/* BARs, and those of virtual functions; windows of bridges come behind them */
		for (i = 0; i < PCI_BRIDGE_RESOURCES; i++) {
			res = &pdev->resource[i];
			if (r->kind == PCI_P2PMEM_REGISTERS || !gone->parent[i] ||
			    resource_type(res) != IORESOURCE_MEM || !resource_overlaps(res, &range))
				continue;
			if (res->parent)
				release_resource(res);
			if (!pdev->is_virtfn)
				p2pmem_reserve(r, pdev, gone->parent[i]);
			pci_err(pdev, "BAR %d has the addresses of peer-to-peer memory of %s that is still in use: the device is not enabled; remove it and rescan the bus, or reboot\n",
				i, pci_name(p->pdev));
		}
	}
}

/**
 * p2pmem_function_binds() - keep a function from using the addresses of abandoned memory
 * @pdev: a PCI function whose driver is about to be bound
 *
 * A hotplug controller that finds too little room releases everything below its port, also what
 * p2pmem_function_removed() reserved, and assigns the addresses again. A BAR that got those of
 * abandoned memory loses them here, so that pci_enable_device() fails.
 *
 * Context: Process context, the device is locked.
 */
void p2pmem_function_binds(struct pci_dev *pdev)
{
	p2pmem_for_abandoned(p2pmem_refuse_range, pdev);
}

/*
 * Removes a provider whose registration failed. It was visible, so a grant may exist that
 * must not allocate from it. It never provided memory, so there is nobody to notify.
 */
static void p2pmem_provider_undo_create(struct p2pmem_provider *p)
{
	unsigned int drain;

	p2pmem_leave_live(p, P2PMEM_LOST, 0, &drain);
	synchronize_rcu();
	p2pmem_provider_destroy(p);
}

/*
 * Creates a provider without a range, which is withdrawn when its driver is unbound.
 * Returns it with a reference for the caller, or NULL if out of memory.
 */
static struct p2pmem_provider *p2pmem_provider_create(struct pci_dev *pdev, unsigned int flags)
{
	struct p2pmem_provider *p;

	p = kzalloc_node(sizeof(*p), GFP_KERNEL, dev_to_node(&pdev->dev));
	if (!p)
		return NULL;
	p->pool = p2pmem_pool_create(pci_name(pdev), dev_to_node(&pdev->dev));
	if (!p->pool) {
		kfree(p);
		return NULL;
	}
	p->pdev = pci_dev_get(pdev);
	p->address = p2pmem_address(pdev);
	p->release = p2pmem_provider_release;
	kref_init(&p->ref);
	mutex_init(&p->lock);
	INIT_LIST_HEAD(&p->regions);
	INIT_LIST_HEAD(&p->grants);
	INIT_WORK(&p->work, p2pmem_provider_worker);
	p2pmem_state_init(p, flags & PCI_P2PMEM_STOPPED);
	p->whole = flags & PCI_P2PMEM_WHOLE;
	kref_get(&p->ref);
	p2pmem_register(p);
	if (devm_add_action(&pdev->dev, p2pmem_provider_withdraw, pdev)) {
		p2pmem_provider_undo_create(p);
		p2pmem_provider_put(p);
		return NULL;
	}
	p->sysfs = p2pmem_group && !sysfs_create_group(&pdev->dev.kobj, p2pmem_group);
	if (!p->sysfs)
		pci_warn(pdev, "cannot create the p2pmem directory in sysfs; the memory can be used without it\n");
	return p;
}

/* Clients of the provider must reach @r, too. */
static void p2pmem_extend(struct p2pmem_provider *p, const struct p2pmem_region *r)
{
	guard(p2pmem_mutex)();
	p->phys_end = max_t(u64, p->phys_end, r->phys + r->size - 1);
	p->bus_end = max_t(u64, p->bus_end, r->phys + r->bus_offset + r->size - 1);
}

static int p2pmem_add_region(struct p2pmem_provider *p, struct p2pmem_region *r)
{
	struct pci_dev *pdev = p->pdev;
	int ret;

	lockdep_assert_held(&p2pmem_regions_mutex);
	if (p2pmem_is_abandoned(p)) {
		pci_err(pdev, "cannot register BAR %d: pages of an earlier registration are still in use; reboot first\n",
			r->bar);
		return -EBUSY;
	}
	if (p2pmem_overlaps(p, r)) {
		pci_err(pdev, "cannot register %#zx bytes at %#llx of BAR %d: part of it is registered already\n",
			r->size, r->offset, r->bar);
		return -EEXIST;
	}
	ret = p2pmem_region_map(r, pdev);
	if (ret)
		return ret;

	r->provider = p;
	if (r->kind == PCI_P2PMEM_POOL) {
		ret = p2pmem_pool_add(p->pool, r->virt, r->size,
				      dev_to_node(&pdev->dev));
		if (ret) {
			pci_err(pdev, "cannot register BAR %d: out of memory for tracking its pages\n",
				r->bar);
			p2pmem_region_unmap(r);
			return ret;
		}
	}
	if (r->kind != PCI_P2PMEM_REGISTERS)
		p2pmem_extend(p, r);
	list_add_tail_rcu(&r->node, &p->regions);
	/* A grant whose clients do not reach the range ends before anybody can allocate it. */
	p2pmem_pairs_update(p, NULL, P2PMEM_FORGET_OUTDATED, NULL);
	if (r->kind == PCI_P2PMEM_POOL)
		p2pmem_pool_open(p->pool);
	return 0;
}

/**
 * pci_p2pmem_add_resource() - register a range of a BAR as peer-to-peer memory
 * @pdev: PCI function
 * @bar: number of the BAR, 0 to 5
 * @size: bytes, 0 for all from @offset to the end
 * @offset: bytes into the BAR
 * @kind: enum pci_p2pmem_kind; the first call for a function may OR PCI_P2PMEM_STOPPED if
 *	the device does not work yet, and PCI_P2PMEM_WHOLE
 *
 * May be called for several ranges and several BARs, once each. Memory
 * (PCI_P2PMEM_POOL, PCI_P2PMEM_DRIVER) gets struct pages in blocks of
 * memremap_compat_align() bytes (2 MiB on x86): partial blocks at both ends are cut off,
 * with a message. The BAR must not be mapped with another cache mode.
 *
 * The memory is withdrawn when the driver of @pdev is unbound. The driver calls
 * pci_p2pmem_revoke() first in its remove function, and pci_p2pmem_suspend() in its suspend,
 * shutdown and reset_prepare functions, before it disables the device. Unbinding
 * waits for the last page, at most PCI_P2PMEM_WITHDRAW_SECONDS longer than
 * pci_p2pmem_revoke(); memory that is in use even then is abandoned: it stays allocated
 * until the next boot.
 *
 * Context: Process context, from the probe function of the device's driver or
 * later, while it is bound. May sleep.
 * Return: 0; -EINVAL for an invalid range or BAR; -EEXIST if part of the range is
 * registered already; -EBUSY if pages of an earlier registration were never freed;
 * -ENOMEM, also if the struct pages would need more than half of the available memory;
 * -ERANGE for an address that cannot have pages; -EOPNOTSUPP in a crash capture kernel; or
 * an error of memremap_pages(). Each with a message.
 */
int pci_p2pmem_add_resource(struct pci_dev *pdev, int bar, size_t size, u64 offset,
			    unsigned int kind)
{
	unsigned int flags = kind & (PCI_P2PMEM_STOPPED | PCI_P2PMEM_WHOLE);
	struct p2pmem_provider *p;
	struct p2pmem_region *r;
	bool made = false, announce;
	int ret;

	kind &= ~flags;
	r = p2pmem_region_alloc(dev_to_node(&pdev->dev));
	if (!r)
		return -ENOMEM;
	ret = p2pmem_region_init(r, pdev, bar, size, offset, kind);
	if (ret) {
		p2pmem_region_free(r);
		return ret;
	}

	mutex_lock(&p2pmem_regions_mutex);
	p = p2pmem_provider_get(pdev);
	if (!p) {
		made = true;
		p = p2pmem_provider_create(pdev, flags);
		if (!p) {
			ret = -ENOMEM;
			goto out_free;
		}
	}

	ret = p2pmem_add_region(p, r);
	if (ret && made) {
		devm_remove_action(&pdev->dev, p2pmem_provider_withdraw, pdev);
		p2pmem_provider_undo_create(p);
	}
	/* Its memory may have been published before there was any. */
	announce = p2pmem_is_published(p);
	p2pmem_provider_put(p);
	if (ret)
		goto out_free;
	mutex_unlock(&p2pmem_regions_mutex);

	pci_info(pdev, "registered %#zx bytes of BAR %d at %pa as peer-to-peer %s\n", r->size,
		 bar, &r->phys, kind == PCI_P2PMEM_REGISTERS ? "registers" : "memory");
	if (announce)
		p2pmem_notify(PCI_P2PMEM_EVENT_PROVIDER, pdev);
	return 0;

out_free:
	mutex_unlock(&p2pmem_regions_mutex);
	p2pmem_region_free(r);
	return ret;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_add_resource);
