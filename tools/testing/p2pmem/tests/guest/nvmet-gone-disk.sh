#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# nvmet-gone-disk.sh: the driver of a disk is unbound while a namespace on the disk is enabled, and
# a host connects afterwards. The namespace keeps the disk, but not the disk's parent, which this
# driver frees: KASAN reports any use of it. Topology: virtio-disk.topo.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/tool.sh
. /lib/tool.sh

NQN=nqn.2026-01.test:gone
ns=/sys/kernel/config/nvmet/subsystems/$NQN/namespaces/1

refused()
{
	log_since | sed -n 's/.*nvmet: using system memory for nsid 1 of //p'
}

# of each controller: system memory, with this reason
paths()
{
	cut -d' ' -f2- "$ns/p2pmem_stats/provider"
}

new_disk()
{
	for new in "/sys/bus/pci/devices/$disk"/virtio*/block/*; do
		[ ! -b "/dev/${new##*/}" ] || { echo "${new##*/}" && return; }
	done
	return 1
}

load_modules p2pmem_tool nvmet nvmet-tcp nvme-tcp virtio_pci virtio_blk || bail "modules"
disk=$(pci_at 04.0/00.0)
wait_for 20 test -b /dev/vda || bail "no disk"
net_setup
nvmet_subsystem $NQN || bail "subsystem"
nvmet_namespace $NQN 1 /dev/vda p2pmem=1 || bail "namespace"
nvmet_port 1 tcp || bail "port"
nvmet_link 1 $NQN || bail "link"

# ---- with the disk

log_mark
check "a host connects" nvme_connect tcp $NQN
check "it has a disk" nvme_host_disk $NQN
is "$(paths)" "system not-a-client untested" "the disk's driver is no client"
like "$(refused)" "$disk and .no provider.: not-a-client: .*never a client" "the log names the function, and that it is no client"
check "it disconnects" nvme_disconnect $NQN

# ---- without it

# what the driver and the block layer say of writes that cannot be done
allow 'vda'
pci_unbind "$disk"
check "the disk is gone" wait_for 10 test ! -e /sys/block/vda
is "$(cat "$ns/enable")" 1 "its namespace is enabled"
log_mark
check "a host connects to it" nvme_connect tcp $NQN
is "$(paths)" "system not-a-client untested" "the path has the same reason"
like "$(refused)" "$disk and .no provider.: not-a-client: " "the log names the function"
echo 1 >"/sys/bus/pci/devices/$disk/remove"
pci_rescan
check "the function is there again" wait_for 10 test -e "/sys/bus/pci/devices/$disk"
check "it disconnects again" nvme_disconnect $NQN
must client "$disk"
client=$id
check "a host connects while another function at that address is a client" nvme_connect tcp $NQN
is "$(paths)" "system not-a-client untested" "that function changes nothing"
check "it disconnects once more" nvme_disconnect $NQN

# ---- enabled again

check "the namespace is disabled" write_attr "$ns/enable" 0
# it may have another name: the namespace kept the first one
check "there is a disk again" wait_for 10 new_disk
check "the namespace has that disk" write_attr "$ns/device_path" "/dev/$(new_disk)"
check "the namespace is enabled again" write_attr "$ns/enable" 1
check "a host connects to the other function's disk" nvme_connect tcp $NQN
is "$(paths)" "system no-dma-device untested" "its function is a client"
check "it disconnects from it" nvme_disconnect $NQN
must free "$client"
log_mark
check "a host connects again" nvme_connect tcp $NQN
check "it has a disk again" nvme_host_disk $NQN
like "$(refused)" "$disk and .no provider.: not-a-client: .*never a client" "the log names it again"
done_testing
