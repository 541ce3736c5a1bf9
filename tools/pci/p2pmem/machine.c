// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: one model of a machine
 *
 * Floor 5.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

struct machine *machine_read(struct tree *t)
{
	struct arena *arena = arena_new();
	struct machine *m = arena_alloc(arena, sizeof(*m));

	m->arena = arena;
	m->tree = t;
	read_host(m);
	read_functions(m);
	read_names(m);
	read_lent(m);
	read_kernel(m);
	read_nvmet(m);
	return m;
}

void machine_refresh(struct machine *m)
{
	unsigned int i;

	for (i = 0; i < m->nr; i++)
		m->function[i]->provider = NULL;
	m->nr_providers = 0;
	m->nr_pairs = 0;
	m->nr_namespaces = 0;
	m->nr_missing = 0;
	read_lent(m);
	read_kernel(m);
	read_nvmet(m);
}

void machine_free(struct machine *m)
{
	if (m)
		arena_free(m->arena);
}
