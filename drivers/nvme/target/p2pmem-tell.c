// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: what is said of a path, in the log and in configfs
 *
 * In the log one line for each change of a path: that it uses peer memory and how sure
 * that is, or that it does not, with both ends, the reason and the remedy. In configfs
 * one line for what it is now. Nothing here changes a path but that it was told.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/slab.h>
#include "p2pmem-priv.h"

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

/* Whether a self-test that could show nothing is repeated without anybody's doing */
static bool nvmet_p2pmem_retested(struct nvmet_p2pmem_path *path,
				  const struct pci_p2pmem_verdict *why)
{
	enum nvmet_p2pmem_mode mode = nvmet_p2pmem_record(path->ns)->verify;

	if (why->reason != PCI_P2PMEM_NOT_VERIFIED)
		return false;
	return mode == NVMET_P2PMEM_WARN || (mode == NVMET_P2PMEM_AUTO && !why->by_admin);
}

/* A refusal in words, without what a reader of this line knows or has done already */
static char *nvmet_p2pmem_words(struct nvmet_p2pmem_path *path, struct pci_dev *provider,
				struct device *end, const struct pci_p2pmem_verdict *why)
{
	static const char again[] = "; the self-test is repeated by itself";
	char *text = nvmet_p2pmem_explain(provider, end, why);
	char *part;

	if (!text)
		return NULL;
	if (nvmet_p2pmem_retested(path, why)) {
		/* "write warn" is the remedy of the reason, and would change nothing here. */
		part = strrchr(text, ';');
		if (part && part - text + sizeof(again) <= PCI_P2PMEM_TEXT)
			strscpy(part, again, sizeof(again));
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
 * nvmet_p2pmem_tell_refusal() - a path uses system memory
 * @path: the path
 * @provider: the provider that it asks for, NULL for any
 * @drive: DMA device of its drive, or NULL
 * @why: the reason
 *
 * Context: Process context.
 */
void nvmet_p2pmem_tell_refusal(struct nvmet_p2pmem_path *path, struct pci_dev *provider,
			       struct device *drive, const struct pci_p2pmem_verdict *why)
{
	struct device *adapter = path->ctrl->p2p_client;
	char *text = nvmet_p2pmem_words(path, provider,
					nvmet_p2pmem_end(path, provider, drive, why), why);

	path->told = true;
	pr_warn("using system memory for nsid %u of controller %u (%*pE, adapter %s): %s\n",
		path->ns->nsid, path->ctrl->cntlid, (int)strlen(path->ns->device_path),
		path->ns->device_path,
		adapter ? dev_name(adapter) : "none", text ?: "no memory to say why");
	kfree(text);
}

/**
 * nvmet_p2pmem_tell_use() - a path uses peer memory
 * @path: the path
 * @grant: its grant
 *
 * Context: Process context.
 */
void nvmet_p2pmem_tell_use(struct nvmet_p2pmem_path *path, struct pci_p2pmem_grant *grant)
{
	path->told = true;
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
	if (path->testing)
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
		reason = !READ_ONCE(path->stale) && pci_p2pmem_grant_usable(grant) ?
			PCI_P2PMEM_OK : PCI_P2PMEM_REVOKED;
	return scnprintf(line, len, "%u %s %s %s%s\n", ctrl->cntlid,
			 grant && !reason ? pci_name(pci_p2pmem_grant_provider(grant)) : "system",
			 pci_p2pmem_reason_token(reason),
			 path ? nvmet_p2pmem_shown_proof(path, grant && !reason) : "untested",
			 grant && !reason && path->by_admin ? " by-admin" : "");
}
