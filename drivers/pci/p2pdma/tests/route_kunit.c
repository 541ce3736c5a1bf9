// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: registers of the functions between two ends
 *
 * Settings that break a direct transfer, reads that fail, and the signature that
 * identifies a pair's own route. topology_kunit.c and the tests in user space check the
 * rules; this suite checks whether the registers reach them.
 */
#include <linux/bitfield.h>
#include <linux/log2.h>
#include <linux/pci.h>
#include <linux/sizes.h>

#include "pairkit.h"

/*
 *	host -- rp -- up -+- dn0 -- card
 *			  +- dn1 -- nic
 *			  `- dn2 -- drive
 */
static int route_init(struct kunit *test)
{
	pairkit_cpu(test, false);
	return 0;
}

#define ROUTE_MPS(_bytes)	FIELD_PREP(PCI_EXP_DEVCTL_PAYLOAD, ilog2(_bytes) - 7)
#define ROUTE_MRRS(_bytes)	FIELD_PREP(PCI_EXP_DEVCTL_READRQ, ilog2(_bytes) - 7)

static void route_sizes(struct fabric *f, const char *name, unsigned int mps, unsigned int mrrs)
{
	fabric_set_config(f, name, fabric_pdev(f, name)->pcie_cap + PCI_EXP_DEVCTL, 2,
			  ROUTE_MPS(mps) | ROUTE_MRRS(mrrs));
}

static void route_all(struct fabric *f, unsigned int mps)
{
	static const char * const all[] = {
		"rp", "up", "dn0", "dn1", "dn2", "card", "nic", "drive",
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(all); i++)
		route_sizes(f, all[i], mps, 512);
}

static const struct pairkit_row good = PAIRKIT_BUS("card", "nic", 4);

static void payload_of_every_function_on_the_way(struct kunit *test)
{
	static const struct pairkit_row small_card =
		PAIRKIT_NOT("card", "nic", 4, PCI_P2PMEM_PAYLOAD_SIZE, "card");
	static const struct pairkit_row small_port =
		PAIRKIT_NOT("card", "nic", 4, PCI_P2PMEM_PAYLOAD_SIZE, "dn1");
	static const struct pairkit_row small_nic =
		PAIRKIT_NOT("card", "nic", 4, PCI_P2PMEM_PAYLOAD_SIZE, "nic");
	struct fabric *f = fabric_build(test, kit_one_switch);

	route_all(f, 512);
	pairkit_expect(test, f, &good, "equal settings");
	route_sizes(f, "card", 128, 512);
	pairkit_expect(test, f, &small_card, "writes of 512 bytes to 128");
	route_sizes(f, "card", 512, 512);
	route_sizes(f, "dn1", 256, 512);
	pairkit_expect(test, f, &small_port, "a port of 256");
	route_sizes(f, "dn1", 512, 512);
	route_sizes(f, "nic", 128, 512);
	pairkit_expect(test, f, &small_nic, "completions of 512 bytes to 128");
	route_sizes(f, "nic", 128, 128);
	pairkit_expect(test, f, &good, "reads are small enough");
	route_sizes(f, "up", 128, 128);
	route_sizes(f, "rp", 128, 128);
	pairkit_expect(test, f, &good, "ports above the turn are not on the path");
}

static void tags_of_the_ends(struct kunit *test)
{
	static const struct pairkit_row refused =
		PAIRKIT_NOT("card", "nic", 4, PCI_P2PMEM_TAG_SIZE, "nic");
	struct fabric *f = fabric_build(test, kit_one_switch);
	int nic = fabric_pdev(f, "nic")->pcie_cap, card = fabric_pdev(f, "card")->pcie_cap;

	fabric_set_config(f, "card", card + PCI_EXP_DEVCTL2, 2, BIT(12));
	pairkit_expect(test, f, &good, "the provider sends no requests");
	fabric_set_config(f, "nic", nic + PCI_EXP_DEVCTL2, 2, BIT(12));
	pairkit_expect(test, f, &refused, "10-bit requester, 8-bit completer");
	fabric_set_config(f, "card", card + PCI_EXP_DEVCAP2, 4, BIT(16));
	pairkit_expect(test, f, &good, "10-bit requester and completer");
}

static void both_ends_are_trusted(struct kunit *test)
{
	static const struct pairkit_row card_row =
		PAIRKIT_NOT("card", "nic", 4, PCI_P2PMEM_UNTRUSTED, "card");
	static const struct pairkit_row nic_row =
		PAIRKIT_NOT("card", "nic", 4, PCI_P2PMEM_UNTRUSTED, "nic");
	struct fabric *f = fabric_build(test, kit_one_switch);

	pairkit_expect(test, f, &good, "both trusted");
	fabric_pdev(f, "card")->untrusted = 1;
	pairkit_expect(test, f, &card_row, "provider");
	fabric_pdev(f, "card")->untrusted = 0;
	fabric_pdev(f, "nic")->untrusted = 1;
	pairkit_expect(test, f, &nic_row, "client");
	fabric_pdev(f, "nic")->untrusted = 0;
}

static const struct fabric_node route_acs[] = {
	{ .name = "host", .type = FABRIC_HOST },
	{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host" },
	{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp" },
	{ .name = "dn0", .type = FABRIC_DOWNSTREAM, .parent = "up", .port = 1,
	  .acs_cap = PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_EC | 32 << 8 },
	{ .name = "dn1", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 1, .port = 2 },
	{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "dn0", PAIRKIT_BAR },
	{ .name = "nic", .type = FABRIC_ENDPOINT, .parent = "dn1" },
	{ }
};

struct route_register {
	const char *what;
	const char *name;
	int where;
	int size;
};

/* Let each register read as all ones, and restore it afterwards */
static void all_ones_is_no_value(struct kunit *test)
{
	struct fabric *f = fabric_build(test, route_acs);
	struct p2pmem_provider *p = kit_provider(kit_lend(test, f, "card"));
	struct device *nic = kit_client(test, f, "nic");
	struct pci_dev *dn0 = fabric_pdev(f, "dn0"), *dn1 = fabric_pdev(f, "dn1");
	const struct route_register reg[] = {
		{ "ACS control", "dn0", dn0->acs_cap + PCI_ACS_CTRL, 2 },
		{ "ACS capability", "dn0", dn0->acs_cap + PCI_ACS_CAP, 2 },
		{ "port number", "dn1", dn1->pcie_cap + PCI_EXP_LNKCAP, 4 },
		{ "device control", "dn1", dn1->pcie_cap + PCI_EXP_DEVCTL, 2 },
		{ "device control 2", "card", p->pdev->pcie_cap + PCI_EXP_DEVCTL2, 2 },
		{ "device capabilities 2", "nic",
		  to_pci_dev(nic)->pcie_cap + PCI_EXP_DEVCAP2, 4 },
	};
	struct pci_p2pmem_verdict v;
	u64 sig;
	u32 was;
	int i;

	fabric_set_acs_ctrl(f, "dn0", PCI_ACS_EC);
	KUNIT_ASSERT_EQ(test, p2pmem_route_evaluate(p, nic, &v, NULL), 0);
	KUNIT_ASSERT_EQ(test, v.reason, PCI_P2PMEM_OK);
	for (i = 0; i < ARRAY_SIZE(reg); i++) {
		struct pci_dev *pdev = fabric_pdev(f, reg[i].name);
		u16 word = 0;

		if (reg[i].size == 2)
			pci_read_config_word(pdev, reg[i].where, &word);
		else
			pci_read_config_dword(pdev, reg[i].where, &was);
		if (reg[i].size == 2)
			was = word;
		fabric_set_config(f, reg[i].name, reg[i].where, reg[i].size, ~0);
		sig = 5;
		KUNIT_EXPECT_EQ_MSG(test, p2pmem_route_evaluate(p, nic, &v, &sig), -EAGAIN, "%s",
				    reg[i].what);
		KUNIT_EXPECT_NE_MSG(test, v.reason, PCI_P2PMEM_OK, "%s", reg[i].what);
		KUNIT_EXPECT_EQ(test, v.mapping, PCI_P2PMEM_MAP_NONE);
		KUNIT_EXPECT_EQ_MSG(test, sig, 5, "%s", reg[i].what);
		fabric_set_config(f, reg[i].name, reg[i].where, reg[i].size, was);
		KUNIT_EXPECT_EQ_MSG(test, p2pmem_route_evaluate(p, nic, &v, NULL), 0, "%s",
				    reg[i].what);
		KUNIT_EXPECT_EQ_MSG(test, v.reason, PCI_P2PMEM_OK, "%s", reg[i].what);
	}
	/* an egress vector can be all ones */
	fabric_set_egress(f, "dn0", ~0);
	KUNIT_EXPECT_EQ(test, p2pmem_route_evaluate(p, nic, &v, NULL), 0);
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_ACS_EGRESS);
}

/* A port that does not respond to one read, the first or the last of its ACS control word */
static void function_that_does_not_respond_once(struct kunit *test)
{
	struct fabric *f = fabric_build(test, route_acs);
	struct p2pmem_provider *p = kit_provider(kit_lend(test, f, "card"));
	struct device *nic = kit_client(test, f, "nic");
	int acs = fabric_pdev(f, "dn0")->acs_cap;
	struct pci_p2pmem_verdict v;
	unsigned int after;

	fabric_set_acs_ctrl(f, "dn0", PCI_ACS_EC);
	for (after = 0; after < 2; after++) {
		fabric_blink(f, "dn0", acs + PCI_ACS_CTRL, after);
		KUNIT_EXPECT_EQ_MSG(test, p2pmem_route_evaluate(p, nic, &v, NULL), -EAGAIN,
				    "after %u successful reads", after);
		KUNIT_EXPECT_EQ(test, p2pmem_route_evaluate(p, nic, &v, NULL), 0);
		KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_OK);
	}
}

/* A port that was removed without notice to the kernel */
static void removed_function_has_no_verdict(struct kunit *test)
{
	struct fabric *f = fabric_build(test, route_acs);
	struct p2pmem_provider *p = kit_provider(kit_lend(test, f, "card"));
	struct device *nic = kit_client(test, f, "nic");
	struct pci_p2pmem_verdict v;
	char list[80];

	fabric_kill(f, "dn1");
	KUNIT_EXPECT_EQ(test, p2pmem_route_evaluate(p, nic, &v, NULL), -EAGAIN);
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_REVOKED);
	KUNIT_EXPECT_STREQ(test, v.note, "a function between the two does not answer");
	KUNIT_EXPECT_EQ(test, p2pmem_path_acs_list(p->pdev, to_pci_dev(nic), list, sizeof(list)),
			-EAGAIN);
	KUNIT_EXPECT_EQ(test, p2pmem_path_entries(p->pdev, to_pci_dev(nic), list, sizeof(list)),
			-EAGAIN);
}

static u64 route_sig(struct kunit *test, struct p2pmem_provider *p, struct device *client)
{
	struct pci_p2pmem_verdict v;
	u64 sig = 0;

	KUNIT_EXPECT_EQ(test, p2pmem_route_evaluate(p, client, &v, &sig), 0);
	KUNIT_EXPECT_NE(test, sig, 0);
	return sig;
}

static void the_signature_is_of_this_route_only(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct p2pmem_provider *p = kit_provider(kit_lend(test, f, "card"));
	struct device *nic = kit_client(test, f, "nic");
	struct device *drive = kit_client(test, f, "drive");
	u64 sig = route_sig(test, p, nic);

	KUNIT_EXPECT_EQ(test, route_sig(test, p, nic), sig);
	KUNIT_EXPECT_NE(test, route_sig(test, p, drive), sig);
	route_sizes(f, "dn2", 4096, 4096);
	kit_allow(test, "8086:1234");
	KUNIT_EXPECT_EQ_MSG(test, route_sig(test, p, nic), sig, "no change on the path");
	fabric_unplug(f, "drive");
	KUNIT_EXPECT_EQ_MSG(test, route_sig(test, p, nic), sig, "hotplug elsewhere");
	route_sizes(f, "dn1", 4096, 4096);
	KUNIT_EXPECT_NE_MSG(test, route_sig(test, p, nic), sig, "a setting of the client's port");
}

static void signature_includes_acs(struct kunit *test)
{
	struct fabric *f = fabric_build(test, route_acs);
	struct p2pmem_provider *p = kit_provider(kit_lend(test, f, "card"));
	struct device *nic = kit_client(test, f, "nic");
	u64 plain, redirects, egress;

	plain = route_sig(test, p, nic);
	fabric_set_acs_ctrl(f, "dn0", PCI_ACS_RR);
	redirects = route_sig(test, p, nic);
	KUNIT_EXPECT_NE(test, redirects, plain);
	fabric_set_acs_ctrl(f, "dn0", PCI_ACS_EC);
	egress = route_sig(test, p, nic);
	KUNIT_EXPECT_NE(test, egress, plain);
	KUNIT_EXPECT_NE(test, egress, redirects);
	fabric_set_egress(f, "dn0", BIT(9));
	KUNIT_EXPECT_NE(test, route_sig(test, p, nic), egress);
	fabric_set_acs_ctrl(f, "dn0", 0);
	KUNIT_EXPECT_EQ(test, route_sig(test, p, nic), plain);
}

static struct kunit_case route_cases[] = {
	KUNIT_CASE(payload_of_every_function_on_the_way),
	KUNIT_CASE(tags_of_the_ends),
	KUNIT_CASE(both_ends_are_trusted),
	KUNIT_CASE(all_ones_is_no_value),
	KUNIT_CASE(function_that_does_not_respond_once),
	KUNIT_CASE(removed_function_has_no_verdict),
	KUNIT_CASE(the_signature_is_of_this_route_only),
	KUNIT_CASE(signature_includes_acs),
	{}
};

static struct kunit_suite route_suite = {
	.name = "p2pmem-path-route",
	.init = route_init,
	.test_cases = route_cases,
};

kunit_test_suite(route_suite);
