#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# "make deb": the packages are built, lintian finds nothing, and they are installed, upgraded and purged in
# a copy of this system (an overlay, which is thrown away) beside an image package with a few of the
# distribution's modules. Prints TAP.
#
# run.sh BUILD_DIR
set -eu

# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
packaging=$top/tools/packaging
[ -n "$KIMAGE" ] || skip_all deb "KIMAGE is not set: no image that packages could depend on"
[ -e "$BUILD/kernel/version" ] || skip_all deb "KDIR= is set: no image package that packages could depend on"
image=$(cat "$BUILD/kernel/version")
next=6.99.9+deb99-amd64
# two kernels that apt has besides
older=5.9.1-amd64 later=6.99.10+deb99-amd64
modules="p2pdma p2pmem-bar ib_core nvme nvmet nvmet-rdma"
rm -rf "$work/built" "$work/signed" "$work/debs"
mkdir -p "$work/debs"

# no machine, virtual or other, that only tests need
light()
{
	# shellcheck disable=SC2046	# split into one word per package
	apt-get -s -q --no-install-recommends -o Dir::State::status=/dev/null install \
		$(sed 's/#.*//' "$packaging/build-depends" | awk 'NF { sub(/[|].*/, "", $1); print $1 }') >"$work/would" 2>&1 || { cat "$work/would"; return 1; }
	grep -c '^Inst' "$work/would"
	[ "$(grep -c '^Inst' "$work/would")" -gt 20 ] && ! grep -E '^Inst (qemu|seabios|ovmf|busybox|fio|clang|nvme-cli)' "$work/would"
}

# what the README installs, which deb.sh says as well
one_of_each()
{
	grep -F "deb: to install: apt install $(echo "$work/built"/p2pmem_*.deb "$work/built"/p2pmem-modules*.deb) && " "$work/said" || return 1
	for f in "$work/built"/p2pmem_*.deb "$work/built"/p2pmem-modules*.deb; do dpkg-deb -f "$f" Package; done | sort >"$work/names"
	cat "$work/names"
	[ "$(tr '\n' ' ' <"$work/names")" = "p2pmem p2pmem-modules p2pmem-modules-$KVER " ]
}

# builds: the packages, in a directory of their own. That of make deb, which may be at work there, stays away.
builds()
{
	rm -rf "$work/build"
	mkdir -p "$work/build" "$BUILD/stock"
	ln -s "$BUILD/kernel" "$BUILD/stock" "$work/build/"
	SHARED_BUILD=${SHARED_BUILD:-$BUILD} "$packaging/deb.sh" "$work/build" "$work/built"
}

# packages DIRECTORY: each one there
packages()
{
	ls "$1"
	for p in "p2pmem-modules-$KVER" p2pmem-modules p2pmem p2pmem-dkms; do
		[ -e "$(echo "$1/${p}"_*.deb)" ] || return 1
	done
	[ -s "$1/p2pmem-source-$KVER.tar.xz" ] && [ -s "$1/p2pmem-headers-${KVER}_$image.tar.xz" ] || return 1
	dpkg-deb -f "$1/p2pmem-modules-${KVER}"_*.deb Depends | grep -F "linux-image-$KVER (= $image)"
	dpkg-deb -f "$1"/p2pmem-modules_*.deb Depends |
		grep -F "p2pmem-modules-$KVER (>= $(dpkg-deb -f "$1/p2pmem-modules-${KVER}"_*.deb Version))"
}

# readable DIRECTORY: all files of its packages and of its archive of sources
readable()
{
	tar -tvJf "$1"/p2pmem-source-*.tar.xz >"$work/modes" || return 1
	for d in "$1"/*.deb; do dpkg-deb -c "$d" || return 1; done >>"$work/modes"
	[ -s "$work/modes" ] && ! grep -v '^\(l\|-r..r..r..\|dr.xr.xr.x\)' "$work/modes"
}

# refused TEXT COMMAND...: fails with one line, which has TEXT
refused()
{
	text=$1
	shift
	! "$@" >"$work/refused" 2>&1 || { cat "$work/refused"; return 1; }
	cat "$work/refused"
	[ "$(grep -c '' "$work/refused")" = 1 ] && grep -Fq "$text" "$work/refused"
}

# headers RELEASE: a directory that says only this
headers()
{
	mkdir -p "$work/headers/include/generated"
	echo "#define UTS_RELEASE \"$1\"" >"$work/headers/include/generated/utsrelease.h"
}

# sources: unpacks the archive of sources, with a make that says which headers it would use
sources()
{
	rm -rf "$work/sources" "$work/headers"
	mkdir -p "$work/sources/bin"
	tar -C "$work/sources" -xf "$work/built/p2pmem-source-$KVER.tar.xz" --strip-components=1
	# shellcheck disable=SC2016	# the script expands it
	printf '#!/bin/sh\necho "$2"\n' >"$work/sources/bin/make"
	chmod +x "$work/sources/bin/make"
}

rebuild()
{
	env PATH="$work/sources/bin:$PATH" "$work/sources/build.sh" "$work/headers"
}

# again [VARIABLE=VALUE...]: make deb of the archive of sources
again()
{
	env -u KERNEL -u RELEASE SOURCES="$work/built/p2pmem-source-$KVER.tar.xz" "$@" "$packaging/deb.sh" "$BUILD" "$work/again"
}

# foreign: the build directory of a kernel of another architecture
foreign()
{
	rm -rf "$work/foreign"
	mkdir -p "$work/foreign/kernel"
	cp "$BUILD/kernel/version" "$BUILD/kernel/apt-conf" "$BUILD/kernel/source-package" "$work/foreign/kernel/"
	sed 's/^KARCH=.*/KARCH=sparc64/' "$BUILD/kernel/env" >"$work/foreign/kernel/env"
}

# dkms_depends: what p2pmem-dkms brings with it has the programs that its sources call
dkms_depends()
{
	rm -rf "$work/dkms"
	dpkg-deb -x "$work/built"/p2pmem-dkms_*.deb "$work/dkms"
	apt-get -s -q --no-install-recommends -o Dir::State::status=/dev/null install \
		"$work/built"/p2pmem-dkms_*.deb >"$work/would" 2>&1 || { cat "$work/would"; return 1; }
	programs="make gcc"
	[ -z "$(find "$work/dkms" -name '*.cocci')" ] || programs="$programs spatch"
	for p in $programs; do
		package=$(dpkg-query -S "$(readlink -f "$(command -v "$p")")" | cut -d : -f 1)
		echo "$p: $package"
		grep -q "^Inst $package " "$work/would" || return 1
	done
	[ "$p" = spatch ]
}

# dkms_kernels WANTED LINE...: the pattern of kernels in p2pmem-dkms, of these lines of tools/graft/known
dkms_kernels()
{
	wanted=$1
	shift
	mkdir -p "$work/known/tools/graft"
	printf '%s\n' "# RELEASE | VERSION | dkms" "$@" >"$work/known/tools/graft/known"
	{ echo "top='$work/known'"; sed -n '/^tested()/,/^}/p' "$packaging/deb.sh"; echo tested; } >"$work/known/tested.sh"
	found=$(sh "$work/known/tested.sh")
	echo "$found"
	[ "$found" = "$wanted" ]
}

# image_package RELEASE VERSION [NAME]: like the distribution's, with few modules. With a name of its file, it is a
# revision with another nvme-core, in another compression.
image_package()
{
	p=$work/image
	rm -rf "$p"
	mkdir -p "$p/DEBIAN" "$p/boot" "$p/lib/modules/$1/kernel/drivers/infiniband"
	cp -r "$KIMAGE/lib/modules/$KVER/kernel/drivers/nvme" "$p/lib/modules/$1/kernel/drivers/"
	cp -r "$KIMAGE/lib/modules/$KVER/kernel/drivers/infiniband/core" "$p/lib/modules/$1/kernel/drivers/infiniband/"
	cp "$KIMAGE/lib/modules/$KVER"/modules.builtin* "$KIMAGE/lib/modules/$KVER/modules.order" "$p/lib/modules/$1/"
	if [ -n "${3:-}" ]; then
		core=$p/lib/modules/$1/kernel/drivers/nvme/host/nvme-core.ko
		[ ! -e "$core.xz" ] || xz -d "$core.xz"
		objcopy --add-section .p2pmem_revision="$0" "$core"
	fi
	echo "kernel" >"$p/boot/vmlinuz-$1"
	printf '%s\n' "Package: linux-image-$1" "Version: $2" "Architecture: $(dpkg --print-architecture)" \
		"Maintainer: none <none@example.org>" "Description: image" >"$p/DEBIAN/control"
	cat >"$p/DEBIAN/postinst" <<-END
		#!/bin/sh
		depmod $1
		exec run-parts --report --exit-on-error --regex '^(initramfs-tools|(00-)?p2pmem(-local)?)$' --arg=$1 \
			--arg=/boot/vmlinuz-$1 /etc/kernel/postinst.d
	END
	# shellcheck disable=SC2016	# the script expands it
	printf '%s\n' '#!/bin/sh' '[ "$1" != upgrade ] || exit 0' "rm -f /boot/initrd.img-$1 /lib/modules/$1/modules.*" >"$p/DEBIAN/postrm"
	chmod 755 "$p/DEBIAN/postinst" "$p/DEBIAN/postrm"
	dpkg-deb --root-owner-group -b "$p" "$work/debs/${3:-linux-image-$1}.deb" >/dev/null
}

# empty_package FILE NAME VERSION [DEPENDS]
empty_package()
{
	rm -rf "$work/empty"
	mkdir -p "$work/empty/DEBIAN"
	printf '%s\n' "Package: $2" "Version: $3" "Architecture: $(dpkg --print-architecture)" ${4:+"Depends: $4"} \
		"Maintainer: none <none@example.org>" "Description: none" >"$work/empty/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$work/empty" "$1" >/dev/null
}

# Kernels before and after those of the packages, and the packages of the one before
older_release()
{
	rm -rf "$work/debs/older"
	mkdir -p "$work/debs/older"
	empty_package "$work/debs/image-older.deb" "linux-image-$older" 1
	empty_package "$work/debs/image-later.deb" "linux-image-$later" 6.99.10-1
	empty_package "$work/debs/older/p2pmem-modules-older.deb" "p2pmem-modules-$older" 1 "linux-image-$older (= 1)"
	empty_package "$work/debs/older/p2pmem-modules_1.deb" p2pmem-modules 1 "p2pmem-modules-$older (= 1)"
	cp "$work/built"/p2pmem_*.deb "$work/debs/older/"
}

# higher_version PACKAGE NAME: the package once more, with a higher version, as NAME
higher_version()
{
	rm -rf "$work/again"
	dpkg-deb -R "$work/built/$1"_*.deb "$work/again"
	sed -i 's/^Version: .*/&.1/' "$work/again/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$work/again" "$work/debs/$2" >/dev/null
}

# revised: a later revision of the image, and the modules for it
revised()
{
	image_package "$KVER" "$image.1" revised-image
	rm -rf "$work/again"
	dpkg-deb -R "$work/built/p2pmem-modules-${KVER}"_*.deb "$work/again"
	sed -i "s/^Version: .*/&.2/; s/(= $image)/(= $image.1)/g" "$work/again/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$work/again" "$work/debs/revised-modules.deb" >/dev/null
}

# Everything that the copy of the system needs, in it
prepare()
{
	cp "$work/built"/*.deb "$work/debs/"
	mkdir -p "$work/debs/signed"
	cp "$work/signed/p2pmem-modules-${KVER}"_*.deb "$work/debs/signed/"
	cp "$BUILD/stock/$KVER/modules/ib_core.ko" \
		"$(dirname "$0")/inside.sh" "$(dirname "$0")/dracut.sh" "$(dirname "$0")/autoremove.sh" \
		"$(dirname "$0")/revision.sh" "$(dirname "$0")/initramfs.sh" "$work/debs/"
	sed -n "s,$work/built/,/debs/,g; s/^deb: to install: //p" "$work/said" >"$work/debs/to-install"
	sed -n 's,\./build/deb/,/debs/older/,g; s/^    sudo \(apt\(-mark\)* \(install\|auto\) \)/\1/p' "$top/README.md" >"$work/debs/readme"
	# what install.sh needs of a clone
	rm -rf "$work/debs/tree"
	mkdir -p "$work/debs/tree/tools" "$work/debs/tree/build/stock/$KVER/modules"
	cp -r "$packaging" "$top/tools/pci" "$work/debs/tree/tools/"
	for m in $modules; do
		cp "$BUILD/stock/$KVER/modules/$m.ko" "$work/debs/tree/build/stock/$KVER/modules/"
	done
	image_package "$KVER" "$image"
	image_package "$next" 6.99.9-1
	revised
	older_release
	higher_version "p2pmem-modules-$KVER" modules-higher.deb
	higher_version p2pmem tools-higher.deb
}

# inside the overlay: see inside.sh, which prints TAP without numbers
system()
{
	rm -rf "$work/overlay"
	mkdir -p "$work/overlay"
	cat >"$work/enter.sh" <<-END
		set -e
		mount -t tmpfs none "$work/overlay"
		mkdir "$work/overlay/upper" "$work/overlay/work" "$work/overlay/root"
		mount -t overlay -o lowerdir=/,upperdir="$work/overlay/upper",workdir="$work/overlay/work" none "$work/overlay/root"
		cp -r "$work/debs" "$work/overlay/root/debs"
		mount -t proc none "$work/overlay/root/proc"
		mount -t tmpfs none "$work/overlay/root/run"
		mount --bind /dev "$work/overlay/root/dev"
		exec chroot "$work/overlay/root" env -u BUILD KVER="$KVER" IMAGE="$image" NEXT="$next" OLDER="$older" LATER="$later" MODULES="$modules" sh /debs/inside.sh
	END
	unshare -m --propagation private sh "$work/enter.sh"
}

check "what make deb installs is no virtual machine" light
# of an earlier release, whose image has left the archive
mkdir -p "$work/built"
earlier="p2pmem-modules-6.12.1+deb12-amd64_6.12.1-1+1.0_amd64.deb p2pmem_1.0_amd64.deb p2pmem-source-6.12.1+deb12-amd64.tar.xz"
# shellcheck disable=SC2086	# one word a file
(cd "$work/built" && touch $earlier)
# and of an earlier build of this one
mkdir -p "$work/tmp/p2pmem-source-$KVER"
echo "Linux $KVER, package $image; p2pmem 0.9" >"$work/tmp/p2pmem-source-$KVER/VERSION"
tar -C "$work/tmp" -cJf "$work/built/p2pmem-source-$KVER.tar.xz" "p2pmem-source-$KVER"
check "the packages build" builds
cp "$work/out" "$work/said"
if [ $failed != 0 ]; then echo "1..$n"; exit 1; fi
# shellcheck disable=SC2086	# one word a file
check "those of an earlier release are kept, and not in the way" sh -c "cd '$work/built/old' && ls $earlier && cd .. && ! ls $earlier"
check "... and so are the sources of each build of a release" tar -tf "$work/built/old/p2pmem-source-${KVER}_0.9.tar.xz"
check "all of it is written there" test ! -e "$work/build/deb"
check "the README's names are those of one build" one_of_each
check "all packages, for the exact version of the image" packages "$work/built"
check "a kernel of another architecture" foreign
check "... has no packages here: one line says where to build them" refused "is for sparc64, and the packages would be for" \
	env -u KDIR -u KSRC -u KIMAGE "$packaging/deb.sh" "$work/foreign"
check "a kernel of a package" foreign
check "... and then another one by KDIR=: one line says why it has none" refused "the kernel was set by KDIR=" \
	env PATH="${KPATH:+$KPATH:}$PATH" KDIR="$KDIR" KSRC="$KSRC" KIMAGE="$KIMAGE" "$packaging/deb.sh" "$work/foreign"
check "the archive of sources" sources
headers 9.9.999+deb99-amd64
check "... refuses another release, in one line that says which it is for" \
	refused "is 9.9.999+deb99-amd64, and these sources are of $KVER alone: name the headers of $KVER" rebuild
headers "$KVER"
check "... builds for its own" sh -c "env PATH='$work/sources/bin:$PATH' '$work/sources/build.sh' '$work/headers' |
	grep -x '$work/headers'"
rm -r "$work/headers"
check "... and says what to install where there are no headers" refused "install linux-headers-$KVER" rebuild
check "its package again: refused without headers" refused "install linux-headers-$KVER $image, which snapshot" again KDIR="$work/headers"
headers 9.9.999+deb99-amd64
check "... with those of another release" refused "is 9.9.999+deb99-amd64, and SOURCES=" again KDIR="$work/headers"
check "... for a release that RELEASE= names" refused "is of one release: unset RELEASE= and KERNEL=" again RELEASE=newest
check "... from a file that is not there" refused "is no file: name an archive" again SOURCES="$work/none.tar.xz"
head -c 100000 "$work/built/p2pmem-source-$KVER.tar.xz" >"$work/part.tar.xz"
check "... from a part of it" refused "cannot be read, or has no VERSION: name a whole archive" again SOURCES="$work/part.tar.xz"
check "... and nothing is built" sh -c "! ls '$work'/again/*.deb '$work/again/work'"
check "p2pmem-dkms depends on what its sources call" dkms_depends
check "... and builds for the series that were tested, not for others that p2pmem runs on" dkms_kernels '^(6[.]12|7[.]3)[.]' \
	"6.12.118+deb13-amd64 | 6.12.118-1 | guests: all, dkms" "7.3.4+deb13-amd64 | 7.3.4-1~bpo13+1 | dkms" \
	"6.12.117+deb12-amd64 | 6.12.117-1~deb12u1 | check, dkms" "6.1.0-57-amd64 | 6.1.192-3 | guests: all but dkms of it" \
	"7.2.13+deb14-amd64 | 7.2.13-1 | smoke"
check "lintian has no error and no warning" lintian --allow-root --fail-on error,warning "$work/built"/*.changes
check "a key to sign with" openssl req -new -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=p2pmem test" \
	-text -keyout "$work/key.pem" -out "$work/cert.pem"
# by a root whose files are not for others
check "signed packages build" sh -c "umask 077; SIGN_KEY='$work/key.pem' SIGN_CERT='$work/cert.pem' \
	exec '$packaging/deb.sh' '$BUILD' '$work/signed'"
check "and others can read what is in them" readable "$work/signed"
check "packages of two images" prepare
if [ "$(id -u)" = 0 ]; then
	system >"$work/system" 2>&1 || :
	grep '^#' "$work/system" >"$work/out" || :
	grep -E '^(ok|not_ok) ' "$work/system" >"$work/verdicts" || :
	while read -r word text; do
		"$word" "$text"
	done <"$work/verdicts"
	check "the copy of the system came to its end" sh -c "tail -n 5 '$work/system'; grep -qx end '$work/system'"
else
	ok "installation # SKIP not root: no overlay of this system to install in"
fi
echo "1..$n"
[ $failed = 0 ]
