// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: genalloc with owners
 * Since: 5.3
 * Remedy: Use a kernel with CONFIG_GENERIC_ALLOCATOR.
 */

#include <linux/genalloc.h>
#include <linux/numa.h>

static int __maybe_unused p2pmem_probe(struct gen_pool *pool, void *virt, phys_addr_t phys,
				       size_t size, void *owner)
{
	return gen_pool_add_owner(pool, (unsigned long)virt, phys, size, NUMA_NO_NODE, owner);
}
