# SPDX-License-Identifier: GPL-2.0-only
# A fault for the address sanitizer: reads one node too many
s/j < client->nr/j <= client->nr/
