# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# For install.sh and the package's preinst, which define die().

# efi_is_set NAME: succeeds if this variable of the firmware is 1. Four bytes of attributes are before it.
efi_is_set()
{
	efi_var=/sys/firmware/efi/efivars/$1
	[ -r "$efi_var" ] && [ "$(od -An -tu1 -j4 -N1 "$efi_var" | tr -d ' ')" = 1 ]
}

# Succeeds if shim's validation was disabled (mokutil --disable-validation), in shim's copy of that setting. The
# kernel believes it as this does: not when the variable outlives a boot (attribute 1), as shim's own does not.
validation_off()
{
	efi_is_set MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23 && [ $(($(od -An -tu1 -N1 "$efi_var") & 1)) = 0 ]
}

# Succeeds if the firmware is EFI and nothing can be read of Secure Boot: neither a variable, of which each such
# firmware has some, nor whether the kernel is locked down, which Debian's is with Secure Boot
unknown()
{
	[ -d /sys/firmware/efi ] && [ ! -r /sys/kernel/security/lockdown ] &&
		[ -z "$(ls -A /sys/firmware/efi/efivars 2>/dev/null)" ]
}

# enforced: succeeds if the kernel loads signed modules only, and sets "enforced_by" to what says so. Ends where
# that cannot be known.
enforced()
{
	enforced_by="Secure Boot is on"
	if efi_is_set SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c && ! validation_off; then return 0; fi
	enforced_by="the kernel runs with module.sig_enforce=1"
	! grep -qs Y /sys/module/module/parameters/sig_enforce || return 0
	! unknown ||
		die "Secure Boot may be on and these modules refused, and neither /sys/firmware/efi/efivars nor /sys/kernel/security/lockdown can be read: mount -t efivarfs efivarfs /sys/firmware/efi/efivars, then install again"
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
