// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: self-test of a path between an NVMe drive and peer memory
 *
 * Shows with one logical block that the drive writes where it should and reads from where
 * it should. Nothing on the drive is written: data goes to peer memory by Read and comes
 * from there by Compare, which the drive does itself.
 *
 *   1. The block is read into system memory.
 *   2. Peer memory is filled with its complement, so that no byte is right by chance, and
 *      the block is read into it.
 *   3. Compare from peer memory must find no difference.
 *   4. One byte there is changed: Compare must find it. A drive, or a path, that finds
 *      everything equal would pass the step before.
 *   5. The block is read into system memory once more: it was not its change that was found.
 *
 * Others may write the block meanwhile. Whenever something is not as it should be, the
 * block is read into system memory again, and when it is another one the test begins anew.
 * A drive that cannot read into system memory either says nothing about the path, and one
 * whose Compare is wrong with system memory, too, proves nothing.
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
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "p2pmem.h"

MODULE_IMPORT_NS(NVME_TARGET_PASSTHRU);	/* nvme_put_ns() */

#define NVME_P2PMEM_ROUNDS	8	/* while others write the block */
#define NVME_P2PMEM_LBA_SHIFT	16	/* of the largest block that is tested */
#define NVME_P2PMEM_QUEUE_MS	5000	/* for a queue that takes no commands */
#define NVME_P2PMEM_ARRIVAL_MS	50	/* for data behind its completion */

/* A round without a result, beside enum pci_p2pmem_proof */
#define NVME_P2PMEM_CHANGED	-1
/* A Compare that found what it must; none of enum pci_p2pmem_proof, of which 0 is one */
#define NVME_P2PMEM_AS_IT_MUST	-2

/**
 * struct nvme_p2pmem_test - one test
 * @ctrl: the controller
 * @ns: the namespace, referenced
 * @provider: whose memory it is
 * @peer: that memory, @size bytes
 * @ram: the block in system memory, and room for two more
 * @size: bytes of a logical block
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
	bool shown;
	struct pci_p2pmem_test *says;
};

static u8 *nvme_p2pmem_second(struct nvme_p2pmem_test *t)
{
	return t->ram + t->size;
}

/* The namespace of a controller that a disk is, referenced */
static struct nvme_ns *nvme_p2pmem_find_ns(struct nvme_ctrl *ctrl, struct gendisk *disk)
{
	struct nvme_ns *ns, *found = NULL;
	int idx = srcu_read_lock(&ctrl->srcu);

	list_for_each_entry_srcu(ns, &ctrl->namespaces, list,
				 srcu_read_lock_held(&ctrl->srcu)) {
		if (ns->disk != disk)
			continue;
		if (kref_get_unless_zero(&ns->kref))
			found = ns;
		break;
	}
	srcu_read_unlock(&ctrl->srcu, idx);
	return found;
}

/*
 * A command on block 0. Returns 0, a status of NVMe's, or -errno. A frozen queue would
 * be waited for without end: so it is asked again, for some time.
 */
static int nvme_p2pmem_submit(struct nvme_p2pmem_test *t, u8 opcode, void *data)
{
	struct nvme_command c = {
		.rw.opcode = opcode,
		.rw.nsid = cpu_to_le32(t->ns->head->ns_id),
	};
	int ret, waited;

	for (waited = 0; waited < NVME_P2PMEM_QUEUE_MS; waited += 10) {
		ret = __nvme_submit_sync_cmd(t->ns->queue, &c, NULL, data, t->size,
					     NVME_QID_ANY, NVME_SUBMIT_NOWAIT);
		if (ret != -EAGAIN)
			return ret < 0 ? ret : ret & NVME_SCT_SC_MASK;
		if (fatal_signal_pending(current))
			return -EINTR;
		fsleep(10 * USEC_PER_MSEC);
	}
	return -EBUSY;
}

/* The same, and the payload is counted that it moved to or from peer memory */
static int nvme_p2pmem_command(struct nvme_p2pmem_test *t, u8 opcode, void *data)
{
	int ret = nvme_p2pmem_submit(t, opcode, data);

	if (data == t->peer && (!ret || ret == NVME_SC_COMPARE_FAILED))
		t->says->bytes += t->size;
	return ret;
}

/* What the block has become; false when the drive cannot say */
static bool nvme_p2pmem_reread(struct nvme_p2pmem_test *t, bool *changed)
{
	u8 *again = nvme_p2pmem_second(t);

	if (nvme_p2pmem_command(t, nvme_cmd_read, again))
		return false;
	*changed = memcmp(again, t->ram, t->size);
	return true;
}

/*
 * Something was not as it should be: whose fault is it? A drive that answered until a command
 * with peer memory took all of its time, and does not answer since, has lost itself there.
 */
static int nvme_p2pmem_blame(struct nvme_p2pmem_test *t, const char *what, int error)
{
	bool changed = false;

	if (!nvme_p2pmem_reread(t, &changed) && error != -EINTR && error != -ETIMEDOUT) {
		scnprintf(t->says->note, PCI_P2PMEM_NOTE, "the drive does not answer now");
		return PCI_P2PMEM_UNTRIED;
	}
	if (!error && changed)
		return NVME_P2PMEM_CHANGED;
	if (error < 0)
		scnprintf(t->says->note, PCI_P2PMEM_NOTE, "%s failed: %d", what, error);
	else if (error)
		scnprintf(t->says->note, PCI_P2PMEM_NOTE, "%s failed: status %#x", what, error);
	else
		scnprintf(t->says->note, PCI_P2PMEM_NOTE, "%s", what);
	return PCI_P2PMEM_DISPROVED;
}

/*
 * A command with peer memory failed. One that was cancelled long before its time is up
 * was cancelled by a reset that somebody else wanted.
 */
static int nvme_p2pmem_failed(struct nvme_p2pmem_test *t, const char *what, int error,
			      unsigned long began)
{
	/* It was not mapped: the IOMMU may have been short, the provider may go. */
	if (error == -ENOLINK) {
		scnprintf(t->says->note, PCI_P2PMEM_NOTE, "%s could not be mapped", what);
		return PCI_P2PMEM_UNTRIED;
	}
	if (error == -EBUSY || error == -ENODEV || error == -ENOMEM ||
	    (error == -EINTR && time_before(jiffies, began + NVME_IO_TIMEOUT))) {
		scnprintf(t->says->note, PCI_P2PMEM_NOTE, "the drive is being reset or removed");
		return PCI_P2PMEM_UNTRIED;
	}
	return nvme_p2pmem_blame(t, what, error);
}

/* What the CPU wrote to peer memory is there before a command is told to fetch it. */
static void nvme_p2pmem_settle(struct nvme_p2pmem_test *t)
{
	mb();	/* written before it is read back, and read before the doorbell */
	(void)readb((void __iomem __force *)t->peer);
}

static void nvme_p2pmem_fill_complement(struct nvme_p2pmem_test *t)
{
	u8 *other = nvme_p2pmem_second(t);
	unsigned int i;

	for (i = 0; i < t->size; i++)
		other[i] = ~t->ram[i];
	memcpy_toio((void __iomem __force *)t->peer, other, t->size);
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
static bool nvme_p2pmem_arrived(struct nvme_p2pmem_test *t)
{
	u8 *seen = nvme_p2pmem_second(t);
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

/* Whether a command was not executed, for a reason that passes */
static bool nvme_p2pmem_passes(int ret)
{
	return ret < 0 || (ret & NVME_SCT_MASK) == NVME_SCT_PATH;
}

/*
 * Whether Compare from system memory finds what is equal, and what is not: 1 or 0, or -EAGAIN
 * when the drive did not say.
 */
static int nvme_p2pmem_compares(struct nvme_p2pmem_test *t)
{
	u8 *other = nvme_p2pmem_second(t);
	int ret;

	memcpy(other, t->ram, t->size);
	ret = nvme_p2pmem_command(t, nvme_cmd_compare, other);
	if (ret)
		return nvme_p2pmem_passes(ret) ? -EAGAIN : 0;
	other[t->size - 1] ^= 0xff;
	ret = nvme_p2pmem_command(t, nvme_cmd_compare, other);
	if (nvme_p2pmem_passes(ret))
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
	sound = nvme_p2pmem_compares(t);
	if (sound > 0)
		return ret;
	if (sound < 0 || !nvme_p2pmem_reread(t, &changed)) {
		strscpy(t->says->note, "the drive does not answer now", PCI_P2PMEM_NOTE);
		return PCI_P2PMEM_UNTRIED;
	}
	if (changed)
		return NVME_P2PMEM_CHANGED;
	t->shown = true;
	strscpy(t->says->note, "the drive's Compare is wrong with system memory, too",
		PCI_P2PMEM_NOTE);
	return PCI_P2PMEM_UNPROVED;
}

/* Compare with peer memory; @differs is what it must find. */
static int nvme_p2pmem_compare(struct nvme_p2pmem_test *t, bool differs)
{
	unsigned long began = jiffies;
	int ret = nvme_p2pmem_command(t, nvme_cmd_compare, t->peer);

	if (ret == (differs ? NVME_SC_COMPARE_FAILED : 0))
		return NVME_P2PMEM_AS_IT_MUST;
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
	if (ret && nvme_p2pmem_passes(ret)) {
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

	nvme_p2pmem_fill_complement(t);
	began = jiffies;
	ret = nvme_p2pmem_command(t, nvme_cmd_read, t->peer);
	if (ret)
		return nvme_p2pmem_failed(t, "Read to peer memory", ret, began);
	if (!nvme_p2pmem_arrived(t))
		return nvme_p2pmem_blame(t, "Read to peer memory left other data there", 0);

	if (!(t->ctrl->oncs & NVME_CTRL_ONCS_COMPARE)) {
		t->shown = true;
		return PCI_P2PMEM_UNPROVED;
	}
	ret = nvme_p2pmem_compare(t, false);
	if (ret != NVME_P2PMEM_AS_IT_MUST)
		return ret;
	t->shown = true;
	nvme_p2pmem_change_byte(t);
	ret = nvme_p2pmem_compare(t, true);
	if (ret != NVME_P2PMEM_AS_IT_MUST)
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

	for (i = 0; i < NVME_P2PMEM_ROUNDS && ret == NVME_P2PMEM_CHANGED; i++)
		ret = nvme_p2pmem_round(t);

	switch (ret) {
	case NVME_P2PMEM_CHANGED:
		/* Of a path on which nothing arrives this is all that is seen, too. */
		strscpy(t->says->note, "somebody keeps writing the drive's first block",
			PCI_P2PMEM_NOTE);
		t->says->local = true;
		return t->shown ? PCI_P2PMEM_UNPROVED : PCI_P2PMEM_UNTRIED;
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

	t->ram = kmalloc_array(2, t->size, GFP_KERNEL);
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
