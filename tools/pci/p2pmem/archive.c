// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: a tree of files in memory, and its form as text
 *
 * Floor 1.
 *
 * Snapshots come from other people's machines: any text is read to its end, or refused with the
 * number of its first bad line.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "tree.h"

#define MAGIC		"p2pmem snapshot 1"
#define MAX_LINKS	40
#define BYTES_A_LINE	16

struct archive {
	struct arena *arena;
	struct node root;
	struct node **table;
	unsigned int buckets;
	unsigned int nodes;
};

static unsigned int hash_of(const struct node *up, const char *name, size_t len)
{
	uint64_t h = (uintptr_t)up * 0x9e3779b97f4a7c15ULL;

	while (len--)
		h = (h ^ (unsigned char)*name++) * 0x100000001b3ULL;
	return h >> 32 ^ h;
}

struct archive *archive_new(void)
{
	struct arena *arena = arena_new();
	struct archive *a = arena_alloc(arena, sizeof(*a));

	a->arena = arena;
	a->root.name = "";
	a->buckets = 1024;
	a->table = arena_alloc(arena, a->buckets * sizeof(*a->table));
	return a;
}

void archive_free(struct archive *a)
{
	if (a)
		arena_free(a->arena);
}

struct node *archive_root(struct archive *a)
{
	return &a->root;
}

static struct node *child(struct archive *a, struct node *up, const char *name, size_t len)
{
	struct node *n = a->table[hash_of(up, name, len) % a->buckets];

	while (n && (n->up != up || strncmp(n->name, name, len) || n->name[len]))
		n = n->bucket;
	return n;
}

static void into_table(struct archive *a, struct node *n)
{
	struct node **bucket = &a->table[hash_of(n->up, n->name, strlen(n->name)) % a->buckets];

	n->bucket = *bucket;
	*bucket = n;
}

static void rehash(struct archive *a)
{
	struct node **old = a->table, *n, *next;
	unsigned int i, was = a->buckets;

	a->buckets *= 8;
	a->table = arena_alloc(a->arena, a->buckets * sizeof(*a->table));
	for (i = 0; i < was; i++) {
		for (n = old[i]; n; n = next) {
			next = n->bucket;
			into_table(a, n);
		}
	}
}

static struct node *new_child(struct archive *a, struct node *up, const char *name, size_t len)
{
	struct node *n = arena_alloc(a->arena, sizeof(*n));

	n->name = arena_strndup(a->arena, name, len);
	n->up = up;
	if (up->last)
		up->last->next = n;
	else
		up->children = n;
	up->last = n;
	if (++a->nodes > a->buckets * 2)
		rehash(a);
	into_table(a, n);
	return n;
}

/* The next component of a path; its length, 0 at the end */
static size_t component(const char **path)
{
	while (**path == '/')
		(*path)++;
	return strcspn(*path, "/");
}

static struct node *find(struct archive *a, struct node *from, const char *path, bool follow,
			 int *links)
{
	struct node *at = from ? from : &a->root, *n;
	size_t len;

	if (*path == '/')
		at = &a->root;
	while ((len = component(&path))) {
		if (at->type != NODE_DIRECTORY) {
			errno = ENOTDIR;
			return NULL;
		}
		if (len == 2 && !strncmp(path, "..", 2)) {
			at = at->up ? at->up : at;
		} else if (len != 1 || *path != '.') {
			n = child(a, at, path, len);
			if (!n) {
				errno = ENOENT;
				return NULL;
			}
			if (n->type == NODE_ERROR) {
				errno = n->error;
				return NULL;
			}
			if (n->type == NODE_LINK && (follow || path[len])) {
				if (++*links > MAX_LINKS) {
					errno = ELOOP;
					return NULL;
				}
				n = find(a, at, n->data, true, links);
				if (!n)
					return NULL;
			}
			at = n;
		}
		path += len;
	}
	return at;
}

struct node *archive_find(struct archive *a, struct node *from, const char *path, bool follow)
{
	int links = 0;

	return find(a, from, path, follow, &links);
}

struct node *archive_add(struct archive *a, const char *path, enum node_type type,
			 const char *data, size_t size, int error)
{
	struct node *at = &a->root, *n;
	bool last, made = false;
	size_t len;

	while ((len = component(&path))) {
		last = !path[len];
		n = child(a, at, path, len);
		made = !n;
		if (!n)
			n = new_child(a, at, path, len);
		else if (n->type != NODE_DIRECTORY && !last)
			return NULL;
		at = n;
		path += len;
	}
	if (!made)
		return at->type == type && type == NODE_DIRECTORY ? at : NULL;
	at->type = type;
	at->error = error;
	at->size = size;
	if (data) {
		at->data = arena_alloc(a->arena, size + 1);
		memcpy((char *)at->data, data, size);
	}
	return at;
}

/* --- text to nodes --- */

struct parser {
	const char *name;
	const char *at;
	const char *end;
	unsigned int line;
	const char *text;	/* the present line */
	size_t len;
	char *error;
	size_t error_len;
};

static bool next_line(struct parser *p)
{
	const char *newline;

	do {
		if (p->at == p->end)
			return false;
		newline = memchr(p->at, '\n', p->end - p->at);
		p->text = p->at;
		p->len = (newline ? newline : p->end) - p->at;
		p->at = newline ? newline + 1 : p->end;
		p->line++;
	} while (p->len && *p->text == '#');
	return true;
}

static bool content_follows(const struct parser *p)
{
	return p->at < p->end && *p->at == ' ';
}

static bool bad(struct parser *p, const char *what)
{
	snprintf(p->error, p->error_len, "%s:%u: %s", p->name, p->line, what);
	return false;
}

static bool text_content(struct parser *p, char *buf, size_t *size)
{
	*size = 0;
	while (content_follows(p)) {
		next_line(p);
		if (*size + p->len > TREE_FILE)
			return bad(p, "the file is too large");
		memcpy(buf + *size, p->text + 1, p->len - 1);
		*size += p->len - 1;
		buf[(*size)++] = '\n';
	}
	return true;
}

/* The line as a number of some base, up to its end or to a colon */
static bool number(const struct parser *p, int base, uint64_t max, uint64_t *n, size_t *used)
{
	char digits[24];
	size_t len = 0;

	while (len + 1 < p->len && len < sizeof(digits) - 1 &&
	       isxdigit((unsigned char)p->text[len + 1])) {
		digits[len] = p->text[len + 1];
		len++;
	}
	digits[len] = '\0';
	*used = len + 1;
	return parse_u64(digits, base, max, n);
}

static int hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return at ? at - digits : -1;
}

static bool byte_content(struct parser *p, char *buf, size_t *size)
{
	uint64_t n, offset;
	size_t at;

	if (!content_follows(p) || !next_line(p) || !number(p, 10, TREE_FILE, &n, &at) ||
	    at != p->len)
		return bad(p, "a number of bytes is missing");
	*size = n;
	memset(buf, 0, n);
	while (content_follows(p)) {
		next_line(p);
		if (!number(p, 16, *size, &offset, &at) || at >= p->len || p->text[at] != ':')
			return bad(p, "not an offset and bytes");
		for (at++; at < p->len; at += 3, offset++) {
			if (p->text[at] != ' ' || at + 2 >= p->len || hex(p->text[at + 1]) < 0 ||
			    hex(p->text[at + 2]) < 0)
				return bad(p, "not an offset and bytes");
			if (offset >= *size)
				return bad(p, "more bytes than there are said to be");
			buf[offset] = hex(p->text[at + 1]) << 4 | hex(p->text[at + 2]);
		}
	}
	return true;
}

static bool error_content(struct parser *p, int *error)
{
	uint64_t n;
	size_t at;

	if (!content_follows(p) || !next_line(p) || !number(p, 10, 4095, &n, &at) ||
	    at != p->len || !n)
		return bad(p, "an error number is missing");
	*error = n;
	return true;
}

static bool parse_entry(struct parser *p, struct archive *a, char *buf)
{
	enum node_type type;
	char path[TREE_PATH];
	char kind = p->len ? *p->text : 0;
	unsigned int line = p->line;
	size_t size = 0;
	int error = 0;

	if (p->len < 3 || p->text[1] != ' ')
		return bad(p, "not a kind (D, F, L, X, E), a blank and a path");
	if (p->len - 2 >= sizeof(path) || memchr(p->text, '\0', p->len))
		return bad(p, "not a path");
	memcpy(path, p->text + 2, p->len - 2);
	path[p->len - 2] = '\0';
	switch (kind) {
	case 'D':
		type = NODE_DIRECTORY;
		break;
	case 'F':
		type = NODE_FILE;
		if (!text_content(p, buf, &size))
			return false;
		break;
	case 'X':
		type = NODE_FILE;
		if (!byte_content(p, buf, &size))
			return false;
		break;
	case 'L':
		type = NODE_LINK;
		if (!text_content(p, buf, &size))
			return false;
		buf[size] = '\0';
		trim(buf);
		size = strlen(buf);
		if (!size || size >= TREE_PATH || strpbrk(buf, "\n"))
			return bad(p, "a link without a target");
		break;
	case 'E':
		type = NODE_ERROR;
		if (!error_content(p, &error))
			return false;
		break;
	default:
		return bad(p, "not a kind (D, F, L, X, E), a blank and a path");
	}
	if (!archive_add(a, path, type, buf, size, error)) {
		p->line = line;
		return bad(p, "this path is there already, or below a file");
	}
	return true;
}

struct archive *archive_parse(const char *name, const char *text, size_t size,
			      char *error, size_t len)
{
	struct parser p = { .name = name, .at = text, .end = text + size, .error = error,
			    .error_len = len };
	struct archive *a;
	bool good;
	char *buf;

	if (!next_line(&p) || p.len != strlen(MAGIC) || memcmp(p.text, MAGIC, p.len)) {
		p.line = 1;
		bad(&p, "no snapshot of p2pmem: it does not begin with \"" MAGIC "\"");
		return NULL;
	}
	a = archive_new();
	buf = malloc(TREE_FILE + 2);
	good = buf;
	while (good && next_line(&p))
		good = !p.len || parse_entry(&p, a, buf);
	free(buf);
	if (good)
		return a;
	archive_free(a);
	return NULL;
}

/* --- nodes to text --- */

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
	fputs(MAGIC "\n", file);
	entries = write_below(file, &a->root, path, 0, clean, buf);
	free(buf);
	if (fflush(file) || ferror(file))
		return errno ? -errno : -EIO;
	return entries;
}
