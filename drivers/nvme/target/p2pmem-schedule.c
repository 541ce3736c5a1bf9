// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: when paths are re-evaluated
 *
 * Floor 0.
 *
 * One work item re-evaluates the paths of all namespaces, or of those whose records are due.
 * Every file of nvmet may schedule it, so this file calls none of them: its worker, in
 * p2pmem-rescan.c, is set at initialisation.
 */
#include <kunit/visibility.h>
#include <linux/module.h>
#include "p2pmem-priv.h"

static struct work_struct nvmet_p2pmem_rescan_work;

/* Re-evaluate the paths of all namespaces; if 0, only of those whose record is due */
static int nvmet_p2pmem_rescan_all;

static void nvmet_p2pmem_rescan_due(struct timer_list *timer)
{
	nvmet_p2pmem_rescan(0);
}

VISIBLE_IF_KUNIT DEFINE_TIMER(nvmet_p2pmem_rescan_timer, nvmet_p2pmem_rescan_due);

static void nvmet_p2pmem_retry_due(struct timer_list *timer)
{
	queue_work(system_unbound_wq, &nvmet_p2pmem_rescan_work);
}

static DEFINE_TIMER(nvmet_p2pmem_retry_timer, nvmet_p2pmem_retry_due);

/**
 * nvmet_p2pmem_rescan() - schedule the re-evaluation of all paths
 * @delay: jiffies from now; a re-evaluation that is scheduled earlier stays scheduled
 *
 * Context: Any.
 */
void nvmet_p2pmem_rescan(unsigned long delay)
{
	if (delay) {
		timer_reduce(&nvmet_p2pmem_rescan_timer, jiffies + delay);
		return;
	}
	/* queue_work() is a full barrier, even if the work is queued already. */
	WRITE_ONCE(nvmet_p2pmem_rescan_all, 1);
	queue_work(system_unbound_wq, &nvmet_p2pmem_rescan_work);
}

/**
 * nvmet_p2pmem_rescan_one() - schedule the re-evaluation of a namespace's paths
 * @rec: record of the namespace
 *
 * An event of one namespace must not re-evaluate all of them: a thousand namespaces that are
 * enabled one by one would cost a million evaluations.
 *
 * Context: Any; the caller keeps the namespace from being freed.
 */
void nvmet_p2pmem_rescan_one(struct nvmet_p2pmem_ns *rec)
{
	WRITE_ONCE(rec->due, 1);
	queue_work(system_unbound_wq, &nvmet_p2pmem_rescan_work);
}

/**
 * nvmet_p2pmem_rescan_due_later() - schedule a run of the work for records that are due
 * @delay: jiffies from now, not 0; a run that is scheduled earlier stays scheduled
 *
 * Context: Any; the caller has marked the records.
 */
void nvmet_p2pmem_rescan_due_later(unsigned long delay)
{
	timer_reduce(&nvmet_p2pmem_retry_timer, jiffies + delay);
}

/**
 * nvmet_p2pmem_rescan_wants_all() - whether this run of the work re-evaluates all paths
 *
 * Context: The work, once for each run: resets the request.
 * Return: true for all paths, false for those of records that are due.
 */
bool nvmet_p2pmem_rescan_wants_all(void)
{
	return xchg(&nvmet_p2pmem_rescan_all, 0);
}

/**
 * nvmet_p2pmem_schedule_init() - set the worker
 * @worker: re-evaluates the paths
 *
 * Context: Module init, before anything schedules the work.
 */
void nvmet_p2pmem_schedule_init(work_func_t worker)
{
	INIT_WORK(&nvmet_p2pmem_rescan_work, worker);
}

/**
 * nvmet_p2pmem_schedule_exit() - wait for the work, and let it run no more
 *
 * Context: Module exit: nothing but the timers and the work itself schedules the work.
 */
void nvmet_p2pmem_schedule_exit(void)
{
	/* The work sets timers, and timers queue the work: shut down the timers first. */
	timer_shutdown_sync(&nvmet_p2pmem_rescan_timer);
	timer_shutdown_sync(&nvmet_p2pmem_retry_timer);
	cancel_work_sync(&nvmet_p2pmem_rescan_work);
}
