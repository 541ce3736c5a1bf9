#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Changes ACS of a port between two peers at run time. Bits that redirect make the path
# refused, with the port and the boot parameter in the reason; other bits have no effect. An
# existing grant stays valid. Topology: topologies/core, with one adapter below a port with ACS.

set -u
. /lib/p2pmem.sh
. /lib/tool.sh

load_modules p2pmem-bar p2pmem_tool || bail "modules"
card=$(pci_cards 1) far=$(pci_cards 2)
free=$(pci_adapters 1) behind=$(pci_adapters 2)
port=$(basename "$(dirname "$(readlink -f "/sys/bus/pci/devices/$behind")")")
lend "$card" || bail "no card"
must client "$free"
must client "$behind"

# acs WORD: writes the port's ACS control, and re-evaluates the pairs
acs()
{
	setpci -s "$port" "ECAP_ACS+6.w=$1"
	[ $(($(setpci -s "$port" ECAP_ACS+6.w | sed 's/^/0x/'))) = $((0x$1)) ] || bail "$port does not take ACS $1"
	write_attr "/sys/bus/pci/devices/$card/p2pmem/rescan" 1 || bail "rescan of $card"
}

must verdict "$card" "$behind"
is "$(r reason) $(r mapping) $(r distance)" "ok bus 5" "without ACS"
# SV TB RR CR UF EC DT: what each bit does
while read -r word reason mapping; do
	acs "$word"
	must verdict "$card" "$behind"
	is "$(r reason) $(r mapping) $(r distance)" "$reason $mapping 5" "ACS control 0x$word: $reason"
	if [ "$reason" = ok ]; then
		errno_is ok "ACS control 0x$word: reached" distance "$card" "$behind"
		continue
	fi
	is "$(r at)" "$port" "ACS control 0x$word: the port is named"
	like "$(r text)" "^$behind and $card: acs-redirect: .* at $port; boot with pci=disable_acs_redir=$port, or .*: echo [+]1b36:000c > /sys/module/p2pdma/parameters/host_bridges\$" \
		"ACS control 0x$word: the text has the remedy"
	errno_is EXDEV "ACS control 0x$word: not reached" distance "$card" "$behind"
	must verdict "$card" "$free"
	is "$(r reason) $(r mapping)" "ok bus" "ACS control 0x$word: no effect on the neighbour"
done <<-E2
	0001 ok bus
	0002 ok bus
	0004 acs-redirect none
	0008 acs-redirect none
	0010 ok bus
	001d acs-redirect none
	0000 ok bus
E2

# --- a grant holds, a new one is refused -----------------------------------------------
must grant "$card" old "$behind"
grant=$id
must gsgl "$grant" 64K
list=$id
acs 0004
errno_is EXDEV "a new grant is refused" grant "$card" new "$behind"
is "$(r reason)" acs-redirect "the reason is acs-redirect"
must verdict "$card" "$behind"
is "$(r reason)" acs-redirect "the verdict has the same reason"
errno_is ok "memory of the old grant is still mapped" map "$list" "$behind" from
is "$(r dma | sed 's/.* //')" 1 "memory of the old grant: bus address as before"
mapped=$id
acs 0000
put_back "$mapped"
acs 0004
put_back "$grant"
errno_is ok "the same after the end of the grant, until its memory is freed" map "$list" "$behind" from
put_back "$id" "$list"
must alloc "$card" 4096
list=$id
gone() { ! t map "$list" "$behind" from; }
check "not mapped any more when it is freed" wait_for 5 gone
errno_is EXDEV "not mapped because of ACS" map "$list" "$behind" from
put_back "$list"
# creating a grant evaluates the path again, without a rescan
setpci -s "$port" ECAP_ACS+6.w=0000
errno_is ok "ACS cleared: a new grant needs no rescan" grant "$card" new "$behind"
put_back "$id"
lend "$far" || bail "no second card"
setpci -s "$port" ECAP_ACS+6.w=0004
write_attr "/sys/bus/pci/devices/$far/p2pmem/rescan" 1 || bail "rescan of $far"
errno_is EXDEV "a second provider sees the ACS too" distance "$far" "$behind"
setpci -s "$port" ECAP_ACS+6.w=0000
must objects
# shellcheck disable=SC2046	# one word a number
put_back $(r | cut -d' ' -f1)
pci_release "$card"
pci_release "$far"
rmmod p2pmem_tool
done_testing
