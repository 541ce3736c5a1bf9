#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A provider is removed while its memory is allocated: removal waits, logs the holders every 10 s,
# notifies grants and clients, and ends when all memory is freed. Topology: topologies/core.

set -u
. /lib/p2pmem.sh
. /lib/tool.sh

load_modules p2pmem-bar p2pmem_tool || bail "modules"
card=$(pci_cards 1) client=$(pci_adapters 1)
must client "$client"
first_client=$id

# unbinds in the background; unbound: succeeds when that has ended
begin_unbind()
{
	log_mark
	rm -f /run/unbound
	( pci_unbind "$1"; : >/run/unbound ) &
	unbind_begin=$(awk '{ print int($1 * 10) }' /proc/uptime)
}

named_twice() { [ "$(lines "$card" "held by patient")" -ge 2 ]; }
unbound() { [ -e /run/unbound ]; }
elapsed() { echo $(($(awk '{ print int($1 * 10) }' /proc/uptime) - unbind_begin)); }
revoked() { [ "$(lent_published "$1")" = 0 ]; }

ends()
{
	check "$1" wait_for 5 unbound
	check "$1: nothing is left behind" test ! -e "/sys/bus/pci/devices/$card/p2pmem"
}

# --- nothing is out --------------------------------------------------------------------
lend "$card" || bail "no card"
begin_unbind "$card"
check "without allocations it is removed at once" wait_for 3 unbound
is "$(lines "$card" "waits")" 0 "without a word"

# --- memory of a driver ------------------------------------------------------------------
lend "$card" || bail "no card"
must alloc "$card" 64K
run=$id
must map "$run" "$client" from
map=$id
begin_unbind "$card"
check "unbinding revokes" wait_for 5 revoked "$card"
check "unbinding waits for the memory" test ! -e /run/unbound
errno_is ENOMEM "no allocation while unbinding waits" alloc "$card" 4096
errno_is ENOMEM "no allocation of a list while unbinding waits" sgl "$card" 4096
errno_is ENODEV "a grant is refused" grant "$card" new "$client"
is "$(r reason)" provider-revoked "the reason is provider-revoked"
errno_is ENODEV "the provider is not found" find "$client"
must verdict "$card" "$client"
is "$(r reason)" provider-revoked "the verdict has the same reason"
errno_is ok "allocated memory can still be mapped" map "$run" "$client" from
put_back "$id"
errno_is ENODEV "a region cannot be mapped" region "$client" "$card" 2 0 4096 to
check "after 10 s the holder is logged" wait_for 15 log_has "$card: waiting for peer-to-peer memory to be returned: 65536 bytes and 0 references are in use"
put_back "$map"
check "unbinding still waits" test ! -e /run/unbound
put_back "$run"
ends "it ends when the last of it is back"

# --- a list under a grant: notification and other holders ---------------------------------
lend "$card" || bail "no card"
must grant "$card" patient "$client"
grant=$id
must grant "$card" idle "$client"
idle=$id
must gsgl "$grant" 128K
list=$id
must info "$grant"
is "$(r usable)$(r idle)$(r revokes)$(r evicts)" 1000 "a grant in use"
begin_unbind "$card"
check "unbinding revokes" wait_for 5 revoked "$card"
must info "$grant"
is "$(r usable)$(r idle)$(r revokes)$(r evicts)" 0010 "the grant was notified"
must info "$idle"
is "$(r usable)$(r idle)$(r revokes)$(r evicts)" 0110 "the grant without memory was notified"
errno_is ENODEV "no allocation under a revoked grant" gsgl "$grant" 4096
check "the holder is named" wait_for 15 log_has "$card: 131072 bytes of peer-to-peer memory are held by patient"
is "$(log_since | grep -c "held by idle")" 0 "the grant without memory is not logged as a holder"
check "holders are logged every 10 s" wait_for 12 named_twice
must info "$grant"
is "$(r evicts)" 0 "not evicted before 30 s"
evicted() { t info "$grant" && [ "$(r evicts)" = 1 ]; }
check "evicted after 30 s" wait_for 15 evicted
compare "$(elapsed)" -ge 300 "not evicted before 30 s ($(elapsed) tenths)"
compare "$(elapsed)" -lt 400 "evicted before 40 s"
check "and the log says so" log_has "$card: evicting patient, 131072 bytes of peer-to-peer memory still in use"
must info "$idle"
is "$(r evicts)" 0 "the grant without memory is not evicted"
put_back "$list"
ends "it ends then"
put_back "$grant" "$idle"

# --- a holder that frees its memory when notified ------------------------------------------
lend "$card" || bail "no card"
must add "$card" 0 256 0 registers
must client "$client" auto
auto=$id
must region "$client" "$card" 0 0 64 to
begin_unbind "$card"
ends "a client that unmaps its regions on revocation"
must info "$auto"
is "$(r revokes)" 1 "it was notified once"
is "$(lines "$card" "waits")" 0 "nobody waited"
put_back "$auto"

lend "$card" || bail "no card"
must add "$card" 0 256 0 registers
must client "$client" auto
auto=$id
must region "$client" "$card" 0 0 64 to
must lost "$card"
begin_unbind "$card"
ends "also when the provider was lost before"
must info "$auto"
is "$(r revokes)" 1 "it was notified once"
put_back "$auto"

# --- pages that somebody else holds --------------------------------------------------------
lend "$card" || bail "no card"
must alloc "$card" 64K
run=$id
must hold "$run" 7
held=$id
put_back "$run"
begin_unbind "$card"
check "unbinding revokes" wait_for 5 revoked "$card"
sleep 2
check "unbinding waits for a held page" test ! -e /run/unbound
put_back "$held"
ends "it ends when the page is dropped"

# --- memory that its driver allocates --------------------------------------------------------
bar_params kind=driver
lend "$card" || bail "no card"
bar_params
must pin "$card" 2 0 16K
pin=$id
begin_unbind "$card"
check "unbinding revokes" wait_for 5 revoked "$card"
errno_is ENODEV "no page can be pinned" pin "$card" 2 64K 4096
check "pinned pages are logged" wait_for 15 log_has "$card: waiting for .*: 0 bytes and 4 references are in use"
put_back "$pin"
ends "it ends when they are unpinned"

# --- reset: revoke, loss and resume ------------------------------------------------------------
lend "$card" || bail "no card"
must own "$card" 8K
own=$id
must alloc "$card" 4096
run=$id
rm -f /run/revoked
log_mark
( t revoke "$card"; : >/run/revoked ) &
check "a driver revokes before a reset" wait_for 5 revoked "$card"
sleep 1
check "the driver waits for memory of others" test ! -e /run/revoked
put_back "$run"
check "the driver does not wait for its own memory" wait_for 5 test -e /run/revoked
errno_is ENOMEM "no allocation before it resumes" alloc "$card" 4096
must events
before=$(r providers)
must resume "$card"
errno_is ok "allocation works after it resumes" alloc "$card" 4096
put_back "$id"
is "$(lent_published "$card")" 1 "it is published again"
again() { t events && [ "$(r providers)" = $((before + 1)) ]; }
check "it is announced again" wait_for 5 again
begin_unbind "$card"
check "unbinding revokes" wait_for 5 revoked "$card"
sleep 1
check "unbinding waits for the driver's own memory" test ! -e /run/unbound
put_back "$own"
ends "the driver's own memory, after freeing it"

# --- a reset through the PCI core ------------------------------------------------------------
lend "$card" || bail "no card"
if [ -w "/sys/bus/pci/devices/$card/reset" ]; then
	must sgl "$card" 4096
	list=$id
	( sleep 4; t free "$list" ) &
	check "a reset does not wait for memory that nobody frees" bounded 3 write_attr "/sys/bus/pci/devices/$card/reset" 1
	is "$(lent_published "$card")" 0 "it is not published before the last page from before is free"
	lends() { [ "$(lent_published "$card")" = 1 ]; }
	check "it is published again then" wait_for 20 lends
	errno_is ok "allocation works after the reset" alloc "$card" 4096
	put_back "$id"
else
	skip "a reset does not wait for memory that nobody frees" "QEMU's card has no reset method"
fi
# --- hot removal -----------------------------------------------------------------------------
must alloc "$card" 4096
run=$id
( pci_remove "$card"; : >/run/removed ) &
sleep 2
check "hot removal waits for memory" test ! -e /run/removed
put_back "$run"
check "hot removal ends when the memory is freed" wait_for 5 test -e /run/removed
check "the function is gone" test ! -e "/sys/bus/pci/devices/$card"
pci_rescan
echo p2pmem-bar >"/sys/bus/pci/devices/$card/driver_override"
bind_to "$card" p2pmem-bar
is "$(lent_published "$card" 2>/dev/null)" 1 "it is published after the rescan"
put_back "$first_client"
pci_unbind "$card"
is "$(dmesg | grep -c 'forgot some')" 0 "no mapping is leaked"
rmmod p2pmem_tool
done_testing
