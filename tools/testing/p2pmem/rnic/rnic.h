/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: p2pmem_rnic, private declarations
 *
 * Types of the RDMA adapter for tests, and functions shared by its files. No file
 * outside this directory includes this header.
 *
 * Locks, outermost first: rnic_conn.exec (mutex), rnic_engine.lock (mutex),
 * rnic_cm_lock (irq safe), rnic_qp.lock (irq safe), rnic_cq.lock (irq safe).
 */
#ifndef P2PMEM_RNIC_H
#define P2PMEM_RNIC_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/pci.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <rdma/ib_verbs.h>
#include <rdma/iw_cm.h>

#define RNIC_NAME		"p2pmem_rnic"
#define RNIC_PORT		1
#define RNIC_SECOND_PORT	2
#define RNIC_MAX_SGE		16
#define RNIC_MAX_WR		8192
#define RNIC_MAX_CQE		65536
#define RNIC_MAX_PAGES		256
#define RNIC_MAX_RD_ATOM	128
#define RNIC_ADDR_LIMIT		BIT_ULL(32)	/* first address the engine cannot form */

/* Kinds of work requests; names are in debugfs.c. */
enum rnic_op {
	RNIC_OP_SEND,
	RNIC_OP_SEND_WITH_INV,
	RNIC_OP_RDMA_WRITE,
	RNIC_OP_RDMA_READ,
	RNIC_OP_RDMA_READ_WITH_INV,
	RNIC_OP_REG_MR,
	RNIC_OP_LOCAL_INV,
	RNIC_OP_RECV,
	RNIC_OP_NR
};

/* Counted events; names are in debugfs.c. */
enum rnic_count {
	RNIC_COUNT_MOVES,		/* Memory Move instructions, or memcpy calls */
	RNIC_COUNT_SCRIPTS,		/* programs started */
	RNIC_COUNT_RAM_BYTES,		/* moved with both ends in system RAM */
	RNIC_COUNT_PEER_BYTES,		/* moved with an end outside system RAM */
	RNIC_COUNT_MOVE_ERRORS,		/* programs that failed */
	RNIC_COUNT_REFUSED_ADDRESSES,	/* beyond the engine's 32 bits */
	RNIC_COUNT_KEY_ERRORS,		/* key, access or bounds check failed */
	RNIC_COUNT_WR_ERRORS,		/* work requests that completed with an error */
	RNIC_COUNT_FLUSHED,		/* work requests flushed */
	RNIC_COUNT_RNR_PARKS,		/* sends that waited for a receive */
	RNIC_COUNT_CQ_OVERFLOWS,	/* completions lost */
	RNIC_COUNT_CONNECTS,		/* connections established */
	RNIC_COUNT_REJECTS,		/* connection attempts that failed */
	RNIC_COUNT_HELD,		/* transfers that the gate held */
	RNIC_COUNT_HOLD_TIMEOUTS,	/* of those, released by the time limit */
	RNIC_COUNT_NR
};

/* Objects whose number must be zero at unload; names in common.c. */
enum rnic_live {
	RNIC_LIVE_ADAPTER,
	RNIC_LIVE_PD,
	RNIC_LIVE_CQ,
	RNIC_LIVE_QP,
	RNIC_LIVE_MR,
	RNIC_LIVE_LISTENER,
	RNIC_LIVE_CONN,
	RNIC_LIVE_NR
};

struct rnic_engine {
	struct mutex lock;	/* registers and the program: one run at a time */
	void __iomem *regs;
	__le32 *script;
	dma_addr_t script_dma;
	bool dead;		/* did not respond to a reset */
	bool asleep;		/* between suspend and resume: requests wait */
	wait_queue_head_t awake;
};

enum rnic_gate_filter {
	RNIC_GATE_ANY,		/* every transfer of at least one byte */
	RNIC_GATE_RDMA,		/* RDMA reads and writes */
	RNIC_GATE_PEER,		/* a valid address outside system RAM */
};

struct rnic_gate {
	spinlock_t lock;	/* guards all fields below */
	wait_queue_head_t wait;
	unsigned int to_hold;	/* number of next transfers to hold */
	unsigned int held;	/* number of transfers held now */
	unsigned int generation;	/* changes when held transfers are released */
	unsigned int timeout_ms;
	unsigned int to_drop;	/* number of next transfers to drop */
	unsigned int to_fail;	/* number of next transfers to fail */
	enum rnic_gate_filter filter;
	bool open;		/* adapter is being removed: hold no transfers */
};

struct rnic_dev {
	struct ib_device ibdev;
	struct pci_dev *pdev;
	struct net_device *netdev;
	struct net_device *second;	/* of port 2, or NULL */
	u32 unreachable;	/* bit of each port that establishes no connection */
	u32 silent;		/* bit of each port whose connection requests are lost */
	u32 flush_reg;		/* the connection is lost at as many registrations */
	struct list_head list;	/* rnic_devs, under its mutex */
	int index;
	bool virt_dma;
	unsigned int reg_pages;	/* of a memory registration */
	struct rnic_engine engine;
	struct rnic_gate gate;
	struct xarray qps;	/* by queue pair number */
	struct xarray mrs;	/* by key >> 8 */
	u32 next_qpn;
	u32 next_mr;
	struct dentry *dir;
	atomic64_t op_requests[RNIC_OP_NR];
	atomic64_t op_bytes[RNIC_OP_NR];
	atomic64_t counts[RNIC_COUNT_NR];
};

static inline bool rnic_has_netdev(const struct rnic_dev *dev, const struct net_device *netdev)
{
	return netdev && (dev->netdev == netdev || dev->second == netdev);
}

static inline struct net_device *rnic_netdev(const struct rnic_dev *dev, u32 port)
{
	return port == RNIC_SECOND_PORT ? dev->second : dev->netdev;
}

struct rnic_pd {
	struct ib_pd ibpd;
};

struct rnic_cq {
	struct ib_cq ibcq;
	spinlock_t lock;	/* ring, indices, notify */
	struct ib_wc *ring;
	unsigned int size;	/* entries in ring */
	unsigned int head;
	unsigned int used;
	unsigned int base;	/* entries requested by the consumer */
	unsigned int reserved;	/* entries added for the queue pairs */
	enum ib_cq_notify_flags notify;
};

struct rnic_mr {
	struct ib_mr ibmr;
	u32 index;
	refcount_t ref;
	struct completion unused;
	bool dma;		/* all memory; addresses are DMA addresses */
	unsigned int max_pages;
	unsigned int nr_pages;
	u64 *pages;
	spinlock_t lock;	/* guards the fields set by a registration: */
	bool valid;
	u32 key;
	int access;
	u64 iova;
	u64 length;
	unsigned int page_shift;
};

/* A piece of local or remote memory whose key was checked. */
struct rnic_ref {
	struct rnic_mr *mr;	/* NULL: addr is the DMA address itself */
	u64 addr;		/* with mr: offset from the first byte of page 0 */
	u32 len;
	unsigned int page_shift;
};

/* A list of pieces and a position in it. */
struct rnic_cursor {
	struct rnic_ref ref[RNIC_MAX_SGE];
	unsigned int nr;
	unsigned int cur;
	u32 off;
	u32 run;	/* contiguous bytes from here, 0 if not known */
	u64 total;
};

struct rnic_swqe {
	u64 wr_id;
	enum ib_wr_opcode opcode;
	int send_flags;
	int num_sge;
	u64 remote_addr;
	u32 rkey;		/* remote key, or the key to invalidate or register */
	u32 mr_index;		/* REG_MR */
	int access;		/* REG_MR */
	u64 length;
};

struct rnic_rwqe {
	u64 wr_id;
	int num_sge;
};

struct rnic_queue {
	unsigned int size;
	unsigned int head;
	unsigned int used;
	unsigned int max_sge;
	struct ib_sge *sge;	/* max_sge for each slot */
};

struct rnic_conn;

struct rnic_qp {
	struct ib_qp ibqp;
	struct rnic_dev *dev;
	refcount_t ref;
	struct completion unused;
	struct work_struct work;
	spinlock_t lock;	/* state, queues, conn */
	enum ib_qp_state state;	/* as the consumer sees it */
	bool error;		/* final: all requests are flushed */
	bool connected;
	bool starved;		/* the peer's send waits for a receive */
	bool signal_all;
	int access;
	struct ib_qp_init_attr init;
	struct rnic_queue sq;
	struct rnic_queue rq;
	struct rnic_swqe *swqe;
	struct rnic_rwqe *rwqe;
	struct rnic_conn *conn;	/* set once */
	unsigned int side;
	/* Scratch of the worker, under conn->exec: */
	struct rnic_cursor src;
	struct rnic_cursor dst;
};

enum { RNIC_ACTIVE, RNIC_PASSIVE, RNIC_SIDES };

static inline struct rnic_dev *to_rnic_dev(struct ib_device *ibdev)
{
	return container_of(ibdev, struct rnic_dev, ibdev);
}

static inline struct rnic_cq *to_rnic_cq(struct ib_cq *ibcq)
{
	return container_of(ibcq, struct rnic_cq, ibcq);
}

static inline struct rnic_qp *to_rnic_qp(struct ib_qp *ibqp)
{
	return container_of(ibqp, struct rnic_qp, ibqp);
}

static inline struct rnic_mr *to_rnic_mr(struct ib_mr *ibmr)
{
	return container_of(ibmr, struct rnic_mr, ibmr);
}

static inline void rnic_count_add(struct rnic_dev *dev, enum rnic_count what, u64 n)
{
	atomic64_add(n, &dev->counts[what]);
}

static inline void rnic_count_inc(struct rnic_dev *dev, enum rnic_count what)
{
	atomic64_inc(&dev->counts[what]);
}

static inline void rnic_op_done(struct rnic_dev *dev, enum rnic_op op, u64 bytes)
{
	atomic64_inc(&dev->op_requests[op]);
	atomic64_add(bytes, &dev->op_bytes[op]);
}

/* common.c */
extern struct workqueue_struct *rnic_wq;
extern atomic_t rnic_live[RNIC_LIVE_NR];
extern const char * const rnic_live_names[RNIC_LIVE_NR];
unsigned int rnic_live_report(void);

/* verbs.c */
extern const struct ib_device_ops rnic_ib_ops;

/* cq.c */
int rnic_create_cq(struct ib_cq *ibcq, const struct ib_cq_init_attr *attr,
		   struct uverbs_attr_bundle *attrs);
int rnic_destroy_cq(struct ib_cq *ibcq, struct ib_udata *udata);
int rnic_poll_cq(struct ib_cq *ibcq, int num_entries, struct ib_wc *wc);
int rnic_req_notify_cq(struct ib_cq *ibcq, enum ib_cq_notify_flags flags);
int rnic_cq_reserve(struct rnic_cq *cq, unsigned int entries);
void rnic_cq_unreserve(struct rnic_cq *cq, unsigned int entries);
void rnic_cq_push(struct rnic_cq *cq, const struct ib_wc *wc, bool solicited);

/* mem.c */
struct ib_mr *rnic_get_dma_mr(struct ib_pd *ibpd, int access);
struct ib_mr *rnic_reg_user_mr(struct ib_pd *ibpd, u64 start, u64 length, u64 virt,
			       int access, struct ib_udata *udata);
struct ib_mr *rnic_alloc_mr(struct ib_pd *ibpd, enum ib_mr_type type, u32 max_num_sg);
int rnic_map_mr_sg(struct ib_mr *ibmr, struct scatterlist *sg, int nents, unsigned int *offset);
int rnic_dereg_mr(struct ib_mr *ibmr, struct ib_udata *udata);
int rnic_mr_register(struct rnic_qp *qp, u32 index, u32 key, int access);
int rnic_mr_invalidate(struct rnic_dev *dev, struct ib_pd *pd, u32 key);
void rnic_cursor_init(struct rnic_cursor *cur);
int rnic_cursor_add(struct rnic_cursor *cur, struct rnic_qp *qp, u32 key, u64 addr, u32 len,
		    int access, bool remote);
int rnic_cursor_add_sges(struct rnic_cursor *cur, struct rnic_qp *qp, const struct ib_sge *sge,
			 int num_sge, int access);
bool rnic_cursor_peek(struct rnic_cursor *cur, u64 *addr, u32 *len);
void rnic_cursor_advance(struct rnic_cursor *cur, u32 len);
void rnic_cursor_release(struct rnic_cursor *cur);

/* qp.c */
int rnic_create_qp(struct ib_qp *ibqp, struct ib_qp_init_attr *init, struct ib_udata *udata);
int rnic_modify_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr, int mask, struct ib_udata *udata);
int rnic_query_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr, int mask,
		  struct ib_qp_init_attr *init);
int rnic_destroy_qp(struct ib_qp *ibqp, struct ib_udata *udata);
int rnic_post_send(struct ib_qp *ibqp, const struct ib_send_wr *wr,
		   const struct ib_send_wr **bad_wr);
int rnic_post_recv(struct ib_qp *ibqp, const struct ib_recv_wr *wr,
		   const struct ib_recv_wr **bad_wr);

/* ref.c */
struct ib_qp *rnic_iw_get_qp(struct ib_device *ibdev, int qpn);
void rnic_iw_add_ref(struct ib_qp *ibqp);
void rnic_iw_rem_ref(struct ib_qp *ibqp);
struct rnic_qp *rnic_qp_get(struct rnic_dev *dev, u32 qpn);
void rnic_qp_put(struct rnic_qp *qp);
void rnic_qp_set_error(struct rnic_qp *qp);
void rnic_qp_kick(struct rnic_qp *qp);

/* exec.c */
void rnic_qp_work(struct work_struct *work);

/* cm.c */
int rnic_iw_connect(struct iw_cm_id *id, struct iw_cm_conn_param *param);
int rnic_iw_accept(struct iw_cm_id *id, struct iw_cm_conn_param *param);
int rnic_iw_reject(struct iw_cm_id *id, const void *pdata, u8 pdata_len);
int rnic_iw_create_listen(struct iw_cm_id *id, int backlog);
int rnic_iw_destroy_listen(struct iw_cm_id *id);
void rnic_conn_fail(struct rnic_qp *qp);
void rnic_conn_kick_peer(struct rnic_conn *conn, unsigned int side);
void rnic_conn_lock(struct rnic_conn *conn);
void rnic_conn_unlock(struct rnic_conn *conn);
struct rnic_qp *rnic_conn_peer(struct rnic_conn *conn, unsigned int side);
void rnic_conn_detach(struct rnic_conn *conn, unsigned int side);

/* engine.c */
int rnic_engine_init(struct rnic_dev *dev);
void rnic_engine_suspend(struct rnic_dev *dev);
void rnic_engine_resume(struct rnic_dev *dev);
int rnic_engine_copy(struct rnic_dev *dev, struct rnic_cursor *dst, struct rnic_cursor *src,
		     u64 len);
bool rnic_addr_is_ram(const struct rnic_dev *dev, u64 addr);
bool rnic_addr_reachable(const struct rnic_dev *dev, u64 addr, u32 len);

/* gate.c */
void rnic_gate_init(struct rnic_gate *gate);
void rnic_gate_pass(struct rnic_dev *dev, enum rnic_op op, struct rnic_cursor *dst,
		    struct rnic_cursor *src);
bool rnic_gate_drops(struct rnic_dev *dev, enum rnic_op op, struct rnic_cursor *dst,
		     struct rnic_cursor *src);
bool rnic_gate_fails(struct rnic_dev *dev, enum rnic_op op, struct rnic_cursor *dst,
		     struct rnic_cursor *src);
void rnic_gate_set(struct rnic_gate *gate, unsigned int to_hold);
void rnic_gate_open(struct rnic_gate *gate);

/* debugfs.c */
void rnic_debugfs_init(void);
void rnic_debugfs_exit(void);
void rnic_debugfs_add(struct rnic_dev *dev);
void rnic_debugfs_remove(struct rnic_dev *dev);

#endif
