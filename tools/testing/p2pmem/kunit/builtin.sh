#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# builtin.sh DIRECTORY: test the core built in, run by kunit.py with
# drivers/pci/p2pdma/tests/.kunitconfig as kernel developers do, with its module parameter on the
# kernel command line. Prints TAP.

set -u

here=$(cd "$(dirname "$0")" && pwd)
[ $# = 1 ] || { echo "usage: $0 DIRECTORY" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
n=0

# result STATUS NAME
result()
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}

# no device of the suites has this ID
entry=fffe:fffe
"$here/kunitpy.sh" "${BUILD:?}" builtin drivers/pci/p2pdma/tests --arch=x86_64 --qemu_args='-m 6G -smp 2' \
	--kernel_args=mem=2G --kernel_args="p2pdma.host_bridges=$entry" --timeout=1500 >"$out/kunit.log" 2>&1
result $? "all suites pass with the core built in"
sed 's/\x1b\[[0-9;]*m//g' "$out/kunit.log" | grep -a -E 'FAILED|CRASHED|ERROR|Testing complete|Elapsed' | sed 's/^/# /'

# shellcheck disable=SC1091
. "$BUILD/kernel/env"
log=$BUILD/kernels/$KVER/builtin/test.log
suites=$(grep -a -c -E '^(.*\] )?(not )?ok [0-9]+ p2pmem' "$log")
there=$(cd "$here/../../../.." && cat drivers/pci/p2pdma/tests/*_kunit.c | grep -c '^kunit_test_suites*(')
[ "$suites" -gt 0 ] && [ "$suites" = "$there" ]
result $? "all $there suites of the core ran ($suites)"
grep -a -q "p2pdma: host_bridges: $entry at load" "$log"
result $? "host_bridges= of the kernel command line takes effect and is logged"
! grep -a -E 'BUG:|WARNING:|possible recursive locking|circular locking' "$log" | sed 's/^/# /' | grep .
result $? "the kernel log has no BUG, WARNING or lockdep report"
echo "1..$n"
