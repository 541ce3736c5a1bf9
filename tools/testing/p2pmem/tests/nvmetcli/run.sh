#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests a persistent configuration of the NVMe target: one guest saves it with
# nvmetcli and "p2pmem nvmet", a second guest restores it (guest/nvmetcli.sh). Prints TAP.
#
# run.sh BUILD_DIR
#
# nvmetcli is in Debian's unstable suite only. Its package, which is plain Python, is fetched from this
# machine's mirror (rig/archive.sh), and unpacked in BUILD_DIR, where the next run finds
# it. NVMETCLI=file: use this package instead.
#
# Exit status: 0 all passed, 1 a test failed, 2 usage error.
set -eu

# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
# shellcheck source=tools/testing/p2pmem/rig/archive.sh
. "$top/tools/testing/p2pmem/rig/archive.sh"
here=$top/tools/testing/p2pmem
root=$work/tmp/root

# downloads $work/nvmetcli.deb
fetch()
{
	archive_open "$work/tmp/apt" amd64 unstable
	archive_update || { cat "$work/tmp/apt/update.log"; return 1; }
	archive_fetch "$work/tmp/apt" nvmetcli && mv "$work"/tmp/apt/nvmetcli_*.deb "$work/nvmetcli.deb"
}

# Python of this machine, nvmetcli and the modules that it needs, and the tested program
guest_root()
{
	# the distribution's program, even if PATH has another one
	python=$(readlink -f /usr/bin/python3)
	version=${python##*/}
	mkdir -p "$root/usr/bin" "$root/usr/lib" "$root/lib" || return 1
	cp "$python" "$root/usr/bin/python3"
	cp -a "/usr/lib/$version" "$root/usr/lib/"
	(cd "$root/usr/lib/$version" && rm -rf test idlelib tkinter lib2to3 ensurepip pydoc_data config-3* sitecustomize.py)
	ldd "$python" "$root/usr/lib/$version"/lib-dynload/*.so | awk '$3 ~ /^\// { print $3 }' | sort -u | while read -r lib; do
		case ${lib##*/} in
		libc.so.* | libm.so.* | libz.so.* | libexpat.so.* | libtinfo.so.* | libreadline.so.* | libncursesw.so.* | \
			libffi.so.* | libpthread.so.* | libdl.so.* | libutil.so.*) cp -L "$lib" "$root/lib/" ;;
		esac
	done
	dpkg-deb -x "${NVMETCLI:-$work/nvmetcli.deb}" "$root" || return 1
	(
		cd /usr/lib/python3/dist-packages || exit 1
		for m in configshell configshell_fb pyparsing six.py urwid; do
			[ ! -e $m ] || cp -aL $m "$root/usr/lib/python3/dist-packages/"
		done
	)
	cp "$work/command/p2pmem" "$root/usr/bin/"
	rm -rf "${root:?}/usr/share"
}

# guest PHASE FILE...
guest()
{
	phase=$1
	shift
	env -u STOCK -u DISK_SIZE -u ICOUNT -u UNTIL NAME="check-nvmetcli-$phase" SMP=1 TIMEOUT=300 \
		APPEND="nvmetcli.phase=$phase" EXTRA_FILES="$root $*" \
		TOPO="$here/tests/topologies/nvmet-attribute.topo" RUN="$here/tests/guest/nvmetcli.sh" \
		python3 "$here/rig/vm.py"
}

[ -n "${NVMETCLI:-}" ] || [ -s "$work/nvmetcli.deb" ] || {
	if ! fetch >"$work/out" 2>&1; then
		sed 's/^/# /' "$work/out"
		skip_all nvmetcli "it could not be fetched from Debian's unstable suite"
	fi
}
check "the command p2pmem builds" make -s -C "$top/tools/pci/p2pmem" O="$work/command"
check "Python and nvmetcli for the guest" guest_root
check "nvmetcli loses the attributes, p2pmem nvmet restores them" guest save
files=$BUILD/vm/check-nvmetcli-save/files
check "the file has the p2pmem attributes of each namespace" test "$(grep -c '"p2pmem":' "$files/p2pmem.json")" = 4
check "after a boot both are restored, and data moves through peer memory" guest restore "$files/config.json $files/p2pmem.json"
if command -v systemd-analyze >/dev/null; then
	# that the program is not installed here is no fault of the unit
	sed 's|/usr/local/bin/p2pmem|/bin/true|' "$top/tools/packaging/p2pmem-nvmet.service" \
		>"$work/tmp/p2pmem-nvmet.service"
	check "systemd reads the unit" systemd-analyze verify "$work/tmp/p2pmem-nvmet.service"
fi
[ $failed != 0 ] || rm -rf "$root" "$BUILD"/vm/check-nvmetcli-*/*.raw
echo "1..$n"
[ $failed = 0 ]
