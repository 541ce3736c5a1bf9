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

#define MAX_LINKS	40
#define MAX_TOTAL	(256 << 20)	/* of contents: bytes that are 0 need no text */

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
	char *buf;		/* contents of the present entry */
	size_t room;
	size_t total;		/* of all entries */
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

/* Contents of @size bytes, and a zero, fit into the buffer, whose first bytes stay. */
static bool make_room(struct parser *p, size_t size)
{
	char *more;

	if (size > TREE_FILE + 1 || size > MAX_TOTAL - p->total)
		return bad(p, "the file is too large");
	if (size <= p->room)
		return true;
	p->room = size > 2 * p->room ? size : 2 * p->room;
	more = realloc(p->buf, p->room);
	if (!more)
		return bad(p, "out of memory");
	p->buf = more;
	return true;
}

static bool text_content(struct parser *p, size_t *size)
{
	*size = 0;
	while (content_follows(p)) {
		next_line(p);
		if (!make_room(p, *size + p->len))
			return false;
		memcpy(p->buf + *size, p->text + 1, p->len - 1);
		*size += p->len - 1;
		p->buf[(*size)++] = '\n';
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

static bool byte_content(struct parser *p, size_t *size)
{
	uint64_t n, offset;
	size_t at;

	if (!content_follows(p) || !next_line(p) || !number(p, 10, TREE_FILE, &n, &at) ||
	    at != p->len)
		return bad(p, "a number of bytes is missing");
	*size = n;
	if (!make_room(p, n + 1))
		return false;
	memset(p->buf, 0, n);
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
			p->buf[offset] = hex(p->text[at + 1]) << 4 | hex(p->text[at + 2]);
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

static bool parse_entry(struct parser *p, struct archive *a)
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
		if (!text_content(p, &size))
			return false;
		break;
	case 'X':
		type = NODE_FILE;
		if (!byte_content(p, &size))
			return false;
		break;
	case 'L':
		type = NODE_LINK;
		if (!text_content(p, &size))
			return false;
		if (!make_room(p, size + 1))
			return false;
		p->buf[size] = '\0';
		trim(p->buf);
		size = strlen(p->buf);
		if (!size || size >= TREE_PATH || strpbrk(p->buf, "\n"))
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
	p->total += size;
	if (!archive_add(a, path, type, p->buf ? p->buf : "", size, error)) {
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
	bool good = true;

	if (!next_line(&p) || p.len != strlen(ARCHIVE_MAGIC) ||
	    memcmp(p.text, ARCHIVE_MAGIC, p.len)) {
		p.line = 1;
		bad(&p, "no snapshot of p2pmem: it does not begin with \"" ARCHIVE_MAGIC "\"");
		return NULL;
	}
	a = archive_new();
	while (good && next_line(&p))
		good = !p.len || parse_entry(&p, a);
	free(p.buf);
	if (good)
		return a;
	archive_free(a);
	return NULL;
}
