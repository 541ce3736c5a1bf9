// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: input from administrators, and text for them
 *
 * Parameters of p2pmem-bar and p2pdma, names of reasons, and the line that explains a
 * verdict, all without devices.
 */
#include <linux/limits.h>
#include <linux/sizes.h>

#include <kunit/test.h>

#include "../p2pdma.h"
#include "../parse.h"

#define UNTOUCHED	0x5a5a5a5a5a5a5a5aULL

static const struct {
	const char *text;
	u64 bytes;
} good_bytes[] = {
	{ "0", 0 },
	{ "1", 1 },
	{ "4096\n", SZ_4K },
	{ "4K", SZ_4K },
	{ "4k\n", SZ_4K },
	{ "16M", SZ_16M },
	{ "3g", 3ULL * SZ_1G },
	{ "0x10", 16 },
	{ "0x10K", SZ_16K },
	{ "010", 8 },
	{ "18446744073709551615", U64_MAX },
	{ "0xffffffffffffffff\n", U64_MAX },
	{ "17179869183G", 17179869183ULL << 30 },
	{ "00000000000000000000017", 15 },
};

static const char * const bad_bytes[] = {
	"", "\n", "K", "K\n", "-1", "+1", " 1", "1 ", "1 K", "1KK", "1KB", "1T", "1e3", "0x", "0xK",
	"0xg0", "08", "1.5M", "M1", "1\n\n", "1\n2", "1K\n2", "\n1", "18446744073709551616",
	"17179869184G", "0xffffffffffffffffK", "000000000000000000000017",
	"00000000000000000000000000000000000000000000000000000000000000000000001",
};

static void accepts_sizes(struct kunit *test)
{
	u64 n;
	int i;

	for (i = 0; i < ARRAY_SIZE(good_bytes); i++) {
		n = UNTOUCHED;
		KUNIT_EXPECT_EQ_MSG(test, p2pmem_parse_bytes(good_bytes[i].text, &n), 0, "%s",
				    good_bytes[i].text);
		KUNIT_EXPECT_EQ_MSG(test, n, good_bytes[i].bytes, "%s", good_bytes[i].text);
	}
}

static void refuses_what_is_no_size(struct kunit *test)
{
	u64 n = UNTOUCHED;
	int i;

	for (i = 0; i < ARRAY_SIZE(bad_bytes); i++) {
		KUNIT_EXPECT_EQ_MSG(test, p2pmem_parse_bytes(bad_bytes[i], &n), -EINVAL, "'%s'",
				    bad_bytes[i]);
		KUNIT_EXPECT_EQ_MSG(test, n, UNTOUCHED, "'%s'", bad_bytes[i]);
	}
}

static void accepts_bars(struct kunit *test)
{
	static const char * const good[] = { "-1", "0", "5\n", "0x3", "+2" };
	static const int number[] = { -1, 0, 5, 3, 2 };
	static const char * const bad[] = {
		"", "\n", "-2", "6", "-", "x", "1x", "1 ", " 1", "1\n\n", "1\n2", "4294967296",
		"-9223372036854775808", "0x", "largest",
	};
	int i, bar;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		bar = 77;
		KUNIT_EXPECT_EQ_MSG(test, p2pmem_parse_bar(good[i], -1, 6, &bar), 0, "%s", good[i]);
		KUNIT_EXPECT_EQ_MSG(test, bar, number[i], "%s", good[i]);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		bar = 77;
		KUNIT_EXPECT_EQ_MSG(test, p2pmem_parse_bar(bad[i], -1, 6, &bar), -EINVAL, "'%s'",
				    bad[i]);
		KUNIT_EXPECT_EQ_MSG(test, bar, 77, "'%s'", bad[i]);
	}
}

#define HOST_ID(_vendor, _device)	.entry = { .vendor = _vendor, .device = _device }
#define HOST_CPU(_cpu, _family, _model)	\
	.entry = { .cpu = _cpu, .family = _family, .model = _model }
#define HOST_BOTH	(P2PMEM_WITHIN | P2PMEM_ACROSS)

/* Input, its meaning, and the printed entry */
static const struct {
	const char *text;
	struct p2pmem_change change;
	const char *back;
} good_hosts[] = {
	{ "8086:3c02", { HOST_ID(0x8086, 0x3c02), .bits = P2PMEM_WITHIN }, "+8086:3c02" },
	{ "+8086:3C02", { HOST_ID(0x8086, 0x3c02), .bits = P2PMEM_WITHIN }, "+8086:3c02" },
	{ "1b36:000c/across", { HOST_ID(0x1b36, 0xc), .bits = HOST_BOTH }, "+1b36:000c/across" },
	{ "-8086:2030", { HOST_ID(0x8086, 0x2030), .bits = HOST_BOTH, .remove = true },
	  "-8086:2030" },
	{ "-ffff:ffff/across", { HOST_ID(0xffff, 0xffff), .bits = P2PMEM_ACROSS, .remove = true },
	  "-ffff:ffff/across" },
	{ "cpu:AuthenticAMD:0x17", { HOST_CPU("AuthenticAMD", 0x17, P2PMEM_ANY_MODEL),
	  .bits = HOST_BOTH }, "+cpu:AuthenticAMD:0x17" },
	{ "+cpu:GenuineIntel:6:85", { HOST_CPU("GenuineIntel", 6, 85), .bits = HOST_BOTH },
	  "+cpu:GenuineIntel:0x6:0x55" },
	{ "-cpu:AuthenticAMD:25:0", { HOST_CPU("AuthenticAMD", 25, 0), .bits = HOST_BOTH,
	  .remove = true }, "-cpu:AuthenticAMD:0x19:0x0" },
	{ "8086:*", { { .vendor = 0x8086, .any_device = true }, .bits = P2PMEM_WITHIN },
	  "+8086:*" },
	{ "-1ae0:*/across", { { .vendor = 0x1ae0, .any_device = true }, .bits = P2PMEM_ACROSS,
	  .remove = true }, "-1ae0:*/across" },
	{ "-built-in", { { .built_in = true }, .bits = HOST_BOTH, .remove = true }, "-built-in" },
	{ "built-in", { { .built_in = true }, .bits = HOST_BOTH }, "+built-in" },
	{ "cpu:  Shanghai  :7:0xff", { HOST_CPU("  Shanghai  ", 7, 255), .bits = HOST_BOTH },
	  "+cpu:  Shanghai  :0x7:0xff" },
};

static const char * const bad_hosts[] = {
	"", "+", "-", "++8086:3c02", "+-8086:3c02", " 8086:3c02", "8086:3c02 ", "8086", "8086:",
	"8086:3c0", "8086:3c022", "808:3c02", "08086:3c02", "0x8086:3c02", "8086:3c0g", "8086-3c02",
	":3c02", "8086::3c02", "8086:3c02/", "8086:3c02/acros", "8086:3c02/acrosss",
	"8086:3c02/ACROSS", "8086:3c02/within", "8086:3c02 /across", "8086:3c02:", "8086:3c02\n",
	"cpu", "cpu:", "cpu::", "cpu:AuthenticAMD", "cpu:AuthenticAMD:", "cpu::23",
	"cpu:AuthenticAMDx:23", "cpu:AuthenticAMD:x", "cpu:AuthenticAMD:-1",
	"cpu:AuthenticAMD:+1", "cpu:AuthenticAMD: 1", "cpu:AuthenticAMD:256",
	"cpu:AuthenticAMD:0x100", "cpu:AuthenticAMD:023", "cpu:AuthenticAMD:23:",
	"cpu:AuthenticAMD:23:256", "cpu:AuthenticAMD:23:1:2", "cpu:AuthenticAMD:23/across",
	"cpu:AuthenticAMD:0x", "cpu:AuthenticAMD:23\n:1", "CPU:AuthenticAMD:23", "all", "*",
	"8086:2*", "8086:**", "8086:*2020", "*:2020", "8086:*/", "built-in/across", "built-ins",
	"built", "\t8086:3c02", "8086:3c02\x7f",
	"0000000000000000000000000000000000000000", "+cpu:AuthenticAMD:0x00000000000000000000017",
};

static void expect_change(struct kunit *test, const struct p2pmem_change *got,
			  const struct p2pmem_change *want, const char *text)
{
	KUNIT_EXPECT_STREQ_MSG(test, got->entry.cpu, want->entry.cpu, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, got->entry.family, want->entry.family, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, got->entry.model, want->entry.model, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, got->entry.vendor, want->entry.vendor, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, got->entry.device, want->entry.device, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, got->entry.any_device, want->entry.any_device, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, got->entry.built_in, want->entry.built_in, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, got->bits, want->bits, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, got->remove, want->remove, "%s", text);
}

static void accepts_host_bridges(struct kunit *test)
{
	struct p2pmem_change c;
	char text[P2PMEM_ENTRY_TEXT], more[64];
	int i, n;

	for (i = 0; i < ARRAY_SIZE(good_hosts); i++) {
		KUNIT_ASSERT_EQ_MSG(test, p2pmem_parse_change(good_hosts[i].text,
							      strlen(good_hosts[i].text), &c),
				    0, "%s", good_hosts[i].text);
		expect_change(test, &c, &good_hosts[i].change, good_hosts[i].text);

		n = p2pmem_print_change(text, sizeof(text), &c);
		KUNIT_EXPECT_EQ(test, n, strlen(text));
		KUNIT_EXPECT_STREQ(test, text, good_hosts[i].back);
		KUNIT_EXPECT_EQ(test, p2pmem_parse_change(text, n, &c), 0);
		expect_change(test, &c, &good_hosts[i].change, text);

		/* nothing beyond the length is read */
		snprintf(more, sizeof(more), "%s,%s", good_hosts[i].text, good_hosts[i].text);
		KUNIT_EXPECT_EQ(test, p2pmem_parse_change(more, strlen(good_hosts[i].text), &c), 0);
		expect_change(test, &c, &good_hosts[i].change, more);
	}
}

static void refuses_what_is_no_host_bridge(struct kunit *test)
{
	const struct p2pmem_change was = { HOST_CPU("untouched", 1, 2), .bits = 3 };
	struct p2pmem_change c = was;
	int i;

	for (i = 0; i < ARRAY_SIZE(bad_hosts); i++) {
		KUNIT_EXPECT_EQ_MSG(test, p2pmem_parse_change(bad_hosts[i], strlen(bad_hosts[i]),
							      &c),
				    -EINVAL, "'%s'", bad_hosts[i]);
		expect_change(test, &c, &was, bad_hosts[i]);
	}
}

static void every_reason_has_a_name_of_its_own(struct kunit *test)
{
	const char *token, *c;
	int i, k;

	for (i = 0; i < PCI_P2PMEM_NR_REASONS; i++) {
		token = p2pmem_token(i);
		KUNIT_ASSERT_NOT_NULL(test, token);
		KUNIT_EXPECT_GT_MSG(test, strlen(token), 0, "reason %d", i);
		KUNIT_EXPECT_STRNEQ(test, token, "unknown");
		/* file names in sysfs and words in scripts */
		for (c = token; *c; c++)
			KUNIT_EXPECT_TRUE_MSG(test, (*c >= 'a' && *c <= 'z') || *c == '-', "%s",
					      token);
		for (k = 0; k < i; k++)
			KUNIT_EXPECT_STRNEQ(test, token, p2pmem_token(k));
	}
	KUNIT_EXPECT_STREQ(test, p2pmem_token(PCI_P2PMEM_OK), "ok");
	KUNIT_EXPECT_STREQ(test, p2pmem_token(PCI_P2PMEM_NR_REASONS), "unknown");
	KUNIT_EXPECT_STREQ(test, p2pmem_token(-1), "unknown");
}

static void every_refusal_is_an_errno(struct kunit *test)
{
	int i;

	KUNIT_EXPECT_EQ(test, p2pmem_errno(PCI_P2PMEM_OK), 0);
	for (i = PCI_P2PMEM_OK + 1; i < PCI_P2PMEM_NR_REASONS; i++) {
		KUNIT_EXPECT_LT_MSG(test, p2pmem_errno(i), 0, "%s", p2pmem_token(i));
		KUNIT_EXPECT_GE_MSG(test, p2pmem_errno(i), -MAX_ERRNO, "%s",
				    p2pmem_token(i));
	}
	KUNIT_EXPECT_EQ(test, p2pmem_errno(PCI_P2PMEM_HOST_BRIDGE), -EXDEV);
	KUNIT_EXPECT_EQ(test, p2pmem_errno(PCI_P2PMEM_REVOKED), -ENODEV);
	KUNIT_EXPECT_EQ(test, p2pmem_errno(PCI_P2PMEM_POOL_FULL), -ENOMEM);
}

/* The longest possible names */
static struct pci_p2pmem_verdict worst_verdict(enum pci_p2pmem_reason reason)
{
	struct pci_p2pmem_verdict v = {
		.reason = reason, .limit = U64_MAX, .needed = U64_MAX, .base = U64_MAX,
		.bar = INT_MIN, .by_admin = true,
	};

	memset(v.provider, 'p', sizeof(v.provider) - 1);
	memset(v.client, 'c', sizeof(v.client) - 1);
	memset(v.at, 'a', sizeof(v.at) - 1);
	return v;
}

#define TEXT	PCI_P2PMEM_TEXT

static void explains_on_one_line(struct kunit *test)
{
	struct pci_p2pmem_verdict v;
	char *buf = kunit_kzalloc(test, TEXT, GFP_KERNEL);
	int i, n;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (i = 0; i < PCI_P2PMEM_NR_REASONS; i++) {
		v = worst_verdict(i);
		n = p2pmem_explain_text(buf, TEXT, "", "", &v);
		KUNIT_EXPECT_EQ(test, n, strlen(buf));
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(buf, v.provider), "%s", buf);
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(buf, v.client), "%s", buf);
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(buf, v.at), "%s", buf);
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(buf, p2pmem_token(i)), "%s", buf);
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(buf, "; "), "%s", buf);
		KUNIT_EXPECT_NULL_MSG(test, strchr(buf, '\n'), "%s", buf);
		/* with room for eight redirecting functions and two entries */
		KUNIT_EXPECT_LT_MSG(test, n + 8 * 13 + 180, PCI_P2PMEM_TEXT, "%s", buf);
	}
}

static void explains_word_for_word(struct kunit *test)
{
	struct pci_p2pmem_verdict v = {
		.reason = PCI_P2PMEM_DMA_MASK, .provider = "0000:03:00.0", .client = "0000:04:00.0",
		.limit = 0xffffffff, .needed = 0x10fffffffULL, .base = 0x100000000ULL, .bar = 2,
	};
	char buf[300];

	p2pmem_explain_text(buf, sizeof(buf), "", "", &v);
	KUNIT_EXPECT_STREQ(test, buf,
			   "0000:04:00.0 and 0000:03:00.0: dma-mask: the client cannot address all of the provider's memory: BAR 2 [0x100000000-0x10fffffff] exceeds the client's 32-bit DMA mask; place the provider's BAR below that limit");

	/* the text of a path in use says who allowed it */
	v = (struct pci_p2pmem_verdict){
		.provider = "0000:03:00.0", .client = "0000:04:00.0", .by_admin = true,
		.mapping = PCI_P2PMEM_MAP_HOST_BRIDGE,
	};
	p2pmem_explain_text(buf, sizeof(buf), "", "", &v);
	KUNIT_EXPECT_STREQ(test, buf,
			   "0000:04:00.0 and 0000:03:00.0: ok: peer-to-peer is possible through a host bridge that the administrator allowed; none needed");
	v.by_admin = false;
	v.in_guest = true;
	p2pmem_explain_text(buf, sizeof(buf), "", "", &v);
	KUNIT_EXPECT_STREQ(test, buf,
			   "0000:04:00.0 and 0000:03:00.0: ok: peer-to-peer is possible through a host bridge that may be a virtual machine's; none needed");
	v.in_guest = false;

	/* names of the caller override those of the verdict */
	v.reason = PCI_P2PMEM_NOT_PCI;
	p2pmem_explain_text(buf, sizeof(buf), "provider", "client", &v);
	KUNIT_EXPECT_STREQ(test, buf,
			   "client and provider: not-pci: the client is not a PCI function; use a PCI client");

	v = (struct pci_p2pmem_verdict){ .reason = PCI_P2PMEM_NO_PROVIDER };
	p2pmem_explain_text(buf, sizeof(buf), "", "", &v);
	KUNIT_EXPECT_STREQ(test, buf,
			   "no-provider: no published provider can serve these clients; load the driver of a provider, or bind a memory card to p2pmem-bar");

	v.reason = PCI_P2PMEM_NR_REASONS;
	p2pmem_explain_text(buf, sizeof(buf), "", "", &v);
	KUNIT_EXPECT_TRUE_MSG(test, strstarts(buf, "unknown reason "), "%s", buf);
}

/* With any size of the buffer: terminated, correct length, and no write beyond the end */
static void explains_in_any_room(struct kunit *test)
{
	struct pci_p2pmem_verdict v;
	char *full = kunit_kzalloc(test, TEXT, GFP_KERNEL);
	char *buf = kunit_kzalloc(test, TEXT, GFP_KERNEL);
	int i, len, n, all;

	KUNIT_ASSERT_NOT_NULL(test, full);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (i = 0; i <= PCI_P2PMEM_NR_REASONS; i++) {
		v = worst_verdict(i);
		all = p2pmem_explain_text(full, TEXT, "", "", &v);
		KUNIT_ASSERT_LT(test, all, TEXT - 2);
		for (len = 0; len <= all + 2; len++) {
			memset(buf, 0x5a, TEXT);
			n = p2pmem_explain_text(buf, len, "", "", &v);
			KUNIT_ASSERT_EQ_MSG(test, n, len ? min(all, len - 1) : 0,
					    "reason %d, %d bytes", i, len);
			KUNIT_ASSERT_NULL_MSG(test, memchr_inv(buf + len, 0x5a, TEXT - len),
					      "reason %d, %d bytes", i, len);
			if (!len)
				continue;
			KUNIT_ASSERT_EQ_MSG(test, buf[n], '\0', "reason %d, %d bytes", i, len);
			KUNIT_ASSERT_EQ_MSG(test, memcmp(buf, full, n), 0, "reason %d, %d bytes",
					    i, len);
		}
	}
}

static struct kunit_case p2pmem_parse_cases[] = {
	KUNIT_CASE(accepts_sizes),
	KUNIT_CASE(refuses_what_is_no_size),
	KUNIT_CASE(accepts_bars),
	KUNIT_CASE(accepts_host_bridges),
	KUNIT_CASE(refuses_what_is_no_host_bridge),
	KUNIT_CASE(every_reason_has_a_name_of_its_own),
	KUNIT_CASE(every_refusal_is_an_errno),
	KUNIT_CASE(explains_on_one_line),
	KUNIT_CASE(explains_word_for_word),
	KUNIT_CASE(explains_in_any_room),
	{}
};

static struct kunit_suite p2pmem_parse_suite = {
	.name = "p2pmem-parse",
	.test_cases = p2pmem_parse_cases,
};

kunit_test_suite(p2pmem_parse_suite);
