# SPDX-License-Identifier: GPL-2.0-only
# Files: drivers/nvme/target/p2pmem-attr-kunit.c
#
# The sizes of metadata and of protection information are two
s/\.tuple_size = size/.metadata_size = size, .pi_tuple_size = csum ? size : 0/
