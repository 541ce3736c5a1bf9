#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# verify-edu.sh: a path that looks right but does not work. The driver of several equal adapters
# sets a DMA mask of 32 bits: the verdict of all is "ok", but only one has 32 bits. The self-test
# detects those that drop address bits, even with an administrator's entry in the list of host
# bridges. Topology: topologies/edu.

set -u
. /lib/p2pmem.sh
. /lib/tool.sh

load_modules p2pmem-bar p2pmem_tool p2pmem-engine:dma_bits=32 || bail "modules"
card=$(pci_cards 1)
bar_params size=4M
lend "$card" || bail "no card"
honest=$(pci_at 04.0/00.0/01.0/00.0) liar=$(pci_at 04.0/00.0/02.0/00.0) far=$(pci_at 05.0/00.0)
for dev in "$honest" "$liar" "$far"; do
	[ "$(pci_driver "$dev")" = p2pmem-engine ] || bail "there are not three adapters"
done
[ "$(pci_bar_start "$card" 2)" -ge $((1 << 28)) ] || bail "the card lies where 28 bits reach"
log_mark
T=/sys/kernel/tracing
[ -d $T/events ] || mount -t tracefs none $T || bail "no tracefs"
echo 1 >$T/events/p2pmem/p2pmem_verify/enable || bail "no trace events"

for dev in "$honest" "$liar"; do
	must verdict "$card" "$dev"
	is "$(r reason)" ok "$dev: the verdict is yes"
	is "$(r mapping)" bus "$dev: by the bus address"
done

must grant "$card" me "$honest"
good=$id
errno_is ok "the honest adapter's self-test passes" verify "$good" "$honest"
is "$(r proof)" proved "it is proved"
must verdict "$card" "$honest"
is "$(r reason)" ok "its verdict is unchanged"

must grant "$card" me "$liar"
bad=$id
must gsgl "$bad" 4K
list=$id
errno_is EXDEV "the other one's self-test is refused" verify "$bad" "$liar"
is "$(r proof)" disproved "it is disproved"
is "$(r reason)" verify-failed "with a reason"
is "$(r note)" "reading peer memory moved wrong data" "the note has the failure"
must verdict "$card" "$liar"
is "$(r reason)" verify-failed "its verdict is a refusal from now on"
errno_is EXDEV "no further grant is given" grant "$card" me "$liar"

# a copy of 1024 bytes each: out, out with a change, in; the liar's first one was wrong
is "$(grep -c "p2pmem_verify: " $T/trace)" 2 "each test is an event"
check "with what the honest adapter moved" \
	grep -q "p2pmem_verify: provider=$card client=$honest bytes=3072 proof=proved reason=ok" $T/trace
check "with what the other one did" \
	grep -q "p2pmem_verify: provider=$card client=$liar bytes=1024 proof=disproved reason=verify-failed" $T/trace

# --- an entry of the administrator's that should not be ---------------------------------
param=/sys/module/p2pdma/parameters/host_bridges
must verdict "$card" "$far"
is "$(r reason) $(r by_admin)" "host-bridge 0" "across root ports: the host bridge is of no known kind"
errno_is EXDEV "no grant is given" grant "$card" me "$far"
check "an entry for it" write_attr $param +1b36:000c
must verdict "$card" "$far"
is "$(r reason) $(r mapping) $(r by_admin)" "ok host 1" "the verdict is yes, by the administrator's leave"
must grant "$card" me "$far"
allowed=$id
errno_is EXDEV "the self-test is not deceived by that" verify "$allowed" "$far"
is "$(r proof) $(r reason)" "disproved verify-failed" "it is disproved"
is "$(r note)" "reading peer memory moved wrong data" "the note has the failure"
must verdict "$card" "$far"
is "$(r reason) $(r by_admin)" "verify-failed 1" "refused now, the entry that it needed is still reported"
errno_is EXDEV "no further grant is given" grant "$card" me "$far"
check "the log says whose entry is wrong, and what to do" \
	log_has "$far: cannot reach peer-to-peer memory of $card: .*verify-failed: .*remove the entry that allows its host bridge from $param"
must free "$allowed"
check "the entry is removed" write_attr $param -1b36:000c
must verdict "$card" "$far"
is "$(r reason) $(r by_admin)" "host-bridge 0" "refused as before"
is "$(grep -c "p2pmem_verify: .*client=$far bytes=1024 proof=disproved reason=verify-failed" $T/trace)" 1 \
	"its test is one event"
must verdict "$card" "$honest"
is "$(r reason) $(r by_admin)" "ok 0" "the honest one needs no entry"

errno_is EXDEV "no memory for it under the grant that there is" gsgl "$bad" 4K
errno_is EXDEV "what was taken before is not mapped either: its contents are lost" map "$list" "$liar" to
must free "$list"
check "an administrator requests a new test" \
	write_attr "/sys/bus/pci/devices/$card/p2pmem/rescan" 1
must verdict "$card" "$liar"
is "$(r reason)" ok "the disproof is dropped until then"

# --- an engine that does not respond, with its memory decoding off: no fault of the path ---
setpci -s "$honest" COMMAND=0:2
errno_is EAGAIN "the self-test of an engine that does not respond" verify "$good" "$honest"
is "$(r proof)" unproved "nothing is shown"
is "$(r note)" "the engine fails with system memory, too" "the note names the engine"
setpci -s "$honest" COMMAND=2:2
errno_is ok "it responds again" verify "$good" "$honest"
is "$(r proof)" proved "its path is proved"
must free "$bad"
must free "$good"
is "$(cat "/sys/bus/pci/devices/$card/p2pmem/available")" $((4 << 20)) "all memory is freed"
done_testing
