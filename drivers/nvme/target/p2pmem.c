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

/* The path that a request's data takes, or NULL; under RCU */
static struct nvmet_p2pmem_path *nvmet_p2pmem_req_path(struct nvmet_req *req)
{
	return radix_tree_lookup(&req->sq->ctrl->p2p_ns_map, req->ns->nsid);
}

/* Whether a mapping failed a short time ago: what comes meanwhile uses system memory. */
static bool nvmet_p2pmem_map_pauses(struct nvmet_p2pmem_path *path)
{
	unsigned long until = READ_ONCE(path->map_failed);

	if (!until || time_before(jiffies, until))
		return until;
	WRITE_ONCE(path->map_failed, 0);
	return false;
}

/* The path's grant, referenced, or NULL, the reason, and whether a self-test is all it is */
static struct pci_p2pmem_grant *nvmet_p2pmem_get_grant(struct nvmet_req *req,
						       enum pci_p2pmem_reason *reason,
						       bool *testing)
{
	struct pci_p2pmem_grant *grant;
	struct nvmet_p2pmem_path *path;
	enum nvmet_p2pmem_state state;

	*testing = false;
	guard(rcu)();
	path = nvmet_p2pmem_req_path(req);
	if (!path) {
		/* An enabled namespace has a path unless memory was short when it was made. */
		*reason = READ_ONCE(req->ns->enabled) ? PCI_P2PMEM_NO_MEMORY :
							PCI_P2PMEM_NO_PROVIDER;
		return NULL;
	}
	/* Pairs with nvmet_p2pmem_enter(): first this, then what has become of a test. */
	state = smp_load_acquire(&path->state);
	grant = rcu_dereference(path->grant);
	if (!grant) {
		/* OK: it was taken from the path or is given to it at this moment. */
		*reason = READ_ONCE(path->reason) ?: PCI_P2PMEM_REVOKED;
		*testing = state == NVMET_P2PMEM_TESTING;
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
 * The largest transfer that the controller has told the host (Maximum Data Transfer Size).
 * nvmet executes a longer command all the same, but it gets no peer memory: one command
 * must not take what many others need.
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
 * Whether the path of a request should be looked at again: its provider was lost without
 * notice, one of its pairs was refused or disproved since the grant was made, or memory was
 * short. What depends on this request alone, or on how much is out, says nothing of the path.
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
	/* Such a command fails when it is executed, in whatever memory, and moves nothing. */
	if (unlikely(req->transfer_len != nvmet_rw_data_len(req) + req->metadata_len))
		return false;

	grant = nvmet_p2pmem_get_grant(req, &reason, &testing);
	if (grant) {
		if (unlikely(req->p2p_client != req->sq->ctrl->p2p_client))
			/* This queue is connected through another adapter. */
			reason = PCI_P2PMEM_NOT_A_CLIENT;
		else if (unlikely(!req->metadata_len && nvmet_p2pmem_cpu_integrity(req->ns)))
			/* It was switched on since the path was made. */
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
	if (rec)
		nvmet_p2pmem_fallback(rec, req, grant, reason, testing);
	/* Without a grant the path has been looked at already, unless it is losing its grant. */
	if (reason == PCI_P2PMEM_REVOKED || (grant && nvmet_p2pmem_is_temporary(reason)))
		nvmet_p2pmem_rescan(NVMET_P2PMEM_AGAIN);
	if (grant)
		pci_p2pmem_grant_put(grant);
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

/**
 * nvmet_p2pmem_map_failed() - the data of a request could not be mapped for the adapter
 * @req: request that nothing is mapped for
 * @error: what mapping returned
 *
 * A failure of the IOMMU passes, and so does the loss of a provider: the command goes on in
 * system memory instead of failing at the host, and is counted.
 *
 * Context: Process context, may sleep.
 * Return: true when @req had peer memory and has system memory now: map it. False when
 * nothing was done.
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
		/* A self-test found its pair wrong, or its mask is a smaller one. */
		reason = pci_p2pmem_sgl_lost(req->sg) ? PCI_P2PMEM_VERIFY_FAILED :
							PCI_P2PMEM_DMA_MASK;
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

/* The drive could not map peer memory: its IOMMU may be short of something for a while. */
static void nvmet_p2pmem_pause(struct nvmet_req *req)
{
	struct nvmet_p2pmem_path *path;

	guard(rcu)();
	path = nvmet_p2pmem_req_path(req);
	if (path)
		WRITE_ONCE(path->map_failed, (jiffies + NVMET_P2PMEM_AGAIN) | 1);
}

/* Whether the provider of a request's memory lends no more */
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
 * nvmet_p2pmem_status() - the status of a request whose data was moved
 * @req: request that the drive is done with and that is not complete yet
 * @status: what the drive made of it
 * @blk: what the block layer made of it
 *
 * When the contents of the memory may have been lost, a success means nothing;
 * when the provider is being taken away, an error may come of that. In both cases the
 * host repeats the command, which gets fresh memory. When the drive's driver could not
 * map the memory, the host repeats it, too, and it gets system memory for some time. The
 * status is one that a host retries without having asked for anything (Command
 * Interrupted needs Advanced Command Retry Enable), and that fails over where the host
 * has another path.
 *
 * Context: Any but NMI.
 * Return: @status, or NVME_SC_INTERNAL_PATH_ERROR, which is retried.
 */
u16 nvmet_p2pmem_status(struct nvmet_req *req, u16 status, blk_status_t blk)
{
	if (likely(!req->p2p_dev))
		return status;
	/* The drive's driver says so of memory that it could not map. */
	if (unlikely(blk == BLK_STS_TRANSPORT))
		nvmet_p2pmem_pause(req);
	if (pci_p2pmem_sgl_lost(req->sg) || blk == BLK_STS_TRANSPORT ||
	    (status && nvmet_p2pmem_revoked(req))) {
		req->error_loc = NVMET_NO_ERROR_LOC;
		return NVME_SC_INTERNAL_PATH_ERROR;
	}
	return status;
}
