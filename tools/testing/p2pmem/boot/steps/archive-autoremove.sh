# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# The boot after it: the newer kernel with our modules. What no package needs any more is removed.
. ./lib.sh
plan 13

# autoremove [OPTION...]
autoremove()
{
	apt-get -y "$@" autoremove
}

# of a kernel that has gone: the index and the test's adapter belong to no package
left_of()
{
	find /boot /usr/lib/p2pmem /var/lib/p2pmem /lib/modules/ \
		\( -name "*$1" -o -name '.p2pmem*' -o -path "*$1/*p2pmem*" -o -path "*$1/kernel/*" \) \
		! -path "/lib/modules/$1" ! -name p2pmem_rnic.ko
}

newer_serves
check "apt-get autoremove" autoremove
check "the older kernel, which apt keeps, keeps its modules" ours "$OLDER"
check "and its initramfs" in_initramfs "$OLDER" updates/p2pmem
# as when there are two newer ones
apt-mark auto "linux-image-$OLDER"
check "apt-get autoremove of the older kernel and its modules" autoremove -o APT::Protect-Kernels=false
sed 's/^/# /' log | grep -E 'Removing|p2pmem|initramfs' >&3
is "$(left_of "$OLDER")" "" "nothing of them is left"
# shellcheck disable=SC2016	# dpkg-query expands it
is "$(dpkg-query -W -f '${db:Status-Abbrev}' p2pmem p2pmem-modules "p2pmem-modules-$NEWER")" "ii ii ii " "ours of the newer kernel are installed"
check "modprobe would load them" ours "$NEWER"
check "the initramfs has our nvme" in_initramfs "$NEWER" updates/p2pmem
