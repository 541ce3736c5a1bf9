#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# deps.sh: install the packages that the project's commands need, from Debian's archive.
#
#   deps.sh [PACKAGE[=VERSION]...]     default: all packages that the file "packages" lists
#
# If all are installed, this runs dpkg-query only, not apt. Otherwise it prints and installs
# the missing packages; it never adds a package source.

set -eu

here=$(cd "$(dirname "$0")" && pwd)

die()
{
	echo "deps: $*" >&2
	exit 1
}

missing()
{
	for p; do
		# shellcheck disable=SC2016	# dpkg-query expands these
		s=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "${p%%=*}" 2>/dev/null) || s=
		case "$p,$s" in
		*=*,"installed ${p#*=}") ;;
		*=*,*)			echo "$p" ;;
		*,installed\ *)		;;
		*)			echo "$p" ;;
		esac
	done
}

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "cannot install the missing packages without root: run this as root or install sudo"
	fi
}

apt()
{
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "$@"
}

install()
{
	apt install --no-install-recommends "$@"
}

command -v dpkg-query >/dev/null ||
	die "not a Debian system (no dpkg-query): install the packages of $here/packages by hand, then set KDIR=, KSRC= and KIMAGE="

if [ $# = 0 ]; then
	# shellcheck disable=SC2046	# split into one word per package
	set -- $(sed 's/#.*//' "$here/packages" | awk 'NF { print $1 }')
fi

# shellcheck disable=SC2046
set -- $(missing "$@")
[ $# != 0 ] || exit 0

echo "deps: installing from Debian's archive: $*"
known=yes
for p; do
	apt-cache show "${p%%=*}" >/dev/null 2>&1 || known=no
done
if [ $known = no ] || ! install "$@"; then
	echo "deps: package lists are missing or outdated, running apt-get update"
	apt update
	install "$@" || die "apt cannot install (see above): $*"
fi
# shellcheck disable=SC2046
set -- $(missing "$@")
[ $# = 0 ] || die "still not installed: $*"
