#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# install.sh: install the modules that "make modules" built on this machine, or remove them.
#
#   install.sh install     copy to /lib/modules/KVER/updates/p2pmem, depmod, initramfs; the command p2pmem
#                          to PREFIX, if it was built
#   install.sh uninstall   remove them; the distribution's modules are used again
#   install.sh status      show what modprobe would load, and what is loaded
#
# Variables:
#   BUILD=dir              where "make modules" built (build)
#   KVER=release           the kernel (default: the one that the modules were built for last)
#   SIGN_KEY= SIGN_CERT=   sign the modules with this key and certificate (Secure Boot)
#   PREFIX=dir             where the command is installed (/usr/local)
#   INITRAMFS=no           do not update the initramfs
#   DESTDIR=dir            install below this directory; never touches an initramfs
#
# The distribution's files stay in place: depmod prefers updates/. Only kernel KVER is changed. A
# step that fails is rolled back. No module is loaded or unloaded: that takes a reboot, because
# one of these modules may drive the disk with the root file system.
#
# Exit status: 0 done, 1 failed and nothing changed, 2 usage error.

set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$top/build}
root=${DESTDIR:-}
# the modules that a machine needs, without the adapter and the tool of the tests
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

# Prints the file that modprobe would load for module $1
chosen()
{
	modinfo ${root:+-b "$root"} -k "$kver" -n "$1" 2>/dev/null || true
}

# Runs depmod and checks that modprobe would load our modules ($1 = yes) or none of them (no)
index()
{
	depmod -a ${root:+-b "$root"} "$kver" || return 1
	for m in $modules; do
		case $1,$(chosen "$m") in
		yes,*/updates/p2pmem/*) ;;
		no,*/updates/p2pmem/*) return 1 ;;
		yes,*)
			echo "install: modprobe would load $(chosen "$m") for $m: check the search lines in /etc/depmod.d" >&2
			return 1
			;;
		esac
	done
}

initramfs()
{
	if [ -n "$root" ] || [ "${INITRAMFS:-yes}" = no ]; then
		say "initramfs not updated"
	elif [ ! -e "/boot/vmlinuz-$kver" ]; then
		say "initramfs not updated: there is no /boot/vmlinuz-$kver"
	elif command -v update-initramfs >/dev/null; then
		update-initramfs -u -k "$kver"
	elif command -v dracut >/dev/null; then
		dracut --force --kver "$kver"
	else
		say "initramfs not updated: neither update-initramfs nor dracut found; update that of $kver by hand if it contains nvme or ib_core"
	fi
}

# Replaces the installed set of modules by another one, or by none; rolls back if a step fails
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
	die "a step failed (see above), rolled back: $moddir is as it was before"
}

# Other packages (vendors' RDMA stacks, DKMS) install modules of these names too.
no_rivals()
{
	for m in $modules; do
		rival=$(find "$moddir/updates" "$moddir/extra" "$moddir/weak-updates" -path "$dir" -prune -o \
			\( -name "$m.ko" -o -name "$m.ko.*" \) -print 2>/dev/null | head -n 1)
		[ -z "$rival" ] ||
			die "$rival replaces $m already: remove the package that installed it, or do without p2pmem"
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
			die "Secure Boot is on, the kernel would reject unsigned modules: set SIGN_KEY= and SIGN_CERT= (tools/packaging/README.rst, Secure Boot)"
		return 0
	fi
	[ -r "${SIGN_KEY:-}" ] || die "SIGN_KEY=${SIGN_KEY:-} cannot be read: set both SIGN_KEY= and SIGN_CERT="
	[ -r "${SIGN_CERT:-}" ] || die "SIGN_CERT=${SIGN_CERT:-} cannot be read: set both SIGN_KEY= and SIGN_CERT="
	tool=
	for t in "$headers/scripts/sign-file" "/lib/modules/$kver/build/scripts/sign-file" "/usr/src/linux-headers-$kver/scripts/sign-file" \
		/usr/lib/linux-kbuild-"${kver%-*}"/scripts/sign-file; do
		[ ! -x "$t" ] || tool=$t
	done
	[ -n "$tool" ] || die "no sign-file found for $kver: install linux-headers-$kver"
	for m in $modules; do
		"$tool" sha256 "$SIGN_KEY" "$SIGN_CERT" "$1/$m.ko" || die "cannot sign $m.ko (see above)"
	done
	say "signed with $SIGN_CERT"
}

install_modules()
{
	from=$build/stock/$kver/modules
	[ -d "$moddir/kernel" ] ||
		die "$moddir contains no kernel modules: install linux-image-$kver first"
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
	install_command
	say "reboot into $kver, then check with \"install.sh status\""
}

# make install or uninstall of the command p2pmem, for any kernel
command_files()
{
	built=none
	[ "$1" = uninstall ] || built=$(cd "$build" && pwd)/command
	make -s -C "$top/tools/pci/p2pmem" O="$built" DESTDIR="$root" PREFIX="${PREFIX:-/usr/local}" "$1"
}

install_command()
{
	if [ ! -x "$build/command/p2pmem" ]; then
		say "the command p2pmem was not built (make command) and is not installed"
	elif command_files install; then
		say "installed the command p2pmem below $root${PREFIX:-/usr/local}"
	else
		say "the command p2pmem could not be installed (see above)"
	fi
}

uninstall_modules()
{
	if [ ! -e "$dir" ]; then
		say "p2pmem is not installed for $kver"
		return
	fi
	exchange "" no
	rmdir "$moddir/updates" 2>/dev/null || true
	command_files uninstall
	say "removed $dir; reboot into $kver to load the distribution's modules"
}

status_of()
{
	for m in $modules; do
		file=$(chosen "$m")
		loaded=/sys/module/$(echo "$m" | tr - _)
		if [ -n "$root" ] || [ "$kver" != "$(uname -r)" ]; then
			state="another kernel is running"
		elif [ ! -d "$loaded" ]; then
			state="not loaded"
		elif [ -n "$file" ] &&
		     [ "$(cat "$loaded/srcversion" 2>/dev/null)" = "$(modinfo -F srcversion "$file" 2>/dev/null)" ]; then
			state=loaded
		else
			state="another file is loaded: reboot"
		fi
		printf '%-12s %-60s %s\n' "$m" "${file:-none}" "$state"
	done
}

[ $# = 1 ] || usage
kver=${KVER:-$(sed -n 's/^KVER=//p' "$build/kernel/env" 2>/dev/null || true)}
[ -n "$kver" ] || die "kernel release unknown: run \"make modules\" first, or set KVER="
headers=$build/kernel/$kver/root/usr/src/linux-headers-$kver
[ "$kver" != "$(sed -n 's/^KVER=//p' "$build/kernel/env" 2>/dev/null || true)" ] ||
	headers=$(sed -n 's/^KDIR=//p' "$build/kernel/env")
moddir=$root/lib/modules/$kver
dir=$moddir/updates/p2pmem
# not in a directory that depmod reads, but on the same file system
aside=$root/lib/modules/.p2pmem-$kver
trap 'rm -rf "$aside.new"' EXIT

case $1 in
install | uninstall)
	[ -d "$moddir" ] || die "$moddir does not exist: install the package linux-image-$kver, or set KVER= to an installed kernel"
	[ -w "$moddir" ] || die "$moddir is not writable: run this as root"
	"$1_modules"
	;;
status) status_of ;;
*) usage ;;
esac
