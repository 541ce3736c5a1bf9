# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# For install.sh and the package's preinst, which define die().

# enforced: succeeds if the kernel loads signed modules only, and sets "enforced_by" to what says so
enforced()
{
	enforced_by="Secure Boot is on"
	var=$(find /sys/firmware/efi/efivars -name 'SecureBoot-*' 2>/dev/null | head -n 1)
	[ -z "$var" ] || [ "$(od -An -tu1 -j4 -N1 "$var" | tr -d ' ')" != 1 ] || return 0
	enforced_by="the kernel runs with module.sig_enforce=1"
	! grep -qs Y /sys/module/module/parameters/sig_enforce || return 0
	enforced_by="the kernel is locked down (lockdown=)"
	grep -Eqs '\[(integrity|confidentiality)\]' /sys/kernel/security/lockdown
}

# enrolled FILE: fails with the remedy unless the kernel trusts this certificate (DER)
enrolled()
{
	command -v mokutil >/dev/null ||
		die "$enforced_by and nothing says whether the key of these modules is enrolled: install mokutil"
	enrolled_said=$(LC_ALL=C mokutil --test-key "$1" 2>&1) || true
	for how in "already enrolled" "already in db" "already in the built-in trusted keyring"; do
		if echo "$enrolled_said" | grep -Fqx "$1 is $how"; then
			rm -f /var/lib/p2pmem-key.der
			return 0
		fi
	done
	! echo "$enrolled_said" | grep -Fqx "$1 is already in the enrollment request" ||
		die "$enforced_by and the key of these modules is not enrolled yet: reboot and confirm it, then install again"
	echo "$enrolled_said" | grep -Fqx "$1 is not enrolled" ||
		die "$enforced_by and mokutil does not say that the key of these modules is enrolled ($(echo "$enrolled_said" | tail -n 1)): boot without what enforces signatures, or do without p2pmem"
	cp "$1" /var/lib/p2pmem-key.der
	die "$enforced_by and the key of these modules is not enrolled: mokutil --import /var/lib/p2pmem-key.der, reboot, install again"
}
