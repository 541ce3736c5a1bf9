// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: __nvme_submit_sync_cmd() with flags of its own
 * Since: 6.8
 * Instead: rewrite/nvme_submit_flags.sed passes those of the block layer.
 * Remedy: None is needed.
 */

#include "drivers/nvme/host/nvme.h"

static int __maybe_unused p2pmem_probe(struct request_queue *q, struct nvme_command *c)
{
	return __nvme_submit_sync_cmd(q, c, NULL, NULL, 0, NVME_QID_ANY, NVME_SUBMIT_NOWAIT);
}
