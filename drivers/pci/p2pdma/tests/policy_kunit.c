// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: administrators' entries for host bridges, and their effect on verdicts
 *
 * The parameter host_bridges: entries added and removed while pairs exist, the
 * built-in list removed, processors, and whether a verdict is by an administrator.
 */
#include <kunit/static_stub.h>
#include <linux/prandom.h>
#include <linux/pci.h>
#include <linux/seq_file.h>

#include "../topology.h"
#include "lendkit.h"
#include "pairkit.h"

#define POLICY_TEXT	2048

static int policy_init(struct kunit *test)
{
	p2pmem_policy_reset();
	pairkit_cpu(test, false);
	return 0;
}

static void policy_exit(struct kunit *test)
{
	p2pmem_policy_reset();
}

/*
 *	one -+- 00.0 rp0 (fab0:1000) -- a0
 *	     `- 01.0 rp1 (fab0:1001) -- a1
 *	two --- 00.0 rp2 (fab0:1002) -- b0
 *	sky --- 00.0 rp3 (8086:2030) -- c0	on the built-in list, across
 *	xeon -+ 00.0 rp4 (8086:2f00) -- d0	on the built-in list, within
 *	      ` 01.0 rp5 (fab0:1001) -- d1
 */
#define POLICY_PORT(_name, _host, _slot, _vendor, _device)				\
	{ .name = _name, .type = FABRIC_ROOT_PORT, .parent = _host, .slot = _slot,	\
	  .vendor = _vendor, .device = _device }
#define POLICY_HOST(_name)	{ .name = _name, .type = FABRIC_HOST, .window = SZ_16M }
#define POLICY_CARD(_name, _port)	\
	{ .name = _name, .type = FABRIC_ENDPOINT, .parent = _port, PAIRKIT_BAR }

static const struct fabric_node policy_tree[] = {
	POLICY_HOST("one"),
	POLICY_PORT("rp0", "one", 0, FABRIC_VENDOR, 0x1000),
	POLICY_PORT("rp1", "one", 1, FABRIC_VENDOR, 0x1001),
	POLICY_CARD("a0", "rp0"),
	POLICY_CARD("a1", "rp1"),
	POLICY_HOST("two"),
	POLICY_PORT("rp2", "two", 0, FABRIC_VENDOR, 0x1002),
	POLICY_CARD("b0", "rp2"),
	POLICY_HOST("sky"),
	POLICY_PORT("rp3", "sky", 0, PCI_VENDOR_ID_INTEL, 0x2030),
	POLICY_CARD("c0", "rp3"),
	POLICY_HOST("xeon"),
	POLICY_PORT("rp4", "xeon", 0, PCI_VENDOR_ID_INTEL, 0x2f00),
	POLICY_PORT("rp5", "xeon", 1, FABRIC_VENDOR, 0x1001),
	POLICY_CARD("d0", "rp4"),
	POLICY_CARD("d1", "rp5"),
	{ }
};

static struct fabric *policy_fabric(struct kunit *test)
{
	static const char * const cards[] = { "a0", "a1", "b0", "c0", "d0", "d1" };
	struct fabric *f = fabric_build(test, policy_tree);
	int i;

	for (i = 0; i < ARRAY_SIZE(cards); i++) {
		kit_lend(test, f, cards[i]);
		kit_client(test, f, cards[i]);
	}
	return f;
}

/* The cached verdict, which only the policy may have outdated */
static void policy_expect(struct kunit *test, struct fabric *f, const char *provider,
			  const char *client, bool allowed, bool by_admin, const char *when)
{
	struct pci_p2pmem_verdict v = pairkit_verdict(f, provider, client);

	KUNIT_EXPECT_STREQ_MSG(test, pci_p2pmem_reason_token(v.reason),
			       allowed ? "ok" : "host-bridge", "%s, %s to %s", when, client,
			       provider);
	KUNIT_EXPECT_EQ_MSG(test, v.mapping,
			    allowed ? PCI_P2PMEM_MAP_HOST_BRIDGE : PCI_P2PMEM_MAP_NONE,
			    "%s, %s to %s", when, client, provider);
	KUNIT_EXPECT_EQ_MSG(test, v.by_admin, by_admin, "%s, %s to %s", when, client, provider);
}

static void policy_reads(struct kunit *test, const char *want)
{
	char *text = kunit_kzalloc(test, POLICY_TEXT, GFP_KERNEL);
	int n;

	KUNIT_ASSERT_NOT_NULL(test, text);
	n = p2pmem_policy_get(text, POLICY_TEXT);
	KUNIT_EXPECT_EQ(test, n, strlen(text));
	KUNIT_EXPECT_STREQ(test, text, want);
}

/*
 * Each row writes a list, then checks four pairs: within one host bridge, between two,
 * and within one with an entry for one port or the other.
 */
static const struct {
	const char *write;
	int ret;
	bool within, across, built_in;
	const char *read;
} policy_steps[] = {
	{ "", 0, false, false, true, "\n" },
	{ "\n", 0, false, false, true, "\n" },
	/* the root port above one of them is not enough */
	{ "+fab0:1001", 0, false, false, true, "+fab0:1001\n" },
	{ "fab0:1000\n", 0, true, false, true, "+fab0:1001,+fab0:1000\n" },
	{ "-fab0:1001", 0, true, false, true, "+fab0:1000\n" },
	/* rp0 also represents the host bridge, so the entry matches both ends */
	{ "-fab0:1000", 0, false, false, true, "\n" },
	{ "+fab0:1000/across", 0, true, false, true, "+fab0:1000/across\n" },
	{ "+fab0:1002", 0, true, false, true, "+fab0:1000/across,+fab0:1002\n" },
	{ "+fab0:1002/across", 0, true, true, true, "+fab0:1000/across,+fab0:1002/across\n" },
	{ "-fab0:1000/across", 0, true, false, true, "+fab0:1000,+fab0:1002/across\n" },
	{ "+fab0:1000/across", 0, true, true, true, "+fab0:1000/across,+fab0:1002/across\n" },
	/* a list with one invalid entry changes nothing */
	{ "-fab0:1000,-fab0:1002,nonsense", -EINVAL, true, true, true,
	  "+fab0:1000/across,+fab0:1002/across\n" },
	{ "nonsense,-fab0:1000", -EINVAL, true, true, true,
	  "+fab0:1000/across,+fab0:1002/across\n" },
	{ "-fab0:1000,,-fab0:1002", -EINVAL, true, true, true,
	  "+fab0:1000/across,+fab0:1002/across\n" },
	{ "-fab0:1000,", -EINVAL, true, true, true, "+fab0:1000/across,+fab0:1002/across\n" },
	/* a removal of an added entry deletes both, any other removal is kept */
	{ "-fab0:1000,-fab0:1003", 0, false, false, true, "+fab0:1002/across,-fab0:1003\n" },
	{ "+fab0:1003,-fab0:1003/across,-fab0:1002", 0, false, false, true,
	  "+fab0:1003,-fab0:1003/across\n" },
	{ "+fab0:1003/across,-fab0:1003", 0, false, false, true, "\n" },
	/* any device of a vendor, except one */
	{ "fab0:*/across", 0, true, true, true, "+fab0:*/across\n" },
	{ "-fab0:1000", 0, false, false, true, "+fab0:*/across,-fab0:1000\n" },
	{ "-fab0:*", 0, false, false, true, "-fab0:1000\n" },
	{ "+fab0:1000/across,-fab0:1000", 0, false, false, true, "\n" },
	/* the built-in list as a whole */
	{ "-built-in", 0, false, false, false, "-built-in\n" },
	{ "+built-in", 0, false, false, true, "\n" },
	/* built-in entries can be masked and unmasked repeatedly */
	{ "-8086:2030", 0, false, false, false, "-8086:2030\n" },
	{ "-8086:2030", 0, false, false, false, "-8086:2030\n" },
	{ "+8086:2030/across", 0, false, false, true, "+8086:2030/across\n" },
	{ "-8086:2030,-8086:2030/across", 0, false, false, false, "-8086:2030\n" },
	{ "+8086:2030/across", 0, false, false, true, "+8086:2030/across\n" },
	{ "-8086:2030/across", 0, false, false, false, "+8086:2030,-8086:2030/across\n" },
	{ "-8086:2030,+8086:2030", 0, false, false, false, "+8086:2030,-8086:2030/across\n" },
	{ "+8086:2030/across", 0, false, false, true, "+8086:2030/across\n" },
	/* an entry for a device takes precedence over one for any device of its vendor */
	{ "-8086:*", 0, false, false, false, "+8086:2030/across,-8086:*\n" },
	{ "+8086:*,-8086:*/across,+8086:*/across", 0, false, false, true,
	  "+8086:2030/across,+8086:*/across\n" },
	{ "-8086:2030", 0, false, false, false, "-8086:2030,+8086:*/across\n" },
	{ "-8086:*,+8086:2030/across", 0, false, false, false,
	  "+8086:2030/across,-8086:*\n" },
	{ "-built-in,+built-in", 0, false, false, false, "+8086:2030/across,-8086:*\n" },
};

/* Writing the value that was read to a new table yields the same value */
static void policy_round_trip(struct kunit *test, const char *words, char *was, char *is)
{
	p2pmem_policy_get(was, POLICY_TEXT);
	p2pmem_policy_reset();
	KUNIT_EXPECT_EQ_MSG(test, p2pmem_policy_set(was), 0, "%s led to %s", words, was);
	p2pmem_policy_get(is, POLICY_TEXT);
	KUNIT_EXPECT_STREQ_MSG(test, is, was, "%s", words);
}

static const char * const policy_words[] = {
	"8086:2020", "8086:2020/across", "-8086:2020", "-8086:2020/across", "8086:3c00",
	"-8086:3c00", "8086:3c00/across", "-8086:3c00/across", "1b36:000c", "1b36:000c/across",
	"-1b36:000c", "-1b36:000c/across", "cpu:AuthenticAMD:0x17", "-cpu:AuthenticAMD:0x17",
	"cpu:AuthenticAMD:0x17:1", "-cpu:AuthenticAMD:0x17:1", "cpu:Foo:6", "-cpu:Foo:6",
	"cpu:Foo:6:5", "-cpu:Foo:6:5", "-cpu:Foo:6:4", "8086:*", "8086:*/across", "-8086:*",
	"-8086:*/across", "1ae0:*", "-1ae0:*", "-1ae0:0001", "1ae0:0001/across", "-built-in",
	"+built-in",
};

/* Random sequences of entries that are all valid */
static void parameter_can_be_written_back(struct kunit *test)
{
	static const char * const known[] = {
		"cpu:Foo:6,-cpu:Foo:6:5,-cpu:Foo:6", "cpu:Foo:6:5,cpu:Foo:6,-cpu:Foo:6:5",
		"8086:2020,-8086:2020/across,cpu:AuthenticAMD:0x17:1",
	};
	char *words = kunit_kzalloc(test, POLICY_TEXT, GFP_KERNEL);
	char *was = kunit_kzalloc(test, POLICY_TEXT, GFP_KERNEL);
	char *is = kunit_kzalloc(test, POLICY_TEXT, GFP_KERNEL);
	struct rnd_state rnd;
	int i, k, n;

	KUNIT_ASSERT_NOT_NULL(test, words);
	KUNIT_ASSERT_NOT_NULL(test, was);
	KUNIT_ASSERT_NOT_NULL(test, is);
	prandom_seed_state(&rnd, 46);
	for (i = 0; i < ARRAY_SIZE(known) + 100; i++) {
		if (i < ARRAY_SIZE(known)) {
			strscpy(words, known[i], POLICY_TEXT);
		} else {
			for (k = 0, n = 0; k < 8; k++)
				n += scnprintf(words + n, POLICY_TEXT - n, "%s%s", k ? "," : "",
					       policy_words[prandom_u32_state(&rnd) %
							    ARRAY_SIZE(policy_words)]);
		}
		p2pmem_policy_reset();
		KUNIT_ASSERT_EQ_MSG(test, p2pmem_policy_set(words), 0, "%s", words);
		policy_round_trip(test, words, was, is);
	}
}

/* A list at load: an invalid entry is ignored, an invalid removal drops built-in entries */
static void bad_entry_at_load_is_ignored(struct kunit *test)
{
	p2pmem_policy_load("+fab0:1000,sesame,+fab0:1002");
	policy_reads(test, "+fab0:1000,+fab0:1002\n");
	p2pmem_policy_reset();
	p2pmem_policy_load("+fab0:1000,-8086:203,-fab0:1002");
	policy_reads(test, "-fab0:1002,-built-in\n");
	p2pmem_policy_reset();
	p2pmem_policy_load("+fab0:1000, -cpu:AuthenticAMD:0x17");
	policy_reads(test, "-built-in\n");
	/* the same at run time: all or nothing */
	p2pmem_policy_reset();
	KUNIT_EXPECT_EQ(test, p2pmem_policy_set("+fab0:1000,-8086:203"), -EINVAL);
	policy_reads(test, "\n");
}

/* The same, where it may have been an exception of what the administrator adds */
static void bad_removal_at_load_drops_additions(struct kunit *test)
{
	static const char * const lists[] = {
		"+cpu:Foo:0x6,-cpu:Foo:0x6:0x5z", "+cpu:Foo:0x6:0x5,-8086:20x0",
		"+8086:*,-8086:20x0", "+8086:*/across,-8086:20x0", "-8086:20x0,+8086:*",
		"-8086:20x0,+cpu:Foo:0x6", "-8086:20x0,+built-in",
		/* that of a host bridge covers its root ports */
		"+8086:2020,-8086:203", "-8086:203,+8086:2020/across",
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		p2pmem_policy_reset();
		p2pmem_policy_load(lists[i]);
		policy_reads(test, "-built-in\n");
	}
	/* valid removals stay; so does the distrust in the next parameter */
	p2pmem_policy_reset();
	p2pmem_policy_load("+8086:*,-8086:2030,+fab0:1000,-x,-cpu:Foo:0x6");
	policy_reads(test, "-8086:2030,-cpu:Foo:0x6,-built-in\n");
	p2pmem_policy_load("+8086:*,+built-in,+cpu:Foo:0x6");
	policy_reads(test, "-8086:2030,-built-in\n");
	/* at run time the administrator sees what is read back */
	KUNIT_EXPECT_EQ(test, p2pmem_policy_set("+8086:*,+built-in"), 0);
	policy_reads(test, "-8086:2030,+8086:*\n");
}

static void entries_are_added_and_removed(struct kunit *test)
{
	struct fabric *f = policy_fabric(test);
	char *was = kunit_kzalloc(test, POLICY_TEXT, GFP_KERNEL);
	u8 known, admin;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, was);
	for (i = 0; i < ARRAY_SIZE(policy_steps); i++) {
		const char *write = policy_steps[i].write;

		KUNIT_EXPECT_EQ_MSG(test, p2pmem_policy_set(write), policy_steps[i].ret, "%s",
				    write);
		policy_expect(test, f, "a0", "a1", policy_steps[i].within,
			      policy_steps[i].within, write);
		policy_expect(test, f, "b0", "a0", policy_steps[i].across,
			      policy_steps[i].across, write);
		policy_expect(test, f, "a0", "b0", policy_steps[i].across,
			      policy_steps[i].across, write);
		policy_reads(test, policy_steps[i].read);
		known = 0;
		admin = 0;
		scoped_guard(rcu)
			p2pmem_policy_id(PCI_VENDOR_ID_INTEL, 0x2030, &known, &admin);
		KUNIT_EXPECT_EQ_MSG(test, !!(known & P2PMEM_ACROSS), policy_steps[i].built_in,
				    "%s", write);

		/* the value read can be written, and reads the same again */
		p2pmem_policy_get(was, POLICY_TEXT);
		p2pmem_policy_reset();
		KUNIT_EXPECT_EQ_MSG(test, p2pmem_policy_set(was), 0, "%s", was);
		policy_reads(test, was);
	}
}

/* sky is built in with "across"; two is allowed by the administrator */
static void verdict_names_the_allowing_entry(struct kunit *test)
{
	struct fabric *f = policy_fabric(test);

	policy_expect(test, f, "c0", "b0", false, false, "no entry");
	p2pmem_policy_set("+fab0:1002/across");
	policy_expect(test, f, "c0", "b0", true, true, "the client's end");
	policy_expect(test, f, "b0", "c0", true, true, "the provider's end");
	/* an entry equal to a built-in one is not needed, and so not marked */
	p2pmem_policy_set("+8086:2f00,-fab0:1002");
	policy_expect(test, f, "d0", "d1", true, false, "built in, and added");
	p2pmem_policy_set("-8086:2f00");
	policy_expect(test, f, "d0", "d1", false, false, "removed");
	p2pmem_policy_set("+8086:2f00/across");
	policy_expect(test, f, "d0", "d1", true, false, "added again");
	policy_expect(test, f, "d0", "c0", true, true, "more than built in");
	policy_expect(test, f, "c0", "d1", true, true, "more than built in");
}

/* The other port has the id of rp1: entries for root ports mean the port above the device. */
static void a_root_port_is_named(struct kunit *test)
{
	struct fabric *f = policy_fabric(test);

	p2pmem_policy_set("+fab0:1001/across");
	policy_expect(test, f, "d1", "a1", true, true, "both below such a port");
	policy_expect(test, f, "d1", "a0", false, false, "one below another port");
	policy_expect(test, f, "d0", "a1", false, false, "the other end below another port");
	policy_expect(test, f, "d1", "c0", true, true, "one is built in");
	/* the built-in list applies to the first root port only */
	p2pmem_policy_set("-fab0:1001");
	policy_expect(test, f, "d1", "c0", false, false, "removed");
}

static struct p2pmem_entry policy_cpu;

static void policy_cpu_is(struct p2pmem_entry *cpu)
{
	*cpu = policy_cpu;
}

static void policy_processor(struct kunit *test, const char *vendor, u8 family, u8 model)
{
	policy_cpu = (struct p2pmem_entry){ .family = family, .model = model };
	strscpy(policy_cpu.cpu, vendor, sizeof(policy_cpu.cpu));
	kunit_activate_static_stub(test, p2pmem_cpu_id, policy_cpu_is);
	kit_reevaluate();
}

static const struct {
	const char *write;
	const char *cpu;
	u8 family, model;
	bool allowed, by_admin;
} policy_cpus[] = {
	{ "", "AuthenticAMD", 0x16, 0, false, false },
	{ "", "AuthenticAMD", 0x17, 0, true, false },
	{ "", "AuthenticAMD", 0x1a, 7, true, false },
	{ "", "HygonGenuine", 0x18, 0, false, false },
	{ "", "", 0, 0, false, false },
	{ "cpu:HygonGenuine:0x18", "HygonGenuine", 0x18, 3, true, true },
	{ "cpu:HygonGenuine:0x18", "HygonGenuine", 0x19, 3, false, false },
	{ "cpu:HygonGenuine:0x18:3", "HygonGenuine", 0x18, 3, true, true },
	{ "cpu:HygonGenuine:0x18:3", "HygonGenuine", 0x18, 4, false, false },
	{ "cpu:HygonGenuine:0x18,-cpu:HygonGenuine:0x18:3", "HygonGenuine", 0x18, 4, true, true },
	{ "cpu:HygonGenuine:0x18,-cpu:HygonGenuine:0x18:3", "HygonGenuine", 0x18, 3, false, false },
	{ "cpu:AuthenticAMD:0x17", "AuthenticAMD", 0x17, 1, true, false },
	{ "-cpu:AuthenticAMD:0x17", "AuthenticAMD", 0x17, 1, false, false },
	{ "-cpu:AuthenticAMD:0x17", "AuthenticAMD", 0x19, 1, true, false },
	{ "-cpu:AuthenticAMD:0x17:1", "AuthenticAMD", 0x17, 1, false, false },
	{ "-cpu:AuthenticAMD:0x17:1", "AuthenticAMD", 0x17, 2, true, false },
	{ "-cpu:AuthenticAMD:0x17,cpu:AuthenticAMD:0x17:1", "AuthenticAMD", 0x17, 1, true, true },
	{ "-cpu:AuthenticAMD:0x17,cpu:AuthenticAMD:0x17:1", "AuthenticAMD", 0x17, 2, false, false },
	{ "-cpu:AuthenticAMD:0x17,cpu:AuthenticAMD:0x17", "AuthenticAMD", 0x17, 1, true, false },
	{ "-cpu:AuthenticAMD:0x17,fab0:1000/across,fab0:1002/across", "AuthenticAMD", 0x17, 1,
	  true, true },
};

static void processors_are_named(struct kunit *test)
{
	struct fabric *f = policy_fabric(test);
	int i;

	for (i = 0; i < ARRAY_SIZE(policy_cpus); i++) {
		p2pmem_policy_reset();
		KUNIT_EXPECT_EQ(test, p2pmem_policy_set(policy_cpus[i].write), 0);
		policy_processor(test, policy_cpus[i].cpu, policy_cpus[i].family,
				 policy_cpus[i].model);
		policy_expect(test, f, "a0", "b0", policy_cpus[i].allowed,
			      policy_cpus[i].by_admin, policy_cpus[i].write);
		kunit_deactivate_static_stub(test, p2pmem_cpu_id);
		pairkit_cpu(test, false);
	}
}

static void number_of_entries_is_limited(struct kunit *test)
{
	char *all = kunit_kzalloc(test, POLICY_TEXT, GFP_KERNEL);
	char *read = kunit_kzalloc(test, POLICY_TEXT, GFP_KERNEL);
	char word[P2PMEM_ENTRY_TEXT];
	int i, n = 0;

	KUNIT_ASSERT_NOT_NULL(test, all);
	KUNIT_ASSERT_NOT_NULL(test, read);
	for (i = 0; i < P2PMEM_POLICY_MAX; i++)
		n += scnprintf(all + n, POLICY_TEXT - n, "%s+cpu:AuthenticAMD:0xff:%#x",
			       i ? "," : "", 0x80 + i);
	KUNIT_ASSERT_LT(test, n, POLICY_TEXT - 1);
	KUNIT_EXPECT_EQ(test, p2pmem_policy_set(all), 0);
	/* existing entries need no room */
	KUNIT_EXPECT_EQ(test, p2pmem_policy_set(all), 0);
	KUNIT_EXPECT_EQ(test, p2pmem_policy_set("+fab0:1000"), -ENOSPC);
	i = p2pmem_policy_set("-cpu:AuthenticAMD:0xff:0x80,+fab0:1000,+fab0:1001");
	KUNIT_EXPECT_EQ(test, i, -ENOSPC);
	p2pmem_policy_get(read, POLICY_TEXT);
	all[n] = '\n';
	KUNIT_EXPECT_STREQ(test, read, all);

	/* limited to the buffer, and terminated */
	memset(word, 0x5a, sizeof(word));
	n = p2pmem_policy_get(word, sizeof(word) - 1);
	KUNIT_EXPECT_EQ(test, n, sizeof(word) - 2);
	KUNIT_EXPECT_EQ(test, strlen(word), n);
	KUNIT_EXPECT_EQ(test, memcmp(word, all, n), 0);
}

/* debugfs shows each entry and its source */
static void all_entries_are_shown(struct kunit *test)
{
	struct seq_file m = { .size = POLICY_TEXT };

	m.buf = kunit_kzalloc(test, POLICY_TEXT, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	p2pmem_policy_set("fab0:1000/across,-8086:3c00,-8086:2030,8086:2030,-cpu:AuthenticAMD:23");
	p2pmem_policy_show(&m);
	KUNIT_EXPECT_STREQ(test, m.buf,
			   "built-in 8086:3c00\n"
			   "built-in 8086:3c01\n"
			   "built-in 8086:2f00\n"
			   "built-in 8086:2f01\n"
			   "built-in 8086:2020/across\n"
			   "built-in 8086:2030/across\n"
			   "built-in 8086:2031/across\n"
			   "built-in 8086:2032/across\n"
			   "built-in 8086:2033/across\n"
			   "built-in 8086:09a2/across\n"
			   "built-in 8086:0b25/across\n"
			   "built-in 8086:0cfe/across\n"
			   "built-in 8086:11fb/across\n"
			   "built-in 8086:1212/across\n"
			   "built-in 8086:1216/across\n"
			   "built-in 8086:4940/across\n"
			   "built-in 8086:4942/across\n"
			   "built-in 8086:4944/across\n"
			   "built-in 8086:4946/across\n"
			   "built-in 8086:4948/across\n"
			   "built-in 1ae0:*/across\n"
			   "built-in 10de:2f95/across\n"
			   "built-in 10de:2f96/across\n"
			   "built-in 10de:2f97/across\n"
			   "built-in 10de:2f98/across\n"
			   "built-in 1d17:1003\n"
			   "built-in 1d17:1005\n"
			   "built-in 1d17:1006\n"
			   "built-in 1d17:1007\n"
			   "built-in 1d17:1008/across\n"
			   "built-in 8086:6f00\n"
			   "built-in 8086:0c08\n"
			   "built-in 1ded:8000/across\n"
			   "built-in cpu:AuthenticAMD:0x17 and later\n"
			   "administrator +fab0:1000/across\n"
			   "administrator -8086:3c00\n"
			   "administrator +8086:2030,-8086:2030/across\n"
			   "administrator -cpu:AuthenticAMD:0x17\n");
}

/* Notifiers are called for every change, and only for changes */
static void change_is_notified(struct kunit *test)
{
	struct lend_events *events = lend_listen(test);

	KUNIT_EXPECT_EQ(test, atomic_read(&events->policies), 0);
	p2pmem_policy_set("+fab0:1000");
	KUNIT_EXPECT_EQ(test, atomic_read(&events->policies), 1);
	KUNIT_EXPECT_PTR_EQ(test, events->last, NULL);
	p2pmem_policy_set("nonsense");
	p2pmem_policy_set("\n");
	KUNIT_EXPECT_EQ(test, atomic_read(&events->policies), 1);
}

static void pairs_are_counted(struct kunit *test)
{
	unsigned int before, pairs = 0;
	struct fabric *f = policy_fabric(test);

	pairkit_verdict(f, "a0", "a1");
	pairkit_verdict(f, "a0", "b0");
	before = p2pmem_pairs_count();
	pairkit_verdict(f, "a0", "a1");
	KUNIT_EXPECT_EQ_MSG(test, p2pmem_pairs_count(), before, "a query created a pair");
	p2pmem_pairs_update(NULL, NULL, P2PMEM_FORGET_OUTDATED, &pairs);
	KUNIT_EXPECT_EQ(test, pairs, before);
}

struct policy_reader {
	struct kunit *test;
	struct fabric *f;
};

/* Both tables are written while other threads read them */
static void policy_reader(void *arg)
{
	struct policy_reader *r = arg;
	unsigned long end = jiffies + 60 * HZ;
	struct pci_p2pmem_verdict v;
	int i;

	/* the simulated processor is used by this task too */
	current->kunit_test = r->test;
	/* fewer on a busy machine, because a case must end within 300 s */
	for (i = 0; i < 2000 && (i < 100 || time_before(jiffies, end)); i++) {
		kit_reevaluate();
		v = pairkit_verdict(r->f, "a0", "b0");
		WARN_ON(v.reason && v.reason != PCI_P2PMEM_HOST_BRIDGE);
		WARN_ON(!v.reason && !v.by_admin);
		cond_resched();
	}
	current->kunit_test = NULL;
}

static void verdicts_while_it_changes(struct kunit *test)
{
	struct policy_reader reader = { .test = test, .f = policy_fabric(test) };
	struct lend_task *t = lend_start(test, policy_reader, &reader);
	int i;

	for (i = 0; i < 20 || !lend_is_over(t); i++)
		KUNIT_EXPECT_EQ(test, p2pmem_policy_set(i % 2 ?
				"-fab0:1000,-fab0:1002" :
				"+fab0:1000/across,+fab0:1002/across"), 0);
	lend_join(test, t);
	KUNIT_EXPECT_GE(test, i, 20);
}

static struct kunit_case policy_cases[] = {
	KUNIT_CASE(entries_are_added_and_removed),
	KUNIT_CASE_SLOW(parameter_can_be_written_back),
	KUNIT_CASE(bad_entry_at_load_is_ignored),
	KUNIT_CASE(bad_removal_at_load_drops_additions),
	KUNIT_CASE(verdict_names_the_allowing_entry),
	KUNIT_CASE(a_root_port_is_named),
	KUNIT_CASE(processors_are_named),
	KUNIT_CASE(number_of_entries_is_limited),
	KUNIT_CASE(all_entries_are_shown),
	KUNIT_CASE(change_is_notified),
	KUNIT_CASE(pairs_are_counted),
	KUNIT_CASE_SLOW(verdicts_while_it_changes),
	{}
};

static struct kunit_suite policy_suite = {
	.name = "p2pmem-policy",
	.init = policy_init,
	.exit = policy_exit,
	.test_cases = policy_cases,
};

kunit_test_suite(policy_suite);
