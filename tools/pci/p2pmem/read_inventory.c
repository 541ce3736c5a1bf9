// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: whether the devices of a machine are still those that were read
 *
 * Floor 5.
 *
 * A device that replaces an equal one has the same files, but the kernel has made its directories
 * again: their numbers differ. Names come and go with drivers.
 */
#include <string.h>

#include "machine.h"

struct inventory {
	struct tree *tree;
	const char *directory;
	uint64_t sum;
};

static void add_number(struct inventory *v, uint64_t n)
{
	v->sum = (v->sum ^ n) * 0x100000001b3ULL;
	v->sum ^= v->sum >> 29;
}

static void add_text(struct inventory *v, const char *s)
{
	for (; *s; s++)
		add_number(v, (unsigned char)*s);
}

/* What is there; @below is "" or a link of it */
static void add_place(struct inventory *v, const char *name, const char *below)
{
	char path[TREE_PATH];
	struct place place;

	if (snprintf(path, sizeof(path), "%s/%s%s", v->directory, name, below) >=
	    (int)sizeof(path) || place_open(v->tree, NULL, path, &place))
		return;
	add_number(v, place_identity(&place));
	place_close(&place);
}

/* Interfaces of containers, bridges and tunnels come and go, and are of no device. */
static bool is_virtual(const struct inventory *v, const char *name)
{
	char path[TREE_PATH];
	struct place place;

	if (strcmp(v->directory, "sys/class/net"))
		return false;
	if (snprintf(path, sizeof(path), "%s/%s/device", v->directory, name) >=
	    (int)sizeof(path) || place_open(v->tree, NULL, path, &place))
		return true;
	place_close(&place);
	return false;
}

static void add_entry(const char *name, void *arg)
{
	struct inventory *v = arg;

	if (is_virtual(v, name))
		return;
	add_text(v, name);
	add_place(v, name, "");
	if (starts_with(v->directory, "sys/bus/"))
		add_place(v, name, "/driver");
}

uint64_t read_inventory(struct tree *t)
{
	static const char * const directories[] = {
		"sys/bus/pci/devices", "sys/class/nvme", "sys/class/infiniband", "sys/class/net",
	};
	struct inventory v = { .tree = t };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(directories); i++) {
		v.directory = directories[i];
		add_text(&v, v.directory);
		place_list(t, NULL, v.directory, add_entry, &v);
	}
	return v.sum;
}
