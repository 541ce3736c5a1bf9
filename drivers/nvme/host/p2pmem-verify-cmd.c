// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: self-test of a path between an NVMe drive and peer memory: commands
 *
 * Sends a command of the test and says what its failure means: the path's fault, the
 * drive's, somebody else's, or nobody's. Runs in process context; a queue that is frozen is
 * waited for in bounded time. See p2pmem-verify.c.
 */
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/pci-p2pmem.h>
#include <linux/random.h>
#include <linux/sched/signal.h>

#include "p2pmem-verify.h"

#define NVME_P2PMEM_REREADS	3	/* of the block that must not have changed */
#define NVME_P2PMEM_QUEUE_MS	5000	/* for a queue that takes no commands */

/**
 * nvme_p2pmem_find_ns() - the namespace of a controller that a disk is
 * @ctrl: the controller
 * @disk: the disk
 *
 * Context: Any.
 * Return: the namespace, referenced, or NULL.
 */
struct nvme_ns *nvme_p2pmem_find_ns(struct nvme_ctrl *ctrl, struct gendisk *disk)
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

/**
 * nvme_p2pmem_command() - a command on block 0
 * @t: the test; counts payload that moved to or from peer memory
 * @opcode: Read or Compare
 * @data: memory of the test, a block
 *
 * Context: Process context, may sleep.
 * Return: 0, a status of NVMe's, or -errno.
 */
int nvme_p2pmem_command(struct nvme_p2pmem_test *t, u8 opcode, void *data)
{
	int ret = nvme_p2pmem_submit(t, opcode, data);

	if (data == t->peer && (!ret || ret == NVME_SC_COMPARE_FAILED))
		t->says->bytes += t->size;
	return ret;
}

/**
 * nvme_p2pmem_reread() - read the block into system memory again
 * @t: the test
 * @changed: returns whether it is another one than in @t->ram
 *
 * Context: Process context, may sleep.
 * Return: false when the drive cannot say.
 */
bool nvme_p2pmem_reread(struct nvme_p2pmem_test *t, bool *changed)
{
	u8 *again = nvme_p2pmem_second_buf(t);

	if (nvme_p2pmem_command(t, nvme_cmd_read, again))
		return false;
	*changed = memcmp(again, t->ram, t->size);
	return true;
}

/*
 * Whether the block is another one now. Looked at several times: who changes it to and fro
 * would have to hit each of them.
 */
static bool nvme_p2pmem_reread_often(struct nvme_p2pmem_test *t, bool *changed)
{
	int i;

	*changed = false;
	for (i = 0; i < NVME_P2PMEM_REREADS && !*changed; i++) {
		if (i)
			fsleep(get_random_u32_below(USEC_PER_MSEC));
		if (!nvme_p2pmem_reread(t, changed))
			return false;
	}
	return true;
}

/**
 * nvme_p2pmem_blame() - decide whose fault it is when something is not as it should be
 * @t: the test
 * @what: words for the note
 * @error: of the command with peer memory, 0 when it succeeded with wrong data
 *
 * A drive that answered until a command with peer memory took all of its time, and does not
 * answer since, has lost itself there.
 *
 * Context: Process context, may sleep.
 * Return: PCI_P2PMEM_DISPROVED, PCI_P2PMEM_UNTRIED, NVME_P2PMEM_CHANGED or
 * NVME_P2PMEM_AGAIN.
 */
int nvme_p2pmem_blame(struct nvme_p2pmem_test *t, const char *what, int error)
{
	bool changed = false, answers;

	answers = error ? nvme_p2pmem_reread(t, &changed) : nvme_p2pmem_reread_often(t, &changed);
	if (!answers && error != -EINTR && error != -ETIMEDOUT) {
		scnprintf(t->says->note, PCI_P2PMEM_NOTE, "the drive does not answer now");
		return PCI_P2PMEM_UNTRIED;
	}
	if (!error && changed && t->wrong < NVME_P2PMEM_WRONG)
		return NVME_P2PMEM_CHANGED;
	if (error < 0)
		scnprintf(t->says->note, PCI_P2PMEM_NOTE, "%s failed: %d", what, error);
	else if (error)
		scnprintf(t->says->note, PCI_P2PMEM_NOTE, "%s failed: status %#x", what, error);
	else
		scnprintf(t->says->note, PCI_P2PMEM_NOTE, "%s", what);
	if (!error && ++t->wrong < NVME_P2PMEM_WRONG)
		return NVME_P2PMEM_AGAIN;
	return PCI_P2PMEM_DISPROVED;
}

/*
 * Whether a command was not executed, for a reason that says nothing of where its data is:
 * the drive or the way to it is busy with something else, or another host reserved it.
 */
static bool nvme_p2pmem_temporary_status(int status)
{
	switch (status) {
	case NVME_SC_POWER_LOSS:
	case NVME_SC_ABORT_REQ:
	case NVME_SC_ABORT_QUEUE:
	case NVME_SC_SANITIZE_FAILED:
	case NVME_SC_SANITIZE_IN_PROGRESS:
	case NVME_SC_CMD_INTERRUPTED:
	case NVME_SC_ADMIN_COMMAND_MEDIA_NOT_READY:
	case NVME_SC_NS_NOT_READY:
	case NVME_SC_RESERVATION_CONFLICT:
	case NVME_SC_FORMAT_IN_PROGRESS:
		return true;
	}
	return (status & NVME_SCT_MASK) == NVME_SCT_PATH;
}

/* The same for an errno, without those that a lost command has, too */
static bool nvme_p2pmem_temporary_errno(int error)
{
	switch (error) {
	case -EBUSY:
	case -EAGAIN:
	case -ENODEV:
	case -ENOMEM:
	case -ENOLINK:		/* the data could not be mapped: nvme_p2pmem_map_status() */
	case -EREMOTEIO:	/* it may not be mapped any more: ditto */
		return true;
	}
	return false;
}

/**
 * nvme_p2pmem_failed() - a command with peer memory failed
 * @t: the test
 * @what: words for the note
 * @error: status or -errno
 * @began: jiffies before the command
 *
 * One that was cancelled long before its time was up was cancelled by a reset that somebody
 * else wanted. One that was not executed, or that could not be mapped, has shown nothing.
 *
 * Context: Process context, may sleep.
 * Return: as nvme_p2pmem_blame().
 */
int nvme_p2pmem_failed(struct nvme_p2pmem_test *t, const char *what, int error,
		       unsigned long began)
{
	if (nvme_p2pmem_temporary_errno(error) || (error > 0 && nvme_p2pmem_temporary_status(error)) ||
	    (error == -EINTR && time_before(jiffies, began + NVME_IO_TIMEOUT))) {
		scnprintf(t->says->note, PCI_P2PMEM_NOTE, "%s: not executed, tried again (%d)",
			  what, error);
		return PCI_P2PMEM_UNTRIED;
	}
	return nvme_p2pmem_blame(t, what, error);
}

/**
 * nvme_p2pmem_is_temporary() - whether a command with system memory was not executed
 * @ret: what nvme_p2pmem_command() returned
 *
 * Context: Any.
 * Return: true when the reason passes by itself.
 */
bool nvme_p2pmem_is_temporary(int ret)
{
	return ret < 0 || nvme_p2pmem_temporary_status(ret);
}
