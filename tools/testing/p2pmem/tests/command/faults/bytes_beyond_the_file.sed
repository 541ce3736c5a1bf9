# SPDX-License-Identifier: GPL-2.0-only
# archive.c
s/^			if (offset >= \*size)$/			if (offset >= *size + 64)/
