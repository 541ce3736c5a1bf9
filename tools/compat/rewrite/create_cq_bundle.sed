# SPDX-License-Identifier: GPL-2.0-only
# Files: tools/testing/p2pmem/rnic/cq.c tools/testing/p2pmem/rnic/rnic.h
s/struct uverbs_attr_bundle \*attrs/struct ib_udata *attrs/
