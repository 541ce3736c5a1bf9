// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: Code shared by all files of the adapter
 *
 * Floor 0.
 *
 * The workqueue of queue pairs and connections, and the counts of live objects, which
 * must be zero when the module is unloaded.
 */
#include "rnic.h"

struct workqueue_struct *rnic_wq;
atomic_t rnic_live[RNIC_LIVE_NR];

const char * const rnic_live_names[RNIC_LIVE_NR] = {
	[RNIC_LIVE_ADAPTER]	= "adapters",
	[RNIC_LIVE_PD]		= "pds",
	[RNIC_LIVE_CQ]		= "cqs",
	[RNIC_LIVE_QP]		= "qps",
	[RNIC_LIVE_MR]		= "mrs",
	[RNIC_LIVE_LISTENER]	= "listeners",
	[RNIC_LIVE_CONN]	= "connections",
};

/* Report the objects that are still alive at unload; returns their number. */
unsigned int rnic_live_report(void)
{
	unsigned int total = 0;
	int i, n;

	for (i = 0; i < RNIC_LIVE_NR; i++) {
		n = atomic_read(&rnic_live[i]);
		if (!n)
			continue;
		total += abs(n);
		pr_err(RNIC_NAME ": leak: %d %s still exist at unload\n", n, rnic_live_names[i]);
	}
	return total;
}
