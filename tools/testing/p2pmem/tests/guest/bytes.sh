#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# bytes.sh: a known number of reads and writes of several sizes through memory of the best
# provider. The guest sends the sizes and all counters to the host; tests/bytes/run.sh compares
# them with QEMU's trace. Marks in the trace: 1 begin, 2 end of the transfers. Topology: one-switch.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:bytes

counters()
{
	e2e_counters "$1" $NQN 1 "$provider" "$drive" "$adapter" >>/run/counters
}

# tested CLIENT: prints the bytes that its self-test has moved
tested()
{
	sed -n "s/.*p2pmem_verify: provider=$provider client=$1 bytes=\([0-9]*\) proof=proved.*/\1/p" "$e2e_trace"
}

# moves read|write BLOCK COUNT: transfers data and adds its size to $bytes
moves()
{
	case $1 in
	read)	dd if="$disk" of=/dev/null bs="$2" count="$3" iflag=direct 2>/dev/null ;;
	write)	dd if=/dev/zero of="$disk" bs="$2" count="$3" oflag=direct 2>/dev/null ;;
	esac
	dd_rc=$?
	is $dd_rc 0 "$1: $3 of $2 bytes"
	bytes=$((bytes + $2 * $3))
}

e2e_start || bail "the guest cannot be set up"
drive=$(nvme_bdf plain0) adapter=$(pci_adapters 1) bytes=0
pci_bind "$(pci_cards 1)" p2pmem-bar || bail "the card does not lend"
e2e_watch_tests || bail "no trace events"
e2e_export $NQN 1 "$(nvme_disk plain0)" 1 || bail "namespace"
e2e_port 0 || bail "port"
disk=$(e2e_connect $NQN) || bail "connect"
provider=$(e2e_provider $NQN 1)
like "$provider" "^0000:[^ ]* ok proved$" "a provider is in use, and its path is proved"
provider=${provider%% *}
# wait until requests of the host itself have ended
wait_for 10 test "$(stat_all $NQN 1)" = "$(host_bytes "$disk")" || bail "the host still reads"
counters begin
fallbacks=$(stat_of $NQN 1 fallbacks)
report tested_drive "$(tested "$drive")"
report tested_adapter "$(tested "$adapter")"
trace_mark 1
moves read 512 33
moves read 4096 20
moves read 65536 17
moves write 4096 40
moves write 20480 11
moves write 131072 9
moves read 262144 5
trace_mark 2
is "$(stat_of $NQN 1 fallbacks)" "$fallbacks" "no fallback"
nvme_disconnect_all >/dev/null
counters end
put_file /run/counters
report moved "$bytes"
report bar_start "$(pci_bar_start "$provider" 2)"
report bar_size "$(pci_bar_size "$provider" 2)"
e2e_stop
done_testing
