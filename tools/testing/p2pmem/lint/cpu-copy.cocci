// SPDX-License-Identifier: GPL-2.0-only
//
// The CPU must neither read nor write peer memory: its kernel address is only a handle. This reports
// memory accesses through such an address (from an allocation, a region, an entry of a scatterlist)
// in the function that gets it; all calls that copy by scatterlist; and accesses to addresses cast
// from an integer or to I/O memory, because these may be peer memory.

virtual report

// ---- an address of possible peer memory, accessed in the same function

@source exists@
expression x;
identifier get =~ "^(pci_p2pmem_alloc|pci_p2pmem_region_addr|p2pmem_pool_alloc|p2pmem_alloc_run|sg_virt|page_address|page_to_virt|pfn_to_kaddr)$";
identifier use =~ "^(mem(cpy|move|set|cmp|zero_explicit|chr_inv|dup)?(_.*)?|kmemdup|copy_(to|from)_.*|clear_page|copy_page|str(s|n)?cpy|strlen|crc.*|__?copy.*|hex_dump_to_buffer|print_hex_dump(_bytes|_debug)?|simple_(read_from|write_to)_buffer)$";
type T;
expression i;
identifier m;
position p;
@@
x = \(get(...)\|(T)get(...)\)
... when != x = ...
(
use@p(..., x, ...)
|
use@p(..., x + i, ...)
|
 *x@p
|
 *(T *)x@p
|
x@p[i]
|
 ((T *)x@p)[i]
|
x@p->m
|
 ((T *)x@p)->m
|
READ_ONCE@p(*x)
|
WRITE_ONCE@p(*x, ...)
)

@declared exists@
identifier x;
type T1, T;
identifier get =~ "^(pci_p2pmem_alloc|pci_p2pmem_region_addr|p2pmem_pool_alloc|p2pmem_alloc_run|sg_virt|page_address|page_to_virt|pfn_to_kaddr)$";
identifier use =~ "^(mem(cpy|move|set|cmp|zero_explicit|chr_inv|dup)?(_.*)?|kmemdup|copy_(to|from)_.*|clear_page|copy_page|str(s|n)?cpy|strlen|crc.*|__?copy.*|hex_dump_to_buffer|print_hex_dump(_bytes|_debug)?|simple_(read_from|write_to)_buffer)$";
expression i;
identifier m;
position p;
@@
T1 x = \(get(...)\|(T)get(...)\);
... when != x = ...
(
use@p(..., x, ...)
|
use@p(..., x + i, ...)
|
 *x@p
|
 *(T *)x@p
|
x@p[i]
|
 ((T *)x@p)[i]
|
x@p->m
|
 ((T *)x@p)->m
)

// ---- the same, in one expression

@direct@
expression E, i;
type T;
identifier get =~ "^(pci_p2pmem_alloc|pci_p2pmem_region_addr|p2pmem_pool_alloc|sg_virt|page_address|page_to_virt)$";
identifier use =~ "^(mem(cpy|move|set|cmp|zero_explicit|chr_inv)(_.*)?|kmemdup|copy_(to|from)_.*|clear_page|copy_page|crc.*)$";
position p;
@@
(
use@p(..., get(...), ...)
|
use@p(..., get(...) + i, ...)
|
use@p(..., E->virt, ...)
|
use@p(..., E->virt + i, ...)
|
 *(T *)get@p(...)
|
 *(T *)E@p->virt
)

// ---- accesses to unknown addresses

@cast@
typedef uintptr_t;
expression E, F, G;
identifier use =~ "^mem(cpy|move|set|cmp)$";
identifier io =~ "^(mem(cpy|set)_(to|from)?io|memset_io|__iowrite(32|64)_copy|__ioread32_copy)$";
position p;
@@
(
use@p((void *)(uintptr_t)E, F, G)
|
use@p((void *)(unsigned long)E, F, G)
|
use@p(E, (void *)(uintptr_t)F, G)
|
use@p(E, (void *)(unsigned long)F, G)
|
io@p(...)
)

// ---- a whole scatterlist, of any memory

@whole@
identifier f =~ "^(sg_(p|z)?copy_.*|sg_zero_buffer|sg_miter_start|nvmet_(copy_(to|from)|zero)_sgl|kmap(_local_page|_local_folio|_atomic)?|memcpy_(to|from)_(page|folio)|memzero_page|clear_highpage|copy_highpage|zero_user.*)$";
position p;
@@
f@p(...)

@script:python@
p << source.p;
@@
print("%s:%s: the CPU accesses possible peer memory" % (p[0].file, p[0].line))

@script:python@
p << declared.p;
@@
print("%s:%s: the CPU accesses possible peer memory" % (p[0].file, p[0].line))

@script:python@
p << direct.p;
@@
print("%s:%s: the CPU accesses possible peer memory" % (p[0].file, p[0].line))

@script:python@
p << cast.p;
use << cast.use = "";
io << cast.io = "";
@@
print("%s:%s: %s() in %s() copies by the CPU from or to an unknown address" %
      (p[0].file, p[0].line, use or io, p[0].current_element))

@script:python@
p << whole.p;
f << whole.f;
@@
print("%s:%s: %s() copies by the CPU, and the list may be of peer memory" % (p[0].file, p[0].line, f))
