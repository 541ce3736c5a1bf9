/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what the suites on mapping have in common
 *
 * A hierarchy with "card", which lends, and "nic", which borrows; scatterlists over
 * the card's memory; the counters of a pair; and an IOMMU that gives addresses of
 * its own, can fail, and fails the test when it is asked to undo what it never did.
 */
#ifndef _P2PMEM_TESTS_MAPKIT_H
#define _P2PMEM_TESTS_MAPKIT_H

#include <kunit/test.h>
#include <linux/dma-mapping.h>
#include <linux/sizes.h>

#include "../p2pdma.h"
#include "fabric.h"
#include "kit.h"

/* One switch: "card" and "card2" (BAR 0: 64 KiB, 2 and 4: 4 MiB), "nic"; the ports have ACS */
extern const struct fabric_node mapkit_switch[];
/* The same three, each below a root port of a host bridge that is known to forward */
extern const struct fabric_node mapkit_host[];
/* mapkit_switch below such a host bridge: ACS makes paths lead through it */
extern const struct fabric_node mapkit_either[];

/**
 * struct mapkit - a hierarchy in which card lends BAR 2 and nic is a client
 * @f: the hierarchy
 * @card: the provider
 * @nic: the client
 * @offset: CPU physical address minus bus address
 * @base: kernel address of BAR 2
 */
struct mapkit {
	struct fabric *f;
	struct pci_dev *card;
	struct device *nic;
	u64 offset;
	void *base;
};

/* Where bus addresses begin; physical ones begin at 4 GiB at least, and below 128 GiB */
#define MAPKIT_SAME	0		/* as the physical addresses */
#define MAPKIT_LOW	0x80000000ULL	/* below them, and below 4 GiB: the offset is positive */
#define MAPKIT_HIGH	0x2000000000ULL	/* above them: it is negative */
#define MAPKIT_FAR	BIT_ULL(44)	/* above them, and beyond 44 bits */

void mapkit_build(struct kunit *test, struct mapkit *k, const struct fabric_node *nodes,
		  u64 bus_start);

/* Peer memory that goes back when the test ends, or before by mapkit_free() */
struct mapkit_memory {
	struct pci_dev *provider;
	void *addr;
	size_t size;
};

struct mapkit_memory *mapkit_alloc(struct kunit *test, struct pci_dev *provider, size_t size);
void mapkit_free(struct mapkit_memory *m);

/* An entry: bytes from some kernel address, and its length */
struct mapkit_piece {
	size_t at;
	unsigned int length;
};

/* A grant for card and nic, ended with the test; or before, when all of it is gone then */
struct pci_p2pmem_grant *mapkit_grant(struct kunit *test, struct mapkit *k);
void mapkit_grant_end(struct kunit *test, struct pci_p2pmem_grant *g);
/* Until ends of grants and providers that were begun have come about */
void mapkit_settle(void);

/* What a DMA address and a length that nobody wrote look like */
#define MAPKIT_ADDR	0x5a5a5a5a5a5a5000ULL
#define MAPKIT_LEN	0x5a5a

struct scatterlist *mapkit_list(struct kunit *test, void *addr,
				const struct mapkit_piece *pieces, int nr);
/* The DMA half of @nr entries as mapkit_list() leaves it, and a look whether it still is so */
void mapkit_scrub(struct scatterlist *sgl, int nr);
void mapkit_expect_untouched(struct kunit *test, struct scatterlist *sgl, int nr);
/* Every entry at its physical address minus @offset, marked as a bus address */
void mapkit_expect_bus(struct kunit *test, struct scatterlist *sgl, int nr, u64 offset);

/* Counters of a pair: mappings made and undone, their bytes, refusals by reason */
struct mapkit_count {
	u64 maps;
	u64 unmaps;
	u64 bytes;
	unsigned long failures[PCI_P2PMEM_NR_REASONS];
	unsigned long refusals;
};

/* The counters of a pair, over all CPUs; zero when it was never asked for */
struct mapkit_count mapkit_count(struct pci_dev *provider, struct device *client);
void mapkit_expect_count(struct kunit *test, struct pci_dev *provider, struct device *client,
			 u64 maps, u64 unmaps, u64 refusals);

/* Sets request and completion redirect at a port and re-evaluates the pairs */
void mapkit_redirect(struct fabric *f, const char *port, bool on);

#define MAPKIT_IOVA	0x7000000000ULL

/**
 * struct mapkit_iommu - an IOMMU in front of every client
 * @plain: addresses are physical ones, and limits count: as without an IOMMU
 * @calls: mappings asked for
 * @fail_at: fails this one, counted from 1; 0: none
 * @nr: mappings that are there
 * @undone: mappings that were undone
 * @map: these; address 0: a free place
 */
struct mapkit_iommu {
	bool plain;
	int calls;
	int fail_at;
	int nr;
	int undone;
	struct mapkit_iommu_map {
		dma_addr_t addr;
		phys_addr_t phys;
		size_t size;
		enum dma_data_direction dir;
	} map[64];
};

/* Is there from now on until the test ends; p2pmem_client_translates() knows it */
struct mapkit_iommu *mapkit_iommu(struct kunit *test);

/* pci_p2pmem_revoke() of another task */
struct mapkit_revoke;
struct mapkit_revoke *mapkit_revoke(struct kunit *test, struct pci_dev *provider);
/* Whether it has returned, and a wait until it has */
bool mapkit_revoked(struct mapkit_revoke *r);
void mapkit_revoke_join(struct kunit *test, struct mapkit_revoke *r);

#endif /* _P2PMEM_TESTS_MAPKIT_H */
