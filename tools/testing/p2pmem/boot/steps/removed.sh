# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# The last boots: the packages have gone.
. ./lib.sh
plan 3

check "the distribution's nvme carries the root file system" carries_root '*/kernel/drivers/nvme/*'
check "modprobe knows no p2pdma" sh -c '! modinfo p2pdma'
is "$(systemctl list-unit-files 'p2pmem*' --no-legend)" "" "no unit is left"
say "# failed: $(failed_units)"
