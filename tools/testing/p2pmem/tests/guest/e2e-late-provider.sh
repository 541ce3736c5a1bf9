#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-late-provider.sh: a namespace with p2pmem=1 uses system memory while there is no provider;
# an existing controller uses a provider that appears later. With several providers the rank
# decides: a drive's own CMB before the card. Topology: one-switch.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:late

used()
{
	log_since | sed -n "s/.*using peer-to-peer memory of \([^ ]*\) for nsid $1 .*/\1/p" | tail -n 1
}

e2e_start || bail "the guest cannot be set up"
card=$(pci_cards 1) cmb=$(nvme_bdf cmb0)
pci_unbind "$cmb"
log_mark
e2e_export $NQN 1 "$(nvme_disk plain0)" 1 || bail "namespace"
e2e_port 0 || bail "port"
disk=$(e2e_connect $NQN) || bail "connect"
check "served without a provider" fio_verify "$disk" --rw=write --bs=64k --iodepth=8 --size=1m
compare "$(stat_of $NQN 1 no-provider)" -gt 0 "counted as no-provider"
is "$(stat_of $NQN 1 fallbacks)" "$(stat_of $NQN 1 no-provider)" "counted under no other reason"

pci_bind "$card" p2pmem-bar || bail "the card does not lend"
check "a provider that appears is used" wait_for 10 e2e_peer_grows $NQN "$disk" 1
is "$(used 1)" "$card" "the log names the provider"
check "data is right" fio_verify "$disk" --rw=randwrite --bs=64k --iodepth=8 --size=2m

echo "$cmb" >/sys/bus/pci/drivers_probe
wait_for 10 test -e "/sys/bus/pci/devices/$cmb/p2pmem" || bail "no CMB"
own=$(wait_for 10 nvme_disk cmb0 >/dev/null; nvme_disk cmb0)
e2e_export $NQN 2 "$own" 1 || bail "namespace on the drive with the CMB"
disk2=$(nvme_host_disk $NQN 2) || bail "second disk"
check "the drive with a CMB uses peer memory" e2e_peer_grows $NQN "$disk2" 2
is "$(used 2)" "$cmb" "it uses its own CMB, because the same function ranks first"
is "$(used 1)" "$card" "the other namespace stays with the card"
check "no error at the host" no_host_errors
e2e_stop
done_testing
