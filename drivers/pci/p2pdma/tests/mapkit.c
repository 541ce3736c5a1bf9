// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: shared by the suites about mapping, see mapkit.h
 */
#include <kunit/static_stub.h>
#include <kunit/test-bug.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/mm.h>

#include "mapkit.h"

#define MAPKIT_BARS	.bar = { [0] = { .size = SZ_64K },				\
				 [2] = { .size = SZ_4M, .flags = FABRIC_BAR_64 },	\
				 [4] = { .size = SZ_4M, .flags = FABRIC_BAR_64 } }
#define MAPKIT_ACS	.acs_cap = PCI_ACS_SV | PCI_ACS_RR | PCI_ACS_CR

/*
 * host -- rp -- up -+- dn0 -- card
 *                   +- dn1 -- nic
 *                   `- dn2 -- card2
 */
const struct fabric_node mapkit_switch[] = {
	{ .name = "host", .type = FABRIC_HOST },
	{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host" },
	{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp" },
	{ .name = "dn0", .type = FABRIC_DOWNSTREAM, .parent = "up", MAPKIT_ACS },
	{ .name = "dn1", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 1, MAPKIT_ACS },
	{ .name = "dn2", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 2, MAPKIT_ACS },
	{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "dn0", MAPKIT_BARS },
	{ .name = "nic", .type = FABRIC_ENDPOINT, .parent = "dn1" },
	{ .name = "card2", .type = FABRIC_ENDPOINT, .parent = "dn2", MAPKIT_BARS },
	{ }
};

/*
 * host -+- rp0 (8086:2030) -- card
 *       +- rp1 -------------- nic
 *       `- rp2 -------------- card2
 */
const struct fabric_node mapkit_host[] = {
	{ .name = "host", .type = FABRIC_HOST },
	{ .name = "rp0", .type = FABRIC_ROOT_PORT, .parent = "host",
	  .vendor = PCI_VENDOR_ID_INTEL, .device = 0x2030 },
	{ .name = "rp1", .type = FABRIC_ROOT_PORT, .parent = "host", .slot = 1 },
	{ .name = "rp2", .type = FABRIC_ROOT_PORT, .parent = "host", .slot = 2 },
	{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "rp0", MAPKIT_BARS },
	{ .name = "nic", .type = FABRIC_ENDPOINT, .parent = "rp1" },
	{ .name = "card2", .type = FABRIC_ENDPOINT, .parent = "rp2", MAPKIT_BARS },
	{ }
};

/*
 * host -- rp (8086:2030) -- up -+- dn0 -- card
 *                               `- dn1 -- nic
 */
const struct fabric_node mapkit_either[] = {
	{ .name = "host", .type = FABRIC_HOST },
	{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host",
	  .vendor = PCI_VENDOR_ID_INTEL, .device = 0x2030 },
	{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp" },
	{ .name = "dn0", .type = FABRIC_DOWNSTREAM, .parent = "up", MAPKIT_ACS },
	{ .name = "dn1", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 1, MAPKIT_ACS },
	{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "dn0", MAPKIT_BARS },
	{ .name = "nic", .type = FABRIC_ENDPOINT, .parent = "dn1" },
	{ }
};

/* Physical minus bus addresses of 64-bit BARs, from the window of the fabric */
static u64 mapkit_offset(struct kunit *test, struct fabric *f, u64 bus_start)
{
	struct pci_host_bridge *host = fabric_host(f, "host");
	struct resource_entry *window;

	if (bus_start == MAPKIT_SAME)
		return 0;
	KUNIT_ASSERT_NOT_NULL(test, host);
	resource_list_for_each_entry(window, &host->windows)
		if (window->res->flags & IORESOURCE_MEM_64)
			return window->res->start - bus_start;
	KUNIT_FAIL_AND_ABORT(test, "the host bridge has no window for 64-bit BARs");
	return 0;
}

void mapkit_build(struct kunit *test, struct mapkit *k, const struct fabric_node *nodes,
		  u64 bus_start)
{
	struct fabric_node *own;
	int nr = 0, i;

	while (nodes[nr].type != FABRIC_END)
		nr++;
	own = kunit_kcalloc(test, nr + 1, sizeof(*own), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, own);
	memcpy(own, nodes, nr * sizeof(*own));
	for (i = 0; i < nr; i++)
		if (own[i].type == FABRIC_HOST)
			own[i].bus_start = bus_start;

	k->f = fabric_build(test, own);
	k->offset = mapkit_offset(test, k->f, bus_start);
	k->card = kit_lend(test, k->f, "card");
	k->nic = kit_client(test, k->f, "nic");
	k->base = pci_p2pmem_region_addr(k->card, 2, 0);
	KUNIT_ASSERT_NOT_NULL(test, k->base);
	if (bus_start == MAPKIT_LOW)
		KUNIT_ASSERT_GT(test, (s64)k->offset, 0);
	if (bus_start == MAPKIT_HIGH)
		KUNIT_ASSERT_LT(test, (s64)k->offset, 0);
}

void mapkit_settle(void)
{
	/* The last reference on a grant is dropped by a work item after a grace period. */
	rcu_barrier();
	flush_workqueue(p2pmem_wq);
}

static void mapkit_grant_end_action(void *g)
{
	pci_p2pmem_grant_end(g);
	mapkit_settle();
}

struct pci_p2pmem_grant *mapkit_grant(struct kunit *test, struct mapkit *k)
{
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_grant *g;

	g = pci_p2pmem_grant_create(k->card, &k->nic, 1, KTIME_MAX, NULL, NULL, "kunit",
				    &why);
	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(g), "no grant: %pe, %s", g,
			       pci_p2pmem_reason_token(why.reason));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, mapkit_grant_end_action, g));
	return g;
}

void mapkit_grant_end(struct kunit *test, struct pci_p2pmem_grant *g)
{
	kunit_release_action(test, mapkit_grant_end_action, g);
}

void mapkit_free(struct mapkit_memory *m)
{
	if (m->addr)
		pci_p2pmem_free(m->addr, m->size);
	m->addr = NULL;
}

static void mapkit_free_action(void *m)
{
	mapkit_free(m);
}

struct mapkit_memory *mapkit_alloc(struct kunit *test, struct pci_dev *provider, size_t size)
{
	struct mapkit_memory *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, m);
	m->provider = provider;
	m->size = size;
	m->addr = pci_p2pmem_alloc(provider, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL_MSG(test, m->addr, "cannot allocate %zu bytes of %s", size,
				  pci_name(provider));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, mapkit_free_action, m));
	return m;
}

void mapkit_scrub(struct scatterlist *sgl, int nr)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nr, i) {
		sg_dma_address(sg) = MAPKIT_ADDR;
		sg_dma_len(sg) = MAPKIT_LEN;
		/* of a driver that used the list before */
		sg->dma_flags |= SG_DMA_SWIOTLB;
		/* Not cleared here: unmapping must have cleared it. */
		if (sg_dma_is_bus_address(sg))
			kunit_fail_current_test("entry %d of %d is still marked as a bus address",
						i, nr);
	}
}

struct scatterlist *mapkit_list(struct kunit *test, void *addr,
				const struct mapkit_piece *pieces, int nr)
{
	struct scatterlist *sgl = kunit_kcalloc(test, nr, sizeof(*sgl), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, sgl);
	sg_init_table(sgl, nr);
	for (i = 0; i < nr; i++)
		sg_set_buf(&sgl[i], addr + pieces[i].at, pieces[i].length);
	mapkit_scrub(sgl, nr);
	return sgl;
}

void mapkit_expect_untouched(struct kunit *test, struct scatterlist *sgl, int nr)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nr, i) {
		KUNIT_EXPECT_EQ_MSG(test, (u64)sg_dma_address(sg), MAPKIT_ADDR,
				    "entry %d has a DMA address", i);
		KUNIT_EXPECT_EQ_MSG(test, sg_dma_len(sg), MAPKIT_LEN,
				    "entry %d has a DMA length", i);
		KUNIT_EXPECT_FALSE_MSG(test, sg_dma_is_bus_address(sg),
				       "entry %d is marked as a bus address", i);
	}
}

void mapkit_expect_unmapped(struct kunit *test, struct scatterlist *sgl, int nr)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nr, i) {
		bool cleared = !sg_dma_address(sg) && !sg_dma_len(sg);

		KUNIT_EXPECT_FALSE_MSG(test, sg_dma_is_bus_address(sg), "entry %d is marked", i);
		KUNIT_EXPECT_TRUE_MSG(test, cleared || (sg_dma_address(sg) == MAPKIT_ADDR &&
							sg_dma_len(sg) == MAPKIT_LEN),
				      "entry %d has an address or a length", i);
	}
}

void mapkit_expect_bus(struct kunit *test, struct scatterlist *sgl, int nr, u64 offset)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nr, i) {
		KUNIT_EXPECT_EQ_MSG(test, (u64)sg_dma_address(sg), (u64)sg_phys(sg) - offset,
				    "address of entry %d of %d", i, nr);
		KUNIT_EXPECT_EQ_MSG(test, sg_dma_len(sg), sg->length,
				    "length of entry %d of %d", i, nr);
		KUNIT_EXPECT_EQ_MSG(test, sg->dma_flags, SG_DMA_BUS_ADDRESS,
				    "entry %d of %d is not marked as a bus address alone", i, nr);
	}
}

struct mapkit_count mapkit_count(struct pci_dev *provider, struct device *client)
{
	struct p2pmem_pair_count sum;
	struct mapkit_count c = {};
	struct p2pmem_pair *pair = NULL;
	struct p2pmem_provider *p;
	int r;

	guard(rcu)();
	p = p2pmem_find(provider);
	if (p)
		pair = p2pmem_pair_find(p, client);
	if (!pair)
		return c;
	p2pmem_pair_sum(pair, &sum);
	c.maps = sum.maps;
	c.unmaps = sum.unmaps;
	c.bytes = sum.bytes;
	for (r = 0; r < PCI_P2PMEM_NR_REASONS; r++) {
		c.failures[r] = atomic_long_read(&pair->failures[r]);
		c.refusals += c.failures[r];
	}
	return c;
}

void mapkit_expect_count(struct kunit *test, struct pci_dev *provider, struct device *client,
			 u64 maps, u64 unmaps, u64 refusals)
{
	struct mapkit_count c = mapkit_count(provider, client);

	KUNIT_EXPECT_EQ_MSG(test, c.maps, maps, "mappings made for %s", dev_name(client));
	KUNIT_EXPECT_EQ_MSG(test, c.unmaps, unmaps, "mappings undone for %s",
			    dev_name(client));
	KUNIT_EXPECT_EQ_MSG(test, c.refusals, refusals, "mappings refused for %s",
			    dev_name(client));
}

void mapkit_redirect(struct fabric *f, const char *port, bool on)
{
	fabric_set_acs_ctrl(f, port, on ? PCI_ACS_RR | PCI_ACS_CR : 0);
	kit_reevaluate();
}

/* One IOMMU at a time, because cases of a suite run one after another. */
static struct mapkit_iommu *mapkit_the_iommu;

static dma_addr_t mapkit_iommu_map(struct device *client, phys_addr_t phys, size_t size,
				   enum dma_data_direction dir)
{
	struct mapkit_iommu *m = mapkit_the_iommu;
	int i;

	m->calls++;
	if (m->calls == m->fail_at)
		return DMA_MAPPING_ERROR;
	for (i = 0; i < ARRAY_SIZE(m->map); i++) {
		if (m->map[i].addr)
			continue;
		m->map[i] = (struct mapkit_iommu_map){
			.addr = m->plain ? phys : MAPKIT_IOVA + m->calls * (u64)SZ_16M +
						  offset_in_page(phys),
			.phys = phys, .size = size, .dir = dir,
		};
		m->nr++;
		return m->map[i].addr;
	}
	kunit_fail_current_test("more than %zu mappings at a time", ARRAY_SIZE(m->map));
	return DMA_MAPPING_ERROR;
}

static void mapkit_iommu_unmap(struct device *client, dma_addr_t addr, size_t size,
			       enum dma_data_direction dir)
{
	struct mapkit_iommu *m = mapkit_the_iommu;
	int i;

	for (i = 0; i < ARRAY_SIZE(m->map); i++) {
		if (!addr || m->map[i].addr != addr)
			continue;
		if (m->map[i].size != size || m->map[i].dir != dir)
			kunit_fail_current_test("undone: %#llx, %zu bytes, %d; done: %zu, %d",
						(u64)addr, size, dir, m->map[i].size,
						m->map[i].dir);
		m->map[i].addr = 0;
		m->nr--;
		m->undone++;
		return;
	}
	kunit_fail_current_test("%#llx is unmapped without a mapping", (u64)addr);
}

static bool mapkit_iommu_translates(struct device *client)
{
	return !mapkit_the_iommu->plain;
}

static void mapkit_iommu_end(void *data)
{
	struct mapkit_iommu *m = data;

	if (m->nr)
		kunit_fail_current_test("the IOMMU has %d mappings that are not undone", m->nr);
	mapkit_the_iommu = NULL;
	kit_reevaluate();
}

struct mapkit_iommu *mapkit_iommu(struct kunit *test)
{
	struct mapkit_iommu *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, m);
	mapkit_the_iommu = m;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, mapkit_iommu_end, m));
	kunit_activate_static_stub(test, p2pmem_host_map, mapkit_iommu_map);
	kunit_activate_static_stub(test, p2pmem_host_unmap, mapkit_iommu_unmap);
	kunit_activate_static_stub(test, p2pmem_client_translates, mapkit_iommu_translates);
	kit_reevaluate();
	return m;
}

struct mapkit_revoke {
	struct work_struct work;
	struct pci_dev *provider;
	struct completion done;
};

static void mapkit_revoke_worker(struct work_struct *work)
{
	struct mapkit_revoke *r = container_of(work, struct mapkit_revoke, work);

	pci_p2pmem_revoke(r->provider);
	complete_all(&r->done);
}

static void mapkit_revoke_end(void *data)
{
	struct mapkit_revoke *r = data;

	flush_work(&r->work);
}

struct mapkit_revoke *mapkit_revoke(struct kunit *test, struct pci_dev *provider)
{
	struct mapkit_revoke *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	struct p2pmem_provider *p = kit_provider(provider);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, r);
	KUNIT_ASSERT_NOT_NULL(test, p);
	INIT_WORK(&r->work, mapkit_revoke_worker);
	init_completion(&r->done);
	r->provider = provider;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, mapkit_revoke_end, r));
	queue_work(system_unbound_wq, &r->work);
	for (i = 0; i < 5000 && p2pmem_is_live(p); i++)
		usleep_range(1000, 2000);
	KUNIT_ASSERT_FALSE_MSG(test, p2pmem_is_live(p), "the revocation did not begin");
	return r;
}

bool mapkit_revoked(struct mapkit_revoke *r)
{
	return completion_done(&r->done);
}

void mapkit_revoke_join(struct kunit *test, struct mapkit_revoke *r)
{
	KUNIT_ASSERT_NE_MSG(test, 0UL, wait_for_completion_timeout(&r->done, 20 * HZ),
			    "the revocation of %s does not end although all memory is free",
			    pci_name(r->provider));
}
