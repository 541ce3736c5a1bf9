# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# The README's section "Install", whose first line ran on another machine.
. ./lib.sh
. ./readme.sh
plan 2

check "install: $(grep '^apt ' readme/install-1)" pasted install-1 '/^apt/!d'
cat log
check "modprobe would load ours" ours "$running"
mkdir -p "/lib/modules/$running/extra"
cp p2pmem_rnic.ko "/lib/modules/$running/extra/"
depmod "$running"
echo p2pmem_rnic >>/etc/modules-load.d/boot.conf
