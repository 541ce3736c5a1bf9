// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem topo: who reaches whom
 *
 * Floor 10.
 *
 * A matrix: a row for each function that lends (or could), a column for each that does DMA. A
 * label says how far apart they are, a mark behind it whether the path may be used.
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"

#define GAP	2
#define WIDEST	5	/* NODE+ */

struct matrix {
	struct context *c;
	struct function **row, **column;
	unsigned int rows, columns;
	struct verdict *cell;
};

static void evaluate_all(struct matrix *x)
{
	size_t cells = (size_t)x->rows * x->columns;
	unsigned int i, k;

	x->cell = arena_alloc(x->c->m->arena, (cells + 1) * sizeof(*x->cell));
	for (i = 0; i < x->rows; i++)
		for (k = 0; k < x->columns; k++)
			evaluate_pair(x->c->j, x->row[i], x->column[k],
				      &x->cell[i * x->columns + k]);
}

static enum color cell_color(const struct verdict *v)
{
	switch (v->permission) {
	case REFUSED:
		return BAD;
	case NOT_KNOWN:
		return FAINT;
	case ALLOWED_ADMIN:
		return WARN;
	default:
		return GOOD;
	}
}

/* The widest label and its mark fit in every column. */
static unsigned int cell_width(const struct function *f)
{
	unsigned int len = strlen(function_alias(f));

	return len < WIDEST ? WIDEST : len;
}

static void print_block(struct matrix *x, unsigned int first, unsigned int last, unsigned int head)
{
	FILE *out = x->c->out;
	const struct verdict *v;
	unsigned int i, k, width;
	char text[16];

	fprintf(out, "%*s", (int)head, "");
	for (k = first; k < last; k++)
		fprintf(out, "%*s%-*s", GAP, "",
			k + 1 < last ? (int)cell_width(x->column[k]) : 0,
			function_alias(x->column[k]));
	fputc('\n', out);
	for (i = 0; i < x->rows; i++) {
		fprintf(out, "%-*s", (int)head, function_alias(x->row[i]));
		for (k = first; k < last; k++) {
			v = &x->cell[i * x->columns + k];
			width = cell_width(x->column[k]);
			snprintf(text, sizeof(text), "%s%c", relation_name(v->relation),
				 verdict_mark(v));
			fprintf(out, "%*s%s%s%s", GAP, "", color_on(x->c, cell_color(v)), text,
				color_off(x->c, cell_color(v)));
			if (k + 1 < last && strlen(text) < width)
				fprintf(out, "%*s", (int)(width - strlen(text)), "");
		}
		fputc('\n', out);
	}
}

static void print_matrix(struct matrix *x)
{
	unsigned int i, first, last, head = 0, width;

	for (i = 0; i < x->rows; i++) {
		width = strlen(function_alias(x->row[i]));
		head = head < width ? width : head;
	}
	for (first = 0; first < x->columns; first = last) {
		width = head;
		last = first;
		while (last < x->columns) {
			width += GAP + cell_width(x->column[last]);
			if (last > first && x->c->terminal && width > x->c->width)
				break;
			last++;
		}
		if (first)
			fputc('\n', x->c->out);
		print_block(x, first, last, head);
	}
}

static void print_key(struct matrix *x)
{
	struct context *c = x->c;
	struct grid *g = grid_new(c, 4);
	bool *seen = arena_alloc(c->m->arena, (c->m->nr + 1) * sizeof(*seen));
	const char *lends;
	unsigned int i;

	for (i = 0; i < x->rows + x->columns; i++) {
		struct function *f = i < x->rows ? x->row[i] : x->column[i - x->rows];

		lends = f->provider ? "lends" : f->could_lend ? "could lend" : "";
		if (seen[f->index])
			continue;
		seen[f->index] = true;
		grid_add(g, PLAIN, "%s", function_alias(f));
		grid_add(g, PLAIN, "%s", f->name);
		grid_add(g, PLAIN, "%s%s%s", lends, *lends && f->silent ? ", " : "",
			 f->silent ? "does not answer" : "");
		grid_add(g, FAINT, "%s", device_name(c, f));
	}
	fputc('\n', c->out);
	grid_print(g);
}

static void print_legend(struct context *c)
{
	fputs("\n"
	      "Rows lend, columns do DMA. How far apart:\n"
	      "  X     the same function\n"
	      "  PIX   below one switch (or bridge): one is passed\n"
	      "  PXB   below several switches or bridges; no host bridge is passed\n"
	      "  PHB   below different root ports of one host bridge\n"
	      "  NODE  below different host bridges of one NUMA node\n"
	      "  SYS   below host bridges of different NUMA nodes\n"
	      "Whether peer-to-peer may be used:\n"
	      "  +  allowed, directly, by bus address    v  the same or h, a; a self-test proved it\n"
	      "  h  allowed, through the host bridge     a  the same, by an administrator's entry\n"
	      "  -  refused: \"p2pmem path\" says why      ?  not known: not all could be read\n",
	      c->out);
}

static int topo_json(struct matrix *x)
{
	struct json_object *root = json_begin(x->c, "topo"), *array;
	unsigned int i, k;

	array = json_object_new_array();
	for (i = 0; i < x->rows; i++)
		json_push(array, json_function(x->c, x->row[i]));
	json_put(root, "providers", array);
	json_put(root, "lending", json_object_new_boolean(x->c->m->nr_providers != 0));
	array = json_object_new_array();
	for (i = 0; i < x->columns; i++)
		json_push(array, json_function(x->c, x->column[i]));
	json_put(root, "clients", array);
	array = json_object_new_array();
	for (i = 0; i < x->rows; i++)
		for (k = 0; k < x->columns; k++)
			json_push(array, json_verdict(x->c, &x->cell[i * x->columns + k]));
	json_put(root, "pairs", array);
	return json_end(x->c, root);
}

int command_topo(struct context *c, const struct options *o)
{
	struct matrix x = { .c = c };

	if (o->tree)
		return draw_tree(c);
	if (o->svg)
		return draw_svg(c);
	if (o->dot)
		return draw_dot(c, c->out);
	x.row = lenders(c, &x.rows);
	x.column = clients(c, &x.columns);
	evaluate_all(&x);
	if (c->json)
		return topo_json(&x);
	if (!c->m->nr_providers)
		say(c, WARN, "No function lends peer-to-peer memory%s\n\n", x.rows ?
		    ". What would be if those that could did:" : ", and none could.");
	if (x.rows && x.columns) {
		print_matrix(&x);
		print_key(&x);
		print_legend(c);
	} else if (x.rows) {
		say(c, PLAIN, "There is no drive, adapter or other client.\n");
	}
	say_missing(c);
	return DONE;
}
