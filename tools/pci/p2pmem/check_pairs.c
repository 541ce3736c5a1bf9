// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: what keeps pairs apart
 *
 * Floor 9.
 *
 * One finding for each reason, with an example; the remedy is for all of its pairs.
 */
#include <string.h>

#include "check.h"

/**
 * struct group - pairs of one reason
 * @nr: how many
 * @first: one of them
 * @nr_ports: how many of @port
 * @room: of @port
 * @port: whose ACS redirects, of all
 * @lost: a client of one of them reaches no lender at all
 */
struct group {
	unsigned int nr;
	struct verdict first;
	unsigned int nr_ports, room;
	const char **port;
	bool lost;
};

/* Allowed, but not directly, although both are below one switch */
#define DETOUR	PCI_P2PMEM_NR_REASONS

struct groups {
	struct check *k;
	struct group group[PCI_P2PMEM_NR_REASONS + 1];
	unsigned int pairs;
};

static void add_port(struct arena *a, struct group *g, const struct function *f)
{
	unsigned int i;

	for (i = 0; i < g->nr_ports; i++)
		if (g->port[i] == f->name)
			return;
	arena_room(a, g->port, g->nr_ports, g->room);
	g->port[g->nr_ports++] = f->name;
}

static void add_ports(struct arena *arena, struct group *g, const struct verdict *v)
{
	unsigned int a, b;
	struct function *common = common_bridge(v->provider, v->client, &a, &b), *f;

	for (f = v->provider; f && f != common; f = function_up(f))
		if (f->bridge && f->acs_ctrl & 0x0c)
			add_port(arena, g, f);
	for (f = v->client; f && f != common; f = function_up(f))
		if (f->bridge && f->acs_ctrl & 0x0c)
			add_port(arena, g, f);
}

static void add_pair(struct groups *all, const struct verdict *v)
{
	struct group *g = &all->group[v->reason];

	if (v->permission == ALLOWED_HOST &&
	    (v->relation == RELATION_PIX || v->relation == RELATION_PXB))
		g = &all->group[DETOUR];
	else if (v->permission != REFUSED)
		return;
	if (!g->nr++)
		g->first = *v;
	if (g == &all->group[DETOUR] || v->reason == PCI_P2PMEM_ACS_REDIRECT)
		add_ports(all->k->c->m->arena, g, v);
}

static const char *acs_remedy(struct groups *all, const struct group *g)
{
	const char *line = "pci=disable_acs_redir=";
	unsigned int i;

	if (!g->nr_ports)
		return NULL;
	for (i = 0; i < g->nr_ports; i++)
		line = arena_printf(all->k->c->m->arena, "%s%s%s", line, i ? ";" : "", g->port[i]);
	return line;
}

static const char *remedy_of(struct groups *all, const struct group *g)
{
	char line[1024];

	if (g == &all->group[DETOUR] || g->first.reason == PCI_P2PMEM_ACS_REDIRECT)
		return acs_remedy(all, g);
	evaluate_remedy(all->k->c->j, &g->first, line, sizeof(line));
	return *line ? arena_strdup(all->k->c->m->arena, line) : NULL;
}

static void report(struct groups *all, unsigned int reason)
{
	const struct group *g = &all->group[reason];
	const struct verdict *v = &g->first;
	bool translates;
	enum severity severity;
	const char *why;

	if (!g->nr)
		return;
	translates = v->client->translation == TRANSLATION_DMA;
	if (reason == DETOUR) {
		found(all->k, NOTE, "detour", remedy_of(all, g),
		      "%u of %u pairs below one switch go up to the host bridge, which forwards them: "
		      "ACS redirects at the ports that the line names%s", g->nr, all->pairs,
		      translates ? ", as the kernel sets it where the IOMMU translates" : "");
		return;
	}
	severity = reason == PCI_P2PMEM_HOST_BRIDGE && !g->lost ? NOTE : STOPS_SOME;
	why = reason == PCI_P2PMEM_ACS_REDIRECT && translates ?
		"; the kernel turns redirect on where the IOMMU translates" : "";
	if (g->nr == all->pairs)
		severity = STOPS_ALL;
	found(all->k, severity, reason_token(reason), remedy_of(all, g),
	      "%u of %u pairs: %s%s%s (%s to the memory of %s, for example)%s", g->nr, all->pairs,
	      reason_text(reason), *v->at ? " at " : "", v->at, function_alias(v->client),
	      function_alias(v->provider), why);
}

/* What a machine without a provider would have to change is said, too. */
void check_pairs(struct check *k)
{
	struct groups all = { .k = k };
	unsigned int rows, columns, i, n, evaluated, reached, worst;
	struct context *c = k->c;
	struct function **row = lenders(c, &rows), **column = clients(c, &columns);
	struct verdict v;

	for (n = 0; n < columns; n++) {
		reached = evaluated = 0;
		for (i = 0; i < rows; i++) {
			if (row[i] == column[n])
				continue;
			evaluate_pair(c->j, row[i], column[n], &v);
			all.pairs++;
			evaluated++;
			reached += v.permission != REFUSED;
			add_pair(&all, &v);
			if (v.differs)
				found(k, STOPS_SOME, "kernel-differs", NULL,
				      "%s to the memory of %s: the kernel says %s, this command %s: "
				      "something changed that the kernel cannot notice; write 1 to "
				      "p2pmem/rescan of the provider", v.client->name,
				      v.provider->name, v.kernel->reason, reason_token(v.reason));
		}
		all.group[PCI_P2PMEM_HOST_BRIDGE].lost |= evaluated && !reached &&
							  client_matters(column[n]);
	}
	/* the reason of most pairs first */
	for (i = 1; i <= DETOUR; i++) {
		for (n = worst = 0; n <= DETOUR; n++)
			if (all.group[n].nr > all.group[worst].nr)
				worst = n;
		report(&all, worst);
		all.group[worst].nr = 0;
	}
}
