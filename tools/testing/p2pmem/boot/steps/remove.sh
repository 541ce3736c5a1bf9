# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# The fifth boot: the newer kernel with our modules. The packages are removed.
. ./lib.sh
plan 11

newer_serves
nvmetcli clear
# shellcheck disable=SC2016	# dpkg-query expands it
check "apt purges all packages" sh -c 'apt-get purge -y $(dpkg-query -W -f "\${Package}\n" "p2pmem*")'
for r in "$OLDER" "$NEWER"; do
	check "modprobe would load the distribution's modules of $r" distribution "$r"
	check "the initramfs of $r has the distribution's nvme" in_initramfs "$r" kernel/drivers/nvme
done
is "$(find /lib/modules /etc /usr -path '*p2pmem*' ! -name p2pmem_rnic.ko ! -path /etc/nvmet/p2pmem.json 2>/dev/null)" "" "nothing of them is left"
