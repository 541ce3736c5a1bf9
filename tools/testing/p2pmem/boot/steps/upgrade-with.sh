# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# The fourth boot: the newer kernel without p2pmem. Its packages are installed.
. ./lib.sh
plan 12

is "$running" "$NEWER" "the newer kernel is running"
check "the distribution's nvme carries the root file system" carries_root '*/kernel/drivers/nvme/*'
said_by p2pmem-boot.service >said
is "$(grep -c "kernel $NEWER has no p2pmem modules.*install p2pmem-modules-$NEWER.*or boot $OLDER" said),$(grep -c . said)" 1,1 \
	"one line says that it has no p2pmem modules, and what to do"
sed 's/^/# /' said >&3
is "$(systemctl is-failed p2pmem-boot.service)" failed "and the check at boot is a failed unit"
say "# failed: $(failed_units)"
said_by p2pmem-nvmet.service | sed 's/^/# p2pmem-nvmet: /' >&3
is "$(cat "$nvmet/subsystems/$NQN"/namespaces/1/enable)" 1 "the namespace is exported all the same"
is "$(cat "$nvmet"/ports/*/addr_trtype | tr '\n' ' ')" "rdma tcp " "at both ports"
modprobe -a nvme-tcp nvme-rdma
check "data goes through system memory, by RDMA" through rdma 10.0.0.1
check "and by TCP" through tcp 127.0.0.1
check "apt installs p2pmem-modules-$NEWER" apt-get install -y ./p2pmem-modules-"$NEWER"_*.deb
check "modprobe would load ours" ours "$NEWER"
check "the initramfs has our nvme" in_initramfs "$NEWER" updates/p2pmem
check "the older kernel keeps its own" ours "$OLDER"
