// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem path: a pair, hop by hop, and why
 *
 * Floor 9.
 */
#include <inttypes.h>
#include <string.h>

#include "command.h"

struct way {
	struct context *c;
	struct function *provider, *client;
	struct function *common;
	unsigned int up, down;		/* functions below what both have in common */
	struct verdict v;
	struct grid *g;
	struct json_object *hops;
};

static const char *end_name(struct context *c, const struct function *f)
{
	const char *alias = function_alias(f);

	if (strstr(f->name, alias))
		return f->name;
	return arena_printf(c->m->arena, "%s (%s)", f->name, alias);
}

static bool redirects(const struct function *f)
{
	/* request and completion redirect */
	return f->acs_cap && f->acs_ctrl & 0x0c;
}

static const char *translation_name(enum translation t)
{
	static const char * const names[] = {
		[TRANSLATION_UNKNOWN] = "unknown",
		[TRANSLATION_NONE] = "untranslated",
		[TRANSLATION_DMA] = "translated",
		[TRANSLATION_USER] = "user space",
	};

	return names[t];
}

/* One function of the way, as a row or as an object */
static void hop(struct way *w, struct function *f, const char *what, bool passed)
{
	struct context *c = w->c;
	struct json_object *o;
	bool fault = !strcmp(w->v.at, f->name) || f->silent, up = passed && redirects(f);

	if (f->silent)
		what = arena_printf(c->m->arena, "%s, does not answer", what);
	if (c->json) {
		o = json_object_new_object();
		json_put(o, "address", json_string(f->name));
		json_put(o, "what", json_string(what));
		json_put(o, "link_width", f->link.width ? json_u64(f->link.width) : NULL);
		json_put(o, "link_speed", f->link.width ?
			 json_string(link_speed(f->link.speed)) : NULL);
		json_put(o, "acs", json_string(f->acs_cap ? acs_text(c, f) : NULL));
		json_put(o, "redirects", f->whole ? json_object_new_boolean(up) : NULL);
		json_put(o, "max_payload", f->mps ? json_u64(f->mps) : NULL);
		json_put(o, "at_fault", json_object_new_boolean(fault));
		json_push(w->hops, o);
		return;
	}
	grid_add(w->g, fault ? BAD : PLAIN, "%s %s", fault ? "!" : " ", f->name);
	grid_add(w->g, PLAIN, "%s", what);
	grid_add(w->g, PLAIN, "%s", link_text(c, f));
	grid_add(w->g, PLAIN, f->mps ? "%u B" : "", f->mps);
	grid_add(w->g, up ? WARN : PLAIN, "%s", f->whole ? acs_text(c, f) : "?");
}

static void host_hop(struct way *w, struct function *f)
{
	const char *name, *what;
	struct forwards forwards;
	struct json_object *o;
	bool fault;

	evaluate_host(w->c->j, f, &forwards);
	name = arena_printf(w->c->m->arena, "pci%04x:%02x", f->root->domain, f->root->bus);
	fault = !strcmp(w->v.at, name) || w->v.reason == PCI_P2PMEM_HOST_BRIDGE;
	if (forwards.across)
		what = "host bridge, forwards, to others too";
	else if (forwards.within)
		what = "host bridge, forwards between its root ports";
	else
		what = "host bridge, not known to forward";
	if (forwards.by_admin)
		what = arena_printf(w->c->m->arena, "%s (administrator)", what);
	if (w->c->json) {
		o = json_object_new_object();
		json_put(o, "address", json_string(name));
		json_put(o, "what", json_string("host bridge"));
		json_put(o, "forwards_within", json_object_new_boolean(forwards.within));
		json_put(o, "forwards_across", json_object_new_boolean(forwards.across));
		json_put(o, "by_admin", json_object_new_boolean(forwards.by_admin));
		json_put(o, "at_fault", json_object_new_boolean(fault));
		json_push(w->hops, o);
		return;
	}
	grid_add(w->g, fault ? BAD : PLAIN, "%s %s", fault ? "!" : " ", name);
	grid_add(w->g, PLAIN, "%s", what);
	grid_add(w->g, PLAIN, "%s", "");
	grid_add(w->g, PLAIN, "%s", "");
	grid_add(w->g, PLAIN, "%s", "");
}

static const char *end_what(struct way *w, struct function *f)
{
	const char *alias = function_alias(f);
	bool lends = f == w->provider;
	const char *what = lends ? (f->provider ? "lends" : "would lend") : "client";

	if (w->provider == w->client)
		what = "lends, and is the client";
	return strstr(f->name, alias) ? what : arena_printf(w->c->m->arena, "%s %s", alias, what);
}

/* From the provider up to what both have in common, and down to the client */
static void walk(struct way *w)
{
	struct function *down[256], *f;
	unsigned int i, nr = 0;
	bool through;

	for (f = w->provider, i = 0; f && f != w->common; f = function_up(f), i++)
		hop(w, f, i ? port_name(f) : end_what(w, f), true);
	/* Requests go on to the host bridge, and come back. */
	through = w->common && (w->v.permission == ALLOWED_HOST ||
				w->v.permission == ALLOWED_ADMIN ||
				w->v.reason == PCI_P2PMEM_ACS_REDIRECT);
	if (w->common)
		hop(w, w->common, w->common == w->provider ? end_what(w, w->common) :
		    w->common == w->client ? end_what(w, w->common) :
		    arena_printf(w->c->m->arena, "%s, common", port_name(w->common)), false);
	if (!w->common || through)
		host_hop(w, w->provider);
	if (!w->common && w->provider->root != w->client->root)
		host_hop(w, w->client);
	for (f = w->client; f && f != w->common && nr < ARRAY_SIZE(down); f = function_up(f))
		down[nr++] = f;
	while (nr--)
		hop(w, down[nr], nr ? port_name(down[nr]) : end_what(w, down[nr]), true);
}

static void print_ends(struct way *w)
{
	struct function *p = w->provider, *f = w->client;
	struct context *c = w->c;
	struct bar *bar;
	int number = 0;
	char size[16];

	if (function_lacks_address(p, &number))
		say(c, BAD, "Memory:   BAR %d, %s, has no address\n", number,
		    size_text(size, p->bar[number].unset));
	bar = p->provider && p->provider->regions ? &p->bar[p->provider->region[0].bar] :
						    function_memory_bar(p, &number);
	if (bar && p->provider && p->provider->regions)
		number = p->provider->region[0].bar;
	if (bar)
		say(c, PLAIN, "Memory:   BAR %d, %s, bus address %#" PRIx64 " to %#" PRIx64 "\n",
		    number, size_text(size, bar->size), bar->bus, bar->bus + bar->size - 1);
	else if (!function_lacks_address(p, &number))
		say(c, WARN, "Memory:   %s has no memory BAR\n", p->name);
	if (f->dma_bits)
		say(c, w->v.reason == PCI_P2PMEM_DMA_MASK ? BAD : PLAIN,
		    "DMA mask: %u bits%s\n", f->dma_bits,
		    f->driver ? "" : " (no driver has set it yet)");
	if (p->group < 0 && f->group < 0)
		say(c, PLAIN, "IOMMU:    none\n");
	else
		say(c, PLAIN, "IOMMU:    group %d (%s) and group %d (%s)\n", p->group,
		    translation_name(p->translation), f->group,
		    translation_name(f->translation));
}

/* The first function at or above @f that does not answer, or NULL */
static const struct function *silent_on(const struct function *f)
{
	while (f && !f->silent)
		f = function_up(f);
	return f;
}

static void print_verdict(struct way *w)
{
	const struct function *silent;
	struct verdict *v = &w->v;
	struct context *c = w->c;
	char text[1024];

	switch (v->permission) {
	case ALLOWED_DIRECT:
		say(c, GOOD, "Verdict:  allowed, directly, by bus address\n");
		break;
	case ALLOWED_HOST:
		say(c, GOOD, "Verdict:  allowed, through the host bridge\n");
		break;
	case ALLOWED_ADMIN:
		say(c, WARN, "Verdict:  allowed, through a host bridge that an administrator's entry "
		    "allows\n");
		break;
	case NOT_KNOWN:
		silent = silent_on(w->provider);
		if (!silent)
			silent = silent_on(w->client);
		if (silent)
			say(c, WARN, "Verdict:  not known: %s does not answer\n", silent->name);
		else
			say(c, WARN, "Verdict:  not known: registers on the way could not be read\n");
		break;
	case REFUSED:
		say(c, BAD, "Verdict:  refused: %s: %s%s%s\n", reason_token(v->reason),
		    reason_text(v->reason), *v->at ? " at " : "", v->at);
		evaluate_remedy(c->j, v, text, sizeof(text));
		if (starts_with(text, "pci=")) {
			say(c, PLAIN, "Remedy:   boot with ");
			say(c, BOLD, "%s\n", text);
			break;
		}
		if (starts_with(reason_remedy(v->reason), "boot with ") &&
		    machine_booted_with(c->m, reason_remedy(v->reason) + strlen("boot with "))) {
			say(c, PLAIN, "Remedy:   none is known: this kernel was booted with %s\n",
			    reason_remedy(v->reason) + strlen("boot with "));
			break;
		}
		say(c, PLAIN, "Remedy:   %s%s\n", reason_remedy(v->reason), *text ? ", or" : "");
		if (*text)
			say(c, BOLD, "          %s\n", text);
		break;
	}
	if (!w->provider->provider && w->client->provider)
		say(c, PLAIN, "Note:     %s lends nothing, %s does: the provider is named first\n",
		    w->provider->name, w->client->name);
	if (v->kernel)
		say(c, v->differs ? BAD : PLAIN, "Kernel:   %s, mapping %s, %s%s\n",
		    v->kernel->reason, v->kernel->mapping, v->kernel->proof,
		    v->differs ? ": another verdict" : "");
}

static int path_json(struct way *w)
{
	struct json_object *root = json_begin(w->c, "path");
	char text[1024] = "";

	w->hops = json_object_new_array();
	walk(w);
	json_put(root, "provider", json_function(w->c, w->provider));
	json_put(root, "client", json_function(w->c, w->client));
	json_put(root, "verdict", json_verdict(w->c, &w->v));
	json_put(root, "hops", w->hops);
	if (w->v.permission != NOT_KNOWN)
		evaluate_explain(w->c->j, &w->v, text, sizeof(text));
	json_put(root, "explanation", json_string(*text ? text : NULL));
	return json_end(w->c, root);
}

static int answer(const struct verdict *v)
{
	if (v->permission == NOT_KNOWN)
		return FAILED;
	return verdict_allowed(v) ? DONE : ANSWER_NO;
}

int command_path(struct context *c, const struct options *o, const char *provider,
		 const char *client)
{
	struct way w = { .c = c };

	w.provider = resolve(c->m, provider);
	w.client = w.provider ? resolve(c->m, client) : NULL;
	if (!w.client)
		return FAILED;
	if (w.provider->bridge || w.client->bridge) {
		complain("%s is a bridge: it neither lends memory nor does DMA",
			 w.provider->bridge ? w.provider->name : w.client->name);
		return FAILED;
	}
	evaluate_pair(c->j, w.provider, w.client, &w.v);
	w.common = common_bridge(w.provider, w.client, &w.up, &w.down);
	if (o->quiet)
		return answer(&w.v);
	if (c->json)
		return path_json(&w) ? FAILED : answer(&w.v);
	say(c, BOLD, "%s to the memory of %s: %s", end_name(c, w.client),
	    end_name(c, w.provider), relation_name(w.v.relation));
	if (w.v.distance >= 0)
		say(c, PLAIN, ", %d hops", w.v.distance);
	fputs("\n\n", c->out);
	w.g = grid_new(c, 5);
	grid_add(w.g, FAINT, "  FUNCTION");
	grid_add(w.g, FAINT, "WHAT");
	grid_add(w.g, FAINT, "LINK");
	grid_add(w.g, FAINT, "PAYLOAD");
	grid_add(w.g, FAINT, "ACS");
	walk(&w);
	grid_print(w.g);
	fputc('\n', c->out);
	print_ends(&w);
	print_verdict(&w);
	say_missing(c);
	return answer(&w.v);
}
