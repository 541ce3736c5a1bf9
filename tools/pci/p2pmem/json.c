// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the objects of which JSON consists
 *
 * Floor 8.
 *
 * schema.json describes them; it changes with VERSION only, but for members that are added. Sizes
 * are bytes, addresses full, null is what is not known.
 */
#include <stdlib.h>
#include <string.h>

#include "out.h"

#define VERSION	1

struct json_object *json_string(const char *s)
{
	struct json_object *string;
	char *copy;

	if (!s)
		return NULL;
	/* Names are anybody's bytes, and JSON is UTF-8. */
	copy = strdup(s);
	string = json_object_new_string(copy ? printable_json(copy) : "");
	free(copy);
	return string;
}

struct json_object *json_u64(uint64_t n)
{
	return json_object_new_uint64(n);
}

struct json_object *json_names(const struct names *n)
{
	struct json_object *array = json_object_new_array();
	unsigned int i;

	for (i = 0; i < n->nr; i++)
		json_push(array, json_string(n->name[i]));
	return array;
}

static const char *kernel_name(enum kernel_kind kind)
{
	static const char * const names[] = {
		[KERNEL_UNKNOWN] = "unknown",
		[KERNEL_P2PMEM] = "p2pmem",
		[KERNEL_UPSTREAM] = "p2pdma",
		[KERNEL_NEITHER] = "neither",
	};

	return names[kind];
}

struct json_object *json_begin(struct context *c, const char *command)
{
	struct json_object *root = json_object_new_object(), *missing = json_object_new_array(), *o;
	const struct machine *m = c->m;
	unsigned int i;

	json_put(root, "version", json_u64(VERSION));
	json_put(root, "command", json_string(command));
	json_put(root, "kernel", json_string(kernel_name(m->kernel)));
	json_put(root, "release", json_string(m->release));
	for (i = 0; i < m->nr_missing; i++) {
		o = json_object_new_object();
		json_put(o, "what", json_string(m->missing[i].what));
		json_put(o, "path", json_string(m->missing[i].path));
		json_put(o, "error", json_string(strerror(m->missing[i].error)));
		json_push(missing, o);
	}
	json_put(root, "not_read", missing);
	return root;
}

int json_end(struct context *c, struct json_object *root)
{
	const int flags = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
			  JSON_C_TO_STRING_NOSLASHESCAPE;

	fprintf(c->out, "%s\n", json_object_to_json_string_ext(root, flags));
	json_object_put(root);
	return ferror(c->out) ? FAILED : DONE;
}

int json_done(struct context *c, const char *command, const char *file, unsigned int entries,
	      unsigned int failed)
{
	struct json_object *root;

	if (!c->json)
		return DONE;
	root = json_begin(c, command);
	json_put(root, "file", json_string(file));
	json_put(root, "entries", json_u64(entries));
	json_put(root, "failed", json_u64(failed));
	return json_end(c, root);
}

static struct json_object *json_id(const struct function *f)
{
	char id[16];

	snprintf(id, sizeof(id), "%04x:%04x", f->vendor, f->id);
	return json_string(id);
}

struct json_object *json_function(struct context *c, const struct function *f)
{
	struct json_object *o = json_object_new_object();

	json_put(o, "address", json_string(f->name));
	json_put(o, "id", json_id(f));
	json_put(o, "name", json_string(device_name(c, f)));
	json_put(o, "role", json_string(role_name(f->role)));
	json_put(o, "driver", json_string(f->driver));
	json_put(o, "nvme", json_names(&f->nvme));
	json_put(o, "blocks", json_names(&f->blocks));
	json_put(o, "rdma", json_names(&f->rdma));
	json_put(o, "network", json_names(&f->nets));
	json_put(o, "numa_node", f->node < 0 ? NULL : json_object_new_int(f->node));
	json_put(o, "iommu_group", f->group < 0 ? NULL : json_object_new_int(f->group));
	json_put(o, "dma_mask_bits", f->dma_bits ? json_u64(f->dma_bits) : NULL);
	json_put(o, "answers", json_object_new_boolean(!f->silent));
	return o;
}

static struct json_object *json_kernel(const struct kernel_pair *k)
{
	struct json_object *o;

	if (!k)
		return NULL;
	o = json_object_new_object();
	json_put(o, "reason", json_string(k->reason));
	json_put(o, "mapping", json_string(k->mapping));
	json_put(o, "distance", k->distance < 0 ? NULL : json_object_new_int(k->distance));
	json_put(o, "proof", json_string(k->proof));
	json_put(o, "by_admin", json_object_new_boolean(k->by_admin));
	return o;
}

struct json_object *json_verdict(struct context *c, const struct verdict *v)
{
	struct json_object *o = json_object_new_object();
	char remedy[1024];

	json_put(o, "provider", json_string(v->provider->name));
	json_put(o, "client", json_string(v->client->name));
	json_put(o, "label", json_string(relation_name(v->relation)));
	json_put(o, "distance", v->distance < 0 ? NULL : json_object_new_int(v->distance));
	json_put(o, "allowed", v->permission == NOT_KNOWN ? NULL :
		 json_object_new_boolean(verdict_allowed(v)));
	json_put(o, "permission", json_string(permission_name(v->permission)));
	json_put(o, "reason", v->permission == NOT_KNOWN ? NULL :
		 json_string(reason_token(v->reason)));
	json_put(o, "at", json_string(*v->at ? v->at : NULL));
	evaluate_remedy(c->j, v, remedy, sizeof(remedy));
	json_put(o, "remedy", json_string(*remedy ? remedy : NULL));
	json_put(o, "kernel", json_kernel(v->kernel));
	return o;
}

struct json_object *json_provider(struct context *c, const struct provider *p)
{
	struct json_object *o = json_object_new_object(), *regions = json_object_new_array(), *r;
	unsigned int i;

	json_put(o, "function", json_function(c, p->function));
	json_put(o, "size", json_u64(p->size));
	json_put(o, "available", json_u64(p->available));
	json_put(o, "published", json_object_new_boolean(p->published));
	json_put(o, "by", json_string(p->upstream ? "p2pdma" : "p2pmem"));
	json_put(o, "state", json_string(p->state));
	json_put(o, "quota", p->upstream ? NULL : json_u64(p->quota));
	for (i = 0; p->exact && i < p->regions; i++) {
		r = json_object_new_object();
		json_put(r, "bar", json_object_new_int(p->region[i].bar));
		json_put(r, "offset", json_u64(p->region[i].offset));
		json_put(r, "size", json_u64(p->region[i].size));
		json_put(r, "kind", json_string(p->region[i].kind));
		json_push(regions, r);
	}
	json_put(o, "regions", p->exact ? regions : NULL);
	if (!p->exact)
		json_object_put(regions);
	return o;
}
