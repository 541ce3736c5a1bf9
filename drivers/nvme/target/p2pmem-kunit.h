/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: a target without a network, for KUnit
 *
 * Subsystem, namespace, controller and queue are those of nvmet. Port, transport and drive are
 * simulated: the suite creates and completes requests, and the drive is a block device below a
 * PCI function of a simulated hierarchy. It inspects each bio and moves no data.
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
 * @card2: lends BAR 2, 4 MiB
 * @far: lends BAR 2, 4 MiB, but has no path to the others
 * @nic: the adapter
 * @drive: the function of the drive
 * @disk: block device of the drive
 * @subsys: the subsystem
 * @ns: namespace of @subsys
 * @port: the port, and its ANA states behind it
 * @link: @subsys at @port
 * @ops: the transport
 * @ctrl: the controller, freed with @sq
 * @sq: submission queue for I/O
 * @cq: completion queue for I/O
 * @subsysnqn: name of the subsystem
 * @hostnqn: name of the host
 * @bios: number of bios that the drive received
 * @nomerge: number of these bios that must not be merged
 * @peer: pages of peer memory in these bios
 * @system: pages of system memory in these bios
 * @status: status that the drive returns for a bio
 * @on_io: called for each bio, without the bio
 * @on_bio: called for each bio
 * @hold: keep the next bio for bench_release()
 * @held: the bio that is kept
 * @page: buffer for attributes
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
	struct nvmet_port *port;
	struct nvmet_subsys_link link;
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
 * @req: the request of nvmet
 * @cmd: the command
 * @cqe: completion queue entry of @cmd
 * @done: completed with the request
 */
struct bench_req {
	struct nvmet_req req;
	struct nvme_command cmd;
	struct nvme_completion cqe;
	struct completion done;
};

/* A target without controller; its namespace is disabled, the cards lend, there is no client */
struct nvmet_bench *bench_build(struct kunit *test);
/* Register nic and drive as clients */
void bench_clients(struct nvmet_bench *b);
/* Enable a namespace, which opens its drive; return the result of nvmet_ns_enable() */
int bench_ns_enable(struct nvmet_ns *ns);
int bench_enable(struct nvmet_bench *b);
/* More disks, namespaces and controllers: see p2pmem-bench-kunit.c */
struct gendisk *bench_new_disk(struct nvmet_bench *b, struct device *drive, const char *name);
/* Remove a disk before the test ends; who has opened it keeps it */
void bench_remove_disk(struct nvmet_bench *b, struct gendisk *disk);
struct nvmet_ns *bench_new_ns(struct nvmet_bench *b, struct nvmet_subsys *subsys, u32 nsid,
			      const char *disk);
struct nvmet_ctrl *bench_new_ctrl(struct nvmet_bench *b, const char *subsysnqn,
				  struct device *adapter, struct nvmet_sq *sq,
				  struct nvmet_cq *cq);
/* Connect a host through @adapter, over a transport of that type */
void bench_connect(struct nvmet_bench *b, struct device *adapter, unsigned int type);
void bench_disconnect(struct nvmet_bench *b);

/* Write @len bytes or a string to the attribute p2pmem; read the attribute */
ssize_t bench_store_len(struct nvmet_bench *b, const char *value, size_t len);
ssize_t bench_store(struct nvmet_bench *b, const char *value);
const char *bench_show(struct nvmet_bench *b);
/* Read a counter of p2pmem_stats; read a file of it; write to its reset */
u64 bench_count(struct nvmet_bench *b, const char *name);
const char *bench_read(struct nvmet_bench *b, const char *name);
ssize_t bench_reset(struct nvmet_bench *b, const char *value);

/* Create a Read or Write with its memory, but do not execute it */
struct bench_req *bench_start(struct nvmet_bench *b, u8 opcode, u32 bytes,
			      struct device *adapter);
/* Execute a request; return its status after its completion */
u16 bench_execute(struct nvmet_bench *b, struct bench_req *r);
/* Let the drive complete the bio that it kept */
u16 bench_release(struct nvmet_bench *b, struct bench_req *r, blk_status_t status);
void bench_free(struct bench_req *r);
/* Abandon a request that is not executed */
void bench_drop(struct bench_req *r);
/* Execute a whole request, which must succeed; return the provider of its memory, or NULL */
struct pci_dev *bench_io(struct nvmet_bench *b, u8 opcode, u32 bytes);
/* Repeat requests until one has memory of @provider (NULL: system memory), for some seconds */
bool bench_settles(struct nvmet_bench *b, struct pci_dev *provider);

#endif /* _NVMET_P2PMEM_KUNIT_H */
