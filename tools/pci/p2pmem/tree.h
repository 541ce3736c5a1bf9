/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: where the files of a machine come from
 *
 * The root of the running system, a directory that holds a captured one, or a snapshot in one
 * file: readers see no difference. Paths are relative ("sys/bus/pci/devices"); links are followed,
 * and never lead out of the root.
 */
#ifndef _P2PMEM_TREE_H
#define _P2PMEM_TREE_H

#include "util.h"

#define TREE_PATH	1024	/* bytes of a path, its zero included */
#define TREE_FILE	(16 << 20)	/* bytes of a file: what is beyond is not read */

struct tree;
struct node;

/* A directory of a tree, open */
struct place {
	int fd;
	struct node *node;
	char path[TREE_PATH];
};

/* NULL, and one line in @error, when @path cannot be read or is no snapshot */
struct tree *tree_open(const char *path, char *error, size_t len);
struct tree *tree_parse(const char *name, const char *text, size_t size, char *error, size_t len);
void tree_close(struct tree *t);
/* Whether it is the machine that runs */
bool tree_is_live(const struct tree *t);
const char *tree_name(const struct tree *t);

/* All of these: 0 or more, or a negative errno. @at NULL is the root. */
int place_open(struct tree *t, const struct place *at, const char *path, struct place *place);
void place_close(struct place *place);
/* Bytes that were read; there is a zero behind them, for which @len has room */
int place_read(struct tree *t, const struct place *at, const char *path, char *buf, size_t len);
/*
 * The same of a file of any size, into memory of @arena; @cut returns whether it has more than the
 * TREE_FILE bytes that are read
 */
int place_read_all(struct tree *t, const struct place *at, const char *path, struct arena *arena,
		   char **text, bool *cut);
/*
 * A file of which only some bytes are read: configuration space is slow. What was read of it is
 * kept by bytes_close().
 */
struct bytes {
	int fd;
	struct node *node;
	size_t size;			/* of the file, TREE_BYTES at most */
	unsigned char *data;		/* what was read, 0 elsewhere */
};

#define TREE_BYTES	4096

int bytes_open(struct tree *t, const struct place *at, const char *path, struct bytes *b,
	       unsigned char *data);
/* The number of bytes that could be read, into the same place of @b->data */
int bytes_read(struct bytes *b, size_t offset, size_t len);
void bytes_close(struct tree *t, const struct place *at, const char *path, struct bytes *b,
		 size_t size);

/* The first line of a large file that begins with @prefix; nothing else of it is kept */
int place_grep(struct tree *t, const char *path, const char *prefix, char *buf, size_t len);
int place_link(struct tree *t, const struct place *at, const char *path, char *buf, size_t len);
int place_list(struct tree *t, const struct place *at, const char *path,
	       void (*fn)(const char *name, void *arg), void *arg);

/* Another number once another directory is in its place; 0 of a snapshot */
uint64_t place_identity(const struct place *place);

/* From now on what is read is kept, for tree_write() */
void tree_record(struct tree *t);
/*
 * The snapshot of what was recorded. @clean changes the contents of a file, or its target of a
 * link, before it is written; false leaves it out. The number of entries, or a negative errno.
 */
int tree_write(struct tree *t, FILE *file,
	       bool (*clean)(const char *path, char *data, size_t *size));

#endif /* _P2PMEM_TREE_H */
