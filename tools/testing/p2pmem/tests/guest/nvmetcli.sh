#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# nvmetcli.sh: tests a persistent configuration of the NVMe target. The kernel parameter
# nvmetcli.phase selects the test:
#
#   save      configure, see that nvmetcli loses the p2pmem attributes and that "p2pmem nvmet"
#             restores them, and send both files to the host
#   restore   a machine that has just booted, with these files: restore them before and after the
#             provider is there, and move data through it
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

# nvmetcli starts with PYTHONHOME and libraries of its own; the command needs none of that
ours()
{
	env -u LD_LIBRARY_PATH "$root/usr/bin/p2pmem" nvmet "$@"
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
	check "nvmetcli saves" alone save /run/config.json
	check "p2pmem nvmet saves" ours save /run/p2pmem.json
	check "nvmetcli clears" alone clear
	is "$(namespaces)" "" "nothing is left"
	check "nvmetcli restores" alone restore /run/config.json
	check "p2pmem nvmet restores" ours restore --force /run/p2pmem.json
	is "$(namespaces)" "$wanted" "every attribute is as it was, and every namespace enabled that was"
	is "$(readlink "/sys/kernel/config/nvmet/ports/1/subsystems/$NQN" | sed 's|.*/||')" $NQN \
		"the port exports the subsystem"
	check "p2pmem nvmet restores once more" ours restore --force /run/p2pmem.json
	is "$(namespaces)" "$wanted" "which changes nothing"
	alone clear
	refuses "p2pmem nvmet restores where no namespace is" "no namespace 1" ours restore --force /run/p2pmem.json
	put_file /run/config.json
	put_file /run/p2pmem.json
}

phase_restore()
{
	file=/extra/p2pmem.json
	# nobody has loaded the target
	load_modules nvme p2pmem_bar brd:rd_nr=3:rd_size=16384 || bail "modules"
	drives
	adapter
	allow 'nsid 1 of .* choose a function that has p2pmem/published 1'

	alone restore /extra/config.json || bail "nvmetcli"

	# the provider does not come
	ours restore --force $file >/run/said 2>&1
	is $? 1 "without the provider: restore fails"
	diag "$(cat /run/said)"
	like "$(cat /run/said)" "namespace 1 of .* uses system memory: its provider $near is refused [(]No such device" "it says which provider"
	is "$(namespaces)" "1 0 most-free off 1
2 1 same-node require 1
3 0 nearest auto 1
4 1 nearest auto 0" "all else is restored, and that namespace serves its drive"

	# the provider comes late
	(sleep 4; pci_bind "$near" p2pmem-bar) &
	check "with a provider that appears late: restore" ours restore --force $file
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
