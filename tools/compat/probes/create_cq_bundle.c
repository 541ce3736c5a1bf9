// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: ib_device_ops.create_cq with the attributes of the call
 * Since: 6.11
 * Instead: rewrite/create_cq_bundle.sed
 * Remedy: None is needed.
 */

#include <rdma/ib_verbs.h>

static int probe_create(struct ib_cq *cq, const struct ib_cq_init_attr *attr,
			struct uverbs_attr_bundle *attrs)
{
	return 0;
}

static const struct ib_device_ops p2pmem_probe __maybe_unused = {
	.create_cq = probe_create,
};
