// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: what a self-test has disproved
 *
 * Floor 3.
 *
 * A disproof belongs to a route, not to the entry of a pair: an entry goes with the last
 * registration of its client, and a register that reads its default during a reset makes the
 * route look like another one for a moment. When functions of the same models have the same route
 * again, the disproof is back, also if they were removed in between. Another model in the same slot
 * has another route. Only an administrator who requests a new test makes the core forget.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/list.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include "p2pdma.h"

/* Maximum number: the oldest disproof is dropped. */
#define P2PMEM_DISPROOFS	256U

/**
 * struct p2pmem_disproof - a route that a self-test disproved
 * @node: entry in the list, the newest first
 * @provider: domain, bus and function of the provider
 * @sig: signature of the route
 * @how: mapping that was tested
 * @client: name of the DMA device
 * @note: text from the self-test
 */
struct p2pmem_disproof {
	struct list_head node;
	u64 provider;
	u64 sig;
	u8 how;
	char client[32];
	char note[PCI_P2PMEM_NOTE];
};

/* Guards the list; irq-safe, because it is taken under the lock of the table of pairs. */
static DEFINE_SPINLOCK(p2pmem_disproofs_lock);
static LIST_HEAD(p2pmem_disproofs);
static unsigned int p2pmem_disproofs_nr;

static bool p2pmem_disproof_is_of(const struct p2pmem_disproof *d, u64 provider, const char *client)
{
	return d->provider == provider && !strncmp(d->client, client, sizeof(d->client) - 1);
}

/**
 * p2pmem_disproof_alloc() - memory for one more disproof
 *
 * Context: Process context, may sleep.
 * Return: the memory, for kfree() or p2pmem_disproof_remember(), or NULL.
 */
struct p2pmem_disproof *p2pmem_disproof_alloc(void)
{
	return kzalloc(sizeof(struct p2pmem_disproof), GFP_NOIO);
}

/**
 * p2pmem_disproof_remember() - remember that a route was disproved
 * @d: from p2pmem_disproof_alloc(), which this takes over; NULL: nothing is remembered
 * @provider: domain, bus and function of the provider
 * @client: the DMA device
 * @sig: signature of the route
 * @how: mapping that was tested
 * @note: text from the self-test
 *
 * Context: Any but NMI.
 * Return: the oldest one, for p2pmem_disproof_drop(), if there are too many; or NULL.
 */
struct p2pmem_disproof *
p2pmem_disproof_remember(struct p2pmem_disproof *d, u64 provider, struct device *client,
			 u64 sig, enum pci_p2pmem_mapping how, const char *note)
{
	struct p2pmem_disproof *oldest = NULL;

	if (!d)
		return NULL;
	d->provider = provider;
	d->sig = sig;
	d->how = how;
	strscpy(d->client, dev_name(client), sizeof(d->client));
	strscpy(d->note, note, sizeof(d->note));
	scoped_guard(spinlock_irqsave, &p2pmem_disproofs_lock) {
		list_add(&d->node, &p2pmem_disproofs);
		if (++p2pmem_disproofs_nr > P2PMEM_DISPROOFS) {
			oldest = list_last_entry(&p2pmem_disproofs, struct p2pmem_disproof, node);
			list_del(&oldest->node);
			p2pmem_disproofs_nr--;
		}
	}
	return oldest;
}

/**
 * p2pmem_disproof_drop() - log and free a disproof that is not remembered any more
 * @oldest: the disproof, or NULL
 *
 * Context: Process context, no lock held: a console may be slow.
 */
void p2pmem_disproof_drop(struct p2pmem_disproof *oldest)
{
	u16 bdf;

	if (!oldest)
		return;
	bdf = oldest->provider;
	pr_warn_ratelimited("more than %u disproved paths: that between %04llx:%02x:%02x.%d and %s is forgotten when one of them is bound again; remove one of the two\n",
			    P2PMEM_DISPROOFS, oldest->provider >> 16, PCI_BUS_NUM(bdf),
			    PCI_SLOT(bdf), PCI_FUNC(bdf), oldest->client);
	kfree(oldest);
}

/**
 * p2pmem_disproof_recall() - whether a route was disproved
 * @provider: domain, bus and function of the provider
 * @client: the DMA device
 * @sig: signature of the route
 * @how: its mapping
 * @note: returns the text from the self-test if it was, PCI_P2PMEM_NOTE bytes
 *
 * Context: Any but NMI.
 * Return: true if it was.
 */
bool p2pmem_disproof_recall(u64 provider, struct device *client, u64 sig,
			    enum pci_p2pmem_mapping how, char *note)
{
	struct p2pmem_disproof *d;
	unsigned long flags;
	bool found = false;

	spin_lock_irqsave(&p2pmem_disproofs_lock, flags);
	list_for_each_entry(d, &p2pmem_disproofs, node) {
		found = d->sig == sig && d->how == how &&
			p2pmem_disproof_is_of(d, provider, dev_name(client));
		if (found) {
			strscpy(note, d->note, PCI_P2PMEM_NOTE);
			break;
		}
	}
	spin_unlock_irqrestore(&p2pmem_disproofs_lock, flags);
	return found;
}

/* Frees the disproofs between two functions, or all with this provider if @client is NULL */
static void p2pmem_disproofs_free(u64 provider, const char *client)
{
	struct p2pmem_disproof *d, *next;
	LIST_HEAD(gone);

	scoped_guard(spinlock_irqsave, &p2pmem_disproofs_lock) {
		list_for_each_entry_safe(d, next, &p2pmem_disproofs, node) {
			if (!p2pmem_disproof_is_of(d, provider, client ?: d->client))
				continue;
			list_move(&d->node, &gone);
			p2pmem_disproofs_nr--;
		}
	}
	list_for_each_entry_safe(d, next, &gone, node)
		kfree(d);
}

/**
 * p2pmem_disproofs_forget() - forget what was disproved between two functions
 * @provider: domain, bus and function of the provider
 * @client: the DMA device
 *
 * Context: Any but NMI.
 */
void p2pmem_disproofs_forget(u64 provider, struct device *client)
{
	p2pmem_disproofs_free(provider, dev_name(client));
}

/**
 * p2pmem_disproofs_of() - forget what was disproved of a provider
 * @provider: domain, bus and function of the provider
 *
 * Of all clients, also of those that are not registered now.
 *
 * Context: Any but NMI.
 */
void p2pmem_disproofs_of(u64 provider)
{
	p2pmem_disproofs_free(provider, NULL);
}

/**
 * p2pmem_disproofs_exit() - forget everything
 *
 * Context: Module exit, and the end of a KUnit fabric: no pair is left.
 */
void p2pmem_disproofs_exit(void)
{
	struct p2pmem_disproof *d, *next;
	LIST_HEAD(gone);

	scoped_guard(spinlock_irqsave, &p2pmem_disproofs_lock) {
		list_splice_init(&p2pmem_disproofs, &gone);
		p2pmem_disproofs_nr = 0;
	}
	list_for_each_entry_safe(d, next, &gone, node)
		kfree(d);
}
