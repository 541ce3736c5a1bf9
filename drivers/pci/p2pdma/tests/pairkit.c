// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: shared by the suites about verdicts
 */
#include <kunit/static_stub.h>

#include "pairkit.h"

static void pairkit_forwards(struct p2pmem_entry *cpu)
{
	*cpu = (struct p2pmem_entry){ .cpu = "AuthenticAMD", .family = 0x19, .model = 0x21 };
}

static void pairkit_does_not(struct p2pmem_entry *cpu)
{
	*cpu = (struct p2pmem_entry){ .cpu = "GenuineIntel", .family = 6, .model = 0x2d };
}

static bool pairkit_no_guest(void)
{
	return false;
}

/* Tests must not depend on the machine's processor, or on whether it is virtual. */
void pairkit_cpu(struct kunit *test, bool forwards)
{
	kunit_activate_static_stub(test, p2pmem_in_guest, pairkit_no_guest);
	if (forwards)
		kunit_activate_static_stub(test, p2pmem_cpu_id, pairkit_forwards);
	else
		kunit_activate_static_stub(test, p2pmem_cpu_id, pairkit_does_not);
}

const char *pairkit_name(struct fabric *f, const char *name)
{
	struct pci_dev *pdev;

	if (!name)
		return "";
	pdev = fabric_pdev(f, name);
	return pdev ? pci_name(pdev) : dev_name(&fabric_host(f, name)->dev);
}

struct pci_p2pmem_verdict pairkit_verdict(struct fabric *f, const char *provider,
					  const char *client)
{
	struct pci_p2pmem_verdict v;

	pci_p2pmem_verdict(fabric_pdev(f, provider), &fabric_pdev(f, client)->dev, 0, &v);
	return v;
}

void pairkit_expect(struct kunit *test, struct fabric *f, const struct pairkit_row *row,
		    const char *what)
{
	struct pci_dev *provider = fabric_pdev(f, row->provider);
	struct pci_dev *client = fabric_pdev(f, row->client);
	struct pci_p2pmem_verdict v;

	KUNIT_ASSERT_NOT_NULL(test, provider);
	KUNIT_ASSERT_NOT_NULL(test, client);
	if (!kit_provider(provider))
		kit_lend(test, f, row->provider);
	if (!p2pmem_is_client(&client->dev))
		kit_client(test, f, row->client);

	kit_reevaluate();
	v = pairkit_verdict(f, row->provider, row->client);
	KUNIT_EXPECT_STREQ_MSG(test, pci_p2pmem_reason_token(v.reason),
			       pci_p2pmem_reason_token(row->reason), "%s, %s to %s", what,
			       row->client, row->provider);
	KUNIT_EXPECT_EQ_MSG(test, v.mapping, row->mapping, "%s, %s to %s", what, row->client,
			    row->provider);
	KUNIT_EXPECT_EQ_MSG(test, v.distance, row->distance, "%s, %s to %s", what, row->client,
			    row->provider);
	KUNIT_EXPECT_STREQ_MSG(test, v.at, pairkit_name(f, row->at), "%s, %s to %s", what,
			       row->client, row->provider);
	KUNIT_EXPECT_STREQ(test, v.provider, pci_name(provider));
	KUNIT_EXPECT_STREQ(test, v.client, pci_name(client));
}

void pairkit_expect_all(struct kunit *test, struct fabric *f, const struct pairkit_row *rows,
			int nr)
{
	for (; nr--; rows++)
		pairkit_expect(test, f, rows, "as built");
}
