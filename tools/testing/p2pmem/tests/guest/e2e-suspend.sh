#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-suspend.sh: the machine suspends its devices (freeze, pm_test=devices) while a card, another
# drive's CMB and the drive's own CMB serve three namespaces under load. Requests that hold peer memory
# are in queues that are suspended already, so waiting for them cannot succeed. Suspend and resume take
# about as long as with p2pmem=0, which is measured first. No host loses its controller or sees an error,
# the data is right, and peer memory is used again. Topology: suspend.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:suspend

# load N DISK: writes of 512 bytes to 256 KiB and their verification, again and again until
# /run/stop exists. Not by libaio: after one freeze in ten fio waited in io_getevents() for ever with no
# request in flight anywhere, also without peer memory; not by io_uring in 11.
load()
{
	passes=0
	while [ ! -e /run/stop ]; do
		fio --name="load$1" --filename="$2" --direct=1 --ioengine=io_uring --rw=randwrite \
		    --bsrange=512-256k --blockalign=512 --iodepth=32 --size=3m --verify=crc32c \
		    --verify_interval=512 --verify_fatal=1 --do_verify=1 --verify_state_save=0 \
		    --randrepeat=0 --allow_file_create=0 --minimal >"/run/load.$1" 2>&1 ||
			grep -av '^3;' "/run/load.$1" | tail -n 4 >>"/run/bad.$1"
		passes=$((passes + 1))
		echo $passes >"/run/passes.$1"
	done
}

# freeze NAME: with load, sets $took to centiseconds
freeze()
{
	rm -f /run/stop /run/bad.* /run/passes.*
	loads=""
	for n in 1 2 3; do
		eval "load $n \$d$n" &
		loads="$loads $!"
	done
	sleep 3
	log_mark
	took=$(awk '{ print int($1 * 100) }' /proc/uptime)
	check "$1: suspended and resumed" bounded 150 write_attr /sys/power/state freeze
	took=$(($(awk '{ print int($1 * 100) }' /proc/uptime) - took))
	diag "$1: $took centiseconds"
	sleep 2
	touch /run/stop
	for n in $loads; do wait "$n"; done
	for n in 1 2 3; do
		is "$(cat "/run/bad.$n" 2>/dev/null)" "" "$1: data of namespace $n is right"
		compare "$(cat "/run/passes.$n")" -gt 0 "$1: namespace $n was under load"
	done
	is "$(log_since | grep -c 'creating nvm controller')" 0 "$1: no controller has ended"
	check "$1: no host saw an error" no_host_errors
	check "$1: nor a critical one" test -z "$(log_since | grep -E 'critical|evict|ends users')"
}

e2e_start || bail "the guest cannot be set up"
card=$(pci_cards 1) cmb=$(nvme_bdf cmb0)
pci_bind "$card" p2pmem-bar || bail "the card does not lend"
grep -q devices /sys/power/pm_test || bail "the kernel has no pm_test"
echo devices >/sys/power/pm_test
e2e_export $NQN 1 "$(nvme_disk plain0)" 0 || bail "namespace 1"
e2e_export $NQN 2 "$(nvme_disk plain1)" 0 || bail "namespace 2"
e2e_export $NQN 3 "$(nvme_disk cmb0)" 0 || bail "namespace 3"
e2e_port 0 || bail "port"
# shellcheck disable=SC2034	# eval reads d1 to d3
d1=$(e2e_connect $NQN) || bail "connect"
# a drive may keep queues of its own in its CMB, so that not all of it is available at first
for f in "$card" "$cmb"; do
	cat "/sys/bus/pci/devices/$f/p2pmem/available" >"/run/available.$f"
done
# shellcheck disable=SC2034
d2=$(nvme_host_disk $NQN 2) d3=$(nvme_host_disk $NQN 3)
freeze "without peer memory"
control=$took

e2e_reconfigure $NQN 1 p2pmem="$card" || bail "peer memory is not used by namespace 1"
e2e_reconfigure $NQN 2 p2pmem="$cmb" || bail "peer memory is not used by namespace 2"
e2e_reconfigure $NQN 3 p2pmem="$cmb" || bail "peer memory is not used by namespace 3"
# shellcheck disable=SC2034
d1=$(nvme_host_disk $NQN 1) d2=$(nvme_host_disk $NQN 2) d3=$(nvme_host_disk $NQN 3)
for n in 1 2 3; do
	check "peer memory is used by namespace $n" eval "wait_for 20 e2e_peer_grows $NQN \$d$n $n"
done
# what is out at the moment of suspend decides: one round in two finds a wait that cannot succeed
report control_centiseconds "$control"
for round in 1 2 3; do
	freeze "with peer memory, round $round"
	report "peer_centiseconds_$round" "$took"
	compare "$took" -le $((control * 2 + 500)) \
		"round $round takes about as long as without peer memory ($took and $control)"
done
for n in 1 2 3; do
	check "used again by namespace $n" eval "wait_for 30 e2e_peer_grows $NQN \$d$n $n"
done
echo none >/sys/power/pm_test
e2e_stop
for f in "$card" "$cmb"; do
	check "$f has all of its memory back" wait_for 10 \
		cmp -s "/sys/bus/pci/devices/$f/p2pmem/available" "/run/available.$f"
done
done_testing
