// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: configuration space in memory
 *
 * A function has 4096 bytes and a mask of the bits that software can write, so sizing
 * of BARs, bus numbers and windows need no special code. Requests are routed as in
 * hardware: by the number of the root bus, then by the secondary bus numbers that the
 * kernel has written. Reads of an absent function return all ones.
 */
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/unaligned.h>

#include "fabric_private.h"

/* Base and limit of a closed window: the base is above the limit */
#define FABRIC_IO_CLOSED	0x00f0
#define FABRIC_MEM_CLOSED	0x0000fff0
#define FABRIC_PREF_CLOSED	0x0001fff1

struct fabric_host *fabric_host_of_bus(struct pci_bus *bus)
{
	return container_of(bus->sysdata, struct fabric_host, sysdata);
}

/* Returns the number of a function's bus, -1 while the bridge above does not forward */
int fabric_function_bus(const struct fabric_function *fn)
{
	if (!fn->parent)
		return fn->host->busn.start;
	return fn->parent->cfg[PCI_SECONDARY_BUS] ?: -1;
}

bool fabric_below(const struct fabric_function *fn, const struct fabric_function *bridge)
{
	for (; fn; fn = fn->parent)
		if (fn == bridge)
			return true;
	return false;
}

static bool fabric_answers(const struct fabric_function *fn)
{
	for (; fn; fn = fn->parent)
		if (fn->dead)
			return false;
	return true;
}

static bool fabric_is_at(const struct fabric_function *fn, int bus, unsigned int devfn)
{
	return fabric_devfn(fn) == devfn && fabric_function_bus(fn) == bus;
}

/* Finds a function, even if it does not respond */
struct fabric_function *fabric_function_at(struct fabric_host *host, int bus,
					   unsigned int devfn)
{
	struct fabric_function *fn;

	lockdep_assert_held(&host->lock);
	/* The kernel often accesses the same function many times in a row. */
	if (host->last && fabric_is_at(host->last, bus, devfn))
		return host->last;
	list_for_each_entry(fn, &host->functions, node) {
		if (fabric_is_at(fn, bus, devfn)) {
			host->last = fn;
			return fn;
		}
	}
	return NULL;
}

/* Whether a read of a register fails, see fabric_blink() */
static bool fabric_blinks(struct fabric_function *fn, int where)
{
	if (!fn->blink || fn->blink != where || fn->blink_after--)
		return false;
	fn->blink = 0;
	return true;
}

static int fabric_config_read(struct pci_bus *bus, unsigned int devfn, int where,
			      int size, u32 *val)
{
	struct fabric_host *host = fabric_host_of_bus(bus);
	void (*then)(void *arg) = NULL;
	struct fabric_function *fn;
	void *arg = NULL;
	int i;

	*val = ~0;
	scoped_guard(raw_spinlock_irqsave, &host->lock) {
		host->reads++;
		fn = fabric_function_at(host, bus->number, devfn);
		if (!fn || !fabric_answers(fn) || fabric_blinks(fn, where))
			return PCIBIOS_SUCCESSFUL;
		*val = 0;
		for (i = 0; i < size; i++)
			*val |= (u32)fn->cfg[where + i] << (8 * i);
		if (fn->on_read_at == where) {
			swap(then, fn->on_read);
			arg = fn->on_read_arg;
		}
	}
	if (then)
		then(arg);
	return PCIBIOS_SUCCESSFUL;
}

static int fabric_config_write(struct pci_bus *bus, unsigned int devfn, int where,
			       int size, u32 val)
{
	struct fabric_host *host = fabric_host_of_bus(bus);
	struct fabric_function *fn;
	int i;

	guard(raw_spinlock_irqsave)(&host->lock);
	fn = fabric_function_at(host, bus->number, devfn);
	if (!fn || !fabric_answers(fn))
		return PCIBIOS_SUCCESSFUL;
	for (i = 0; i < size; i++, val >>= 8) {
		u8 mask = fn->writable[where + i];

		fn->cfg[where + i] = (fn->cfg[where + i] & ~mask) | (val & mask);
	}
	return PCIBIOS_SUCCESSFUL;
}

struct pci_ops fabric_ops = {
	.read = fabric_config_read,
	.write = fabric_config_write,
};

static bool fabric_is_bridge(enum fabric_type type)
{
	switch (type) {
	case FABRIC_ROOT_PORT:
	case FABRIC_UPSTREAM:
	case FABRIC_DOWNSTREAM:
	case FABRIC_PCIE_TO_PCI:
	case FABRIC_PCI_BRIDGE:
		return true;
	default:
		return false;
	}
}

/* Returns the type in the PCIe capability; -ENODEV without such a capability */
static int fabric_pcie_type(enum fabric_type type)
{
	switch (type) {
	case FABRIC_ROOT_PORT:
		return PCI_EXP_TYPE_ROOT_PORT;
	case FABRIC_UPSTREAM:
		return PCI_EXP_TYPE_UPSTREAM;
	case FABRIC_DOWNSTREAM:
		return PCI_EXP_TYPE_DOWNSTREAM;
	case FABRIC_ENDPOINT:
		return PCI_EXP_TYPE_ENDPOINT;
	case FABRIC_RCIEP:
		return PCI_EXP_TYPE_RC_END;
	case FABRIC_PCIE_TO_PCI:
		return PCI_EXP_TYPE_PCI_BRIDGE;
	default:
		return -ENODEV;
	}
}

static void fabric_set16(struct fabric_function *fn, int where, u16 val, u16 writable)
{
	put_unaligned_le16(val, fn->cfg + where);
	put_unaligned_le16(writable, fn->writable + where);
}

static void fabric_set32(struct fabric_function *fn, int where, u32 val, u32 writable)
{
	put_unaligned_le32(val, fn->cfg + where);
	put_unaligned_le32(writable, fn->writable + where);
}

/* The state after power-on: no buses, windows closed */
void fabric_bridge_reset(struct fabric_function *fn)
{
	if (!fabric_is_bridge(fn->desc.type))
		return;
	fabric_set32(fn, PCI_PRIMARY_BUS, 0, ~0);
	fabric_set16(fn, PCI_IO_BASE, FABRIC_IO_CLOSED, 0xf0f0);
	fabric_set32(fn, PCI_MEMORY_BASE, FABRIC_MEM_CLOSED, 0xfff0fff0);
	fabric_set32(fn, PCI_PREF_MEMORY_BASE, FABRIC_PREF_CLOSED, 0xfff0fff0);
	fabric_set32(fn, PCI_PREF_BASE_UPPER32, 0, ~0);
	fabric_set32(fn, PCI_PREF_LIMIT_UPPER32, 0, ~0);
	fabric_set16(fn, PCI_BRIDGE_CONTROL, 0, 0xffff);
}

static void fabric_set_bars(struct fabric_function *fn)
{
	int i, where;
	u64 mask;

	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		if (!fn->desc.bar[i].size)
			continue;
		where = PCI_BASE_ADDRESS_0 + 4 * i;
		mask = ~(fn->desc.bar[i].size - 1) & ~0xfULL;
		if (!(fn->desc.bar[i].flags & FABRIC_BAR_64)) {
			fabric_set32(fn, where, 0, mask);
			continue;
		}
		fabric_set32(fn, where, PCI_BASE_ADDRESS_MEM_TYPE_64 |
			     PCI_BASE_ADDRESS_MEM_PREFETCH, mask);
		fabric_set32(fn, where + 4, 0, mask >> 32);
	}
}

static void fabric_set_pcie(struct fabric_function *fn)
{
	const int link = PCI_EXP_LNKCAP_SLS_2_5GB | 1 << 4;	/* one lane */
	const int at = FABRIC_CAP_PCIE;
	int type = fabric_pcie_type(fn->desc.type);
	u8 port = fn->desc.port ?: fn->desc.slot + fn->desc.fn;

	if (type < 0)
		return;
	fabric_set16(fn, PCI_STATUS, PCI_STATUS_CAP_LIST, 0);
	fn->cfg[PCI_CAPABILITY_LIST] = at;
	fabric_set16(fn, at, PCI_CAP_ID_EXP, 0);
	fabric_set16(fn, at + PCI_EXP_FLAGS, 2 | type << 4, 0);
	fabric_set32(fn, at + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_RBER, 0);
	fabric_set16(fn, at + PCI_EXP_DEVCTL, 0, 0x7fff);
	fabric_set16(fn, at + PCI_EXP_DEVCTL2, 0, 0xffff);
	if (type == PCI_EXP_TYPE_RC_END)
		return;
	fabric_set32(fn, at + PCI_EXP_LNKCAP, (u32)port << 24 | link, 0);
	fabric_set16(fn, at + PCI_EXP_LNKCTL, 0, 0xffdf);
	fabric_set16(fn, at + PCI_EXP_LNKSTA, link, 0);
}

static void fabric_set_acs(struct fabric_function *fn)
{
	const int at = FABRIC_CAP_ACS;

	if (!fn->desc.acs_cap)
		return;
	fabric_set32(fn, at, PCI_EXT_CAP_ID_ACS | 1 << 16, 0);
	fabric_set16(fn, at + PCI_ACS_CAP, fn->desc.acs_cap, 0);
	fabric_set16(fn, at + PCI_ACS_CTRL, fn->desc.acs_ctrl, fn->desc.acs_cap & 0x7f);
	if (fn->desc.acs_cap & PCI_ACS_EC)
		fabric_set32(fn, at + PCI_ACS_EGRESS_CTL_V, fn->desc.egress, ~0);
}

static void fabric_set_registers(struct fabric_function *fn)
{
	const struct fabric_node *desc = &fn->desc;
	bool bridge = fabric_is_bridge(desc->type);
	u32 class = bridge ? FABRIC_CLASS_BRIDGE : FABRIC_CLASS_ENDPOINT;

	fabric_set16(fn, PCI_VENDOR_ID, desc->vendor ?: FABRIC_VENDOR, 0);
	fabric_set16(fn, PCI_DEVICE_ID, desc->device ?: desc->type, 0);
	fabric_set16(fn, PCI_COMMAND, 0, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
		     PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
	fabric_set32(fn, PCI_CLASS_REVISION, class << 8, 0);
	fn->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	fn->writable[PCI_INTERRUPT_LINE] = 0xff;
	fn->cfg[PCI_HEADER_TYPE] = bridge ? PCI_HEADER_TYPE_BRIDGE : PCI_HEADER_TYPE_NORMAL;
	fabric_bridge_reset(fn);
	fabric_set_bars(fn);
	fabric_set_pcie(fn);
	fabric_set_acs(fn);
}

/* Creates a function that is not in its host's list yet; NULL if out of memory. */
struct fabric_function *fabric_function_make(struct fabric_host *host,
					     struct fabric_function *parent,
					     const struct fabric_node *desc)
{
	struct fabric_function *fn = kzalloc(sizeof(*fn), GFP_KERNEL);

	if (!fn)
		return NULL;
	fn->cfg = kzalloc(2 * FABRIC_CFG_SIZE, GFP_KERNEL);
	if (!fn->cfg) {
		kfree(fn);
		return NULL;
	}
	fn->writable = fn->cfg + FABRIC_CFG_SIZE;
	fn->host = host;
	fn->parent = parent;
	fn->desc = *desc;
	strscpy(fn->name, desc->name, sizeof(fn->name));
	fabric_set_registers(fn);
	return fn;
}

void fabric_function_free(struct fabric_function *fn)
{
	kfree(fn->cfg);
	kfree(fn);
}

/* From now on it responds. Function 0 gets the multifunction bit. */
void fabric_function_enter(struct fabric_function *fn)
{
	struct fabric_function *other;

	guard(raw_spinlock_irqsave)(&fn->host->lock);
	list_for_each_entry(other, &fn->host->functions, node) {
		if (other->parent != fn->parent || other->desc.slot != fn->desc.slot)
			continue;
		if (!other->desc.fn)
			other->cfg[PCI_HEADER_TYPE] |= PCI_HEADER_TYPE_MFD;
		if (!fn->desc.fn)
			fn->cfg[PCI_HEADER_TYPE] |= PCI_HEADER_TYPE_MFD;
	}
	list_add_tail(&fn->node, &fn->host->functions);
}
