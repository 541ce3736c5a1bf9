// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: CONFIG_PCI_P2PDMA switched off
 * Since: 4.20, where it is off
 * Instead: rewrite/p2pdma_off.cocci makes us live beside it.
 * Remedy: None is needed.
 */

#include <linux/kconfig.h>

#if IS_ENABLED(CONFIG_PCI_P2PDMA)
#error "this kernel has P2PDMA built in"
#endif
