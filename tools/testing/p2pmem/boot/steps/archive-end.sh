# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# The last boot of the copy: the newer kernel, without the older one.
. ./lib.sh
plan 11

is "$running" "$NEWER" "the newer kernel is running"
check "our nvme carries the root file system" carries_root '*/updates/p2pmem*/nvme.ko'
for m in p2pdma ib_core nvmet nvmet-rdma p2pmem-bar; do
	check "the loaded $m is ours" loaded "$m" "*/updates/p2pmem*/$m.ko"
done
is "$(failed_units)" "" "no unit has failed"
is "$(said_by p2pmem-boot.service)" "" "the check at boot has nothing to say"
check "p2pmem-modules status finds nothing wrong" p2pmem-modules status
modprobe nvme-rdma
check "the restored target uses peer memory" peer_io
