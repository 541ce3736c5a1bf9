# SPDX-License-Identifier: GPL-2.0-only
# A fault for the oracle: egress vectors of more than 32 bits
s,egress\[index / 32\],egress[index / 64],
