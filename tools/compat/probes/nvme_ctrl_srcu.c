// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: namespaces of a controller under SRCU
 * Since: 6.11
 * Instead: rewrite/nvme_ctrl_srcu.cocci takes the semaphore.
 * Remedy: None is needed.
 */

#include "drivers/nvme/host/nvme.h"

static int __maybe_unused p2pmem_probe(struct nvme_ctrl *ctrl)
{
	return srcu_read_lock(&ctrl->srcu);
}
