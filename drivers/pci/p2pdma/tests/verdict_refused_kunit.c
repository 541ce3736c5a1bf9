// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: suite p2pmem-verdict-refused: text of refusals despite a path
 *
 * The reasons that do not depend on topology: an encrypted guest, wrong data, no provider,
 * and refusals by map and alloc. Each case causes one of them and compares the whole
 * text. Reasons of topology and devices are in verdict_text_kunit.c, those of a namespace
 * in the suites of the NVMe target.
 */
#include <kunit/static_stub.h>

#include "logged.h"
#include "mapkit.h"

/*
 * All cases (mapkit_host), with a host bridge that forwards:
 *
 *	host -+- rp0 -- card    lends BAR 2, 4 MiB
 *	      +- rp1 -- nic     client, behind an IOMMU
 *	      `- rp2 -- card2   lends BAR 2
 */

/* Text that follows both ends */
#define WORDS_MIXED \
	"mixed-list: the scatterlist mixes providers, or peer and system memory; build one list per provider"
#define WORDS_MAP_FAILED \
	"map-failed: the IOMMU could not map the provider's memory for the client; check the log for messages of the IOMMU driver"
#define WORDS_BAD_RANGE \
	"bad-range: the range is not within one registered region; use a range within one registered with pci_p2pmem_add_resource()"
#define WORDS_FULL \
	"pool-full: the provider has no free memory; provide a larger range, or lower the queue depth"
#define WORDS_QUOTA \
	"quota: the client has used up its quota of the provider's memory; raise the provider's p2pmem/quota, or lower the queue depth"
#define WORDS_ENCRYPTED \
	"encrypted-guest: this guest's memory is encrypted; none: peer-to-peer traffic is not encrypted"
#define WORDS_DATA \
	"verify-failed: a self-test with real DMA found wrong data on this path"
#define WORDS_GUEST \
	" through a host bridge that may be a virtual machine's"
#define WORDS_NOTE \
	" (512 bytes at 4096 are not what was written); do not use this path: "

/**
 * struct refused - a pair, and objects for refused requests
 * @test: the test
 * @k: the hierarchy
 * @iommu: IOMMU of nic
 * @grant: grant for card and nic
 * @memory: two pages of card
 * @other: a page of card2
 * @system: a page of system memory
 */
struct refused {
	struct kunit *test;
	struct mapkit k;
	struct mapkit_iommu *iommu;
	struct pci_p2pmem_grant *grant;
	struct mapkit_memory *memory;
	struct mapkit_memory *other;
	void *system;
};

/* Processors of some architectures do not report a hypervisor */
static bool refused_in_guest(void)
{
	return true;
}

static void refused_build(struct kunit *test, struct refused *r)
{
	kunit_activate_static_stub(test, p2pmem_in_guest, refused_in_guest);
	r->test = test;
	mapkit_build(test, &r->k, mapkit_host, MAPKIT_LOW);
	r->iommu = mapkit_iommu(test);
	r->grant = mapkit_grant(test, &r->k);
	r->memory = mapkit_alloc(test, r->k.card, SZ_8K);
	r->other = mapkit_alloc(test, kit_lend(test, r->k.f, "card2"), SZ_4K);
	r->system = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r->system);
}

/* Checks that "CLIENT and PROVIDER: TEXT" is the whole text of @v. */
static void refused_expect(struct kunit *test, struct pci_dev *provider, struct device *client,
			   const struct pci_p2pmem_verdict *v, const char *words)
{
	char *got = kunit_kzalloc(test, PCI_P2PMEM_TEXT, GFP_KERNEL);
	char *want = kunit_kzalloc(test, PCI_P2PMEM_TEXT, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, got);
	KUNIT_ASSERT_NOT_NULL(test, want);
	snprintf(want, PCI_P2PMEM_TEXT, "%s and %s: %s", dev_name(client),
		 provider ? pci_name(provider) : "(no provider)", words);
	pci_p2pmem_explain(got, PCI_P2PMEM_TEXT, provider, client, v);
	KUNIT_EXPECT_STREQ(test, got, want);
}

/* Returns the only reason that was counted since @before; OK for none or several */
static enum pci_p2pmem_reason refused_since(struct refused *r,
					    const struct mapkit_count *before)
{
	struct mapkit_count now = mapkit_count(r->k.card, r->k.nic);
	enum pci_p2pmem_reason reason, found = PCI_P2PMEM_OK;

	if (now.refusals != before->refusals + 1)
		return PCI_P2PMEM_OK;
	for (reason = PCI_P2PMEM_OK; reason < PCI_P2PMEM_NR_REASONS; reason++)
		if (now.failures[reason] != before->failures[reason])
			found = reason;
	return found;
}

/* A page of card, and then one of other memory */
static int refused_list(struct refused *r, void *second)
{
	static const struct mapkit_piece first[] = { { 0, SZ_4K }, { SZ_4K, SZ_4K } };
	struct scatterlist *sgl = mapkit_list(r->test, r->memory->addr, first, 2);
	int ret;

	if (second)
		sg_set_buf(&sgl[1], second, SZ_4K);
	ret = pci_p2pmem_map_sg(r->k.nic, sgl, 2, DMA_TO_DEVICE);
	if (ret > 0)
		pci_p2pmem_unmap_sg(r->k.nic, sgl, 2, DMA_TO_DEVICE);
	return ret;
}

static int peer_and_system_memory(struct refused *r)
{
	return refused_list(r, r->system);
}

static int two_providers(struct refused *r)
{
	return refused_list(r, r->other->addr);
}

static int list_that_the_iommu_refuses(struct refused *r)
{
	r->iommu->fail_at = r->iommu->calls + 1;
	return refused_list(r, NULL);
}

static int refused_region(struct refused *r, int bar, u64 offset, size_t size)
{
	struct pci_p2pmem_mapping_region map;
	int ret = pci_p2pmem_map_region(r->k.nic, r->k.card, bar, offset, size,
					DMA_BIDIRECTIONAL, &map);

	if (!ret)
		pci_p2pmem_unmap_region(r->k.nic, &map);
	return ret;
}

static int region_that_the_iommu_refuses(struct refused *r)
{
	r->iommu->fail_at = r->iommu->calls + 1;
	return refused_region(r, 2, 0, SZ_4K);
}

static int beyond_its_end(struct refused *r)
{
	return refused_region(r, 2, SZ_4M - SZ_4K, SZ_8K);
}

static int bar_without_a_region(struct refused *r)
{
	return refused_region(r, 0, 0, SZ_4K);
}

static int refused_alloc(struct refused *r, u32 length)
{
	unsigned int nents;
	struct scatterlist *sgl = pci_p2pmem_grant_sgl_alloc(r->grant, &nents, length, GFP_KERNEL,
							     NULL);

	if (IS_ERR(sgl))
		return PTR_ERR(sgl);
	pci_p2pmem_sgl_free(sgl);
	return 0;
}

static int pool_is_exhausted(struct refused *r)
{
	return refused_alloc(r, SZ_4M);
}

static int quota_is_exceeded(struct refused *r)
{
	struct p2pmem_provider *p = kit_provider(r->k.card);
	int ret;

	WRITE_ONCE(p->quota, SZ_4K);
	p2pmem_note_change();
	ret = refused_alloc(r, SZ_8K);
	WRITE_ONCE(p->quota, 0);
	p2pmem_note_change();
	return ret;
}

/* Reasons that no verdict has are counted, and have a text with both ends as well. */
static void text_for_counted_reasons(struct kunit *test)
{
	static const struct {
		int (*refused)(struct refused *r);
		int error;
		const char *words;
	} t[] = {
		{ peer_and_system_memory, -EINVAL, WORDS_MIXED },
		{ two_providers, -EINVAL, WORDS_MIXED },
		{ list_that_the_iommu_refuses, -EIO, WORDS_MAP_FAILED },
		{ region_that_the_iommu_refuses, -EIO, WORDS_MAP_FAILED },
		{ beyond_its_end, -EINVAL, WORDS_BAD_RANGE },
		{ bar_without_a_region, -EINVAL, WORDS_BAD_RANGE },
		{ pool_is_exhausted, -ENOMEM, WORDS_FULL },
		{ quota_is_exceeded, -EDQUOT, WORDS_QUOTA },
	};
	struct mapkit_count before;
	struct pci_p2pmem_verdict v;
	struct refused r = { };
	int i;

	refused_build(test, &r);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		before = mapkit_count(r.k.card, r.k.nic);
		KUNIT_EXPECT_EQ_MSG(test, t[i].refused(&r), t[i].error, "%s", t[i].words);
		/* the same as in p2pmem_refuse() */
		v = (struct pci_p2pmem_verdict){ .reason = refused_since(&r, &before),
						 .distance = -1 };
		refused_expect(test, r.k.card, r.k.nic, &v, t[i].words);
	}
	/* The refusals have no lasting effect: valid requests succeed. */
	r.iommu->fail_at = 0;
	KUNIT_EXPECT_GT(test, refused_list(&r, NULL), 0);
	KUNIT_EXPECT_EQ(test, refused_region(&r, 2, 0, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, refused_alloc(&r, SZ_8K), 0);
	mapkit_expect_count(test, r.k.card, r.k.nic, 2, 2, ARRAY_SIZE(t));
}

/* The first refusal of a pair for a reason is logged; further ones do not fill the log. */
static void text_in_the_log(struct kunit *test)
{
	static const struct {
		int (*refused)(struct refused *r);
		const char *words;
	} t[] = {
		{ two_providers, WORDS_MIXED },
		{ list_that_the_iommu_refuses, WORDS_MAP_FAILED },
		{ beyond_its_end, WORDS_BAD_RANGE },
	};
	char *want = kunit_kzalloc(test, PCI_P2PMEM_TEXT, GFP_KERNEL);
	struct refused r = { };
	struct logged *l;
	int i, n;

	KUNIT_ASSERT_NOT_NULL(test, want);
	refused_build(test, &r);
	/* a pair that could not be stored logs nothing */
	kit_drop_pairs(kit_provider(fabric_pdev(r.k.f, "card2")), r.k.nic);
	l = logged_begin(test, "cannot map peer-to-peer memory");
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		snprintf(want, PCI_P2PMEM_TEXT,
			 "p2pdma: cannot map peer-to-peer memory: %s and %s: %s",
			 dev_name(r.k.nic), pci_name(r.k.card), t[i].words);
		KUNIT_EXPECT_LT(test, t[i].refused(&r), 0);
		KUNIT_EXPECT_STREQ(test, logged_line(l, 5), want);
		/* The pair is re-evaluated, with the same verdict. */
		kit_reevaluate();
		for (n = 0; n < 3; n++)
			KUNIT_EXPECT_LT(test, t[i].refused(&r), 0);
		KUNIT_EXPECT_STREQ_MSG(test, logged_line(l, 1), "", "unchanged verdict");
	}
}

static bool refused_encrypted(void)
{
	return true;
}

/* Grants and mappings are refused, permanently. */
static void text_for_an_encrypted_guest(struct kunit *test)
{
	struct mapkit_count before;
	struct pci_p2pmem_verdict v;
	struct refused r = { };

	refused_build(test, &r);
	mapkit_grant_end(test, r.grant);
	kunit_activate_static_stub(test, p2pmem_guest_encrypted, refused_encrypted);
	KUNIT_EXPECT_EQ(test,
			PTR_ERR(pci_p2pmem_grant_create(r.k.card, &r.k.nic, 1, KTIME_MAX, NULL,
							NULL, "kunit", &v)), -EXDEV);
	KUNIT_EXPECT_EQ(test, v.mapping, PCI_P2PMEM_MAP_NONE);
	refused_expect(test, r.k.card, r.k.nic, &v, WORDS_ENCRYPTED);
	/* with the devices' names from the verdict too */
	KUNIT_EXPECT_STREQ(test, v.client, dev_name(r.k.nic));
	KUNIT_EXPECT_STREQ(test, v.provider, pci_name(r.k.card));

	before = mapkit_count(r.k.card, r.k.nic);
	KUNIT_EXPECT_EQ(test, refused_list(&r, NULL), -EXDEV);
	KUNIT_EXPECT_EQ(test, refused_since(&r, &before), PCI_P2PMEM_ENCRYPTED);
	KUNIT_EXPECT_EQ_MSG(test, r.iommu->calls, 0, "the IOMMU was used");
	kit_reevaluate();
	KUNIT_EXPECT_NULL_MSG(test, pci_p2pmem_find_provider(&r.k.nic, 1), "it was chosen");

	kunit_deactivate_static_stub(test, p2pmem_guest_encrypted);
	kit_reevaluate();
	pci_p2pmem_verdict(r.k.card, r.k.nic, 0, &v);
	refused_expect(test, r.k.card, r.k.nic, &v,
		       "ok: peer-to-peer is possible" WORDS_GUEST "; none needed");
	KUNIT_EXPECT_GT(test, refused_list(&r, NULL), 0);
}

static enum pci_p2pmem_proof refused_verify(struct pci_p2pmem_client *client,
					    struct pci_p2pmem_grant *grant, void *what,
					    struct pci_p2pmem_test *t)
{
	strscpy(t->note, "512 bytes at 4096 are not what was written");
	return PCI_P2PMEM_DISPROVED;
}

static const struct pci_p2pmem_client_ops refused_ops = {
	.verify = refused_verify,
};

static void refused_forget(void *client)
{
	pci_p2pmem_unregister_client(client);
}

/* All later verdicts have the note of the self-test and the possible causes */
static void text_for_wrong_data(struct kunit *test)
{
	static const struct {
		bool plain;		/* without an IOMMU */
		bool by_admin;		/* allowed by an administrator */
		const char *words;
	} t[] = {
		{ false, false, WORDS_DATA WORDS_GUEST WORDS_NOTE
		  "the client's IOMMU may block its requests, boot with iommu=pt",
		},
		{ true, false, WORDS_DATA WORDS_GUEST WORDS_NOTE
		  "move both devices to slots below one PCIe switch",
		},
		{ true, true,
		  WORDS_DATA " through a host bridge that the administrator allowed" WORDS_NOTE
		  "remove the entry that allows its host bridge from /sys/module/p2pdma/parameters/host_bridges, or put both devices below one PCIe switch",
		},
	};
	struct pci_p2pmem_client *client;
	struct pci_p2pmem_verdict v;
	struct refused r = { };
	int i;

	refused_build(test, &r);
	/* choose one of the two */
	pci_p2pmem_set_published(r.other->provider, false);
	client = pci_p2pmem_register_client(r.k.nic, &refused_ops, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(client));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, refused_forget, client), 0);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		mapkit_grant_end(test, r.grant);
		r.iommu->plain = t[i].plain;
		if (t[i].by_admin) {
			/* the ports of the two without a built-in entry */
			kit_allow(test, "-8086:2030,+fab0:0002");
			pci_p2pmem_set_published(r.k.card, false);
			pci_p2pmem_set_published(r.other->provider, true);
			r.k.card = r.other->provider;
		}
		kit_forget(kit_provider(r.k.card));
		r.grant = mapkit_grant(test, &r.k);
		KUNIT_EXPECT_EQ(test, pci_p2pmem_grant_verify(r.grant, r.k.nic, NULL, &v),
				-EXDEV);
		refused_expect(test, r.k.card, r.k.nic, &v, t[i].words);
		pci_p2pmem_verdict(r.k.card, r.k.nic, 0, &v);
		refused_expect(test, r.k.card, r.k.nic, &v, t[i].words);
		KUNIT_EXPECT_EQ(test,
				PTR_ERR(kit_grant(PCI_P2PMEM_NEAREST, r.k.nic, &v)),
				-EXDEV);
		refused_expect(test, r.k.card, r.k.nic, &v, t[i].words);
	}
}

/* Below a switch requests reach neither a host bridge nor an IOMMU */
static void text_for_wrong_data_below_a_switch(struct kunit *test)
{
	struct pci_p2pmem_client *client;
	struct pci_p2pmem_grant *grant;
	struct pci_p2pmem_verdict v;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	mapkit_iommu(test);
	grant = mapkit_grant(test, &k);
	client = pci_p2pmem_register_client(k.nic, &refused_ops, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(client));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, refused_forget, client), 0);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_grant_verify(grant, k.nic, NULL, &v), -EXDEV);
	refused_expect(test, k.card, k.nic, &v, WORDS_DATA WORDS_NOTE "choose another provider");
	pci_p2pmem_verdict(k.card, k.nic, 0, &v);
	refused_expect(test, k.card, k.nic, &v, WORDS_DATA WORDS_NOTE "choose another provider");
}

/* No published provider: the text has no other end. */
static void text_for_no_provider(struct kunit *test)
{
	struct pci_p2pmem_verdict v;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_host, MAPKIT_LOW);
	pci_p2pmem_set_published(k.card, false);
	KUNIT_EXPECT_EQ(test,
			PTR_ERR(kit_grant(PCI_P2PMEM_NEAREST, k.nic, &v)),
			-ENODEV);
	refused_expect(test, NULL, k.nic, &v,
		       "no-provider: no published provider can serve these clients; load the driver of a provider, or bind a memory card to p2pmem-bar");
}

static struct kunit_case refused_cases[] = {
	KUNIT_CASE(text_for_counted_reasons),
	KUNIT_CASE(text_in_the_log),
	KUNIT_CASE(text_for_an_encrypted_guest),
	KUNIT_CASE(text_for_wrong_data),
	KUNIT_CASE(text_for_wrong_data_below_a_switch),
	KUNIT_CASE(text_for_no_provider),
	{ }
};

static struct kunit_suite refused_suite = {
	.name = "p2pmem-verdict-refused",
	.test_cases = refused_cases,
};

kunit_test_suite(refused_suite);
