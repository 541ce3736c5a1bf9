// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: reading what a machine is apart from its PCI functions
 *
 * Floor 5.
 *
 * Processor, kernel, what the kernel was booted with, which modules there are.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

#define CPU_TEXT	65536	/* the first processor is in it, and the others are alike */

/* The value of a line "key : value" of /proc/cpuinfo, or NULL */
static const char *cpu_value(struct machine *m, const char *text, const char *key)
{
	size_t len = strlen(key), n;
	const char *at;

	for (at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		n = len + strspn(at + (strncmp(at, key, len) ? 0 : len), " \t");
		if (strncmp(at, key, len) || at[n] != ':')
			continue;
		at += n + 1;
		at += strspn(at, " \t");
		return printable(arena_strndup(m->arena, at, strcspn(at, "\n")));
	}
	return NULL;
}

static bool word_in(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (; list && *list; list += strspn(list, " ")) {
		if (!strncmp(list, word, len) && (!list[len] || list[len] == ' '))
			return true;
		list += strcspn(list, " ");
	}
	return false;
}

static void read_cpu(struct machine *m)
{
	static char text[CPU_TEXT];
	const char *value;
	uint64_t n;

	if (place_read(m->tree, NULL, "proc/cpuinfo", text, sizeof(text)) < 0)
		return;
	m->cpu_vendor = cpu_value(m, text, "vendor_id");
	value = cpu_value(m, text, "cpu family");
	if (value && parse_u64(value, 10, 255, &n))
		m->cpu_family = n;
	value = cpu_value(m, text, "model");
	if (value && parse_u64(value, 10, 255, &n))
		m->cpu_model = n;
	value = cpu_value(m, text, "flags");
	/* only x86 reports a hypervisor, see hostbridge.c */
	m->in_guest = !m->cpu_vendor || word_in(value, "hypervisor");
	m->encrypted = word_in(value, "tdx_guest") ||
		       place_read(m->tree, NULL, "sys/devices/virtual/misc/sev-guest/uevent", text,
				  sizeof(text)) >= 0;
}

/* CONFIG_PCI_P2PDMA of the kernel that runs, where its configuration can be read */
static enum kernel_kind kind_by_config(struct machine *m)
{
	char path[256], line[128];
	int n;

	if (!m->release || strchr(m->release, '/'))
		return KERNEL_UNKNOWN;
	snprintf(path, sizeof(path), "boot/config-%s", m->release);
	n = place_grep(m->tree, path, "CONFIG_PCI_P2PDMA=", line, sizeof(line));
	if (n < 0) {
		/* where other distributions have it */
		snprintf(path, sizeof(path), "lib/modules/%s/config", m->release);
		n = place_grep(m->tree, path, "CONFIG_PCI_P2PDMA=", line, sizeof(line));
	}
	if (n < 0)
		return KERNEL_UNKNOWN;
	return starts_with(line, "CONFIG_PCI_P2PDMA=y") ? KERNEL_UPSTREAM : KERNEL_NEITHER;
}

struct module_walk {
	struct machine *m;
	struct names *into;
	const char *path;
};

static void holder(const char *name, void *arg)
{
	struct module_walk *w = arg;
	char path[TREE_PATH], target[TREE_PATH];

	/* so that a snapshot has it */
	snprintf(path, sizeof(path), "%s/%s", w->path, name);
	place_link(w->m->tree, NULL, path, target, sizeof(target));
	names_add(w->m, w->into, name);
}

static bool installed_in(struct machine *m, const char *name, const char *set)
{
	char path[TREE_PATH];
	struct place dir;

	if (snprintf(path, sizeof(path), "lib/modules/%s/updates/%s", name, set) >=
	    (int)sizeof(path) || place_open(m->tree, NULL, path, &dir))
		return false;
	place_list(m->tree, &dir, "", holder, &(struct module_walk){
		.m = m, .into = &(struct names){}, .path = path });
	place_close(&dir);
	return true;
}

/* install.sh uses two directories in turn */
static void installed(const char *name, void *arg)
{
	struct machine *m = arg;
	bool first = installed_in(m, name, "p2pmem");

	if (installed_in(m, name, "p2pmem-b") || first)
		names_add(m, &m->installed, name);
}

static void read_modules(struct machine *m)
{
	static const char * const matter[] = {
		"p2pdma", "p2pmem_bar", "nvme", "nvmet", "nvmet_rdma", "ib_core", "vfio_pci",
		"iommufd",
	};
	struct module_walk w = { .m = m, .into = &m->holders, .path = "sys/module/p2pdma/holders" };
	char path[64], line[64], list[4096];
	struct place dir;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(matter); i++) {
		snprintf(path, sizeof(path), "sys/module/%s", matter[i]);
		if (place_open(m->tree, NULL, path, &dir))
			continue;
		/* a module of its own, or built in with parameters */
		read_line(m, &dir, "initstate", line, sizeof(line));
		names_add(m, &m->loaded, matter[i]);
		place_close(&dir);
	}
	m->holders_known = !place_list(m->tree, NULL, w.path, holder, &w) &&
		read_line(m, NULL, "sys/module/p2pdma/initstate", line, sizeof(line));
	if (place_read(m->tree, NULL, "sys/module/p2pdma/parameters/host_bridges", list,
		       sizeof(list)) >= 0)
		m->host_bridges = printable(trim(arena_strdup(m->arena, list)));
	m->use_cmb_sqes = -1;
	if (read_line(m, NULL, "sys/module/nvme/parameters/use_cmb_sqes", line, sizeof(line)))
		m->use_cmb_sqes = *line == 'Y';
	m->multipath = -1;
	if (read_line(m, NULL, "sys/module/nvme_core/parameters/multipath", line, sizeof(line)))
		m->multipath = *line == 'Y';
	place_list(m->tree, NULL, "lib/modules", installed, m);
}

void read_host(struct machine *m)
{
	char line[4096];

	if (read_line(m, NULL, "proc/sys/kernel/osrelease", line, sizeof(line)))
		m->release = printable(arena_strdup(m->arena, line));
	if (read_line(m, NULL, "proc/cmdline", line, sizeof(line)))
		m->cmdline = printable(arena_strdup(m->arena, line));
	read_cpu(m);
	read_modules(m);
	if (m->host_bridges)
		m->kernel = KERNEL_P2PMEM;
	else
		m->kernel = kind_by_config(m);
}
