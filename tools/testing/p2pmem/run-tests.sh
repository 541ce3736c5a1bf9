#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run-tests.sh: run and count the tests of tests/list. "make check" calls it after "make modules".
#
#   TESTS="core-* topology"   only tests whose name matches one of these shell patterns
#   GUESTS=1                  only guests, and of these only those on the distribution's kernel; rows "guests" are
#                             among them
#   JOBS=N                    number of tests that run at the same time: one more than processors, because
#                             guests wait for their clocks; at most 8, and 3 GB of memory for each
#   BUILD=dir                 directory of the logs: BUILD/check/NAME.log, BUILD/vm/check-NAME/
#   COVERAGE=1                suites send the counters of gcov (kunit/coverage.sh)
#   LIST="file file"          use these lists instead
#   AGAIN=debug               run all tests of guests that use the distribution's kernel a second time on this
#                             kernel (kernels/build.sh); their names then begin with "debug-"
#   KEEP=name                 keep results in BUILD/name. A test that passed there is not repeated unless
#                             something that it depends on has changed, so that a long run that was
#                             stopped can continue. FRESH=1 discards the results
#   DRY=1                     print the tests in their order, one a line, and run none
#
# Each line of TAP counts as one test. A virtual machine with verdict "fail" whose tests were
# all ok counts as one failure. The last line of the output is "N passed, N failed", plus
# ", N skipped" if tests were skipped (a skip without a reason is a failure). The exit status
# is 0 only if at least one test passed and none failed.

set -u

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
list=${LIST:-$here/tests/list}
# factor of the time limit of guests on debug kernels, which are slower
slow=4
jobs=${JOBS:-$(awk -v n="$(nproc)" '
	/^MemAvailable:/ { m = int($2 / 3000000) }
	END { n++; if (n > 8) n = 8; if (n > m) n = m; print n < 2 ? 2 : n }' /proc/meminfo)}
cd "$top" || exit 2
build=${BUILD:-build}
where=${KEEP:-check}
mkdir -p "$build/$where" || exit 2
build=$(cd "$build" && pwd)
export BUILD=$build
out=$build/$where
guests=${GUESTS:-}
again=${AGAIN:-} tests=${TESTS:-} dry=${DRY:-} keep=${KEEP:-}
# do not pass these on to the tests
unset LIST AGAIN TESTS DRY KEEP GUESTS
[ -n "$dry" ] || { [ -n "$keep" ] && [ -z "${FRESH:-}" ]; } || rm -rf "${out:?}"/*

die()
{
	echo "run-tests: $*" >&2
	exit 2
}

selected()
{
	local p
	[ -n "$tests" ] || return 0
	set -f
	for p in $tests; do
		# shellcheck disable=SC2254	# a pattern is meant
		case $1 in $p) set +f; return 0 ;; esac
	done
	set +f
	return 1
}

# on_host TOPOLOGY: the script of such a row runs on this machine
on_host()
{
	[ "$1" = host ] || [ "$1" = guests ]
}

# files PATHSPEC...: prints the files of the work tree, except for the page with the results of the last
# complete run, which is written after that run
files()
{
	git ls-files -zco --exclude-standard -- "$@" ':!tools/testing/p2pmem/testing.rst'
}

# digest LINE-OF-LIST: prints a checksum of everything that this test depends on. A guest does not depend
# on scripts of the host, nor on guest scripts that its line does not name.
digest()
{
	local line="$*" script=$3 t=tools/testing/p2pmem extra=() word
	for word; do
		case $word in EXTRA_FILES=*) read -ra extra <<<"${word#EXTRA_FILES=}" ;; esac
	done
	{
		if on_host "$2"; then
			files .
		else
			files . ':!Documentation' ':!README.md' ':!.ci' ':!tools/packaging' \
				":!$t/demo" ":!$t/lint" ":!$t/mutants" ":!$t/kunit" ":!$t/tests"
			files "$t/tests/topologies" "$t/tests/guest/$script" "${extra[@]}"
		fi | LC_ALL=C sort -z | xargs -0 sha256sum
		cat "$build/kernel/env"
		echo "$line"
	} 2>/dev/null | sha256sum
}

# kept LINE-OF-LIST: succeeds if the test has passed with the same sources
kept()
{
	[ -n "$keep" ] && [ -e "$out/$1.key" ] && [ "$(cat "$out/$1.key")" = "$(digest "$@")" ]
}

# Reads TAP; prints "passed failed skipped", then "# text" for each failure
count_tap()
{
	awk '
	/^1\.\.[0-9]+/ {
		if (planned) bad[++nbad] = "a second plan: " $0
		plan = substr($1, 4) + 0; planned = 1
		next
	}
	/^Bail out!/ { bad[++nbad] = $0; next }
	/^(not )?ok( |$)/ {
		seen++
		number = $1 == "ok" ? $2 : $3
		if (number ~ /^[0-9]+$/ && number + 0 != seen && !wrong++)
			bad[++nbad] = "number " number ", expected " seen ": " $0
	}
	/^not ok( |$)/ { failed++; bad[++nbad] = $0; next }
	/^ok( |$)/ {
		if (match($0, / # [Ss][Kk][Ii][Pp]/)) {
			if (substr($0, RSTART + RLENGTH) ~ /[^ :]/) { skipped++; why[++nwhy] = $0 }
			else { failed++; bad[++nbad] = "skipped without a reason: " $0 }
		} else
			passed++
	}
	END {
		if (!planned) bad[++nbad] = "no plan (1..N)"
		else if (plan != seen) bad[++nbad] = "planned " plan " tests, saw " seen + 0
		print passed + 0, failed + 0, skipped + 0
		for (i = 1; i <= nbad; i++) print "# " bad[i]
		for (i = 1; i <= nwhy; i++) print "s " why[i]
	}'
}

# Prints the same from the report of a virtual machine
count_report()
{
	python3 -c '
import json, sys
try:
    report = json.load(open(sys.argv[1]))
except (OSError, ValueError):
    print("0 0 0")
    print("# the virtual machine left no report")
    sys.exit()
tap = report["tap"]
print(tap["passed"], tap["failed"], tap["skipped"])
for name in tap["failures"]:
    print("# not ok:", name)
for reason in report["reasons"]:
    print("#", reason)
for skip in tap["skips"]:
    print("s", skip["name"], "# SKIP", skip["reason"])
' "$1"
}

# run_host NAME SCRIPT [TIMEOUT=seconds] [ARGUMENT...]: runs a script that prints TAP on this machine
run_host()
{
	local name=$1 script=$here/tests/$2
	case $2 in /*) script=$2 ;; esac
	shift 2
	local limit=600
	case ${1:-} in TIMEOUT=*) limit=${1#TIMEOUT=}; shift ;; esac
	mkdir -p "$build/tests/$name"
	timeout -k 10 "$limit" "$script" "$build/tests/$name" "$@" >"$out/$name.log" 2>&1
	status=$?
	count_tap <"$out/$name.log" >"$out/$name.count"
}

# lane_of [VAR=value...]: the value of LANE
lane_of()
{
	local v
	for v; do
		case $v in LANE=*) echo "${v#LANE=}" ;; esac
	done
}

# the architecture of a kernel
arch_of()
{
	local arch
	arch=$(sed -n 's/^KARCH=//p' "$1/kernel/env" 2>/dev/null)
	echo "${arch:-amd64}"
}

# unfit NAME TOPOLOGY SCRIPT [VAR=value...]: prints why this test cannot run: its kernel is not available, or it is
# none for this kernel's architecture
unfit()
{
	local arch topo some lane
	lane=$(lane_of "${@:4}")
	[ -z "$lane" ] || [ -z "${unreachable[$lane]:-}" ] || { echo "${unreachable[$lane]}"; return; }
	arch=$(arch_of "$build")
	[ "$arch" != amd64 ] || return 0
	case $2 in
	host)	echo "it is no guest of an $arch kernel, and make check runs it" ;;
	guests)	echo "it takes programs of this machine into its guest" ;;
	*/*)	topo=$here/tests/$2.topo ;;
	*)	topo=$here/rig/topologies/$2.topo ;;
	esac
	[ -n "${topo:-}" ] || return 0
	some=$(sed -n 's/^@\([a-z0-9]*\)[[:space:]].*/\1/p' "$topo" | sort -u)
	case " ${*:4} " in
	*" LANE="*)			echo "the kernel of the test is for amd64" ;;
	*/command/p2pmem*)		echo "the command is built for this machine" ;;
	*" ARCH="*)
		case " ${*:4} " in
		*" ARCH=$arch "*)	;;
		*)			echo "the test is for another architecture than $arch" ;;
		esac ;;
	esac | grep . || [ -z "$some" ] || echo "$some" | grep -qx "$arch" ||
		echo "its topology is one of ${some//$'\n'/ } only"
}

# run_vm NAME TOPOLOGY SCRIPT [VAR=value...]: runs a guest; LANE=name selects a kernel (kernels/build.sh)
run_vm()
{
	local name=$1 topo=$2 script=$here/tests/guest/$3 lane=$build limit=300 vm v
	shift 3
	for v; do
		case $v in
		LANE=*)		lane=$build/lanes/${v#LANE=} ;;
		TIMEOUT=*)	limit=${v#TIMEOUT=} ;;
		esac
	done
	[ "$lane" = "$build" ] || limit=$((limit * slow))
	vm=$lane/vm/$where-$name
	case $topo in
	*/*)	topo=$here/tests/$topo.topo ;;
	*)	topo=$here/rig/topologies/$topo.topo ;;
	esac
	rm -rf "$vm"
	env BUILD="$lane" SMP=1 NAME="$where-$name" TOPO="$topo" RUN="$script" "$@" \
		TIMEOUT="$limit" python3 "$here/rig/vm.py" >"$out/$name.log" 2>&1
	status=$?
	count_report "$vm/report.json" >"$out/$name.count"
	# delete the large images, keep the logs
	[ $status != 0 ] || rm -f "$vm"/*.raw
}

# run_one LINE-OF-LIST: runs a test, writes NAME.count and NAME.result
run_one()
{
	local name=$1 start=$SECONDS status=0 passed failed skipped word=pass sum='' why
	[ -z "$keep" ] || sum=$(digest "$@")
	rm -f "$out/$name".*
	why=$(unfit "$@")
	if [ -n "$why" ]; then
		printf '0 0 1\ns %s # SKIP %s\n' "$name" "$why" >"$out/$name.count"
	elif on_host "$2"; then
		run_host "$name" "${@:3}"
	else
		run_vm "$@"
	fi
	read -r passed failed skipped <"$out/$name.count"
	[ "$passed$failed$skipped" != 000 ] || [ $status != 0 ] || status=1
	if { [ $status != 0 ] || grep -q '^#' "$out/$name.count"; } && [ "$failed" = 0 ]; then
		# failed without a failed test
		failed=1
		echo "# status $status, see the end of $out/$name.log" >>"$out/$name.count"
	fi
	[ "$failed" = 0 ] || word=FAIL
	echo "$passed $failed $skipped" >"$out/$name.result"
	# not if its sources changed while it ran, nor if nothing ran: what was missing may be there the next time
	[ -z "$keep" ] || [ "$failed" != 0 ] || [ "$passed" = 0 ] || [ "$(digest "$@")" != "$sum" ] || echo "$sum" >"$out/$name.key"
	printf '%-4s %-32s %4d passed %3d failed %3d skipped %5d s\n' "$word" "$name" "$passed" \
		"$failed" "$skipped" $((SECONDS - start))
	[ $word = pass ] || sed -n 's/^# /       /p' "$out/$name.count" | head -n 12
}

stop()
{
	trap - INT TERM
	# shellcheck disable=SC2046	# split into one word per process
	kill $(jobs -p) 2>/dev/null
	echo "run-tests: stopped" >&2
	exit 130
}

for l in $list; do
	[ -r "$l" ] || die "cannot read the list $l"
done
trap stop INT TERM
begin=$SECONDS
# shellcheck disable=SC1091
own=$(. /etc/os-release && echo "${ID:-}${VERSION_ID:-}")
names=() lines=() words=() running=0
declare -A known unreachable

# prints the tests of guests for the kernel AGAIN, except for those that a list has already
lines_again()
{
	# shellcheck disable=SC2086	# split into one word per file
	sed 's/#.*//' $list | awk -v lane="$again" '
		NF < 3 || $2 == "host" || $2 == "guests" { next }
		/AGAIN=no/		{ next }
		/LANE=/			{ there[$1] = 1; next }
					{ name[++n] = lane "-" $1; line[n] = $0 }
		END {
			for (i = 1; i <= n; i++)
				if (!(name[i] in there))
					print lane "-" line[i] " LANE=" lane
		}'
}

# prints all lists; the tests for AGAIN replace a line "again", or follow at the end
lines_of_lists()
{
	local line placed=

	# shellcheck disable=SC2086	# split into one word per file
	while read -r line; do
		if [ "$line" != again ]; then
			echo "$line"
		elif [ -n "$again" ]; then
			lines_again
			placed=1
		fi
	done < <(cat $list)
	[ -z "$again" ] || [ -n "$placed" ] || lines_again
}

while read -r line; do
	line=${line%%#*}
	[ -n "${line//[[:space:]]/}" ] || continue
	eval "words=($line)"		# values may be quoted
	name=${words[0]}
	if [ "$name" = wait ]; then
		lines+=(wait)
		continue
	fi
	[ ${#words[@]} -ge 3 ] || die "$list: '$line' is not NAME TOPOLOGY SCRIPT [VAR=value...]"
	[ -z "${known[$name]:-}" ] || die "$list: two tests are called $name"
	known[$name]=1
	[ -z "$guests" ] || { [ "${words[1]}" != host ] && [[ $line != *LANE=* ]]; } || continue
	# all other tests run on the kernel of the machine's own distribution
	case $name in "smoke-$own" | "check-$own" | "deb-sources-$own") continue ;; esac
	selected "$name" || continue
	names+=("$name")
	lines+=("$line")
done < <(lines_of_lists)

if [ -n "$dry" ]; then
	printf '%s\n' "${lines[@]}" | awk '{ $1 = $1; print }'
	exit 0
fi

if [ -n "$keep" ]; then
	git rev-parse --git-dir >/dev/null || die "KEEP needs a git work tree, to know which files a test depends on"
fi

# kernels that the selected tests name; tests of one that is not available now are skipped
[ "$(arch_of "$build")" != amd64 ] || for lane in $(printf '%s\n' "${lines[@]}" | sed -n 's/.*[[:space:]]LANE=\([a-z0-9.-]*\).*/\1/p' | sort -u); do
	"$here/kernels/build.sh" "$build" "$lane" 2>&1 | tee "$out/kernel-$lane.log"
	case ${PIPESTATUS[0]} in
	0)	;;
	3)	unreachable[$lane]=$(grep -E '^(kernel|kernels|toolchain): ' "$out/kernel-$lane.log" | tail -n 1) ;;
	*)	die "cannot build the kernel $lane that some of the tests need (see above)" ;;
	esac
done

for line in "${lines[@]}"; do
	if [ "$line" = wait ]; then
		wait
		running=0
		continue
	fi
	eval "words=($line)"
	if kept "${words[@]}"; then
		read -r p f s <"$out/${words[0]}.result"
		printf '%-4s %-32s %4d passed %3d failed %3d skipped, before\n' kept "${words[0]}" "$p" "$f" "$s"
		continue
	fi
	while [ $running -ge "$jobs" ]; do
		wait -n
		running=$((running - 1))
	done
	run_one "${words[@]}" </dev/null &
	running=$((running + 1))
done
wait

passed=0 failed=0 skipped=0
for name in "${names[@]}"; do
	p=0 f=1 s=0
	[ -s "$out/$name.result" ] && read -r p f s <"$out/$name.result"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done

if [ $skipped != 0 ]; then
	echo
	echo "Skipped:"
	for name in "${names[@]}"; do
		sed -n "s/^s /  $name: /p" "$out/$name.count" 2>/dev/null
	done
fi
if [ $failed != 0 ]; then
	echo
	echo "Failures:"
	for name in "${names[@]}"; do
		p=0 f=1 s=0
		[ -s "$out/$name.result" ] && read -r p f s <"$out/$name.result"
		[ "$f" != 0 ] || continue
		sed -n "s/^# /  $name: /p" "$out/$name.count" 2>/dev/null | head -n 30
		for log in "$build"/{.,lanes/*}/vm/"$where-$name"/console.log "$out/$name.log"; do
			[ ! -r "$log" ] || grep -a '^# ' "$log" | tr -d '\r' | head -n 20 | sed "s/^#/  $name: /"
		done
		echo "  $name: logs: $out/$name.log $(ls -d "$build"/{.,lanes/*}/vm/"$where-$name"/console.log 2>/dev/null)"
	done
fi
[ ${#names[@]} != 0 ] || echo "run-tests: no test matches TESTS='$tests'"
echo
echo "$((SECONDS - begin)) s"
if [ $skipped = 0 ]; then
	echo "$passed passed, $failed failed"
else
	echo "$passed passed, $failed failed, $skipped skipped"
fi
[ $failed = 0 ] && [ $passed != 0 ]
