// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem list: who lends memory
 *
 * Floor 9.
 */
#include <string.h>

#include "command.h"

#define BAR	12

static const char *bar_text(struct context *c, uint64_t used, uint64_t size)
{
	char bar[BAR + 3];
	unsigned int full = size ? (used * BAR + size - 1) / size : 0;

	if (!c->terminal)
		return "";
	memset(bar, '.', sizeof(bar));
	bar[0] = '[';
	memset(bar + 1, '#', full > BAR ? BAR : full);
	bar[BAR + 1] = ']';
	bar[BAR + 2] = '\0';
	return arena_printf(c->m->arena, " %s", bar);
}

static int list_json(struct context *c)
{
	struct json_object *root = json_begin(c, "list"), *array = json_object_new_array();
	struct json_object *possible = json_object_new_array();
	unsigned int i;

	for (i = 0; i < c->m->nr_providers; i++)
		json_push(array, json_provider(c, c->m->provider[i]));
	for (i = 0; i < c->m->nr; i++)
		if (c->m->function[i]->could_lend && !c->m->function[i]->provider)
			json_push(possible, json_function(c, c->m->function[i]));
	json_put(root, "providers", array);
	json_put(root, "possible", possible);
	return json_end(c, root);
}

static void list_possible(struct context *c)
{
	struct function **list, *f;
	unsigned int i, nr;
	struct grid *g;
	char size[16];
	struct bar *bar;
	int number;

	list = lenders(c, &nr);
	say(c, PLAIN, "No function lends peer-to-peer memory.\n");
	if (!nr)
		return;
	say(c, PLAIN, "These have memory that a driver could lend:\n\n");
	g = grid_new(c, 5);
	grid_add(g, BOLD, "FUNCTION");
	grid_add(g, BOLD, "NAME");
	grid_add(g, BOLD, "DRIVER");
	grid_add(g, BOLD, "MEMORY");
	grid_add(g, BOLD, "DEVICE");
	for (i = 0; i < nr; i++) {
		f = list[i];
		bar = function_memory_bar(f, &number);
		grid_add(g, PLAIN, "%s", f->name);
		grid_add(g, PLAIN, "%s", function_alias(f));
		grid_add(g, PLAIN, "%s", f->driver ? f->driver : "-");
		grid_add(g, PLAIN, "%s in BAR %d%s", size_text(size, bar ? bar->size : 0), number,
			 f->silent ? ", does not answer" : "");
		grid_add(g, FAINT, "%s", device_name(c, f));
	}
	grid_print(g);
}

static void list_provider(struct context *c, struct grid *g, const struct provider *p)
{
	const struct function *f = p->function;
	char size[16], used[16];
	bool lives = !p->state || !strcmp(p->state, "live");

	grid_add(g, PLAIN, "%s", f->name);
	grid_add(g, PLAIN, "%s", function_alias(f));
	grid_add(g, PLAIN, "%s", f->driver ? f->driver : "-");
	grid_add(g, PLAIN, "%s", lender_kind(f));
	grid_add(g, PLAIN, "%s", size_text(size, p->size));
	grid_add(g, PLAIN, "%s%s", size_text(used, p->size - p->available),
		 bar_text(c, p->size - p->available, p->size));
	grid_add(g, f->silent ? BAD : p->published ? GOOD : WARN, "%s%s%s%s",
		 p->published ? "yes" : "no", lives ? "" : " ", lives ? "" : p->state,
		 f->silent ? ", does not answer" : "");
	if (f->node < 0)
		grid_add(g, PLAIN, "-");
	else
		grid_add(g, PLAIN, "%d", f->node);
	grid_add(g, FAINT, "%s", device_name(c, f));
}

int command_list(struct context *c)
{
	static const char * const heads[] = {
		"PROVIDER", "NAME", "DRIVER", "KIND", "SIZE", "USED", "PUBLISHED", "NODE", "DEVICE",
	};
	struct grid *g;
	unsigned int i;

	if (c->json)
		return list_json(c);
	if (c->m->nr_providers) {
		g = grid_new(c, ARRAY_SIZE(heads));
		for (i = 0; i < ARRAY_SIZE(heads); i++)
			grid_add(g, BOLD, "%s", heads[i]);
		grid_right(g, 4);
		if (!c->terminal)
			grid_right(g, 5);
		for (i = 0; i < c->m->nr_providers; i++)
			list_provider(c, g, c->m->provider[i]);
		grid_print(g);
	} else {
		list_possible(c);
	}
	say_missing(c);
	return DONE;
}
