/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: what a command needs to say something: text, tables, JSON
 */
#ifndef _P2PMEM_OUT_H
#define _P2PMEM_OUT_H

#include <json-c/json.h>

#include "evaluate.h"

/* Exit statuses */
#define DONE		0
#define FAILED		1
#define USAGE		2
#define ANSWER_NO	3

enum color {
	PLAIN,
	GOOD,
	BAD,
	WARN,
	FAINT,
	BOLD,
};

/**
 * struct context - what every command is called with
 * @m: the machine
 * @j: verdicts on it
 * @out: where to
 * @json: JSON is wanted
 * @color: colors may be used
 * @terminal: @out is a terminal
 * @width: its columns
 * @height: its lines, 0 when they are not known
 * @names: of vendors and devices, opened when they are first needed
 */
struct context {
	struct machine *m;
	struct evaluator *j;
	FILE *out;
	bool json;
	bool color;
	bool terminal;
	unsigned int width;
	unsigned int height;
	struct registers *names;
};

/* Sets width and height: by the terminal, or COLUMNS and LINES */
void terminal_size(struct context *c);
void say(struct context *c, enum color color, const char *format, ...) PRINTF(3, 4);
const char *color_on(const struct context *c, enum color color);
const char *color_off(const struct context *c, enum color color);
/* Vendor and device by name */
const char *device_name(struct context *c, const struct function *f);
/* One line on standard error */
void complain(const char *format, ...) PRINTF(1, 2);
/* What could not be read, and who could */
void say_missing(struct context *c);

/* A table whose columns are as wide as their widest cell */
struct grid;
struct grid *grid_new(struct context *c, unsigned int columns);
/* A cell, after the last one; rows are full */
void grid_add(struct grid *g, enum color color, const char *format, ...) PRINTF(3, 4);
/* The column is aligned to the right */
void grid_right(struct grid *g, unsigned int column);
void grid_print(struct grid *g);

/* JSON: objects of the schema */
struct json_object *json_begin(struct context *c, const char *command);
int json_end(struct context *c, struct json_object *root);
/* The document of a command that writes; nothing where JSON is not wanted */
int json_done(struct context *c, const char *command, const char *file, unsigned int entries,
	      unsigned int failed);
struct json_object *json_string(const char *s);
struct json_object *json_u64(uint64_t n);
struct json_object *json_names(const struct names *n);
struct json_object *json_function(struct context *c, const struct function *f);
struct json_object *json_verdict(struct context *c, const struct verdict *v);
struct json_object *json_provider(struct context *c, const struct provider *p);
#define json_put(object, key, value) json_object_object_add(object, key, value)
#define json_push(array, value) json_object_array_add(array, value)

#endif /* _P2PMEM_OUT_H */
