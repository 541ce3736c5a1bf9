// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: ib_device_get_netdev() for drivers
 * Since: 6.12
 * Instead: add/ib_device_get_netdev.c exports it by another name.
 * Remedy: None is needed.
 */

#include <rdma/ib_verbs.h>

static __maybe_unused struct net_device *p2pmem_probe(struct ib_device *dev)
{
	return ib_device_get_netdev(dev, 1);
}
