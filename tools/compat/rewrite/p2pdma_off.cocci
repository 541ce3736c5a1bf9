// SPDX-License-Identifier: GPL-2.0-only
// Files: drivers/pci/p2pdma/pages.c drivers/pci/p2pdma/lend.c drivers/nvme/host/p2pmem.h
// Adds: drivers/pci/p2pdma/pages.c ->upstream = &p2pmem_refused;
// Adds: drivers/pci/p2pdma/pages.c ret = p2pmem_refusal_check(pdev, addr);
// Adds: drivers/pci/p2pdma/lend.c if (rcu_access_pointer(pdev->p2pdma)) {
// Adds: drivers/nvme/host/p2pmem.h return is_pci_p2pdma_page(page);
//
// Beside upstream's P2PDMA. Its half of the DMA API takes our pages for its own and reads a provider
// behind the pagemap: it finds one of nobody's there, and refuses. That is tried with the first page of
// each BAR, and a BAR where it is not refused is not lent.

@ include @
@@
  #include <linux/memremap.h>
+ #include <linux/dma-mapping.h>
+ #include <linux/pci-p2pdma.h>

@ nobody @
@@
  struct p2pmem_pages {
  ...
  struct dev_pagemap pgmap;
+ struct p2pdma_provider *upstream;
  };
+
+ /* A function that never has P2PDMA of upstream's */
+ static struct pci_dev p2pmem_nobody;
+ static struct p2pdma_provider p2pmem_refused = { .owner = &p2pmem_nobody.dev };
+
+ /* Whether the DMA API refuses a page of ours to callers that do not know us: the layout above is its own */
+ static int p2pmem_refusal_check(struct pci_dev *pdev, void *addr)
+ {
+ 	struct scatterlist sg;
+ 	struct sg_table table = { .sgl = &sg, .orig_nents = 1, .nents = 1 };
+ 	int ret;
+
+ 	sg_init_table(&sg, 1);
+ 	sg_set_page(&sg, virt_to_page(addr), PAGE_SIZE, 0);
+ 	ret = dma_map_sgtable(&pdev->dev, &table, DMA_FROM_DEVICE, DMA_ATTR_NO_WARN);
+ 	if (ret == -EREMOTEIO)
+ 		return 0;
+ 	if (!ret)
+ 		dma_unmap_sgtable(&pdev->dev, &table, DMA_FROM_DEVICE, 0);
+ 	pci_err(pdev, "cannot register memory: this kernel's DMA API does not refuse it to drivers that do not know it (%d)\n",
+ 		ret);
+ 	return -EOPNOTSUPP;
+ }

@ made @
@@
  p2pmem_pages_map(struct p2pmem_region *r, int node)
  {
  ...
  pgmap->ops = &p2pmem_pagemap_ops;
+ to_pages(r)->upstream = &p2pmem_refused;
  ...
  }

@ tried @
symbol addr;
@@
  p2pmem_region_map(struct p2pmem_region *r, struct pci_dev *pdev)
  {
  ...
  r->virt = addr;
- return 0;
+ ret = p2pmem_refusal_check(pdev, addr);
+ if (ret)
+ 	p2pmem_region_unmap(r);
+ return ret;
  }

// one function lends by one of the two
@ either @
identifier pdev, bar;
@@
  pci_p2pmem_add_resource(struct pci_dev *pdev, int bar, ...)
  {
  ...
  kind &= ~flags;
+ if (rcu_access_pointer(pdev->p2pdma)) {
+ 	pci_err(pdev, "cannot register BAR %d: its driver lends memory by the kernel's own P2PDMA\n", bar);
+ 	return -EBUSY;
+ }
  ...
  }

// the hook of a drive checks for both: pages of upstream use the functions of upstream
@ both @
@@
  nvme_p2pmem_page(const struct page *page)
  {
- return is_pci_p2pmem_page(page);
+ return is_pci_p2pdma_page(page);
  }
