/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: the commands, and what they share
 */
#ifndef _P2PMEM_COMMAND_H
#define _P2PMEM_COMMAND_H

#include "out.h"

struct options {
	bool quiet;
	bool tree;
	bool dot;
	bool svg;
	bool force;
	double watch;		/* seconds, 0 for once */
	unsigned int count;	/* how often, 0 for ever */
	double wait;		/* seconds, -1 for the default */
};

int command_list(struct context *c);
int command_topo(struct context *c, const struct options *o);
int command_path(struct context *c, const struct options *o, const char *provider,
		 const char *client);
int command_stat(struct context *c, const struct options *o);
int command_check(struct context *c);
int command_nvmet(struct context *c, const struct options *o, int argc, char **argv);
int command_snapshot(struct context *c, const char *file);

/* topo --tree, --dot and --svg */
int draw_tree(struct context *c);
int draw_dot(struct context *c, FILE *out);
int draw_svg(struct context *c);

/* The function that a name means; NULL, and one line on standard error, when it is none */
struct function *resolve(struct machine *m, const char *name);

/* Those that lend; where none does, those that could */
struct function **lenders(struct context *c, unsigned int *nr);
struct function **clients(struct context *c, unsigned int *nr);
/* "CMB", "card", "gpu": what kind of memory it is */
const char *lender_kind(const struct function *f);
/* ACS of a port as lspci writes it; "" where it has none */
const char *acs_text(struct context *c, const struct function *f);
const char *port_name(const struct function *f);
const char *link_text(struct context *c, const struct function *f);

#endif /* _P2PMEM_COMMAND_H */
