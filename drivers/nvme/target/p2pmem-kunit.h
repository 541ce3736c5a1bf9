/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: a target without a network, for KUnit
 *
 * Subsystem, namespace, controller and queue are nvmet's own. The port, the transport
 * and the drive are not: requests are made and ended by the suite, and the drive is a
 * block device below a PCI function in a hierarchy in memory, which looks at each bio
 * and moves no data.
 */
#ifndef _NVMET_P2PMEM_KUNIT_H
#define _NVMET_P2PMEM_KUNIT_H

#include <kunit/test.h>
#include <linux/blkdev.h>

#include "../../pci/p2pdma/tests/fault.h"
#include "../../pci/p2pdma/tests/kit.h"
#include "p2pmem-priv.h"

#define BENCH_NSID	1
#define BENCH_DISK	"p2pmem-kunit"
#define BENCH_BLOCK	SECTOR_SIZE
#define BENCH_LENT	SZ_4M
#define BENCH_ROOT_PORT	"fab0:1000"

/**
 * struct nvmet_bench - a target
 * @test: the test
 * @f: the hierarchy
 * @card: lends BAR 2, 4 MiB
 * @card2: ditto
 * @far: ditto, but has no path to the others
 * @nic: the adapter
 * @drive: the function of the drive
 * @disk: its block device
 * @subsys: the subsystem
 * @ns: its namespace
 * @port: the port
 * @link: @subsys at @port
 * @ana: states of @port
 * @ops: the transport
 * @ctrl: the controller; goes with @sq
 * @sq: its I/O queue
 * @cq: ditto
 * @subsysnqn: name of the subsystem
 * @hostnqn: name of the host
 * @bios: bios that the drive got
 * @nomerge: those of them that must not be merged
 * @peer: pages of peer memory that it got
 * @system: pages of system memory that it got
 * @status: what the drive makes of a bio
 * @on_io: called for each bio
 * @on_bio: ditto, with the bio
 * @hold: keep the bio for bench_release()
 * @held: that bio
 * @page: for attributes
 */
struct nvmet_bench {
	struct kunit *test;
	struct fabric *f;
	struct pci_dev *card;
	struct pci_dev *card2;
	struct pci_dev *far;
	struct device *nic;
	struct device *drive;
	struct gendisk *disk;
	struct nvmet_subsys *subsys;
	struct nvmet_ns *ns;
	struct nvmet_port port;
	struct nvmet_subsys_link link;
	enum nvme_ana_state ana[NVMET_MAX_ANAGRPS + 1];
	struct nvmet_fabrics_ops ops;
	struct nvmet_ctrl *ctrl;
	struct nvmet_sq sq;
	struct nvmet_cq cq;
	char subsysnqn[NVMF_NQN_FIELD_LEN];
	char hostnqn[NVMF_NQN_FIELD_LEN];
	unsigned int bios;
	unsigned int nomerge;
	unsigned int peer;
	unsigned int system;
	blk_status_t status;
	void (*on_io)(struct nvmet_bench *b);
	void (*on_bio)(struct nvmet_bench *b, struct bio *bio);
	bool hold;
	struct bio *held;
	char *page;
};

/**
 * struct bench_req - a request
 * @req: nvmet's
 * @cmd: the command
 * @cqe: its completion
 * @done: it is complete
 */
struct bench_req {
	struct nvmet_req req;
	struct nvme_command cmd;
	struct nvme_completion cqe;
	struct completion done;
};

/* All but controller and enabled namespace; the cards lend, nobody is a client */
struct nvmet_bench *bench_build(struct kunit *test);
/* nic and drive become clients */
void bench_clients(struct nvmet_bench *b);
/* Opens the drive; returns what nvmet_ns_enable() returns */
int bench_enable(struct nvmet_bench *b);
/* What else a suite wants of the target: see p2pmem-bench-kunit.c */
struct gendisk *bench_new_disk(struct nvmet_bench *b, struct device *drive, const char *name);
struct nvmet_ns *bench_new_ns(struct nvmet_bench *b, struct nvmet_subsys *subsys, u32 nsid,
			      const char *disk);
struct nvmet_ctrl *bench_new_ctrl(struct nvmet_bench *b, const char *subsysnqn,
				  struct device *adapter, struct nvmet_sq *sq,
				  struct nvmet_cq *cq);
/* A host connects through @adapter, over a transport of that type */
void bench_connect(struct nvmet_bench *b, struct device *adapter, unsigned int type);
void bench_disconnect(struct nvmet_bench *b);

/* Writes the attribute p2pmem, @len bytes of it, and reads it */
ssize_t bench_store_len(struct nvmet_bench *b, const char *value, size_t len);
ssize_t bench_store(struct nvmet_bench *b, const char *value);
const char *bench_show(struct nvmet_bench *b);
/* A counter of p2pmem_stats, a file as it is, and a write to its reset */
u64 bench_count(struct nvmet_bench *b, const char *name);
const char *bench_read(struct nvmet_bench *b, const char *name);
ssize_t bench_reset(struct nvmet_bench *b, const char *value);

/* A Read or Write with its memory, not executed yet */
struct bench_req *bench_start(struct nvmet_bench *b, u8 opcode, u32 bytes,
			      struct device *adapter);
/* Executes it; the status, once it is complete */
u16 bench_execute(struct nvmet_bench *b, struct bench_req *r);
/* The drive is done with the bio that it kept */
u16 bench_release(struct nvmet_bench *b, struct bench_req *r, blk_status_t status);
void bench_free(struct bench_req *r);
/* Gives up a request that is not executed */
void bench_drop(struct bench_req *r);
/* All of that; whose memory it had, or NULL. The status must be success. */
struct pci_dev *bench_io(struct nvmet_bench *b, u8 opcode, u32 bytes);
/* Requests until one has memory of @provider (NULL: system memory), for some seconds */
bool bench_settles(struct nvmet_bench *b, struct pci_dev *provider);

#endif /* _NVMET_P2PMEM_KUNIT_H */
