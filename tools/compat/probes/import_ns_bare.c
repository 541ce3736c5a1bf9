// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: MODULE_IMPORT_NS() of a bare word
 * Since: 5.4, until 6.13
 * Instead: rewrite/import_ns_bare.sed quotes it.
 * Tree: drivers/nvme/target/passthru.c ^MODULE_IMPORT_NS[(][A-Z]
 * Remedy: None is needed.
 */

#include <linux/module.h>

MODULE_IMPORT_NS(P2PMEM_PROBE);
