// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: where the files of a machine come from
 *
 * Floor 3.
 *
 * A captured directory may hold links that mean another machine's root: openat2() resolves them
 * in the tree's own.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "archive.h"
#include "tree.h"

#define MAX_SNAPSHOT	(256 * 1024 * 1024)
#define MAX_GREP	(16 * 1024 * 1024)	/* 60 times the configuration of a kernel */

struct tree {
	char *name;
	int fd;				/* of the root; -1 of a snapshot */
	bool live;
	struct archive *archive;
	struct archive *record;
};

/* The first @limit bytes of a file, or NULL and errno */
static char *read_all(int fd, size_t limit, size_t *size)
{
	size_t room = 1 << 16;
	char *text = malloc(room), *more;
	ssize_t n = 1;

	for (*size = 0; text && *size < limit; *size += n) {
		n = read(fd, text + *size, (room < limit ? room : limit) - *size);
		if (n <= 0)
			break;
		if (*size + n < room)
			continue;
		room *= 2;
		more = realloc(text, room);
		if (!more)
			free(text);
		text = more;
	}
	if (n >= 0)
		return text;
	free(text);
	return NULL;
}

static struct tree *tree_new(const char *name)
{
	struct tree *t = calloc(1, sizeof(*t));

	if (t)
		t->name = strdup(name);
	if (!t || !t->name) {
		fputs("p2pmem: out of memory\n", stderr);
		exit(1);
	}
	t->fd = -1;
	return t;
}

struct tree *tree_parse(const char *name, const char *text, size_t size, char *error, size_t len)
{
	struct archive *a = archive_parse(name, text, size, error, len);
	struct tree *t;

	if (!a)
		return NULL;
	t = tree_new(name);
	t->archive = a;
	return t;
}

struct tree *tree_open(const char *path, char *error, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct tree *t = NULL;
	struct stat st;
	size_t size;
	char *text;

	if (fd < 0 || fstat(fd, &st)) {
		snprintf(error, len, "%s: %s", path, strerror(errno));
	} else if (S_ISDIR(st.st_mode)) {
		t = tree_new(path);
		t->live = !strcmp(path, "/");
		t->fd = fd;
		fd = -1;
	} else {
		text = read_all(fd, MAX_SNAPSHOT, &size);
		if (!text)
			snprintf(error, len, "%s: %s", path, strerror(errno));
		else if (size == MAX_SNAPSHOT)
			snprintf(error, len, "%s: too large for a snapshot", path);
		else
			t = tree_parse(path, text, size, error, len);
		free(text);
	}
	if (fd >= 0)
		close(fd);
	return t;
}

void tree_close(struct tree *t)
{
	if (!t)
		return;
	if (t->fd >= 0)
		close(t->fd);
	archive_free(t->archive);
	archive_free(t->record);
	free(t->name);
	free(t);
}

bool tree_is_live(const struct tree *t)
{
	return t->live;
}

const char *tree_name(const struct tree *t)
{
	return t->name;
}

void tree_record(struct tree *t)
{
	t->record = archive_new();
}

int tree_write(struct tree *t, FILE *file,
	       bool (*clean)(const char *path, char *data, size_t *size))
{
	return archive_write(t->record, file, clean);
}

/* From the root of the tree, without a slash at its end */
static int full_path(const struct place *at, const char *path, char full[TREE_PATH])
{
	int n = at && *path != '/' ?
		snprintf(full, TREE_PATH, "%s%s%s", at->path, *path && *at->path ? "/" : "", path) :
		snprintf(full, TREE_PATH, "%s", path + strspn(path, "/"));

	return n < TREE_PATH ? 0 : -ENAMETOOLONG;
}

static void keep(struct tree *t, const struct place *at, const char *path, enum node_type type,
		 const char *data, size_t size, int error)
{
	char full[TREE_PATH];

	if (t->record && !full_path(at, path, full))
		archive_add(t->record, full, type, data, size, error);
}

/* Nothing is kept of what is not there. */
static int failed(struct tree *t, const struct place *at, const char *path)
{
	int error = errno;

	if (error != ENOENT && error != ENOTDIR)
		keep(t, at, path, NODE_ERROR, NULL, 0, error);
	return -error;
}

static int open_in(struct tree *t, const struct place *at, const char *path, int flags)
{
	struct open_how how = {
		.flags = flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_IN_ROOT,
	};
	char full[TREE_PATH];

	if (flags & O_PATH)
		how.flags = flags | O_CLOEXEC;
	/* On the running system there is nothing to keep in: the shorter way is faster. */
	if (t->live)
		return openat(at ? at->fd : t->fd, *path ? path : ".", how.flags);
	if (full_path(at, path, full)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return syscall(SYS_openat2, t->fd, *full ? full : ".", &how, sizeof(how));
}

/*
 * A file to read. In a captured tree, which may be anybody's, only a regular file is opened: to
 * open a device or a pipe can do something (rewind a tape, start a watchdog).
 */
static int open_file(struct tree *t, const struct place *at, const char *path)
{
	char link[32];
	struct stat st;
	int fd, file;

	if (t->live)
		return open_in(t, at, path, 0);
	fd = open_in(t, at, path, O_PATH);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	/* the same file, whatever its name means by now; without /proc, by its name */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	file = open(link, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (file < 0 && errno == ENOENT)
		file = open_in(t, at, path, 0);
	close(fd);
	return file;
}

int place_open(struct tree *t, const struct place *at, const char *path, struct place *place)
{
	if (full_path(at, path, place->path))
		return -ENAMETOOLONG;
	place->fd = -1;
	if (!t->archive) {
		place->fd = open_in(t, at, path, O_DIRECTORY);
		if (place->fd < 0)
			return failed(t, at, path);
	} else {
		place->node = archive_find(t->archive, at ? at->node : NULL, path, true);
		if (!place->node)
			return failed(t, at, path);
		if (place->node->type != NODE_DIRECTORY)
			return -ENOTDIR;
	}
	keep(t, at, path, NODE_DIRECTORY, NULL, 0, 0);
	return 0;
}

void place_close(struct place *place)
{
	if (place->fd >= 0)
		close(place->fd);
	place->fd = -1;
}

static int read_archive(struct tree *t, const struct place *at, const char *path, char *buf,
			size_t len)
{
	struct node *n = archive_find(t->archive, at ? at->node : NULL, path, true);

	if (!n)
		return -errno;
	if (n->type != NODE_FILE)
		return -EISDIR;
	if (len > n->size)
		len = n->size;
	if (len)
		memcpy(buf, n->data, len);
	return len;
}

static int read_file(struct tree *t, const struct place *at, const char *path, char *buf,
		     size_t len)
{
	int fd = open_file(t, at, path);
	size_t used = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		n = read(fd, buf + used, len - used);
		if (n > 0)
			used += n;
	} while (n > 0 && used < len);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		errno = -n;
	return n < 0 ? n : (int)used;
}

int place_read(struct tree *t, const struct place *at, const char *path, char *buf, size_t len)
{
	int n;

	n = t->archive ? read_archive(t, at, path, buf, len - 1) :
			 read_file(t, at, path, buf, len - 1);
	if (n < 0) {
		*buf = '\0';
		errno = -n;
		return failed(t, at, path);
	}
	buf[n] = '\0';
	keep(t, at, path, NODE_FILE, buf, n, 0);
	return n;
}

int place_read_all(struct tree *t, const struct place *at, const char *path, struct arena *arena,
		   char **text, bool *cut)
{
	struct node *node;
	size_t size;
	int fd, error;
	char *data;

	if (t->archive) {
		node = archive_find(t->archive, at ? at->node : NULL, path, true);
		if (!node)
			return failed(t, at, path);
		if (node->type != NODE_FILE)
			return -EISDIR;
		size = node->size;
		*text = arena_strndup(arena, node->data, size);
	} else {
		fd = open_file(t, at, path);
		if (fd < 0)
			return failed(t, at, path);
		data = read_all(fd, TREE_FILE, &size);
		error = errno;
		close(fd);
		errno = error;
		if (!data)
			return failed(t, at, path);
		*text = arena_strndup(arena, data, size);
		free(data);
	}
	*cut = size == TREE_FILE;
	keep(t, at, path, NODE_FILE, *text, size, 0);
	return size;
}

int bytes_open(struct tree *t, const struct place *at, const char *path, struct bytes *b,
	       unsigned char *data)
{
	struct stat st;

	*b = (struct bytes){ .fd = -1, .data = data };
	if (t->archive) {
		b->node = archive_find(t->archive, at ? at->node : NULL, path, true);
		if (!b->node)
			return failed(t, at, path);
		if (b->node->type != NODE_FILE)
			return -EISDIR;
		b->size = b->node->size;
	} else {
		b->fd = open_file(t, at, path);
		if (b->fd < 0)
			return failed(t, at, path);
		b->size = fstat(b->fd, &st) ? 0 : st.st_size;
	}
	if (b->size > TREE_BYTES)
		b->size = TREE_BYTES;
	return 0;
}

int bytes_read(struct bytes *b, size_t offset, size_t len)
{
	ssize_t n;

	if (offset >= b->size)
		return 0;
	if (len > b->size - offset)
		len = b->size - offset;
	if (b->node) {
		memcpy(b->data + offset, b->node->data + offset, len);
		return len;
	}
	n = pread(b->fd, b->data + offset, len, offset);
	return n < 0 ? 0 : n;
}

void bytes_close(struct tree *t, const struct place *at, const char *path, struct bytes *b,
		 size_t size)
{
	keep(t, at, path, NODE_FILE, (char *)b->data, size, 0);
	if (b->fd >= 0)
		close(b->fd);
}

int place_grep(struct tree *t, const char *path, const char *prefix, char *buf, size_t len)
{
	bool begins = true, found = false;
	ssize_t left;
	FILE *file;
	int fd;

	*buf = '\0';
	if (t->archive)
		return place_read(t, NULL, path, buf, len);
	fd = open_file(t, NULL, path);
	if (fd < 0)
		return failed(t, NULL, path);
	file = fdopen(fd, "r");
	if (!file) {
		close(fd);
		return -EINVAL;
	}
	/* in parts of @len: a captured file may have lines without end, or none */
	for (left = MAX_GREP; !found && left > 0 && fgets(buf, len, file); left -= len) {
		found = begins && starts_with(buf, prefix);
		begins = strchr(buf, '\n');
	}
	if (!found)
		*buf = '\0';
	fclose(file);
	keep(t, NULL, path, NODE_FILE, buf, strlen(buf), 0);
	return strlen(buf);
}

uint64_t place_identity(const struct place *place)
{
	struct stat st;

	if (place->fd < 0 || fstat(place->fd, &st))
		return 0;
	return st.st_ino * 0x9e3779b97f4a7c15ULL + st.st_dev;
}

int place_link(struct tree *t, const struct place *at, const char *path, char *buf, size_t len)
{
	char full[TREE_PATH];
	struct node *node;
	ssize_t n = -1;
	int fd;

	*buf = '\0';
	if (t->archive) {
		node = archive_find(t->archive, at ? at->node : NULL, path, false);
		if (!node)
			return -errno;
		if (node->type != NODE_LINK)
			return -EINVAL;
		n = snprintf(buf, len, "%s", node->data);
	} else if (t->live) {
		n = readlinkat(at ? at->fd : t->fd, path, buf, len - 1);
	} else if (!full_path(at, path, full)) {
		fd = open_in(t, NULL, full, O_PATH | O_NOFOLLOW);
		if (fd >= 0) {
			n = readlinkat(fd, "", buf, len - 1);
			close(fd);
		}
	}
	if (n < 0 || n >= (ssize_t)len)
		return n < 0 ? -errno : -ENAMETOOLONG;
	buf[n] = '\0';
	keep(t, at, path, NODE_LINK, buf, n, 0);
	return n;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int not_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
}

int place_list(struct tree *t, const struct place *at, const char *path,
	       void (*fn)(const char *name, void *arg), void *arg)
{
	struct dirent **names;
	struct place dir;
	struct node *n;
	int i, nr, ret;

	ret = place_open(t, at, path, &dir);
	if (ret)
		return ret;
	if (t->archive) {
		for (n = dir.node->children; n; n = n->next)
			fn(n->name, arg);
		return 0;
	}
	nr = scandirat(dir.fd, ".", &names, not_dots, by_name);
	if (nr < 0)
		ret = failed(t, at, path);
	for (i = 0; i < nr; i++) {
		fn(names[i]->d_name, arg);
		free(names[i]);
	}
	if (nr >= 0)
		free(names);
	place_close(&dir);
	return ret;
}
