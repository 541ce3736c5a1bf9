#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-share.sh: many hosts and namespaces of one adapter and one drive. The target has one grant
# for all of them, tests each end once, and the number of users is shown. Hosts that leave, a
# namespace that is disabled and a provider that comes and goes change the users, never the number
# of grants. Prints what a controller with all namespaces costs. Topology: one-switch.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:share
HOSTS=6
NAMESPACES=12
T=/sys/kernel/tracing

# grants: the number of those that have not ended, and the sum of their users
grants()
{
	awk -v card="$card" '$1 == card && $4 == 0 { n++; users += $5 } END { print n + 0, users + 0 }' \
		/sys/kernel/debug/p2pmem/grants
}

grants_are()
{
	[ "$(grants)" = "$1" ]
}

# percpu: KiB of memory that is per CPU
percpu()
{
	awk '/^Percpu:/ { print $2 }' /proc/meminfo
}

# connect HOST: one more controller
connect()
{
	# nvme-cli 2.3 takes any second connection to a subsystem for a duplicate: not by it
	write_attr /dev/nvme-fabrics "transport=rdma,traddr=10.0.0.1,trsvcid=4420,nqn=$NQN,nr_io_queues=1,keep_alive_tmo=60,hostnqn=nqn.2026-01.test:host$1,hostid=$(printf '%08d-0000-4000-8000-000000000000' "$1")"
}

e2e_start || bail "the guest cannot be set up"
card=$(pci_cards 1)
pci_bind "$card" p2pmem-bar || bail "the card does not lend"
e2e_watch_tests || bail "no trace events"
for n in $(seq $NAMESPACES); do
	e2e_export $NQN "$n" "$(nvme_disk plain0)" "$card" || bail "namespace $n"
done
e2e_port 0 || bail "port"
log_mark
is "$(grants)" "0 0" "no grant without a host"

# what the target spends on the paths of each new controller, under the subsystem's lock
if grep -q function_graph $T/available_tracers && echo nvmet_p2pmem_ctrl_init >$T/set_ftrace_filter; then
	echo function_graph >$T/current_tracer
fi
before=$(percpu)
for h in $(seq $HOSTS); do
	connect "$h" || bail "host $h"
	[ "$h" = 1 ] || continue
	check "the first host's paths are tested" wait_for 60 e2e_settled $NQN
	first=$(percpu)
done
diag "KiB per CPU: $before without a host, $first with one, $(percpu) with $HOSTS"
diag "paths of a controller, each:$(sed -n 's/.* \([0-9.]* us\) .*nvmet_p2pmem_ctrl_init.*/ \1/p' $T/trace | tr '\n' ',')"
check "all paths are settled" wait_for 60 e2e_settled $NQN
is "$(grants)" "1 $((HOSTS * NAMESPACES))" "one grant for $HOSTS hosts with $NAMESPACES namespaces"
is "$(e2e_tests)" 2 "drive and adapter were tested once each"
like "$(grep "^$card " /sys/kernel/debug/p2pmem/grants)" \
	" nvmet subsystem $NQN host nqn.2026-01.test:host1 nsid 1 and $((HOSTS * NAMESPACES - 1)) more$" \
	"its users are named"
is "$(for n in $(seq $NAMESPACES); do e2e_provider $NQN "$n"; done | sort -u)" "$card ok proved" \
	"all paths use the card"
disk=$(nvme_host_disk $NQN) || bail "no disk"
check "data is right" fio_verify "$disk" --rw=randwrite --bs=64k --iodepth=8 --size=2m

echo 0 >"$e2e_stats/$NQN/namespaces/$NAMESPACES/enable"
is "$(grants)" "1 $((HOSTS * (NAMESPACES - 1)))" "the paths of a namespace that is disabled leave"

pci_unbind "$card"
check "without the provider there is no grant" wait_for 20 grants_are "0 0"
log_mark
pci_bind "$card" p2pmem-bar || bail "the card does not lend again"
check "and one for all again with it" wait_for 60 grants_are "1 $((HOSTS * (NAMESPACES - 1)))"
check "all paths are settled" wait_for 60 e2e_settled $NQN
is "$(e2e_tests)" 4 "each end was tested once more"
check "data is right" fio_verify "$disk" --rw=randwrite --bs=64k --iodepth=8 --size=2m

nvme_disconnect $NQN >/dev/null || bail "disconnect"
check "no grant is left when the last host has gone" wait_for 20 grants_are "0 0"
is "$(cat "/sys/bus/pci/devices/$card/p2pmem/available")" \
	"$(cat "/sys/bus/pci/devices/$card/p2pmem/size")" "the card has all of its memory"
check "no error at the host" no_host_errors
e2e_stop
done_testing
