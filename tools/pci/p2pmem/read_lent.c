// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: reading which functions lend memory, and what the kernel says of pairs
 *
 * Floor 5.
 *
 * sysfs has the same names for p2pmem and for the kernel's own P2PDMA. Tables of p2pmem are in
 * debugfs, for root: their first line names the columns, so that later ones do no harm.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

#define DEBUGFS		"sys/kernel/debug/p2pmem"
#define MAX_COLUMNS	16

static void guess_region(struct machine *m, struct provider *p)
{
	struct function *f = p->function;
	struct region *r = arena_alloc(m->arena, sizeof(*r));
	struct bar *bar = function_memory_bar(f, &r->bar);
	uint64_t offset, size;
	int number;

	if (f->role == ROLE_DRIVE && function_cmb(f, &number, &offset, &size)) {
		r->bar = number;
		r->offset = offset;
		bar = &f->bar[number];
	}
	if (!bar || !bar->size || r->offset >= bar->size)
		return;
	r->size = bar->size - r->offset;
	if (p->size && p->size < r->size)
		r->size = p->size;
	r->kind = "pool";
	p->region = r;
	p->regions = 1;
}

static void read_provider(struct machine *m, struct function *f)
{
	char path[64], target[TREE_PATH], at[TREE_PATH], full[TREE_PATH + 16];
	struct provider *p;
	struct place dir;
	uint64_t size, available, n;

	/* The links are those that read_functions() found. */
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s", f->name);
	if (place_link(m->tree, NULL, path, target, sizeof(target)) > 0 &&
	    follow_link("sys/bus/pci/devices", target, at, sizeof(at)))
		snprintf(full, sizeof(full), "%s/p2pmem", at);
	else
		snprintf(full, sizeof(full), "%s/p2pmem", path);
	if (place_open(m->tree, NULL, full, &dir))
		return;
	p = arena_alloc(m->arena, sizeof(*p));
	p->function = f;
	p->upstream = m->kernel != KERNEL_P2PMEM;
	if (p->upstream && m->kernel != KERNEL_UPSTREAM)
		m->kernel = KERNEL_UPSTREAM;
	if (read_number(m, &dir, "size", 10, UINT64_MAX, &size))
		p->size = size;
	if (read_number(m, &dir, "available", 10, UINT64_MAX, &available))
		p->available = available < p->size ? available : p->size;
	if (read_number(m, &dir, "published", 10, 1, &n))
		p->published = n;
	if (!p->upstream && read_number(m, &dir, "quota", 10, UINT64_MAX, &n))
		p->quota = n;
	place_close(&dir);
	guess_region(m, p);
	f->provider = p;
	arena_room(m->arena, m->provider, m->nr_providers, m->room_providers);
	m->provider[m->nr_providers++] = p;
}

struct table {
	char *text;
	char *next;
	unsigned int columns;
	char *column[MAX_COLUMNS];
	char *value[MAX_COLUMNS];
};

/* Words of a line; the last column takes the rest of it */
static unsigned int split(char *line, char *word[MAX_COLUMNS], unsigned int max)
{
	unsigned int n = 0;

	while (*line) {
		word[n++] = line;
		if (n == max)
			return n;
		line += strcspn(line, " ");
		if (*line)
			*line++ = '\0';
	}
	return n;
}

static char *next_line(char **text)
{
	char *line = *text, *end = strchr(line, '\n');

	*text = end ? end + 1 : line + strlen(line);
	if (end)
		*end = '\0';
	return line;
}

static bool table_open(struct machine *m, struct table *t, const char *name)
{
	char path[64];
	bool cut;
	int n;

	snprintf(path, sizeof(path), DEBUGFS "/%s", name);
	n = place_read_all(m->tree, NULL, path, m->arena, &t->text, &cut);
	if (n < 0) {
		if (m->kernel == KERNEL_P2PMEM)
			machine_missing(m, DEBUGFS, -n, "the kernel's own verdicts and counters");
		return false;
	}
	if (cut)
		machine_missing(m, path, EFBIG, "the end of a table of the kernel");
	t->next = t->text;
	t->columns = split(next_line(&t->next), t->column, MAX_COLUMNS);
	return true;
}

static bool table_next(struct table *t)
{
	/* the last line of a table that was cut is no line */
	if (!*t->next || !strchr(t->next, '\n'))
		return false;
	return split(next_line(&t->next), t->value, t->columns ? t->columns : 1) == t->columns;
}

static const char *value(const struct table *t, const char *column)
{
	unsigned int i;

	for (i = 0; i < t->columns; i++)
		if (!strcmp(t->column[i], column))
			return printable(t->value[i]);
	return "";
}

static uint64_t number(const struct table *t, const char *column)
{
	const char *s = value(t, column);
	uint64_t n = 0;

	parse_u64(s, starts_with(s, "0x") ? 16 : 10, UINT64_MAX, &n);
	return n;
}

static void read_states(struct machine *m)
{
	struct function *f;
	struct table t;

	if (!table_open(m, &t, "providers"))
		return;
	while (table_next(&t)) {
		f = machine_at(m, value(&t, "provider"));
		if (f && f->provider) {
			f->provider->state = value(&t, "state");
		} else if (f && !strcmp(value(&t, "state"), "abandoned")) {
			/* Its directory in sysfs is gone. */
			f->abandoned = true;
			f->could_lend = false;
		}
	}
}

static void read_regions(struct machine *m)
{
	struct function *f;
	struct region *r;
	struct provider *p;
	struct table t;

	if (!table_open(m, &t, "regions"))
		return;
	while (table_next(&t)) {
		f = machine_at(m, value(&t, "provider"));
		p = f ? f->provider : NULL;
		if (!p || number(&t, "bar") >= NR_BARS)
			continue;
		if (!p->exact)
			p->regions = p->room = 0;
		p->exact = true;
		arena_room(m->arena, p->region, p->regions, p->room);
		r = &p->region[p->regions++];
		r->bar = number(&t, "bar");
		r->offset = number(&t, "offset");
		r->size = number(&t, "size");
		r->kind = value(&t, "kind");
	}
}

/* Pairs by their ends: tables may be long. A slot has the number of a pair, 0 for none. */
struct slots {
	unsigned int *slot;
	unsigned int nr;	/* a power of two, at least twice the pairs */
};

static unsigned int *slot_of(const struct machine *m, const struct slots *s,
			     const struct function *provider, const char *client)
{
	uint64_t h = provider->index + 1;
	const struct kernel_pair *p;
	const char *c;
	unsigned int *slot;

	for (c = client; *c; c++)
		h = (h ^ (unsigned char)*c) * 0x100000001b3ULL;
	for (h ^= h >> 32;; h++) {
		slot = &s->slot[h & (s->nr - 1)];
		p = *slot ? &m->pair[*slot - 1] : NULL;
		if (!p || (p->provider == provider && !strcmp(p->client, client)))
			return slot;
	}
}

static void more_slots(struct machine *m, struct slots *s)
{
	unsigned int i;

	s->nr = s->nr ? 4 * s->nr : 1024;
	s->slot = arena_alloc(m->arena, s->nr * sizeof(*s->slot));
	for (i = 0; i < m->nr_pairs; i++)
		*slot_of(m, s, m->pair[i].provider, m->pair[i].client) = i + 1;
}

static struct kernel_pair *pair_of(struct machine *m, struct slots *s, struct function *provider,
				   const char *client)
{
	struct kernel_pair *p;
	unsigned int *slot;

	if (2 * (m->nr_pairs + 1) > s->nr)
		more_slots(m, s);
	slot = slot_of(m, s, provider, client);
	if (*slot)
		return &m->pair[*slot - 1];
	*slot = m->nr_pairs + 1;
	arena_room(m->arena, m->pair, m->nr_pairs, m->room_pairs);
	p = &m->pair[m->nr_pairs++];
	*p = (struct kernel_pair){
		.provider = provider,
		.client = client,
		.function = machine_at(m, client),
		.distance = -1,
	};
	return p;
}

static void read_pairs(struct machine *m)
{
	struct kernel_pair *p;
	struct slots slots = {};
	struct function *f;
	struct table t;

	m->pairs_known = table_open(m, &t, "paths");
	while (m->pairs_known && table_next(&t)) {
		f = machine_at(m, value(&t, "provider"));
		if (!f)
			continue;
		p = pair_of(m, &slots, f, value(&t, "client"));
		p->reason = value(&t, "reason");
		p->mapping = value(&t, "mapping");
		p->at = value(&t, "at");
		p->proof = value(&t, "proof");
		p->by_admin = number(&t, "by_admin");
		p->distance = *value(&t, "distance") == '-' ? -1 : (int)number(&t, "distance");
	}
	if (!m->pairs_known || !table_open(m, &t, "counters"))
		return;
	while (table_next(&t)) {
		f = machine_at(m, value(&t, "provider"));
		if (!f)
			continue;
		p = pair_of(m, &slots, f, value(&t, "client"));
		p->counted = true;
		p->maps = number(&t, "maps");
		p->unmaps = number(&t, "unmaps");
		p->bytes = number(&t, "bytes");
		p->in_use = number(&t, "in_use");
		p->peak = number(&t, "peak");
		p->failures = value(&t, "failures");
	}
}

void read_lent(struct machine *m)
{
	unsigned int i;

	for (i = 0; i < m->nr; i++)
		if (!m->function[i]->bridge)
			read_provider(m, m->function[i]);
}

void read_kernel(struct machine *m)
{
	m->pairs_known = false;
	if (m->kernel != KERNEL_P2PMEM)
		return;
	read_states(m);
	read_regions(m);
	read_pairs(m);
}
