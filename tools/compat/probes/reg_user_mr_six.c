// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: ib_device_ops.reg_user_mr without a DMA handle
 * Since: 5.0, until 6.17
 * Instead: rewrite/reg_user_mr_six.sed
 * Remedy: None is needed.
 */

#include <rdma/ib_verbs.h>

static struct ib_mr *probe_reg(struct ib_pd *pd, u64 start, u64 length, u64 virt, int access,
			       struct ib_udata *udata)
{
	return NULL;
}

static const struct ib_device_ops p2pmem_probe __maybe_unused = {
	.reg_user_mr = probe_reg,
};
