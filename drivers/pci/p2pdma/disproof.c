// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: what a self-test has disproved
 *
 * Floor 3.
 *
 * A disproof belongs to a route, not to the entry of a pair: an entry goes with the last
 * registration of its client, and a register that reads its default during a reset makes the
 * route look like another one for a moment. When the same functions have the same route again,
 * the disproof is back. It is forgotten when an administrator requests a new test, and with the
 * function at either end, because another one may take its place.
 */
#include <linux/list.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include "p2pdma.h"

/* More are not remembered: the oldest one goes. */
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
 */
void p2pmem_disproof_remember(struct p2pmem_disproof *d, u64 provider, struct device *client,
			      u64 sig, enum pci_p2pmem_mapping how, const char *note)
{
	struct p2pmem_disproof *oldest = NULL;

	if (!d)
		return;
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

/* Frees the disproofs between two functions, or else all with this provider or this client */
static void p2pmem_disproofs_free(u64 provider, const char *client, bool both)
{
	struct p2pmem_disproof *d, *next;
	LIST_HEAD(gone);

	scoped_guard(spinlock_irqsave, &p2pmem_disproofs_lock) {
		list_for_each_entry_safe(d, next, &p2pmem_disproofs, node) {
			if (both ? !p2pmem_disproof_is_of(d, provider, client) :
				   d->provider != provider &&
				   (!client || strcmp(d->client, client)))
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
	p2pmem_disproofs_free(provider, dev_name(client), true);
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
	p2pmem_disproofs_free(provider, NULL, false);
}

/**
 * p2pmem_disproofs_removed() - forget what was disproved to and from a function
 * @pdev: a PCI function that is removed
 *
 * Context: Any but NMI.
 */
void p2pmem_disproofs_removed(struct pci_dev *pdev)
{
	p2pmem_disproofs_free(p2pmem_address(pdev), pci_name(pdev), false);
}

/**
 * p2pmem_disproofs_exit() - forget everything
 *
 * Context: Module exit: no pair is left.
 */
void p2pmem_disproofs_exit(void)
{
	struct p2pmem_disproof *d, *next;

	list_for_each_entry_safe(d, next, &p2pmem_disproofs, node)
		kfree(d);
}
