/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: self-test of a path between an NVMe drive and peer memory
 *
 * Shared by p2pmem-verify.c, which has the sequence of the test, and p2pmem-verify-cmd.c,
 * which submits its commands and interprets their failures.
 */
#ifndef _NVME_P2PMEM_VERIFY_H
#define _NVME_P2PMEM_VERIFY_H

#include <linux/pci.h>
#include <linux/xarray.h>
#include "p2pmem.h"

#define NVME_P2PMEM_WRONG	3	/* failed rounds that disprove a path */

/* Results of a round in addition to enum pci_p2pmem_proof */
#define NVME_P2PMEM_CHANGED	-1	/* the block changed meanwhile */
#define NVME_P2PMEM_AGAIN	-2	/* failed, but not often enough yet */
/* No result yet; zero would be PCI_P2PMEM_UNTRIED */
#define NVME_P2PMEM_GO_ON	-3

/**
 * struct nvme_p2pmem_drive - a drive as a client of peer memory
 * @ctrl: the controller
 * @lost: for each provider, by its PCI address, the number of commands of self-tests that were
 *	lost although the drive works; until a test has a result. A lost command resets the
 *	drive. If the memory is the drive's own, or is lost with it, no test gets further.
 *	Tests of one provider exclude each other
 */
struct nvme_p2pmem_drive {
	struct nvme_ctrl *ctrl;
	struct xarray lost;
};

/**
 * struct nvme_p2pmem_test - one self-test
 * @drive: the drive
 * @ctrl: its controller
 * @grant: grant for the peer memory
 * @ns: the namespace, referenced
 * @provider: provider of the peer memory
 * @peer: peer memory, @size bytes
 * @ram: three buffers of @size bytes: the block, nvme_p2pmem_second_buf(), nvme_p2pmem_fill()
 * @size: bytes of a logical block
 * @wrong: failed rounds in which the block did not change
 * @right: successful rounds
 * @began: jiffies when the last command was submitted to the drive
 * @shown: some round has shown that data arrives in peer memory
 * @says: the result for the core: bytes moved, note
 */
struct nvme_p2pmem_test {
	struct nvme_p2pmem_drive *drive;
	struct nvme_ctrl *ctrl;
	struct pci_p2pmem_grant *grant;
	struct nvme_ns *ns;
	struct pci_dev *provider;
	void *peer;
	u8 *ram;
	unsigned int size;
	unsigned int wrong;
	unsigned int right;
	unsigned long began;
	bool shown;
	struct pci_p2pmem_test *says;
};

/* Buffer for a second copy of the block, from the drive or from peer memory */
static inline u8 *nvme_p2pmem_second_buf(struct nvme_p2pmem_test *t)
{
	return t->ram + t->size;
}

/* Copy of the random bytes in peer memory before the Read */
static inline u8 *nvme_p2pmem_fill(struct nvme_p2pmem_test *t)
{
	return t->ram + 2 * t->size;
}

static inline unsigned long nvme_p2pmem_provider_index(struct nvme_p2pmem_test *t)
{
	return (unsigned long)pci_domain_nr(t->provider->bus) << 16 | pci_dev_id(t->provider);
}

struct nvme_ns *nvme_p2pmem_find_ns(struct nvme_ctrl *ctrl, struct gendisk *disk);
int nvme_p2pmem_command(struct nvme_p2pmem_test *t, u8 opcode, void *data);
bool nvme_p2pmem_reread(struct nvme_p2pmem_test *t, bool *changed);
int nvme_p2pmem_blame(struct nvme_p2pmem_test *t, const char *what, int error);
int nvme_p2pmem_failed(struct nvme_p2pmem_test *t, const char *what, int error);
bool nvme_p2pmem_is_lost(struct nvme_p2pmem_test *t, int error);
bool nvme_p2pmem_is_temporary(int ret);
bool nvme_p2pmem_lost_before(struct nvme_p2pmem_test *t);

#endif /* _NVME_P2PMEM_VERIFY_H */
