// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: peer-to-peer memory for the data of NVMe-oF requests
 *
 * Where the payload of a Read or Write lives: in memory of the provider that
 * serves its controller and namespace, or, with the same data, in system memory,
 * counted by reason. Metadata, the payload of all other commands and what comes
 * inside a command capsule are always in system memory.
 *
 * The path of a request (p2pmem-attach.c) is looked up under RCU and says all
 * that has to be known: no verdict is made here.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include "p2pmem-priv.h"

static bool nvmet_p2pmem_is_rw(struct nvmet_req *req)
{
	return req->cmd->common.opcode == nvme_cmd_read ||
		req->cmd->common.opcode == nvme_cmd_write;
}

/* Whether the administrator asked for peer memory for this request's data */
static bool nvmet_p2pmem_wanted(struct nvmet_req *req)
{
	return req->ns && req->ns->use_p2pmem && req->sq->ctrl && req->sq->qid &&
		nvmet_p2pmem_is_rw(req) && !nvmet_is_passthru_req(req);
}

static bool nvmet_p2pmem_is_inline(struct nvmet_req *req)
{
	return req->cmd->common.dptr.sgl.type ==
		(NVME_SGL_FMT_DATA_DESC << 4 | NVME_SGL_FMT_OFFSET);
}

/* The path's grant, referenced, or NULL, the reason, and whether a self-test is all it is */
static struct pci_p2pmem_grant *nvmet_p2pmem_get_grant(struct nvmet_req *req,
						       enum pci_p2pmem_reason *reason,
						       bool *testing)
{
	struct pci_p2pmem_grant *grant;
	struct nvmet_p2pmem_path *path;
	bool tested;

	*testing = false;
	guard(rcu)();
	path = radix_tree_lookup(&req->sq->ctrl->p2p_ns_map, req->ns->nsid);
	if (!path) {
		/* Just being disabled, or no memory for the path itself */
		*reason = PCI_P2PMEM_NO_PROVIDER;
		return NULL;
	}
	/* Pairs with nvmet_p2pmem_use(): first this, then what has become of the test. */
	tested = smp_load_acquire(&path->testing);
	grant = rcu_dereference(path->grant);
	if (!grant) {
		/* OK: it was taken from the path or is given to it at this moment. */
		*reason = READ_ONCE(path->reason) ?: PCI_P2PMEM_REVOKED;
		*testing = tested;
		return NULL;
	}
	if (!pci_p2pmem_grant_tryget(grant)) {
		*reason = PCI_P2PMEM_REVOKED;
		return NULL;
	}
	return grant;
}

static enum pci_p2pmem_reason nvmet_p2pmem_take_reason(long error)
{
	switch (error) {
	case -ENODEV:
		return PCI_P2PMEM_REVOKED;
	case -EDQUOT:
		return PCI_P2PMEM_QUOTA;
	default:
		return PCI_P2PMEM_POOL_FULL;
	}
}

static enum pci_p2pmem_reason nvmet_p2pmem_take(struct nvmet_req *req,
						struct pci_p2pmem_grant *grant)
{
	struct scatterlist *sg, *metadata_sg = NULL;
	unsigned int nents, metadata_nents = 0;

	if (req->metadata_len) {
		metadata_sg = sgl_alloc(req->metadata_len, GFP_KERNEL, &metadata_nents);
		if (!metadata_sg)
			return PCI_P2PMEM_POOL_FULL;
	}

	sg = pci_p2pmem_grant_sgl_alloc(grant, &nents, req->transfer_len - req->metadata_len,
					GFP_KERNEL, NULL);
	if (IS_ERR_OR_NULL(sg)) {
		sgl_free(metadata_sg);
		return nvmet_p2pmem_take_reason(PTR_ERR(sg));
	}

	req->sg = sg;
	req->sg_cnt = nents;
	req->metadata_sg = metadata_sg;
	req->metadata_sg_cnt = metadata_nents;
	req->p2p_dev = pci_p2pmem_grant_provider(grant);
	return PCI_P2PMEM_OK;
}

/**
 * nvmet_p2pmem_alloc() - peer memory for the data of a request
 * @req: request whose length is known and that has no memory yet
 *
 * Context: Process context, may sleep.
 * Return: true when @req has all of its memory: data in peer memory, metadata in
 * system memory. False when it has none: then it gets system memory, and if it
 * asked for peer memory that has been counted.
 */
bool nvmet_p2pmem_alloc(struct nvmet_req *req)
{
	struct pci_p2pmem_grant *grant;
	enum pci_p2pmem_reason reason;
	struct nvmet_p2pmem_ns *rec;
	bool testing;

	if (!nvmet_p2pmem_wanted(req) || req->transfer_len <= req->metadata_len)
		return false;

	grant = nvmet_p2pmem_get_grant(req, &reason, &testing);
	if (grant) {
		if (unlikely(req->p2p_client != req->sq->ctrl->p2p_client))
			/* This queue is connected through another adapter. */
			reason = PCI_P2PMEM_NOT_A_CLIENT;
		else if (unlikely(!req->metadata_len && nvmet_p2pmem_cpu_integrity(req->ns)))
			/* It was switched on since the path was made. */
			reason = PCI_P2PMEM_CPU_INTEGRITY;
		else
			reason = nvmet_p2pmem_take(req, grant);
	}
	if (likely(!reason)) {
		pci_p2pmem_grant_put(grant);
		return true;
	}

	rec = nvmet_p2pmem_record(req->ns);
	if (rec)
		nvmet_p2pmem_fallback(rec, req, grant, reason, testing);
	if (grant)
		pci_p2pmem_grant_put(grant);
	/* A provider that was lost without notice: another may do. */
	if (reason == PCI_P2PMEM_REVOKED)
		nvmet_p2pmem_rescan(NVMET_P2PMEM_AGAIN);
	return false;
}

/**
 * nvmet_p2pmem_free() - give back what nvmet_p2pmem_alloc() took
 * @req: any request; only its memory is looked at, because its namespace and
 *	controller may be gone
 *
 * Context: Any but NMI and hard interrupts.
 * Return: true when @req had peer memory and has no memory any more; false when
 * it had none, and nothing was done.
 */
bool nvmet_p2pmem_free(struct nvmet_req *req)
{
	if (!req->p2p_dev)
		return false;

	pci_p2pmem_sgl_free(req->sg);
	sgl_free(req->metadata_sg);
	req->p2p_dev = NULL;
	req->sg = NULL;
	req->sg_cnt = 0;
	req->metadata_sg = NULL;
	req->metadata_sg_cnt = 0;
	return true;
}

/* Transports but RDMA have their own memory and never call nvmet_p2pmem_alloc() */
static void nvmet_p2pmem_account_other(struct nvmet_req *req, struct nvmet_p2pmem_ns *rec)
{
	struct pci_p2pmem_grant *grant;
	enum pci_p2pmem_reason reason;
	bool testing;

	grant = nvmet_p2pmem_get_grant(req, &reason, &testing);
	if (grant)
		reason = PCI_P2PMEM_NOT_A_CLIENT;
	nvmet_p2pmem_fallback(rec, req, grant, reason, testing);
	if (grant)
		pci_p2pmem_grant_put(grant);
}

/**
 * nvmet_p2pmem_account() - count the bytes of a Read or Write
 * @req: request that is about to move its data to or from the drive or file,
 *	once for each
 *
 * Context: Any but NMI; the request holds its namespace.
 * Return: true when the data is in peer memory: it must not be merged with that
 * of another request, which may be of another provider.
 */
bool nvmet_p2pmem_account(struct nvmet_req *req)
{
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(req->ns);
	bool peer = req->p2p_dev;

	if (WARN_ON_ONCE(!rec))
		return peer;

	if (peer) {
		this_cpu_add(rec->stats->peer_bytes, req->transfer_len - req->metadata_len);
		this_cpu_add(rec->stats->system_bytes, req->metadata_len);
		return true;
	}
	if (nvmet_p2pmem_is_inline(req)) {
		this_cpu_add(rec->stats->inline_bytes, req->transfer_len);
		return false;
	}
	this_cpu_add(rec->stats->system_bytes, req->transfer_len);
	if (unlikely(req->ops->type != NVMF_TRTYPE_RDMA && nvmet_p2pmem_wanted(req)))
		nvmet_p2pmem_account_other(req, rec);
	return false;
}

/* Whether the provider of a request's memory lends no more */
static bool nvmet_p2pmem_revoked(struct nvmet_req *req)
{
	struct pci_p2pmem_grant *grant;
	struct nvmet_p2pmem_path *path;

	guard(rcu)();
	path = radix_tree_lookup(&req->sq->ctrl->p2p_ns_map, req->ns->nsid);
	grant = path ? rcu_dereference(path->grant) : NULL;
	return !grant || pci_p2pmem_grant_provider(grant) != req->p2p_dev ||
		!pci_p2pmem_grant_usable(grant);
}

/**
 * nvmet_p2pmem_status() - the status of a request whose data was moved
 * @req: request that the drive is done with and that is not complete yet
 * @status: what the drive made of it
 *
 * When the contents of the memory may have been lost, a success means nothing;
 * when the provider is being taken away, an error may come of that. Both are
 * done again by the host, with fresh memory.
 *
 * Context: Any but NMI.
 * Return: @status, or NVME_SC_CMD_INTERRUPTED, which is retried.
 */
u16 nvmet_p2pmem_status(struct nvmet_req *req, u16 status)
{
	if (likely(!req->p2p_dev))
		return status;
	if (pci_p2pmem_sgl_lost(req->sg) || (status && nvmet_p2pmem_revoked(req))) {
		req->error_loc = NVMET_NO_ERROR_LOC;
		return NVME_SC_CMD_INTERRUPTED;
	}
	return status;
}
