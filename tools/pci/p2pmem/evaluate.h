/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: the verdict of a pair, by the kernel's own files
 */
#ifndef _P2PMEM_EVALUATE_H
#define _P2PMEM_EVALUATE_H

#include "machine.h"
#include <linux/pci-p2pmem-reason.h>

/* How far apart, as the man page defines it */
enum relation {
	RELATION_SELF,
	RELATION_PIX,
	RELATION_PXB,
	RELATION_PHB,
	RELATION_NODE,
	RELATION_SYS,
};

enum permission {
	ALLOWED_DIRECT,		/* by bus address */
	ALLOWED_HOST,		/* through a host bridge */
	ALLOWED_ADMIN,		/* through a host bridge that only an administrator allows */
	REFUSED,
	NOT_KNOWN,
};

/**
 * struct verdict - what is to be said of a pair
 * @provider: lends
 * @client: does DMA
 * @relation: how far apart they are
 * @permission: whether the path may be used
 * @reason: why not
 * @distance: hops, -1 when not known
 * @at: the function or host bridge at fault; empty for none
 * @proof: what the kernel's self-test has shown, NULL if it is not known
 * @known: all that decides could be read
 * @kernel: what the kernel says, NULL where it says nothing
 * @differs: the kernel says something else
 * @needed: highest address of the memory
 * @limit: highest address that the client reaches
 */
struct verdict {
	struct function *provider, *client;
	enum relation relation;
	enum permission permission;
	enum pci_p2pmem_reason reason;
	int distance;
	char at[32];
	const char *proof;
	bool known;
	const struct kernel_pair *kernel;
	bool differs;
	uint64_t needed, limit;
};

/* What the host bridge above a function forwards: between its own root ports, to other ones */
struct forwards {
	bool within;
	bool across;
	bool by_admin;
};

struct evaluator;

struct evaluator *evaluator_open(struct machine *m);
void evaluate_pair(struct evaluator *j, struct function *provider, struct function *client,
		   struct verdict *v);
/* The text of the verdict, as the kernel logs it: both ends, reason, remedy */
void evaluate_explain(struct evaluator *j, const struct verdict *v, char *buf, size_t len);
/* What to boot with, write or type, a line to paste; empty when there is none */
void evaluate_remedy(struct evaluator *j, const struct verdict *v, char *buf, size_t len);
void evaluate_host(struct evaluator *j, struct function *f, struct forwards *forwards);

const char *reason_token(enum pci_p2pmem_reason reason);
const char *reason_text(enum pci_p2pmem_reason reason);
const char *reason_remedy(enum pci_p2pmem_reason reason);
const char *relation_name(enum relation relation);
const char *permission_name(enum permission permission);
/* The mark in a matrix: + h a v - ? */
char verdict_mark(const struct verdict *v);
bool verdict_allowed(const struct verdict *v);
struct function *common_bridge(struct function *a, struct function *b, unsigned int *hops_a,
			       unsigned int *hops_b);
/* The bridge above; of a virtual function, that of its physical function */
struct function *function_up(const struct function *f);

#endif /* _P2PMEM_EVALUATE_H */
