// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: suite p2pmem-debugfs: the tables
 *
 * Each table has a head line of names, lines with as many values as names, and one line
 * for each object. Reading a table creates no objects.
 */
#include <linux/seq_file.h>

#include "lendkit.h"
#include "mapkit.h"

#define TABLE_BYTES	SZ_32K

/* Read a file; lines end in a newline */
static char *table(struct kunit *test, int (*show)(struct seq_file *m, void *unused))
{
	struct seq_file m = { .size = TABLE_BYTES - 1 };

	m.buf = kunit_kzalloc(test, TABLE_BYTES, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	mutex_init(&m.lock);
	KUNIT_EXPECT_EQ(test, show(&m, NULL), 0);
	KUNIT_ASSERT_FALSE(test, seq_has_overflowed(&m));
	return m.buf;
}

static int blanks(const char *line)
{
	int n = 0;

	for (; *line && *line != '\n'; line++)
		n += *line == ' ';
	return n;
}

/* Count the lines that begin with @start; each must have a value for each name */
static int lines(struct kunit *test, char *text, const char *start)
{
	int names = blanks(text), n = 0;
	char *line = text;

	while ((line = strchr(line, '\n')) && *++line) {
		if (strncmp(line, start, strlen(start)))
			continue;
		n++;
		KUNIT_EXPECT_GE_MSG(test, blanks(line), names, "%.100s", line);
	}
	return n;
}

static void expect_line(struct kunit *test, char *text, const char *fmt, ...) __printf(3, 4);
static void expect_line(struct kunit *test, char *text, const char *fmt, ...)
{
	char line[256] = "\n";
	va_list args;

	va_start(args, fmt);
	vsnprintf(line + 1, sizeof(line) - 1, fmt, args);
	va_end(args);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(text, line), "no line \"%s\" in:\n%s", line + 1,
				  text);
}

static void providers_and_regions(struct kunit *test)
{
	struct lend_hold *hold;
	struct mapkit k;
	char *t;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, k.f, "card", 0, SZ_4K, SZ_4K,
					 PCI_P2PMEM_REGISTERS));
	hold = lend_alloc(test, k.card, SZ_1M);
	t = table(test, p2pmem_providers_show);
	KUNIT_EXPECT_EQ(test, lines(test, t, pci_name(k.card)), 1);
	expect_line(test, t, "%s 1 live 4194304 3145728 0 0 0\n", pci_name(k.card));
	t = table(test, p2pmem_regions_show);
	KUNIT_EXPECT_EQ(test, lines(test, t, pci_name(k.card)), 2);
	expect_line(test, t, "%s 2 0x0 4194304 pool %#llx\n", pci_name(k.card),
		    (u64)pci_bus_address(k.card, 2));
	expect_line(test, t, "%s 0 0x1000 4096 registers %#llx\n", pci_name(k.card),
		    (u64)pci_bus_address(k.card, 0) + SZ_4K);
	pci_p2pmem_lost(k.card);
	t = table(test, p2pmem_providers_show);
	expect_line(test, t, "%s 1 lost ", pci_name(k.card));
	lend_free(test, hold);
	fabric_unbind(k.f, "card");
	t = table(test, p2pmem_providers_show);
	KUNIT_EXPECT_EQ(test, lines(test, t, pci_name(k.card)), 0);
	t = table(test, p2pmem_paths_show);
	KUNIT_EXPECT_EQ(test, lines(test, t, pci_name(k.card)), 0);
}

/* Nobody but its driver can allocate registers: they are not published, as in sysfs */
static void registers_are_not_published(struct kunit *test)
{
	struct pci_dev *card2;
	struct mapkit k;
	char *t;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	card2 = fabric_pdev(k.f, "card2");
	KUNIT_ASSERT_EQ(test, 0, kit_add(test, k.f, "card2", 0, SZ_4K, SZ_4K,
					 PCI_P2PMEM_REGISTERS));
	pci_p2pmem_set_published(card2, true);
	t = table(test, p2pmem_providers_show);
	expect_line(test, t, "%s 0 live 0 0 0 0 0\n", pci_name(card2));
	KUNIT_EXPECT_EQ(test, lend_sysfs(card2, "published"), 0);
}

/* Every provider with every client, once, whether or not the pair exists */
static void matrix_of_pairs(struct kunit *test)
{
	struct pci_p2pmem_client *again;
	struct device *drive;
	struct mapkit k;
	char *t;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	drive = kit_client(test, k.f, "card2");
	again = pci_p2pmem_register_client(drive, NULL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(again));
	t = table(test, p2pmem_paths_show);
	KUNIT_EXPECT_EQ(test, lines(test, t, pci_name(k.card)), 2);
	expect_line(test, t, "%s %s ok bus 4 - untried 0 0 1 0\n", pci_name(k.card),
		    dev_name(k.nic));
	expect_line(test, t, "%s %s ok bus 4 - untried 0 0 1 0\n", pci_name(k.card),
		    dev_name(drive));

	/* Cached verdicts are shown; reading does not update them. */
	fabric_set_acs_ctrl(k.f, "dn1", PCI_ACS_RR);
	t = table(test, p2pmem_paths_show);
	expect_line(test, t, "%s %s ok bus 4 - untried 0 0 1 0\n", pci_name(k.card),
		    dev_name(k.nic));
	kit_reevaluate();
	t = table(test, p2pmem_paths_show);
	expect_line(test, t, "%s %s acs-redirect none 4 %s untried 0 ", pci_name(k.card),
		    dev_name(k.nic), pci_name(fabric_pdev(k.f, "dn1")));
	mapkit_redirect(k.f, "dn1", false);
	pci_p2pmem_lost(k.card);
	t = table(test, p2pmem_paths_show);
	expect_line(test, t, "%s %s provider-revoked none 4 ", pci_name(k.card), dev_name(drive));
	pci_p2pmem_unregister_client(again);
}

static void counters_and_grants(struct kunit *test)
{
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_grant *g;
	struct scatterlist *sg;
	unsigned int nents;
	struct mapkit k;
	char *t;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	t = table(test, p2pmem_counters_show);
	expect_line(test, t, "%s %s 0 0 0 0 0 -\n", pci_name(k.card), dev_name(k.nic));
	g = pci_p2pmem_grant_create(k.card, &k.nic, 1, KTIME_MAX, NULL, NULL,
				    "a name with blanks", &why);
	KUNIT_ASSERT_FALSE(test, IS_ERR(g));
	sg = pci_p2pmem_grant_sgl_alloc(g, &nents, SZ_8K, GFP_KERNEL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(sg));
	KUNIT_EXPECT_TRUE(test,
			  IS_ERR(pci_p2pmem_grant_sgl_alloc(g, &nents, SZ_8M, GFP_KERNEL, NULL)));
	KUNIT_EXPECT_GT(test, pci_p2pmem_map_sg(k.nic, sg, 1, DMA_TO_DEVICE), 0);
	t = table(test, p2pmem_counters_show);
	expect_line(test, t, "%s %s 1 0 8192 8192 8192 pool-full=1\n", pci_name(k.card),
		    dev_name(k.nic));
	t = table(test, p2pmem_grants_file_show);
	expect_line(test, t, "%s %s 8192 0 1 a name with blanks\n", pci_name(k.card),
		    dev_name(k.nic));
	pci_p2pmem_unmap_sg(k.nic, sg, 1, DMA_TO_DEVICE);
	pci_p2pmem_grant_end(g);
	t = table(test, p2pmem_grants_file_show);
	expect_line(test, t, "%s %s 8192 1 0 a name with blanks\n", pci_name(k.card),
		    dev_name(k.nic));
	pci_p2pmem_sgl_free(sg);
	mapkit_settle();
	t = table(test, p2pmem_counters_show);
	expect_line(test, t, "%s %s 1 1 8192 0 8192 pool-full=1\n", pci_name(k.card),
		    dev_name(k.nic));
	t = table(test, p2pmem_grants_file_show);
	KUNIT_EXPECT_EQ(test, lines(test, t, pci_name(k.card)), 0);
	/* a pair that could not be stored has no counters */
	kit_drop_pairs(kit_provider(k.card), k.nic);
	t = table(test, p2pmem_counters_show);
	KUNIT_EXPECT_EQ(test, lines(test, t, pci_name(k.card)), 0);
}

/* A host chooses its name, which must not start a new line of a table or of the log. */
static void names_stay_in_their_line(struct kunit *test)
{
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_grant *g;
	struct mapkit k;
	char *t;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	g = pci_p2pmem_grant_create(k.card, &k.nic, 1, KTIME_MAX, NULL, NULL,
				    "one\ntwo\x1b[2J", &why);
	KUNIT_ASSERT_FALSE(test, IS_ERR(g));
	t = table(test, p2pmem_grants_file_show);
	expect_line(test, t, "%s %s 0 0 1 one\\x0atwo\\x1b[2J\n", pci_name(k.card),
		    dev_name(k.nic));
	pci_p2pmem_grant_end(g);
	mapkit_settle();
}

/* The CPUs' shares of a grant while memory that one charged is freed on another */
static void bytes_of_a_grant_are_within_the_pool(struct kunit *test)
{
	struct pci_p2pmem_grant *g;
	struct mapkit k;
	char *t;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	g = mapkit_grant(test, &k);
	*per_cpu_ptr(g->bytes, 0) -= SZ_4K;
	t = table(test, p2pmem_grants_file_show);
	expect_line(test, t, "%s %s 0 0 1 ", pci_name(k.card), dev_name(k.nic));
	*per_cpu_ptr(g->bytes, 0) += SZ_16M;
	t = table(test, p2pmem_grants_file_show);
	expect_line(test, t, "%s %s 4194304 0 1 ", pci_name(k.card), dev_name(k.nic));
	*per_cpu_ptr(g->bytes, 0) -= SZ_16M - SZ_4K;
}

static void debugfs_describe(struct pci_p2pmem_grant *grant, char *buf, size_t len)
{
	unsigned int *users = pci_p2pmem_grant_priv(grant);

	snprintf(buf, len, "%u\tusers", *users);
}

/* The users of a grant are described each time, a last time when it ends, and escaped. */
static void users_of_a_grant(struct kunit *test)
{
	static const struct pci_p2pmem_grant_ops ops = { .describe = debugfs_describe };
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_grant *g;
	struct scatterlist *sg;
	unsigned int nents, users = 1;
	struct mapkit k;
	char *t;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	g = pci_p2pmem_grant_create(k.card, &k.nic, 1, KTIME_MAX, &ops, &users,
				    "kunit", &why);
	KUNIT_ASSERT_FALSE(test, IS_ERR(g));
	sg = pci_p2pmem_grant_sgl_alloc(g, &nents, SZ_8K, GFP_KERNEL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(sg));
	t = table(test, p2pmem_grants_file_show);
	expect_line(test, t, "%s %s 8192 0 1 1\\x09users\n", pci_name(k.card), dev_name(k.nic));
	users = 3;
	pci_p2pmem_grant_set_users(g, users);
	t = table(test, p2pmem_grants_file_show);
	expect_line(test, t, "%s %s 8192 0 3 3\\x09users\n", pci_name(k.card), dev_name(k.nic));
	users = 2;
	pci_p2pmem_grant_end(g);
	users = 0;
	t = table(test, p2pmem_grants_file_show);
	expect_line(test, t, "%s %s 8192 1 0 2\\x09users\n", pci_name(k.card), dev_name(k.nic));
	pci_p2pmem_sgl_free(sg);
	mapkit_settle();
}

static struct kunit_case debugfs_cases[] = {
	KUNIT_CASE(providers_and_regions),
	KUNIT_CASE(registers_are_not_published),
	KUNIT_CASE(matrix_of_pairs),
	KUNIT_CASE(counters_and_grants),
	KUNIT_CASE(names_stay_in_their_line),
	KUNIT_CASE(bytes_of_a_grant_are_within_the_pool),
	KUNIT_CASE(users_of_a_grant),
	{ }
};

static struct kunit_suite debugfs_suite = {
	.name = "p2pmem-debugfs",
	.test_cases = debugfs_cases,
};

kunit_test_suite(debugfs_suite);
