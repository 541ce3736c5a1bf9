/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: what changes namespaces of the NVMe target
 */
#ifndef _P2PMEM_NVMET_H
#define _P2PMEM_NVMET_H

#include "command.h"

#define NVMET_FILE	"/etc/nvmet/p2pmem.json"

int nvmet_set(struct context *c, const struct options *o, const char *nqn, const char *nsid,
	      const char *value);
int nvmet_save(struct context *c, const char *path);
int nvmet_restore(struct context *c, const struct options *o, const char *path);

#endif /* _P2PMEM_NVMET_H */
