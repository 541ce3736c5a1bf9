// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem nvmet set, save, restore
 *
 * Floor 9.
 *
 * The attributes of a namespace can be written while it is disabled only. What is changed here is
 * enabled again as it was; where the kernel refuses a value, with the old ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "nvmet.h"

#define SUBSYSTEMS	"/sys/kernel/config/nvmet/subsystems"
#define VERSION		1
#define WAIT_SECONDS	10

/* The attributes, and their names in a file */
static const char * const keys[] = { "p2pmem", "prefer", "verify" };
static const char * const files[] = { "p2pmem", "p2pmem_prefer", "p2pmem_verify" };
#define NR_KEYS	ARRAY_SIZE(keys)

static const char *value_of(const struct nvmet_namespace *ns, unsigned int key)
{
	const char * const values[] = { ns->p2pmem, ns->prefer, ns->verify };

	return values[key];
}

static struct nvmet_namespace *find(struct context *c, const char *nqn, const char *nsid)
{
	struct machine *m = c->m;
	unsigned int i;

	for (i = 0; i < m->nr_namespaces; i++)
		if (!strcmp(m->ns[i].subsystem, nqn) && !strcmp(m->ns[i].nsid, nsid))
			return &m->ns[i];
	complain("there is no namespace %s of %s", nsid, nqn);
	return NULL;
}

static int write_file(const struct nvmet_namespace *ns, const char *file, const char *value)
{
	char path[TREE_PATH];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), SUBSYSTEMS "/%s/namespaces/%s/%s", ns->subsystem, ns->nsid,
		 file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : write(fd, value, strlen(value));
	if (n < 0)
		complain("%s cannot be set to %s: %s%s", path, value, strerror(errno),
			 fd < 0 ? "" : "; the kernel log says why");
	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

/* All of @values that differ, NULL for those that stay; enabled again as it was */
static int change(const struct nvmet_namespace *ns, const char *values[NR_KEYS])
{
	bool changed[NR_KEYS] = {}, any = false;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < NR_KEYS; i++)
		any |= values[i] && value_of(ns, i) && strcmp(values[i], value_of(ns, i));
	if (!any)
		return 0;
	if (ns->enabled && write_file(ns, "enable", "0"))
		return -1;
	for (i = 0; !ret && i < NR_KEYS; i++) {
		if (!values[i] || !value_of(ns, i) || !strcmp(values[i], value_of(ns, i)))
			continue;
		ret = write_file(ns, files[i], values[i]);
		changed[i] = !ret;
	}
	if (!ns->enabled)
		return ret;
	if (!ret)
		ret = write_file(ns, "enable", "1");
	if (!ret)
		return 0;
	/* As it was: an invalid setting must not take the disk away. */
	for (i = 0; i < NR_KEYS; i++)
		if (changed[i])
			write_file(ns, files[i], value_of(ns, i));
	write_file(ns, "enable", "1");
	return ret;
}

int nvmet_set(struct context *c, const struct options *o, const char *nqn, const char *nsid,
	      const char *value)
{
	struct nvmet_namespace *ns = find(c, nqn, nsid);
	const char *values[NR_KEYS] = {};
	struct function *f;

	if (!ns)
		return FAILED;
	if (!ns->attributes) {
		complain("this kernel's target has no attribute p2pmem");
		return FAILED;
	}
	if (!strcmp(value, "auto")) {
		values[0] = "1";
	} else if (!strcmp(value, "off")) {
		values[0] = "0";
	} else {
		f = resolve(c->m, value);
		if (!f)
			return FAILED;
		if (!f->provider || !f->provider->published) {
			complain("%s lends no memory: p2pmem list shows what does", f->name);
			return FAILED;
		}
		values[0] = f->name;
	}
	if (ns->enabled && ns->nr_uses && !o->force && strcmp(values[0], ns->p2pmem)) {
		complain("namespace %s of %s is in use: to change it, it is disabled for a moment, in "
			 "which hosts get errors; --force does so", nsid, nqn);
		return FAILED;
	}
	return change(ns, values) ? FAILED : DONE;
}

int nvmet_save(struct context *c, const char *path)
{
	struct json_object *root = json_object_new_object(), *array = json_object_new_array(), *o;
	struct machine *m = c->m;
	char part[TREE_PATH];
	unsigned int i, k;
	int ret;

	json_put(root, "version", json_u64(VERSION));
	for (i = 0; i < m->nr_namespaces; i++) {
		if (!m->ns[i].attributes)
			continue;
		o = json_object_new_object();
		json_put(o, "subsystem", json_string(m->ns[i].subsystem));
		json_put(o, "nsid", json_string(m->ns[i].nsid));
		for (k = 0; k < NR_KEYS; k++)
			if (value_of(&m->ns[i], k))
				json_put(o, keys[k], json_string(value_of(&m->ns[i], k)));
		json_push(array, o);
	}
	json_put(root, "namespaces", array);
	snprintf(part, sizeof(part), "%s.new", path);
	ret = json_object_to_file_ext(part, root, JSON_C_TO_STRING_PRETTY |
				      JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
	json_object_put(root);
	if (ret || rename(part, path)) {
		complain("%s cannot be written: %s", path, strerror(errno));
		unlink(part);
		return FAILED;
	}
	return DONE;
}

/* Its driver may still be probing. */
static void wait_for_provider(const char *name, double *left)
{
	const struct timespec tenth = { .tv_nsec = 100000000 };
	char path[128], published = '0';
	int fd;

	if (!strchr(name, ':') || strchr(name, '/') || strlen(name) > 20)
		return;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/p2pmem/published", name);
	for (; *left > 0; *left -= 0.1) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			if (read(fd, &published, 1) != 1)
				published = '0';
			close(fd);
		}
		if (published == '1')
			return;
		nanosleep(&tenth, NULL);
	}
}

static int restore_one(struct context *c, struct json_object *o, double *left)
{
	const char *nqn, *nsid, *values[NR_KEYS];
	struct nvmet_namespace *ns;
	unsigned int i;

	nqn = json_object_get_string(json_object_object_get(o, "subsystem"));
	nsid = json_object_get_string(json_object_object_get(o, "nsid"));
	if (!nqn || !nsid) {
		complain("a namespace without subsystem and nsid");
		return -1;
	}
	ns = find(c, nqn, nsid);
	if (!ns)
		return -1;
	if (!ns->attributes) {
		complain("namespace %s of %s: this kernel's target has no attribute p2pmem", nsid,
			 nqn);
		return -1;
	}
	for (i = 0; i < NR_KEYS; i++)
		values[i] = json_object_get_string(json_object_object_get(o, keys[i]));
	if (values[0] && strcmp(values[0], ns->p2pmem))
		wait_for_provider(values[0], left);
	return change(ns, values);
}

int nvmet_restore(struct context *c, const char *path)
{
	struct json_object *root = json_object_from_file(path), *array;
	double left = WAIT_SECONDS;
	size_t i;
	int ret = DONE;

	array = root ? json_object_object_get(root, "namespaces") : NULL;
	if (!json_object_is_type(array, json_type_array) ||
	    json_object_get_int(json_object_object_get(root, "version")) != VERSION) {
		complain("%s is no file of \"p2pmem nvmet save\"%s%s", path, root ? "" : ": ",
			 root ? "" : strerror(errno));
		json_object_put(root);
		return FAILED;
	}
	for (i = 0; i < json_object_array_length(array); i++)
		if (restore_one(c, json_object_array_get_idx(array, i), &left))
			ret = FAILED;
	json_object_put(root);
	return ret;
}
