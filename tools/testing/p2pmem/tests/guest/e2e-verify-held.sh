#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-verify-held.sh: removal during a self-test. The adapter holds a transfer of the test while the
# namespace is disabled, which does not wait. Then the drive is reset and the provider is revoked;
# both end as soon as the transfer ends. The path is not disproved, and the data is right.
# Topology: one-switch.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:held
enable=$e2e_stats/$NQN/namespaces/1/enable

# held COMMAND...: while a test is held the host reads, and the command is begun. A transfer
# that takes 5 s would be called lost: so what is seen is judged when it has been let go.
held()
{
	is_held=no ran=no
	e2e_held || wait_for 20 e2e_held && is_held=yes
	shown=$(e2e_provider $NQN 1)
	system=$(stat_of $NQN 1 system_bytes) peer=$(stat_of $NQN 1 peer_bytes)
	dd if="$disk" of=/dev/null bs=64k count=1 iflag=direct 2>/dev/null && ran=yes
	system=$(($(stat_of $NQN 1 system_bytes) - system)) peer=$(($(stat_of $NQN 1 peer_bytes) - peer))
	"$@" &
	command=$!
	sleep 1
	waits=no
	! kill -0 $command 2>/dev/null || waits=yes
	published=$(cat "/sys/bus/pci/devices/$card/p2pmem/published")
	e2e_gate 0
}

# was_held NAME: what held saw
was_held()
{
	is "$is_held $shown" "yes system not-verified testing" "$1: the adapter's self-test is held, and shown as testing"
	is "$ran $peer" "yes 0" "$1: the host reads through system memory meanwhile"
	compare "$system" -ge 65536 "$1: but by system memory"
	ended $command "$1: the command ends"
}

is_proved()
{
	test "$(e2e_provider $NQN 1)" = "$card ok proved"
}

# in_use NAME: the path is proved and used
in_use()
{
	# one that went under its test is tested again after some seconds
	check "$1: the path is proved" wait_for 60 is_proved
	disk=$(nvme_host_disk $NQN) || bail "$1: no disk"
	check "$1: data goes there" wait_for 10 e2e_peer_grows $NQN "$disk" 1
	check "$1: data is right" fio_verify "$disk" --rw=randwrite --bs=64k --iodepth=8 --size=2m
}

# a provider that comes back has to be proved again
again()
{
	tests=$(e2e_tests)
	pci_unbind "$card"
	log_mark
	e2e_gate 1
	echo "$card" >/sys/bus/pci/drivers_probe
}

e2e_start || bail "the guest cannot be set up"
card=$(pci_cards 1)
pci_bind "$card" p2pmem-bar || bail "the card does not lend"
e2e_watch_tests || bail "no trace events"
e2e_export $NQN 1 "$(nvme_disk plain0)" "$card" || bail "namespace"
e2e_port 0 || bail "port"
disk=$(e2e_connect $NQN) || bail "connect"
is "$(e2e_provider $NQN 1)" "$card ok proved" "the path is proved"

again
held write_attr "$enable" 0
was_held "disabled"
is "$waits" no "disabled: at once, while the test runs"
is "$(cat "$enable")" 0 "disabled: the namespace is disabled"
echo 1 >"$enable"
in_use "enabled again"
is "$(($(e2e_tests) - tests))" 2 "the results of the test are kept: drive and adapter, once each"
check "the host saw no error" no_host_errors

again
held write_attr "/sys/class/nvme/$(nvme_ctrl plain0)/reset_controller" 1
was_held "reset"
in_use "reset"
check "the host saw no error" no_host_errors

again
held write_attr /sys/bus/pci/drivers/p2pmem-bar/unbind "$card"
was_held "revoked"
is "$waits" yes "revoked: when the test has ended"
is "$published" 0 "revoked: no longer published meanwhile"
is "$(ls -d "/sys/bus/pci/devices/$card/p2pmem" 2>/dev/null)" "" "revoked: the provider is gone"
check "revoked: the path is settled" wait_for 20 e2e_settled $NQN
like "$(e2e_provider $NQN 1)" "^system (provider-revoked|not-a-provider) untested$" "revoked: system memory, with the reason"
check "revoked: the log has it" log_has "using system memory for nsid 1 .* and $card: provider-revoked: "
is "$(($(e2e_tests) - tests))" 2 "revoked: the adapter's test is an event, as the drive's before it"
check "revoked: nothing is held against the path" test -z "$(log_since | grep verify-failed)"
check "revoked: data is right" fio_verify "$disk" --rw=randwrite --bs=64k --iodepth=8 --size=2m
echo "$card" >/sys/bus/pci/drivers_probe
in_use "lent again"
check "the host saw no error" no_host_errors
is "$(cat "/sys/bus/pci/devices/$card/p2pmem/available")" \
	"$(cat "/sys/bus/pci/devices/$card/p2pmem/size")" "the card has all of its memory"
e2e_stop
done_testing
