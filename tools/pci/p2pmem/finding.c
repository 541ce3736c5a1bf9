// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: what p2pmem check has found
 *
 * Floor 8.
 */
#include "check.h"

void found(struct check *k, enum severity severity, const char *id, const char *remedy,
	   const char *format, ...)
{
	struct arena *a = k->c->m->arena;
	char buf[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(buf, sizeof(buf), format, args);
	va_end(args);
	arena_room(a, k->finding, k->nr, k->room);
	k->finding[k->nr] = (struct finding){
		.severity = severity,
		.id = id,
		.text = printable_utf8(arena_strdup(a, buf)),
		.remedy = remedy,
		.order = k->nr,
	};
	k->nr++;
}

bool client_matters(const struct function *f)
{
	return f->role == ROLE_DRIVE || f->role == ROLE_RDMA || f->role == ROLE_GPU ||
	       f->role == ROLE_ACCELERATOR;
}
