# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2154	# the names that are said below
#
# For install.sh and the package's preinst, which define "modules", "moddir" and die().

# Other packages (vendors' RDMA stacks, DKMS) install modules of these names too. "no_rivals upgrade" refuses
# only those that modprobe prefers to the set in use in kernel "release".
no_rivals()
{
	for m in $modules; do
		if [ "$1" = upgrade ]; then
			case $(modinfo -k "$release" -n "$m" 2>/dev/null || true) in */updates/p2pmem/* | */updates/p2pmem-b/*) continue ;; esac
		fi
		rival=$(find "$moddir/updates" "$moddir/extra" "$moddir/weak-updates" \
			-path "$moddir/updates/p2pmem" -prune -o -path "$moddir/updates/p2pmem-b" -prune -o \
			\( -name "$m.ko" -o -name "$m.ko.*" \) -print 2>/dev/null | head -n 1)
		[ -z "$rival" ] ||
			die "$rival replaces $m already: remove the package that installed it, or do without p2pmem"
	done
}
