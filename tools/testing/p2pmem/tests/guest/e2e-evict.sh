#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-evict.sh: a transfer that does not end. After the drain timeout the target ends the
# controller that holds the memory, and the log names it. When the transfer ends, the provider
# is released; the host reconnects and its data is right. Before a reset of the card the target does so
# within seconds: the adapter would send what the reset leaves there. Topology: one-switch.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:evict

# the host times out meanwhile, as it must: that is not what is tested
echo 120 >/sys/module/nvme_core/parameters/io_timeout 2>/dev/null
e2e_start || bail "the guest cannot be set up"
card=$(pci_cards 1)
pci_bind "$card" p2pmem-bar || bail "the card is no provider"
e2e_export $NQN 1 "$(nvme_disk plain0)" "$card" || bail "namespace"
e2e_port 0 || bail "port"
disk=$(e2e_connect $NQN --ctrl-loss-tmo=60 --reconnect-delay=2) || bail "connect"
allow 'nvme nvme[0-9]+: .*(reconnect|Reconnect|recovery|failed|error)'
allow 'nvmet: ctrl [0-9]+ fatal error'
allow 'I/O tag [0-9]+ .*timeout'
log_mark
e2e_gate 1 120000
dd if="$disk" of=/run/first bs=64k count=1 iflag=direct 2>/dev/null &
reader=$!
check "a transfer to peer memory is held in flight" wait_for 10 e2e_held
echo "$card" >/sys/bus/pci/drivers/p2pmem-bar/unbind &
unbind=$!
check "the log names who holds it" wait_for 15 log_has 'bytes of peer-to-peer memory are held by nvmet subsystem'
check "after the drain time its users are ended" wait_for 40 log_has 'evicting nvmet subsystem'
e2e_gate 0
check "unbinding ends once the transfer lets go" bounded 60 wait_for 60 test ! -e "/sys/bus/pci/devices/$card/p2pmem"
wait $unbind
ended "$reader" "the host reconnects and its read succeeds"
check "data is right afterwards" fio_verify "$disk" --rw=randwrite --bs=64k --iodepth=8 --size=4m

pci_bind "$card" p2pmem-bar || bail "the card is no provider again"
check "peer memory is used again" wait_for 30 e2e_peer_grows $NQN "$disk" 1
log_mark
e2e_gate 1 120000
dd if="$disk" of=/run/second bs=64k count=1 iflag=direct 2>/dev/null &
reader=$!
check "a transfer from peer memory is held in flight" wait_for 10 e2e_held
check "a reset of the card does not wait for it for ever" bounded 15 write_attr "/sys/bus/pci/devices/$card/reset" 1
check "its user is ended before" log_has 'evicting nvmet subsystem'
e2e_gate 0
ended "$reader" "the host reconnects and its read succeeds"
dd if="$disk" of=/run/third bs=64k count=1 iflag=direct 2>/dev/null
check "it has what another read has" cmp /run/second /run/third
check "peer memory is used after the reset" wait_for 30 e2e_peer_grows $NQN "$disk" 1
check "data is right after the reset" fio_verify "$disk" --rw=randwrite --bs=64k --iodepth=8 --size=4m
e2e_stop
done_testing
