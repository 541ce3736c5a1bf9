// SPDX-License-Identifier: GPL-2.0-only
//
// A file that maps must unmap as well. For mappings leaked on a single path see map-errors.cocci.

virtual report

// ---- pairs of mapping and unmapping functions

@un_sg@
@@
pci_p2pmem_unmap_sg(...)

@un_region@
@@
pci_p2pmem_unmap_region(...)

@un_resource@
@@
dma_unmap_resource(...)

@un_list@
@@
\(dma_unmap_sg\|dma_unmap_sg_attrs\|dma_unmap_sgtable\|ib_dma_unmap_sg\|ib_dma_unmap_sg_attrs\|ib_dma_unmap_sgtable_attrs\)(...)

@un_single@
@@
\(dma_unmap_single\|dma_unmap_single_attrs\|dma_unmap_page\|dma_unmap_page_attrs\|ib_dma_unmap_single\|ib_dma_unmap_page\)(...)

@un_coherent@
@@
\(dma_free_coherent\|dma_free_attrs\|ib_dma_free_coherent\)(...)

@un_pin@
@@
pci_p2pmem_unpin(...)

// ---- mappings that a test expects to be refused

@refused@
expression test;
constant C;
identifier expect =~ "^KUNIT_(EXPECT|ASSERT)_EQ(_MSG)?$";
identifier f =~ "^pci_p2pmem_(map_sg|map_region|pin)$";
position p;
@@
(
 expect(test, -C, f@p(...), ...)
|
 expect(test, f@p(...), -C, ...)
)

// ---- mappings that must be undone

@sg depends on !un_sg@
position p != refused.p;
@@
pci_p2pmem_map_sg@p(...)

@region depends on !un_region@
position p != refused.p;
@@
pci_p2pmem_map_region@p(...)

@resource depends on !un_resource@
position p;
@@
dma_map_resource@p(...)

@table depends on !un_list@
position p;
@@
\(dma_map_sg@p\|dma_map_sg_attrs@p\|dma_map_sgtable@p\|ib_dma_map_sg@p\|ib_dma_map_sg_attrs@p\|ib_dma_map_sgtable_attrs@p\)(...)

@single depends on !un_single@
position p;
@@
\(dma_map_single@p\|dma_map_single_attrs@p\|dma_map_page@p\|dma_map_page_attrs@p\|ib_dma_map_single@p\|ib_dma_map_page@p\)(...)

@coherent depends on !un_coherent@
position p;
@@
\(dma_alloc_coherent@p\|dma_alloc_attrs@p\|ib_dma_alloc_coherent@p\)(...)

@pin depends on !un_pin@
position p != refused.p;
@@
pci_p2pmem_pin@p(...)

// ---- reports

@script:python@
p << sg.p;
@@
print("%s:%s: no function in this file calls pci_p2pmem_unmap_sg()" % (p[0].file, p[0].line))

@script:python@
p << region.p;
@@
print("%s:%s: no function in this file calls pci_p2pmem_unmap_region()" % (p[0].file, p[0].line))

@script:python@
p << resource.p;
@@
print("%s:%s: no function in this file calls dma_unmap_resource()" % (p[0].file, p[0].line))

@script:python@
p << table.p;
@@
print("%s:%s: no function in this file unmaps the list" % (p[0].file, p[0].line))

@script:python@
p << single.p;
@@
print("%s:%s: no function in this file unmaps the buffer" % (p[0].file, p[0].line))

@script:python@
p << coherent.p;
@@
print("%s:%s: no function in this file frees the coherent memory" % (p[0].file, p[0].line))

@script:python@
p << pin.p;
@@
print("%s:%s: no function in this file calls pci_p2pmem_unpin()" % (p[0].file, p[0].line))
