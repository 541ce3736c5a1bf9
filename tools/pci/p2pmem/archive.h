/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: a tree of files in memory, and its form as text
 *
 * The form, a line each, of which those of contents begin with a blank:
 *
 *   p2pmem snapshot 1
 *   D sys/bus/pci/slots			a directory
 *   F sys/devices/pci0000:00/0000:00:01.0/vendor	a file of text
 *    0x8086
 *   L sys/bus/pci/devices/0000:00:01.0	a link
 *    ../../../devices/pci0000:00/0000:00:01.0
 *   X sys/devices/pci0000:00/0000:00:01.0/config	bytes: their number, then those that
 *    256					are not 0
 *    00: 86 80 0c 00
 *   E sys/kernel/debug			what could not be read: the errno
 *    13
 *
 * Lines that begin with # say nothing.
 */
#ifndef _P2PMEM_ARCHIVE_H
#define _P2PMEM_ARCHIVE_H

#include "util.h"

#define ARCHIVE_MAGIC	"p2pmem snapshot 1"

enum node_type {
	NODE_DIRECTORY,
	NODE_FILE,
	NODE_LINK,
	NODE_ERROR,
};

/**
 * struct node - a file of an archive
 * @type: what it is
 * @name: the last component of its path
 * @up: the directory that it is in, NULL of the root
 * @children: the first of a directory
 * @last: the last of them
 * @next: the next in the same directory
 * @bucket: the next with the same hash
 * @data: contents, or the target of a link
 * @size: bytes of @data, which has a zero behind them
 * @error: errno, of what could not be read
 */
struct node {
	enum node_type type;
	const char *name;
	struct node *up;
	struct node *children;
	struct node *last;
	struct node *next;
	struct node *bucket;
	const char *data;
	size_t size;
	int error;
};

struct archive;

struct archive *archive_new(void);
void archive_free(struct archive *a);
/* NULL, and in @error one line that names the line, when it is no snapshot */
struct archive *archive_parse(const char *name, const char *text, size_t size,
			      char *error, size_t len);
/* Follows links; NULL and errno ENOENT, ENOTDIR, ELOOP, or that of what could not be read */
struct node *archive_find(struct archive *a, struct node *from, const char *path, bool follow);
struct node *archive_root(struct archive *a);
/* Makes it, and the directories above; NULL when it is there already, as something else */
struct node *archive_add(struct archive *a, const char *path, enum node_type type,
			 const char *data, size_t size, int error);
/* The number of entries that were written, or a negative errno */
int archive_write(struct archive *a, FILE *file,
		  bool (*clean)(const char *path, char *data, size_t *size));

#endif /* _P2PMEM_ARCHIVE_H */
