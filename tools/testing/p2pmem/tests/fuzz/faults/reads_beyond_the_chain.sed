# SPDX-License-Identifier: GPL-2.0-only
# For the address sanitizer: one node too many
s/j < client->nr/j <= client->nr/
