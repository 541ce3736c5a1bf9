# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2154	# modules
#
# For install.sh and deb.sh, which define "modules" and die().

# certificate_der FILE: prints the certificate as mokutil needs it. sign-file accepts PEM, too.
certificate_der()
{
	if grep -q "BEGIN CERTIFICATE" "$1"; then
		awk '/END CERTIFICATE/ { exit } p; /BEGIN CERTIFICATE/ { p = 1 }' "$1" | base64 -d
	else
		cat "$1"
	fi
}

# sign_modules DIRECTORY RELEASE FILE...: signs the modules in DIRECTORY with SIGN_KEY and SIGN_CERT, by
# the last FILE that is a sign-file
sign_modules()
{
	dir=$1
	release=$2
	shift 2
	[ -r "${SIGN_KEY:-}" ] || die "SIGN_KEY=${SIGN_KEY:-} cannot be read: set both SIGN_KEY= and SIGN_CERT="
	[ -r "${SIGN_CERT:-}" ] || die "SIGN_CERT=${SIGN_CERT:-} cannot be read: set both SIGN_KEY= and SIGN_CERT="
	tool=
	for t; do
		[ ! -x "$t" ] || tool=$t
	done
	[ -n "$tool" ] || die "no sign-file found for $release: install linux-headers-$release"
	for m in $modules; do
		"$tool" sha256 "$SIGN_KEY" "$SIGN_CERT" "$dir/$m.ko" || die "cannot sign $m.ko (see above)"
	done
}
