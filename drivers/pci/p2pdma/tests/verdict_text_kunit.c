// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: text of verdicts
 *
 * For every reason that depends on the machine: both ends, the token, the text, the
 * device that causes the refusal, and the remedy.
 */
#include <kunit/device.h>
#include <kunit/static_stub.h>
#include <linux/dma-mapping.h>
#include <linux/pci.h>
#include <linux/swiotlb.h>

#include "pairkit.h"

#define TEXT_SIZE	PCI_P2PMEM_TEXT

static int text_init(struct kunit *test)
{
	p2pmem_policy_reset();
	pairkit_cpu(test, false);
	return 0;
}

static void text_exit(struct kunit *test)
{
	p2pmem_policy_reset();
}

/*
 *	host -+- 00.0 rp -- up -+- 00.0 dn0 -- card
 *	      |			+- 01.0 dn1 -- nic
 *	      |			`- 02.0 dn2 -- narrow, which addresses 32 bits
 *	      `- 01.0 rp1 -- lone
 *	next --- 00.0 rp2 -- far
 *	root --- 03.0 inside, without a port above, and without a function for its host bridge
 *	sky ---- 00.0 rp3, which is on the built-in list -- known
 */
#define TEXT_PORT(_id)	.vendor = FABRIC_VENDOR, .device = _id
#define TEXT_ALLOW(_entries)	\
	", or allow the host bridge if its vendor says that it forwards them: echo " _entries \
	" > /sys/module/p2pdma/parameters/host_bridges"
#define TEXT_ACS	.acs_cap = PCI_ACS_RR | PCI_ACS_EC | 32 << 8

static const struct fabric_node text_tree[] = {
	{ .name = "host", .type = FABRIC_HOST, .window = SZ_16M, .bus_start = 0x100000000 },
	{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host", TEXT_PORT(0x1000) },
	{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp" },
	{ .name = "dn0", .type = FABRIC_DOWNSTREAM, .parent = "up", TEXT_ACS },
	{ .name = "dn1", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 1, TEXT_ACS },
	{ .name = "dn2", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 2 },
	{ .name = "rp1", .type = FABRIC_ROOT_PORT, .parent = "host", .slot = 1, TEXT_PORT(0x1001) },
	{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "dn0", PAIRKIT_BAR },
	{ .name = "nic", .type = FABRIC_ENDPOINT, .parent = "dn1" },
	{ .name = "narrow", .type = FABRIC_ENDPOINT, .parent = "dn2", .mask = 32 },
	{ .name = "lone", .type = FABRIC_ENDPOINT, .parent = "rp1" },
	{ .name = "next", .type = FABRIC_HOST, .window = SZ_16M },
	{ .name = "rp2", .type = FABRIC_ROOT_PORT, .parent = "next", TEXT_PORT(0x1000) },
	{ .name = "far", .type = FABRIC_ENDPOINT, .parent = "rp2" },
	{ .name = "root", .type = FABRIC_HOST, .window = SZ_16M },
	{ .name = "inside", .type = FABRIC_RCIEP, .parent = "root", .slot = 3 },
	{ .name = "sky", .type = FABRIC_HOST, .window = SZ_16M },
	{ .name = "rp3", .type = FABRIC_ROOT_PORT, .parent = "sky",
	  .vendor = PCI_VENDOR_ID_INTEL, .device = 0x2030 },
	{ .name = "known", .type = FABRIC_ENDPOINT, .parent = "rp3" },
	{ }
};

static char *text_buffer(struct kunit *test)
{
	char *buf = kunit_kzalloc(test, TEXT_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	return buf;
}

static void text_expect(struct kunit *test, struct pci_dev *provider, struct device *client,
			const char *want)
{
	char *got = text_buffer(test);
	struct pci_p2pmem_verdict v;
	int n;

	kit_reevaluate();
	pci_p2pmem_verdict(provider, client, 0, &v);
	n = pci_p2pmem_explain(got, TEXT_SIZE, provider, client, &v);
	KUNIT_EXPECT_STREQ(test, got, want);
	KUNIT_EXPECT_EQ(test, n, strlen(want));
}

/* Checks "CLIENT and PROVIDER: TEXT"; each @ in the text is replaced by the next name */
static void text_pair(struct kunit *test, struct fabric *f, const char *client,
		      const char *words, const char * const names[])
{
	char *tail = text_buffer(test), *want = text_buffer(test);
	size_t n = 0;

	for (; *words; words++) {
		if (*words == '@')
			n += scnprintf(tail + n, TEXT_SIZE - n, "%s",
				       pairkit_name(f, *names++));
		else
			n += scnprintf(tail + n, TEXT_SIZE - n, "%c", *words);
	}
	snprintf(want, TEXT_SIZE,
		 "%s and %s: %s", pairkit_name(f, client),
		 pairkit_name(f, "card"), tail);
	text_expect(test, fabric_pdev(f, "card"), &fabric_pdev(f, client)->dev, want);
}

static void text_for_a_path(struct kunit *test)
{
	struct fabric *f = fabric_build(test, text_tree);

	kit_lend(test, f, "card");
	kit_client(test, f, "nic");
	kit_client(test, f, "lone");
	text_pair(test, f, "nic", "ok: peer-to-peer is possible; none needed", NULL);
	text_pair(test, f, "lone",
		  "host-bridge: the only path leads through a host bridge that is not known to forward peer-to-peer requests at @; put both devices below one PCIe switch"
		  TEXT_ALLOW("+fab0:1000,+fab0:1001"),
		  (const char *[]){ "host" });

	fabric_set_acs_ctrl(f, "dn1", PCI_ACS_RR);
	text_pair(test, f, "nic",
		  "acs-redirect: ACS redirects requests between them to a host bridge that is not known to forward them at @; boot with pci=disable_acs_redir=@"
		  TEXT_ALLOW("+fab0:1000"),
		  (const char *[]){ "dn1", "dn1" });
	fabric_set_acs_ctrl(f, "dn0", PCI_ACS_RR);
	text_pair(test, f, "nic",
		  "acs-redirect: ACS redirects requests between them to a host bridge that is not known to forward them at @; boot with pci=disable_acs_redir=@;@"
		  TEXT_ALLOW("+fab0:1000"),
		  (const char *[]){ "dn0", "dn0", "dn1" });
	fabric_set_acs_ctrl(f, "dn0", 0);
	fabric_set_acs_ctrl(f, "dn1", PCI_ACS_EC);
	fabric_set_egress(f, "dn1", BIT(0));
	text_pair(test, f, "nic",
		  "acs-egress: ACS egress control blocks requests between them at @; clear P2P Egress Control at this port, or its bit in the egress vector",
		  (const char *[]){ "dn1" });
}

/* The entry is for this pair: after it is written, the pair is allowed. */
static void text_for_an_entry(struct kunit *test)
{
	static const struct {
		const char *client;
		const char *before;
		const char *entries;
		const char *words;
	} pairs[] = {
		{ "lone", "+fab0:1001", "+fab0:1000", TEXT_ALLOW("+fab0:1000") },
		/* ports of one kind need one entry */
		{ "far", NULL, "+fab0:1000/across", TEXT_ALLOW("+fab0:1000/across") },
		{ "far", "+fab0:1000", "+fab0:1000/across", TEXT_ALLOW("+fab0:1000/across") },
		{ "known", NULL, "+fab0:1000/across", TEXT_ALLOW("+fab0:1000/across") },
		/* a removed entry is added again */
		{ "known", "-8086:2030", "+fab0:1000/across,+8086:2030/across",
		  TEXT_ALLOW("+fab0:1000/across,+8086:2030/across") },
		{ "inside", NULL, "+fab0:1000/across,+cpu:GenuineIntel:0x6:0x2d",
		  TEXT_ALLOW("+fab0:1000/across,+cpu:GenuineIntel:0x6:0x2d") },
	};
	struct fabric *f = fabric_build(test, text_tree);
	char *words = text_buffer(test);
	struct pci_p2pmem_verdict v;
	int i;

	kit_lend(test, f, "card");
	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		p2pmem_policy_reset();
		if (pairs[i].before)
			KUNIT_EXPECT_EQ(test, p2pmem_policy_set(pairs[i].before), 0);
		if (!p2pmem_is_client(&fabric_pdev(f, pairs[i].client)->dev))
			kit_client(test, f, pairs[i].client);
		snprintf(words, TEXT_SIZE,
			 "host-bridge: the only path leads through a host bridge that is not known to forward peer-to-peer requests at @; put both devices below one PCIe switch%s",
			 pairs[i].words);
		text_pair(test, f, pairs[i].client, words, (const char *[]){ "host" });

		KUNIT_EXPECT_EQ(test, p2pmem_policy_set(pairs[i].entries), 0);
		v = pairkit_verdict(f, "card", pairs[i].client);
		KUNIT_EXPECT_EQ_MSG(test, v.reason, PCI_P2PMEM_OK, "%s", pairs[i].entries);
		text_pair(test, f, pairs[i].client,
			  "ok: peer-to-peer is possible through a host bridge that the administrator allowed; none needed",
			  NULL);
	}
}

static void text_no_x86(struct p2pmem_entry *cpu)
{
	*cpu = (struct p2pmem_entry){};
}

/* Without an ID or a processor there is no entry to write. */
static void no_text_without_an_entry(struct kunit *test)
{
	struct fabric *f = fabric_build(test, text_tree);

	kunit_deactivate_static_stub(test, p2pmem_cpu_id);
	kunit_activate_static_stub(test, p2pmem_cpu_id, text_no_x86);
	kit_lend(test, f, "card");
	kit_client(test, f, "inside");
	text_pair(test, f, "inside",
		  "host-bridge: the only path leads through a host bridge that is not known to forward peer-to-peer requests at @; put both devices below one PCIe switch",
		  (const char *[]){ "host" });
}

static void text_for_a_mask(struct kunit *test)
{
	struct fabric *f = fabric_build(test, text_tree);

	kit_lend(test, f, "card");
	kit_client(test, f, "narrow");
	text_pair(test, f, "narrow",
		  "dma-mask: the client cannot address all of the provider's memory: BAR 2 [0x100000000-0x1001fffff] exceeds the client's 32-bit DMA mask; place the provider's BAR below that limit",
		  NULL);
}

static void text_for_a_client(struct kunit *test)
{
	struct fabric *f = fabric_build(test, text_tree);
	struct pci_dev *nic = fabric_pdev(f, "nic");
	unsigned int class;

	text_pair(test, f, "nic",
		  "not-a-provider: the device provides no published memory; choose a device whose p2pmem/published is 1 in sysfs",
		  NULL);
	kit_lend(test, f, "card");
	text_pair(test, f, "nic",
		  "not-a-client: the driver of the client has not registered it; load the driver that was built with p2pmem: p2pmem-fabric, or ib_core if it is an RDMA adapter",
		  NULL);
	fabric_unbind(f, "nic");
	text_pair(test, f, "nic",
		  "not-a-client: the driver of the client has not registered it; load the driver that was built with p2pmem: no driver is bound to it",
		  NULL);
	KUNIT_ASSERT_EQ(test, fabric_bind(f, "nic"), 0);
	class = nic->class;
	nic->class = PCI_CLASS_STORAGE_EXPRESS;
	text_pair(test, f, "nic",
		  "not-a-client: the driver of the client has not registered it; load the driver that was built with p2pmem: p2pmem-fabric",
		  NULL);
	/* SATA and virtio disks */
	nic->class = PCI_CLASS_STORAGE_SATA_AHCI;
	text_pair(test, f, "nic",
		  "not-a-client: the driver of the client has not registered it; load the driver that was built with p2pmem: there is none for this storage, which is never a client; export an NVMe drive",
		  NULL);
	nic->class = PCI_CLASS_STORAGE_SCSI << 8;
	text_pair(test, f, "nic",
		  "not-a-client: the driver of the client has not registered it; load the driver that was built with p2pmem: there is none for this storage, which is never a client; export an NVMe drive",
		  NULL);
	nic->class = class;
	kit_client(test, f, "nic");
	nic->untrusted = 1;
	text_pair(test, f, "nic",
		  "untrusted: one of the two devices is untrusted at @; use a device in an internal slot",
		  (const char * const []){ "nic" });
	nic->untrusted = 0;
	pci_p2pmem_revoke(fabric_pdev(f, "card"));
	text_pair(test, f, "nic",
		  "provider-revoked: the provider is being removed or reset; wait until it is back, or choose another provider",
		  NULL);
}

#ifdef CONFIG_SWIOTLB
static void text_for_bounce_buffers(struct kunit *test)
{
	struct fabric *f = fabric_build(test, text_tree);
	struct device *nic = kit_client(test, f, "nic");
	struct io_tlb_mem *mem, *old = nic->dma_io_tlb_mem;

	mem = kunit_kzalloc(test, sizeof(*mem), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mem);
	kit_lend(test, f, "card");
	mem->force_bounce = true;
	nic->dma_io_tlb_mem = mem;
	text_pair(test, f, "nic",
		  "swiotlb-forced: bounce buffers are forced for the client; boot without swiotlb=force",
		  NULL);
	nic->dma_io_tlb_mem = old;
}
#endif

static void text_forget(void *client)
{
	pci_p2pmem_unregister_client(client);
}

/* Clients that are no PCI function, or no device at all */
static void text_for_other_devices(struct kunit *test)
{
	struct fabric *f = fabric_build(test, text_tree);
	struct pci_dev *card = kit_lend(test, f, "card");
	struct pci_p2pmem_client *client;
	char *want = text_buffer(test);
	struct device *dev;

	snprintf(want, TEXT_SIZE,
		 "(no DMA device) and %s: no-dma-device: the client moves data with the CPU and has no DMA device; use an adapter with a DMA engine of its own",
		 pci_name(card));
	text_expect(test, card, NULL, want);

	dev = kunit_device_register(test, "p2pmem-soft");
	KUNIT_ASSERT_FALSE(test, IS_ERR(dev));
	snprintf(want, TEXT_SIZE,
		 "%s and %s: not-a-client: the driver of the client has not registered it; load the driver that was built with p2pmem",
		 dev_name(dev), pci_name(card));
	text_expect(test, card, dev, want);
	client = pci_p2pmem_register_client(dev, NULL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(client));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, text_forget, client), 0);
	snprintf(want, TEXT_SIZE,
		 "%s and %s: not-pci: the client is not a PCI function; use a PCI client",
		 dev_name(dev), pci_name(card));
	text_expect(test, card, dev, want);
}

/* After removal of the devices, their names and the list are those in the verdict. */
static void text_without_the_devices(struct kunit *test)
{
	struct fabric *f = fabric_build(test, text_tree);
	struct pci_dev *card = kit_lend(test, f, "card");
	struct device *nic = kit_client(test, f, "nic");
	char *got = text_buffer(test), *want = text_buffer(test);
	struct pci_p2pmem_verdict v;

	fabric_set_acs_ctrl(f, "dn0", PCI_ACS_RR);
	fabric_set_acs_ctrl(f, "dn1", PCI_ACS_RR);
	kit_reevaluate();
	pci_p2pmem_verdict(card, nic, 0, &v);
	snprintf(want, TEXT_SIZE,
		 "%s and %s: acs-redirect: ACS redirects requests between them to a host bridge that is not known to forward them at %s; boot with pci=disable_acs_redir=%s",
		 dev_name(nic), pci_name(card), pairkit_name(f, "dn0"), pairkit_name(f, "dn0"));
	pci_p2pmem_explain(got, TEXT_SIZE, NULL, NULL, &v);
	KUNIT_EXPECT_STREQ(test, got, want);
	pci_p2pmem_explain(got, TEXT_SIZE, NULL, nic, &v);
	KUNIT_EXPECT_STREQ(test, got, want);
	pci_p2pmem_explain(got, TEXT_SIZE, card, NULL, &v);
	KUNIT_EXPECT_STREQ(test, got, want);
}

static void text_stays_within_its_buffer(struct kunit *test)
{
	struct fabric *f = fabric_build(test, text_tree);
	struct pci_dev *card = kit_lend(test, f, "card");
	struct device *nic = kit_client(test, f, "nic");
	char *buf = text_buffer(test), *whole = text_buffer(test);
	struct pci_p2pmem_verdict v;
	int n, len, all, part, want, list;

	fabric_set_acs_ctrl(f, "dn0", PCI_ACS_RR);
	fabric_set_acs_ctrl(f, "dn1", PCI_ACS_RR);
	kit_reevaluate();
	pci_p2pmem_verdict(card, nic, 0, &v);
	all = pci_p2pmem_explain(whole, TEXT_SIZE, card, nic, &v);
	list = strchr(whole, '=') - whole;
	/* the command is complete or absent */
	part = strstr(whole, ", or allow") - whole;
	for (len = 0; len < TEXT_SIZE; len++) {
		memset(buf, 0x5a, TEXT_SIZE);
		n = pci_p2pmem_explain(buf, len, card, nic, &v);
		if (len > all)
			want = all;
		else
			want = len ? min(len - 1, part) : 0;
		/* a list that is truncated between two names does not end with a separator */
		if (want > list && want < part && whole[want - 1] == ';')
			want--;
		KUNIT_EXPECT_EQ_MSG(test, n, want, "%d bytes", len);
		KUNIT_EXPECT_EQ_MSG(test, memcmp(buf, whole, n), 0, "%d bytes", len);
		KUNIT_EXPECT_EQ_MSG(test, buf[len], 0x5a, "written beyond %d bytes", len);
	}
}

/* A verdict with an unknown reason */
static void text_for_unknown_values(struct kunit *test)
{
	struct pci_p2pmem_verdict v = { .reason = PCI_P2PMEM_NR_REASONS };
	char got[40], want[40];

	snprintf(want, sizeof(want), "unknown reason %d", PCI_P2PMEM_NR_REASONS);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_explain(got, sizeof(got), NULL, NULL, &v),
			strlen(want));
	KUNIT_EXPECT_STREQ(test, got, want);
	KUNIT_EXPECT_STREQ(test, pci_p2pmem_reason_token(v.reason), "unknown");
}

static struct kunit_case text_cases[] = {
	KUNIT_CASE(text_for_a_path),
	KUNIT_CASE(text_for_an_entry),
	KUNIT_CASE(no_text_without_an_entry),
	KUNIT_CASE(text_for_a_mask),
	KUNIT_CASE(text_for_a_client),
#ifdef CONFIG_SWIOTLB
	KUNIT_CASE(text_for_bounce_buffers),
#endif
	KUNIT_CASE(text_for_other_devices),
	KUNIT_CASE(text_without_the_devices),
	KUNIT_CASE(text_stays_within_its_buffer),
	KUNIT_CASE(text_for_unknown_values),
	{}
};

static struct kunit_suite text_suite = {
	.name = "p2pmem-verdict-text",
	.init = text_init,
	.exit = text_exit,
	.test_cases = text_cases,
};

kunit_test_suite(text_suite);
