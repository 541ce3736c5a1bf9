// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the state of a path, in the log and in configfs
 *
 * Floor 0.
 *
 * The states of a path (&enum nvmet_p2pmem_state); only nvmet_p2pmem_enter() changes a state:
 *
 *	            .------------- a grant that needs no test ---------------.
 *	            |                                                        v
 *	NEW --> SYSTEM -- a grant to be tested --> TESTING -- usable ------> PEER
 *	         ^ ^  ^                            |  |  ^                    |
 *	         | |  `---- refused, disproved ----'  |  | due                |
 *	         | |                                  v  |                    |
 *	         | `-- refused, provider gone ------- RETRY -- proved by -----+-> PEER
 *	         |                                           another path     |
 *	         `---- the grant would not be created any more, or its ------'
 *	               provider left and all its memory is freed
 *
 * A path leaves PEER only for SYSTEM. Every other state may be entered again with a different
 * reason, and PEER with the same grant if the administrator's entry for its route came or went.
 * A grant does not survive a reset of its provider: the path stays in PEER until all memory of
 * the grant is freed, but its requests use system memory; then it enters SYSTEM.
 *
 * PEER has a pause that is no state: if the drive could not map memory of the grant, requests
 * set &nvmet_p2pmem_path.map_failed and use system memory until that time, counted as
 * "map-failed". They hold no lock that could change the state. configfs shows "ok" meanwhile.
 *
 * Requests read the state (acquire), the grant and the reason in this order. nvmet_p2pmem_enter()
 * writes grant and reason first and the state last (release): a request that reads TESTING and
 * no grant began before the result of the test was known.
 *
 * Each change of a path writes one line to the log: either the path uses peer memory, and is
 * proved or not; or it uses system memory, with both ends, the reason and the remedy. configfs
 * shows one line for the present state.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/slab.h>
#include "p2pmem-priv.h"

/**
 * nvmet_p2pmem_enter() - change the state of a path
 * @path: the path
 * @o: the new state, and the grant that requests use from now on, or why there is none
 *
 * This is the only writer of state, grant, reason and trust. The caller leaves the previous share.
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 */
void nvmet_p2pmem_enter(struct nvmet_p2pmem_path *path, const struct nvmet_p2pmem_outcome *o)
{
	static const u8 from[NVMET_P2PMEM_NR_STATES] = {
		/* [NVMET_P2PMEM_NEW]: the initial state, never entered again */
		[NVMET_P2PMEM_SYSTEM] = BIT(NVMET_P2PMEM_NR_STATES) - 1,
		[NVMET_P2PMEM_TESTING] = BIT(NVMET_P2PMEM_PEER) - 1,
		[NVMET_P2PMEM_RETRY] = BIT(NVMET_P2PMEM_PEER) - 1,
		[NVMET_P2PMEM_PEER] = BIT(NVMET_P2PMEM_NR_STATES) - 1,
	};
	enum pci_p2pmem_reason reason = o->grant ? PCI_P2PMEM_OK : o->why.reason;
	struct pci_p2pmem_grant *old = nvmet_p2pmem_path_grant(path);

	lockdep_assert_held(&path->ctrl->subsys->lock);
	WARN_ON_ONCE(!(from[o->state] & BIT(path->state)));
	WARN_ON_ONCE(!o->grant != !!reason || !o->grant != (o->state != NVMET_P2PMEM_PEER));
	WARN_ON_ONCE(old && o->grant && old != o->grant);

	/* Log each use of a grant, and a refusal if its reason or remedy changed. */
	if (o->state == NVMET_P2PMEM_PEER || path->state == NVMET_P2PMEM_PEER ||
	    reason != path->reason)
		path->logged = NVMET_P2PMEM_NEW;
	if (o->state == NVMET_P2PMEM_PEER)
		path->tries = 0;
	if (o->grant)
		path->trust = o->trust;
	else
		memset(&path->trust, 0, sizeof(path->trust));
	WRITE_ONCE(path->reason, reason);
	rcu_assign_pointer(path->grant, o->grant);
	/* Pairs with nvmet_p2pmem_get_grant(): after a successful test no request falls back. */
	smp_store_release(&path->state, o->state);
}

/* Look up the PCI function with that name */
static struct pci_dev *nvmet_p2pmem_named(const char *name)
{
	unsigned int domain, bus, dev, fn;

	if (sscanf(name, "%x:%x:%x.%x", &domain, &bus, &dev, &fn) != 4)
		return NULL;
	return pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(dev, fn));
}

/**
 * nvmet_p2pmem_explain() - format a verdict as text
 * @provider: the providing function, or NULL for the function that @why names
 * @client: the client that @why is about, or NULL if there is none
 * @why: the verdict
 *
 * Context: Process context, may sleep.
 * Return: the text, or only the token of the reason if memory is short, to be freed by kfree();
 * NULL if there is no memory for the token either.
 */
char *nvmet_p2pmem_explain(struct pci_dev *provider, struct device *client,
			   const struct pci_p2pmem_verdict *why)
{
	char *text = kmalloc(PCI_P2PMEM_TEXT, GFP_KERNEL);
	struct pci_dev *named;

	if (!text)
		return kstrdup(pci_p2pmem_reason_token(why->reason), GFP_KERNEL);
	named = provider ? NULL : nvmet_p2pmem_named(why->provider);
	pci_p2pmem_explain(text, PCI_P2PMEM_TEXT, provider ?: named, client, why);
	pci_dev_put(named);
	return text;
}

/* Return the client that @why is about, for the log; NULL if @why names the client */
static struct device *nvmet_p2pmem_end(struct nvmet_p2pmem_path *path,
				       struct pci_dev *provider, struct device *drive,
				       struct device *dev, const struct pci_p2pmem_verdict *why)
{
	struct device *adapter = path->ctrl->p2p_client;
	struct pci_p2pmem_verdict v;

	if (why->reason == PCI_P2PMEM_NOT_VERIFIED && *why->client)
		return NULL;
	if (!drive)
		return dev;
	if (why->reason == PCI_P2PMEM_CPU_INTEGRITY)
		return drive;
	/* nvmet_p2pmem_drive() returned the drive, so it is a client. */
	if (!adapter || why->reason == PCI_P2PMEM_NOT_A_CLIENT)
		return adapter;
	if (!provider)
		return strcmp(why->client, dev_name(adapter)) ? drive : adapter;
	pci_p2pmem_verdict(provider, adapter, 0, &v);
	return v.reason == why->reason ? adapter : drive;
}

/*
 * Return a remedy if that of the reason is in place already or cannot help, else NULL. An
 * inconclusive self-test is repeated in every mode. A conclusive one is not repeated, so that
 * the remedy is to change the mode.
 */
static const char *nvmet_p2pmem_remedy(struct nvmet_p2pmem_path *path,
				       const struct pci_p2pmem_verdict *why)
{
	if (why->reason == PCI_P2PMEM_NOT_VERIFIED && path->state == NVMET_P2PMEM_RETRY)
		return "; the self-test is repeated automatically";
	/* No driver of a Fibre Channel adapter is a client. */
	if (why->reason == PCI_P2PMEM_NOT_A_CLIENT && path->ctrl->ops->type == NVMF_TRTYPE_FC &&
	    !path->ctrl->p2p_client)
		return "; connect the host by RDMA";
	return NULL;
}

/* Return the text of a refusal, with a remedy that can help; freed by kfree() */
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
	return text;
}

/**
 * nvmet_p2pmem_log_refusal() - log that a path uses system memory
 * @path: the path
 * @provider: the provider that the namespace names, NULL for any
 * @drive: DMA device of the drive, or NULL
 * @dev: device of the namespace, which is named if @drive is NULL
 * @why: the reason
 *
 * Context: Process context.
 */
void nvmet_p2pmem_log_refusal(struct nvmet_p2pmem_path *path, struct pci_dev *provider,
			      struct device *drive, struct device *dev,
			      const struct pci_p2pmem_verdict *why)
{
	struct device *adapter = path->ctrl->p2p_client;
	char *text = nvmet_p2pmem_format_reason(path, provider,
						nvmet_p2pmem_end(path, provider, drive, dev, why),
						why);

	path->logged = path->state;
	pr_warn("using system memory for nsid %u of controller %u (%*pE, adapter %s): %s\n",
		path->ns->nsid, path->ctrl->cntlid, (int)strlen(path->ns->device_path),
		path->ns->device_path,
		adapter ? dev_name(adapter) : "none", text ?: "no memory to format the reason");
	kfree(text);
}

/**
 * nvmet_p2pmem_log_use() - log that a path uses peer memory
 * @path: the path
 * @grant: the grant of the path
 *
 * Context: Process context.
 */
void nvmet_p2pmem_log_use(struct nvmet_p2pmem_path *path, struct pci_p2pmem_grant *grant)
{
	const struct nvmet_p2pmem_trust *trust = &path->trust;

	path->logged = path->state;
	pr_info("using peer-to-peer memory of %s%s for nsid %u of controller %u%s%s%s\n",
		pci_name(pci_p2pmem_grant_provider(grant)),
		trust->by_admin ? " through a host bridge that the administrator allowed" : "",
		path->ns->nsid, path->ctrl->cntlid,
		trust->proof == PCI_P2PMEM_PROVED ? ", proved" : "",
		trust->proof == PCI_P2PMEM_UNPROVED ? ", not proved because of " : "",
		trust->proof == PCI_P2PMEM_UNPROVED ? trust->note : "");
}

/* Return the last word of the line in configfs; @used: requests use the path's grant */
static const char *nvmet_p2pmem_shown_proof(const struct nvmet_p2pmem_path *path, bool used)
{
	if (path->state == NVMET_P2PMEM_TESTING)
		return "testing";
	if (path->reason == PCI_P2PMEM_VERIFY_FAILED && !used)
		return "disproved";
	if (path->reason == PCI_P2PMEM_NOT_VERIFIED && !used)
		return "unproved";
	if (!used || path->trust.proof == PCI_P2PMEM_UNTRIED)
		return "untested";
	return path->trust.proof == PCI_P2PMEM_PROVED ? "proved" : "unproved";
}

/**
 * nvmet_p2pmem_show_path() - format the path of a controller to a namespace for configfs
 * @ctrl: the controller
 * @ns: the namespace, enabled, with peer memory enabled
 * @line: returns controller, provider or "system", reason and proof, and "by-admin" if the
 *	path needs a host bridge that only an administrator's entry allows
 * @len: size of @line in bytes
 *
 * Context: Process context, ctrl->subsys->lock held.
 * Return: length of the line in bytes.
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
			 grant && !reason && path->trust.by_admin ? " by-admin" : "");
}
