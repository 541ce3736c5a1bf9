// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: KUnit: the self-test of a path before the NVMe target uses it
 *
 * Drive and adapter have verify operations that answer what the suite wants, when it wants.
 * What requests get meanwhile and afterwards, what is shown and counted, and what happens
 * when namespace, controller or provider go under a test. All cases: the hierarchy of
 * p2pmem-bench-kunit.c.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../../pci/p2pdma/tests/logged.h"
#include "p2pmem-kunit.h"

/**
 * struct end - a driver with a self-test
 * @v: the whole
 * @client: its registration
 * @says: its answer
 * @local: that is about the namespace only
 * @calls: how often it was asked
 * @what: what for
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
 * @drive: one end
 * @nic: the other
 * @odd: provider with which the drive has an answer of its own
 * @odd_proof: that answer
 * @hold: tests do not end before @go
 * @go: see there
 * @release: completes @go later
 * @running: tests that run
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

/* A target that is enabled, without a controller; both ends have operations */
static struct verify *verify_ready(struct kunit *test, const char *wish, const char *mode)
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
	KUNIT_ASSERT_GT(test, bench_store(b, wish ?: pci_name(b->card)), 0);
	KUNIT_ASSERT_GT(test, verify_store(b, mode), 0);
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	return v;
}

static void verify_connect(struct verify *v)
{
	bench_connect(v->b, v->b->nic, NVMF_TRTYPE_RDMA);
}

/* Waits until no test is shown any more; what is shown then, without the controller's number */
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

/* The attribute: what it takes, what it gives, and when */
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

/* Until a test has ended requests use system memory; that is counted, and no news. */
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
	KUNIT_EXPECT_EQ_MSG(test, rec->warned, 0, "it has used up the warning");
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

	/* What was proved is used at once by who comes after. */
	bench_disconnect(v->b);
	verify_connect(v);
	KUNIT_EXPECT_PTR_EQ(test, bench_io(v->b, nvme_cmd_read, SZ_4K), v->b->card);
	KUNIT_EXPECT_EQ(test, v->drive.calls, 1);
	KUNIT_EXPECT_EQ(test, bench_count(v->b, "fallbacks"), 2);
	KUNIT_EXPECT_EQ(test, kit_available(v->b->card), BENCH_LENT);
}

/* Each mode with each answer */
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

/* Any provider: of two the one that moves wrong data is not taken. */
static void another_provider(struct kunit *test)
{
	struct verify *v = verify_ready(test, "1", "warn");

	v->odd = v->b->card;
	v->odd_proof = PCI_P2PMEM_DISPROVED;
	verify_connect(v);
	verify_expect(v, v->b->card2, "ok proved");
	bench_disconnect(v->b);
	/* The other one goes, and there is none left that is right. */
	pci_p2pmem_set_published(v->b->card2, false);
	verify_connect(v);
	verify_expect(v, NULL, "verify-failed disproved");
}

/* Any provider, and proofs are required: of two the one that can be proved is taken. */
static void another_provider_that_can_be_proved(struct kunit *test)
{
	struct verify *v = verify_ready(test, "1", "require");

	v->odd = v->b->card;
	v->odd_proof = PCI_P2PMEM_UNPROVED;
	verify_connect(v);
	verify_expect(v, v->b->card2, "ok proved");
	/* Who comes after is not sent through the first one again. */
	v->drive.calls = 0;
	bench_disconnect(v->b);
	verify_connect(v);
	KUNIT_EXPECT_PTR_EQ(test, bench_io(v->b, nvme_cmd_read, SZ_4K), v->b->card2);
	KUNIT_EXPECT_EQ(test, v->drive.calls, 0);
	/* The other one goes: what is left is not proved, and that is the reason. */
	bench_disconnect(v->b);
	pci_p2pmem_set_published(v->b->card2, false);
	KUNIT_ASSERT_EQ(test, bench_reset(v->b, "1"), 1);
	verify_connect(v);
	verify_expect(v, NULL, "not-verified unproved");
	KUNIT_EXPECT_EQ(test, bench_count(v->b, "not-verified"), 1);
	KUNIT_EXPECT_EQ(test, v->drive.calls, 0);
}

/* A host bridge that an administrator allowed: "auto" asks for proofs there, "warn" does not. */
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
 * Memory that was proved by bus address comes to be mapped through a host bridge: what was
 * shown is of the other route, and requests wait for a test of this one.
 */
static void route_that_changes(struct kunit *test)
{
	struct verify *v = verify_ready(test, NULL, "auto");
	struct nvmet_bench *b = v->b;
	struct pci_p2pmem_verdict now;

	verify_connect(v);
	verify_expect(v, b->card, "ok proved");
	KUNIT_EXPECT_EQ(test, v->drive.calls, 1);
	kit_allow(test, BENCH_ROOT_PORT);
	fabric_set_acs_ctrl(b->f, "dn3", PCI_ACS_RR);
	WRITE_ONCE(v->drive.says, PCI_P2PMEM_DISPROVED);
	pci_p2pmem_verdict_update(b->card, b->drive, &now);
	KUNIT_EXPECT_EQ(test, now.mapping, PCI_P2PMEM_MAP_HOST_BRIDGE);
	KUNIT_EXPECT_TRUE_MSG(test, bench_settles(b, NULL), "the other route carries data");
	verify_expect(v, NULL, "verify-failed disproved");
	KUNIT_EXPECT_EQ(test, v->drive.calls, 2);
}

/* What cannot be shown of this namespace is no reason to use, or refuse, another one. */
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
	pci_p2pmem_verdict(v->b->card, v->b->drive, &known);
	KUNIT_EXPECT_EQ(test, known.proof, PCI_P2PMEM_UNTRIED);
	bench_disconnect(v->b);
	nvmet_ns_disable(v->b->ns);
	KUNIT_ASSERT_GT(test, verify_store(v->b, "warn"), 0);
	KUNIT_ASSERT_EQ(test, bench_enable(v->b), 0);
	verify_connect(v);
	verify_expect(v, v->b->card, "ok unproved");
}

/* What passes is tried again: a drive that could not say is asked once more. */
static void required_and_not_known_yet(struct kunit *test)
{
	struct logged *l = logged_begin(test, "using system memory for nsid");
	struct verify *v = verify_ready(test, NULL, "require");
	const char *line;

	v->drive.says = PCI_P2PMEM_UNTRIED;
	verify_connect(v);
	verify_expect(v, NULL, "not-verified unproved");
	/* Whatever is written to the attribute, nothing is shown by it. */
	line = logged_line(l, 10);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(line, "; the self-test is repeated by itself"),
				  "%s", line);
	WRITE_ONCE(v->drive.says, PCI_P2PMEM_PROVED);
	KUNIT_EXPECT_TRUE_MSG(test, bench_settles(v->b, v->b->card), "it is not asked again");
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
 * A namespace under test is disabled: that does not wait for the test, which keeps the drive
 * open by itself, gets no more memory and is not asked for its result.
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
	KUNIT_EXPECT_GT_MSG(test, atomic_read(&v->running), 0, "it waited for the test");
	KUNIT_EXPECT_NULL(test, v->b->ns->bdev);
	KUNIT_EXPECT_GT_MSG(test, atomic_read(&bdev->bd_openers), 0,
			    "its drive is closed under a test");
	complete_all(&v->go);
	for (i = 0; i < 400 && atomic_read(&bdev->bd_openers); i++)
		schedule_timeout_uninterruptible(HZ / 20);
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&bdev->bd_openers), 0, "it keeps the drive open");
	KUNIT_EXPECT_EQ(test, kit_available(v->b->card), BENCH_LENT);
	v->hold = false;
	KUNIT_EXPECT_EQ(test, bench_enable(v->b), 0);
	verify_expect(v, v->b->card, "ok proved");
}

/* A host that goes does not wait, and takes the path with it; the test ends alone. */
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

/* A provider that goes under its test: another one is found, and the first one after it. */
static void provider_removed_during_self_test(struct kunit *test)
{
	struct verify *v = verify_ready(test, NULL, "warn");

	v->hold = true;
	verify_connect(v);
	verify_wait_running(v);
	schedule_delayed_work(&v->release, HZ / 5);
	/* Waits for the memory of the test */
	pci_p2pmem_revoke(v->b->card);
	KUNIT_EXPECT_EQ(test, atomic_read(&v->running), 0);
	KUNIT_EXPECT_NULL(test, bench_io(v->b, nvme_cmd_read, SZ_4K));
	v->hold = false;
	pci_p2pmem_resume(v->b->card);
	KUNIT_EXPECT_TRUE(test, bench_settles(v->b, v->b->card));
	verify_expect(v, v->b->card, "ok proved");
}

/* A test without memory: the reason is that, and the remedy is none that is done already. */
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
	/* With memory, but nothing shown: "write warn" is done already. */
	line = logged_line(l, 20);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(line, "not-verified"), "%s", line);
	KUNIT_EXPECT_NULL_MSG(test, strstr(line, "write warn"), "%s", line);
	WRITE_ONCE(v->drive.says, PCI_P2PMEM_PROVED);
	KUNIT_EXPECT_TRUE(test, bench_settles(v->b, v->b->card));
}

/* What was proved before a reset is not proved after it, however short that was. */
static void required_after_a_short_reset(struct kunit *test)
{
	struct verify *v = verify_ready(test, NULL, "require");
	int i, calls;

	verify_connect(v);
	verify_expect(v, v->b->card, "ok proved");
	KUNIT_EXPECT_TRUE(test, bench_settles(v->b, v->b->card));
	calls = READ_ONCE(v->drive.calls);
	WRITE_ONCE(v->drive.says, PCI_P2PMEM_DISPROVED);
	/* As short as can be: no work of the core or of the target has run in between. */
	mutex_lock(&v->b->subsys->lock);
	pci_p2pmem_lost(v->b->card);
	pci_p2pmem_resume(v->b->card);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(v->b->card));
	KUNIT_EXPECT_NULL_MSG(test, bench_io(v->b, nvme_cmd_read, SZ_4K),
			      "memory by a path that is not proved");
	KUNIT_EXPECT_EQ(test, bench_count(v->b, "provider-revoked"), 1);
	mutex_unlock(&v->b->subsys->lock);
	for (i = 0; i < 400 && READ_ONCE(v->drive.calls) == calls; i++)
		schedule_timeout_uninterruptible(HZ / 20);
	KUNIT_EXPECT_GT_MSG(test, READ_ONCE(v->drive.calls), calls, "it is not proved again");
	verify_expect(v, NULL, "verify-failed disproved");
	KUNIT_EXPECT_NULL(test, bench_io(v->b, nvme_cmd_read, SZ_4K));
}

/* A proof that became outdated is made again before more memory is used by it. */
static void required_after_a_proof_is_outdated(struct kunit *test)
{
	struct verify *v = verify_ready(test, NULL, "require");

	verify_connect(v);
	verify_expect(v, v->b->card, "ok proved");
	KUNIT_EXPECT_EQ(test, v->drive.calls, 1);
	WRITE_ONCE(v->drive.says, PCI_P2PMEM_UNPROVED);
	kit_forget(NULL);
	nvmet_p2pmem_rescan(0);
	KUNIT_EXPECT_TRUE_MSG(test, bench_settles(v->b, NULL), "an outdated proof is good enough");
	verify_expect(v, NULL, "not-verified unproved");
	KUNIT_EXPECT_EQ(test, v->drive.calls, 2);
}

static struct kunit_case nvmet_verify_cases[] = {
	KUNIT_CASE(values_of_the_attribute),
	KUNIT_CASE(memory_only_after_the_test),
	KUNIT_CASE(modes_and_answers),
	KUNIT_CASE(another_provider),
	KUNIT_CASE(another_provider_that_can_be_proved),
	KUNIT_CASE(by_an_administrator_s_entry),
	KUNIT_CASE(route_that_changes),
	KUNIT_CASE(state_of_each_namespace),
	KUNIT_CASE(required_and_not_known_yet),
	KUNIT_CASE(disable_while_it_is_tested),
	KUNIT_CASE(disconnect_while_it_is_tested),
	KUNIT_CASE(provider_removed_during_self_test),
	KUNIT_CASE(required_after_a_short_reset),
	KUNIT_CASE(required_after_a_proof_is_outdated),
	KUNIT_CASE(test_of_a_full_pool),
	{}
};

static struct kunit_suite nvmet_verify_suite = {
	.name = "p2pmem-nvmet-verify",
	.test_cases = nvmet_verify_cases,
};

kunit_test_suite(nvmet_verify_suite);
