#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The administrator's interfaces of the core: debugfs, trace events, uevents, the quota.
# Topology: topologies/core.

set -u
. /lib/p2pmem.sh
. /lib/tool.sh

D=/sys/kernel/debug/p2pmem
T=/sys/kernel/tracing

# column FILE NAME WORD...: prints the column NAME of the line of FILE that begins with the words
column()
{
	column_file=$D/$1 column_name=$2
	shift 2
	WORDS="$* " awk -v name="$column_name" '
	NR == 1	{ for (i = 1; i <= NF; i++) if ($i == name) c = i; next }
	index($0 " ", ENVIRON["WORDS"]) == 1	{ print $c }' "$column_file"
}

event_count()
{
	grep -c "p2pmem_$1: .*$2" $T/trace
}

[ -d $T/events ] || mount -t tracefs none $T || bail "no tracefs"
load_modules p2pmem-bar p2pmem_tool || bail "modules"
card=$(pci_cards 1) other=$(pci_cards 2)
one=$(pci_adapters 1) two=$(pci_drives 1)
uevent env >/run/uevents 2>&1 &
listener=$!
is "$(wc -l <$D/paths)" 1 "without a provider there is no pair"
echo 1 >$T/events/p2pmem/enable || bail "no trace events"

# a first range that cannot be registered: no event says that something was revoked, see below
bar_params size=1M
refuses "less than a block is not lent" "is not bound" pci_bind "$card" p2pmem-bar
bar_params

# --- tables and events ---------------------------------------------------------------
lend "$card" || bail "no card"
lend "$other" || bail "no second card"
must client "$one"
must client "$two"
is "$(column providers state "$card")" live "the provider is live"
is "$(column regions kind "$card")" pool "the provider has a region"
is "$(column paths reason "$card" "$two")" ok "the drive can reach the card"
compare "$(column paths age "$card" "$two")" -ge 0 "the pair was evaluated when it appeared"
is "$(event_count verdict "provider=$card client=$two reason=ok mapping=bus")" 1 "the evaluation is one event"
must verdict "$card" "$two"
must verdict "$card" "$two"
is "$(event_count verdict "provider=$card client=$two reason=ok mapping=bus")" 1 "a verdict is one event"
isnt "$(column paths age "$card" "$two")" - "a verdict has an age"

must grant "$card" me "$one" "$two"
grant=$id
is "$(event_count verdict "provider=$card client=$two reason=ok mapping=bus")" 1 "the same verdict for the grant is no event"
must gsgl "$grant" 64K
sgl=$id
is "$(column counters in_use "$card" "$one")" 65536 "the memory is counted for the adapter"
is "$(column counters in_use "$card" "$two")" 65536 "the memory is counted for the drive"
is "$(column grants bytes "$card")" 65536 "the memory is counted for the grant"
must map "$sgl" "$two" from
map=$id
is "$(column counters maps "$card" "$two")" 1 "a mapping is counted"
is "$(column counters bytes "$card" "$two")" 65536 "the bytes of a mapping are counted"
put_back "$map"
is "$(column counters unmaps "$card" "$two")" 1 "unmapping is counted"
put_back "$sgl"
is "$(column counters in_use "$card" "$two")" 0 "no memory is in use after free"
is "$(column counters peak "$card" "$two")" 65536 "the peak is kept"
is "$(event_count alloc "provider=$card client=$one,$two bytes=65536 reason=ok")" 1 "trace event: alloc"
is "$(event_count map "provider=$card client=$two bytes=65536 mapping=bus reason=ok")" 1 "trace event: map"
is "$(event_count unmap "provider=$card client=$two bytes=65536 mapping=bus")" 1 "trace event: unmap"
is "$(event_count free "provider=$card client=$one,$two bytes=65536")" 1 "trace event: free"

# --- quota ---------------------------------------------------------------------------
write_attr "/sys/bus/pci/devices/$card/p2pmem/quota" 131072 || bail "no quota"
is "$(column providers quota "$card")" 131072 "the quota is shown"
must gsgl "$grant" 128K
sgl=$id
errno_is "Disk quota exceeded" "an allocation above the quota fails" gsgl "$grant" 1
is "$(column counters failures "$card" "$one")" quota=1 "the failure is counted"
is "$(event_count alloc "bytes=1 reason=quota")" 1 "the failure is a trace event"
put_back "$sgl"
errno_is ok "freed memory can be allocated again" gsgl "$grant" 128K
put_back "$id"

# --- without events ------------------------------------------------------------------
echo 0 >$T/events/p2pmem/enable
echo >$T/trace
must gsgl "$grant" 4K
put_back "$id"
is "$(grep -c p2pmem_ $T/trace)" 0 "disabled events are not traced"
echo 1 >$T/events/p2pmem/enable

# --- a provider that is removed and comes back ---------------------------------------
must revoke "$card"
is "$(column providers state "$card")" lost "revoked"
is "$(column paths reason "$card" "$two")" provider-revoked "pairs of a lost provider are refused"
must resume "$card"
check "uevent of the resume" wait_for 10 grep -q "P2PMEM_EVENT=resumed" /run/uevents
must lost "$other"
check "uevent of the loss" wait_for 10 grep -q "P2PMEM_EVENT=lost" /run/uevents
must resume "$other"
sleep 2
is "$(sed -n 's/.*P2PMEM_EVENT=\(lost\|resumed\)$/\1/p' /run/uevents | tr '\n' ' ')" \
	"resumed lost resumed " "the events come in the order of what happened"
kill $listener 2>/dev/null
is "$(grep -c "P2PMEM_EVENT=revoked" /run/uevents)" 1 "one event of the revocation"
is "$(event_count revoke "provider=$card what=revoked bytes=0 reason=provider-revoked")" 1 "trace event: revoked"
is "$(event_count revoke "provider=$card what=resumed bytes=0 reason=ok")" 1 "trace event: resumed"
is "$(event_count revoke "provider=$other what=lost")" 1 "trace event: lost"
column policy origin built-in >/run/policy
compare "$(wc -l </run/policy)" -gt 5 "the built-in policy is shown"

# --- readers while everything is removed ---------------------------------------------
(while :; do cat $D/* >/dev/null 2>&1 || true; done) &
reader=$!
put_back "$grant"
for i in 1 2 3 4 5 6; do
	pci_unbind "$card"
	lend "$card" || bail "round $i"
	must verdict "$card" "$two"
	must cycle "$card" "$two" 20 4096
done
kill $reader
wait $reader 2>/dev/null
is "$(column counters maps "$card" "$two")" 20 "the counters of the pair start from zero again"
echo 0 >$T/events/p2pmem/enable
done_testing
