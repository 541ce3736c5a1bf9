// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: names of what verdicts consist of, and how far apart two functions are
 *
 * Floor 3.
 */
#include <stddef.h>

#include "evaluate.h"

static const struct {
	const char *token;
	const char *text;
	const char *remedy;
} reasons[] = {
#define REASON(sym, token, error, text, remedy)	\
	[PCI_P2PMEM_##sym] = { token, text, remedy },
	PCI_P2PMEM_REASONS(REASON)
#undef REASON
};

const char *reason_token(enum pci_p2pmem_reason reason)
{
	return reasons[reason].token;
}

const char *reason_text(enum pci_p2pmem_reason reason)
{
	return reasons[reason].text;
}

const char *reason_remedy(enum pci_p2pmem_reason reason)
{
	return reasons[reason].remedy;
}

const char *relation_name(enum relation relation)
{
	static const char * const names[] = {
		[RELATION_SELF] = "X",
		[RELATION_PIX] = "PIX",
		[RELATION_PXB] = "PXB",
		[RELATION_PHB] = "PHB",
		[RELATION_NODE] = "NODE",
		[RELATION_SYS] = "SYS",
	};

	return names[relation];
}

const char *permission_name(enum permission permission)
{
	static const char * const names[] = {
		[ALLOWED_DIRECT] = "direct",
		[ALLOWED_HOST] = "host-bridge",
		[ALLOWED_ADMIN] = "administrator",
		[REFUSED] = "refused",
		[NOT_KNOWN] = "unknown",
	};

	return names[permission];
}

bool verdict_allowed(const struct verdict *v)
{
	return v->permission < REFUSED;
}

char verdict_mark(const struct verdict *v)
{
	static const char marks[] = {
		[ALLOWED_DIRECT] = '+',
		[ALLOWED_HOST] = 'h',
		[ALLOWED_ADMIN] = 'a',
		[REFUSED] = '-',
		[NOT_KNOWN] = '?',
	};

	if (verdict_allowed(v) && v->proof && v->proof[0] == 'p')
		return 'v';
	return marks[v->permission];
}

struct function *function_up(const struct function *f)
{
	return f->physfn ? f->physfn->up : f->up;
}

struct function *common_bridge(struct function *a, struct function *b, unsigned int *hops_a,
			       unsigned int *hops_b)
{
	struct function *x, *y;

	*hops_a = 0;
	for (x = a; x; x = function_up(x)) {
		*hops_b = 0;
		for (y = b; y; y = function_up(y)) {
			if (x == y)
				return x;
			(*hops_b)++;
		}
		(*hops_a)++;
	}
	return NULL;
}
