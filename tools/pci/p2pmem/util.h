/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: memory and text, for every file of the command
 *
 * Memory comes from an arena: what is read of a machine lives as long as the machine, and is
 * freed at once. Running out of memory ends the process.
 */
#ifndef _P2PMEM_UTIL_H
#define _P2PMEM_UTIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define PRINTF(f, a)	__attribute__((format(printf, f, a)))

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a);
/* Zeroed */
void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_printf(struct arena *a, const char *format, ...) PRINTF(2, 3);
char *arena_vprintf(struct arena *a, const char *format, va_list args) PRINTF(2, 0);
/*
 * @array with room for one element behind its @nr: a larger copy, zero beyond @nr, when @room is
 * used up. It doubles, as the arena keeps all copies.
 */
void *arena_append(struct arena *a, void *array, size_t element, unsigned int nr,
		   unsigned int *room);
#define arena_room(a, array, nr, room) do { \
	__auto_type at_ = &(array); \
	*at_ = arena_append(a, *at_, sizeof(**at_), nr, &(room)); \
} while (0)

/* The end of a path: all after its last slash */
const char *base_name(const char *path);
bool starts_with(const char *s, const char *prefix);
/* A whole string as a number; false when it is none, or larger than @max */
bool parse_u64(const char *s, int base, uint64_t max, uint64_t *value);
/* Blanks and line ends at the end are cut off */
char *trim(char *s);
/* @s has only characters that a terminal and a line can show; others become '?' */
char *printable(char *s);
/* The same, but what is not ASCII stays where it is UTF-8 */
char *printable_utf8(char *s);
/* The same for JSON, in which control characters of ASCII are escaped: they stay */
char *printable_json(char *s);
/* Whether all of it is UTF-8 */
bool utf8_valid(const char *s);
/*
 * Where a link in the directory @dir leads to, from the root and without "..", "." and double
 * slashes; false when that is longer than @len
 */
bool follow_link(const char *dir, const char *target, char *path, size_t len);
/* 64 MiB, 1.5 GiB; up to 12 characters */
const char *size_text(char buf[16], uint64_t bytes);

#endif /* _P2PMEM_UTIL_H */
