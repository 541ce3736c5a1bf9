# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# The third boot: systemd has restored the target. A newer kernel is installed, without packages of ours.
. ./lib.sh
plan 9

check "our nvme carries the root file system" carries_root '*/updates/p2pmem*/nvme.ko'
is "$(failed_units)" "" "no unit has failed"
is "$(systemctl is-active p2pmem-nvmet.service)" active "nvmetcli and p2pmem nvmet have restored the target"
is "$(cat "$nvmet/subsystems/$NQN"/namespaces/1/enable) $(cat "$nvmet/subsystems/$NQN"/namespaces/1/p2pmem)" "1 $(card)" "with its provider"
is "$(cat "$nvmet"/ports/*/addr_trtype | tr '\n' ' ')" "rdma tcp " "and its ports"
modprobe nvme-rdma
check "data goes through peer memory" peer_io

check "dpkg installs linux-image-$NEWER" dpkg -i linux-image-"$NEWER"_*.deb
cp log said
is "$(grep -c "kernel $NEWER has no p2pmem modules" said)" 1 "one line says that it has no p2pmem modules"
grep "no p2pmem modules" said | sed 's/^/# /' >&3
check "its initramfs has the distribution's nvme" in_initramfs "$NEWER" kernel/drivers/nvme

# a real adapter's driver comes with the kernel
mkdir -p "/lib/modules/$NEWER/extra"
cp p2pmem_rnic.ko "/lib/modules/$NEWER/extra/"
depmod "$NEWER"
