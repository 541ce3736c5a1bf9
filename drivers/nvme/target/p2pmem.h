/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: peer-to-peer memory for the NVMe target
 *
 * The functions that the rest of nvmet calls. This file does not include the core's header: it
 * completes no structure that nvmet.h leaves incomplete, so that the symbol versions of nvmet's
 * exports do not change. The state is in separate structures that are looked up by namespace,
 * and in two members that struct nvmet_ctrl has for peer memory (p2p_client, p2p_ns_map).
 *
 * Without CONFIG_PCI_P2PMEM_NVMET all functions are empty.
 */
#ifndef _NVMET_P2PMEM_H
#define _NVMET_P2PMEM_H

#include "nvmet.h"

#ifdef CONFIG_PCI_P2PMEM_NVMET

extern struct configfs_attribute nvmet_ns_attr_p2pmem;
extern struct configfs_attribute nvmet_ns_attr_p2pmem_prefer;
extern struct configfs_attribute nvmet_ns_attr_p2pmem_verify;

int nvmet_p2pmem_init(void);
void nvmet_p2pmem_exit(void);

int nvmet_p2pmem_ns_init(struct nvmet_ns *ns);
void nvmet_p2pmem_ns_exit(struct nvmet_ns *ns);
int nvmet_p2pmem_enable(struct nvmet_ns *ns);

void nvmet_p2pmem_ctrl_init(struct nvmet_ctrl *ctrl, struct nvmet_req *req);
void nvmet_p2pmem_ctrl_exit(struct nvmet_ctrl *ctrl);
void nvmet_p2pmem_attach(struct nvmet_ctrl *ctrl, struct nvmet_ns *ns);
void nvmet_p2pmem_detach(struct nvmet_ctrl *ctrl, struct nvmet_ns *ns);

bool nvmet_p2pmem_alloc(struct nvmet_req *req);
bool nvmet_p2pmem_free(struct nvmet_req *req);
bool nvmet_p2pmem_account(struct nvmet_req *req);
bool nvmet_p2pmem_map_failed(struct nvmet_req *req, int error);
u16 nvmet_p2pmem_status(struct nvmet_req *req, u16 status, blk_status_t blk);

/* in the module nvmet-rdma */
void nvmet_p2pmem_rdma_init(void);
void nvmet_p2pmem_rdma_exit(void);

#else /* CONFIG_PCI_P2PMEM_NVMET */

static inline int nvmet_p2pmem_init(void)
{
	return 0;
}

static inline void nvmet_p2pmem_exit(void) { }

static inline int nvmet_p2pmem_ns_init(struct nvmet_ns *ns)
{
	return 0;
}

static inline void nvmet_p2pmem_ns_exit(struct nvmet_ns *ns) { }

static inline int nvmet_p2pmem_enable(struct nvmet_ns *ns)
{
	return 0;
}

static inline void nvmet_p2pmem_ctrl_init(struct nvmet_ctrl *ctrl,
					  struct nvmet_req *req) { }
static inline void nvmet_p2pmem_ctrl_exit(struct nvmet_ctrl *ctrl) { }
static inline void nvmet_p2pmem_attach(struct nvmet_ctrl *ctrl,
				       struct nvmet_ns *ns) { }
static inline void nvmet_p2pmem_detach(struct nvmet_ctrl *ctrl,
				       struct nvmet_ns *ns) { }

static inline bool nvmet_p2pmem_alloc(struct nvmet_req *req)
{
	return false;
}

static inline bool nvmet_p2pmem_free(struct nvmet_req *req)
{
	return false;
}

static inline bool nvmet_p2pmem_account(struct nvmet_req *req)
{
	return false;
}

static inline bool nvmet_p2pmem_map_failed(struct nvmet_req *req, int error)
{
	return false;
}

static inline u16 nvmet_p2pmem_status(struct nvmet_req *req, u16 status, blk_status_t blk)
{
	return status;
}

static inline void nvmet_p2pmem_rdma_init(void) { }
static inline void nvmet_p2pmem_rdma_exit(void) { }

#endif /* CONFIG_PCI_P2PMEM_NVMET */
#endif /* _NVMET_P2PMEM_H */
