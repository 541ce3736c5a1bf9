// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem_tool: many allocations
 *
 * Floor 2.
 *
 *	stress P ROUNDS SEED    allocate and free random runs and lists
 *	cycle P C ROUNDS LEN    allocate a list, map it, unmap it, free it
 *
 * "stress" records every allocated page and fails with EUCLEAN if a page is allocated
 * twice, or is outside of the pages seen before everything was free. Its random
 * numbers depend only on SEED.
 */
#include <linux/bitmap.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "tool.h"

#define TOOL_LIVE	192
#define TOOL_PAGES	BIT(18)	/* 1 GiB of 4 KiB pages */

/**
 * struct tool_live - allocated memory
 * @addr: address of a run
 * @size: size of a run
 * @sg: or a list
 * @nents: its entries
 */
struct tool_live {
	void *addr;
	size_t size;
	struct scatterlist *sg;
	unsigned int nents;
};

/**
 * struct tool_stress - state of a test
 * @pdev: provider
 * @rnd: random numbers
 * @base: page frame number of bit 0 of @out
 * @out: allocated pages
 * @live: current allocations
 * @full: number of failed allocations
 * @split: number of lists with several entries
 * @allocated: number of allocations
 */
struct tool_stress {
	struct pci_dev *pdev;
	struct rnd_state rnd;
	unsigned long base;
	unsigned long *out;
	struct tool_live live[TOOL_LIVE];
	unsigned int full;
	unsigned int split;
	unsigned int allocated;
};

/* Records pages as allocated or free; returns false if they already were. */
static bool tool_record(struct tool_stress *s, void *addr, size_t size, bool out)
{
	unsigned long bit = page_to_pfn(virt_to_page(addr)) - s->base;
	unsigned long nr = DIV_ROUND_UP(size, PAGE_SIZE);
	unsigned long end = bit + nr;

	if (end > TOOL_PAGES || end < bit)
		return false;
	if (out) {
		if (find_next_bit(s->out, end, bit) < end)
			return false;
		bitmap_set(s->out, bit, nr);
	} else {
		if (find_next_zero_bit(s->out, end, bit) < end)
			return false;
		bitmap_clear(s->out, bit, nr);
	}
	return true;
}

static int tool_alloc(struct tool_stress *s, struct tool_live *l)
{
	size_t size = prandom_u32_state(&s->rnd) % (4UL << (prandom_u32_state(&s->rnd) % 20)) + 1;
	struct scatterlist *sg;
	size_t sum = 0;
	unsigned int i;

	if (prandom_u32_state(&s->rnd) & 1) {
		l->addr = pci_p2pmem_alloc(s->pdev, size, GFP_KERNEL);
		l->size = size;
		if (l->addr && !tool_record(s, l->addr, size, true))
			return -EUCLEAN;
	} else {
		l->sg = pci_p2pmem_sgl_alloc(s->pdev, &l->nents, size, GFP_KERNEL);
		for_each_sg(l->sg, sg, l->sg ? l->nents : 0, i) {
			if (!tool_record(s, sg_virt(sg), sg->length, true))
				return -EUCLEAN;
			sum += sg->length;
		}
		if (l->sg && (sum != size || l->nents != sg_nents(l->sg)))
			return -EUCLEAN;
		s->split += l->sg && l->nents > 1;
	}
	if (l->addr || l->sg)
		s->allocated++;
	else
		s->full++;
	return 0;
}

static int tool_free(struct tool_stress *s, struct tool_live *l)
{
	struct scatterlist *sg;
	unsigned int i;
	int ret = 0;

	if (l->addr) {
		if (!tool_record(s, l->addr, l->size, false))
			ret = -EUCLEAN;
		pci_p2pmem_free(l->addr, l->size);
	} else if (l->sg) {
		for_each_sg(l->sg, sg, l->nents, i)
			if (!tool_record(s, sg_virt(sg), sg->length, false))
				ret = -EUCLEAN;
		pci_p2pmem_sgl_free(l->sg);
	}
	*l = (struct tool_live){};
	return ret;
}

/* Finds the lowest page frame of the function's memory BARs. */
static int tool_stress_base(struct tool_stress *s)
{
	int bar;

	s->base = ULONG_MAX;
	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		if (pci_resource_flags(s->pdev, bar) & IORESOURCE_MEM &&
		    pci_resource_len(s->pdev, bar) >= PAGE_SIZE)
			s->base = min_t(unsigned long, s->base,
					PHYS_PFN(pci_resource_start(s->pdev, bar)));
	return s->base == ULONG_MAX ? -ENODEV : 0;
}

static int tool_cmd_stress(int argc, char **argv)
{
	struct tool_stress *s = vzalloc(sizeof(*s));
	unsigned int rounds, seed, i;
	struct tool_live *l;
	int ret = -ENXIO;

	if (!s)
		return -ENOMEM;
	s->pdev = tool_pci(argv[0]);
	s->out = bitmap_zalloc(TOOL_PAGES, GFP_KERNEL);
	if (!s->pdev || !s->out)
		goto out;
	ret = kstrtouint(argv[1], 10, &rounds) ?: kstrtouint(argv[2], 10, &seed) ?:
	      tool_stress_base(s);
	if (ret)
		goto out;
	prandom_seed_state(&s->rnd, seed);
	for (i = 0; i < rounds && !ret; i++) {
		l = &s->live[prandom_u32_state(&s->rnd) % TOOL_LIVE];
		ret = l->addr || l->sg ? tool_free(s, l) : tool_alloc(s, l);
		cond_resched();
	}
	for (i = 0; i < TOOL_LIVE; i++)
		ret = tool_free(s, &s->live[i]) ?: ret;
	if (!ret && !bitmap_empty(s->out, TOOL_PAGES))
		ret = -EUCLEAN;
	tool_print("allocated %u\nfull %u\nsplit %u\n", s->allocated, s->full, s->split);
out:
	bitmap_free(s->out);
	pci_dev_put(s->pdev);
	vfree(s);
	return ret;
}

static int tool_cmd_cycle(int argc, char **argv)
{
	struct pci_dev *p = tool_pci(argv[0]);
	struct device *dev = NULL;
	unsigned int rounds, nents;
	struct scatterlist *sg;
	u64 len;
	int ret = -ENXIO;

	if (!p || tool_device(argv[1], &dev))
		goto out;
	ret = kstrtouint(argv[2], 10, &rounds) ?: tool_bytes(argv[3], &len);
	while (!ret && rounds--) {
		sg = pci_p2pmem_sgl_alloc(p, &nents, len, GFP_KERNEL);
		if (!sg) {
			ret = -ENOMEM;
			break;
		}
		ret = pci_p2pmem_map_sg(dev, sg, nents, DMA_BIDIRECTIONAL);
		if (ret > 0) {
			pci_p2pmem_unmap_sg(dev, sg, nents, DMA_BIDIRECTIONAL);
			ret = 0;
		}
		pci_p2pmem_sgl_free(sg);
		cond_resched();
	}
out:
	put_device(dev);
	pci_dev_put(p);
	return ret;
}

const struct tool_command tool_stress_commands[] = {
	{ "stress", "P ROUNDS SEED", 3, 3, tool_cmd_stress },
	{ "cycle", "P C ROUNDS LEN", 4, 4, tool_cmd_cycle },
	{}
};
