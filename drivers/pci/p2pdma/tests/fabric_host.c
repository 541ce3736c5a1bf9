// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: host bridges of the fabric
 *
 * Each has a domain of its own, bus numbers 0 to 255 and two windows, for 64-bit and for
 * 32-bit BARs. The windows are at free physical addresses where memory can be plugged,
 * because the BARs must become pages, and preferably above 4 GiB: a machine booted with
 * mem= has unused RAM there, so the BARs store data.
 */
#include <linux/idr.h>
#include <linux/io.h>
#include <linux/memory_hotplug.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <kunit/test.h>

#include "fabric_private.h"

/* Above all domains used by firmware and vmd */
#define FABRIC_FIRST_DOMAIN	0x20000
#define FABRIC_WINDOW		SZ_256M
/* Bus address of 32-bit BARs, if the host bridge's offset moves them to another address */
#define FABRIC_LOW_BUS		SZ_2G
/* Time limit for other threads to drop their references to a removed host bridge */
#define FABRIC_RELEASE_SECONDS	10

/*
 * Domains in use. Numbers are reused, because the kernel never frees its data for a
 * domain number.
 */
static DEFINE_IDA(fabric_domains);

static int fabric_window(struct resource *res, const char *name, u64 size,
			 unsigned long flags)
{
	struct range range = mhp_get_pluggable_range(true);
	u64 align = min_t(u64, FABRIC_WINDOW, size);
	int ret;

	res->name = name;
	res->flags = flags;
	ret = allocate_resource(&iomem_resource, res, size, max_t(u64, range.start, SZ_4G),
				range.end, align, NULL, NULL);
	if (ret)
		ret = allocate_resource(&iomem_resource, res, size, range.start, range.end,
					align, NULL, NULL);
	return ret;
}

static bool fabric_window_holds_data(const struct resource *res)
{
	void __iomem *at = ioremap(res->start, PAGE_SIZE);
	bool holds;

	if (!at)
		return false;
	writel(0x600dda7a, at);
	writel(0, at + 4);
	holds = readl(at) == 0x600dda7a;
	writel(0, at);
	iounmap(at);
	return holds;
}

static void fabric_host_released(struct pci_host_bridge *bridge)
{
	struct fabric_host *host = bridge->release_data;

	complete(&host->released);
}

static int fabric_host_windows(struct fabric_host *host, const struct fabric_node *desc)
{
	u64 size = desc->window ?: FABRIC_WINDOW;
	int ret;

	host->busn.name = "fabric buses";
	host->busn.flags = IORESOURCE_BUS;
	host->busn.end = 255;
	ret = fabric_window(&host->pref, "fabric window", size,
			    IORESOURCE_MEM | IORESOURCE_MEM_64 | IORESOURCE_PREFETCH);
	if (ret)
		return ret;
	ret = fabric_window(&host->mem, "fabric 32-bit window", size / 4, IORESOURCE_MEM);
	if (ret)
		return ret;
	host->offset = desc->bus_start ? host->pref.start - desc->bus_start : desc->bus_offset;
	host->mem_offset = host->offset;
	if (host->mem.end - host->offset >= SZ_4G)
		host->mem_offset = host->mem.start - FABRIC_LOW_BUS;
	return 0;
}

/* Adds it to the fabric's list even on an error; fabric_host_remove() undoes all steps. */
struct fabric_host *fabric_host_make(struct fabric *f, const struct fabric_node *desc)
{
	struct kunit *test = f->test;
	struct pci_host_bridge *bridge;
	struct fabric_host *host;

	host = kzalloc(sizeof(*host), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, host);
	strscpy(host->name, desc->name, sizeof(host->name));
	host->fabric = f;
	host->domain = -1;
	host->numa = desc->node;
	INIT_LIST_HEAD(&host->functions);
	init_completion(&host->released);
	raw_spin_lock_init(&host->lock);
	list_add_tail(&host->node, &f->hosts);

	host->domain = ida_alloc_min(&fabric_domains, FABRIC_FIRST_DOMAIN, GFP_KERNEL);
	KUNIT_ASSERT_GE(test, host->domain, FABRIC_FIRST_DOMAIN);
	KUNIT_ASSERT_EQ_MSG(test, fabric_host_windows(host, desc), 0,
			    "no free physical addresses for the window of %s", host->name);
	f->holds_data = fabric_window_holds_data(&host->pref);

	bridge = pci_alloc_host_bridge(0);
	KUNIT_ASSERT_NOT_NULL(test, bridge);
	host->bridge = bridge;
	pci_set_host_bridge_release(bridge, fabric_host_released, host);
	bridge->ops = &fabric_ops;
	bridge->sysdata = &host->sysdata;
	bridge->domain_nr = host->domain;
#ifdef CONFIG_X86
	host->sysdata.domain = host->domain;
	host->sysdata.node = host->numa;
#endif
	bridge->native_aer = 0;
	bridge->native_pcie_hotplug = 0;
	bridge->native_shpc_hotplug = 0;
	bridge->native_pme = 0;
	bridge->native_ltr = 0;
	bridge->native_dpc = 0;
	bridge->native_cxl_error = 0;
	pci_add_resource(&bridge->windows, &host->busn);
	pci_add_resource_offset(&bridge->windows, &host->pref, host->offset);
	pci_add_resource_offset(&bridge->windows, &host->mem, host->mem_offset);
	return host;
}

int fabric_host_scan(struct fabric_host *host)
{
	int ret;

	pci_lock_rescan_remove();
	ret = pci_scan_root_bus_bridge(host->bridge);
	if (!ret) {
		host->scanned = true;
		pci_assign_unassigned_bus_resources(host->bridge->bus);
		pci_bus_add_devices(host->bridge->bus);
	}
	pci_unlock_rescan_remove();
	return ret;
}

static void fabric_host_free(struct fabric_host *host)
{
	struct fabric_function *fn, *next;

	list_for_each_entry_safe(fn, next, &host->functions, node)
		fabric_function_free(fn);
	if (host->pref.parent)
		release_resource(&host->pref);
	if (host->mem.parent)
		release_resource(&host->mem);
	if (host->domain >= 0)
		ida_free(&fabric_domains, host->domain);
	kfree(host);
}

/* Fails the test if a reference to it or to a device below it remains. */
void fabric_host_remove(struct fabric_host *host)
{
	list_del(&host->node);
	if (host->scanned) {
		pci_lock_rescan_remove();
		pci_stop_root_bus(host->bridge->bus);
		pci_remove_root_bus(host->bridge->bus);
		pci_unlock_rescan_remove();
	}
	if (host->bridge) {
		/* the number is of our own, not of the kernel's that a later kernel frees here */
		host->bridge->domain_nr = PCI_DOMAIN_NR_NOT_SET;
		pci_free_host_bridge(host->bridge);
		if (!wait_for_completion_timeout(&host->released,
						 FABRIC_RELEASE_SECONDS * HZ)) {
			/* Leak it, because it is still referenced. */
			KUNIT_FAIL(host->fabric->test,
				   "a device below %s is still referenced", host->name);
			return;
		}
	}
	fabric_host_free(host);
}
