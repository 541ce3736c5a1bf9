/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what the files of the fabric share
 *
 * fabric.c builds and takes down, fabric_config.c is configuration space,
 * fabric_host.c the host bridges, fabric_plug.c what comes and goes, and
 * fabric_driver.c the driver of end points. No suite includes this.
 */
#ifndef _P2PMEM_TESTS_FABRIC_PRIVATE_H
#define _P2PMEM_TESTS_FABRIC_PRIVATE_H

#include <linux/completion.h>
#include <linux/ioport.h>
#include <linux/list.h>
#include <linux/spinlock.h>

#include "fabric.h"

/* Of one function */
#define FABRIC_CFG_SIZE		4096
/* Where its capabilities are */
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
 * @desc: its line of the table; the strings in it are not ours
 * @name: its name
 * @dead: it and all below it answer no more
 * @blink: one read of this register is not answered; 0: all are
 * @blink_after: how many reads of it are answered before
 * @on_remove: see fabric_on_remove()
 * @cfg: its registers
 * @writable: which of their bits software can write
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
	void (*on_remove)(struct pci_dev *pdev);
	u8 *cfg;
	u8 *writable;
};

/**
 * struct fabric_host - a host bridge and the hierarchy below it
 * @sysdata: what x86 finds domain and node in; &pci_bus.sysdata of all its buses
 * @node: entry in &fabric.hosts
 * @fabric: its fabric
 * @name: its name
 * @domain: number of its domain
 * @numa: NUMA node
 * @bridge: the kernel's
 * @scanned: the kernel has its root bus
 * @released: the kernel has released @bridge and everything that refers to it
 * @busn: its bus numbers
 * @pref: window for 64-bit BARs
 * @mem: window for 32-bit BARs
 * @offset: of @pref
 * @mem_offset: of @mem
 * @lock: guards @functions and their registers: the kernel reads and writes these
 *	in any context
 * @functions: struct fabric_function, parents first
 * @last: who was asked last; guarded by @lock, too
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
};

/**
 * struct fabric - what a table was made into
 * @test: the test that it belongs to
 * @hosts: struct fabric_host
 * @driver: it has a reference to the fabric's driver
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
