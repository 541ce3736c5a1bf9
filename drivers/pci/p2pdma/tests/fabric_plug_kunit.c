// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the fabric itself: changes
 *
 * Devices that are plugged and removed, drivers that are unbound, and registers that
 * change without the kernel. The drawing of the switch is in kit.c.
 */
#include <linux/pci.h>
#include <linux/sizes.h>

#include <kunit/test.h>

#include "fabric.h"
#include "kit.h"

static const struct fabric_node other_card[] = {
	{ .name = "other", .type = FABRIC_ENDPOINT, .parent = "dn0", .device = 0x77,
	  .bar = { [2] = { .size = SZ_2M, .flags = FABRIC_BAR_64 } } },
	{ }
};

static void another_device_at_the_same_address(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *nic = fabric_pdev(f, "nic");
	unsigned int id = pci_dev_id(fabric_pdev(f, "card"));

	fabric_unplug(f, "card");
	KUNIT_EXPECT_NULL(test, fabric_pdev(f, "card"));
	fabric_plug(f, other_card);
	KUNIT_ASSERT_NOT_NULL(test, fabric_pdev(f, "other"));
	KUNIT_EXPECT_EQ(test, pci_dev_id(fabric_pdev(f, "other")), id);
	KUNIT_EXPECT_EQ(test, fabric_pdev(f, "other")->device, 0x77);
	KUNIT_EXPECT_EQ(test, pci_resource_len(fabric_pdev(f, "other"), 2), SZ_2M);
	KUNIT_EXPECT_NOT_NULL(test, fabric_pdev(f, "other")->driver);
	KUNIT_EXPECT_PTR_EQ_MSG(test, fabric_pdev(f, "nic"), nic,
				"a function that fits must not disturb others");
}

static const struct fabric_node large_card[] = {
	{ .name = "large", .type = FABRIC_ENDPOINT, .parent = "dn0",
	  .bar = { [2] = { .size = SZ_64M, .flags = FABRIC_BAR_64 } } },
	{ }
};

static void a_larger_bar_at_the_same_address(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);

	fabric_unplug(f, "card");
	fabric_plug(f, large_card);
	KUNIT_ASSERT_NOT_NULL(test, fabric_pdev(f, "large"));
	KUNIT_EXPECT_EQ(test, pci_resource_len(fabric_pdev(f, "large"), 2), SZ_64M);
	KUNIT_EXPECT_NOT_NULL(test, fabric_pdev(f, "nic"));
	kit_lend(test, f, "large");
}

/* dn0 -- up1 -- dn10 -- small: more buses than dn0 had */
static const struct fabric_node whole_switch[] = {
	{ .name = "up1", .type = FABRIC_UPSTREAM, .parent = "dn0" },
	{ .name = "dn10", .type = FABRIC_DOWNSTREAM, .parent = "up1" },
	{ .name = "small", .type = FABRIC_ENDPOINT, .parent = "dn10" },
	{ }
};

static void a_switch_in_place_of_a_card(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);

	fabric_unplug(f, "card");
	fabric_plug(f, whole_switch);
	KUNIT_ASSERT_NOT_NULL(test, fabric_pdev(f, "small"));
	KUNIT_EXPECT_PTR_EQ(test, pci_upstream_bridge(fabric_pdev(f, "small")),
			    fabric_pdev(f, "dn10"));
	KUNIT_EXPECT_NOT_NULL(test, fabric_pdev(f, "drive"));

	fabric_unplug(f, "dn0");
	KUNIT_EXPECT_NULL(test, fabric_pdev(f, "small"));
	KUNIT_EXPECT_NULL(test, fabric_pdev(f, "up1"));
	KUNIT_EXPECT_NOT_NULL(test, fabric_pdev(f, "drive"));
}

static const struct fabric_node second_function[] = {
	{ .name = "nic1", .type = FABRIC_ENDPOINT, .parent = "dn1", .fn = 1 },
	{ }
};

static void a_second_function(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);

	fabric_plug(f, second_function);
	KUNIT_ASSERT_NOT_NULL(test, fabric_pdev(f, "nic1"));
	KUNIT_EXPECT_TRUE(test, fabric_pdev(f, "nic")->multifunction);
}

static void the_dead_read_all_ones(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *nic = fabric_pdev(f, "nic");
	u32 val = 0;

	KUNIT_EXPECT_TRUE(test, pci_device_is_present(nic));
	fabric_kill(f, "dn1");
	KUNIT_EXPECT_PTR_EQ_MSG(test, fabric_pdev(f, "nic"), nic, "the kernel is not notified");
	KUNIT_EXPECT_FALSE(test, pci_device_is_present(nic));
	pci_write_config_dword(nic, PCI_BASE_ADDRESS_0, 0);
	pci_read_config_dword(nic, PCI_COMMAND, &val);
	KUNIT_EXPECT_EQ(test, val, ~0U);
	KUNIT_EXPECT_TRUE(test, pci_device_is_present(fabric_pdev(f, "card")));
	fabric_unplug(f, "dn1");
	KUNIT_EXPECT_NULL(test, fabric_pdev(f, "nic"));
	KUNIT_EXPECT_NULL(test, fabric_pdev(f, "dn1"));
}

static struct pci_dev *removed;
static bool still_lent;

static void note_removal(struct pci_dev *pdev)
{
	removed = pdev;
	still_lent = pci_p2pmem_is_provider(pdev) && kit_provider(pdev);
}

static void drivers_unbind_and_bind(struct kunit *test)
{
	struct fabric *f = fabric_build(test, kit_one_switch);
	struct pci_dev *card = kit_lend(test, f, "card");
	struct device *nic = kit_client(test, f, "nic");

	removed = NULL;
	fabric_on_remove(f, "card", note_removal);
	fabric_unbind(f, "card");
	KUNIT_EXPECT_PTR_EQ(test, removed, card);
	KUNIT_EXPECT_TRUE_MSG(test, still_lent, "the hook must come before the revocation");
	KUNIT_EXPECT_NULL(test, card->driver);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(card));
	KUNIT_EXPECT_NULL(test, kit_provider(card));

	removed = NULL;
	KUNIT_EXPECT_EQ(test, fabric_bind(f, "card"), 0);
	KUNIT_EXPECT_NOT_NULL(test, card->driver);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_is_provider(card));
	kit_lend(test, f, "card");
	fabric_on_remove(f, "card", NULL);
	fabric_unplug(f, "card");
	KUNIT_EXPECT_NULL(test, removed);

	KUNIT_EXPECT_EQ(test, fabric_bind(f, "card"), -ENODEV);
	KUNIT_EXPECT_PTR_EQ(test, pci_p2pmem_find_client(nic), nic);
	put_device(nic);
	fabric_unbind(f, "nic");
	KUNIT_EXPECT_NULL(test, pci_p2pmem_find_client(nic));
}

/* host -- rp -- card, ACS of the port: request redirect and egress control, 32 bits */
static const struct fabric_node acs_port[] = {
	{ .name = "host", .type = FABRIC_HOST },
	{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host",
	  .acs_cap = PCI_ACS_RR | PCI_ACS_EC | 32 << 8, .acs_ctrl = PCI_ACS_EC,
	  .egress = 0x80000001 },
	{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "rp" },
	{ }
};

static void registers_change_behind_the_kernels_back(struct kunit *test)
{
	struct fabric *f = fabric_build(test, acs_port);
	struct pci_dev *rp = fabric_pdev(f, "rp");
	u32 vector;
	u16 ctrl;

	KUNIT_ASSERT_EQ(test, rp->acs_cap, 0x100);
	KUNIT_EXPECT_EQ(test, fabric_pdev(f, "card")->acs_cap, 0);
	pci_read_config_word(rp, rp->acs_cap + PCI_ACS_CTRL, &ctrl);
	KUNIT_EXPECT_EQ(test, ctrl, PCI_ACS_EC);
	pci_read_config_dword(rp, rp->acs_cap + PCI_ACS_EGRESS_CTL_V, &vector);
	KUNIT_EXPECT_EQ(test, vector, 0x80000001);

	fabric_set_acs_ctrl(f, "rp", PCI_ACS_RR);
	pci_read_config_word(rp, rp->acs_cap + PCI_ACS_CTRL, &ctrl);
	KUNIT_EXPECT_EQ(test, ctrl, PCI_ACS_RR);
	fabric_set_egress(f, "rp", 4);
	pci_read_config_dword(rp, rp->acs_cap + PCI_ACS_EGRESS_CTL_V, &vector);
	KUNIT_EXPECT_EQ(test, vector, 4);

	/* The port has no completion redirect: that bit cannot be set by software. */
	pci_write_config_word(rp, rp->acs_cap + PCI_ACS_CTRL, PCI_ACS_EC | PCI_ACS_CR);
	KUNIT_EXPECT_EQ(test, fabric_acs_ctrl(f, "rp"), PCI_ACS_EC);
}

static struct kunit_case fabric_plug_cases[] = {
	KUNIT_CASE(another_device_at_the_same_address),
	KUNIT_CASE(a_larger_bar_at_the_same_address),
	KUNIT_CASE(a_switch_in_place_of_a_card),
	KUNIT_CASE(a_second_function),
	KUNIT_CASE(the_dead_read_all_ones),
	KUNIT_CASE(drivers_unbind_and_bind),
	KUNIT_CASE(registers_change_behind_the_kernels_back),
	{}
};

static struct kunit_suite fabric_plug_suite = {
	.name = "p2pmem-fabric-plug",
	.test_cases = fabric_plug_cases,
};

kunit_test_suite(fabric_plug_suite);
