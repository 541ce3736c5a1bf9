# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2154	# the names that are said below
#
# exchange.sh: exchanges the set of modules that modprobe and the initramfs use, for install.sh and the
# package of modules. To be sourced by a script that defines "modules" (their names), "root" (a directory
# or nothing), "kver", say() and die(), and calls exchange_paths, lock and leftovers first.
#
# A set is a directory with all modules, below updates/, which depmod prefers. It has one of two names in
# turn: its successor is there before it goes. modules.dep.bin names the set in use, and is exchanged by
# a rename, so that loss of power leaves an index that names the old modules or the new ones, all of them. That
# holds for the index alone: until a reboot, modules that are loaded already, or that an initramfs of before loads,
# are those of before. A later run removes what an interrupted one has left.
#
# A set fits one revision of the kernel's image. Debian keeps the release where it changes exports that are not for
# modules of others, those of nvme-core among them. The files alone distinguish two revisions: a set has their sums.

sets="p2pmem p2pmem-b"

# Sets moddir and aside, the prefix of temporary names: not in a directory that depmod reads, but on the
# same file system
exchange_paths()
{
	moddir=$root/lib/modules/$kver
	aside=$root/lib/modules/.p2pmem-$kver
}

# One run at a time for each kernel, until this one ends. The directory itself is locked, not a file that
# would have to be somewhere: a chroot may lack /run/lock.
lock()
{
	exec 9<"$moddir"
	flock -w "${P2PMEM_LOCK_WAIT:-300}" 9 ||
		die "another run of install.sh or of dpkg exchanges the modules in $moddir: wait until it has ended, then run this again"
}

# What other programs (dkms, depmod) change in the index and the modules that it names
snapshot()
{
	{ ls -i "$moddir/modules.dep.bin"; find "$moddir/updates" "$moddir/extra" -path "$moddir/updates/p2pmem*" -prune -o -printf '%p %i %T@\n'; } 2>/dev/null |
		LC_ALL=C sort
}

# Prints the sums, for sha256sum -c in kernel/, of the image's own files of these modules, and of nvme-core, which
# ours link against. Where they are the same, ours need what these do (nvme-core, rdma_cm), fit what uses these (rdma_cm,
# nvmet-tcp), and hide no correction of them. The image's version would do for packages alone.
image_sums()
{
	[ -d "$moddir/kernel" ] || return 0
	(
		cd "$moddir/kernel" || exit 1
		for m in nvme-core $modules; do
			for f in drivers/nvme/*/"$m".ko* drivers/infiniband/core/"$m".ko*; do
				[ ! -e "$f" ] || sha256sum "$f" || exit 1
			done
		done
	)
}

# Prints package and version of the image of this kernel, or nothing if dpkg has none
image_there()
{
	for p in "linux-image-$kver" "linux-image-$kver-unsigned"; do
		# shellcheck disable=SC2016	# dpkg-query expands this
		found=$(dpkg-query ${root:+--root="$root"} -W -f '${db:Status-Status} ${Version}' "$p" 2>/dev/null) || found=
		case $found in
		'' | not-installed* | config-files*) ;;
		*) echo "$p ${found#* }" ;;
		esac
	done
}

# fits SET: fails if the image is another one than when this set was put in place. One without sums, which are
# younger than sets, fits.
fits()
{
	[ -s "$moddir/updates/$1/image" ] && [ -d "$moddir/kernel" ] || return 0
	(cd "$moddir/kernel" && sha256sum -c --status) <"$moddir/updates/$1/image" 2>/dev/null
}

# Prints the file that modprobe would load for module $1
chosen()
{
	modinfo ${root:+-b "$root"} -k "$kver" -n "$1" 2>/dev/null || true
}

# Prints the set that modprobe uses: the name of its directory below updates/, or nothing
current()
{
	for m in $modules; do chosen "$m"; done | sed -n 's,.*/updates/\(p2pmem\|p2pmem-b\)/.*,\1,p' | head -n 1
}

# named SET: succeeds if the index in use names a file of this set
named()
{
	LC_ALL=C grep -q "updates/$1/" "$moddir/modules.dep.bin" 2>/dev/null
}

# Removes a set that no index names: renamed first, because depmod may run at any time
discard()
{
	[ -e "$moddir/updates/$1" ] || return 0
	rm -rf "$aside.old"
	mv "$moddir/updates/$1" "$aside.old" && sync "$moddir/updates" && rm -rf "$aside.old"
}

# Removes what an interrupted run has left, and sets "left" to yes if modules or a removal were among it: their
# initramfs may be there still. Without the tools of kmod no set seems to be in use.
leftovers()
{
	for t in depmod modinfo; do
		command -v $t >/dev/null || die "$t not found, nothing is changed: install the package kmod"
	done
	rm -rf "$aside.new" "$aside.index" "$aside.old" "$aside.was" "$aside.said"
	now=$(current)
	left=no
	[ ! -e "$aside.removal" ] || left=yes
	for s in $sets; do
		[ "$s" != "$now" ] || continue
		! named "$s" || die "the index of $moddir names files of updates/$s, but modprobe loads ${now:-none of them}: run depmod -a $kver, then this again"
		[ ! -e "$moddir/updates/$s" ] || left=yes
		discard "$s"
	done
}

# prepare_index SET: writes the index of the distribution's modules with SET, or with no set of ours,
# beside the one in use, and checks it
prepare_index()
{
	shadow=$aside.index/lib/modules/$kver
	taken=$(snapshot)
	rm -rf "$aside.index"
	mkdir -p "$shadow/updates" || return 1
	for f in "$moddir"/* "$moddir"/updates/*; do
		case ${f#"$moddir/"} in
		updates | build | source) ;;
		updates/p2pmem | updates/p2pmem-b) [ "$f" != "$moddir/updates/$1" ] || ln -s "$f" "$shadow/updates/" ;;
		updates/*) [ ! -e "$f" ] || ln -s "$f" "$shadow/updates/" ;;
		modules.order | modules.builtin | modules.builtin.modinfo | modules.builtin.ranges) cp -p "$f" "$shadow/" ;;
		modules.*) ;;
		*) [ ! -e "$f" ] || ln -s "$f" "$shadow/" ;;
		esac || return 1
	done
	depmod -b "$aside.index" "$kver" || return 1
	for m in $modules; do
		file=$(modinfo -b "$aside.index" -k "$kver" -n "$m" 2>/dev/null || true)
		file=${file:+$moddir/${file#"$shadow/"}}
		case $1,$file in
		,*/updates/p2pmem*/*) return 1 ;;
		,* | *,*/updates/"$1"/*) ;;
		*,*/kernel/* | *,)
			say "modprobe would load ${file:-nothing} for $m, not the module of p2pmem: check the search lines in /etc/depmod.d" >&2
			return 1
			;;
		*)
			say "modprobe would load $file for $m, not the module of p2pmem: remove the package that installed it, or do without p2pmem" >&2
			return 1
			;;
		esac
	done
	sync "$shadow"/modules.*
}

# Puts the prepared index in use. Each file is renamed; modules.dep.bin, which modprobe reads, is last
# and decides which set is used: until then both sets are there.
use_index()
{
	for f in "$shadow"/modules.*; do
		case ${f##*/} in
		modules.dep.bin | modules.order | modules.builtin | modules.builtin.modinfo | modules.builtin.ranges) ;;
		*) mv "$f" "$moddir/" || return 1 ;;
		esac
	done
	mv "$shadow/modules.dep.bin" "$moddir/" && sync "$moddir" && rm -rf "$aside.index"
}

# Writes the initramfs by dracut, whose own way is to copy over the one in use and to delete it where that fails: here it
# writes a file of another name, which takes its place by a rename. update-initramfs does the same itself.
dracut_initramfs()
{
	image=/boot/initrd.img-$kver
	rm -f "$image.new"
	need=$(du -k "$image" 2>/dev/null | cut -f 1)
	free=$(df -Pk /boot | awk 'END { print $4 }')
	if [ "$free" -lt "${need:-0}" ]; then
		say "no space: /boot has $((free / 1024)) MiB free, another initramfs of $kver needs $((need / 1024 + 1)) MiB" >&2
		return 1
	fi
	if dracut --force "$image.new" "$kver" && [ -s "$image.new" ] && sync "$image.new" &&
	   mv "$image.new" "$image"; then
		sync /boot
		return
	fi
	rm -f "$image.new"
	return 1
}

# The command that renews the initramfs by hand
renewal()
{
	if ! command -v update-initramfs >/dev/null && command -v dracut >/dev/null; then
		echo "dracut --force /boot/initrd.img-$kver.new $kver && mv /boot/initrd.img-$kver.new /boot/initrd.img-$kver"
	else
		echo "update-initramfs -u -k $kver"
	fi
}

# Which file the initramfs of this kernel is, and of when
initramfs_file()
{
	stat -c '%d %i %y' "/boot/initrd.img-$kver" 2>/dev/null || true
}

# Runs update-initramfs, which succeeds where its configuration or a read-only /boot keep it from doing anything. A
# kernel without an initramfs, before and after, needs none.
update_initramfs()
{
	before=$(initramfs_file)
	update-initramfs -u -k "$kver" || return 1
	[ -n "$before" ] && [ "$(initramfs_file)" = "$before" ] || return 0
	kept=yes
	conf=/etc/initramfs-tools/update-initramfs.conf
	if ! [ -w /boot ]; then
		why="/boot is read-only, run mount -o remount,rw /boot first"
	elif grep -Eqs '^[[:space:]]*update_initramfs=.?no' $conf; then
		why="$conf has update_initramfs=no, set it to yes first"
	else
		why="see above, and run update-initramfs -v -u -k $kver"
	fi
	say "update-initramfs did not write /boot/initrd.img-$kver: $why" >&2
	return 1
}

initramfs()
{
	if [ "${INITRAMFS:-yes}" = later ]; then
		return 0
	elif [ -n "$root" ] || [ "${INITRAMFS:-yes}" = no ]; then
		say "initramfs not updated"
	elif [ ! -e "/boot/vmlinuz-$kver" ]; then
		say "initramfs not updated: there is no /boot/vmlinuz-$kver"
	elif command -v update-initramfs >/dev/null; then
		update_initramfs
	elif command -v dracut >/dev/null; then
		dracut_initramfs
	else
		say "initramfs not updated: neither update-initramfs nor dracut found; update that of $kver by hand if it contains nvme or ib_core"
	fi
}

# Succeeds if the kernel's image is being removed, and its initramfs with it. Its prerm may still refuse to
# remove the image of the running kernel.
image_leaves()
{
	[ -z "$root" ] && [ "$kver" != "$(uname -r)" ] || return 1
	for p in "linux-image-$kver" "linux-image-$kver-unsigned"; do
		# shellcheck disable=SC2016	# dpkg-query expands this
		case $(dpkg-query -W -f '${db:Status-Want} ${db:Status-Status}' "$p" 2>/dev/null) in
		"deinstall installed" | "purge installed") return 0 ;;
		esac
	done
	return 1
}

# renew SET: updates the initramfs. A removal does not fail where /boot is full, because to remove a kernel
# is what makes room there: the initramfs of before has all that a boot needs.
renew()
{
	if [ -z "$1" ] && image_leaves; then return 0; fi
	if initramfs; then return 0; fi
	[ -z "$1" ] || return 1
	boots="it boots, with p2pmem's modules"
	[ -e "/boot/initrd.img-$kver" ] || boots="there was none before"
	say "the initramfs of $kver cannot be renewed (see above): $boots; when /boot has room, run $(renewal)" >&2
}

# index SET: prepares the index with SET and puts it in use. Starts over when another program has changed the
# index or modules meanwhile, which would be lost.
index()
{
	for try in 1 2 3 4 5; do
		prepare_index "$1" && keep_index || return 1
		if [ "$(snapshot)" = "$taken" ]; then
			begun=yes
			use_index
			return
		fi
		say "another program has changed $moddir, starting over ($try)"
	done
	say "another program changes $moddir again and again: run this when it has ended" >&2
	return 1
}

# Keeps the index in use, if the image has not taken it away, by links, which need no room
keep_index()
{
	rm -rf "$aside.was"
	[ -e "$moddir/modules.dep.bin" ] || return 0
	mkdir "$aside.was" || return 1
	ln "$moddir"/modules.* "$aside.was/" 2>/dev/null || cp -pf "$moddir"/modules.* "$aside.was/"
}

# undo SET: the index names SET, or none of ours, again. Where there is no room for one beside that in use,
# it is the index that was kept.
undo()
{
	if prepare_index "$1" && use_index; then return 0; fi
	rm -rf "$aside.index"
	[ -e "$aside.was/modules.dep.bin" ] || return 1
	for f in "$aside.was"/modules.*; do
		case ${f##*/} in
		modules.dep.bin) ;;
		# one that was not exchanged is the same file, which mv refuses
		*) cmp -s "$f" "$moddir/${f##*/}" || mv "$f" "$moddir/" || return 1 ;;
		esac
	done
	cmp -s "$aside.was/modules.dep.bin" "$moddir/modules.dep.bin" ||
		mv "$aside.was/modules.dep.bin" "$moddir/" || return 1
	sync "$moddir"
}

# Replaces the set of modules in use by another one, or by none; rolls back if a step fails. Loss of power
# at any step leaves one of the two, whole.
exchange()
{
	# $1: directory of the new set, or empty
	was=$(current)
	next=
	begun=no
	kept=no
	if [ -n "$1" ]; then
		next=p2pmem
		[ "$was" != p2pmem ] || next=p2pmem-b
		if ! image_sums >"$1/image" || ! sync "$1/image" "$1"; then
			die "the sums of the image's modules cannot be written to $1/image (see above), nothing is changed: make room, then run this again"
		fi
		mv "$1" "$moddir/updates/$next"
		sync "$moddir/updates"
	fi
	if index "$next" && renew "$next"; then
		[ -z "$was" ] || discard "$was"
		rm -rf "$aside.was"
		[ -z "$next" ] || removed
		return 0
	fi
	# another program may have run depmod while the new set was there
	if [ $begun = yes ] || [ "$(current)" != "$was" ] || { [ -n "$next" ] && named "$next"; }; then
		undo "$was" || true
		if [ "$(current)" != "$was" ] || { [ -n "$next" ] && named "$next"; }; then
			die "a step failed (see above), and so did the rollback: modprobe loads $(chosen nvme), the initramfs is that of before: make room, then run this again"
		fi
		# one that has not been written is the one of before
		[ $kept = yes ] || initramfs || true
	fi
	[ -z "$next" ] || discard "$next"
	rm -rf "$aside.was"
	[ -z "$was" ] || removed
	rmdir "$moddir/updates" 2>/dev/null || true
	die "a step failed (see above), rolled back: $moddir is as it was before"
}

# Whether there are modules of p2pmem to remove, or a removal to complete
to_remove()
{
	[ "$left" = yes ] || [ -n "$(current)" ]
}

# The whole removal; "removed" ends it. Until then the next run does all of it again.
remove()
{
	touch "$aside.removal" || true
	# the image has gone, and its index with it: none is written for a kernel that is not there
	if [ ! -e "$moddir/modules.dep.bin" ] && [ ! -d "$moddir/kernel" ]; then
		rmdir "$moddir/updates" "$moddir" 2>/dev/null || true
		return 0
	fi
	exchange ""
	rmdir "$moddir/updates" 2>/dev/null || true
}

# No removal has begun, or it is complete
removed()
{
	rm -f "$aside.removal"
}

# new_image REMEDY: for a hook, when the image of this kernel has been installed: a set that was put in place beside
# another revision of it is removed. The hooks that follow make the initramfs, and one of them must not say the same in
# other words: $aside.said is for it. Without a remedy nothing is said.
new_image()
{
	rm -f "$aside.said"
	changed=no
	# in use, or left by a run that was interrupted, which depmod would find
	for s in $sets; do
		fits "$s" || changed=yes
	done
	# a removal that was interrupted has perhaps removed the set, and not all else
	[ $changed = yes ] || [ -e "$aside.removal" ] || return 0
	leftovers
	was=$(current)
	if [ -n "$was" ] && fits "$was"; then return 0; fi
	INITRAMFS=later
	remove
	removed
	[ -n "$1" ] && [ $changed = yes ] || return 0
	: >"$aside.said"
	say "the image of $kver is another revision than the one these modules were built for, and the next boot uses the distribution's: $1" >&2
}
