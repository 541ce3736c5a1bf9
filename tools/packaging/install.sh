#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# install.sh: install the modules that "make modules" built on this machine, or remove them.
#
#   install.sh install     copy to /lib/modules/KVER/updates, depmod, initramfs; the command p2pmem
#                          to PREFIX, if it was built; a check of the modules at boot, and one of
#                          each kernel that is installed later. Where that is another revision of the
#                          image of KVER, the modules are removed before the initramfs is made
#   install.sh uninstall   remove them; the distribution's modules are used again. The commands and the
#                          checks stay until the last kernel with p2pmem
#   install.sh status      show what modprobe would load, what is loaded, and what is wrong with it; exit
#                          status 1 if something is
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
# step that fails is rolled back, and loss of power leaves the old modules or the new ones in use, all
# six: a new set is written beside the old one, to updates/p2pmem or updates/p2pmem-b, and modules.dep is
# exchanged by a rename. A later run removes what an interrupted one has left; a second one waits for
# the first. No module is loaded or unloaded: that takes a reboot, because one of these modules may drive
# the disk with the root file system.
#
# Exit status: 0 done, 1 failed and nothing changed, 2 usage error.

set -eu
# depmod and modinfo: root by su, and users, have no sbin
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C
# users read the index and run the commands, whatever root's files are
umask 022

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
# shellcheck source=tools/packaging/sign.sh
. "$top/tools/packaging/sign.sh"
# shellcheck source=tools/packaging/secure.sh
. "$top/tools/packaging/secure.sh"
# shellcheck source=tools/packaging/rivals.sh
. "$top/tools/packaging/rivals.sh"
# shellcheck source=tools/packaging/exchange.sh
. "$top/tools/packaging/exchange.sh"

usage()
{
	sed -n '3,/^$/s/^# \{0,1\}//p' "$0" >&2
	exit 2
}

# room DIRECTORY KIB WHAT [FILE]: refuses when the file system is too small. FILE, if it exists, will be overwritten
room()
{
	free=$(df -Pk "$1" | awk 'END { print $4 }')
	[ ! -f "${4:-}" ] || free=$((free + $(du -k "$4" | cut -f 1)))
	[ "$free" -ge "$2" ] ||
		die "no space: $1 has $((free / 1024)) MiB free, $3 needs $(($2 / 1024 + 1)) MiB: make room and run this again"
}

# Both sets and both indices are there at the same time, and so are both initramfs
enough_room()
{
	need=$(for m in $modules; do du -k "$from/$m.ko"; done | awk '{ kib += $1 } END { print kib }')
	index=$(du -ck "$moddir"/modules.* 2>/dev/null | awk 'END { print $1 }')
	room "$moddir" $((need + index * 2 + 1024)) "another set of modules"
	image=/boot/initrd.img-$kver
	[ -z "$root" ] && [ "${INITRAMFS:-yes}" != no ] && [ -e "$image" ] || return 0
	# an interrupted run may have left one that was not whole yet
	room /boot $(($(du -k "$image" | cut -f 1) + 4096)) "another initramfs of $kver" "$image.new"
}

# A package's modules are the package's
no_package()
{
	[ -z "$root" ] && [ -e "/usr/lib/p2pmem/$kver/nvme.ko" ] || return 0
	owner=$(dpkg-query -S "/usr/lib/p2pmem/$kver/nvme.ko" 2>/dev/null | cut -d : -f 1) || true
	die "the package ${owner:-p2pmem-modules-$kver} has installed p2pmem for $kver: upgrade or remove that package"
}

# The package of two of the modules, which DKMS builds for each kernel, now or later
no_dkms()
{
	# shellcheck disable=SC2016	# dpkg-query expands this
	dkms=$(dpkg-query ${root:+--admindir="$root/var/lib/dpkg"} -W -f '${db:Status-Status}' p2pmem-dkms 2>/dev/null) || dkms=
	case $dkms in
	'' | not-installed | config-files) ;;
	*) die "p2pmem-dkms is installed, whose p2pdma and p2pmem-bar would replace two of these modules: run apt remove p2pmem-dkms first" ;;
	esac
}

# The modules were built for one revision of the image
no_other_image()
{
	[ "$kver" = "$(sed -n 's/^KVER=//p' "$build/kernel/env" 2>/dev/null || true)" ] || return 0
	wanted=$(cat "$build/kernel/version" 2>/dev/null) || return 0
	there=$(image_there)
	[ -z "$there" ] || [ -z "$wanted" ] || [ "${there##* }" = "$wanted" ] ||
		die "the modules were built for version $wanted of ${there% *}, and ${there##* } is installed: run \"make modules RELEASE=newest\" first"
}

sign()
{
	# $1: directory
	if [ -z "${SIGN_KEY:-}${SIGN_CERT:-}" ]; then
		[ -n "$root" ] || ! enforced ||
			die "$enforced_by, the kernel would reject unsigned modules: set SIGN_KEY= and SIGN_CERT= (tools/packaging/README.rst, Secure Boot)"
		return 0
	fi
	if [ -z "$root" ] && [ -r "${SIGN_CERT:-}" ] && enforced; then
		certificate_der "$SIGN_CERT" >"$1/certificate"
		enrolled "$1/certificate"
		rm -f "$1/certificate"
	fi
	sign_modules "$1" "$kver" "$headers/scripts/sign-file" "/lib/modules/$kver/build/scripts/sign-file" \
		"/usr/src/linux-headers-$kver/scripts/sign-file" /usr/lib/linux-kbuild-"${kver%-*}"/scripts/sign-file
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
	no_dkms
	no_rivals install
	no_package
	no_other_image
	leftovers
	enough_room

	mkdir -p "$aside.new" "$moddir/updates"
	for m in $modules; do
		install -m 0644 "$from/$m.ko" "$aside.new/$m.ko" || die "$m.ko cannot be written (see above), nothing is changed"
	done
	sign "$aside.new"
	sync "$aside.new"/*.ko "$aside.new"
	exchange "$aside.new"
	say "installed in $moddir/updates/$(current): $modules"
	install_hook
	install_command
	install_check
	say "reboot into $kver, then check with \"install.sh status\""
}

# make install or uninstall of the command p2pmem, for any kernel
command_files()
{
	built=none
	[ "$1" = uninstall ] || built=$(cd "$build" && pwd)/command
	make -s -C "$top/tools/pci/p2pmem" O="$built" DESTDIR="$root" PREFIX="${PREFIX:-/usr/local}" "$1"
}

# owned FILE: succeeds if a package has it, as with PREFIX=/usr beside the package p2pmem
owned()
{
	dpkg-query ${root:+--admindir="$root/var/lib/dpkg"} -S "${1#"$root"}" >/dev/null 2>&1
}

install_command()
{
	if owned "$root${PREFIX:-/usr/local}/bin/p2pmem"; then
		say "the package p2pmem has the command"
	elif [ ! -x "$build/command/p2pmem" ]; then
		say "the command p2pmem was not built (make command) and is not installed"
	elif command_files install; then
		say "installed the command p2pmem below $root${PREFIX:-/usr/local}"
	else
		say "the command p2pmem could not be installed (see above)"
	fi
}

# The files of the check: p2pmem-modules, what runs it after a kernel is installed, and at boot. The package p2pmem has
# a hook and a unit of other names, and those of here are silent beside its unit, which goes when it is removed.
checker=$root${PREFIX:-/usr/local}/bin/p2pmem-modules
hook=$root/etc/kernel/postinst.d/p2pmem-local
units=$root/etc/systemd/system
unit=p2pmem-boot-local.service
package=/lib/systemd/system/p2pmem-boot.service

# The hook that runs before the initramfs of a kernel is made is all of exchange.sh: the clone may go
image_hook=$root/etc/kernel/postinst.d/00-p2pmem-local

install_hook()
{
	if ! mkdir -p "${image_hook%/*}" || ! sed -e "/^@EXCHANGE@/{
			r $top/tools/packaging/exchange.sh
			d
		}" -e "s/@MODULES@/$modules/" "$top/tools/packaging/image-hook.in" | install -m 0755 /dev/stdin "$image_hook.new" ||
			! mv "$image_hook.new" "$image_hook"; then
		say "$image_hook could not be installed (see above): remove these modules before another revision of the image is installed"
	fi
}

write_check()
{
	bin=${checker#"$root"}
	mkdir -p "${checker%/*}" "${hook%/*}" "$units/multi-user.target.wants" &&
		install -m 0755 "$top/tools/packaging/p2pmem-modules" "$checker" &&
		sed -e "/^\[ -x/i [ ! -e $package ] || exit 0" -e "s,/usr/bin/p2pmem-modules,$bin,g" \
			"$top/tools/packaging/debian/kernel-hook" | install -m 0755 /dev/stdin "$hook" &&
		sed -e "s,^ExecStart=[^ ]*,ExecStart=$bin," -e "/^Documentation=/c ConditionPathExists=!$package" \
			"$top/tools/packaging/p2pmem-boot.service" | install -m 0644 /dev/stdin "$units/$unit"
}

install_check()
{
	if [ -e "$root$package" ]; then
		say "the package p2pmem checks the modules at boot"
		return
	fi
	first=yes
	[ ! -e "$checker" ] || first=no
	if ! write_check; then
		say "the check of the modules could not be installed (see above)"
		return
	fi
	# one that was disabled since stays so
	[ $first = no ] || ln -sf "../$unit" "$units/multi-user.target.wants/$unit"
	say "installed ${checker#"$root"}, which runs at boot and when a kernel is installed"
}

# The command and the check, except for files of a package
uninstall_commands()
{
	owned "$root${PREFIX:-/usr/local}/bin/p2pmem" || command_files uninstall
	rm -f "$units/multi-user.target.wants/$unit" "$units/$unit" "$hook" "$image_hook"
	owned "$checker" || rm -f "$checker"
}

# Succeeds if another kernel has modules of p2pmem that install.sh installed. One that has gone may leave its set.
other_kernels()
{
	for d in "$root"/lib/modules/*/updates/p2pmem "$root"/lib/modules/*/updates/p2pmem-b; do
		r=${d%/updates/*}
		r=${r##*/}
		if [ -d "$d" ] && [ -d "$root/lib/modules/$r/kernel" ] && [ ! -e "$root/usr/lib/p2pmem/$r/nvme.ko" ]; then return 0; fi
	done
	return 1
}

uninstall_modules()
{
	no_package
	leftovers
	if ! to_remove; then
		rmdir "$moddir/updates" 2>/dev/null || true
		say "p2pmem is not installed for $kver"
		# an interrupted run, or one beside the set of a kernel that has gone, has left them
		if [ -e "$checker" ] || [ -e "$image_hook" ]; then
			other_kernels || uninstall_commands
		fi
		return
	fi
	remove
	if other_kernels; then
		say "the commands stay, for other kernels that have p2pmem"
	else
		uninstall_commands
	fi
	removed
	say "removed p2pmem from $moddir; reboot into $kver to load the distribution's modules"
}

[ $# = 1 ] || usage
kver=${KVER:-$(sed -n 's/^KVER=//p' "$build/kernel/env" 2>/dev/null || true)}
[ -n "$kver" ] || die "kernel release unknown: run \"make modules\" first, or set KVER="
headers=$build/kernel/$kver/root/usr/src/linux-headers-$kver
[ "$kver" != "$(sed -n 's/^KVER=//p' "$build/kernel/env" 2>/dev/null || true)" ] ||
	headers=$(sed -n 's/^KDIR=//p' "$build/kernel/env")
exchange_paths

case $1 in
install | uninstall)
	[ -d "$moddir" ] || die "$moddir does not exist: install the package linux-image-$kver, or set KVER= to an installed kernel"
	[ -w "$moddir" ] || die "$moddir is not writable: run this as root"
	lock
	trap 'rm -rf "$aside.new" "$aside.index"' EXIT
	"$1_modules"
	;;
status) exec env ROOT="$root" "$top/tools/packaging/p2pmem-modules" status "$kver" ;;
*) usage ;;
esac
