/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: shared by the suites about mapping
 *
 * A hierarchy with the provider "card" and the client "nic"; scatterlists of the card's
 * memory; the counters of a pair; and an IOMMU that has addresses of its own, can
 * refuse mappings, and fails the test on an unmap without a mapping.
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
/* The same three, each below a root port of a host bridge that forwards */
extern const struct fabric_node mapkit_host[];
/* mapkit_switch below such a host bridge: ACS makes paths lead through it */
extern const struct fabric_node mapkit_either[];

/**
 * struct mapkit - a hierarchy in which card provides its BAR 2 and nic is a client
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

/* First bus address; physical addresses begin between 4 GiB and 128 GiB */
#define MAPKIT_SAME	0		/* equal to the physical addresses */
#define MAPKIT_LOW	0x80000000ULL	/* below them, and below 4 GiB: the offset is positive */
#define MAPKIT_HIGH	0x2000000000ULL	/* above them: the offset is negative */
#define MAPKIT_FAR	BIT_ULL(44)	/* above them, and beyond 44 bits */

void mapkit_build(struct kunit *test, struct mapkit *k, const struct fabric_node *nodes,
		  u64 bus_start);

/* Peer memory that is freed by mapkit_free(), at the latest when the test ends */
struct mapkit_memory {
	struct pci_dev *provider;
	void *addr;
	size_t size;
};

struct mapkit_memory *mapkit_alloc(struct kunit *test, struct pci_dev *provider, size_t size);
void mapkit_free(struct mapkit_memory *m);

/* An entry: offset in bytes from a kernel address, and length */
struct mapkit_piece {
	size_t at;
	unsigned int length;
};

/* A grant for card and nic, ended when the test ends, or before by mapkit_grant_end() */
struct pci_p2pmem_grant *mapkit_grant(struct kunit *test, struct mapkit *k);
void mapkit_grant_end(struct kunit *test, struct pci_p2pmem_grant *g);
/* Waits until grants and providers whose end has begun are freed */
void mapkit_settle(void);

/* Values of DMA addresses and lengths that were never written */
#define MAPKIT_ADDR	0x5a5a5a5a5a5a5000ULL
#define MAPKIT_LEN	0x5a5a

struct scatterlist *mapkit_list(struct kunit *test, void *addr,
				const struct mapkit_piece *pieces, int nr);
/* Resets the DMA fields of @nr entries as mapkit_list() does, and checks if they changed */
void mapkit_scrub(struct scatterlist *sgl, int nr);
void mapkit_expect_untouched(struct kunit *test, struct scatterlist *sgl, int nr);
/* Expects no mapping: each entry as above, or cleared as by pci_p2pmem_unmap_sg() */
void mapkit_expect_unmapped(struct kunit *test, struct scatterlist *sgl, int nr);
/* Expects every entry at its physical address minus @offset, marked as a bus address */
void mapkit_expect_bus(struct kunit *test, struct scatterlist *sgl, int nr, u64 offset);

/* Counters of a pair: mappings made and undone, their bytes, refusals by reason */
struct mapkit_count {
	u64 maps;
	u64 unmaps;
	u64 bytes;
	unsigned long failures[PCI_P2PMEM_NR_REASONS];
	unsigned long refusals;
};

/* The counters of a pair, over all CPUs; zero if the pair does not exist */
struct mapkit_count mapkit_count(struct pci_dev *provider, struct device *client);
void mapkit_expect_count(struct kunit *test, struct pci_dev *provider, struct device *client,
			 u64 maps, u64 unmaps, u64 refusals);

/* Sets request and completion redirect at a port and re-evaluates the pairs */
void mapkit_redirect(struct fabric *f, const char *port, bool on);

#define MAPKIT_IOVA	0x7000000000ULL

/**
 * struct mapkit_iommu - an IOMMU in front of every client
 * @plain: use physical addresses and limits, as without an IOMMU
 * @calls: number of requested mappings
 * @fail_at: number of the mapping to refuse, from 1; 0: none
 * @nr: number of mappings
 * @undone: number of mappings that were undone
 * @map: the mappings; address 0 is a free entry
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

/* Exists from now on until the test ends; p2pmem_client_translates() returns true */
struct mapkit_iommu *mapkit_iommu(struct kunit *test);

/* pci_p2pmem_revoke() in another task */
struct mapkit_revoke;
struct mapkit_revoke *mapkit_revoke(struct kunit *test, struct pci_dev *provider);
/* Whether it has returned, and a function that waits for that */
bool mapkit_revoked(struct mapkit_revoke *r);
void mapkit_revoke_join(struct kunit *test, struct mapkit_revoke *r);

#endif /* _P2PMEM_TESTS_MAPKIT_H */
