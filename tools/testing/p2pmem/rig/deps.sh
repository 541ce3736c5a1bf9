#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# deps.sh: install the packages that the project's commands need, from Debian's archive.
#
#   deps.sh [PACKAGE[=VERSION]...]     default: all packages that the file "packages" lists
#
# PACKAGE may be names for several suites: libelf1|libelf1t64. The first that the archive has is installed.
#
# If all are installed, this runs dpkg-query only, not apt. Otherwise it prints and installs
# the missing packages; it never adds a package source.

set -eu
# what apt says is read
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)

die()
{
	echo "deps: $*" >&2
	exit 1
}

# there NAME[=VERSION]: installed, in that version
there()
{
	# shellcheck disable=SC2016	# dpkg-query expands these
	s=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "${1%%=*}" 2>/dev/null) || s=
	case "$1,$s" in
	*=*,"installed ${1#*=}") ;;
	*=*,*)			return 1 ;;
	*,installed\ *)		;;
	*)			return 1 ;;
	esac
}

missing()
{
	for p; do
		for name in $(echo "$p" | tr '|' ' '); do
			! there "$name" || continue 2
		done
		echo "$p"
	done
}

# one name for each: the first that the archive has, or the first
choose()
{
	for p; do
		for name in $(echo "$p" | tr '|' ' '); do
			apt-cache policy "${name%%=*}" 2>/dev/null | grep -q '^  Candidate: [^(]' || continue
			echo "$name"
			continue 2
		done
		echo "${p%%|*}"
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

wanted=$*
# shellcheck disable=SC2046
set -- $(choose "$@")
echo "deps: installing from Debian's archive: $*"
known=yes
for p; do
	apt-cache show "${p%%=*}" >/dev/null 2>&1 || known=no
done
if [ $known = no ] || ! install "$@"; then
	echo "deps: package lists are missing or outdated, running apt-get update"
	apt update
	# shellcheck disable=SC2046,SC2086
	set -- $(choose $wanted)
	install "$@" || die "apt cannot install (see above): $*"
fi
# shellcheck disable=SC2046
set -- $(missing "$@")
[ $# = 0 ] || die "still not installed: $*"
