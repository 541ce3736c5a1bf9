# SPDX-License-Identifier: GPL-2.0-only
# Files: drivers/pci/p2pdma/floors.h drivers/pci/p2pdma/tests/memory_kunit.c
#
# The same for a suite that calls it
s/\<p2pmem_page_free(struct page \*page);/p2pmem_page_free(struct folio *folio);/
s/\<p2pmem_page_free(page);/p2pmem_page_free(page_folio(page));/
