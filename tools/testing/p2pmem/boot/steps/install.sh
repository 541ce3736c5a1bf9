# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# The first boot: the distribution's system, in which the packages are installed.
. ./lib.sh
plan 8

is "$running" "$OLDER" "the kernel of the image is running"
check "the distribution's nvme carries the root file system" carries_root '*/kernel/drivers/nvme/*'
is "$(failed_units)" "" "no unit has failed"

check "apt installs p2pmem-modules-$OLDER and p2pmem" apt-get install -y ./p2pmem-modules-"$OLDER"_*.deb ./p2pmem_*.deb
cat /run/step/log
check "modprobe would load ours" ours "$OLDER"
check "the initramfs has our nvme" in_initramfs "$OLDER" updates/p2pmem
is "$(failed_units)" "" "no unit has failed since"
check "the distribution's nvme is loaded until the next boot" sh -c "
	[ \$(cat /sys/module/nvme/srcversion) = \$(modinfo -F srcversion /lib/modules/$OLDER/kernel/drivers/nvme/host/nvme.ko*) ]"

# the test's adapter, and which card is to be lent
mkdir -p "/lib/modules/$OLDER/extra"
cp p2pmem_rnic.ko "/lib/modules/$OLDER/extra/"
depmod "$OLDER"
printf '%s\n' nvmet-rdma p2pmem_rnic >>/etc/modules-load.d/boot.conf
echo 'SUBSYSTEM=="pci", ATTR{vendor}=="0x1af4", ATTR{device}=="0x1110", ENV{P2PMEM_BAR}="1"' >/etc/udev/rules.d/50-card.rules
