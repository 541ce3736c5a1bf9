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

# packages_again: make deb of the two archives alone, in a build directory that has nothing, makes the same package of
# modules, and no other
packages_again()
{
	rm -rf "$work/again" "$work/empty"
	was=$(echo "$work/built/p2pmem-modules-${KVER}"_*.deb)
	env -u KERNEL -u RELEASE -u KDIR SOURCES="$work/built/p2pmem-source-$KVER.tar.xz" KIMAGE="$KIMAGE" VERSION="${1:-}" \
		SHARED_BUILD="$BUILD" "$top/tools/packaging/deb.sh" "$work/empty" "$work/again" || return 1
	for f in "$work/built"/p2pmem-headers-*.tar.xz; do
		cmp "$f" "$work/again/${f##*/}" || return 1
	done
	new=$(echo "$work/again"/*.deb)
	old=$(dpkg-deb -f "$was" Version)
	cmp "$work/built/p2pmem-source-$KVER.tar.xz" "$work/again/p2pmem-source-$KVER.tar.xz" || return 1
	if [ -z "${1:-}" ]; then
		dpkg --compare-versions "$(dpkg-deb -f "$new" Version)" gt "$old" || { echo "not newer"; return 1; }
		return
	fi
	[ "${new##*/}" = "${was##*/}" ] || { echo "$new"; return 1; }
	for f in "$was" "$new"; do
		dpkg-deb -I "$f" control | grep -v '^Installed-Size:' >"$f.control"
		dpkg-deb -c "$f" | awk '{ print $1, $2, $6 }' >"$f.contents"
		dpkg-deb -e "$f" "$f.scripts"
		rm "$f.scripts/control" "$f.scripts/md5sums"
	done
	for part in control contents scripts; do
		diff -r "$was.$part" "$new.$part" || return 1
	done
	dpkg-deb -x "$new" "$work/again/files"
	for m in $modules; do
		text "$work/again/files/usr/lib/p2pmem/$KVER/$m.ko" >"$work/again/new"
		text "$BUILD/stock/$KVER/modules/$m.ko" | cmp - "$work/again/new" || return 1
	done
	# without source or headers of the kernel that is unpacked
	! grep -rl "${KSRC%/*}" "$work/again/work/log"
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
check "and the package of modules again, which is newer for apt" packages_again
check "and which with the same version is the same package" packages_again "$(
	tar -xOf "$work/built/p2pmem-source-$KVER.tar.xz" "p2pmem-source-$KVER/VERSION" | sed 's/.*; p2pmem //')"
check "DKMS builds p2pdma and p2pmem-bar" dkms_builds
rm -rf "$work/source" "$work/dkms" "$work/again" "$work/empty"
echo "1..$n"
[ $failed = 0 ]
