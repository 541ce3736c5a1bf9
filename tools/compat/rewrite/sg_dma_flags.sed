# SPDX-License-Identifier: GPL-2.0-only
# Files: drivers/pci/p2pdma/entry.h drivers/pci/p2pdma/map.c drivers/pci/p2pdma/bus.c drivers/pci/p2pdma/iova.c tools/testing/p2pmem/tool/list.c
s/\<sg_dma_\(is\|mark\|unmark\)_bus_address(/p2pmem_sg_\1_bus(/g
s/\<\(sg\|to\)->dma_flags = 0/*p2pmem_sg_mark(\1) = 0/
