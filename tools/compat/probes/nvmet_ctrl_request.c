// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: controllers of nvmet that are made from a request
 * Since: 4.8, until 6.14
 * Instead: rewrite/nvmet_ctrl_request.sed is given the client.
 * Tree: drivers/nvme/target/nvmet.h ^u16 nvmet_alloc_ctrl[(]
 * Remedy: None is needed.
 */

#include "drivers/nvme/target/nvmet.h"

static __maybe_unused u16 p2pmem_probe(const char *nqn, struct nvmet_req *req,
				       struct nvmet_ctrl **ctrl)
{
	return nvmet_alloc_ctrl(nqn, nqn, req, 0, ctrl);
}
