# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# For tests that make a Debian system with debootstrap. Source it.

# debian_settle ROOT SUITE MIRROR SECURITY: lets programs run and install packages in the new system ROOT,
# in a mount namespace of the caller: archives, resolver, proc, sysfs and devices as a container has them
debian_settle()
{
	cat >"$1/etc/apt/sources.list" <<-E
		deb $3 $2 main
		deb $3 $2-updates main
		deb $4 $2-security main
	E
	cp /etc/resolv.conf "$1/etc/resolv.conf"
	# packages start no services
	printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
	chmod +x "$1/usr/sbin/policy-rc.d"
	mount -t proc proc "$1/proc"
	mount -t sysfs -o ro sysfs "$1/sys"
	mount -t tmpfs -o mode=755 dev "$1/dev"
	for d in null zero full random urandom; do
		: >"$1/dev/$d"
		mount --bind "/dev/$d" "$1/dev/$d"
	done
	ln -s /proc/self/fd "$1/dev/fd"
}
