# SPDX-License-Identifier: GPL-2.0-only
# A fault for the undefined behaviour sanitizer: node 64 has no bit
s/if (i < P2PMEM_ROUTE_ACS_BITS)/if (i <= P2PMEM_ROUTE_ACS_BITS)/
