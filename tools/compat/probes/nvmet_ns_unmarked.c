// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: namespaces of nvmet that their subsystem has only while they are enabled
 * Since: 4.8, until 6.14
 * Instead: rewrite/nvmet_ns_unmarked.sed reads the mark of those that are.
 * Tree: drivers/nvme/target/nvmet.h !NVMET_NS_ENABLED
 * Remedy: None is needed.
 */

#include "drivers/nvme/target/nvmet.h"

#ifdef NVMET_NS_ENABLED
#error "all namespaces are in the list"
#endif
