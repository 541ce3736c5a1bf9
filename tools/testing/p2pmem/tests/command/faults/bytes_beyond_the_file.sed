# SPDX-License-Identifier: GPL-2.0-only
# archive.c
s/^			if (offset >= \*size)$/			if (offset >= TREE_FILE + 64)/
