// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: KUnit: the self-test of a path before the NVMe target uses it
 *
 * The verify operations of drive and adapter return results, and end at times, that the suite
 * sets. Checks the memory that requests use meanwhile and afterwards, configfs and counters, and
 * the removal of namespace, controller or provider during a test. All cases: the hierarchy of
 * p2pmem-bench-kunit.c.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../../pci/p2pdma/tests/logged.h"
#include "p2pmem-kunit.h"

/**
 * struct end - a driver with a self-test
 * @v: the target
 * @client: registration of the driver
 * @says: result of the self-test
 * @local: the result applies to the namespace only
 * @calls: number of self-tests
 * @what: parameter of the last self-test
 */
struct end {
	struct verify *v;
	struct pci_p2pmem_client *client;
	enum pci_p2pmem_proof says;
	bool local;
	int calls;
	void *what;
};

/**
 * struct verify - a target whose ends can be tested
 * @b: the target
 * @drive: driver of the drive
 * @nic: driver of the adapter
 * @odd: provider for which the drive's result is @odd_proof
 * @odd_proof: result of the drive for @odd
 * @hold: self-tests wait for @go
 * @go: lets waiting self-tests end
 * @release: completes @go later
 * @running: number of running self-tests
 */
struct verify {
	struct nvmet_bench *b;
	struct end drive;
	struct end nic;
	struct pci_dev *odd;
	enum pci_p2pmem_proof odd_proof;
	bool hold;
	struct completion go;
	struct delayed_work release;
	atomic_t running;
};

static enum pci_p2pmem_proof end_verify(struct pci_p2pmem_client *client,
					struct pci_p2pmem_grant *grant, void *what,
					struct pci_p2pmem_test *test)
{
	struct end *e = pci_p2pmem_client_priv(client);
	struct scatterlist *sgl;
	unsigned int nents;

	atomic_inc(&e->v->running);
	e->what = what;
	WRITE_ONCE(e->calls, e->calls + 1);
	sgl = pci_p2pmem_grant_sgl_alloc(grant, &nents, PAGE_SIZE, GFP_KERNEL, NULL);
	if (READ_ONCE(e->v->hold))
		wait_for_completion_timeout(&e->v->go, 20 * HZ);
	if (!IS_ERR(sgl))
		pci_p2pmem_sgl_free(sgl);
	atomic_dec(&e->v->running);
	scnprintf(test->note, PCI_P2PMEM_NOTE, "kunit says %d", e->says);
	test->local = e->local;
	if (e->v->odd && pci_p2pmem_grant_provider(grant) == e->v->odd)
		return e->v->odd_proof;
	return READ_ONCE(e->says);
}

static const struct pci_p2pmem_client_ops end_ops = {
	.children = true,
	.verify = end_verify,
};

static void verify_release(struct work_struct *work)
{
	struct verify *v = container_of(work, struct verify, release.work);

	complete_all(&v->go);
}

static void verify_exit(void *data)
{
	struct verify *v = data;

	complete_all(&v->go);
	cancel_delayed_work_sync(&v->release);
	pci_p2pmem_unregister_client(v->drive.client);
	pci_p2pmem_unregister_client(v->nic.client);
}

static void verify_end(struct kunit *test, struct verify *v, struct end *e, struct device *dev)
{
	e->v = v;
	e->says = PCI_P2PMEM_PROVED;
	e->client = pci_p2pmem_register_client(dev, &end_ops, e);
	KUNIT_ASSERT_FALSE(test, IS_ERR(e->client));
}

static ssize_t verify_store_len(struct nvmet_bench *b, const char *mode, size_t len)
{
	memcpy(b->page, mode, len);
	b->page[len] = '\0';
	return nvmet_ns_attr_p2pmem_verify.store(&b->ns->group.cg_item, b->page, len);
}

static ssize_t verify_store(struct nvmet_bench *b, const char *mode)
{
	return verify_store_len(b, mode, strlen(mode));
}

static const char *verify_show(struct nvmet_bench *b)
{
	memset(b->page, 0, PAGE_SIZE);
	nvmet_ns_attr_p2pmem_verify.show(&b->ns->group.cg_item, b->page);
	return b->page;
}

/* A target with an enabled namespace, without a controller; both clients have a self-test */
static struct verify *verify_ready(struct kunit *test, const char *value, const char *mode)
{
	struct verify *v = kunit_kzalloc(test, sizeof(*v), GFP_KERNEL);
	struct nvmet_bench *b = bench_build(test);

	KUNIT_ASSERT_NOT_NULL(test, v);
	v->b = b;
	init_completion(&v->go);
	INIT_DELAYED_WORK(&v->release, verify_release);
	verify_end(test, v, &v->drive, b->drive);
	verify_end(test, v, &v->nic, b->nic);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, verify_exit, v), 0);
	KUNIT_ASSERT_GT(test, bench_store(b, value ?: pci_name(b->card)), 0);
	KUNIT_ASSERT_GT(test, verify_store(b, mode), 0);
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	return v;
}

static void verify_connect(struct verify *v)
{
	bench_connect(v->b, v->b->nic, NVMF_TRTYPE_RDMA);
}

/* Wait until no test is shown any more; return the line without the controller's number */
static const char *verify_settled(struct verify *v)
{
	const char *line;
	int i;

	for (i = 0; i < 400; i++) {
		line = bench_read(v->b, "provider");
		if (*line && !strstr(line, "testing"))
			break;
		schedule_timeout_uninterruptible(HZ / 20);
	}
	line = strchr(line, ' ');
	return line ? line + 1 : "";
}

static void verify_expect(struct verify *v, struct pci_dev *provider, const char *rest)
{
	char want[64];

	snprintf(want, sizeof(want), "%s %s\n", provider ? pci_name(provider) : "system", rest);
	KUNIT_EXPECT_STREQ(v->b->test, verify_settled(v), want);
	KUNIT_EXPECT_PTR_EQ(v->b->test, bench_io(v->b, nvme_cmd_read, SZ_4K), provider);
}

/* The attribute p2pmem_verify: valid and invalid values, and when it can be changed */
static void values_of_the_attribute(struct kunit *test)
{
	static const char * const good[] = { "off", "warn", "require", "auto" };
#define V(text) { text, sizeof(text) - 1 }
	static const struct {
		const char *text;
		size_t len;
	} bad[] = {
		V(""), V("\n"), V("0"), V("1"), V("on"), V("Auto"), V("auto "), V(" auto"),
		V("auto\n\n"), V("requir"), V("requires"), V("default"), V("off\0"), V("\xff"),
	};
	struct nvmet_bench *b = bench_build(test);
	char line[16];
	int i;

	nvmet_p2pmem_ns_exit(b->ns);
	KUNIT_EXPECT_EQ_MSG(test, verify_store(b, "off"), -ENODEV, "without a record");
	KUNIT_ASSERT_EQ(test, nvmet_p2pmem_ns_init(b->ns), 0);
	KUNIT_EXPECT_STREQ_MSG(test, verify_show(b), "auto\n", "the default");
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		snprintf(line, sizeof(line), "%s\n", good[i]);
		KUNIT_EXPECT_EQ(test, verify_store(b, good[i]), strlen(good[i]));
		KUNIT_EXPECT_STREQ(test, verify_show(b), line);
		KUNIT_EXPECT_EQ(test, verify_store(b, line), strlen(line));
		KUNIT_EXPECT_STREQ(test, verify_show(b), line);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test, verify_store_len(b, bad[i].text, bad[i].len), -EINVAL,
				    "\"%*pE\"", (int)bad[i].len, bad[i].text);
	KUNIT_EXPECT_STREQ(test, verify_show(b), "auto\n");
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	KUNIT_EXPECT_EQ(test, verify_store(b, "off"), -EBUSY);
	KUNIT_EXPECT_STREQ(test, bench_read(b, "provider"), "");
#undef V
}

/* Until a test ends, requests use system memory, which is counted but not logged */
static void memory_only_after_the_test(struct kunit *test)
{
	struct verify *v = verify_ready(test, NULL, "auto");
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(v->b->ns);

	v->hold = true;
	verify_connect(v);
	KUNIT_EXPECT_NULL(test, bench_io(v->b, nvme_cmd_read, SZ_4K));
	KUNIT_EXPECT_NULL(test, bench_io(v->b, nvme_cmd_write, SZ_4K));
	KUNIT_EXPECT_EQ(test, bench_count(v->b, "not-verified"), 2);
	KUNIT_EXPECT_EQ(test, bench_count(v->b, "fallbacks"), 2);
	KUNIT_EXPECT_EQ_MSG(test, rec->warned, 0, "the warning was logged during a test");
	KUNIT_EXPECT_NOT_NULL(test, strstr(bench_read(v->b, "provider"),
					   " system not-verified testing\n"));
	complete_all(&v->go);
	verify_expect(v, v->b->card, "ok proved");
	KUNIT_EXPECT_EQ(test, bench_count(v->b, "fallbacks"), 2);
	KUNIT_EXPECT_EQ(test, v->drive.calls, 1);
	KUNIT_EXPECT_EQ(test, v->nic.calls, 1);
	KUNIT_EXPECT_PTR_EQ_MSG(test, v->drive.what, (void *)v->b->disk->part0,
				"the drive does not know which namespace");
	KUNIT_EXPECT_NULL(test, v->nic.what);

	/* A new controller uses a proved path at once. */
	bench_disconnect(v->b);
	verify_connect(v);
	KUNIT_EXPECT_PTR_EQ(test, bench_io(v->b, nvme_cmd_read, SZ_4K), v->b->card);
	KUNIT_EXPECT_EQ(test, v->drive.calls, 1);
	KUNIT_EXPECT_EQ(test, bench_count(v->b, "fallbacks"), 2);
	KUNIT_EXPECT_EQ(test, kit_available(v->b->card), BENCH_LENT);
}

/* Each mode with each result */
static void modes_and_answers(struct kunit *test)
{
	static const struct {
		const char *mode;
		enum pci_p2pmem_proof drive, nic;
		bool used;
		const char *shown;
		const char *counted;
	} t[] = {
		{ "auto", PCI_P2PMEM_PROVED, PCI_P2PMEM_PROVED, true, "ok proved" },
		{ "auto", PCI_P2PMEM_PROVED, PCI_P2PMEM_UNPROVED, true, "ok unproved" },
		{ "warn", PCI_P2PMEM_UNPROVED, PCI_P2PMEM_PROVED, true, "ok unproved" },
		{ "warn", PCI_P2PMEM_UNTRIED, PCI_P2PMEM_PROVED, false,
		  "not-verified unproved", "not-verified" },
		{ "warn", PCI_P2PMEM_DISPROVED, PCI_P2PMEM_PROVED, false,
		  "verify-failed disproved", "verify-failed" },
		{ "warn", PCI_P2PMEM_PROVED, PCI_P2PMEM_DISPROVED, false,
		  "verify-failed disproved", "verify-failed" },
		{ "require", PCI_P2PMEM_PROVED, PCI_P2PMEM_PROVED, true, "ok proved" },
		{ "require", PCI_P2PMEM_PROVED, PCI_P2PMEM_UNPROVED, false,
		  "not-verified unproved", "not-verified" },
		{ "require", PCI_P2PMEM_UNPROVED, PCI_P2PMEM_PROVED, false,
		  "not-verified unproved", "not-verified" },
		{ "require", PCI_P2PMEM_DISPROVED, PCI_P2PMEM_UNPROVED, false,
		  "verify-failed disproved", "verify-failed" },
		{ "off", PCI_P2PMEM_DISPROVED, PCI_P2PMEM_DISPROVED, true, "ok untested" },
	};
	struct verify *v = verify_ready(test, NULL, "auto");
	int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		nvmet_ns_disable(v->b->ns);
		KUNIT_ASSERT_GT(test, verify_store(v->b, t[i].mode), 0);
		KUNIT_ASSERT_EQ(test, bench_reset(v->b, "1"), 1);
		v->drive.says = t[i].drive;
		v->nic.says = t[i].nic;
		v->drive.calls = 0;
		kit_forget(NULL);
		KUNIT_ASSERT_EQ(test, bench_enable(v->b), 0);
		verify_connect(v);
		kunit_info(test, "%s %d %d", t[i].mode, t[i].drive, t[i].nic);
		verify_expect(v, t[i].used ? v->b->card : NULL, t[i].shown);
		KUNIT_EXPECT_EQ(test, v->drive.calls > 0, strcmp(t[i].mode, "off") != 0);
		KUNIT_EXPECT_EQ(test, bench_count(v->b, "fallbacks"), !t[i].used);
		if (t[i].counted)
			KUNIT_EXPECT_EQ(test, bench_count(v->b, t[i].counted), 1);
		bench_disconnect(v->b);
	}
	KUNIT_EXPECT_EQ(test, kit_available(v->b->card), BENCH_LENT);
}

/* Any provider: of two, the one that moves wrong data is not used */
static void another_provider(struct kunit *test)
{
	struct verify *v = verify_ready(test, "1", "warn");

	v->odd = v->b->card;
	v->odd_proof = PCI_P2PMEM_DISPROVED;
	verify_connect(v);
	verify_expect(v, v->b->card2, "ok proved");
	bench_disconnect(v->b);
	/* The good provider is revoked: only the disproved one is left. */
	pci_p2pmem_set_published(v->b->card2, false);
	verify_connect(v);
	verify_expect(v, NULL, "verify-failed disproved");
}

/* Any provider, with a proof required: of two, the one that can be proved is used */
static void another_provider_that_can_be_proved(struct kunit *test)
{
	struct verify *v = verify_ready(test, "1", "require");

	v->odd = v->b->card;
	v->odd_proof = PCI_P2PMEM_UNPROVED;
	verify_connect(v);
	verify_expect(v, v->b->card2, "ok proved");
	/* A new controller does not test the unproved provider again. */
	v->drive.calls = 0;
	bench_disconnect(v->b);
	verify_connect(v);
	KUNIT_EXPECT_PTR_EQ(test, bench_io(v->b, nvme_cmd_read, SZ_4K), v->b->card2);
	KUNIT_EXPECT_EQ(test, v->drive.calls, 0);
	/* The proved provider is revoked: the remaining one is refused as not proved. */
	bench_disconnect(v->b);
	pci_p2pmem_set_published(v->b->card2, false);
	KUNIT_ASSERT_EQ(test, bench_reset(v->b, "1"), 1);
	verify_connect(v);
	verify_expect(v, NULL, "not-verified unproved");
	KUNIT_EXPECT_EQ(test, bench_count(v->b, "not-verified"), 1);
	KUNIT_EXPECT_EQ(test, v->drive.calls, 0);
}

/* A host bridge that an administrator allowed: "auto" requires a proof, "warn" does not */
static void by_an_administrator_s_entry(struct kunit *test)
{
	struct verify *v = verify_ready(test, "1", "auto");
	struct nvmet_bench *b = v->b;

	v->odd = b->far;
	v->odd_proof = PCI_P2PMEM_UNPROVED;
	nvmet_ns_disable(b->ns);
	kit_allow(test, BENCH_ROOT_PORT);
	KUNIT_ASSERT_GT(test, bench_store(b, pci_name(b->far)), 0);
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	verify_connect(v);
	verify_expect(v, NULL, "not-verified unproved");
	bench_disconnect(b);
	nvmet_ns_disable(b->ns);

	KUNIT_ASSERT_GT(test, verify_store(b, "warn"), 0);
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	verify_connect(v);
	verify_expect(v, b->far, "ok unproved by-admin");
	bench_disconnect(b);
	nvmet_ns_disable(b->ns);

	KUNIT_ASSERT_GT(test, verify_store(b, "auto"), 0);
	v->odd_proof = PCI_P2PMEM_PROVED;
	kit_forget(NULL);
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	verify_connect(v);
	verify_expect(v, b->far, "ok proved by-admin");
}

/*
 * A known host bridge is removed, and its root ports are added, by one write: memory is mapped as
 * before, but on the administrator's word. Also where "warn" would use the path without a proof, it
 * is tested again.
 */
static void entry_instead_of_a_known_one(struct kunit *test)
{
	struct verify *v = verify_ready(test, "1", "warn");
	struct nvmet_bench *b = v->b;
	struct pci_dev *first = fabric_pdev(b->f, "first");
	struct pci_p2pmem_verdict now;
	int i;

	first->vendor = PCI_VENDOR_ID_INTEL;
	first->device = 0x2030;
	pci_p2pmem_verdict(b->far, b->drive, KTIME_MAX, &now);
	KUNIT_ASSERT_FALSE(test, now.by_admin);
	nvmet_ns_disable(b->ns);
	KUNIT_ASSERT_GT(test, bench_store(b, pci_name(b->far)), 0);
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	verify_connect(v);
	KUNIT_EXPECT_TRUE(test, bench_settles(b, b->far));
	KUNIT_EXPECT_EQ(test, v->drive.calls, 1);
	WRITE_ONCE(v->drive.says, PCI_P2PMEM_UNPROVED);
	kit_allow(test, "-8086:2030," BENCH_ROOT_PORT);
	for (i = 0; i < 400 && READ_ONCE(v->drive.calls) < 2; i++)
		schedule_timeout_uninterruptible(HZ / 20);
	KUNIT_EXPECT_EQ(test, v->drive.calls, 2);
	KUNIT_EXPECT_TRUE(test, bench_settles(b, b->far));
	verify_expect(v, b->far, "ok unproved by-admin");
}

/*
 * Memory that was proved by bus address is then mapped through a host bridge: the proof is
 * valid for the old route only, and requests wait for a test of the new route.
 */
static void route_that_changes(struct kunit *test)
{
	struct verify *v = verify_ready(test, NULL, "auto");
	struct nvmet_bench *b = v->b;
	struct pci_p2pmem_verdict now;
	int i;

	kit_allow(test, BENCH_ROOT_PORT);
	verify_connect(v);
	verify_expect(v, b->card, "ok proved");
	KUNIT_EXPECT_EQ(test, v->drive.calls, 1);
	fabric_set_acs_ctrl(b->f, "dn3", PCI_ACS_RR);
	WRITE_ONCE(v->drive.says, PCI_P2PMEM_DISPROVED);
	pci_p2pmem_verdict(b->card, b->drive, KTIME_MAX, &now);
	KUNIT_EXPECT_EQ(test, now.mapping, PCI_P2PMEM_MAP_HOST_BRIDGE);
	KUNIT_EXPECT_TRUE_MSG(test, bench_settles(b, NULL),
			      "requests use the new route without a test");
	/* The old grant allows no allocation, so system memory does not prove that a test ran. */
	for (i = 0; i < 400 && READ_ONCE(v->drive.calls) < 2; i++)
		schedule_timeout_uninterruptible(HZ / 20);
	verify_expect(v, NULL, "verify-failed disproved");
	KUNIT_EXPECT_EQ(test, v->drive.calls, 2);
}

/* An inconclusive test of one namespace does not decide for another one */
static void state_of_each_namespace(struct kunit *test)
{
	struct logged *l = logged_begin(test, "using system memory for nsid");
	struct verify *v = verify_ready(test, NULL, "require");
	struct pci_p2pmem_verdict known;
	const char *line;

	v->drive.local = true;
	v->drive.says = PCI_P2PMEM_UNPROVED;
	verify_connect(v);
	verify_expect(v, NULL, "not-verified unproved");
	line = logged_line(l, 10);
	KUNIT_EXPECT_NOT_NULL_MSG(test,
				  strstr(line, "; write warn to the namespace's p2pmem_verify"),
				  "%s", line);
	pci_p2pmem_verdict(v->b->card, v->b->drive, 0, &known);
	KUNIT_EXPECT_EQ(test, known.proof, PCI_P2PMEM_UNTRIED);
	bench_disconnect(v->b);
	nvmet_ns_disable(v->b->ns);
	KUNIT_ASSERT_GT(test, verify_store(v->b, "warn"), 0);
	KUNIT_ASSERT_EQ(test, bench_enable(v->b), 0);
	verify_connect(v);
	verify_expect(v, v->b->card, "ok unproved");
}

/* An inconclusive test is repeated: the drive's second result is conclusive */
static void required_and_not_known_yet(struct kunit *test)
{
	struct logged *l = logged_begin(test, "using system memory for nsid");
	struct verify *v = verify_ready(test, NULL, "require");
	const char *line;

	v->drive.says = PCI_P2PMEM_UNTRIED;
	verify_connect(v);
	verify_expect(v, NULL, "not-verified unproved");
	/* No value of the attribute would make the test conclusive. */
	line = logged_line(l, 10);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(line, "; the self-test is repeated automatically"),
				  "%s", line);
	WRITE_ONCE(v->drive.says, PCI_P2PMEM_PROVED);
	KUNIT_EXPECT_TRUE_MSG(test, bench_settles(v->b, v->b->card), "the test is not repeated");
	verify_expect(v, v->b->card, "ok proved");
}

static void verify_wait_running(struct verify *v)
{
	int i;

	for (i = 0; i < 400 && !atomic_read(&v->running); i++)
		schedule_timeout_uninterruptible(HZ / 20);
	KUNIT_ASSERT_GT(v->b->test, atomic_read(&v->running), 0);
}

/*
 * Disabling a namespace under test does not wait for the test. The test keeps the drive open,
 * cannot allocate more memory, and its result is ignored.
 */
static void disable_while_it_is_tested(struct kunit *test)
{
	struct verify *v = verify_ready(test, NULL, "warn");
	struct block_device *bdev;
	int i;

	v->hold = true;
	verify_connect(v);
	verify_wait_running(v);
	bdev = v->b->ns->bdev;
	nvmet_ns_disable(v->b->ns);
	KUNIT_EXPECT_GT_MSG(test, atomic_read(&v->running), 0, "disabling waited for the test");
	KUNIT_EXPECT_NULL(test, v->b->ns->bdev);
	msleep(200);	/* the last reference closes it later, in a work item */
	KUNIT_EXPECT_GT_MSG(test, atomic_read(&bdev->bd_openers), 0,
			    "the drive is closed during a test");
	complete_all(&v->go);
	for (i = 0; i < 400 && atomic_read(&bdev->bd_openers); i++)
		schedule_timeout_uninterruptible(HZ / 20);
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&bdev->bd_openers), 0,
			    "the drive stays open after the test");
	KUNIT_EXPECT_EQ(test, kit_available(v->b->card), BENCH_LENT);
	v->hold = false;
	KUNIT_EXPECT_EQ(test, bench_enable(v->b), 0);
	verify_expect(v, v->b->card, "ok proved");
}

/* A disconnecting host does not wait for the test, and its path is freed before the test ends */
static void disconnect_while_it_is_tested(struct kunit *test)
{
	struct verify *v = verify_ready(test, NULL, "warn");
	int i;

	v->hold = true;
	for (i = 0; i < 3; i++) {
		verify_connect(v);
		verify_wait_running(v);
		bench_disconnect(v->b);
		KUNIT_EXPECT_GT(test, atomic_read(&v->running), 0);
	}
	complete_all(&v->go);
	v->hold = false;
	verify_connect(v);
	verify_expect(v, v->b->card, "ok proved");
	nvmet_ns_disable(v->b->ns);
	KUNIT_EXPECT_EQ(test, kit_available(v->b->card), BENCH_LENT);
}

/* A provider is revoked during its test: another one is used, later the first one again */
static void provider_removed_during_self_test(struct kunit *test)
{
	struct verify *v = verify_ready(test, NULL, "warn");

	v->hold = true;
	verify_connect(v);
	verify_wait_running(v);
	schedule_delayed_work(&v->release, HZ / 5);
	/* The revocation waits for the memory of the test. */
	pci_p2pmem_revoke(v->b->card);
	KUNIT_EXPECT_EQ(test, atomic_read(&v->running), 0);
	KUNIT_EXPECT_NULL(test, bench_io(v->b, nvme_cmd_read, SZ_4K));
	v->hold = false;
	pci_p2pmem_resume(v->b->card);
	KUNIT_EXPECT_TRUE(test, bench_settles(v->b, v->b->card));
	verify_expect(v, v->b->card, "ok proved");
}

/* A test without free memory reports pool-full, and no remedy that is in place already */
static void test_of_a_full_pool(struct kunit *test)
{
	struct logged *l = logged_begin(test, "using system memory for nsid");
	struct verify *v = verify_ready(test, NULL, "warn");
	void *all = pci_p2pmem_alloc(v->b->card, BENCH_LENT, GFP_KERNEL);
	const char *line;

	KUNIT_ASSERT_NOT_NULL(test, all);
	WRITE_ONCE(v->drive.says, PCI_P2PMEM_UNTRIED);
	verify_connect(v);
	verify_expect(v, NULL, "pool-full untested");
	KUNIT_EXPECT_NOT_NULL(test, strstr(logged_line(l, 10), "pool-full"));
	pci_p2pmem_free(all, BENCH_LENT);
	/* With memory, but inconclusive: the mode is "warn" already. */
	line = logged_line(l, 20);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(line, "not-verified"), "%s", line);
	KUNIT_EXPECT_NULL_MSG(test, strstr(line, "write warn"), "%s", line);
	WRITE_ONCE(v->drive.says, PCI_P2PMEM_PROVED);
	KUNIT_EXPECT_TRUE(test, bench_settles(v->b, v->b->card));
}

/* A reset of the provider invalidates its proofs, even if no work ran in between */
static void required_after_a_short_reset(struct kunit *test)
{
	struct verify *v = verify_ready(test, NULL, "require");
	int i, calls;

	verify_connect(v);
	verify_expect(v, v->b->card, "ok proved");
	KUNIT_EXPECT_TRUE(test, bench_settles(v->b, v->b->card));
	calls = READ_ONCE(v->drive.calls);
	WRITE_ONCE(v->drive.says, PCI_P2PMEM_DISPROVED);
	/* The lock keeps work of the target from running between revocation and return. */
	mutex_lock(&v->b->subsys->lock);
	pci_p2pmem_lost(v->b->card);
	pci_p2pmem_resume(v->b->card);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(v->b->card));
	KUNIT_EXPECT_NULL_MSG(test, bench_io(v->b, nvme_cmd_read, SZ_4K),
			      "requests use a path that is not proved");
	KUNIT_EXPECT_EQ(test, bench_count(v->b, "provider-revoked"), 1);
	mutex_unlock(&v->b->subsys->lock);
	for (i = 0; i < 400 && READ_ONCE(v->drive.calls) == calls; i++)
		schedule_timeout_uninterruptible(HZ / 20);
	KUNIT_EXPECT_GT_MSG(test, READ_ONCE(v->drive.calls), calls, "the test is not repeated");
	verify_expect(v, NULL, "verify-failed disproved");
	KUNIT_EXPECT_NULL(test, bench_io(v->b, nvme_cmd_read, SZ_4K));
}

/* Wait until the drive was tested @calls times; return how often it was */
static int verify_calls(struct verify *v, int calls)
{
	int i;

	for (i = 0; i < 400 && READ_ONCE(v->drive.calls) < calls; i++)
		schedule_timeout_uninterruptible(HZ / 20);
	return READ_ONCE(v->drive.calls);
}

/* As a write to rescan does: drop all results and notify orchestrators */
static void verify_request(void)
{
	kit_forget(NULL);
	nvmet_p2pmem_rescan(0);
}

/* An outdated proof is renewed before more memory is used, in every mode that tests */
static void tested_after_a_proof_is_outdated(struct kunit *test)
{
	static const char * const mode[] = { "require", "warn", "auto" };
	struct verify *v = verify_ready(test, NULL, "require");
	bool used;
	int i;

	for (i = 0; i < ARRAY_SIZE(mode); i++) {
		nvmet_ns_disable(v->b->ns);
		KUNIT_ASSERT_GT(test, verify_store(v->b, mode[i]), 0);
		used = i;
		v->drive.says = PCI_P2PMEM_PROVED;
		v->drive.calls = 0;
		kit_forget(NULL);
		KUNIT_ASSERT_EQ(test, bench_enable(v->b), 0);
		verify_connect(v);
		verify_expect(v, v->b->card, "ok proved");
		KUNIT_EXPECT_EQ(test, v->drive.calls, 1);
		WRITE_ONCE(v->drive.says, PCI_P2PMEM_UNPROVED);
		/* Only the core notifies the target. */
		kit_forget(NULL);
		KUNIT_EXPECT_EQ_MSG(test, verify_calls(v, 2), 2, "%s accepts an outdated proof",
				    mode[i]);
		verify_expect(v, used ? v->b->card : NULL,
			      used ? "ok unproved" : "not-verified unproved");
		KUNIT_EXPECT_EQ(test, v->drive.calls, 2);
		bench_disconnect(v->b);
	}
}

/* A path in use of which both ends were tested, and not proved */
static struct verify *verify_unproved(struct kunit *test)
{
	struct verify *v = verify_ready(test, NULL, "warn");

	v->drive.says = PCI_P2PMEM_UNPROVED;
	v->nic.says = PCI_P2PMEM_UNPROVED;
	verify_connect(v);
	verify_expect(v, v->b->card, "ok unproved");
	KUNIT_EXPECT_EQ(test, v->drive.calls, 1);
	return v;
}

/*
 * A path in use is tested again if, and only if, the core has dropped a result: one that was not
 * proved, too, but not one that was never stored, which would be missed for ever.
 */
static void tested_again_if_a_result_is_dropped(struct kunit *test)
{
	struct verify *v = verify_unproved(test);

	/* Another client appears, whose pairs are the only ones that are evaluated again. */
	kit_client(test, v->b->f, "nic2");
	msleep(200);
	KUNIT_EXPECT_EQ_MSG(test, v->drive.calls, 1, "tested without a reason");

	/* An administrator requests another test, which finds a proof now, then wrong data. */
	WRITE_ONCE(v->drive.says, PCI_P2PMEM_PROVED);
	WRITE_ONCE(v->nic.says, PCI_P2PMEM_PROVED);
	verify_request();
	KUNIT_EXPECT_EQ_MSG(test, verify_calls(v, 2), 2, "an unproved path is not tested again");
	verify_expect(v, v->b->card, "ok proved");
	WRITE_ONCE(v->drive.says, PCI_P2PMEM_DISPROVED);
	verify_request();
	KUNIT_EXPECT_EQ(test, verify_calls(v, 3), 3);
	verify_expect(v, NULL, "verify-failed disproved");

	/* A result of both ends that is not stored: no event makes the path be tested again. */
	WRITE_ONCE(v->drive.says, PCI_P2PMEM_UNPROVED);
	v->nic.says = PCI_P2PMEM_UNPROVED;
	v->drive.local = true;
	v->nic.local = true;
	verify_request();
	KUNIT_EXPECT_EQ(test, verify_calls(v, 4), 4);
	verify_expect(v, v->b->card, "ok unproved");
	nvmet_p2pmem_rescan(0);
	msleep(200);
	KUNIT_EXPECT_EQ_MSG(test, v->drive.calls, 4, "tested again and again");
	/* But an administrator's request does, once. */
	verify_request();
	KUNIT_EXPECT_EQ_MSG(test, verify_calls(v, 5), 5, "a request changes nothing");
	verify_expect(v, v->b->card, "ok unproved");
	nvmet_p2pmem_rescan(0);
	msleep(200);
	KUNIT_EXPECT_EQ_MSG(test, v->drive.calls, 5, "one request, several tests");
}

/* The core alone notifies of a result that it dropped, also of one that was no proof */
static void notified_of_a_dropped_result(struct kunit *test)
{
	struct verify *v = verify_unproved(test);

	kit_reevaluate();
	KUNIT_EXPECT_EQ(test, verify_calls(v, 2), 2);
	verify_expect(v, v->b->card, "ok unproved");
}

/**
 * struct verify_more - more hosts and another namespace of a target
 * @v: the target
 * @ns: the namespace, with the same drive
 * @ctrl: controllers of the hosts
 * @sq: submission queues
 * @cq: completion queues
 */
struct verify_more {
	struct verify *v;
	struct nvmet_ns *ns;
	struct nvmet_ctrl *ctrl[3];
	struct nvmet_sq sq[3];
	struct nvmet_cq cq[3];
};

static void verify_more_exit(void *data)
{
	struct verify_more *m = data;
	int i;

	for (i = 0; i < ARRAY_SIZE(m->ctrl); i++)
		if (m->ctrl[i])
			nvmet_sq_destroy(&m->sq[i]);
	bench_disconnect(m->v->b);
	nvmet_ns_free(m->ns);
}

/* Connect all hosts while no test ends */
static struct verify_more *verify_more(struct kunit *test, struct verify *v)
{
	struct verify_more *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	struct nvmet_bench *b = v->b;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, m);
	m->v = v;
	m->ns = bench_new_ns(b, b->subsys, BENCH_NSID + 1, BENCH_DISK);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, verify_more_exit, m), 0);
	nvmet_p2pmem_record(m->ns)->verify = nvmet_p2pmem_record(b->ns)->verify;
	strscpy(b->page, pci_name(b->card), PAGE_SIZE);
	KUNIT_ASSERT_GT(test, nvmet_ns_attr_p2pmem.store(&m->ns->group.cg_item, b->page,
							 strlen(b->page)), 0);
	v->hold = true;
	verify_connect(v);
	verify_wait_running(v);
	KUNIT_ASSERT_EQ(test, bench_ns_enable(m->ns), 0);
	for (i = 0; i < ARRAY_SIZE(m->ctrl); i++) {
		m->ctrl[i] = bench_new_ctrl(b, b->subsysnqn, b->nic, &m->sq[i], &m->cq[i]);
		KUNIT_ASSERT_NOT_NULL(test, m->ctrl[i]);
	}
	return m;
}

/* Wait until all paths of a namespace are in a state; return the number of them that are */
static int verify_paths(struct verify_more *m, u32 nsid, enum nvmet_p2pmem_state state)
{
	struct nvmet_bench *b = m->v->b;
	struct nvmet_p2pmem_path *path;
	struct nvmet_ctrl *ctrl;
	int tries, n = 0;

	for (tries = 0; tries < 200; tries++) {
		n = 0;
		mutex_lock(&b->subsys->lock);
		list_for_each_entry(ctrl, &b->subsys->ctrls, subsys_entry) {
			path = radix_tree_lookup(&ctrl->p2p_ns_map, nsid);
			n += path && path->state == state;
		}
		mutex_unlock(&b->subsys->lock);
		if (n == 1 + ARRAY_SIZE(m->ctrl))
			break;
		schedule_timeout_uninterruptible(HZ / 50);
	}
	return n;
}

/* A work item closes files. */
static void verify_drive_closes(struct verify *v)
{
	struct block_device *bdev = v->b->disk->part0;
	int i;

	for (i = 0; i < 400 && atomic_read(&bdev->bd_openers); i++)
		schedule_timeout_uninterruptible(HZ / 20);
	KUNIT_EXPECT_EQ_MSG(v->b->test, atomic_read(&bdev->bd_openers), 0, "the drive stays open");
}

/* Four hosts and two namespaces: each end is tested once. */
static void one_test_for_all_paths(struct kunit *test)
{
	struct verify *v = verify_ready(test, NULL, "auto");
	struct verify_more *m = verify_more(test, v);

	KUNIT_EXPECT_EQ(test, verify_paths(m, 1, NVMET_P2PMEM_TESTING), 4);
	KUNIT_EXPECT_EQ(test, verify_paths(m, 2, NVMET_P2PMEM_TESTING), 4);
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&v->running), 1, "tests run concurrently");
	complete_all(&v->go);
	KUNIT_EXPECT_EQ(test, verify_paths(m, 1, NVMET_P2PMEM_PEER), 4);
	KUNIT_EXPECT_EQ(test, verify_paths(m, 2, NVMET_P2PMEM_PEER), 4);
	KUNIT_EXPECT_EQ(test, v->drive.calls, 1);
	KUNIT_EXPECT_EQ(test, v->nic.calls, 1);
	KUNIT_EXPECT_PTR_EQ(test, bench_io(v->b, nvme_cmd_read, SZ_4K), v->b->card);
}

/* A result that is local to a namespace decides for its paths; the other one is tested */
static void test_of_another_namespace(struct kunit *test)
{
	struct verify *v = verify_ready(test, NULL, "require");
	struct verify_more *m;
	unsigned long began;

	v->drive.local = true;
	v->drive.says = PCI_P2PMEM_UNPROVED;
	m = verify_more(test, v);
	KUNIT_EXPECT_EQ(test, verify_paths(m, 2, NVMET_P2PMEM_TESTING), 4);
	/* Both parts of the first test end. No path of the other namespace has its result. */
	began = jiffies;
	complete(&v->go);
	complete(&v->go);
	KUNIT_EXPECT_EQ(test, verify_paths(m, 1, NVMET_P2PMEM_SYSTEM), 4);
	KUNIT_EXPECT_EQ(test, verify_paths(m, 2, NVMET_P2PMEM_TESTING), 4);
	/* An inconclusive test is repeated after five seconds. */
	KUNIT_EXPECT_LT_MSG(test, jiffies - began, 4 * HZ, "they had it, and are tested again");
	complete_all(&v->go);
	KUNIT_EXPECT_EQ(test, verify_paths(m, 2, NVMET_P2PMEM_SYSTEM), 4);
	KUNIT_EXPECT_EQ_MSG(test, v->drive.calls, 2, "one for each namespace, whatever the hosts");
	/* The core has stored the result of the adapter. */
	KUNIT_EXPECT_EQ(test, v->nic.calls, 1);
}

/*
 * The namespace under test is disabled. Paths of the other namespace still wait for the test,
 * which goes on, but closes the drive as soon as the drive's part has ended.
 */
static void disable_while_others_wait(struct kunit *test)
{
	struct verify *v = verify_ready(test, NULL, "auto");
	struct verify_more *m = verify_more(test, v);

	nvmet_ns_disable(v->b->ns);
	KUNIT_EXPECT_GT(test, atomic_read(&v->running), 0);
	KUNIT_EXPECT_EQ(test, verify_paths(m, 2, NVMET_P2PMEM_TESTING), 4);
	complete_all(&v->go);
	KUNIT_EXPECT_EQ(test, verify_paths(m, 2, NVMET_P2PMEM_PEER), 4);
	KUNIT_EXPECT_EQ(test, v->drive.calls, 1);
	KUNIT_EXPECT_EQ(test, v->nic.calls, 1);
	nvmet_ns_disable(m->ns);
	verify_drive_closes(v);
}

/* The other namespace leaves: the test of the first one goes on, and its result is used. */
static void disable_another_while_it_is_tested(struct kunit *test)
{
	struct verify *v = verify_ready(test, NULL, "auto");
	struct verify_more *m = verify_more(test, v);
	unsigned long began;

	KUNIT_EXPECT_EQ(test, verify_paths(m, 2, NVMET_P2PMEM_TESTING), 4);
	nvmet_ns_disable(m->ns);
	KUNIT_EXPECT_EQ(test, verify_paths(m, 1, NVMET_P2PMEM_TESTING), 4);
	began = jiffies;
	complete_all(&v->go);
	KUNIT_EXPECT_EQ(test, verify_paths(m, 1, NVMET_P2PMEM_PEER), 4);
	/* An inconclusive test is repeated after five seconds. */
	KUNIT_EXPECT_LT_MSG(test, jiffies - began, 4 * HZ, "the test was stopped and repeated");
	KUNIT_EXPECT_EQ(test, v->drive.calls, 1);
	KUNIT_EXPECT_EQ(test, v->nic.calls, 1);
}

/* When the last waiting path is removed, the test stops before it tests the adapter */
static void test_that_nobody_waits_for(struct kunit *test)
{
	struct verify *v = verify_ready(test, NULL, "auto");
	struct verify_more *m = verify_more(test, v);

	nvmet_ns_disable(v->b->ns);
	nvmet_ns_disable(m->ns);
	complete_all(&v->go);
	verify_drive_closes(v);
	msleep(100);
	KUNIT_EXPECT_EQ(test, v->drive.calls, 1);
	KUNIT_EXPECT_EQ(test, v->nic.calls, 0);
	KUNIT_EXPECT_TRUE(test, nvmet_p2pmem_no_shares());
	KUNIT_EXPECT_EQ(test, kit_available(v->b->card), BENCH_LENT);
}

static struct kunit_case nvmet_verify_cases[] = {
	KUNIT_CASE(values_of_the_attribute),
	KUNIT_CASE(memory_only_after_the_test),
	KUNIT_CASE(modes_and_answers),
	KUNIT_CASE(another_provider),
	KUNIT_CASE(another_provider_that_can_be_proved),
	KUNIT_CASE(by_an_administrator_s_entry),
	KUNIT_CASE(entry_instead_of_a_known_one),
	KUNIT_CASE(route_that_changes),
	KUNIT_CASE(state_of_each_namespace),
	KUNIT_CASE(required_and_not_known_yet),
	KUNIT_CASE(disable_while_it_is_tested),
	KUNIT_CASE(disconnect_while_it_is_tested),
	KUNIT_CASE(provider_removed_during_self_test),
	KUNIT_CASE(required_after_a_short_reset),
	KUNIT_CASE(tested_after_a_proof_is_outdated),
	KUNIT_CASE(tested_again_if_a_result_is_dropped),
	KUNIT_CASE(notified_of_a_dropped_result),
	KUNIT_CASE(test_of_a_full_pool),
	KUNIT_CASE(one_test_for_all_paths),
	KUNIT_CASE(test_of_another_namespace),
	KUNIT_CASE(disable_while_others_wait),
	KUNIT_CASE(disable_another_while_it_is_tested),
	KUNIT_CASE(test_that_nobody_waits_for),
	{}
};

static struct kunit_suite nvmet_verify_suite = {
	.name = "p2pmem-nvmet-verify",
	.test_cases = nvmet_verify_cases,
};

kunit_test_suite(nvmet_verify_suite);
