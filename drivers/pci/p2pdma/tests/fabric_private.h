/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: declarations shared by the files of the fabric
 *
 * fabric.c creates and removes fabrics, fabric_config.c has configuration space,
 * fabric_host.c host bridges, fabric_plug.c hotplug, and fabric_driver.c the driver of
 * end points. No suite includes this file.
 */
#ifndef _P2PMEM_TESTS_FABRIC_PRIVATE_H
#define _P2PMEM_TESTS_FABRIC_PRIVATE_H

#include <linux/completion.h>
#include <linux/ioport.h>
#include <linux/list.h>
#include <linux/spinlock.h>

#include "fabric.h"

/* Size of one function's configuration space */
#define FABRIC_CFG_SIZE		4096
/* Offsets of its capabilities */
#define FABRIC_CAP_PCIE		0x40
#define FABRIC_CAP_ACS		0x100

#define FABRIC_CLASS_BRIDGE	0x060400
#define FABRIC_CLASS_ENDPOINT	0xff0000

#define FABRIC_NAME_SIZE	24

/**
 * struct fabric_function - a function in configuration space
 * @node: entry in &fabric_host.functions
 * @host: the host bridge above it
 * @parent: the bridge above it, NULL on the root bus
 * @desc: copy of its line in the table; the strings belong to the test
 * @name: its name
 * @dead: it and all functions below it do not respond
 * @blink: one read of this register fails; 0: none
 * @blink_after: number of successful reads of it before
 * @on_read: called after a read of @on_read_at, once
 * @on_read_at: the register
 * @on_read_arg: argument of @on_read
 * @on_remove: see fabric_on_remove()
 * @cfg: its registers
 * @writable: mask of the bits that software can write
 */
struct fabric_function {
	struct list_head node;
	struct fabric_host *host;
	struct fabric_function *parent;
	struct fabric_node desc;
	char name[FABRIC_NAME_SIZE];
	bool dead;
	int blink;
	unsigned int blink_after;
	void (*on_read)(void *arg);
	int on_read_at;
	void *on_read_arg;
	void (*on_remove)(struct pci_dev *pdev);
	u8 *cfg;
	u8 *writable;
};

/**
 * struct fabric_host - a host bridge and the hierarchy below it
 * @sysdata: x86 reads domain and node from it; &pci_bus.sysdata of all its buses
 * @node: entry in &fabric.hosts
 * @fabric: its fabric
 * @name: its name
 * @domain: number of its domain
 * @numa: NUMA node
 * @bridge: the kernel's host bridge
 * @scanned: the kernel has scanned its root bus
 * @released: the kernel has released @bridge and everything that refers to it
 * @busn: its bus numbers
 * @pref: window for 64-bit BARs
 * @mem: window for 32-bit BARs
 * @offset: offset of @pref
 * @mem_offset: offset of @mem
 * @lock: guards @functions and their registers, which the kernel accesses in any context
 * @functions: struct fabric_function, parents first
 * @last: function of the last access; also guarded by @lock
 * @reads: number of reads of configuration space; also guarded by @lock
 */
struct fabric_host {
#ifdef CONFIG_X86
	struct pci_sysdata sysdata;
#else
	int sysdata;
#endif
	struct list_head node;
	struct fabric *fabric;
	char name[FABRIC_NAME_SIZE];
	int domain;
	int numa;
	struct pci_host_bridge *bridge;
	bool scanned;
	struct completion released;
	struct resource busn;
	struct resource pref;
	struct resource mem;
	u64 offset;
	u64 mem_offset;
	raw_spinlock_t lock;		/* see above */
	struct list_head functions;
	struct fabric_function *last;
	unsigned long reads;
};

/**
 * struct fabric - the hierarchy of a table
 * @test: the test that owns it
 * @hosts: struct fabric_host
 * @driver: whether it has a reference to the fabric's driver
 * @holds_data: see fabric_holds_data()
 */
struct fabric {
	struct kunit *test;
	struct list_head hosts;
	bool driver;
	bool holds_data;
};

/* fabric_config.c */
extern struct pci_ops fabric_ops;
struct fabric_function *fabric_function_make(struct fabric_host *host,
					     struct fabric_function *parent,
					     const struct fabric_node *desc);
void fabric_function_free(struct fabric_function *fn);
void fabric_function_enter(struct fabric_function *fn);
void fabric_bridge_reset(struct fabric_function *fn);
struct fabric_function *fabric_function_at(struct fabric_host *host, int bus,
					   unsigned int devfn);
int fabric_function_bus(const struct fabric_function *fn);
struct fabric_host *fabric_host_of_bus(struct pci_bus *bus);
bool fabric_below(const struct fabric_function *fn, const struct fabric_function *bridge);

static inline unsigned int fabric_devfn(const struct fabric_function *fn)
{
	return PCI_DEVFN(fn->desc.slot, fn->desc.fn);
}

/* fabric_host.c */
struct fabric_host *fabric_host_make(struct fabric *f, const struct fabric_node *desc);
int fabric_host_scan(struct fabric_host *host);
void fabric_host_remove(struct fabric_host *host);

/* fabric.c */
struct fabric_host *fabric_find_host(struct fabric *f, const char *name);
struct fabric_function *fabric_find(struct fabric *f, const char *name);
void fabric_add(struct fabric *f, const struct fabric_node *desc);
bool fabric_settled(struct fabric *f, const struct fabric_node *desc);

/* fabric_driver.c */
int fabric_driver_get(void);
void fabric_driver_put(void);

#endif /* _P2PMEM_TESTS_FABRIC_PRIVATE_H */
