# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2154,SC2034	# variables of deb.sh
#
# For deb.sh with SOURCES=: the modules of a release from the archive of its grafted sources, for a release that
# Debian's archive does not have any more. They are built by the headers KDIR= (default: the archive of headers beside
# SOURCES or above its directory, else the installed ones, or those of an earlier build of that release), and must have
# what the distribution's other modules expect of them; where only BTF can say that, KIMAGE= is the root directory of its
# image (default: /).

# headers_name: the archive of the headers of KVER, of its image's version
headers_name()
{
	echo "p2pmem-headers-${KVER}_$image.tar.xz"
}

# headers_settle ROOT PREFIX: the headers that are unpacked below ROOT name each other as below PREFIX
headers_settle()
{
	sed -i "s,^\(include \|KBUILD_OUTPUT=\)[^ ]*/usr/src/,\1$2/usr/src/," "$1/usr/src/linux-headers-$KVER/Makefile"
}

# release_of_headers KDIR
release_of_headers()
{
	sed -n 's/^#define UTS_RELEASE "\(.*\)"/\1/p' "$1/include/generated/utsrelease.h" 2>/dev/null || :
}

# version_of ARCHIVE: prints its line "Linux RELEASE, package VERSION; p2pmem VERSION"
version_of()
{
	tar -xOf "$1" --wildcards --no-wildcards-match-slash '*/VERSION' 2>/dev/null
}

# sources_check: whether SOURCES is such an archive, and what else is set fits; sets KVER, image and version
sources_check()
{
	[ -z "${RELEASE:-}${KERNEL:-}" ] || die "SOURCES=$SOURCES is of one release: unset RELEASE= and KERNEL="
	[ -f "$SOURCES" ] || die "SOURCES=$SOURCES is no file: name an archive p2pmem-source-RELEASE.tar.xz"
	SOURCES=$(realpath "$SOURCES")
	of=$(version_of "$SOURCES") ||
		die "SOURCES=$SOURCES cannot be read, or has no VERSION: name a whole archive p2pmem-source-RELEASE.tar.xz"
	KVER=$(echo "$of" | sed -n 's/^Linux \([^, ]*\), package [^; ]*; p2pmem [^ ]*$/\1/p')
	image=$(echo "$of" | sed -n 's/^Linux [^,]*, package \([^;]*\); .*/\1/p')
	[ -n "$KVER" ] || die "SOURCES=$SOURCES is of no kernel: name an archive p2pmem-source-RELEASE.tar.xz"
	# apt replaces a package by a newer one alone; and it was built by the scripts of another state, maybe
	version=${VERSION:-${of##* }+b.$(date -u +%y%m%d.%H%M)}
	KIMAGE=${KIMAGE:-/}
	headers=
	if [ -z "${KDIR:-}" ]; then
		for d in "${SOURCES%/*}" "${SOURCES%/*/*}"; do
			[ -n "$headers" ] || [ ! -f "$d/$(headers_name)" ] || headers=$d/$(headers_name)
		done
		[ -z "$headers" ] || return 0
		KDIR=/lib/modules/$KVER/build
		kept=$build/kernel/$KVER/root/usr/src/linux-headers-$KVER
		[ -e "$KDIR" ] || [ ! -e "$kept" ] || KDIR=$kept
	fi
	release=$(release_of_headers "$KDIR")
	[ -n "$release" ] || die "$KDIR has no headers of a kernel: put $(headers_name) beside SOURCES, which make deb made with it, install linux-headers-$KVER $image, which snapshot.debian.org keeps, or name them by KDIR="
	[ "$release" = "$KVER" ] || die "$KDIR is $release, and SOURCES=$SOURCES is of $KVER: name the headers of $KVER by KDIR="
	KDIR=$(realpath "$KDIR")
}

# sources_build: the modules, in the directory built
sources_build()
{
	from=$work/source/tree
	built=$work/source/modules
	mkdir -p "$from" "$built"
	cp "$SOURCES" "$work/source/archive"
	tar -C "$from" --strip-components=1 -xf "$work/source/archive" || die "SOURCES=$SOURCES is damaged (see above)"
	if [ -n "$headers" ]; then
		echo "deb: unpacking $headers"
		tar -C "$work/source" -xf "$headers" || die "$headers is damaged (see above): name other headers of $KVER by KDIR="
		KDIR=$work/source/usr/src/linux-headers-$KVER
		[ "$(release_of_headers "$KDIR")" = "$KVER" ] ||
			die "$headers has no headers of $KVER: name them by KDIR="
		headers_settle "$work/source" "$work/source"
	fi
	known=$("$rig/kernel.sh" "$build" --headers "$KDIR") || exit
	[ "${known%% *}" = "$(dpkg --print-architecture)" ] ||
		die "$KDIR is for ${known%% *}, and the package would be for $(dpkg --print-architecture): run make deb on a machine of ${known%% *}"
	path=${known#* }
	echo "deb: building the modules of $KVER from $SOURCES"
	PATH=${path:+$path:}$PATH "$from/build.sh" "$KDIR" >"$work/source/log" 2>&1 || {
		tail -n 20 "$work/source/log" >&2
		die "the modules cannot be built (whole log: $work/source/log)"
	}
	"$rig/check-crc.sh" "$from/Module.symvers" "$KDIR/Module.symvers" ||
		die "the distribution's modules could not be loaded beside these (see above): give the headers of package linux-image-$KVER $image"
	KVER=$KVER KDIR=$KDIR KIMAGE=$KIMAGE "$rig/check-layout.sh" "$work/source" || die "the modules do not fit (see above)"
	for m in $modules; do
		strip --strip-debug -o "$built/$m.ko" "$(find "$from" -name "$m.ko")"
	done
}

# sources_keep: copies of the archives beside the package
sources_keep()
{
	[ -z "$headers" ] || cp "$headers" "$work/"
	mv "$work/source/archive" "$work/p2pmem-source-$KVER.tar.xz"
	rm -rf "$work/source"
}
