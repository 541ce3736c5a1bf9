#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A Debian system that boots by UEFI with Secure Boot on: unsigned modules, and modules signed with a key that is
# not enrolled, are refused before anything is installed; signed ones carry the root file system. Prints TAP.
#
# secure.sh BUILD_DIR debian12|debian13
#
# The keys are made here. Secure Boot's variables are written into the firmware's flash before the
# first boot: the certificate that the distribution's kernel is signed with, and ours.
set -u

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/testing/p2pmem/boot/lib.sh
. "$here/lib.sh"

find_releases
base_image
"$here/../rig/deps.sh" ovmf efitools sbsigntool openssl >/dev/null || bail "ovmf, efitools or sbsigntool cannot be installed"
kver=${kvers[0]}
lane=${lanes[0]}
keys=$work/keys
rm -rf "$keys"
mkdir -p "$keys"

# key NAME: a key pair for modules, NAME.key and NAME.der
key()
{
	openssl req -new -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=p2pmem test $1" -addext "extendedKeyUsage=codeSigning" \
		-outform DER -keyout "$keys/$1.key" -out "$keys/$1.der" &&
		openssl x509 -inform DER -in "$keys/$1.der" -out "$keys/$1.crt"
}

# package DIR [VAR=value...]: the package of the modules
package()
{
	rm -rf "${work:?}/$1"
	env SHARED_BUILD="$BUILD" BUILD="$lane" KERNEL="$distro" RELEASE="$kver" "${@:2}" "$top/tools/packaging/deb.sh" "$lane" "$work/$1" &&
		mkdir -p "$work/$1/as" && mv "$work/$1/p2pmem-modules-$kver"_*.deb "$work/$1/as/$1.deb"
}

# variables VMLINUZ: the firmware's flash, keys/vars.fd, in which that kernel's certificate and the key "ours" are enrolled
variables()
{
	owner=$(cat /proc/sys/kernel/random/uuid)
	cp "$1" "$keys/vmlinuz"
	sbattach --detach "$keys/signature" "$keys/vmlinuz" &&
		openssl pkcs7 -inform DER -in "$keys/signature" -print_certs -out "$keys/signers" &&
		openssl x509 -in "$keys/signers" -out "$keys/distribution.crt" &&
		cert-to-efi-sig-list -g "$owner" "$keys/platform.crt" "$keys/platform.esl" &&
		cert-to-efi-sig-list -g "$owner" "$keys/distribution.crt" "$keys/distribution.esl" &&
		cert-to-efi-sig-list -g "$owner" "$keys/ours.crt" "$keys/ours.esl" || return 1
	cat "$keys/distribution.esl" "$keys/ours.esl" >"$keys/db.esl"
	cp /usr/share/OVMF/OVMF_VARS_4M.fd "$keys/vars.fd"
	flash-var -t "2026-01-01 00:00:00" "$keys/vars.fd" db "$keys/db.esl" &&
		flash-var -t "2026-01-01 00:00:00" "$keys/vars.fd" KEK "$keys/platform.esl" &&
		flash-var -t "2026-01-01 00:00:00" "$keys/vars.fd" PK "$keys/platform.esl"
}

# signer: sign-file and the keys, for install.sh. The system is of the kernel's distribution: what rig/toolchain.sh
# renamed, to start it with another C library on this machine, runs there as it is
signer()
{
	sign=$(sed -n 's/^KDIR=//p' "$lane/kernel/env")/scripts/sign-file
	[ ! -e "$sign.bin" ] || sign=$sign.bin
	cp "$sign" "$work/tree/sign-file" && cp "$keys"/ours.* "$keys"/other.* "$work/tree/"
}

echo "# $kver"
for k in platform ours other; do check "key $k" key $k; done
check "a package without a signature" package unsigned
check "one signed with our key" package ours SIGN_KEY="$keys/ours.key" SIGN_CERT="$keys/ours.der"
check "one signed with another key" package other SIGN_KEY="$keys/other.key" SIGN_CERT="$keys/other.der"
check "a clone for install.sh" clone
check "what it signs with" signer
check "a firmware with keys" variables "$(sed -n 's/^KIMAGE=//p' "$lane/kernel/env")/boot/vmlinuz-$kver"
[ $failed = 0 ] || { echo "1..$n"; exit 1; }

disk=$work/disk.raw
export DISK_SIZE=64M
cp --sparse=always "$boot/base.raw" "$disk"
tools=$(echo "$work"/unsigned/p2pmem_*.deb)
step refused secure-refused "$disk" --kernel "$kver" --vars "$keys/vars.fd" -- "$work"/{unsigned,other,ours}/as/*.deb "$tools" "$work/tree"
step signed secure-signed "$disk" --kernel "$kver" --vars "$keys/vars.fd"
[ $failed != 0 ] || rm -rf "$disk" "$work"/*/disk1.raw "$work/tree" "$keys"
echo "1..$n"
[ $failed = 0 ]
