// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: memory and text
 *
 * Floor 0.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define CHUNK	(64 * 1024)

struct chunk {
	struct chunk *next;
	size_t size;
	size_t used;
	max_align_t data[];
};

struct arena {
	struct chunk *chunk;
};

static void *must(void *p)
{
	if (!p) {
		fputs("p2pmem: out of memory\n", stderr);
		exit(1);
	}
	return p;
}

struct arena *arena_new(void)
{
	return must(calloc(1, sizeof(struct arena)));
}

void arena_free(struct arena *a)
{
	struct chunk *c, *next;

	for (c = a ? a->chunk : NULL; c; c = next) {
		next = c->next;
		free(c);
	}
	free(a);
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct chunk *c = a->chunk;
	size_t room = size > CHUNK / 4 ? size : CHUNK;
	void *p;

	size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
	if (!c || c->size - c->used < size) {
		if (room < size)
			room = size;
		c = must(malloc(sizeof(*c) + room));
		c->size = room;
		c->used = 0;
		/* A large one goes behind the first, which may have room left. */
		if (a->chunk && room != CHUNK) {
			c->next = a->chunk->next;
			a->chunk->next = c;
		} else {
			c->next = a->chunk;
			a->chunk = c;
		}
	}
	p = (char *)c->data + c->used;
	c->used += size;
	memset(p, 0, size);
	return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *copy;

	copy = arena_alloc(a, len + 1);
	memcpy(copy, s, len);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_vprintf(struct arena *a, const char *format, va_list args)
{
	va_list again;
	char *s;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	s = arena_alloc(a, n + 1);
	vsnprintf(s, n + 1, format, args);
	return s;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;
	char *s;

	va_start(args, format);
	s = arena_vprintf(a, format, args);
	va_end(args);
	return s;
}

void *arena_append(struct arena *a, void *array, size_t element, unsigned int nr,
		   unsigned int *room)
{
	void *more;

	if (nr < *room)
		return array;
	*room = *room * 2 + 16;
	more = arena_alloc(a, element * *room);
	if (nr)
		memcpy(more, array, element * nr);
	return more;
}

const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool starts_with(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

bool parse_u64(const char *s, int base, uint64_t max, uint64_t *value)
{
	uint64_t n;
	char *end;

	if (!isxdigit((unsigned char)*s))
		return false;
	errno = 0;
	n = strtoull(s, &end, base);
	if (errno || *end || n > max)
		return false;
	*value = n;
	return true;
}

char *trim(char *s)
{
	size_t len = strlen(s);

	while (len && isspace((unsigned char)s[len - 1]))
		s[--len] = '\0';
	return s;
}

char *printable(char *s)
{
	char *c;

	for (c = s; *c; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
			*c = '?';
	return s;
}

bool follow_link(const char *dir, const char *target, char *path, size_t len)
{
	size_t used = *target == '/' ? 0 : strlen(dir), n;

	if (used >= len)
		return false;
	memcpy(path, dir, used);
	for (; *target; target += n) {
		target += strspn(target, "/");
		n = strcspn(target, "/");
		if (!n || (n == 1 && *target == '.'))
			continue;
		if (n == 2 && starts_with(target, "..")) {
			while (used && path[--used] != '/')
				;
			continue;
		}
		if (used + !!used + n >= len)
			return false;
		if (used)
			path[used++] = '/';
		memcpy(path + used, target, n);
		used += n;
	}
	path[used] = '\0';
	return true;
}

/* Bytes of the character at @s in UTF-8, 0 when there is none; @value returns its number */
static unsigned int utf8_length(const char *s, unsigned int *value)
{
	static const unsigned int least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char c = *s;
	unsigned int len = c >= 0xf0 && c < 0xf8 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1, i;

	*value = c;
	if (c < 0x80)
		return 1;
	if (len == 1 || c >= 0xf8)
		return 0;
	*value = c & (0x7f >> len);
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*value = *value << 6 | (s[i] & 0x3f);
	}
	/* Surrogates are no characters. */
	if (*value < least[len] || *value > 0x10ffff || (*value >= 0xd800 && *value < 0xe000))
		return 0;
	return len;
}

/* Control characters, and those that are not seen or change the direction or the line */
static bool terminal_obeys(unsigned int c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c < 0x2010) ||
	       (c >= 0x2028 && c < 0x202f) || (c >= 0x2060 && c < 0x2070) || c == 0xfeff;
}

static char *replace(char *s, unsigned int least)
{
	unsigned int len, value, i;
	char *c;

	for (c = s; *c; c += len) {
		len = utf8_length(c, &value);
		if (len && (value < least || !terminal_obeys(value)))
			continue;
		len = len ? len : 1;
		for (i = 0; i < len; i++)
			c[i] = '?';
	}
	return s;
}

char *printable_utf8(char *s)
{
	return replace(s, 0);
}

char *printable_json(char *s)
{
	return replace(s, 0x20);
}

bool utf8_valid(const char *s)
{
	unsigned int len, value;

	for (; *s; s += len) {
		len = utf8_length(s, &value);
		if (!len)
			return false;
	}
	return true;
}

const char *size_text(char buf[16], uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	double n = bytes;
	int u = -1;

	while (n >= 1024 && units[u + 1]) {
		n /= 1024;
		u++;
	}
	if (u < 0)
		snprintf(buf, 16, "%" PRIu64 " B", bytes);
	else if (n == (uint64_t)n)
		snprintf(buf, 16, "%.0f %ciB", n, units[u]);
	else
		snprintf(buf, 16, "%.1f %ciB", n, units[u]);
	return buf;
}
