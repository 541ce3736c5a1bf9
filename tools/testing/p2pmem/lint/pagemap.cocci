// SPDX-License-Identifier: GPL-2.0-only
//
// struct dev_pagemap changes with every other release of the kernel. So only one file may use it, the
// functions that create its pages, and those that query its type. "exceptions" lists that file, and
// one that simulates another driver in a test.

virtual report

@kind@
position p;
@@
struct dev_pagemap@p

@use@
expression E;
position p;
@@
(
memremap_pages@p(...)
|
devm_memremap_pages@p(...)
|
memunmap_pages@p(...)
|
devm_memunmap_pages@p(...)
|
get_dev_pagemap@p(...)
|
put_dev_pagemap@p(...)
|
page_pgmap@p(...)
|
folio_pgmap@p(...)
|
E->pgmap@p
|
MEMORY_DEVICE_PCI_P2PDMA@p
|
MEMORY_DEVICE_PRIVATE@p
|
MEMORY_DEVICE_COHERENT@p
|
MEMORY_DEVICE_FS_DAX@p
|
MEMORY_DEVICE_GENERIC@p
)

@script:python@
p << kind.p;
@@
print("%s:%s: uses struct dev_pagemap, which only pages.c may use" % (p[0].file, p[0].line))

@script:python@
p << use.p;
@@
print("%s:%s: uses a dev_pagemap, which only pages.c may use" % (p[0].file, p[0].line))
