// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: text and tables
 *
 * Floor 7.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "out.h"

void terminal_size(struct context *c)
{
	const char *columns = getenv("COLUMNS"), *lines = getenv("LINES");
	struct winsize size = {};
	uint64_t n;

	if (c->terminal)
		ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	c->width = size.ws_col ? size.ws_col : 80;
	if (!size.ws_col && columns && parse_u64(columns, 10, 10000, &n) && n)
		c->width = n;
	c->height = size.ws_row;
	if (!size.ws_row && lines && parse_u64(lines, 10, 10000, &n))
		c->height = n;
}

const char *color_on(const struct context *c, enum color color)
{
	static const char * const codes[] = {
		[PLAIN] = "",
		[GOOD] = "\033[32m",
		[BAD] = "\033[31m",
		[WARN] = "\033[33m",
		[FAINT] = "\033[2m",
		[BOLD] = "\033[1m",
	};

	return c->color ? codes[color] : "";
}

const char *color_off(const struct context *c, enum color color)
{
	return c->color && color != PLAIN ? "\033[0m" : "";
}

void say(struct context *c, enum color color, const char *format, ...)
{
	va_list args;

	fputs(color_on(c, color), c->out);
	va_start(args, format);
	vfprintf(c->out, format, args);
	va_end(args);
	fputs(color_off(c, color), c->out);
}

void complain(const char *format, ...)
{
	char text[8192];	/* two of the longest paths fit */
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* Names of files and devices are anybody's, and a terminal obeys some characters. */
	fprintf(stderr, "p2pmem: %s\n", printable_utf8(text));
}

const char *device_name(struct context *c, const struct function *f)
{
	char buf[256];

	if (!c->names)
		c->names = registers_open(true);
	registers_name(c->names, f, buf, sizeof(buf));
	return arena_strdup(c->m->arena, buf);
}

void say_missing(struct context *c)
{
	const struct machine *m = c->m;
	const char *root;
	unsigned int i;

	for (i = 0; i < m->nr_missing; i++) {
		root = m->missing[i].error == EACCES || m->missing[i].error == EPERM ?
			" (root can)" : "";
		say(c, FAINT, "Not read: %s: %s: %s%s\n", m->missing[i].what, m->missing[i].path,
		    strerror(m->missing[i].error), root);
	}
	for (i = 0; i < m->nr; i++)
		if (!m->function[i]->whole && !m->function[i]->silent)
			break;
	if (i < m->nr && !m->nr_missing)
		say(c, FAINT, "Not read: %s has the first 64 bytes of configuration space only: "
		    "ACS, links and sizes of packets are not known (root can)\n",
		    m->function[i]->name);
}

struct cell {
	enum color color;
	char *text;
};

struct grid {
	struct context *c;
	unsigned int columns, nr, room;
	struct cell *cell;
	bool *right;
};

struct grid *grid_new(struct context *c, unsigned int columns)
{
	struct grid *g = arena_alloc(c->m->arena, sizeof(*g));

	g->c = c;
	g->columns = columns;
	g->right = arena_alloc(c->m->arena, columns * sizeof(*g->right));
	return g;
}

void grid_add(struct grid *g, enum color color, const char *format, ...)
{
	struct arena *a = g->c->m->arena;
	va_list args;

	arena_room(a, g->cell, g->nr, g->room);
	va_start(args, format);
	g->cell[g->nr++] = (struct cell){
		color, printable_utf8(arena_vprintf(a, format, args)),
	};
	va_end(args);
}

void grid_right(struct grid *g, unsigned int column)
{
	g->right[column] = true;
}

/* The last one of a row in which there is something */
static unsigned int last_cell(const struct grid *g, unsigned int first)
{
	unsigned int last = g->columns - 1;

	while (last && !*g->cell[first + last].text)
		last--;
	return last;
}

void grid_print(struct grid *g)
{
	unsigned int *width = arena_alloc(g->c->m->arena, g->columns * sizeof(*width));
	unsigned int i, col, len, last = 0;
	FILE *out = g->c->out;
	struct cell *cell;

	for (i = 0; i < g->nr; i++) {
		len = strlen(g->cell[i].text);
		if (width[i % g->columns] < len)
			width[i % g->columns] = len;
	}
	for (i = 0; i < g->nr; i++) {
		cell = &g->cell[i];
		col = i % g->columns;
		if (!col)
			last = last_cell(g, i);
		len = width[col] - strlen(cell->text);
		if (col <= last && g->right[col])
			fprintf(out, "%*s", (int)len, "");
		if (col <= last)
			fprintf(out, "%s%s%s", color_on(g->c, cell->color), cell->text,
				color_off(g->c, cell->color));
		if (col < last)
			fprintf(out, "%*s", (int)(g->right[col] ? 2 : len + 2), "");
		if (col == g->columns - 1)
			fputc('\n', out);
	}
}
