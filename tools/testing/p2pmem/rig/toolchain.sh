#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# toolchain.sh GCC ARCHITECTURE DIR [APT.CONF [KBUILD-PACKAGE KBUILD-DIR]]: a compiler such as gcc-14 for
# kernels of ARCHITECTURE
#
# Prints the directory to put in front of PATH, or nothing: the machine has that compiler. One that neither
# this machine nor its distribution has comes out of the package lists of APT.CONF (archive.sh). It is
# unpacked below DIR and not installed; its programs run with the C library of their own distribution,
# also unpacked there, with an assembler and a linker that know what it writes, while everything else of
# the build is the machine's. So do the programs of the kernel's
# headers in KBUILD-DIR that want a later C library than this machine's, with what KBUILD-PACKAGE depends on.
#
# Exit status: 0; 3 if the archive lacks a package or cannot be reached; 1 otherwise.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
gcc=$1 dir=$3
version=${gcc#gcc-}
case $2 in
amd64)	triplet=x86_64-linux-gnu ;;
arm64)	triplet=aarch64-linux-gnu ;;
*)	echo "toolchain: no compiler is known for $2" >&2; exit 1 ;;
esac
# shellcheck source=tools/testing/p2pmem/rig/archive.sh
. "$here/archive.sh"

die()
{
	echo "toolchain: $*" >&2
	exit 1
}

! command -v "$triplet-$gcc" >/dev/null || exit 0
native=$gcc
[ "$triplet" = "$(gcc -dumpmachine 2>/dev/null || echo x86_64-linux-gnu)" ] || native=$gcc-$(echo "$triplet" | tr _ -)
if apt-cache show "$native" >/dev/null 2>&1; then
	"$here/deps.sh" "$native" >&2
	exit 0
fi
[ -n "${4:-}" ] ||
	die "this kernel was built with $gcc, which neither this machine nor its distribution has: build on the distribution of that kernel, or use KERNEL= for one of its kernels"
archive_conf=$4

root=$dir/$gcc
libraries=$root/root/usr/lib/$triplet:$root/root/lib/$triplet

loader()
{
	find "$root/root/usr/lib" "$root/root/lib" -name 'ld-linux-x86-64.so.2' ! -type l 2>/dev/null | head -n 1
}

# start PROGRAM NAME [OPTION]: a script NAME that runs PROGRAM, but nothing that PROGRAM runs, with these
# libraries
start()
{
	cat >"$2.new" <<-END
		#!/bin/sh
		exec "$(loader)" --library-path "$libraries" --argv0 "$1" "$1"${3:+ "$3"} "\$@"
	END
	chmod 755 "$2.new"
	mv "$2.new" "$2"
}

# programs below $1 that the machine's C library is too old for
wrap()
{
	find "$1" -type f -perm -100 ! -name '*.bin' ! -name '*.so' | while read -r program; do
		[ "$(head -c 4 "$program" | tail -c 3)" = ELF ] || continue
		! ldd "$program" 2>&1 | grep -q 'not found' || {
			mv "$program" "$program.bin"
			start "$program.bin" "$program"
		}
	done
}

# with a lock: several kernels may want it at once
mkdir -p "$dir"
exec 9>"$dir/.lock"
flock 9
if [ -e "$root/whole" ]; then
	[ -z "${6:-}" ] || wrap "$6"
	echo "$root/bin"
	exit 0
fi
named=$(echo "$triplet" | tr _ -)
packages="binutils-$named gcc-$version-$named cpp-$version-$named libgcc-$version-dev libc6 libgmp10 libisl23 libmpc3 libmpfr6 libzstd1 zlib1g libstdc++6 libgcc-s1 gcc-$version-base"
for p in "binutils-$named" ${5:+"$5"}; do
	packages="$packages $(archive_cache depends "$p" | awk '$1 == "Depends:" && $2 ~ /^lib/ { print $2 }')"
done
echo "toolchain: unpacking $gcc, which the kernel was built with, below $root" >&2
rm -rf "$root"
mkdir -p "$root/deb" "$root/root" "$root/bin"
# shellcheck disable=SC2086,SC2046	# one word a package is meant
archive_fetch_newest "$root/deb" $(printf "%s\\n" $packages | sort -u) >&2 || {
	echo "toolchain: apt could not download $gcc (its message is above)" >&2
	exit 3
}
for deb in "$root"/deb/*.deb; do
	dpkg -x "$deb" "$root/root"
done
rm -rf "$root/deb"
[ -n "$(loader)" ] || die "$gcc came without its dynamic loader"

internal=$(dirname "$(find "$root/root/usr" -name cc1 -type f | head -n 1)")
for program in cc1 collect2; do
	[ -e "$internal/$program" ] || continue
	mv "$internal/$program" "$internal/$program.bin"
	start "$internal/$program.bin" "$internal/$program"
done
# not the machine's assembler: the compiler writes directives that an older one does not know
start "$root/root/usr/bin/$triplet-$gcc" "$root/bin/$triplet-$gcc" "-B$root/bin/"
ln -s "$root/bin/$triplet-$gcc" "$root/bin/$gcc"
for program in as ld ar nm objcopy objdump strip readelf; do
	start "$root/root/usr/bin/$triplet-$program" "$root/bin/$program"
done
echo 'int main(void) { return 0; }' | "$root/bin/$gcc" -x c -c -o "$root/try.o" - ||
	die "$gcc does not run here (see above)"
[ -z "${6:-}" ] || wrap "$6"
: >"$root/whole"
echo "$root/bin"
