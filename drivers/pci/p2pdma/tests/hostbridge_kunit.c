// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: host bridges that forward, and others
 *
 * A host bridge is identified by a function: the first one of its root bus, at 00.0, or
 * a root port. Each host bridge has a domain of its own here.
 */
#include <kunit/static_stub.h>
#include <linux/pci.h>
#ifdef CONFIG_X86
#include <asm/cpufeature.h>
#include <asm/processor.h>
#endif

#include "../topology.h"
#include "pairkit.h"

#define HB_INTEL(_device)	.vendor = PCI_VENDOR_ID_INTEL, .device = _device
#define HB_HOST(_name)		.name = _name, .type = FABRIC_HOST, .window = SZ_16M
#define HB_PORT(_name, _host, _slot)	\
	.name = _name, .type = FABRIC_ROOT_PORT, .parent = _host, .slot = _slot
#define HB_CARD(_name, _port)	\
	.name = _name, .type = FABRIC_ENDPOINT, .parent = _port, PAIRKIT_BAR

static int hostbridge_init(struct kunit *test)
{
	pairkit_cpu(test, false);
	return 0;
}

/* Every ID of the list: forwards within, forwards to other host bridges */
static const struct {
	u16 device;
	bool across;
	u16 vendor;		/* 0: Intel */
} hb_known[] = {
	{ 0x3c00, false }, { 0x3c01, false }, { 0x2f00, false }, { 0x2f01, false },
	{ 0x2020, true }, { 0x2030, true }, { 0x2031, true }, { 0x2032, true },
	{ 0x2033, true }, { 0x09a2, true }, { 0x0b25, true }, { 0x0cfe, true },
	{ 0x11fb, true }, { 0x1212, true }, { 0x1216, true }, { 0x4940, true },
	{ 0x4942, true }, { 0x4944, true }, { 0x4946, true }, { 0x4948, true },
	{ 0x6f00, false }, { 0x0c08, false },
	{ 0x2f95, true, 0x10de }, { 0x2f98, true, 0x10de }, { 0x1008, true, 0x1d17 },
	{ 0x1003, false, 0x1d17 }, { 0x8000, true, 0x1ded },
	/* any device of this vendor */
	{ 0x0001, true, 0x1ae0 }, { 0xabcd, true, 0x1ae0 },
};

static void hb_expect(struct kunit *test, struct fabric *f, const char *name, bool same,
		      bool across)
{
	struct p2pmem_host h = { .allowed = !same, .allowed_across = !across };
	struct pci_dev *first = p2pmem_host_function(fabric_host(f, name));

	p2pmem_host_evaluate(first, NULL, &h);
	pci_dev_put(first);
	KUNIT_EXPECT_EQ_MSG(test, h.allowed, same, "%s: between its own root ports", name);
	KUNIT_EXPECT_EQ_MSG(test, h.allowed_across, across, "%s: to other host bridges", name);
	KUNIT_EXPECT_FALSE_MSG(test, h.by_admin || h.by_admin_across, "%s", name);
}

/* host0 .. -- 00.0 of each known ID */
static void known_host_bridges_forward(struct kunit *test)
{
	struct fabric_node *nodes;
	struct fabric *f;
	char *names;
	int i;

	nodes = kunit_kcalloc(test, 2 * ARRAY_SIZE(hb_known) + 1, sizeof(*nodes), GFP_KERNEL);
	names = kunit_kcalloc(test, 2 * ARRAY_SIZE(hb_known), 8, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, nodes);
	KUNIT_ASSERT_NOT_NULL(test, names);
	for (i = 0; i < ARRAY_SIZE(hb_known); i++) {
		char *host = names + 16 * i, *first = host + 8;

		snprintf(host, 8, "host%d", i);
		snprintf(first, 8, "first%d", i);
		nodes[2 * i] = (struct fabric_node){ .name = host, .type = FABRIC_HOST,
			.window = SZ_16M };
		nodes[2 * i + 1] = (struct fabric_node){ .name = first, .type = FABRIC_RCIEP,
			.parent = host, .device = hb_known[i].device,
			.vendor = hb_known[i].vendor ?: PCI_VENDOR_ID_INTEL };
	}
	f = fabric_build(test, nodes);
	for (i = 0; i < ARRAY_SIZE(hb_known); i++)
		hb_expect(test, f, nodes[2 * i].name, true, hb_known[i].across);
}

/*
 *	empty
 *	unknown	- 00.0 with an unknown ID
 *	other	- 00.0 with a known device ID, but of another vendor
 *	late	- 01.0 with a known ID, an end point: does not identify the host bridge
 *	second	- 00.0 with an unknown ID, 01.0 root port with a known one: not the first
 *	port	- 01.0 root port with a known ID, the first function
 */
static const struct fabric_node strangers[] = {
	{ HB_HOST("empty") },
	{ HB_HOST("unknown") },
	{ .name = "unknown0", .type = FABRIC_RCIEP, .parent = "unknown", HB_INTEL(0x3c02) },
	{ HB_HOST("other") },
	{ .name = "other0", .type = FABRIC_RCIEP, .parent = "other", .device = 0x2030 },
	{ HB_HOST("late") },
	{ .name = "late1", .type = FABRIC_RCIEP, .parent = "late", .slot = 1, HB_INTEL(0x2030) },
	{ HB_HOST("second") },
	{ .name = "second0", .type = FABRIC_RCIEP, .parent = "second" },
	{ HB_PORT("second1", "second", 1), HB_INTEL(0x2030) },
	{ HB_HOST("port") },
	{ HB_PORT("port1", "port", 1), HB_INTEL(0x2030) },
	{ }
};

static void the_first_function_stands_for_it(struct kunit *test)
{
	struct fabric *f = fabric_build(test, strangers);

	hb_expect(test, f, "empty", false, false);
	hb_expect(test, f, "unknown", false, false);
	hb_expect(test, f, "other", false, false);
	hb_expect(test, f, "late", false, false);
	hb_expect(test, f, "second", false, false);
	hb_expect(test, f, "port", true, true);
}

static void a_processor_that_forwards_needs_no_list(struct kunit *test)
{
	struct fabric *f = fabric_build(test, strangers);

	pairkit_cpu(test, true);
	hb_expect(test, f, "empty", true, true);
	hb_expect(test, f, "unknown", true, true);
}

#ifdef CONFIG_X86
/* The check of the processor itself, with this machine's processor */
static void processor_is_checked(struct kunit *test)
{
	struct p2pmem_entry cpu = { .cpu = "unknown" };

	kunit_deactivate_static_stub(test, p2pmem_cpu_id);
	p2pmem_cpu_id(&cpu);
	KUNIT_EXPECT_STREQ(test, cpu.cpu, boot_cpu_data.x86_vendor_id);
	KUNIT_EXPECT_EQ(test, cpu.family, boot_cpu_data.x86);
	KUNIT_EXPECT_EQ(test, cpu.model, boot_cpu_data.x86_model);
}
#endif

/*
 *	xeon0 -+- 00.0 (8086:2f00) -- a0	within only
 *	       `- 01.0 -- a1
 *	xeon1 --- 00.0 (8086:2f00) -- b0	within only
 *	sky0 --+- 00.0 (8086:2030) -- c0	also to others
 *	       `- 01.0 -- up -+- 00.0 c-dn0, ACS -- c1
 *			      `- 01.0 c-dn1 -- c2
 *	sky1 ---- 00.0 (8086:2030) -- d0	also to others
 *	plain -+- 00.0 -- e0			not known
 *	       `- 01.0 -- e1
 */
static const struct fabric_node several[] = {
	{ HB_HOST("xeon0") },
	{ HB_PORT("a-rp0", "xeon0", 0), HB_INTEL(0x2f00) },
	{ HB_PORT("a-rp1", "xeon0", 1) },
	{ HB_CARD("a0", "a-rp0") },
	{ HB_CARD("a1", "a-rp1") },
	{ HB_HOST("xeon1") },
	{ HB_PORT("b-rp0", "xeon1", 0), HB_INTEL(0x2f00) },
	{ HB_CARD("b0", "b-rp0") },
	{ HB_HOST("sky0") },
	{ HB_PORT("c-rp0", "sky0", 0), HB_INTEL(0x2030) },
	{ HB_PORT("c-rp1", "sky0", 1) },
	{ .name = "c-up", .type = FABRIC_UPSTREAM, .parent = "c-rp1" },
	{ .name = "c-dn0", .type = FABRIC_DOWNSTREAM, .parent = "c-up",
	  .acs_cap = PCI_ACS_RR | PCI_ACS_CR, .acs_ctrl = PCI_ACS_RR | PCI_ACS_CR },
	{ .name = "c-dn1", .type = FABRIC_DOWNSTREAM, .parent = "c-up", .slot = 1 },
	{ HB_CARD("c0", "c-rp0") },
	{ HB_CARD("c1", "c-dn0") },
	{ HB_CARD("c2", "c-dn1") },
	{ HB_HOST("sky1") },
	{ HB_PORT("d-rp0", "sky1", 0), HB_INTEL(0x2030) },
	{ HB_CARD("d0", "d-rp0") },
	{ HB_HOST("plain") },
	{ HB_PORT("e-rp0", "plain", 0) },
	{ HB_PORT("e-rp1", "plain", 1) },
	{ HB_CARD("e0", "e-rp0") },
	{ HB_CARD("e1", "e-rp1") },
	{ }
};

static const struct pairkit_row several_rows[] = {
	PAIRKIT_HOST("a0", "a1", 4),
	PAIRKIT_HOST("c0", "c2", 6),
	PAIRKIT_HOST("c0", "d0", 4),		/* both forward to other host bridges */
	PAIRKIT_HOST("c1", "d0", 6),		/* redirected to the path that is used anyway */
	PAIRKIT_HOST("c1", "c2", 4),		/* redirected, then forwarded */
	PAIRKIT_NOT("a0", "b0", 4, PCI_P2PMEM_HOST_BRIDGE, "xeon0"),
	PAIRKIT_NOT("c0", "a0", 4, PCI_P2PMEM_HOST_BRIDGE, "sky0"),
	PAIRKIT_NOT("a0", "c0", 4, PCI_P2PMEM_HOST_BRIDGE, "xeon0"),
	PAIRKIT_NOT("e0", "e1", 4, PCI_P2PMEM_HOST_BRIDGE, "plain"),
	PAIRKIT_NOT("c0", "e0", 4, PCI_P2PMEM_HOST_BRIDGE, "sky0"),
	PAIRKIT_NOT("e0", "c0", 4, PCI_P2PMEM_HOST_BRIDGE, "plain"),
};

static void pairs_of_same_and_different_host_bridges(struct kunit *test)
{
	struct fabric *f = fabric_build(test, several);

	pairkit_expect_all(test, f, several_rows, ARRAY_SIZE(several_rows));
}

static bool hb_guest(void)
{
	return true;
}

static void only_x86_reports_a_guest(struct kunit *test)
{
	kunit_deactivate_static_stub(test, p2pmem_in_guest);
#ifdef CONFIG_X86
	KUNIT_EXPECT_EQ(test, p2pmem_in_guest(), boot_cpu_has(X86_FEATURE_HYPERVISOR));
#else
	KUNIT_EXPECT_TRUE(test, p2pmem_in_guest());
#endif
}

/* Built-in entries need proof in a virtual machine; entries of administrators always do */
static void facts_need_proof_in_a_guest(struct kunit *test)
{
	struct fabric *f = fabric_build(test, several);
	struct pci_p2pmem_verdict v;

	pairkit_expect_all(test, f, several_rows, ARRAY_SIZE(several_rows));
	v = pairkit_verdict(f, "a0", "a1");
	KUNIT_EXPECT_FALSE(test, v.in_guest);
	kunit_activate_static_stub(test, p2pmem_in_guest, hb_guest);
	kit_reevaluate();
	v = pairkit_verdict(f, "a0", "a1");
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_OK);
	KUNIT_EXPECT_TRUE(test, v.in_guest);
	KUNIT_EXPECT_FALSE(test, v.by_admin);
	kit_allow(test, "fab0:*");
	v = pairkit_verdict(f, "e0", "e1");
	KUNIT_EXPECT_EQ(test, v.reason, PCI_P2PMEM_OK);
	KUNIT_EXPECT_TRUE(test, v.by_admin);
	KUNIT_EXPECT_FALSE(test, v.in_guest);
	/* a switch is no host bridge */
	fabric_set_acs_ctrl(f, "c-dn0", 0);
	kit_reevaluate();
	v = pairkit_verdict(f, "c1", "c2");
	KUNIT_EXPECT_EQ(test, v.mapping, PCI_P2PMEM_MAP_BUS_ADDR);
	KUNIT_EXPECT_FALSE(test, v.in_guest);
}

/*
 *	sky -+- 00.0 (8086:2030) -- a
 *	     +- 01.0 (8086:2031) -- b		removed
 *	     `- 02.0 (8086:2032) -- c
 */
static void removed_root_ports(struct kunit *test)
{
	static const struct fabric_node nodes[] = {
		{ HB_HOST("sky") },
		{ HB_PORT("rp0", "sky", 0), HB_INTEL(0x2030) },
		{ HB_PORT("rp1", "sky", 1), HB_INTEL(0x2031) },
		{ HB_PORT("rp2", "sky", 2), HB_INTEL(0x2032) },
		{ HB_CARD("a", "rp0") },
		{ HB_CARD("b", "rp1") },
		{ HB_CARD("c", "rp2") },
		{ }
	};
	static const struct pairkit_row before[] = {
		PAIRKIT_HOST("a", "b", 4), PAIRKIT_HOST("a", "c", 4), PAIRKIT_HOST("b", "c", 4),
	}, after[] = {
		PAIRKIT_NOT("a", "b", 4, PCI_P2PMEM_HOST_BRIDGE, "sky"),
		PAIRKIT_HOST("a", "c", 4),
		PAIRKIT_NOT("b", "c", 4, PCI_P2PMEM_HOST_BRIDGE, "sky"),
	};
	struct fabric *f = fabric_build(test, nodes);

	pairkit_expect_all(test, f, before, ARRAY_SIZE(before));
	kit_allow(test, "-8086:2031");
	pairkit_expect_all(test, f, after, ARRAY_SIZE(after));
	p2pmem_policy_reset();
	pairkit_expect_all(test, f, before, ARRAY_SIZE(before));
}

static u8 hb_allowed(struct fabric *f, const char *host, const char *top)
{
	struct pci_dev *first = p2pmem_host_function(fabric_host(f, host));
	struct p2pmem_host h;

	p2pmem_host_evaluate(first, top ? fabric_pdev(f, top) : NULL, &h);
	pci_dev_put(first);
	return h.allowed | h.allowed_across;
}

/* The same where the processor forwards, as is known or as an administrator says. */
static void removed_below_a_processor(struct kunit *test)
{
	static const struct fabric_node nodes[] = {
		{ HB_HOST("zen") },
		{ .name = "zen0", .type = FABRIC_RCIEP, .parent = "zen", HB_INTEL(0x1480) },
		{ HB_PORT("rp1", "zen", 1), HB_INTEL(0x1483) },
		{ HB_HOST("port") },
		{ HB_PORT("rp0", "port", 0), HB_INTEL(0x1483) },
		{ }
	};
	static const struct {
		const char *remove;
		bool host, root_port, first, only_admin;
	} t[] = {
		{ NULL, true, true, true },
		{ "-8086:1480", false, false, true },
		{ "-8086:1483", true, false, false },
		{ "-8086:1480,8086:1483", false, true, true },
		/* All of a vendor: not what an administrator says of a processor */
		{ "-8086:*", false, false, false, true },
	};
	struct fabric *f = fabric_build(test, nodes);
	int i, known;

	for (known = 0; known < 2; known++) {
		pairkit_cpu(test, known);
		for (i = 0; i < ARRAY_SIZE(t); i++) {
			if (!known)
				kit_allow(test, "cpu:GenuineIntel:6:45");
			if (t[i].remove)
				kit_allow(test, t[i].remove);
			KUNIT_EXPECT_EQ_MSG(test, !!hb_allowed(f, "zen", NULL),
					    t[i].host || (t[i].only_admin && !known),
					    "row %d, %d", i, known);
			KUNIT_EXPECT_EQ_MSG(test, !!hb_allowed(f, "zen", "rp1"),
					    t[i].root_port || (t[i].only_admin && !known),
					    "row %d, %d", i, known);
			KUNIT_EXPECT_EQ_MSG(test, !!hb_allowed(f, "port", "rp0"),
					    t[i].first || (t[i].only_admin && !known),
					    "row %d, %d", i, known);
			p2pmem_policy_reset();
		}
		kunit_deactivate_static_stub(test, p2pmem_cpu_id);
	}
}

static struct kunit_case hostbridge_cases[] = {
	KUNIT_CASE(known_host_bridges_forward),
	KUNIT_CASE(the_first_function_stands_for_it),
	KUNIT_CASE(a_processor_that_forwards_needs_no_list),
#ifdef CONFIG_X86
	KUNIT_CASE(processor_is_checked),
#endif
	KUNIT_CASE(pairs_of_same_and_different_host_bridges),
	KUNIT_CASE(only_x86_reports_a_guest),
	KUNIT_CASE(facts_need_proof_in_a_guest),
	KUNIT_CASE(removed_root_ports),
	KUNIT_CASE(removed_below_a_processor),
	{}
};

static struct kunit_suite hostbridge_suite = {
	.name = "p2pmem-hostbridge",
	.init = hostbridge_init,
	.test_cases = hostbridge_cases,
};

kunit_test_suite(hostbridge_suite);
