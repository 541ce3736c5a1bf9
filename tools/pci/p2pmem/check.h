/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: findings of p2pmem check
 */
#ifndef _P2PMEM_CHECK_H
#define _P2PMEM_CHECK_H

#include "command.h"

enum severity {
	STOPS_ALL,
	STOPS_SOME,
	NOTE,
};

/**
 * struct finding - one thing that is not as it should be
 * @severity: how bad it is
 * @id: its name, for programs
 * @text: a sentence
 * @remedy: a line to paste, NULL where there is none
 * @order: in which it was found
 */
struct finding {
	enum severity severity;
	const char *id;
	const char *text;
	const char *remedy;
	unsigned int order;
};

struct check {
	struct context *c;
	unsigned int nr, room;
	struct finding *finding;
};

void found(struct check *k, enum severity severity, const char *id, const char *remedy,
	   const char *format, ...) PRINTF(5, 6);
/* A disk of another kind that reaches nothing is no loss: nobody would have it as a client. */
bool client_matters(const struct function *f);
void check_pairs(struct check *k);

#endif /* _P2PMEM_CHECK_H */
