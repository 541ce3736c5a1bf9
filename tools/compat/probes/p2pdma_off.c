// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: CONFIG_PCI_P2PDMA switched off
 * Since: 4.20
 * Remedy: This kernel has P2PDMA built in: use its own support, p2pmem and it exclude each other.
 */

#include <linux/kconfig.h>

#if IS_ENABLED(CONFIG_PCI_P2PDMA)
#error "this kernel has P2PDMA built in"
#endif
