// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: queues of nvmet that do not know each other
 * Since: 4.8, until 6.16
 * Instead: rewrite/nvmet_sq_alone.sed counts the references of a suite.
 * Tree: drivers/nvme/target/nvmet.h ^int nvmet_sq_init[(]struct nvmet_sq [*]sq[)]
 * Remedy: None is needed.
 */

#include "drivers/nvme/target/nvmet.h"

static __maybe_unused int p2pmem_probe(struct nvmet_sq *sq)
{
	return nvmet_sq_init(sq);
}
