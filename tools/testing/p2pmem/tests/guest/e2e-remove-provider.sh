#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-remove-provider.sh: the provider is removed while the target is in use: unbound and bound
# again, removed from the bus and rescanned, and unbound while a transfer to its memory is in
# flight. Unbinding waits for that transfer, the host sees no error, the data is right, and the
# provider is used again without a new connection when it is back.
# Topology: one-switch.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:remove

# one read of a few KiB: its own way through the target
touch_disk()
{
	dd if="$disk" of=/dev/null bs=64k count=4 iflag=direct 2>/dev/null
}

e2e_start || bail "the guest cannot be set up"
card=$(pci_cards 1)
pci_bind "$card" p2pmem-bar || bail "the card does not lend"
e2e_export $NQN 1 "$(nvme_disk plain0)" "$card" || bail "namespace"
e2e_port 0 || bail "port"
disk=$(e2e_connect $NQN) || bail "connect"
log_mark
check "peer memory is used" e2e_peer_grows $NQN "$disk" 1

fell_back()
{
	[ "$(stat_of $NQN 1 fallbacks)" -gt 0 ]
}

# unbound during I/O
fio_load "$disk" 15
sleep 1
check "unbind during I/O ends" bounded 40 pci_unbind "$card"
is "$(ls -d "/sys/bus/pci/devices/$card/p2pmem" 2>/dev/null)" "" "its directory is gone"
# the load goes on without it, however slow the machine is
wait_for 20 fell_back || :
echo "$card" >/sys/bus/pci/drivers_probe
check "bound again: picked up without a new connection" wait_for 10 e2e_peer_grows $NQN "$disk" 1
fio_done "all data is right"
check "the host saw no error" no_host_errors
compare "$(stat_of $NQN 1 fallbacks)" -gt 0 "what ran in between is counted"

# the function itself removed during I/O
fio_load "$disk" 6
sleep 1
check "removal from the bus during I/O ends" bounded 40 pci_remove "$card"
sleep 1
pci_rescan
wait_for 5 test -e "/sys/bus/pci/devices/$card" || bail "the card does not come back"
pci_bind "$card" p2pmem-bar || bail "the card does not lend again"
check "found again at the same address: picked up" wait_for 10 e2e_peer_grows $NQN "$disk" 1
fio_done "all data is right"
check "the host saw no error" no_host_errors

# a transfer held in flight
e2e_gate 1
touch_disk &
reader=$!
check "a transfer to peer memory is held in flight" wait_for 10 e2e_held
echo "$card" >/sys/bus/pci/drivers/p2pmem-bar/unbind &
unbind=$!
sleep 3
check "unbinding waits for it" kill -0 $unbind
# the attribute names a provider that is going: already no longer published
is "$(cat "/sys/bus/pci/devices/$card/p2pmem/published")" 0 "no longer published meanwhile"
e2e_gate 0
ended "$reader" "the held transfer ends"
ended "$unbind" "unbinding ends with the transfer"
is "$(ls -d "/sys/bus/pci/devices/$card/p2pmem" 2>/dev/null)" "" "its directory is gone"
check "the host saw no error" no_host_errors
check "no mapping is left" log_has 'mappings of its peer-to-peer memory for .* were made and undone'
check "and none was forgotten" test -z "$(log_since | grep 'forgot some')"

# and the target still serves, by system memory
check "data is right without a provider" fio_verify "$disk" --rw=randwrite --bs=64k --iodepth=8 --size=4m
e2e_stop
done_testing
