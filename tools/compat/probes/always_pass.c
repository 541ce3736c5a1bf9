// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: a build environment that works
 * Since: ever
 * Remedy: Install the kernel's headers.
 */

#include <linux/module.h>

static int p2pmem_probe __maybe_unused;
