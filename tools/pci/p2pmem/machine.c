// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: one model of a machine
 *
 * Floor 6.
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
	m->kept_missing = m->nr_missing;
	m->missing_kept = m->missing;
	m->kept_broken = m->nr_broken;
	m->broken_kept = m->broken;
	read_lent(m);
	read_kernel(m);
	read_nvmet(m);
	return m;
}

void machine_refresh(struct machine *m)
{
	unsigned int i;

	if (m->fixed)
		arena_free(m->arena);
	else
		m->fixed = m->arena;
	m->arena = arena_new();
	for (i = 0; i < m->nr; i++)
		m->function[i]->provider = NULL;
	m->nr_providers = m->room_providers = 0;
	m->provider = NULL;
	m->nr_pairs = m->room_pairs = 0;
	m->pair = NULL;
	m->nr_namespaces = m->room_namespaces = 0;
	m->ns = NULL;
	/* no room: what is added goes into a copy */
	m->nr_missing = m->room_missing = m->kept_missing;
	m->missing = m->missing_kept;
	m->nr_broken = m->room_broken = m->kept_broken;
	m->broken = m->broken_kept;
	read_lent(m);
	read_kernel(m);
	read_nvmet(m);
}

void machine_free(struct machine *m)
{
	struct arena *fixed = m ? m->fixed : NULL;

	if (!m)
		return;
	arena_free(m->arena);
	arena_free(fixed);
}
