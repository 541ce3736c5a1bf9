// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the state of a path, and what is said of it in the log and in configfs
 *
 * The states of a path (&enum nvmet_p2pmem_state), which nvmet_p2pmem_enter() alone changes:
 *
 *	            .------------- a grant that needs no test ---------------.
 *	            |                                                        v
 *	NEW --> SYSTEM -- a grant to be tested --> TESTING -- usable ------> PEER
 *	         ^ ^  ^                            |  |  ^                    |
 *	         | |  `---- refused, disproved ----'  |  | due                |
 *	         | |                                  v  |                    |
 *	         | `-- refused, provider gone ------- RETRY -- proved by -----+-> PEER
 *	         |                                           another path     |
 *	         `---- the grant would not be given any more, or its --------'
 *	               provider left and the memory is back
 *
 * PEER is left only for SYSTEM, and every other change of state may also be a change of
 * nothing but the reason. A grant is of one life of its provider, so that a path in PEER
 * whose provider was reset gives requests nothing until it has been through SYSTEM again.
 *
 * What requests read, in this order: the state (acquire), the grant, the reason. A change
 * writes grant and reason first and the state last (release): a request that sees TESTING and
 * no grant began before the result of the test was known.
 *
 * In the log one line for each change of a path: that it uses peer memory and how sure
 * that is, or that it does not, with both ends, the reason and the remedy. In configfs
 * one line for what it is now.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/slab.h>
#include "p2pmem-priv.h"

/**
 * nvmet_p2pmem_enter() - change the state of a path
 * @path: the path
 * @state: the new state
 * @grant: what requests use from now on; NULL in any state but NVMET_P2PMEM_PEER
 * @reason: why there is none; PCI_P2PMEM_OK with @grant
 *
 * The only writer of state, grant and reason. The caller ends the grant that was used before.
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 */
void nvmet_p2pmem_enter(struct nvmet_p2pmem_path *path, enum nvmet_p2pmem_state state,
			struct pci_p2pmem_grant *grant, enum pci_p2pmem_reason reason)
{
	static const u8 from[NVMET_P2PMEM_NR_STATES] = {
		/* [NVMET_P2PMEM_NEW]: none, a path only begins there */
		[NVMET_P2PMEM_SYSTEM] = BIT(NVMET_P2PMEM_NR_STATES) - 1,
		[NVMET_P2PMEM_TESTING] = BIT(NVMET_P2PMEM_PEER) - 1,
		[NVMET_P2PMEM_RETRY] = BIT(NVMET_P2PMEM_PEER) - 1,
		[NVMET_P2PMEM_PEER] = BIT(NVMET_P2PMEM_PEER) - 1,
	};

	lockdep_assert_held(&path->ctrl->subsys->lock);
	WARN_ON_ONCE(!(from[state] & BIT(path->state)));
	WARN_ON_ONCE(!grant != !!reason || !grant != (state != NVMET_P2PMEM_PEER));

	/* Use of a grant is always told, a refusal when its reason or its remedy is another. */
	if (state == NVMET_P2PMEM_PEER || path->state == NVMET_P2PMEM_PEER ||
	    reason != path->reason)
		path->told = NVMET_P2PMEM_NEW;
	if (state == NVMET_P2PMEM_PEER)
		path->tries = 0;
	WRITE_ONCE(path->reason, reason);
	rcu_assign_pointer(path->grant, grant);
	/* Pairs with nvmet_p2pmem_get_grant(): a test that ended well is never a fallback. */
	smp_store_release(&path->state, state);
}

/* The end that @why is about, for the log; NULL where @why names it */
static struct device *nvmet_p2pmem_end(struct nvmet_p2pmem_path *path,
				       struct pci_dev *provider, struct device *drive,
				       const struct pci_p2pmem_verdict *why)
{
	struct device *adapter = path->ctrl->p2p_client;
	struct pci_p2pmem_verdict v;

	if (why->reason == PCI_P2PMEM_NOT_VERIFIED && *why->client)
		return NULL;
	if (!drive)
		return nvmet_ns_dev(path->ns);
	if (why->reason == PCI_P2PMEM_CPU_INTEGRITY)
		return drive;
	/* The drive is a client: it was found as one. */
	if (!adapter || why->reason == PCI_P2PMEM_NOT_A_CLIENT)
		return adapter;
	if (!provider)
		return strcmp(why->client, dev_name(adapter)) ? drive : adapter;
	pci_p2pmem_verdict(provider, adapter, &v);
	return v.reason == why->reason ? adapter : drive;
}

/*
 * The remedy where that of the reason is done already or cannot help; NULL where it can. A
 * self-test that could show nothing is repeated, whatever the mode; one that was answered is
 * not, and there the mode decides.
 */
static const char *nvmet_p2pmem_remedy(struct nvmet_p2pmem_path *path,
				       const struct pci_p2pmem_verdict *why)
{
	if (why->reason == PCI_P2PMEM_NOT_VERIFIED && path->state == NVMET_P2PMEM_RETRY)
		return "; the self-test is repeated by itself";
	/* No driver of a Fibre Channel adapter is a client. */
	if (why->reason == PCI_P2PMEM_NOT_A_CLIENT && path->ctrl->ops->type == NVMF_TRTYPE_FC &&
	    !path->ctrl->p2p_client)
		return "; connect the host by RDMA";
	return NULL;
}

/* A refusal in words, without what a reader of this line knows or has done already */
static char *nvmet_p2pmem_format_reason(struct nvmet_p2pmem_path *path, struct pci_dev *provider,
					struct device *end, const struct pci_p2pmem_verdict *why)
{
	const char *remedy = nvmet_p2pmem_remedy(path, why);
	char *text = nvmet_p2pmem_explain(provider, end, why);
	char *part;

	if (!text)
		return NULL;
	if (remedy) {
		part = strrchr(text, ';');
		if (part)
			strscpy(part, remedy, PCI_P2PMEM_TEXT - (part - text));
	}
	if (why->reason == PCI_P2PMEM_NOT_A_DRIVE) {
		/* A file is none of two ends. */
		part = strstr(text, pci_p2pmem_reason_token(why->reason));
		if (part)
			memmove(text, part, strlen(part) + 1);
	}
	return text;
}

/**
 * nvmet_p2pmem_log_refusal() - a path uses system memory
 * @path: the path
 * @provider: the provider that it asks for, NULL for any
 * @drive: DMA device of its drive, or NULL
 * @why: the reason
 *
 * Context: Process context.
 */
void nvmet_p2pmem_log_refusal(struct nvmet_p2pmem_path *path, struct pci_dev *provider,
			      struct device *drive, const struct pci_p2pmem_verdict *why)
{
	struct device *adapter = path->ctrl->p2p_client;
	char *text = nvmet_p2pmem_format_reason(path, provider,
						nvmet_p2pmem_end(path, provider, drive, why), why);

	path->told = path->state;
	pr_warn("using system memory for nsid %u of controller %u (%*pE, adapter %s): %s\n",
		path->ns->nsid, path->ctrl->cntlid, (int)strlen(path->ns->device_path),
		path->ns->device_path,
		adapter ? dev_name(adapter) : "none", text ?: "no memory to say why");
	kfree(text);
}

/**
 * nvmet_p2pmem_log_use() - a path uses peer memory
 * @path: the path
 * @grant: its grant
 *
 * Context: Process context.
 */
void nvmet_p2pmem_log_use(struct nvmet_p2pmem_path *path, struct pci_p2pmem_grant *grant)
{
	path->told = path->state;
	pr_info("using peer-to-peer memory of %s%s for nsid %u of controller %u%s%s%s\n",
		pci_name(pci_p2pmem_grant_provider(grant)),
		path->by_admin ? " through a host bridge that the administrator allowed" : "",
		path->ns->nsid, path->ctrl->cntlid,
		path->proof == PCI_P2PMEM_PROVED ? ", proved" : "",
		path->proof == PCI_P2PMEM_UNPROVED ? ", not proved because of " : "",
		path->proof == PCI_P2PMEM_UNPROVED ? path->note : "");
}

static const char *nvmet_p2pmem_shown_proof(const struct nvmet_p2pmem_path *path, bool used)
{
	if (path->state == NVMET_P2PMEM_TESTING)
		return "testing";
	if (path->reason == PCI_P2PMEM_VERIFY_FAILED && !used)
		return "disproved";
	if (path->reason == PCI_P2PMEM_NOT_VERIFIED && !used)
		return "unproved";
	if (!used || path->proof == PCI_P2PMEM_UNTRIED)
		return "untested";
	return path->proof == PCI_P2PMEM_PROVED ? "proved" : "unproved";
}

/**
 * nvmet_p2pmem_show_path() - what a controller uses for a namespace
 * @ctrl: the controller
 * @ns: the namespace, enabled, which asks for peer memory
 * @line: returns controller, provider or "system", reason and proof, and "by-admin" when it
 *	leads through a host bridge that only an administrator's entry allows
 * @len: bytes in @line
 *
 * Context: Process context, ctrl->subsys->lock held.
 * Return: number of bytes.
 */
int nvmet_p2pmem_show_path(struct nvmet_ctrl *ctrl, struct nvmet_ns *ns, char *line,
			   size_t len)
{
	struct nvmet_p2pmem_path *path = radix_tree_lookup(&ctrl->p2p_ns_map, ns->nsid);
	struct pci_p2pmem_grant *grant = path ? nvmet_p2pmem_path_grant(path) : NULL;
	enum pci_p2pmem_reason reason = PCI_P2PMEM_NO_MEMORY;

	lockdep_assert_held(&ctrl->subsys->lock);

	if (path)
		reason = path->reason ?: PCI_P2PMEM_REVOKED;
	if (grant)
		reason = pci_p2pmem_grant_usable(grant) ? PCI_P2PMEM_OK : PCI_P2PMEM_REVOKED;
	return scnprintf(line, len, "%u %s %s %s%s\n", ctrl->cntlid,
			 grant && !reason ? pci_name(pci_p2pmem_grant_provider(grant)) : "system",
			 pci_p2pmem_reason_token(reason),
			 path ? nvmet_p2pmem_shown_proof(path, grant && !reason) : "untested",
			 grant && !reason && path->by_admin ? " by-admin" : "");
}
