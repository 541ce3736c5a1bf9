#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# nvmetcli.sh: tests a persistent configuration of the NVMe target. The kernel parameter
# nvmetcli.phase selects the test:
#
#   save      configure, check that nvmetcli alone loses the p2pmem attributes and that nvmetcli-p2pmem
#             keeps them (save, clear, restore, read), and send the file to the host
#   restore   after a boot, restore that file without and with the provider, and transfer data
#
# /extra/root has Python and nvmetcli (tests/nvmetcli/run.sh). Topology: nvmet-attribute.topo.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh

NQN=nqn.2026-01.test:survives
sub=/sys/kernel/config/nvmet/subsystems/$NQN
phase=$(sed -n 's/.*nvmetcli\.phase=\([a-z]*\).*/\1/p' /proc/cmdline)
root=/extra/root
export PATH="$PATH:$root/usr/bin" PYTHONHOME=$root/usr PYTHONPATH=$root/usr/lib/python3/dist-packages
export LD_LIBRARY_PATH=$root/lib PYTHONDONTWRITEBYTECODE=1 HOME=/run

alone()
{
	"$root/usr/bin/python3" "$root/usr/bin/nvmetcli" "$@"
}

ours()
{
	"$root/usr/bin/python3" "$root/usr/bin/nvmetcli-p2pmem" "$@"
}

# prints the namespaces, one in each line: "NSID p2pmem prefer verify enabled"
namespaces()
{
	for d in "$sub"/namespaces/*; do
		# shellcheck disable=SC2046	# one line is meant
		[ ! -d "$d" ] || echo "${d##*/}" $(cat "$d/p2pmem" "$d/p2pmem_prefer" "$d/p2pmem_verify" "$d/enable")
	done
}

# The name of a drive may change after a boot. The configuration has a constant name, like those in
# /dev/disk/by-id.
drives()
{
	wait_for 20 nvme_disk plain0 || bail "no drive"
	ln -s "$(nvme_disk plain0)" /dev/plain0
}

configure()
{
	nvmet_subsystem $NQN
	nvmet_namespace $NQN 1 /dev/plain0 "p2pmem=$near" p2pmem_prefer=most-free p2pmem_verify=off
	nvmet_namespace $NQN 2 /dev/ram0 p2pmem=1 p2pmem_prefer=same-node p2pmem_verify=require
	nvmet_namespace $NQN 3 /dev/ram1
	nvmet_namespace $NQN 4 /dev/ram2 p2pmem=1 enable=0
	nvmet_port 1 rdma 10.0.0.1 4420 0
	nvmet_link 1 $NQN
}

adapter()
{
	net_setup
	modprobe p2pmem_rnic netdev=p2pnet0 || bail "adapter"
	load_modules nvmet-rdma nvme-rdma || bail "modules"
}

near=$(pci_at 04.0/00.0/02.0/00.0)
wanted="1 $near most-free off 1
2 1 same-node require 1
3 0 nearest auto 1
4 1 nearest auto 0"

phase_save()
{
	load_modules nvme nvmet p2pmem_bar brd:rd_nr=3:rd_size=16384 || bail "modules"
	drives
	pci_bind "$near" p2pmem-bar || bail "card"
	adapter
	configure
	is "$(namespaces)" "$wanted" "four namespaces are configured"

	check "nvmetcli alone: save" alone save /run/alone.json
	check "nvmetcli alone: clear" alone clear
	is "$(namespaces)" "" "nvmetcli alone: no namespace is left"
	check "nvmetcli alone: restore" alone restore /run/alone.json
	is "$(cat "$sub/namespaces/1/p2pmem" "$sub/namespaces/1/enable" | tr '\n' ' ')" "0 1 " \
		"nvmetcli alone: the namespace is enabled without peer memory"

	alone clear
	configure
	check "nvmetcli-p2pmem: save" ours save /run/config.json
	check "nvmetcli-p2pmem: clear" ours clear
	is "$(namespaces)" "" "nvmetcli-p2pmem: no namespace is left"
	check "nvmetcli-p2pmem: restore" ours restore /run/config.json
	is "$(namespaces)" "$wanted" "nvmetcli-p2pmem: all attributes are restored"
	is "$(readlink "/sys/kernel/config/nvmet/ports/1/subsystems/$NQN" | sed 's|.*/||')" $NQN \
		"nvmetcli-p2pmem: the port exports the subsystem"

	# the shell's commands support them, too
	check "the shell disables a namespace" ours "/subsystems/$NQN/namespaces/2" disable
	check "the shell sets an attribute" ours "/subsystems/$NQN/namespaces/2" set p2pmem prefer=nearest
	is "$(cat "$sub/namespaces/2/p2pmem_prefer")" nearest "it is set"
	like "$(ours "/subsystems/$NQN/namespaces/1" get p2pmem provider)" "$near" "the shell shows an attribute"

	# nvmetcli alone reads a file with them and ignores them
	ours clear
	check "nvmetcli alone restores a file of nvmetcli-p2pmem" alone restore /run/config.json
	is "$(namespaces | awk '{ print $1, $NF }' | tr '\n' ' ')" "1 1 2 1 3 1 4 0 " "with all namespaces"
	put_file /run/config.json
}

phase_restore()
{
	file=/extra/config.json
	# the target is not loaded yet
	load_modules nvme p2pmem_bar brd:rd_nr=3:rd_size=16384 || bail "modules"
	drives
	adapter
	allow 'nsid 1 of .* choose a function that has p2pmem/published 1'

	# without the provider
	ours restore $file >/run/said 2>&1
	is $? 1 "without the provider: restore fails"
	diag "$(cat /run/said)"
	like "$(cat /run/said)" "namespaces/1/p2pmem to $near: No such device" "the attribute is reported"
	like "$(cat /run/said)" "namespaces/1 stays disabled" "it reports that the namespace stays disabled"
	is "$(namespaces)" "1 0 most-free off 0
2 1 same-node require 1
3 0 nearest auto 1
4 1 nearest auto 0" "the other namespaces are restored"

	# with a provider that appears late
	ours clear
	(sleep 4; pci_bind "$near" p2pmem-bar) &
	check "with a provider that appears late: restore" ours restore $file
	wait
	is "$(namespaces)" "$wanted" "all attributes are as before the boot"

	dd if=/dev/urandom of=/dev/shm/data bs=64k count=64 status=none
	nvme_connect rdma $NQN >/dev/null || bail "no connection"
	disk=$(nvme_host_disk $NQN) || bail "no disk"
	check "data is written" dd if=/dev/shm/data of="$disk" bs=64k oflag=direct
	dd if="$disk" of=/dev/shm/back bs=64k count=64 iflag=direct status=none
	is "$(checksum /dev/shm/back)" "$(checksum /dev/shm/data)" "the same data is read"
	compare "$(cat "$sub/namespaces/1/p2pmem_stats/peer_bytes")" -ge $((8 * 1024 * 1024)) "peer memory was used"
	is "$(cat "$sub/namespaces/1/p2pmem_stats/fallbacks")" 0 "no fallback"
	nvme_disconnect $NQN >/dev/null
}

case $phase in
save | restore)	"phase_$phase" ;;
*)		bail "invalid nvmetcli.phase '$phase', expected save or restore" ;;
esac
done_testing
