// SPDX-License-Identifier: GPL-2.0-only
/* Wrong on purpose: the CPU reads and writes peer memory. */
#include <linux/io.h>
#include <linux/pci-p2pmem.h>
#include <linux/scatterlist.h>
#include <linux/string.h>

void *fault_zeroed(struct pci_dev *pdev)
{
	void *addr;

	addr = pci_p2pmem_alloc(pdev, SZ_4K, GFP_KERNEL);
	if (addr)
		memset(addr, 0, SZ_4K);		/* lint: cpu-copy */
	return addr;
}

u32 fault_peek(struct pci_dev *pdev)
{
	u32 *addr = pci_p2pmem_region_addr(pdev, 2, 0);

	return addr ? *addr : 0;		/* lint: cpu-copy */
}

u32 fault_index(struct scatterlist *sg)
{
	u8 *bytes = sg_virt(sg);

	return bytes[sg->length - 1];		/* lint: cpu-copy */
}

void fault_entry(struct scatterlist *sg, const void *from)
{
	memcpy(sg_virt(sg), from, sg->length);	/* lint: cpu-copy */
}

void fault_io(void __iomem *at)
{
	memset_io(at, 0, SZ_4K);		/* lint: cpu-copy */
}

void fault_integer(u64 at, const void *from)
{
	memcpy((void *)(uintptr_t)at, from, 8);	/* lint: cpu-copy */
}

size_t fault_list(struct scatterlist *sg, int nents, void *buf, size_t len)
{
	return sg_copy_to_buffer(sg, nents, buf, len);	/* lint: cpu-copy */
}

/* this is as it must be: the address names the memory, and the copy is of a structure */
u64 fault_name(struct pci_dev *pdev, struct scatterlist *to, const struct scatterlist *from)
{
	void *addr = pci_p2pmem_alloc(pdev, SZ_4K, GFP_KERNEL);

	memcpy(to, from, sizeof(*to));
	return pci_p2pmem_bus_addr(addr);
}
