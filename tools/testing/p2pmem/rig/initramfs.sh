#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# initramfs.sh BUILD STOCKLIST: make the two parts of the guest's initramfs that all runs share.
#
#   BUILD/vm/.cache/base-HASH.cpio      user space: busybox, kmod, nvme, fio, ... and init
#   BUILD/vm/.cache/modules-HASH.cpio   kernel modules: the distribution's, and ours
#
# Prints both paths on one line, and rebuilds a part only if its inputs changed. The kernel
# unpacks concatenated cpio archives, so each run only appends its own small one. STOCKLIST
# names modules of ours to leave out ("nvme ib_core"), so that the guest loads the
# distribution's.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=$1
stocklist=$2
cache=$build/vm/.cache
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
# shellcheck disable=SC1091
. "$build/kernel/env"
ours=$build/stock/$KVER
work=$(mktemp -d "$cache/work.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Programs of this machine that are copied to the guest, with their libraries; for a kernel of another
# architecture those of userland.sh
programs="kmod flock nvme fio ip rdma mkfs.ext4 e2fsck debugfs lspci setpci lsblk blkid findmnt blkdiscard"

# Modules of the distribution that guests use; their dependencies are added. Modules that
# the kernel does not have or has built in are skipped.
stock_modules="nvme-core nvme nvme-fabrics nvme-rdma nvme-tcp nvme-loop nvmet nvmet-rdma nvmet-tcp
	ib_core ib_cm iw_cm rdma_cm rdma_ucm ib_uverbs rdma_rxe siw
	dummy virtio_pci virtio_blk virtio_net brd null_blk loop ext4
	crc32c_generic crc32c-intel crc32_generic crc32-pclmul crct10dif_generic crct10dif-pclmul
	crc64-rocksoft-generic crc64-rocksoft crc64
	pciehp configfs edu uio vfio-pci"

die()
{
	echo "initramfs: $*" >&2
	exit 1
}

find_program()
{
	if [ -z "$guest" ]; then
		PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin command -v "$1" ||
			die "$1 is not installed: run make deps"
	else
		find "$guest/usr/bin" "$guest/usr/sbin" -name "$1" | grep -m 1 . || die "$guest has no $1"
	fi
}

# libraries PROGRAM: those that it is linked with, and the dynamic loader, as it names it
libraries()
{
	if [ -z "$guest" ]; then
		ldd "$1" | awk '$3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }'
		return
	fi
	"${KCROSS}readelf" -l "$1" | sed -n 's/.*program interpreter: \(.*\)\]/\1/p'
	todo=$1 seen=" "
	while [ -n "$todo" ]; do
		next=
		for f in $todo; do
			for lib in $("${KCROSS}readelf" -d "$f" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
				case "$seen" in *" $lib "*) continue ;; esac
				seen="$seen$lib "
				path=$(find "$guest/usr/lib" -name "$lib" | head -n 1)
				[ -n "$path" ] || die "$guest has no $lib, which $1 is linked with"
				echo "${path#"$guest"}"
				next="$next $path"
			done
		done
		todo=$next
	done
}

put_program()
{
	# $1: root, $2: path; libraries are copied to the paths that the loader looks up
	mkdir -p "$1/usr/bin"
	cp -L "$2" "$1/usr/bin/"
	libraries "$2" >"$work/libraries"
	while read -r lib; do
		[ -e "$1$lib" ] && continue
		mkdir -p "$1$(dirname "$lib")"
		cp -L "$guest$lib" "$1$lib"
	done <"$work/libraries"
}

pack()
{
	# $1: directory, $2: archive
	(cd "$1" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$work/cpio"
	mv "$work/cpio" "$2"
}

build_base()
{
	root=$work/base
	mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/run" "$root/tmp" "$root/mnt" \
		 "$root/etc/nvme" "$root/lib" "$root/usr/sbin"
	ln -s usr/bin "$root/sbin"
	cp "$(find_program busybox)" "$root/bin/busybox"
	[ -z "$(libraries "$root/bin/busybox" 2>/dev/null)" ] || die "busybox is dynamic: install busybox-static"
	# a foreign one does not run here; this machine's has the same applets
	busybox --list | while read -r applet; do
		[ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
	done
	for p in $programs; do
		put_program "$root" "$(find_program "$p")"
	done
	# kmod supports soft dependencies and lib/modules/*/updates, busybox does not
	for p in modprobe insmod rmmod lsmod depmod modinfo; do
		rm -f "$root/bin/$p"
		ln -s kmod "$root/usr/bin/$p"
	done
	rm -f "$root/bin/ip" "$root/bin/blkid"
	[ -e /usr/share/misc/pci.ids ] && mkdir -p "$root/usr/share/misc"
	cp /etc/mke2fs.conf "$root/etc/"
	echo "root:x:0:0:root:/:/bin/sh" >"$root/etc/passwd"
	echo "root:x:0:" >"$root/etc/group"
	: >"$root/etc/fstab"
	ln -s /proc/self/mounts "$root/etc/mtab"
	uuid=11111111-2222-3333-4444-555555555555
	echo "nqn.2014-08.org.nvmexpress:uuid:$uuid" >"$root/etc/nvme/hostnqn"
	echo "$uuid" >"$root/etc/nvme/hostid"
	cp "$here/guest/init" "$root/init"
	cp "$here/guest"/*.sh "$here/guest"/logscan.* "$root/lib/"
	mv "$root/lib/lib.sh" "$root/lib/p2pmem.sh"
	chmod 755 "$root/init"
	pack "$root" "$1"
}

# Prints one line per module file below $1: name (with _ for -), path
module_index()
{
	find "$1" -name '*.ko' -o -name '*.ko.xz' -o -name '*.ko.zst' -o -name '*.ko.gz' |
	awk '{ n = $0; sub(/.*\//, "", n); sub(/\.ko.*/, "", n); gsub(/-/, "_", n); print n, $0 }'
}

# Prints all wanted modules with their hard and soft dependencies: name, path
closure()
{
	todo=$(echo "$stock_modules" | tr -- - _)
	seen=" "
	while [ -n "$todo" ]; do
		next=
		for m in $todo; do
			case "$seen" in *" $m "*) continue ;; esac
			seen="$seen$m "
			path=$(awk -v m="$m" '$1 == m { print $2; exit }' "$work/index")
			[ -n "$path" ] || continue
			echo "$m $path"
			next="$next $(modinfo -F depends "$path" | tr ',-' ' _')"
			next="$next $(modinfo -F softdep "$path" | sed 's/pre://g; s/post://g' | tr -- - _)"
		done
		todo=$(echo "$next" | tr ' ' '\n' | sort -u)
	done
}

build_modules()
{
	root=$work/modules
	dir=$root/lib/modules/$KVER
	mkdir -p "$dir/kernel" "$dir/updates"
	module_index "$KIMAGE/lib/modules/$KVER" >"$work/index"
	closure >"$work/wanted"
	while read -r _ path; do
		f=$(basename "$path")
		case "$path" in
		*.ko.xz)	xz -dc "$path" >"$dir/kernel/${f%.xz}" ;;
		*.ko.zst)	zstd -qdc "$path" >"$dir/kernel/${f%.zst}" ;;
		*.ko.gz)	gzip -dc "$path" >"$dir/kernel/${f%.gz}" ;;
		*)		cp "$path" "$dir/kernel/$f" ;;
		esac
	done <"$work/wanted"
	our_modules | while read -r name path; do
		case $path in
		*/rig-nvme/stock/*)	cp "$path" "$dir/kernel/$name.ko"; continue ;;
		esac
		cp "$path" "$dir/updates/$name.ko"
		echo "$name" | tr -- - _
	done >"$root/lib/modules/p2pmem.list"
	cp "$KIMAGE/lib/modules/$KVER/modules.order" "$KIMAGE/lib/modules/$KVER/modules.builtin" "$dir/"
	[ ! -e "$KIMAGE/lib/modules/$KVER/modules.builtin.modinfo" ] ||
		cp "$KIMAGE/lib/modules/$KVER/modules.builtin.modinfo" "$dir/"
	depmod -b "$root" "$KVER"
	pack "$root" "$1"
}

# Prints our modules for this guest, one per line: name, file. QEMU loses commands of an nvme
# driver with shadow doorbells, so the guest always gets an nvme built without them.
our_modules()
{
	for f in "$ours"/modules/*.ko; do
		[ -e "$f" ] || continue
		n=$(basename "$f" .ko)
		[ "$n" != nvme ] || continue
		stock "$n" || echo "$n $f"
	done
	v=grafted
	! stock nvme || v=stock
	[ ! -e "$ours/rig-nvme/$v/nvme.ko" ] || echo "nvme $ours/rig-nvme/$v/nvme.ko"
}

stock()
{
	for s in $stocklist; do
		[ "$(echo "$s" | tr -- - _)" != "$(echo "$1" | tr -- - _)" ] || return 0
	done
	return 1
}

for s in $stocklist; do
	n=$(echo "$s" | tr -- - _)
	for f in "$ours"/modules/*.ko; do
		[ "$(basename "$f" .ko | tr -- - _)" != "$n" ] || continue 2
	done
	die "STOCK=$s: $ours/modules has no such module; list modules that \"make modules\" builds"
done

hash_of()
{
	sha256sum | cut -c1-16
}

guest=
if [ -n "${KCROSS:-}" ]; then
	"$here/deps.sh" qemu-system-arm >&2
	guest=$("$here/userland.sh" "$build")
fi
for p in $programs busybox; do
	find_program "$p"
done >"$work/files"
base=$cache/base-$({ xargs ls -lL --time-style=full-iso <"$work/files"
	cat "$0" "$here/guest"/*; } | hash_of).cpio
modules=$cache/modules-$({ our_modules | awk '{ print $2 }' | xargs -r sha256sum
	echo "$stocklist $KVER $(cat "$build/kernel/version" 2>/dev/null)"
	ls -lL --time-style=full-iso "$KIMAGE/boot/vmlinuz-$KVER" "$KIMAGE/lib/modules/$KVER/modules.order" 2>/dev/null || :
	cat "$0"; } | hash_of).cpio

# parallel runs share the archives: build them under a lock and rename them into place
exec 9>"$cache/lock"
flock 9
[ -e "$base" ] || build_base "$base"
[ -e "$modules" ] || build_modules "$modules"
# remove archives that were not used for a day
find "$cache" -name '*.cpio' -amin +1440 -delete
touch -a "$base" "$modules"
echo "$base $modules"
