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
# shellcheck source=tools/testing/p2pmem/tests/tap.sh
. "$top/tools/testing/p2pmem/tests/tap.sh"
