# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# The fifth boot: the newer kernel with our modules. The packages are removed.
. ./lib.sh
plan 11

is "$running" "$NEWER" "the newer kernel is running"
check "our nvme carries the root file system" carries_root '*/updates/p2pmem*/nvme.ko'
is "$(failed_units)" "" "no unit has failed"
is "$(said_by p2pmem-boot.service)" "" "the check at boot has nothing to say"
modprobe nvme-rdma
check "the restored target uses peer memory" peer_io
nvmetcli clear
# shellcheck disable=SC2016	# dpkg-query expands it
check "apt purges all packages" sh -c 'apt-get purge -y $(dpkg-query -W -f "\${Package}\n" "p2pmem*")'
for r in "$OLDER" "$NEWER"; do
	check "modprobe would load the distribution's modules of $r" distribution "$r"
	check "the initramfs of $r has the distribution's nvme" in_initramfs "$r" kernel/drivers/nvme
done
is "$(find /lib/modules /etc /usr -path '*p2pmem*' ! -name p2pmem_rnic.ko ! -path /etc/nvmet/p2pmem.json 2>/dev/null)" "" "nothing of them is left"
