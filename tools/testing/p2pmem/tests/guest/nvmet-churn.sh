#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# nvmet-churn.sh: the NVMe target while its provider comes and goes: the provider is unbound and
# bound again during verified I/O, during connects and disconnects, and while the namespace is
# disabled and enabled. The host must not see an error because of the provider, and nothing may
# hang or leak. Topology: nvmet-attribute.topo.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh

NQN=nqn.2026-01.test:churn
ns=/sys/kernel/config/nvmet/subsystems/$NQN/namespaces/1

counter()
{
	cat "$ns/p2pmem_stats/$1"
}

# until /run/stop is there: COMMAND...; at most 300 times
repeat()
{
	repeat_n=0
	while [ ! -e /run/stop ] && [ $repeat_n -lt 300 ]; do
		"$@"
		repeat_n=$((repeat_n + 1))
	done
}

flap_provider()
{
	pci_unbind "$card"
	sleep 0.3
	echo "$card" >/sys/bus/pci/drivers_probe
	sleep 0.7
}

flap_namespace()
{
	echo 0 >"$ns/enable"
	sleep 0.2
	echo 1 >"$ns/enable"
	sleep 0.5
}

read_counters()
{
	cat "$ns"/p2pmem_stats/* "$ns/p2pmem" >/dev/null 2>&1
	sleep 0.1
}

# background COMMAND...: repeated until stop_background
background()
{
	repeat "$@" >/dev/null 2>&1 &
	jobs_started="$jobs_started $!"
}

stop_background()
{
	: >/run/stop
	for j in $jobs_started; do
		bounded 60 wait_gone "$j" || not_ok "a background job ends" "$j"
	done
	jobs_started=
	rm -f /run/stop
}

wait_gone()
{
	while [ -d "/proc/$1" ] && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; do
		sleep 0.1
	done
}

# io NAME SECONDS [FIO-OPTION...]: never a regular file where the disk has just gone from
io()
{
	io_name=$1 io_seconds=$2
	shift 2
	bounded $((io_seconds + 120)) fio --name="$io_name" --filename="$disk" --direct=1 --ioengine=libaio \
		--iodepth=32 --size=48M --allow_file_create=0 --time_based --runtime="$io_seconds" --output="/run/$io_name.fio" "$@"
}

load_modules nvme nvmet nvme-fabrics p2pmem_bar || bail "modules"
card=$(pci_at 04.0/00.0/02.0/00.0)
wait_for 20 nvme_ctrl plain0 || bail "no drive"
pci_bind "$card" p2pmem-bar || bail "card"
net_setup
modprobe p2pmem_rnic netdev=p2pnet0 || bail "adapter"
load_modules nvmet-rdma nvme-rdma || bail "modules"
nvmet_subsystem $NQN
nvmet_namespace $NQN 1 "$(nvme_disk plain0)" "p2pmem=$card" || bail "namespace"
nvmet_port 1 rdma 10.0.0.1 4420 0
nvmet_link 1 $NQN
nvme_connect rdma $NQN >/dev/null || bail "no connection"
disk=$(nvme_host_disk $NQN) || bail "no disk"
jobs_started=

# ---- verified I/O while the provider comes and goes

log_mark
background flap_provider
background read_counters
check "verified I/O while the provider comes and goes" \
	io verify 20 --rw=randwrite --bsrange=4k-128k --verify=crc32c --verify_fatal=1 --do_verify=1 \
	--verify_backlog=64 --norandommap=0
stop_background
compare "$(counter peer_bytes)" -gt 0 "some data was in peer memory"
compare "$(counter provider-revoked)" -gt 0 "some data was in system memory, for the right reason"
is "$(dmesg | grep 'error, dev nvme' | grep -v -c 'recoverable transport')" 0 "no error at the host"
diag "peer $(counter peer_bytes) system $(counter system_bytes) revoked $(counter provider-revoked) absent $(counter not-a-provider)"

[ "$(pci_driver "$card")" = p2pmem-bar ] || pci_bind "$card" p2pmem-bar
used()
{
	used_before=$(counter peer_bytes)
	dd if="$disk" of=/dev/null bs=64k count=4 iflag=direct status=none
	[ "$(counter peer_bytes)" -gt "$used_before" ]
}
check "the provider is used again in the end" wait_for 10 used

# ---- connect and disconnect while the provider comes and goes

nvme_disconnect $NQN >/dev/null
background flap_provider
i=0
while [ $i -lt 15 ]; do
	nvme_connect rdma $NQN >/dev/null || break
	disk=$(nvme_host_disk $NQN) || break
	dd if="$disk" of=/dev/null bs=256k count=4 iflag=direct status=none || break
	nvme_disconnect $NQN >/dev/null || break
	i=$((i + 1))
done
stop_background
is $i 15 "connected, read and disconnected 15 times"

# ---- the namespace is disabled and enabled under I/O while the provider comes and goes

nvme_connect rdma $NQN >/dev/null || bail "no connection"
disk=$(nvme_host_disk $NQN) || bail "no disk"

# fio first: one that starts while there is no disk takes its name for that of a file to be, and
# unlinks what the kernel makes there meanwhile
flowing()
{
	[ "$(awk '{ print $3 + $7 }' "/sys/block/${disk#/dev/}/stat")" -gt 4096 ]
}

io churn 15 --rw=randrw --bs=64k --continue_on_error=all >/dev/null 2>&1 &
churn=$!
check "I/O is under way" wait_for 30 flowing
background flap_provider
background flap_namespace
background read_counters
wait $churn
stop_background
[ "$(pci_driver "$card")" = p2pmem-bar ] || pci_bind "$card" p2pmem-bar
echo 1 >"$ns/enable" 2>/dev/null

# reads the whole disk: dd succeeds with no bytes if the host has not revalidated the disk yet
reads()
{
	[ -b "$disk" ] && [ "$(dd if="$disk" bs=64k count=4 iflag=direct status=none | wc -c)" = 262144 ]
}

for c in /sys/class/nvme/nvme*; do
	[ "$(cat "$c/transport")" = pcie ] || echo 1 >"$c/rescan_controller"
done
disk=$(nvme_host_disk $NQN) || bail "no disk"
check "I/O works after the namespace was disabled and enabled" wait_for 20 reads
check "I/O uses peer memory" wait_for 10 used
diag "disk $disk of $(cat "/sys/block/${disk#/dev/}/size") sectors; $(cd "$ns/p2pmem_stats" && grep -s -v ':0$' -r . | tr '\n' ' ')"
allow 'I/O error, dev nvme|critical .* error, dev nvme|Buffer I/O error|nvme.*: (rescanning|failed)'

nvme_disconnect $NQN >/dev/null
check "everything is taken down" nvmet_remove_all
done_testing
