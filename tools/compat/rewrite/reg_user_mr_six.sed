# SPDX-License-Identifier: GPL-2.0-only
# Files: tools/testing/p2pmem/rnic/mem.c tools/testing/p2pmem/rnic/rnic.h
/rnic_reg_user_mr(/,/[;{]/s/int access, struct ib_udata/int access, struct ib_dmah *dmah, struct ib_udata/
