#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The process that waits for the memory of a provider being removed is killed: pages and module
# stay, and the log reports that. The holder can still use the memory. This test needs a
# machine of its own, because only a reboot cleans up. Topology: topologies/core.

set -u
. /lib/p2pmem.sh
. /lib/tool.sh

stays p2pdma		# on purpose, see above
load_modules p2pmem-bar p2pmem_tool || bail "modules"
card=$(pci_cards 1) client=$(pci_adapters 1)
must client "$client"
bar_params size=4M
lend "$card" || bail "no card"
bar_params
must alloc "$card" 64K
run=$id
log_mark
# unbind in a shell of its own, so that there is a process to kill
sh -c 'echo $$ >/run/pid; exec sh -c "echo \$0 >/sys/bus/pci/devices/\$0/driver/unbind" '"$card" &
waiter=$!
revoked() { [ "$(lent_published "$card")" = 0 ]; }
check "unbinding revokes" wait_for 5 revoked
sleep 1
kill -9 "$(cat /run/pid)"
ended() { ! kill -0 $waiter 2>/dev/null || ! [ -e "/sys/bus/pci/devices/$card/driver" ]; }
check "the killed process ends" wait_for 10 ended
check "the log says that pages stay" wait_for 5 log_has "$card: peer-to-peer memory is still in use: its pages stay allocated until reboot; reboot before"
is "$(lines "$card" "still in use")" 1 "once"
check "its sysfs directory is removed" test ! -e "/sys/bus/pci/devices/$card/p2pmem"
is "$(pci_driver "$card")" "" "the driver is unbound"
errno_is ENOMEM "nothing can be allocated" alloc "$card" 4096
errno_is ENODEV "held memory is not mapped, because the device may be off" map "$run" "$client" from
errno_is ENODEV "the provider is not found" find "$client"
must hold "$run" 0
put_back "$id"
put_back "$run"
check "held memory can be freed" test "$tool_err" = ok
for offset in 0 8M; do
	log_mark
	bar_params size=4M offset=$offset
	bind_to "$card" p2pmem-bar
	is "$bind_err" "Device or resource busy" "nothing can be lent at $offset"
	is "$(lines "$card" "cannot register BAR 2: pages of an earlier registration are still in use; reboot first")" 1 "and the log says why"
done
check "p2pdma is still loaded" grep -q '^p2pdma ' /proc/modules
check "p2pmem-bar can be unloaded" rmmod p2pmem_bar
check "p2pmem_tool can be unloaded" rmmod p2pmem_tool
refuses "p2pdma cannot be unloaded" "in use|busy|unavailable" rmmod p2pdma
done_testing
