// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: a target without a network, for KUnit
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "p2pmem-kunit.h"

MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

/*
 *	host -- first			stands for the host bridge
 *	     |
 *	     +- rp0 -- up -+- dn0 -- card	lends 4 MiB; rp0, rp1: BENCH_ROOT_PORT
 *	     |		   +- dn1 -- card2	lends 4 MiB
 *	     |		   +- dn2 -- nic	the adapter
 *	     |		   +- dn3, ACS -- drive	below it the block device; may lend
 *	     |		   +- dn4 -- nic2	another adapter
 *	     |		   `- dn5 -- drive2	another drive, without a block device yet
 *	     `- rp1 -- far			lends 4 MiB; the host bridge forwards nothing
 */
static const struct fabric_node bench_tree[] = {
	{ .name = "host", .type = FABRIC_HOST },
	{ .name = "first", .type = FABRIC_RCIEP, .parent = "host" },
	{ .name = "rp0", .type = FABRIC_ROOT_PORT, .parent = "host", .slot = 2,
	  .device = 0x1000 },
	{ .name = "rp1", .type = FABRIC_ROOT_PORT, .parent = "host", .slot = 1,
	  .device = 0x1000 },
	{ .name = "up", .type = FABRIC_UPSTREAM, .parent = "rp0" },
	{ .name = "dn0", .type = FABRIC_DOWNSTREAM, .parent = "up" },
	{ .name = "dn1", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 1 },
	{ .name = "dn2", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 2 },
	{ .name = "dn3", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 3,
	  .acs_cap = PCI_ACS_RR },
	{ .name = "dn4", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 4 },
	{ .name = "dn5", .type = FABRIC_DOWNSTREAM, .parent = "up", .slot = 5 },
	{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "dn0",
	  .bar = { [2] = { .size = BENCH_LENT, .flags = FABRIC_BAR_64 } } },
	{ .name = "card2", .type = FABRIC_ENDPOINT, .parent = "dn1",
	  .bar = { [2] = { .size = BENCH_LENT, .flags = FABRIC_BAR_64 } } },
	{ .name = "nic", .type = FABRIC_ENDPOINT, .parent = "dn2" },
	{ .name = "nic2", .type = FABRIC_ENDPOINT, .parent = "dn4" },
	{ .name = "drive2", .type = FABRIC_ENDPOINT, .parent = "dn5" },
	{ .name = "drive", .type = FABRIC_ENDPOINT, .parent = "dn3",
	  .bar = { [2] = { .size = BENCH_LENT, .flags = FABRIC_BAR_64 } } },
	{ .name = "far", .type = FABRIC_ENDPOINT, .parent = "rp1",
	  .bar = { [2] = { .size = BENCH_LENT, .flags = FABRIC_BAR_64 } } },
	{ }
};

static void bench_submit_bio(struct bio *bio)
{
	struct nvmet_bench *b = bio->bi_bdev->bd_disk->private_data;
	struct bvec_iter iter;
	struct bio_vec v;

	b->bios++;
	b->nomerge += !!(bio->bi_opf & REQ_NOMERGE);
	bio_for_each_segment(v, bio, iter) {
		if (is_pci_p2pmem_page(v.bv_page))
			b->peer++;
		else
			b->system++;
	}
	if (b->on_io)
		b->on_io(b);
	if (b->on_bio)
		b->on_bio(b, bio);
	if (b->hold) {
		b->held = bio;
		return;
	}
	bio->bi_status = b->status;
	bio_endio(bio);
}

static const struct block_device_operations bench_fops = {
	.owner = THIS_MODULE,
	.submit_bio = bench_submit_bio,
};

static void bench_del_disk(void *data)
{
	struct gendisk *disk = data;

	del_gendisk(disk);
	put_disk(disk);
}

/**
 * bench_new_disk() - a block device
 * @b: the target
 * @drive: function of the drive that it is below
 * @name: its name in /dev
 *
 * Return: the disk; removed when the test ends.
 */
struct gendisk *bench_new_disk(struct nvmet_bench *b, struct device *drive, const char *name)
{
	/* Smaller than a page, so that a request has several blocks */
	struct queue_limits lim = { .logical_block_size = BENCH_BLOCK };
	struct gendisk *disk = blk_alloc_disk(&lim, NUMA_NO_NODE);

	KUNIT_ASSERT_FALSE(b->test, IS_ERR(disk));
	disk->flags |= GENHD_FL_NO_PART;
	disk->fops = &bench_fops;
	disk->private_data = b;
	strscpy(disk->disk_name, name, DISK_NAME_LEN);
	set_capacity(disk, SZ_64M >> SECTOR_SHIFT);
	if (device_add_disk(drive, disk, NULL)) {
		put_disk(disk);
		KUNIT_FAIL_AND_ABORT(b->test, "no block device");
	}
	KUNIT_ASSERT_EQ(b->test, kunit_add_action_or_reset(b->test, bench_del_disk, disk), 0);
	return disk;
}

void bench_remove_disk(struct nvmet_bench *b, struct gendisk *disk)
{
	kunit_release_action(b->test, bench_del_disk, disk);
}

static void bench_queue_response(struct nvmet_req *req)
{
	complete(&container_of(req, struct bench_req, req)->done);
}

/* Delete a controller; the simulated host has one queue only */
static void bench_delete_ctrl(struct nvmet_ctrl *ctrl)
{
}

static const struct config_item_type bench_ns_type = {
	.ct_owner = THIS_MODULE,
};

static void bench_put_target(void *data)
{
	struct nvmet_bench *b = data;

	if (b->held)
		bio_io_error(xchg(&b->held, NULL));
	bench_disconnect(b);
	if (b->ns)
		nvmet_ns_free(b->ns);
	nvmet_subsys_put(b->subsys);
	free_page((unsigned long)b->page);
}

/**
 * bench_new_ns() - a namespace, not enabled
 * @b: the target
 * @subsys: its subsystem
 * @nsid: its identifier
 * @disk: name of its block device
 *
 * Return: the namespace, with the attribute p2pmem 0; nvmet_ns_free() frees it.
 */
struct nvmet_ns *bench_new_ns(struct nvmet_bench *b, struct nvmet_subsys *subsys, u32 nsid,
			      const char *disk)
{
	struct nvmet_ns *ns = nvmet_ns_alloc(subsys, nsid);

	KUNIT_ASSERT_NOT_NULL(b->test, ns);
	config_group_init_type_name(&ns->group, "1", &bench_ns_type);
	KUNIT_ASSERT_EQ(b->test, nvmet_p2pmem_ns_init(ns), 0);
	/* No self-test: suites of the self-test write their own value. */
	nvmet_p2pmem_record(ns)->verify = NVMET_P2PMEM_OFF;
	ns->device_path = kasprintf(GFP_KERNEL, "/dev/%s", disk);
	KUNIT_ASSERT_NOT_NULL(b->test, ns->device_path);
	return ns;
}

static void bench_add_target(struct nvmet_bench *b)
{
	const size_t states = (NVMET_MAX_ANAGRPS + 1) * sizeof(*b->port->ana_state);
	struct kunit *test = b->test;

	b->port = kunit_kzalloc(test, sizeof(*b->port) + states, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, b->port);
	snprintf(b->subsysnqn, sizeof(b->subsysnqn), "nqn.2014-08.kunit:p2pmem");
	snprintf(b->hostnqn, sizeof(b->hostnqn), "nqn.2014-08.kunit:host");
	b->subsys = nvmet_subsys_alloc(b->subsysnqn, NVME_NQN_NVME);
	KUNIT_ASSERT_FALSE(test, IS_ERR(b->subsys));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, bench_put_target, b), 0);
	b->subsys->allow_any_host = true;
	b->page = (char *)get_zeroed_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, b->page);

	b->ns = bench_new_ns(b, b->subsys, BENCH_NSID, BENCH_DISK);

	INIT_LIST_HEAD(&b->port->subsystems);
	b->link.subsys = b->subsys;
	list_add(&b->link.entry, &b->port->subsystems);
	b->port->ana_state = (void *)(b->port + 1);
	b->port->ana_state[NVMET_DEFAULT_ANA_GRPID] = NVME_ANA_OPTIMIZED;
	b->port->max_queue_size = 32;
	b->ops.owner = THIS_MODULE;
	b->ops.queue_response = bench_queue_response;
	b->ops.delete_ctrl = bench_delete_ctrl;
}

/**
 * bench_build() - a target
 * @test: the test
 *
 * Return: the target; torn down when the test ends.
 */
struct nvmet_bench *bench_build(struct kunit *test)
{
	struct nvmet_bench *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, b);
	b->test = test;
	b->f = fabric_build(test, bench_tree);
	b->card = kit_lend(test, b->f, "card");
	b->card2 = kit_lend(test, b->f, "card2");
	b->far = kit_lend(test, b->f, "far");
	b->nic = &fabric_pdev(b->f, "nic")->dev;
	b->drive = &fabric_pdev(b->f, "drive")->dev;
	b->disk = bench_new_disk(b, b->drive, BENCH_DISK);
	bench_add_target(b);
	return b;
}

void bench_clients(struct nvmet_bench *b)
{
	kit_client(b->test, b->f, "nic");
	kit_client(b->test, b->f, "drive");
}

int bench_ns_enable(struct nvmet_ns *ns)
{
	return nvmet_ns_enable(ns);
}

int bench_enable(struct nvmet_bench *b)
{
	return bench_ns_enable(b->ns);
}

/**
 * bench_new_ctrl() - connect a host to a subsystem
 * @b: the target
 * @subsysnqn: name of the subsystem
 * @adapter: DMA device of the adapter, NULL for none
 * @sq: submission queue; keeps the controller until nvmet_sq_destroy()
 * @cq: completion queue
 *
 * Return: the controller, or NULL. Any thread may call this.
 */
struct nvmet_ctrl *bench_new_ctrl(struct nvmet_bench *b, const char *subsysnqn,
				  struct device *adapter, struct nvmet_sq *sq,
				  struct nvmet_cq *cq)
{
	struct bench_req *r = kzalloc(sizeof(*r), GFP_KERNEL);
	struct nvmet_ctrl *ctrl = NULL;

	if (!r)
		return NULL;
	r->req.cqe = &r->cqe;
	r->req.cmd = &r->cmd;
	r->req.port = b->port;
	r->req.ops = &b->ops;
	r->req.p2p_client = adapter;
	if (nvmet_sq_init(sq))
		goto free_req;
	if (nvmet_alloc_ctrl(subsysnqn, b->hostnqn, &r->req, 0, &ctrl)) {
		nvmet_sq_destroy(sq);
		ctrl = NULL;
		goto free_req;
	}
	ctrl->cc = NVME_CC_ENABLE;
	ctrl->csts = NVME_CSTS_RDY;
	sq->ctrl = ctrl;
	nvmet_cq_setup(ctrl, cq, 1, 32);
	nvmet_sq_setup(ctrl, sq, 1, 32);
free_req:
	kfree(r);
	return ctrl;
}

/**
 * bench_connect() - connect the host of the target
 * @b: the target
 * @adapter: DMA device of the adapter, NULL for none
 * @type: NVMF_TRTYPE_RDMA, for example
 */
void bench_connect(struct nvmet_bench *b, struct device *adapter, unsigned int type)
{
	b->ops.type = type;
	b->ctrl = bench_new_ctrl(b, b->subsysnqn, adapter, &b->sq, &b->cq);
	KUNIT_ASSERT_NOT_NULL(b->test, b->ctrl);
}

/**
 * bench_disconnect() - disconnect the host, which frees its controller
 * @b: the target
 */
void bench_disconnect(struct nvmet_bench *b)
{
	if (!b->ctrl)
		return;
	b->ctrl = NULL;
	nvmet_sq_destroy(&b->sq);
}

ssize_t bench_store_len(struct nvmet_bench *b, const char *value, size_t len)
{
	/* As configfs: a page with a zero byte after the value */
	memcpy(b->page, value, len);
	b->page[len] = '\0';
	return nvmet_ns_attr_p2pmem.store(&b->ns->group.cg_item, b->page, len);
}

ssize_t bench_store(struct nvmet_bench *b, const char *value)
{
	return bench_store_len(b, value, strlen(value));
}

const char *bench_show(struct nvmet_bench *b)
{
	memset(b->page, 0, PAGE_SIZE);
	nvmet_ns_attr_p2pmem.show(&b->ns->group.cg_item, b->page);
	return b->page;
}

static struct configfs_attribute *bench_attr(struct nvmet_bench *b, const char *name)
{
	struct config_item *item = &nvmet_p2pmem_record(b->ns)->group.cg_item;
	struct configfs_attribute **attr;

	for (attr = item->ci_type->ct_attrs; *attr; attr++)
		if (!strcmp((*attr)->ca_name, name))
			return *attr;
	KUNIT_FAIL_AND_ABORT(b->test, "there is no file %s", name);
	return NULL;
}

const char *bench_read(struct nvmet_bench *b, const char *name)
{
	struct config_item *item = &nvmet_p2pmem_record(b->ns)->group.cg_item;

	memset(b->page, 0, PAGE_SIZE);
	bench_attr(b, name)->show(item, b->page);
	return b->page;
}

ssize_t bench_reset(struct nvmet_bench *b, const char *value)
{
	struct config_item *item = &nvmet_p2pmem_record(b->ns)->group.cg_item;

	return bench_attr(b, "reset")->store(item, value, strlen(value));
}

u64 bench_count(struct nvmet_bench *b, const char *name)
{
	u64 value = 0;

	KUNIT_EXPECT_EQ(b->test, kstrtou64(strim((char *)bench_read(b, name)), 10, &value), 0);
	return value;
}

/**
 * bench_start() - create a Read or Write
 * @b: the target
 * @opcode: nvme_cmd_read or nvme_cmd_write
 * @bytes: number of bytes of data
 * @adapter: DMA device of the adapter that received the command
 *
 * Return: the request, with its memory.
 */
struct bench_req *bench_start(struct nvmet_bench *b, u8 opcode, u32 bytes,
			      struct device *adapter)
{
	struct bench_req *r = kunit_kzalloc(b->test, sizeof(*r), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(b->test, r);
	init_completion(&r->done);
	r->cmd.rw.opcode = opcode;
	r->cmd.rw.flags = NVME_CMD_SGL_METABUF;
	r->cmd.rw.nsid = cpu_to_le32(BENCH_NSID);
	r->cmd.rw.length = cpu_to_le16((bytes >> b->ns->blksize_shift) - 1);
	r->cmd.rw.dptr.sgl.type = NVME_KEY_SGL_FMT_DATA_DESC << 4;
	r->req.cmd = &r->cmd;
	r->req.cqe = &r->cqe;
	r->req.port = b->port;
	r->req.p2p_client = adapter;
	KUNIT_ASSERT_TRUE(b->test, nvmet_req_init(&r->req, &b->cq, &b->sq, &b->ops));
	r->req.transfer_len = nvmet_req_transfer_len(&r->req);
	KUNIT_EXPECT_EQ(b->test, r->req.transfer_len, bytes);
	if (nvmet_req_alloc_sgls(&r->req)) {
		nvmet_req_uninit(&r->req);
		KUNIT_FAIL_AND_ABORT(b->test, "no memory for a request");
	}
	return r;
}

static u16 bench_status(struct nvmet_bench *b, struct bench_req *r)
{
	KUNIT_ASSERT_NE_MSG(b->test, wait_for_completion_timeout(&r->done, 10 * HZ), 0,
			    "a request does not complete");
	return (le16_to_cpu(r->cqe.status) >> 1) & ~NVME_STATUS_MORE;
}

u16 bench_execute(struct nvmet_bench *b, struct bench_req *r)
{
	r->req.execute(&r->req);
	return b->hold ? 0 : bench_status(b, r);
}

u16 bench_release(struct nvmet_bench *b, struct bench_req *r, blk_status_t status)
{
	struct bio *bio = b->held;

	KUNIT_ASSERT_NOT_NULL(b->test, bio);
	b->held = NULL;
	bio->bi_status = status;
	bio_endio(bio);
	return bench_status(b, r);
}

void bench_free(struct bench_req *r)
{
	nvmet_req_free_sgls(&r->req);
}

void bench_drop(struct bench_req *r)
{
	nvmet_req_uninit(&r->req);
	nvmet_req_free_sgls(&r->req);
}

struct pci_dev *bench_io(struct nvmet_bench *b, u8 opcode, u32 bytes)
{
	struct bench_req *r = bench_start(b, opcode, bytes, b->nic);
	struct pci_dev *provider = r->req.p2p_dev;

	KUNIT_EXPECT_EQ(b->test, bench_execute(b, r), NVME_SC_SUCCESS);
	bench_free(r);
	return provider;
}

/**
 * bench_settles() - wait until the rescan work has re-evaluated the paths
 * @b: the target
 * @provider: expected provider of the memory of requests, NULL for system memory
 *
 * Return: true if requests have such memory in time.
 */
bool bench_settles(struct nvmet_bench *b, struct pci_dev *provider)
{
	int i;

	for (i = 0; i < 200; i++) {
		if (bench_io(b, nvme_cmd_read, SZ_4K) == provider)
			return true;
		schedule_timeout_uninterruptible(HZ / 20);
	}
	return false;
}
