#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What "make deb" leaves to build from: the archive of a release's grafted sources, and the package for
# DKMS. Prints TAP.
#
# sources.sh BUILD_DIR
set -eu

# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
[ -n "$KIMAGE" ] || skip_all deb-sources "KIMAGE is not set: no image that packages could depend on"
[ -e "$BUILD/kernel/version" ] || skip_all deb-sources "KDIR= is set: no image package that packages could depend on"
# the compiler of that kernel, where it is not this machine's
[ -z "${KPATH:-}" ] || PATH=$KPATH:$PATH
modules="p2pdma p2pmem-bar ib_core nvme nvmet nvmet-rdma"
rm -rf "$work/built"

# text MODULE: its machine code
text()
{
	objcopy -O binary -j .text "$1" /dev/stdout
}

# The same modules from the archive of sources: their code and the versions of exports
rebuilds()
{
	rm -rf "$work/source"
	mkdir "$work/source"
	tar -C "$work/source" -xf "$work/built/p2pmem-source-$KVER.tar.xz"
	s=$work/source/p2pmem-source-$KVER
	"$s/build.sh" "$KDIR" >"$work/source/log" 2>&1 || { tail -n 20 "$work/source/log"; return 1; }
	for m in $modules; do
		new=$(find "$s" -name "$m.ko")
		# the whole files have the paths of their builds in them
		text "$new" >"$work/source/new"
		text "$BUILD/stock/$KVER/modules/$m.ko" >"$work/source/built"
		[ -s "$work/source/new" ] && cmp "$work/source/new" "$work/source/built" || return 1
		[ "$(modinfo -F vermagic "$new")" = "$(modinfo -F vermagic "$BUILD/stock/$KVER/modules/$m.ko")" ] || return 1
	done
	grep -v 'tools/testing\|/samples/' "$BUILD/stock/$KVER/modules/Module.symvers" | cut -f 1,2 | sort >"$work/source/was"
	cut -f 1,2 "$s/Module.symvers" | sort | diff "$work/source/was" -
}

dkms_builds()
{
	rm -rf "$work/dkms"
	mkdir -p "$work/dkms/tree"
	dpkg-deb -x "$work/built"/p2pmem-dkms_*.deb "$work/dkms"
	# kernels that no test has passed on yet, too
	sed -i '/^BUILD_EXCLUSIVE_KERNEL=/d' "$work"/dkms/usr/src/p2pmem-*/dkms.conf
	v=$(dpkg-deb -f "$work/built"/p2pmem-dkms_*.deb Version)
	set -- --dkmstree "$work/dkms/tree" --sourcetree "$work/dkms/usr/src" -m p2pmem -v "$v"
	if ! dkms add "$@" || ! dkms build "$@" -k "$KVER" --kernelsourcedir "$KDIR"; then
		cat "$work/dkms/tree/p2pmem/$v/build/make.log"
		return 1
	fi
	find "$work/dkms/tree" -name '*.ko*'
	[ "$(find "$work/dkms/tree" -path '*/module/*' -name '*.ko*' | wc -l)" = 2 ]
}

check "the packages build" "$top/tools/packaging/deb.sh" "$BUILD" "$work/built"
check "the sources in the archive build the same modules" rebuilds
check "DKMS builds p2pdma and p2pmem-bar" dkms_builds
rm -rf "$work/source" "$work/dkms"
echo "1..$n"
[ $failed = 0 ]
