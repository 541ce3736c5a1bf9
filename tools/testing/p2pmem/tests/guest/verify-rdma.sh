#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# verify-rdma.sh: the self-test of an RDMA adapter's path over a connection with itself. The path is
# proved if the adapter has an address, not proved without, and refused if data of peer memory is
# wrong, or if transfers fail with peer memory only. Of two ports, the one with a link is used, then
# the other one. A removal waits for one attempt to connect at most. Nothing is leaked. Topology: one-switch.

set -u
# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
. /lib/tool.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

# every connection, queue pair and registration of the adapters
live()
{
	cat /sys/kernel/debug/p2pmem_rnic/live
}

# connections that the first adapter has not established
rejects()
{
	sed -n 's/^rejects //p' /sys/kernel/debug/p2pmem_rnic/rnic0/stats
}

# an administrator wants a new test: what is known of the pairs is forgotten; a grant whose pair
# was disproved gives no memory any more
again()
{
	must free "$grant"
	write_attr "/sys/bus/pci/devices/$card/p2pmem/rescan" 1 || bail "rescan of $card"
	must grant "$card" me "$adapter"
	grant=$id
}

load_modules p2pdma p2pmem-bar p2pmem_tool nvmet-rdma || bail "modules"
net_setup || bail "network"
ip link add p2pnet1 type dummy || bail "no device for a second port"
modprobe p2pmem_rnic second=p2pnet1 || bail "adapter"
card=$(pci_cards 1) adapter=$(pci_adapters 1)
bar_params size=4M
lend "$card" || bail "no card"
net=p2pnet0
must grant "$card" me "$adapter"
grant=$id
log_mark
before=$(live)

ip addr del 10.0.0.1/24 dev "$net" || bail "the address cannot be taken away"
# an IPv6 address of its own would do as well
echo 1 >"/proc/sys/net/ipv6/conf/$net/disable_ipv6" 2>/dev/null || :
errno_is ok "without an address" verify "$grant" "$adapter"
is "$(r proof)" unproved "nothing is proved"
like "$(r note)" "cannot be connected with itself" "with a note"

# nothing is stored: that a device has no address yet says nothing about the path
ip addr add 10.0.0.1/24 dev "$net" || bail "the address cannot be restored"
errno_is ok "with an address" verify "$grant" "$adapter"
is "$(r proof)" proved "the path is proved"
errno_is ok "again" verify "$grant" "$adapter"
is "$(live)" "$before" "no connection, queue or registration stays"
is "$(lent_available "$card")" $((4 << 20)) "all memory is freed"

# transfers of peer memory that do not end, or move nothing: READ, WRITE, WRITE of a changed byte
again
e2e_gate 1 20000
errno_is EAGAIN "a transfer that does not end" verify "$grant" "$adapter"
is "$(r proof)" unproved "a timeout is not wrong data"
like "$(r note)" "RDMA READ into it was disturbed" "the note names the transfer"
must verdict "$card" "$adapter"
is "$(r reason)" ok "nothing is held against the path"
e2e_gate 0
lost=/sys/kernel/debug/p2pmem_rnic/rnic0/drop
again
echo 1 >$lost
errno_is EXDEV "a READ that moves nothing" verify "$grant" "$adapter"
is "$(r note)" "RDMA READ into it moved wrong data" "the note names the transfer"
again
echo 2 >$lost
errno_is EXDEV "nothing is moved at all" verify "$grant" "$adapter"
is "$(cat $lost)" 1 "it ended with the first"
echo 0 >$lost

# transfers that fail: of peer memory only, and of all memory
fail=/sys/kernel/debug/p2pmem_rnic/rnic0/fail filter=/sys/kernel/debug/p2pmem_rnic/rnic0/hold_filter
again
echo peer >$filter
echo 1000 >$fail
errno_is EXDEV "transfers of peer memory fail" verify "$grant" "$adapter"
# not every kernel knows the names of errors
like "$(r note)" "^RDMA READ into it failed [(]-(EIO|5)[)]\$" "the note names the transfer"
again
echo rdma >$filter
errno_is EAGAIN "an adapter that moves nothing at all" verify "$grant" "$adapter"
is "$(r proof)" unproved "its error is not one of the path"
like "$(r note)" "fails with system memory, too\$" "the note names the adapter"
must verdict "$card" "$adapter"
is "$(r reason)" ok "nothing is held against the path"
echo 0 >$fail
echo peer >$filter
again
errno_is ok "all is well again" verify "$grant" "$adapter"
is "$(r proof)" proved "the path is proved"
is "$(lent_available "$card")" $((4 << 20)) "all memory is freed"
is "$(live)" "$before" "no connection, queue or registration stays"

# the connection is lost while the far end registers its page
again
echo 1 >/sys/kernel/debug/p2pmem_rnic/rnic0/flush_reg
errno_is ok "a registration ends with its connection" verify "$grant" "$adapter"
is "$(r proof)" proved "it is connected again"
is "$(live)" "$before" "no connection, queue or registration stays"

# two ports: the first one is unplugged, then it has a link but reaches nothing, then neither does
unreachable=/sys/kernel/debug/p2pmem_rnic/rnic0/unreachable
ip addr add 10.0.1.1/24 dev p2pnet1 || bail "the second port gets no address"
ip link set p2pnet1 up || bail "the second port cannot be used"
write_attr /sys/class/net/p2pnet0/carrier 0 || bail "the first port cannot be unplugged"
echo 2 >$unreachable
again
was=$(rejects)
errno_is ok "the first port is unplugged" verify "$grant" "$adapter"
is "$(r proof)" proved "the path is proved by the second one"
is "$(rejects)" "$was" "the first one is not tried"
write_attr /sys/class/net/p2pnet0/carrier 1 || bail "the first port cannot be plugged in"
again
errno_is ok "the first port has a link, but reaches nothing" verify "$grant" "$adapter"
is "$(r proof)" proved "the path is proved by the second one again"
isnt "$(rejects)" "$was" "the first one is tried"
again
echo 6 >$unreachable
errno_is ok "no port reaches anything" verify "$grant" "$adapter"
is "$(r proof)" unproved "nothing is proved"
like "$(r note)" "cannot be connected with itself" "with a note"
echo 0 >$unreachable
errno_is ok "both ports work" verify "$grant" "$adapter"
is "$(r proof)" proved "the path is proved, because nothing was stored"
is "$(live)" "$before" "no connection, queue or registration stays"

# requests of both ports get no answer: six attempts of five seconds. Nobody who removes the provider, or
# the self-test, waits for all of them.
silent=/sys/kernel/debug/p2pmem_rnic/rnic0/silent
tested=/run/tested

# test_lost GRANT: a test that connects without an answer; what it says is in $tested when it ends
test_lost()
{
	rm -f "$tested"
	{ t verify "$1" "$adapter"; echo "$tool_err $(r note)" >"$tested"; } &
	sleep 2
	check "it is being tested" test ! -e "$tested"
}

test_ended() { test -s "$tested"; }

again
echo 6 >$silent
test_lost "$grant"
is "$(lent_available "$card")" $((4 << 20)) "no memory is in use while it connects"
check "the provider is removed at once" bounded 2 pci_unbind "$card"
check "the test ends with that attempt" wait_for 8 test_ended
is "$(cut -d " " -f 1 "$tested")" ENODEV "it has no result"
must free "$grant"

lend "$card" || bail "no card"
must grant "$card" me "$adapter"
grant=$id
test_lost "$grant"
check "nvmet-rdma can be unloaded meanwhile" bounded 8 rmmod nvmet-rdma
check "the test has ended" wait_for 2 test_ended
is "$(cat "$tested")" "EAGAIN the adapter is leaving" "it says why"
echo 0 >$silent
is "$(live)" "$before" "no connection, queue or registration stays"
must free "$grant"
check "nvmet-rdma can be loaded again" modprobe nvmet-rdma
done_testing
