// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the users of a grant: how many, and who
 *
 * Floor 5.
 *
 * An orchestrator may share one grant among many users of the same clients, as the NVMe
 * target does among the controllers and namespaces of an adapter and a drive. The core needs
 * two facts about them: their number, which decides between equal providers, and their names,
 * for the log and for debugfs. The number is a counter that the orchestrator maintains. The
 * names are generated on demand by the operation describe, so that no grant keeps a text that
 * becomes outdated.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string_helpers.h>
#include "p2pdma.h"

/* Bytes of a description: the names of a subsystem and of a host, 223 bytes each, and words */
#define P2PMEM_DESCRIPTION	640

/**
 * p2pmem_printable() - escape a name
 * @name: a name from outside, an NQN for example
 * @gfp: for the copy
 *
 * Context: What @gfp allows.
 * Return: a copy for logs and tables, to be freed by kfree(), or NULL without memory.
 */
char *p2pmem_printable(const char *name, gfp_t gfp)
{
	size_t len = strlen(name), room = 4 * len + 1;
	char *text = kmalloc(room, gfp);

	if (text)
		text[string_escape_mem(name, len, text, room - 1, ESCAPE_NAP | ESCAPE_HEX,
				       NULL)] = '\0';
	return text;
}

/**
 * p2pmem_grant_describe() - name the users of a grant
 * @g: the grant
 *
 * Memory for the text is allocated without I/O: the lock that is held may be needed by the
 * reset of a drive, on which reclaim waits.
 *
 * Context: Process context, the lock of @g's provider held.
 * Return: a printable text, to be freed by kfree(); NULL if the grant has ended, if its
 * orchestrator cannot describe users, or without memory: then the grant's name has to do.
 */
char *p2pmem_grant_describe(struct pci_p2pmem_grant *g)
{
	char *text, *printable = NULL;

	lockdep_assert_held(&g->provider->lock);

	if (!g->ops || !g->ops->describe)
		return NULL;
	text = kzalloc(P2PMEM_DESCRIPTION, GFP_NOIO);
	if (text)
		g->ops->describe(g, text, P2PMEM_DESCRIPTION);
	if (text && *text)
		printable = p2pmem_printable(text, GFP_NOIO);
	kfree(text);
	return printable;
}

/**
 * p2pmem_grant_count_users() - change the number of users of a grant
 * @g: the grant
 * @users: the new number
 *
 * The provider counts the users of all its grants: find.c compares the sums and walks no grant.
 *
 * Context: Process context, the lock of @g's provider held.
 */
void p2pmem_grant_count_users(struct pci_p2pmem_grant *g, unsigned int users)
{
	struct p2pmem_provider *p = g->provider;

	lockdep_assert_held(&p->lock);

	WRITE_ONCE(p->users, p->users + users - g->users);
	g->users = users;
}

/**
 * pci_p2pmem_grant_set_users() - set the number of users of a grant
 * @grant: a grant that has not ended
 * @users: how many users share it
 *
 * Among providers of equal rank, the one with the fewest users is chosen. A new grant counts
 * as one user, an ended one as none. An orchestrator that shares a grant sets the number
 * whenever a user joins or leaves.
 *
 * Context: Process context, may sleep.
 */
void pci_p2pmem_grant_set_users(struct pci_p2pmem_grant *grant, unsigned int users)
{
	guard(mutex)(&grant->provider->lock);
	p2pmem_grant_count_users(grant, users);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_set_users);
