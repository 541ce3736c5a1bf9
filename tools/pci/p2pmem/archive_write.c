// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: a tree of files in memory as text
 *
 * Floor 2.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "tree.h"

#define BYTES_A_LINE	16

static bool is_text(const char *data, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (data[i] != '\n' && data[i] != '\t' && !isprint((unsigned char)data[i]))
			return false;
	return !size || data[size - 1] == '\n';
}

static void write_text(FILE *file, const char *data, size_t size)
{
	const char *end = data + size, *newline;

	for (; data < end; data = newline + 1) {
		newline = memchr(data, '\n', end - data);
		fprintf(file, " %.*s\n", (int)(newline - data), data);
	}
}

static void write_bytes(FILE *file, const char *data, size_t size)
{
	size_t at, i, last;

	fprintf(file, " %zu\n", size);
	for (at = 0; at < size; at += BYTES_A_LINE) {
		for (last = 0, i = at; i < size && i < at + BYTES_A_LINE; i++)
			if (data[i])
				last = i + 1;
		if (!last)
			continue;
		fprintf(file, " %02zx:", at);
		for (i = at; i < last; i++)
			fprintf(file, " %02x", (unsigned char)data[i]);
		fputc('\n', file);
	}
}

/* The number of entries: 1, or 0 when it is ignored */
static int write_node(FILE *file, const struct node *n, const char *path,
		      bool (*clean)(const char *path, char *data, size_t *size), char *buf)
{
	size_t size = n->size;

	if (n->type == NODE_ERROR) {
		fprintf(file, "E %s\n %d\n", path, n->error);
		return 1;
	}
	if (size)
		memcpy(buf, n->data, size);
	buf[size] = '\0';
	if (clean && !clean(path, buf, &size))
		return 0;
	if (n->type == NODE_LINK && !memchr(buf, '\n', size)) {
		fprintf(file, "L %s\n %.*s\n", path, (int)size, buf);
	} else if (n->type == NODE_FILE && is_text(buf, size)) {
		fprintf(file, "F %s\n", path);
		write_text(file, buf, size);
	} else if (n->type == NODE_FILE) {
		fprintf(file, "X %s\n", path);
		write_bytes(file, buf, size);
	} else {
		return 0;
	}
	return 1;
}

static int write_below(FILE *file, const struct node *dir, char *path, size_t len,
		       bool (*clean)(const char *path, char *data, size_t *size), char *buf)
{
	const struct node *n;
	int entries = 0;
	size_t add;

	for (n = dir->children; n; n = n->next) {
		add = strlen(n->name) + (len ? 1 : 0);
		if (len + add >= TREE_PATH || strchr(n->name, '\n'))
			continue;
		sprintf(path + len, "%s%s", len ? "/" : "", n->name);
		if (n->type != NODE_DIRECTORY)
			entries += write_node(file, n, path, clean, buf);
		else if (!n->children)
			entries += fprintf(file, "D %s\n", path) > 0;
		else
			entries += write_below(file, n, path, len + add, clean, buf);
	}
	path[len] = '\0';
	return entries;
}

int archive_write(struct archive *a, FILE *file,
		  bool (*clean)(const char *path, char *data, size_t *size))
{
	char path[TREE_PATH] = "", *buf = malloc(TREE_FILE + 2);
	int entries;

	if (!buf)
		return -ENOMEM;
	errno = 0;
	fputs(ARCHIVE_MAGIC "\n", file);
	entries = write_below(file, archive_root(a), path, 0, clean, buf);
	free(buf);
	if (fflush(file) || ferror(file))
		return errno ? -errno : -EIO;
	return entries;
}
