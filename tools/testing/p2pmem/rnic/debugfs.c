// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: debugfs files for tests
 *
 * Floor 5.
 *
 * /sys/kernel/debug/p2pmem_rnic/live: objects alive in the whole module.
 * /sys/kernel/debug/p2pmem_rnic/<ibdev>/: stats, hold, held, hold_filter,
 * hold_timeout_ms, flush_reg, and unreachable and silent, masks of ports: 2 is port 1.
 * Tables are one "name value" pair a line, or "name requests bytes" for work requests.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "rnic.h"

#define HOLD_MAX	100000

static struct dentry *rnic_root;

static const char * const rnic_op_names[] = {
	[RNIC_OP_SEND]			= "send",
	[RNIC_OP_SEND_WITH_INV]		= "send_with_inv",
	[RNIC_OP_RDMA_WRITE]		= "rdma_write",
	[RNIC_OP_RDMA_READ]		= "rdma_read",
	[RNIC_OP_RDMA_READ_WITH_INV]	= "rdma_read_with_inv",
	[RNIC_OP_REG_MR]		= "reg_mr",
	[RNIC_OP_LOCAL_INV]		= "local_inv",
	[RNIC_OP_RECV]			= "recv",
};

static const char * const rnic_count_names[] = {
	[RNIC_COUNT_MOVES]		= "moves",
	[RNIC_COUNT_SCRIPTS]		= "scripts",
	[RNIC_COUNT_RAM_BYTES]		= "ram_bytes",
	[RNIC_COUNT_PEER_BYTES]		= "peer_bytes",
	[RNIC_COUNT_MOVE_ERRORS]	= "move_errors",
	[RNIC_COUNT_REFUSED_ADDRESSES]	= "refused_addresses",
	[RNIC_COUNT_KEY_ERRORS]		= "key_errors",
	[RNIC_COUNT_WR_ERRORS]		= "wr_errors",
	[RNIC_COUNT_FLUSHED]		= "flushed",
	[RNIC_COUNT_RNR_PARKS]		= "rnr_parks",
	[RNIC_COUNT_CQ_OVERFLOWS]	= "cq_overflows",
	[RNIC_COUNT_CONNECTS]		= "connects",
	[RNIC_COUNT_REJECTS]		= "rejects",
	[RNIC_COUNT_HELD]		= "held_total",
	[RNIC_COUNT_HOLD_TIMEOUTS]	= "hold_timeouts",
};

static const char * const rnic_filter_names[] = {
	[RNIC_GATE_ANY]		= "any",
	[RNIC_GATE_RDMA]	= "rdma",
	[RNIC_GATE_PEER]	= "peer",
};

static int stats_show(struct seq_file *m, void *unused)
{
	struct rnic_dev *dev = m->private;
	int i;

	BUILD_BUG_ON(ARRAY_SIZE(rnic_op_names) != RNIC_OP_NR);
	BUILD_BUG_ON(ARRAY_SIZE(rnic_count_names) != RNIC_COUNT_NR);
	for (i = 0; i < RNIC_OP_NR; i++)
		seq_printf(m, "%s %lld %lld\n", rnic_op_names[i],
			   atomic64_read(&dev->op_requests[i]), atomic64_read(&dev->op_bytes[i]));
	for (i = 0; i < RNIC_COUNT_NR; i++)
		seq_printf(m, "%s %lld\n", rnic_count_names[i], atomic64_read(&dev->counts[i]));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

static int live_show(struct seq_file *m, void *unused)
{
	int i;

	for (i = 0; i < RNIC_LIVE_NR; i++)
		seq_printf(m, "%s %d\n", rnic_live_names[i], atomic_read(&rnic_live[i]));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(live);

static int hold_get(void *data, u64 *val)
{
	*val = READ_ONCE(((struct rnic_dev *)data)->gate.to_hold);
	return 0;
}

static int hold_set(void *data, u64 val)
{
	if (val > HOLD_MAX)
		return -EINVAL;
	rnic_gate_set(&((struct rnic_dev *)data)->gate, val);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(hold_fops, hold_get, hold_set, "%llu\n");

static int filter_show(struct seq_file *m, void *unused)
{
	struct rnic_dev *dev = m->private;

	seq_printf(m, "%s\n", rnic_filter_names[READ_ONCE(dev->gate.filter)]);
	return 0;
}

static int filter_open(struct inode *inode, struct file *file)
{
	return single_open(file, filter_show, inode->i_private);
}

static ssize_t filter_write(struct file *file, const char __user *ubuf, size_t len, loff_t *pos)
{
	struct rnic_dev *dev = ((struct seq_file *)file->private_data)->private;
	char buf[16] = {};
	int filter;

	if (len >= sizeof(buf))
		return -EINVAL;
	if (copy_from_user(buf, ubuf, len))
		return -EFAULT;
	filter = sysfs_match_string(rnic_filter_names, buf);
	if (filter < 0)
		return filter;
	WRITE_ONCE(dev->gate.filter, filter);
	return len;
}

static const struct file_operations filter_fops = {
	.owner = THIS_MODULE,
	.open = filter_open,
	.read = seq_read,
	.write = filter_write,
	.llseek = seq_lseek,
	.release = single_release,
};

void rnic_debugfs_add(struct rnic_dev *dev)
{
	struct rnic_gate *gate = &dev->gate;

	dev->dir = debugfs_create_dir(dev_name(&dev->ibdev.dev), rnic_root);
	debugfs_create_file("stats", 0444, dev->dir, dev, &stats_fops);
	debugfs_create_file_unsafe("hold", 0600, dev->dir, dev, &hold_fops);
	debugfs_create_u32("held", 0444, dev->dir, &gate->held);
	debugfs_create_file("hold_filter", 0600, dev->dir, dev, &filter_fops);
	debugfs_create_u32("drop", 0600, dev->dir, &gate->to_drop);
	debugfs_create_u32("fail", 0600, dev->dir, &gate->to_fail);
	debugfs_create_u32("unreachable", 0600, dev->dir, &dev->unreachable);
	debugfs_create_u32("silent", 0600, dev->dir, &dev->silent);
	debugfs_create_u32("flush_reg", 0600, dev->dir, &dev->flush_reg);
	debugfs_create_u32("hold_timeout_ms", 0600, dev->dir, &gate->timeout_ms);
}

void rnic_debugfs_remove(struct rnic_dev *dev)
{
	debugfs_remove_recursive(dev->dir);
}

void rnic_debugfs_init(void)
{
	rnic_root = debugfs_create_dir(RNIC_NAME, NULL);
	debugfs_create_file("live", 0444, rnic_root, NULL, &live_fops);
}

void rnic_debugfs_exit(void)
{
	debugfs_remove_recursive(rnic_root);
}
