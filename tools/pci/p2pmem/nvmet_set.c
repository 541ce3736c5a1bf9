// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem nvmet set, restore
 *
 * Floor 9.
 *
 * The attributes of a namespace can be written while it is disabled only. What is changed here is
 * enabled again as it was. Where the kernel refuses a value, "set" leaves the old ones; "restore"
 * leaves the disk without peer memory, as a disk that is away is worse than a slow one.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "nvmet.h"

#define WAIT_SECONDS	30
#define RESTORE_FORCE	"use --force, as p2pmem-nvmet.service does"

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

/* True if the namespace has another value than @values, NULL for those that stay. */
static bool differs_in(const struct nvmet_namespace *ns, const char *values[NVMET_KEYS],
		       unsigned int key)
{
	return values[key] && nvmet_value(ns, key) && strcmp(values[key], nvmet_value(ns, key));
}

static bool differs(const struct nvmet_namespace *ns, const char *values[NVMET_KEYS])
{
	unsigned int i;

	for (i = 0; i < NVMET_KEYS; i++)
		if (differs_in(ns, values, i))
			return true;
	return false;
}

/**
 * struct refusals - what the kernel refused of a change
 * @first: the first write of set; of restore, the provider, or to enable the namespace with it
 * @other: of restore, to disable the namespace, or the preference
 * @verify: of restore
 * @again: to undo @first
 * @provider: of restore, the one that @first is about
 */
struct refusals {
	struct refusal first, other, verify, again;
	const char *provider;
};

/*
 * How a namespace is changed: by change(), under the lock and with signals held, and said by say(),
 * after both. @force is what a namespace in use needs, in words.
 */
struct way {
	const char *force;
	void (*change)(const struct nvmet_namespace *ns, const char *values[NVMET_KEYS],
		       struct refusals *r);
	void (*say)(const struct nvmet_namespace *ns, const char *values[NVMET_KEYS],
		    const struct refusals *r);
};

/* Set all of @values that differ, and enable the namespace again as it was. */
static void set_values(const struct nvmet_namespace *ns, const char *values[NVMET_KEYS],
		       struct refusals *r)
{
	bool changed[NVMET_KEYS] = {};
	unsigned int i;

	if (ns->enabled && nvmet_write(ns, "enable", "0", &r->first))
		return;
	for (i = 0; !r->first.error && i < NVMET_KEYS; i++)
		changed[i] = differs_in(ns, values, i) &&
			     !nvmet_write(ns, nvmet_files[i], values[i], &r->first);
	if (ns->enabled && !r->first.error)
		nvmet_write(ns, "enable", "1", &r->first);
	if (!ns->enabled || !r->first.error)
		return;
	/* As it was: an invalid setting must not take the disk away. */
	for (i = 0; i < NVMET_KEYS; i++)
		if (changed[i])
			nvmet_write(ns, nvmet_files[i], nvmet_value(ns, i), &r->again);
	nvmet_write(ns, "enable", "1", &r->again);
}

static void say_set(const struct nvmet_namespace *ns, const char *values[NVMET_KEYS],
		    const struct refusals *r)
{
	(void)values;
	nvmet_say_refusal(ns, &r->first);
	nvmet_say_refusal(ns, &r->again);
}

static const struct way set_way = { "use --force", set_values, say_set };

/* True if @verify forbids paths that no self-test proves: "warn" uses them, too. */
static bool needs_proof(const char *verify)
{
	return verify && !strcmp(verify, "require");
}

/*
 * As set_values(), but a provider that is refused does not take the disk away, and none is used
 * whose self-test cannot be demanded.
 */
static void restore_values(const struct nvmet_namespace *ns, const char *values[NVMET_KEYS],
			   struct refusals *r)
{
	const char *wanted[NVMET_KEYS] = { values[0], values[1], values[2] };

	if (ns->enabled && nvmet_write(ns, "enable", "0", &r->other))
		return;
	/* one that is refused does not keep the next from being set */
	if (differs_in(ns, wanted, PREFER))
		nvmet_write(ns, nvmet_files[PREFER], wanted[PREFER], &r->other);
	if (differs_in(ns, wanted, VERIFY))
		nvmet_write(ns, nvmet_files[VERIFY], wanted[VERIFY], &r->verify);
	if (r->verify.error && needs_proof(wanted[VERIFY]))
		wanted[P2PMEM] = "0";
	if (differs_in(ns, wanted, P2PMEM))
		nvmet_write(ns, nvmet_files[P2PMEM], wanted[P2PMEM], &r->first);
	if (ns->enabled && !r->first.error)
		nvmet_write(ns, "enable", "1", &r->first);
	if (!r->first.error)
		return;
	r->provider = wanted[P2PMEM] ? wanted[P2PMEM] : ns->p2pmem;
	/* the disk without its provider */
	if (!nvmet_write(ns, "p2pmem", "0", &r->again) && ns->enabled)
		nvmet_write(ns, "enable", "1", &r->again);
}

static void say_restore(const struct nvmet_namespace *ns, const char *values[NVMET_KEYS],
			const struct refusals *r)
{
	if (r->again.error)
		complain("namespace %s of %s is disabled: its provider %s is refused (%s), and it "
			 "cannot be enabled without peer memory: %s", ns->nsid, ns->subsystem,
			 r->provider, strerror(-r->first.error), strerror(-r->again.error));
	else if (r->first.error)
		complain("namespace %s of %s uses system memory: its provider %s is refused (%s; "
			 "the kernel log may say why); \"p2pmem nvmet restore\" tries again",
			 ns->nsid, ns->subsystem, r->provider, strerror(-r->first.error));
	nvmet_say_refusal(ns, &r->other);
	if (r->verify.error && needs_proof(values[VERIFY]) && !r->first.error)
		complain("namespace %s of %s uses system memory: without p2pmem_verify=%s, which is "
			 "refused (%s; the kernel log may say why), peer memory would be used "
			 "unproved; \"p2pmem nvmet restore\" tries again", ns->nsid,
			 ns->subsystem, values[VERIFY], strerror(-r->verify.error));
	else
		nvmet_say_refusal(ns, &r->verify);
}

static const struct way restore_way = { RESTORE_FORCE, restore_values, say_restore };

/*
 * By the state of the namespace now: it may have been read long ago. One that has the values needs
 * no lock.
 */
static int apply(struct context *c, struct nvmet_namespace *ns, const char *values[NVMET_KEYS],
		 bool force, double *lock_left, const struct way *way)
{
	const char *obstacle = NULL;
	struct refusals r = {};
	sigset_t mask;
	int lock;

	if (read_namespace_again(c->m, ns) && !differs(ns, values))
		return 0;
	lock = nvmet_lock(c, ns, lock_left);
	if (lock < 0)
		return lock;
	if (differs(ns, values)) {
		obstacle = nvmet_obstacle(c, ns, force, way->force);
		if (!obstacle) {
			nvmet_hold_signals(&mask);
			way->change(ns, values, &r);
			nvmet_deliver_signals(&mask);
		}
	}
	close(lock);
	if (obstacle) {
		complain("%s", obstacle);
		return -EBUSY;
	}
	way->say(ns, values, &r);
	return r.first.error || r.other.error || r.verify.error;
}

int nvmet_set(struct context *c, const struct options *o, const char *nqn, const char *nsid,
	      const char *value)
{
	struct nvmet_namespace *ns = find(c, nqn, nsid);
	const char *values[NVMET_KEYS] = {};
	double left = NVMET_LOCK_SECONDS;
	struct function *f;

	if (!ns)
		return FAILED;
	if (!ns->attributes) {
		complain("this kernel's target has no attribute p2pmem");
		return FAILED;
	}
	if (!strcmp(value, "auto")) {
		values[P2PMEM] = "1";
	} else if (!strcmp(value, "off")) {
		values[P2PMEM] = "0";
	} else {
		f = resolve(c->m, value);
		if (!f)
			return FAILED;
		if (!f->provider || !f->provider->published) {
			complain("%s lends no memory: p2pmem list shows what does", f->name);
			return FAILED;
		}
		values[P2PMEM] = f->name;
	}
	if (apply(c, ns, values, o->force, &left, &set_way))
		return FAILED;
	return json_done(c, "nvmet-set", NULL, 1, 0);
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

/* Seconds that all namespaces of a file may wait together */
struct waits {
	double provider, lock;
};

static void say_lacks(const struct nvmet_namespace *ns, const char *file, const char *value)
{
	complain("namespace %s of %s: %s=%s was saved, and this kernel's target has no such "
		 "attribute; load p2pmem's nvmet", ns->nsid, ns->subsystem, file, value);
}

static int restore_one(struct context *c, struct json_object *o, struct waits *left, bool force)
{
	const char *nqn, *nsid, *obstacle, *values[NVMET_KEYS];
	struct nvmet_namespace *ns;
	unsigned int i;
	bool unproved;

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
	for (i = 0; i < NVMET_KEYS; i++)
		values[i] = json_object_get_string(json_object_object_get(o, nvmet_keys[i]));
	unproved = needs_proof(values[VERIFY]) && !ns->verify;
	if (unproved)
		values[P2PMEM] = "0";
	/* as it is now: others may have been waited for */
	obstacle = read_namespace_again(c->m, ns) && differs(ns, values) ?
		nvmet_obstacle(c, ns, force, RESTORE_FORCE) : NULL;
	if (obstacle) {
		complain("%s", obstacle);
		return -1;
	}
	if (differs_in(ns, values, P2PMEM))
		wait_for_provider(values[P2PMEM], &left->provider);
	if (apply(c, ns, values, force, &left->lock, &restore_way))
		return -1;
	if (unproved)
		complain("namespace %s of %s uses system memory: p2pmem_verify=%s was saved, and this "
			 "kernel's target has no such attribute; load p2pmem's nvmet", nsid, nqn,
			 values[VERIFY]);
	else if (values[VERIFY] && !ns->verify && strcmp(values[VERIFY], "auto") &&
		 strcmp(values[VERIFY], "off"))
		say_lacks(ns, nvmet_files[VERIFY], values[VERIFY]);
	else if (values[PREFER] && !ns->prefer && strcmp(values[PREFER], "nearest"))
		say_lacks(ns, nvmet_files[PREFER], values[PREFER]);
	else
		return 0;
	return -1;
}

/* NULL, and one line, if it cannot be read or is no JSON */
static struct json_object *read_saved(const char *path)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	struct json_object *root;

	/* a directory can be opened, and not be read */
	if (fd < 0 || read(fd, NULL, 0) < 0) {
		complain("%s cannot be read: %s", path, strerror(errno));
		root = NULL;
	} else {
		root = json_object_from_fd(fd);
		if (!root)
			complain("%s is no file of \"p2pmem nvmet save\": it is empty, or no JSON",
				 path);
	}
	if (fd > STDIN_FILENO)
		close(fd);
	return root;
}

int nvmet_restore(struct context *c, const struct options *o, const char *path)
{
	struct json_object *root, *array;
	struct waits left = {
		.provider = o->wait < 0 ? WAIT_SECONDS : o->wait,
		.lock = NVMET_LOCK_SECONDS,
	};
	unsigned int failed = 0;
	size_t i, nr;
	int ret;

	root = read_saved(path);
	if (!root)
		return FAILED;
	array = json_object_object_get(root, "namespaces");
	if (!json_object_is_type(array, json_type_array) ||
	    json_object_get_int(json_object_object_get(root, "version")) != NVMET_VERSION) {
		complain("%s is no file of \"p2pmem nvmet save\": version %d and namespaces are "
			 "missing", path, NVMET_VERSION);
		json_object_put(root);
		return FAILED;
	}
	nr = json_object_array_length(array);
	for (i = 0; i < nr; i++)
		failed += !!restore_one(c, json_object_array_get_idx(array, i), &left, o->force);
	json_object_put(root);
	ret = json_done(c, "nvmet-restore", path, nr, failed);
	return failed ? FAILED : ret;
}
