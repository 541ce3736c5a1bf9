// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem nvmet save
 *
 * Floor 9.
 *
 * The file is what a boot restores. It is replaced by a whole one only, and never by one that lacks
 * what could not be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nvmet.h"

#define SAVE_FLAGS	(JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | \
			 JSON_C_TO_STRING_NOSLASHESCAPE)

/* Writes a file that is whole on the disk before it gets its name: power can fail at any time. */
static int save_whole(struct json_object *root, const char *part, const char *path)
{
	int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), ret, error;

	/* what could not be opened is somebody else's, if it is there */
	if (fd < 0)
		return -1;
	ret = json_object_to_fd(fd, root, SAVE_FLAGS) || fsync(fd);
	error = errno;
	if (close(fd) && !ret) {
		error = errno;
		ret = -1;
	}
	if (!ret && rename(part, path)) {
		error = errno;
		ret = -1;
	}
	if (ret)
		unlink(part);
	errno = error;
	return ret ? -1 : 0;
}

static int save_to(struct json_object *root, const char *path)
{
	struct stat st;
	char *part;
	int ret;

	if (!strcmp(path, "-"))
		return printf("%s\n", json_object_to_json_string_ext(root, SAVE_FLAGS)) < 0;
	/* A device or a pipe is not to be replaced by a file. */
	if (!stat(path, &st) && !S_ISREG(st.st_mode)) {
		complain("%s cannot be written: it is no file", path);
		return -1;
	}
	ret = asprintf(&part, "%s.new", path);
	if (ret > 0) {
		ret = save_whole(root, part, path);
		free(part);
	}
	if (ret < 0)
		complain("%s cannot be written: %s", path, strerror(errno));
	return ret;
}

/* Whether all that is to be saved could be read; if not, one line says what could not */
static bool all_known(const struct machine *m)
{
	unsigned int i;

	for (i = 0; i < m->nr_missing; i++) {
		if (strcmp(m->missing[i].what, MISSING_NAMESPACES))
			continue;
		complain("nothing is saved: %s cannot be read: %s", m->missing[i].path,
			 strerror(m->missing[i].error));
		return false;
	}
	for (i = 0; i < m->nr_namespaces; i++) {
		if (m->ns[i].attributes)
			continue;
		complain("nothing is saved: namespace %s of %s has no attribute p2pmem: the loaded "
			 "nvmet is not p2pmem's; \"tools/packaging/install.sh status\" says which "
			 "file it is from", m->ns[i].nsid, m->ns[i].subsystem);
		return false;
	}
	for (i = 0; i < m->nr_namespaces; i++) {
		if (utf8_valid(m->ns[i].subsystem) && utf8_valid(m->ns[i].nsid))
			continue;
		complain("nothing is saved: the name of %s is not UTF-8, and JSON cannot have it: "
			 "give the subsystem another name", m->ns[i].subsystem);
		return false;
	}
	if (m->nvmet)
		return true;
	complain("nothing is saved: there is no /sys/kernel/config/nvmet: modprobe nvmet, and mount "
		 "configfs");
	return false;
}

static struct json_object *saved(const struct nvmet_namespace *ns)
{
	struct json_object *o = json_object_new_object();
	unsigned int k;

	/* byte by byte: json_string() is for what is shown */
	json_put(o, "subsystem", json_object_new_string(ns->subsystem));
	json_put(o, "nsid", json_object_new_string(ns->nsid));
	for (k = 0; k < NVMET_KEYS; k++)
		if (nvmet_value(ns, k))
			json_put(o, nvmet_keys[k], json_object_new_string(nvmet_value(ns, k)));
	return o;
}

int nvmet_save(struct context *c, const char *path)
{
	struct json_object *root, *array;
	struct machine *m = c->m;
	unsigned int i;
	int ret;

	if (c->json && !strcmp(path, "-")) {
		complain("what is saved to standard output is JSON already: no --json, or name a file");
		return USAGE;
	}
	if (!all_known(m))
		return FAILED;
	root = json_object_new_object();
	array = json_object_new_array();
	json_put(root, "version", json_u64(NVMET_VERSION));
	for (i = 0; i < m->nr_namespaces; i++)
		json_push(array, saved(&m->ns[i]));
	json_put(root, "namespaces", array);
	ret = save_to(root, path);
	json_object_put(root);
	if (ret)
		return FAILED;
	if (!c->json && strcmp(path, "-"))
		say(c, PLAIN, "%u namespaces saved in %s\n", m->nr_namespaces,
		    printable_utf8(arena_strdup(m->arena, path)));
	return json_done(c, "nvmet-save", path, m->nr_namespaces, 0);
}
