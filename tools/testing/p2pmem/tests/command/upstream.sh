#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The command p2pmem, in every topology of the rig, in guests with a distribution's kernel that has its own P2PDMA: Debian's newest, from the
# unstable suite, of which nothing is installed (guest/command-upstream.sh). Prints TAP.
#
# upstream.sh BUILD_DIR
#
# Its packages are fetched from the mirror that this machine uses (rig/archive.sh), and only unpacked, in
# BUILD_DIR; the next run finds them there. UPSTREAM=dir: boot/vmlinuz-KVER and
# lib/modules/KVER of another kernel instead.
#
# Exit status: 0 all passed, 1 a test failed, 2 wrong call.
set -eu

# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
# shellcheck source=tools/testing/p2pmem/rig/archive.sh
. "$top/tools/testing/p2pmem/rig/archive.sh"
here=$top/tools/testing/p2pmem
image=${UPSTREAM:-$work/image}

# into $image: of the newest kernel, its binary and modules
fetch()
{
	apt=$work/tmp/apt
	archive_open "$apt" amd64 unstable
	archive_update || { cat "$apt/update.log"; return 1; }
	v=$(archive_cache depends linux-image-amd64 | sed -n 's/.*Depends: linux-image-\([0-9].*\)/\1/p' | head -n 1)
	[ -n "$v" ] && archive_fetch "$apt" "linux-binary-$v" "linux-modules-$v" || return 1
	for deb in "$apt"/*.deb; do dpkg-deb -x "$deb" "$apt/root" || return 1; done
	rm -rf "$image.new" "$image"
	mkdir -p "$image.new/boot" "$image.new/lib/modules"
	mv "$apt/root/usr/lib/modules/$v" "$image.new/lib/modules/$v" || return 1
	cp "$image.new/lib/modules/$v/vmlinuz" "$image.new/boot/vmlinuz-$v" || return 1
	# what depmod would like to have, and does without
	touch "$image.new/lib/modules/$v/modules.order" "$image.new/lib/modules/$v/modules.builtin"
	mv "$image.new" "$image"
}

# guest TOPOLOGY
guest()
{
	env -u STOCK -u DISK_SIZE -u ICOUNT -u UNTIL -u APPEND BUILD="$work/kernel" NAME="check-command-$1" SMP=1 \
		TIMEOUT=300 EXTRA_FILES="$work/command/p2pmem $work/hold" TOPO="$here/rig/topologies/$1.topo" \
		RUN="$here/tests/guest/command-upstream.sh" python3 "$here/rig/vm.py"
}

if ! ls "$image"/boot/vmlinuz-* >/dev/null 2>&1 && ! fetch >"$work/out" 2>&1; then
	sed 's/^/# /' "$work/out" | tail -n 20
	echo "ok 1 # SKIP no kernel with P2PDMA could be fetched from Debian's unstable suite"
	echo "1..1"
	exit 0
fi
kver=$(basename "$(ls "$image"/boot/vmlinuz-*)")
kver=${kver#vmlinuz-}
mkdir -p "$work/kernel/kernel" "$work/kernel/stock/$kver/modules"
printf 'KVER=%s\nKDIR=/none\nKSRC=/none\nKIMAGE=%s\n' "$kver" "$image" >"$work/kernel/kernel/env"
check "the command p2pmem builds" make -s -C "$top/tools/pci/p2pmem" O="$work/command"
check "the program that holds memory builds" gcc -static -O2 -Wall -Werror -o "$work/hold" "$here/tests/command/hold.c"
for topo in "$here"/rig/topologies/*.topo; do
	topo=$(basename "$topo" .topo)
	check "$kver, $topo: the command says what this kernel does" guest "$topo"
done
rm -f "$work"/kernel/vm/*/*.raw
echo "1..$n"
[ $failed = 0 ]
