// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: a mark of a controller whose I/O queues are quiesced
 * Since: 6.2
 * Instead: adapt.h has a mark that is never set.
 * Remedy: None: a reset of a drive whose firmware activation has timed out waits for its CMB.
 */

#include "drivers/nvme/host/nvme.h"

static bool __maybe_unused p2pmem_probe(struct nvme_ctrl *ctrl)
{
	return test_bit(NVME_CTRL_STOPPED, &ctrl->flags);
}
