// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: whether the devices of a machine are still those that were read
 *
 * Floor 5.
 *
 * A device that is replaced by an equal one has the same files: what tells them apart is that the
 * kernel makes the directories anew. Names come and go with drivers.
 */
#include "machine.h"

struct inventory {
	struct machine *m;
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

static void add_entry(const char *name, void *arg)
{
	struct inventory *v = arg;
	char path[TREE_PATH];

	add_text(v, name);
	if (snprintf(path, sizeof(path), "%s/%s", v->directory, name) >= (int)sizeof(path))
		return;
	add_number(v, place_identity(v->m->tree, path));
	if (starts_with(v->directory, "sys/bus/") &&
	    snprintf(path, sizeof(path), "%s/%s/driver", v->directory, name) < (int)sizeof(path))
		add_number(v, place_identity(v->m->tree, path));
}

uint64_t read_inventory(struct machine *m)
{
	static const char * const directories[] = {
		"sys/bus/pci/devices", "sys/class/nvme", "sys/class/infiniband", "sys/class/net",
	};
	struct inventory v = { .m = m };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(directories); i++) {
		v.directory = directories[i];
		add_text(&v, v.directory);
		place_list(m->tree, NULL, v.directory, add_entry, &v);
	}
	return v.sum;
}
