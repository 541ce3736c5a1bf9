# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# TAP of tests on this machine, for tests/host.sh and boot/lib.sh, which set work. Source it.
#
#   n failed  number of checks, and of failed checks

n=0 failed=0

ok()
{
	n=$((n + 1))
	echo "ok $n - $1"
}

# not_ok TEXT [FILE]: the output of the last check, or FILE, explains it; an empty name: nothing does
not_ok()
{
	n=$((n + 1)) failed=$((failed + 1))
	echo "not ok $n - $1"
	[ -z "${2-$work/out}" ] || head -n 40 "${2-$work/out}" | sed 's/^/# /'
}

# skip_all NAME REASON: ends the test, of which nothing was checked
skip_all()
{
	echo "ok 1 - $1 # SKIP $2"
	echo "1..1"
	exit 0
}

# check NAME COMMAND...
check()
{
	local name=$1
	shift
	if "$@" >"$work/out" 2>&1; then ok "$name"; else not_ok "$name"; fi
}
