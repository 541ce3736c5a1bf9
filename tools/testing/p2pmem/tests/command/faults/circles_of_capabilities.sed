# SPDX-License-Identifier: GPL-2.0-only
# read_pci.c
s/at >= 0x100 && turn < 1024; turn++/at >= 0x100; turn++/
