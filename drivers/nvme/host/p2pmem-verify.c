// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: self-test of a path between an NVMe drive and peer memory
 *
 * Shows with one logical block that the drive writes where it should and reads from where
 * it should. Nothing on the drive is written: data goes to peer memory by Read and comes
 * from there by Compare, which the drive does itself.
 *
 *   1. The block is read into system memory.
 *   2. Peer memory is filled with random bytes none of which is the block's, and the block
 *      is read into it.
 *   3. Compare from peer memory must find no difference.
 *   4. One byte there is changed: Compare must find it. A drive, or a path, that finds
 *      everything equal would pass the step before.
 *   5. The block is read into system memory once more: it was not its change that was found.
 *
 * Others may write the block meanwhile, also with the intent to have the path blamed.
 * Random bytes that are still there after the Read are a certain sign: nobody else knows
 * them. Any other difference may be a block that was there for a moment. So the block is
 * read into system memory several times, and when it is another one the test begins anew;
 * when it is the same, the round counts as wrong. NVME_P2PMEM_WRONG such rounds disprove
 * the path, and a proof takes more rounds that are right than were wrong. A drive that
 * cannot read into system memory either says nothing about the path, and one whose Compare
 * is wrong with system memory, too, proves nothing.
 *
 * This is the one place where the CPU looks at peer memory of others: a block once, to
 * see what arrived. Runs in process context, in a few commands each of which ends by the
 * time limit of the block layer; a queue that is frozen is waited for in bounded time.
 */
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci-p2pmem.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "p2pmem-verify.h"

MODULE_IMPORT_NS(NVME_TARGET_PASSTHRU);	/* nvme_put_ns() */

#define NVME_P2PMEM_ROUNDS	8	/* while others write the block */
#define NVME_P2PMEM_LEFT	8	/* random bytes that nobody guesses */
#define NVME_P2PMEM_LBA_SHIFT	16	/* of the largest block that is tested */
#define NVME_P2PMEM_ARRIVAL_MS	50	/* for data behind its completion */

/* What the CPU wrote to peer memory is there before a command is told to fetch it. */
static void nvme_p2pmem_settle(struct nvme_p2pmem_test *t)
{
	mb();	/* written before it is read back, and read before the doorbell */
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

/* Nobody gets to see what was on the drive: the memory goes to somebody else now. */
static void nvme_p2pmem_erase(struct nvme_p2pmem_test *t)
{
	memset_io((void __iomem __force *)t->peer, 0, t->size);
}

/*
 * Whether the block is in peer memory. Its completion is in system memory and may be
 * there first: the two do not go by the same way.
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

/* After nvme_p2pmem_data_arrived(): whether the Read left bytes there that only the test knows */
static bool nvme_p2pmem_fill_remains(struct nvme_p2pmem_test *t)
{
	const u8 *seen = nvme_p2pmem_second_buf(t), *fill = nvme_p2pmem_fill(t);
	unsigned int i, run = 0;

	for (i = 0; i < t->size && run < NVME_P2PMEM_LEFT; i++)
		run = seen[i] == fill[i] ? run + 1 : 0;
	return run == NVME_P2PMEM_LEFT;
}

/*
 * Whether Compare from system memory finds what is equal, and what is not: 1 or 0, or -EAGAIN
 * when the drive did not say.
 */
static int nvme_p2pmem_compare_works(struct nvme_p2pmem_test *t)
{
	u8 *other = nvme_p2pmem_second_buf(t);
	int ret;

	memcpy(other, t->ram, t->size);
	ret = nvme_p2pmem_command(t, nvme_cmd_compare, other);
	if (ret)
		return nvme_p2pmem_is_temporary(ret) ? -EAGAIN : 0;
	other[t->size - 1] ^= 0xff;
	ret = nvme_p2pmem_command(t, nvme_cmd_compare, other);
	if (nvme_p2pmem_is_temporary(ret))
		return -EAGAIN;
	return ret == NVME_SC_COMPARE_FAILED;
}

static int nvme_p2pmem_compare_blame(struct nvme_p2pmem_test *t, int error,
				     unsigned long began)
{
	bool changed;
	int ret, sound;

	if (!error)
		ret = nvme_p2pmem_blame(t, "Compare did not see a byte that was changed", 0);
	else if (error == NVME_SC_COMPARE_FAILED)
		ret = nvme_p2pmem_blame(t, "Compare found other data", 0);
	else
		ret = nvme_p2pmem_failed(t, "Compare from peer memory", error, began);
	/* Of a drive that is lost nothing more is to be learned. */
	if (ret != PCI_P2PMEM_DISPROVED || error == -EINTR || error == -ETIMEDOUT)
		return ret;
	sound = nvme_p2pmem_compare_works(t);
	if (sound > 0)
		return ret;
	if (sound < 0 || !nvme_p2pmem_reread(t, &changed)) {
		strscpy(t->says->note, "the drive does not answer now", PCI_P2PMEM_NOTE);
		return PCI_P2PMEM_UNTRIED;
	}
	if (changed)
		return NVME_P2PMEM_CHANGED;
	t->shown = true;
	t->wrong = 0;	/* of the path */
	strscpy(t->says->note, "the drive's Compare is wrong with system memory, too",
		PCI_P2PMEM_NOTE);
	return PCI_P2PMEM_UNPROVED;
}

/* Compare with peer memory; @differs is what it must find. NVME_P2PMEM_GO_ON when it did. */
static int nvme_p2pmem_compare(struct nvme_p2pmem_test *t, bool differs)
{
	unsigned long began = jiffies;
	int ret = nvme_p2pmem_command(t, nvme_cmd_compare, t->peer);

	if (ret == (differs ? NVME_SC_COMPARE_FAILED : 0))
		return NVME_P2PMEM_GO_ON;
	if (ret == NVME_SC_INVALID_OPCODE) {
		t->shown = true;
		return PCI_P2PMEM_UNPROVED;
	}
	return nvme_p2pmem_compare_blame(t, ret, began);
}

/* One of enum pci_p2pmem_proof, or NVME_P2PMEM_CHANGED */
static int nvme_p2pmem_round(struct nvme_p2pmem_test *t)
{
	unsigned long began;
	bool changed;
	int ret;

	t->says->note[0] = '\0';
	ret = nvme_p2pmem_command(t, nvme_cmd_read, t->ram);
	if (ret && nvme_p2pmem_is_temporary(ret)) {
		strscpy(t->says->note, "the drive's first block cannot be read now",
			PCI_P2PMEM_NOTE);
		return PCI_P2PMEM_UNTRIED;
	}
	if (ret) {
		scnprintf(t->says->note, PCI_P2PMEM_NOTE,
			  "the drive's first block cannot be read: status %#x", ret);
		t->says->local = true;
		return PCI_P2PMEM_UNPROVED;
	}

	nvme_p2pmem_fill_random(t);
	began = jiffies;
	ret = nvme_p2pmem_command(t, nvme_cmd_read, t->peer);
	if (ret)
		return nvme_p2pmem_failed(t, "Read to peer memory", ret, began);
	if (!nvme_p2pmem_data_arrived(t)) {
		if (nvme_p2pmem_fill_remains(t))
			t->wrong = NVME_P2PMEM_WRONG;
		return nvme_p2pmem_blame(t, "Read to peer memory left other data there", 0);
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
		strscpy(t->says->note, "the drive does not answer now", PCI_P2PMEM_NOTE);
		return PCI_P2PMEM_UNTRIED;
	}
	return changed ? NVME_P2PMEM_CHANGED : PCI_P2PMEM_PROVED;
}

static enum pci_p2pmem_proof nvme_p2pmem_rounds(struct nvme_p2pmem_test *t)
{
	int ret = NVME_P2PMEM_CHANGED, i;

	for (i = 0; i < NVME_P2PMEM_ROUNDS; i++) {
		ret = nvme_p2pmem_round(t);
		if (ret == NVME_P2PMEM_CHANGED || ret == NVME_P2PMEM_AGAIN)
			continue;
		/* After a round that was wrong, one that is right is not enough. */
		if ((ret == PCI_P2PMEM_PROVED || (ret == PCI_P2PMEM_UNPROVED && t->shown)) &&
		    ++t->right <= t->wrong)
			continue;
		break;
	}
	if (i == NVME_P2PMEM_ROUNDS)
		ret = NVME_P2PMEM_CHANGED;

	switch (ret) {
	case NVME_P2PMEM_CHANGED:
		/* Of a path on which nothing arrives this is all that is seen, too. */
		strscpy(t->says->note, "somebody keeps writing the drive's first block",
			PCI_P2PMEM_NOTE);
		t->says->local = true;
		return t->shown && !t->wrong ? PCI_P2PMEM_UNPROVED : PCI_P2PMEM_UNTRIED;
	case PCI_P2PMEM_UNPROVED:
		if (!t->says->note[0])
			strscpy(t->says->note,
				"no Compare: only transfers to peer memory were shown",
				PCI_P2PMEM_NOTE);
		if (t->shown)
			dev_info(t->ctrl->device,
				 "transfers to memory of %s were shown to be right, those from there were not: %s\n",
				 pci_name(t->provider), t->says->note);
	}
	return ret;
}

/* With peer memory of the grant, and system memory beside it */
static enum pci_p2pmem_proof nvme_p2pmem_test(struct nvme_p2pmem_test *t,
					      struct pci_p2pmem_grant *grant)
{
	enum pci_p2pmem_proof proof = PCI_P2PMEM_UNTRIED;
	struct scatterlist *sgl;
	unsigned int nents;

	t->ram = kmalloc_array(3, t->size, GFP_KERNEL);
	if (!t->ram) {
		strscpy(t->says->note, "no memory for the test", PCI_P2PMEM_NOTE);
		return PCI_P2PMEM_UNTRIED;
	}
	sgl = pci_p2pmem_grant_sgl_alloc(grant, &nents, t->size, GFP_KERNEL, NULL);
	if (IS_ERR(sgl)) {
		scnprintf(t->says->note, PCI_P2PMEM_NOTE, "no memory of the provider for the test");
		goto free_ram;
	}
	t->provider = pci_p2pmem_grant_provider(grant);
	t->peer = sg_virt(sgl);

	/* Otherwise the block layer would copy, and all would be right for no reason. */
	if (nents == 1 && blk_rq_aligned(t->ns->queue, (unsigned long)t->peer, t->size) &&
	    blk_rq_aligned(t->ns->queue, (unsigned long)t->ram, t->size)) {
		proof = nvme_p2pmem_rounds(t);
		nvme_p2pmem_erase(t);
	} else {
		scnprintf(t->says->note, PCI_P2PMEM_NOTE,
			  "no block is in one run of peer memory now");
	}
	pci_p2pmem_sgl_free(sgl);
free_ram:
	kfree(t->ram);
	return proof;
}

/**
 * nvme_p2pmem_verify() - the verify operation of a drive
 * @client: the registration; its controller stays while this runs
 * @grant: memory to be reached
 * @what: struct block_device of a namespace of this controller, open
 * @test: returns what else there is to tell
 *
 * Context: Process context. A command that is lost takes as long as the block layer's
 * limit for it, and the controller's reset after that.
 * Return: see struct pci_p2pmem_client_ops.
 */
enum pci_p2pmem_proof
nvme_p2pmem_verify(struct pci_p2pmem_client *client, struct pci_p2pmem_grant *grant,
		   void *what, struct pci_p2pmem_test *test)
{
	struct nvme_p2pmem_test t = {
		.ctrl = pci_p2pmem_client_priv(client),
		.says = test,
	};
	struct block_device *bdev = what;
	enum pci_p2pmem_proof proof;

	test->local = true;
	if (!bdev) {
		strscpy(test->note, "nobody said which namespace", PCI_P2PMEM_NOTE);
		return PCI_P2PMEM_UNPROVED;
	}
	t.ns = nvme_p2pmem_find_ns(t.ctrl, bdev->bd_disk);
	if (!t.ns) {
		strscpy(test->note, "the block device is no namespace of this drive",
			PCI_P2PMEM_NOTE);
		return PCI_P2PMEM_UNPROVED;
	}

	t.size = 1U << t.ns->head->lba_shift;
	if (t.ns->head->ms || t.ns->head->lba_shift > NVME_P2PMEM_LBA_SHIFT ||
	    !t.ns->head->lba_shift) {
		strscpy(test->note, "the drive's format has metadata, or blocks that are too large",
			PCI_P2PMEM_NOTE);
		proof = PCI_P2PMEM_UNPROVED;
	} else {
		test->local = false;
		proof = nvme_p2pmem_test(&t, grant);
	}
	nvme_put_ns(t.ns);
	return proof;
}
