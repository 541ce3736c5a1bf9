#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# deb.sh BUILD [OUT]: build Debian packages for the kernel that rig/kernel.sh selects, and the archives of its
# grafted sources and of its headers; or from such an archive the package of its modules again. "make deb" calls it. OUT is another
# directory than BUILD/deb.
#
#   BUILD/deb/*.deb                          p2pmem-modules-RELEASE, p2pmem-modules, p2pmem, p2pmem-dkms
#   BUILD/deb/p2pmem-source-RELEASE.tar.xz   what the modules of RELEASE are built from, see build.sh in it
#   BUILD/deb/p2pmem-headers-RELEASE_IMAGE.tar.xz   the distribution's headers, of its image's version IMAGE
#   BUILD/deb/work/                          the source package that debhelper works in, its log, and the command
#
# Variables:
#   VERSION=          version of p2pmem (default: 1.0 and the time of the last commit)
#   MAINTAINER=       "Name <address>" (default: of MAINTAINERS)
#   SIGN_KEY= SIGN_CERT=  sign the modules with this key and certificate (Secure Boot)
#   SOURCES=          an archive p2pmem-source-RELEASE.tar.xz: the package p2pmem-modules-RELEASE alone, see sources.sh
#
# OUT has the packages of one build, which it says how to install. Those of earlier ones, with their sources, are
# moved to OUT/old, where the name of an archive of sources has the version as well. Runs with different OUT share no
# files that one of them writes, except for the kernel and the modules, which have locks of their own. Installs the
# packages of the file build-depends, and no others.

set -eu
export LC_ALL=C
# the files of the archive of sources have these modes
umask 022

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
rig=$top/tools/testing/p2pmem/rig
mkdir -p "$1"
build=$(cd "$1" && pwd)
mkdir -p "${2:-$build/deb}"
out=$(cd "${2:-$build/deb}" && pwd)
work=$out/work
tree=$work/p2pmem
payload=$tree/payload
modules="p2pdma p2pmem-bar ib_core nvme nvmet nvmet-rdma"

die()
{
	echo "deb: $*" >&2
	exit 1
}
# shellcheck source=tools/packaging/sign.sh
. "$here/sign.sh"
# shellcheck source=tools/packaging/sources.sh
. "$here/sources.sh"

# put SOURCE DESTINATION [MODE]: one file
put()
{
	install -D -m "${3:-0644}" "$1" "$payload/$2"
}

version()
{
	if [ -n "${VERSION:-}" ]; then
		echo "$VERSION"
	else
		date=$(git -C "$top" log -1 --format=%cd --date=format:%y%m%d.%H%M 2>/dev/null) || date=
		echo "1.0${date:+.$date}"
	fi
}

maintainer()
{
	echo "${MAINTAINER:-p2pmem <$(sed -n 's/^L:[[:space:]]*//p' "$top/MAINTAINERS" | head -n 1)>}"
}

# fill FILE: the template with what is known of this kernel
fill()
{
	sed -e "s|@RELEASE@|$KVER|g" -e "s|@RELEASE_NAME@|$name|g" -e "s|@IMAGE_VERSION@|$image|g" \
		-e "s|@MAINTAINER@|$(maintainer)|g" -e "s|@SIGNED@|$signed|g" -e "s|@CERTIFICATE@|$certificate|g" \
		-e "s|@MODULES@|$modules|g" "$1"
}

# a pattern of the series of kernels on which tests of p2pmem-dkms have passed: ^(6[.]1|6[.]12)[.]
tested()
{
	awk -F ' *[|] *' '!/^#/ && NF == 3 && $3 ~ /(^|, )dkms(,|$)/ {
			split($1, v, ".")
			if (!seen[v[1] "." v[2]]++) print v[1] "[.]" v[2]
		}' "$top/tools/graft/known" | sort | paste -sd '|' | sed 's/.*/^(&)[.]/'
}

# insert MARKER FILE: replaces the line @MARKER@ by the functions of a script that others source
insert()
{
	sed '/^#/d' "$here/$2" >"$tree/$2"
	sed -e "/^@$1@\$/{
		r $tree/$2
		d
	}"
}

sign()
{
	[ -n "${SIGN_KEY:-}${SIGN_CERT:-}" ] || return 0
	sign_modules "$1" "$KVER" "$KDIR/scripts/sign-file" "$KIMAGE"/usr/lib/linux-kbuild-*/scripts/sign-file
	signed=yes
	certificate=$(certificate_der "$SIGN_CERT" | base64 -w 0)
}

modules_package()
{
	# dpkg replaces files one by one: not where they are loaded from, see debian/switch.in
	dest=p2pmem-modules-$name/usr/lib/p2pmem/$KVER
	for m in $modules; do
		put "$built/$m.ko" "$dest/$m.ko"
	done
	sign "$payload/$dest"
	fill "$here/debian/switch.in" | insert EXCHANGE exchange.sh >"$payload/$dest/switch"
	chmod 0755 "$payload/$dest/switch"
}

# the same way into /usr for units and tools
tools_package()
{
	flags=$(DEB_BUILD_MAINT_OPTIONS=hardening=+all,-format dpkg-buildflags --get CFLAGS)
	flags="$flags $(dpkg-buildflags --get CPPFLAGS)"
	link=$(DEB_BUILD_MAINT_OPTIONS=hardening=+all dpkg-buildflags --get LDFLAGS)
	make -s -C "$top/tools/pci/p2pmem" O="$work/command" CFLAGS="$flags" LDFLAGS="$link" \
		DESTDIR="$payload/p2pmem" PREFIX=/usr install
	put "$here/p2pmem-modules" p2pmem/usr/bin/p2pmem-modules 0755
	put "$here/nvmet-export" p2pmem/usr/sbin/nvmet-export 0755
	put "$here/p2pmem-modules.8" p2pmem/usr/share/man/man8/p2pmem-modules.8
	put "$here/nvmet-export.8" p2pmem/usr/share/man/man8/nvmet-export.8
	put "$here/debian/kernel-hook" p2pmem/etc/kernel/postinst.d/p2pmem 0755
	put "$here/debian/p2pmem.modprobe" p2pmem/usr/lib/modprobe.d/p2pmem.conf
	put "$here/debian/60-p2pmem.rules" p2pmem/usr/lib/udev/rules.d/60-p2pmem.rules
	for f in "$top"/Documentation/admin-guide/p2pmem.rst "$top"/Documentation/ABI/testing/*p2pm* \
		"$top"/Documentation/ABI/testing/*p2pdma; do
		put "$f" "p2pmem/usr/share/doc/p2pmem/${f##*/}"
	done
	put "$here/README.rst" p2pmem/usr/share/doc/p2pmem/packaging.rst
	for u in p2pmem-boot p2pmem-nvmet nvmet-export; do
		sed 's,/usr/local/,/usr/,' "$here/$u.service" >"$tree/debian/p2pmem.$u.service"
	done
}

dkms_package()
{
	src=$payload/p2pmem-dkms/usr/src/p2pmem-$version
	mkdir -p "$src/drivers/pci/p2pdma" "$src/tools/compat"
	put "$here/debian/build.sh" "p2pmem-dkms/usr/src/p2pmem-$version/build.sh" 0755
	put "$top/Kbuild" "p2pmem-dkms/usr/src/p2pmem-$version/Kbuild"
	cp "$top"/drivers/pci/p2pdma/*.[ch] "$top/drivers/pci/p2pdma/Kconfig" "$src/drivers/pci/p2pdma/"
	cp "$top/drivers/pci/p2pdma/Makefile" "$src/drivers/pci/p2pdma/Makefile"
	cp "$top/tools/compat/set.c" "$src/drivers/pci/p2pdma/"
	printf '%s\n' "ccflags-y += -include \$(P2PMEM_ADAPT)" "p2pdma-y += set.o" >>"$src/drivers/pci/p2pdma/Makefile"
	cp -r "$top/include" "$src/"
	cp -r "$top/tools/compat/." "$src/tools/compat/"
	# what is for the NVMe and RDMA drivers alone
	rm -rf "$src/tools/compat/add" "$src/tools/compat/add-when-there"
	mkdir "$src/tools/compat/add" "$src/tools/compat/add-when-there"
	for r in "$src"/tools/compat/rewrite/*; do
		grep -q '^\(#\|//\) Files:.*\(drivers/pci\|include/\)' "$r" || rm "$r"
	done
	for p in "$src"/tools/compat/probes/*.c; do
		! grep -q '"drivers/nvme/\|<drivers/nvme/\|"nvme.*\.h"' "$p" || rm "$p"
	done
	# which bring headers of a path that is none of a kernel's packages
	find "$src" -name .gitignore -delete
}

source_archive()
{
	name_of=p2pmem-source-$KVER
	rm -rf "${work:?}/$name_of"
	mkdir -p "$work/$name_of"
	# no pipe, which hides how the first one ends
	tar -C "$build/stock/$KVER/stage" --exclude=./tools/testing -cf "$work/stage.tar" .
	tar -C "$work/$name_of" -xf "$work/stage.tar"
	install -m 0755 "$here/debian/build.sh" "$work/$name_of/build.sh"
	cp "$top/COPYING" "$work/$name_of/"
	printf '%s\n' "Linux $KVER, package $image; p2pmem $version" >"$work/$name_of/VERSION"
	tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner -cf "$work/$name_of.tar" "$name_of"
	xz -T0 -3 "$work/$name_of.tar"
	rm -rf "${work:?}/$name_of" "$work/stage.tar"
}

# The distribution's headers, which leave its archive together with the source. Made once for each version
headers_archive()
{
	kept=$KIMAGE/.headers.tar.xz
	if [ ! -e "$kept" ]; then
		echo "deb: packing the headers of $KVER"
		rm -rf "$work/headers"
		mkdir "$work/headers"
		(cd "$KIMAGE" && cp -a --parents usr/src usr/lib/linux-kbuild-* "$work/headers/")
		headers_settle "$work/headers" ""
		tar -C "$work/headers" --sort=name --owner=0 --group=0 --numeric-owner -cf "$work/headers.tar" usr
		xz -T0 -3 <"$work/headers.tar" >"$kept.new"
		rm -rf "$work/headers" "$work/headers.tar"
		mv "$kept.new" "$kept"
	fi
	cp "$kept" "$work/$(headers_name)"
}

debian_files()
{
	cp "$here/debian/rules" "$here/debian/copyright" "$tree/debian/"
	fill "$here/debian/control.in" >"$tree/debian/control"
	# the source and its first package
	[ -z "${SOURCES:-}" ] || sed -i '/^Package: p2pmem-modules$/,$d' "$tree/debian/control"
	for s in preinst postinst prerm postrm; do
		fill "$here/debian/modules.$s" | insert SECURE secure.sh | insert RIVALS rivals.sh \
			>"$tree/debian/p2pmem-modules-$name.$s"
	done
	for p in p2pmem-modules "p2pmem-modules-$name"; do
		printf '%s\n' "# has two versions, the kernel's and p2pmem's" "$p: package-has-long-file-name *" >"$tree/debian/$p.lintian-overrides"
	done
	mkdir -p "$tree/debian/source"
	echo "3.0 (native)" >"$tree/debian/source/format"
	echo "$version" >"$tree/version"
	# a hyphen would begin a revision
	echo "$image" | tr - . >"$tree/kernel-version"
	cat >"$tree/debian/changelog" <<-END
		p2pmem ($version) unstable; urgency=medium

		  * Built for Linux $KVER ($image).

		 -- $(maintainer)  $(git -C "$top" log -1 --format=%cD 2>/dev/null || date -R)
	END
}

# other_files: of the packages that are not a release's modules
other_files()
{
	mkdir -p "$payload/p2pmem-modules"
	tools_package
	dkms_package
	cp "$here/debian/p2pmem.prerm" "$here/debian/p2pmem.triggers" "$here/debian/p2pmem.lintian-overrides" "$tree/debian/"
	cp "$here/debian/dkms.preinst" "$tree/debian/p2pmem-dkms.preinst"
	sed "s#@KERNELS@#$(tested)#" "$here/debian/dkms.conf" >"$tree/debian/p2pmem-dkms.dkms"
}

# Packages of earlier builds are not in the way of a command that names all files of some name
earlier()
{
	for f in "$out"/p2pmem*.deb "$out"/p2pmem*.changes "$out"/p2pmem*.buildinfo "$out"/p2pmem-*.tar.xz; do
		[ -e "$f" ] || continue
		mkdir -p "$out/old"
		to=${f##*/}
		# each package has its own sources
		case $to in
		p2pmem-source-*.tar.xz)
			of=$(version_of "$f") || of=
			[ -z "$of" ] || to=${to%.tar.xz}_${of##* }.tar.xz
			;;
		esac
		mv "$f" "$out/old/$to"
	done
}

# from_distribution: selects the kernel and builds its modules; sets KVER, KDIR, KIMAGE, image, version and built
from_distribution()
{
	"$rig/kernel.sh" "$build"
	# shellcheck disable=SC1091
	. "$build/kernel/env"
	own=$(dpkg --print-architecture)
	[ "${KARCH:-$own}" = "$own" ] ||
		die "the kernel $KVER is for $KARCH, and the packages would be for $own: run make deb on a machine of $KARCH"
	image=$(cat "$build/kernel/version" 2>/dev/null) || image=
	if [ -z "$image" ] || [ -z "$KIMAGE" ]; then
		die "the kernel was set by KDIR=, not taken from a package, and a package of modules depends on the image's version: unset KDIR="
	fi
	"$rig/modules.sh" "$build"
	# until the archive is written: what it has is what the packages are built from
	exec 8>"$build/stock/$KVER/lock"
	flock 8
	built=$build/stock/$KVER/modules
	version=$(version)
}

# which a minimal system lacks
[ -z "${SOURCES:-}" ] || "$rig/deps.sh" xz-utils
[ -z "${SOURCES:-}" ] || sources_check
# shellcheck disable=SC2046	# split into one word per package
"$rig/deps.sh" $(sed 's/#.*//' "$here/build-depends" | awk 'NF { print $1 }')
[ -n "${SOURCES:-}" ] || from_distribution
signed=no certificate=
exec 9>"$out/lock"
flock 9
rm -rf "$work"
mkdir -p "$tree/debian"
[ -z "${SOURCES:-}" ] || sources_build
name=$(echo "$KVER" | tr _ -)

modules_package
[ -n "${SOURCES:-}" ] || other_files
debian_files
(cd "$tree" && dpkg-buildpackage -b -uc -us -d) >"$work/log" 2>&1 || {
	tail -n 20 "$work/log" >&2
	die "the packages cannot be built (whole log: $work/log)"
}
if [ -n "${SOURCES:-}" ]; then
	sources_keep
else
	source_archive
	headers_archive
fi
earlier
mv "$work"/*.deb "$work"/p2pmem-*.tar.xz "$out/"
(cd "$work" && echo *.changes *.buildinfo | xargs -n 1 | while read -r f; do mv "$f" "$out/"; done)
echo "deb: $(cd "$out" && echo p2pmem*.deb p2pmem-*.tar.xz) in $out"
# apt marks packages from files as manually installed, and would keep the kernels of all releases for them
set --
for f in "$out"/p2pmem_*.deb "$out"/p2pmem-modules*.deb; do
	[ ! -e "$f" ] || set -- "$@" "$f"
done
echo "deb: to install: apt install $* && apt-mark auto p2pmem-modules-$name"
