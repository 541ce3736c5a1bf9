# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# The third boot, of a copy: an archive has the packages of both kernels, and one run of apt upgrades the kernel and
# ours together.
. ./lib.sh
plan 14

# suites NAME...: apt knows these directories of the archive, and no others
suites()
{
	for suite; do
		echo "deb [trusted=yes] file:/run/step/archive/$suite ./"
	done >/etc/apt/sources.list
	rm -f /etc/apt/sources.list.d/*
	apt-get update
}

is "$running" "$OLDER" "the older kernel is running"
check "our nvme carries the root file system" carries_root '*/updates/p2pmem*/nvme.ko'
check "apt reads an archive with the packages of the older kernel" suites older
check "apt installs the metapackage" apt-get -y install p2pmem-modules
# as if that had brought them
apt-mark auto "p2pmem-modules-$OLDER"
check "nothing is to be upgraded" apt-get -y dist-upgrade
is "$(grep -c '^Unpacking' log)" 0 "and nothing is"
check "the archive has the newer kernel and its packages, too" suites older newer
check "apt upgrades" apt-get -y dist-upgrade
cp log said
grep -E '^(Setting up|update-initramfs|p2pmem)' said | sed 's/^/# /' >&3
# shellcheck disable=SC2016	# dpkg-query expands it
is "$(dpkg-query -W -f '${db:Status-Abbrev}' "linux-image-$NEWER" "p2pmem-modules-$NEWER")" "ii ii " "the newer kernel and its modules are installed"
is "$(grep -c "has no p2pmem modules" said)" 0 "nothing says that it has none"
for r in "$OLDER" "$NEWER"; do
	check "modprobe would load ours of $r" ours "$r"
	check "the initramfs of $r has our nvme" in_initramfs "$r" updates/p2pmem
done

# a real adapter's driver comes with the kernel
mkdir -p "/lib/modules/$NEWER/extra"
cp p2pmem_rnic.ko "/lib/modules/$NEWER/extra/"
depmod "$NEWER"
