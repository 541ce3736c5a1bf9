/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: PCI peer-to-peer memory, the public interface
 *
 * A *provider* is a PCI function that provides BAR memory, a *client* is a DMA
 * device whose driver has registered it here, and an *orchestrator* (the NVMe
 * target) pairs them. This file declares all functions for drivers and
 * orchestrators; it does not expose struct dev_pagemap.
 *
 * Not to be included together with <linux/pci-p2pdma.h>: a file sees one of the
 * two interfaces.
 */
#ifndef _LINUX_PCI_P2PMEM_H
#define _LINUX_PCI_P2PMEM_H

#include <linux/err.h>
#include <linux/errno.h>
#include <linux/jump_label.h>
#include <linux/mm.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/pci-p2pmem-reason.h>

struct pci_p2pmem_client;
struct pci_p2pmem_grant;

/**
 * enum pci_p2pmem_kind - what a region is used for
 * @PCI_P2PMEM_POOL: pooled memory, allocated with pci_p2pmem_alloc()
 * @PCI_P2PMEM_DRIVER: memory that the provider's driver allocates itself (a GPU).
 *	It has pages and can be mapped, but is in no pool; the driver calls
 *	pci_p2pmem_pin() when it allocates and pci_p2pmem_unpin() when it frees
 *	memory.
 * @PCI_P2PMEM_REGISTERS: registers (a doorbell). No struct pages, no
 *	alignment rule; only pci_p2pmem_map_region() can map them.
 * @PCI_P2PMEM_NR_KINDS: number of kinds
 */
enum pci_p2pmem_kind {
	PCI_P2PMEM_POOL,
	PCI_P2PMEM_DRIVER,
	PCI_P2PMEM_REGISTERS,
	PCI_P2PMEM_NR_KINDS
};

/**
 * enum pci_p2pmem_mapping - how a client reaches a provider
 * @PCI_P2PMEM_MAP_NONE: no mapping is possible
 * @PCI_P2PMEM_MAP_BUS_ADDR: by the PCI bus address, below one upstream bridge
 * @PCI_P2PMEM_MAP_HOST_BRIDGE: through an allowed host bridge, by an address
 *	from dma_map_resource()
 */
enum pci_p2pmem_mapping {
	PCI_P2PMEM_MAP_NONE,
	PCI_P2PMEM_MAP_BUS_ADDR,
	PCI_P2PMEM_MAP_HOST_BRIDGE,
};

/**
 * enum pci_p2pmem_prefer - order of criteria among providers of one class
 * @PCI_P2PMEM_NEAREST: distance, then NUMA node, then free memory
 * @PCI_P2PMEM_MOST_FREE: free memory, then distance, then NUMA node
 * @PCI_P2PMEM_SAME_NODE: NUMA node of the clients, then distance, then free memory
 * @PCI_P2PMEM_PROVABLE: ORed to one of them: the caller cannot use paths that a self-test
 *	could not prove, so they rank last
 * @PCI_P2PMEM_SPLIT: ORed as well: commands have their metadata in system memory. A
 *	client's own memory is refused if it is PCI_P2PMEM_WHOLE
 *
 * Regardless of the preference a client's own memory ranks before memory that all reach by
 * bus address, and that before memory behind a host bridge. A path that an administrator's
 * entry allows and that a self-test could not prove ranks last.
 */
enum pci_p2pmem_prefer {
	PCI_P2PMEM_NEAREST,
	PCI_P2PMEM_MOST_FREE,
	PCI_P2PMEM_SAME_NODE,
	PCI_P2PMEM_PROVABLE = 0x10,
	PCI_P2PMEM_SPLIT = 0x20,
};

/**
 * enum pci_p2pmem_proof - result of the self-test of a pair
 * @PCI_P2PMEM_UNTRIED: no result: it has not run since the verdict was made
 * @PCI_P2PMEM_PROVED: real DMA moved the right data
 * @PCI_P2PMEM_UNPROVED: it ran, but the client cannot prove the path completely
 * @PCI_P2PMEM_DISPROVED: real DMA failed or moved wrong data
 */
enum pci_p2pmem_proof {
	PCI_P2PMEM_UNTRIED,
	PCI_P2PMEM_PROVED,
	PCI_P2PMEM_UNPROVED,
	PCI_P2PMEM_DISPROVED,
};

#define PCI_P2PMEM_NOTE	64	/* bytes for the text of a self-test, with the final zero */

/**
 * struct pci_p2pmem_test - details of a self-test of a pair
 * @bytes: payload that transfers moved to and from peer memory
 * @local: the result PCI_P2PMEM_UNPROVED applies to the requested target (a namespace of
 *	the drive) or to this moment only, not to the client: it is not stored in the pair
 * @note: text for people: what failed, or what could not be proved
 */
struct pci_p2pmem_test {
	size_t bytes;
	bool local;
	char note[PCI_P2PMEM_NOTE];
};

/**
 * struct pci_p2pmem_verdict - the verdict of a (provider, client) pair
 * @reason: PCI_P2PMEM_OK, or the reason of the refusal
 * @mapping: how the client reaches the provider
 * @by_admin: the path leads through a host bridge that only an administrator's
 *	entry allows
 * @in_guest: the path leads through a host bridge that the built-in list allows, but
 *	this may be a virtual machine (only x86 reports it): whether the hypervisor's IOMMU maps
 *	one device's BARs for another one has to be proved, as with @by_admin
 * @proof: result of the pair's self-test; a disproved pair is refused with
 *	PCI_P2PMEM_VERIFY_FAILED
 * @requests: how often an administrator has requested a new test of the pair; a change means that a
 *	result which the pair does not store is to be found again as well
 * @distance: number of hops: 0 same function, 2 same device, 4 one switch, one
 *	more for every further bridge; also set for refused pairs if both ends are
 *	PCI functions, else -1
 * @provider: name of the provider, empty if there is none
 * @client: name of the client, empty if there is none
 * @at: name of the device at fault, empty if it is not a single device
 * @limit: highest bus address that the client can use (PCI_P2PMEM_DMA_MASK only)
 * @needed: highest bus address of the provider's memory (PCI_P2PMEM_DMA_MASK only)
 * @base: start address of the BAR that contains @needed (PCI_P2PMEM_DMA_MASK only)
 * @bar: number of that BAR (PCI_P2PMEM_DMA_MASK only)
 * @note: text of the self-test: what failed, or what it could not prove; may be empty
 */
struct pci_p2pmem_verdict {
	enum pci_p2pmem_reason reason;
	enum pci_p2pmem_mapping mapping;
	bool by_admin;
	bool in_guest;
	enum pci_p2pmem_proof proof;
	unsigned int requests;
	int distance;
	char provider[20];
	char client[32];
	char at[32];
	u64 limit;
	u64 needed;
	u64 base;
	int bar;
	char note[PCI_P2PMEM_NOTE];
};

/**
 * struct pci_p2pmem_client_ops - callbacks of a client's driver
 * @children: the driver also maps requests of devices below the client, as of its disks
 * @revoke: the provider is revoked. The client must undo every mapping of its memory that it
 *	keeps (pci_p2pmem_map_region()). Runs in process context under locks of the core and
 *	perhaps the device_lock of the provider: it may only queue work. Optional.
 * @verify: prove by real DMA that the client reaches the memory of the grant, and
 *	nothing else in its place. Process context, may sleep, ends in bounded
 *	time. It allocates memory with pci_p2pmem_grant_sgl_alloc(), so that the
 *	mapping is that of the grant, and frees it before it returns; a revocation
 *	of the provider waits for that. It must not change persistent data. @what
 *	is the orchestrator's target: a struct block_device that it keeps open for
 *	a drive, else NULL. @test is zeroed, and returns details.
 *
 *	Returns PCI_P2PMEM_PROVED only after transfers in both directions moved
 *	the right data and a transfer of wrong data was detected;
 *	PCI_P2PMEM_DISPROVED if data was wrong or a transfer failed that succeeds
 *	with system memory; PCI_P2PMEM_UNPROVED if this client cannot prove that
 *	much; PCI_P2PMEM_UNTRIED if there is no result now but may be later (no
 *	free memory, the device is being reset or removed).
 *
 *	May run concurrently for several providers. pci_p2pmem_unregister_client() waits for
 *	it, and it does not run after that: no locks that the driver holds there. Optional.
 */
struct pci_p2pmem_client_ops {
	bool children;
	void (*revoke)(struct pci_p2pmem_client *client, struct pci_dev *provider);
	enum pci_p2pmem_proof (*verify)(struct pci_p2pmem_client *client,
					struct pci_p2pmem_grant *grant, void *what,
					struct pci_p2pmem_test *test);
};

/**
 * struct pci_p2pmem_grant_ops - callbacks of an orchestrator for its grant
 * @revoke: the provider is revoked: allocations from this grant fail from now on
 *	with -ENODEV. Finish requests in flight; the core waits for them.
 * @evict: the wait has timed out (PCI_P2PMEM_DRAIN_SECONDS): end the users that
 *	still hold memory of this grant.
 * @describe: write the current users of the grant to @buf, for the log and debugfs; the core
 *	escapes it. Optional: without it the name given to pci_p2pmem_grant_create() is shown.
 *
 * All run in process context under a mutex of the core and perhaps the
 * device_lock of the provider. They may take a short lock and queue work; they
 * must not wait for memory to be freed, nor call any pci_p2pmem function but
 * pci_p2pmem_grant_priv() and pci_p2pmem_grant_provider(). None is called
 * after pci_p2pmem_grant_end() has returned.
 */
struct pci_p2pmem_grant_ops {
	void (*revoke)(struct pci_p2pmem_grant *grant);
	void (*evict)(struct pci_p2pmem_grant *grant);
	void (*describe)(struct pci_p2pmem_grant *grant, char *buf, size_t len);
};

/**
 * struct pci_p2pmem_mapping_region - an address from pci_p2pmem_map_region()
 * @dma_addr: address for the client's hardware
 * @size: bytes
 * @dir: direction
 * @region: private to the core
 * @mapping: private to the core: kind of the mapping
 */
struct pci_p2pmem_mapping_region {
	dma_addr_t dma_addr;
	size_t size;
	enum dma_data_direction dir;
	void *region;
	enum pci_p2pmem_mapping mapping;
};

/*
 * Buffer size for pci_p2pmem_explain(), enough for some 30 functions whose ACS redirects;
 * more would not fit into one log line. Too large for most stacks.
 */
#define PCI_P2PMEM_TEXT		768

/* Events of pci_p2pmem_register_notifier() */
#define PCI_P2PMEM_EVENT_PROVIDER	1 /* data: struct pci_dev, now published and lending */
#define PCI_P2PMEM_EVENT_CLIENT		2 /* data: struct device, now a client */
#define PCI_P2PMEM_EVENT_VERDICT	3 /* no data: a verdict changed, or is known again */

/* How long a revocation waits before orchestrators must evict users, and again after that */
#define PCI_P2PMEM_DRAIN_SECONDS	30
/* How long unbinding the provider's driver waits for the last page, in addition */
#define PCI_P2PMEM_WITHDRAW_SECONDS	60

/*
 * ORed to the kind for pci_p2pmem_add_resource(): if the call creates the provider, that
 * is not live before pci_p2pmem_resume(), as if it had been revoked
 */
#define PCI_P2PMEM_STOPPED	0x100

/*
 * ORed as well: the function accepts no command with a part in this memory and a part
 * elsewhere (NVMe Base Specification 2.0, CMBLOC.CDMMMS cleared: data and metadata)
 */
#define PCI_P2PMEM_WHOLE	0x200

#if IS_ENABLED(CONFIG_PCI_P2PMEM)

/* True while any provider is registered: otherwise the checks below cost nothing */
DECLARE_STATIC_KEY_FALSE(pci_p2pmem_lending);

/* providers */
int pci_p2pmem_add_resource(struct pci_dev *pdev, int bar, size_t size,
			    u64 offset, unsigned int kind);
void pci_p2pmem_set_published(struct pci_dev *pdev, bool published);
void pci_p2pmem_revoke(struct pci_dev *pdev);
void pci_p2pmem_suspend(struct pci_dev *pdev);
void pci_p2pmem_lost(struct pci_dev *pdev);
void pci_p2pmem_resume(struct pci_dev *pdev);
void *pci_p2pmem_alloc_own(struct pci_dev *pdev, size_t size);
void pci_p2pmem_free_own(struct pci_dev *pdev, void *addr, size_t size);
bool pci_p2pmem_is_provider(struct pci_dev *pdev);
bool pci_p2pmem_is_lent(struct pci_dev *pdev, int bar, size_t size, u64 offset);
int pci_p2pmem_pin(struct pci_dev *provider, void *addr, size_t size);
void pci_p2pmem_unpin(void *addr, size_t size);
void *pci_p2pmem_region_addr(struct pci_dev *provider, int bar, u64 offset);

/* clients */
struct pci_p2pmem_client *
pci_p2pmem_register_client(struct device *dma_dev,
			   const struct pci_p2pmem_client_ops *ops, void *priv);
void pci_p2pmem_unregister_client(struct pci_p2pmem_client *client);
void *pci_p2pmem_client_priv(struct pci_p2pmem_client *client);
struct device *pci_p2pmem_find_client(struct device *dev);
struct device *pci_p2pmem_parent_client(struct pci_dev *pdev);

/* finding */
int pci_p2pmem_verdict(struct pci_dev *provider, struct device *client, ktime_t since,
		       struct pci_p2pmem_verdict *verdict);
int pci_p2pmem_distance(struct pci_dev *provider, struct device **clients, int nr);
struct pci_dev *pci_p2pmem_find_provider(struct device **clients, int nr);
struct pci_dev *
pci_p2pmem_choose_provider(struct pci_dev *provider, enum pci_p2pmem_prefer prefer,
			   struct device **clients, int nr, ktime_t since,
			   struct pci_p2pmem_verdict *why);
const char *pci_p2pmem_reason_token(enum pci_p2pmem_reason reason);
int pci_p2pmem_explain(char *buf, size_t len, struct pci_dev *provider,
		       struct device *client,
		       const struct pci_p2pmem_verdict *verdict);
void pci_p2pmem_fallback_event(struct device *dev, enum pci_p2pmem_reason reason,
			       const char *user, u32 nsid);
int pci_p2pmem_register_notifier(struct notifier_block *nb);
void pci_p2pmem_unregister_notifier(struct notifier_block *nb);

/* grants */
struct pci_p2pmem_grant *
pci_p2pmem_grant_create(struct pci_dev *provider, struct device **clients, int nr, ktime_t since,
			const struct pci_p2pmem_grant_ops *ops, void *priv,
			const char *name, struct pci_p2pmem_verdict *why);
void pci_p2pmem_grant_end(struct pci_p2pmem_grant *grant);
bool pci_p2pmem_grant_tryget(struct pci_p2pmem_grant *grant);
void pci_p2pmem_grant_put(struct pci_p2pmem_grant *grant);
bool pci_p2pmem_grant_usable(struct pci_p2pmem_grant *grant);
bool pci_p2pmem_grant_verdict(struct pci_p2pmem_grant *grant,
			      struct pci_p2pmem_verdict *verdict);
bool pci_p2pmem_grant_idle(struct pci_p2pmem_grant *grant);
void pci_p2pmem_grant_set_users(struct pci_p2pmem_grant *grant, unsigned int users);
void *pci_p2pmem_grant_priv(struct pci_p2pmem_grant *grant);
struct pci_dev *pci_p2pmem_grant_provider(struct pci_p2pmem_grant *grant);
struct scatterlist *pci_p2pmem_grant_sgl_alloc(struct pci_p2pmem_grant *grant,
					       unsigned int *nents, u32 length,
					       gfp_t gfp, enum pci_p2pmem_reason *why);
int pci_p2pmem_grant_verify(struct pci_p2pmem_grant *grant, struct device *client,
			    void *what, struct pci_p2pmem_verdict *why);

/* obtaining */
void *pci_p2pmem_alloc(struct pci_dev *provider, size_t size, gfp_t gfp);
void pci_p2pmem_free(void *addr, size_t size);
struct scatterlist *pci_p2pmem_sgl_alloc(struct pci_dev *provider,
					 unsigned int *nents, u32 length, gfp_t gfp);
void pci_p2pmem_sgl_free(struct scatterlist *sgl);
bool pci_p2pmem_sgl_lost(struct scatterlist *sgl);
pci_bus_addr_t pci_p2pmem_bus_addr(void *addr);

/* mapping */
bool __is_pci_p2pmem_page(const struct page *page);
int __pci_p2pmem_sg_check(struct scatterlist *sg, int nents);
int pci_p2pmem_map_sg(struct device *client, struct scatterlist *sg, int nents,
		      enum dma_data_direction dir);
void pci_p2pmem_unmap_sg(struct device *client, struct scatterlist *sg, int nents,
			 enum dma_data_direction dir);
int pci_p2pmem_map_region(struct device *client, struct pci_dev *provider, int bar,
			  u64 offset, size_t size, enum dma_data_direction dir,
			  struct pci_p2pmem_mapping_region *map);
void pci_p2pmem_unmap_region(struct device *client, struct pci_p2pmem_mapping_region *map);

/**
 * is_pci_p2pmem_page() - whether a page is peer memory of p2pmem
 * @page: any page, including RAM
 *
 * Context: Any. The page must be pinned by the caller.
 * Return: true for a page of a region registered by pci_p2pmem_add_resource().
 */
static inline bool is_pci_p2pmem_page(const struct page *page)
{
	return static_branch_unlikely(&pci_p2pmem_lending) &&
		is_zone_device_page(page) && __is_pci_p2pmem_page(page);
}

/**
 * pci_p2pmem_sg_check() - kind of memory in a scatterlist from any source
 * @sg: the list
 * @nents: its number of entries
 *
 * Decides which mapping function a list needs, by each entry and its page. A list that is neither
 * all peer memory of one provider nor free of peer memory must not be mapped at all.
 *
 * Context: Any.
 * Return: 1 for peer memory of one provider, 0 for no peer memory, -EINVAL for
 * a mixed list.
 */
static inline int pci_p2pmem_sg_check(struct scatterlist *sg, int nents)
{
	if (!static_branch_unlikely(&pci_p2pmem_lending))
		return 0;
	return __pci_p2pmem_sg_check(sg, nents);
}

/**
 * pci_p2pmem_sg_kind() - kind of memory in a scatterlist that is known not to be mixed
 * @sg: the list
 * @nents: its number of entries
 *
 * pci_p2pmem_sg_check() for a caller that knows that all of the list is from one allocation, or
 * that peer memory may only follow peer memory: if the first entry is system memory, nothing else
 * is read. Kernels with CONFIG_DMA_API_DEBUG check the whole list.
 *
 * Context: Any.
 * Return: as of pci_p2pmem_sg_check(). A list that begins with peer memory is checked to its end.
 */
static inline int pci_p2pmem_sg_kind(struct scatterlist *sg, int nents)
{
	if (!static_branch_unlikely(&pci_p2pmem_lending))
		return 0;
#ifndef CONFIG_DMA_API_DEBUG
	if (likely(!is_zone_device_page(sg_page(sg))))
		return 0;
#endif
	return nents == 1 ? is_pci_p2pmem_page(sg_page(sg)) : __pci_p2pmem_sg_check(sg, nents);
}

#else /* CONFIG_PCI_P2PMEM */

static inline int pci_p2pmem_add_resource(struct pci_dev *pdev, int bar, size_t size, u64 offset,
					  unsigned int kind)
{
	return -EOPNOTSUPP;
}

static inline void pci_p2pmem_set_published(struct pci_dev *pdev, bool published) { }
static inline void pci_p2pmem_revoke(struct pci_dev *pdev) { }
static inline void pci_p2pmem_suspend(struct pci_dev *pdev) { }
static inline void pci_p2pmem_lost(struct pci_dev *pdev) { }
static inline void pci_p2pmem_resume(struct pci_dev *pdev) { }
static inline void *pci_p2pmem_alloc_own(struct pci_dev *pdev, size_t size) { return NULL; }
static inline void pci_p2pmem_free_own(struct pci_dev *pdev, void *addr, size_t size) { }
static inline bool pci_p2pmem_is_provider(struct pci_dev *pdev) { return false; }

static inline bool pci_p2pmem_is_lent(struct pci_dev *pdev, int bar, size_t size, u64 offset)
{
	return false;
}

static inline int pci_p2pmem_pin(struct pci_dev *provider, void *addr, size_t size)
{
	return -EOPNOTSUPP;
}

static inline void pci_p2pmem_unpin(void *addr, size_t size) { }

static inline void *pci_p2pmem_region_addr(struct pci_dev *provider, int bar, u64 offset)
{
	return NULL;
}

static inline struct pci_p2pmem_client *
pci_p2pmem_register_client(struct device *dma_dev,
			   const struct pci_p2pmem_client_ops *ops, void *priv)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void pci_p2pmem_unregister_client(struct pci_p2pmem_client *client) { }

static inline void *pci_p2pmem_client_priv(struct pci_p2pmem_client *client)
{
	return NULL;
}

static inline struct device *pci_p2pmem_find_client(struct device *dev) { return NULL; }
static inline struct device *pci_p2pmem_parent_client(struct pci_dev *pdev) { return NULL; }

static inline int pci_p2pmem_distance(struct pci_dev *provider,
				      struct device **clients, int nr)
{
	return -EOPNOTSUPP;
}

static inline struct pci_dev *pci_p2pmem_find_provider(struct device **clients, int nr)
{
	return NULL;
}

static inline void *pci_p2pmem_alloc(struct pci_dev *provider, size_t size, gfp_t gfp)
{
	return NULL;
}

static inline void pci_p2pmem_free(void *addr, size_t size) { }

static inline struct scatterlist *
pci_p2pmem_sgl_alloc(struct pci_dev *provider, unsigned int *nents, u32 length, gfp_t gfp)
{
	return NULL;
}

static inline void pci_p2pmem_sgl_free(struct scatterlist *sgl) { }
static inline bool pci_p2pmem_sgl_lost(struct scatterlist *sgl) { return false; }
static inline pci_bus_addr_t pci_p2pmem_bus_addr(void *addr) { return 0; }
static inline bool is_pci_p2pmem_page(const struct page *page) { return false; }
static inline int pci_p2pmem_sg_check(struct scatterlist *sg, int nents) { return 0; }
static inline int pci_p2pmem_sg_kind(struct scatterlist *sg, int nents) { return 0; }

static inline int pci_p2pmem_map_sg(struct device *client, struct scatterlist *sg,
				    int nents, enum dma_data_direction dir)
{
	return -EOPNOTSUPP;
}

static inline void pci_p2pmem_unmap_sg(struct device *client, struct scatterlist *sg,
				       int nents, enum dma_data_direction dir) { }

static inline int
pci_p2pmem_map_region(struct device *client, struct pci_dev *provider, int bar,
		      u64 offset, size_t size, enum dma_data_direction dir,
		      struct pci_p2pmem_mapping_region *map)
{
	return -EOPNOTSUPP;
}

static inline void pci_p2pmem_unmap_region(struct device *client,
					   struct pci_p2pmem_mapping_region *map) { }

/* No stubs for grants, explanations and notifiers: orchestrators depend on the option. */

#endif /* CONFIG_PCI_P2PMEM */
#endif /* _LINUX_PCI_P2PMEM_H */
