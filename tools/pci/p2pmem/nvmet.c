// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem nvmet: namespaces of the NVMe target and the memory that they use
 *
 * Floor 10.
 *
 * Showing them. What changes them is nvmet_set.c's.
 */
#include <string.h>

#include "nvmet.h"

static const char *use_text(struct context *c, const struct use *u)
{
	const struct function *f = machine_at(c->m, u->provider);

	if (!strcmp(u->provider, "system"))
		return arena_printf(c->m->arena, "%s: system memory, %s", u->controller, u->reason);
	return arena_printf(c->m->arena, "%s: %s, %s%s", u->controller,
			    f ? function_alias(f) : u->provider, u->proof,
			    u->by_admin ? ", by an administrator's entry" : "");
}

static const char *setting_text(struct context *c, const struct nvmet_namespace *ns)
{
	const struct function *f;

	if (!ns->p2pmem)
		return "-";
	if (!strcmp(ns->p2pmem, "0"))
		return "off";
	if (!strcmp(ns->p2pmem, "1"))
		return "auto";
	f = machine_at(c->m, ns->p2pmem);
	return f ? function_alias(f) : ns->p2pmem;
}

static int show_json(struct context *c)
{
	struct json_object *root = json_begin(c, "nvmet"), *array = json_object_new_array(), *o;
	struct json_object *uses, *u;
	const struct nvmet_namespace *ns;
	unsigned int i, k;

	for (i = 0; i < c->m->nr_namespaces; i++) {
		ns = &c->m->ns[i];
		o = json_object_new_object();
		uses = json_object_new_array();
		json_put(o, "subsystem", json_string(ns->subsystem));
		json_put(o, "nsid", json_string(ns->nsid));
		json_put(o, "device", json_string(ns->device));
		json_put(o, "enabled", json_object_new_boolean(ns->enabled));
		json_put(o, "p2pmem", json_string(ns->p2pmem));
		json_put(o, "prefer", json_string(ns->prefer));
		json_put(o, "verify", json_string(ns->verify));
		for (k = 0; k < ns->nr_uses; k++) {
			u = json_object_new_object();
			json_put(u, "controller", json_string(ns->use[k].controller));
			json_put(u, "provider", strcmp(ns->use[k].provider, "system") ?
				 json_string(ns->use[k].provider) : NULL);
			json_put(u, "reason", json_string(ns->use[k].reason));
			json_put(u, "proof", json_string(ns->use[k].proof));
			json_put(u, "by_admin", json_object_new_boolean(ns->use[k].by_admin));
			json_push(uses, u);
		}
		json_put(o, "controllers", uses);
		json_push(array, o);
	}
	json_put(root, "namespaces", array);
	return json_end(c, root);
}

static int show(struct context *c)
{
	static const char * const heads[] = {
		"SUBSYSTEM", "NSID", "DEVICE", "ENABLED", "P2PMEM", "PREFER", "VERIFY",
		"CONTROLLERS",
	};
	struct grid *g = grid_new(c, ARRAY_SIZE(heads));
	const struct nvmet_namespace *ns;
	unsigned int i, k;

	if (c->json)
		return show_json(c);
	for (i = 0; i < ARRAY_SIZE(heads); i++)
		grid_add(g, BOLD, "%s", heads[i]);
	for (i = 0; i < c->m->nr_namespaces; i++) {
		ns = &c->m->ns[i];
		grid_add(g, PLAIN, "%s", ns->subsystem);
		grid_add(g, PLAIN, "%s", ns->nsid);
		grid_add(g, PLAIN, "%s", ns->device ? ns->device : "-");
		grid_add(g, PLAIN, "%s", ns->enabled ? "yes" : "no");
		grid_add(g, PLAIN, "%s", setting_text(c, ns));
		grid_add(g, PLAIN, "%s", ns->prefer ? ns->prefer : "-");
		grid_add(g, PLAIN, "%s", ns->verify ? ns->verify : "-");
		grid_add(g, PLAIN, "%s", ns->nr_uses ? use_text(c, &ns->use[0]) : "");
		for (k = 1; k < ns->nr_uses; k++) {
			for (unsigned int col = 0; col < ARRAY_SIZE(heads) - 1; col++)
				grid_add(g, PLAIN, "%s", "");
			grid_add(g, PLAIN, "%s", use_text(c, &ns->use[k]));
		}
	}
	if (c->m->nr_namespaces)
		grid_print(g);
	else if (c->m->nvmet)
		say(c, PLAIN, "The NVMe target has no namespace.\n");
	else
		say(c, PLAIN, "The NVMe target is not loaded, or configfs cannot be read.\n");
	say_missing(c);
	return DONE;
}

int command_nvmet(struct context *c, const struct options *o, int argc, char **argv)
{
	const char *what = argc ? argv[0] : "show";

	if (!strcmp(what, "show") && argc <= 1)
		return show(c);
	if (!strcmp(what, "save") && argc == 1 && !tree_is_live(c->m->tree)) {
		complain("nvmet save of another machine needs a file: " NVMET_FILE " is this one's");
		return USAGE;
	}
	if (!strcmp(what, "save") && argc <= 2)
		return nvmet_save(c, argc == 2 ? argv[1] : NVMET_FILE);
	if (!tree_is_live(c->m->tree)) {
		complain("nvmet %s changes the machine that runs, not a snapshot", what);
		return USAGE;
	}
	if (!strcmp(what, "set") && argc == 4)
		return nvmet_set(c, o, argv[1], argv[2], argv[3]);
	if (!strcmp(what, "restore") && argc <= 2)
		return nvmet_restore(c, o, argc == 2 ? argv[1] : NVMET_FILE);
	complain("nvmet takes show, set NQN NSID auto|off|DEV, save [FILE], or restore [FILE]");
	return USAGE;
}
