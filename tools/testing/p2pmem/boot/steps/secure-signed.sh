# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# The second boot with Secure Boot: the kernel has loaded our signed modules.
. ./lib.sh
plan 13

is "$(mokutil --sb-state 2>&1)" "SecureBoot enabled" "Secure Boot is on"
is "$(grep -o '\[[a-z]*\]' /sys/kernel/security/lockdown)" "[integrity]" "the kernel is locked down"
check "our nvme carries the root file system" carries_root '*/updates/p2pmem*/nvme.ko'
is "$(modinfo -F signer nvme)" "p2pmem test ours" "it is signed with our key"
check "the target's modules load" modprobe -a nvmet nvmet-rdma
for m in p2pdma ib_core nvmet nvmet-rdma p2pmem-bar; do
	check "the loaded $m is ours" loaded "$m" "*/updates/p2pmem*/$m.ko"
done
is "$(failed_units)" "" "no unit has failed"
is "$(cat "/sys/bus/pci/devices/$(card)/p2pmem/published")" 1 "the card's memory is lent"
check "p2pmem-modules status finds nothing wrong" p2pmem-modules status
