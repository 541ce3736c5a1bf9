#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# serve.sh: the demo's first boot. Exports the drive over RDMA, with peer memory or without
# (p2pmem.demo=p2p or control on the kernel's command line), creates an ext4 file system from the
# initiator, copies the source to it, reads it with cold caches, and removes the target.
#
# Files for the host: counters (of nvmet and the adapter, at two times), tree (the PCI functions and
# their roles) and back.sha256 (hashes of the data read). Marks in QEMU's trace:
# 1 the port is about to open, 2 the initiator is connected and quiet, 3 it is disconnected.

# shellcheck disable=SC1091,SC2154	# in the guest
. /lib/p2pmem.sh
. /lib/e2e.sh

nqn=nqn.2024-01.org.example:p2pmem-demo

# nvme-cli identifies every drive of the machine at connect and at disconnect, which would be
# counted. Therefore use the kernel's interface directly.
connect()
{
	host=$(cat /etc/nvme/hostnqn) id=$(cat /etc/nvme/hostid)
	write_attr /dev/nvme-fabrics "transport=rdma,traddr=10.0.0.1,trsvcid=4420,nqn=$nqn,hostnqn=$host,hostid=$id"
}

disconnect()
{
	controller=${remote#/dev/}
	write_attr "/sys/class/nvme/${controller%n*}/delete_controller" 1
}

# All of these steps are needed by later ones
must()
{
	must_name=$1
	shift
	if must_out=$("$@" 2>&1); then
		ok "$must_name"
	else
		bail "$must_name: '$*' failed: $must_out"
	fi
}

# quiet FILE REGEX: waits until the matching lines of a file do not change for a while
quiet()
{
	quiet_left=40
	until quiet_a=$(grep -E "$2" "$1") && sleep 0.6 && [ "$quiet_a" = "$(grep -E "$2" "$1")" ]; do
		quiet_left=$((quiet_left - 1))
		[ $quiet_left -gt 0 ] || return 1
	done
}

# Records the minimum of the provider's free bytes until /run/sampled exists
sample()
{
	mkfifo /run/never
	low=$1 samples=0 below=0
	while [ ! -e /run/sampled ]; do
		read -r now <"$available"
		samples=$((samples + 1))
		[ "$now" -ge "$1" ] || below=$((below + 1))
		[ "$now" -ge "$low" ] || low=$now
		# pause without starting a process
		# shellcheck disable=SC3045,SC2034	# busybox
		read -r -t 0.03 nothing <>/run/never
	done
	report provider_available_during "$low"
	report provider_samples "$samples"
	report provider_samples_below "$below"
	touch /run/sampling.done
}

# Prints for every PCI function: BDF, BDF above it, vendor:device, class, port type, driver, role
tree()
{
	for f in /sys/bus/pci/devices/*; do
		bdf=${f##*/} role=- type=-
		above=$(readlink -f "$f/..")
		read -r class <"$f/class"
		case $class in 0x0604*) type=$(setpci -s "$bdf" CAP_EXP+2.w) ;; esac
		case $bdf in
		"$drive")	role=drive ;;
		"$card")	role=provider ;;
		"$adapter")	role=adapter ;;
		"$source_bdf")	role=source ;;
		esac
		driver=$(pci_driver "$bdf")
		echo "$bdf ${above##*/} $(cat "$f/vendor"):$(cat "$f/device") $class ${type:--} ${driver:--} $role"
	done
}

mode=$(tr ' ' '\n' </proc/cmdline | sed -n 's/^p2pmem.demo=//p')
card=$(pci_cards 1)
drive=$(pci_drives 1)
adapter=$(pci_adapters 1)
source_bdf=$(pci_at 05.0)
case $mode in
p2p)		peer=$card ;;
control)	peer=0 ;;
*)		bail "invalid p2pmem.demo=$mode, expected p2p or control" ;;
esac

must "modules load" load_modules virtio_pci p2pmem-bar nvme virtio_blk ext4
must "the card $card lends its memory" pci_bind "$card" p2pmem-bar
available=/sys/bus/pci/devices/$card/p2pmem/available
must "the source is mounted" mount -t ext4 -o ro /dev/vda /mnt
must "network device" net_setup
must "adapter and target load" load_modules p2pmem_rnic:netdev=p2pnet0 nvmet-rdma nvme-rdma
adapter_stats=$(echo /sys/kernel/debug/p2pmem_rnic/*/stats)
must "the drive $drive is there" wait_for 20 nvme_disk demo
disk=$(nvme_disk demo)
# the partition scan has ended when data was read and no more reads follow
must "the drive's probe has ended" quiet "/sys/class/block/${disk##*/}/stat" '^ *[1-9]'

must "namespace on $disk, p2pmem=$peer" nvmet_subsystem $nqn
# no self-test, because every byte is counted, and transfers must not wait for the end of a test
must "namespace enabled" nvmet_namespace $nqn 1 "$disk" "p2pmem=$peer" p2pmem_verify=off
must "port without inline data" nvmet_port 1 rdma 10.0.0.1 4420 0
is "$(cat "$nvmet"/ports/1/param_inline_data_size)" 0 "param_inline_data_size is 0"

tree >/run/tree
put_file /run/tree
report provider "$card"
report provider_bar_start "$(pci_bar_start "$card" 2)"
report provider_bar_size "$(pci_bar_size "$card" 2)"
report provider_size "$(cat "/sys/bus/pci/devices/$card/p2pmem/size")"
report provider_available_before "$(cat "$available")"

trace_mark 1
must "port opens" nvmet_link 1 $nqn
must "initiator connects" connect
remote=$(nvme_host_disk $nqn)
must "initiator's disk $remote" test -b "$remote"
must "the initiator's partition scan has ended" quiet "/sys/class/block/${remote##*/}/stat" '^ *[1-9]'
must "the initiator sends no more requests" quiet "$adapter_stats" ^rdma
e2e_counters connected $nqn 1 "$card" "$drive" "$adapter" >>/run/counters
trace_mark 2

sample "$(cat "$available")" &
# without discard, whose list of ranges is not payload but is in system memory
must "mkfs.ext4 on $remote" mkfs.ext4 -q -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 "$remote"
must "mounted" mkdir -p /served
must "mounted on the initiator" mount -t ext4 "$remote" /served
must "files are copied" cp -a /mnt/usr /served/
must "written" sync
must "unmounted, so that no data stays in memory" umount /served
must "caches dropped" drop_caches
must "mounted again" mount -t ext4 -o ro "$remote" /served
# use the list of the source, so that missing files are errors
(cd /served && sed 's/^[0-9a-f]*  //' /extra/payload.sha256 | xargs sha256sum) >/run/back.sha256 2>/run/back.errors
diag "$(head -n 5 /run/back.errors)"
is "$(diff /extra/payload.sha256 /run/back.sha256 | grep -c '^[<>]')" 0 "every file read with cold caches equals its source"
must "unmounted" umount /served
touch /run/sampled
must "sampling ended" wait_for 10 test -e /run/sampling.done
must "initiator disconnects" disconnect
trace_mark 3
e2e_counters end $nqn 1 "$card" "$drive" "$adapter" >>/run/counters
report provider_available_after "$(cat "$available")"
put_file /run/counters
put_file /run/back.sha256

must "the source is unmounted" umount /mnt
must "the target is removed" nvmet_remove_all
done_testing
