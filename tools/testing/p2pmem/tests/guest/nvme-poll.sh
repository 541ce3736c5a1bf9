#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# nvme-poll.sh: a process polls for completions of a drive whose submission queues are in the CMB.
# The drive is reset, and then reset while the CMB is found changed: its queues move to system
# memory, what they had goes back to the pool, no read fails, and polling goes on. The driver keeps
# pollers out of a queue while it is reset, so the moment between is not provoked here. Topology:
# nvme-cmb.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh

fail=/sys/module/p2pmem_fail/parameters

drive_there()
{
	[ -b "$(nvme_disk cmb0)" ]
}

attr()
{
	cat "/sys/bus/pci/devices/$bdf/p2pmem/$1"
}

reset()
{
	bounded 60 write_attr "/sys/class/nvme/$ctrl/reset_controller" 1 &&
		wait_for 10 grep -q live "/sys/class/nvme/$ctrl/state"
}

# prints the number of reads since boot
reads()
{
	read -r done_reads _ <"/sys/block/${disk#/dev/}/stat"
	echo "$done_reads"
}

reads_grow()
{
	[ "$(reads)" -gt $((reads_before + 20)) ]
}

interrupts()
{
	# vectors of queues with interrupts; a polled queue has none
	awk -v q="${ctrl}q" 'index($NF, q) == 1 { for (i = 2; i < NF; i++) if ($i ~ /^[0-9]+$/) n += $i } END { print n + 0 }' \
		/proc/interrupts
}

# polled NAME COUNT: resets the drive COUNT times; the process must continue to poll after each reset
polled()
{
	for n in $(seq "$2"); do
		check "$1: reset $n" reset
		reads_before=$(reads)
		check "$1: reads continue after reset $n" wait_for 30 reads_grow
	done
}

load_modules p2pdma p2pmem_fail nvme:use_cmb_sqes=1:poll_queues=1 || bail "modules"
wait_for 20 drive_there || bail "drive"
ctrl=$(nvme_ctrl cmb0) disk=$(nvme_disk cmb0) bdf=$(nvme_bdf cmb0)
size=$(attr size)
compare "$(attr available)" -lt "$size" "submission queues are in the CMB"
is "$(cat "/sys/block/${disk#/dev/}/queue/io_poll")" 1 "the disk can be polled"

fio --name=poll --filename="$disk" --ioengine=io_uring --hipri=1 --direct=1 --rw=randread --bs=4k \
	--iodepth=8 --time_based --runtime=600 >/run/fio.log 2>&1 &
poller=$!
reads_before=$(reads)
check "a process polls" wait_for 30 reads_grow
irqs=$(interrupts) reads_before=$(reads)
wait_for 30 reads_grow
is "$(interrupts)" "$irqs" "its reads raise no interrupt"

left=$(attr available)
polled "the CMB stays" 3
is "$(attr available)" "$left" "the queues stay in the CMB"

log_mark
echo 1 >$fail/moved
polled "the CMB moves" 3
compare "$(cat $fail/moved_answers)" -ge 3 "the CMB moved in each reset"
is "$(attr available)" "$size" "the queues have left the CMB"
is "$(log_since | grep -c 'changed since it was registered')" 1 "the move is logged once"
is "$(attr published)" 0 "the CMB is not published"

echo 0 >$fail/moved
polled "the CMB moves back" 2
check "the CMB is published again" wait_for 10 grep -q 1 "/sys/bus/pci/devices/$bdf/p2pmem/published"
is "$(attr available)" "$size" "the queues stay in system memory"

check "the process still polls" kill -0 $poller
kill -INT $poller
wait $poller
check "none of its reads failed" test -z "$(grep -E 'error=|err= *[1-9]' /run/fio.log)"
check "the log has no error" test -z "$(dmesg | grep -E 'error, dev nvme|critical')"
check "nvme can be unloaded" rmmod nvme
check "the core can be unloaded" rmmod p2pmem_fail p2pdma
done_testing
