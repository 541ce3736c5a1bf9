// SPDX-License-Identifier: GPL-2.0-only
// Files: drivers/pci/p2pdma/pages.c tools/testing/p2pmem/tool/driver.c
//
// Folios are freed.

@ freed @
@@
- p2pmem_page_free(struct page *page)
+ p2pmem_page_free(struct folio *folio)
  {
+ struct page *page = &folio->page;
  ...
  }

@ unused @
@@
- tool_foreign_free(struct page *page)
+ tool_foreign_free(struct folio *folio)
  { ... }

@ operation @
identifier ops, f;
@@
  static const struct dev_pagemap_ops ops = {
- .page_free = f,
+ .folio_free = f,
  };
