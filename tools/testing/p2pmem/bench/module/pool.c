// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: allocation in each state of a pool
 *
 * Floor 1.
 */
#include <linux/sizes.h>
#include "bench.h"

static bool pool_run(struct bench *b)
{
	void *addr = api_alloc(b->pdev, b->len);

	if (!addr)
		return false;
	api_free(b->pdev, addr, b->len);
	return true;
}

static bool pool_list(struct bench *b)
{
	unsigned int nents;
	struct scatterlist *sg = api_list(b->pdev, &nents, b->len);

	if (!sg)
		return false;
	api_list_free(b->pdev, sg);
	return true;
}

static bool pool_grant(struct bench *b)
{
	unsigned int nents;
	struct scatterlist *sg = api_request(b->pdev, &nents, b->len);

	if (!sg)
		return false;
	api_list_free(b->pdev, sg);
	return true;
}

static bool pool_burst(struct bench *b)
{
	unsigned int i, n;

	for (n = 0; n < ARRAY_SIZE(b->burst); n++) {
		b->burst[n] = api_alloc(b->pdev, b->len);
		if (!b->burst[n])
			break;
	}
	for (i = 0; i < n; i++)
		api_free(b->pdev, b->burst[i], b->len);
	return n == ARRAY_SIZE(b->burst);
}

/* What nvmet does for a Read: the drive's and the adapter's mapping of one list. */
static bool pool_read(struct bench *b)
{
	struct sg_table drive = {}, adapter;
	bool done = false;

	drive.sgl = api_request(b->pdev, &drive.orig_nents, b->len);
	if (!drive.sgl)
		return false;
	adapter = drive;
	if (!api_map(b->clients[0], &drive)) {
		if (!api_map(b->clients[1], &adapter)) {
			api_unmap(b->clients[1], &adapter);
			done = true;
		}
		api_unmap(b->clients[0], &drive);
	}
	api_list_free(b->pdev, drive.sgl);
	return done;
}

static void pool_state(struct bench *b, const char *state, bool grant)
{
	static const size_t lens[] = { SZ_4K, SZ_64K, SZ_128K, SZ_1M };
	unsigned int i;
	u64 cost;

	b->state = state;
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		b->len = lens[i];
		bench_print(b, "alloc+free", bench_cost(b, pool_run));
		if (b->len != SZ_64K) {
			bench_print(b, "list", bench_cost(b, pool_list));
			if (grant)
				bench_print(b, "list under a grant", bench_cost(b, pool_grant));
			if (b->nr_clients > 1)
				bench_print(b, "nvmet Read", bench_cost(b, pool_read));
		}
		if (b->len > SZ_64K)
			continue;
		cost = bench_cost(b, pool_burst);
		bench_print(b, "burst of 128, each",
			    cost == U64_MAX ? cost : cost / ARRAY_SIZE(b->burst));
	}
}

/**
 * bench_pool() - measure allocation in all states
 * @b: provider and clients
 *
 * Context: Process context.
 * Return: 0 or an error.
 */
int bench_pool(struct bench *b)
{
	static const struct {
		const char *name;
		unsigned int percent;
	} fills[] = { { "0", 0 }, { "50", 50 }, { "90", 90 }, { "99", 99 } };
	bool grant = false;
	unsigned int i;
	int ret;

	if (b->nr_clients > 1) {
		ret = bench_grant(b);
		if (ret && ret != -EOPNOTSUPP)
			return ret;
		grant = !ret;
	}
	for (i = 0; i < ARRAY_SIZE(fills); i++) {
		ret = fill_to(b, fills[i].percent);
		if (ret)
			return ret;
		pool_state(b, fills[i].name, grant);
	}
	fill_empty(b);
	ret = fill_holes(b, false);
	if (ret)
		return ret;
	pool_state(b, "holes", grant);
	fill_empty(b);
	ret = fill_holes(b, true);
	if (ret)
		return ret;
	pool_state(b, "odd", grant);
	fill_empty(b);
	if (pci_resource_len(b->pdev, 2) > API_CHURN)
		return 0;
	ret = churn_fill(b);
	if (ret)
		return ret;
	pool_state(b, "churned", grant);
	churn_empty(b);
	return 0;
}
