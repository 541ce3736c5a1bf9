/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What our sources use and this kernel lacks. Included before each of our own files and before
 * no other. Macros and incomplete types only: a file's own definitions (pr_fmt) come before the
 * kernel's headers, and what an include completes changes the versions of exports.
 *
 * P2PMEM_HAVE_* come from probes/, one for each interface; nothing here checks a version.
 */
#ifndef P2PMEM_ADAPT_H
#define P2PMEM_ADAPT_H

/*
 * The mark of a bus address has no member, but an entry ends with padding of that size, which
 * sg_init_table() clears and the kernel does not use. The address itself says nothing: across
 * a host bridge without an IOMMU it is the same. Our files call these (rewrite/).
 */
#ifndef P2PMEM_HAVE_SG_DMA_FLAGS
#define p2pmem_sg_mark(sg)								\
	((unsigned int *)((char *)(sg) + offsetofend(struct scatterlist, dma_length) +	\
			  BUILD_BUG_ON_ZERO(sizeof(struct scatterlist) <		\
					    offsetofend(struct scatterlist, dma_length) +	\
					    sizeof(unsigned int))))
#define p2pmem_sg_is_bus(sg)		(*p2pmem_sg_mark(sg) & 1)
#define p2pmem_sg_mark_bus(sg)		(*p2pmem_sg_mark(sg) |= 1)
#define p2pmem_sg_unmark_bus(sg)	(*p2pmem_sg_mark(sg) &= ~1U)
#endif

#ifndef P2PMEM_HAVE_STRSCPY_TWO
#define p2pmem_strscpy_of(a, b, c, name, ...)	name
#define p2pmem_strscpy_3(to, from, size)	strscpy(to, from, size)
#define p2pmem_strscpy_2(to, from)		strscpy(to, from, sizeof(to))
#define strscpy(...)									\
	p2pmem_strscpy_of(__VA_ARGS__, p2pmem_strscpy_3, p2pmem_strscpy_2)(__VA_ARGS__)
#endif

#ifndef P2PMEM_HAVE_PCIM_IOMAP_REGION
#define pcim_iomap_region(pdev, bar, name)						\
({											\
	int __ret = pcim_iomap_regions(pdev, BIT(bar), name);				\
											\
	__ret ? IOMEM_ERR_PTR(__ret) : pcim_iomap_table(pdev)[bar];			\
})
#endif

/* managed after pcim_enable_device() */
#ifndef P2PMEM_HAVE_PCIM_REQUEST_REGION
#define pcim_request_region	pci_request_region
#endif

#ifndef P2PMEM_HAVE_NVME_SCT
#define NVME_SCT_PATH		0x300
#define NVME_SCT_MASK		0x700
#define NVME_SCT_SC_MASK	0x7ff
#endif

/* a bit that nobody sets: there each namespace has its own */
#ifndef P2PMEM_HAVE_NVME_CTRL_STOPPED
#define NVME_CTRL_STOPPED	(BITS_PER_LONG - 1)
#endif

#ifndef P2PMEM_HAVE_IB_DEVICE_GET_NETDEV
struct ib_device;
struct net_device;
struct net_device *rdma_p2pmem_get_netdev(struct ib_device *dev, unsigned int port);
/* looked up, because the distribution's ib_core, which ours must be loadable with, has none */
#ifndef P2PMEM_ADAPT_IB_CORE
#define ib_device_get_netdev(dev, port)							\
({											\
	typeof(rdma_p2pmem_get_netdev) *__get = symbol_get(rdma_p2pmem_get_netdev);	\
	struct net_device *__ndev = __get ? __get(dev, port) : NULL;			\
											\
	if (__get)									\
		symbol_put(rdma_p2pmem_get_netdev);					\
	__ndev;										\
})
#endif
#endif

#endif /* P2PMEM_ADAPT_H */
