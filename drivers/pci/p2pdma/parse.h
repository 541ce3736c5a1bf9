/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: parser of module parameters
 *
 * Floor 0.
 */
#ifndef _P2PMEM_PARSE_H
#define _P2PMEM_PARSE_H

#include <linux/bits.h>
#include <linux/types.h>

/* What an entry of the parameter host_bridges is about; the second includes the first */
#define P2PMEM_WITHIN	BIT(0)		/* between the root ports of one host bridge */
#define P2PMEM_ACROSS	BIT(1)		/* from and to other host bridges */

#define P2PMEM_ENTRY_TEXT	40	/* bytes for an entry as text, its zero included */
#define P2PMEM_ANY_MODEL	(-1)

/**
 * struct p2pmem_entry - host bridges that an entry matches
 * @cpu: x86 vendor id string, empty for an entry by PCI ids
 * @family: family of the processor
 * @model: model of the processor, or P2PMEM_ANY_MODEL
 * @vendor: PCI vendor id of a root port, or of the function that represents a host
 *	bridge
 * @device: PCI device id of the same function
 * @any_device: matches any device of @vendor; @device is 0
 * @built_in: matches the whole built-in list; all other members are 0
 */
struct p2pmem_entry {
	char cpu[13];
	u8 family;
	s16 model;
	u16 vendor;
	u16 device;
	bool any_device;
	bool built_in;
};

/**
 * struct p2pmem_change - one word of the parameter host_bridges
 * @entry: the entry to add or remove
 * @bits: P2PMEM_WITHIN, P2PMEM_ACROSS: what is added or removed
 * @remove: true to remove, false to add
 */
struct p2pmem_change {
	struct p2pmem_entry entry;
	u8 bits;
	bool remove;
};

int p2pmem_parse_bar(const char *val, int least, int end, int *bar);
int p2pmem_parse_bytes(const char *val, u64 *bytes);
int p2pmem_parse_change(const char *val, size_t len, struct p2pmem_change *change);
int p2pmem_print_change(char *buf, size_t len, const struct p2pmem_change *change);

#endif /* _P2PMEM_PARSE_H */
