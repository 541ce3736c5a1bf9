// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: Attributes of the adapter, and the table of its callbacks
 *
 * Floor 6.
 *
 * The attributes are those that nvme-rdma and nvmet-rdma need; requests from user
 * space are not supported.
 */
#include <linux/etherdevice.h>
#include <net/addrconf.h>

#include "rnic.h"

static int rnic_query_device(struct ib_device *ibdev, struct ib_device_attr *attr,
			     struct ib_udata *udata)
{
	struct rnic_dev *dev = to_rnic_dev(ibdev);

	if (udata && (udata->inlen || udata->outlen))
		return -EINVAL;

	attr->device_cap_flags = IB_DEVICE_MEM_MGT_EXTENSIONS;
	attr->kernel_cap_flags = IBK_LOCAL_DMA_LKEY;
	attr->sys_image_guid = ibdev->node_guid;
	attr->vendor_id = dev->pdev->vendor;
	attr->vendor_part_id = dev->pdev->device;
	attr->hw_ver = dev->pdev->revision;
	attr->max_mr_size = U64_MAX;
	attr->page_size_cap = ~(u64)(SZ_4K - 1);
	attr->max_qp = SZ_64K;
	attr->max_qp_wr = RNIC_MAX_WR;
	attr->max_send_sge = RNIC_MAX_SGE;
	attr->max_recv_sge = RNIC_MAX_SGE;
	attr->max_sge_rd = 1;
	attr->max_cq = SZ_64K;
	attr->max_cqe = RNIC_MAX_CQE;
	attr->max_mr = SZ_1M;
	attr->max_pd = SZ_64K;
	attr->max_qp_rd_atom = RNIC_MAX_RD_ATOM;
	attr->max_qp_init_rd_atom = RNIC_MAX_RD_ATOM;
	attr->max_res_rd_atom = RNIC_MAX_RD_ATOM;
	attr->max_fast_reg_page_list_len = dev->reg_pages;
	return 0;
}

static int rnic_query_port(struct ib_device *ibdev, u32 port, struct ib_port_attr *attr)
{
	struct net_device *netdev = rnic_netdev(to_rnic_dev(ibdev), port);
	bool up = netif_running(netdev) && netif_carrier_ok(netdev);

	attr->gid_tbl_len = 1;
	attr->max_msg_sz = U32_MAX;
	attr->max_mtu = IB_MTU_4096;
	attr->active_mtu = ib_mtu_int_to_enum(READ_ONCE(netdev->mtu));
	attr->active_width = IB_WIDTH_4X;
	attr->active_speed = IB_SPEED_QDR;
	attr->phys_state = up ? IB_PORT_PHYS_STATE_LINK_UP : IB_PORT_PHYS_STATE_DISABLED;
	attr->state = up ? IB_PORT_ACTIVE : IB_PORT_DOWN;
	attr->port_cap_flags = IB_PORT_CM_SUP;
	return 0;
}

static int rnic_get_port_immutable(struct ib_device *ibdev, u32 port,
				   struct ib_port_immutable *immutable)
{
	immutable->gid_tbl_len = 1;
	immutable->core_cap_flags = RDMA_CORE_PORT_IWARP;
	return 0;
}

static int rnic_query_gid(struct ib_device *ibdev, u32 port, int index, union ib_gid *gid)
{
	memset(gid, 0, sizeof(*gid));
	memcpy(gid->raw, rnic_netdev(to_rnic_dev(ibdev), port)->dev_addr, ETH_ALEN);
	return 0;
}

static int rnic_alloc_pd(struct ib_pd *ibpd, struct ib_udata *udata)
{
	if (udata)
		return -EOPNOTSUPP;
	atomic_inc(&rnic_live[RNIC_LIVE_PD]);
	return 0;
}

static int rnic_dealloc_pd(struct ib_pd *ibpd, struct ib_udata *udata)
{
	atomic_dec(&rnic_live[RNIC_LIVE_PD]);
	return 0;
}

const struct ib_device_ops rnic_ib_ops = {
	.owner = THIS_MODULE,
	.driver_id = RDMA_DRIVER_UNKNOWN,

	.query_device = rnic_query_device,
	.query_port = rnic_query_port,
	.query_gid = rnic_query_gid,
	.get_port_immutable = rnic_get_port_immutable,

	.alloc_pd = rnic_alloc_pd,
	.dealloc_pd = rnic_dealloc_pd,

	.create_cq = rnic_create_cq,
	.destroy_cq = rnic_destroy_cq,
	.poll_cq = rnic_poll_cq,
	.req_notify_cq = rnic_req_notify_cq,

	.get_dma_mr = rnic_get_dma_mr,
	.reg_user_mr = rnic_reg_user_mr,
	.alloc_mr = rnic_alloc_mr,
	.map_mr_sg = rnic_map_mr_sg,
	.dereg_mr = rnic_dereg_mr,

	.create_qp = rnic_create_qp,
	.modify_qp = rnic_modify_qp,
	.query_qp = rnic_query_qp,
	.destroy_qp = rnic_destroy_qp,
	.post_send = rnic_post_send,
	.post_recv = rnic_post_recv,

	.iw_get_qp = rnic_iw_get_qp,
	.iw_add_ref = rnic_iw_add_ref,
	.iw_rem_ref = rnic_iw_rem_ref,
	.iw_connect = rnic_iw_connect,
	.iw_accept = rnic_iw_accept,
	.iw_reject = rnic_iw_reject,
	.iw_create_listen = rnic_iw_create_listen,
	.iw_destroy_listen = rnic_iw_destroy_listen,

	INIT_RDMA_OBJ_SIZE(ib_pd, rnic_pd, ibpd),
	INIT_RDMA_OBJ_SIZE(ib_cq, rnic_cq, ibcq),
	INIT_RDMA_OBJ_SIZE(ib_qp, rnic_qp, ibqp),
};
