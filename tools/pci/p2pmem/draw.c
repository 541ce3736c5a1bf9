// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem topo --tree, --dot, --svg: the hierarchy drawn
 *
 * Floor 9.
 *
 * Only functions that matter are drawn: those that lend, could lend or do DMA, and the bridges
 * above them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"

static bool *wanted(struct context *c)
{
	struct machine *m = c->m;
	bool *want = arena_alloc(m->arena, (m->nr + 1) * sizeof(*want));
	struct function *f;
	unsigned int i;

	for (i = 0; i < m->nr; i++) {
		f = m->function[i];
		if (!f->provider && !f->could_lend && !function_is_client(f))
			continue;
		for (; f && !want[f->index]; f = function_up(f))
			want[f->index] = true;
	}
	return want;
}

static const char *tail(struct context *c, const struct function *f)
{
	const char *names = function_alias(f), *link = link_text(c, f), *acs = acs_text(c, f);
	char size[16], lends[48] = "";

	if (strstr(f->name, names))
		names = "";
	if (f->provider)
		snprintf(lends, sizeof(lends), "lends %s", size_text(size, f->provider->size));
	else if (f->could_lend)
		snprintf(lends, sizeof(lends), "could lend");
	return arena_printf(c->m->arena, "%s%s%s%s%s%s%s%s%s%s",
			    f->bridge ? port_name(f) : role_name(f->role),
			    *names ? " " : "", names, *lends ? ", " : "", lends,
			    *link ? ", " : "", link, *acs ? ", " : "", acs,
			    f->silent ? ", does not answer" : "");
}

static void draw_below(struct context *c, const bool *want, const struct root_bus *root,
		       const struct function *up, char *indent, size_t len)
{
	struct machine *m = c->m;
	struct function *f, *last = NULL;
	unsigned int i;

	for (i = 0; i < m->nr; i++) {
		f = m->function[i];
		if (want[i] && f->root == root && function_up(f) == up)
			last = f;
	}
	for (i = 0; last && i < m->nr; i++) {
		f = m->function[i];
		if (!want[i] || f->root != root || function_up(f) != up)
			continue;
		fprintf(c->out, "%s%s", indent, f == last ? "`- " : "+- ");
		say(c, f->provider ? GOOD : f->bridge ? FAINT : PLAIN, "%s  %s", f->name,
		    tail(c, f));
		if (!f->bridge)
			say(c, FAINT, "  %s", device_name(c, f));
		fputc('\n', c->out);
		if (f->bridge && len + 4 < 512) {
			strcpy(indent + len, f == last ? "   " : "|  ");
			draw_below(c, want, root, f, indent, len + 3);
			indent[len] = '\0';
		}
	}
}

static bool root_wanted(struct context *c, const bool *want, const struct root_bus *root)
{
	unsigned int i;

	for (i = 0; i < c->m->nr; i++)
		if (want[i] && c->m->function[i]->root == root)
			return true;
	return false;
}

static struct json_object *json_below(struct context *c, const bool *want,
				      const struct root_bus *root, const struct function *up)
{
	struct json_object *array = json_object_new_array(), *o;
	struct function *f;
	unsigned int i;

	for (i = 0; i < c->m->nr; i++) {
		f = c->m->function[i];
		if (!want[i] || f->root != root || function_up(f) != up)
			continue;
		o = json_object_new_object();
		json_put(o, "address", json_string(f->name));
		json_put(o, "what", json_string(tail(c, f)));
		if (f->bridge)
			json_put(o, "below", json_below(c, want, root, f));
		json_push(array, o);
	}
	return array;
}

static const char *root_text(struct context *c, const struct root_bus *r)
{
	struct forwards forwards = {};
	const char *what = "not known to forward";
	char node[32] = "";

	if (r->first)
		evaluate_host(c->j, r->first, &forwards);
	if (forwards.across)
		what = "forwards, to others too";
	else if (forwards.within)
		what = "forwards between its root ports";
	if (r->node >= 0)
		snprintf(node, sizeof(node), "NUMA node %d, ", r->node);
	return arena_printf(c->m->arena, "host bridge, %s%s", node, what);
}

int draw_tree(struct context *c)
{
	struct json_object *root = c->json ? json_begin(c, "topo-tree") : NULL;
	struct json_object *array = json_object_new_array(), *o;
	bool *want = wanted(c);
	char indent[512] = "", name[24];
	struct root_bus *r;
	unsigned int i;

	for (i = 0; i < c->m->nr_roots; i++) {
		r = c->m->root[i];
		if (!root_wanted(c, want, r))
			continue;
		snprintf(name, sizeof(name), "pci%04x:%02x", r->domain, r->bus);
		if (c->json) {
			o = json_object_new_object();
			json_put(o, "address", json_string(name));
			json_put(o, "what", json_string(root_text(c, r)));
			json_put(o, "below", json_below(c, want, r, NULL));
			json_push(array, o);
			continue;
		}
		say(c, BOLD, "%s", name);
		say(c, PLAIN, "  %s\n", root_text(c, r));
		draw_below(c, want, r, NULL, indent, 0);
	}
	if (c->json) {
		json_put(root, "roots", array);
		return json_end(c, root);
	}
	json_object_put(array);
	say_missing(c);
	return DONE;
}

/* --- graphviz --- */

static void dot_text(FILE *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', out);
		fputc(*s, out);
	}
}

static const char *fill(const struct function *f)
{
	if (f->provider)
		return "#cfe8cf";
	if (f->could_lend)
		return "#eef5e4";
	return f->bridge ? "#eeeeee" : "#dde6f5";
}

static void dot_node(struct context *c, FILE *out, const struct function *f)
{
	const char *alias = function_alias(f), *acs = acs_text(c, f);
	char size[16];

	fprintf(out, "\t\"%s\" [fillcolor=\"%s\" label=\"%s", f->name, fill(f), f->name);
	if (!strstr(f->name, alias)) {
		fputs("\\n", out);
		dot_text(out, alias);
	}
	fprintf(out, "\\n%s", f->bridge ? port_name(f) : role_name(f->role));
	if (f->provider)
		fprintf(out, "\\nlends %s", size_text(size, f->provider->size));
	if (*acs)
		fprintf(out, "\\n%s", acs);
	if (f->silent)
		fputs("\\ndoes not answer", out);
	fputs("\"];\n", out);
}

int draw_dot(struct context *c, FILE *out)
{
	bool *want = wanted(c);
	struct function *f;
	unsigned int i;

	fputs("graph p2pmem {\n\trankdir=TB;\n\tnode [shape=box style=filled fontname=\"sans-serif\" "
	      "fontsize=10];\n\tedge [fontname=\"sans-serif\" fontsize=9];\n", out);
	for (i = 0; i < c->m->nr_roots; i++)
		if (root_wanted(c, want, c->m->root[i]))
			fprintf(out, "\t\"pci%04x:%02x\" [shape=ellipse fillcolor=\"#f5ead0\" "
				"label=\"host bridge\\npci%04x:%02x\"];\n", c->m->root[i]->domain,
				c->m->root[i]->bus, c->m->root[i]->domain, c->m->root[i]->bus);
	for (i = 0; i < c->m->nr; i++)
		if (want[i])
			dot_node(c, out, c->m->function[i]);
	for (i = 0; i < c->m->nr; i++) {
		f = c->m->function[i];
		if (!want[i])
			continue;
		if (function_up(f))
			fprintf(out, "\t\"%s\" -- \"%s\"", function_up(f)->name, f->name);
		else
			fprintf(out, "\t\"pci%04x:%02x\" -- \"%s\"", f->root->domain, f->root->bus,
				f->name);
		if (f->link.width)
			fprintf(out, " [label=\" x%u %s\"]", f->link.width,
				link_speed(f->link.speed));
		fputs(";\n", out);
	}
	fputs("}\n", out);
	return ferror(out) ? FAILED : DONE;
}

int draw_svg(struct context *c)
{
	FILE *pipe;
	int status;

	fflush(c->out);
	pipe = popen("dot -Tsvg", "w");
	if (!pipe) {
		complain("dot cannot be run: %s", strerror(errno));
		return FAILED;
	}
	draw_dot(c, pipe);
	status = pclose(pipe);
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return DONE;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		complain("--svg needs the program dot: install graphviz, or use --dot");
	else
		complain("dot failed: the picture is not whole");
	return FAILED;
}
