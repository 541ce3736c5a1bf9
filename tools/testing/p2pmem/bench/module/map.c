// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: mapping, and what is looked up for it
 *
 * Floor 1.
 */
#include <linux/sizes.h>
#include "bench.h"

static bool map_once(struct bench *b)
{
	if (api_map(b->client, &b->table))
		return false;
	api_unmap(b->client, &b->table);
	return true;
}

static bool map_lookup(struct bench *b)
{
	/* p2pmem's callers are RCU readers, P2PDMA's function is one itself */
	rcu_read_lock();
	api_lookup(b->lookup, b->pdev, b->client, b->table.sgl);
	rcu_read_unlock();
	return true;
}

static bool map_nothing(struct bench *b)
{
	rcu_read_lock();
	rcu_read_unlock();
	return true;
}

/* Entries of one page; separate ones leave a page between two. */
static int map_table(struct bench *b, unsigned int nr, bool separate)
{
	unsigned int step = separate ? 2 : 1, i;
	size_t len = nr * step * PAGE_SIZE;
	struct scatterlist *sg;
	void *addr;
	int ret;

	addr = api_alloc(b->pdev, len);
	if (!addr)
		return -ENOMEM;
	ret = sg_alloc_table(&b->table, nr, GFP_KERNEL);
	if (ret) {
		api_free(b->pdev, addr, len);
		return ret;
	}
	for_each_sg(b->table.sgl, sg, nr, i)
		sg_set_buf(sg, addr + i * step * PAGE_SIZE, PAGE_SIZE);
	b->len = nr * PAGE_SIZE;
	return 0;
}

static void map_free(struct bench *b, unsigned int nr, bool separate)
{
	void *addr = sg_virt(b->table.sgl);

	sg_free_table(&b->table);
	api_free(b->pdev, addr, nr * (separate ? 2 : 1) * PAGE_SIZE);
}

static int map_client(struct bench *b, int client, bool separate)
{
	static const unsigned int entries[] = { 1, 32, 256 };
	static const char * const names[2][2] = {
		{ "map+unmap by bus address", "map+unmap through a host bridge" },
		{ "map+unmap by bus address, separate",
		  "map+unmap through a host bridge, separate" },
	};
	unsigned int i;
	int ret;

	b->client = b->clients[client];
	for (i = 0; i < ARRAY_SIZE(entries); i++) {
		ret = map_table(b, entries[i], separate);
		if (ret)
			return ret;
		bench_print(b, names[separate][client == 2], bench_cost(b, map_once));
		if (!i && !separate && !client)
			bench_print(b, "verdict look-up", bench_cost(b, map_lookup) -
				    bench_cost(b, map_nothing));
		map_free(b, entries[i], separate);
	}
	return 0;
}

/* A run of 128 KiB in one entry. */
static int map_run(struct bench *b)
{
	void *addr = api_alloc(b->pdev, SZ_128K);
	int ret;

	if (!addr)
		return -ENOMEM;
	ret = sg_alloc_table(&b->table, 1, GFP_KERNEL);
	if (!ret) {
		sg_set_buf(b->table.sgl, addr, SZ_128K);
		b->len = SZ_128K;
		bench_print(b, "map+unmap by bus address, one entry", bench_cost(b, map_once));
		sg_free_table(&b->table);
	}
	api_free(b->pdev, addr, SZ_128K);
	return ret;
}

#ifndef CONFIG_PCI_P2PDMA
static bool map_kind(struct bench *b)
{
	return pci_p2pmem_sg_kind(b->table.sgl, b->table.orig_nents) == 0;
}

/* A list of 128 KiB in system memory, while something is lent. */
static int map_system(struct bench *b)
{
	struct page *page = alloc_pages(GFP_KERNEL, get_order(SZ_128K));
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	if (!page)
		return -ENOMEM;
	ret = sg_alloc_table(&b->table, SZ_128K / PAGE_SIZE, GFP_KERNEL);
	if (!ret) {
		for_each_sg(b->table.sgl, sg, SZ_128K / PAGE_SIZE, i)
			sg_set_page(sg, page + i, PAGE_SIZE, 0);
		b->len = SZ_128K;
		bench_print(b, "kind of a list in system memory", bench_cost(b, map_kind));
		sg_free_table(&b->table);
	}
	__free_pages(page, get_order(SZ_128K));
	return ret;
}
#else
static int map_system(struct bench *b)
{
	return 0;
}
#endif

/**
 * bench_map() - measure mapping for clients below the same switch and behind a host bridge
 * @b: provider and clients
 *
 * Context: Process context.
 * Return: 0 or an error.
 */
int bench_map(struct bench *b)
{
	int ret;

	b->state = "0";
	/* P2PDMA finds out how a client reaches a provider when one is searched */
	if (b->nr_clients > 2)
		api_find(b->clients, 3);
	ret = map_client(b, 0, false) ?: map_client(b, 0, true) ?: map_run(b);
	if (!ret && b->nr_clients > 2)
		ret = map_client(b, 2, false) ?: map_client(b, 2, true);
	return ret ?: map_system(b);
}
