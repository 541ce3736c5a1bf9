#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-sight.sh: observing transfers. Trace events are enabled and disabled under load, and their
# bytes compared with the counters of the pairs and of the target. Fallbacks by the quota of a
# client are counted, with an event, a uevent, and no error at the host. Topology: one-switch.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:sight
T=/sys/kernel/tracing

# mapped CLIENT: bytes that the core mapped for it, by the pair's counter
mapped()
{
	awk -v card="$card" -v client="$1" 'NR > 1 && $1 == card && $2 == client { print $5 }' \
		/sys/kernel/debug/p2pmem/counters
}

# traced EVENT [REGEX]: the sum of bytes= over all such events
traced()
{
	awk -v event="p2pmem_$1:" -v re="${2:-.}" '
	index($0, event) && $0 ~ re && match($0, /bytes=[0-9]+/)	{ sum += substr($0, RSTART + 6, RLENGTH - 6) }
	END { print sum + 0 }' $T/trace
}

e2e_start || bail "the guest cannot be set up"
[ -d $T/events ] || mount -t tracefs none $T || bail "no tracefs"
card=$(pci_cards 1) drive=$(nvme_bdf plain0) adapter=$(pci_adapters 1)
pci_bind "$card" p2pmem-bar || bail "the card is no provider"
e2e_export $NQN 1 "$(nvme_disk plain0)" "$card" || bail "namespace"
e2e_port 0 || bail "port"
disk=$(e2e_connect $NQN) || bail "connect"
log_mark
uevent env >/run/uevents 2>&1 &
listener=$!

# --- on and off under load -----------------------------------------------------------
fio_load "$disk" 12
for i in 1 2 3 4 5 6; do
	echo "round $i" >$T/trace_marker
	echo 1 >$T/events/p2pmem/enable
	sleep 0.5
	echo 0 >$T/events/p2pmem/enable
done
for e in alloc map unmap free; do
	compare "$(traced $e)" -gt 0 "the load left events: $e"
done
fio_done "data is right while events are enabled and disabled"

# --- every byte ----------------------------------------------------------------------
echo 8192 >$T/buffer_size_kb
echo >$T/trace
drive_was=$(mapped "$drive") adapter_was=$(mapped "$adapter") peer_was=$(stat_of $NQN 1 peer_bytes)
echo 1 >$T/events/p2pmem/enable
dd if="$disk" of=/dev/null bs=64k count=64 iflag=direct 2>/dev/null || bail "read"
dd if=/dev/zero of="$disk" bs=20k count=50 oflag=direct 2>/dev/null || bail "write"
echo 0 >$T/events/p2pmem/enable
bytes=$((64 * 65536 + 50 * 20480))
is "$(($(stat_of $NQN 1 peer_bytes) - peer_was))" $bytes "the target counts all of it"
is "$(($(mapped "$drive") - drive_was))" $bytes "the counters of the core for the drive match"
is "$(($(mapped "$adapter") - adapter_was))" $bytes "the counters of the core for the adapter match"
is "$(traced map "client=$drive .*reason=ok")" $bytes "events: mapped for the drive"
is "$(traced unmap "client=$drive ")" $bytes "unmapped"
is "$(traced map "client=$adapter .*reason=ok")" $bytes "mapped for the adapter"
is "$(traced unmap "client=$adapter ")" $bytes "unmapped"
is "$(traced alloc "client=$adapter,$drive .*reason=ok")" $bytes "events: allocated under the grant for both"
is "$(traced free "client=$adapter,$drive ")" $bytes "events: freed under the grant for both"
is "$(traced fallback)" 0 "no fallback"

# --- a quota -------------------------------------------------------------------------
echo >$T/trace
echo 1 >$T/events/p2pmem/p2pmem_fallback/enable
# what the host reads of a new disk may have come before the path was proved
fallbacks_was=$(stat_of $NQN 1 fallbacks) system_was=$(stat_of $NQN 1 system_bytes)
write_attr "/sys/bus/pci/devices/$card/p2pmem/quota" 131072 || bail "quota"
check "64 KiB at depth 32 with a quota of two of them" \
	fio_verify "$disk" --rw=randwrite --bs=64k --iodepth=32 --size=8m
compare "$(stat_of $NQN 1 quota)" -gt 0 "requests are refused for the quota"
is "$(($(stat_of $NQN 1 fallbacks) - fallbacks_was))" "$(stat_of $NQN 1 quota)" "it is the only reason"
is "$(traced fallback "client=$adapter user=$NQN nsid=1 .*reason=quota")" "$(($(stat_of $NQN 1 system_bytes) - system_was))" "each is an event with its bytes"
echo 0 >$T/events/p2pmem/p2pmem_fallback/enable
check "the first one is a uevent" wait_for 10 grep -q "P2PMEM_EVENT=fallback" /run/uevents
sleep 1
kill $listener 2>/dev/null
is "$(grep -c "P2PMEM_EVENT=fallback" /run/uevents)" 1 "exactly one uevent of a fallback"
is "$(grep -c -e "P2PMEM_REASON=quota" -e "P2PMEM_USER=$NQN" -e "P2PMEM_NSID=1" /run/uevents)" 3 "the uevent has reason, user and namespace"
is "$(stat_all $NQN 1)" "$(host_bytes "$disk")" "peer + inline + system is all that the host moved"
check "no error at the host" no_host_errors

# --- a name with bytes that a terminal obeys -----------------------------------------
hostile=$(printf 'nqn.2026-01.test:sight\033[7m')
e2e_export "$hostile" 1 "$(nvme_disk plain0)" "$card" || bail "namespace of a hostile name"
nvmet_link 1 "$hostile" || bail "port of a hostile name"
echo >$T/trace
echo 1 >$T/events/p2pmem/p2pmem_fallback/enable
write_attr "/sys/bus/pci/devices/$card/p2pmem/quota" 4096 || bail "quota"
# the grant is shared: only the first of its users is named
nvme_disconnect $NQN >/dev/null || bail "disconnect"
log_mark
uevent env >/run/uevents 2>&1 &
listener=$!
odd=$(e2e_connect "$hostile") || bail "connect by a hostile name"
dd if="$odd" of=/dev/null bs=64k count=4 iflag=direct 2>/dev/null || bail "read"
echo 0 >$T/events/p2pmem/p2pmem_fallback/enable
compare "$(grep -c 'user=nqn.2026-01.test:sight\\x1b\[7m nsid=1 ' $T/trace)" -gt 0 "events have it escaped"
is "$(grep -c "$(printf '\033')" $T/trace)" 0 "and not as it is"
check "the log has it escaped" \
	wait_for 10 log_has 'nsid 1 of nqn.2026-01.test:sight\\e\[7m: using system memory'
is "$(log_since | grep 'nvmet.*system memory' | grep -c "$(printf '\033')")" 0 "and not as it is"
check "the uevent has it escaped" wait_for 10 grep -q -F 'P2PMEM_USER=nqn.2026-01.test:sight\e[7m' /run/uevents
kill $listener 2>/dev/null
is "$(grep -c "$(printf '\033')" /run/uevents)" 0 "and not as it is"
compare "$(grep -c 'nvmet subsystem nqn.2026-01.test:sight\\x1b\[7m host ' /sys/kernel/debug/p2pmem/grants)" -gt 0 "grants have it escaped once"
e2e_stop
is "$(cat "/sys/bus/pci/devices/$card/p2pmem/available")" \
	"$(cat "/sys/bus/pci/devices/$card/p2pmem/size")" "the card has all of its memory back"
done_testing
