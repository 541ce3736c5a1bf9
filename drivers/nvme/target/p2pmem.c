// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: peer-to-peer memory for the data of NVMe-oF requests
 *
 * Floor 5.
 *
 * The payload of a Read or Write is in memory of the provider that serves its controller and
 * namespace, or in system memory; the latter is counted by reason. Metadata, the payload of all
 * other commands and data inside a command capsule are always in system memory.
 *
 * A request looks up its path (p2pmem-attach.c) under RCU and evaluates no pair: the path has
 * the grant, or the reason why there is none.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include "p2pmem-priv.h"

static bool nvmet_p2pmem_is_rw(struct nvmet_req *req)
{
	return req->cmd->common.opcode == nvme_cmd_read ||
		req->cmd->common.opcode == nvme_cmd_write;
}

/* Whether the data of this request should be in peer memory */
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

/* The path of a request's controller and namespace, or NULL; RCU read side */
static struct nvmet_p2pmem_path *nvmet_p2pmem_req_path(struct nvmet_req *req)
{
	return radix_tree_lookup(&req->sq->ctrl->p2p_ns_map, req->ns->nsid);
}

/* Whether a mapping failed a short time ago, so that requests still use system memory */
static bool nvmet_p2pmem_map_pauses(struct nvmet_p2pmem_path *path)
{
	unsigned long until = READ_ONCE(path->map_failed);

	if (!until || time_before(jiffies, until))
		return until;
	WRITE_ONCE(path->map_failed, 0);
	return false;
}

/*
 * Look up the path's grant and take a reference; on failure return NULL and set @reason.
 * @state: returns the state of the path, or NVMET_P2PMEM_NEW if there is no path.
 */
static struct pci_p2pmem_grant *nvmet_p2pmem_get_grant(struct nvmet_req *req,
						       enum pci_p2pmem_reason *reason,
						       enum nvmet_p2pmem_state *state)
{
	struct pci_p2pmem_grant *grant;
	struct nvmet_p2pmem_path *path;

	*state = NVMET_P2PMEM_NEW;
	guard(rcu)();
	path = nvmet_p2pmem_req_path(req);
	if (!path) {
		/* An enabled namespace has a path unless memory was short at its creation. */
		*reason = nvmet_p2pmem_is_enabled(req->ns) ? PCI_P2PMEM_NO_MEMORY :
							     PCI_P2PMEM_NO_PROVIDER;
		return NULL;
	}
	/* Pairs with nvmet_p2pmem_enter(): read the state before the grant and the reason. */
	*state = smp_load_acquire(&path->state);
	grant = rcu_dereference(path->grant);
	if (!grant) {
		/* PCI_P2PMEM_OK: nvmet_p2pmem_enter() is changing the grant at this moment. */
		*reason = READ_ONCE(path->reason) ?: PCI_P2PMEM_REVOKED;
		return NULL;
	}
	if (!pci_p2pmem_grant_tryget(grant)) {
		*reason = PCI_P2PMEM_REVOKED;
		return NULL;
	}
	if (unlikely(READ_ONCE(path->map_failed)) && nvmet_p2pmem_map_pauses(path)) {
		pci_p2pmem_grant_put(grant);
		*reason = PCI_P2PMEM_MAP_FAILED;
		return NULL;
	}
	return grant;
}

/*
 * Whether a transfer exceeds the Maximum Data Transfer Size that the controller reports. nvmet
 * executes such a command, but in system memory: a single command must not use the peer memory
 * that many others need.
 */
static bool nvmet_p2pmem_too_long(struct nvmet_req *req)
{
	const struct nvmet_ctrl *ctrl = req->sq->ctrl;
	u8 mdts = ctrl->ops->get_mdts ? ctrl->ops->get_mdts(ctrl) : 0;

	return mdts && req->transfer_len - req->metadata_len > SZ_4K << mdts;
}

static enum pci_p2pmem_reason nvmet_p2pmem_alloc_req(struct nvmet_req *req,
						     struct pci_p2pmem_grant *grant)
{
	struct scatterlist *sg, *metadata_sg = NULL;
	unsigned int nents, metadata_nents = 0;
	enum pci_p2pmem_reason why;

	if (req->metadata_len) {
		metadata_sg = sgl_alloc(req->metadata_len, GFP_KERNEL, &metadata_nents);
		if (!metadata_sg)
			return PCI_P2PMEM_NO_MEMORY;
	}

	sg = pci_p2pmem_grant_sgl_alloc(grant, &nents, req->transfer_len - req->metadata_len,
					GFP_KERNEL, &why);
	if (IS_ERR(sg)) {
		sgl_free(metadata_sg);
		return why;
	}

	req->sg = sg;
	req->sg_cnt = nents;
	req->metadata_sg = metadata_sg;
	req->metadata_sg_cnt = metadata_nents;
	req->p2p_dev = pci_p2pmem_grant_provider(grant);
	return PCI_P2PMEM_OK;
}

/*
 * Whether to re-evaluate the path of a request: the provider was lost without a notification,
 * a pair was refused or disproved since the grant was created, or system memory was short.
 * Reasons that depend on the request alone, or on how much peer memory is in use, do not
 * concern the path.
 */
static bool nvmet_p2pmem_is_temporary(enum pci_p2pmem_reason reason)
{
	switch (reason) {
	case PCI_P2PMEM_NOT_A_CLIENT:
	case PCI_P2PMEM_CPU_INTEGRITY:
	case PCI_P2PMEM_BAD_RANGE:
	case PCI_P2PMEM_POOL_FULL:
	case PCI_P2PMEM_OWN_QUEUES:
	case PCI_P2PMEM_QUOTA:
		return false;
	default:
		return true;
	}
}

/**
 * nvmet_p2pmem_alloc() - allocate peer memory for the data of a request
 * @req: request whose length is known and that has no memory yet
 *
 * Context: Process context, may sleep.
 * Return: true if @req has all its memory: data in peer memory, metadata in system memory.
 * False if @req has no memory; the caller allocates system memory. If the data should be in
 * peer memory, a fallback has been counted.
 */
bool nvmet_p2pmem_alloc(struct nvmet_req *req)
{
	struct pci_p2pmem_grant *grant;
	enum pci_p2pmem_reason reason;
	enum nvmet_p2pmem_state state;
	struct nvmet_p2pmem_ns *rec;
	bool testing;

	if (!nvmet_p2pmem_wanted(req) || req->transfer_len <= req->metadata_len)
		return false;
	/* Executing such a command fails, without a transfer. */
	if (unlikely(req->transfer_len != nvmet_rw_data_len(req) + req->metadata_len))
		return false;

	grant = nvmet_p2pmem_get_grant(req, &reason, &state);
	if (grant) {
		if (unlikely(req->p2p_client != req->sq->ctrl->p2p_client))
			/* This queue is connected through another adapter. */
			reason = PCI_P2PMEM_NOT_A_CLIENT;
		else if (unlikely(!req->metadata_len && nvmet_p2pmem_cpu_integrity(req->ns)))
			/* Integrity was enabled after the path was created. */
			reason = PCI_P2PMEM_CPU_INTEGRITY;
		else if (unlikely(nvmet_p2pmem_too_long(req)))
			reason = PCI_P2PMEM_BAD_RANGE;
		else
			reason = nvmet_p2pmem_alloc_req(req, grant);
	}
	if (likely(!reason)) {
		pci_p2pmem_grant_put(grant);
		return true;
	}

	rec = nvmet_p2pmem_record(req->ns);
	testing = !grant && state == NVMET_P2PMEM_TESTING;
	if (rec)
		nvmet_p2pmem_fallback(rec, req, grant, reason, testing);
	/* Events have re-evaluated a path without a grant, except one that is losing its grant. */
	if ((state == NVMET_P2PMEM_PEER && reason == PCI_P2PMEM_REVOKED) ||
	    (grant && nvmet_p2pmem_is_temporary(reason)))
		nvmet_p2pmem_rescan(NVMET_P2PMEM_AGAIN);
	if (grant)
		pci_p2pmem_grant_put(grant);
	return false;
}

/**
 * nvmet_p2pmem_free() - free the memory of nvmet_p2pmem_alloc()
 * @req: any request; only its memory is used, because its namespace and controller may be gone
 *
 * Context: Any but NMI and hard interrupts.
 * Return: true if @req had peer memory, which is freed with its metadata; false if @req had
 * none, and nothing was freed.
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

/**
 * nvmet_p2pmem_map_failed() - replace memory that could not be mapped for the adapter
 * @req: request without a mapping
 * @error: return value of the mapping function
 *
 * A failure of the IOMMU is temporary, and so is the loss of a provider; and an adapter may be
 * unable to register the memory. The command uses system memory instead of failing at the host,
 * and a fallback is counted.
 *
 * Context: Process context, may sleep.
 * Return: true if @req had peer memory and has system memory now, which the caller maps.
 * False if @req is unchanged.
 */
bool nvmet_p2pmem_map_failed(struct nvmet_req *req, int error)
{
	enum pci_p2pmem_reason reason;
	struct nvmet_p2pmem_ns *rec;
	struct scatterlist *sg;
	unsigned int nents;

	if (likely(error >= 0) || !req->p2p_dev)
		return false;
	switch (error) {
	case -EIO:
		reason = PCI_P2PMEM_MAP_FAILED;
		break;
	case -ENODEV:
		reason = PCI_P2PMEM_REVOKED;
		break;
	case -EXDEV:
		/* A self-test disproved the pair, or the driver reduced its DMA mask. */
		reason = pci_p2pmem_sgl_lost(req->sg) ? PCI_P2PMEM_VERIFY_FAILED :
							PCI_P2PMEM_DMA_MASK;
		break;
	case -EINVAL:
		/*
		 * Where RDMA READ needs registrations, an entry of the list must fit in one. Those
		 * of system memory have a page, those of peer memory may be as long as the list.
		 */
		reason = PCI_P2PMEM_REGISTRATION_SIZE;
		break;
	default:
		return false;
	}

	sg = sgl_alloc(req->transfer_len - req->metadata_len, GFP_KERNEL, &nents);
	if (!sg)
		return false;
	rec = nvmet_p2pmem_record(req->ns);
	if (rec)
		nvmet_p2pmem_fallback(rec, req, NULL, reason, false);
	pci_p2pmem_sgl_free(req->sg);
	req->p2p_dev = NULL;
	req->sg = sg;
	req->sg_cnt = nents;
	return true;
}
EXPORT_SYMBOL_GPL(nvmet_p2pmem_map_failed);

/* Count a fallback of a transport that never calls nvmet_p2pmem_alloc(): any but RDMA */
static void nvmet_p2pmem_account_other(struct nvmet_req *req, struct nvmet_p2pmem_ns *rec)
{
	struct pci_p2pmem_grant *grant;
	enum pci_p2pmem_reason reason;
	enum nvmet_p2pmem_state state;
	bool testing;

	grant = nvmet_p2pmem_get_grant(req, &reason, &state);
	if (grant)
		reason = PCI_P2PMEM_NOT_A_CLIENT;
	testing = !grant && state == NVMET_P2PMEM_TESTING;
	nvmet_p2pmem_fallback(rec, req, grant, reason, testing);
	if (grant)
		pci_p2pmem_grant_put(grant);
}

/**
 * nvmet_p2pmem_account() - count the bytes of a Read or Write
 * @req: request that is about to move its data to or from the drive or file; the caller
 *	calls this once for each request
 *
 * Context: Any but NMI; the request holds its namespace.
 * Return: true if the data is in peer memory: the block layer must not merge it with the data
 * of another request, whose memory may belong to another provider.
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

/* Pause the use of peer memory that the drive could not map, perhaps for lack of IOVA space */
static void nvmet_p2pmem_pause(struct nvmet_req *req)
{
	struct nvmet_p2pmem_path *path;

	guard(rcu)();
	path = nvmet_p2pmem_req_path(req);
	if (path)
		WRITE_ONCE(path->map_failed, (jiffies + NVMET_P2PMEM_AGAIN) | 1);
}

/* Whether the provider of a request's memory is revoked or lost */
static bool nvmet_p2pmem_revoked(struct nvmet_req *req)
{
	struct pci_p2pmem_grant *grant;
	struct nvmet_p2pmem_path *path;

	guard(rcu)();
	path = nvmet_p2pmem_req_path(req);
	grant = path ? rcu_dereference(path->grant) : NULL;
	return !grant || pci_p2pmem_grant_provider(grant) != req->p2p_dev ||
		!pci_p2pmem_grant_usable(grant);
}

/**
 * nvmet_p2pmem_status() - the status of a request that the drive has finished
 * @req: the request, not complete yet
 * @status: NVMe status of the drive
 * @blk: status of the block layer
 *
 * If the contents of the memory may be lost, the drive's success does not count. If the
 * provider is being revoked, an error may be a consequence. If the drive's driver could not map
 * the memory, requests of the path use system memory for some time. In these three cases the
 * host retries the command, with other memory. Every host retries the returned status, on
 * another path if it has one; Command Interrupted would need Advanced Command Retry Enable.
 *
 * Context: Any but NMI.
 * Return: @status, or NVME_SC_INTERNAL_PATH_ERROR, which is retried.
 */
u16 nvmet_p2pmem_status(struct nvmet_req *req, u16 status, blk_status_t blk)
{
	if (likely(!req->p2p_dev))
		return status;
	/* The drive's driver returns this status for memory that it could not map. */
	if (unlikely(blk == BLK_STS_TRANSPORT))
		nvmet_p2pmem_pause(req);
	if (pci_p2pmem_sgl_lost(req->sg) || blk == BLK_STS_TRANSPORT ||
	    (status && nvmet_p2pmem_revoked(req))) {
		req->error_loc = NVMET_NO_ERROR_LOC;
		return NVME_SC_INTERNAL_PATH_ERROR;
	}
	return status;
}
