// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: self-test of a path between an NVMe drive and peer memory
 *
 * The test verifies with one logical block that the drive's writes to and reads from peer
 * memory reach the right addresses. It writes nothing on the drive: Read transfers data to
 * peer memory, and Compare, which the drive executes, transfers data from it.
 *
 *   1. Read the block into system memory.
 *   2. Fill peer memory with random bytes, each different from the byte of the block at its
 *      place, and read the block into peer memory.
 *   3. Compare from peer memory must find no difference.
 *   4. Change one byte in peer memory: Compare must find the difference. Otherwise a drive or
 *      a path that finds everything equal would pass step 3.
 *   5. Read the block into system memory again, to rule out that step 4 found a change of the
 *      block itself.
 *
 * Somebody else may write the block at the same time, even in order to discredit the path.
 * If random bytes are left in peer memory after the Read, the path is wrong for certain,
 * because nobody else knows these bytes. Any other difference may be a block that was on
 * the drive for a moment. In this case the block is read into system memory several times:
 * if it changed, the test starts over, otherwise the round counts as failed.
 * NVME_P2PMEM_WRONG failed rounds disprove the path, and a proof needs more successful
 * rounds than failed ones. A drive that cannot read into system memory either gives no
 * result, and a drive whose Compare fails with system memory as well proves nothing.
 *
 * A lost command resets the drive, and with it a CMB of its own: the test ends, and another one
 * begins when the memory is lent again. So lost commands are counted over all tests of a path:
 * NVME_P2PMEM_WRONG of them disprove it, before the next test begins.
 *
 * This is the only place where the CPU reads a client's peer memory: one block, to see what
 * arrived. The test runs in process context. The block layer's timeout bounds each of its
 * commands, and the wait for a frozen queue is bounded as well.
 */
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci-p2pmem.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "p2pmem-verify.h"

MODULE_IMPORT_NS(NVME_TARGET_PASSTHRU);	/* nvme_put_ns() */

#define NVME_P2PMEM_ROUNDS	8	/* while others write the block */
#define NVME_P2PMEM_LEFT	8	/* random bytes that cannot be guessed */
#define NVME_P2PMEM_LBA_SHIFT	16	/* of the largest supported block */
#define NVME_P2PMEM_ARRIVAL_MS	50	/* for data that arrives after its completion */

/* Make the CPU's writes reach peer memory before a command reads it. */
static void nvme_p2pmem_settle(struct nvme_p2pmem_test *t)
{
	mb();	/* order the writes before the read, and the read before the doorbell */
	(void)readb((void __iomem __force *)t->peer);
}

static void nvme_p2pmem_fill_random(struct nvme_p2pmem_test *t)
{
	u8 *fill = nvme_p2pmem_fill(t);
	unsigned int i;

	get_random_bytes(fill, t->size);
	for (i = 0; i < t->size; i++)
		if (fill[i] == t->ram[i])
			fill[i] = ~fill[i];
	memcpy_toio((void __iomem __force *)t->peer, fill, t->size);
	nvme_p2pmem_settle(t);
}

static void nvme_p2pmem_change_byte(struct nvme_p2pmem_test *t)
{
	unsigned int last = t->size - 1;

	writeb(~t->ram[last], (void __iomem __force *)t->peer + last);
	nvme_p2pmem_settle(t);
}

/* Do not leak data of the drive to the next user of the memory. */
static void nvme_p2pmem_erase(struct nvme_p2pmem_test *t)
{
	memset_io((void __iomem __force *)t->peer, 0, t->size);
}

/*
 * Wait until the block is in peer memory. The completion goes to system memory by another
 * path and may arrive before the data.
 */
static bool nvme_p2pmem_data_arrived(struct nvme_p2pmem_test *t)
{
	u8 *seen = nvme_p2pmem_second_buf(t);
	int waited;

	for (waited = 0; ; waited += 5) {
		memcpy_fromio(seen, (void __iomem __force *)t->peer, t->size);
		if (!memcmp(seen, t->ram, t->size))
			return true;
		if (waited >= NVME_P2PMEM_ARRIVAL_MS)
			return false;
		fsleep(5 * USEC_PER_MSEC);
	}
}

/* After nvme_p2pmem_data_arrived(): true if the Read left some of the random bytes */
static bool nvme_p2pmem_fill_remains(struct nvme_p2pmem_test *t)
{
	const u8 *seen = nvme_p2pmem_second_buf(t), *fill = nvme_p2pmem_fill(t);
	unsigned int i, run = 0;

	for (i = 0; i < t->size && run < NVME_P2PMEM_LEFT; i++)
		run = seen[i] == fill[i] ? run + 1 : 0;
	return run == NVME_P2PMEM_LEFT;
}

/*
 * Check that Compare from system memory accepts equal data and rejects a changed byte: 1 if it
 * does, 0 if not or if it does not end, -EAGAIN if the drive did not execute it.
 */
static int nvme_p2pmem_compare_works(struct nvme_p2pmem_test *t)
{
	u8 *other = nvme_p2pmem_second_buf(t);
	int ret;

	memcpy(other, t->ram, t->size);
	ret = nvme_p2pmem_command(t, nvme_cmd_compare, other);
	if (nvme_p2pmem_is_lost(t, ret))
		return 0;
	if (ret)
		return nvme_p2pmem_is_temporary(ret) ? -EAGAIN : 0;
	other[t->size - 1] ^= 0xff;
	ret = nvme_p2pmem_command(t, nvme_cmd_compare, other);
	if (nvme_p2pmem_is_lost(t, ret))
		return 0;
	if (nvme_p2pmem_is_temporary(ret))
		return -EAGAIN;
	return ret == NVME_SC_COMPARE_FAILED;
}

static int nvme_p2pmem_compare_blame(struct nvme_p2pmem_test *t, int error)
{
	bool changed;
	int ret, sound;

	if (!error)
		ret = nvme_p2pmem_blame(t, "Compare missed a changed byte", 0);
	else if (error == NVME_SC_COMPARE_FAILED)
		ret = nvme_p2pmem_blame(t, "Compare found different data", 0);
	else
		ret = nvme_p2pmem_failed(t, "Compare from peer memory", error);
	if (ret != PCI_P2PMEM_DISPROVED)
		return ret;
	sound = nvme_p2pmem_compare_works(t);
	if (sound > 0)
		return ret;
	if (sound < 0 || !nvme_p2pmem_reread(t, &changed)) {
		strscpy(t->says->note, "the drive is not responding", PCI_P2PMEM_NOTE);
		return PCI_P2PMEM_UNTRIED;
	}
	if (changed)
		return NVME_P2PMEM_CHANGED;
	t->shown = true;
	t->wrong = 0;	/* the path is not at fault */
	strscpy(t->says->note, "the drive's Compare fails with system memory as well",
		PCI_P2PMEM_NOTE);
	return PCI_P2PMEM_UNPROVED;
}

/* Compare from peer memory: NVME_P2PMEM_GO_ON if the result is as @differs says. */
static int nvme_p2pmem_compare(struct nvme_p2pmem_test *t, bool differs)
{
	int ret = nvme_p2pmem_command(t, nvme_cmd_compare, t->peer);

	if (ret == (differs ? NVME_SC_COMPARE_FAILED : 0))
		return NVME_P2PMEM_GO_ON;
	if (ret == NVME_SC_INVALID_OPCODE) {
		t->shown = true;
		return PCI_P2PMEM_UNPROVED;
	}
	return nvme_p2pmem_compare_blame(t, ret);
}

/* One of enum pci_p2pmem_proof, or NVME_P2PMEM_CHANGED */
static int nvme_p2pmem_round(struct nvme_p2pmem_test *t)
{
	bool changed;
	int ret;

	t->says->note[0] = '\0';
	ret = nvme_p2pmem_command(t, nvme_cmd_read, t->ram);
	if (ret && nvme_p2pmem_is_temporary(ret)) {
		strscpy(t->says->note, "the drive's first block is temporarily unreadable",
			PCI_P2PMEM_NOTE);
		return PCI_P2PMEM_UNTRIED;
	}
	if (ret) {
		scnprintf(t->says->note, PCI_P2PMEM_NOTE,
			  "the drive's first block is unreadable: status %#x", ret);
		t->says->local = true;
		return PCI_P2PMEM_UNPROVED;
	}

	nvme_p2pmem_fill_random(t);
	ret = nvme_p2pmem_command(t, nvme_cmd_read, t->peer);
	if (ret)
		return nvme_p2pmem_failed(t, "Read to peer memory", ret);
	if (!nvme_p2pmem_data_arrived(t)) {
		if (nvme_p2pmem_fill_remains(t))
			t->wrong = NVME_P2PMEM_WRONG;
		return nvme_p2pmem_blame(t, "Read to peer memory delivered wrong data", 0);
	}

	if (!(t->ctrl->oncs & NVME_CTRL_ONCS_COMPARE)) {
		t->shown = true;
		return PCI_P2PMEM_UNPROVED;
	}
	ret = nvme_p2pmem_compare(t, false);
	if (ret != NVME_P2PMEM_GO_ON)
		return ret;
	t->shown = true;
	nvme_p2pmem_change_byte(t);
	ret = nvme_p2pmem_compare(t, true);
	if (ret != NVME_P2PMEM_GO_ON)
		return ret;
	if (!nvme_p2pmem_reread(t, &changed)) {
		strscpy(t->says->note, "the drive is not responding", PCI_P2PMEM_NOTE);
		return PCI_P2PMEM_UNTRIED;
	}
	return changed ? NVME_P2PMEM_CHANGED : PCI_P2PMEM_PROVED;
}

static enum pci_p2pmem_proof nvme_p2pmem_rounds(struct nvme_p2pmem_test *t)
{
	int ret = NVME_P2PMEM_CHANGED, i;

	if (nvme_p2pmem_lost_before(t))
		return PCI_P2PMEM_DISPROVED;
	for (i = 0; i < NVME_P2PMEM_ROUNDS; i++) {
		/* The removal waits for the memory, whose contents say nothing now. */
		if (i && !pci_p2pmem_grant_usable(t->grant)) {
			strscpy(t->says->note, "the provider is leaving", PCI_P2PMEM_NOTE);
			return PCI_P2PMEM_UNTRIED;
		}
		ret = nvme_p2pmem_round(t);
		if (ret == NVME_P2PMEM_CHANGED || ret == NVME_P2PMEM_AGAIN)
			continue;
		/* A proof needs more successful rounds than failed ones. */
		if ((ret == PCI_P2PMEM_PROVED || (ret == PCI_P2PMEM_UNPROVED && t->shown)) &&
		    ++t->right <= t->wrong)
			continue;
		break;
	}
	if (i == NVME_P2PMEM_ROUNDS)
		ret = NVME_P2PMEM_CHANGED;

	switch (ret) {
	case NVME_P2PMEM_CHANGED:
		/* A path on which no data arrives may end here as well. */
		strscpy(t->says->note, "the drive's first block keeps changing",
			PCI_P2PMEM_NOTE);
		t->says->local = true;
		return t->shown && !t->wrong ? PCI_P2PMEM_UNPROVED : PCI_P2PMEM_UNTRIED;
	case PCI_P2PMEM_UNPROVED:
		if (!t->says->note[0])
			strscpy(t->says->note,
				"no Compare: only transfers to peer memory were verified",
				PCI_P2PMEM_NOTE);
		if (t->shown)
			dev_info(t->ctrl->device,
				 "self-test verified transfers to memory of %s, but none from it: %s\n",
				 pci_name(t->provider), t->says->note);
	}
	return ret;
}

/* Allocate peer memory under the grant, and system memory, and run the test. */
static enum pci_p2pmem_proof nvme_p2pmem_test(struct nvme_p2pmem_test *t)
{
	enum pci_p2pmem_proof proof = PCI_P2PMEM_UNTRIED;
	struct scatterlist *sgl;
	unsigned int nents;

	t->ram = kmalloc_array(3, t->size, GFP_KERNEL);
	if (!t->ram) {
		strscpy(t->says->note, "no system memory available for the self-test",
			PCI_P2PMEM_NOTE);
		return PCI_P2PMEM_UNTRIED;
	}
	sgl = pci_p2pmem_grant_sgl_alloc(t->grant, &nents, t->size, GFP_KERNEL, NULL);
	if (IS_ERR(sgl)) {
		strscpy(t->says->note, "no provider memory available for the self-test",
			PCI_P2PMEM_NOTE);
		goto free_ram;
	}
	t->peer = sg_virt(sgl);

	/* Otherwise the block layer would bounce the data, and any path would pass. */
	if (nents == 1 && blk_rq_aligned(t->ns->queue, (unsigned long)t->peer, t->size) &&
	    blk_rq_aligned(t->ns->queue, (unsigned long)t->ram, t->size)) {
		proof = nvme_p2pmem_rounds(t);
		nvme_p2pmem_erase(t);
		if (proof != PCI_P2PMEM_UNTRIED)
			xa_erase(&t->drive->lost, nvme_p2pmem_provider_index(t));
	} else {
		strscpy(t->says->note, "no suitably aligned peer memory available for one block",
			PCI_P2PMEM_NOTE);
	}
	pci_p2pmem_sgl_free(sgl);
free_ram:
	kfree(t->ram);
	return proof;
}

/**
 * nvme_p2pmem_verify() - the verify operation of a drive
 * @client: the registration, which keeps its controller while this runs
 * @grant: grant for the peer memory to test
 * @what: struct block_device of a namespace of this controller, open
 * @test: returns details of the result
 *
 * Context: Process, may sleep. A lost command takes as long as the block layer's timeout
 * plus the reset of the controller.
 * Return: see struct pci_p2pmem_client_ops.
 */
enum pci_p2pmem_proof
nvme_p2pmem_verify(struct pci_p2pmem_client *client, struct pci_p2pmem_grant *grant,
		   void *what, struct pci_p2pmem_test *test)
{
	struct nvme_p2pmem_drive *drive = pci_p2pmem_client_priv(client);
	struct nvme_p2pmem_test t = {
		.drive = drive,
		.ctrl = drive->ctrl,
		.grant = grant,
		.provider = pci_p2pmem_grant_provider(grant),
		.says = test,
	};
	struct block_device *bdev = what;
	enum pci_p2pmem_proof proof;

	test->local = true;
	if (!bdev) {
		strscpy(test->note, "no namespace specified", PCI_P2PMEM_NOTE);
		return PCI_P2PMEM_UNPROVED;
	}
	t.ns = nvme_p2pmem_find_ns(t.ctrl, bdev->bd_disk);
	if (!t.ns) {
		strscpy(test->note, "the block device is not a namespace of this drive",
			PCI_P2PMEM_NOTE);
		return PCI_P2PMEM_UNPROVED;
	}

	t.size = 1U << t.ns->head->lba_shift;
	if (t.ns->head->ms || t.ns->head->lba_shift > NVME_P2PMEM_LBA_SHIFT ||
	    !t.ns->head->lba_shift) {
		strscpy(test->note, "unsupported namespace format: metadata or block size",
			PCI_P2PMEM_NOTE);
		proof = PCI_P2PMEM_UNPROVED;
	} else {
		test->local = false;
		proof = nvme_p2pmem_test(&t);
	}
	nvme_put_ns(t.ns);
	return proof;
}
