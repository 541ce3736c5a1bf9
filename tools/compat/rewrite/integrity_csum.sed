# SPDX-License-Identifier: GPL-2.0-only
# Files: drivers/nvme/target/p2pmem-attach.c
#
# The profile "nop" is that of metadata without protection information.
s/^\treturn bi && bi->csum_type == BLK_INTEGRITY_CSUM_NONE;$/\treturn bi \&\& bi->profile \&\& !strcmp(bi->profile->name, "nop");/
