// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: writing attributes of a namespace of the NVMe target, and whether hosts would notice
 *
 * Floor 8.
 *
 * The attributes can be written while the namespace is disabled only, and a host that uses it gets
 * errors meanwhile. Which hosts do is not known to every kernel, so a port that exports the
 * subsystem counts as one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "nvmet.h"

#define NVMET		"/sys/kernel/config/nvmet"
/* Root alone may open it: a lock on what everybody can open, everybody can hold. */
#define LOCK		"/run/p2pmem.lock"

const char * const nvmet_keys[NVMET_KEYS] = { "p2pmem", "prefer", "verify" };
const char * const nvmet_files[NVMET_KEYS] = { "p2pmem", "p2pmem_prefer", "p2pmem_verify" };

const char *nvmet_value(const struct nvmet_namespace *ns, unsigned int key)
{
	const char * const values[NVMET_KEYS] = { ns->p2pmem, ns->prefer, ns->verify };

	return values[key];
}

int nvmet_write(const struct nvmet_namespace *ns, const char *file, const char *value,
		struct refusal *refusal)
{
	char path[TREE_PATH];
	int fd, error = 0;

	snprintf(path, sizeof(path), NVMET "/subsystems/%s/namespaces/%s/%s", ns->subsystem,
		 ns->nsid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		error = -errno;
	if (fd >= 0)
		close(fd);
	if (error && !refusal->error)
		*refusal = (struct refusal){ .file = file, .value = value, .error = error };
	return error;
}

void nvmet_say_refusal(const struct nvmet_namespace *ns, const struct refusal *refusal)
{
	if (refusal->error)
		complain(NVMET "/subsystems/%s/namespaces/%s/%s cannot be set to %s: %s; the "
			 "kernel log may say why", ns->subsystem, ns->nsid, refusal->file,
			 refusal->value, strerror(-refusal->error));
}

/* To stop the process would leave the disk disabled, too. */
void nvmet_hold_signals(sigset_t *mask)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, mask);
}

void nvmet_deliver_signals(const sigset_t *mask)
{
	sigprocmask(SIG_SETMASK, mask, NULL);
}

int nvmet_lock(struct context *c, struct nvmet_namespace *ns, double *left)
{
	const struct timespec tenth = { .tv_nsec = 100000000 };
	int fd, error;

	fd = open(LOCK, O_CREAT | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
	error = fd < 0 ? errno : 0;
	while (!error && flock(fd, LOCK_EX | LOCK_NB)) {
		error = errno == EWOULDBLOCK && *left > 0 ? 0 : errno;
		if (!error)
			nanosleep(&tenth, NULL);
		*left -= 0.1;
	}
	if (!error && read_namespace_again(c->m, ns))
		return fd;
	/* a message may wait for its reader: nobody else is to wait for it, too */
	if (fd >= 0)
		close(fd);
	if (error == EWOULDBLOCK)
		complain("namespace %s of %s is not changed: another p2pmem holds " LOCK ": try "
			 "again when that one has ended", ns->nsid, ns->subsystem);
	else if (error)
		complain("namespace %s of %s cannot be changed: " LOCK ": %s", ns->nsid,
			 ns->subsystem, strerror(error));
	else
		complain("namespace %s of %s is not there any more", ns->nsid, ns->subsystem);
	return error ? -error : -ENOENT;
}

/* The first port that exports the subsystem, or NULL; @name holds what is returned */
static const char *exporting_port(const char *nqn, char *name, size_t len)
{
	char path[TREE_PATH];
	struct dirent *entry;
	bool linked = false;
	DIR *ports;

	ports = opendir(NVMET "/ports");
	if (!ports && errno == ENOENT)
		return NULL;
	/* ports that cannot be read may export anything */
	snprintf(name, len, "%s", "of those that cannot be read");
	while (ports && !linked && (entry = readdir(ports))) {
		snprintf(path, sizeof(path), NVMET "/ports/%s/subsystems/%s", entry->d_name, nqn);
		linked = *entry->d_name != '.' && !faccessat(AT_FDCWD, path, F_OK,
							      AT_SYMLINK_NOFOLLOW);
		if (linked)
			snprintf(name, len, "%s", entry->d_name);
	}
	if (!ports)
		return name;
	closedir(ports);
	return linked ? name : NULL;
}

const char *nvmet_obstacle(struct context *c, const struct nvmet_namespace *ns, bool force,
			   const char *remedy)
{
	char name[256];
	const char *port;

	if (!ns->enabled || force)
		return NULL;
	port = exporting_port(ns->subsystem, name, sizeof(name));
	if (port)
		return arena_printf(c->m->arena, "namespace %s of %s is enabled, and port %s exports "
				    "it: hosts get errors while it is disabled for the change; "
				    "unlink the subsystem from its ports, or %s",
				    ns->nsid, ns->subsystem, port, remedy);
	if (ns->nr_uses)
		return arena_printf(c->m->arena, "namespace %s of %s is enabled, and controller %s "
				    "uses it: its host gets errors while it is disabled for the "
				    "change; disconnect the host, or %s", ns->nsid,
				    ns->subsystem, ns->use[0].controller, remedy);
	return NULL;
}
