/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: self-test of a path between an NVMe drive and peer memory
 *
 * Between p2pmem-verify.c, which says what is done in which order, and p2pmem-verify-cmd.c,
 * which sends the commands and says what it means when one fails.
 */
#ifndef _NVME_P2PMEM_VERIFY_H
#define _NVME_P2PMEM_VERIFY_H

#include "p2pmem.h"

#define NVME_P2PMEM_WRONG	3	/* rounds that disprove, whatever they found */

/* A round without a result, beside enum pci_p2pmem_proof */
#define NVME_P2PMEM_CHANGED	-1
#define NVME_P2PMEM_AGAIN	-2	/* wrong, but not often enough yet */
/* No result yet, where zero would be PCI_P2PMEM_UNTRIED */
#define NVME_P2PMEM_GO_ON	-3

/**
 * struct nvme_p2pmem_test - one test
 * @ctrl: the controller
 * @ns: the namespace, referenced
 * @provider: whose memory it is
 * @peer: that memory, @size bytes
 * @ram: the block in system memory, and room for two more
 * @size: bytes of a logical block
 * @wrong: rounds that were wrong while the block did not change
 * @right: rounds that were right
 * @shown: that data arrives, in some round
 * @says: what moved, and what went wrong
 */
struct nvme_p2pmem_test {
	struct nvme_ctrl *ctrl;
	struct nvme_ns *ns;
	struct pci_dev *provider;
	void *peer;
	u8 *ram;
	unsigned int size;
	unsigned int wrong;
	unsigned int right;
	bool shown;
	struct pci_p2pmem_test *says;
};

static inline u8 *nvme_p2pmem_second_buf(struct nvme_p2pmem_test *t)
{
	return t->ram + t->size;
}

/* What peer memory was filled with before the Read */
static inline u8 *nvme_p2pmem_fill(struct nvme_p2pmem_test *t)
{
	return t->ram + 2 * t->size;
}

struct nvme_ns *nvme_p2pmem_find_ns(struct nvme_ctrl *ctrl, struct gendisk *disk);
int nvme_p2pmem_command(struct nvme_p2pmem_test *t, u8 opcode, void *data);
bool nvme_p2pmem_reread(struct nvme_p2pmem_test *t, bool *changed);
int nvme_p2pmem_blame(struct nvme_p2pmem_test *t, const char *what, int error);
int nvme_p2pmem_failed(struct nvme_p2pmem_test *t, const char *what, int error,
		       unsigned long began);
bool nvme_p2pmem_is_temporary(int ret);

#endif /* _NVME_P2PMEM_VERIFY_H */
