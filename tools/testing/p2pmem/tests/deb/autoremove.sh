# SPDX-License-Identifier: GPL-2.0-only
#
# For inside.sh: packages of two releases, each installed by the commands that the README and deb.sh name. apt may
# remove those of the older one with its kernel, and keeps those of the newest.
# shellcheck shell=sh disable=SC2154	# KVER and the functions are those of inside.sh

# The installed kernels are OLDER, KVER, NEXT and LATER. apt protects the two newest, and the running one, which is none
# of them.
echo 'APT::Get::Assume-Yes "true";' >/etc/apt/apt.conf.d/90-yes

# pasted FILE: the commands in it
pasted()
{
	cat "$1"
	[ -s "$1" ] && sh -e "$1" </dev/null
}

# offered: what apt would remove is the older release, and its kernel; not what p2pmem needs
offered()
{
	apt-get -s autoremove >/debs/would 2>&1
	grep '^Remv .*\(p2pmem\|linux-image\)' /debs/would
	grep -q "^Remv p2pmem-modules-$OLDER " /debs/would && grep -q "^Remv linux-image-$OLDER " /debs/would &&
		! grep '^Remv \(p2pmem\|p2pmem-modules\|p2pmem-modules-'"$KVER"'\|linux-image-'"$KVER"'\) ' /debs/would
}

# kept: what apt would remove is nothing of ours
kept()
{
	apt-get -s autoremove >/debs/would 2>&1
	! grep '^Remv p2pmem' /debs/would
}

check "apt: four kernels" dpkg -i /debs/image-older.deb /debs/image-later.deb
check "which nobody wants for themselves" apt-mark auto "linux-image-$OLDER" "linux-image-$KVER"
check "apt: the README installs the packages of the oldest" pasted /debs/readme
check "which apt keeps" kept
check "apt: what deb.sh says installs those of another one" pasted /debs/to-install
check "our modules are used" ours
check "apt autoremove removes those of the oldest, with its kernel, and no others" offered
check "and purged" dpkg --purge p2pmem p2pmem-modules "p2pmem-modules-$KVER" "p2pmem-modules-$OLDER" "linux-image-$OLDER" "linux-image-$LATER"
check "the distribution's modules are used" distribution
rm /etc/apt/apt.conf.d/90-yes
