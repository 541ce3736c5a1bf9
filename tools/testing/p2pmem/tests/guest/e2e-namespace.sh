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
	e2e_export $NQN 2 "$(nvme_disk plain0)" 1
}

# a Read of the second namespace in peer memory
used()
{
	disk2=$(nvme_host_disk $NQN 2) && wait_for 20 e2e_peer_grows $NQN "$disk2" 2
}

# toggle N: disables and enables the second namespace, some times during its self-test
toggle()
{
	: >/run/tested
	for t in $(seq "$1"); do
		echo 0 >"$ns/enable" || return 1
		echo 1 >"/sys/bus/pci/devices/$card/p2pmem/rescan" || return 1
		echo 1 >"$ns/enable" || return 1
		! grep -q testing "$ns/p2pmem_stats/provider" || echo "$t" >>/run/tested
	done
}

# users N: N paths use peer memory
users()
{
	[ "$(awk 'NR > 1 { n += $5 } END { print n + 0 }' $grants)" = "$1" ]
}

e2e_start || bail "the guest cannot be set up"
card=$(pci_cards 1)
pci_bind "$card" p2pmem-bar || bail "the card is no provider"
e2e_export $NQN 1 "$(nvme_disk plain0)" 1 || bail "namespace"
e2e_port 0 || bail "port"
log_mark

mkdir "$ns" || bail "a namespace without a drive"
echo 1 >"$ns/p2pmem" || bail "its p2pmem"
disk=$(e2e_connect $NQN) || bail "connect"
check "beside a namespace without a drive: peer memory is used" e2e_peer_grows $NQN "$disk" 1
check "that namespace is removed" rmdir "$ns"
second || bail "the second namespace"
check "and another one in its place: peer memory is used" used
nvme_disconnect $NQN >/dev/null

echo 0 >"$ns/enable"
disk=$(e2e_connect $NQN) || bail "connect"
check "beside a disabled namespace: peer memory is used" e2e_peer_grows $NQN "$disk" 1
check "the disabled namespace is removed" rmdir "$ns"
second || bail "the second namespace"
check "and another one in its place: peer memory is used again" used

check "disabled and enabled during self-tests" toggle 20
compare "$(grep -c . /run/tested)" -ge 1 "a self-test was running some times"
check "peer memory is used then" used
check "both namespaces use peer memory" wait_for 30 users 2
echo 0 >"$ns/enable"
check "disabled: the other one does" users 1
check "removed" rmdir "$ns"
cat $grants >/dev/null
check "peer memory is used by the first one" e2e_peer_grows $NQN "$disk" 1
is "$(log_since | grep -c "no memory to attach")" 0 "no path was left over"
# a disabled namespace answers nothing
check "no error of the first one at the host" test -z "$(log_since | host_errors "${disk##*/}")"
e2e_stop
done_testing
