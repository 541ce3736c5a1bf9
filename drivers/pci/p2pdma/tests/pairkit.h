/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: shared by the suites about verdicts
 *
 * A row has the expected verdict of a pair; the functions have the names in the table of
 * the fabric, and become provider and client when they are first used.
 */
#ifndef _P2PMEM_TESTS_PAIRKIT_H
#define _P2PMEM_TESTS_PAIRKIT_H

#include <kunit/test.h>
#include <linux/sizes.h>

#include "../p2pdma.h"
#include "fabric.h"
#include "kit.h"

/* The smallest BAR that can have pages */
#define PAIRKIT_BAR	.bar = { [2] = { .size = SZ_2M, .flags = FABRIC_BAR_64 } }

/**
 * struct pairkit_row - expected verdict of a pair
 * @provider: the function that provides its BAR 2
 * @client: the client
 * @reason: reason of a refusal, or PCI_P2PMEM_OK
 * @mapping: expected mapping
 * @distance: expected distance
 * @at: function or host bridge that causes the refusal, or NULL
 */
struct pairkit_row {
	const char *provider;
	const char *client;
	enum pci_p2pmem_reason reason;
	enum pci_p2pmem_mapping mapping;
	int distance;
	const char *at;
};

#define PAIRKIT_BUS(_provider, _client, _distance)			\
	{ .provider = _provider, .client = _client, .distance = _distance,	\
	  .mapping = PCI_P2PMEM_MAP_BUS_ADDR }
#define PAIRKIT_HOST(_provider, _client, _distance)			\
	{ .provider = _provider, .client = _client, .distance = _distance,	\
	  .mapping = PCI_P2PMEM_MAP_HOST_BRIDGE }
#define PAIRKIT_NOT(_provider, _client, _distance, _reason, _at)		\
	{ .provider = _provider, .client = _client, .distance = _distance,	\
	  .reason = _reason, .at = _at }

/* Until the test ends, the processor forwards all requests, or none */
void pairkit_cpu(struct kunit *test, bool forwards);
/* Re-evaluates a pair and compares its verdict with @row; @what names the case */
void pairkit_expect(struct kunit *test, struct fabric *f, const struct pairkit_row *row,
		    const char *what);
void pairkit_expect_all(struct kunit *test, struct fabric *f, const struct pairkit_row *rows,
			int nr);
/* The cached verdict */
struct pci_p2pmem_verdict pairkit_verdict(struct fabric *f, const char *provider,
					  const char *client);
/* The name in logs of a function or host bridge of the table; "" for NULL */
const char *pairkit_name(struct fabric *f, const char *name);

#endif /* _P2PMEM_TESTS_PAIRKIT_H */
