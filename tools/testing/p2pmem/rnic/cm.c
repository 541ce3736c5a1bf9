// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: Connections
 *
 * Floor 3.
 *
 * The eight callbacks of the iWARP connection manager. There is no wire: a
 * connection attempt searches the listener among all adapters of the machine,
 * and both ends share one object. It is pending until the passive consumer
 * accepts or rejects it, its listener or one end is destroyed, or the attempt
 * times out; each of these sends a reply to the active side. An accepted connection
 * is established until it is closed.
 *
 * One spinlock guards all connections, and events are sent with it held. This keeps
 * events in order, and each side gets CLOSE exactly once, as iw_cm requires.
 * References on connection manager ids are dropped after their last event.
 * A pending connection is handed to iw_cm as a number, never as a pointer,
 * because iw_cm may drop the event that carries it.
 */
#include <linux/inetdevice.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <net/addrconf.h>

#include "rnic.h"

static unsigned int rnic_connect_timeout_ms = 30000;
module_param_named(connect_timeout_ms, rnic_connect_timeout_ms, uint, 0644);
MODULE_PARM_DESC(connect_timeout_ms, "time limit of a connection attempt (default 30000)");

enum rnic_conn_state { RNIC_CONN_PENDING, RNIC_CONN_UP, RNIC_CONN_CLOSED };

struct rnic_listener {
	struct list_head list;		/* rnic_listeners */
	struct iw_cm_id *id;
	struct rnic_dev *dev;
};

struct rnic_conn {
	struct kref kref;	/* one for each attached queue pair, one for the timeout */
	struct mutex exec;	/* execution and flushing of both queue pairs */
	enum rnic_conn_state state;
	unsigned long number;
	struct list_head pending;	/* rnic_pending while pending */
	struct rnic_listener *listener;	/* while pending */
	struct rnic_qp *qp[RNIC_SIDES];	/* also stable under exec */
	struct iw_cm_id *id[RNIC_SIDES];
	struct delayed_work timeout;
};

static DEFINE_SPINLOCK(rnic_cm_lock);	/* everything below, states of connections */
static LIST_HEAD(rnic_listeners);
static LIST_HEAD(rnic_pending);
static unsigned long rnic_last_number;

static void rnic_conn_release(struct kref *kref)
{
	struct rnic_conn *conn = container_of(kref, struct rnic_conn, kref);

	mutex_destroy(&conn->exec);
	kfree(conn);
	atomic_dec(&rnic_live[RNIC_LIVE_CONN]);
}

static void rnic_conn_put(struct rnic_conn *conn)
{
	kref_put(&conn->kref, rnic_conn_release);
}

void rnic_conn_lock(struct rnic_conn *conn)
{
	mutex_lock(&conn->exec);
}

void rnic_conn_unlock(struct rnic_conn *conn)
{
	mutex_unlock(&conn->exec);
}

/* The queue pair at the other end, stable while the caller holds exec. */
struct rnic_qp *rnic_conn_peer(struct rnic_conn *conn, unsigned int side)
{
	lockdep_assert_held(&conn->exec);
	return READ_ONCE(conn->qp[!side]);
}

/* A receive was posted: resume the other end's parked send. Any context. */
void rnic_conn_kick_peer(struct rnic_conn *conn, unsigned int side)
{
	unsigned long flags;

	spin_lock_irqsave(&rnic_cm_lock, flags);
	if (conn->qp[!side])
		rnic_qp_kick(conn->qp[!side]);
	spin_unlock_irqrestore(&rnic_cm_lock, flags);
}

/* Detach @side's queue pair, which is in the error state, from the connection. */
void rnic_conn_detach(struct rnic_conn *conn, unsigned int side)
{
	mutex_lock(&conn->exec);
	spin_lock_irq(&rnic_cm_lock);
	WRITE_ONCE(conn->qp[side], NULL);
	spin_unlock_irq(&rnic_cm_lock);
	mutex_unlock(&conn->exec);
	rnic_conn_put(conn);
}

/* Attach @qp to @conn, unless it was used before. rnic_cm_lock is held. */
static bool rnic_conn_attach(struct rnic_conn *conn, unsigned int side, struct rnic_qp *qp)
{
	bool ok;

	spin_lock(&qp->lock);
	ok = !qp->error && !qp->conn;
	if (ok) {
		qp->side = side;
		qp->conn = conn;
		WRITE_ONCE(conn->qp[side], qp);
		kref_get(&conn->kref);
	}
	spin_unlock(&qp->lock);
	return ok;
}

static void rnic_conn_connect_qp(struct rnic_qp *qp)
{
	spin_lock(&qp->lock);
	qp->connected = true;
	qp->state = IB_QPS_RTS;
	spin_unlock(&qp->lock);
	rnic_qp_kick(qp);
}

static int rnic_event(struct iw_cm_id *id, enum iw_cm_event_type type, int status,
		      const struct iw_cm_conn_param *param)
{
	struct iw_cm_event event = {
		.event = type,
		.status = status,
		.local_addr = id->local_addr,
		.remote_addr = id->remote_addr,
	};

	if (param) {
		event.private_data = (void *)param->private_data;
		event.private_data_len = param->private_data_len;
		event.ord = min_t(u32, param->ord, RNIC_MAX_RD_ATOM);
		event.ird = min_t(u32, param->ird, RNIC_MAX_RD_ATOM);
	}
	return id->event_handler(id, &event);
}

/* Reply to the active side, without private data if memory is short. */
static int rnic_reply(struct rnic_conn *conn, int status, const struct iw_cm_conn_param *param)
{
	struct iw_cm_id *id = conn->id[RNIC_ACTIVE];
	int ret = rnic_event(id, IW_CM_EVENT_CONNECT_REPLY, status, param);

	if (ret)
		rnic_event(id, IW_CM_EVENT_CONNECT_REPLY, status ?: -ENOMEM, NULL);
	if (status || ret) {
		conn->id[RNIC_ACTIVE] = NULL;
		id->rem_ref(id);
	}
	return ret;
}

/* End the pending state, with any result. */
static void rnic_conn_settle(struct rnic_conn *conn, enum rnic_conn_state state)
{
	lockdep_assert_held(&rnic_cm_lock);
	conn->state = state;
	conn->listener = NULL;
	list_del(&conn->pending);
	if (cancel_delayed_work(&conn->timeout))
		rnic_conn_put(conn);	/* the caller or a queue pair has a reference */
}

static void rnic_conn_refuse(struct rnic_conn *conn, int status,
			     const struct iw_cm_conn_param *param)
{
	rnic_conn_settle(conn, RNIC_CONN_CLOSED);
	rnic_count_inc(to_rnic_dev(conn->id[RNIC_ACTIVE]->device), RNIC_COUNT_REJECTS);
	rnic_reply(conn, status, param);
	if (conn->qp[RNIC_ACTIVE])
		rnic_qp_set_error(conn->qp[RNIC_ACTIVE]);
}

static void rnic_conn_close_locked(struct rnic_conn *conn)
{
	unsigned int side;

	lockdep_assert_held(&rnic_cm_lock);
	if (conn->state == RNIC_CONN_PENDING) {
		rnic_conn_refuse(conn, -ECONNRESET, NULL);
		return;
	}
	if (conn->state == RNIC_CONN_CLOSED)
		return;

	conn->state = RNIC_CONN_CLOSED;
	for (side = 0; side < RNIC_SIDES; side++) {
		struct iw_cm_id *id = conn->id[side];

		if (conn->qp[side])
			rnic_qp_set_error(conn->qp[side]);
		if (!id)
			continue;
		conn->id[side] = NULL;
		rnic_event(id, IW_CM_EVENT_CLOSE, 0, NULL);
		id->rem_ref(id);
	}
}

/* Close the connection: flush both queue pairs, send CLOSE to both sides. */
static void rnic_conn_close(struct rnic_conn *conn)
{
	spin_lock_irq(&rnic_cm_lock);
	rnic_conn_close_locked(conn);
	spin_unlock_irq(&rnic_cm_lock);
}

/* Put @qp into the error state and close its connection, if any. */
void rnic_conn_fail(struct rnic_qp *qp)
{
	struct rnic_conn *conn;

	rnic_qp_set_error(qp);
	spin_lock_irq(&qp->lock);
	conn = qp->conn;
	spin_unlock_irq(&qp->lock);
	if (conn)
		rnic_conn_close(conn);
}

static void rnic_conn_timeout(struct work_struct *work)
{
	struct rnic_conn *conn = container_of(to_delayed_work(work), struct rnic_conn, timeout);

	spin_lock_irq(&rnic_cm_lock);
	if (conn->state == RNIC_CONN_PENDING)
		rnic_conn_refuse(conn, -ETIMEDOUT, NULL);
	spin_unlock_irq(&rnic_cm_lock);
	rnic_conn_put(conn);
}

static __be16 rnic_port_of(const struct sockaddr_storage *addr)
{
	return addr->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)addr)->sin6_port :
					     ((const struct sockaddr_in *)addr)->sin_port;
}

static bool rnic_same_ip(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family == AF_INET6)
		return ipv6_addr_equal(&((const struct sockaddr_in6 *)a)->sin6_addr,
				       &((const struct sockaddr_in6 *)b)->sin6_addr);
	return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
	       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

static bool rnic_any_ip(const struct sockaddr_storage *addr)
{
	if (addr->ss_family == AF_INET6)
		return ipv6_addr_any(&((const struct sockaddr_in6 *)addr)->sin6_addr);
	return ((const struct sockaddr_in *)addr)->sin_addr.s_addr == htonl(INADDR_ANY);
}

/* Find the network device with this address; the result is only compared. */
static const struct net_device *rnic_netdev_of(const struct sockaddr_storage *addr)
{
	const struct net_device *netdev;

	rcu_read_lock();
	if (IS_ENABLED(CONFIG_IPV6) && addr->ss_family == AF_INET6)
		netdev = ipv6_dev_find(&init_net,
				       &((const struct sockaddr_in6 *)addr)->sin6_addr, NULL);
	else
		netdev = __ip_dev_find(&init_net,
				       ((const struct sockaddr_in *)addr)->sin_addr.s_addr, false);
	rcu_read_unlock();
	return netdev;
}

/* Prefer a listener with the exact address to a wildcard on the adapter with the address. */
static struct rnic_listener *rnic_find_listener(const struct sockaddr_storage *addr,
						const struct net_device *netdev)
{
	struct rnic_listener *listener, *wildcard = NULL;

	list_for_each_entry(listener, &rnic_listeners, list) {
		const struct sockaddr_storage *on = &listener->id->local_addr;

		if (on->ss_family != addr->ss_family || rnic_port_of(on) != rnic_port_of(addr))
			continue;
		if (rnic_same_ip(on, addr))
			return listener;
		if (rnic_any_ip(on) && rnic_has_netdev(listener->dev, netdev))
			wildcard = listener;
	}
	return wildcard;
}

int rnic_iw_connect(struct iw_cm_id *id, struct iw_cm_conn_param *param)
{
	const struct net_device *netdev = rnic_netdev_of(&id->remote_addr);
	struct rnic_dev *dev = to_rnic_dev(id->device);
	u32 port = dev->second && rnic_netdev_of(&id->local_addr) == dev->second ?
		   RNIC_SECOND_PORT : RNIC_PORT;
	struct rnic_listener *listener;
	struct iw_cm_event event;
	struct rnic_conn *conn;
	struct rnic_qp *qp;
	int ret;

	if (READ_ONCE(dev->unreachable) & BIT(port)) {
		rnic_count_inc(dev, RNIC_COUNT_REJECTS);
		return -EHOSTUNREACH;
	}
	if (param->private_data_len > U8_MAX)
		return -EINVAL;
	qp = rnic_qp_get(dev, param->qpn);
	if (!qp)
		return -EINVAL;
	conn = kzalloc(sizeof(*conn), GFP_KERNEL);
	if (!conn) {
		rnic_qp_put(qp);
		return -ENOMEM;
	}
	atomic_inc(&rnic_live[RNIC_LIVE_CONN]);
	kref_init(&conn->kref);
	mutex_init(&conn->exec);
	INIT_DELAYED_WORK(&conn->timeout, rnic_conn_timeout);
	conn->state = RNIC_CONN_PENDING;

	spin_lock_irq(&rnic_cm_lock);
	ret = -ECONNREFUSED;
	listener = rnic_find_listener(&id->remote_addr, netdev);
	if (!listener)
		goto fail;
	ret = -EINVAL;
	if (!rnic_conn_attach(conn, RNIC_ACTIVE, qp))
		goto fail;

	conn->number = ++rnic_last_number;
	conn->listener = listener;
	conn->id[RNIC_ACTIVE] = id;
	id->add_ref(id);
	list_add_tail(&conn->pending, &rnic_pending);
	queue_delayed_work(rnic_wq, &conn->timeout, msecs_to_jiffies(rnic_connect_timeout_ms));

	event = (struct iw_cm_event) {
		.event = IW_CM_EVENT_CONNECT_REQUEST,
		.local_addr = id->remote_addr,
		.remote_addr = id->local_addr,
		.private_data = (void *)param->private_data,
		.private_data_len = param->private_data_len,
		.provider_data = (void *)conn->number,
		.ord = min_t(u32, param->ord, RNIC_MAX_RD_ATOM),
		.ird = min_t(u32, param->ird, RNIC_MAX_RD_ATOM),
	};
	/* A full backlog sends a reply as well: connection refused. */
	if (!(READ_ONCE(dev->silent) & BIT(port)) &&
	    listener->id->event_handler(listener->id, &event))
		rnic_conn_refuse(conn, -ECONNREFUSED, NULL);
	spin_unlock_irq(&rnic_cm_lock);
	rnic_qp_put(qp);
	return 0;

fail:
	spin_unlock_irq(&rnic_cm_lock);
	rnic_count_inc(dev, RNIC_COUNT_REJECTS);
	rnic_qp_put(qp);
	rnic_conn_put(conn);
	return ret;
}

/* Find the pending connection with the number from iw_cm, or NULL. */
static struct rnic_conn *rnic_find_pending(const struct iw_cm_id *id)
{
	unsigned long number = (unsigned long)id->provider_data;
	struct rnic_conn *conn;

	list_for_each_entry(conn, &rnic_pending, pending)
		if (conn->number == number)
			return conn;
	return NULL;
}

int rnic_iw_accept(struct iw_cm_id *id, struct iw_cm_conn_param *param)
{
	struct rnic_dev *dev = to_rnic_dev(id->device);
	struct rnic_conn *conn;
	struct rnic_qp *qp;
	int ret = 0;

	if (param->private_data_len > U8_MAX)
		return -EINVAL;
	qp = rnic_qp_get(dev, param->qpn);
	if (!qp)
		return -EINVAL;

	spin_lock_irq(&rnic_cm_lock);
	conn = rnic_find_pending(id);
	if (!conn) {
		/* No longer pending: listener destroyed, timeout, or other end destroyed. */
		ret = -ECONNRESET;
	} else if (!rnic_conn_attach(conn, RNIC_PASSIVE, qp)) {
		rnic_conn_refuse(conn, -ECONNREFUSED, NULL);
		ret = -EINVAL;
	} else {
		conn->id[RNIC_PASSIVE] = id;
		id->add_ref(id);
		rnic_conn_settle(conn, RNIC_CONN_UP);
		rnic_conn_connect_qp(conn->qp[RNIC_ACTIVE]);
		rnic_conn_connect_qp(qp);
		rnic_count_inc(dev, RNIC_COUNT_CONNECTS);
		rnic_event(id, IW_CM_EVENT_ESTABLISHED, 0, param);
		if (rnic_reply(conn, 0, param))
			rnic_conn_close_locked(conn);
	}
	spin_unlock_irq(&rnic_cm_lock);
	rnic_qp_put(qp);
	return ret;
}

int rnic_iw_reject(struct iw_cm_id *id, const void *pdata, u8 pdata_len)
{
	struct iw_cm_conn_param param = {
		.private_data = pdata,
		.private_data_len = pdata_len,
	};
	struct rnic_conn *conn;

	spin_lock_irq(&rnic_cm_lock);
	conn = rnic_find_pending(id);
	if (conn)
		rnic_conn_refuse(conn, -ECONNREFUSED, &param);
	spin_unlock_irq(&rnic_cm_lock);
	return 0;
}

int rnic_iw_create_listen(struct iw_cm_id *id, int backlog)
{
	struct rnic_listener *listener;

	if (id->local_addr.ss_family != AF_INET && id->local_addr.ss_family != AF_INET6)
		return -EAFNOSUPPORT;
	listener = kzalloc(sizeof(*listener), GFP_KERNEL);
	if (!listener)
		return -ENOMEM;
	listener->id = id;
	listener->dev = to_rnic_dev(id->device);
	id->add_ref(id);
	id->provider_data = listener;
	atomic_inc(&rnic_live[RNIC_LIVE_LISTENER]);

	spin_lock_irq(&rnic_cm_lock);
	list_add_tail(&listener->list, &rnic_listeners);
	spin_unlock_irq(&rnic_cm_lock);
	return 0;
}

int rnic_iw_destroy_listen(struct iw_cm_id *id)
{
	struct rnic_listener *listener = id->provider_data;
	struct rnic_conn *conn, *next;

	spin_lock_irq(&rnic_cm_lock);
	list_del(&listener->list);
	/* iw_cm drops the requests of a destroyed listener, so reply to them here. */
	list_for_each_entry_safe(conn, next, &rnic_pending, pending)
		if (conn->listener == listener)
			rnic_conn_refuse(conn, -ECONNREFUSED, NULL);
	spin_unlock_irq(&rnic_cm_lock);

	id->provider_data = NULL;
	id->rem_ref(id);
	kfree(listener);
	atomic_dec(&rnic_live[RNIC_LIVE_LISTENER]);
	return 0;
}
