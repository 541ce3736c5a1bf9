// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: small questions about the model of a machine
 *
 * Floor 3.
 */
#include <errno.h>
#include <string.h>

#include "machine.h"

void machine_missing(struct machine *m, const char *path, int error, const char *what)
{
	unsigned int i;

	for (i = 0; i < m->nr_missing; i++)
		if (!strcmp(m->missing[i].what, what))
			return;
	arena_room(m->arena, m->missing, m->nr_missing, m->room_missing);
	m->missing[m->nr_missing++] = (struct missing){
		.what = what,
		.path = printable(arena_strdup(m->arena, path)),
		.error = error,
	};
}

void machine_broken(struct machine *m, const char *path, const char *what)
{
	arena_room(m->arena, m->broken, m->nr_broken, m->room_broken);
	m->broken[m->nr_broken++] = (struct broken){
		.path = printable(arena_strdup(m->arena, path)),
		.what = what,
	};
}

int name_order(const char *a, const char *b)
{
	size_t one = strlen(a), two = strlen(b);

	/* Only digits of the domain make a name longer. */
	if (one != two)
		return one < two ? -1 : 1;
	return strcmp(a, b);
}

struct function *machine_at(const struct machine *m, const char *name)
{
	unsigned int low = 0, high = m->nr, mid;
	int order;

	/* in the order of their names once all are read; looked through before */
	while (low < high) {
		mid = (low + high) / 2;
		order = name_order(name, m->function[mid]->name);
		if (!order)
			return m->function[mid];
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

bool names_have(const struct names *n, const char *name)
{
	unsigned int i;

	for (i = 0; i < n->nr; i++)
		if (!strcmp(n->name[i], name))
			return true;
	return false;
}

void names_add(struct machine *m, struct names *n, const char *name)
{
	if (names_have(n, name))
		return;
	arena_room(m->arena, n->name, n->nr, n->room);
	n->name[n->nr++] = printable(arena_strdup(m->arena, name));
}

bool function_is_end(const struct function *f)
{
	return !f->bridge;
}

bool function_is_client(const struct function *f)
{
	switch (f->role) {
	case ROLE_DRIVE:
	case ROLE_RDMA:
	case ROLE_NET:
	case ROLE_GPU:
	case ROLE_ACCELERATOR:
	case ROLE_STORAGE:
		return true;
	default:
		return false;
	}
}

const char *role_name(enum role role)
{
	static const char * const names[] = {
		[ROLE_OTHER] = "other",
		[ROLE_BRIDGE] = "bridge",
		[ROLE_DRIVE] = "drive",
		[ROLE_RDMA] = "rdma",
		[ROLE_NET] = "network",
		[ROLE_GPU] = "gpu",
		[ROLE_ACCELERATOR] = "accelerator",
		[ROLE_MEMORY] = "memory",
		[ROLE_STORAGE] = "storage",
	};

	return names[role];
}

const char *function_alias(const struct function *f)
{
	if (f->nvme.nr)
		return f->nvme.name[0];
	if (f->rdma.nr)
		return f->rdma.name[0];
	if (f->nets.nr)
		return f->nets.name[0];
	if (f->blocks.nr)
		return f->blocks.name[0];
	/* The domain is said where it is another one. */
	return f->domain ? f->name : strchr(f->name, ':') + 1;
}

struct bar *function_memory_bar(struct function *f, int *number)
{
	struct bar *best = NULL;
	int i;

	for (i = 0; i < NR_BARS; i++) {
		if (!f->bar[i].memory || !f->bar[i].size ||
		    (best && best->size >= f->bar[i].size))
			continue;
		best = &f->bar[i];
		*number = i;
	}
	return best;
}

bool function_lacks_address(struct function *f, int *number)
{
	struct bar *bar = function_memory_bar(f, number);
	uint64_t most = bar ? bar->size : 0;
	bool lacks = false;
	int i;

	for (i = 0; i < NR_BARS; i++) {
		if (f->bar[i].unset <= most)
			continue;
		most = f->bar[i].unset;
		*number = i;
		lacks = true;
	}
	return lacks && !f->provider;
}

bool function_cmb(const struct function *f, int *bar, uint64_t *offset, uint64_t *size)
{
	/* Units: 4 KiB, 64 KiB, ... 64 GiB */
	unsigned int unit = 12 + 4 * (f->cmbsz >> 8 & 15);

	*bar = f->cmbloc & 7;
	if (!f->cmb_known || !f->cmbsz || *bar >= NR_BARS || unit > 36)
		return false;
	*offset = (uint64_t)(f->cmbloc >> 12) << unit;
	*size = (uint64_t)(f->cmbsz >> 12) << unit;
	return true;
}

bool machine_booted_with(const struct machine *m, const char *option)
{
	const char *word = m->cmdline, *at;
	size_t len, n;

	if (!word || !starts_with(option, "pci="))
		return false;
	option += strlen("pci=");
	n = strlen(option);
	for (; *word; word += strspn(word, " ")) {
		at = starts_with(word, "pci=") ? word + strlen("pci=") : NULL;
		word += strcspn(word, " ");
		for (; at && at < word; at += len + 1) {
			len = strcspn(at, ", ");
			/* the value of realloc= */
			if (!strncmp(at, option, n) &&
			    (len == n || (len == n + 3 && !strncmp(at + n, "=on", 3))))
				return true;
		}
	}
	return false;
}
