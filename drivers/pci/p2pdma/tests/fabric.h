/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: PCI hierarchies in memory, for KUnit
 *
 * A test describes a hierarchy as a table, one line for each function, parents before
 * children. fabric_build() creates its configuration space in memory and calls the
 * kernel's own code to scan it. The results are real struct pci_dev. A driver of the
 * fabric is bound to every end point, and BARs are in a range of otherwise unused
 * physical addresses, so that they can become real ZONE_DEVICE pages. Everything is
 * removed when the test ends.
 *
 *	static const struct fabric_node one_switch[] = {
 *		{ .name = "host", .type = FABRIC_HOST },
 *		{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host" },
 *		{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp" },
 *		{ .name = "dn0", .type = FABRIC_DOWNSTREAM, .parent = "up" },
 *		{ .name = "dn1", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 1,
 *		  .acs_cap = PCI_ACS_RR | PCI_ACS_CR },
 *		{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "dn0",
 *		  .bar = { [2] = { .size = SZ_4M, .flags = FABRIC_BAR_64 } } },
 *		{ .name = "nic", .type = FABRIC_ENDPOINT, .parent = "dn1", .mask = 32 },
 *		{ }
 *	};
 */
#ifndef _P2PMEM_TESTS_FABRIC_H
#define _P2PMEM_TESTS_FABRIC_H

#include <linux/bits.h>
#include <linux/pci.h>

struct kunit;
struct fabric;

/**
 * enum fabric_type - type of a function
 * @FABRIC_END: ends a table
 * @FABRIC_HOST: host bridge: a root bus in a domain of its own
 * @FABRIC_ROOT_PORT: PCIe root port, on a root bus
 * @FABRIC_UPSTREAM: upstream port of a switch
 * @FABRIC_DOWNSTREAM: downstream port of a switch
 * @FABRIC_ENDPOINT: PCIe end point
 * @FABRIC_RCIEP: root complex integrated end point, on a root bus
 * @FABRIC_PCIE_TO_PCI: bridge from PCIe to conventional PCI
 * @FABRIC_PCI_BRIDGE: bridge between buses of conventional PCI, without a PCIe capability
 * @FABRIC_PCI_DEVICE: device of conventional PCI, without a PCIe capability
 */
enum fabric_type {
	FABRIC_END,
	FABRIC_HOST,
	FABRIC_ROOT_PORT,
	FABRIC_UPSTREAM,
	FABRIC_DOWNSTREAM,
	FABRIC_ENDPOINT,
	FABRIC_RCIEP,
	FABRIC_PCIE_TO_PCI,
	FABRIC_PCI_BRIDGE,
	FABRIC_PCI_DEVICE,
};

/* The fabric's driver binds to end points of this vendor, which no real device has */
#define FABRIC_VENDOR	0xfab0

#define FABRIC_BAR_32	0		/* 32 bits, not prefetchable */
#define FABRIC_BAR_64	BIT(0)		/* 64 bits, prefetchable; uses two BARs */

/**
 * struct fabric_bar - a BAR
 * @size: bytes, a power of two; 0: no BAR
 * @flags: FABRIC_BAR_32 or FABRIC_BAR_64
 */
struct fabric_bar {
	u64 size;
	unsigned int flags;
};

/**
 * struct fabric_node - a line of a table
 * @name: name for fabric_pdev() and other functions
 * @type: type of the function
 * @parent: name of the function or host bridge above; NULL for a host bridge
 * @slot: device number, 0 to 31
 * @fn: function number, 0 to 7; the multifunction bit of function 0 is set as needed
 * @vendor: vendor ID; 0: the vendor ID to which the fabric's driver binds
 * @device: device ID; 0: the default for this type
 * @port: port number of a port in its Link Capabilities; 0: @slot plus @fn
 * @acs_cap: ACS capability register; 0: no such capability. Its upper byte is the size
 *	of the egress vector in bits, where 0 means 256.
 * @acs_ctrl: ACS control register
 * @egress: first 32 bits of the egress control vector, if @acs_cap has PCI_ACS_EC
 * @bar: its BARs
 * @mask: width of its DMA mask, in bits; 0: 64
 * @bus_offset: for a host bridge: CPU physical address minus bus address, modulo 2^64
 * @bus_start: for a host bridge: bus address of the first byte of its window, instead
 *	of @bus_offset, for tests that need a certain address; 0: use @bus_offset
 * @window: for a host bridge: bytes of its window for BARs; 0: 256 MiB. A second
 *	window for FABRIC_BAR_32 has a quarter of that size. It is below 4 GiB on the
 *	bus, with the offset that this needs.
 * @node: for a host bridge: NUMA node
 */
struct fabric_node {
	const char *name;
	enum fabric_type type;
	const char *parent;
	u8 slot;
	u8 fn;
	u16 vendor;
	u16 device;
	u8 port;
	u16 acs_cap;
	u16 acs_ctrl;
	u32 egress;
	struct fabric_bar bar[PCI_STD_NUM_BARS];
	u8 mask;
	u64 bus_offset;
	u64 bus_start;
	u64 window;
	int node;
};

/* Never returns NULL: an error ends the test. fabric_destroy() is called at the test's end. */
struct fabric *fabric_build(struct kunit *test, const struct fabric_node *nodes);
void fabric_destroy(struct fabric *f);

/* Whether RAM is behind the BARs, so that they store data; not true on every machine */
bool fabric_holds_data(struct fabric *f);

/* The function with this name, without a reference; NULL if it is not plugged */
struct pci_dev *fabric_pdev(struct fabric *f, const char *name);
struct pci_host_bridge *fabric_host(struct fabric *f, const char *name);

/* Write configuration space without the kernel's knowledge, as setpci and firmware do */
u16 fabric_acs_ctrl(struct fabric *f, const char *name);
void fabric_set_acs_ctrl(struct fabric *f, const char *name, u16 ctrl);
void fabric_set_egress(struct fabric *f, const char *name, u32 vector);
/* The same for any register: 1, 2 or 4 bytes at @where, also read-only bits */
void fabric_set_config(struct fabric *f, const char *name, int where, int size, u32 val);

/* Number of reads of configuration space, of all host bridges, since fabric_build() */
unsigned long fabric_config_reads(struct fabric *f);

/* Hot removal: the kernel removes it and all functions below, then it stops responding */
void fabric_unplug(struct fabric *f, const char *name);
/* Surprise removal: reads return all ones from now on; the kernel is not notified */
void fabric_kill(struct fabric *f, const char *name);
/* One read of a register returns all ones, after @after successful reads */
void fabric_blink(struct fabric *f, const char *name, int where, unsigned int after);
/* Calls @fn once, after the next read of a register, under the locks of a configuration access */
void fabric_on_read(struct fabric *f, const char *name, int where, void (*fn)(void *arg),
		    void *arg);
/*
 * Plugs @node and the lines that follow it up to an empty one, and scans the parent's bus
 * again. If there is no room (a larger BAR, more buses, one more function), the bridge
 * above is removed with all functions below and scanned again, then the one above that.
 */
void fabric_plug(struct fabric *f, const struct fabric_node *node);

/* Unbinds the fabric's driver from a function, which frees devres, and binds it again */
void fabric_unbind(struct fabric *f, const char *name);
int fabric_bind(struct fabric *f, const char *name);
/* Set a function that the fabric's driver calls first in its remove(); NULL: none */
void fabric_on_remove(struct fabric *f, const char *name, void (*fn)(struct pci_dev *pdev));

#endif /* _P2PMEM_TESTS_FABRIC_H */
