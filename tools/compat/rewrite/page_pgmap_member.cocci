// SPDX-License-Identifier: GPL-2.0-only
// Files: drivers/pci/p2pdma/pages.c
// Adds: drivers/pci/p2pdma/pages.c set_page_count(page, 1);
// Adds: drivers/pci/p2pdma/pages.c set_page_count(pfn_to_page(pfn), 1);
// Adds: drivers/pci/p2pdma/pages.c set_page_count(pfn_to_page(pfn), 0);
//
// The counts of free pages are ours: since the pagemap moved, the kernel leaves them at 0. Nothing that
// compiles shows that by itself.

@ counted @
@@
  p2pmem_page_free(...)
  {
  ...
+ set_page_count(page, 1);
  spin_lock_irqsave(&p2pmem_returning_lock, ...);
  ...
  }

@ made @
@@
  p2pmem_pages_map(struct p2pmem_region *r, int node)
  {
+ unsigned long pfn;
+ void *addr;
  ...
- return memremap_pages(pgmap, node);
+ addr = memremap_pages(pgmap, node);
+ if (!IS_ERR(addr))
+ 	for (pfn = PHYS_PFN(r->phys); pfn < PHYS_PFN(r->phys + r->size); pfn++)
+ 		set_page_count(pfn_to_page(pfn), 1);
+ return addr;
  }

@ unmade @
identifier r;
@@
  p2pmem_region_unmap(struct p2pmem_region *r)
  {
+ unsigned long pfn;
+
- if (r->kind != PCI_P2PMEM_REGISTERS)
- 	memunmap_pages(&to_pages(r)->pgmap);
+ if (r->kind == PCI_P2PMEM_REGISTERS)
+ 	return;
+ for (pfn = PHYS_PFN(r->phys); pfn < PHYS_PFN(r->phys + r->size); pfn++)
+ 	set_page_count(pfn_to_page(pfn), 0);
+ memunmap_pages(&to_pages(r)->pgmap);
  }
