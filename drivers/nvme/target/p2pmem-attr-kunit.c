// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: KUnit: the namespace attributes p2pmem, p2pmem_prefer and p2pmem_stats/reset
 *
 * Which values are valid, what a named provider must be able to do when the namespace is
 * enabled, and the log lines of namespaces that cannot use peer memory because of their drive
 * or file.
 */
#include <linux/blk-integrity.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "../../pci/p2pdma/tests/logged.h"
#include "p2pmem-kunit.h"

/* All cases: the hierarchy of p2pmem-bench-kunit.c. */

#define FILE_PATH	"/p2pmem-kunit\033[7m\r"	/* bytes that a terminal obeys */
#define FILE_SHOWN	"/p2pmem-kunit\\e[7m\\r"

/* All valid values, and the value that is read afterwards */
static void values(struct kunit *test)
{
	static const struct {
		const char *written;
		const char *read;
	} t[] = {
		{ "1", "1\n" }, { "0", "0\n" }, { "1\n", "1\n" }, { "0\n", "0\n" },
		/* Any boolean, as upstream */
		{ "y", "1\n" }, { "n", "0\n" }, { "Y\n", "1\n" }, { "N\n", "0\n" },
		{ "on", "1\n" }, { "off\n", "0\n" }, { "true", "1\n" }, { "false", "0\n" },
		{ "yes\n", "1\n" }, { "no", "0\n" },
	};
	struct nvmet_bench *b = bench_build(test);
	char value[32], line[32];
	int i;

	KUNIT_EXPECT_STREQ_MSG(test, bench_show(b), "0\n", "the default is off");
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		KUNIT_EXPECT_EQ(test, bench_store(b, t[i].written), strlen(t[i].written));
		KUNIT_EXPECT_STREQ(test, bench_show(b), t[i].read);
	}
	scnprintf(value, sizeof(value), "%s", pci_name(b->card));
	scnprintf(line, sizeof(line), "%s\n", pci_name(b->card));
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, bench_store(b, i ? line : value),
				strlen(i ? line : value));
		KUNIT_EXPECT_STREQ(test, bench_show(b), line);
		KUNIT_EXPECT_EQ(test, bench_store(b, "1"), 1);
		KUNIT_EXPECT_STREQ_MSG(test, bench_show(b), "1\n",
				       "any provider, and the name stays");
	}
}

/* All other values are refused, and change nothing. */
static void malformed_values(struct kunit *test)
{
#define V(text) { text, sizeof(text) - 1 }
	static const struct {
		const char *text;
		size_t len;
	} t[] = {
		V(""), V("\n"), V(" "), V(" 1"), V("1 "), V("1\n\n"), V("1\r\n"), V("\n1"),
		V("\t1"), V("2"), V("-1"), V("+1"), V("01"), V("00"), V("10"), V("0x1"),
		V("1.0"), V("o"), V("x"), V("yes.0"), V("n:0"), V("on\0"), V("auto"), V("1\0"),
		V("\0"), V("1\0\n"), V("0,1"), V("%s%n"), V("\xff\xfe"),
	};
	/* %d is the domain of the card: digits as they should be */
	static const char * const address[] = {
		"%x:3:00.0", "%x:03:0.0", "%x:03:00", "%x:03:00.", "%x:03:00.8", "%x:03:00.00",
		"%x:03:20.0", "%x:03:1g.0", "%x:g3:00.0", "%x:03:00.0 ", " %x:03:00.0",
		"%x:03:00.0\n\n", "%x:03:00.0x", "%x.03.00.0", "%x:03:00:0", "%x-03:00.0",
		"%x:003:00.0", "%x::03:00.0", "0%x:03:00.0", "0x%x:03:00.0", "+%x:03:00.0",
		"-%x:03:00.0", "%x:03", "%x:", "%x", "03:00.0", ":03:00.0", "000:03:00.0",
		"80000000:03:00.0", "ffffffff:03:00.0", "100000000:03:00.0", "::.", ":BB:DD.F",
	};
	struct nvmet_bench *b = bench_build(test);
	int domain = pci_domain_nr(b->card->bus);
	char value[64];
	char *large;
	int i;

	KUNIT_ASSERT_EQ(test, bench_store(b, "1"), 1);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		KUNIT_EXPECT_EQ_MSG(test, bench_store_len(b, t[i].text, t[i].len), -EINVAL,
				    "\"%*pE\"", (int)t[i].len, t[i].text);
	for (i = 0; i < ARRAY_SIZE(address); i++) {
		snprintf(value, sizeof(value), address[i], domain);
		KUNIT_EXPECT_EQ_MSG(test, bench_store(b, value), -EINVAL, "\"%s\"", value);
	}

	large = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, large);
	memset(large, '1', PAGE_SIZE - 1);
	KUNIT_EXPECT_EQ_MSG(test, bench_store(b, large), -EINVAL, "a page of ones");
	memset(large, ':', PAGE_SIZE - 1);
	KUNIT_EXPECT_EQ_MSG(test, bench_store(b, large), -EINVAL, "a page of colons");
	KUNIT_EXPECT_STREQ_MSG(test, bench_show(b), "1\n", "a refused value is stored");
#undef V
}

/* Only a function that lends published memory can be named. */
static void functions_without_memory(struct kunit *test)
{
	struct nvmet_bench *b = bench_build(test);
	char value[32];

	KUNIT_EXPECT_EQ(test, bench_store(b, dev_name(b->nic)), -ENODEV);
	snprintf(value, sizeof(value), "%04x:fe:1f.7", pci_domain_nr(b->card->bus));
	KUNIT_EXPECT_EQ_MSG(test, bench_store(b, value), -ENODEV, "there is no such function");
	pci_p2pmem_set_published(b->card, false);
	KUNIT_EXPECT_EQ_MSG(test, bench_store(b, pci_name(b->card)), -ENODEV, "not published");
	pci_p2pmem_set_published(b->card, true);
	pci_p2pmem_revoke(b->card);
	KUNIT_EXPECT_EQ_MSG(test, bench_store(b, pci_name(b->card)), -ENODEV, "revoked");
	KUNIT_EXPECT_STREQ(test, bench_show(b), "0\n");
	pci_p2pmem_resume(b->card);
	KUNIT_EXPECT_GT(test, bench_store(b, pci_name(b->card)), 0);
}

static ssize_t prefer_store(struct nvmet_bench *b, const char *order)
{
	return nvmet_ns_attr_p2pmem_prefer.store(&b->ns->group.cg_item, order, strlen(order));
}

/* p2pmem_prefer: its values, and the provider that is chosen for each */
static void preference(struct kunit *test)
{
	struct nvmet_bench *b = bench_build(test);
	struct config_item *item = &b->ns->group.cg_item;
	static const char * const bad[] = { "", "\n", "near", "nearest ", " nearest", "most_free",
					    "nearest\n\n", "0", "MOST-FREE" };
	const struct {
		const char *order;
		struct pci_dev *chosen;
	} t[] = { { "most-free\n", b->card2 }, { "same-node\n", b->card },
		  { "nearest\n", b->card } };
	void *less = pci_p2pmem_alloc(b->card, SZ_1M, GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, less);
	nvmet_ns_attr_p2pmem_prefer.show(item, b->page);
	KUNIT_EXPECT_STREQ_MSG(test, b->page, "nearest\n", "the default");
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test, prefer_store(b, bad[i]), -EINVAL, "\"%s\"", bad[i]);

	/* card2 is as near as card and has more free memory, but is on another node. */
	set_dev_node(b->drive, 0);
	set_dev_node(b->nic, 0);
	set_dev_node(&b->card->dev, 0);
	set_dev_node(&b->card2->dev, 1);
	bench_clients(b);
	KUNIT_ASSERT_EQ(test, bench_store(b, "1"), 1);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		KUNIT_EXPECT_EQ(test, prefer_store(b, t[i].order), strlen(t[i].order));
		nvmet_ns_attr_p2pmem_prefer.show(item, b->page);
		KUNIT_EXPECT_STREQ(test, b->page, t[i].order);
		KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
		KUNIT_EXPECT_EQ(test, prefer_store(b, "nearest"), -EBUSY);
		bench_connect(b, b->nic, NVMF_TRTYPE_RDMA);
		KUNIT_EXPECT_PTR_EQ_MSG(test, bench_io(b, nvme_cmd_read, SZ_4K), t[i].chosen,
					"%s", t[i].order);
		bench_disconnect(b);
		nvmet_ns_disable(b->ns);
	}
	pci_p2pmem_free(less, SZ_1M);
}

/* The attributes of an enabled namespace cannot be changed. */
static void busy_while_enabled(struct kunit *test)
{
	struct nvmet_bench *b = bench_build(test);

	KUNIT_ASSERT_EQ(test, bench_store(b, "1"), 1);
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	KUNIT_EXPECT_EQ(test, bench_store(b, "0"), -EBUSY);
	KUNIT_EXPECT_EQ(test, bench_store(b, "junk"), -EBUSY);
	KUNIT_EXPECT_STREQ(test, bench_show(b), "1\n");
	nvmet_ns_disable(b->ns);
	KUNIT_EXPECT_EQ(test, bench_store(b, "0"), 1);
}

/* A named provider must be able to serve the drive; with "any" no check is made. */
static void checks_at_enable(struct kunit *test)
{
	struct nvmet_bench *b = bench_build(test);
	struct pci_p2pmem_client *client;

	KUNIT_ASSERT_EQ(test, bench_store(b, "1"), 1);
	KUNIT_EXPECT_EQ_MSG(test, bench_enable(b), 0, "any: a suitable provider may appear later");
	nvmet_ns_disable(b->ns);

	KUNIT_ASSERT_GT(test, bench_store(b, pci_name(b->card)), 0);
	KUNIT_EXPECT_EQ_MSG(test, bench_enable(b), -EOPNOTSUPP, "the drive is no client");
	/* As the adapter below a SCSI disk is: the disk's requests are mapped by others. */
	client = pci_p2pmem_register_client(b->drive, NULL, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, client);
	KUNIT_EXPECT_EQ_MSG(test, bench_enable(b), -EOPNOTSUPP, "a client for itself only");
	pci_p2pmem_unregister_client(client);
	bench_clients(b);
	KUNIT_EXPECT_EQ(test, bench_enable(b), 0);
	nvmet_ns_disable(b->ns);

	KUNIT_ASSERT_GT(test, bench_store(b, pci_name(b->far)), 0);
	KUNIT_EXPECT_EQ_MSG(test, bench_enable(b), -EXDEV, "no path");
	KUNIT_ASSERT_GT(test, bench_store(b, pci_name(b->card)), 0);
	pci_p2pmem_revoke(b->card);
	KUNIT_EXPECT_EQ_MSG(test, bench_enable(b), -ENODEV, "revoked since");
	pci_p2pmem_resume(b->card);
	KUNIT_EXPECT_EQ(test, bench_enable(b), 0);
	nvmet_ns_disable(b->ns);
	fabric_unplug(b->f, "card");
	KUNIT_EXPECT_EQ_MSG(test, bench_enable(b), -ENODEV, "gone since");
	KUNIT_EXPECT_FALSE(test, b->ns->enabled);
}

/* A file has no drive: a provider for it cannot be named. */
static void namespaces_of_files(struct kunit *test)
{
	struct nvmet_bench *b = bench_build(test);
	struct file *file = kit_open(FILE_PATH, O_CREAT | O_RDWR);
	struct logged *l = logged_begin(test, "using system memory for nsid");
	char want[256];
	struct bench_req *r;

	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(file), "%s: %pe", FILE_PATH, file);
	fput(file);
	kfree(b->ns->device_path);
	b->ns->device_path = kstrdup(FILE_PATH, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, b->ns->device_path);
	b->ns->buffered_io = true;
	bench_clients(b);

	KUNIT_ASSERT_GT(test, bench_store(b, pci_name(b->card)), 0);
	KUNIT_EXPECT_EQ(test, bench_enable(b), -EINVAL);
	KUNIT_ASSERT_EQ(test, bench_store(b, "1"), 1);
	KUNIT_EXPECT_EQ(test, bench_enable(b), 0);
	bench_connect(b, b->nic, NVMF_TRTYPE_RDMA);
	r = bench_start(b, nvme_cmd_read, SZ_4K, b->nic);
	KUNIT_EXPECT_NULL(test, r->req.p2p_dev);
	bench_drop(r);
	KUNIT_EXPECT_EQ(test, bench_count(b, "not-a-drive"), 1);
	snprintf(want, sizeof(want),
		 "nvmet: using system memory for nsid %u of controller %u (%s, adapter %s): not-a-drive: the namespace is backed by a file; export a block device",
		 BENCH_NSID, b->ctrl->cntlid, FILE_SHOWN, dev_name(b->nic));
	KUNIT_EXPECT_STREQ(test, logged_line(l, 10), want);
}

/* Expect the log line of b->ctrl's path, which ends with "BORROWER and LENDER: WORDS" */
static void expect_logged(struct nvmet_bench *b, struct logged *l, const char *borrower,
			  const char *lender, const char *words)
{
	char *want = kunit_kzalloc(b->test, sizeof(l->line), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(b->test, want);
	snprintf(want, sizeof(l->line),
		 "nvmet: using system memory for nsid %u of controller %u (%s, adapter %s): %s and %s: %s",
		 BENCH_NSID, b->ctrl->cntlid, b->ns->device_path, dev_name(b->nic), borrower,
		 lender, words);
	KUNIT_EXPECT_STREQ(b->test, logged_line(l, 10), want);
}

#ifdef CONFIG_BLK_DEV_INTEGRITY
#define INTEGRITY_WORDS	\
	"cpu-integrity: the CPU computes protection information over this drive's data; format the drive without protection information"

static void integrity_set(struct nvmet_bench *b, unsigned int csum, unsigned int flags)
{
	struct queue_limits lim = queue_limits_start_update(b->disk->queue);
	u8 size = csum == BLK_INTEGRITY_CSUM_CRC64 ? 16 : 8;

	lim.integrity = (struct blk_integrity){ .csum_type = csum, .flags = flags,
						.tuple_size = size };
	KUNIT_ASSERT_EQ(b->test, queue_limits_commit_update(b->disk->queue, &lim), 0);
}

/* Drives with protection information that the CPU computes, and drives without */
static void drives_with_integrity(struct kunit *test)
{
	static const struct {
		unsigned int csum;
		unsigned int flags;
		int named;		/* result of enabling it with a named provider */
		bool refused;
	} t[] = {
		{ BLK_INTEGRITY_CSUM_IP, 0, -EOPNOTSUPP, true },
		{ BLK_INTEGRITY_CSUM_CRC64, BLK_INTEGRITY_NOGENERATE, -EOPNOTSUPP, true },
		{ BLK_INTEGRITY_CSUM_IP, BLK_INTEGRITY_NOVERIFY, -EOPNOTSUPP, true },
		/* A host could compute this protection information, but this host does not. */
		{ BLK_INTEGRITY_CSUM_CRC, 0, 0, true },
		{ BLK_INTEGRITY_CSUM_CRC, BLK_INTEGRITY_REF_TAG, 0, true },
		{ BLK_INTEGRITY_CSUM_IP, BLK_INTEGRITY_NOGENERATE | BLK_INTEGRITY_NOVERIFY },
		{ BLK_INTEGRITY_CSUM_NONE, 0 },
	};
	struct nvmet_bench *b = bench_build(test);
	struct logged *l = logged_begin(test, "using system memory for nsid");
	int i;

	bench_clients(b);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		integrity_set(b, t[i].csum, t[i].flags);
		KUNIT_ASSERT_GT(test, bench_store(b, pci_name(b->card)), 0);
		KUNIT_EXPECT_EQ_MSG(test, bench_enable(b), t[i].named, "row %d", i);
		nvmet_ns_disable(b->ns);

		KUNIT_ASSERT_EQ(test, bench_store(b, "1"), 1);
		KUNIT_ASSERT_EQ(test, bench_reset(b, "1"), 1);
		KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
		bench_connect(b, b->nic, NVMF_TRTYPE_RDMA);
		KUNIT_EXPECT_EQ_MSG(test, !bench_io(b, nvme_cmd_read, SZ_4K), t[i].refused,
				    "row %d", i);
		KUNIT_EXPECT_EQ(test, bench_count(b, "cpu-integrity"), t[i].refused);
		KUNIT_EXPECT_EQ(test, bench_count(b, "fallbacks"), t[i].refused);
		if (t[i].refused)
			expect_logged(b, l, dev_name(b->drive), "(no provider)",
				      INTEGRITY_WORDS);
		bench_disconnect(b);
		nvmet_ns_disable(b->ns);
	}
	KUNIT_EXPECT_STREQ_MSG(test, logged_line(l, 0), "", "logged although the path is used");
}

/*
 * Metadata is in system memory: protection information of a host, and what the block layer adds
 * if a format has other metadata. A drive whose own memory is lent may not accept commands with
 * data in that memory and metadata in system memory.
 */
static void metadata_outside_of_the_drive(struct kunit *test)
{
	static const struct {
		unsigned int csum, flags;
		bool pi, split;
	} t[] = {
		{ BLK_INTEGRITY_CSUM_CRC, 0, true, true },
		{ BLK_INTEGRITY_CSUM_NONE, 0, false, true },
		/* The drive computes the information itself. */
		{ BLK_INTEGRITY_CSUM_CRC, BLK_INTEGRITY_NOGENERATE | BLK_INTEGRITY_NOVERIFY },
	};
	struct nvmet_bench *b = bench_build(test);
	struct pci_dev *drive = to_pci_dev(b->drive);
	char line[128];
	int i;

	bench_clients(b);
	KUNIT_ASSERT_EQ(test, kit_add(test, b->f, "drive", 2, 0, 0,
				      PCI_P2PMEM_POOL | PCI_P2PMEM_WHOLE), 0);
	pci_p2pmem_set_published(drive, true);
	KUNIT_ASSERT_GT(test, bench_store(b, pci_name(drive)), 0);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		integrity_set(b, t[i].csum, t[i].flags);
		b->port->pi_enable = t[i].pi;
		b->subsys->pi_support = t[i].pi;
		KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
		bench_connect(b, b->nic, NVMF_TRTYPE_RDMA);
		KUNIT_ASSERT_EQ(test, b->ctrl->pi_support, t[i].pi);
		scoped_guard(mutex, &b->subsys->lock)
			nvmet_p2pmem_show_path(b->ctrl, b->ns, line, sizeof(line));
		KUNIT_EXPECT_EQ_MSG(test, !!strstr(line, " system split-command "), t[i].split,
				    "row %d: %s", i, line);
		bench_disconnect(b);
		nvmet_ns_disable(b->ns);
	}
}

/* With a named provider, enabling logs the reason; integrity enabled later is detected too. */
static void integrity_that_comes_later(struct kunit *test)
{
	struct nvmet_bench *b = bench_build(test);
	struct logged *l = logged_begin(test, INTEGRITY_WORDS);
	char want[512];

	bench_clients(b);
	KUNIT_ASSERT_GT(test, bench_store(b, pci_name(b->card)), 0);
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	bench_connect(b, b->nic, NVMF_TRTYPE_RDMA);
	KUNIT_EXPECT_PTR_EQ(test, bench_io(b, nvme_cmd_read, SZ_4K), b->card);
	integrity_set(b, BLK_INTEGRITY_CSUM_IP, 0);
	KUNIT_EXPECT_NULL_MSG(test, bench_io(b, nvme_cmd_write, SZ_4K), "it is on now");
	KUNIT_EXPECT_EQ(test, bench_count(b, "cpu-integrity"), 1);
	KUNIT_EXPECT_EQ(test, bench_count(b, "system_bytes"), SZ_4K);
	bench_disconnect(b);
	nvmet_ns_disable(b->ns);

	KUNIT_EXPECT_EQ(test, bench_enable(b), -EOPNOTSUPP);
	snprintf(want, sizeof(want), "nvmet: nsid %u of %s: %s and %s: %s", BENCH_NSID,
		 b->subsysnqn, dev_name(b->drive), pci_name(b->card), INTEGRITY_WORDS);
	KUNIT_EXPECT_STREQ(test, logged_line(l, 1), want);
}
#endif

/* No driver of a Fibre Channel adapter is a client, so the remedy is another transport. */
static void host_by_fibre_channel(struct kunit *test)
{
	struct nvmet_bench *b = bench_build(test);
	struct logged *l = logged_begin(test, "using system memory for nsid");
	const char *line;

	bench_clients(b);
	KUNIT_ASSERT_EQ(test, bench_store(b, "1"), 1);
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	bench_connect(b, NULL, NVMF_TRTYPE_FC);
	line = logged_line(l, 5);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(line, "not-a-client: "), "%s", line);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(line, "; connect the host by RDMA"), "%s", line);
	KUNIT_EXPECT_PTR_EQ_MSG(test, strchr(line, ';'), strrchr(line, ';'), "two remedies: %s",
				line);
	bench_disconnect(b);
	/* An RDMA adapter must not have this remedy. */
	bench_connect(b, NULL, NVMF_TRTYPE_RDMA);
	line = logged_line(l, 5);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(line, "no-dma-device: "), "%s", line);
	KUNIT_EXPECT_NULL_MSG(test, strstr(line, "by RDMA"), "%s", line);
}

/* A path that must be proved, without a self-test; and no published provider */
static void paths_that_are_not_used(struct kunit *test)
{
	struct nvmet_bench *b = bench_build(test);
	struct logged *l = logged_begin(test, "using system memory for nsid");

	bench_clients(b);
	nvmet_p2pmem_record(b->ns)->verify = NVMET_P2PMEM_REQUIRE;
	KUNIT_ASSERT_GT(test, bench_store(b, pci_name(b->card)), 0);
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	bench_connect(b, b->nic, NVMF_TRTYPE_RDMA);
	expect_logged(b, l, dev_name(b->drive), pci_name(b->card),
		      "not-verified: the path has not passed the self-test that is required before its use (the client's driver has no self-test); write warn to the namespace's p2pmem_verify");
	KUNIT_EXPECT_NULL(test, bench_io(b, nvme_cmd_read, SZ_4K));
	KUNIT_EXPECT_EQ(test, bench_count(b, "not-verified"), 1);
	bench_disconnect(b);
	nvmet_ns_disable(b->ns);

	pci_p2pmem_set_published(b->card, false);
	pci_p2pmem_set_published(b->card2, false);
	pci_p2pmem_set_published(b->far, false);
	KUNIT_ASSERT_EQ(test, bench_store(b, "1"), 1);
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	bench_connect(b, b->nic, NVMF_TRTYPE_RDMA);
	expect_logged(b, l, dev_name(b->drive), "(no provider)",
		      "no-provider: no published provider can serve these clients; load the driver of a provider, or bind a memory card to p2pmem-bar");
	KUNIT_EXPECT_NULL(test, bench_io(b, nvme_cmd_read, SZ_4K));
	KUNIT_EXPECT_EQ(test, bench_count(b, "no-provider"), 1);
}

/**
 * struct load - requests that run concurrently with the test
 * @work: issues the requests
 * @b: the target
 * @bytes: number of bytes moved
 * @stop: end after the present request
 */
struct load {
	struct work_struct work;
	struct nvmet_bench *b;
	atomic64_t bytes;
	bool stop;
};

static void load_worker(struct work_struct *work)
{
	struct load *l = container_of(work, struct load, work);
	struct bench_req *r;
	int i;

	for (i = 0; i < 2000 && !READ_ONCE(l->stop); i++) {
		r = bench_start(l->b, i % 2 ? nvme_cmd_read : nvme_cmd_write, SZ_4K, l->b->nic);
		bench_execute(l->b, r);
		atomic64_add(SZ_4K, &l->bytes);
		bench_free(r);
	}
}

static u64 load_sum(struct nvmet_bench *b)
{
	return bench_count(b, "peer_bytes") + bench_count(b, "inline_bytes") +
		bench_count(b, "system_bytes");
}

/* A reset zeroes all counters; bytes that move meanwhile are counted once, before or after */
static void reset_under_load(struct kunit *test)
{
	static const char * const bad[] = { "", "0", "2", "1 ", "yes" };
	struct nvmet_bench *b = bench_build(test);
	struct load l = { .b = b };
	u64 before, after, all, sum;
	int i;

	bench_clients(b);
	KUNIT_ASSERT_GT(test, bench_store(b, pci_name(b->card)), 0);
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	bench_connect(b, b->nic, NVMF_TRTYPE_RDMA);
	bench_io(b, nvme_cmd_read, SZ_64K);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ(test, bench_reset(b, bad[i]), -EINVAL);
	KUNIT_EXPECT_EQ(test, load_sum(b), SZ_64K);
	pci_p2pmem_lost(b->card);
	bench_io(b, nvme_cmd_read, SZ_64K);
	KUNIT_EXPECT_EQ(test, bench_count(b, "fallbacks"), 1);
	KUNIT_EXPECT_EQ(test, bench_reset(b, "1\n"), 2);
	KUNIT_EXPECT_EQ(test, load_sum(b), 0);
	KUNIT_EXPECT_EQ(test, bench_count(b, "fallbacks"), 0);
	bench_io(b, nvme_cmd_read, SZ_8K);
	KUNIT_EXPECT_EQ(test, load_sum(b), SZ_8K);
	KUNIT_EXPECT_EQ(test, bench_count(b, "fallbacks"), 1);
	pci_p2pmem_resume(b->card);
	KUNIT_EXPECT_TRUE(test, bench_settles(b, b->card));

	INIT_WORK_ONSTACK(&l.work, load_worker);
	schedule_work(&l.work);
	for (i = 0; i < 20; i++) {
		schedule_timeout_uninterruptible(2);
		before = atomic64_read(&l.bytes);
		KUNIT_EXPECT_EQ(test, bench_reset(b, "1"), 1);
		/* One request is in flight, whose bytes may be counted already. */
		after = atomic64_read(&l.bytes) + SZ_4K;
		KUNIT_EXPECT_LE_MSG(test, load_sum(b), U32_MAX, "less than zero");
	}
	WRITE_ONCE(l.stop, true);
	flush_work(&l.work);
	destroy_work_on_stack(&l.work);
	all = atomic64_read(&l.bytes);
	sum = load_sum(b);
	KUNIT_EXPECT_LE(test, sum, all - before);
	KUNIT_EXPECT_GE(test, sum + after, all);
}

static struct kunit_case nvmet_attr_cases[] = {
	KUNIT_CASE(values),
	KUNIT_CASE(malformed_values),
	KUNIT_CASE(functions_without_memory),
	KUNIT_CASE(preference),
	KUNIT_CASE(busy_while_enabled),
	KUNIT_CASE(checks_at_enable),
	KUNIT_CASE(namespaces_of_files),
#ifdef CONFIG_BLK_DEV_INTEGRITY
	KUNIT_CASE(drives_with_integrity),
	KUNIT_CASE(integrity_that_comes_later),
	KUNIT_CASE(metadata_outside_of_the_drive),
#endif
	KUNIT_CASE(host_by_fibre_channel),
	KUNIT_CASE(paths_that_are_not_used),
	KUNIT_CASE(reset_under_load),
	{}
};

static struct kunit_suite nvmet_attr_suite = {
	.name = "p2pmem-nvmet-attr",
	.test_cases = nvmet_attr_cases,
};

kunit_test_suite(nvmet_attr_suite);
