/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: shared by the suites: providers and clients of a fabric
 *
 * Each of these functions ends the test on an error, and is undone when the test ends.
 */
#ifndef _P2PMEM_TESTS_KIT_H
#define _P2PMEM_TESTS_KIT_H

#include <kunit/test.h>
#include <linux/pci-p2pmem.h>

#include "fabric.h"

struct p2pmem_provider;

/* One switch below one root port: "card" with a BAR 2 of 4 MiB, "nic" and "drive" */
extern const struct fabric_node kit_one_switch[];

/* Registers and publishes all of BAR 2 as pooled memory; revoked when its driver is unbound */
struct pci_dev *kit_lend(struct kunit *test, struct fabric *f, const char *name);
/* Registers any range of any kind, not published; returns the result of add_resource */
int kit_add(struct kunit *test, struct fabric *f, const char *name, int bar, size_t size,
	    u64 offset, unsigned int kind);
/* Registers the device as a client without callbacks; unregistered when its driver is unbound */
struct device *kit_client(struct kunit *test, struct fabric *f, const char *name);
/* Adds an entry to the parameter host_bridges until the test ends */
void kit_allow(struct kunit *test, const char *entry);
/* Checks that the function is the best provider for the client with this preference */
void kit_expect_preferred(struct kunit *test, struct fabric *f, struct device *client,
			  enum pci_p2pmem_prefer prefer, const char *name);
struct pci_p2pmem_grant *kit_grant(enum pci_p2pmem_prefer prefer, struct device *client,
				   struct pci_p2pmem_verdict *why);
/* The provider's private structure, or NULL. Valid while the function is a provider. */
struct p2pmem_provider *kit_provider(struct pci_dev *pdev);
/* Whether the pair exists */
bool kit_pair_exists(struct p2pmem_provider *p, struct device *client);
/* Drops pairs as for the removal of an end; NULL for any */
void kit_drop_pairs(struct p2pmem_provider *p, struct device *client);
/* Re-evaluates all pairs, as an event of the bus does */
void kit_reevaluate(void);
/* Drops the self-test results of a provider's pairs, as a write to p2pmem/rescan does */
void kit_forget(struct p2pmem_provider *p);
/* Free bytes of its pool; 0 if it is no provider */
size_t kit_available(struct pci_dev *provider);
/* Numbers of mappings of a pair, and of those that are not undone; 0 without a pair */
u64 kit_maps(struct pci_dev *provider, struct device *client);
long kit_balance(struct pci_dev *provider, struct device *client);
/* Opens a file of user space */
struct file *kit_open(const char *path, int flags);

#endif /* _P2PMEM_TESTS_KIT_H */
