// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: requests that are initialised for an unsigned node
 * Since: 3.13, until 7.0
 * Instead: rewrite/init_request_unsigned.sed signs it.
 * Tree: drivers/nvme/host/pci.c ^[[:space:]]+unsigned int numa_node[)]
 * Remedy: None is needed.
 */

#include <linux/blk-mq.h>

static int p2pmem_init(struct blk_mq_tag_set *set, struct request *req, unsigned int index,
		       unsigned int node)
{
	return 0;
}

struct blk_mq_ops p2pmem_probe;
struct blk_mq_ops p2pmem_probe = { .init_request = p2pmem_init };
