# SPDX-License-Identifier: GPL-2.0-only
# Files: drivers/pci/p2pdma/pages.c
s/\<page->pgmap\>/page_pgmap(page)/g
