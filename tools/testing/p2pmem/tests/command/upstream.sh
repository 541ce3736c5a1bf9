#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The command p2pmem in guests with a distribution's kernel that has its own P2PDMA: Debian's newest, from the
# unstable suite, of which nothing is installed (guest/command-upstream.sh). Prints TAP.
#
# upstream.sh BUILD_DIR
#
# Its packages are fetched from the mirror that this machine uses, by an apt with lists of its own, and only
# unpacked, in BUILD_DIR; the next run finds them there. UPSTREAM=dir: boot/vmlinuz-KVER and
# lib/modules/KVER of another kernel instead.
#
# Exit status: 0 all passed, 1 a test failed, 2 wrong call.
set -eu

# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
here=$top/tools/testing/p2pmem
image=${UPSTREAM:-$work/image}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# the mirror of Debian that this machine's apt uses
mirror()
{
	# shellcheck disable=SC2016	# apt expands these
	apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(CODENAME)' 'Created-By: Packages' |
		awk '$2 == "Debian" && $3 !~ /security/ { print $1; exit }' | grep .
}

# into $image: of the newest kernel, its binary and modules
fetch()
{
	apt=$work/tmp/apt
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	from=$(mirror) || { echo "apt of this machine has no mirror of Debian: UPSTREAM=dir"; return 1; }
	echo "deb [signed-by=$keyring] $from unstable main" >"$apt/list"
	cat >"$apt/conf" <<-EOF
		Dir::Etc::sourcelist "$apt/list";
		Dir::Etc::sourceparts "-";
		Dir::State::lists "$apt/lists";
		Dir::Cache "$apt/cache";
		Acquire::Languages "none";
		Acquire::Retries "3";
		APT::Sandbox::User "root";
	EOF
	APT_CONFIG=$apt/conf
	export APT_CONFIG
	apt-get -q update || return 1
	v=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: linux-image-\([0-9].*\)/\1/p' | head -n 1)
	[ -n "$v" ] || return 1
	(cd "$apt" && apt-get -q download "linux-binary-$v" "linux-modules-$v") || return 1
	unset APT_CONFIG
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
		TIMEOUT=300 EXTRA_FILES="$work/command/p2pmem" TOPO="$here/rig/topologies/$1.topo" \
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
check "$kver, one switch: the command works" guest one-switch
check "$kver, two root ports: that kernel refuses, too" guest two-root-ports
rm -f "$work"/kernel/vm/*/*.raw
echo "1..$n"
[ $failed = 0 ]
