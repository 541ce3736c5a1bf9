# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# The README's sections "Use" and "Check", after the reboot.
. ./lib.sh
. ./readme.sh
plan 8

# lists_card: the block ends with a list of all that is lent
lists_card()
{
	pasted use-1 >said 2>&1 || { cat said; return 1; }
	cat said
	grep -q "^$(card) " said && [ "$(cat "/sys/bus/pci/devices/$(card)/p2pmem/published")" = 1 ]
}

check "install: its last line" pasted install-1 '/^p2pmem-modules/!d'
check "use: the card is lent, and p2pmem lists it" lists_card
check "use: nvmet-export" pasted use-2
is "$(systemctl is-active nvmet-export)" active "the unit is active"
check "use: a host connects" pasted use-4
check "data is right" moves_data
check "check: it says what it should" checked
nvme disconnect -n "$NQN"
is "$(failed_units)" "" "no unit has failed"
