// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: access control services
 *
 * Redirection of requests and of completions on every kind of port and on functions of
 * one device; the list of redirecting functions in the format of the kernel parameter.
 * Egress control is in acs_egress_kunit.c.
 */
#include <linux/pci.h>

#include "pairkit.h"

/* Most functions whose ACS control words a row of a table sets */
#define ACS_WORDS	3

#define ACS_ALL		(PCI_ACS_SV | PCI_ACS_TB | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF | \
			 PCI_ACS_EC | PCI_ACS_DT)
#define ACS_CAP		.acs_cap = ACS_ALL | 32 << 8

static int acs_init(struct kunit *test)
{
	pairkit_cpu(test, false);
	return 0;
}

/*
 *	host -- rp -- up -+- 00.0 dn0 -- 00.0 card, 00.1 twin
 *			  +- 01.0 dn1 -- nic
 *			  +- 02.0 dn2 -- up1 -+- 00.0 dn10 -- drive
 *			  |		      `- 01.0 dn11 -- disk
 *			  `- 03.0 dn3 -- pci -- old
 *
 * All except nic's neighbours have the capability; pci is a bridge to conventional PCI.
 */
static const struct fabric_node acs_tree[] = {
	{ .name = "host", .type = FABRIC_HOST, .window = SZ_16M },
	{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host", ACS_CAP },
	{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp", ACS_CAP },
	{ .name = "dn0", .type = FABRIC_DOWNSTREAM, .parent = "up", ACS_CAP },
	{ .name = "dn1", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 1, ACS_CAP },
	{ .name = "dn2", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 2, ACS_CAP },
	{ .name = "dn3", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 3, ACS_CAP },
	{ .name = "up1", .type = FABRIC_UPSTREAM, .parent = "dn2", ACS_CAP },
	{ .name = "dn10", .type = FABRIC_DOWNSTREAM, .parent = "up1", ACS_CAP },
	{ .name = "dn11", .type = FABRIC_DOWNSTREAM, .parent = "up1", .slot = 1, ACS_CAP },
	{ .name = "pci", .type = FABRIC_PCIE_TO_PCI, .parent = "dn3", ACS_CAP },
	{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "dn0", ACS_CAP, PAIRKIT_BAR },
	{ .name = "twin", .type = FABRIC_ENDPOINT, .parent = "dn0", .fn = 1, ACS_CAP },
	{ .name = "nic", .type = FABRIC_ENDPOINT, .parent = "dn1", ACS_CAP },
	{ .name = "drive", .type = FABRIC_ENDPOINT, .parent = "dn10" },
	{ .name = "disk", .type = FABRIC_ENDPOINT, .parent = "dn11" },
	{ .name = "old", .type = FABRIC_PCI_DEVICE, .parent = "pci", PAIRKIT_BAR },
	{ }
};

/**
 * struct acs_row - control words, and the expected state of a pair
 * @set: functions and their control words
 * @row: expected state
 * @list: redirecting functions, in the order of the kernel parameter
 */
struct acs_row {
	struct {
		const char *name;
		u16 ctrl;
	} set[ACS_WORDS];
	struct pairkit_row row;
	const char *list[ACS_WORDS];
};

#define ACS_RR		PCI_ACS_RR
#define ACS_CR		PCI_ACS_CR
#define ACS_REFUSED(_provider, _client, _distance, _at)		\
	PAIRKIT_NOT(_provider, _client, _distance, PCI_P2PMEM_ACS_REDIRECT, _at)

static const struct acs_row acs_rows[] = {
	/* the common upstream port and functions above it are ignored */
	{ { { "rp", ACS_RR | ACS_CR } }, PAIRKIT_BUS("card", "nic", 4) },
	{ { { "up", ACS_RR | ACS_CR } }, PAIRKIT_BUS("card", "nic", 4) },
	/* downstream ports: either kind of redirect, on either side */
	{ { { "dn0", ACS_RR } }, ACS_REFUSED("card", "nic", 4, "dn0"), { "dn0" } },
	{ { { "dn0", ACS_CR } }, ACS_REFUSED("card", "nic", 4, "dn0"), { "dn0" } },
	{ { { "dn1", ACS_RR } }, ACS_REFUSED("card", "nic", 4, "dn1"), { "dn1" } },
	{ { { "dn1", ACS_CR } }, ACS_REFUSED("card", "nic", 4, "dn1"), { "dn1" } },
	{ { { "dn1", ACS_RR }, { "dn0", ACS_CR } },
	  ACS_REFUSED("card", "nic", 4, "dn0"), { "dn0", "dn1" } },
	/* a port on another branch */
	{ { { "dn2", ACS_RR | ACS_CR } }, PAIRKIT_BUS("card", "nic", 4) },
	/* nested: every port below the common one counts, also the upstream port */
	{ { { "dn2", ACS_RR } }, ACS_REFUSED("card", "drive", 6, "dn2"), { "dn2" } },
	{ { { "up1", ACS_RR } }, ACS_REFUSED("card", "drive", 6, "up1"), { "up1" } },
	{ { { "dn10", ACS_CR } }, ACS_REFUSED("card", "drive", 6, "dn10"), { "dn10" } },
	{ { { "dn10", ACS_RR }, { "up1", ACS_RR }, { "dn2", ACS_RR } },
	  ACS_REFUSED("card", "drive", 6, "dn10"), { "dn10", "up1", "dn2" } },
	/* conventional PCI: the bridge above it */
	{ { { "pci", ACS_RR } }, ACS_REFUSED("old", "nic", 5, "pci"), { "pci" } },
	{ { { "dn3", ACS_RR } }, ACS_REFUSED("card", "old", 5, "dn3"), { "dn3" } },
	/* functions of one device, to another device and within the device */
	{ { { "card", ACS_RR } }, ACS_REFUSED("card", "nic", 4, "card"), { "card" } },
	{ { { "twin", ACS_CR } }, ACS_REFUSED("card", "twin", 2, "twin"), { "twin" } },
	{ { { "card", ACS_RR }, { "twin", ACS_RR } },
	  ACS_REFUSED("card", "twin", 2, "card"), { "card", "twin" } },
	{ { { "twin", ACS_RR } }, PAIRKIT_BUS("card", "nic", 4) },
	{ { { "dn0", ACS_RR } }, PAIRKIT_BUS("card", "twin", 2) },
	{ { { "card", ACS_RR } }, PAIRKIT_BUS("card", "card", 0) },
	/* an end point with one function redirects nothing */
	{ { { "nic", ACS_RR | ACS_CR } }, PAIRKIT_BUS("card", "nic", 4) },
	/* the other bits do not affect peer requests */
	{ { { "dn0", PCI_ACS_SV | PCI_ACS_TB | PCI_ACS_UF | PCI_ACS_DT },
	    { "dn1", PCI_ACS_SV | PCI_ACS_TB | PCI_ACS_UF | PCI_ACS_DT } },
	  PAIRKIT_BUS("card", "nic", 4) },
};

/* The list for pci=disable_acs_redir= */
static void acs_expect_list(struct kunit *test, struct fabric *f, const struct acs_row *row)
{
	struct pci_dev *provider = fabric_pdev(f, row->row.provider);
	struct pci_dev *client = fabric_pdev(f, row->row.client);
	char want[80] = "", got[80];
	int i, n;

	for (i = 0; i < ACS_WORDS && row->list[i]; i++) {
		if (i)
			strcat(want, ";");
		strcat(want, pairkit_name(f, row->list[i]));
	}
	n = p2pmem_path_acs_list(provider, client, got, sizeof(got));
	KUNIT_EXPECT_STREQ_MSG(test, got, want, "%s to %s", row->row.client,
			       row->row.provider);
	KUNIT_EXPECT_EQ(test, n, strlen(want));
}

static void redirects_count_where_requests_pass(struct kunit *test)
{
	struct fabric *f = fabric_build(test, acs_tree);
	const struct acs_row *row;
	char what[64];
	int i, n;

	for (row = acs_rows; row < acs_rows + ARRAY_SIZE(acs_rows); row++) {
		for (i = 0, n = 0; i < ACS_WORDS && row->set[i].name; i++) {
			fabric_set_acs_ctrl(f, row->set[i].name, row->set[i].ctrl);
			n += scnprintf(what + n, sizeof(what) - n, "%s=%#x ",
				       row->set[i].name, row->set[i].ctrl);
		}
		pairkit_expect(test, f, &row->row, what);
		acs_expect_list(test, f, row);
		for (i = 0; i < ACS_WORDS && row->set[i].name; i++)
			fabric_set_acs_ctrl(f, row->set[i].name, 0);
	}
}

/* A function without the capability cannot redirect, whatever that register contains. */
static void without_the_capability_nothing_counts(struct kunit *test)
{
	static const struct pairkit_row row = PAIRKIT_BUS("card", "nic", 4);
	struct fabric *f = fabric_build(test, kit_one_switch);

	fabric_set_acs_ctrl(f, "dn0", ACS_ALL);
	fabric_set_acs_ctrl(f, "dn1", ACS_ALL);
	pairkit_expect(test, f, &row, "no capability");
}

/* With a host bridge that forwards, a redirect only makes the path longer. */
static void redirects_through_a_host_bridge_that_forwards(struct kunit *test)
{
	static const struct pairkit_row bus = PAIRKIT_BUS("card", "nic", 4);
	static const struct pairkit_row host = PAIRKIT_HOST("card", "nic", 4);
	struct fabric *f = fabric_build(test, acs_tree);

	pairkit_cpu(test, true);
	pairkit_expect(test, f, &bus, "no redirect");
	fabric_set_acs_ctrl(f, "dn1", ACS_RR);
	pairkit_expect(test, f, &host, "dn1 redirects");
}

/* A short buffer truncates the list, and the returned length with it. */
static void the_list_stays_within_its_buffer(struct kunit *test)
{
	struct fabric *f = fabric_build(test, acs_tree);
	struct pci_dev *card = fabric_pdev(f, "card"), *nic = fabric_pdev(f, "nic");
	char buf[80];
	int n, len;

	fabric_set_acs_ctrl(f, "dn0", ACS_RR);
	fabric_set_acs_ctrl(f, "dn1", ACS_RR);
	for (len = 1; len < sizeof(buf); len++) {
		memset(buf, 0x5a, sizeof(buf));
		n = p2pmem_path_acs_list(card, nic, buf, len);
		KUNIT_EXPECT_GE(test, n, 0);
		KUNIT_EXPECT_LT(test, n, len);
		KUNIT_EXPECT_EQ(test, strnlen(buf, len), n);
		KUNIT_EXPECT_EQ_MSG(test, buf[len], 0x5a, "written beyond %d bytes", len);
	}
	buf[0] = 0x5a;
	KUNIT_EXPECT_LT(test, p2pmem_path_acs_list(card, nic, buf, 0), 0);
	KUNIT_EXPECT_EQ(test, buf[0], 0x5a);
}

static struct kunit_case acs_cases[] = {
	KUNIT_CASE(redirects_count_where_requests_pass),
	KUNIT_CASE(without_the_capability_nothing_counts),
	KUNIT_CASE(redirects_through_a_host_bridge_that_forwards),
	KUNIT_CASE(the_list_stays_within_its_buffer),
	{}
};

static struct kunit_suite acs_suite = {
	.name = "p2pmem-acs",
	.init = acs_init,
	.test_cases = acs_cases,
};

kunit_test_suite(acs_suite);
