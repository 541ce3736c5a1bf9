// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: struct blk_integrity with csum_type
 * Since: 6.11
 * Instead: rewrite/integrity_csum.cocci checks the profile.
 * Remedy: None is needed.
 */

#include <linux/blk-integrity.h>

static bool __maybe_unused p2pmem_probe(struct blk_integrity *bi)
{
	return bi->csum_type != BLK_INTEGRITY_CSUM_NONE && !(bi->flags & BLK_INTEGRITY_NOVERIFY);
}
