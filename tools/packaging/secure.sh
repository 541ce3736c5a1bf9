# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# For install.sh and the package's preinst, which define die().

# efi_is_set NAME: succeeds if this variable of the firmware is 1. Four bytes of attributes are before it.
efi_is_set()
{
	efi_var=$(find /sys/firmware/efi/efivars -name "$1-*" 2>/dev/null | head -n 1)
	[ -n "$efi_var" ] && [ "$(od -An -tu1 -j4 -N1 "$efi_var" | tr -d ' ')" = 1 ]
}

# Succeeds if shim's validation was disabled (mokutil --disable-validation), in shim's copy of that setting. The
# kernel believes it as this does: not when the variable outlives a boot (attribute 1), as shim's own does not.
validation_off()
{
	efi_is_set MokSBStateRT && [ $(($(od -An -tu1 -N1 "$efi_var") & 1)) = 0 ]
}

# enforced: succeeds if the kernel loads signed modules only, and sets "enforced_by" to what says so
enforced()
{
	enforced_by="Secure Boot is on"
	if efi_is_set SecureBoot && ! validation_off; then return 0; fi
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
