# SPDX-License-Identifier: GPL-2.0-only
# read_pci.c
s/^	break_circles(m);$/	(void)break_circles; for (i = 0; i < m->nr; i++) if (!m->function[i]->root) m->function[i]->root = root_at(m, 0, 0);/
