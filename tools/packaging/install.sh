#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# install.sh: put the modules that "make modules" built onto this machine, or take them off.
#
#   install.sh install     copy to /lib/modules/KVER/updates/p2pmem, depmod, initramfs
#   install.sh uninstall   the way back to the distribution's modules
#   install.sh status      what modprobe would load, and what is loaded
#
# Variables:
#   BUILD=dir              where "make modules" built (build)
#   KVER=release           the kernel (the one that was built for last; uninstall and status: ditto)
#   SIGN_KEY= SIGN_CERT=   sign the modules with this key and certificate (Secure Boot)
#   INITRAMFS=no           leave the initramfs alone
#   DESTDIR=dir            install below this directory; never touches an initramfs
#
# The distribution's files stay where they are: depmod prefers updates/. Only the one kernel is
# touched. What fails half-way is undone. Nothing is loaded or unloaded: that takes a reboot,
# because the drive with the root file system may be driven by one of these modules.
#
# Exit status: 0 done, 1 not done and nothing changed, 2 wrong call.

set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$top/build}
root=${DESTDIR:-}
# what a machine needs; adapters and tools for tests are left out
modules="p2pdma p2pmem-bar ib_core nvme nvmet nvmet-rdma"

say()
{
	echo "install: $*"
}

die()
{
	echo "install: $*" >&2
	exit 1
}

usage()
{
	sed -n '3,/^$/s/^# \{0,1\}//p' "$0" >&2
	exit 2
}

# File that modprobe would take for module $1
chosen()
{
	modinfo ${root:+-b "$root"} -k "$kver" -n "$1" 2>/dev/null || true
}

# depmod, then is what modprobe takes ours ("yes") or not ("no")?
index()
{
	depmod -a ${root:+-b "$root"} "$kver" || return 1
	for m in $modules; do
		case $1,$(chosen "$m") in
		yes,*/updates/p2pmem/*) ;;
		no,*/updates/p2pmem/*) return 1 ;;
		yes,*)
			echo "install: modprobe would take $(chosen "$m") for $m: see the search lines in /etc/depmod.d" >&2
			return 1
			;;
		esac
	done
}

initramfs()
{
	if [ -n "$root" ] || [ "${INITRAMFS:-yes}" = no ]; then
		say "the initramfs was left alone"
	elif [ ! -e "/boot/vmlinuz-$kver" ]; then
		say "no /boot/vmlinuz-$kver: there is no initramfs to renew"
	elif command -v update-initramfs >/dev/null; then
		update-initramfs -u -k "$kver"
	elif command -v dracut >/dev/null; then
		dracut --force --kver "$kver"
	else
		say "neither update-initramfs nor dracut is here: renew the initramfs of $kver yourself if it holds nvme or ib_core"
	fi
}

# Puts a set of modules (or none) in place of the present one; undoes it when a step fails
exchange()
{
	# $1: directory of the new set, or empty
	rm -rf "$aside.old"
	[ ! -e "$dir" ] || mv "$dir" "$aside.old"
	[ -z "$1" ] || mv "$1" "$dir"
	if index "$2" && initramfs; then
		rm -rf "$aside.old"
		return 0
	fi
	rm -rf "$dir"
	[ ! -e "$aside.old" ] || mv "$aside.old" "$dir"
	depmod -a ${root:+-b "$root"} "$kver" || true
	initramfs || true
	die "a step failed (see above): $moddir is as it was before"
}

# Other packages bring modules of these names too (vendors' RDMA stacks, DKMS).
no_rivals()
{
	for m in $modules; do
		rival=$(find "$moddir/updates" "$moddir/extra" "$moddir/weak-updates" -path "$dir" -prune -o \
			\( -name "$m.ko" -o -name "$m.ko.*" \) -print 2>/dev/null | head -n 1)
		[ -z "$rival" ] ||
			die "$rival replaces $m already, and two cannot: remove the package that brought it, or keep it and do without p2pmem"
	done
}

secure_boot()
{
	[ -z "$root" ] || return 1
	var=$(find /sys/firmware/efi/efivars -name 'SecureBoot-*' 2>/dev/null | head -n 1)
	[ -n "$var" ] && [ "$(od -An -tu1 -j4 -N1 "$var" | tr -d ' ')" = 1 ]
}

sign()
{
	# $1: directory
	if [ -z "${SIGN_KEY:-}${SIGN_CERT:-}" ]; then
		! secure_boot ||
			die "Secure Boot is on, and the kernel would refuse modules without a signature: give SIGN_KEY= and SIGN_CERT= (tools/packaging/README.rst, Secure Boot)"
		return 0
	fi
	[ -r "${SIGN_KEY:-}" ] || die "SIGN_KEY=${SIGN_KEY:-} cannot be read: give SIGN_KEY= and SIGN_CERT= both"
	[ -r "${SIGN_CERT:-}" ] || die "SIGN_CERT=${SIGN_CERT:-} cannot be read: give SIGN_KEY= and SIGN_CERT= both"
	tool=
	for t in "$headers/scripts/sign-file" "/lib/modules/$kver/build/scripts/sign-file" "/usr/src/linux-headers-$kver/scripts/sign-file" \
		/usr/lib/linux-kbuild-"${kver%-*}"/scripts/sign-file; do
		[ ! -x "$t" ] || tool=$t
	done
	[ -n "$tool" ] || die "there is no sign-file for $kver: install linux-headers-$kver"
	for m in $modules; do
		"$tool" sha256 "$SIGN_KEY" "$SIGN_CERT" "$1/$m.ko" || die "$m.ko could not be signed"
	done
	say "signed with $SIGN_CERT"
}

install_modules()
{
	from=$build/stock/$kver/modules
	[ -d "$moddir/kernel" ] ||
		die "$moddir has no kernel: install linux-image-$kver first"
	for m in $modules; do
		[ -e "$from/$m.ko" ] || die "$from/$m.ko is missing: run \"make modules RELEASE=$kver\" first"
		case $(modinfo -F vermagic "$from/$m.ko") in
		"$kver "*) ;;
		*) die "$from/$m.ko was built for $(modinfo -F vermagic "$from/$m.ko"), not for $kver" ;;
		esac
	done
	no_rivals

	rm -rf "$aside.new"
	mkdir -p "$aside.new" "$moddir/updates"
	for m in $modules; do
		install -m 0644 "$from/$m.ko" "$aside.new/$m.ko"
	done
	sign "$aside.new"
	exchange "$aside.new" yes
	say "installed in $dir: $modules"
	say "reboot into $kver; \"install.sh status\" then says what is loaded"
}

uninstall_modules()
{
	if [ ! -e "$dir" ]; then
		say "nothing of p2pmem is installed for $kver"
		return
	fi
	exchange "" no
	rmdir "$moddir/updates" 2>/dev/null || true
	say "removed $dir; reboot into $kver to load the distribution's modules"
}

status_of()
{
	for m in $modules; do
		file=$(chosen "$m")
		loaded=/sys/module/$(echo "$m" | tr - _)
		if [ -n "$root" ] || [ "$kver" != "$(uname -r)" ]; then
			state="another kernel runs"
		elif [ ! -d "$loaded" ]; then
			state="not loaded"
		elif [ -n "$file" ] &&
		     [ "$(cat "$loaded/srcversion" 2>/dev/null)" = "$(modinfo -F srcversion "$file" 2>/dev/null)" ]; then
			state=loaded
		else
			state="another one is loaded: reboot"
		fi
		printf '%-12s %-60s %s\n' "$m" "${file:-none}" "$state"
	done
}

[ $# = 1 ] || usage
kver=${KVER:-$(sed -n 's/^KVER=//p' "$build/kernel/env" 2>/dev/null || true)}
[ -n "$kver" ] || die "for which kernel? Run \"make modules\" first, or give KVER="
headers=$build/kernel/$kver/root/usr/src/linux-headers-$kver
[ "$kver" != "$(sed -n 's/^KVER=//p' "$build/kernel/env" 2>/dev/null || true)" ] ||
	headers=$(sed -n 's/^KDIR=//p' "$build/kernel/env")
moddir=$root/lib/modules/$kver
dir=$moddir/updates/p2pmem
# outside of what depmod reads, on the same file system
aside=$root/lib/modules/.p2pmem-$kver
trap 'rm -rf "$aside.new"' EXIT

case $1 in
install | uninstall)
	[ -d "$moddir" ] || die "there is no $moddir: is $kver installed?"
	[ -w "$moddir" ] || die "$moddir cannot be written: become root"
	"$1_modules"
	;;
status) status_of ;;
*) usage ;;
esac
