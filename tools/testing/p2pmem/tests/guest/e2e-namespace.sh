#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-namespace.sh: namespaces that are not enabled while a host connects, and that are disabled,
# removed and created again while it is connected, also during self-tests. Topology: one-switch.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:namespace
ns=/sys/kernel/config/nvmet/subsystems/$NQN/namespaces/2
grants=/sys/kernel/debug/p2pmem/grants

second()
{
	e2e_export $NQN 2 "$(nvme_disk plain0)" 1 "$@"
}

# a Read of the second namespace in peer memory
used()
{
	disk2=$(nvme_host_disk $NQN 2) && wait_for 20 e2e_peer_grows $NQN "$disk2" 2
}

# toggle N: disables and enables the second namespace, each time during its self-test
toggle()
{
	for t in $(seq "$1"); do
		echo 0 >"$ns/enable" || return 1
		echo 1 >"/sys/bus/pci/devices/$card/p2pmem/rescan" || return 1
		echo 1 >"$ns/enable" || return 1
	done
}

e2e_start || bail "the guest cannot be set up"
card=$(pci_cards 1)
pci_bind "$card" p2pmem-bar || bail "the card is no provider"
e2e_export $NQN 1 "$(nvme_disk plain0)" 1 || bail "namespace"
e2e_port 0 || bail "port"
log_mark

mkdir "$ns" && echo 1 >"$ns/p2pmem" || bail "a namespace without a drive"
disk=$(e2e_connect $NQN) || bail "connect"
check "beside a namespace without a drive: peer memory is used" e2e_peer_grows $NQN "$disk" 1
is "$(cat "$ns/p2pmem_stats/provider")" "" "it has no path"
check "that namespace is removed" rmdir "$ns"
second || bail "the second namespace"
check "and another one in its place: peer memory is used" used
nvme_disconnect $NQN >/dev/null

echo 0 >"$ns/enable"
disk=$(e2e_connect $NQN) || bail "connect"
check "beside a disabled namespace: peer memory is used" e2e_peer_grows $NQN "$disk" 1
is "$(cat "$ns/p2pmem_stats/provider")" "" "it has no path, either"
is "$(grep -c "nsid 2" $grants)" 0 "and no grant"
check "the disabled namespace is removed" rmdir "$ns"
second || bail "the second namespace"
check "and another one in its place: peer memory is used again" used

check "disabled and enabled during self-tests" toggle 20
check "peer memory is used then" used
echo 0 >"$ns/enable"
check "disabled" wait_for 10 eval "! grep -q 'nsid 2' $grants"
check "removed" rmdir "$ns"
cat $grants >/dev/null
check "peer memory is used by the first one" e2e_peer_grows $NQN "$disk" 1
# a disabled namespace answers nothing
check "no error of the first one at the host" test -z "$(log_since | grep "I/O error, dev ${disk##*/}")"
e2e_stop
done_testing
