// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: names for the type of an NVMe status
 * Since: 6.11
 * Instead: adapt.h has them.
 * Remedy: None is needed.
 */

#include <linux/nvme.h>

static bool __maybe_unused p2pmem_probe(int status)
{
	return (status & NVME_SCT_MASK) == NVME_SCT_PATH && (status & NVME_SCT_SC_MASK);
}
