// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: the ANA states of a port of nvmet beside it
 * Since: 4.19, until 7.0
 * Instead: rewrite/nvmet_ana_pointer.sed leaves them in it.
 * Tree: drivers/nvme/target/nvmet.h enum nvme_ana_state[[:space:]]+[*]ana_state;
 * Remedy: None is needed.
 */

#include "drivers/nvme/target/nvmet.h"

static __maybe_unused void p2pmem_probe(struct nvmet_port *port, enum nvme_ana_state *states)
{
	port->ana_state = states;
}
