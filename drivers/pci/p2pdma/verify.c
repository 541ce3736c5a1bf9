// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the self-test of a pair
 *
 * Floor 7.
 *
 * A verdict is what the topology says. Whether data arrives only a transfer shows, and
 * transfers are the business of the client's driver: it may offer a verify operation.
 * Here is who calls it, how often, and what becomes of the answer, which is kept in the
 * pair until anything changes that the verdict depends on.
 *
 * What keeps what alive while a test runs:
 * - The caller holds the grant, the grant its pairs and its provider.
 * - The registration is held (p2pmem_provers_get()), and its driver waits in
 *   pci_p2pmem_unregister_client() before it goes on with its removal.
 * - Memory of the test is of the grant: a revocation waits for it, as for any other.
 *
 * Tests of one pair wait for each other, killable, under p2pmem_pair.proving: it makes no
 * sense to prove a thing twice at a time. No other lock is held.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/module.h>
#include <linux/slab.h>
#include "p2pdma.h"
#include <trace/events/p2pmem.h>

/* Drivers of one device that can prove its paths; two is what there is */
#define P2PMEM_PROVERS		4
/* How often a test is made again because the pair changed under it */
#define P2PMEM_PROVE_ATTEMPTS	3

/* The worst that any of them says; but what one proved need not be proved by another. */
static enum pci_p2pmem_proof p2pmem_combine_proofs(enum pci_p2pmem_proof a, enum pci_p2pmem_proof b)
{
	static const u8 rank[] = {
		[PCI_P2PMEM_UNPROVED] = 0,
		[PCI_P2PMEM_UNTRIED] = 1,
		[PCI_P2PMEM_PROVED] = 2,
		[PCI_P2PMEM_DISPROVED] = 3,
	};

	return rank[b] > rank[a] ? b : a;
}

static enum pci_p2pmem_proof p2pmem_run_provers(struct pci_p2pmem_grant *grant,
						struct device *client, void *what,
						struct pci_p2pmem_test *all)
{
	struct pci_p2pmem_client *prover[P2PMEM_PROVERS];
	enum pci_p2pmem_proof proof = PCI_P2PMEM_UNPROVED, one;
	unsigned int i, n;

	n = p2pmem_provers_get(client, prover, ARRAY_SIZE(prover));
	if (!n)
		strscpy(all->note, "the client's driver has no self-test", PCI_P2PMEM_NOTE);
	for (i = 0; i < n; i++) {
		struct pci_p2pmem_test test = { };

		one = prover[i]->ops->verify(prover[i], grant, what, &test);
		p2pmem_prover_put(prover[i]);
		all->bytes += test.bytes;
		if (!i || p2pmem_combine_proofs(proof, one) != proof) {
			proof = one;
			all->local = test.local;
			strscpy(all->note, test.note, PCI_P2PMEM_NOTE);
		}
	}
	return proof;
}

/* The one line on a pair that moved wrong data */
static void p2pmem_log_disproved(struct p2pmem_pair *pair,
				 const struct pci_p2pmem_verdict *why)
{
	char *text = kmalloc(PCI_P2PMEM_TEXT, GFP_KERNEL);

	if (text)
		pci_p2pmem_explain(text, PCI_P2PMEM_TEXT, pair->provider->pdev, pair->client,
				   why);
	dev_warn(pair->client, "does not reach memory of %s: %s\n",
		 pci_name(pair->provider->pdev), text ?: why->note);
	kfree(text);
}

/* One test of a pair, if it has not been tested; -ESTALE when it changed meanwhile */
static int p2pmem_prove_once(struct pci_p2pmem_grant *grant, struct p2pmem_pair *pair,
			     void *what, struct pci_p2pmem_verdict *why)
{
	struct p2pmem_provider *p = pair->provider;
	struct pci_p2pmem_test test = { };
	enum pci_p2pmem_proof proof;
	struct p2pmem_stamp stamp;

	p2pmem_pair_stamp(pair, why, &stamp);
	/* A path that is none is an error, whatever was shown of it. */
	if (why->reason || why->proof)
		return p2pmem_errno(why->reason);

	proof = p2pmem_run_provers(grant, pair->client, what, &test);
	trace_p2pmem_verify(p->pdev, pair->client, test.bytes, proof,
			    proof == PCI_P2PMEM_DISPROVED ? PCI_P2PMEM_VERIFY_FAILED :
							    PCI_P2PMEM_OK);
	if (!pci_p2pmem_grant_usable(grant)) {
		/* The provider left during the test: the result says nothing of the path. */
		why->reason = PCI_P2PMEM_REVOKED;
		return -ENODEV;
	}
	if (!proof) {
		why->proof = PCI_P2PMEM_UNPROVED;
		strscpy(why->note, test.note, sizeof(why->note));
		return -EAGAIN;
	}
	if (proof == PCI_P2PMEM_UNPROVED && test.local) {
		why->proof = proof;
		strscpy(why->note, test.note, sizeof(why->note));
		return 0;
	}
	if (!p2pmem_pair_prove(pair, &stamp, proof, test.note, why))
		return -ESTALE;
	if (proof == PCI_P2PMEM_DISPROVED)
		p2pmem_log_disproved(pair, why);
	return p2pmem_errno(why->reason);
}

/**
 * pci_p2pmem_grant_verify() - have a pair proved by real DMA
 * @grant: the grant, held by the caller
 * @client: which of its clients
 * @what: what of the client is to be reached: a struct block_device of a drive, which
 *	the caller keeps open; NULL for any other
 * @why: returns what is known of the pair: its proof, and in @why->note what could
 *	not be shown or what went wrong
 *
 * A pair that was tested since its verdict was made is not tested again. What a client
 * without a verify operation can do is not proved, and nothing is held against it.
 *
 * Context: Process context, sleeps as long as the client's verify operation takes, which
 * may be the timeout of a command or two. No lock that completing a transfer needs.
 * Return: 0 when @why->proof is PCI_P2PMEM_PROVED or PCI_P2PMEM_UNPROVED; -EXDEV when
 * the pair was disproved, or another errno of a pair that is refused; -EAGAIN when
 * nothing could be shown this time; -ENODEV when the provider is revoked, or was lost since
 * the grant was created; -EINVAL when @client is not of @grant; -EINTR when killed; -ENOMEM.
 */
int pci_p2pmem_grant_verify(struct pci_p2pmem_grant *grant, struct device *client,
			    void *what, struct pci_p2pmem_verdict *why)
{
	struct p2pmem_link *link = p2pmem_grant_link(grant, client);
	struct p2pmem_pair *pair;
	int i, ret = -ESTALE;

	*why = (struct pci_p2pmem_verdict){ .distance = -1 };
	if (!link)
		return -EINVAL;
	pair = link->pair;
	if (mutex_lock_killable(&pair->proving))
		return -EINTR;
	for (i = 0; i < P2PMEM_PROVE_ATTEMPTS && ret == -ESTALE; i++)
		ret = p2pmem_prove_once(grant, pair, what, why);
	mutex_unlock(&pair->proving);

	if (ret == -ESTALE) {
		why->proof = PCI_P2PMEM_UNPROVED;
		strscpy(why->note, "the path changed while it was tested", sizeof(why->note));
		ret = -EAGAIN;
	}
	return ret;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_grant_verify);
