// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: what the registers of a function say
 *
 * Floor 3.
 *
 * The only user of libpci: it walks capabilities in bytes that were read before, and knows names.
 */
#include <pci/pci.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

#define SPACE	4096

struct registers {
	struct pci_access *access;
};

static void __attribute__((format(printf, 1, 2))) say_nothing(char *msg, ...)
{
	(void)msg;
}

struct registers *registers_open(bool names)
{
	struct registers *r = malloc(sizeof(*r));

	if (!r) {
		fputs("p2pmem: out of memory\n", stderr);
		exit(1);
	}
	r->access = pci_alloc();
	/* Nothing is scanned: functions are those of the model. The method is never called. */
	r->access->method = PCI_ACCESS_SYS_BUS_PCI;
	r->access->warning = say_nothing;
	r->access->debug = say_nothing;
	r->access->numeric_ids = !names;
	if (names && getenv("P2PMEM_PCI_IDS"))
		pci_set_name_list_path(r->access, getenv("P2PMEM_PCI_IDS"), 0);
	/* Of the file of names only: the data base of udev is slow for unknown ones. */
	pci_set_param(r->access, "hwdb.disable", "1");
	pci_init(r->access);
	return r;
}

void registers_close(struct registers *r)
{
	pci_cleanup(r->access);
	free(r);
}

static void decode_pcie(struct function *f, struct pci_dev *d)
{
	u16 flags = pci_read_word(d, f->pcie_cap + PCI_EXP_FLAGS), ctl, status;
	u32 cap = pci_read_long(d, f->pcie_cap + PCI_EXP_DEVCAP);

	f->pcie_type = (flags & PCI_EXP_FLAGS_TYPE) >> 4;
	ctl = pci_read_word(d, f->pcie_cap + PCI_EXP_DEVCTL);
	f->mps = 128 << ((ctl & PCI_EXP_DEVCTL_PAYLOAD) >> 5);
	f->mrrs = 128 << ((ctl & PCI_EXP_DEVCTL_READRQ) >> 12);
	f->mps_max = 128 << (cap & PCI_EXP_DEVCAP_PAYLOAD);
	cap = pci_read_long(d, f->pcie_cap + PCI_EXP_LNKCAP);
	status = pci_read_word(d, f->pcie_cap + PCI_EXP_LNKSTA);
	if (f->pcie_type == PCI_EXP_TYPE_ROOT_INT_EP || f->pcie_type == PCI_EXP_TYPE_ROOT_EC)
		return;
	f->max_link.speed = cap & PCI_EXP_LNKCAP_SPEED;
	f->max_link.width = (cap & PCI_EXP_LNKCAP_WIDTH) >> 4;
	f->link.speed = status & PCI_EXP_LNKSTA_SPEED;
	f->link.width = (status & PCI_EXP_LNKSTA_WIDTH) >> 4;
}

/* What a BAR says is a bus address; those of 64 bits have two registers. */
static void decode_bars(struct function *f, struct pci_dev *d)
{
	u32 low, high;
	int i;

	for (i = 0; i < (f->bridge ? 2 : NR_BARS); i++) {
		low = pci_read_long(d, PCI_BASE_ADDRESS_0 + 4 * i);
		f->bar[i].bus = f->bar[i].start;
		if ((low & PCI_BASE_ADDRESS_SPACE) == PCI_BASE_ADDRESS_SPACE_IO || !f->bar[i].size)
			continue;
		f->bar[i].bus = low & PCI_ADDR_MEM_MASK & 0xffffffff;
		if ((low & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64 &&
		    i + 1 < NR_BARS) {
			high = pci_read_long(d, PCI_BASE_ADDRESS_0 + 4 * (i + 1));
			f->bar[i].bus |= (u64)high << 32;
			i++;
		}
	}
	/* Those of virtual functions are in their physical function. */
	for (i = 0; i < NR_BARS; i++)
		if (!f->bar[i].bus)
			f->bar[i].bus = f->bar[i].start;
}

void registers_decode(struct registers *r, struct function *f)
{
	struct pci_dev *d;
	struct pci_cap *cap;
	int i;

	f->pcie_type = -1;
	if (f->config_len < 64) {
		for (i = 0; i < NR_BARS; i++)
			f->bar[i].bus = f->bar[i].start;
		return;
	}
	d = pci_get_dev(r->access, f->domain, f->bus, f->device, f->number);
	/* Bytes that are not known are 0: no capability. libpci never looks further. */
	pci_setup_cache(d, f->config, SPACE);
	f->bridge = (pci_read_byte(d, PCI_HEADER_TYPE) & 0x7f) != PCI_HEADER_TYPE_NORMAL;
	f->multifunction = pci_read_byte(d, PCI_HEADER_TYPE) & 0x80 || f->number;
	decode_bars(f, d);
	if (f->config_len > 64) {
		f->whole = true;
		cap = pci_find_cap(d, PCI_CAP_ID_EXP, PCI_CAP_NORMAL);
		if (cap && cap->addr + 0x3c <= SPACE) {
			f->pcie_cap = cap->addr;
			decode_pcie(f, d);
		}
		cap = f->pcie_cap && f->config_len > 256 ?
			pci_find_cap(d, PCI_EXT_CAP_ID_ACS, PCI_CAP_EXTENDED) : NULL;
		if (cap && cap->addr + 8 <= SPACE) {
			f->acs_cap = cap->addr;
			f->acs_ctrl = pci_read_word(d, cap->addr + PCI_ACS_CTRL);
		}
	} else {
		/* Without a list of capabilities there is nothing more. */
		f->whole = !(pci_read_word(d, PCI_STATUS) & PCI_STATUS_CAP_LIST);
	}
	pci_free_dev(d);
}

const char *registers_name(struct registers *r, const struct function *f, char *buf, size_t len)
{
	pci_lookup_name(r->access, buf, len, PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE,
			f->vendor, f->id);
	return printable_utf8(buf);
}

const char *link_speed(unsigned int speed)
{
	static const char * const names[] = {
		"?", "2.5 GT/s", "5 GT/s", "8 GT/s", "16 GT/s", "32 GT/s", "64 GT/s",
	};

	return speed < ARRAY_SIZE(names) ? names[speed] : "?";
}
