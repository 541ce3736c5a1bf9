# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# The boot after it: the export is there again. Then the README's section "Undo".
. ./lib.sh
. ./readme.sh
plan 9

is "$(failed_units)" "" "no unit has failed"
is "$(systemctl is-active nvmet-export)" active "the export is restored"
check "use: a host connects" pasted use-4
check "data is right" moves_data
check "check: it says what it should" checked
nvme disconnect -n "$NQN"
check "undo" pasted undo-1 /reboot/d
cat log
is "$(ls "$nvmet/subsystems" 2>/dev/null)" "" "nothing is exported"
check "modprobe would load the distribution's modules" distribution "$running"
check "the initramfs has the distribution's nvme" in_initramfs "$running" kernel/drivers/nvme
