# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# The second boot: our modules drive the machine. The target is configured by hand and saved.
. ./lib.sh
plan 20

is "$running" "$OLDER" "the same kernel is running"
check "our nvme carries the root file system" carries_root '*/updates/p2pmem*/nvme.ko'
for m in p2pdma ib_core nvmet nvmet-rdma p2pmem-bar; do
	check "the loaded $m is ours" loaded "$m" "*/updates/p2pmem*/$m.ko"
done
is "$(failed_units)" "" "no unit has failed"
is "$(systemctl is-active p2pmem-boot.service)" active "the check at boot has run"
is "$(said_by p2pmem-boot.service)" "" "and has nothing to say"
check "p2pmem-modules status finds nothing wrong" p2pmem-modules status
check "the command p2pmem lists who lends memory" p2pmem list
is "$(cat "/sys/bus/pci/devices/$(card)/p2pmem/published")" 1 "udev has bound the card, and its memory is lent"
is "$(cat "/sys/bus/pci/devices/$(pci_of root0)/p2pmem/published")" 1 "the drive with the root file system lends its CMB"
is "$(cat /sys/module/nvme/parameters/use_cmb_sqes)" N "submission queues stay in RAM"

configure()
{
	modprobe -a nvmet nvmet-rdma nvmet-tcp || return 1
	s=$nvmet/subsystems/$NQN
	mkdir "$s" "$s/namespaces/1" || return 1
	echo 1 >"$s/attr_allow_any_host"
	echo "/dev/disk/by-id/$(cd /dev/disk/by-id && echo nvme-*plain0 | cut -d ' ' -f 1)" >"$s/namespaces/1/device_path"
	card >"$s/namespaces/1/p2pmem" || return 1
	echo 1 >"$s/namespaces/1/enable" || return 1
	port 1 rdma 10.0.0.1 && port 2 tcp 127.0.0.1
}

port()
{
	p=$nvmet/ports/$1
	mkdir "$p" || return 1
	echo "$2" >"$p/addr_trtype"
	echo ipv4 >"$p/addr_adrfam"
	echo "$3" >"$p/addr_traddr"
	echo 4420 >"$p/addr_trsvcid"
	# by TCP the data of the command Connect is always inside the capsule
	[ "$2" = tcp ] || echo 0 >"$p/param_inline_data_size"
	ln -s "$nvmet/subsystems/$NQN" "$p/subsystems/$NQN"
}

check "the target is configured by hand" configure
modprobe nvme-rdma nvme-tcp
check "data goes through peer memory" peer_io
mkdir -p /etc/nvmet
check "nvmetcli saves" nvmetcli save /etc/nvmet/config.json
check "p2pmem nvmet saves" p2pmem nvmet save
check "both are restored at boot from now on" systemctl enable p2pmem-nvmet.service
