// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: self-test of a path between an NVMe drive and peer memory: commands
 *
 * Submits the commands of the self-test, and decides whether a failure is due to the path,
 * to the drive, to somebody else, or to none of them. Runs in process context; the wait for
 * a frozen queue is bounded. See p2pmem-verify.c.
 */
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/pci-p2pmem.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/xarray.h>

#include "p2pmem-verify.h"

#define NVME_P2PMEM_REREADS	3	/* of a block that must not have changed */
#define NVME_P2PMEM_QUEUE_MS	5000	/* timeout for a frozen queue */
#define NVME_P2PMEM_READY_MS	5000	/* timeout for a namespace after a reset */
#define NVME_P2PMEM_RESET_MS	30000	/* timeout for a reset after a lost command */

/**
 * nvme_p2pmem_find_ns() - find the namespace of a disk
 * @ctrl: the controller to search
 * @disk: the disk
 *
 * Context: Any.
 * Return: the namespace with a reference, or NULL if @disk does not belong to @ctrl.
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
 * Submit a command for block 0. Returns 0, an NVMe status, or -errno. The block layer would
 * wait for a frozen queue without a limit: use NOWAIT and retry for a limited time.
 */
static int nvme_p2pmem_submit(struct nvme_p2pmem_test *t, u8 opcode, void *data)
{
	struct nvme_command c = {
		.rw.opcode = opcode,
		.rw.nsid = cpu_to_le32(t->ns->head->ns_id),
	};
	int ret, waited;

	for (waited = 0; waited < NVME_P2PMEM_QUEUE_MS; waited += 10) {
		t->began = jiffies;
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
 * nvme_p2pmem_command() - execute a command for block 0
 * @t: the test, which counts the payload to and from peer memory
 * @opcode: Read or Compare
 * @data: one of the test's buffers
 *
 * Context: Process, may sleep.
 * Return: 0, an NVMe status, or -errno.
 */
int nvme_p2pmem_command(struct nvme_p2pmem_test *t, u8 opcode, void *data)
{
	int ret = nvme_p2pmem_submit(t, opcode, data);

	if (data == t->peer && (!ret || ret == NVME_SC_COMPARE_FAILED))
		t->says->bytes += t->size;
	return ret;
}

/*
 * A reset after a lost command may take longer than nvme_p2pmem_submit() waits for its queue:
 * CAP.TO, in units of 500 ms, for each of disabling and enabling (NVMe Base Specification,
 * "Controller Capabilities"). A provider that is leaving waits for the test's memory: then
 * it gets no more than NVME_P2PMEM_RESET_MS.
 */
static void nvme_p2pmem_await_reset(struct nvme_p2pmem_test *t)
{
	int most = NVME_P2PMEM_RESET_MS + 2 * 500 * (NVME_CAP_TIMEOUT(t->ctrl->cap) + 1);
	enum nvme_ctrl_state state;
	int waited;

	for (waited = 0; waited < most; waited += 10) {
		if (waited >= NVME_P2PMEM_RESET_MS && !pci_p2pmem_grant_usable(t->grant))
			return;
		state = nvme_ctrl_state(t->ctrl);
		if ((state != NVME_CTRL_RESETTING && state != NVME_CTRL_CONNECTING) ||
		    fatal_signal_pending(current))
			return;
		fsleep(10 * USEC_PER_MSEC);
	}
}

/**
 * nvme_p2pmem_reread() - read the block into system memory again
 * @t: the test
 * @changed: returns whether it differs from the copy in @t->ram
 *
 * Context: Process, may sleep; waits for the end of a reset, and until the namespace is ready.
 * Return: false if the drive cannot read it.
 */
bool nvme_p2pmem_reread(struct nvme_p2pmem_test *t, bool *changed)
{
	u8 *again = nvme_p2pmem_second_buf(t);
	int ret, waited;

	nvme_p2pmem_await_reset(t);
	for (waited = 0; waited < NVME_P2PMEM_READY_MS; waited += 100) {
		ret = nvme_p2pmem_command(t, nvme_cmd_read, again);
		if (ret != NVME_SC_NS_NOT_READY || fatal_signal_pending(current))
			break;
		fsleep(100 * USEC_PER_MSEC);
	}
	if (ret)
		return false;
	*changed = memcmp(again, t->ram, t->size);
	return true;
}

/*
 * Check whether the block changed. Somebody who alternates between two contents would have
 * to hit every one of several reads, at random intervals, to stay undetected.
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
 * nvme_p2pmem_blame() - decide whether the path is the cause of a failure
 * @t: the test
 * @what: text for the note
 * @error: error of the command with peer memory, 0 if it succeeded with wrong data
 *
 * A drive that does not respond afterwards, with system memory, has failed itself. One that does
 * respond may have stalled for a while, or its medium may have failed: a failure has to be found
 * NVME_P2PMEM_WRONG times. This also limits the resets of the drive by a path that loses commands.
 *
 * Context: Process, may sleep.
 * Return: PCI_P2PMEM_DISPROVED if it is the path, PCI_P2PMEM_UNTRIED if the drive does not
 * respond, NVME_P2PMEM_CHANGED if the block changed, or NVME_P2PMEM_AGAIN if another round
 * is needed.
 */
int nvme_p2pmem_blame(struct nvme_p2pmem_test *t, const char *what, int error)
{
	bool changed = false, answers;

	answers = error ? nvme_p2pmem_reread(t, &changed) : nvme_p2pmem_reread_often(t, &changed);
	if (!answers) {
		strscpy(t->says->note, "the drive is not responding", PCI_P2PMEM_NOTE);
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
	if (++t->wrong < NVME_P2PMEM_WRONG)
		return NVME_P2PMEM_AGAIN;
	return PCI_P2PMEM_DISPROVED;
}

/*
 * True if the command was not executed for a reason that does not depend on the location of
 * its data: the drive or the path to it is busy, or another host has reserved the drive.
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

/* The same for an errno, except for those that a lost command can have */
static bool nvme_p2pmem_temporary_errno(int error)
{
	switch (error) {
	case -EBUSY:
	case -EAGAIN:
	case -ENODEV:
	case -ENOMEM:
	case -ENOLINK:		/* the data could not be mapped: nvme_p2pmem_map_status() */
	case -EREMOTEIO:	/* the data may not be mapped any more: likewise */
		return true;
	}
	return false;
}

/**
 * nvme_p2pmem_is_lost() - check whether a failed command did not end in time
 * @t: the test
 * @error: NVMe status or -errno of the last command
 *
 * The driver aborts such a command, then resets the drive. A command that ended before its timeout
 * was aborted, or cancelled by a reset, for another cause.
 *
 * Context: Any.
 * Return: true if the timeout of the command has expired.
 */
bool nvme_p2pmem_is_lost(struct nvme_p2pmem_test *t, int error)
{
	if (error != -EINTR && error != NVME_SC_ABORT_REQ)
		return error == -ETIMEDOUT;
	return time_after_eq(jiffies, t->began + NVME_IO_TIMEOUT);
}

static unsigned long nvme_p2pmem_nr_lost(struct nvme_p2pmem_test *t)
{
	/* Of no entry, 0 */
	return xa_to_value(xa_load(&t->drive->lost, nvme_p2pmem_provider_index(t)));
}

/**
 * nvme_p2pmem_lost_before() - check whether earlier tests lost enough commands to disprove the path
 * @t: the test
 *
 * Context: Process.
 * Return: true if they did, and the note says so.
 */
bool nvme_p2pmem_lost_before(struct nvme_p2pmem_test *t)
{
	unsigned long nr = nvme_p2pmem_nr_lost(t);

	if (nr < NVME_P2PMEM_WRONG)
		return false;
	scnprintf(t->says->note, PCI_P2PMEM_NOTE, "%lu commands were lost, each with a reset", nr);
	return true;
}

/**
 * nvme_p2pmem_failed() - evaluate the failure of a command with peer memory
 * @t: the test
 * @what: text for the note
 * @error: NVMe status or -errno of the last command
 *
 * A command that was cancelled or aborted for another cause than its timeout, one that was not
 * executed, and one whose data could not be mapped give no result.
 *
 * Context: Process, may sleep.
 * Return: PCI_P2PMEM_UNTRIED, or the result of nvme_p2pmem_blame().
 */
int nvme_p2pmem_failed(struct nvme_p2pmem_test *t, const char *what, int error)
{
	bool lost = nvme_p2pmem_is_lost(t, error);
	int ret;

	if (!lost &&
	    (nvme_p2pmem_temporary_errno(error) || error == -EINTR ||
	     (error > 0 && nvme_p2pmem_temporary_status(error)))) {
		scnprintf(t->says->note, PCI_P2PMEM_NOTE, "%s: not executed (%d), will retry",
			  what, error);
		return PCI_P2PMEM_UNTRIED;
	}
	ret = nvme_p2pmem_blame(t, what, error);
	if (lost && ret != PCI_P2PMEM_UNTRIED) {
		/* Without memory for it the count stays as it is. */
		xa_store(&t->drive->lost, nvme_p2pmem_provider_index(t),
			 xa_mk_value(nvme_p2pmem_nr_lost(t) + 1), GFP_KERNEL);
	}
	return ret;
}

/**
 * nvme_p2pmem_is_temporary() - check whether a failed command may succeed later
 * @ret: return value of nvme_p2pmem_command() for a command with system memory
 *
 * Context: Any.
 * Return: true if the command was not executed for a temporary reason.
 */
bool nvme_p2pmem_is_temporary(int ret)
{
	return ret < 0 || nvme_p2pmem_temporary_status(ret);
}
