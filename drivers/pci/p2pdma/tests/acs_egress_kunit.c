// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: egress control
 *
 * A bit vector blocks requests to other ports of a switch, or to other functions of a
 * device. Its index is the port number of a port, or the function number of a function.
 */
#include <linux/pci.h>

#include "pairkit.h"

/* Port numbers that are neither the slot nor, the last one, within a vector of 32 bits */
#define EGRESS_PORT_CARD	5
#define EGRESS_PORT_NIC		9
#define EGRESS_PORT_FAR		40

#define EGRESS_CAP	.acs_cap = PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_EC | 32 << 8

/* PCI Express capability of the fabric's functions, Link Capabilities; ACS capability */
#define EGRESS_ACS_BITS	(0x100 + PCI_ACS_EGRESS_BITS)
#define EGRESS_VECTOR	(0x100 + PCI_ACS_EGRESS_CTL_V)

static int egress_init(struct kunit *test)
{
	pairkit_cpu(test, false);
	return 0;
}

/*
 *	host -- rp -- up -+- 00.0 dn0 (port 5) -- 00.0 card, 00.1 twin, 00.2 pci -- old
 *			  +- 01.0 dn1 (port 9) -- nic
 *			  +- 02.0 dn2 (port 40) -- far
 *			  `- 03.0 dn3 (port 3) -- up1 -- dn10 (port 0) -- drive
 *
 * pci is a bridge to conventional PCI in the same device as card; its port number is
 * 1, which is the function number of twin.
 */
static const struct fabric_node egress_tree[] = {
	{ .name = "host", .type = FABRIC_HOST, .window = SZ_16M },
	{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host", EGRESS_CAP },
	{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp", EGRESS_CAP },
	{ .name = "dn0", .type = FABRIC_DOWNSTREAM, .parent = "up", .port = EGRESS_PORT_CARD,
	  EGRESS_CAP },
	{ .name = "dn1", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 1,
	  .port = EGRESS_PORT_NIC, EGRESS_CAP },
	{ .name = "dn2", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 2,
	  .port = EGRESS_PORT_FAR },
	{ .name = "dn3", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 3 },
	{ .name = "up1", .type = FABRIC_UPSTREAM, .parent = "dn3", EGRESS_CAP },
	{ .name = "dn10", .type = FABRIC_DOWNSTREAM, .parent = "up1", EGRESS_CAP },
	{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "dn0", EGRESS_CAP, PAIRKIT_BAR },
	{ .name = "twin", .type = FABRIC_ENDPOINT, .parent = "dn0", .fn = 1, EGRESS_CAP },
	{ .name = "pci", .type = FABRIC_PCIE_TO_PCI, .parent = "dn0", .fn = 2, .port = 1,
	  EGRESS_CAP },
	{ .name = "nic", .type = FABRIC_ENDPOINT, .parent = "dn1" },
	{ .name = "far", .type = FABRIC_ENDPOINT, .parent = "dn2" },
	{ .name = "drive", .type = FABRIC_ENDPOINT, .parent = "dn10" },
	{ .name = "old", .type = FABRIC_PCI_DEVICE, .parent = "pci" },
	{ }
};

/* One function with this control word and this vector */
struct egress_row {
	const char *name;
	u16 ctrl;
	u32 vector;
	struct pairkit_row row;
};

#define EC		PCI_ACS_EC
#define BLOCKED(_client, _distance, _at)	\
	PAIRKIT_NOT("card", _client, _distance, PCI_P2PMEM_ACS_EGRESS, _at)
#define REDIRECTED(_client, _distance, _at)	\
	PAIRKIT_NOT("card", _client, _distance, PCI_P2PMEM_ACS_REDIRECT, _at)
#define OPEN(_client, _distance)	PAIRKIT_BUS("card", _client, _distance)

static const struct egress_row egress_rows[] = {
	/* downstream ports: the bit of the other port, in either of the two */
	{ "dn0", EC, 0, OPEN("nic", 4) },
	{ "dn0", EC, BIT(EGRESS_PORT_NIC), BLOCKED("nic", 4, "dn0") },
	{ "dn0", EC, ~(u32)BIT(EGRESS_PORT_NIC), OPEN("nic", 4) },
	{ "dn1", EC, BIT(EGRESS_PORT_CARD), BLOCKED("nic", 4, "dn1") },
	{ "dn1", EC, ~(u32)BIT(EGRESS_PORT_CARD), OPEN("nic", 4) },
	/* the vector is ignored while the control bit is clear */
	{ "dn0", 0, ~0, OPEN("nic", 4) },
	/* with request redirect, blocked requests are redirected */
	{ "dn0", EC | PCI_ACS_RR, BIT(EGRESS_PORT_NIC), REDIRECTED("nic", 4, "dn0") },
	/* completion redirect does not help a blocked request */
	{ "dn0", EC | PCI_ACS_CR, BIT(EGRESS_PORT_NIC), BLOCKED("nic", 4, "dn0") },
	/* a port number beyond the vector */
	{ "dn0", EC, 0, BLOCKED("far", 4, "dn0") },
	/* nested: only ports where requests turn, below the common upstream port */
	{ "dn0", EC, BIT(3), BLOCKED("drive", 6, "dn0") },
	{ "dn10", EC, ~0, OPEN("drive", 6) },
	{ "up1", EC, ~0, OPEN("drive", 6) },
	{ "up", EC, ~0, OPEN("nic", 4) },
	{ "rp", EC, ~0, OPEN("nic", 4) },
	/* functions of a device: the other function's bit, and only within the device */
	{ "card", EC, BIT(1), BLOCKED("twin", 2, "card") },
	{ "card", EC, ~(u32)BIT(1), OPEN("twin", 2) },
	{ "twin", EC, BIT(0), BLOCKED("twin", 2, "twin") },
	{ "card", EC, ~0, OPEN("nic", 4) },
	{ "card", EC, ~0, OPEN("card", 0) },
	/* a bridge among these functions is indexed by its function number */
	{ "card", EC, BIT(2), BLOCKED("old", 3, "card") },
	{ "card", EC, ~(u32)BIT(2), OPEN("old", 3) },
	/* and its own vector is ignored */
	{ "pci", EC, ~0, OPEN("old", 3) },
};

static void vectors_are_read_by_port_and_function(struct kunit *test)
{
	struct fabric *f = fabric_build(test, egress_tree);
	const struct egress_row *row;
	char what[64];

	for (row = egress_rows; row < egress_rows + ARRAY_SIZE(egress_rows); row++) {
		fabric_set_acs_ctrl(f, row->name, row->ctrl);
		fabric_set_egress(f, row->name, row->vector);
		snprintf(what, sizeof(what), "%s=%#x, vector %#x", row->name, row->ctrl,
			 row->vector);
		pairkit_expect(test, f, &row->row, what);
		fabric_set_acs_ctrl(f, row->name, 0);
		fabric_set_egress(f, row->name, 0);
	}
}

/* Port 40 is bit 8 of the second word, if the vector is long enough; 0 means 256 bits. */
static void vectors_may_be_longer_than_a_word(struct kunit *test)
{
	static const struct pairkit_row blocked = BLOCKED("far", 4, "dn0");
	static const struct pairkit_row open = OPEN("far", 4);
	struct fabric *f = fabric_build(test, egress_tree);

	fabric_set_acs_ctrl(f, "dn0", EC);
	fabric_set_config(f, "dn0", EGRESS_ACS_BITS, 1, EGRESS_PORT_FAR);
	pairkit_expect(test, f, &blocked, "40 bits: number 40 is beyond");
	fabric_set_config(f, "dn0", EGRESS_ACS_BITS, 1, EGRESS_PORT_FAR + 1);
	pairkit_expect(test, f, &open, "41 bits");
	fabric_set_config(f, "dn0", EGRESS_VECTOR + 4, 4, BIT(EGRESS_PORT_FAR - 32));
	pairkit_expect(test, f, &blocked, "41 bits, the last one set");
	fabric_set_config(f, "dn0", EGRESS_ACS_BITS, 1, 0);
	pairkit_expect(test, f, &blocked, "256 bits, one set");
	fabric_set_config(f, "dn0", EGRESS_VECTOR + 4, 4, ~(u32)BIT(EGRESS_PORT_FAR - 32));
	pairkit_expect(test, f, &open, "256 bits, the others set");
}

/* A host bridge that forwards does not help, because the request does not reach it. */
static void blocked_is_blocked_below_any_host_bridge(struct kunit *test)
{
	static const struct pairkit_row blocked = BLOCKED("nic", 4, "dn0");
	struct fabric *f = fabric_build(test, egress_tree);

	pairkit_cpu(test, true);
	fabric_set_acs_ctrl(f, "dn0", EC);
	fabric_set_egress(f, "dn0", BIT(EGRESS_PORT_NIC));
	pairkit_expect(test, f, &blocked, "dn0 blocks");
}

static struct kunit_case egress_cases[] = {
	KUNIT_CASE(vectors_are_read_by_port_and_function),
	KUNIT_CASE(vectors_may_be_longer_than_a_word),
	KUNIT_CASE(blocked_is_blocked_below_any_host_bridge),
	{}
};

static struct kunit_suite egress_suite = {
	.name = "p2pmem-acs-egress",
	.init = egress_init,
	.test_cases = egress_cases,
};

kunit_test_suite(egress_suite);
