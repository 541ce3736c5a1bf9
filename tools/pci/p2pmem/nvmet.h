/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: what changes namespaces of the NVMe target
 */
#ifndef _P2PMEM_NVMET_H
#define _P2PMEM_NVMET_H

#include <signal.h>

#include "command.h"

#define NVMET_FILE	"/etc/nvmet/p2pmem.json"
#define NVMET_VERSION	1	/* of what is saved */

/* The attributes */
enum {
	P2PMEM,
	PREFER,
	VERIFY,
	NVMET_KEYS,
};

/* Their names in a saved file, and in configfs */
extern const char * const nvmet_keys[NVMET_KEYS];
extern const char * const nvmet_files[NVMET_KEYS];
/* As the namespace has it; NULL where this kernel lacks the attribute */
const char *nvmet_value(const struct nvmet_namespace *ns, unsigned int key);

/* The first write of several that failed; @error is a negative errno, 0 if none did */
struct refusal {
	const char *file;
	const char *value;
	int error;
};

/* 0, or a negative errno, which is kept in @refusal unless an earlier one is */
int nvmet_write(const struct nvmet_namespace *ns, const char *file, const char *value,
		struct refusal *refusal);
void nvmet_say_refusal(const struct nvmet_namespace *ns, const struct refusal *refusal);
/*
 * Between these two no signal ends the process, which would leave a namespace disabled. Nothing is
 * said between them, or under the lock: standard error may be a pipe that nobody reads.
 */
void nvmet_hold_signals(sigset_t *mask);
void nvmet_deliver_signals(const sigset_t *mask);
#define NVMET_LOCK_SECONDS	30
/*
 * Keeps other calls of the command from changing any namespace until the descriptor is closed, and
 * reads this one again. A negative errno if it is gone, or the lock is held for longer than the
 * seconds in @left, from which the wait is subtracted: one line says so.
 */
int nvmet_lock(struct context *c, struct nvmet_namespace *ns, double *left);
/* Why the namespace may not be disabled for a moment, and @remedy, in a line; NULL if it may */
const char *nvmet_obstacle(struct context *c, const struct nvmet_namespace *ns, bool force,
			   const char *remedy);

int nvmet_set(struct context *c, const struct options *o, const char *nqn, const char *nsid,
	      const char *value);
int nvmet_save(struct context *c, const char *path);
int nvmet_restore(struct context *c, const struct options *o, const char *path);

#endif /* _P2PMEM_NVMET_H */
