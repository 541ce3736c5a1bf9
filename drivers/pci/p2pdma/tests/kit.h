/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what the suites have in common: providers and clients of a fabric
 *
 * Each of these ends the test when it fails, and undoes itself when the test ends.
 */
#ifndef _P2PMEM_TESTS_KIT_H
#define _P2PMEM_TESTS_KIT_H

#include <kunit/test.h>
#include <linux/pci-p2pmem.h>

#include "fabric.h"

struct p2pmem_provider;

/* One switch below one root port: "card" lends BAR 2 of 4 MiB; "nic" and "drive" beside it */
extern const struct fabric_node kit_one_switch[];

/* Lends BAR 2, all of it, as pooled memory, and publishes it; revoked when its driver goes */
struct pci_dev *kit_lend(struct kunit *test, struct fabric *f, const char *name);
/* The same of any range and kind, not published; returns what add_resource returns */
int kit_add(struct kunit *test, struct fabric *f, const char *name, int bar, size_t size,
	    u64 offset, unsigned int kind);
/* Registers the function's device as a client, without ops; unregistered when its driver goes */
struct device *kit_client(struct kunit *test, struct fabric *f, const char *name);
/* An entry of the parameter host_bridges, until the test ends */
void kit_allow(struct kunit *test, const char *entry);
/* With that preference, the function of that name is the best provider for the client */
void kit_expect_preferred(struct kunit *test, struct fabric *f, struct device *client,
			  enum pci_p2pmem_prefer prefer, const char *name);
/* The provider's private structure; NULL when there is none. Valid while it is lent. */
struct p2pmem_provider *kit_provider(struct pci_dev *pdev);
/* Whether there is a pair of the two */
bool kit_pair_exists(struct p2pmem_provider *p, struct device *client);
/* Forgets pairs, as when an end goes; NULL for any */
void kit_drop_pairs(struct p2pmem_provider *p, struct device *client);
/* Re-evaluates all pairs, as an event of the bus does */
void kit_reevaluate(void);
/* Drops the self-test results of a provider's pairs, as a write to p2pmem/rescan does */
void kit_forget(struct p2pmem_provider *p);
/* Bytes of its pool that are free; 0 when it is no provider */
size_t kit_available(struct pci_dev *provider);
/* Mappings of a pair that were made, and how many of them are not undone; 0 without a pair */
u64 kit_maps(struct pci_dev *provider, struct device *client);
long kit_balance(struct pci_dev *provider, struct device *client);

#endif /* _P2PMEM_TESTS_KIT_H */
