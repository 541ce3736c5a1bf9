# SPDX-License-Identifier: GPL-2.0-only
# Files: drivers/nvme/target/p2pmem-attr-kunit.c
#
# The sizes of metadata and of protection information are two
s/\.tuple_size = \([0-9]*\)/.metadata_size = \1, .pi_tuple_size = \1/
