// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: The gate
 *
 * Floor 3.
 *
 * Keeps a transfer in flight for a test: its keys are checked, no data has been
 * copied, the work request is not complete and the memory of both sides must stay;
 * neither side's queue pair is flushed before the transfer ends. The number in
 * debugfs "hold" is the number of transfers to hold; 0 releases all of them. No
 * transfer is held for longer than "hold_timeout_ms" (timeouts are counted), or after
 * the removal of the adapter has begun.
 *
 * The number in debugfs "drop" is the number of transfers that copy no data and succeed
 * nevertheless, like a path that loses data, and that in "fail" the number of transfers that
 * fail. "hold_filter" selects these transfers too.
 */
#include <linux/jiffies.h>

#include "rnic.h"

#define GATE_TIMEOUT_MS		60000

void rnic_gate_init(struct rnic_gate *gate)
{
	spin_lock_init(&gate->lock);
	init_waitqueue_head(&gate->wait);
	gate->timeout_ms = GATE_TIMEOUT_MS;
}

/* Hold the next @to_hold transfers; 0 releases all held transfers. */
void rnic_gate_set(struct rnic_gate *gate, unsigned int to_hold)
{
	spin_lock(&gate->lock);
	gate->to_hold = gate->open ? 0 : to_hold;
	if (!to_hold)
		gate->generation++;
	spin_unlock(&gate->lock);
	if (!to_hold)
		wake_up_all(&gate->wait);
}

/* Release all transfers and hold none from now on. */
void rnic_gate_open(struct rnic_gate *gate)
{
	spin_lock(&gate->lock);
	gate->open = true;
	spin_unlock(&gate->lock);
	rnic_gate_set(gate, 0);
}

static bool rnic_cursor_is_peer(const struct rnic_dev *dev, struct rnic_cursor *cur)
{
	unsigned int saved_cur = cur->cur;
	u32 saved_off = cur->off;
	bool peer = false;
	u64 addr;
	u32 len;

	while (!peer && rnic_cursor_peek(cur, &addr, &len)) {
		peer = !rnic_addr_is_ram(dev, addr) && rnic_addr_reachable(dev, addr, len);
		rnic_cursor_advance(cur, len);
	}
	cur->cur = saved_cur;
	cur->off = saved_off;
	cur->run = 0;
	return peer;
}

static bool rnic_gate_matches(struct rnic_dev *dev, enum rnic_op op, struct rnic_cursor *dst,
			      struct rnic_cursor *src)
{
	switch (READ_ONCE(dev->gate.filter)) {
	case RNIC_GATE_ANY:
		return true;
	case RNIC_GATE_RDMA:
		return op == RNIC_OP_RDMA_WRITE || op == RNIC_OP_RDMA_READ ||
		       op == RNIC_OP_RDMA_READ_WITH_INV;
	case RNIC_GATE_PEER:
		return rnic_cursor_is_peer(dev, dst) || rnic_cursor_is_peer(dev, src);
	}
	return false;
}

/* Called for every transfer with the connection's mutex held; may sleep long. */
void rnic_gate_pass(struct rnic_dev *dev, enum rnic_op op, struct rnic_cursor *dst,
		    struct rnic_cursor *src)
{
	struct rnic_gate *gate = &dev->gate;
	unsigned int generation;
	bool caught = false;

	if (!READ_ONCE(gate->to_hold) || !rnic_gate_matches(dev, op, dst, src))
		return;

	spin_lock(&gate->lock);
	generation = gate->generation;
	if (gate->to_hold) {
		gate->to_hold--;
		gate->held++;
		caught = true;
	}
	spin_unlock(&gate->lock);
	if (!caught)
		return;

	rnic_count_inc(dev, RNIC_COUNT_HELD);
	if (!wait_event_idle_timeout(gate->wait, READ_ONCE(gate->generation) != generation,
				     msecs_to_jiffies(READ_ONCE(gate->timeout_ms)))) {
		rnic_count_inc(dev, RNIC_COUNT_HOLD_TIMEOUTS);
		dev_warn(&dev->pdev->dev, "%s: released a held transfer after %u ms\n",
			 dev_name(&dev->ibdev.dev), READ_ONCE(gate->timeout_ms));
	}

	spin_lock(&gate->lock);
	gate->held--;
	spin_unlock(&gate->lock);
}

static bool rnic_gate_spends(struct rnic_dev *dev, unsigned int *left, enum rnic_op op,
			     struct rnic_cursor *dst, struct rnic_cursor *src)
{
	bool spent = false;

	if (!READ_ONCE(*left) || !rnic_gate_matches(dev, op, dst, src))
		return false;
	spin_lock(&dev->gate.lock);
	if (*left) {
		WRITE_ONCE(*left, *left - 1);
		spent = true;
	}
	spin_unlock(&dev->gate.lock);
	return spent;
}

/* Return true if this transfer must copy no data */
bool rnic_gate_drops(struct rnic_dev *dev, enum rnic_op op, struct rnic_cursor *dst,
		     struct rnic_cursor *src)
{
	return rnic_gate_spends(dev, &dev->gate.to_drop, op, dst, src);
}

/* Return true if this transfer must fail */
bool rnic_gate_fails(struct rnic_dev *dev, enum rnic_op op, struct rnic_cursor *dst,
		     struct rnic_cursor *src)
{
	return rnic_gate_spends(dev, &dev->gate.to_fail, op, dst, src);
}
