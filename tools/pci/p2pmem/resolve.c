// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: which function a name means, and lists of functions
 *
 * Floor 8.
 */
#include <string.h>

#include "command.h"

/* An address, whose domain is optional where it is 0 */
static struct function *by_address(struct machine *m, const char *name)
{
	char full[32];
	struct function *f = machine_at(m, name);

	if (f || strlen(name) > 20)
		return f;
	snprintf(full, sizeof(full), "0000:%s", name);
	return machine_at(m, full);
}

static struct function *by_name(struct machine *m, const char *name)
{
	struct function *f, *found = NULL;
	unsigned int i;

	/* as the names of the model are */
	name = printable(arena_strdup(m->arena, name));
	for (i = 0; i < m->nr; i++) {
		f = m->function[i];
		if (!names_have(&f->nvme, name) && !names_have(&f->blocks, name) &&
		    !names_have(&f->rdma, name) && !names_have(&f->nets, name))
			continue;
		if (found) {
			complain("%s is reached through %s and %s: give one of these addresses",
				 name, found->name, f->name);
			return NULL;
		}
		found = f;
	}
	if (!found)
		complain("there is no %s: a device is a PCI address (0000:03:00.0, 03:00.0) or a "
			 "name such as nvme0, nvme0n1, mlx5_0 or eth0", name);
	return found;
}

struct function *resolve(struct machine *m, const char *name)
{
	struct function *f;

	if (starts_with(name, "/dev/"))
		name += strlen("/dev/");
	f = by_address(m, name);
	return f ? f : by_name(m, name);
}

static struct function **collect(struct context *c, unsigned int *nr,
				 bool (*wanted)(const struct function *f))
{
	struct machine *m = c->m;
	struct function **list = arena_alloc(m->arena, (m->nr + 1) * sizeof(*list));
	unsigned int i;

	*nr = 0;
	for (i = 0; i < m->nr; i++)
		if (wanted(m->function[i]))
			list[(*nr)++] = m->function[i];
	return list;
}

static bool lends(const struct function *f)
{
	return f->provider;
}

static bool might(const struct function *f)
{
	return f->could_lend;
}

struct function **lenders(struct context *c, unsigned int *nr)
{
	return collect(c, nr, c->m->nr_providers ? lends : might);
}

struct function **clients(struct context *c, unsigned int *nr)
{
	return collect(c, nr, function_is_client);
}

const char *lender_kind(const struct function *f)
{
	switch (f->role) {
	case ROLE_DRIVE:
		return "cmb";
	case ROLE_GPU:
		return "gpu";
	case ROLE_ACCELERATOR:
		return "accelerator";
	default:
		return "card";
	}
}
