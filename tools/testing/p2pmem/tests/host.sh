# SPDX-License-Identifier: GPL-2.0-only
#
# For tests on this machine, which are called with a directory for their files: paths, variables
# of the kernel, temporary files, TAP. Source it first; it sets
#
#   top       the project            BUILD   its build directory, after "make modules"
#   work      the test's directory   KSRC=, KDIR=, ... of BUILD/kernel/env
#   n failed  number of checks, and of failed checks

# shellcheck shell=sh

if [ $# != 1 ] || [ -z "$1" ]; then
	echo "usage: $0 BUILD_DIR" >&2
	exit 2
fi

top=$(cd "$(dirname "$0")/../../../../.." && pwd)
BUILD=$(cd "${BUILD:-$top/build}" && pwd)
mkdir -p "$1"
work=$(cd "$1" && pwd -P)
rm -rf "${work:?}/tmp"
mkdir -p "$work/tmp"
TMPDIR=$work/tmp
export BUILD TMPDIR
# shellcheck disable=SC1091
. "$BUILD/kernel/env"
n=0 failed=0

ok()
{
	n=$((n + 1))
	echo "ok $n - $1"
}

not_ok()
{
	n=$((n + 1)) failed=$((failed + 1))
	echo "not ok $n - $1"
	head -n 40 "$work/out" | sed 's/^/# /'
}

# check NAME COMMAND...
check()
{
	name=$1
	shift
	if "$@" >"$work/out" 2>&1; then ok "$name"; else not_ok "$name"; fi
}
