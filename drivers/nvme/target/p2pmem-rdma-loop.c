// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: a loopback connection of an RDMA device
 *
 * Floor 0.
 *
 * The connection manager establishes the connection: iWARP, RoCE and InfiniBand have no other
 * common way. It needs an IP address of the network device that belongs to a port. The kernel
 * associates no such address with a port of InfiniBand or of a bond: their paths are not
 * proved. All ports of a device reach memory by the same function, so any port will do: those
 * with a link come first. The far end registers a page of system memory for remote access. Any
 * host can reach its port while the connection is being established, so the far end accepts only
 * one request, which must contain the cookie.
 *
 * One thread opens, uses and closes a loop. Callbacks of the connection manager set bits and
 * wake the thread. The callbacks own the far end's identifier until they set
 * NVMET_P2PMEM_LOOP_REQUESTED; no callback runs after listener and both ends are destroyed.
 */
#include <linux/dma-mapping.h>
#include <linux/inetdevice.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <net/addrconf.h>
#include <rdma/rdma_cm.h>
#include <rdma/rw.h>

#include "p2pmem-rdma.h"

static void nvmet_p2pmem_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct nvmet_p2pmem_done *d = container_of(wc->wr_cqe, struct nvmet_p2pmem_done, cqe);

	d->status = wc->status;
	complete(&d->done);
}

/**
 * nvmet_p2pmem_done_init() - prepare to wait for one work request
 * @d: the completion, whose @cqe the caller passes to the work request
 *
 * Context: Any.
 */
void nvmet_p2pmem_done_init(struct nvmet_p2pmem_done *d)
{
	d->cqe.done = nvmet_p2pmem_done;
	d->status = IB_WC_GENERAL_ERR;
	init_completion(&d->done);
}

/**
 * nvmet_p2pmem_loop_disturbed() - whether an error may be one of the connection
 * @status: status of a work request
 *
 * Context: Any.
 * Return: false if it is one of the device or of the memory, or none.
 */
bool nvmet_p2pmem_loop_disturbed(enum ib_wc_status status)
{
	switch (status) {
	case IB_WC_WR_FLUSH_ERR:
	case IB_WC_RETRY_EXC_ERR:
	case IB_WC_RNR_RETRY_EXC_ERR:
	case IB_WC_RESP_TIMEOUT_ERR:
		return true;
	default:
		return false;
	}
}

static void nvmet_p2pmem_loop_set_event(struct nvmet_p2pmem_loop *l, enum nvmet_p2pmem_loop_event e)
{
	set_bit(e, &l->seen);
	wake_up(&l->wait);
}

static int nvmet_p2pmem_loop_await(struct nvmet_p2pmem_loop *l, enum nvmet_p2pmem_loop_event e)
{
	long left = wait_event_killable_timeout(l->wait, test_bit(e, &l->seen) ||
						test_bit(NVMET_P2PMEM_LOOP_DOWN, &l->seen),
						NVMET_P2PMEM_LOOP_WAIT);

	if (left < 0)
		return -EINTR;
	if (test_bit(NVMET_P2PMEM_LOOP_DOWN, &l->seen))
		return -ENOTCONN;
	return left ? 0 : -ETIMEDOUT;
}

static int nvmet_p2pmem_loop_qp(struct nvmet_p2pmem_loop *l, struct rdma_cm_id *id)
{
	struct ib_qp_init_attr attr = {
		.send_cq = l->cq,
		.recv_cq = l->cq,
		.cap = {
			.max_send_wr = NVMET_P2PMEM_LOOP_WRS,
			.max_recv_wr = 1,
			.max_send_sge = 1,
			.max_recv_sge = 1,
			.max_rdma_ctxs = 1,
		},
		.sq_sig_type = IB_SIGNAL_REQ_WR,
		.qp_type = IB_QPT_RC,
		.port_num = id->port_num,
	};

	return rdma_create_qp(id, l->pd, &attr);
}

/*
 * Handle a connection request, from this device or from any host. After an error the connection
 * manager destroys @id. It serializes the requests of a listener.
 */
static int nvmet_p2pmem_loop_connect_request(struct nvmet_p2pmem_loop *l, struct rdma_cm_id *id,
					     struct rdma_cm_event *event)
{
	const struct rdma_conn_param *request = &event->param.conn;
	struct rdma_conn_param param = {
		.responder_resources = 1,
		.initiator_depth = 1,
		.rnr_retry_count = 7,
	};
	int ret;

	if (id->device != l->dev || request->private_data_len < sizeof(l->cookie) ||
	    memcmp(request->private_data, l->cookie, sizeof(l->cookie)) ||
	    test_bit(NVMET_P2PMEM_LOOP_REQUESTED, &l->seen))
		return -ECONNREFUSED;

	ret = nvmet_p2pmem_loop_qp(l, id);
	if (ret)
		goto down;
	/* The connection may be established before rdma_accept() returns. */
	l->far = id;
	ret = rdma_accept(id, &param);
	if (ret) {
		l->far = NULL;
		rdma_destroy_qp(id);
		goto down;
	}
	nvmet_p2pmem_loop_set_event(l, NVMET_P2PMEM_LOOP_REQUESTED);
	return 0;
down:
	nvmet_p2pmem_loop_set_event(l, NVMET_P2PMEM_LOOP_DOWN);
	return ret;
}

static int nvmet_p2pmem_loop_event(struct rdma_cm_id *id, struct rdma_cm_event *event)
{
	struct nvmet_p2pmem_loop *l = id->context;

	switch (event->event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		nvmet_p2pmem_loop_set_event(l, NVMET_P2PMEM_LOOP_ADDR);
		break;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		nvmet_p2pmem_loop_set_event(l, NVMET_P2PMEM_LOOP_ROUTE);
		break;
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		return nvmet_p2pmem_loop_connect_request(l, id, event);
	case RDMA_CM_EVENT_ESTABLISHED:
		nvmet_p2pmem_loop_set_event(l, id == l->near ? NVMET_P2PMEM_LOOP_NEAR_UP :
							 NVMET_P2PMEM_LOOP_FAR_UP);
		break;
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
	case RDMA_CM_EVENT_ADDR_CHANGE:
		break;
	default:
		/* Refused, unreachable, disconnected, or the device is removed. */
		nvmet_p2pmem_loop_set_event(l, NVMET_P2PMEM_LOOP_DOWN);
	}
	return 0;
}

static bool nvmet_p2pmem_loop_v4(struct net_device *ndev, struct sockaddr_storage *to)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)to;
	struct in_device *in_dev = __in_dev_get_rcu(ndev);
	struct in_ifaddr *ifa = in_dev ? rcu_dereference(in_dev->ifa_list) : NULL;

	if (!ifa)
		return false;
	v4->sin_family = AF_INET;
	v4->sin_addr.s_addr = ifa->ifa_local;
	return true;
}

static bool nvmet_p2pmem_loop_v6(struct net_device *ndev, struct sockaddr_storage *to)
{
#if IS_ENABLED(CONFIG_IPV6)
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
	struct inet6_dev *in6_dev = __in6_dev_get(ndev);
	struct inet6_ifaddr *a;

	if (!in6_dev)
		return false;
	read_lock_bh(&in6_dev->lock);
	list_for_each_entry(a, &in6_dev->addr_list, if_list) {
		if (a->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED) ||
		    ipv6_addr_type(&a->addr) & IPV6_ADDR_LINKLOCAL)
			continue;
		v6->sin6_family = AF_INET6;
		v6->sin6_addr = a->addr;
		break;
	}
	read_unlock_bh(&in6_dev->lock);
	return v6->sin6_family == AF_INET6;
#else
	return false;
#endif
}

/* Find an IP address of a network device; return false if there is none */
static bool nvmet_p2pmem_loop_address(struct net_device *ndev, struct sockaddr_storage *to)
{
	memset(to, 0, sizeof(*to));
	guard(rcu)();
	return nvmet_p2pmem_loop_v4(ndev, to) || nvmet_p2pmem_loop_v6(ndev, to);
}

static bool nvmet_p2pmem_loop_has_link(const struct net_device *ndev)
{
	return netif_running(ndev) && netif_carrier_ok(ndev);
}

/*
 * Find the network device of the @nth port, from 0, that has an address; ports with a link come
 * first. The caller drops it by dev_put().
 */
static struct net_device *nvmet_p2pmem_loop_netdev(struct ib_device *dev, unsigned int nth,
						   struct sockaddr_storage *addr)
{
	struct net_device *ndev;
	bool link = true;
	u32 port;

	do {
		rdma_for_each_port(dev, port) {
			ndev = ib_device_get_netdev(dev, port);
			if (ndev && nvmet_p2pmem_loop_has_link(ndev) == link &&
			    nvmet_p2pmem_loop_address(ndev, addr) && !nth--)
				return ndev;
			dev_put(ndev);
		}
		link = !link;
	} while (!link);
	return NULL;
}

static int nvmet_p2pmem_loop_resolve(struct nvmet_p2pmem_loop *l, struct sockaddr *addr)
{
	int ret;

	ret = rdma_resolve_addr(l->near, NULL, addr, 2000) ?:
	      nvmet_p2pmem_loop_await(l, NVMET_P2PMEM_LOOP_ADDR);
	if (ret)
		return ret;
	if (l->near->device != l->dev)
		return -EADDRNOTAVAIL;
	return rdma_resolve_route(l->near, 2000) ?:
	       nvmet_p2pmem_loop_await(l, NVMET_P2PMEM_LOOP_ROUTE);
}

static int nvmet_p2pmem_loop_connect(struct nvmet_p2pmem_loop *l)
{
	struct rdma_conn_param param = {
		.private_data = l->cookie,
		.private_data_len = sizeof(l->cookie),
		.responder_resources = 1,
		.initiator_depth = 1,
		.retry_count = 7,
		.rnr_retry_count = 7,
	};

	return nvmet_p2pmem_loop_qp(l, l->near) ?:
	       rdma_connect(l->near, &param) ?:
	       nvmet_p2pmem_loop_await(l, NVMET_P2PMEM_LOOP_REQUESTED) ?:
	       nvmet_p2pmem_loop_await(l, NVMET_P2PMEM_LOOP_NEAR_UP) ?:
	       nvmet_p2pmem_loop_await(l, NVMET_P2PMEM_LOOP_FAR_UP);
}

/* Register the page, so that the near end can read and write it */
static int nvmet_p2pmem_loop_expose(struct nvmet_p2pmem_loop *l)
{
	struct nvmet_p2pmem_done d;
	struct ib_reg_wr wr = {
		.wr = {
			.opcode = IB_WR_REG_MR,
			.send_flags = IB_SEND_SIGNALED,
			.wr_cqe = &d.cqe,
		},
		.access = IB_ACCESS_LOCAL_WRITE | IB_ACCESS_REMOTE_READ |
			  IB_ACCESS_REMOTE_WRITE,
	};
	struct scatterlist sg;
	int n;

	/* The page is coherent DMA memory, which is mapped already. */
	sg_init_table(&sg, 1);
	sg_dma_address(&sg) = l->dma;
	sg_dma_len(&sg) = NVMET_P2PMEM_LOOP_BYTES;
	n = ib_map_mr_sg(l->mr, &sg, 1, NULL, PAGE_SIZE);
	if (n != 1)
		return n < 0 ? n : -EINVAL;

	nvmet_p2pmem_done_init(&d);
	wr.mr = l->mr;
	wr.key = l->mr->rkey;
	n = ib_post_send(l->far->qp, &wr.wr, NULL);
	if (n)
		return n;
	if (!wait_for_completion_timeout(&d.done, NVMET_P2PMEM_LOOP_WAIT)) {
		/* @d is on the stack: stop the device before this function returns. */
		nvmet_p2pmem_loop_cut(l);
		return -ETIMEDOUT;
	}
	if (d.status == IB_WC_SUCCESS)
		return 0;
	/* Connecting again may help where the connection was lost. */
	return nvmet_p2pmem_loop_disturbed(d.status) ? -ENOTCONN : -EIO;
}

static int nvmet_p2pmem_loop_memory(struct nvmet_p2pmem_loop *l)
{
	int cqe = min_t(int, 4 * NVMET_P2PMEM_LOOP_WRS, l->dev->attrs.max_cqe);
	void *p;

	p = ib_alloc_pd(l->dev, 0);
	if (IS_ERR(p))
		return PTR_ERR(p);
	l->pd = p;
	p = ib_alloc_cq(l->dev, NULL, cqe, 0, IB_POLL_WORKQUEUE);
	if (IS_ERR(p))
		return PTR_ERR(p);
	l->cq = p;
	p = ib_alloc_mr(l->pd, IB_MR_TYPE_MEM_REG, 1);
	if (IS_ERR(p))
		return PTR_ERR(p);
	l->mr = p;
	l->page = dma_alloc_coherent(l->dev->dma_device, NVMET_P2PMEM_LOOP_BYTES, &l->dma,
				     GFP_KERNEL);
	return l->page ? 0 : -ENOMEM;
}

static int nvmet_p2pmem_loop_ids(struct nvmet_p2pmem_loop *l, struct net_device *ndev,
				 struct sockaddr *addr)
{
	struct rdma_cm_id *id;
	int ret;

	id = rdma_create_id(dev_net(ndev), nvmet_p2pmem_loop_event, l, RDMA_PS_TCP, IB_QPT_RC);
	if (IS_ERR(id))
		return PTR_ERR(id);
	l->listener = id;
	/* Any free port */
	ret = rdma_bind_addr(id, addr) ?: rdma_listen(id, 1);
	if (ret)
		return ret;
	id = rdma_create_id(dev_net(ndev), nvmet_p2pmem_loop_event, l, RDMA_PS_TCP, IB_QPT_RC);
	if (IS_ERR(id))
		return PTR_ERR(id);
	l->near = id;
	return 0;
}

/**
 * nvmet_p2pmem_loop_open() - connect a device with itself
 * @l: the loop to initialise; the caller closes it also after an error
 * @dev: device that stays registered meanwhile
 * @nth: number of ports with an address to skip
 *
 * Context: Process context, sleeps for some seconds at most.
 * Return: 0; -ENXIO if there is no such port; -EOPNOTSUPP if the device cannot register memory by
 * a work request; -EINTR on a fatal signal; another errno if connecting fails.
 */
int nvmet_p2pmem_loop_open(struct nvmet_p2pmem_loop *l, struct ib_device *dev, unsigned int nth)
{
	struct sockaddr_storage addr;
	struct net_device *ndev;
	int ret;

	*l = (struct nvmet_p2pmem_loop){ .dev = dev };
	init_waitqueue_head(&l->wait);
	get_random_bytes(l->cookie, sizeof(l->cookie));
	if (!(dev->attrs.device_cap_flags & IB_DEVICE_MEM_MGT_EXTENSIONS))
		return -EOPNOTSUPP;

	ndev = nvmet_p2pmem_loop_netdev(dev, nth, &addr);
	if (!ndev)
		return -ENXIO;
	ret = nvmet_p2pmem_loop_memory(l) ?:
	      nvmet_p2pmem_loop_ids(l, ndev, (struct sockaddr *)&addr);
	dev_put(ndev);
	if (ret)
		return ret;
	return nvmet_p2pmem_loop_resolve(l, (struct sockaddr *)
					 &l->listener->route.addr.src_addr) ?:
	       nvmet_p2pmem_loop_connect(l) ?:
	       nvmet_p2pmem_loop_expose(l);
}

/**
 * nvmet_p2pmem_loop_cut() - disconnect a loop and drain its queues
 * @l: a loop
 *
 * Afterwards every work request of the loop has completed, and the device no longer uses their
 * memory.
 *
 * Context: Process context, sleeps until the device has flushed its queues.
 */
void nvmet_p2pmem_loop_cut(struct nvmet_p2pmem_loop *l)
{
	/* Nothing is posted before both ends are connected. */
	if (!test_bit(NVMET_P2PMEM_LOOP_NEAR_UP, &l->seen) ||
	    !test_bit(NVMET_P2PMEM_LOOP_FAR_UP, &l->seen))
		return;
	rdma_disconnect(l->near);
	ib_drain_qp(l->near->qp);
	ib_drain_qp(l->far->qp);
}

/**
 * nvmet_p2pmem_loop_close() - undo nvmet_p2pmem_loop_open()
 * @l: a loop that is open, or that nvmet_p2pmem_loop_open() failed to open, or closed, or zeroed
 *
 * Context: Process context, may sleep.
 */
void nvmet_p2pmem_loop_close(struct nvmet_p2pmem_loop *l)
{
	/* No connection request follows, so this thread owns @far. */
	if (l->listener)
		rdma_destroy_id(l->listener);
	nvmet_p2pmem_loop_cut(l);
	if (l->mr)
		ib_dereg_mr(l->mr);
	if (l->near) {
		if (l->near->qp)
			rdma_destroy_qp(l->near);
		rdma_destroy_id(l->near);
	}
	if (l->far) {
		rdma_destroy_qp(l->far);
		rdma_destroy_id(l->far);
	}
	if (l->page)
		dma_free_coherent(l->dev->dma_device, NVMET_P2PMEM_LOOP_BYTES, l->page, l->dma);
	if (l->cq)
		ib_free_cq(l->cq);
	if (l->pd)
		ib_dealloc_pd(l->pd);
	*l = (struct nvmet_p2pmem_loop){ };
}
