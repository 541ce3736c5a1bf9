// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: reading the namespaces of the NVMe target
 *
 * Floor 5.
 *
 * The files of configfs: the attributes and counters of p2pmem, or of the kernel's own P2PDMA,
 * which has the attribute p2pmem only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

#define SUBSYSTEMS	"sys/kernel/config/nvmet/subsystems"

struct ns_walk {
	struct machine *m;
	const char *subsystem;
	struct nvmet_namespace *ns;
	struct place *dir;
};

/* What is not there is not missing. */
static void check_read(struct machine *m, const char *path, int ret)
{
	if (ret < 0 && ret != -ENOENT && ret != -ENOTDIR)
		machine_missing(m, path, -ret, MISSING_NAMESPACES);
}

static char *attribute(struct machine *m, const struct place *at, const char *path)
{
	char line[TREE_PATH];

	if (!read_line(m, at, path, line, sizeof(line))) {
		check_read(m, at->path, -errno);
		return NULL;
	}
	return arena_strdup(m->arena, line);
}

static uint64_t counter(struct machine *m, const struct place *at, const char *path)
{
	uint64_t n = 0;

	read_number(m, at, path, 10, UINT64_MAX, &n);
	return n;
}

static void stat_file(const char *name, void *arg)
{
	struct ns_walk *w = arg;
	struct nvmet_namespace *ns = w->ns;
	uint64_t n;

	if (!strcmp(name, "provider") || !strcmp(name, "reset"))
		return;
	n = counter(w->m, w->dir, name);
	if (!strcmp(name, "peer_bytes")) {
		ns->peer = n;
	} else if (!strcmp(name, "system_bytes")) {
		ns->system = n;
	} else if (!strcmp(name, "inline_bytes")) {
		ns->inlined = n;
	} else if (!strcmp(name, "fallbacks")) {
		ns->fallbacks = n;
	} else if (n) {
		arena_room(w->m->arena, ns->reason, ns->nr_reasons, ns->room_reasons);
		ns->reason[ns->nr_reasons++] = (struct counter){
			.name = printable(arena_strdup(w->m->arena, name)),
			.value = n,
		};
	}
}

/* "1 0000:03:00.0 ok proved by-admin" */
static void read_uses(struct machine *m, struct nvmet_namespace *ns, const struct place *dir)
{
	char *text, *line, *end, path[TREE_PATH + 16];
	char controller[16], provider[24], reason[32], proof[24], admin[16];
	bool cut;
	int n;

	if (place_read_all(m->tree, dir, "provider", m->arena, &text, &cut) < 0)
		return;
	for (line = text; *line; line = end) {
		end = line + strcspn(line, "\n");
		if (*end)
			*end++ = '\0';
		/* the kernel has a page for it */
		cut |= !strcmp(line, "...");
		*admin = '\0';
		n = sscanf(line, "%15s %23s %31s %23s %15s", controller, provider, reason, proof,
			   admin);
		if (n < 4)
			continue;
		arena_room(m->arena, ns->use, ns->nr_uses, ns->room_uses);
		ns->use[ns->nr_uses++] = (struct use){
			.controller = printable(arena_strdup(m->arena, controller)),
			.provider = printable(arena_strdup(m->arena, provider)),
			.reason = printable(arena_strdup(m->arena, reason)),
			.proof = printable(arena_strdup(m->arena, proof)),
			.by_admin = *admin,
		};
	}
	if (!cut)
		return;
	snprintf(path, sizeof(path), "%s/provider", dir->path);
	machine_missing(m, path, EFBIG, "some controllers that use a namespace");
}

static int by_counter(const void *a, const void *b)
{
	const struct counter *one = a, *two = b;

	if (one->value != two->value)
		return one->value < two->value ? 1 : -1;
	return strcmp(one->name, two->name);
}

static void read_stats(struct machine *m, struct nvmet_namespace *ns, const struct place *dir)
{
	struct ns_walk w = { .m = m, .ns = ns };
	struct place stats;

	w.dir = &stats;
	if (place_open(m->tree, dir, "p2pmem_stats", &stats))
		return;
	ns->counted = true;
	place_list(m->tree, &stats, "", stat_file, &w);
	read_uses(m, ns, &stats);
	place_close(&stats);
	if (ns->nr_reasons)
		qsort(ns->reason, ns->nr_reasons, sizeof(*ns->reason), by_counter);
}

static void read_values(struct machine *m, struct nvmet_namespace *ns, const struct place *dir)
{
	char line[16];

	ns->device = attribute(m, dir, "device_path");
	ns->enabled = read_line(m, dir, "enable", line, sizeof(line)) && *line == '1';
	ns->p2pmem = attribute(m, dir, "p2pmem");
	ns->prefer = attribute(m, dir, "p2pmem_prefer");
	ns->verify = attribute(m, dir, "p2pmem_verify");
	ns->attributes = ns->p2pmem;
}

static void namespace(const char *nsid, void *arg)
{
	struct ns_walk *w = arg;
	struct machine *m = w->m;
	struct nvmet_namespace *ns;
	char path[TREE_PATH];
	struct place dir;
	int ret;

	ret = snprintf(path, sizeof(path), SUBSYSTEMS "/%s/namespaces/%s", w->subsystem, nsid);
	ret = ret < (int)sizeof(path) ? place_open(m->tree, NULL, path, &dir) : -ENAMETOOLONG;
	if (ret) {
		check_read(m, path, ret);
		return;
	}
	arena_room(m->arena, m->ns, m->nr_namespaces, m->room_namespaces);
	ns = &m->ns[m->nr_namespaces++];
	*ns = (struct nvmet_namespace){
		.subsystem = arena_strdup(m->arena, w->subsystem),
		.nsid = arena_strdup(m->arena, nsid),
	};
	read_values(m, ns, &dir);
	read_stats(m, ns, &dir);
	place_close(&dir);
}

bool read_namespace_again(struct machine *m, struct nvmet_namespace *ns)
{
	char path[TREE_PATH];
	struct place dir;

	if (snprintf(path, sizeof(path), SUBSYSTEMS "/%s/namespaces/%s", ns->subsystem,
		     ns->nsid) >= (int)sizeof(path) || place_open(m->tree, NULL, path, &dir))
		return false;
	*ns = (struct nvmet_namespace){ .subsystem = ns->subsystem, .nsid = ns->nsid };
	read_values(m, ns, &dir);
	read_stats(m, ns, &dir);
	place_close(&dir);
	return true;
}

static void subsystem(const char *nqn, void *arg)
{
	struct ns_walk w = { .m = arg, .subsystem = nqn };
	char path[TREE_PATH];

	if (snprintf(path, sizeof(path), SUBSYSTEMS "/%s/namespaces", nqn) < (int)sizeof(path))
		check_read(w.m, path, place_list(w.m->tree, NULL, path, namespace, &w));
}

static int by_number(const void *a, const void *b)
{
	const struct nvmet_namespace *one = a, *two = b;
	int order = strcmp(one->subsystem, two->subsystem);

	return order ? order : atoi(one->nsid) - atoi(two->nsid);
}

void read_nvmet(struct machine *m)
{
	int ret = place_list(m->tree, NULL, SUBSYSTEMS, subsystem, m);

	m->nvmet = !ret;
	check_read(m, SUBSYSTEMS, ret);
	if (m->nr_namespaces)
		qsort(m->ns, m->nr_namespaces, sizeof(*m->ns), by_number);
}
