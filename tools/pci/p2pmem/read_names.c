// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: reading what functions are for, and by which names people know them
 *
 * Floor 5.
 *
 * The links of sys/class lead to the function that a drive, an adapter or a network interface
 * belongs to.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

struct class_walk {
	struct machine *m;
	const char *class;
	void (*named)(struct machine *m, struct function *f, const char *name, const char *path);
};

/* The last PCI function on a path, or NULL */
static struct function *function_on(struct machine *m, const char *path)
{
	struct function *f = NULL, *at;
	const char *end;
	char name[24];

	for (; *path; path = *end ? end + 1 : end) {
		end = path + strcspn(path, "/");
		if ((size_t)(end - path) >= sizeof(name))
			continue;
		memcpy(name, path, end - path);
		name[end - path] = '\0';
		at = machine_at(m, name);
		if (at)
			f = at;
	}
	return f;
}

static void class_entry(const char *name, void *arg)
{
	struct class_walk *w = arg;
	char from[TREE_PATH], link[TREE_PATH], path[TREE_PATH], dir[64];
	struct function *f;

	if (snprintf(from, sizeof(from), "sys/class/%s/%s", w->class, name) >= (int)sizeof(from) ||
	    place_link(w->m->tree, NULL, from, link, sizeof(link)) < 0)
		return;
	snprintf(dir, sizeof(dir), "sys/class/%s", w->class);
	if (!follow_link(dir, link, path, sizeof(path)))
		return;
	f = function_on(w->m, path);
	if (f || !strcmp(w->class, "block"))
		w->named(w->m, f, name, path);
}

static void walk_class(struct machine *m, const char *class,
		       void (*named)(struct machine *m, struct function *f, const char *name,
				     const char *path))
{
	struct class_walk w = { .m = m, .class = class, .named = named };
	char path[64];

	snprintf(path, sizeof(path), "sys/class/%s", class);
	place_list(m->tree, NULL, path, class_entry, &w);
}

/* "cmbloc : 0x00000002" and "cmbsz  : 0x..." */
static void read_cmb(struct machine *m, struct function *f, const char *path)
{
	char text[256], full[TREE_PATH + 16];
	unsigned int loc, size;

	snprintf(full, sizeof(full), "%s/cmb", path);
	if (place_read(m->tree, NULL, full, text, sizeof(text)) < 0)
		return;
	if (sscanf(text, "cmbloc : %x cmbsz : %x", &loc, &size) != 2) {
		machine_broken(m, full, "not the registers of a controller memory buffer");
		return;
	}
	f->cmb_known = true;
	f->cmbloc = loc;
	f->cmbsz = size;
}

static void nvme_named(struct machine *m, struct function *f, const char *name, const char *path)
{
	names_add(m, &f->nvme, name);
	read_cmb(m, f, path);
}

static void rdma_named(struct machine *m, struct function *f, const char *name, const char *path)
{
	(void)path;
	names_add(m, &f->rdma, name);
}

static void net_named(struct machine *m, struct function *f, const char *name, const char *path)
{
	(void)path;
	names_add(m, &f->nets, name);
}

struct head {
	struct machine *m;
	const char *block;
};

/* A controller of a subsystem with several: the block device is that of all */
static void head_entry(const char *name, void *arg)
{
	struct head *h = arg;
	unsigned int i, number;
	int end = 0;

	if (sscanf(name, "nvme%u%n", &number, &end) != 1 || name[end])
		return;
	for (i = 0; i < h->m->nr; i++)
		if (names_have(&h->m->function[i]->nvme, name))
			names_add(h->m, &h->m->function[i]->blocks, h->block);
}

static bool is_partition(const char *path, const char *name)
{
	const char *end = strrchr(path, '/'), *start = end;

	/* .../block/sda/sda1: below a device whose name it extends */
	while (start && start > path && start[-1] != '/')
		start--;
	return start && end > start && starts_with(name, "") &&
		!strncmp(start, name, end - start) && name[end - start] &&
		strncmp(name, "nvme", 4);
}

static void block_named(struct machine *m, struct function *f, const char *name, const char *path)
{
	struct head h = { .m = m, .block = name };
	char dir[TREE_PATH + 8], *end;
	unsigned int a, b, c;

	if (sscanf(name, "nvme%uc%un%u", &a, &b, &c) == 3 || is_partition(path, name))
		return;
	if (starts_with(name, "nvme") && strchr(name, 'p'))
		return;
	if (f) {
		names_add(m, &f->blocks, name);
	} else if (strstr(path, "/nvme-subsystem/")) {
		snprintf(dir, sizeof(dir), "%s", path);
		end = strrchr(dir, '/');
		if (!end)
			return;
		*end = '\0';
		place_list(m->tree, NULL, dir, head_entry, &h);
	}
}

static enum role role_of(const struct function *f)
{
	if (f->bridge)
		return ROLE_BRIDGE;
	if (f->rdma.nr)
		return ROLE_RDMA;
	switch (f->class >> 8) {
	case 0x0108:
		return ROLE_DRIVE;
	case 0x0207:
		return ROLE_RDMA;
	case 0x0500:
	case 0x0502:
	case 0x0580:
		return ROLE_MEMORY;
	}
	switch (f->class >> 16) {
	case 0x01:
		return ROLE_STORAGE;
	case 0x02:
		return ROLE_NET;
	case 0x03:
		return ROLE_GPU;
	case 0x0b:
	case 0x12:
		return ROLE_ACCELERATOR;
	}
	return f->nvme.nr ? ROLE_DRIVE : ROLE_OTHER;
}

/* What has memory to lend if only a driver did so: a block of struct pages at least */
static bool could_lend(struct function *f)
{
	struct bar *bar;
	int number;

	bar = function_memory_bar(f, &number);
	if (!bar || bar->size < 2 << 20)
		return false;
	switch (f->role) {
	case ROLE_DRIVE:
		return f->cmbsz || number;
	case ROLE_GPU:
	case ROLE_ACCELERATOR:
	case ROLE_MEMORY:
		return bar->prefetch;
	default:
		return false;
	}
}

void read_names(struct machine *m)
{
	unsigned int i;

	walk_class(m, "nvme", nvme_named);
	walk_class(m, "infiniband", rdma_named);
	walk_class(m, "net", net_named);
	walk_class(m, "block", block_named);
	for (i = 0; i < m->nr; i++) {
		m->function[i]->role = role_of(m->function[i]);
		m->function[i]->could_lend = could_lend(m->function[i]);
	}
}
