#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# fetch.sh BUILD_DIR: rig/kernel.sh and rig/deps.sh with an archive of small packages: one that changes while they
# read it, a fetch that was interrupted, and apt in another language. Needs no network. Prints TAP.
set -eu

# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
rig=$top/tools/testing/p2pmem/rig
unset KERNEL KDIR KSRC KIMAGE KVER KPATH RELEASE LC_ALL LANG
archive=$work/tmp/archive
lane=$work/tmp/lane
release=7.9.0+t-amd64
made=$(($(date +%s) - 3600))
root=$lane/kernel/$release/root

# pack NAME VERSION [DEPENDS]: the files in $work/tmp/p become a package of the archive
pack()
{
	mkdir -p "$work/tmp/p/DEBIAN"
	printf '%s\n' "Package: $1" "Version: $2" "Architecture: amd64" "Maintainer: none <none@example.org>" \
		"Description: none" >"$work/tmp/p/DEBIAN/control"
	[ -z "${3:-}" ] || echo "Depends: $3" >>"$work/tmp/p/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$work/tmp/p" "$archive/pool/$1_$2_amd64.deb" >/dev/null
	rm -rf "$work/tmp/p"
}

# archive VERSION [SUBLEVEL-OF-SOURCE [DEPENDS-OF-HEADERS]]: it has this version of all packages, and no other
archive()
{
	made=$((made + 60))
	rm -rf "$archive"
	mkdir -p "$archive/pool"
	p=$work/tmp/p
	mkdir -p "$p/boot"
	echo "$1" >"$p/boot/vmlinuz-$release"
	mkdir -p "$p/lib/modules/$release/kernel"
	pack "linux-image-$release" "$1"
	h=$p/usr/src/linux-headers-$release
	mkdir -p "$h/include/generated/uapi/linux"
	: >"$h/Module.symvers"
	echo "include /usr/src/linux-headers-7.9-common/Makefile" >"$h/Makefile"
	echo "#define UTS_RELEASE \"$release\"" >"$h/include/generated/utsrelease.h"
	printf '#define LINUX_VERSION_%s\n' "MAJOR 7" "PATCHLEVEL 9" "SUBLEVEL 0" >"$h/include/generated/uapi/linux/version.h"
	pack "linux-headers-$release" "$1" "${3-linux-kbuild-7.9}"
	mkdir -p "$p/usr/lib/linux-kbuild-7.9"
	echo "$1" >"$p/usr/lib/linux-kbuild-7.9/version"
	pack linux-kbuild-7.9 "$1"
	s=$work/tmp/linux-source-7.9
	rm -rf "$s"
	for d in infiniband/core nvme/common nvme/host nvme/target pci; do mkdir -p "$s/drivers/$d"; done
	echo "$1" | tee "$s/drivers/nvme/host/pci.c" >"$s/drivers/pci/p2pdma.c"
	printf '%s\n' "VERSION = 7" "PATCHLEVEL = 9" "SUBLEVEL = ${2:-0}" >"$s/Makefile"
	mkdir -p "$p/usr/src"
	tar -C "$work/tmp" -cJf "$p/usr/src/linux-source-7.9.tar.xz" linux-source-7.9
	pack linux-source-7.9 "$1"
	for suite in trixie trixie-backports; do
		d=$archive/dists/$suite
		mkdir -p "$d/main/binary-amd64"
		: >"$d/main/binary-amd64/Packages"
		[ $suite = trixie ] || (cd "$archive" && dpkg-scanpackages pool) >"$d/main/binary-amd64/Packages" 2>/dev/null
		printf 'Suite: %s\nCodename: %s\nArchitectures: amd64\nComponents: main\nDate: %s\nSHA256:\n %s %s main/binary-amd64/Packages\n' \
			$suite $suite "$(date -Ru | sed 's/+0000/UTC/')" "$(sha256sum <"$d/main/binary-amd64/Packages" | cut -d ' ' -f 1)" \
			"$(wc -c <"$d/main/binary-amd64/Packages")" >"$d/Release"
		# apt takes lists of the same size and time for the same
		touch -d "@$made" "$d/main/binary-amd64/Packages" "$d/Release"
	done
}

kernel()
{
	env KERNEL=debian-backports SHARED_BUILD="$lane" MIRROR="[trusted=yes] file:$archive" SECURITY="[trusted=yes] file:$archive" \
		"$@" "$rig/kernel.sh" "$lane"
}

# fails STATUS TEXT ASSIGNMENT...
fails()
{
	want=$1 text=$2 status=0
	shift 2
	kernel "$@" >"$work/tmp/said" 2>&1 || status=$?
	cat "$work/tmp/said"
	[ $status = "$want" ] && [ "$(grep -c "^kernel: .*$text" "$work/tmp/said")" = 1 ]
}

# whole VERSION: everything that was unpacked has it
whole()
{
	cat "$root/boot/vmlinuz-$release" "$root/usr/lib/linux-kbuild-7.9/version" \
		"$lane/kernel/$release/source/drivers/nvme/host/pci.c" "$lane/kernel/version" >"$work/tmp/versions" || return 1
	cat "$work/tmp/versions"
	[ "$(sort -u "$work/tmp/versions")" = "$1" ] && grep -qx "KVER=$release" "$lane/kernel/env"
}

# nothing that a later run would take for complete
unmarked()
{
	! find "$lane" -name .unpacked -o -path "$lane/kernel/env" | grep .
}

# apt of another language, unless LC_ALL says English
mkdir -p "$work/tmp/bin"
cat >"$work/tmp/bin/apt-cache" <<END
#!/bin/sh
[ "\${LC_ALL:-}" != C ] || exec $(command -v apt-cache) "\$@"
$(command -v apt-cache) "\$@" | sed 's/Depends:/Haengt ab von:/; s/Candidate:/Installationskandidat:/'
END
chmod +x "$work/tmp/bin/apt-cache"

archive 7.9-1
check "a kernel of an archive" kernel
check "all of it" whole 7.9-1

# by_hand: a kernel of KDIR=, where one of a package was selected before
by_hand()
{
	mkdir -p "$work/tmp/by-hand/kernel"
	cp "$lane"/kernel/version "$lane"/kernel/source-package "$lane"/kernel/apt-conf "$work/tmp/by-hand/kernel/" || return 1
	KDIR=$root/usr/src/linux-headers-$release KSRC=$lane/kernel/$release/source "$rig/kernel.sh" "$work/tmp/by-hand" || return 1
	ls -A "$work/tmp/by-hand/kernel" >"$work/tmp/files"
	cat "$work/tmp/files"
	[ "$(cat "$work/tmp/files")" = env ]
}

check "a kernel by hand is of no package" by_hand

# moved: the clone is somewhere else
moved()
{
	mv "$lane" "$lane-moved" && lane=$lane-moved && kernel || return 1
	grep -x "include $lane/kernel/$release/root/usr/src/linux-headers-7.9-common/Makefile" \
		"$lane/kernel/$release/root/usr/src/linux-headers-$release/Makefile"
}

check "a clone that was moved" moved
root=$lane/kernel/$release/root
check "all of it" whole 7.9-1
rm -rf "$lane"
check "apt of another language" kernel PATH="$work/tmp/bin:$PATH"
check "all of it" whole 7.9-1

rm -rf "$lane"
archive 7.9-1 0 ""
check "headers without linux-kbuild" fails 1 "names no linux-kbuild" A=
check "nothing is taken for complete" unmarked

rm -rf "$lane"
archive 7.9-1 5
check "headers and a source of different versions" fails 1 "give headers and source of one version" A=
check "nothing is taken for complete" unmarked
archive 7.9-2
rm "$lane/apt/debian-backports/updated"
check "and the next version is" kernel
check "all of it" whole 7.9-2

# the fetch of a version ends half way, and another version has its place
rm -rf "$lane"
archive 7.9-1
rm "$archive"/pool/linux-source*
check "a fetch that ends half way" fails 3 "apt cannot download linux-source-7.9=7.9-1" A=
check "nothing is taken for complete" unmarked
archive 7.9-2
check "lists of before: the archive has another version" kernel
check "all of it" whole 7.9-2
rm -rf "$lane/kernel"
archive 7.9-3
check "the same when nothing was fetched yet" kernel
check "all of it" whole 7.9-3
rm -rf "$lane/kernel" "$archive/pool"
check "lists of before, and an archive without its files" fails 3 "apt cannot download linux-image-$release=7.9-3" A=

# a machine whose apt prefers a release of its own; a source that is cut; lists that are being fetched
rm -rf "$lane"
archive 7.9-4
echo 'APT::Default-Release "bookworm";' >"$work/tmp/apt.conf"
check "apt with a default release" kernel APT_CONFIG="$work/tmp/apt.conf"
check "all of it" whole 7.9-4
rm -rf "$lane"
s=$work/tmp/linux-source-7.9
head -c 3000000 /dev/urandom >"$s/drivers/nvme/target/core.c"
tar -C "$work/tmp" -cJf "$work/tmp/whole.tar.xz" linux-source-7.9
mkdir -p "$work/tmp/p/usr/src"
head -c 2000000 "$work/tmp/whole.tar.xz" >"$work/tmp/p/usr/src/linux-source-7.9.tar.xz"
archive_files()
{
	pack linux-source-7.9 7.9-4
	d=$archive/dists/trixie-backports
	(cd "$archive" && dpkg-scanpackages pool) >"$d/main/binary-amd64/Packages" 2>/dev/null
	sed -i '/main.binary/d' "$d/Release"
	echo " $(sha256sum <"$d/main/binary-amd64/Packages" | cut -d ' ' -f 1) $(wc -c <"$d/main/binary-amd64/Packages") main/binary-amd64/Packages" >>"$d/Release"
}

archive_files
check "a source that is cut" fails 1 "is damaged, or there is no room" A=
check "nothing is taken for complete" unmarked
rm -rf "$lane"
archive 7.9-5
mkdir -p "$lane/apt/debian-backports"
flock "$lane/apt/debian-backports/lock" sleep 2 &
check "lists that another run fetches are waited for" kernel
check "all of it" whole 7.9-5

# deps.sh: which of several names the archive has
package=$(apt-cache pkgnames cowsay | head -n 1)
if [ -n "$package" ] && ! dpkg-query -W "$package" >/dev/null 2>&1; then
	printf '#!/bin/sh\necho "$*" >>%s/calls\n' "$work/tmp" >"$work/tmp/bin/apt-get"
	printf '#!/bin/sh\nexec "$@"\n' >"$work/tmp/bin/sudo"
	chmod +x "$work/tmp/bin/apt-get" "$work/tmp/bin/sudo"
	env PATH="$work/tmp/bin:$PATH" "$rig/deps.sh" "no-such-package|$package" >"$work/out" 2>&1 || :
	check "deps.sh: apt of another language" grep -q "install --no-install-recommends $package\$" "$work/tmp/calls"
else
	ok "deps.sh: apt of another language # SKIP this machine's lists have no package for it"
fi
echo "1..$n"
[ $failed = 0 ]
