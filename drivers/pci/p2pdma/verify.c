// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the self-test of a pair
 *
 * Floor 10.
 *
 * A verdict is derived from the topology. Only a transfer shows whether data arrives, and
 * only the client's driver can do transfers: it may have a verify operation. This file
 * calls the operation and stores its result in the pair, until anything changes that the
 * verdict depends on.
 *
 * Lifetimes during a test:
 * - The caller holds the grant, and the grant holds its pairs and its provider.
 * - p2pmem_provers_get() holds the registration, and pci_p2pmem_unregister_client() waits
 *   for it before the driver continues its removal.
 * - The test uses memory of the grant, so a revocation waits for it as for any other.
 *
 * Tests of one pair are serialised by p2pmem_pair.proving; waiting for it is killable. No
 * other lock is held.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>
#include "p2pdma.h"
#include <trace/events/p2pmem.h>

/* Most registrations of one device that are used for a test; at most two exist today */
#define P2PMEM_PROVERS		4
/* Number of attempts if the pair changes during the test */
#define P2PMEM_PROVE_ATTEMPTS	3

/* Combines two results: a disproof wins, then a proof, because one driver's proof is enough */
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

/* Logs that a pair was disproved. */
static void p2pmem_log_disproved(struct p2pmem_pair *pair,
				 const struct pci_p2pmem_verdict *why)
{
	char *text = kmalloc(PCI_P2PMEM_TEXT, GFP_KERNEL);

	if (text)
		pci_p2pmem_explain(text, PCI_P2PMEM_TEXT, pair->provider->pdev, pair->client,
				   why);
	dev_warn(pair->client, "cannot reach peer-to-peer memory of %s: %s\n",
		 pci_name(pair->provider->pdev), text ?: why->note);
	kfree(text);
}

/**
 * p2pmem_responds() - whether a provider's memory keeps what the CPU writes
 * @grant: a grant of the provider
 *
 * Memory that does not is not the path's fault: the provider hangs or is gone, and its driver has
 * not noticed yet.
 *
 * Context: Process context, may sleep.
 * Return: false if it does not; true also if none is free to try it.
 */
VISIBLE_IF_KUNIT bool p2pmem_responds(struct pci_p2pmem_grant *grant)
{
	unsigned int nents, i;
	struct scatterlist *sgl;
	u32 __iomem *at;
	bool same = true;
	u32 word;

	KUNIT_STATIC_STUB_REDIRECT(p2pmem_responds, grant);
	sgl = pci_p2pmem_grant_sgl_alloc(grant, &nents, PAGE_SIZE, GFP_KERNEL, NULL);
	if (IS_ERR(sgl))
		return true;
	at = (u32 __iomem __force *)sg_virt(sgl);
	for (i = 0; i < 4; i++) {
		word = get_random_u32();
		writel(word, at + i);
		same = same && readl(at + i) == word;
	}
	pci_p2pmem_sgl_free(sgl);
	return same;
}
EXPORT_SYMBOL_IF_KUNIT(p2pmem_responds);

/* Tests a pair unless a result is stored; -ESTALE if the pair changed during the test */
static int p2pmem_prove_once(struct pci_p2pmem_grant *grant, struct p2pmem_pair *pair,
			     void *what, struct pci_p2pmem_verdict *why)
{
	struct p2pmem_provider *p = pair->provider;
	struct pci_p2pmem_test test = { };
	enum pci_p2pmem_proof proof;
	struct p2pmem_stamp stamp;

	p2pmem_pair_verdict(pair, why, &stamp);
	/* A refused pair is an error even if it was proved. */
	if (why->reason || why->proof)
		return p2pmem_errno(why->reason);

	proof = p2pmem_run_provers(grant, pair->client, what, &test);
	if (proof == PCI_P2PMEM_DISPROVED && !p2pmem_responds(grant)) {
		strscpy(test.note, "the provider's memory does not keep what the CPU writes",
			PCI_P2PMEM_NOTE);
		proof = PCI_P2PMEM_UNTRIED;
		/* Otherwise it would be chosen again, and another one never. */
		WRITE_ONCE(p->silent, true);
	} else if (proof == PCI_P2PMEM_PROVED) {
		WRITE_ONCE(p->silent, false);
	}
	trace_p2pmem_verify(p->pdev, pair->client, test.bytes, proof,
			    proof == PCI_P2PMEM_DISPROVED ? PCI_P2PMEM_VERIFY_FAILED :
							    PCI_P2PMEM_OK);
	if (!pci_p2pmem_grant_usable(grant)) {
		/* Revoked or lost during the test: the data that was read proves nothing. */
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
 * pci_p2pmem_grant_verify() - test a pair with real DMA
 * @grant: the grant, held by the caller
 * @client: one of its clients
 * @what: the target within the client: a struct block_device of a drive, which
 *	the caller keeps open; NULL for any other client
 * @why: returns the verdict of the pair: its proof, and in @why->note what could not be
 *	proved or what failed
 *
 * A pair that was tested since its verdict was made is not tested again. A client without
 * a verify operation is PCI_P2PMEM_UNPROVED, which is not an error.
 *
 * Context: Process context, sleeps as long as the client's verify operation takes, which
 * may be the timeout of a command or two. The caller must hold no lock that completing a
 * transfer needs.
 * Return: 0 if @why->proof is PCI_P2PMEM_PROVED or PCI_P2PMEM_UNPROVED; -EXDEV if the pair
 * was disproved, or another errno of a refused pair; -EAGAIN if the test had no result
 * this time; -ENODEV if the provider is revoked, or was lost since the grant was created;
 * -EINVAL if @client is not a client of @grant; -EINTR on a fatal signal; -ENOMEM.
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
