// SPDX-License-Identifier: GPL-2.0-only
/*
 * File: drivers/infiniband/core/rw_p2pmem_netdev.c
 *
 * ib_core has the function, and no export of it: the version of an export of that name would not be
 * the one that another kernel gives it.
 */
#include "core_priv.h"

struct net_device *rdma_p2pmem_get_netdev(struct ib_device *dev, u32 port)
{
	return ib_device_get_netdev(dev, port);
}
EXPORT_SYMBOL_GPL(rdma_p2pmem_get_netdev);
