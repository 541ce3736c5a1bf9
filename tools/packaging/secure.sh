# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# For install.sh and the package's preinst, which define die().

secure_boot()
{
	var=$(find /sys/firmware/efi/efivars -name 'SecureBoot-*' 2>/dev/null | head -n 1)
	[ -n "$var" ] && [ "$(od -An -tu1 -j4 -N1 "$var" | tr -d ' ')" = 1 ]
}

# enrolled FILE: fails with the remedy unless the kernel trusts this certificate (DER)
enrolled()
{
	command -v mokutil >/dev/null ||
		die "Secure Boot is on and nothing says whether the key of these modules is enrolled: install mokutil"
	enrolled_said=$(mokutil --test-key "$1" 2>&1) || true
	case $enrolled_said in
	*"already enrolled"* | *"already in"*) return 0 ;;
	esac
	cp "$1" /var/lib/p2pmem-key.der
	die "Secure Boot is on and the key of these modules is not enrolled: mokutil --import /var/lib/p2pmem-key.der, reboot, install again"
}
