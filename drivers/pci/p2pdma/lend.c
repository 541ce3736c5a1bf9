// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: a driver lends ranges of BARs
 *
 * Floor 8.
 *
 * The life of a provider: it is made with its first range and is withdrawn with its
 * driver. Its pages go then, after the last of them is back. The structure, the pool and
 * the regions go with the last reference, which a grant or a pair may hold much longer:
 * they may be looked at, and say that there is nothing.
 *
 * Withdrawal has an end, because the thread of a hotplug controller cannot be killed: when
 * memory does not come back in time the provider is abandoned. Its pages stay, nothing of
 * it can be mapped any more, and when the function itself goes, its range of addresses
 * stays reserved, so that no other function is placed under the pages of this one.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <kunit/visibility.h>
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "p2pdma.h"

/* What a providing function has in sysfs: sysfs.c sets it */
const struct attribute_group *p2pmem_group;

/* Serialises the making of providers: two BARs of one function may come at once. */
static DEFINE_MUTEX(p2pmem_add_mutex);

static void p2pmem_remove_group(struct p2pmem_provider *p)
{
	if (p->sysfs)
		sysfs_remove_group(&p->pdev->dev.kobj, p2pmem_group);
	p->sysfs = false;
}

/* The last reference is gone. */
static void p2pmem_provider_release(struct p2pmem_provider *p)
{
	struct p2pmem_region *r, *next;

	list_for_each_entry_safe(r, next, &p->regions, node)
		p2pmem_region_free(r);
	p2pmem_pool_destroy(p->pool);
}

/* Everything is back, and nobody is to have any of it again: let go of its pages. */
VISIBLE_IF_KUNIT void p2pmem_provider_destroy(struct p2pmem_provider *p)
{
	struct p2pmem_region *r;

	p2pmem_remove_group(p);
	/* Readers of the register may be in the pool until a grace period has passed. */
	p2pmem_unregister(p);
	scoped_guard(mutex, &p2pmem_mutex)
		p2pmem_pairs_drop(p, NULL);
	list_for_each_entry(r, &p->regions, node)
		p2pmem_region_unmap(r);
	p2pmem_provider_put(p);
}

/* Waits for the very last page; false when it did not come in time or this was killed. */
static bool p2pmem_wait_empty(struct p2pmem_provider *p)
{
	unsigned int waited;
	long left;

	for (waited = 0; waited < PCI_P2PMEM_WITHDRAW_SECONDS; waited += P2PMEM_REPORT_SECONDS) {
		left = wait_event_killable_timeout(p->drained, p2pmem_is_empty(p),
						   P2PMEM_REPORT_SECONDS * HZ);
		if (left > 0) {
			/* Whoever gave the last page back is done with the provider. */
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
 * Somebody still holds pages. They stay mapped and this module stays loaded: the
 * alternative is a user of unmapped memory.
 */
static void p2pmem_abandon(struct p2pmem_provider *p)
{
	__module_get(THIS_MODULE);
	p2pmem_remove_group(p);
	mutex_lock(&p->lock);
	WRITE_ONCE(p->abandoned, true);
	mutex_unlock(&p->lock);
	pci_err(p->pdev, "peer-to-peer memory is still held: its pages stay until the next boot; reboot before the device is used again\n");
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

/* Puts @r in the place that @res has among the resources, which goes. */
static void p2pmem_replace_resource(struct p2pmem_region *r, struct resource *res)
{
	struct resource *parent = res->parent;

	if (r->hold.parent)
		release_resource(&r->hold);
	if (!parent)
		return;
	release_resource(res);
	r->hold.name = "peer-to-peer memory that is still held";
	r->hold.start = r->phys;
	r->hold.end = r->phys + r->size - 1;
	r->hold.flags = IORESOURCE_MEM | IORESOURCE_BUSY;
	if (request_resource(parent, &r->hold))
		pr_err("%pa to %pa cannot be reserved: do not plug in any device before the next boot\n",
		       &r->hold.start, &r->hold.end);
}

static void p2pmem_keep_range(struct p2pmem_provider *p, void *arg)
{
	struct pci_dev *gone = arg;
	struct p2pmem_region *r;
	int i;

	if (!READ_ONCE(p->abandoned))
		return;
	guard(mutex)(&p->lock);
	list_for_each_entry(r, &p->regions, node) {
		if (r->kind == PCI_P2PMEM_REGISTERS)
			continue;
		if (gone == p->pdev && gone->resource[r->bar].parent)
			p2pmem_replace_resource(r, &gone->resource[r->bar]);
		/* a bridge above it, whose window goes with all that is in it */
		for (i = 0; r->hold.parent && i < PCI_NUM_RESOURCES; i++)
			if (r->hold.parent == &gone->resource[i])
				p2pmem_replace_resource(r, &gone->resource[i]);
	}
}

/**
 * p2pmem_function_removed() - keep the addresses of abandoned memory
 * @pdev: a PCI function that was removed, and still has its resources
 *
 * Its range must not be given to another function while there are pages for it.
 *
 * Context: Process context, under the lock of whoever removes it.
 */
void p2pmem_function_removed(struct pci_dev *pdev)
{
	p2pmem_for_each_provider(p2pmem_keep_range, pdev);
}

/*
 * It was to be seen by anyone, and came to nothing: a grant that somebody was given
 * meanwhile must not look for memory in it. It never lent: nobody is told.
 */
static void p2pmem_provider_undo_create(struct p2pmem_provider *p)
{
	unsigned int drain;

	p2pmem_leave_live(p, P2PMEM_LOST, 0, &drain);
	synchronize_rcu();
	p2pmem_provider_destroy(p);
}

/*
 * The new provider has no range yet, and is withdrawn with its driver. Returns it
 * with a reference for the caller, or NULL without memory.
 */
static struct p2pmem_provider *p2pmem_provider_create(struct pci_dev *pdev, unsigned int flags)
{
	struct p2pmem_provider *p;

	p = kzalloc_node(sizeof(*p), GFP_KERNEL, dev_to_node(&pdev->dev));
	if (!p)
		return NULL;
	p->pool = p2pmem_pool_create(dev_to_node(&pdev->dev));
	if (!p->pool) {
		kfree(p);
		return NULL;
	}
	p->pdev = pci_dev_get(pdev);
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
		pci_warn(pdev, "lends memory, but its p2pmem directory in sysfs could not be made\n");
	return p;
}

static int p2pmem_add_region(struct p2pmem_provider *p, struct p2pmem_region *r)
{
	struct pci_dev *pdev = p->pdev;
	int ret;

	lockdep_assert_held(&p->lock);
	if (p->abandoned) {
		pci_err(pdev, "cannot lend BAR %d: pages from before are still held; reboot first\n",
			r->bar);
		return -EBUSY;
	}
	if (p2pmem_overlaps(p, r)) {
		pci_err(pdev, "cannot lend %#zx bytes at %#llx of BAR %d: part of it is lent already\n",
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
			pci_err(pdev, "cannot lend BAR %d: no memory for the bookkeeping of its pages\n",
				r->bar);
			p2pmem_region_unmap(r);
			return ret;
		}
	}
	if (r->kind != PCI_P2PMEM_REGISTERS) {
		p->phys_end = max_t(u64, p->phys_end, r->phys + r->size - 1);
		p->bus_end = max_t(u64, p->bus_end,
				   r->phys + r->bus_offset + r->size - 1);
	}
	list_add_tail_rcu(&r->node, &p->regions);
	return 0;
}

/**
 * pci_p2pmem_add_resource() - lend a range of a BAR
 * @pdev: PCI function
 * @bar: number of the BAR, 0 to 5
 * @size: bytes, 0 for all from @offset to the end
 * @offset: bytes into the BAR
 * @kind: enum pci_p2pmem_kind; the first call for a function may add PCI_P2PMEM_STOPPED when
 *	the device does not work yet, and PCI_P2PMEM_WHOLE
 *
 * May be called for several ranges and several BARs, once each. Memory
 * (PCI_P2PMEM_POOL, PCI_P2PMEM_DRIVER) gets struct pages, which come in blocks
 * of memremap_compat_align() bytes (2 MiB on x86): what does not fill one is cut
 * off, with a message. The BAR must not be mapped with another cache mode.
 *
 * The memory is withdrawn when the driver of @pdev is unbound. The driver calls
 * pci_p2pmem_revoke() first thing in its remove, shutdown and reset, and
 * pci_p2pmem_suspend() in its suspend, before it disables the device. Unbinding waits for
 * the last page, at most PCI_P2PMEM_WITHDRAW_SECONDS longer than pci_p2pmem_revoke();
 * memory that is held even then is abandoned: it stays until the next boot.
 *
 * Context: Process context, from the probe function of the device's driver or
 * later, while it is bound. May sleep.
 * Return: 0; -EINVAL for a range or BAR that cannot be lent; -EEXIST when part
 * of it is lent already; -EBUSY when pages that an earlier driver lent never came
 * back; -ENOMEM, also when its struct pages would take more than half of the available
 * memory; -ERANGE for an address that cannot have pages; -EOPNOTSUPP in a kernel that
 * captures a crash; what memremap_pages() returns. Each with a message.
 */
int pci_p2pmem_add_resource(struct pci_dev *pdev, int bar, size_t size, u64 offset,
			    unsigned int kind)
{
	unsigned int flags = kind & (PCI_P2PMEM_STOPPED | PCI_P2PMEM_WHOLE);
	struct p2pmem_provider *p;
	struct p2pmem_region *r;
	bool made = false;
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

	mutex_lock(&p2pmem_add_mutex);
	p = p2pmem_provider_get(pdev);
	if (!p) {
		made = true;
		p = p2pmem_provider_create(pdev, flags);
		if (!p) {
			ret = -ENOMEM;
			goto out_free;
		}
	}

	mutex_lock(&p->lock);
	ret = p2pmem_add_region(p, r);
	mutex_unlock(&p->lock);
	if (ret && made) {
		devm_remove_action(&pdev->dev, p2pmem_provider_withdraw, pdev);
		p2pmem_provider_undo_create(p);
	}
	if (!ret)
		/* Its pairs: what must be reachable has changed for those that there are. */
		p2pmem_pairs_update(p, NULL, P2PMEM_FORGET_OUTDATED, NULL);
	p2pmem_provider_put(p);
	if (ret)
		goto out_free;
	mutex_unlock(&p2pmem_add_mutex);

	pci_info(pdev, "lends %#zx bytes of BAR %d at %pa as peer-to-peer %s\n", r->size,
		 bar, &r->phys, kind == PCI_P2PMEM_REGISTERS ? "registers" : "memory");
	return 0;

out_free:
	mutex_unlock(&p2pmem_add_mutex);
	p2pmem_region_free(r);
	return ret;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_add_resource);
