// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: KUnit: peer-to-peer memory for the NVMe target
 *
 * Which provider serves a controller and a namespace, which memory a request uses, how its
 * bytes are counted, whether its bio may be merged, and its status after the provider is
 * revoked or lost. All cases: the hierarchy of p2pmem-bench-kunit.c.
 */
#include <linux/kernfs.h>
#include <linux/module.h>
#include <linux/workqueue.h>

#include "p2pmem-kunit.h"

/* A target with @value in p2pmem (NULL: the card), enabled, all clients, a host connected */
static struct nvmet_bench *bench_ready(struct kunit *test, const char *value)
{
	struct nvmet_bench *b = bench_build(test);

	bench_clients(b);
	if (!value)
		value = pci_name(b->card);
	KUNIT_ASSERT_GT(test, bench_store(b, value), 0);
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	bench_connect(b, b->nic, NVMF_TRTYPE_RDMA);
	return b;
}

/* Write to p2pmem/quota of a provider */
static int bench_quota(struct pci_dev *provider, unsigned long bytes)
{
	struct kernfs_node *dir = kernfs_find_and_get(provider->dev.kobj.sd, "p2pmem");
	struct kernfs_node *kn = dir ? kernfs_find_and_get(dir, "quota") : NULL;
	struct device_attribute *attr;
	char text[24];
	int ret = -ENOENT;

	if (kn) {
		attr = container_of((struct attribute *)kn->priv, struct device_attribute, attr);
		snprintf(text, sizeof(text), "%lu", bytes);
		ret = min_t(int, attr->store(&provider->dev, attr, text, strlen(text)), 0);
	}
	kernfs_put(kn);
	kernfs_put(dir);
	return ret;
}

/* Expect the three byte counters */
static void bench_sum(struct nvmet_bench *b, u64 peer, u64 inl, u64 system)
{
	KUNIT_EXPECT_EQ(b->test, bench_count(b, "peer_bytes"), peer);
	KUNIT_EXPECT_EQ(b->test, bench_count(b, "inline_bytes"), inl);
	KUNIT_EXPECT_EQ(b->test, bench_count(b, "system_bytes"), system);
}

/* Data in peer memory: the drive receives its pages, in bios that must not be merged */
static void data_in_peer_memory(struct kunit *test)
{
	struct nvmet_bench *b = bench_ready(test, NULL);

	KUNIT_EXPECT_PTR_EQ(test, bench_io(b, nvme_cmd_read, SZ_64K), b->card);
	KUNIT_EXPECT_PTR_EQ(test, bench_io(b, nvme_cmd_write, SZ_8K), b->card);
	KUNIT_EXPECT_EQ(test, b->peer, SZ_64K / PAGE_SIZE + SZ_8K / PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, b->system, 0);
	KUNIT_EXPECT_GT(test, b->bios, 0);
	KUNIT_EXPECT_EQ_MSG(test, b->nomerge, b->bios,
			    "a bio of peer memory may be merged with another provider's");
	bench_sum(b, SZ_64K + SZ_8K, 0, 0);
	KUNIT_EXPECT_EQ(test, bench_count(b, "fallbacks"), 0);
	KUNIT_EXPECT_EQ_MSG(test, kit_available(b->card), BENCH_LENT, "memory was not freed");
}

/* With p2pmem 0: system memory, no fallback is counted, and bios may be merged */
static void no_verify_call(struct kunit *test)
{
	struct nvmet_bench *b = bench_ready(test, "0");

	KUNIT_EXPECT_NULL(test, bench_io(b, nvme_cmd_read, SZ_8K));
	KUNIT_EXPECT_EQ(test, b->nomerge, 0);
	KUNIT_EXPECT_EQ(test, b->peer, 0);
	bench_sum(b, 0, 0, SZ_8K);
	KUNIT_EXPECT_EQ(test, bench_count(b, "fallbacks"), 0);
}

/* Any provider: of two equal ones that with more free memory; never the far one */
static void choice_of_provider(struct kunit *test)
{
	struct nvmet_bench *b = bench_build(test);
	void *less = pci_p2pmem_alloc(b->card, SZ_1M, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, less);
	bench_clients(b);
	KUNIT_ASSERT_EQ(test, bench_store(b, "1"), 1);
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	bench_connect(b, b->nic, NVMF_TRTYPE_RDMA);
	KUNIT_EXPECT_PTR_EQ(test, bench_io(b, nvme_cmd_read, SZ_4K), b->card2);
	bench_disconnect(b);

	pci_p2pmem_set_published(b->card2, false);
	bench_connect(b, b->nic, NVMF_TRTYPE_RDMA);
	KUNIT_EXPECT_PTR_EQ_MSG(test, bench_io(b, nvme_cmd_read, SZ_4K), b->card,
				"the other one is not published");
	bench_disconnect(b);

	pci_p2pmem_set_published(b->card, false);
	bench_connect(b, b->nic, NVMF_TRTYPE_RDMA);
	KUNIT_EXPECT_NULL_MSG(test, bench_io(b, nvme_cmd_read, SZ_4K), "no path to the far one");
	KUNIT_EXPECT_EQ(test, bench_count(b, "host-bridge"), 1);
	pci_p2pmem_set_published(b->far, false);
	bench_disconnect(b);
	bench_connect(b, b->nic, NVMF_TRTYPE_RDMA);
	KUNIT_EXPECT_NULL(test, bench_io(b, nvme_cmd_read, SZ_4K));
	KUNIT_EXPECT_EQ(test, bench_count(b, "no-provider"), 1);

	/* A controller that is connected already uses a provider that appears later. */
	pci_p2pmem_set_published(b->card, true);
	KUNIT_EXPECT_TRUE(test, bench_settles(b, b->card));
	pci_p2pmem_free(less, SZ_1M);
}

/* Each reason for system memory has a counter, and the request succeeds */
static void fallback_without_a_client(struct kunit *test)
{
	struct nvmet_bench *b = bench_build(test);

	KUNIT_ASSERT_EQ(test, bench_store(b, "1"), 1);
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	bench_connect(b, NULL, NVMF_TRTYPE_RDMA);
	KUNIT_EXPECT_NULL(test, bench_io(b, nvme_cmd_read, SZ_4K));
	KUNIT_EXPECT_EQ_MSG(test, bench_count(b, "not-a-client"), 1, "the drive");
	bench_disconnect(b);

	kit_client(test, b->f, "drive");
	bench_connect(b, NULL, NVMF_TRTYPE_RDMA);
	KUNIT_EXPECT_NULL(test, bench_io(b, nvme_cmd_read, SZ_4K));
	KUNIT_EXPECT_EQ_MSG(test, bench_count(b, "no-dma-device"), 1, "rxe, for example");
	bench_disconnect(b);

	bench_connect(b, b->nic, NVMF_TRTYPE_RDMA);
	KUNIT_EXPECT_NULL(test, bench_io(b, nvme_cmd_write, SZ_4K));
	KUNIT_EXPECT_EQ_MSG(test, bench_count(b, "not-a-client"), 2, "the adapter");
	/* The adapter's driver registers its client. */
	kit_client(test, b->f, "nic");
	KUNIT_EXPECT_TRUE(test, bench_settles(b, b->card) || bench_settles(b, b->card2));
	KUNIT_EXPECT_EQ(test, b->peer * PAGE_SIZE, bench_count(b, "peer_bytes"));
	KUNIT_EXPECT_EQ(test, b->system * PAGE_SIZE, bench_count(b, "system_bytes"));
}

/* Transports that allocate their own memory: their bytes and fallbacks are counted too */
static void fallback_of_other_transports(struct kunit *test)
{
	struct nvmet_bench *b = bench_build(test);
	struct bench_req *r;

	bench_clients(b);
	KUNIT_ASSERT_EQ(test, bench_store(b, "1"), 1);
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	bench_connect(b, NULL, NVMF_TRTYPE_TCP);
	r = bench_start(b, nvme_cmd_read, SZ_4K, NULL);
	KUNIT_EXPECT_EQ(test, bench_execute(b, r), NVME_SC_SUCCESS);
	bench_free(r);
	KUNIT_EXPECT_GE(test, bench_count(b, "no-dma-device"), 1);
	bench_sum(b, 0, 0, SZ_4K);
}

/* System memory while the pool is full */
static void fallback_of_a_full_pool(struct kunit *test)
{
	struct nvmet_bench *b = bench_ready(test, NULL);
	void *all = pci_p2pmem_alloc(b->card, BENCH_LENT, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, all);
	KUNIT_EXPECT_NULL(test, bench_io(b, nvme_cmd_read, SZ_16K));
	KUNIT_EXPECT_EQ(test, bench_count(b, "pool-full"), 1);
	/* Single free pages result in a list with several entries. */
	pci_p2pmem_free(all, PAGE_SIZE);
	pci_p2pmem_free(all + 3 * PAGE_SIZE, PAGE_SIZE);
	KUNIT_EXPECT_PTR_EQ(test, bench_io(b, nvme_cmd_read, SZ_8K), b->card);
	KUNIT_EXPECT_NULL(test, bench_io(b, nvme_cmd_read, SZ_16K));
	KUNIT_EXPECT_EQ(test, bench_count(b, "pool-full"), 2);
	KUNIT_EXPECT_EQ(test, bench_count(b, "fallbacks"), 2);
	bench_sum(b, SZ_8K, 0, 2 * SZ_16K);
	pci_p2pmem_free(all + PAGE_SIZE, 2 * PAGE_SIZE);
	pci_p2pmem_free(all + 4 * PAGE_SIZE, BENCH_LENT - 4 * PAGE_SIZE);
	KUNIT_EXPECT_PTR_EQ(test, bench_io(b, nvme_cmd_read, SZ_16K), b->card);
}

/* A client that has reached its quota of the provider */
static void fallback_of_a_quota(struct kunit *test)
{
	struct nvmet_bench *b = bench_ready(test, NULL);
	struct bench_req *r;

	KUNIT_ASSERT_EQ(test, 0, bench_quota(b->card, SZ_16K));
	r = bench_start(b, nvme_cmd_read, SZ_8K, b->nic);
	KUNIT_EXPECT_PTR_EQ(test, r->req.p2p_dev, b->card);
	KUNIT_EXPECT_NULL(test, bench_io(b, nvme_cmd_read, SZ_16K));
	KUNIT_EXPECT_PTR_EQ(test, bench_io(b, nvme_cmd_read, SZ_8K), b->card);
	KUNIT_EXPECT_EQ(test, bench_execute(b, r), NVME_SC_SUCCESS);
	bench_free(r);
	KUNIT_EXPECT_PTR_EQ(test, bench_io(b, nvme_cmd_read, SZ_16K), b->card);
	KUNIT_EXPECT_EQ(test, bench_count(b, "quota"), 1);
	KUNIT_EXPECT_EQ(test, bench_count(b, "fallbacks"), 1);
	bench_sum(b, SZ_8K + SZ_8K + SZ_16K, 0, SZ_16K);
}

/* A queue that is connected through another adapter than the grant's */
static void fallback_of_another_adapter(struct kunit *test)
{
	struct nvmet_bench *b = bench_ready(test, NULL);
	struct bench_req *r = bench_start(b, nvme_cmd_read, SZ_4K, b->drive);

	KUNIT_EXPECT_NULL(test, r->req.p2p_dev);
	KUNIT_EXPECT_EQ(test, bench_count(b, "not-a-client"), 1);
	KUNIT_EXPECT_EQ(test, bench_execute(b, r), NVME_SC_SUCCESS);
	bench_free(r);
	bench_sum(b, 0, 0, SZ_4K);
}

/* Peer, inline and system bytes add up to all bytes; fallbacks explain the system bytes */
static void all_bytes_are_counted(struct kunit *test)
{
	struct nvmet_bench *b = bench_ready(test, NULL);
	u64 peer = 0, inl = 0, system = 0, bytes;
	struct bench_req *r;
	int i, fallbacks = 0;

	for (i = 0; i < 30; i++) {
		bytes = (1 + i % 7) * SZ_4K;
		if (i == 10)
			pci_p2pmem_lost(b->card);
		if (i == 20) {
			pci_p2pmem_resume(b->card);
			KUNIT_ASSERT_TRUE(test, pci_p2pmem_is_provider(b->card));
		}
		r = bench_start(b, i % 2 ? nvme_cmd_read : nvme_cmd_write, bytes, b->nic);
		if (i % 3 == 2) {
			/* In-capsule data is in memory of the transport. */
			bench_free(r);
			r->req.sg = kunit_kzalloc(test, sizeof(struct scatterlist), GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, r->req.sg);
			r->cmd.rw.dptr.sgl.type = NVME_SGL_FMT_DATA_DESC << 4 |
						  NVME_SGL_FMT_OFFSET;
			sg_init_one(r->req.sg, kunit_kzalloc(test, bytes, GFP_KERNEL), bytes);
			r->req.sg_cnt = 1;
			inl += bytes;
			KUNIT_EXPECT_EQ(test, bench_execute(b, r), NVME_SC_SUCCESS);
			continue;
		}
		if (r->req.p2p_dev)
			peer += bytes;
		else
			system += bytes;
		KUNIT_EXPECT_EQ(test, bench_execute(b, r), NVME_SC_SUCCESS);
		bench_free(r);
	}
	bench_sum(b, peer, inl, system);
	KUNIT_EXPECT_GT(test, peer, 0);
	KUNIT_EXPECT_GT(test, system, 0);
	fallbacks = bench_count(b, "provider-revoked") + bench_count(b, "not-a-provider");
	KUNIT_EXPECT_GE(test, fallbacks, 10 - 3);
	KUNIT_EXPECT_EQ_MSG(test, bench_count(b, "fallbacks"), fallbacks,
			    "fallbacks with another reason");
}

static void bench_lose(struct nvmet_bench *b)
{
	pci_p2pmem_lost(b->card);
}

/* The host retries requests whose memory is lost, even those that succeeded */
static void status_after_a_loss(struct kunit *test)
{
	static const blk_status_t of_drive[] = { BLK_STS_OK, BLK_STS_IOERR };
	struct nvmet_bench *b = bench_ready(test, NULL);
	struct bench_req *r;
	int i;

	for (i = 0; i < ARRAY_SIZE(of_drive); i++) {
		KUNIT_ASSERT_TRUE(test, bench_settles(b, b->card));
		r = bench_start(b, nvme_cmd_read, SZ_8K, b->nic);
		KUNIT_ASSERT_PTR_EQ(test, r->req.p2p_dev, b->card);
		b->status = of_drive[i];
		b->on_io = bench_lose;
		KUNIT_EXPECT_EQ_MSG(test, bench_execute(b, r), NVME_SC_INTERNAL_PATH_ERROR,
				    "not retryable");
		b->on_io = NULL;
		b->status = BLK_STS_OK;
		KUNIT_EXPECT_EQ_MSG(test, b->ctrl->err_counter, 0,
				    "a retried command reports no error location");
		bench_free(r);
		pci_p2pmem_resume(b->card);
	}
}

/**
 * struct bench_pool - a pool of bios that overwrites the status of a freed bio
 * @set: the pool to which bios are freed
 * @real: the pool from which they were allocated
 * @puts: number of freed bios
 */
struct bench_pool {
	struct bio_set set;
	struct bio_set *real;
	unsigned int puts;
};

static struct bench_pool *bench_pool;

static void bench_pool_free(void *element, void *data)
{
	struct bench_pool *pool = data;
	struct bio *bio = element;

	/* As if another request had allocated the bio already */
	bio->bi_status = BLK_STS_OK;
	pool->puts++;
	mempool_free(element, &pool->real->bio_pool);
}

/* The drive cannot map the memory, and the bio is reused as soon as it is freed */
static void bench_cannot_map(struct nvmet_bench *b, struct bio *bio)
{
	bench_pool->real = bio->bi_pool;
	bio->bi_pool = &bench_pool->set;
	bio->bi_opf &= ~REQ_ALLOC_CACHE;
}

static void bench_pool_exit(void *data)
{
	bench_pool = NULL;
}

/* The block status of a request is still known after its bio was freed and reused */
static void status_of_a_bio_that_was_put(struct kunit *test)
{
	struct nvmet_bench *b = bench_ready(test, NULL);
	struct bench_req *r;

	bench_pool = kunit_kzalloc(test, sizeof(*bench_pool), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bench_pool);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, bench_pool_exit, NULL), 0);
	/* The pool is full: each bio that is put into it is freed. */
	bench_pool->set.bio_pool.min_nr = 1;
	bench_pool->set.bio_pool.curr_nr = 1;
	spin_lock_init(&bench_pool->set.bio_pool.lock);
	init_waitqueue_head(&bench_pool->set.bio_pool.wait);
	bench_pool->set.bio_pool.free = bench_pool_free;
	bench_pool->set.bio_pool.pool_data = bench_pool;

	/* Too long for the bio that is embedded in the request */
	r = bench_start(b, nvme_cmd_read, SZ_64K, b->nic);
	KUNIT_ASSERT_PTR_EQ(test, r->req.p2p_dev, b->card);
	b->status = BLK_STS_TRANSPORT;
	b->on_bio = bench_cannot_map;
	KUNIT_EXPECT_EQ(test, bench_execute(b, r), NVME_SC_INTERNAL_PATH_ERROR);
	KUNIT_EXPECT_EQ(test, bench_pool->puts, 1);
	bench_free(r);
}

/* A lost provider does not affect requests in system memory; the drive's errors are reported */
static void status_of_the_drive(struct kunit *test)
{
	struct nvmet_bench *b = bench_ready(test, NULL);
	struct bench_req *r;

	b->status = BLK_STS_IOERR;
	r = bench_start(b, nvme_cmd_read, SZ_8K, b->nic);
	KUNIT_EXPECT_PTR_EQ(test, r->req.p2p_dev, b->card);
	KUNIT_EXPECT_EQ_MSG(test, bench_execute(b, r), NVME_SC_INTERNAL | NVME_STATUS_DNR,
			    "the provider is usable: report the drive's error");
	bench_free(r);

	pci_p2pmem_lost(b->card);
	b->status = BLK_STS_OK;
	KUNIT_EXPECT_NULL(test, bench_io(b, nvme_cmd_write, SZ_8K));
	b->status = BLK_STS_IOERR;
	r = bench_start(b, nvme_cmd_read, SZ_8K, b->nic);
	KUNIT_EXPECT_EQ(test, bench_execute(b, r), NVME_SC_INTERNAL | NVME_STATUS_DNR);
	bench_free(r);
}

/**
 * struct bench_revoke - a driver that revokes its memory
 * @work: revokes the memory
 * @card: the provider
 * @over: the revocation has returned
 */
struct bench_revoke {
	struct work_struct work;
	struct pci_dev *card;
	bool over;
};

static void bench_revoke_worker(struct work_struct *work)
{
	struct bench_revoke *rv = container_of(work, struct bench_revoke, work);

	pci_p2pmem_revoke(rv->card);
	WRITE_ONCE(rv->over, true);
}

/*
 * While a provider is being revoked its transfers end: a success is reported; an error may be a
 * consequence of the revocation, so the host retries. The revocation waits until the request's
 * memory is freed.
 */
static void status_while_it_is_revoked(struct kunit *test)
{
	static const struct {
		blk_status_t of_drive;
		u16 status;
	} t[] = {
		{ BLK_STS_OK, NVME_SC_SUCCESS },
		{ BLK_STS_IOERR, NVME_SC_INTERNAL_PATH_ERROR },
	};
	struct nvmet_bench *b = bench_ready(test, NULL);
	struct bench_revoke rv = { .card = b->card };
	struct bench_req *r;
	int i, n;

	INIT_WORK_ONSTACK(&rv.work, bench_revoke_worker);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		KUNIT_EXPECT_TRUE(test, bench_settles(b, b->card));
		b->hold = true;
		r = bench_start(b, nvme_cmd_read, SZ_8K, b->nic);
		KUNIT_EXPECT_PTR_EQ(test, r->req.p2p_dev, b->card);
		bench_execute(b, r);
		b->hold = false;
		rv.over = false;
		schedule_work(&rv.work);
		for (n = 0; n < HZ && pci_p2pmem_is_provider(b->card); n++)
			schedule_timeout_uninterruptible(1);
		KUNIT_EXPECT_EQ(test, bench_release(b, r, t[i].of_drive), t[i].status);
		KUNIT_EXPECT_FALSE_MSG(test, READ_ONCE(rv.over), "it did not wait");
		bench_free(r);
		flush_work(&rv.work);
		pci_p2pmem_resume(b->card);
	}
	destroy_work_on_stack(&rv.work);
	KUNIT_EXPECT_TRUE_MSG(test, bench_settles(b, b->card), "the provider is not used again");
}

static bool bench_wants_peer(struct nvmet_bench *b)
{
	struct nvmet_p2pmem_path *path;

	guard(mutex)(&b->subsys->lock);
	path = radix_tree_lookup(&b->ctrl->p2p_ns_map, BENCH_NSID);
	return !path || path->state == NVMET_P2PMEM_PEER;
}

/* While a named provider stays stopped, its events re-evaluate the path, and not each request */
static void provider_that_stays_stopped(struct kunit *test)
{
	struct nvmet_bench *b = bench_ready(test, NULL);
	int n;

	KUNIT_EXPECT_PTR_EQ(test, bench_io(b, nvme_cmd_read, SZ_4K), b->card);
	pci_p2pmem_revoke(b->card);
	for (n = 0; n < 300 && bench_wants_peer(b); n++)
		schedule_timeout_uninterruptible(HZ / 100);
	KUNIT_ASSERT_FALSE_MSG(test, bench_wants_peer(b), "the path keeps its grant");
	for (n = 0; n < 300 && timer_pending(&nvmet_p2pmem_rescan_timer); n++)
		schedule_timeout_uninterruptible(HZ / 100);
	KUNIT_ASSERT_FALSE(test, timer_pending(&nvmet_p2pmem_rescan_timer));
	KUNIT_EXPECT_NULL(test, bench_io(b, nvme_cmd_read, SZ_4K));
	KUNIT_EXPECT_FALSE_MSG(test, timer_pending(&nvmet_p2pmem_rescan_timer),
			       "a request re-evaluates all paths");
	KUNIT_EXPECT_EQ(test, bench_count(b, "provider-revoked"), 1);
	pci_p2pmem_resume(b->card);
	KUNIT_EXPECT_TRUE(test, bench_settles(b, b->card));
}

/* A request frees its memory after namespace and controller have been freed */
static void memory_outlives_its_namespace(struct kunit *test)
{
	struct nvmet_bench *b = bench_ready(test, NULL);
	struct bench_req *r = bench_start(b, nvme_cmd_write, SZ_16K, b->nic);

	KUNIT_ASSERT_PTR_EQ(test, r->req.p2p_dev, b->card);
	KUNIT_EXPECT_EQ(test, bench_execute(b, r), NVME_SC_SUCCESS);
	nvmet_ns_disable(b->ns);
	bench_disconnect(b);
	KUNIT_EXPECT_EQ(test, kit_available(b->card), BENCH_LENT - SZ_16K);
	bench_free(r);
	KUNIT_EXPECT_EQ(test, kit_available(b->card), BENCH_LENT);
}

/* The disk is removed while its namespace is enabled: its parents may be freed by then */
static void disk_that_is_removed(struct kunit *test)
{
	struct nvmet_bench *b = bench_build(test);
	char line[64];

	bench_clients(b);
	KUNIT_ASSERT_GT(test, bench_store(b, pci_name(b->card)), 0);
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	bench_remove_disk(b, b->disk);
	/* The namespace keeps the disk, whose pointer to its parent is invalid now. */
	disk_to_dev(b->disk)->parent = NULL;
	bench_connect(b, b->nic, NVMF_TRTYPE_RDMA);
	scoped_guard(mutex, &b->subsys->lock)
		nvmet_p2pmem_show_path(b->ctrl, b->ns, line, sizeof(line));
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(line, pci_name(b->card)), "%s", line);
}

static u8 bench_mdts(const struct nvmet_ctrl *ctrl)
{
	return 2;
}

/* A command longer than MDTS, or whose SGL exceeds its length, uses no peer memory */
static void commands_of_a_wrong_length(struct kunit *test)
{
	struct nvmet_bench *b = bench_ready(test, NULL);
	struct bench_req *r;

	b->ops.get_mdts = bench_mdts;
	KUNIT_EXPECT_PTR_EQ(test, bench_io(b, nvme_cmd_write, SZ_16K), b->card);
	KUNIT_EXPECT_NULL(test, bench_io(b, nvme_cmd_write, SZ_16K + BENCH_BLOCK));
	KUNIT_EXPECT_NULL(test, bench_io(b, nvme_cmd_read, SZ_64K));
	KUNIT_EXPECT_EQ(test, bench_count(b, "bad-range"), 2);
	KUNIT_EXPECT_EQ(test, bench_count(b, "fallbacks"), 2);
	bench_sum(b, SZ_16K, 0, SZ_16K + BENCH_BLOCK + SZ_64K);

	/* The SGL describes more bytes than the command transfers: the command will fail. */
	r = bench_start(b, nvme_cmd_write, SZ_4K, b->nic);
	bench_free(r);
	r->req.transfer_len = SZ_8K;
	KUNIT_EXPECT_FALSE(test, nvmet_p2pmem_alloc(&r->req));
	KUNIT_EXPECT_EQ(test, kit_available(b->card), BENCH_LENT);
	KUNIT_EXPECT_EQ_MSG(test, bench_count(b, "fallbacks"), 2,
			    "a command without a transfer is counted");
	bench_drop(r);
}

/* System memory replaces memory that cannot be mapped for the adapter, and is counted */
static void adapter_without_a_mapping(struct kunit *test)
{
	static const struct {
		int error;
		const char *counted;	/* NULL: an error that does not depend on the memory */
	} t[] = {
		{ -EIO, "map-failed" }, { -ENODEV, "provider-revoked" },
		{ -EINVAL, "registration-size" },
		{ -ENOMEM }, { -EAGAIN }, { 1 },
	};
	struct nvmet_bench *b = bench_ready(test, NULL);
	struct bench_req *r;
	int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		r = bench_start(b, nvme_cmd_write, SZ_8K, b->nic);
		KUNIT_ASSERT_PTR_EQ(test, r->req.p2p_dev, b->card);
		KUNIT_EXPECT_EQ(test, nvmet_p2pmem_map_failed(&r->req, t[i].error),
				!!t[i].counted);
		KUNIT_EXPECT_EQ(test, !r->req.p2p_dev, !!t[i].counted);
		if (t[i].counted) {
			KUNIT_EXPECT_EQ(test, bench_count(b, t[i].counted), 1);
			KUNIT_EXPECT_EQ(test, kit_available(b->card), BENCH_LENT);
			KUNIT_EXPECT_FALSE_MSG(test, nvmet_p2pmem_map_failed(&r->req, -EIO),
					       "system memory");
		}
		KUNIT_EXPECT_EQ(test, bench_execute(b, r), NVME_SC_SUCCESS);
		bench_free(r);
	}
	KUNIT_EXPECT_EQ(test, bench_count(b, "fallbacks"), 3);
	bench_sum(b, 3 * SZ_8K, 0, 3 * SZ_8K);
}

/* A path that could not be allocated is reported as no-memory, and is created soon */
static void path_without_memory(struct kunit *test)
{
	struct nvmet_bench *b = bench_ready(test, NULL);

	fault_require(test);
	mutex_lock(&b->subsys->lock);
	nvmet_p2pmem_detach(b->ctrl, b->ns);
	fault_arm(1);
	nvmet_p2pmem_attach(b->ctrl, b->ns);
	KUNIT_EXPECT_TRUE(test, fault_disarm());
	/* The rescan work, which repeats it, needs the lock. */
	KUNIT_EXPECT_NULL(test, bench_io(b, nvme_cmd_read, SZ_4K));
	KUNIT_EXPECT_EQ(test, bench_count(b, "no-memory"), 1);
	KUNIT_EXPECT_EQ(test, bench_count(b, "no-provider"), 0);
	mutex_unlock(&b->subsys->lock);
	KUNIT_EXPECT_TRUE(test, bench_settles(b, b->card));
}

/* Each allocation fails once: the request uses system memory or fails, without a leak */
static void attach_and_request_without_memory(struct kunit *test)
{
	struct nvmet_bench *b = bench_ready(test, NULL);
	struct bench_req *r, *held[16];
	unsigned int n, i;

	fault_require(test);
	for (n = 1; n < FAULT_STEPS; n++) {
		bool reached;

		mutex_lock(&b->subsys->lock);
		nvmet_p2pmem_detach(b->ctrl, b->ns);
		fault_arm(n);
		nvmet_p2pmem_attach(b->ctrl, b->ns);
		reached = fault_disarm();
		mutex_unlock(&b->subsys->lock);
		bench_io(b, nvme_cmd_read, SZ_4K);
		if (!reached)
			break;
	}
	KUNIT_EXPECT_GT(test, n, 3);
	KUNIT_EXPECT_TRUE(test, bench_settles(b, b->card));

	for (n = 1; n < FAULT_STEPS; n++) {
		bool peer, reached;

		r = bench_start(b, nvme_cmd_read, SZ_8K, b->nic);
		bench_free(r);
		/* Exhaust the CPU's spare lists, so that the next list must be allocated. */
		for (i = 0; i < ARRAY_SIZE(held); i++)
			held[i] = bench_start(b, nvme_cmd_read, SZ_4K, b->nic);
		fault_arm(n);
		peer = nvmet_p2pmem_alloc(&r->req);
		reached = fault_disarm();
		KUNIT_EXPECT_EQ(test, peer, !!r->req.p2p_dev);
		bench_drop(r);
		for (i = 0; i < ARRAY_SIZE(held); i++)
			bench_drop(held[i]);
		KUNIT_EXPECT_EQ(test, kit_available(b->card), BENCH_LENT);
		if (!reached)
			break;
	}
	KUNIT_EXPECT_GT(test, n, 1);
}

static struct kunit_case nvmet_p2pmem_cases[] = {
	KUNIT_CASE(data_in_peer_memory),
	KUNIT_CASE(no_verify_call),
	KUNIT_CASE(choice_of_provider),
	KUNIT_CASE(fallback_without_a_client),
	KUNIT_CASE(fallback_of_other_transports),
	KUNIT_CASE(fallback_of_a_full_pool),
	KUNIT_CASE(fallback_of_a_quota),
	KUNIT_CASE(fallback_of_another_adapter),
	KUNIT_CASE(all_bytes_are_counted),
	KUNIT_CASE(status_after_a_loss),
	KUNIT_CASE(status_of_a_bio_that_was_put),
	KUNIT_CASE(status_of_the_drive),
	KUNIT_CASE(status_while_it_is_revoked),
	KUNIT_CASE(provider_that_stays_stopped),
	KUNIT_CASE(memory_outlives_its_namespace),
	KUNIT_CASE(disk_that_is_removed),
	KUNIT_CASE(commands_of_a_wrong_length),
	KUNIT_CASE(adapter_without_a_mapping),
	KUNIT_CASE(path_without_memory),
	KUNIT_CASE(attach_and_request_without_memory),
	{}
};

static struct kunit_suite nvmet_p2pmem_suite = {
	.name = "p2pmem-nvmet",
	.test_cases = nvmet_p2pmem_cases,
};

kunit_test_suite(nvmet_p2pmem_suite);
