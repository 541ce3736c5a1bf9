#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kernel.sh BUILD: find the kernel to build for and to boot.
# kernel.sh BUILD --list: what the archive has now for each name of the file "kernels".
# kernel.sh BUILD --sources: every version of the source of each: lines of NAME PACKAGE VERSION APT, where APT
#   is the apt.conf that fetches it, or "own" for the machine's.
# kernel.sh BUILD --headers KDIR: prints their architecture, and the directory of their compiler unless it is installed.
#
# Writes BUILD/kernel/env, a shell and make fragment with
#   KVER=    its release, as of uname -r
#   KDIR=    headers to build modules against, with Module.symvers
#   KSRC=    source of the same version: the paths that the file source-dirs lists
#   KIMAGE=  directory with boot/vmlinuz-KVER and lib/modules/KVER
#   KPATH=   directory of the compiler of that kernel, or empty: it is installed
#   KARCH=   its architecture, as Debian names it
#   KCROSS=  what the names of the compiler and its tools begin with, or empty: the kernel is for this machine
#
# KDIR, KSRC and KIMAGE are used as they are if set in the environment (KIMAGE is needed for
# virtual machines only). Otherwise KERNEL names a line of the file "kernels"; the default is
# the machine's own distribution. The script selects the newest kernel of that line whose image,
# headers and source exist in the archive in the same version. Its packages are unpacked
# below BUILD/kernel and never installed, because Debian's headers depend on the image and
# would install another kernel. The selection is kept; RELEASE= selects another: a release as
# printed by uname -r, "running", or "newest". What was built for earlier releases is kept.
# BUILD/kernel/version, source-package and apt-conf say which packages it is of; with KDIR= there are none.
#
# Exit status: 0; 3 if the archive lacks a package or cannot be reached; 1 otherwise.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/kernel"
build=$(cd "$1" && pwd)
top=$build/kernel
# what several build directories share
shared=${SHARED_BUILD:-$build}
mkdir -p "$shared"
shared=$(cd "$shared" && pwd)
# shellcheck source=tools/testing/p2pmem/rig/archive.sh
. "$here/archive.sh"

die()
{
	echo "kernel: $*" >&2
	exit 1
}

# the archive does not have it, or cannot be reached
lacking()
{
	echo "kernel: $*" >&2
	exit 3
}

lines()
{
	sed 's/#.*//' "$here/kernels" | awk 'NF'
}

# the line of the file "kernels" that is this machine's distribution
own_name()
{
	# shellcheck disable=SC1091
	(. /etc/os-release 2>/dev/null && echo "${ID:-}${VERSION_ID:-}")
}

# choose NAME: arch, src_pattern, and the suites' package lists
choose()
{
	line=$(lines | awk -v name="$1" '$1 == name')
	[ -n "$line" ] || return 1
	# shellcheck disable=SC2086	# words are meant
	set -- $line
	name=$1 arch=$2 src_pattern=$3
	shift 3
	if [ "$name" = "$(own_name)" ]; then
		archive_own
	else
		archive_open "$shared/apt/$name" "$arch" "$@"
	fi
	suites=$*
}

write_env()
{
	printf 'KVER=%s\nKDIR=%s\nKSRC=%s\nKIMAGE=%s\nKPATH=%s\nKARCH=%s\nKCROSS=%s\n' "$@" >"$top/env.new"
	cmp -s "$top/env.new" "$top/env" 2>/dev/null && rm "$top/env.new" && return
	mv "$top/env.new" "$top/env"
}

# architecture_of HEADERS: of those that this script knows, or this machine's
architecture_of()
{
	if grep -q '^#define CONFIG_ARM64 1' "$1/include/generated/autoconf.h" 2>/dev/null; then
		echo arm64
	elif grep -q '^#define CONFIG_X86_64 1' "$1/include/generated/autoconf.h" 2>/dev/null; then
		echo amd64
	else
		dpkg --print-architecture
	fi
}

# cross ARCHITECTURE: the prefix of its compiler, or nothing
cross()
{
	[ "$1" != "$(dpkg --print-architecture)" ] || return 0
	case $1 in
	amd64)	echo x86_64-linux-gnu- ;;
	arm64)	echo aarch64-linux-gnu- ;;
	esac
}

# "PACKAGE VERSION" for each version of packages whose names match
versions()
{
	names=$(archive_cache search --names-only "$1" | awk '{ print $1 }' | grep -Ev -- '-(cloud|rt)-[a-z0-9]+$')
	[ -z "$names" ] || echo "$names" | xargs apt-cache ${archive_conf:+-c "$archive_conf"} madison |
		awk -F '|' '{ gsub(/ /, ""); print $1, $2 }' | sort -u
}

# discover [RELEASE]: newest release with image, headers and source of one version: prints
# "KVER VERSION IMAGE_PACKAGE SOURCE_PACKAGE"
discover()
{
	{
		versions "^$src_pattern\$" | sed 's/^/source /'
		versions "^linux-headers-[0-9.]+[-+].*-$arch\$" | sed 's/^/headers /'
		versions "^linux-image-[0-9.]+[-+].*-$arch(-unsigned)?\$" | sed 's/^/image /'
	} | awk '
	$1 == "source" { source[$3] = $2 }
	$1 == "headers" { sub(/^linux-headers-/, "", $2); headers[$2 " " $3] = 1 }
	$1 == "image" { image[$2 " " $3] = 1 }
	END {
		for (h in headers) {
			split(h, w, " ")
			if (!(w[2] in source))
				continue
			i = "linux-image-" w[1]
			if (!((i " " w[2]) in image))
				i = i "-unsigned"
			if ((i " " w[2]) in image)
				print w[2], w[1], i, source[w[2]]
		}
	}' | sort -rV | awk -v want="${1:-}" '(want == "" || $2 == want) && !n++ { print $2, $1, $3, $4 }'
}

# The file of package $2, version $1, until all is unpacked
file_of()
{
	echo "$top/deb/$2=$1.deb"
}

# fetch VERSION PACKAGE...: downloads packages to $top/deb; fails if the archive lacks "$lost"
fetch()
{
	version=$1
	shift
	mkdir -p "$top/deb"
	for p; do
		[ ! -e "$(file_of "$version" "$p")" ] || continue
		echo "kernel: downloading $p $version"
		rm -rf "$top/deb/new"
		mkdir "$top/deb/new"
		lost=$p=$version
		archive_fetch "$top/deb/new" "$p=$version" || return 1
		mv "$top"/deb/new/*.deb "$(file_of "$version" "$p")" || die "$top/deb cannot be written (see above)"
	done
}

# apt's own message is above it
unreachable()
{
	lacking "apt cannot download $lost (see above): is the archive reachable, and does it still have this version? A later run uses the version that it has then"
}

# what a directory holds when it was unpacked as a whole
source_mark()
{
	echo "$(sha256sum <"$here/source-dirs" | cut -c1-16)-$1"
}

marked()
{
	[ "$(cat "$1/.unpacked" 2>/dev/null)" = "$2" ]
}

# unpack_source VERSION DIR PACKAGE: the paths of source-dirs from the tarball inside the package
unpack_source()
{
	! marked "$2" "$(source_mark "$1")" || return 0
	echo "kernel: unpacking the needed parts of $3"
	rm -rf "$2" "$2.new"
	mkdir -p "$2.new"
	dpkg-deb --fsys-tarfile "$(file_of "$1" "$3")" | tar -xOf - "./usr/src/$3.tar.xz" >"$top/source.tar.xz"
	sed 's/#.*//' "$here/source-dirs" | awk -v top="$3" 'NF { print top "/" $1 }' >"$top/members"
	# other kernels have some of the scripts in other places
	xz -t -T0 "$top/source.tar.xz" || die "$3 is damaged, or there is no room for it (see above)"
	if ! xz -dc -T0 "$top/source.tar.xz" | tar -xf - -C "$2.new" --strip-components=1 --no-same-owner \
		-T "$top/members" 2>"$top/tar.log"; then
		lost=$(grep 'Not found' "$top/tar.log" | grep -v '/scripts/' | head -n 1)
		[ -z "$lost" ] || die "$3 lacks a path of $here/source-dirs: $lost: correct the list"
		lost=$(grep -v 'Not found in archive\|Exiting with failure status' "$top/tar.log" | head -n 1)
		[ -z "$lost" ] || die "$3 cannot be unpacked: $lost"
	fi
	rm -f "$top/source.tar.xz"
	[ -e "$2.new/drivers/nvme/host/pci.c" ] || die "$3 cannot be unpacked: $(tail -n 1 "$top/tar.log")"
	mv "$2.new" "$2"
}

# place_headers ROOT KVER: the one absolute path in the headers is where they are now
place_headers()
{
	grep -q "^include $1/usr/src/" "$1/usr/src/linux-headers-$2/Makefile" 2>/dev/null ||
		sed -i "s,^\(include \|KBUILD_OUTPUT=\)[^ ]*/usr/src/,\1$1/usr/src/," "$1/usr/src/linux-headers-$2/Makefile"
}

# Unpacks packages below one directory
unpack_packages()
{
	# $1: version, $2: destination, $3: kver, $4...: packages
	if marked "$2" "$1"; then
		# of a clone that was moved, maybe
		place_headers "$2" "$3"
		return
	fi
	version=$1 dest=$2 release=$3
	shift 3
	rm -rf "$dest"
	mkdir -p "$dest"
	for p; do
		dpkg -x "$(file_of "$version" "$p")" "$dest"
	done
	# packages with a merged /usr have no /lib
	[ -e "$dest/lib" ] || ln -s usr/lib "$dest/lib"
	# later ones have it beside the modules
	if [ ! -e "$dest/boot/vmlinuz-$release" ] && [ -s "$dest/lib/modules/$release/vmlinuz" ]; then
		mkdir -p "$dest/boot"
		ln -s "../lib/modules/$release/vmlinuz" "$dest/boot/vmlinuz-$release"
	fi
	[ -s "$dest/boot/vmlinuz-$release" ] || die "the image package has no boot/vmlinuz-$release"
	place_headers "$dest" "$release"
	[ "$(release_of "$dest/usr/src/linux-headers-$release")" = "$release" ] ||
		die "the headers below $dest are not usable there: install linux-headers-$release and set KDIR="
}

# Release of headers, as uname -r says it. Their "make kernelrelease" may say another one.
release_of()
{
	sed -n 's/^#define UTS_RELEASE "\(.*\)"/\1/p' "$1/include/generated/utsrelease.h" 2>/dev/null
}

# Version of headers and of a source: 6.12.117
version_of_headers()
{
	awk '$2 ~ /^LINUX_VERSION_(MAJOR|PATCHLEVEL|SUBLEVEL)$/ { v = v (v == "" ? "" : ".") $3 } END { print v }' \
		"$1/include/generated/uapi/linux/version.h" 2>/dev/null
}

version_of_source()
{
	awk '$1 ~ /^(VERSION|PATCHLEVEL|SUBLEVEL)$/ && $2 == "=" { v = v (v == "" ? "" : ".") $3 } END { print v }' \
		"$1/Makefile" 2>/dev/null
}

# same_version HEADERS SOURCE: nvme.ko has no exports, so no CRC sees an nvme.h of another version
same_version()
{
	h=$(version_of_headers "$1") s=$(version_of_source "$2")
	[ -n "$h" ] || die "KDIR=$1 has no version (include/generated/uapi/linux/version.h): set it to prepared headers or a built kernel"
	[ -n "$s" ] || die "KSRC=$2 has no version (Makefile): set it to the whole source of the kernel"
	[ "$h" = "$s" ] ||
		die "KDIR=$1 is $h and KSRC=$2 is $s: give headers and source of one version"
	# -rc5
	extra=$(awk '$1 == "EXTRAVERSION" && $2 == "=" { print $3 }' "$2/Makefile")
	case $(release_of "$1") in
	*"$extra"*) ;;
	*) die "KDIR=$1 is $(release_of "$1") and KSRC=$2 is $s$extra: give headers and source of one version" ;;
	esac
}

# option HEADERS NAME: the value of CONFIG_NAME
option()
{
	sed -n "s/^CONFIG_$2=\"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" "$1/include/config/auto.conf" 2>/dev/null || :
}

# configured_compiler HEADERS ARCHITECTURE: for headers that do not name their compiler, and call gcc: where
# that is of another major version than the kernel's, the kernel's has this name in the directory that is printed
configured_compiler()
{
	[ "$(option "$1" CC_IS_CLANG)" != y ] ||
		die "KDIR=$1 was built with $(option "$1" CC_VERSION_TEXT), and gcc builds these modules: give headers of a kernel that gcc has built"
	major=$(option "$1" GCC_VERSION)
	[ -n "$major" ] || return 0
	major=$((major / 10000)) prefix=$(cross "$2")
	[ "$("${prefix}gcc" -dumpversion 2>/dev/null | cut -d . -f 1)" != $major ] || return 0
	found=$("$here/toolchain.sh" "gcc-$major" "$2" "$shared/toolchain" "$archive_conf") || return
	named=$shared/toolchain/${prefix}gcc-$major-as-gcc
	mkdir -p "$named"
	ln -sfn "$(PATH=${found:+$found:}$PATH command -v "${prefix}gcc-$major")" "$named/${prefix}gcc"
	echo "$named"
}

# The compiler that the headers name, of this machine or of the archive: a directory for PATH
compiler()
{
	cc=$(sed -n 's/.*[ =)]\(gcc-[0-9]*\)\( .*\)\{0,1\}$/\1/p' "$1/.kernelvariables" 2>/dev/null | head -n 1)
	if [ -z "$cc" ]; then
		configured_compiler "$1" "${2:-amd64}"
		return
	fi
	"$here/toolchain.sh" "$cc" "${2:-amd64}" "$shared/toolchain" "$archive_conf" "${3:-}" "${4:-}"
}

if [ "${2:-}" = --list ]; then
	lines | while read -r name _; do
		choose "$name"
		found=
		! archive_stale || archive_update || found="the archive cannot be reached"
		[ -n "$found" ] || found=$(discover | awk '{ print $1 " (" $2 ")" }')
		own=
		[ "$name" != "$(own_name)" ] || own=", this machine's own"
		printf '  %-17s %s%s\n' "$name" "${found:-nothing: no version of which image, headers and source are there}" "$own"
	done
	exit 0
fi

if [ "${2:-}" = --sources ]; then
	lines | while read -r name _; do
		choose "$name"
		! archive_stale || archive_update || lacking "the package lists of $suites cannot be fetched: is there a network?"
		versions "^$src_pattern\$" | sed "s|^|$name |; s|\$| ${archive_conf:-own}|"
	done
	exit
fi

if [ "${2:-}" = --headers ]; then
	arch=$(architecture_of "$3")
	path=$(compiler "$3" "$arch") || exit
	echo "$arch $path"
	exit
fi

if [ -n "${KDIR:-}" ]; then
	[ -e "$KDIR/Module.symvers" ] ||
		die "KDIR=$KDIR has no Module.symvers: set KDIR= to prepared headers or a built kernel"
	[ -e "${KSRC:-/nonexistent}/drivers/nvme/host/pci.c" ] ||
		die "KDIR is set, but KSRC=${KSRC:-} is not a kernel source: set both, for the same version"
	kver=$(release_of "$KDIR")
	[ -n "$kver" ] || die "KDIR=$KDIR has no release (include/generated/utsrelease.h): set KDIR= to prepared headers or a built kernel"
	same_version "$KDIR" "$KSRC"
	arch=$(architecture_of "$KDIR")
	path=$(compiler "$(cd "$KDIR" && pwd)" "$arch") || exit 1
	# those of a package that an earlier run selected
	rm -f "$top/version" "$top/source-package" "$top/apt-conf"
	write_env "$kver" "$(cd "$KDIR" && pwd)" "$(cd "$KSRC" && pwd)" "${KIMAGE:-}" "$path" "$arch" "$(cross "$arch")"
	exit 0
fi

# tests of one kernel may want it at the same time
exec 8>"$top/.lock"
flock 8
kernel=${KERNEL:-}
if [ -z "$kernel" ]; then
	kernel=$(own_name)
	lines | grep -q "^${kernel}[[:space:]]" || kernel=debian12
fi
choose "$kernel" || die "KERNEL=$kernel is none of $(lines | awk '{ printf "%s ", $1 }'): set one of these, or KDIR=, KSRC= and KIMAGE="

case ${RELEASE:-} in
running)	want=$(uname -r) ;;
newest)		want= ;;
*)		want=${RELEASE:-} ;;
esac

# selected by an earlier run, and still complete?
if [ -e "$top/env" ] && [ -e "$top/version" ] && [ -e "$top/source-package" ]; then
	# shellcheck disable=SC1091
	. "$top/env"
	if [ "${RELEASE:-$KVER}" != "$KVER" ] && [ "$want" != "$KVER" ]; then
		:
	elif [ -e "$KDIR/Module.symvers" ] && [ -e "$KSRC/.unpacked" ] && [ -e "$KIMAGE/.unpacked" ] &&
	   [ -d "${KPATH:-/}" ]; then
		ver=$(cat "$top/version") source=$(cat "$top/source-package")
		if ! marked "$KSRC" "$(source_mark "$ver")"; then
			fetch "$ver" "$source" || unreachable
			unpack_source "$ver" "$KSRC" "$source"
			same_version "$KDIR" "$KSRC"
			source_mark "$ver" >"$KSRC/.unpacked"
		fi
		rm -rf "$top/deb"
		[ -e "$top/apt-conf" ] || echo "$archive_conf" >"$top/apt-conf"
		exit 0
	fi
fi

# update_lists: fetches them, or ends
update_lists()
{
	archive_update ||
		lacking "the package lists of $suites cannot be fetched: is there a network, and does MIRROR= or apt's own source name an archive that has them?${archive_conf:+ ($(tail -n 1 "$archive_dir/update.log"))}"
	lists=new
}

# find_kernel: sets kver, ver, image, source, and what these depend on: others, and kbuild among them
find_kernel()
{
	found=$(discover "$want")
	if [ -z "$found" ] && [ $lists = old ]; then
		echo "kernel: $kernel: no such kernel in the package lists, running apt-get update"
		archive_update || :
		lists=new
		found=$(discover "$want")
	fi
	[ -n "$found" ] || [ -z "$want" ] ||
		lacking "$kernel: the archive ($suites) has no $want with its headers and source: it has $(discover | awk '{ print $1 }') (RELEASE=newest); for another one give KDIR=, KSRC= and KIMAGE="
	[ -n "$found" ] ||
		lacking "$kernel: the archive ($suites) has no kernel of which $src_pattern, image and headers have one version: has its source left the archive, or are these suites not among apt's sources? Set KDIR=, KSRC= and KIMAGE="
	# shellcheck disable=SC2086	# words are meant
	set -- $found
	kver=$1 ver=$2 image=$3 source=$4
	echo "kernel: $kver ($ver)"
	others=$(archive_cache depends "linux-headers-$kver" | awk '$1 ~ /Depends/ && $2 ~ /^linux-(headers|kbuild)-/ { print $2 }'
		 archive_cache depends "$image" | awk '$1 ~ /^Depends/ && $2 ~ /^linux-(binary|modules|base)-[0-9]/ { print $2 }')
	kbuild=$(echo "$others" | sed -n '/^linux-kbuild-/{p;q}')
	[ -n "$kbuild" ] ||
		die "apt-cache names no linux-kbuild that linux-headers-$kver depends on, and modules cannot be built without: set KDIR=, KSRC= and KIMAGE="
	# its programs run here
	[ -z "$(cross "$arch")" ] || others=$(echo "$others" | sed "s/^linux-kbuild-.*/&:$(dpkg --print-architecture)/")
}

# fetch_kernel: what is not unpacked yet
fetch_kernel()
{
	# shellcheck disable=SC2086	# split into one word per package
	marked "$top/$kver/root" "$ver" || fetch "$ver" "$image" "linux-headers-$kver" $others || return 1
	marked "$top/$kver/source" "$(source_mark "$ver")" || fetch "$ver" "$source"
}

lists=old
if archive_stale; then
	echo "kernel: $kernel: fetching the package lists of $suites"
	update_lists
fi
find_kernel
if ! fetch_kernel; then
	# lists that are older than the archive name what has left it
	[ $lists = old ] || unreachable
	echo "kernel: $kernel: fetching the package lists of $suites, because they name what the archive does not have"
	update_lists
	find_kernel
	fetch_kernel || unreachable
fi
# shellcheck disable=SC2086	# split into one word per package
unpack_packages "$ver" "$top/$kver/root" "$kver" "$image" "linux-headers-$kver" $others
unpack_source "$ver" "$top/$kver/source" "$source"
headers=$top/$kver/root/usr/src/linux-headers-$kver
same_version "$headers" "$top/$kver/source"
echo "$ver" >"$top/$kver/root/.unpacked"
source_mark "$ver" >"$top/$kver/source/.unpacked"
path=$(compiler "$headers" "$arch" "$kbuild" "$top/$kver/root/usr/lib/$kbuild") || exit
rm -rf "$top/deb"
echo "$ver" >"$top/version"
echo "$source" >"$top/source-package"
echo "$archive_conf" >"$top/apt-conf"
write_env "$kver" "$headers" "$top/$kver/source" "$top/$kver/root" "$path" "$arch" "$(cross "$arch")"
